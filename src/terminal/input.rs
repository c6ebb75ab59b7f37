//! Terminal events made fit for the keymap: no releases, one resize, lone escapes told apart from
//! split sequences. A pure state machine; the caller passes the time in.
//!
//! A slow link can cut a sequence after its ESC. Read literally, the rest of an arrow key would be
//! the command on `A`; so an ESC is held for a moment and what follows it is put together again.

use std::time::{Duration, Instant};

use crossterm::event::{Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers, MouseEvent};
use ratatui::layout::Size;

use crate::domain::text::Clean;

/// One thing the user or the terminal did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// A key pressed or repeated.
    Key(KeyEvent),
    /// Pasted text, on one line and without control characters. It is never a command.
    Paste(Clean),
    /// A press or a turn of the wheel.
    Mouse(MouseEvent),
    /// The window has a new size; several in one batch have become the last.
    Resize(Size),
    /// The window gained or lost the focus.
    Focus(bool),
}

/// What came of the events that were there at once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Batch {
    /// In order.
    pub inputs: Vec<Input>,
    /// How many of them are printable keys: more than a person types in one read is a paste that
    /// the terminal did not mark.
    pub printable: usize,
}

impl Batch {
    fn push(&mut self, input: Input) {
        match &input {
            Input::Key(key) if is_printable(key) => self.printable += 1,
            Input::Resize(_) => self.inputs.retain(|i| !matches!(i, Input::Resize(_))),
            _ => {}
        }
        self.inputs.push(input);
    }

    fn key(&mut self, code: KeyCode, modifiers: KeyModifiers) {
        self.push(Input::Key(KeyEvent::new(code, modifiers)));
    }
}

fn is_printable(key: &KeyEvent) -> bool {
    matches!(key.code, KeyCode::Char(_))
        && !key
            .modifiers
            .intersects(KeyModifiers::CONTROL | KeyModifiers::ALT)
}

/// The longest sequence worth holding, and the longest answer worth swallowing, in characters.
const SEQUENCE_LIMIT: usize = 32;
const REPLY_LIMIT: usize = 64;
/// The longest paste put together from keys.
const PASTE_LIMIT: usize = 8_192;

/// What has begun and is not complete.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Held {
    /// An ESC.
    Escape,
    /// ESC, then `[` or `O`, then these parameters.
    Sequence(char, String),
    /// A paste whose opening bracket was cut, so that its text comes as keys.
    Paste(String),
    /// The terminal's late answer to a question, of which so many characters were swallowed.
    Reply(usize),
}

/// The state machine from events to inputs.
#[derive(Clone, Debug)]
pub struct Decoder {
    hold: Duration,
    held: Option<(Held, Instant)>,
    reply_until: Option<Instant>,
}

impl Decoder {
    /// A decoder that holds a lone ESC for `hold` ([`super::caps::Caps::escape_hold`]); with zero it
    /// passes at once.
    pub fn new(hold: Duration) -> Self {
        Self {
            hold,
            held: None,
            reply_until: None,
        }
    }

    /// Changes the time a lone ESC is held.
    pub fn set_hold(&mut self, hold: Duration) {
        self.hold = hold;
    }

    /// Says that an answer may still arrive as keys until then; such an answer is swallowed.
    pub fn expect_late_reply(&mut self, until: Instant) {
        self.reply_until = Some(until);
    }

    /// When to call [`expire`](Self::expire), if nothing comes before.
    pub fn deadline(&self) -> Option<Instant> {
        self.held.as_ref().map(|(_, since)| *since + self.hold)
    }

    /// Takes all events that are there at once: what one read of the terminal gave.
    pub fn feed(&mut self, events: impl IntoIterator<Item = Event>, now: Instant) -> Batch {
        let mut batch = self.expire(now);
        for event in events {
            match event {
                Event::Key(key) if key.kind == KeyEventKind::Release => {}
                Event::Key(key) => self.key(key, now, &mut batch),
                Event::Paste(text) => {
                    self.release(&mut batch);
                    batch.push(Input::Paste(Clean::text(&text)));
                }
                Event::Mouse(mouse) => batch.push(Input::Mouse(mouse)),
                Event::Resize(width, height) => {
                    batch.push(Input::Resize(Size::new(width, height)));
                }
                Event::FocusGained => batch.push(Input::Focus(true)),
                Event::FocusLost => batch.push(Input::Focus(false)),
            }
        }
        batch
    }

    /// Lets go of what was held long enough.
    pub fn expire(&mut self, now: Instant) -> Batch {
        let mut batch = Batch::default();
        if self.deadline().is_some_and(|at| now >= at) {
            self.release(&mut batch);
        }
        batch
    }

    /// Emits what is held as if nothing more came.
    fn release(&mut self, batch: &mut Batch) {
        match self.held.take() {
            None | Some((Held::Reply(_), _)) => {}
            Some((Held::Escape, _)) => batch.key(KeyCode::Esc, KeyModifiers::NONE),
            Some((Held::Sequence(intro, parameters), _)) => {
                // Nobody types this fast: with parameters it is a broken sequence, and its
                // characters must not run as commands.
                if parameters.is_empty() {
                    batch.key(KeyCode::Char(intro), KeyModifiers::ALT);
                }
            }
            Some((Held::Paste(text), _)) => batch.push(Input::Paste(Clean::text(&text))),
        }
    }

