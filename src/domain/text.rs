//! The one string type that may reach a screen, title, clipboard, log or file.
//!
//! Text from servers is hostile: it can hold escape sequences, control characters, bidirectional
//! overrides or 50,000 characters where a name was expected. Adapters turn it into [`Clean`] as they
//! map answers; nothing else in the program accepts a server's text for display. The raw string that
//! a request needs is kept apart in [`super::key::Key`].

use std::borrow::Borrow;
use std::fmt;

use arcstr::ArcStr;
use unicode_segmentation::UnicodeSegmentation as _;
use unicode_width::UnicodeWidthStr as _;

/// The longest name kept, in characters: longer ones are cut with an ellipsis.
pub const NAME_LIMIT: usize = 512;
/// The longest free text kept (descriptions, error bodies, tag values), in characters.
pub const TEXT_LIMIT: usize = 8_192;

/// Text proven to hold no control characters, escape sequences or invisible reordering marks.
///
/// Cheap to clone, and one word where it is held: its length is with its text, for there are millions of
/// them. It is one line: newlines and tabs have become single spaces.
///
/// ```
/// use quarterdeck::domain::text::Clean;
/// let name = Clean::name("\u{1b}[31mfraud\u{202e}\n");
/// assert_eq!(name.as_str(), "fraud");
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Clean(ArcStr);

impl Clean {
    /// Cleans a name: at most [`NAME_LIMIT`] characters.
    pub fn name(raw: &str) -> Self {
        Self::limited(raw, NAME_LIMIT)
    }

    /// Cleans free text: at most [`TEXT_LIMIT`] characters.
    pub fn text(raw: &str) -> Self {
        Self::limited(raw, TEXT_LIMIT)
    }

    /// Cleans text, keeping at most `limit` characters and marking a cut with `…`.
    pub fn limited(raw: &str, limit: usize) -> Self {
        if raw.is_empty() {
            return Self::empty();
        }
        let plain = raw.bytes().all(|b| (0x20..0x7f).contains(&b)) && !raw.contains("  ");
        if plain && raw.len() <= limit {
            return Self(ArcStr::from(raw.trim()));
        }
        Self(ArcStr::from(scrub(raw, limit)))
    }

    /// Lines that are clean each, joined by newlines: for the clipboard and for files only. Screens
    /// draw one line at a time.
    pub fn lines<S: AsRef<str>>(lines: &[S]) -> Self {
        let clean: Vec<String> = lines
            .iter()
            .map(|l| scrub(l.as_ref(), TEXT_LIMIT))
            .collect();
        Self(ArcStr::from(clean.join("\n")))
    }

    /// The empty text.
    pub fn empty() -> Self {
        Self(ArcStr::new())
    }

    /// The cleaned text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether nothing printable was left.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The number of terminal columns the text takes.
    pub fn width(&self) -> usize {
        if self.0.is_ascii() {
            // Nothing in it is a control character: a byte is a column.
            return self.0.len();
        }
        self.0.width()
    }

    /// The shared text itself, for interning.
    pub(crate) fn shared(&self) -> &ArcStr {
        &self.0
    }

    /// Whether two are one text in memory, not only equal ones.
    pub fn is_same(&self, other: &Self) -> bool {
        ArcStr::ptr_eq(&self.0, &other.0)
    }
}

impl Default for Clean {
    fn default() -> Self {
        Self::empty()
    }
}

impl fmt::Display for Clean {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Debug for Clean {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&*self.0, f)
    }
}

impl AsRef<str> for Clean {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl Borrow<str> for Clean {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl PartialEq<str> for Clean {
    fn eq(&self, other: &str) -> bool {
        &*self.0 == other
    }
}

impl PartialEq<&str> for Clean {
    fn eq(&self, other: &&str) -> bool {
        &*self.0 == *other
    }
}

impl serde::Serialize for Clean {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(&self.0)
    }
}

/// Reading back is cleaning again: a stored file is as little trusted as a server.
impl<'de> serde::Deserialize<'de> for Clean {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let raw = <std::borrow::Cow<'de, str>>::deserialize(d)?;
        Ok(Self::text(&raw))
    }
}

/// Removes escape sequences whole, then everything that is not printable.
fn scrub(raw: &str, limit: usize) -> String {
    let mut out = String::with_capacity(raw.len().min(limit * 4));
    let mut kept = 0;
    let mut chars = raw.chars().peekable();
    let mut space_due = false;
    while let Some(c) = chars.next() {
        match c {
            '\u{1b}' => skip_escape(&mut chars),
            '\u{9b}' => skip_csi(&mut chars),
            '\u{90}' | '\u{98}' | '\u{9d}' | '\u{9e}' | '\u{9f}' => skip_string(&mut chars),
            c if c.is_whitespace() => space_due = !out.is_empty(),
            c if c.is_control() || is_invisible(c) => {}
            c => {
                if kept + usize::from(space_due) >= limit {
                    out.push('…');
                    break;
                }
                if space_due {
                    out.push(' ');
                    kept += 1;
                    space_due = false;
                }
                out.push(c);
                kept += 1;
            }
        }
    }
    strip_stray_joiners(&out)
}

type Chars<'a> = std::iter::Peekable<std::str::Chars<'a>>;

fn skip_escape(chars: &mut Chars<'_>) {
    match chars.peek() {
        Some('[') => {
            chars.next();
            skip_csi(chars);
        }
        Some(']' | 'P' | 'X' | '^' | '_') => {
            chars.next();
            skip_string(chars);
        }
        Some(c) if ('\u{20}'..='\u{2f}').contains(c) => {
            while chars
                .next_if(|c| ('\u{20}'..='\u{2f}').contains(c))
                .is_some()
            {}
            chars.next_if(|c| ('\u{30}'..='\u{7e}').contains(c));
        }
        Some(c) if ('\u{30}'..='\u{7e}').contains(c) => {
            chars.next();
        }
        _ => {}
    }
}

