//! What a serving endpoint answers, held against what an act wants it to answer; and loading, which the
//! open inference protocol alone offers.

use super::{Look, Protocol, Serving, says_absent, says_not_ready};
use crate::domain::action::{Act, Delivery, Receipt, Seen, Sighting, Ticket};
use crate::domain::deployment::{Health, ServedState, ServedVersion};
use crate::domain::fault::{Fault, FaultKind};
use crate::domain::key::{DeploymentKey, DeploymentKind, Key};
use crate::domain::text::Clean;
use crate::domain::wiring::version_text;
use crate::sources::http::Call;
use crate::sources::routes::ReadRoute;
use crate::sources::unable;

impl<P: Protocol> Serving<P> {
    /// See [`crate::sources::Source::look`].
    pub(super) async fn look_at(&self, act: &Act) -> Result<Sighting, Fault> {
        let (deployment, from, to) = match act {
            Act::LoadModel {
                deployment,
                from,
                to,
            } if P::KIND == DeploymentKind::V2 => (deployment, from.as_ref(), to),
            // On its way it may answer any other.
            Act::AwaitServed { deployment, to, .. } => (deployment, None, to),
            _ => return Err(unable(&self.id, act)),
        };
        self.about_us(deployment)?;
        let look = self.look().await?;
        if !look.unread.is_empty() {
            let detail = format!("its versions could not be read: {}", look.unread);
            return Err(Fault::new(
                FaultKind::Decode {
                    path: Clean::empty(),
                },
                self.key.base.raw(),
                &detail,
            ));
        }
        if !look.versions.is_empty() || look.health != Health::Ready {
            let loads = matches!(act, Act::LoadModel { .. });
            let sighting = reported(&look, from, to, loads);
            return match sighting.seen {
                Seen::After if P::KIND == DeploymentKind::V2 => self.proven(sighting, to).await,
                _ => Ok(sighting),
            };
        }
        // It answers and does not tell with what.
        let Some(declared) = &self.declared else {
            return Err(self.unsupported(
                "it answers and cannot tell its version: set declared_version for this deployment, or let it be rolled out without waiting for it",
            ));
        };
        let words = format!(
            "answers; it cannot tell its version, {} is declared",
            version_text(declared)
        );
        let seen = if declared == to {
            Seen::After
        } else {
            Seen::Before
        };
        Ok(Sighting::new(seen, &words))
    }

    /// What the repository index calls ready may still load, have failed to, or never been asked for:
    /// `MLServer` lists what its repository holds under the state of the name. The version's own readiness
    /// tells, where there is such a route: one that loads is known there and not ready.
    async fn proven(&self, sighting: Sighting, to: &Key) -> Result<Sighting, Fault> {
        let route = ReadRoute::V2ModelReady(self.key.name.clone(), Some(to.clone()));
        match self.http.read(&route, Call::default()).await {
            Err(fault) if fault.kind == FaultKind::NoRoute => Ok(sighting),
            Ok(_) => Ok(sighting),
            Err(fault) if says_not_ready(&fault) => {
                let words = format!("{} is listed and not ready yet", version_text(to));
                Ok(Sighting::new(Seen::Between, &words))
            }
            Err(fault) if says_absent(&fault) => {
                let words = format!("{} is listed and not loaded", version_text(to));
                Ok(Sighting::new(Seen::Before, &words))
            }
            Err(fault) => Err(fault),
        }
    }

    /// See [`crate::sources::Source::execute`].
    pub(super) async fn send(&self, ticket: &Ticket) -> Delivery {
        let Act::LoadModel { deployment, .. } = ticket.act() else {
            return Delivery::Refused(unable(&self.id, ticket.act()));
        };
        if P::KIND != DeploymentKind::V2 {
            return Delivery::Refused(unable(&self.id, ticket.act()));
        }
        if let Err(fault) = self.about_us(deployment) {
            return Delivery::Refused(fault);
        }
        match self.http.write(ticket).await {
            Ok(_) => Delivery::Taken(Receipt::default()),
            Err(unsent) => unsent.into(),
        }
    }

    /// Refuses an act about another endpoint: a deployment may have been given another address since a
    /// plan was made or journalled.
    fn about_us(&self, deployment: &DeploymentKey) -> Result<(), Fault> {
        if *deployment == self.key {
            return Ok(());
        }
        let detail = format!(
            "this is about {} at {}, and the deployment {} is another one now",
            deployment.name.clean(),
            deployment.base.clean(),
            self.name
        );
        Err(Fault::new(FaultKind::Config, self.key.base.raw(), &detail))
    }
}

/// What an endpoint reports of its versions, held against the one that shall answer.
fn reported(look: &Look, from: Option<&Key>, to: &Key, loads: bool) -> Sighting {
    let wanted = look.versions.iter().find(|held| held.version == *to);
    let answering = answering(look);
    let words = words(look, &answering, wanted, to);
    let state = wanted.map(|held| held.state);
    let seen = if state == Some(ServedState::Answering)
        && answering.iter().all(|version| **version == *to)
        && look.health == Health::Ready
    {
        let other =
            |held: &&ServedVersion| held.state == ServedState::Loading && held.version != *to;
        if let Some(other) = look.versions.iter().find(other).filter(|_| loads) {
            // It will answer in its place, or struggles for what this one needs: loading ends that.
            let words = format!("{words}, and loads {}", version_text(&other.version));
            return Sighting::new(Seen::Before, &words);
        }
        Seen::After
    } else if state == Some(ServedState::Loading)
        || (state == Some(ServedState::Answering) && look.health != Health::Ready)
        // Seen: `MLServer` knows no other word for a model that loads.
        || (state == Some(ServedState::Unknown)
            && !matches!(look.health, Health::Ready | Health::Missing))
    {
        Seen::Between
    } else if from.is_none_or(|from| answering.is_empty() || answering.contains(&from)) {
        // Also one that could not be loaded: it may be tried again.
        Seen::Before
    } else {
        Seen::Other
    };
    Sighting::new(seen, words.as_str())
}

