//! What this server version and this token may do.
//!
//! Rights are named as acts name them (see [`Act::right`](crate::domain::action::Act::right)), for the
//! whole registry, and followed by `:MODEL` for one model. MLflow reports only grants that somebody made by
//! hand, never its default permission, so most stay not known.

use std::collections::BTreeMap;

use super::{Mlflow, wire};
use crate::domain::action::right::right_on;
use crate::domain::fault::{Fault, FaultKind};
use crate::domain::observation::{Abilities, Right};
use crate::domain::text::Clean;
use crate::sources::http::{Call, Reply};
use crate::sources::routes::ReadRoute;

/// What a grant to edit allows.
const EDIT_VERBS: [&str; 3] = ["move-alias", "edit", "set-stage"];
/// What only a grant to manage allows.
const MANAGE_VERBS: [&str; 2] = ["delete-alias", "delete-tag"];
/// What rests on the experiment that holds the claims, of which nobody says who may write there.
const CLAIM_VERB: &str = "claim";
/// The most grants that are listed.
const GRANT_LIMIT: usize = 500;
/// A request slower than this under basic-auth is worth a remark: passwords are hashed on each.
const SLOW_LOGIN_MS: u128 = 300;
/// The oldest release that this adapter is tested against.
const OLDEST: (u64, u64) = (2, 9);

impl Mlflow {
    /// Asks for version, features, user and grants.
    pub(super) async fn ask_abilities(&self) -> Result<Abilities, Fault> {
        let mut abilities = Abilities::default();
        let version = self.ask_version(&mut abilities).await?;
        let info = self.ask_server_info(&mut abilities).await?;
        if info.is_none() && version.is_some_and(|v| v < (3, 0)) {
            let remark = "MLflow 2.x: no logged models, and lists of names are asked one by one";
            abilities.remarks.push(Clean::text(remark));
        }
        self.ask_user(&mut abilities, info.as_ref()).await?;
        Ok(abilities)
    }

    async fn get(&self, route: &ReadRoute) -> Result<Option<Reply>, Fault> {
        match self.http.read(route, Call::default()).await {
            Ok(reply) => Ok(Some(reply)),
            Err(fault) if fault.kind == FaultKind::NoRoute => Ok(None),
            Err(fault) => Err(fault),
        }
    }

    /// The version; a server that answers something else is none of ours.
    async fn ask_version(&self, abilities: &mut Abilities) -> Result<Option<(u64, u64)>, Fault> {
        let Some(reply) = self.get(&ReadRoute::MlflowVersion).await? else {
            abilities.server = Clean::name("mlflow");
            abilities
                .remarks
                .push(Clean::text("the server does not tell its version"));
            return Ok(None);
        };
        let text = reply.text()?;
        let text = text.trim();
        let Some(version) = parse_version(text) else {
            return Err(Fault::new(
                FaultKind::Decode {
                    path: Clean::empty(),
                },
                &reply.place,
                "this is not an MLflow server: its version is no version",
            ));
        };
        abilities.server = Clean::limited(&format!("mlflow {text}"), 60);
        if version < OLDEST {
            abilities.remarks.push(Clean::text(&format!(
                "{} is older than {}.{}, the oldest release this program was tested with",
                abilities.server, OLDEST.0, OLDEST.1
            )));
        }
        Ok(Some(version))
    }

    async fn ask_server_info(
        &self,
        abilities: &mut Abilities,
    ) -> Result<Option<wire::ServerInfo>, Fault> {
        let Some(reply) = self.get(&ReadRoute::MlflowServerInfo).await? else {
            return Ok(None);
        };
        let info: wire::ServerInfo = wire::decode(reply)?;
        let mut remark = |text: &str| abilities.remarks.push(Clean::text(text));
        if info.store_type == "FileStore" {
            remark(
                "the server keeps its data in files: run `mlflow migrate-filestore`, that store is no longer maintained",
            );
        }
        if info.workspaces_enabled && !self.has_workspace {
            remark(
                "the server has workspaces and none is set: only the workspace `default` is shown",
            );
        }
        Ok(Some(info))
    }

    async fn ask_user(
        &self,
        abilities: &mut Abilities,
        info: Option<&wire::ServerInfo>,
    ) -> Result<(), Fault> {
        let Some(reply) = self.get(&ReadRoute::MlflowCurrentUser).await? else {
            // Without an authentication app the server refuses nobody; one before it may.
            let open = info.is_some_and(|i| match &i.tracking_auth {
                Some(serde_json::Value::String(word)) => word.is_empty(),
                _ => false,
            });
            let right = if open {
                Right::Allowed
            } else {
                Right::NotKnown
            };
            everywhere(abilities, right);
            return Ok(());
        };
        let took = reply.took.as_millis();
        let user = wire::decode::<wire::CurrentUser>(reply)?.user;
        abilities.user = Some(Clean::name(&user.username)).filter(|u| !u.is_empty());
        if took > SLOW_LOGIN_MS {
            abilities.remarks.push(Clean::text(&format!(
                "each request costs the server about {took} ms for checking the password: set auth_cache_ttl_seconds in its auth configuration"
            )));
        }
        if user.is_admin {
            everywhere(abilities, Right::Allowed);
            return Ok(());
        }
        everywhere(abilities, Right::NotKnown);
        if let Some(reply) = self.get(&ReadRoute::MlflowPermissions).await? {
            let granted: wire::Permissions = wire::decode(reply)?;
            if granted.is_admin {
                abilities.rights.clear();
                everywhere(abilities, Right::Allowed);
                return Ok(());
            }
            grants(abilities, &granted.permissions);
        }
        Ok(())
    }
}

