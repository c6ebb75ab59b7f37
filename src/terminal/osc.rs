//! Operating-system commands: title, clipboard, links, notifications. Every constructor takes
//! [`Clean`] text, because a terminal obeys what it finds inside these strings.

use std::fmt::Write as _;
use std::num::NonZeroU16;

use base64::Engine as _;
use ratatui::buffer::{Buffer, CellDiffOption};
use ratatui::layout::Rect;
use unicode_width::UnicodeWidthStr as _;

use super::caps::{Mux, Notify};
use crate::domain::text::Clean;

/// The most text one copy carries, in bytes before encoding: some terminals drop a longer
/// sequence without a word.
pub const COPY_LIMIT: usize = 74_994;
/// The longest link, in bytes after encoding.
const LINK_LIMIT: usize = 2_083;
/// The longest window title, in characters.
const TITLE_LIMIT: usize = 200;

/// Sets the window title.
pub fn title(text: &Clean) -> String {
    format!("\x1b]2;{}\x1b\\", head(text, TITLE_LIMIT))
}

fn head(text: &Clean, limit: usize) -> String {
    text.as_str().chars().take(limit).collect()
}

/// Asks the terminal to put `lines` on the clipboard (OSC 52), joined by newlines. The terminal does
/// not say whether it did: show "sent to the terminal", and [`copy_note`].
pub fn copy(lines: &[Clean]) -> Result<String, TooLong> {
    let text = lines
        .iter()
        .map(Clean::as_str)
        .collect::<Vec<_>>()
        .join("\n");
    if text.len() > COPY_LIMIT {
        return Err(TooLong { bytes: text.len() });
    }
    let encoded = base64::engine::general_purpose::STANDARD.encode(text);
    Ok(format!("\x1b]52;c;{encoded}\x1b\\"))
}

/// The text is more than a terminal takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{bytes} bytes are too many for the terminal's clipboard ({COPY_LIMIT} at most); copy less, or export to a file"
)]
pub struct TooLong {
    /// The length of the text.
    pub bytes: usize,
}

/// What may keep a copy from arriving in this multiplexer.
pub fn copy_note(mux: Option<Mux>) -> Option<&'static str> {
    match mux {
        Some(Mux::Tmux) => Some("in tmux it arrives when `set-clipboard` is `on`"),
        Some(Mux::Screen) => Some("GNU screen does not pass copies on"),
        Some(Mux::Zellij) | None => None,
    }
}

/// Shows a notification outside the window. Rate and focus are the caller's to judge.
pub fn notify(kind: Notify, title: &Clean, body: &Clean) -> String {
    // `;` separates the fields of OSC 777, and OSC 9 followed by `4;` is a progress bar.
    let plain = |text: &Clean| head(text, TITLE_LIMIT).replace(';', ",");
    match kind {
        Notify::Osc9 => format!("\x1b]9;{}: {}\x1b\\", plain(title), plain(body)),
        Notify::Osc777 => format!("\x1b]777;notify;{};{}\x1b\\", plain(title), plain(body)),
        Notify::Bell => "\x07".to_owned(),
    }
}

/// A link that is safe to put on the screen: http or https, ASCII, percent-encoded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    url: String,
    id: u64,
}

impl Link {
    /// Checks and encodes; `None` for another scheme, a missing host, a user part, or a monster.
    pub fn new(url: &Clean) -> Option<Self> {
        let raw = url.as_str();
        let (scheme, rest) = raw.split_once("://")?;
        if !scheme.eq_ignore_ascii_case("http") && !scheme.eq_ignore_ascii_case("https") {
            return None;
        }
        let authority = rest.split(['/', '?', '#', '\\']).next()?;
        // A user part hides where a link goes, and may be a credential.
        if authority.is_empty() || authority.contains('@') {
            return None;
        }
        let mut encoded = String::with_capacity(raw.len());
        for byte in raw.bytes() {
            match byte {
                b'"' | b'<' | b'>' | b'\\' | b'^' | b'`' | b'{' | b'|' | b'}' => {
                    percent(&mut encoded, byte);
                }
                0x21..=0x7e => encoded.push(char::from(byte)),
                _ => percent(&mut encoded, byte),
            }
        }
        if encoded.len() > LINK_LIMIT {
            return None;
        }
        // FNV-1a: equal links must have equal ids, so that a terminal underlines all cells together.
        let id = encoded.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |h, b| {
            (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3)
        });
        Some(Self { url: encoded, id })
    }

    /// The encoded address.
    pub fn as_str(&self) -> &str {
        &self.url
    }

    /// One cell's symbol, opening and closing the link by itself: a diff may repaint half a run.
    pub fn around(&self, symbol: &str) -> String {
        format!(
            "\x1b]8;id={:x};{}\x1b\\{symbol}\x1b]8;;\x1b\\",
            self.id, self.url
        )
    }

    /// Links the cells already drawn in `area`. Each keeps its width in the eyes of the diff.
    pub fn apply(&self, buffer: &mut Buffer, area: Rect) {
        let area = area.intersection(buffer.area);
        for y in area.top()..area.bottom() {
            let mut x = area.left();
            while x < area.right() {
                let Some(cell) = buffer.cell_mut((x, y)) else {
                    break;
                };
                let width = u16::try_from(cell.symbol().width()).unwrap_or(1).max(1);
                // A second link would nest; the first stays.
                if !cell.symbol().starts_with('\x1b') {
                    let symbol = self.around(cell.symbol());
                    cell.set_symbol(&symbol);
                    if let Some(width) = NonZeroU16::new(width) {
                        cell.set_diff_option(CellDiffOption::ForcedWidth(width));
                    }
                }
                x = x.saturating_add(width);
            }
        }
    }
}