/// The versions that answer a request which names none: the default, where there is such a rule.
fn answering(look: &Look) -> Vec<&Key> {
    match &look.default_version {
        Some(default) => vec![default],
        None => {
            let held = look.versions.iter();
            let held = held.filter(|held| held.state == ServedState::Answering);
            held.map(|held| &held.version).collect()
        }
    }
}

fn words(look: &Look, answering: &[&Key], wanted: Option<&ServedVersion>, to: &Key) -> Clean {
    let mut words = match answering {
        [] => "no version answers".to_owned(),
        all => {
            let all: Vec<_> = all.iter().map(|v| version_text(v).to_string()).collect();
            format!("answers {}", all.join(", "))
        }
    };
    if let Some(held) = wanted.filter(|_| !answering.contains(&to)) {
        let state = match held.state {
            ServedState::Answering => "is loaded beside it",
            ServedState::Loading => "is loading",
            ServedState::Failed => "could not be loaded",
            ServedState::Unloaded => "is unloaded",
            ServedState::Unknown => "is in a state of its own",
        };
        words = format!("{words} · {} {state}", version_text(to));
        if !held.message.is_empty() {
            words = format!("{words}: {}", held.message);
        }
    }
    if look.health != Health::Ready {
        words = format!("{words} · {}", look.health.word());
    }
    Clean::text(&words)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::deployment::Known;

    fn look(versions: &[(&str, ServedState)], default: Option<&str>, health: Health) -> Look {
        let versions = versions.iter().map(|(version, state)| ServedVersion {
            version: Key::new(version),
            known: Known::Reported,
            state: *state,
            message: match state {
                ServedState::Failed => Clean::text("no such file"),
                _ => Clean::empty(),
            },
        });
        Look {
            health,
            message: Clean::empty(),
            versions: versions.collect(),
            default_version: default.map(Key::new),
            server: Clean::empty(),
            latency: None,
            server_time: None,
            unread: Clean::empty(),
        }
    }

    #[test]
    fn an_endpoint_answers_a_version_when_nothing_else_does() {
        use Health::{Missing, NotReady, Ready};
        use Seen::{After, Before, Between, Other};
        use ServedState::{Answering, Failed, Loading, Unknown, Unloaded};
        let six = Some("6");
        let both = [("7", Answering), ("6", Answering)];
        let ahead = [("7", Answering), ("8", Answering)];
        let loading = [("6", Answering), ("7", Loading)];
        let failed = [("6", Answering), ("7", Failed)];
        let broken = "answers v6 · v7 could not be loaded: no such file";
        let gone = "no version answers · v7 is unloaded · not ready";
        for (versions, default, health, from, seen, words) in [
            (&both[..1], Some("7"), Ready, six, After, "answers v7"),
            (&both[..1], None, Ready, six, After, "answers v7"),
            (&both, Some("7"), Ready, six, After, "answers v7"),
            // Both answer, and nobody says which one.
            (&both, None, Ready, six, Before, "answers v7, v6"),
            (
                &ahead,
                Some("8"),
                Ready,
                six,
                Other,
                "answers v8 · v7 is loaded beside it",
            ),
            (
                &both[..1],
                None,
                NotReady,
                six,
                Between,
                "answers v7 · not ready",
            ),
            (
                &loading,
                six,
                Ready,
                six,
                Between,
                "answers v6 · v7 is loading",
            ),
            (&failed, six, Ready, six, Before, broken),
            // As a server answers that loads a version and has nothing else, or nothing older.
            (
                &[("7", Unknown)],
                None,
                NotReady,
                six,
                Between,
                "no version answers · v7 is in a state of its own · not ready",
            ),
            // Nobody has asked for it.
            (
                &[("6", Answering), ("7", Unknown)],
                six,
                Ready,
                six,
                Before,
                "answers v6 · v7 is in a state of its own",
            ),
            (
                &[("7", Unknown)],
                None,
                Missing,
                six,
                Before,
                "no version answers · v7 is in a state of its own · missing",
            ),
            (&[("5", Answering)], None, Ready, six, Other, "answers v5"),
            (&[("5", Answering)], None, Ready, None, Before, "answers v5"),
            (&[("7", Unloaded)], None, NotReady, six, Before, gone),
            (
                &[],
                None,
                Missing,
                six,
                Before,
                "no version answers · missing",
            ),
        ] {
            let from = from.map(Key::new);
            let look = look(versions, default, health);
            let sighting = reported(&look, from.as_ref(), &Key::new("7"), false);
            assert_eq!((sighting.seen, sighting.words.as_str()), (seen, words));
        }
    }

    #[test]
    fn a_load_is_not_over_while_the_server_loads_another_version() {
        let struggling = look(
            &[("6", ServedState::Answering), ("7", ServedState::Loading)],
            None,
            Health::Ready,
        );
        let seen = |loads| reported(&struggling, None, &Key::new("6"), loads);
        assert_eq!(seen(false).seen, Seen::After);
        let load = seen(true);
        assert_eq!(
            (load.seen, load.words.as_str()),
            (Seen::Before, "answers v6, and loads v7")
        );
    }
}
