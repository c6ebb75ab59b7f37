//! How the page of a model is drawn: who it is and what is wrong with it at the top; below, with room,
//! every part at once, else the part that has the keyboard.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::lists::{
    change_list, endpoint_table, fact_lines, facts_text, more_below, versions_table,
};
use super::{ENDPOINT_ROWS, ModelPage, Page, Part, signals};
use crate::domain::change::Change;
use crate::domain::rules::freshness::Freshness;
use crate::domain::time::age;
use crate::domain::wiring::version_text;
use crate::panes::history::line;
use crate::panes::models::{fresh_role, level_spans, reason_lines, skew_role};
use crate::panes::{Cx, signal};
use crate::ui::frame::{Event, empty, rule, timeline};
use crate::ui::hits::{Hits, Target};
use crate::ui::look::Look;
use crate::ui::paint::{self, Span, span, spans_width};
use crate::ui::text;
use crate::ui::theme::Role;

/// From here on all parts are shown at once.
const WIDE: (u16, u16) = (120, 20);
/// Between the versions and the facts of the selected one.
const GAP: u16 = 2;

/// From here on the facts have the whole height beside everything else.
const HUGE: u16 = 180;

fn versions_width(width: u16) -> u16 {
    if width >= HUGE {
        width * 3 / 5
    } else {
        width / 2
    }
}

/// The columns that facts have on a screen of this width.
pub(super) fn facts_width(screen: u16) -> u16 {
    if screen >= WIDE.0 {
        screen - versions_width(screen) - GAP - 2
    } else {
        screen.saturating_sub(3)
    }
}

pub(super) fn draw(
    state: &ModelPage,
    cx: &Cx<'_>,
    look: &Look,
    area: Rect,
    buf: &mut Buffer,
) -> Hits {
    let Some(page) = state.page(cx) else {
        absent(state, cx, look, area, buf);
        return Hits::default();
    };
    let wide = area.width >= WIDE.0 && area.height >= WIDE.1;
    let head = head(&page, cx, look, area, wide, buf);
    let rest = paint::inner_rows(area, head, 0);
    // Charts and alerts need the whole width: they take turns with the rest.
    if wide && !matches!(state.part, Part::Signals | Part::Quality | Part::Alerts) {
        all_parts(&page, cx, look, rest, buf)
    } else {
        one_part(&page, cx, look, rest, buf)
    }
}

/// Draws the title, the description and the reasons; returns the rows used.
fn head(
    page: &Page<'_>,
    cx: &Cx<'_>,
    look: &Look,
    area: Rect,
    wide: bool,
    buf: &mut Buffer,
) -> u16 {
    let mut lines = vec![title(page, cx, look, area.width)];
    lines.extend(marks(page, look, usize::from(area.width)));
    let description = &page.registered.fact.description;
    if wide && !description.is_empty() {
        lines.push(vec![span(Role::Dim, description.to_string())]);
    }
    if page.gone {
        let read = page.view.read_at.map_or_else(
            || "never".to_owned(),
            |at| format!("{} ago", age(cx.now.wall.since(at))),
        );
        lines.push(vec![
            span(Role::Crit, format!("{} gone    ", look.symbols.verdict[1])),
            span(
                Role::Text,
                format!("the registry no longer holds this model; below is what was known, last read {read}"),
            ),
        ]);
    } else {
        let room = if wide {
            4
        } else {
            usize::from(area.height / 6).clamp(1, 3)
        };
        lines.extend(reason_lines(page.view, cx, look, room));
        lines.extend(partly_read(page, cx, look));
        if wide && !page.state.part.has_charts() {
            let width = area.width.saturating_sub(2);
            lines.extend(signal::strip(page.view, cx, look, width, 4));
        }
        if cx.fleet.looks_alike(&page.view.key) {
            lines.push(vec![
                span(
                    Role::Warn,
                    format!("{}  ", look.level_text(crate::domain::level::Level::Warn)),
                ),
                span(Role::Text, "another model's name looks the same on screen"),
            ]);
        }
    }
    for (n, spans) in lines.iter().enumerate() {
        let line = paint::inner_columns(paint::row(area, n as u16), 1, 0);
        if !line.is_empty() {
            paint::put_spans(buf, look, line, line.x, line.y, spans);
        }
    }
    (lines.len() as u16).min(area.height)
}

