//! One frame: header, tabs, the open place, the message or prompt line, the footer, and a dialog over
//! it. Drawing changes nothing.

use foldhash::HashSet;
use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};

use super::App;
use crate::domain::fleet::standing::{Phase, called};
use crate::domain::fleet::triage::counts;
use crate::domain::level::Level;
use crate::domain::rules::freshness::Freshness;
use crate::domain::time::age;
use crate::intent::chord::sequence_text;
use crate::intent::command::Command;
use crate::intent::keymap::Lookup;
use crate::panes::Cx;
use crate::ui::form::Field;
use crate::ui::frame::{
    Dialog as DialogBox, Header, Hint, SourceChip, Tab, footer, tabs, too_small,
};
use crate::ui::hits::Hits;
use crate::ui::look::{Look, Size};
use crate::ui::paint::{self, Span, span};
use crate::ui::text;
use crate::ui::theme::Role;

/// The panes of the tab bar.
const TABS: [Tab<'static>; 7] = [
    Tab {
        number: 1,
        title: "Triage",
    },
    Tab {
        number: 2,
        title: "Models",
    },
    Tab {
        number: 3,
        title: "Experiments",
    },
    Tab {
        number: 4,
        title: "Drift",
    },
    Tab {
        number: 5,
        title: "Deployments",
    },
    Tab {
        number: 6,
        title: "Pipelines",
    },
    Tab {
        number: 8,
        title: "Journal",
    },
];

/// A drawn frame: where things lie, and where the terminal's cursor belongs, if anywhere.
#[derive(Clone, Debug, Default)]
pub struct Drawn {
    /// The regions.
    pub hits: Hits,
    /// The cursor.
    pub cursor: Option<Position>,
}

/// Draws the whole console into a buffer.
pub fn view(app: &App, look: &Look, buf: &mut Buffer) -> Drawn {
    let area = buf.area;
    if look.size == Size::TooSmall {
        too_small(buf, look, area);
        return Drawn::default();
    }
    let mut drawn = Drawn::default();
    header(app, look, paint::row(area, 0), buf);
    drawn
        .hits
        .extend(tab_bar(app, look, paint::row(area, 1), buf));
    let cx = Cx {
        fleet: &app.fleet,
        writes: &app.writing.writes,
        now: look.now,
        window: app.window,
        screen: app.screen,
    };
    let width = area.width.saturating_sub(2);
    let said = said(app, look, width);
    let filter = filter_line(app, look, width);
    let rows = u16::try_from(said.len()).unwrap_or(1);
    let below = 1 + rows + u16::from(filter.is_some());
    let body = paint::inner_rows(area, 2, below);
    let pane = app.history.current();
    drawn.hits.extend(pane.view(&cx, look, body, buf));
    if let Some(filter) = &filter {
        let line = paint::inner_columns(paint::row(area, area.height - below), 1, 1);
        paint::put_spans(buf, look, line, line.x, line.y, filter);
    }
    for (n, spans) in said.iter().enumerate() {
        let row = paint::row(area, area.height - 1 - rows + n as u16);
        let line = paint::inner_columns(row, 1, 1);
        paint::put_spans(buf, look, line, line.x, line.y, spans);
    }
    drawn.cursor = typed(app, look, paint::row(area, area.height - 2), buf);
    drawn
        .hits
        .extend(foot(app, look, paint::row(area, area.height - 1), buf));
    if let (Some(form), None) = (&app.form, &app.sheet) {
        let (hits, cursor) = super::form::draw(form, look, area, buf);
        drawn.hits.extend(hits);
        drawn.cursor = cursor;
    }
    if let Some(sheet) = &app.sheet {
        let (hits, cursor) = super::sheet_view::draw(app, sheet, look, area, buf);
        drawn.hits.extend(hits);
        drawn.cursor = cursor;
    }
    if let Some(dialog) = &app.dialog {
        let width = (area.width * 4 / 5)
            .clamp(48, 100)
            .min(area.width.saturating_sub(6));
        let height = u16::try_from(dialog.picker.len())
            .unwrap_or(u16::MAX)
            .saturating_add(2 + dialog.picker.story_rows(width));
        let height = height.clamp(6, area.height.saturating_sub(8).max(6));
        let boxed = DialogBox {
            title: dialog.title,
            note: "",
            width,
            height,
            hints: &[],
        };
        let opened = boxed.draw(buf, look, area);
        let (hits, cursor) = dialog.picker.draw(buf, look, opened.inner, dialog.hint);
        drawn.hits.extend(opened.hits);
        drawn.hits.extend(hits);
        drawn.cursor = cursor;
    }
    drawn
}

