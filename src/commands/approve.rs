//! `approve`: a second person's word for a promotion that somebody else will carry out, signed where a key
//! is given.

use super::exit::{Exit, Failure};
use super::names;
use super::session::Session;
use super::write::{Writer, alias, identity, version};
use crate::cli::ApproveArgs;
use crate::domain::action::Tagged;
use crate::domain::action::verbs::approve::{self, ApproveRequest};
use crate::domain::action::verbs::basis::NoPlan;
use crate::domain::text::Clean;
use crate::runtime::signing;

/// Runs `approve`.
///
/// # Errors
/// When no needed source answered, there is no such model or version, nothing was signed, or it is refused.
pub async fn run(session: &Session, args: &ApproveArgs) -> Result<Exit, Failure> {
    let mut writer = Writer::open(session, &args.consent).await?;
    let model = names::model(writer.fleet(), &args.model)?.key.clone();
    let alias = alias(writer.fleet(), args.alias.as_ref());
    let to = version(writer.fleet(), &model, &args.to)?.version;
    let sheet = writer.sheet(&model, &alias, &to).await?;
    let of = Tagged::Version(sheet.promotion.candidate());
    writer.read_texts(&of).await;
    let request = ApproveRequest {
        by: args.principal.as_deref().map(Clean::name),
        hold: args.hold,
        note: writer.reason(),
    };
    let plan = match approve::draft(&request, &sheet, &writer.planning()) {
        Ok(mut approval) => {
            if let Some(key) = &args.sign {
                signing::sign(&mut approval, key)
                    .await
                    .map_err(|why| Failure::refused(why.to_string()))?;
            }
            let id = identity(writer.now());
            approve::plan(&approval, &sheet, id, &writer.planning())
        }
        Err(why) => Err::<_, NoPlan>(why),
    };
    Box::pin(writer.carry(plan)).await
}
