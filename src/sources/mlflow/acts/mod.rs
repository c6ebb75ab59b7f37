//! Acts on MLflow: what stands there now, and the one request that changes it. Aliases, stages, tags and
//! descriptions are looked at in
//! [`registry`], claims in [`ledger`].
//!
//! The server has no precondition to send along, so a look reads everything that an act rests on: the
//! model's creation time and the version's too, since a name that was deleted and registered again counts
//! its versions from 1.

mod ledger;
mod registry;

use super::{Mlflow, wire};
use crate::domain::action::claims::Claimed;
use crate::domain::action::{Act, Delivery, Receipt, Sighting, Ticket};
use crate::domain::fault::{Fault, FaultKind};
use crate::domain::key::{Key, RegistryKey};
use crate::domain::text::Clean;
use crate::sources::http::{Reply, Unsent};
use crate::sources::unable;

impl Mlflow {
    /// See [`crate::sources::Source::look`].
    pub(super) async fn look_at(&self, act: &Act) -> Result<Sighting, Fault> {
        self.about_us(act)?;
        if let Some(moved) = act.alias_move() {
            return self.alias(&moved).await;
        }
        match act {
            Act::SetStage {
                version,
                created,
                from,
                to,
                ..
            } => self.stage((version, *created), from, to).await,
            Act::SetTag {
                of,
                created,
                key,
                from,
                to,
            } => {
                let from = from.as_ref();
                self.tag((of, *created), key, from, Some(to)).await
            }
            Act::DeleteTag {
                of,
                created,
                key,
                from,
            } => self.tag((of, *created), key, Some(from), None).await,
            Act::Describe {
                of,
                created,
                from,
                to,
            } => self.description((of, *created), from, to).await,
            Act::MakeLedger { name } => self.ledger_made(name).await,
            Act::MakeLedgerRun { name, model } => self.ledger_run_made(name, model).await,
            Act::Claim {
                name,
                model,
                alias,
                number,
                intent,
            } => self.claim(name, model, (alias, *number), intent).await,
            Act::EndClaim {
                name,
                model,
                alias,
                number,
                nonce,
            } => {
                let claim = Claimed {
                    alias,
                    number: *number,
                    nonce,
                };
                Ok(self.book(name, model).await?.end_sighting(&claim))
            }
            _ => Err(unable(&self.id, act)),
        }
    }

    /// See [`crate::sources::Source::execute`].
    pub(super) async fn send(&self, ticket: &Ticket) -> Delivery {
        if let Err(fault) = self.about_us(ticket.act()) {
            return Delivery::Refused(fault);
        }
        match self.http.write(ticket).await {
            Ok(reply) => match receipt(ticket.act(), reply) {
                Ok(receipt) => Delivery::Taken(receipt),
                // Something answered, and it was not the registry.
                Err(fault) => Delivery::Unclear(fault),
            },
            Err(Unsent::Refused(fault)) => Delivery::Refused(refused(ticket.act(), fault)),
            Err(unsent) => unsent.into(),
        }
    }

    /// Refuses an act that is about another registry: a source may have been given another address since
    /// a plan was made or journalled.
    fn about_us(&self, act: &Act) -> Result<(), Fault> {
        match act.model() {
            Some(model) if *model.registry != *self.registry => {
                let there = registry_words(&model.registry);
                let detail = format!(
                    "this is about {there}, and the source {} is another one now",
                    self.id
                );
                Err(Fault::new(FaultKind::Config, self.http.base(), &detail))
            }
            _ => Ok(()),
        }
    }
}

/// A refusal with what helps: who made the ledger alone may write to it, unless that is shared.
fn refused(act: &Act, fault: Fault) -> Fault {
    match act {
        Act::MakeLedger { name } | Act::MakeLedgerRun { name, .. } | Act::Claim { name, .. }
            if fault.kind == FaultKind::Forbidden =>
        {
            let detail = format!(
                "{}: whoever promotes needs EDIT on the experiment {}, or set claims = \"off\"",
                fault.detail,
                name.clean()
            );
            Fault::new(FaultKind::Forbidden, fault.place.as_str(), &detail)
        }
        _ => fault,
    }
}

fn registry_words(registry: &RegistryKey) -> String {
    let workspace = registry.workspace.clean();
    match workspace.as_str() {
        "" => registry.base.clean().to_string(),
        name => format!("{} (workspace {name})", registry.base.clean()),
    }
}

/// What the server gave for an act that it took: JSON, whatever it says.
fn receipt(act: &Act, reply: Reply) -> Result<Receipt, Fault> {
    let id = match act {
        Act::MakeLedger { .. } => wire::decode::<wire::ExperimentMade>(reply)?.experiment_id,
        Act::MakeLedgerRun { .. } => {
            let run = wire::decode::<wire::RunAnswer>(reply)?.run;
            super::map::run_id(&run.info).to_owned()
        }
        _ => {
            reply.json::<serde_json::Map<String, serde_json::Value>>()?;
            String::new()
        }
    };
    Ok(Receipt {
        id: Some(Key::new(&id)).filter(|id| !id.raw().is_empty()),
        words: Clean::empty(),
    })
}
