//! Writes as the root sees them: what the journals say, what is on its way, whether this process may
//! write now. The dialog that confirms a plan is in [`super::sheet`].

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::dialogs::Dialog;
use super::verbs::Lead;
use super::{App, Effects};
use crate::domain::action::overwritten::overwrites;
use crate::domain::action::{
    Act, Actor, Journals, Mode, Outcome, PlanId, Record, Step, Writes, Written, effect,
};
use crate::domain::change::Change;
use crate::domain::fleet::standing::Phase;
use crate::domain::key::SourceId;
use crate::domain::settings::SourceKind;
use crate::domain::text::Clean;
use crate::domain::time::{Millis, Now};
use crate::intent::msg::{Effect, Notice};

/// How long arming lasts.
pub(super) const ARMED: Duration = Duration::from_secs(5 * 60);
/// How often a write whose end nobody has seen is looked up without being asked.
const LOOKS: u32 = 6;
/// The time between two of these looks.
const AGAIN: Duration = Duration::from_secs(30);
/// What was written so lately may not have been read yet.
const JUST_NOW: Duration = Duration::from_secs(60);
/// How old a write may be whose changes are told to the ledger, where they are missing.
const TOLD: Duration = Duration::from_secs(90 * 86_400);

/// What the root knows of writes.
#[derive(Debug, Default)]
pub(super) struct Writing {
    /// All writes that the journals of this machine tell of, of every context.
    pub(super) writes: Writes,
    /// Until when this process is armed, in this context.
    pub(super) armed_until: Option<Duration>,
    /// Writes that were looked up because nobody had seen their ends: how often, and when last.
    looked: BTreeMap<PlanId, (u32, Duration)>,
    /// Whether the program ends once nothing is on its way any more.
    pub(super) leaving: bool,
    /// Who acts here.
    pub(super) actor: Actor,
    /// Where identities of plans come from.
    pub(super) random: Random,
}

/// Randomness for identities, seeded once at the start.
#[derive(Debug)]
pub(super) struct Random(fastrand::Rng);

impl Default for Random {
    fn default() -> Self {
        Self(fastrand::Rng::with_seed(0))
    }
}

impl Random {
    fn bytes(&mut self) -> [u8; 10] {
        let mut bytes = [0; 10];
        self.0.fill(&mut bytes);
        bytes
    }
}

/// A write, and when it ended.
fn ended(written: &Written) -> (PlanId, Option<Millis>) {
    let at = written.ended.map(|(_, at)| at);
    (written.plan.id.clone(), at)
}

impl App {
    /// Says who acts here, and seeds the identities of plans: each process must make its own.
    pub fn begin_writes(&mut self, actor: Actor, seed: u64) {
        self.writing.actor = actor;
        self.writing.random = Random(fastrand::Rng::with_seed(seed));
    }

    /// A new identity for a plan.
    pub(super) fn plan_id(&mut self) -> PlanId {
        PlanId::new(self.now.wall, self.writing.random.bytes())
    }

    /// What the one write path is allowed to do now.
    pub fn mode(&self) -> Mode {
        let until = self.writing.armed_until;
        let armed = until.is_some_and(|until| self.now.mono < until);
        Mode::of(self.fleet.settings(), armed)
    }

    /// The writes that the journals of this machine tell of.
    pub fn writes(&self) -> &Writes {
        &self.writing.writes
    }

    /// Who acts here, before any registry says who that is to it.
    pub fn actor(&self) -> &Actor {
        &self.writing.actor
    }

    /// The journals of this machine have been read, at the start or because another process has written.
    pub(super) fn journal(&mut self, journals: &Journals, effects: &mut Effects) {
        let before: BTreeMap<PlanId, _> = self.writing.writes.iter().map(ended).collect();
        self.writing.writes.read(journals);
        self.read_again(&before, effects);
        if let Some(remark) = journals.news.first() {
            self.notice = Some(Notice {
                bad: true,
                text: remark.clone(),
            });
        }
        self.tell_own();
        self.look_up_open(effects);
    }