/// What sources left out that may concern the model: the first of them, since each has a row in triage.
fn partly_read(page: &Page<'_>, cx: &Cx<'_>, look: &Look) -> Option<Vec<Span<'static>>> {
    let (source, what) = cx.fleet.partly_read(&page.view.key).into_iter().next()?;
    let mut line = level_spans(crate::domain::level::Level::Unknown, look);
    let words = look.symbols.plain(what.as_str());
    line.push(span(
        Role::Text,
        format!("{source} was read in part: {words}"),
    ));
    Some(line)
}

/// The marks that somebody has left on it, each whole: who has it frozen, and until when.
fn marks(page: &Page<'_>, look: &Look, width: usize) -> Vec<Vec<Span<'static>>> {
    let all = page.view.marks();
    let lines = all.flat_map(|(_, words)| {
        let label = span(Role::Label, text::pad("marked", 8));
        let words = look.symbols.plain(words.as_str());
        let none = span(Role::Text, "");
        paint::wrapped(label, Role::Strong, &words, none, width.saturating_sub(2))
    });
    lines.collect()
}

fn title(page: &Page<'_>, cx: &Cx<'_>, look: &Look, width: u16) -> Vec<Span<'static>> {
    let m = page.view;
    let mut spans = vec![];
    if page.gone {
        spans.push(span(Role::Dim, text::pad("–", 8)));
    } else {
        spans.extend(level_spans(m.level(), look));
    }
    spans.push(span(Role::Title, m.name.to_string()));
    let pointed = |p: &Option<crate::domain::fleet::view::Pointed>| {
        p.as_ref()
            .map_or_else(|| look.symbols.none.to_owned(), |p| p.text.to_string())
    };
    spans.push(span(Role::Label, "   champion "));
    spans.push(span(Role::Text, pointed(&m.champion)));
    spans.push(span(Role::Label, "  served "));
    let served = look.symbols.plain(m.served.as_str());
    spans.push(if m.served == "?" {
        span(Role::Unknown, served)
    } else if m.differs() {
        span(skew_role(m), format!("{served} {}", look.symbols.differs))
    } else {
        span(Role::Text, served)
    });
    spans.push(span(Role::Label, "   owner "));
    spans.push(match &m.owner {
        Some(owner) => span(Role::Text, owner.to_string()),
        None => span(Role::Dim, look.symbols.none),
    });
    let fresh = cx.fleet.source_freshness(&page.registered.source);
    if fresh != Freshness::Live {
        let read = m.read_at.map_or_else(
            || "never".to_owned(),
            |at| format!("{} ago", age(cx.now.wall.since(at))),
        );
        spans.push(span(
            fresh_role(fresh),
            format!(
                "   {} {} read {read}",
                look.symbols.fresh(fresh),
                page.registered.source
            ),
        ));
    }
    if let Some(runbook) = cx.fleet.runbook(m) {
        let link = [
            span(Role::Label, "   runbook "),
            span(Role::Link, format!("{} {runbook}", look.symbols.link)),
        ];
        // Part of a link is of no use: where it has no room, `o` still copies it.
        if spans_width(&spans) + spans_width(&link) < usize::from(width) {
            spans.extend(link);
        }
    }
    spans
}

