//! What takes an act back.

use super::act::{Act, Receipt};
use crate::domain::key::Key;
use crate::domain::mark::{self, Mark};
use crate::domain::text::Clean;

impl Act {
    /// What takes it back, where something does. A silence's identity comes from its receipt.
    #[expect(clippy::too_many_lines, reason = "a table: one arm an act")]
    pub fn inverse(&self, receipt: Option<&Receipt>) -> Option<Self> {
        match self {
            Self::MoveAlias {
                model,
                alias,
                from,
                to,
            } => Some(match from {
                Some(from) => Self::MoveAlias {
                    model: model.clone(),
                    alias: alias.clone(),
                    from: Some(to.clone()),
                    to: from.clone(),
                },
                None => Self::DeleteAlias {
                    model: model.clone(),
                    alias: alias.clone(),
                    from: to.clone(),
                },
            }),
            Self::DeleteAlias { model, alias, from } => Some(Self::MoveAlias {
                model: model.clone(),
                alias: alias.clone(),
                from: None,
                to: from.clone(),
            }),
            Self::SetStage {
                version,
                created,
                from,
                to,
                archive: false,
            } => Some(Self::SetStage {
                version: version.clone(),
                created: *created,
                from: to.clone(),
                to: from.clone(),
                archive: false,
            }),
            // A mark is ended by one that has expired: taking a tag away is a right that few have.
            Self::SetTag {
                of,
                created,
                key,
                from: None,
                to,
            } if mark::is_mark(key.raw()) => Mark::read(to.raw()).ok().map(|mark| Self::SetTag {
                of: of.clone(),
                created: *created,
                key: key.clone(),
                from: Some(to.clone()),
                to: Key::new(&mark.ended().write()),
            }),
            Self::SetTag {
                of,
                created,
                key,
                from,
                to,
            } => Some(match from {
                Some(from) => Self::SetTag {
                    of: of.clone(),
                    created: *created,
                    key: key.clone(),
                    from: Some(to.clone()),
                    to: from.clone(),
                },
                None => Self::DeleteTag {
                    of: of.clone(),
                    created: *created,
                    key: key.clone(),
                    from: to.clone(),
                },
            }),
            Self::DeleteTag {
                of,
                created,
                key,
                from,
            } => Some(Self::SetTag {
                of: of.clone(),
                created: *created,
                key: key.clone(),
                from: None,
                to: from.clone(),
            }),
            Self::Describe {
                of,
                created,
                from,
                to,
            } => Some(Self::Describe {
                of: of.clone(),
                created: *created,
                from: to.clone(),
                to: from.clone(),
            }),
            Self::LoadModel {
                deployment,
                from: Some(from),
                to,
            } => Some(Self::LoadModel {
                deployment: deployment.clone(),
                from: Some(to.clone()),
                to: from.clone(),
            }),
            Self::AwaitServed {
                deployment,
                from: Some(from),
                to,
            } => Some(Self::AwaitServed {
                deployment: deployment.clone(),
                from: Some(to.clone()),
                to: from.clone(),
            }),
            Self::Silence { .. } => receipt
                .and_then(|receipt| receipt.id.clone())
                .map(|id| Self::ExpireSilence { id }),
            Self::TriggerRun {
                pipeline, run, api, ..
            } => Some(Self::CancelRun {
                pipeline: pipeline.clone(),
                run: run.clone(),
                note: Clean::text("cancelled by its own console: taken back"),
                api: *api,
            }),
            // What was archived by the way is not known to this act.
            Self::SetStage { archive: true, .. }
            | Self::LoadModel { from: None, .. }
            | Self::MakeLedger { .. }
            | Self::MakeLedgerRun { .. }
            | Self::Claim { .. }
            | Self::EndClaim { .. }
            | Self::AwaitServed { .. }
            | Self::AwaitRun { .. }
            | Self::RunHook { .. }
            | Self::ExpireSilence { .. }
            | Self::Annotate { .. }
            | Self::CancelRun { .. }
            | Self::RetryRun { .. } => None,
        }
    }
}
