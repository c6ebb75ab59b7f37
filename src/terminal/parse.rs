//! From the terminal's bytes to events: a pure parser that keeps what a read cut off.
//!
//! Key sequences as xterm and the kitty keyboard protocol define them, SGR mouse reports, bracketed
//! paste, focus reports. Answers to questions, and what it does not know, it drops whole.

use crossterm::event::{
    Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers, MouseButton, MouseEvent, MouseEventKind,
};

use super::input::{self, Input};

const PASTE_END: &[u8] = b"\x1b[201~";
/// The longest unfinished sequence and paste; beyond it the bytes are dropped.
const SEQUENCE_LIMIT: usize = 256;
const PASTE_LIMIT: usize = 1 << 20;

/// The parser, with the beginning of what is not complete yet.
#[derive(Debug, Default)]
pub struct Parser {
    rest: Vec<u8>,
}

/// What one step found: how many bytes it took, and the event they stand for.
enum Step {
    Took(usize, Option<Event>),
    /// More bytes are needed; at most so many may wait.
    Unfinished(usize),
}

impl Parser {
    /// Takes the bytes of one read. A lone ESC at its end is an Esc key; telling it from a cut
    /// sequence needs a clock, which [`input::Decoder`] has.
    pub fn feed(&mut self, bytes: &[u8]) -> Vec<Event> {
        self.rest.extend_from_slice(bytes);
        let all = std::mem::take(&mut self.rest);
        let mut events = Vec::new();
        let mut rest = all.as_slice();
        while !rest.is_empty() {
            match step(rest) {
                Step::Took(n, event) => {
                    events.extend(event);
                    rest = rest.get(n.max(1)..).unwrap_or_default();
                }
                Step::Unfinished(limit) => {
                    if rest.len() <= limit {
                        self.rest = rest.to_vec();
                    }
                    break;
                }
            }
        }
        events
    }
}

fn step(bytes: &[u8]) -> Step {
    match bytes {
        [0x1b] | [0x1b, 0x1b, ..] => Step::Took(1, Some(key(KeyCode::Esc, KeyModifiers::NONE))),
        [0x1b, b'[', ..] => csi(bytes),
        [0x1b, b'O'] => Step::Unfinished(SEQUENCE_LIMIT),
        [0x1b, b'O', last, ..] => Step::Took(3, named('O', "", *last)),
        [0x1b, b']', b'0'..=b'9', ..] => osc(bytes),
        [0x1b, after @ ..] => match plain(after) {
            Step::Took(n, Some(Event::Key(mut k))) => {
                k.modifiers |= KeyModifiers::ALT;
                Step::Took(n + 1, Some(Event::Key(k)))
            }
            Step::Took(n, other) => Step::Took(n + 1, other),
            unfinished @ Step::Unfinished(_) => unfinished,
        },
        _ => plain(bytes),
    }
}

fn key(code: KeyCode, modifiers: KeyModifiers) -> Event {
    Event::Key(KeyEvent::new(code, modifiers))
}

/// One character or control character.
fn plain(bytes: &[u8]) -> Step {
    let Some(&first) = bytes.first() else {
        return Step::Unfinished(SEQUENCE_LIMIT);
    };
    let control = |c: u8| key(KeyCode::Char(char::from(c)), KeyModifiers::CONTROL);
    let event = match first {
        b'\r' => key(KeyCode::Enter, KeyModifiers::NONE),
        b'\t' => key(KeyCode::Tab, KeyModifiers::NONE),
        0x7f => key(KeyCode::Backspace, KeyModifiers::NONE),
        0 => control(b' '),
        c @ 0x01..=0x1a => control(c - 1 + b'a'),
        c @ 0x1c..=0x1f => control(c - 0x1c + b'4'),
        _ => return character(bytes),
    };
    Step::Took(1, Some(event))
}