    fn key(&mut self, key: KeyEvent, now: Instant, batch: &mut Batch) {
        let plain = !key
            .modifiers
            .intersects(KeyModifiers::CONTROL | KeyModifiers::ALT);
        let held = self.held.take().map(|(held, _)| held);
        match (held, key.code) {
            (Some(Held::Reply(n)), code) => {
                let ended = code == KeyCode::Char('\\')
                    || (code == KeyCode::Char('g')
                        && key.modifiers.contains(KeyModifiers::CONTROL));
                if ended {
                    self.reply_until = None;
                } else if n < REPLY_LIMIT {
                    self.held = Some((Held::Reply(n + 1), now));
                }
            }
            (Some(Held::Paste(mut text)), code) => {
                match code {
                    KeyCode::Char(c) if plain => text.push(c),
                    KeyCode::Enter | KeyCode::Tab => text.push(' '),
                    KeyCode::Char('j') if key.modifiers.contains(KeyModifiers::CONTROL) => {
                        text.push(' ');
                    }
                    _ => {}
                }
                self.held = Some((Held::Paste(text), now));
                if matches!(&self.held, Some((Held::Paste(t), _)) if t.len() > PASTE_LIMIT) {
                    self.release(batch);
                }
            }
            (Some(Held::Sequence(intro, mut parameters)), KeyCode::Char(c)) if plain => {
                if ('\u{20}'..='\u{3f}').contains(&c) {
                    parameters.push(c);
                    if parameters.len() <= SEQUENCE_LIMIT {
                        self.held = Some((Held::Sequence(intro, parameters), now));
                    }
                } else if c == '~' && parameters == "200" {
                    self.held = Some((Held::Paste(String::new()), now));
                } else if let Some(input) = sequence(intro, &parameters, c) {
                    batch.push(input);
                }
            }
            (Some(Held::Escape), KeyCode::Char(c @ ('[' | 'O'))) if plain => {
                self.held = Some((Held::Sequence(c, String::new()), now));
            }
            (Some(Held::Escape), KeyCode::Char(']')) if plain && self.awaits_reply(now) => {
                self.held = Some((Held::Reply(0), now));
            }
            (
                Some(Held::Escape),
                KeyCode::Char(_) | KeyCode::Enter | KeyCode::Tab | KeyCode::Backspace,
            ) => {
                let mut joined = key;
                joined.modifiers |= KeyModifiers::ALT;
                batch.push(Input::Key(joined));
            }
            (Some(other), _) => {
                self.held = Some((other, now));
                self.release(batch);
                self.fresh(key, now, batch);
            }
            (None, _) => self.fresh(key, now, batch),
        }
    }

    /// A key with nothing held before it.
    fn fresh(&mut self, key: KeyEvent, now: Instant, batch: &mut Batch) {
        if key.code == KeyCode::Esc && key.modifiers.is_empty() && !self.hold.is_zero() {
            self.held = Some((Held::Escape, now));
        } else if key.code == KeyCode::Char(']')
            && key.modifiers == KeyModifiers::ALT
            && self.awaits_reply(now)
        {
            self.held = Some((Held::Reply(0), now));
        } else {
            batch.push(Input::Key(key));
        }
    }

    fn awaits_reply(&self, now: Instant) -> bool {
        self.reply_until.is_some_and(|until| now < until)
    }
}

/// The input that a whole sequence stands for; `None` for one without a meaning here.
fn sequence(intro: char, parameters: &str, last: char) -> Option<Input> {
    if intro == '[' && parameters.is_empty() {
        match last {
            'I' => return Some(Input::Focus(true)),
            'O' => return Some(Input::Focus(false)),
            _ => {}
        }
    }
    let mut numbers = parameters.split(';').map(|n| n.parse::<u8>().unwrap_or(1));
    let first = numbers.next().unwrap_or(1);
    let modifiers = numbers.next().map_or(KeyModifiers::NONE, |m| {
        // xterm: one more than shift 1, alt 2, control 4, which are also the bits of the enum's
        // first three in another order.
        let bits = m.saturating_sub(1);
        let mut modifiers = KeyModifiers::NONE;
        modifiers.set(KeyModifiers::SHIFT, bits & 1 != 0);
        modifiers.set(KeyModifiers::ALT, bits & 2 != 0);
        modifiers.set(KeyModifiers::CONTROL, bits & 4 != 0);
        modifiers
    });
    let code = match (last, first) {
        ('A', _) => KeyCode::Up,
        ('B', _) => KeyCode::Down,
        ('C', _) => KeyCode::Right,
        ('D', _) => KeyCode::Left,
        ('H', _) | ('~', 1 | 7) => KeyCode::Home,
        ('F', _) | ('~', 4 | 8) => KeyCode::End,
        ('Z', _) => KeyCode::BackTab,
        ('P', _) => KeyCode::F(1),
        ('Q', _) => KeyCode::F(2),
        ('R', _) if intro == 'O' => KeyCode::F(3),
        ('S', _) => KeyCode::F(4),
        ('~', 2) => KeyCode::Insert,
        ('~', 3) => KeyCode::Delete,
        ('~', 5) => KeyCode::PageUp,
        ('~', 6) => KeyCode::PageDown,
        ('~', n @ 11..=15) => KeyCode::F(n - 10),
        ('~', n @ 17..=21) => KeyCode::F(n - 11),
        ('~', n @ 23..=24) => KeyCode::F(n - 12),
        _ => return None,
    };
    Some(Input::Key(KeyEvent::new(code, modifiers)))
}

#[cfg(test)]
mod tests {
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
    fn printable_keys_are_counted_per_read() {
        let mut d = Decoder::new(HOLD);
        let mut events = chars("churn\n");
        events.push(Event::Key(KeyEvent::new(
            KeyCode::Char('c'),
            KeyModifiers::CONTROL,
        )));
        events.push(Event::Paste("a lot of text".to_owned()));
        assert_eq!(d.feed(events, Instant::now()).printable, 5);
        assert_eq!(d.feed(chars("y"), Instant::now()).printable, 1);
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
}
