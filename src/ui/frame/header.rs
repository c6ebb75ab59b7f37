//! The two lines on top: where we are, what answers, how bad it is, what time it is; and the panes.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::domain::level::Level;
use crate::domain::settings::Writes;
use crate::ui::hits::{Hits, Target};
use crate::ui::look::Look;
use crate::ui::paint::{self, Span, span, spans_width};
use crate::ui::symbols::Freshness;
use crate::ui::text;
use crate::ui::theme::Role;

/// One source in the strip.
#[derive(Clone, Debug)]
pub struct SourceChip<'a> {
    /// Its name.
    pub name: &'a str,
    /// How fresh its facts are.
    pub fresh: Freshness,
    /// Their age, shown when they are not live.
    pub age: String,
}

/// What the header tells.
#[derive(Clone, Debug)]
pub struct Header<'a> {
    /// The context's name.
    pub context: &'a str,
    /// Whether it is protected.
    pub protected: bool,
    /// Whether nothing in it is real.
    pub simulated: bool,
    /// Whether writes are possible.
    pub writes: Writes,
    /// The sources, in the order of the settings.
    pub sources: &'a [SourceChip<'a>],
    /// How many models stand at each level; levels with none are left out.
    pub counts: &'a [(Level, usize)],
}

impl Header<'_> {
    /// Draws one row: product, context and mode on the left, sources after them, counts and the UTC
    /// clock on the right. The sources shorten first, then the product's name, then the counts.
    pub fn draw(&self, buf: &mut Buffer, look: &Look, area: Rect) {
        let line = paint::inner_columns(paint::row(area, 0), 1, 1);
        if line.is_empty() {
            return;
        }
        let clock = format!("{}Z", look.now.wall.hour_minute());
        let room = usize::from(line.width);
        let pills = self.pills(look);
        let pills_width = spans_width(&pills);
        let least = pills_width + 2 + text::width(&clock);

        let mut counts = self.counts(look, false);
        let fits = |counts: &[Span<'_>], sources: usize, brand: usize| {
            brand + least + spans_width(counts) + 3 + sources + 2 <= room
        };
        let brand = "quarterdeck";
        let short = self.source_summary(look);
        if !fits(&counts, spans_width(&short), brand.len() + 1) {
            counts = self.counts(look, true);
        }
        let brand = if fits(&counts, spans_width(&short), brand.len() + 1) {
            brand
        } else {
            ""
        };

        let mut right = counts;
        if !right.is_empty() {
            right.push(span(Role::Text, "   "));
        }
        right.push(span(Role::Dim, clock));
        let right_x = paint::put_right(buf, look, line, line.y, &right);

        let left = Rect {
            width: right_x.saturating_sub(line.x).saturating_sub(2),
            ..line
        };
        let mut x = line.x;
        if !brand.is_empty() {
            x = paint::put(buf, left, x, line.y, brand, look.style(Role::Brand)) + 1;
        }
        x = paint::put_spans(buf, look, left, x, line.y, &pills);
        let room = usize::from(left.right().saturating_sub(x + 2));
        let strip = [self.sources(look, false), self.sources(look, true), short]
            .into_iter()
            .find(|s| spans_width(s) <= room);
        if let Some(strip) = strip {
            paint::put_spans(buf, look, left, x + 2, line.y, &strip);
        }
    }

    fn pills(&self, look: &Look) -> Vec<Span<'static>> {
        let role = if self.protected {
            Role::PillProtected
        } else {
            Role::PillContext
        };
        let name = text::cut(self.context, 20, look.symbols.ellipsis);
        let mut pills = vec![span(role, format!(" {name} "))];
        if self.simulated {
            pills.push(span(Role::Text, " "));
            pills.push(span(Role::Simulated, " SIMULATED "));
        }
        match self.writes {
            Writes::Off => pills.push(span(Role::Dim, " read-only")),
            Writes::Armed => {
                pills.push(span(Role::Text, " "));
                pills.push(span(Role::PillMode, "arm to write"));
            }
            Writes::Confirm => {}
        }
        pills
    }

    /// The strip: every source by name, or those in trouble by name and the live ones counted.
    fn sources(&self, look: &Look, count_live: bool) -> Vec<Span<'static>> {
        let mut out = Vec::new();
        let live = self
            .sources
            .iter()
            .filter(|c| c.fresh == Freshness::Live)
            .count();
        if count_live && live > 0 {
            out.push(span(
                Role::Live,
                format!("{} {live}", look.symbols.fresh(Freshness::Live)),
            ));
            out.push(span(Role::Dim, " live"));
        }
        for chip in self.sources {
            if count_live && chip.fresh == Freshness::Live {
                continue;
            }
            if !out.is_empty() {
                out.push(span(Role::Text, "  "));
            }
            let name_role = if chip.fresh == Freshness::Live {
                Role::Dim
            } else {
                Role::Text
            };
            out.push(span(name_role, format!("{} ", chip.name)));
            out.push(span(fresh_role(chip.fresh), look.symbols.fresh(chip.fresh)));
            if chip.fresh != Freshness::Live && !chip.age.is_empty() {
                out.push(span(fresh_role(chip.fresh), format!(" {}", chip.age)));
            }
        }
        out
    }

    /// The shortest strip: how many of each.
    fn source_summary(&self, look: &Look) -> Vec<Span<'static>> {
        let mut out = Vec::new();
        for fresh in [
            Freshness::Down,
            Freshness::Stale,
            Freshness::Waiting,
            Freshness::Live,
        ] {
            let n = self.sources.iter().filter(|c| c.fresh == fresh).count();
            if n == 0 {
                continue;
            }
            if !out.is_empty() {
                out.push(span(Role::Text, " "));
            }
            let glyph = look.symbols.fresh(fresh);
            out.push(span(fresh_role(fresh), format!("{glyph} {n}")));
            if fresh != Freshness::Live {
                out.push(span(Role::Text, format!(" {}", fresh.word())));
            }
        }
        out
    }

    fn counts(&self, look: &Look, short: bool) -> Vec<Span<'static>> {
        let mut out = Vec::new();
        for level in Level::WORST_FIRST {
            let n: usize = self
                .counts
                .iter()
                .filter(|(l, _)| *l == level)
                .map(|(_, n)| n)
                .sum();
            if n == 0 {
                continue;
            }
            if !out.is_empty() {
                let dot = if short {
                    " ".to_owned()
                } else {
                    "   ".to_owned()
                };
                out.push(span(Role::Dim, dot));
            }
            let role = Look::level_role(level);
            let glyph = look.symbols.level(level);
            if short {
                out.push(span(role, format!("{glyph}{n}")));
            } else {
                out.push(span(role, format!("{glyph} {}", text::count(n))));
                out.push(span(Role::Dim, format!(" {}", level.word())));
            }
        }
        out
    }
}

