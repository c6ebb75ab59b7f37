//! Basic authentication: accounts, what each may do to which model or experiment, and the refusals.
//!
//! As the server's own application has it: READ is the default, whoever makes a thing gets MANAGE on
//! it, and a thing that does not exist is refused like one that may not be changed.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::args::Args;
use super::error::Failure;
use crate::sim::reply::{Reply, Request};
use crate::sim::world::{Grant, World};

/// The accounts of a server with basic authentication.
#[derive(Clone, Debug, Default)]
pub struct BasicAuth {
    /// Who may sign in.
    pub accounts: Vec<Account>,
}

impl BasicAuth {
    /// A server with one account.
    #[must_use]
    pub fn of(account: Account) -> Self {
        Self {
            accounts: vec![account],
        }
    }
}

/// What an account may do with a thing, weakest first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Access {
    /// Nothing: it is left out of searches, and asking for it is refused.
    Deny,
    /// Look.
    Read,
    /// Change it and move its aliases, delete no alias and no tag of a version.
    Edit,
    /// Everything.
    Manage,
}

impl Access {
    fn word(self) -> &'static str {
        match self {
            Self::Deny => "DENY",
            Self::Read => "READ",
            Self::Edit => "EDIT",
            Self::Manage => "MANAGE",
        }
    }
}

/// One account.
#[derive(Clone)]
pub struct Account {
    /// Its name.
    pub user: String,
    /// Its password.
    pub password: String,
    /// Whether it may do everything.
    pub admin: bool,
    /// What it may do where nothing was granted.
    pub default: Access,
    /// What was granted, by the registered model's name.
    pub grants: Vec<(String, Access)>,
}

impl std::fmt::Debug for Account {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Account({})", self.user)
    }
}

impl Account {
    /// An account that may read everything and change nothing.
    #[must_use]
    pub fn reader(user: &str, password: &str) -> Self {
        Self {
            user: user.to_owned(),
            password: password.to_owned(),
            admin: false,
            default: Access::Read,
            grants: Vec::new(),
        }
    }

    /// The same account with a right on one model.
    #[must_use]
    pub fn granted(mut self, model: &str, access: Access) -> Self {
        self.grants.push((model.to_owned(), access));
        self
    }

    /// The same account, with another right on everything that no grant names.
    #[must_use]
    pub fn usually(mut self, access: Access) -> Self {
        self.default = access;
        self
    }

    /// The same account as an administrator.
    #[must_use]
    pub fn admin(mut self) -> Self {
        self.admin = true;
        self
    }
}

/// What a call touches.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Touches {
    Model,
    Experiment,
    /// A run, which has the rights of its experiment.
    Run,
}

/// The right that a call needs.
fn needs(call: &str, method: &str) -> Option<(Touches, Access)> {
    use Access::{Edit, Manage, Read};
    Some(match call {
        "registered-models/alias" => match method {
            "POST" => (Touches::Model, Edit),
            "DELETE" => (Touches::Model, Manage),
            _ => (Touches::Model, Read),
        },
        "registered-models/get"
        | "registered-models/get-latest-versions"
        | "model-versions/get"
        | "model-versions/get-download-uri" => (Touches::Model, Read),
        // Seen: the tag of a model may be deleted by whoever may set it, the tag of a version not.
        "registered-models/set-tag"
        | "registered-models/delete-tag"
        | "registered-models/update"
        | "registered-models/rename"
        | "model-versions/set-tag"
        | "model-versions/create"
        | "model-versions/update"
        | "model-versions/transition-stage" => (Touches::Model, Edit),
        "registered-models/delete" | "model-versions/delete" | "model-versions/delete-tag" => {
            (Touches::Model, Manage)
        }
        "experiments/get" => (Touches::Experiment, Read),
        "experiments/set-experiment-tag" | "runs/create" => (Touches::Experiment, Edit),
        "runs/get" | "artifacts/list" | "metrics/get-history" => (Touches::Run, Read),
        "runs/update" | "runs/log-metric" | "runs/log-parameter" | "runs/log-batch"
        | "runs/set-tag" | "runs/delete-tag" => (Touches::Run, Edit),
        "runs/delete" | "runs/restore" => (Touches::Run, Manage),
        _ => return None,
    })
}

/// Who asks, or the refusal of somebody unknown.
pub(super) fn admit<'a>(auth: &'a BasicAuth, request: &Request) -> Result<&'a Account, Reply> {
    let sent = request.header("authorization").strip_prefix("Basic ");
    let known = sent.and_then(|sent| {
        auth.accounts.iter().find(|account| {
            sent == STANDARD.encode(format!("{}:{}", account.user, account.password))
        })
    });
    known.ok_or_else(|| {
        let text = "You are not authenticated. Please see https://www.mlflow.org/docs/latest/auth/index.html\
                    #authenticating-to-mlflow on how to authenticate.";
        Reply::html(401, text).with_header("www-authenticate", "Basic realm=\"mlflow\"")
    })
}