/// The heading of a part: brighter where the keyboard is.
fn part_rule(
    page: &Page<'_>,
    part: Part,
    look: &Look,
    area: Rect,
    right: &[Span<'_>],
    cx: &Cx<'_>,
    buf: &mut Buffer,
) {
    let role = if page.state.part == part {
        Role::TabCurrent
    } else {
        Role::Title
    };
    rule(
        buf,
        look,
        area,
        &[span(role, part_title(page, part, cx))],
        right,
    );
}

fn part_title(page: &Page<'_>, part: Part, cx: &Cx<'_>) -> String {
    match part {
        Part::Versions => text::counted(page.versions.len(), "version", "versions"),
        Part::Facts => page.selected().map_or_else(
            || "no version".to_owned(),
            |v| version_text(&v.key.version).to_string(),
        ),
        Part::Signals | Part::Quality => part.word().to_owned(),
        Part::Alerts => text::counted(page.state.alerts(cx).len(), "alert", "alerts"),
        Part::Deployments => text::counted(page.deployments(cx).len(), "endpoint", "endpoints"),
        Part::Changes => text::counted(page.state.changes(cx).len(), "change", "changes"),
    }
}

/// Where each part lies when all are shown.
struct Areas {
    versions: Rect,
    facts: Rect,
    deployments: Rect,
    changes: Rect,
}

impl Areas {
    fn of(page: &Page<'_>, cx: &Cx<'_>, area: Rect) -> Self {
        let endpoints = page.deployments(cx).len() as u16;
        let most = (area.height / 5).max(2);
        let serving = if endpoints == 0 {
            2
        } else {
            2 + endpoints.min(most)
        };
        let left = versions_width(area.width);
        let beside = |area: Rect| Rect {
            x: area.x + left + GAP,
            width: area.width - left - GAP,
            ..area
        };
        let at = |y: u16, height: u16| Rect {
            y: y.min(area.bottom()),
            height: height.min(area.bottom().saturating_sub(y)),
            ..area
        };
        if area.width >= HUGE {
            // Each list as high as it is long, one below the other.
            let listed = 2 + (page.versions.len().max(1) as u16).min(area.height * 2 / 5);
            let narrow = |area: Rect| Rect {
                width: left,
                ..area
            };
            let versions = narrow(at(area.y, listed));
            let deployments = narrow(at(versions.bottom() + 1, serving));
            let changes = narrow(at(deployments.bottom() + 1, area.height));
            return Self {
                versions,
                facts: beside(area),
                deployments,
                changes,
            };
        }
        let strip = if page.state.changes(cx).is_empty() {
            2
        } else {
            1 + (area.height / 8).clamp(1, 4)
        };
        let body = area.height.saturating_sub(serving + strip);
        let upper = at(area.y, body);
        let deployments = at(upper.bottom(), serving);
        Self {
            versions: Rect {
                width: left,
                ..upper
            },
            facts: beside(upper),
            deployments,
            changes: at(deployments.bottom(), strip),
        }
    }
}

fn all_parts(page: &Page<'_>, cx: &Cx<'_>, look: &Look, area: Rect, buf: &mut Buffer) -> Hits {
    let mut hits = Hits::default();
    let areas = Areas::of(page, cx, area);
    let below = |area: Rect| paint::inner_rows(area, 1, 0);

    part_rule(page, Part::Versions, look, areas.versions, &[], cx, buf);
    let table = versions_table(page, cx, look, below(areas.versions), buf);
    hits_of(page, Part::Versions, &table, &mut hits);

    let shown = below(areas.facts);
    let lines = fact_lines(page, cx, look, shown.width);
    let note = more_below(page, &lines, shown.height);
    let note = [span(Role::Dim, note.trim())];
    part_rule(page, Part::Facts, look, areas.facts, &note, cx, buf);
    facts_text(page, &lines, look, shown, buf);
    if page.state.part == Part::Facts {
        hits.page = Some(shown.height);
    }

    part_rule(
        page,
        Part::Deployments,
        look,
        areas.deployments,
        &[],
        cx,
        buf,
    );
    let table = endpoint_table(page, cx, look, below(areas.deployments), buf);
    hits_of(page, Part::Deployments, &table, &mut hits);

    let inside = page.state.changes(cx);
    let strip = paint::inner_columns(below(areas.changes), 1, 1);
    let by_line = inside.len() <= usize::from(strip.height) || area.width >= HUGE;
    let first = if by_line {
        inside.len().saturating_sub(usize::from(strip.height))
    } else {
        fitting(&inside, cx, look, strip)
    };
    let note = if first > 0 {
        format!("{first} earlier · {}", cx.window)
    } else {
        cx.window.to_string()
    };
    let note = [span(Role::Dim, look.symbols.plain(&note))];
    part_rule(page, Part::Changes, look, areas.changes, &note, cx, buf);
    if by_line {
        change_list(page, cx, look, below(areas.changes), buf);
    } else {
        let events = inside[first..].iter().map(|c| line::event(c, cx, look));
        timeline(buf, look, strip, &events.collect::<Vec<Event<'_>>>());
    }
    if page.state.part == Part::Changes {
        hits.page = Some(strip.height);
    }
    hits
}

/// How many of the oldest changes must be left out for the rest to fit the strip.
fn fitting(changes: &[&Change], cx: &Cx<'_>, look: &Look, area: Rect) -> usize {
    let wide = |c: &&Change| {
        let event = line::event(c, cx, look);
        text::width(&event.at) + text::width(&look.symbols.plain(&event.text)) + 3
    };
    let widths: Vec<usize> = changes.iter().map(wide).collect();
    let room = usize::from(area.width);
    let fits = |from: usize| {
        let (mut rows, mut x) = (1, 0);
        for w in &widths[from..] {
            if x > 0 && x + 3 + w > room {
                rows += 1;
                x = 0;
            }
            x += if x > 0 { 3 + w } else { *w };
        }
        rows <= usize::from(area.height)
    };
    (0..changes.len())
        .find(|from| fits(*from))
        .unwrap_or(changes.len().saturating_sub(1))
}

pub(super) fn no_change(cx: &Cx<'_>, look: &Look, area: Rect, buf: &mut Buffer) {
    let words = format!(
        "no change is known in the {} · > looks further back, H shows all",
        cx.window
    );
    paint::put(
        buf,
        area,
        area.x,
        area.y,
        &look.symbols.plain(&words),
        look.style(Role::Dim),
    );
}

/// Where the room is small: the names of the parts, and the one that has the keyboard.
fn one_part(page: &Page<'_>, cx: &Cx<'_>, look: &Look, area: Rect, buf: &mut Buffer) -> Hits {
    let mut hits = Hits::default();
    let bar = paint::row(area, 0);
    paint::fill_row(buf, bar, bar.y, look.symbols.rule, look.style(Role::Rule));
    let mut x = bar.x + 1;
    // Seven words and one count just fit into 60 columns when one space parts them.
    let narrow = area.width < 72;
    for (n, part) in Part::ALL.into_iter().enumerate() {
        let role = if page.state.part == part {
            Role::TabCurrent
        } else {
            Role::Tab
        };
        let title = if narrow && page.state.part != part {
            part.word().to_owned()
        } else {
            part_title(page, part, cx)
        };
        let after = if narrow { "" } else { " " };
        let title = format!(" {title}{after}");
        let start = x;
        x = paint::put(buf, bar, x, bar.y, &title, look.style(role));
        hits.add(
            Rect {
                x: start,
                width: x - start,
                ..bar
            },
            Target::Column(n),
        );
        // Between them the rule shows where that leaves room for what is below.
        x += u16::from(area.width >= 90);
    }
    let body = paint::inner_rows(area, 1, 0);
    match page.state.part {
        Part::Versions => {
            let table = versions_table(page, cx, look, body, buf);
            hits_of(page, Part::Versions, &table, &mut hits);
        }
        Part::Facts => {
            let lines = fact_lines(page, cx, look, body.width.saturating_sub(2));
            let note = more_below(page, &lines, body.height);
            let right = paint::inner_columns(bar, x.saturating_sub(bar.x), 1);
            let short = note.replace(" more below", " more");
            let choices = [note.as_str(), short.as_str(), ""];
            let note = text::fit(&choices, usize::from(right.width));
            paint::put_right(buf, look, right, bar.y, &[span(Role::Dim, note)]);
            facts_text(page, &lines, look, body, buf);
            hits.page = Some(body.height);
        }
        Part::Signals => {
            let first = page.state.signals.selected;
            let charts = signals::Charts {
                model: page.view,
                courses: &page.state.courses,
                lens: page.state.lens,
                first,
            };
            hits.extend(signals::charts(&charts, cx, look, body, buf));
        }
        Part::Quality => {
            let quality = page.state.quality_of(page.view);
            let drawn = quality.draw(cx, look, body, buf);
            hits.page = drawn.page;
            hits.extend(drawn);
        }
        Part::Alerts => {
            let all = page.state.alerts(cx);
            let table = signals::alerts(&all, &page.state.alerts, cx, look, body, buf);
            hits_of(page, Part::Alerts, &table, &mut hits);
        }
        Part::Deployments => {
            let table = endpoint_table(page, cx, look, body, buf);
            hits_of(page, Part::Deployments, &table, &mut hits);
        }
        Part::Changes => {
            change_list(page, cx, look, body, buf);
            hits.page = Some(body.height);
        }
    }
    hits
}

/// Takes a table's regions over; the page's height counts where the keyboard is.
fn hits_of(page: &Page<'_>, part: Part, table: &Hits, hits: &mut Hits) {
    let base = if part == Part::Deployments {
        ENDPOINT_ROWS
    } else {
        0
    };
    for (area, target) in table.regions() {
        if let Target::Row(index) = target {
            hits.add(*area, Target::Row(base + index));
        }
    }
    if page.state.part == part {
        hits.page = table.page;
    }
}

/// A model that was never seen here: says whether that is known.
fn absent(state: &ModelPage, cx: &Cx<'_>, look: &Look, area: Rect, buf: &mut Buffer) {
    let name = state.key.name.clean();
    let waiting = cx.fleet.sources().any(|(_, _, f)| f == Freshness::Waiting);
    let (what, how) = if waiting {
        (
            format!("Nothing is known of {name} yet."),
            "Its registry has not answered · r asks again · esc goes back",
        )
    } else {
        (
            format!("No registry of this context holds {name}."),
            "It was deleted, or lives in another context · H shows what is known of its past · esc goes back",
        )
    };
    empty(buf, look, area, &what, &[how]);
}
