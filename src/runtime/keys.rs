//! Terminal events as messages: which key is which chord.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers, MouseButton, MouseEvent, MouseEventKind};

use crate::intent::chord::{Chord, Code};
use crate::intent::msg::Msg;
use crate::terminal::input::Input;

/// Rows that one turn of the wheel moves.
const WHEEL: i16 = 3;

/// The message of an input; `None` for one that means nothing here.
pub(super) fn message(input: Input) -> Option<Msg> {
    Some(match input {
        Input::Key(key) => Msg::Key(chord(key)?),
        Input::Paste(text) => Msg::Paste(text),
        Input::Mouse(mouse) => return mouse_message(mouse),
        Input::Resize(size) => Msg::Resize {
            width: size.width,
            height: size.height,
        },
        Input::Focus(_) => return None,
    })
}

fn mouse_message(mouse: MouseEvent) -> Option<Msg> {
    Some(match mouse.kind {
        MouseEventKind::Down(MouseButton::Left) => Msg::Click {
            column: mouse.column,
            row: mouse.row,
        },
        MouseEventKind::ScrollDown => Msg::Scroll(WHEEL),
        MouseEventKind::ScrollUp => Msg::Scroll(-WHEEL),
        _ => return None,
    })
}

/// The chord of a key. Shift is part of a character and of back-tab, and means nothing elsewhere.
pub(super) fn chord(key: KeyEvent) -> Option<Chord> {
    let ctrl = key.modifiers.contains(KeyModifiers::CONTROL);
    let alt = key.modifiers.contains(KeyModifiers::ALT);
    let shift = key.modifiers.contains(KeyModifiers::SHIFT);
    let code = match key.code {
        // With unambiguous keys, ctrl-shift-x arrives as an upper-case letter and is ctrl-x.
        KeyCode::Char(c) if ctrl => Code::Char(c.to_ascii_lowercase()),
        // The kitty protocol may send shift and the lower-case letter.
        KeyCode::Char(c) if shift && c.is_ascii_lowercase() => Code::Char(c.to_ascii_uppercase()),
        KeyCode::Char(c) => Code::Char(c),
        KeyCode::Enter => Code::Enter,
        KeyCode::Esc => Code::Esc,
        KeyCode::Backspace => Code::Backspace,
        KeyCode::Tab if shift => Code::BackTab,
        KeyCode::Tab => Code::Tab,
        KeyCode::BackTab => Code::BackTab,
        KeyCode::Delete => Code::Delete,
        KeyCode::Up => Code::Up,
        KeyCode::Down => Code::Down,
        KeyCode::Left => Code::Left,
        KeyCode::Right => Code::Right,
        KeyCode::Home => Code::Home,
        KeyCode::End => Code::End,
        KeyCode::PageUp => Code::PageUp,
        KeyCode::PageDown => Code::PageDown,
        KeyCode::F(n) => Code::F(n),
        _ => return None,
    };
    Some(Chord { code, ctrl, alt })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_have_the_names_that_configuration_uses() {
        let key = |code, modifiers| chord(KeyEvent::new(code, modifiers)).map(|c| c.to_string());
        for (code, modifiers, want) in [
            (KeyCode::Char('g'), KeyModifiers::NONE, "g"),
            (KeyCode::Char('G'), KeyModifiers::SHIFT, "G"),
            (KeyCode::Char('g'), KeyModifiers::SHIFT, "G"),
            (
                KeyCode::Char('U'),
                KeyModifiers::CONTROL | KeyModifiers::SHIFT,
                "ctrl-u",
            ),
            (KeyCode::Char(' '), KeyModifiers::NONE, "space"),
            (KeyCode::Tab, KeyModifiers::SHIFT, "backtab"),
            (KeyCode::Char('b'), KeyModifiers::ALT, "alt-b"),
            (KeyCode::F(1), KeyModifiers::NONE, "f1"),
        ] {
            assert_eq!(
                key(code, modifiers).as_deref(),
                Some(want),
                "{code:?} {modifiers:?}"
            );
        }
        assert_eq!(key(KeyCode::CapsLock, KeyModifiers::NONE), None);
    }
}