fn everywhere(abilities: &mut Abilities, right: Right) {
    for verb in EDIT_VERBS.iter().chain(&MANAGE_VERBS).chain([&CLAIM_VERB]) {
        abilities.rights.push((Clean::name(verb), right));
    }
}

/// Explicit grants on registered models. A grant on every model speaks for the registry; of several on
/// one model the widest holds, as for whoever is granted more by a role.
fn grants(abilities: &mut Abilities, rows: &[wire::Grant]) {
    let models = || {
        rows.iter()
            .filter(|g| g.resource_type == "registered_model" && !g.resource_pattern.is_empty())
    };
    let everywhere = models().filter(|g| g.resource_pattern == "*");
    let everywhere = everywhere.filter_map(|g| rank(&g.permission)).max();
    let mut by_model: BTreeMap<&str, Option<u8>> = BTreeMap::new();
    for grant in models()
        .filter(|g| g.resource_pattern != "*")
        .take(GRANT_LIMIT)
    {
        let known = by_model.entry(&grant.resource_pattern).or_default();
        *known = (*known).max(rank(&grant.permission));
    }
    if let Some(rank) = everywhere {
        for (verb, right) in told(rank) {
            if let Some(known) = abilities.rights.iter_mut().find(|(v, _)| *v == verb) {
                known.1 = right;
            }
        }
    }
    for (model, rank) in by_model {
        for (verb, right) in rank.max(everywhere).into_iter().flat_map(told) {
            abilities.rights.push((right_on(verb, model), right));
        }
    }
}

/// How much a permission allows: 0 reading or nothing, 1 editing, 2 all; none for a word not known here.
fn rank(permission: &str) -> Option<u8> {
    match permission {
        "MANAGE" => Some(2),
        "EDIT" => Some(1),
        "READ" | "USE" | "DENY" | "NO_PERMISSIONS" => Some(0),
        _ => None,
    }
}

/// What follows from a rank for each verb.
fn told(rank: u8) -> impl Iterator<Item = (&'static str, Right)> {
    let right = move |needs| {
        if rank >= needs {
            Right::Allowed
        } else {
            Right::Denied
        }
    };
    let edit = EDIT_VERBS.into_iter().map(move |verb| (verb, right(1)));
    edit.chain(MANAGE_VERBS.into_iter().map(move |verb| (verb, right(2))))
}

/// Major and minor of `3.18.0`, `2.9.2rc1`, `3.1.0.dev0`.
fn parse_version(text: &str) -> Option<(u64, u64)> {
    let mut parts = text.split('.');
    let major = parts.next()?.parse().ok()?;
    let minor = parts
        .next()?
        .chars()
        .take_while(char::is_ascii_digit)
        .collect::<String>()
        .parse()
        .ok()?;
    (text.len() < 40).then_some((major, minor))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::domain::action::{Act, Tagged};
    use crate::domain::key::{Key, ModelKey, RegistryKey, VersionKey};
    use crate::domain::time::Millis;

    #[test]
    fn versions_are_told_from_pages() {
        for (text, want) in [
            ("3.18.0", Some((3, 18))),
            ("2.9.2", Some((2, 9))),
            ("3.1rc0", Some((3, 1))),
            ("<!doctype html>", None),
            ("", None),
            ("OK", None),
        ] {
            assert_eq!(parse_version(text), want, "{text}");
        }
    }

    #[test]
    fn grants_speak_for_their_model_only() {
        let mut abilities = Abilities::default();
        everywhere(&mut abilities, Right::NotKnown);
        let grant = |permission: &str, pattern: &str| wire::Grant {
            permission: permission.to_owned(),
            resource_pattern: pattern.to_owned(),
            resource_type: "registered_model".to_owned(),
        };
        grants(
            &mut abilities,
            &[
                grant("EDIT", "churn"),
                grant("READ", "fraud"),
                grant("???", "x"),
                grant("READ", "eta"),
                grant("MANAGE", "eta"),
            ],
        );
        let right = |name: &str| {
            abilities
                .rights
                .iter()
                .find(|(n, _)| *n == name)
                .map(|(_, r)| *r)
        };
        assert_eq!(right("move-alias"), Some(Right::NotKnown));
        assert_eq!(right("move-alias:churn"), Some(Right::Allowed));
        assert_eq!(right("delete-alias:churn"), Some(Right::Denied));
        assert_eq!(right("move-alias:fraud"), Some(Right::Denied));
        assert_eq!(right("move-alias:x"), None);
        assert_eq!(right("delete-tag:eta"), Some(Right::Allowed));
        let model = |name: &str| ModelKey {
            registry: Arc::new(RegistryKey {
                base: Key::new("http://ml.test"),
                workspace: Key::new(""),
            }),
            name: Key::new(name),
            created: Millis(1),
        };
        let act = |name: &str| Act::DeleteTag {
            created: None,
            of: Tagged::Version(VersionKey {
                model: model(name),
                version: Key::new("1"),
            }),
            key: Key::new("k"),
            from: Key::new("v"),
        };
        let may =
            |abilities: &Abilities| ["churn", "eta", "x"].map(|name| abilities.may(&act(name)));
        let (yes, no, open) = (Right::Allowed, Right::Denied, Right::NotKnown);
        assert_eq!(may(&abilities), [no, yes, open]);
        abilities.refused(&act("eta"));
        abilities.refused(&act("x"));
        assert_eq!(may(&abilities), [no, no, no]);
    }
}
