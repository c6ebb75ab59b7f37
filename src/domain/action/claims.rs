//! Claims of moves: of two consoles that are about to move one alias, one is told so before it writes.
//!
//! Registries write what they are sent, whoever was there before. What MLflow has is a parameter of a run
//! that can be written once: a console writes its intent under the number of the move, reads it back, and
//! moves the alias only where nobody else's intent stands beside it. That binds who takes part; a script
//! that sets aliases does not ask. Nothing is ever taken away: a claim that has expired, that its owner has
//! ended, or whose move has been seen, is superseded by the next number. Times are the registry's, as its
//! answers date them.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::act::{Act, Seen, Sighting};
use super::plan::{PlanId, Step};
use super::request::{claim_name, ended_name};
use crate::domain::key::{Key, ModelKey, SourceId};
use crate::domain::text::Clean;
use crate::domain::time::Millis;
use crate::domain::wiring::version_text;

/// The experiment that holds the claims of a registry.
pub const LEDGER: &str = "quarterdeck-claims";
/// How long a claim holds after its plan was due to be sent, where its move follows at once.
pub const CLAIM_HOLDS: Duration = Duration::from_secs(120);
/// The longest that any claim holds, whatever it says: nobody is locked out for good.
pub const CLAIM_LIMIT: Duration = Duration::from_secs(3_600);
/// What a plan without claims says.
pub const LAST_WRITER_WINS: &str =
    "no claim is made: of two who move it at once, the last one wins";
/// How much of a reason goes into a claim: the oldest servers keep 500 characters of a parameter.
const REASON: usize = 120;
/// How much of a name goes into a claim.
const OWNER: usize = 60;

/// What the owner of a claim is about to do.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Intent {
    /// Who.
    pub owner: Clean,
    /// The plan: what tells one's own claim from anybody else's.
    pub nonce: Key,
    /// The version before; `None` for no alias.
    #[serde(default)]
    pub from: Option<Key>,
    /// The version after; `None` for no alias.
    #[serde(default)]
    pub to: Option<Key>,
    /// When it was planned.
    pub at: Millis,
    /// Until when it holds.
    pub expires: Millis,
    /// Why.
    #[serde(default)]
    pub reason: Clean,
}

impl Intent {
    /// The intent of a plan, for as long as `holds` from `at`, by the registry's clock.
    pub fn new(
        plan: &PlanId,
        owner: &Clean,
        (from, to): (Option<&Key>, Option<&Key>),
        at: Millis,
        holds: Duration,
        reason: &Clean,
    ) -> Self {
        Self {
            owner: Clean::limited(owner.as_str(), OWNER),
            nonce: plan.key(),
            from: from.cloned(),
            to: to.cloned(),
            at,
            expires: at.plus(holds.min(CLAIM_LIMIT)),
            reason: Clean::limited(reason.as_str(), REASON),
        }
    }

    /// As a parameter's value.
    pub fn text(&self) -> Key {
        // Text and numbers alone: nothing that JSON could refuse.
        Key::new(&serde_json::to_string(self).unwrap_or_default())
    }

    /// Reads a parameter's value.
    pub fn read(value: &str) -> Option<Self> {
        serde_json::from_str(value).ok()
    }

    /// When it ceases to hold: never later than the limit after it was made.
    pub fn ends(&self) -> Millis {
        self.expires.min(self.at.plus(CLAIM_LIMIT))
    }

    /// Whether its owner may still be about to move the alias, which is at `current`. Without a clock
    /// nothing expires.
    fn holds(&self, current: Option<&Key>, now: Option<Millis>) -> bool {
        let fulfilled = self.to.as_ref() == current;
        // One from far ahead was dated by a clock that is wrong: it would hold for that much longer.
        let dated = |now: Millis| now < self.ends() && self.at < now.plus(CLAIM_LIMIT);
        !fulfilled && now.is_none_or(dated)
    }