fn fresh_role(fresh: Freshness) -> Role {
    match fresh {
        Freshness::Live => Role::Live,
        Freshness::Waiting => Role::Dim,
        Freshness::Stale => Role::Stale,
        Freshness::Down => Role::Down,
    }
}

/// One pane in the tab bar.
#[derive(Clone, Copy, Debug)]
pub struct Tab<'a> {
    /// Its number, which is its key.
    pub number: u8,
    /// Its title.
    pub title: &'a str,
}

/// Draws the tab bar: `1 Triage  2 Models …`, the open pane marked, and `right` at the right end
/// where there is room. Too narrow for all titles, the others keep their number only. A `note`, in several
/// wordings with the longest first, goes before the titles of other panes and before `right`.
pub fn tabs(
    buf: &mut Buffer,
    look: &Look,
    area: Rect,
    all: &[Tab<'_>],
    current: u8,
    note: &[Vec<Span<'_>>],
    right: &[Span<'_>],
) -> Hits {
    let mut hits = Hits::default();
    let line = paint::row(area, 0);
    let inner = paint::inner_columns(line, 0, 1);
    if inner.is_empty() {
        return hits;
    }
    let label = |tab: &Tab<'_>, room: Titles| match room {
        Titles::Number if tab.number != current => format!(" {} ", tab.number),
        Titles::Tight => format!(" {} {}", tab.number, tab.title),
        Titles::Number | Titles::Wide => format!(" {} {} ", tab.number, tab.title),
    };
    let width = |room: Titles| {
        all.iter()
            .map(|t| text::width(&label(t, room)))
            .sum::<usize>()
    };
    let noted = note.first().map_or(0, |note| spans_width(note) + 2);
    let fits = |room: &Titles| width(*room) + noted <= usize::from(inner.width);
    let room = [Titles::Wide, Titles::Tight].into_iter().find(fits);
    let room = room.unwrap_or(Titles::Number);
    let mut x = inner.x;
    for tab in all {
        let role = if tab.number == current {
            Role::TabCurrent
        } else {
            Role::Tab
        };
        let shown = label(tab, room);
        let next = paint::put(buf, inner, x, line.y, &shown, look.style(role));
        hits.add(
            Rect {
                x,
                width: next - x,
                ..line
            },
            Target::Tab(tab.number),
        );
        x = next;
    }
    let left = usize::from(inner.right().saturating_sub(x));
    let note = note.iter().find(|note| spans_width(note) + 2 <= left);
    let note = note.map_or(&[][..], Vec::as_slice);
    let both = [note, &[span(Role::Text, "   ")], right].concat();
    let shown = if note.is_empty() {
        right
    } else if spans_width(&both) + 2 <= left {
        &both
    } else {
        note
    };
    if left >= spans_width(shown) + 2 {
        paint::put_right(buf, look, inner, line.y, shown);
    }
    hits
}

/// How much of the titles is shown.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Titles {
    Wide,
    Tight,
    Number,
}
