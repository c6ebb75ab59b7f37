use super::*;

const HOLD: Duration = Duration::from_millis(50);

fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

fn press(code: KeyCode) -> Event {
    let shift = matches!(code, KeyCode::Char(c) if c.is_uppercase());
    Event::Key(KeyEvent::new(
        code,
        if shift {
            KeyModifiers::SHIFT
        } else {
            KeyModifiers::NONE
        },
    ))
}

fn chars(text: &str) -> Vec<Event> {
    text.chars()
        .map(|c| match c {
            '\u{1b}' => press(KeyCode::Esc),
            '\n' => press(KeyCode::Enter),
            c => press(KeyCode::Char(c)),
        })
        .collect()
}

/// A short text for what came out: `esc`, `alt-x`, `up`, `x`.
fn names(batch: &Batch) -> String {
    batch
        .inputs
        .iter()
        .map(|input| match input {
            Input::Key(k) => {
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
            Input::Paste(text) => format!("paste({text})"),
            Input::Resize(s) => format!("{}x{}", s.width, s.height),
            Input::Mouse(_) => "mouse".to_owned(),
            Input::Focus(on) => format!("focus-{on}"),
        })
        .collect::<Vec<_>>()
        .join(" ")
}

#[test]
fn a_lone_escape_passes_after_its_hold_and_not_before() {
    let t = Instant::now();
    let mut d = Decoder::new(HOLD);
    assert_eq!(names(&d.feed(chars("\u{1b}"), t)), "");
    assert_eq!(d.deadline(), Some(t + HOLD));
    assert_eq!(names(&d.expire(t + ms(49))), "");
    assert_eq!(names(&d.expire(t + ms(50))), "esc");
    assert_eq!(d.deadline(), None);
    assert_eq!(names(&d.feed(chars("x"), t + ms(51))), "x");
}

#[test]
fn a_key_after_the_hold_is_not_joined_even_if_nobody_called_expire() {
    let t = Instant::now();
    let mut d = Decoder::new(HOLD);
    d.feed(chars("\u{1b}"), t);
    assert_eq!(names(&d.feed(chars("b"), t + ms(80))), "esc b");
}

#[test]
fn what_follows_an_escape_is_put_together() {
    for (rest, want) in [
        ("x", "alt-x"),
        ("\n", "alt-enter"),
        ("[A", "up"),
        ("OA", "up"),
        ("OP", "f(1)"),
        ("[5~", "pageup"),
        ("[24~", "f(12)"),
        ("[1;5C", "ctrl-right"),
        ("[1;3D", "alt-left"),
        ("[I", "focus-true"),
        ("[<0;10;5M", ""),
        ("[200~rm -rf\ny", ""),
    ] {
        let t = Instant::now();
        let mut d = Decoder::new(HOLD);
        d.feed(chars("\u{1b}"), t);
        assert_eq!(names(&d.feed(chars(rest), t + ms(10))), want, "{rest:?}");
    }
}

#[test]
fn a_sequence_cut_anywhere_never_runs_as_commands() {
    let whole = "\u{1b}[1;5A";
    for cut in 1..whole.len() {
        let t = Instant::now();
        let mut d = Decoder::new(HOLD);
        let (a, b) = whole.split_at(cut);
        let mut got = names(&d.feed(chars(a), t));
        got.push_str(&names(&d.feed(chars(b), t + ms(40))));
        assert_eq!(got, "ctrl-up", "cut at {cut}");
    }
    let t = Instant::now();
    let mut d = Decoder::new(HOLD);
    d.feed(chars("\u{1b}[1;5"), t);
    assert_eq!(names(&d.expire(t + HOLD)), "");
    d.feed(chars("\u{1b}["), t + ms(100));
    assert_eq!(names(&d.expire(t + ms(200))), "alt-[");
}

#[test]
fn a_paste_whose_bracket_was_cut_is_still_a_paste() {
    let t = Instant::now();
    let mut d = Decoder::new(HOLD);
    d.feed(chars("\u{1b}"), t);
    assert_eq!(names(&d.feed(chars("[200~churn\nyes"), t + ms(5))), "");
    assert_eq!(names(&d.expire(t + ms(60))), "paste(churn yes)");
}

#[test]
fn two_escapes_are_two() {
    let t = Instant::now();
    let mut d = Decoder::new(HOLD);
    assert_eq!(names(&d.feed(chars("\u{1b}\u{1b}"), t)), "esc");
    assert_eq!(names(&d.expire(t + HOLD)), "esc");
}

#[test]
fn an_escape_before_a_whole_key_stays_an_escape() {
    let t = Instant::now();
    let mut d = Decoder::new(HOLD);
    d.feed(chars("\u{1b}"), t);
    let got = d.feed([press(KeyCode::Down)], t + ms(5));
    assert_eq!(names(&got), "esc down");
}

#[test]
fn with_unambiguous_keys_nothing_is_held() {
    let mut d = Decoder::new(Duration::ZERO);
    assert_eq!(names(&d.feed(chars("\u{1b}x"), Instant::now())), "esc x");
}

#[test]
fn releases_vanish_and_repeats_stay() {
    let mut release = KeyEvent::new(KeyCode::Char('j'), KeyModifiers::NONE);
    release.kind = KeyEventKind::Release;
    let mut repeat = release;
    repeat.kind = KeyEventKind::Repeat;
    let mut d = Decoder::new(HOLD);
    let got = d.feed([Event::Key(release), Event::Key(repeat)], Instant::now());
    assert_eq!(got.inputs, [Input::Key(repeat)]);
}

#[test]
fn resizes_become_the_last() {
    let mut d = Decoder::new(HOLD);
    let got = d.feed(
        [
            Event::Resize(80, 24),
            press(KeyCode::Char('j')),
            Event::Resize(100, 30),
            Event::Resize(120, 40),
        ],
        Instant::now(),
    );
    assert_eq!(names(&got), "j 120x40");
}

#[test]
fn more_printable_keys_than_a_person_types_in_one_read_are_a_paste() {
    let mut d = Decoder::new(HOLD);
    let mut pasted = |events| d.feed(events, Instant::now()).is_pasted();
    assert!(!pasted(chars("yes")));
    assert!(pasted(chars("churn")));
    // A key that is held down, and text that the terminal did mark, are none.
    let held = || Event::Key(KeyEvent::new(KeyCode::Char('w'), KeyModifiers::CONTROL));
    assert!(!pasted((0..8).map(|_| held()).collect()));
    let marked = Event::Paste("a lot of text".to_owned());
    assert!(!pasted(
        [chars("yes"), vec![marked, held(), held()]].concat()
    ));
}

#[test]
fn the_size_and_the_way_out_are_no_text_of_a_paste() {
    let mut d = Decoder::new(Duration::ZERO);
    let key = |code, modifiers| Event::Key(KeyEvent::new(code, modifiers));
    let more = vec![
        Event::Resize(80, 24),
        key(KeyCode::Enter, KeyModifiers::NONE),
        key(KeyCode::Char('a'), KeyModifiers::CONTROL),
        key(KeyCode::Esc, KeyModifiers::NONE),
    ];
    let batch = d.feed([chars("churn"), more].concat(), Instant::now());
    assert!(batch.is_pasted());
    let left = batch.beside_text();
    let escape = KeyEvent::new(KeyCode::Esc, KeyModifiers::NONE);
    assert_eq!(left, [Input::Resize(Size::new(80, 24)), Input::Key(escape)]);
}

#[test]
fn pastes_lose_their_control_characters() {
    let mut d = Decoder::new(HOLD);
    let got = d.feed(
        [Event::Paste("chu\u{1b}[31mrn\r\n\u{7}v2".to_owned())],
        Instant::now(),
    );
    assert_eq!(names(&got), "paste(churn v2)");
}

#[test]
fn a_late_answer_runs_no_commands() {
    let t = Instant::now();
    let alt = |c| Event::Key(KeyEvent::new(KeyCode::Char(c), KeyModifiers::ALT));
    let mut whole = vec![alt(']')];
    whole.extend(chars("11;rgb:1e1e/1e1e/2e2e"));
    whole.push(alt('\\'));
    whole.extend(chars("j"));

    let mut d = Decoder::new(HOLD);
    d.expect_late_reply(t + ms(2_000));
    assert_eq!(names(&d.feed(whole.clone(), t + ms(300))), "j");

    let mut cut = Decoder::new(HOLD);
    cut.expect_late_reply(t + ms(2_000));
    cut.feed(chars("\u{1b}"), t);
    assert_eq!(names(&cut.feed(chars("]11;rgb:1"), t)), "");
    let rest = cut.feed(chars("e/2/3\u{1b}\\j"), t + ms(10));
    assert_eq!(names(&rest), "j");

    let mut unasked = Decoder::new(HOLD);
    assert!(names(&unasked.feed(whole, t)).starts_with("alt-] 1 1 ;"));
}

proptest::proptest! {
    /// Whatever comes, nothing stays held for ever, and no more keys come out than went in.
    #[test]
    fn nothing_is_made_up(text in "[\u{1b}\\[\\]O0-9;~A-Za-z\\\\]{0,40}", gap in 0_u64..80) {
        let mut t = Instant::now();
        let mut d = Decoder::new(HOLD);
        let mut out = 0;
        for c in text.chars() {
            out += d.feed(chars(&c.to_string()), t).inputs.len();
            t += ms(gap);
        }
        out += d.expire(t + HOLD).inputs.len();
        proptest::prop_assert!(d.deadline().is_none());
        proptest::prop_assert!(out <= text.chars().count());
    }
}