    /// What another process has written just now is read again at once, where it was written.
    fn read_again(&self, before: &BTreeMap<PlanId, Option<Millis>>, effects: &mut Effects) {
        let here = &self.fleet.context().name;
        let since = self.now.wall.minus(JUST_NOW);
        let news = self.writing.writes.iter().filter(|written| {
            let (id, at) = ended(written);
            let is_new = at.is_some_and(|at| at >= since) && before.get(&id) != Some(&at);
            is_new && written.plan.context == *here
        });
        let sources: BTreeSet<&SourceId> = news
            .flat_map(|written| written.plan.steps.iter().map(|step| &step.source))
            .collect();
        let sources = sources.into_iter().cloned();
        effects.extend(sources.map(|source| Effect::Refresh(Some(source))));
    }

    /// Writes of this context whose ends nobody has seen are looked up: a read. A request of a moment ago
    /// may still be on its way, and a server may be away: each is looked up again for some minutes, and
    /// after that somebody has to ask for it.
    pub(super) fn look_up_open(&mut self, effects: &mut Effects) {
        let (here, now) = (&self.fleet.context().name, self.now.mono);
        let writing = &mut self.writing;
        for written in writing.writes.iter() {
            let open = written.is_open() && !writing.writes.is_on_its_way(written);
            if !open || written.plan.context != *here {
                continue;
            }
            let known = writing.looked.get(&written.plan.id).copied();
            let (tries, last) = known.unwrap_or((0, Duration::ZERO));
            if tries == 0 || (tries < LOOKS && now >= last + AGAIN) {
                writing
                    .looked
                    .insert(written.plan.id.clone(), (tries + 1, now));
                effects.push(Effect::LookUp(Box::new(written.clone())));
            }
        }
    }

    /// Looks up what became of an open write. Where looking has told nothing, the person may close it instead,
    /// with what is known.
    pub(super) fn check(&mut self, written: Box<Written>, effects: &mut Effects) {
        if !written.cannot_be_told() {
            return self.look_up(written, effects);
        }
        let known = self.serving_now(&written);
        let close = Lead::Close(written.plan.id.clone(), Clean::text(&known));
        let rows = vec![
            (
                "look again".to_owned(),
                "whether what serves tells it by now".to_owned(),
                Lead::LookUp(written),
            ),
            (
                "close it".to_owned(),
                format!("its outcome stays unknown; {known}"),
                close,
            ),
        ];
        self.dialog = Some(Dialog::leads("Nobody saw how it ended", None, rows));
    }

    pub(super) fn look_up(&mut self, written: Box<Written>, effects: &mut Effects) {
        self.say("looking up what became of it");
        effects.push(Effect::LookUp(written));
    }

    /// What the endpoints answer now that a write's hooks were run for, else what was seen of it last.
    fn serving_now(&self, written: &Written) -> String {
        let is_hook = |written: &Written, index: usize| {
            matches!(written.plan.steps[index].act, Act::RunHook { .. })
        };
        let hooks = written.open().filter_map(|index| {
            let model = written.plan.model.as_ref()?;
            match &written.plan.steps[index].act {
                Act::RunHook { alias, .. } => Some((model, alias)),
                _ => None,
            }
        });
        let mut all: Vec<String> = Vec::new();
        for (model, alias) in hooks {
            for join in self.fleet.followers(model, alias) {
                let Some(view) = self.fleet.deployment(&join.deployment) else {
                    continue;
                };
                let answers: Vec<&str> = view.answering.iter().map(|a| a.text.as_str()).collect();
                let line = if answers.is_empty() {
                    format!("{} does not tell what it answers", view.name)
                } else {
                    let known = view.known().word();
                    format!("{} answers {} ({known})", view.name, answers.join(", "))
                };
                if !all.contains(&line) {
                    all.push(line);
                }
            }
        }
        if all.is_empty() && written.open().all(|index| !is_hook(written, index)) {
            format!("seen last: {}", written.words)
        } else if all.is_empty() {
            "no endpoint is known to follow it".to_owned()
        } else {
            all.join(", ")
        }
    }

