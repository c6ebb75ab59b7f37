//! What one step of a plan does to one server: a closed list. How it travels is in [`super::request`],
//! when it may be sent in [`super::ticket`].

use serde::{Deserialize, Serialize};

use super::matcher::Matcher;
use crate::domain::key::{DeploymentKey, Key, ModelKey, VersionKey};
use crate::domain::text::Clean;
use crate::domain::time::Millis;

/// One act. It is kept in the journal, so fields are only added.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "act", rename_all = "kebab-case")]
pub enum Act {
    /// Points an alias at a version.
    MoveAlias {
        /// The model.
        model: ModelKey,
        /// The alias.
        alias: Key,
        /// What it points at before; `None` for a first-ever alias.
        from: Option<Pin>,
        /// What it shall point at.
        to: Pin,
    },
    /// Takes an alias away: the inverse of a first-ever one, which registries allow to few.
    DeleteAlias {
        /// The model.
        model: ModelKey,
        /// The alias.
        alias: Key,
        /// What it points at before.
        from: Pin,
    },
    /// Moves a version to a stage, for servers and sites that still use them.
    SetStage {
        /// The version.
        version: VersionKey,
        /// When the version was registered: numbers can be used again. Plans of before did
        /// not say.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        created: Option<Millis>,
        /// The stage before, in the registry's word (`None`, `Staging`, `Production`, `Archived`).
        from: Key,
        /// The stage after.
        to: Key,
        /// Whether what is in that stage now is archived in the same transaction.
        archive: bool,
    },
    /// Sets a tag.
    SetTag {
        /// Of what.
        of: Tagged,
        /// When the version was registered, where it is one: numbers can be used again. Plans of before did
        /// not say.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        created: Option<Millis>,
        /// The tag.
        key: Key,
        /// Its value before, if it had one.
        from: Option<Key>,
        /// Its value after.
        to: Key,
    },
    /// Takes a tag away, which registries allow to few where it is a version's.
    DeleteTag {
        /// Of what.
        of: Tagged,
        /// When the version was registered, where it is one: numbers can be used again. Plans of before did
        /// not say.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        created: Option<Millis>,
        /// The tag.
        key: Key,
        /// Its value before.
        from: Key,
    },
    /// Sets the description.
    Describe {
        /// Of what.
        of: Tagged,
        /// When the version was registered, where it is one: numbers can be used again. Plans of before did
        /// not say.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        created: Option<Millis>,
        /// The text before.
        from: Key,
        /// The text after.
        to: Key,
    },
    /// Makes the experiment that holds the claims of a registry, where it is missing.
    MakeLedger {
        /// Its name.
        name: Key,
    },
    /// Makes the run that holds the claims of a model, where it is missing. Its experiment is the one
    /// that an earlier step made or found.
    MakeLedgerRun {
        /// The ledger's name.
        name: Key,
        /// The model.
        model: ModelKey,
    },
    /// Claims the next move of an alias: a parameter that can be written once, so that of two consoles
    /// one is refused.
    Claim {
        /// The ledger's name.
        name: Key,
        /// The model.
        model: ModelKey,
        /// The alias.
        alias: Key,
        /// Which move of it, from 1.
        number: u32,
        /// Owner, nonce, expiry, from and to, as JSON.
        intent: Key,
    },
    /// Ends a claim of ours whose move is not made, so that nobody waits until it expires: a second
    /// parameter that is written once and names the claim's nonce.
    EndClaim {
        /// The ledger's name.
        name: Key,
        /// The model.
        model: ModelKey,
        /// The alias.
        alias: Key,
        /// Which move of it.
        number: u32,
        /// The nonce of the claim.
        nonce: Key,
    },
    /// Asks a server of the open inference protocol to load a model from its repository.
    LoadModel {
        /// The deployment.
        deployment: DeploymentKey,
        /// The version that it answers before, in its own words, where it tells.
        from: Option<Key>,
        /// The version that it shall answer, in its own words.
        to: Key,
    },
    /// Waits until a deployment answers a version; sends nothing.
    AwaitServed {
        /// The deployment.
        deployment: DeploymentKey,
        /// The version that it answers before, in its own words, where it tells.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        from: Option<Key>,
        /// The version that it shall answer, in its own words.
        to: Key,
    },
    /// Runs a command that the settings name, on this machine.
    RunHook {
        /// Which of the settings' hooks.
        hook: Key,
        /// Given to it as MODEL.
        model: Key,
        /// Given to it as VERSION.
        version: Key,
        /// Given to it as ALIAS.
        alias: Key,
    },
    /// Mutes alerts for a time.
    Silence {
        /// Which.
        matchers: Vec<Matcher>,
        /// From when.
        starts: Millis,
        /// Until when.
        ends: Millis,
        /// Who.
        by: Clean,
        /// Why. The nonce is added to it on the wire, so that the silence can be found again.
        comment: Clean,
        /// What it is found by when an answer is lost.
        nonce: Key,
    },
    /// Ends a silence.
    ExpireSilence {
        /// Which.
        id: Key,
    },
    /// Leaves a mark on other people's charts.
    Annotate {
        /// At what time.
        at: Millis,
        /// What it says.
        text: Clean,
        /// Its tags.
        tags: Vec<Key>,
        /// What it is found by when an answer is lost: one of its tags.
        nonce: Key,
    },
    /// Starts a run of a pipeline under an identity of our choosing.
    TriggerRun {
        /// The pipeline.
        pipeline: Key,
        /// The run's identity.
        run: Key,
        /// Its parameters, as a JSON object.
        parameters: Key,
        /// A note for teammates.
        note: Clean,
        /// The dialect that the server speaks: its major version.
        api: u8,
    },
    /// Waits until a run of a pipeline has ended well that brings a version to serving; sends nothing. The
    /// run is started by an act of its own before it.
    AwaitRun {
        /// The pipeline.
        pipeline: Key,
        /// The run.
        run: Key,
        /// Given to it as MODEL.
        model: Key,
        /// Given to it as VERSION.
        version: Key,
        /// Given to it as ALIAS.
        alias: Key,
    },
    /// Asks a run of a pipeline to end.
    CancelRun {
        /// The pipeline.
        pipeline: Key,
        /// The run.
        run: Key,
        /// A note for teammates.
        note: Clean,
        /// The dialect that the server speaks: its major version.
        api: u8,
    },
    /// Runs failed tasks of a run again.
    RetryRun {
        /// The pipeline.
        pipeline: Key,
        /// The run.
        run: Key,
        /// The tasks; empty for all that failed.
        tasks: Vec<Key>,
        /// How many times the run had been tried before, for telling whether this took effect.
        tries: u32,
        /// The dialect that the server speaks: its major version.
        api: u8,
    },
}