fn header(app: &App, look: &Look, area: Rect, buf: &mut Buffer) {
    let now = look.now.wall;
    let settings = app.fleet.settings();
    // Hundreds of sources and as many deployments: each is looked up and not looked for.
    let deployments: HashSet<&str> = settings.deployments.iter().map(|d| &*d.name).collect();
    let mut chips: Vec<SourceChip<'_>> = Vec::new();
    let (mut serving, mut failing, mut waiting) = (0_usize, 0_usize, 0_usize);
    for (id, _, fresh) in app.fleet.sources() {
        if deployments.contains(id.as_str()) {
            serving += 1;
            failing += usize::from(matches!(fresh, Freshness::Down | Freshness::Stale));
            waiting += usize::from(fresh == Freshness::Waiting);
            continue;
        }
        let old = app.fleet.answered_at(id).map(|at| age(now.since(at)));
        let text = match fresh {
            Freshness::Live => String::new(),
            Freshness::Waiting => "waiting".to_owned(),
            Freshness::Stale | Freshness::Down => old.unwrap_or_else(|| "never".to_owned()),
        };
        chips.push(SourceChip {
            name: id.as_str(),
            fresh,
            age: text,
        });
    }
    if serving > 0 {
        // Endpoints are many: one chip counts them, the deployments pane names them.
        let (fresh, text) = match (failing, waiting) {
            (0, 0) => (Freshness::Live, format!("{serving}")),
            (0, n) => (Freshness::Waiting, format!("{}/{serving}", serving - n)),
            (f, _) if f == serving => (Freshness::Down, format!("0/{serving}")),
            (f, _) => (Freshness::Stale, format!("{}/{serving}", serving - f)),
        };
        chips.push(SourceChip {
            name: "endpoints",
            fresh,
            age: text,
        });
    }
    let counts = counts(&app.fleet);
    let levels = [
        (Level::Crit, counts.crit),
        (Level::Unknown, counts.unknown),
        (Level::Warn, counts.warn),
        (Level::Info, counts.info),
        (Level::Ok, counts.ok),
    ];
    Header {
        context: app.fleet.context().name.as_str(),
        protected: settings.protected,
        simulated: settings.simulated,
        writes: settings.writes,
        sources: &chips,
        counts: &levels,
    }
    .draw(buf, look, area);
}

fn tab_bar(app: &App, look: &Look, area: Rect, buf: &mut Buffer) -> Hits {
    let place = app.history.current().place();
    let window = [
        span(Role::Dim, app.window.to_string()),
        span(Role::Key, "  < >"),
    ];
    let note = chip(app, look);
    tabs(buf, look, area, &TABS, place.tab(), &note, &window)
}

/// The write on its way, or the last one that is not long over: `F promote fraud v14: applying 2/3`.
fn chip(app: &App, look: &Look) -> Vec<Vec<Span<'static>>> {
    let now = look.now.wall;
    let Some((written, standing)) = app.fleet.to_follow(&app.writing.writes, now) else {
        return Vec::new();
    };
    let role = match standing.phase {
        Phase::Applying | Phase::Verifying | Phase::Baking => Role::Accent,
        Phase::Done => Role::Ok,
        Phase::NotConverged | Phase::NotApplied => Role::Warn,
        Phase::PartlyApplied => Role::Crit,
        Phase::Unknown => Role::Unknown,
    };
    let key = app.keymap.keys_of(Command::Follow);
    let key = key
        .first()
        .map_or_else(String::new, |key| format!("{key} "));
    let (name, short) = (called(written), standing.short);
    let subject = &written.plan.subject;
    [
        format!("{name}: {short}"),
        format!("{subject}: {short}"),
        short.to_string(),
    ]
    .map(|text| vec![span(Role::Key, key.clone()), span(role, text)])
    .to_vec()
}

/// What the filter of the open place leaves, and how to be rid of it: `filter: fraud · 1 of 9 · esc
/// clears it`.
fn filter_line(app: &App, look: &Look, width: u16) -> Option<Vec<Span<'static>>> {
    let filtered = app.filtered.as_ref()?;
    let (shown, all) = (text::count(filtered.shown), text::count(filtered.all));
    let how = match app.keymap.keys_of(Command::Back).first() {
        // While it is typed the same key takes back what was typed.
        Some(key) if app.typing.is_none() => format!(" · {key} clears it"),
        _ => String::new(),
    };
    let rest = format!(" · {shown} of {all}{how}");
    let label = "filter: ";
    let room = usize::from(width).saturating_sub(label.len() + text::width(&rest));
    let typed = text::cut(filtered.text.as_str(), room, look.symbols.ellipsis);
    Some(vec![
        span(Role::Label, label),
        span(Role::Accent, typed.into_owned()),
        span(Role::Text, rest),
    ])
}