/// The refusal of somebody known, in plain text though it says otherwise.
pub(super) fn denied() -> Reply {
    Reply::html(403, "Permission denied")
}

fn access(world: &World, account: &Account, kind: &str, resource: &str) -> Access {
    if account.admin {
        return Access::Manage;
    }
    let made = (world.grants.iter())
        .any(|g| g.user == account.user && g.kind == kind && g.resource == resource);
    if made {
        return Access::Manage;
    }
    let exists = kind != "registered_model" || world.model(resource).is_some();
    let grant =
        (account.grants.iter()).find(|(name, _)| kind == "registered_model" && name == resource);
    match grant {
        Some((_, access)) => *access,
        // What does not exist has no rights to give.
        None if !exists => account.default.min(Access::Read),
        None => account.default,
    }
}

fn of_run(world: &World, account: &Account, id: &str) -> Access {
    match world.run(id) {
        Some(run) => access(world, account, "experiment", &run.experiment),
        None if account.admin => Access::Manage,
        None => account.default.min(Access::Read),
    }
}

/// Whether a model may be read, for the routes that are no API calls.
pub(super) fn reads_model(world: &World, account: &Account, name: &str) -> bool {
    access(world, account, "registered_model", name) >= Access::Read
}

/// Whether a run may be read, for the routes that are no API calls.
pub(super) fn reads_run(world: &World, account: &Account, id: &str) -> bool {
    of_run(world, account, id) >= Access::Read
}

/// Lets a call pass, or says why not.
pub(super) fn check(
    world: &World,
    account: &Account,
    call: &str,
    args: &Args,
) -> Result<(), Reply> {
    let Some((touches, need)) = needs(call, args.method()) else {
        return Ok(());
    };
    let worded = |failure: Failure| failure.reply();
    let has = match touches {
        Touches::Model => {
            let name = args.required("name").map_err(worded)?;
            access(world, account, "registered_model", &name)
        }
        Touches::Experiment => {
            let id = args.required("experiment_id").map_err(worded)?;
            let known = world.experiment(&id).is_some() || account.admin;
            let has = access(world, account, "experiment", &id);
            if known { has } else { has.min(Access::Read) }
        }
        Touches::Run => of_run(world, account, &args.run_id().map_err(worded)?),
    };
    if has < need { Err(denied()) } else { Ok(()) }
}

/// Takes out of a search what the account may not read.
pub(super) fn hide(world: &World, account: &Account, call: &str, answer: &mut Value) {
    let (field, place, kind) = match call {
        "registered-models/search" => ("registered_models", "/name", "registered_model"),
        "model-versions/search" => ("model_versions", "/name", "registered_model"),
        "experiments/search" => ("experiments", "/experiment_id", "experiment"),
        "runs/search" => ("runs", "/info/experiment_id", "experiment"),
        _ => return,
    };
    if let Some(rows) = answer.get_mut(field).and_then(Value::as_array_mut) {
        rows.retain(|row| {
            let name = row.pointer(place).and_then(Value::as_str);
            access(world, account, kind, name.unwrap_or_default()) >= Access::Read
        });
        if rows.is_empty()
            && let Value::Object(fields) = answer
        {
            fields.remove(field);
        }
    }
}

/// Gives whoever made a model or an experiment every right on it.
pub(super) fn grant(world: &mut World, account: &Account, call: &str, answer: &Value) {
    let (kind, place) = match call {
        "registered-models/create" => ("registered_model", "/registered_model/name"),
        "experiments/create" => ("experiment", "/experiment_id"),
        _ => return,
    };
    if let Some(resource) = answer.pointer(place).and_then(Value::as_str) {
        world.grants.push(Grant {
            user: account.user.clone(),
            kind,
            resource: resource.to_owned(),
        });
    }
}

/// `GET users/current`
pub(super) fn current(auth: &BasicAuth, account: &Account) -> Value {
    json!({
        "is_basic_auth": true,
        "user": {"id": id(auth, account), "is_admin": account.admin, "username": account.user},
    })
}

fn id(auth: &BasicAuth, account: &Account) -> usize {
    let at = auth
        .accounts
        .iter()
        .position(|known| known.user == account.user);
    at.map_or(0, |at| at + 1)
}

/// `GET /api/3.0/mlflow/users/current/permissions`: what was granted, and nothing of the default.
pub(super) fn permissions(world: &World, auth: &BasicAuth, account: &Account) -> Value {
    let id = id(auth, account);
    let row = |kind: &str, resource: &str, access: Access| {
        json!({
            "permission": access.word(), "resource_pattern": resource, "resource_type": kind,
            "role_id": id, "role_name": format!("__user_{id}__"), "workspace": "default",
        })
    };
    let granted =
        (account.grants.iter()).map(|(name, access)| row("registered_model", name, *access));
    let made = world
        .grants
        .iter()
        .filter(|grant| grant.user == account.user);
    let made = made.map(|grant| row(grant.kind, &grant.resource, Access::Manage));
    let rows: Vec<Value> = granted.chain(made).collect();
    json!({"is_admin": account.admin, "permissions": rows})
}
