//! The questions put to the terminal, all in one write, between the first frame and the event
//! stream; afterwards the answers would arrive as keys.

use std::io;
use std::time::Duration;

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::caps::{Answers, Rgb};
use super::session::Session;

/// Background colour, kitty keyboard flags, and last the device attributes, which every terminal
/// answers: when that answer is here, no other is coming.
pub const QUESTIONS: &[u8] = b"\x1b]11;?\x1b\\\x1b[?u\x1b[c";

/// More than this is no answer but somebody leaning on a key.
#[cfg(unix)]
const ENOUGH: usize = 4_096;

/// Asks, and reads for at most `limit`. Silence is an answer: everything stays as detected.
///
/// Blocking; call it after the writer has drained and before the event stream exists. If the answers
/// are not complete, tell the decoder to expect a late one ([`super::input::Decoder::expect_late_reply`]).
#[cfg(unix)]
pub fn ask(session: &Session, limit: Duration) -> io::Result<Answers> {
    let end = std::time::Instant::now() + limit;
    let device = session.device();
    device.write_within(QUESTIONS, limit)?;
    let mut got = Vec::new();
    let mut chunk = [0_u8; 512];
    loop {
        let rest = end.saturating_duration_since(std::time::Instant::now());
        let n = device.read_within(&mut chunk, rest)?.unwrap_or(0);
        got.extend_from_slice(chunk.get(..n).unwrap_or_default());
        let answers = parse(&got);
        if answers.complete || rest.is_zero() || got.len() > ENOUGH {
            return Ok(answers);
        }
    }
}

/// Consoles without Unix terminals are not asked.
#[cfg(not(unix))]
pub fn ask(_session: &Session, _limit: Duration) -> io::Result<Answers> {
    Ok(Answers {
        complete: true,
        ..Answers::default()
    })
}

/// Sorts what came into answers and typed bytes.
pub fn parse(bytes: &[u8]) -> Answers {
    let mut answers = Answers::default();
    let mut rest = bytes;
    while let Some((&first, tail)) = rest.split_first() {
        let (taken, known) = match (first, tail.first()) {
            (0x1b, Some(b'[')) => csi(rest, &mut answers),
            (0x1b, Some(b']')) => osc(rest, &mut answers),
            _ => (1, false),
        };
        let (this, after) = rest.split_at(taken.clamp(1, rest.len()));
        if !known {
            answers.typed.extend_from_slice(this);
        }
        rest = after;
    }
    answers
}

/// A control sequence: how long it is, and whether it was an answer.
fn csi(bytes: &[u8], answers: &mut Answers) -> (usize, bool) {
    let Some(last) = bytes
        .iter()
        .skip(2)
        .position(|b| (0x40..=0x7e).contains(b))
        .map(|i| i + 2)
    else {
        return (bytes.len(), false);
    };
    let known = match (bytes.get(2), bytes.get(last)) {
        (Some(b'?'), Some(b'c')) => {
            answers.complete = true;
            true
        }
        (Some(b'?'), Some(b'u')) => {
            answers.kitty = true;
            true
        }
        _ => false,
    };
    (last + 1, known)
}

/// An operating-system string, ended by BEL or ST. One that is not yet whole is nobody's typing.
fn osc(bytes: &[u8], answers: &mut Answers) -> (usize, bool) {
    let Some(end) = bytes
        .iter()
        .skip(2)
        .position(|b| matches!(b, 0x07 | 0x1b))
        .map(|i| i + 2)
    else {
        return (bytes.len(), true);
    };
    if let Some(body) = bytes.get(2..end).and_then(|b| b.strip_prefix(b"11;")) {
        answers.background = color(body);
    }
    let terminator = if bytes.get(end) == Some(&0x1b) { 2 } else { 1 };
    (end + terminator, true)
}

/// `rgb:RRRR/GGGG/BBBB` or `rgba:…`, one to four digits a channel.
fn color(body: &[u8]) -> Option<Rgb> {
    let text = std::str::from_utf8(body).ok()?;
    let channels = text
        .strip_prefix("rgb:")
        .or_else(|| text.strip_prefix("rgba:"))?;
    let mut parts = channels.split('/').map(|part| {
        if part.len() > 4 {
            return None;
        }
        let most = 16_u32.checked_pow(u32::try_from(part.len()).ok()?)? - 1;
        let value = u32::from_str_radix(part, 16).ok()?;
        u8::try_from((value * 255).checked_div(most)?).ok()
    });
    let mut next = || parts.next().flatten();
    Some(Rgb(next()?, next()?, next()?))
}

