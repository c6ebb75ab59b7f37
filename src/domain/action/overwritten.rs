//! What others have made of our moves since: an alias that we moved, that read back, and that names another
//! version now. With claims off nobody stops them, and who moved it last should hear of it.

use std::collections::BTreeMap;

use super::act::Pin;
use super::alias_move::AliasMove;
use super::plan::PlanId;
use super::record::{Writes, Written};
use crate::domain::change::{Change, ChangeKind, Origin, Subject};
use crate::domain::fleet::Fleet;
use crate::domain::key::{Key, ModelKey};
use crate::domain::text::Clean;
use crate::domain::time::Millis;
use crate::domain::wiring::version_text;

/// A move of ours that somebody else has written over.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Overwritten {
    /// Our plan.
    pub plan: PlanId,
    /// Its subject, as people know it.
    pub subject: Clean,
    /// In words: `champion is v5 now, not v6 as written at 14:02Z`.
    pub words: Clean,
}

/// The last move of an alias that is ours.
struct Last<'a> {
    written: &'a Written,
    to: Option<&'a Pin>,
    ended: Millis,
}

impl Last<'_> {
    fn words(&self, alias: &Clean, now: Option<&Clean>, who: Option<&Clean>) -> Clean {
        let none = || Clean::name("gone");
        let is = now.cloned().unwrap_or_else(none);
        let was = self.to.map_or_else(none, |pin| version_text(&pin.version));
        let by = who.map_or_else(String::new, |who| format!(", by {who}"));
        Clean::text(&format!(
            "{alias} is {is} now{by}, not {was} as written at {}Z",
            self.ended.hour_minute()
        ))
    }

    fn overwritten(&self, alias: &Clean, now: Option<&Clean>, who: Option<&Clean>) -> Overwritten {
        Overwritten {
            plan: self.written.plan.id.clone(),
            subject: self.written.plan.subject.clone(),
            words: self.words(alias, now, who),
        }
    }
}

/// Our last move of each alias in a context, where it has taken effect and nothing of ours is on its way.
fn last_moves<'a>(writes: &'a Writes, context: &Clean) -> BTreeMap<(ModelKey, Key), Last<'a>> {
    let mut last = BTreeMap::new();
    for written in writes.iter().filter(|w| w.plan.context == *context) {
        for (step, progress) in written.plan.steps.iter().zip(&written.steps) {
            let Some(AliasMove {
                model, alias, to, ..
            }) = step.act.alias_move()
            else {
                continue;
            };
            let key = (model.clone(), alias.clone());
            match &progress.ended {
                Some((end, ended)) if end.how.is_good() => {
                    let ended = *ended;
                    last.insert(key, Last { written, to, ended });
                }
                // Nobody knows, or it goes on: what is seen may be our own.
                _ if progress.how() == super::How::Unknown => {
                    last.remove(&key);
                }
                _ => {}
            }
        }
    }
    last
}

/// The moves of ours that somebody else has written over, as a fleet that was read since shows them.
pub fn overwritten(writes: &Writes, fleet: &Fleet) -> Vec<Overwritten> {
    let mut all = Vec::new();
    for ((model, alias), last) in last_moves(writes, &fleet.context().name) {
        let Some(held) = fleet.registered(&model) else {
            continue;
        };
        let now = held.fact.alias(alias.raw());
        if held.asked_at <= last.ended || now == last.to.map(|pin| &pin.version) {
            continue;
        }
        let text = now.map(version_text);
        let kind = ChangeKind::Alias(alias.clean());
        let line = fleet.timeline(&Subject::Model(model.clone()));
        let newest = line.iter().rev().find(|change| change.kind == kind);
        let who = newest
            .filter(|change| text.as_ref().is_none_or(|text| change.to == *text))
            .and_then(|change| change.actor.as_ref());
        all.push(last.overwritten(&alias.clean(), text.as_ref(), who));
    }
    all
}

/// The move of ours that an observed change has written over, if it has.
pub fn overwrites(change: &Change, writes: &Writes, context: &Clean) -> Option<Overwritten> {
    let (Subject::Model(model), ChangeKind::Alias(shown)) = (&change.subject, &change.kind) else {
        return None;
    };
    let moves = last_moves(writes, context);
    let mut of_model = moves.iter().filter(|((own, _), _)| own == model);
    let (_, last) = of_model.find(|((_, alias), _)| alias.clean() == *shown)?;
    let ours = last.to.map(|pin| version_text(&pin.version));
    let now = Some(&change.to).filter(|to| !to.is_empty());
    let later = change.origin != Origin::Own && change.not_after > last.ended;
    (later && now != ours.as_ref()).then(|| last.overwritten(shown, now, change.actor.as_ref()))
}