    /// `ana@bastion (v6 → v7, until 14:02Z: Q4 data)`.
    pub fn words(&self) -> Clean {
        let version = |key: &Option<Key>| {
            let none = || "none".to_owned();
            key.as_ref()
                .map_or_else(none, |key| version_text(key).to_string())
        };
        let why = if self.reason.is_empty() {
            String::new()
        } else {
            format!(": {}", self.reason)
        };
        Clean::text(&format!(
            "{} ({} → {}, until {}Z{why})",
            self.owner,
            version(&self.from),
            version(&self.to),
            self.ends().hour_minute()
        ))
    }
}

/// The parameters of the runs that hold a model's claims, and the registry's clock as it sent them.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Book {
    /// Name and value, of all runs.
    pub rows: Vec<(Key, Key)>,
    /// The registry's clock.
    pub now: Option<Millis>,
}

impl Book {
    /// The claims on an alias with their numbers. One that cannot be read is nobody's; its number is
    /// taken all the same.
    fn of<'a>(&'a self, alias: &'a Key) -> impl Iterator<Item = (u32, Option<Intent>)> + 'a {
        self.rows.iter().filter_map(move |(name, value)| {
            let number: u32 = name.raw().rsplit_once('.')?.1.parse().ok()?;
            let ours = claim_name(alias, number) == name.raw();
            ours.then(|| (number, Intent::read(value.raw())))
        })
    }

    /// Whether the owner of a claim has ended it: by its nonce, which nobody else's parameter names by
    /// mistake.
    fn is_ended(&self, alias: &Key, number: u32, nonce: &Key) -> bool {
        let name = ended_name(alias, number);
        let mut rows = self.rows.iter();
        rows.any(|(key, value)| key.raw() == name && value == nonce)
    }

    /// Whether the owner of a claim may still be about to move the alias. Whoever has claimed a later move
    /// has seen that this one is over.
    fn holds(&self, alias: &Key, claim: (u32, &Intent), last: u32, current: Option<&Key>) -> bool {
        let (number, intent) = claim;
        number >= last
            && intent.holds(current, self.now)
            && !self.is_ended(alias, number, &intent.nonce)
    }

    /// The number of the next move of an alias that is at `current`.
    ///
    /// # Errors
    /// When somebody is about to move it: whose claim holds, and until when.
    pub fn next(&self, alias: &Key, current: Option<&Key>) -> Result<u32, Clean> {
        let last = self.of(alias).map(|(number, _)| number).max().unwrap_or(0);
        for (number, intent) in self.of(alias) {
            let Some(intent) = intent else { continue };
            if self.holds(alias, (number, &intent), last, current) {
                return Err(taken(number, alias, &intent));
            }
        }
        Ok(last.saturating_add(1))
    }

    /// What is seen of a claim that holds until `ends`: free, ours, or somebody else's. Of two that met, in
    /// runs that each has made, both stand back. One that would hold nobody off is not worth making: whoever
    /// was asked for consent took too long over it.
    pub fn sighting(&self, claim: &Claimed<'_>, ends: Millis, current: Option<&Key>) -> Sighting {
        let Claimed { alias, number, .. } = *claim;
        let mut ours = false;
        let others = self.of(alias).filter(|(_, intent)| {
            let nonce = intent.as_ref().map(|intent| &intent.nonce);
            nonce != Some(claim.nonce)
        });
        let last = others.map(|(number, _)| number).max().unwrap_or(0);
        for (other, intent) in self.of(alias) {
            let is_ours = intent.as_ref().is_some_and(|i| i.nonce == *claim.nonce);
            if is_ours {
                ours |= other == number;
                continue;
            }
            let words = match &intent {
                Some(intent)
                    if other >= number || self.holds(alias, (other, intent), last, current) =>
                {
                    taken(other, alias, intent)
                }
                None if other >= number => {
                    let words = format!(
                        "move {other} of {} is claimed by somebody whose claim cannot be read: plan again",
                        alias.clean()
                    );
                    Clean::text(&words)
                }
                _ => continue,
            };
            return Sighting::new(Seen::Other, words.as_str());
        }
        let (seen, what) = if ours {
            (Seen::After, "claimed by this plan")
        } else if self.now.is_some_and(|now| now >= ends) {
            (
                Seen::Other,
                "to be claimed for a time that is over: plan again",
            )
        } else {
            (Seen::Before, "unclaimed")
        };
        Sighting::new(
            seen,
            &format!("move {number} of {} is {what}", alias.clean()),
        )
    }

