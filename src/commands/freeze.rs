//! `freeze` and `acknowledge`: marks on a model for every console, with an end.

use super::exit::{Exit, Failure};
use super::names;
use super::session::Session;
use super::write::{Writer, identity};
use crate::cli::{AcknowledgeArgs, Consenting, FreezeArgs};
use crate::domain::action::Tagged;
use crate::domain::action::verbs::marks::{self, MarkRequest, Purpose};

/// Runs `freeze`.
///
/// # Errors
/// When no needed source answered, or it is refused.
pub async fn run(session: &Session, args: &FreezeArgs) -> Result<Exit, Failure> {
    let hold = args.hold.filter(|_| !args.end);
    let wish = (args.model.as_str(), Purpose::Freeze, hold);
    Box::pin(mark(session, wish, &args.consent)).await
}

/// Runs `acknowledge`.
///
/// # Errors
/// When no needed source answered, or it is refused.
pub async fn acknowledge(session: &Session, args: &AcknowledgeArgs) -> Result<Exit, Failure> {
    let hold = Some(args.hold).filter(|_| !args.end);
    let wish = (args.model.as_str(), Purpose::Acknowledge, hold);
    Box::pin(mark(session, wish, &args.consent)).await
}

async fn mark(
    session: &Session,
    (model, purpose, hold): (&str, Purpose, Option<std::time::Duration>),
    consent: &Consenting,
) -> Result<Exit, Failure> {
    let mut writer = Writer::open(session, consent).await?;
    let request = MarkRequest {
        model: names::model(writer.fleet(), model)?.key.clone(),
        purpose,
        hold,
        reason: writer.reason(),
    };
    let of = Tagged::Model(request.model.clone());
    writer.read_texts(&of).await;
    let plan = marks::plan(&request, identity(writer.now()), &writer.planning());
    Box::pin(writer.carry(plan)).await
}
