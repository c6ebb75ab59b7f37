//! How the models pane is drawn: the table, and why the selected model stands where it stands.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::Models;
use super::columns::{self, Col};
use crate::domain::fleet::view::{ModelView, Pointed};
use crate::domain::level::{Level, Reason};
use crate::domain::rules::freshness::Freshness;
use crate::domain::rules::skew::Skew;
use crate::domain::signal::Measure;
use crate::domain::time::age;
use crate::panes::history::line::change_spans;
use crate::panes::{Cx, signal};
use crate::ui::frame::{empty, rule};
use crate::ui::gauge;
use crate::ui::hits::Hits;
use crate::ui::look::{Look, Size};
use crate::ui::paint::{self, Span, span};
use crate::ui::table::{Cell, Column, GUTTER, Row, Sort, Table, fit_columns};
use crate::ui::text;
use crate::ui::theme::Role;

/// Whether the registry's facts about a model are live.
pub(super) fn is_fresh(model: &ModelView, cx: &Cx<'_>) -> bool {
    columns::freshness(model, cx) == Freshness::Live
}

/// The columns that fit a screen of this width, as indexes into the pane's own.
pub(super) fn places(pane: &Models, width: u16) -> Vec<usize> {
    let all = table_columns(pane);
    let places = fit_columns(&all, width.saturating_sub(GUTTER));
    places.into_iter().map(|p| p.index).collect()
}

fn table_columns(pane: &Models) -> Vec<Column<'static>> {
    pane.columns
        .iter()
        .map(|c| table_column(*c, pane))
        .collect()
}

/// Columns of a sparkline in a row.
const SPARK: u16 = 6;

fn table_column(col: Col, pane: &Models) -> Column<'static> {
    let (widths, fresh) = (pane.widths, pane.fresh);
    let title = col.title();
    // Where nothing monitors any model, these would say so in every row.
    let seen = |priority: u8| {
        if pane.monitored {
            priority
        } else {
            Column::HIDDEN
        }
    };
    match col {
        Col::Level => Column::fixed(title, 6, 0),
        Col::Model => Column::name(title, 12, widths.name.max(5)),
        Col::Champion => Column::fixed(title, 8, 1),
        Col::Challenger => Column::fixed(title, 10, 4),
        Col::Served => Column::fixed(title, widths.served.clamp(6, 15), 0),
        Col::Skew => Column::fixed(title, 11, 1),
        Col::Drift => Column::fixed(title, SPARK + 8, seen(1)).right(),
        Col::Errors => Column::fixed(title, 6, seen(2)).right(),
        Col::Latency => Column::fixed(title, 9, seen(3)).right(),
        Col::Requests => Column::fixed(title, 6, seen(3)).right(),
        Col::Alerts => Column::fixed(title, 8, seen(2)),
        Col::Metric => Column::fixed(title, widths.metric.clamp(6, 14), 5),
        Col::Value => Column::fixed(title, 6, 2).right(),
        Col::Moved => Column::fixed(title, 7, 3).right(),
        Col::Newest => Column::fixed(title, 9, 4),
        // Old facts are said to be old before anything they say.
        Col::Read => Column::fixed(title, 7, if fresh { 7 } else { 0 }),
        Col::Versions => Column::fixed(title, 8, 6).right(),
        Col::Endpoints => Column::fixed(title, 9, 6).right(),
        Col::Since => Column::fixed(title, 5, 6).right(),
        Col::Owner => Column::fixed(title, widths.owner.clamp(5, 16), 5),
        Col::Why => Column::flex(title, 28, 1, 7),
    }
}