fn percent(out: &mut String, byte: u8) {
    // Writing to a string cannot fail.
    let _ = write!(out, "%{byte:02X}");
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn links_are_web_addresses_only() {
        for (raw, want) in [
            ("https://ml.test/a b", Some("https://ml.test/a%20b")),
            ("HTTP://ml.test", Some("HTTP://ml.test")),
            (
                "http://ml.test/модель",
                Some("http://ml.test/%D0%BC%D0%BE%D0%B4%D0%B5%D0%BB%D1%8C"),
            ),
            (
                "https://ml.test/a%20b?x=1#/m",
                Some("https://ml.test/a%20b?x=1#/m"),
            ),
            ("https://ml.test/\"<>", Some("https://ml.test/%22%3C%3E")),
            ("javascript:alert(1)", None),
            ("file:///etc/passwd", None),
            ("https://", None),
            ("https:///x", None),
            ("https://ana:pw@ml.test/", None),
            ("ml.test", None),
        ] {
            let link = Link::new(&Clean::text(raw));
            assert_eq!(link.as_ref().map(Link::as_str), want, "{raw}");
        }
        let long = format!("https://ml.test/{}", "x".repeat(LINK_LIMIT));
        assert_eq!(Link::new(&Clean::text(&long)), None);
    }

    #[test]
    fn linked_cells_keep_their_neighbours_and_cost_nothing_when_unchanged() {
        let link = Link::new(&Clean::text("https://ml.test/")).unwrap();
        let paint = || {
            let mut b = Buffer::with_lines(["run 模型 next"]);
            link.apply(&mut b, Rect::new(0, 0, 8, 1));
            b
        };
        let empty = Buffer::empty(Rect::new(0, 0, 13, 1));
        let painted = paint();
        let drawn: Vec<u16> = empty.diff(&painted).iter().map(|(x, ..)| *x).collect();
        assert_eq!(drawn, [0, 1, 2, 3, 4, 6, 9, 10, 11, 12]);
        assert!(painted.diff(&paint()).is_empty());
        assert!(painted[(0, 0)].symbol().contains("\x1b]8;id="));
        assert!(painted[(0, 0)].symbol().ends_with("r\x1b]8;;\x1b\\"));
        assert_eq!(painted[(9, 0)].symbol(), "n");
    }

    #[test]
    fn copies_are_encoded_and_capped() {
        let lines = [Clean::text("a"), Clean::text("b")];
        assert_eq!(copy(&lines).unwrap(), "\x1b]52;c;YQpi\x1b\\");
        let many = vec![Clean::text(&"x".repeat(8_000)); 10];
        assert_eq!(copy(&many), Err(TooLong { bytes: 80_009 }));
        assert!(copy_note(Some(Mux::Tmux)).is_some());
        assert!(copy_note(None).is_none());
    }

    #[test]
    fn a_notification_cannot_forge_a_field() {
        let s = notify(Notify::Osc777, &Clean::text("a;b"), &Clean::text("c;d"));
        assert_eq!(s, "\x1b]777;notify;a,b;c,d\x1b\\");
        assert_eq!(
            notify(Notify::Osc9, &Clean::text("4;1"), &Clean::text("x")),
            "\x1b]9;4,1: x\x1b\\"
        );
        assert_eq!(
            notify(Notify::Bell, &Clean::empty(), &Clean::empty()),
            "\x07"
        );
    }

    proptest! {
        /// Whatever a server sends, exactly one sequence comes out: ESC at its start and its end.
        #[test]
        fn nothing_breaks_out(raw in "(\\PC|\u{1b}|\u{7}|\u{9c}|\\\\|\\])*") {
            let clean = Clean::text(&raw);
            for s in [title(&clean), notify(Notify::Osc9, &clean, &clean), notify(Notify::Osc777, &clean, &clean)] {
                prop_assert_eq!(s.matches('\x1b').count(), 2);
                prop_assert!(s.ends_with("\x1b\\"));
                let stray = s.contains(['\u{7}', '\u{9c}']);
                prop_assert!(!stray);
            }
            if let Some(link) = Link::new(&clean) {
                prop_assert!(link.as_str().bytes().all(|b| b.is_ascii_graphic()));
            }
        }
    }
}