fn character(bytes: &[u8]) -> Step {
    let length = match bytes.first() {
        Some(0xc2..=0xdf) => 2,
        Some(0xe0..=0xef) => 3,
        Some(0xf0..=0xf4) => 4,
        _ => 1,
    };
    let part = bytes.get(..length.min(bytes.len())).unwrap_or_default();
    match std::str::from_utf8(part) {
        Ok(text) => Step::Took(length, text.chars().next().map(typed)),
        // Cut in the middle, as far as it goes.
        Err(e) if e.error_len().is_none() => Step::Unfinished(SEQUENCE_LIMIT),
        Err(_) => Step::Took(1, None),
    }
}

fn typed(c: char) -> Event {
    let shift = if c.is_uppercase() {
        KeyModifiers::SHIFT
    } else {
        KeyModifiers::NONE
    };
    key(KeyCode::Char(c), shift)
}

fn csi(bytes: &[u8]) -> Step {
    // The Linux console: ESC [ [ A to E are F1 to F5.
    if let [_, _, b'[', rest @ ..] = bytes {
        return match rest.first() {
            None => Step::Unfinished(SEQUENCE_LIMIT),
            Some(c @ b'A'..=b'E') => {
                Step::Took(4, Some(key(KeyCode::F(c - b'A' + 1), KeyModifiers::NONE)))
            }
            Some(_) => Step::Took(4, None),
        };
    }
    let body = bytes.get(2..).unwrap_or_default();
    let Some(end) = body.iter().position(|b| !(0x20..=0x3f).contains(b)) else {
        return Step::Unfinished(SEQUENCE_LIMIT);
    };
    let (Some(parameters), Some(&last)) = (body.get(..end), body.get(end)) else {
        return Step::Unfinished(SEQUENCE_LIMIT);
    };
    let taken = end + 3;
    if !(0x40..=0x7e).contains(&last) {
        // Broken off by a control character, which counts for itself.
        return Step::Took(taken - 1, None);
    }
    let parameters = std::str::from_utf8(parameters).unwrap_or_default();
    match (parameters, last) {
        ("200", b'~') => paste(bytes, taken),
        // Mouse reports of the old kind carry three raw bytes.
        ("", b'M') => Step::Took(taken + 3, None),
        (p, b'M' | b'm') if p.starts_with('<') => Step::Took(taken, mouse(p, last)),
        // Answers to questions.
        (p, _) if p.starts_with(['?', '>', '<', '=']) => Step::Took(taken, None),
        (p, b'u') => Step::Took(taken, kitty(p)),
        (p, _) => Step::Took(taken, named('[', p, last)),
    }
}

fn named(intro: char, parameters: &str, last: u8) -> Option<Event> {
    match input::sequence(intro, parameters, char::from(last))? {
        Input::Key(k) => Some(Event::Key(k)),
        Input::Focus(true) => Some(Event::FocusGained),
        Input::Focus(false) => Some(Event::FocusLost),
        Input::Paste(_) | Input::Mouse(_) | Input::Resize(_) => None,
    }
}

fn paste(bytes: &[u8], start: usize) -> Step {
    let body = bytes.get(start..).unwrap_or_default();
    let Some(end) = body.windows(PASTE_END.len()).position(|w| w == PASTE_END) else {
        return Step::Unfinished(PASTE_LIMIT);
    };
    let text = String::from_utf8_lossy(body.get(..end).unwrap_or_default()).into_owned();
    Step::Took(start + end + PASTE_END.len(), Some(Event::Paste(text)))
}

/// An operating-system string is an answer: it ends at BEL or ST.
fn osc(bytes: &[u8]) -> Step {
    match bytes.iter().skip(2).position(|b| matches!(b, 0x07 | 0x1b)) {
        None => Step::Unfinished(SEQUENCE_LIMIT),
        Some(at) => {
            let end = at + 2;
            match (bytes.get(end), bytes.get(end + 1)) {
                (Some(0x1b), None) => Step::Unfinished(SEQUENCE_LIMIT),
                (Some(0x1b), Some(b'\\')) => Step::Took(end + 2, None),
                (Some(0x1b), Some(_)) => Step::Took(end, None),
                _ => Step::Took(end + 1, None),
            }
        }
    }
}