pub(super) fn draw(pane: &Models, cx: &Cx<'_>, look: &Look, area: Rect, buf: &mut Buffer) -> Hits {
    if pane.list.all == 0 {
        nothing(cx, look, area, buf);
        return Hits::default();
    }
    let detail = if look.size >= Size::Medium && area.height >= 18 && !pane.list.rows.is_empty() {
        6
    } else {
        0
    };
    let list = paint::inner_rows(area, 0, detail);
    let columns = table_columns(pane);
    let sort = pane.columns.iter().position(|c| *c == pane.sort);
    let table = Table {
        columns: &columns,
        len: pane.list.rows.len(),
        state: &pane.list.table,
        sort: sort.map(|column| Sort {
            column,
            descending: pane.descending,
        }),
        focused: true,
    };
    let hits = table.draw(buf, look, list, |index| {
        let model = cx.fleet.model(&pane.list.rows[index]);
        model.map_or_else(Row::default, |m| {
            let cells = pane.columns.iter().map(|c| cell(*c, m, cx, look));
            Row {
                marked: pane.marks.contains(&m.key),
                ..Row::from(cells.collect::<Vec<_>>())
            }
        })
    });
    if pane.list.rows.is_empty() {
        let below = paint::inner_rows(list, 1, 0);
        let hidden = text::counted(pane.list.all, "model is", "models are");
        empty(
            buf,
            look,
            below,
            "No model passes the filter.",
            &[&format!(
                "{hidden} hidden · esc clears the filter · / changes it"
            )],
        );
    }
    if detail > 0
        && let Some(model) = pane.current(cx)
    {
        let below = Rect {
            y: list.bottom(),
            height: detail,
            ..area
        };
        // Where the titles fill their row, the position has no room there.
        let position = table
            .position_in(list.height)
            .filter(|_| look.size < Size::Huge);
        let marked = (!pane.marks.is_empty()).then(|| format!("{} marked", pane.marks.len()));
        let position: Vec<String> = marked.into_iter().chain(position).collect();
        facts(model, position, cx, look, below, buf);
    }
    hits
}

/// The role of a skew state: that of the finding it makes.
pub(crate) fn skew_role(model: &ModelView) -> Role {
    let code = model.skew.and_then(Skew::code);
    let found = model.verdict.reasons.iter().find(|r| Some(r.code) == code);
    match found.map(|r| r.level) {
        Some(level) if level > Level::Info => Look::level_role(level),
        // A version nobody knows is never fine, whatever it costs.
        _ if model.skew == Some(Skew::Unlinked) => Role::Unknown,
        _ => Role::Text,
    }
}

fn pointed<'a>(pointed: Option<&'a Pointed>, model: &ModelView) -> Cell<'a> {
    use crate::domain::level::ReasonCode::VersionMissing;
    let missing = model
        .verdict
        .reasons
        .iter()
        .any(|r| r.code == VersionMissing);
    match pointed {
        None => Cell::none(),
        Some(p) if !p.exists && missing => Cell::new(Role::Crit, format!("{} ?", p.text)),
        Some(p) => Cell::text(p.text.as_str()),
    }
}

