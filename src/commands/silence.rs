//! `silence`: mutes alerts for a time, or ends that.

use super::exit::{Exit, Failure};
use super::names;
use super::session::Session;
use super::write::{Writer, identity, one_of};
use crate::cli::SilenceArgs;
use crate::domain::action::Matcher;
use crate::domain::action::verbs::silence::{
    self, SilenceRequest, UnsilenceRequest, alertmanagers, mutes, usual_matchers,
};
use crate::domain::alert::Alert;
use crate::domain::fleet::Fleet;
use crate::domain::key::{Key, ModelKey};

/// Runs `silence`.
///
/// # Errors
/// When no needed source answered, nothing is named, or it is refused.
pub async fn run(session: &Session, args: &SilenceArgs) -> Result<Exit, Failure> {
    let writer = Writer::open(session, &args.consent).await?;
    let fleet = writer.fleet();
    if let Some(id) = &args.end {
        let request = UnsilenceRequest {
            at: one_of(&alertmanagers(fleet), args.source.as_ref())?,
            id: Key::new(id),
        };
        let plan = silence::end(&request, identity(writer.now()), &writer.planning());
        return Box::pin(writer.carry(plan)).await;
    }
    let model = match &args.model {
        Some(name) => Some(names::model(fleet, name)?.key.clone()),
        None => None,
    };
    let mut matchers = Vec::new();
    for text in &args.matchers {
        matchers.push(Matcher::read(text).map_err(Failure::usage)?);
    }
    let meant = meant(fleet, model.as_ref(), args.alert.as_deref());
    match (&meant[..], &model, &args.alert) {
        // What is known of the alert says how its labels are written.
        ([one, ..], _, Some(_)) => matchers.extend(usual_matchers(fleet, one)),
        ([one, ..], Some(_), None) => {
            let all = usual_matchers(fleet, one).into_iter();
            let of_model = all.filter(|m| m.name.raw() != "alertname");
            matchers.extend(of_model);
        }
        ([], _, _) | (_, None, None) => {
            let exactly = |name: &str, value: &str| Matcher {
                name: Key::new(name),
                value: Key::new(value),
                regex: false,
                equal: true,
            };
            matchers.extend(args.alert.as_deref().map(|name| exactly("alertname", name)));
            let name = model.as_ref().map(|model| model.name.raw());
            matchers.extend(name.map(|name| exactly("model", name)));
        }
    }
    let at = match (
        &args.source,
        meant.first().and_then(|alert| mutes(fleet, alert)),
    ) {
        (None, Some(at)) => at,
        (given, _) => one_of(&alertmanagers(fleet), given.as_ref())?,
    };
    let request = SilenceRequest {
        at,
        matchers,
        hold: args.hold,
        comment: writer.reason(),
        model,
    };
    let plan = silence::plan(&request, identity(writer.now()), &writer.planning());
    Box::pin(writer.carry(plan)).await
}

/// The alerts that are meant, as far as they are known now.
fn meant(fleet: &Fleet, model: Option<&ModelKey>, name: Option<&str>) -> Vec<Alert> {
    if model.is_none() && name.is_none() {
        return Vec::new();
    }
    let all = match model {
        Some(model) => fleet.joined_alerts_of(model),
        None => fleet.joined_alerts(),
    };
    all.into_iter()
        .map(|held| held.fact)
        .filter(|alert| name.is_none_or(|name| alert.name == *name))
        .collect()
}
