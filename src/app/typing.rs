//! Editing keys of a single line: one set for prompts and dialogs alike.

use crate::intent::chord::{Chord, Code};
use crate::ui::form::TextInput;

/// Applies an editing key; says whether the key meant anything to the line.
pub(super) fn edit(input: &mut TextInput, chord: Chord) -> bool {
    match (chord.code, chord.ctrl, chord.alt) {
        (Code::Char(c), false, false) => input.insert(c),
        (Code::Backspace, false, false) | (Code::Char('h'), true, false) => input.backspace(),
        (Code::Delete, ..) => input.delete(),
        (Code::Left, false, false) | (Code::Char('b'), true, false) => input.left(),
        (Code::Right, false, false) | (Code::Char('f'), true, false) => input.right(),
        (Code::Left, ..) | (Code::Char('b'), false, true) => input.word_left(),
        (Code::Right, ..) | (Code::Char('f'), false, true) => input.word_right(),
        (Code::Home, ..) | (Code::Char('a'), true, false) => input.home(),
        (Code::End, ..) | (Code::Char('e'), true, false) => input.end(),
        (Code::Char('w'), true, false) | (Code::Backspace, ..) => input.delete_word(),
        (Code::Char('u'), true, false) => input.delete_to_start(),
        (Code::Char('k'), true, false) => input.delete_to_end(),
        _ => return false,
    }
    true
}