/// One cell of a model's row.
fn cell<'a>(col: Col, m: &'a ModelView, cx: &Cx<'a>, look: &Look) -> Cell<'a> {
    let plain = |role: Role| match col.text(m, cx) {
        none if none == "–" => Cell::none(),
        text => Cell::new(role, text),
    };
    match col {
        Col::Level => Cell::level(look, m.level()),
        Col::Model => {
            // The one that weighs more; what stands beside the findings tells all.
            let marks = m.marks().take(1);
            let marks = marks.map(|(word, _)| span(Role::Marker, format!(" {word}")));
            let name = span(Role::Text, m.name.as_str());
            Cell::spans(std::iter::once(name).chain(marks).collect())
        }
        // As triage and the headless lists mark it.
        Col::Champion if m.differs() => {
            let champion = m.champion.as_ref().map_or("–", |c| c.text.as_str());
            Cell::new(skew_role(m), format!("{champion} {}", look.symbols.differs))
        }
        Col::Champion => pointed(m.champion.as_ref(), m),
        Col::Challenger => pointed(m.challenger.as_ref(), m),
        Col::Served if m.served == "?" => Cell::new(Role::Unknown, "?"),
        Col::Served if m.differs() => Cell::new(skew_role(m), m.served.as_str()),
        Col::Skew => match m.skew {
            None | Some(Skew::NotJudged) => Cell::none(),
            Some(skew) => Cell::new(skew_role(m), skew.word()),
        },
        Col::Drift => drift_cell(m, cx, look),
        Col::Errors => gauge::cell(m.signals.gauge(Measure::ErrorRatio)),
        Col::Latency => signal::latency(m).map_or_else(Cell::none, |g| {
            Cell::choices(gauge::role(g), columns::latency_texts(m))
        }),
        Col::Requests => gauge::cell(m.signals.gauge(Measure::Requests)),
        Col::Alerts => alerts_cell(m, look),
        Col::Value => Cell::number(columns::value(m)),
        Col::Moved => match (columns::moved(m), &m.quality) {
            (Some(delta), Some(q)) if delta != 0.0 && !q.better(delta) => {
                Cell::new(Role::Warn, text::delta(delta))
            }
            (Some(delta), _) => Cell::text(text::delta(delta)),
            (None, _) => Cell::none(),
        },
        Col::Newest => match &m.newest {
            None => Cell::none(),
            Some(newest) => {
                let old = newest.created.map(|at| age(cx.now.wall.since(at)));
                Cell::spans(vec![
                    span(Role::Text, text::pad(newest.text.as_str(), 4)),
                    span(Role::Dim, format!(" {:>4}", old.unwrap_or_default())),
                ])
            }
        },
        Col::Read => {
            let fresh = columns::freshness(m, cx);
            let role = fresh_role(fresh);
            match fresh {
                Freshness::Live => Cell::new(Role::Dim, "live"),
                other => Cell::new(
                    role,
                    format!(
                        "{} {}",
                        look.symbols.fresh(other),
                        columns::read_text(m, cx)
                    ),
                ),
            }
        }
        Col::Served | Col::Versions | Col::Endpoints | Col::Why => plain(Role::Text),
        Col::Metric | Col::Since | Col::Owner => plain(Role::Dim),
    }
}

/// The course of the worst drift, and its score.
fn drift_cell(m: &ModelView, cx: &Cx<'_>, look: &Look) -> Cell<'static> {
    let Some(worst) = m.signals.worst_drift() else {
        return Cell::none();
    };
    let values = signal::values(worst, cx);
    let text = gauge::wordings(worst).pop().unwrap_or_default();
    Cell::spans(vec![
        signal::spark(worst, &values, usize::from(SPARK), look),
        span(gauge::role(worst), text::pad_left(&text, 8)),
    ])
}

/// How many alerts stand where, by the glyphs of their levels; muted ones in brackets.
fn alerts_cell(m: &ModelView, look: &Look) -> Cell<'static> {
    let a = m.signals.alerts;
    let mut spans = Vec::new();
    let glyph = |level| look.symbols.level(level);
    let parts = [
        (a.crit, glyph(Level::Crit), Role::Crit),
        (a.firing, glyph(Level::Warn), Role::Warn),
        (a.pending, look.symbols.ellipsis, Role::Text),
    ];
    for (n, glyph, role) in parts.into_iter().filter(|(n, ..)| *n > 0) {
        spans.push(span(role, format!("{glyph}{n} ")));
    }
    if a.muted > 0 {
        spans.push(span(Role::Dim, format!("({})", a.muted)));
    }
    if spans.is_empty() {
        return Cell::none();
    }
    Cell::spans(spans)
}

/// The role of a freshness, where it is worth a word.
pub(crate) fn fresh_role(fresh: Freshness) -> Role {
    match fresh {
        Freshness::Live => Role::Dim,
        Freshness::Stale => Role::Stale,
        Freshness::Down => Role::Down,
        Freshness::Waiting => Role::Unknown,
    }
}

/// Glyph and word of a level, and the blanks up to the column of what it is about: in a style of their
/// own, which may underline.
pub(crate) fn level_spans(level: Level, look: &Look) -> Vec<Span<'static>> {
    let word = look.level_text(level);
    let blanks = " ".repeat(8_usize.saturating_sub(text::width(&word)));
    vec![
        span(Look::level_role(level), word),
        span(Role::Text, blanks),
    ]
}