/// A version pinned against deletion and re-creation: numbers can be used again.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub struct Pin {
    /// The raw version.
    pub version: Key,
    /// When it was registered.
    pub created: Millis,
}

/// What a tag or a description belongs to.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Tagged {
    /// A registered model.
    Model(ModelKey),
    /// A version of one.
    Version(VersionKey),
}

impl Tagged {
    /// The model, or that of the version.
    pub fn model(&self) -> &ModelKey {
        match self {
            Self::Model(model) => model,
            Self::Version(version) => &version.model,
        }
    }

    /// `churn`, or `churn v7`.
    pub fn words(&self) -> Clean {
        match self {
            Self::Model(model) => model.name.clean(),
            Self::Version(version) => words_of(&version.model, &version.version),
        }
    }
}

fn words_of(model: &ModelKey, version: &Key) -> Clean {
    let version = crate::domain::wiring::version_text(version);
    Clean::name(&format!("{} {version}", model.name.clean()))
}

impl Act {
    /// The word in the journal and in JSON.
    pub fn word(&self) -> &'static str {
        match self {
            Self::MoveAlias { .. } => "move-alias",
            Self::DeleteAlias { .. } => "delete-alias",
            Self::SetStage { .. } => "set-stage",
            Self::SetTag { .. } => "set-tag",
            Self::DeleteTag { .. } => "delete-tag",
            Self::Describe { .. } => "describe",
            Self::MakeLedger { .. } => "make-ledger",
            Self::MakeLedgerRun { .. } => "make-ledger-run",
            Self::Claim { .. } => "claim",
            Self::EndClaim { .. } => "end-claim",
            Self::LoadModel { .. } => "load-model",
            Self::AwaitServed { .. } => "await-served",
            Self::RunHook { .. } => "run-hook",
            Self::Silence { .. } => "silence",
            Self::ExpireSilence { .. } => "expire-silence",
            Self::Annotate { .. } => "annotate",
            Self::TriggerRun { .. } => "trigger-run",
            Self::AwaitRun { .. } => "await-run",
            Self::CancelRun { .. } => "cancel-run",
            Self::RetryRun { .. } => "retry-run",
        }
    }

    /// What it does, in one line for people: `alias champion of churn: v6 → v7`.
    #[expect(clippy::too_many_lines, reason = "a table: one arm an act")]
    pub fn words(&self) -> Clean {
        let version = crate::domain::wiring::version_text;
        let text = match self {
            Self::MoveAlias {
                model,
                alias,
                from,
                to,
            } => {
                let from = from.as_ref().map_or_else(
                    || "none".to_owned(),
                    |pin| version(&pin.version).to_string(),
                );
                format!(
                    "alias {} of {}: {from} → {}",
                    alias.clean(),
                    model.name.clean(),
                    version(&to.version)
                )
            }
            Self::DeleteAlias { model, alias, from } => format!(
                "alias {} of {}: {} → none",
                alias.clean(),
                model.name.clean(),
                version(&from.version)
            ),
            Self::SetStage {
                version,
                from,
                to,
                archive,
                ..
            } => format!(
                "stage of {}: {} → {}{}",
                words_of(&version.model, &version.version),
                from.clean(),
                to.clean(),
                if *archive {
                    ", what is there now is archived"
                } else {
                    ""
                }
            ),
            Self::SetTag { of, key, to, .. } => {
                format!("tag {} of {} = {}", key.clean(), of.words(), to.clean())
            }
            Self::DeleteTag { of, key, .. } => {
                format!("tag {} of {} taken away", key.clean(), of.words())
            }
            Self::Describe { of, .. } => format!("description of {}", of.words()),
            Self::MakeLedger { name } => format!("experiment {} for claims", name.clean()),
            Self::MakeLedgerRun { model, .. } => {
                format!("a run for the claims of {}", model.name.clean())
            }
            Self::Claim {
                model,
                alias,
                number,
                ..
            } => format!(
                "claim of move {number} of alias {} of {}",
                alias.clean(),
                model.name.clean()
            ),
            Self::EndClaim {
                model,
                alias,
                number,
                ..
            } => format!(
                "claim of move {number} of alias {} of {} ended, if the move is not made",
                alias.clean(),
                model.name.clean()
            ),
            Self::LoadModel { deployment, to, .. } => {
                format!("{} loads {}", deployment.name.clean(), version(to))
            }
            Self::AwaitServed { deployment, to, .. } => {
                format!("{} answers {}", deployment.name.clean(), version(to))
            }
            Self::RunHook {
                hook,
                model,
                version: to,
                ..
            } => {
                format!(
                    "hook {} for {} {}",
                    hook.clean(),
                    model.clean(),
                    version(to)
                )
            }
            Self::Silence { matchers, ends, .. } => {
                let matchers: Vec<_> = matchers.iter().map(|m| m.text().to_string()).collect();
                format!("silence {} until {}", matchers.join(", "), ends.rfc3339())
            }
            Self::ExpireSilence { .. } => "silence ended".to_owned(),
            Self::Annotate { text, .. } => format!("annotation: {text}"),
            Self::TriggerRun { pipeline, run, .. } => {
                format!("{} runs as {}", pipeline.clean(), run.clean())
            }
            Self::AwaitRun {
                pipeline,
                run,
                model,
                version: to,
                ..
            } => {
                let (pipeline, run) = (pipeline.clean(), run.clean());
                let (model, to) = (model.clean(), version(to));
                format!("{pipeline} {run} ends well, with {model} {to}")
            }
            Self::CancelRun { pipeline, run, .. } => {
                format!("{} {} is asked to end", pipeline.clean(), run.clean())
            }
            Self::RetryRun {
                pipeline,
                run,
                tasks,
                ..
            } => {
                let what = match tasks.as_slice() {
                    [] => "failed tasks run again".to_owned(),
                    [one] => format!("{} runs again", one.clean()),
                    more => format!("{} tasks run again", more.len()),
                };
                format!("{} {}: {what}", pipeline.clean(), run.clean())
            }
        };
        Clean::text(&text)
    }

    /// The model that it is about, where it is about one.
    pub fn model(&self) -> Option<&ModelKey> {
        match self {
            Self::MoveAlias { model, .. }
            | Self::DeleteAlias { model, .. }
            | Self::MakeLedgerRun { model, .. }
            | Self::Claim { model, .. }
            | Self::EndClaim { model, .. } => Some(model),
            Self::SetStage { version, .. } => Some(&version.model),
            Self::SetTag { of, .. } | Self::DeleteTag { of, .. } | Self::Describe { of, .. } => {
                Some(of.model())
            }
            _ => None,
        }
    }

    /// Whether anything is sent or run; what is not only watches.
    pub fn sends(&self) -> bool {
        !matches!(self, Self::AwaitServed { .. } | Self::AwaitRun { .. })
    }

    /// Whether it may be asked for while it is under way: once more changes nothing.
    pub fn repeats(&self) -> bool {
        matches!(self, Self::LoadModel { .. })
    }

    /// Whether what another has put in its place is the end of it, so that this one has no effect and
    /// never will: who meets another's claim stands back, and a run that has failed does not end well by
    /// itself.
    pub fn comes_first_or_never(&self) -> bool {
        matches!(self, Self::Claim { .. } | Self::AwaitRun { .. })
    }
}

