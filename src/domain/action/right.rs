//! The right that each act needs: by the names that the abilities of sources use, and by those that whoever
//! keeps the server gives it under.

use super::act::{Act, Tagged};
use super::claims::LEDGER;
use crate::domain::key::SourceId;
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

    /// The right that it needs, as whoever keeps its server grants it: MLflow's permissions, Grafana's and
    /// Airflow's, each by its own name; of a server that has none, what it lets nobody do.
    pub fn grant(&self) -> Clean {
        let of = |permission: &str| {
            let on = self.model().map(|model| model.name.clean());
            format!("{permission} on the model {}", on.unwrap_or_default())
        };
        Clean::text(&match self {
            Self::MakeLedger { .. }
            | Self::MakeLedgerRun { .. }
            | Self::Claim { .. }
            | Self::EndClaim { .. } => {
                format!("EDIT on the experiment {LEDGER}")
            }
            Self::DeleteAlias { .. }
            | Self::DeleteTag {
                of: Tagged::Version(_),
                ..
            } => of("MANAGE"),
            Self::MoveAlias { .. }
            | Self::SetStage { .. }
            | Self::SetTag { .. }
            | Self::DeleteTag { .. }
            | Self::Describe { .. } => of("EDIT"),
            Self::LoadModel { .. } => "loading models from the repository".to_owned(),
            Self::AwaitServed { .. } | Self::AwaitRun { .. } => "reading".to_owned(),
            Self::RunHook { .. } => "running hooks".to_owned(),
            Self::Silence { .. } | Self::ExpireSilence { .. } => "writing silences".to_owned(),
            Self::Annotate { .. } => "annotations:create".to_owned(),
            Self::TriggerRun { pipeline, .. } => {
                format!("can_create on DAG Runs of {}", pipeline.clean())
            }
            Self::CancelRun { pipeline, .. } => {
                format!("can_edit on DAG Runs of {}", pipeline.clean())
            }
            Self::RetryRun { pipeline, .. } => {
                format!(
                    "can_edit on DAG Runs and Task Instances of {}",
                    pipeline.clean()
                )
            }
        })
    }

    /// What an account that may not do it at a source lacks, and what helps: `this account lacks EDIT on the
    /// model churn at mlflow: have it granted there`.
    pub fn lacking(&self, source: &SourceId) -> Clean {
        let without = match self {
            Self::MakeLedger { .. }
            | Self::MakeLedgerRun { .. }
            | Self::Claim { .. }
            | Self::EndClaim { .. } => ", or set claims = \"off\"",
            _ => "",
        };
        Clean::text(&format!(
            "this account lacks {} at {source}: have it granted there{without}",
            self.grant()
        ))
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
            Self::MakeLedger { .. }
            | Self::MakeLedgerRun { .. }
            | Self::Claim { .. }
            | Self::EndClaim { .. } => "claim",
            Self::LoadModel { .. } => "load-model",
            Self::AwaitServed { .. } | Self::AwaitRun { .. } => "read",
            Self::RunHook { .. } => "run-hook",
            Self::Silence { .. } | Self::ExpireSilence { .. } => "silence",
            Self::Annotate { .. } => "annotate",
            Self::TriggerRun { .. } => "trigger-run",
            Self::CancelRun { .. } => "cancel-run",
            Self::RetryRun { .. } => "retry-run",
        }
    }
}