/// A control sequence ends at its final byte; an unfinished one ends at the first foreign character.
fn skip_csi(chars: &mut Chars<'_>) {
    while chars
        .next_if(|c| ('\u{20}'..='\u{3f}').contains(c))
        .is_some()
    {}
    chars.next_if(|c| ('\u{40}'..='\u{7e}').contains(c));
}

/// An operating-system or device string ends at BEL or ST, and at a newline if neither comes.
fn skip_string(chars: &mut Chars<'_>) {
    while let Some(c) = chars.next_if(|c| *c != '\n') {
        match c {
            '\u{7}' | '\u{9c}' => return,
            '\u{1b}' => {
                chars.next_if(|c| *c == '\\');
                return;
            }
            _ => {}
        }
    }
}

/// Characters that take no space and change how neighbours read: bidirectional marks and overrides,
/// zero-width spaces, byte-order marks, tags, and separators of their own kind.
fn is_invisible(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}' | '\u{200e}' | '\u{200f}'
        | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}'
        | '\u{fff9}'..='\u{fffb}' | '\u{115f}' | '\u{1160}' | '\u{3164}' | '\u{ffa0}'
        | '\u{e0000}'..='\u{e0fff}')
}

/// Joiners are meaningful inside a cluster (emoji, Indic scripts) and invisible outside of one.
fn strip_stray_joiners(text: &str) -> String {
    if !text.contains(['\u{200c}', '\u{200d}']) {
        return text.to_owned();
    }
    text.graphemes(true)
        .filter(|g| g.width() > 0)
        .map(|g| g.trim_start_matches(['\u{200c}', '\u{200d}']))
        .map(|g| g.trim_end_matches(['\u{200c}', '\u{200d}']))
        .collect()
}

/// Text as a part of an address: everything but unreserved characters (RFC 3986, 2.3) is percent-encoded.
///
/// ```
/// use quarterdeck::domain::text::percent_encoded;
/// assert_eq!(percent_encoded("a b/é~1"), "a%20b%2F%C3%A9~1");
/// ```
pub fn percent_encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push('%');
            out.extend(
                [byte >> 4, byte & 15].map(|n| char::from(b"0123456789ABCDEF"[usize::from(n)])),
            );
        }
    }
    out
}

/// Removes the user part of any URL in `text`, so that `user:password@` never shows.
///
/// ```
/// use quarterdeck::domain::text::without_credentials;
/// assert_eq!(without_credentials("at https://ana:pw@ml.test/x"), "at https://ml.test/x");
/// ```
pub fn without_credentials(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("://") {
        let (head, tail) = rest.split_at(at + 3);
        out.push_str(head);
        let end = tail
            .find(['/', '?', '#', ' ', '"', '\''])
            .unwrap_or(tail.len());
        let (authority, after) = tail.split_at(end);
        out.push_str(
            authority
                .rsplit_once('@')
                .map_or(authority, |(_, host)| host),
        );
        rest = after;
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn escape_sequences_go_whole() {
        for (raw, want) in [
            ("\u{1b}[31mred\u{1b}[0m", "red"),
            ("a\u{1b}]0;title\u{7}b", "ab"),
            ("a\u{1b}]8;;http://x\u{1b}\\link", "alink"),
            ("a\u{9b}2Jb", "ab"),
            ("a\u{1b}P1$r0m\u{1b}\\b", "ab"),
            ("a\u{1b}(0b", "ab"),
            ("a\u{1b}cb", "ab"),
            ("\u{1b}", ""),
            ("a\u{1b}[", "a"),
        ] {
            assert_eq!(Clean::text(raw).as_str(), want, "{raw:?}");
        }
    }

    #[test]
    fn lines_become_one() {
        assert_eq!(
            Clean::text("one\r\n\ttwo  three\n").as_str(),
            "one two three"
        );
    }

    #[test]
    fn long_names_are_cut_and_say_so() {
        let long = "x".repeat(50_000);
        let clean = Clean::name(&long);
        assert_eq!(clean.as_str().chars().count(), NAME_LIMIT + 1);
        assert!(clean.as_str().ends_with('…'));
    }

    #[test]
    fn bidirectional_overrides_vanish_and_scripts_stay() {
        assert_eq!(Clean::name("a\u{202e}b\u{200b}c").as_str(), "abc");
        assert_eq!(
            Clean::name("модель-данных 模型").as_str(),
            "модель-данных 模型"
        );
    }

    #[test]
    fn a_family_keeps_its_joiners() {
        assert_eq!(Clean::name("👩\u{200d}👧").as_str(), "👩\u{200d}👧");
        assert_eq!(Clean::name("\u{200d}a").as_str(), "a");
    }

    #[test]
    fn credentials_leave_every_url() {
        assert_eq!(
            without_credentials("GET http://u:p@a.test/x?y=http://v:q@b.test then"),
            "GET http://a.test/x?y=http://b.test then"
        );
    }

    proptest! {
        #[test]
        fn nothing_unprintable_survives(raw in ".*") {
            let clean = Clean::text(&raw);
            prop_assert!(clean.as_str().chars().all(|c| !c.is_control() && !is_invisible(c)));
        }

        #[test]
        fn cleaning_twice_changes_nothing(raw in "\\PC*") {
            let once = Clean::text(&raw);
            prop_assert_eq!(Clean::text(once.as_str()), once);
        }
    }
}