/// What a source sees of an act when it looks.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Sighting {
    /// Which state.
    pub seen: Seen,
    /// In words: `champion is v6`.
    pub words: Clean,
    /// The identity of what the act makes, where it is there: later steps need it, and so does undo.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<Key>,
    /// The tag of a freeze on the model that the act is about, as it stood at this look; whether it holds,
    /// [`crate::domain::mark::Mark::standing`] tells.
    #[serde(skip)]
    pub freeze: Option<Clean>,
}

impl Sighting {
    /// A sighting.
    pub fn new(seen: Seen, words: &str) -> Self {
        Self {
            seen,
            words: Clean::text(words),
            id: None,
            freeze: None,
        }
    }

    /// The same, with the tag of a freeze that was seen beside it.
    #[must_use]
    pub fn beside(self, freeze: Option<Clean>) -> Self {
        Self { freeze, ..self }
    }

    /// The same, of a thing of this identity.
    #[must_use]
    pub fn of(self, id: &str) -> Self {
        Self {
            id: Some(Key::new(id)),
            ..self
        }
    }

    /// What is known of what the act makes, for the steps after it.
    pub fn receipt(&self) -> Option<Receipt> {
        self.id.clone().map(|id| Receipt {
            id: Some(id),
            words: Clean::empty(),
        })
    }
}

/// The state of an act's target.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Seen {
    /// As the act expects to find it.
    Before,
    /// As the act wants it.
    After,
    /// On its way from one to the other: a model that loads, a run that has not begun to end.
    Between,
    /// Neither: somebody else was there.
    Other,
}

/// What a server said to an act that it took.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Receipt {
    /// The identity of what was made, where something was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<Key>,
    /// What it said, where that is worth keeping: a hook's last lines.
    #[serde(default, skip_serializing_if = "Clean::is_empty")]
    pub words: Clean,
}

/// How the sending of an act ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Delivery {
    /// The server took it.
    Taken(Receipt),
    /// It did not reach the server, or the server refused it: nothing has changed.
    Refused(crate::domain::fault::Fault),
    /// Nobody can tell without looking: no answer, a failing server, an answer that is none.
    Unclear(crate::domain::fault::Fault),
}
