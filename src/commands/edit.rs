//! `edit`: tags and the description of a model or of one of its versions.

use super::exit::{Exit, Failure};
use super::names;
use super::session::Session;
use super::write::{Writer, identity, overrides, version};
use crate::cli::EditArgs;
use crate::domain::action::Tagged;
use crate::domain::action::verbs::edit::{self, EditRequest};
use crate::domain::action::verbs::shift::FREEZE;
use crate::domain::key::Key;

/// Runs `edit`.
///
/// # Errors
/// When no needed source answered, there is no such thing, or it is refused.
pub async fn run(session: &Session, args: &EditArgs) -> Result<Exit, Failure> {
    if args.tags.is_empty() && args.untag.is_empty() && args.description.is_none() {
        return Err(Failure::usage("nothing is to be changed")
            .advice("give --tag KEY=VALUE, --untag KEY or --description TEXT"));
    }
    let mut writer = Writer::open(session, &args.consent).await?;
    let model = names::model(writer.fleet(), &args.model)?.key.clone();
    let of = match &args.version {
        Some(text) => Tagged::Version(version(writer.fleet(), &model, text)?),
        None => Tagged::Model(model),
    };
    let set = args.tags.iter();
    let set = set.map(|(key, value)| (Key::new(key), Some(Key::new(value))));
    let untag = args.untag.iter().map(|key| (Key::new(key), None));
    let request = EditRequest {
        of,
        tags: set.chain(untag).collect(),
        description: args.description.as_deref().map(Key::new),
        freeze: overrides(&args.overrides).remove(FREEZE),
    };
    writer.read_texts(&request.of).await;
    let plan = edit::plan(&request, identity(writer.now()), &writer.planning());
    Box::pin(writer.carry(plan)).await
}
