//! The details that the open place needs: asked for once, again when they age, cancelled when the
//! place is left.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use crate::domain::key::SourceId;
use crate::domain::query::Query;
use crate::intent::msg::Effect;
use crate::panes::Want;

/// How many details may be on their way at once.
const IN_FLIGHT: usize = 8;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    Asked,
    /// Answered or failed at this monotonic time.
    Answered(Duration),
}

/// What was asked for, and when it was answered.
#[derive(Debug, Default)]
pub(super) struct Wants {
    known: HashMap<(SourceId, Query), State>,
}

impl Wants {
    /// Compares what is wanted with what was asked; says what to ask and what to cancel.
    pub(super) fn sync(&mut self, wanted: &[Want], now: Duration) -> Vec<Effect> {
        let mut effects = Vec::new();
        let all: HashSet<(&SourceId, &Query)> =
            wanted.iter().map(|w| (&w.source, &w.query)).collect();
        let is_wanted = |key: &(SourceId, Query)| all.contains(&(&key.0, &key.1));
        self.known.retain(|key, state| {
            if is_wanted(key) {
                return true;
            }
            if *state == State::Asked {
                effects.push(Effect::Cancel {
                    source: key.0.clone(),
                    query: key.1.clone(),
                });
            }
            false
        });
        let mut flying = self.known.values().filter(|s| **s == State::Asked).count();
        for want in wanted {
            if flying >= IN_FLIGHT {
                break;
            }
            let key = (want.source.clone(), want.query.clone());
            let due = match (self.known.get(&key), want.every) {
                (None, _) => true,
                (Some(State::Asked), _) | (Some(State::Answered(_)), None) => false,
                (Some(State::Answered(at)), Some(every)) => now.saturating_sub(*at) >= every,
            };
            if due {
                flying += 1;
                effects.push(Effect::Fetch {
                    source: key.0.clone(),
                    query: key.1.clone(),
                });
                self.known.insert(key, State::Asked);
            }
        }
        effects
    }

    /// An answer has come.
    pub(super) fn answered(&mut self, source: &SourceId, query: &Query, now: Duration) {
        if let Some(state) = self.known.get_mut(&(source.clone(), query.clone())) {
            *state = State::Answered(now);
        }
    }

    /// Everything is to be asked again.
    pub(super) fn renew(&mut self) {
        self.known.retain(|_, state| *state == State::Asked);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::key::{Key, RegistryKey, RunKey};
    use std::sync::Arc;

    fn want(id: &str, every: Option<u64>) -> Want {
        let tracker = Arc::new(RegistryKey {
            base: Key::new("http://m"),
            workspace: Key::new(""),
        });
        Want {
            source: SourceId::new("m"),
            query: Query::Run(RunKey {
                tracker,
                id: Key::new(id),
            }),
            every: every.map(Duration::from_secs),
        }
    }

    fn kinds(effects: &[Effect]) -> Vec<&'static str> {
        effects
            .iter()
            .map(|e| match e {
                Effect::Fetch { .. } => "fetch",
                Effect::Cancel { .. } => "cancel",
                _ => "other",
            })
            .collect()
    }

    #[test]
    fn asks_once_renews_by_age_and_cancels_on_leaving() {
        let mut wants = Wants::default();
        let live = want("a", Some(10));
        let second = Duration::from_secs;
        assert_eq!(
            kinds(&wants.sync(std::slice::from_ref(&live), second(0))),
            ["fetch"]
        );
        assert!(
            wants
                .sync(std::slice::from_ref(&live), second(30))
                .is_empty(),
            "one at a time"
        );
        wants.answered(&live.source, &live.query, second(30));
        assert!(
            wants
                .sync(std::slice::from_ref(&live), second(39))
                .is_empty()
        );
        assert_eq!(
            kinds(&wants.sync(std::slice::from_ref(&live), second(40))),
            ["fetch"]
        );
        assert_eq!(kinds(&wants.sync(&[], second(41))), ["cancel"]);
    }

    #[test]
    fn only_so_many_fly_at_once() {
        let mut wants = Wants::default();
        let many: Vec<Want> = (0..20).map(|n| want(&n.to_string(), None)).collect();
        assert_eq!(wants.sync(&many, Duration::ZERO).len(), IN_FLIGHT);
        wants.answered(&many[0].source, &many[0].query, Duration::ZERO);
        assert_eq!(wants.sync(&many, Duration::ZERO).len(), 1);
    }
}
