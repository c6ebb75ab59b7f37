//! The right that each act needs, by the names that the abilities of sources use.

use super::act::{Act, Tagged};
use crate::domain::text::Clean;

/// The name of a right that holds for one model alone, by the model's raw name.
pub fn right_on(right: &str, model: &str) -> Clean {
    Clean::name(&format!("{right}:{model}"))
}

impl Act {
    /// The name of the right that it needs on its own model; that of all models where it is about none.
    pub fn own_right(&self) -> Clean {
        match self.model() {
            Some(model) => right_on(self.right(), model.name.raw()),
            None => Clean::name(self.right()),
        }
    }

    /// The right that it needs, by the name that a source's abilities use.
    pub fn right(&self) -> &'static str {
        match self {
            Self::MoveAlias { .. } => "move-alias",
            Self::DeleteAlias { .. } => "delete-alias",
            Self::SetStage { .. } => "set-stage",
            // MLflow lets whoever may edit a model take its tags away, and those of its versions not.
            Self::SetTag { .. }
            | Self::Describe { .. }
            | Self::DeleteTag {
                of: Tagged::Model(_),
                ..
            } => "edit",
            Self::DeleteTag { .. } => "delete-tag",
            Self::MakeLedger { .. } | Self::MakeLedgerRun { .. } | Self::Claim { .. } => "claim",
            Self::LoadModel { .. } => "load-model",
            Self::AwaitServed { .. } => "read",
            Self::RunHook { .. } => "run-hook",
            Self::Silence { .. } | Self::ExpireSilence { .. } => "silence",
            Self::Annotate { .. } => "annotate",
            Self::TriggerRun { .. } => "trigger-run",
            Self::CancelRun { .. } => "cancel-run",
            Self::RetryRun { .. } => "retry-run",
        }
    }
}
