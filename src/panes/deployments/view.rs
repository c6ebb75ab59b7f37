//! How the deployments pane is drawn: the table, and the selected endpoint's facts below it.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::{Deployments, Order};
use crate::domain::deployment::Health;
use crate::domain::fleet::view::DeploymentView;
use crate::domain::level::Level;
use crate::domain::text::Clean;
use crate::domain::time::{Millis, age};
use crate::panes::Cx;
use crate::ui::hits::Hits;
use crate::ui::look::{Look, Size};
use crate::ui::paint::{self, span};
use crate::ui::table::{Cell, Column, Row, Sort, Table};
use crate::ui::text;
use crate::ui::theme::Role;

/// The titles, in the order of [`cells`].
pub(in crate::panes) const TITLES: [&str; 12] = [
    "LEVEL", "ENDPOINT", "ENV", "MODEL", "FOLLOWS", "EXPECTED", "ANSWERS", "KNOWN", "SKEW",
    "HEALTH", "PROBE ms", "SINCE",
];

/// Every cell of a row as text: for the clipboard and for Markdown.
pub(in crate::panes) fn cells(d: &DeploymentView, now: Millis) -> [String; 12] {
    [
        d.verdict.level.word().to_owned(),
        d.name.to_string(),
        or_dash(&d.environment),
        d.model_name.to_string(),
        d.follows.text().to_string(),
        d.expected
            .as_ref()
            .map_or_else(|| "–".to_owned(), |e| e.text.to_string()),
        d.answering_text().to_string(),
        d.known_text(now),
        d.skew.word().to_owned(),
        d.health.word().to_owned(),
        d.latency
            .map_or_else(|| "–".to_owned(), |l| text::number(l.as_secs_f64() * 1e3)),
        d.state_since().age_text(now),
    ]
}

fn or_dash(text: &Clean) -> String {
    if text.is_empty() {
        "–".to_owned()
    } else {
        text.to_string()
    }
}

pub(super) fn draw(
    pane: &Deployments,
    cx: &Cx<'_>,
    look: &Look,
    area: Rect,
    buf: &mut Buffer,
) -> Hits {
    if cx.fleet.deployments().len() == 0 {
        empty(look, area, buf);
        return Hits::default();
    }
    let detail = if look.size >= Size::Medium && area.height >= 16 {
        9
    } else {
        0
    };
    let list = Rect {
        height: area.height - detail,
        ..area
    };
    let columns = columns(cx);
    let sort = match pane.order {
        Order::Level => Sort {
            column: 0,
            descending: true,
        },
        Order::Name => Sort {
            column: 1,
            descending: false,
        },
        Order::Model => Sort {
            column: 3,
            descending: false,
        },
        Order::Latency => Sort {
            column: 10,
            descending: true,
        },
    };
    let table = Table {
        columns: &columns,
        len: pane.list.rows.len(),
        state: &pane.list.table,
        sort: Some(sort),
        focused: true,
    };
    let hits = table.draw(buf, look, list, |index| {
        cx.fleet
            .deployment(&pane.list.rows[index])
            .map_or_else(Row::default, |d| row(d, look, cx.now.wall))
    });
    if pane.list.rows.is_empty() {
        let text = format!(
            "no deployment passes the filter `{}`; esc clears it",
            pane.list.filter.text()
        );
        paint::put(
            buf,
            list,
            list.x + 2,
            list.y + 2,
            &text,
            look.style(Role::Dim),
        );
    }
    if detail > 0
        && let Some(d) = pane.current(cx)
    {
        facts(
            d,
            cx,
            look,
            Rect {
                y: list.bottom(),
                height: detail,
                ..area
            },
            buf,
        );
    }
    hits
}