fn modifiers(bits: u16) -> KeyModifiers {
    let mut m = KeyModifiers::NONE;
    m.set(KeyModifiers::SHIFT, bits & 1 != 0);
    m.set(KeyModifiers::ALT, bits & 2 != 0);
    m.set(KeyModifiers::CONTROL, bits & 4 != 0);
    m
}

/// `CSI < button ; column ; row M` (press) or `m` (release), counted from one.
fn mouse(parameters: &str, last: u8) -> Option<Event> {
    let mut numbers = parameters.get(1..)?.split(';').map(str::parse::<u16>);
    let mut next = || numbers.next()?.ok();
    let (button, column, row) = (next()?, next()?, next()?);
    let which = match button & 3 {
        0 => MouseButton::Left,
        1 => MouseButton::Middle,
        2 => MouseButton::Right,
        _ => return None,
    };
    let kind = match (button & 0xc3, last) {
        (0x40, _) => MouseEventKind::ScrollUp,
        (0x41, _) => MouseEventKind::ScrollDown,
        (0..=2, _) if button & 0x20 != 0 => MouseEventKind::Drag(which),
        (0..=2, b'm') => MouseEventKind::Up(which),
        (0..=2, _) => MouseEventKind::Down(which),
        _ => return None,
    };
    let mut held = KeyModifiers::NONE;
    held.set(KeyModifiers::SHIFT, button & 4 != 0);
    held.set(KeyModifiers::ALT, button & 8 != 0);
    held.set(KeyModifiers::CONTROL, button & 16 != 0);
    Some(Event::Mouse(MouseEvent {
        kind,
        column: column.saturating_sub(1),
        row: row.saturating_sub(1),
        modifiers: held,
    }))
}