/// The most lines above the footer: a message is read whole, and the list still shows.
fn most_said(look: &Look) -> usize {
    if look.size < Size::Small { 2 } else { 3 }
}

/// The lines above the footer: what follows a prefix, or the last remark; one line for what is typed.
fn said(app: &App, look: &Look, width: u16) -> Vec<Vec<Span<'static>>> {
    let columns = usize::from(width);
    let mut lines: Vec<Vec<Span<'static>>> = vec![Vec::new()];
    if app.typing.is_some() {
        return lines;
    }
    if !app.pending.is_empty() {
        let Lookup::Prefix(follow) = app.keymap.look_up(&app.scopes(), &app.pending) else {
            return lines;
        };
        let typed = sequence_text(&app.pending);
        let indent = text::width(&typed);
        lines[0].push(span(Role::Key, typed));
        for (chord, command) in follow {
            let title = command.map_or("…", |c| c.row().title);
            let item = [
                span(Role::Dim, "   "),
                span(Role::Key, chord.to_string()),
                span(Role::Text, format!(" {title}")),
            ];
            let used = lines.last().map_or(0, |line| paint::spans_width(line));
            if used + paint::spans_width(&item) > columns && used > indent {
                lines.push(vec![span(Role::Dim, " ".repeat(indent))]);
            }
            if let Some(line) = lines.last_mut() {
                line.extend(item);
            }
        }
    } else if let Some(notice) = &app.notice {
        let level = if notice.bad { Level::Warn } else { Level::Info };
        let glyph = format!("{} ", look.symbols.level(level));
        let words = look.symbols.plain(notice.text.as_str());
        let none = span(Role::Text, "");
        let label = span(Look::level_role(level), glyph);
        lines = paint::wrapped(label, Role::Text, &words, none, columns);
    }
    let most = most_said(look);
    if lines.len() > most {
        lines.truncate(most);
        if let Some(last) = lines.last_mut() {
            last.push(span(Role::Text, look.symbols.ellipsis));
        }
    }
    lines
}

/// What is being typed, and where the cursor is in it.
fn typed(app: &App, look: &Look, line: Rect, buf: &mut Buffer) -> Option<Position> {
    let inner = paint::inner_columns(line, 1, 1);
    let typing = app.typing.as_ref()?;
    let field = Field {
        label: typing.prompt.label,
        hint: typing.prompt.hint,
        error: None,
        focused: true,
    };
    let width = if typing.error.is_some() {
        inner.width / 2
    } else {
        inner.width
    };
    let cursor = typing
        .input
        .draw(buf, look, Rect { width, ..inner }, &field);
    if let Some(error) = &typing.error {
        // Behind what is typed, and apart from it: the reason names it again.
        let used = text::width(typing.prompt.label) + 2 + text::width(typing.input.as_str());
        let used = u16::try_from(used).unwrap_or(u16::MAX).min(width) + 2;
        let room = paint::inner_columns(inner, used, 0);
        let error = look.symbols.plain(error);
        let error = text::cut(&error, usize::from(room.width), look.symbols.ellipsis);
        let spans = [span(Role::InputError, error)];
        paint::put_right(buf, look, room, room.y, &spans);
    }
    cursor
}

fn foot(app: &App, look: &Look, area: Rect, buf: &mut Buffer) -> Hits {
    let pane = app.history.current();
    let key = |command: Command| {
        let keys = app.keymap.keys_of(command);
        let first = keys.first().cloned().unwrap_or_default();
        if first == "enter" {
            look.symbols.enter.to_owned()
        } else {
            first
        }
    };
    let mut hints: Vec<Hint<'_>> = pane
        .hints()
        .iter()
        .enumerate()
        .map(|(n, command)| {
            let hint = Hint::new(key(*command), command.row().title, n as u8 + 2);
            if app.disabled(*command).is_some() {
                hint.off()
            } else {
                hint
            }
        })
        .collect();
    hints.push(Hint::new(key(Command::Back), "back", 9));
    hints.push(Hint::new(key(Command::Help), "all keys", 0));
    hints.push(Hint::new(key(Command::Quit), "leave", 1));
    footer(buf, look, area, &hints)
}