/// The plain keys among bytes typed while the terminal was asked, so that a quick `2` after the
/// start is not lost. Sequences other than the arrows are dropped.
pub fn typed_keys(typed: &[u8]) -> Vec<KeyEvent> {
    let mut keys = Vec::new();
    let text = String::from_utf8_lossy(typed);
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        let code = match c {
            '\r' => KeyCode::Enter,
            '\t' => KeyCode::Tab,
            '\u{7f}' => KeyCode::Backspace,
            '\u{1b}' if chars.next_if(|c| matches!(c, '[' | 'O')).is_some() => {
                let parameter = |c: &char| ('\u{20}'..='\u{3f}').contains(c);
                while chars.next_if(parameter).is_some() {}
                match chars.next() {
                    Some('A') => KeyCode::Up,
                    Some('B') => KeyCode::Down,
                    Some('C') => KeyCode::Right,
                    Some('D') => KeyCode::Left,
                    _ => continue,
                }
            }
            '\u{1b}' => KeyCode::Esc,
            '\u{1}'..='\u{1a}' => {
                let letter = char::from(b'a' + (c as u8) - 1);
                keys.push(KeyEvent::new(KeyCode::Char(letter), KeyModifiers::CONTROL));
                continue;
            }
            c if c.is_control() || c == char::REPLACEMENT_CHARACTER => continue,
            c => KeyCode::Char(c),
        };
        let shift = matches!(code, KeyCode::Char(c) if c.is_uppercase());
        keys.push(KeyEvent::new(
            code,
            if shift {
                KeyModifiers::SHIFT
            } else {
                KeyModifiers::NONE
            },
        ));
    }
    keys
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_set_of_answers() {
        let a = parse(b"\x1b]11;rgb:fdfd/f6f6/e3e3\x1b\\\x1b[?0u\x1b[?62;22c");
        assert_eq!(a.background, Some(Rgb(0xfd, 0xf6, 0xe3)));
        assert!(a.kitty && a.complete && a.typed.is_empty());
    }

    #[test]
    fn colours_of_every_width() {
        for (body, want) in [
            ("rgb:ff/00/80", Some(Rgb(255, 0, 128))),
            ("rgb:f/0/f", Some(Rgb(255, 0, 255))),
            ("rgba:1e1e/1e1e/2e2e/ffff", Some(Rgb(0x1e, 0x1e, 0x2e))),
            ("rgb:fffff/0/0", None),
            ("rgb:12/34", None),
            ("rgb:/0/0", None),
            ("?", None),
        ] {
            assert_eq!(color(body.as_bytes()), want, "{body}");
        }
    }

    #[test]
    fn keys_typed_between_answers_are_kept() {
        let a = parse(b"2\x1b]11;rgb:0/0/0\x07j\x1b[A\x1b[?62c\x1b[B");
        assert_eq!(a.background, Some(Rgb(0, 0, 0)));
        assert!(a.complete);
        let codes: Vec<_> = typed_keys(&a.typed).iter().map(|k| k.code).collect();
        assert_eq!(
            codes,
            [
                KeyCode::Char('2'),
                KeyCode::Char('j'),
                KeyCode::Up,
                KeyCode::Down
            ]
        );
    }

    #[test]
    fn half_an_answer_is_not_typing() {
        let a = parse(b"\x1b]11;rgb:12/3");
        assert!(!a.complete);
        assert_eq!(a.background, None);
        assert!(a.typed.is_empty());
        assert!(!parse(b"\x1b[?62").complete);
    }

    #[test]
    fn control_letters_and_capitals() {
        let keys = typed_keys(b"G\x03\r");
        assert_eq!(keys[0].modifiers, KeyModifiers::SHIFT);
        assert_eq!(
            keys[1],
            KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL)
        );
        assert_eq!(keys[2].code, KeyCode::Enter);
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_can_come(bytes: Vec<u8>) {
            let a = parse(&bytes);
            typed_keys(&a.typed);
        }
    }
}