/// `CSI code ; modifiers : event u`: with the flag that we push, keys that had no sequence of their own.
fn kitty(parameters: &str) -> Option<Event> {
    let mut fields = parameters.split(';');
    let number = |text: Option<&str>| text.and_then(|t| t.parse::<u32>().ok());
    let code = number(fields.next()?.split(':').next())?;
    let mut second = fields.next().unwrap_or("1").split(':');
    let bits = u16::try_from(number(second.next()).unwrap_or(1).saturating_sub(1)).ok()?;
    let released = number(second.next()) == Some(3);
    let held = modifiers(bits);
    let code = match code {
        9 if held.contains(KeyModifiers::SHIFT) => KeyCode::BackTab,
        9 => KeyCode::Tab,
        13 | 57_414 => KeyCode::Enter,
        27 => KeyCode::Esc,
        127 => KeyCode::Backspace,
        n @ 57_399..=57_408 => KeyCode::Char(char::from_digit(n - 57_399, 10)?),
        57_409 => KeyCode::Char('.'),
        57_410 => KeyCode::Char('/'),
        57_411 => KeyCode::Char('*'),
        57_412 => KeyCode::Char('-'),
        57_413 => KeyCode::Char('+'),
        57_415 => KeyCode::Char('='),
        57_417 => KeyCode::Left,
        57_418 => KeyCode::Right,
        57_419 => KeyCode::Up,
        57_420 => KeyCode::Down,
        57_421 => KeyCode::PageUp,
        57_422 => KeyCode::PageDown,
        57_423 => KeyCode::Home,
        57_424 => KeyCode::End,
        57_425 => KeyCode::Insert,
        57_426 => KeyCode::Delete,
        // The rest of the private area is keys without a meaning here: media keys, bare modifiers.
        57_344..=63_743 => return None,
        n => {
            let c = char::from_u32(n).filter(|c| !c.is_control())?;
            match c.to_uppercase().next() {
                Some(upper) if held.contains(KeyModifiers::SHIFT) => KeyCode::Char(upper),
                _ => KeyCode::Char(c),
            }
        }
    };
    let mut event = KeyEvent::new(code, held);
    if released {
        event.kind = KeyEventKind::Release;
    }
    Some(Event::Key(event))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A short text for what came out: `alt-x`, `up`, `x`.
    fn names(events: &[Event]) -> String {
        let name = |event: &Event| match event {
            Event::Key(k) => {
                let mut name = match k.code {
                    KeyCode::Char(c) => c.to_string(),
                    other => format!("{other:?}").to_lowercase(),
                };
                if k.modifiers.contains(KeyModifiers::CONTROL) {
                    name.insert_str(0, "ctrl-");
                }
                if k.modifiers.contains(KeyModifiers::ALT) {
                    name.insert_str(0, "alt-");
                }
                name
            }
            Event::Mouse(m) => format!("{:?}@{},{}", m.kind, m.column, m.row),
            other => format!("{other:?}"),
        };
        events.iter().map(name).collect::<Vec<_>>().join(" ")
    }

    const CASES: &[(&[u8], &str)] = &[
        (b"jG", "j G"),
        (b"\r\t\x7f\x03\x00", "enter tab backspace ctrl-c ctrl- "),
        (
            b"\x1b[A\x1bOB\x1b[1;5C\x1b[5~\x1b[Z",
            "up down ctrl-right pageup backtab",
        ),
        (b"\x1bOP\x1b[15~\x1b[[B", "f(1) f(5) f(2)"),
        (b"\x1bx\x1b\r", "alt-x alt-enter"),
        (b"\x1b\x1b[A", "esc up"),
        ("é模\u{1f600}".as_bytes(), "é 模 \u{1f600}"),
        (b"\x1b[200~a\nb\x1b[201~c", "Paste(\"a\\nb\") c"),
        (b"\x1b[I\x1b[O", "FocusGained FocusLost"),
        (b"\x1b[<0;10;5M\x1b[<0;10;5m", "Down(Left)@9,4 Up(Left)@9,4"),
        (b"\x1b[<65;1;1M\x1b[<64;1;1M", "ScrollDown@0,0 ScrollUp@0,0"),
        (b"\x1b[27u\x1b[99;5u\x1b[97;6u", "esc ctrl-c ctrl-A"),
        (b"\x1b[57399u\x1b[57420u\x1b[57441u", "0 down"),
        (b"\x1b]11;rgb:1/2/3\x1b\\\x1b[?62;22c\x1b[?0uj", "j"),
        (b"\x1b]11;rgb:1/2/3\x07j", "j"),
        (b"\xffj\xc3(", "j ("),
    ];

    #[test]
    fn sequences_are_read() {
        for (bytes, want) in CASES {
            assert_eq!(
                names(&Parser::default().feed(bytes)),
                *want,
                "{:?}",
                String::from_utf8_lossy(bytes)
            );
        }
    }

    #[test]
    fn a_read_may_end_anywhere_but_after_an_escape() {
        for (bytes, want) in CASES {
            for cut in 1..bytes.len() {
                // Alt-] and the start of an answer are the same; the decoder knows whether one is due.
                if bytes[..cut].ends_with(b"\x1b]") {
                    continue;
                }
                if bytes[cut - 1] == 0x1b && !bytes[..cut].starts_with(b"\x1b[200~") {
                    continue;
                }
                let mut parser = Parser::default();
                let mut events = parser.feed(&bytes[..cut]);
                events.extend(parser.feed(&bytes[cut..]));
                assert_eq!(names(&events), *want, "{bytes:?} cut at {cut}");
            }
        }
    }

    #[test]
    fn an_endless_sequence_is_given_up() {
        let mut parser = Parser::default();
        parser.feed(b"\x1b[");
        for _ in 0..SEQUENCE_LIMIT {
            parser.feed(b"1");
        }
        assert_eq!(names(&parser.feed(b"j")), "j");
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_can_come(reads: Vec<Vec<u8>>) {
            let mut parser = Parser::default();
            for read in reads {
                parser.feed(&read);
                proptest::prop_assert!(parser.rest.len() <= PASTE_LIMIT);
            }
        }
    }
}
