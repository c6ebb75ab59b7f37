//! The tracker's feeds: what runs, what ended or started since the last look, and what is on screen.
use super::Mlflow;
use crate::domain::fault::*;
use crate::domain::observation::Answer;
use crate::sources::Focus;
impl Mlflow {
    pub(super) async fn recent_runs(&self) -> Result<Answer, Fault> {
        Err(Fault::new(FaultKind::Unsupported, "", ""))
    }
    pub(super) async fn open_runs(&self, _f: &Focus) -> Result<Answer, Fault> {
        Err(Fault::new(FaultKind::Unsupported, "", ""))
    }
    pub(super) async fn detail(
        &self,
        _f: crate::domain::query::Query,
    ) -> Result<crate::domain::query::Detail, Fault> {
        Err(Fault::new(FaultKind::Unsupported, "", ""))
    }
    pub(super) async fn ask_abilities(
        &self,
    ) -> Result<crate::domain::observation::Abilities, Fault> {
        Err(Fault::new(FaultKind::Unsupported, "", ""))
    }
}
