//! Checks of what runs pipelines: what the adapter says equals what the same server says by another
//! route, asked directly.

use std::collections::BTreeMap;
use std::time::Duration;

use quarterdeck::domain::fault::FaultKind;
use quarterdeck::domain::key::Key;
use quarterdeck::domain::observation::{Coverage, Feed, Rows, Scope};
use quarterdeck::domain::pipeline::{
    Ending, LogChunk, LogKey, PartHealth, Pipeline, PipelineKey, PipelineRun, PipelineRunKey,
    PipelineState, Task,
};
use quarterdeck::domain::query::{Detail, Query};
use quarterdeck::domain::settings::{Auth, SecretRef, SourceSettings};
use quarterdeck::sim::ManualClock;
use quarterdeck::sources::Focus;
use serde_json::{Value, json};

use crate::door::{Door, open};
use crate::raw::{list, text};
use crate::verdict::{Check, Stop, Verdict};
use crate::{checks, ensure};

/// How long a run of a server under test may take until something of it is seen.
const LIMIT: Duration = Duration::from_secs(90);

/// What an Airflow under test holds, by name.
pub(crate) struct Names {
    /// A pipeline that runs, with parameters `model`, `epochs` and `fail_at`.
    pub(crate) dag: &'static str,
    /// One that is paused.
    pub(crate) paused: &'static str,
    /// Runs of a pipeline that failed at `evaluate`, and what the log says of it.
    pub(crate) failed: (&'static str, Vec<String>),
    pub(crate) said: &'static str,
    /// A run that ended well, with the model and the version that it registered.
    pub(crate) good: (String, &'static str, String),
    /// Parameters with which a training writes these lines, seconds apart.
    pub(crate) epochs: (Value, Vec<String>),
    /// Parameters with which a training takes a minute.
    pub(crate) slow: Value,
}

impl Names {
    /// Those of `tests/live/seed_airflow.py`.
    pub(crate) fn live() -> Self {
        Self {
            dag: "retrain_fraud",
            paused: "retrain_paused",
            failed: (
                "retrain_fraud",
                ["seed-bad-1", "seed-bad-2"].map(str::to_owned).to_vec(),
            ),
            said: "val_auc 0.62 < 0.80",
            good: ("seed-good".to_owned(), "fraud-detector", "7".to_owned()),
            epochs: (
                json!({"seconds": 8}),
                (0..8).map(|n| format!("epoch {n}:")).collect(),
            ),
            slow: json!({"seconds": 60}),
        }
    }
}

/// An Airflow under test.
pub(crate) struct Orchestra {
    pub(crate) names: Names,
    /// What drives it, where that is not the machine's clock.
    pub(crate) clock: Option<ManualClock>,
    settings: SourceSettings,
    client: reqwest::Client,
    user: (String, String),
    /// `v1` or `v2`.
    pub(crate) api: &'static str,
    /// How long a token of this server lives.
    pub(crate) token_life: Option<Duration>,
}

impl Orchestra {
    /// With a user who may do everything.
    pub(crate) fn new(
        mut settings: SourceSettings,
        api: &'static str,
        user: (String, String),
    ) -> Self {
        let (name, password) = user.clone();
        let (name, password) = (SecretRef::Inline(name), SecretRef::Inline(password));
        settings.auth = if api == "v2" {
            Auth::Login {
                user: name,
                password,
            }
        } else {
            Auth::Basic {
                user: name,
                password,
            }
        };
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::Client::builder()
            .no_proxy()
            .tls_certs_only([])
            .timeout(Duration::from_secs(60));
        Self {
            names: Names::live(),
            clock: None,
            settings,
            client: client.build().expect("a plain client"),
            user,
            api,
            token_life: None,
        }
    }

    /// Lets time pass.
    pub(crate) async fn wait(&self, time: Duration) {
        match &self.clock {
            Some(clock) => clock.advance(time),
            None => tokio::time::sleep(time).await,
        }
    }

    /// Looks at a run's tasks until they stand as wanted.
    pub(crate) async fn until(
        &self,
        door: &Door,
        run: &PipelineRunKey,
        stand: impl Fn(&[Task]) -> bool,
    ) -> Result<Vec<Task>, Stop> {
        let step = Duration::from_millis(900);
        let mut waited = Duration::ZERO;
        loop {
            let tasks = self.tasks(door, run).await?;
            if stand(&tasks) {
                return Ok(tasks);
            }
            ensure!(waited < LIMIT, "after {waited:?}: {tasks:?}");
            self.wait(step).await;
            waited += step;
        }
    }

    pub(crate) fn door(&self) -> Door {
        open(&self.settings, None).expect("a source from good settings")
    }

    /// A request past the adapter, which must be answered well.
    pub(crate) async fn direct(
        &self,
        method: reqwest::Method,
        path: &str,
        body: Option<Value>,
    ) -> Result<Value, Stop> {
        let said = |e: reqwest::Error| Stop::Broken(format!("direct: {path}: {e}"));
        let base = self.settings.url.trim_end_matches('/');
        let (user, password) = &self.user;
        let mut request = self
            .client
            .request(method, format!("{base}/api/{}{path}", self.api));
        request = if self.api == "v2" {
            let login = json!({"username": user, "password": password});
            let answer = self.client.post(format!("{base}/auth/token")).json(&login);
            let token: Value = answer
                .send()
                .await
                .map_err(said)?
                .json()
                .await
                .map_err(said)?;
            request.bearer_auth(text(&token["access_token"]))
        } else {
            request.basic_auth(user, Some(password))
        };
        if let Some(body) = body {
            request = request.json(&body);
        }
        let answer = request.send().await.map_err(said)?;
        let status = answer.status();
        let words = answer.text().await.map_err(said)?;
        if !status.is_success() {
            return Err(Stop::Broken(format!("direct: {path}: {status} {words}")));
        }
        Ok(serde_json::from_str(&words).unwrap_or_default())
    }

    pub(crate) async fn get(&self, path: &str) -> Result<Value, Stop> {
        self.direct(reqwest::Method::GET, path, None).await
    }

    /// Asks for a run behind the adapter's back.
    pub(crate) async fn trigger(&self, dag: &str, run: &str, conf: Value) -> Result<(), Stop> {
        let mut body = json!({"dag_run_id": run, "conf": conf});
        if self.api == "v2" {
            body["logical_date"] = Value::Null;
        }
        let path = format!("/dags/{dag}/dagRuns");
        self.direct(reqwest::Method::POST, &path, Some(body))
            .await
            .map(|_| ())
    }

    pub(crate) fn run(&self, dag: &str, id: &str) -> PipelineRunKey {
        PipelineRunKey {
            pipeline: PipelineKey {
                base: Key::new(self.settings.url.trim_end_matches('/')),
                id: Key::new(dag),
            },
            id: Key::new(id),
        }
    }

    pub(crate) async fn pipelines(&self) -> Result<Vec<Pipeline>, Stop> {
        let answer = self.door().poll(Feed::Pipelines, &Focus::default()).await?;
        match (answer.coverage, answer.rows) {
            (Coverage::Full(Scope::Pipelines), Rows::Pipelines(rows)) => Ok(rows),
            other => Err(Stop::Broken(format!("{other:?}"))),
        }
    }

    pub(crate) async fn tasks(&self, door: &Door, run: &PipelineRunKey) -> Result<Vec<Task>, Stop> {
        match door.fetch(Query::Tasks(run.clone())).await? {
            Detail::Tasks(tasks) => Ok(tasks),
            other => Err(Stop::Broken(format!("{other:?}"))),
        }
    }
}

pub(crate) async fn runs(door: &Door) -> Result<(Coverage, Vec<PipelineRun>), Stop> {
    let answer = door.poll(Feed::PipelineRuns, &Focus::default()).await?;
    match answer.rows {
        Rows::PipelineRuns(rows) => Ok((answer.coverage, rows)),
        other => Err(Stop::Broken(format!("{other:?}"))),
    }
}

async fn log(door: &Door, log: &LogKey, from: Option<Key>) -> Result<LogChunk, Stop> {
    let query = Query::TaskLog {
        log: log.clone(),
        from,
    };
    match door.fetch(query).await? {
        Detail::TaskLog(chunk) => Ok(chunk),
        other => Err(Stop::Broken(format!("{other:?}"))),
    }
}

/// A name that no other check or run of the suite uses.
pub(crate) fn unique(what: &str) -> String {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let now = now.map_or(0, |now| now.as_micros());
    format!("contract-{what}-{now}")
}

/// Name and version are those that the server gives.
pub(crate) async fn orchestrator_says_what_it_is(o: &Orchestra) -> Verdict {
    let version = o.get("/version").await?;
    let want = format!("Airflow {}", text(&version["version"]));
    let abilities = o.door().probe().await?;
    ensure!(
        abilities.server.as_str() == want,
        "it says {:?}, not {want:?}",
        abilities.server
    );
    Ok(())
}

/// Every definition is told once, with what keeps it from running.
pub(crate) async fn every_pipeline_once(o: &Orchestra) -> Verdict {
    let told = o.get("/dags?limit=100").await?;
    let told: BTreeMap<String, (bool, Option<u64>)> = list(&told["dags"])
        .iter()
        .map(|row| {
            let paused = row["is_paused"].as_bool().unwrap_or_default();
            (
                text(&row["dag_id"]).to_owned(),
                (paused, row["max_active_runs"].as_u64()),
            )
        })
        .collect();
    ensure!(
        told.values().any(|t| t.0) && told.values().any(|t| !t.0),
        "{told:?} shows one kind"
    );
    let rows = o.pipelines().await?;
    let seen: BTreeMap<String, (bool, Option<u64>)> = rows
        .iter()
        .map(|p| {
            (
                p.key.id.raw().to_owned(),
                (p.paused, p.max_active.map(u64::from)),
            )
        })
        .collect();
    ensure!(
        seen == told && rows.len() == told.len(),
        "seen {seen:?}, told {told:?}"
    );
    Ok(())
}

/// Runs of all definitions are told with their states, and failed ones with the task.
pub(crate) async fn runs_are_told_with_where_they_failed(o: &Orchestra) -> Verdict {
    let told = o.get("/dags/~/dagRuns?limit=100").await?;
    let (_, rows) = runs(&o.door()).await?;
    for row in list(&told["dag_runs"]) {
        let (dag, id) = (text(&row["dag_id"]), text(&row["dag_run_id"]));
        let key = o.run(dag, id);
        let Some(seen) = rows.iter().find(|run| run.key == key) else {
            return Err(Stop::Broken(format!("{dag} {id} is not told")));
        };
        // What other checks run may move on between the two questions.
        if seen.state.is_live() || id.starts_with("contract") {
            continue;
        }
        let want = match text(&row["state"]) {
            "success" => PipelineState::Ended(Ending::Success),
            _ => PipelineState::Ended(Ending::Failed),
        };
        ensure!(seen.state == want, "{id}: {:?}, not {want:?}", seen.state);
        ensure!(
            seen.ended >= seen.started && seen.ended.is_some(),
            "{id}: {seen:?}"
        );
    }
    let (dag, failed) = &o.names.failed;
    for id in failed {
        let key = o.run(dag, id);
        let failed = rows
            .iter()
            .find(|run| run.key == key)
            .and_then(|run| run.failed_at.as_ref());
        let task = failed.map(|at| at.task.shown.as_str());
        ensure!(task == Some("evaluate"), "{id} failed at {task:?}");
    }
    Ok(())
}

/// A run that is asked for behind our back is told by the next look, which asks for little else.
pub(crate) async fn a_new_run_is_told_by_the_next_look(o: &Orchestra) -> Verdict {
    let door = o.door();
    runs(&door).await?;
    let id = unique("waits");
    o.trigger(o.names.paused, &id, json!({"why": "drift"}))
        .await?;
    let (coverage, rows) = runs(&door).await?;
    // Once in a while all of the last time is asked for, else what moved.
    let less = matches!(coverage, Coverage::Tail(_) | Coverage::Full(_));
    ensure!(less, "{coverage:?}");
    let key = o.run(o.names.paused, &id);
    let Some(seen) = rows.iter().find(|run| run.key == key) else {
        return Err(Stop::Broken(format!(
            "{id} is not among {} rows",
            rows.len()
        )));
    };
    ensure!(seen.state == PipelineState::Queued, "{:?}", seen.state);
    ensure!(
        seen.param("why").as_deref() == Some("drift"),
        "{:?}",
        seen.params
    );
    ensure!(seen.queued.is_some(), "nobody knows when it was asked for");
    Ok(())
}

/// Parameters and graph are those that the definition has.
pub(crate) async fn details_are_those_of_the_definition(o: &Orchestra) -> Verdict {
    let told = o.get(&format!("/dags/{}/details", o.names.dag)).await?;
    let key = o.run(o.names.dag, "").pipeline;
    let Detail::Pipeline(details) = o.door().fetch(Query::Pipeline(key)).await? else {
        return Err(Stop::Broken("another detail".to_owned()));
    };
    let told_params = told["params"].as_object().cloned().unwrap_or_default();
    ensure!(
        !told_params.is_empty(),
        "no parameter: the check would be empty"
    );
    ensure!(
        details.params.len() == told_params.len(),
        "{:?}",
        details.params
    );
    for param in &details.params {
        let row = &told_params[param.name.key.raw()];
        let default = param.default.as_ref();
        let default = default.map(|d| d.raw().clone()).unwrap_or_default();
        ensure!(default == row["value"], "{}: {default}", param.name.shown);
        let schema = &row["schema"];
        let bounds = (schema["minimum"].as_f64(), schema["maximum"].as_f64());
        if schema["type"] == "integer" {
            ensure!(
                (param.least, param.most) == bounds,
                "{}: {param:?}",
                param.name.shown
            );
        }
        let choices = list(&schema["enum"]).len();
        ensure!(
            param.choices.len() == choices,
            "{}: {param:?}",
            param.name.shown
        );
    }
    let order: Vec<&str> = details
        .graph
        .iter()
        .map(|node| node.name.as_str())
        .collect();
    ensure!(
        order == ["prepare", "train", "evaluate", "register"],
        "{order:?}"
    );
    Ok(())
}

/// Tasks of a failed run, and the log of the one that failed.
pub(crate) async fn tasks_and_their_logs_are_read(o: &Orchestra) -> Verdict {
    let door = o.door();
    let run = o.run(o.names.failed.0, &o.names.failed.1[0]);
    let tasks = o.tasks(&door, &run).await?;
    let word = |name: &str| {
        let task = tasks.iter().find(|task| task.name.as_str() == name);
        task.map(|task| task.state.word().to_owned())
            .unwrap_or_default()
    };
    let words = ["prepare", "train", "evaluate", "register"].map(word);
    ensure!(
        words == ["success", "success", "failed", "skipped"],
        "{words:?}"
    );
    let failed = tasks.iter().find(|task| task.name.as_str() == "evaluate");
    let Some(key) = failed.and_then(|task| task.log(&run)) else {
        return Err(Stop::Broken("no log of evaluate".to_owned()));
    };
    let chunk = log(&door, &key, None).await?;
    let said = |words: &str| chunk.lines.iter().any(|l| l.text.as_str().contains(words));
    ensure!(said(o.names.said), "{chunk:?}");
    ensure!(
        chunk
            .lines
            .iter()
            .any(|l| l.level == "error" && l.at.is_some()),
        "{chunk:?}"
    );
    let never = LogKey {
        run: o.run(o.names.paused, "seed-waits"),
        task: Key::new("never"),
        ..key
    };
    match door
        .fetch(Query::TaskLog {
            log: never,
            from: None,
        })
        .await
    {
        Err(fault) => ensure!(fault.kind == FaultKind::NotFound, "{fault:?}"),
        // Version 2 says in the log that there is none.
        Ok(Detail::TaskLog(chunk)) => ensure!(chunk.lines.len() < 10, "{chunk:?}"),
        Ok(other) => return Err(Stop::Broken(format!("{other:?}"))),
    }
    Ok(())
}

/// What the run of a pipeline registered is read from its result.
pub(crate) async fn results_name_the_version(o: &Orchestra) -> Verdict {
    let (run, model, version) = &o.names.good;
    let run = o.run(o.names.dag, run);
    let Detail::Produced(produced) = o.door().fetch(Query::Produced(run)).await? else {
        return Err(Stop::Broken("another detail".to_owned()));
    };
    let told = produced
        .iter()
        .map(|p| (p.model.as_ref(), p.version.as_ref()));
    let told: Vec<_> = told
        .map(|(m, v)| (m.map(Key::raw), v.map(Key::raw)))
        .collect();
    ensure!(
        told == [(Some(*model), Some(version.as_str()))],
        "{produced:?}"
    );
    Ok(())
}

/// A log is read on from where the last look ended: no line twice, none left out.
pub(crate) async fn a_log_is_read_on(o: &Orchestra) -> Verdict {
    let door = o.door();
    let id = unique("tail");
    let (conf, epochs) = &o.names.epochs;
    o.trigger(o.names.dag, &id, conf.clone()).await?;
    let run = o.run(o.names.dag, &id);
    let key = LogKey {
        run: run.clone(),
        task: Key::new("train"),
        map_index: None,
        attempt: 1,
    };
    let end = tokio::time::Instant::now() + LIMIT;
    let (mut lines, mut from, mut looks, mut ended) = (Vec::new(), None, 0, false);
    loop {
        ensure!(
            tokio::time::Instant::now() < end,
            "after {looks} looks only {lines:?}"
        );
        let over = o.tasks(&door, &run).await?.iter().any(|task| {
            task.name.as_str() == "train" && matches!(task.state, PipelineState::Ended(_))
        });
        match log(&door, &key, from.clone()).await {
            Ok(chunk) => {
                let told = chunk.lines.iter().map(|l| l.text.as_str());
                let fresh: Vec<String> = told
                    .filter(|t| t.contains("epoch "))
                    .map(str::to_owned)
                    .collect();
                looks += usize::from(!fresh.is_empty());
                if chunk.whole {
                    lines.clear();
                }
                lines.extend(fresh);
                from = chunk.next.or(from);
            }
            // It has not begun.
            Err(Stop::Broken(words)) if words.contains("not found") => {}
            Err(stop) => return Err(stop),
        }
        if ended {
            break;
        }
        ended = over;
        o.wait(Duration::from_millis(900)).await;
    }
    let told: Vec<&String> = epochs
        .iter()
        .filter(|e| lines.iter().any(|l| l.contains(*e)))
        .collect();
    ensure!(
        told.len() == 8 && lines.len() == 8,
        "{looks} looks: {lines:?}"
    );
    ensure!(
        looks > 1,
        "all of it came at once: the check would be empty"
    );
    Ok(())
}

/// The parts stand as the server says.
pub(crate) async fn health_is_that_of_the_parts(o: &Orchestra) -> Verdict {
    let path = if o.api == "v2" {
        "/monitor/health"
    } else {
        "/health"
    };
    let told = o.get(path).await?;
    let answer = o.door().poll(Feed::Orchestrator, &Focus::default()).await?;
    let Rows::Orchestrators(rows) = answer.rows else {
        return Err(Stop::Broken(format!("{:?}", answer.rows)));
    };
    ensure!(rows.len() == 1, "{rows:?}");
    let scheduler = rows[0].scheduler();
    let want = match text(&told["scheduler"]["status"]) {
        "healthy" => PartHealth::Healthy,
        _ => PartHealth::Unhealthy,
    };
    ensure!(
        scheduler.is_some_and(|part| part.health == want),
        "{scheduler:?}, not {want:?}"
    );
    ensure!(
        scheduler.is_some_and(|part| part.heartbeat.is_some()),
        "{scheduler:?}"
    );
    Ok(())
}

/// A token that has expired meanwhile is no failure of a look.
pub(crate) async fn tokens_are_renewed(o: &Orchestra) -> Verdict {
    let Some(life) = o.token_life else {
        return Ok(());
    };
    let door = o.door();
    runs(&door).await?;
    o.wait(life + Duration::from_secs(1)).await;
    runs(&door).await?;
    Ok(())
}

/// A wrong password is told as such.
pub(crate) async fn a_wrong_password_is_told(o: &Orchestra) -> Verdict {
    let wrong = Orchestra::new(
        o.settings.clone(),
        o.api,
        (o.user.0.clone(), "wrong".to_owned()),
    );
    match wrong.door().poll(Feed::Pipelines, &Focus::default()).await {
        Err(fault) => {
            // Airflow 2 answers no user at all as it answers one without rights.
            let kinds = [FaultKind::Auth, FaultKind::Forbidden];
            ensure!(kinds.contains(&fault.kind), "{fault:?}");
            ensure!(!fault.line().contains("wrong"), "{fault}");
        }
        Ok(_) => ensure!(false, "a wrong password is let in"),
    }
    Ok(())
}

/// Every check of an Airflow.
pub(crate) fn orchestrator_checks() -> Vec<Check<Orchestra>> {
    checks![
        pipelines::orchestrator_says_what_it_is,
        pipelines::every_pipeline_once,
        pipelines::runs_are_told_with_where_they_failed,
        pipelines::a_new_run_is_told_by_the_next_look,
        pipelines::details_are_those_of_the_definition,
        pipelines::tasks_and_their_logs_are_read,
        pipelines::results_name_the_version,
        pipelines::a_log_is_read_on,
        pipelines::health_is_that_of_the_parts,
        pipelines::tokens_are_renewed,
        pipelines::a_wrong_password_is_told,
        pipeline_writes::a_run_is_started_once_with_what_was_asked_for,
        pipeline_writes::what_the_schema_refuses_starts_nothing,
        pipeline_writes::a_run_is_awaited_to_its_end,
        pipeline_writes::a_run_is_cancelled_and_seen_to_end,
        pipeline_writes::failed_tasks_run_again,
        pipeline_writes::a_deleted_run_is_absent_from_a_full_answer,
    ]
}
