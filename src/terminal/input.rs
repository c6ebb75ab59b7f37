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
    printable: usize,
}

/// A person may type so many printable keys while one read waits.
const TYPED: usize = 3;

impl Batch {
    /// Whether it is a paste that the terminal did not mark.
    pub fn is_pasted(&self) -> bool {
        self.printable > TYPED
    }

    /// What of a paste is no text: the window's size, and the key that leaves without a yes.
    pub fn beside_text(self) -> Vec<Input> {
        let mut inputs = self.inputs;
        inputs.retain(|input| match input {
            Input::Resize(_) => true,
            Input::Key(key) => key.code == KeyCode::Esc && key.modifiers.is_empty(),
            Input::Paste(_) | Input::Mouse(_) | Input::Focus(_) => false,
        });
        inputs
    }

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
pub(super) fn sequence(intro: char, parameters: &str, last: char) -> Option<Input> {
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
mod tests;
