//! Leaving while a write is on its way: it is named, waited for on request, or left, and then the journal
//! says how it stood.

use super::dialogs::{Action, Dialog};
use super::{App, Effects};
use crate::domain::action::Act;
use crate::domain::fleet::standing::called;
use crate::intent::msg::Effect;
use crate::ui::picker::Item;

/// How to leave.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Leave {
    /// Once nothing is on its way any more.
    Wait,
    /// At once.
    Now,
    /// Not at all.
    Stay,
}

impl App {
    /// Leaves, or asks how while a write is on its way.
    pub(super) fn quit(&mut self, effects: &mut Effects) {
        if self.writing.writes.here().next().is_none() {
            effects.push(Effect::Quit);
        } else {
            self.dialog = Some(self.leaving());
        }
    }

    /// What is on its way: `promote fraud v14 (applying 2/3)`.
    fn on_its_way(&self) -> String {
        let writes = &self.writing.writes;
        let each = writes.here().map(|written| {
            let standing = self.fleet.write_standing(written, writes, self.now.wall);
            format!("{} ({})", called(written), standing.short)
        });
        each.collect::<Vec<_>>().join(", ")
    }

    /// What leaving now does to what is on its way.
    fn left_now(&self) -> String {
        let hooks = self.writing.writes.here().filter_map(|written| {
            let (_, step) = written.at()?;
            match &step.act {
                Act::RunHook { hook, .. } => Some(format!("`{}`", hook.clean())),
                _ => None,
            }
        });
        let hooks: Vec<String> = hooks.collect();
        let runs = self.writing.writes.here().filter_map(|written| {
            let (_, step) = written.at()?;
            match &step.act {
                Act::AwaitRun { pipeline, .. } => Some(format!("`{}`", pipeline.clean())),
                _ => None,
            }
        });
        let runs: Vec<String> = runs.collect();
        let mut told =
            "the journal says how far it came; the next start looks up the rest".to_owned();
        if !runs.is_empty() {
            told = format!("the run of {} goes on; {told}", runs.join(", "));
        }
        if !hooks.is_empty() {
            told = format!("stops hook {} midway; {told}", hooks.join(", "));
        }
        told
    }

    fn leaving(&self) -> Dialog {
        let row = |title: &str, detail: String, how| {
            let item = Item {
                title: title.to_owned(),
                detail,
                ..Item::default()
            };
            (item, Action::Leave(how))
        };
        let what = self.on_its_way();
        let rows = vec![
            row(
                "wait and leave",
                format!("once it has ended: {what}"),
                Leave::Wait,
            ),
            row("leave now", self.left_now(), Leave::Now),
            row("stay", String::new(), Leave::Stay),
        ];
        Dialog::new("A write is on its way", "enter does it · esc closes", rows)
    }

    pub(super) fn leave(&mut self, how: Leave, effects: &mut Effects) {
        self.writing.leaving = how == Leave::Wait;
        match how {
            Leave::Now => effects.push(Effect::Quit),
            Leave::Stay => {}
            Leave::Wait => {
                let what = self.on_its_way();
                self.say(format!("leaves once it has ended: {what} · q asks again"));
                // It may have ended while the question stood.
                self.leave_if_done(effects);
            }
        }
    }

    /// What was waited for may have ended.
    pub(super) fn leave_if_done(&self, effects: &mut Effects) {
        if self.writing.leaving && self.writing.writes.here().next().is_none() {
            effects.push(Effect::Quit);
        }
    }
}