    /// What is seen of the end of a claim of ours. What is not there needs no end.
    pub fn end_sighting(&self, claim: &Claimed<'_>) -> Sighting {
        let Claimed {
            alias,
            number,
            nonce,
        } = *claim;
        let mut claims = self.of(alias);
        let stands = claims.any(|(other, intent)| {
            other == number && intent.is_some_and(|intent| intent.nonce == *nonce)
        });
        let (seen, what) = match (stands, self.is_ended(alias, number, nonce)) {
            (true, false) => (Seen::Before, "still claimed by this plan"),
            (true, true) => (Seen::After, "claimed no more"),
            (false, _) => (Seen::After, "not claimed by this plan"),
        };
        Sighting::new(
            seen,
            &format!("move {number} of {} is {what}", alias.clean()),
        )
    }
}

/// A claim as an act names it.
#[derive(Clone, Copy, Debug)]
pub struct Claimed<'a> {
    /// The alias.
    pub alias: &'a Key,
    /// Which move of it.
    pub number: u32,
    /// The plan.
    pub nonce: &'a Key,
}

fn taken(number: u32, alias: &Key, intent: &Intent) -> Clean {
    Clean::text(&format!(
        "move {number} of {} is claimed by {}",
        alias.clean(),
        intent.words()
    ))
}

/// The steps that claim a move, to stand before it: the ledger where it is missing, the model's run in
/// it, the claim.
pub fn steps(
    source: &SourceId,
    model: &ModelKey,
    alias: &Key,
    number: u32,
    intent: &Intent,
) -> [Step; 3] {
    let name = Key::new(LEDGER);
    [
        Act::MakeLedger { name: name.clone() },
        Act::MakeLedgerRun {
            name: name.clone(),
            model: model.clone(),
        },
        Act::Claim {
            name,
            model: model.clone(),
            alias: alias.clone(),
            number,
            intent: intent.text(),
        },
    ]
    .map(|act| Step::required(source, act))
}

