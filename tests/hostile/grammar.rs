//! What people and files write: keys, sequences and themes of any shape are read or refused in
//! words. Settings and filters have such tests beside them.

use std::collections::BTreeMap;

use proptest::prelude::*;
use quarterdeck::intent::chord::Chord;
use quarterdeck::intent::command::COMMANDS;
use quarterdeck::intent::keymap::Keymap;
use quarterdeck::ui::theme::{Depth, Theme};

/// Pieces of keys, in any order.
fn keyish() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "ctrl-", "alt-", "shift-", "esc", "enter", "space", "f", "1", "12", "99", "g", "G", " ",
        "-", "<", ">", "é", "\u{202e}", "\u{1b}", "tab", "up", "",
    ]);
    prop::collection::vec(piece, 0..6).prop_map(|pieces| pieces.concat())
}

/// A theme in which one line is not what it should be.
fn themish() -> impl Strategy<Value = String> {
    let text = Theme::source("dark").expect("a built-in theme");
    let lines = text.lines().count();
    let bad = prop::sample::select(vec![
        "",
        "[",
        "[[a]]",
        "= 1",
        "inherit = \"dark\"",
        "inherit = \"nowhere\"",
        "ok = 7",
        "ok = \"#12\"",
        "ok = \"#gggggg\"",
        "ok = \"\\u001b[31m\"",
        "ok = { fg = [] }",
        "ok = { fg = \"red\", add = \"blinking\" }",
        "nonsense = \"red\"",
        "\u{0}",
    ]);
    (0..lines, bad).prop_map(move |(at, bad)| {
        let mut lines: Vec<&str> = text.lines().collect();
        lines[at] = bad;
        lines.join("\n")
    })
}

fn is_plain(text: &str) -> bool {
    text.chars().all(|c| !c.is_control() || c == '\n')
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn keys_are_read_or_refused(text in prop_oneof![keyish(), ".{0,40}"]) {
        if let Ok(chord) = Chord::parse(&text) {
            prop_assert_eq!(Chord::parse(&chord.to_string()), Ok(chord), "{:?}", text);
        }
        let _ = Chord::parse_sequence(&text);
    }

    #[test]
    fn keymaps_are_made_or_refused(
        at in 0..COMMANDS.len(),
        keys in prop::collection::vec(keyish(), 0..3),
        stranger in ".{0,20}",
    ) {
        let set = BTreeMap::from([(COMMANDS[at].id.to_owned(), keys), (stranger, Vec::new())]);
        if let Err(mistakes) = Keymap::new(&set) {
            prop_assert!(!mistakes.is_empty());
        }
    }

    #[test]
    fn themes_are_read_or_refused(text in prop_oneof![themish(), ".{0,200}"]) {
        match Theme::parse("a theme", &text) {
            Ok(theme) => {
                for depth in [Depth::Mono, Depth::True] {
                    let _ = theme.styles(depth);
                }
            }
            Err(error) => prop_assert!(is_plain(&error.to_string()), "{:?}", error.to_string()),
        }
    }
}