    /// While a version bakes, what it is judged by is read more often than courses are otherwise.
    pub(super) fn watch_bake(&self, effects: &mut Effects) {
        let followed = self
            .fleet
            .to_follow(&self.writing.writes, self.now.wall)
            .is_some_and(|(_, standing)| standing.phase == Phase::Baking);
        let sources = self.fleet.settings().sources.iter();
        let metrics = sources.filter(|source| followed && source.kind == SourceKind::Prometheus);
        effects.extend(metrics.map(|s| Effect::Refresh(Some(SourceId::new(&s.name)))));
    }

    /// What the writes of this context have changed is told to the fleet, and thereby to the ledger.
    pub(super) fn tell_own(&mut self) {
        let (here, now) = (self.fleet.context().name.clone(), self.now.wall);
        let since = now.minus(TOLD);
        let writes = self.writing.writes.iter();
        let own = writes.filter(|written| written.plan.context == here && written.began >= since);
        let changes: Vec<_> = own
            .flat_map(|written| effect::changes(written, &self.fleet))
            .collect();
        self.fleet.own(changes, now);
    }

    /// A record of a write of this process.
    pub(super) fn wrote(&mut self, at: Millis, record: &Record, effects: &mut Effects) {
        self.writing.writes.wrote(record, at);
        let Some(written) = self.writing.writes.get(record.plan()) else {
            return;
        };
        match record {
            Record::PlanBegun { .. } | Record::StepIntent { .. } => {}
            Record::SeenTo { words, .. } => {
                let plan = &written.plan;
                let text = format!(
                    "{} {}: closed, outcome unknown · {words}",
                    plan.verb.title(),
                    plan.subject
                );
                self.say(text);
            }
            Record::StepEnded { step, end, .. } | Record::Resolved { step, end, .. } => {
                let step = written.plan.steps.get(*step);
                if let Some(step) = step {
                    effects.push(Effect::Refresh(Some(step.source.clone())));
                }
                let refused = step.filter(|_| end.forbidden).cloned();
                let changes = effect::changes(written, &self.fleet);
                self.fleet.own(changes, self.now.wall);
                if let Some(step) = refused {
                    self.forbidden(&step);
                }
            }
            Record::PlanEnded { outcome, words, .. } => {
                let plan = &written.plan;
                // What was meant is what is so; of anything else it matters what was seen.
                let seen = match outcome {
                    Outcome::Done => &plan.summary,
                    _ => words,
                };
                let text = format!(
                    "{} {}: {} · {seen}",
                    plan.verb.title(),
                    plan.subject,
                    outcome.text()
                );
                self.notice = Some(Notice {
                    bad: *outcome != Outcome::Done,
                    text: Clean::text(&text),
                });
                self.leave_if_done(effects);
            }
        }
    }

    /// Somebody else has moved what we have moved: whoever did it last should hear of it.
    pub(super) fn tell_overwritten(&mut self, observed: &[Change]) {
        let (writes, context) = (&self.writing.writes, &self.fleet.context().name);
        let mut over = observed
            .iter()
            .filter_map(|change| overwrites(change, writes, context));
        if let Some(found) = over.next_back() {
            self.notice = Some(Notice {
                bad: true,
                text: Clean::text(&format!(
                    "{}: somebody else wrote over it: {}",
                    found.subject, found.words
                )),
            });
        }
    }

    /// A server has refused a step to this account: what it may do here is known better now, until rights
    /// are asked for anew.
    fn forbidden(&mut self, step: &Step) {
        self.fleet.denied(&step.source, &step.act);
        if let Some(Ok(abilities)) = self.abilities.get_mut(&step.source) {
            abilities.refused(&step.act);
        }
    }

    /// Arms this process for a time, or disarms it.
    pub(super) fn arm(&mut self, now: Now) {
        let armed = self.mode().armed;
        self.writing.armed_until = (!armed).then(|| now.mono + ARMED);
        self.say(if armed {
            "writes are no longer armed"
        } else {
            "writes are armed for five minutes"
        });
    }
}