/// The step that ends a claim, to stand behind everything that its plan does: it is taken only where the plan
/// stops and the move is not made.
pub fn ending(
    source: &SourceId,
    model: &ModelKey,
    alias: &Key,
    number: u32,
    intent: &Intent,
) -> Step {
    Step::best_effort(
        source,
        Act::EndClaim {
            name: Key::new(LEDGER),
            model: model.clone(),
            alias: alias.clone(),
            number,
            nonce: intent.nonce.clone(),
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const NOON: Millis = Millis(1_795_435_200_000);

    fn key(raw: &str) -> Key {
        Key::new(raw)
    }

    fn intent(owner: &str, random: u8, from: &str, to: &str) -> Intent {
        let plan = PlanId::new(Millis(1), [random; 10]);
        let (from, to) = (key(from), key(to));
        Intent::new(
            &plan,
            &Clean::text(owner),
            (Some(&from), Some(&to)),
            NOON,
            CLAIM_HOLDS,
            &Clean::text("Q4 data"),
        )
    }

    fn book(rows: &[(&str, &Intent)], after: i64) -> Book {
        let rows = rows.iter().map(|(name, intent)| (key(name), intent.text()));
        Book {
            rows: rows.collect(),
            now: Some(Millis(NOON.0 + after)),
        }
    }

    #[test]
    fn a_claim_is_superseded_once_it_has_expired_or_its_move_was_seen() {
        let alias = key("champion");
        let ana = intent("ana", 1, "6", "7");
        let next = |book: &Book, current: &str| book.next(&alias, Some(&key(current)));
        assert_eq!(next(&Book::default(), "6"), Ok(1));
        let held = book(
            &[
                ("champion.3", &ana),
                ("champion.10", &ana),
                ("other.99", &ana),
            ],
            1_000,
        );
        let why = next(&held, "6").expect_err("held");
        assert_eq!(
            why.as_str(),
            "move 10 of champion is claimed by ana (v6 → v7, until 12:02Z: Q4 data)"
        );
        assert_eq!(next(&held, "7"), Ok(11));
        let expired = book(&[("champion.3", &ana)], 120_000);
        assert_eq!(next(&expired, "6"), Ok(4));
        let undated = Book {
            now: None,
            ..expired
        };
        assert!(
            next(&undated, "6").is_err(),
            "nothing expires without a clock"
        );
    }

    #[test]
    fn a_claim_that_its_owner_has_ended_holds_no_more() {
        let alias = key("champion");
        let (ana, bob) = (intent("ana", 1, "6", "7"), intent("bob", 2, "6", "8"));
        let mut held = book(&[("champion.3", &ana)], 1_000);
        let claim = Claimed {
            alias: &alias,
            number: 3,
            nonce: &ana.nonce,
        };
        let six = key("6");
        assert_eq!(held.end_sighting(&claim).seen, Seen::Before);
        // Only its own nonce ends it.
        held.rows.push((key("champion.3.ended"), bob.nonce.clone()));
        assert!(held.next(&alias, Some(&six)).is_err());
        assert_eq!(held.end_sighting(&claim).seen, Seen::Before);
        held.rows.push((key("champion.3.ended"), ana.nonce.clone()));
        assert_eq!(held.next(&alias, Some(&six)), Ok(4));
        assert_eq!(held.end_sighting(&claim).seen, Seen::After);
        let next = Claimed {
            number: 4,
            nonce: &bob.nonce,
            ..claim
        };
        let sighting = held.sighting(&next, bob.ends(), Some(&six));
        assert_eq!(sighting.seen, Seen::Before, "{}", sighting.words);
        assert_eq!(held.end_sighting(&next).seen, Seen::After, "never claimed");
    }

    #[test]
    fn a_claim_before_a_later_one_is_over_wherever_the_alias_is() {
        let alias = key("champion");
        // Ana has moved it from 6 to 7, and bob back: hers is fulfilled no more, and over all the same.
        let (ana, bob) = (intent("ana", 1, "6", "7"), intent("bob", 2, "7", "6"));
        let rows = [("champion.1", &ana), ("champion.2", &bob)];
        let cara = intent("cara", 3, "6", "8");
        let held = book(&rows, 1_000);
        let six = key("6");
        assert_eq!(held.next(&alias, Some(&six)), Ok(3));
        let claim = Claimed {
            alias: &alias,
            number: 3,
            nonce: &cara.nonce,
        };
        let ends = cara.ends();
        assert_eq!(held.sighting(&claim, ends, Some(&six)).seen, Seen::Before);
        // By the registry's clock it would hold nobody off any more.
        let late = held.sighting(&claim, Millis(NOON.0 + 1_000), Some(&six));
        assert_eq!(late.seen, Seen::Other);
        assert!(late.words.as_str().contains("plan again"), "{}", late.words);
        let rows = [&rows[..], &[("champion.3", &cara)]].concat();
        let held = book(&rows, 1_000);
        assert_eq!(
            held.sighting(&claim, Millis(NOON.0), Some(&six)).seen,
            Seen::After,
            "what was made is ours"
        );
        assert!(held.next(&alias, Some(&six)).is_err());
        // The last one holds until its move is seen, whatever stands before it.
        assert!(
            book(&rows[..2], 1_000)
                .next(&alias, Some(&key("7")))
                .is_err()
        );
    }

    #[test]
    fn a_claim_that_says_it_holds_for_ever_does_not() {
        let alias = key("champion");
        let mut long = intent("eve", 2, "6", "7");
        long.expires = Millis(i64::MAX);
        let hour = 3_600_000;
        let six = key("6");
        assert!(
            book(&[("champion.1", &long)], hour - 1)
                .next(&alias, Some(&six))
                .is_err()
        );
        assert_eq!(
            book(&[("champion.1", &long)], hour).next(&alias, Some(&six)),
            Ok(2)
        );
        long.at = Millis(i64::MAX);
        assert_eq!(
            book(&[("champion.1", &long)], 0).next(&alias, Some(&six)),
            Ok(2)
        );
    }

    #[test]
    fn a_sighting_tells_ours_from_somebody_elses() {
        let alias = key("champion");
        let (ana, bob) = (intent("ana", 1, "6", "7"), intent("bob", 2, "6", "8"));
        let claim = Claimed {
            alias: &alias,
            number: 3,
            nonce: &ana.nonce,
        };
        let six = key("6");
        let late = 500_000;
        for (rows, after, seen) in [
            (&[][..], 0, Seen::Before),
            (&[("champion.3", &ana)], 0, Seen::After),
            (&[("champion.3", &bob)], 0, Seen::Other),
            // Two runs, and each holds one: both stand back.
            (
                &[("champion.3", &ana), ("champion.3", &bob)],
                0,
                Seen::Other,
            ),
            // Expired, and its number is taken all the same.
            (&[("champion.3", &bob)], late, Seen::Other),
            // Somebody has gone on.
            (
                &[("champion.3", &ana), ("champion.4", &bob)],
                late,
                Seen::Other,
            ),
            (&[("champion.2", &bob)], 0, Seen::Other),
            (&[("champion.2", &bob)], late, Seen::Before),
            (
                &[("champion.2", &bob), ("champion.3", &ana)],
                late,
                Seen::After,
            ),
            (
                &[
                    ("other.3", &bob),
                    ("champion.03", &bob),
                    ("champion.x", &bob),
                ],
                0,
                Seen::Before,
            ),
        ] {
            let sighting = book(rows, after).sighting(&claim, Millis(i64::MAX), Some(&six));
            assert_eq!(sighting.seen, seen, "{rows:?}: {}", sighting.words);
        }
        let odd = Book {
            rows: vec![(key("champion.3"), key("not JSON"))],
            now: Some(NOON),
        };
        let sighting = odd.sighting(&claim, Millis(i64::MAX), Some(&six));
        assert!(sighting.seen == Seen::Other && sighting.words.as_str().contains("cannot be read"));
        assert_eq!(odd.next(&alias, Some(&six)), Ok(4));
    }

    #[test]
    fn a_long_reason_still_fits_a_parameter() {
        let long = Clean::text(&"because \u{1F600} \"it\" ".repeat(200));
        let plan = PlanId::new(Millis(1), [3; 10]);
        let to = key("7");
        let intent = Intent::new(&plan, &long, (None, Some(&to)), NOON, CLAIM_HOLDS, &long);
        let text = intent.text();
        assert!(text.raw().chars().count() < 500, "{}", text.raw());
        assert_eq!(Intent::read(text.raw()), Some(intent));
    }

    proptest! {
        #[test]
        fn no_parameter_breaks_the_reading(name in ".{0,20}", value in ".{0,60}", number in "[0-9]{0,12}") {
            let alias = key("champion");
            let rows = vec![
                (key(&name), key(&value)),
                (key(&format!("champion.{number}")), key(&value)),
            ];
            let book = Book { rows, now: Some(NOON) };
            prop_assert!(book.next(&alias, None).is_ok_and(|next| next >= 1));
        }
    }
}