/// Glyph, word, text and age of each reason, worst first; at most `room` lines, the last of which
/// says how many there are in all where some are left out.
pub(crate) fn reason_lines(
    model: &ModelView,
    cx: &Cx<'_>,
    look: &Look,
    room: usize,
) -> Vec<Vec<Span<'static>>> {
    let all = &model.verdict.reasons;
    let line = |(n, reason): (usize, &Reason)| {
        let since = look.symbols.plain(&reason.since.age_text(cx.now.wall));
        let source = reason
            .source
            .as_ref()
            .map(|s| format!("  {s}"))
            .unwrap_or_default();
        let mut spans = level_spans(reason.level, look);
        if n + 1 == room && all.len() > room {
            spans.push(span(Role::Dim, format!("{room} of {}  ", all.len())));
        }
        spans.push(span(Role::Text, reason.text.to_string()));
        spans.push(span(Role::Dim, format!("  {since}{source}")));
        spans
    };
    all.iter().take(room).enumerate().map(line).collect()
}

/// Below the list: why, and what changed last.
fn facts(
    model: &ModelView,
    position: Vec<String>,
    cx: &Cx<'_>,
    look: &Look,
    area: Rect,
    buf: &mut Buffer,
) {
    let owner = model.owner.as_ref().map(|o| format!("owner {o}"));
    let note: Vec<String> = owner.into_iter().chain(position).collect();
    let note = look.symbols.plain(&note.join(" · "));
    rule(
        buf,
        look,
        area,
        &[span(Role::Title, model.name.to_string())],
        &[span(Role::Dim, note)],
    );
    let inner = paint::inner_columns(paint::inner_rows(area, 1, 0), 2, 1);
    let last = usize::from(model.last_change.is_some());
    let room = usize::from(inner.height) - last;
    let mut lines = reason_lines(model, cx, look, room);
    if lines.is_empty() {
        let words = match model.deployments.len() {
            0 => "nothing is wrong in the registry; no deployment of it is known".to_owned(),
            n => format!(
                "nothing is wrong: {} and the registry agree",
                text::counted(n, "endpoint", "endpoints")
            ),
        };
        lines.push(vec![span(Role::Dim, words)]);
    }
    if let Some(change) = &model.last_change {
        let mut line = vec![span(Role::Label, "last    ")];
        line.extend(change_spans(change, cx, look));
        lines.push(line);
    }
    for (n, spans) in lines.iter().enumerate() {
        let line = paint::row(inner, n as u16);
        if !line.is_empty() {
            paint::put_spans(buf, look, line, line.x, line.y, spans);
        }
    }
}

/// No model at all: says whether that is known, and what would fill the pane.
fn nothing(cx: &Cx<'_>, look: &Look, area: Rect, buf: &mut Buffer) {
    let all = cx.fleet.sources().count();
    let by = |want: Freshness| {
        cx.fleet
            .sources()
            .filter(move |(_, _, f)| *f == want)
            .count()
    };
    let (waiting, down) = (by(Freshness::Waiting), by(Freshness::Down));
    let (what, how): (String, [&str; 2]) = if all == 0 {
        (
            "No source is configured in this context.".to_owned(),
            [
                "Start with --mlflow URL, set MLFLOW_TRACKING_URI, or write a configuration file:",
                "`quarterdeck config path` says where. `quarterdeck demo` needs none.",
            ],
        )
    } else if waiting > 0 {
        (
            format!(
                "Waiting for {waiting} of {}.",
                text::counted(all, "source", "sources")
            ),
            [
                "Models appear here as their registry answers.",
                "c switches to another context.",
            ],
        )
    } else if down > 0 {
        (
            format!(
                "No model is known: {down} of {} does not answer.",
                text::counted(all, "source", "sources")
            ),
            [
                "1 names the source and its fault.",
                "`quarterdeck doctor` tests each source and says what to do.",
            ],
        )
    } else {
        (
            "The registry holds no model.".to_owned(),
            [
                "A model appears here when its first version is registered:",
                "mlflow.register_model(\"runs:/RUN_ID/model\", \"NAME\")",
            ],
        )
    };
    empty(buf, look, area, &what, &how);
}
