//! `promote`: a version becomes what an alias names, once its gates let it.

use super::exit::{Exit, Failure};
use super::names;
use super::session::Session;
use super::write::{Writer, alias, identity, overrides, version};
use crate::cli::PromoteArgs;
use crate::domain::action::verbs::promote::{self, PromoteRequest};
use crate::domain::action::verbs::shift::Gates;

/// Runs `promote`.
///
/// # Errors
/// When no needed source answered, there is no such model or version, or it is refused.
pub async fn run(session: &Session, args: &PromoteArgs) -> Result<Exit, Failure> {
    let mut writer = Writer::open(session, &args.consent).await?;
    let model = names::model(writer.fleet(), &args.model)?.key.clone();
    let request = PromoteRequest {
        alias: alias(writer.fleet(), args.alias.as_ref()),
        to: version(writer.fleet(), &model, &args.to)?.version,
        model,
        reason: writer.reason(),
        overrides: overrides(&args.overrides),
    };
    let sheet = writer
        .sheet(&request.model, &request.alias, &request.to)
        .await?;
    let gates = Gates::of(&sheet, &request.overrides);
    let id = identity(writer.now());
    let plan = promote::plan(&request, &gates, id, &writer.planning());
    let plan = writer.claimed(plan).await;
    Box::pin(writer.carry(plan)).await
}
