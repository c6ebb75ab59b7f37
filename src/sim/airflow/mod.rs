//! A simulated Airflow: version 2 of the REST interface as 3.3 answers it, or version 1 as 2.11 does.
//! Definitions with typed parameters, runs that a scheduler plays in the fleet's time, logs, tokens.
//!
//! A training that ends well has made a run in the fleet's `MLflow` and registered a version of its model; a
//! deployment that does has put the endpoints of its model on a version.

pub(crate) mod dags;
mod deploy;
mod log;
mod login;
mod routes;
pub(crate) mod runs;
mod wire;
mod writes;

use std::time::Duration;

use serde_json::{Value, json};

use super::reply::{Reply, Request};
use super::world::World;

/// Which of the two interfaces a server speaks.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum AirflowVersion {
    /// 2.11: `/api/v1`, HTTP Basic.
    Two,
    /// 3.3: `/api/v2`, tokens.
    #[default]
    Three,
}

/// Somebody who may sign in to the simulated Airflow.
#[derive(Clone)]
pub struct AirflowUser {
    /// The name.
    pub user: String,
    /// The password.
    pub password: String,
    /// Whether runs may be started, ended and repeated, or only looked at.
    pub writes: bool,
}

impl std::fmt::Debug for AirflowUser {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "AirflowUser({})", self.user)
    }
}

/// How the simulated Airflow was started.
#[derive(Clone, Debug)]
pub struct AirflowOptions {
    /// Which interface it has.
    pub version: AirflowVersion,
    /// Who may sign in; everybody may do everything when empty.
    pub users: Vec<AirflowUser>,
    /// How long a token lives.
    pub token_life: Duration,
}

impl Default for AirflowOptions {
    fn default() -> Self {
        Self {
            version: AirflowVersion::Three,
            users: Vec::new(),
            token_life: Duration::from_secs(86_400),
        }
    }
}

impl AirflowVersion {
    /// A refusal as this version words it.
    fn refusal(self, status: u16, title: &str, detail: impl Into<Value>) -> Reply {
        let detail = detail.into();
        match self {
            Self::Three => Reply::json(status, json!({"detail": detail})),
            Self::Two => Reply::json(
                status,
                json!({
                    "detail": detail, "status": status, "title": title,
                    "type": "https://airflow.apache.org/docs/apache-airflow/2.11.2/stable-rest-api-ref.html",
                }),
            )
            .with_header("content-type", "application/problem+json"),
        }
    }

    fn no_dag(self, id: &str) -> Reply {
        match self {
            Self::Three => self.refusal(404, "", format!("The Dag with ID: `{id}` was not found")),
            Self::Two => {
                let text = format!("The DAG with dag_id: {id} was not found");
                self.refusal(404, "DAG not found", text)
            }
        }
    }

    fn no_run(self, dag: &str, id: &str) -> Reply {
        let text = match self {
            Self::Three => {
                format!("The DagRun with dag_id: `{dag}` and run_id: `{id}` was not found")
            }
            Self::Two => format!("DAGRun with DAG ID: '{dag}' and DagRun ID: '{id}' not found"),
        };
        self.refusal(404, "DAGRun not found", text)
    }
}

/// The page of 2.x for everything it does not know.
fn page(status: u16, title: &str) -> Reply {
    Reply::html(
        status,
        format!(
            "\n\n<!DOCTYPE html>\n<html lang=\"en\">\n  <head>\n    <title>{title}</title>\n  </head>\n</html>"
        ),
    )
}

/// Answers one request.
pub(crate) fn handle(world: &mut World, options: &AirflowOptions, request: &Request) -> Reply {
    let server = match options.version {
        AirflowVersion::Two => "gunicorn",
        AirflowVersion::Three => "uvicorn",
    };
    answer(world, options, request).with_header("server", server)
}

fn answer(world: &mut World, options: &AirflowOptions, request: &Request) -> Reply {
    let version = options.version;
    let (own, other) = match version {
        AirflowVersion::Two => ("/api/v1/", "/api/v2/"),
        AirflowVersion::Three => ("/api/v2/", "/api/v1/"),
    };
    if matches!(request.path.as_str(), "/auth/token" | "/auth/token/cli") {
        return match version {
            AirflowVersion::Two => page(404, "Airflow 404"),
            AirflowVersion::Three => login::token(options, request, world.now),
        };
    }
    let Some(call) = request.path.strip_prefix(own) else {
        return match version {
            AirflowVersion::Three if request.path.starts_with(other) => Reply::json(
                404,
                json!({"error": "/api/v1 has been removed in Airflow 3, please use its upgraded version \
                       /api/v2 instead."}),
            ),
            AirflowVersion::Three => Reply::json(404, json!({"error": "API route not found"})),
            AirflowVersion::Two => page(404, "Airflow 404"),
        };
    };
    let open = matches!(call, "version" | "monitor/health" | "health");
    let mut who = "admin".to_owned();
    if !open && !options.users.is_empty() {
        let user = match login::who(options, request, world.now) {
            Ok(user) => user,
            Err(refusal) => return refusal,
        };
        if !user.writes && super::writes::changes(request) {
            let detail = match version {
                AirflowVersion::Three => json!("Forbidden"),
                AirflowVersion::Two => Value::Null,
            };
            return version.refusal(403, "Forbidden", detail);
        }
        who.clone_from(&user.user);
    }
    routes::answer(world, version, &who, call, request)
}