fn columns(cx: &Cx<'_>) -> Vec<Column<'static>> {
    columns_of(|| cx.fleet.deployments())
}

/// The columns for these deployments, wherever they are listed.
pub(in crate::panes) fn columns_of<'a, I>(all: impl Fn() -> I) -> Vec<Column<'static>>
where
    I: Iterator<Item = &'a DeploymentView>,
{
    let widest = |texts: &mut dyn Iterator<Item = usize>| {
        u16::try_from(texts.max().unwrap_or(0)).unwrap_or(u16::MAX)
    };
    let name = widest(&mut all().map(|d| d.name.width()));
    let model = widest(&mut all().map(|d| d.model_name.width())).clamp(5, 28);
    vec![
        Column::fixed("LEVEL", 6, 0),
        Column::name("ENDPOINT", 12, name),
        Column::fixed("ENV", 7, 7),
        Column::fixed("MODEL", model, 3),
        Column::fixed("FOLLOWS", 11, 6),
        Column::fixed("EXPECTED", 8, 2),
        Column::fixed("ANSWERS", 11, 0),
        Column::fixed("KNOWN", 8, 4),
        Column::fixed("SKEW", 11, 1),
        Column::fixed("HEALTH", 11, 1),
        Column::fixed("PROBE ms", 8, 5).right(),
        Column::fixed("SINCE", 5, 2).right(),
    ]
}

/// The row of a deployment, in the order of the columns.
pub(in crate::panes) fn row<'a>(d: &'a DeploymentView, look: &Look, now: Millis) -> Row<'a> {
    let differs = d
        .expected
        .as_ref()
        .is_some_and(|e| e.text != d.answering_text());
    let by_level = |level: Level| match level {
        Level::Ok | Level::Info => Role::Text,
        level => Look::level_role(level),
    };
    let skew_level = d
        .verdict
        .reasons
        .iter()
        .find(|r| Some(r.code) == d.skew.code())
        .map_or(Level::Ok, |r| r.level);
    let answers = if differs && !d.answering.is_empty() {
        Cell::new(
            by_level(skew_level),
            format!("{} {}", d.answering_text(), look.symbols.differs),
        )
    } else {
        Cell::text(d.answering_text().to_string())
    };
    let health = match d.health {
        Health::Ready => Role::Text,
        Health::Unknown => Role::Dim,
        _ => Role::Crit,
    };
    Row::from(vec![
        Cell::level(look, d.verdict.level),
        Cell::text(d.name.as_str()),
        Cell::new(Role::Dim, or_dash(&d.environment)),
        Cell::text(d.model_name.as_str()),
        Cell::new(Role::Dim, d.follows.text().to_string()),
        d.expected
            .as_ref()
            .map_or_else(Cell::none, |e| Cell::text(e.text.as_str())),
        answers,
        Cell::new(
            if d.versions_at.is_some() {
                Look::level_role(Level::Unknown)
            } else {
                Role::Dim
            },
            d.known_text(now),
        ),
        Cell::new(by_level(skew_level), d.skew.word()),
        Cell::new(health, d.health.word()),
        Cell::number(d.latency.map(|l| l.as_secs_f64() * 1e3)),
        Cell::new(Role::Dim, d.state_since().age_text(now)),
    ])
}

fn facts(d: &DeploymentView, cx: &Cx<'_>, look: &Look, area: Rect, buf: &mut Buffer) {
    paint::fill_row(buf, area, area.y, look.symbols.rule, look.style(Role::Rule));
    paint::put(
        buf,
        area,
        area.x + 2,
        area.y,
        &format!(" {} ", d.name),
        look.style(Role::Title),
    );
    let read = d.read_at.map_or_else(
        || "never read".to_owned(),
        |at| format!("read {} ago", age(cx.now.wall.since(at))),
    );
    let base = d.key.base.clean();
    let line =
        |label: &'static str, value: String| [span(Role::Label, label), span(Role::Text, value)];
    let mut lines: Vec<Vec<paint::Span<'_>>> = vec![
        line(
            "address   ",
            format!("{base}  {}  {}", d.key.kind, d.server),
        )
        .to_vec(),
        line("read      ", format!("{read} from {}", d.source)).to_vec(),
    ];
    let room = usize::from(area.width.saturating_sub(4));
    let joined = format!("{}: {}", d.rule.word(), d.because);
    let nothing = || span(Role::Dim, "");
    let label = span(Role::Label, "joined by ");
    lines.extend(paint::wrapped(label, Role::Text, &joined, nothing(), room));
    if !d.other.is_empty() {
        let others: Vec<String> = d.other.iter().map(|(v, s)| format!("{v} {s}")).collect();
        lines.push(line("also there", format!(" {}", others.join(", "))).to_vec());
    }
    for reason in d.verdict.reasons.iter().take(3) {
        let label = span(
            Look::level_role(reason.level),
            format!("{:<10}", look.level_text(reason.level)),
        );
        let since = span(
            Role::Dim,
            format!("  {}", reason.since.age_text(cx.now.wall)),
        );
        lines.extend(paint::wrapped(
            label,
            Role::Text,
            reason.text.as_str(),
            since,
            room,
        ));
    }
    if d.verdict.reasons.is_empty() && !d.message.is_empty() {
        let label = span(Role::Label, "says      ");
        let message = d.message.as_str();
        lines.extend(paint::wrapped(label, Role::Text, message, nothing(), room));
    }
    for (n, spans) in lines
        .iter()
        .enumerate()
        .take(usize::from(area.height.saturating_sub(1)))
    {
        let y = area.y + 1 + n as u16;
        paint::put_spans(buf, look, area, area.x + 2, y, spans);
    }
}

fn empty(look: &Look, area: Rect, buf: &mut Buffer) {
    let lines = [
        "No deployment is configured in this context.",
        "Add one: [[contexts.NAME.deployments]] with name, kind and url, or start with",
        "--serving NAME=KIND+URL (kinds v2, tfserving, bentoml, mlflow-serve).",
    ];
    for (n, line) in lines.iter().enumerate() {
        let role = if n == 0 { Role::Text } else { Role::Dim };
        paint::put(
            buf,
            area,
            area.x + 2,
            area.y + 1 + n as u16,
            line,
            look.style(role),
        );
    }
}
