//! Checks of what a tracking server does with writes: what it keeps, what it refuses and in which words,
//! and what its reads say right after. Asked directly: an adapter's writes rest on these facts.

use serde_json::{Value, json};

use crate::ensure;
use crate::monitors::Monitor;
use crate::raw::{Said, list, text};
use crate::serving::Endpoint;
use crate::tracker::{Scratch, Tracker};
use crate::verdict::{Lack, Stop, Verdict};

const API: &str = "/api/2.0/mlflow/";

/// Whether an answer is one of the server's own errors: status, code, and a part of its sentence.
fn refused(said: &Said, status: u16, code: &str, words: &str) -> bool {
    let body = said.json();
    said.status == status
        && text(&body["error_code"]) == code
        && text(&body["message"]).contains(words)
}

async fn on_scratch<F>(t: &Tracker, check: F) -> Verdict
where
    F: AsyncFnOnce(&Tracker, &Scratch) -> Verdict,
{
    t.need(Lack::MakingModels)?;
    let scratch = t.scratch().await?;
    let outcome = check(t, &scratch).await;
    scratch.remove(t).await?;
    outcome
}

async fn tell(t: &Tracker, call: &str, body: &Value) -> Result<Said, Stop> {
    Ok(t.raw.tell(&format!("{API}{call}"), body).await?)
}

/// The version an alias points at, none where there is no such alias.
async fn holder(t: &Tracker, model: &str, alias: &str) -> Result<Option<String>, Stop> {
    let query = [("name", model), ("alias", alias)];
    let said = t
        .raw
        .ask(&format!("{API}registered-models/alias"), &query)
        .await?;
    if said.status == 200 {
        return Ok(Some(
            text(&said.json()["model_version"]["version"]).to_owned(),
        ));
    }
    // Where the version of an alias was deleted, version 2 says that the version is not there.
    let missing = refused(&said, 400, "INVALID_PARAMETER_VALUE", "not found")
        || refused(&said, 404, "RESOURCE_DOES_NOT_EXIST", "not found");
    ensure!(missing, "an alias that is missing: {said:?}");
    Ok(None)
}

/// An alias goes where it is sent and nowhere else; taking it away twice is no error.
pub(crate) async fn aliases_go_where_they_are_sent(t: &Tracker) -> Verdict {
    on_scratch(t, async |t, scratch| {
        let name = &scratch.name;
        for version in [
            &scratch.versions[1],
            &scratch.versions[1],
            &scratch.versions[0],
        ] {
            let body = json!({"name": name, "alias": "next", "version": version});
            let said = tell(t, "registered-models/alias", &body).await?;
            ensure!(
                said.status == 200 && said.json() == json!({}),
                "set: {said:?}"
            );
            let now = holder(t, name, "next").await?;
            ensure!(now.as_ref() == Some(version), "{now:?} after {version}");
        }
        let missing = json!({"name": name, "alias": "next", "version": "999"});
        let said = tell(t, "registered-models/alias", &missing).await?;
        ensure!(
            refused(&said, 404, "RESOURCE_DOES_NOT_EXIST", "version=999"),
            "to a version that is missing: {said:?}"
        );
        for alias in ["a b", "v7", "latest"] {
            let body = json!({"name": name, "alias": alias, "version": "1"});
            let said = tell(t, "registered-models/alias", &body).await?;
            ensure!(
                refused(&said, 400, "INVALID_PARAMETER_VALUE", "alias"),
                "{alias:?}: {said:?}"
            );
        }
        for _ in 0..2 {
            let body = json!({"name": name, "alias": "next"});
            t.raw.delete("registered-models/alias", &body).await?;
            ensure!(
                holder(t, name, "next").await?.is_none(),
                "it is still there"
            );
        }
        Ok(())
    })
    .await
}

/// Tags are kept as sent, on models and on versions; no timestamp tells of one.
pub(crate) async fn tags_are_kept_and_leave_no_stamp(t: &Tracker) -> Verdict {
    on_scratch(t, async |t, scratch| {
        let name = &scratch.name;
        let version = &scratch.versions[0];
        let model_of = async || t.raw.get("registered-models/get", &[("name", name)]).await;
        let version_of = async || {
            let query = [("name", name.as_str()), ("version", version.as_str())];
            t.raw.get("model-versions/get", &query).await
        };
        let before = (model_of().await?, version_of().await?);
        let value = "ana: \"Q4 data\"\nsecond line, é";
        let body = json!({"name": name, "key": "quarterdeck.reason", "value": value});
        t.raw.post("registered-models/set-tag", &body).await?;
        let body = json!({"name": name, "version": version, "key": "quarterdeck.by", "value": ""});
        t.raw.post("model-versions/set-tag", &body).await?;
        let after = (model_of().await?, version_of().await?);
        let tags = &after.0["registered_model"]["tags"];
        ensure!(
            list(tags).contains(&json!({"key": "quarterdeck.reason", "value": value})),
            "of the model: {tags}"
        );
        let tags = &after.1["model_version"]["tags"];
        ensure!(
            list(tags).contains(&json!({"key": "quarterdeck.by", "value": ""})),
            "of the version: {tags}"
        );
        let stamp = "last_updated_timestamp";
        ensure!(
            before.0["registered_model"][stamp] == after.0["registered_model"][stamp]
                && before.1["model_version"][stamp] == after.1["model_version"][stamp],
            "a tag moved a timestamp"
        );
        for (call, body) in [
            (
                "registered-models/delete-tag",
                json!({"name": name, "key": "never-set"}),
            ),
            (
                "model-versions/delete-tag",
                json!({"name": name, "version": version, "key": "quarterdeck.by"}),
            ),
        ] {
            t.raw.delete(call, &body).await?;
        }
        let nobody = json!({"name": "no-such-model", "key": "k", "value": "v"});
        let said = tell(t, "registered-models/set-tag", &nobody).await?;
        ensure!(
            refused(&said, 404, "RESOURCE_DOES_NOT_EXIST", "no-such-model"),
            "of a model that is missing: {said:?}"
        );
        Ok(())
    })
    .await
}

/// A description bumps the timestamp of what it describes, and of nothing else.
pub(crate) async fn descriptions_are_stamped(t: &Tracker) -> Verdict {
    on_scratch(t, async |t, scratch| {
        let name = &scratch.name;
        let version = &scratch.versions[0];
        let read = async || -> Result<[Value; 2], Stop> {
            let model = t
                .raw
                .get("registered-models/get", &[("name", name)])
                .await?;
            let query = [("name", name.as_str()), ("version", version.as_str())];
            let version = t.raw.get("model-versions/get", &query).await?;
            Ok([
                model["registered_model"].clone(),
                version["model_version"].clone(),
            ])
        };
        let before = read().await?;
        let body = json!({"name": name, "version": version, "description": "by hand"});
        let told = t.raw.patch("model-versions/update", &body).await?;
        ensure!(told["model_version"]["description"] == "by hand", "{told}");
        let after = read().await?;
        let stamp = "last_updated_timestamp";
        ensure!(after[1]["description"] == "by hand", "{}", after[1]);
        ensure!(
            after[0][stamp] == before[0][stamp],
            "the model's timestamp moved"
        );
        ensure!(after[1][stamp] != before[1][stamp], "the version's stayed");
        let body = json!({"name": name, "description": "of the model"});
        let told = t.raw.patch("registered-models/update", &body).await?;
        ensure!(
            told["registered_model"]["description"] == "of the model",
            "{told}"
        );
        let last = read().await?;
        ensure!(last[0][stamp] != after[0][stamp], "the model's stayed");
        ensure!(
            last[1][stamp] == after[1][stamp],
            "the version's timestamp moved"
        );
        Ok(())
    })
    .await
}

/// A stage archives those who held it when asked to, and refuses what makes no sense.
pub(crate) async fn stages_archive_when_asked(t: &Tracker) -> Verdict {
    on_scratch(t, async |t, scratch| {
        let call = "model-versions/transition-stage";
        let body = |version: &str, stage: &str, archive: bool| {
            json!({"name": scratch.name, "version": version, "stage": stage,
                   "archive_existing_versions": archive})
        };
        for version in &scratch.versions {
            let told = t.raw.post(call, &body(version, "Production", true)).await?;
            ensure!(
                told["model_version"]["current_stage"] == "Production",
                "{told}"
            );
        }
        let rows = t.raw.versions(&scratch.name).await?;
        let stages: Vec<&str> = (scratch.versions.iter())
            .filter_map(|version| rows.iter().find(|row| row["version"] == **version))
            .map(|row| text(&row["current_stage"]))
            .collect();
        ensure!(stages == ["Archived", "Production"], "{stages:?}");
        let said = tell(t, call, &body("1", "Live", false)).await?;
        ensure!(
            refused(&said, 400, "INVALID_PARAMETER_VALUE", "stage"),
            "a stage nobody knows: {said:?}"
        );
        let said = tell(t, call, &body("1", "Archived", true)).await?;
        ensure!(said.status >= 400, "archiving into the archive: {said:?}");
        let said = tell(t, call, &body("999", "Staging", false)).await?;
        ensure!(
            refused(&said, 404, "RESOURCE_DOES_NOT_EXIST", "version=999"),
            "a version that is missing: {said:?}"
        );
        Ok(())
    })
    .await
}

/// A run of an experiment made for the check.
async fn ledger(t: &Tracker) -> Result<(String, String), Stop> {
    t.need(Lack::MakingRuns)?;
    let name = t.fresh("contract-ledger");
    let made = t
        .raw
        .post("experiments/create", &json!({"name": name}))
        .await?;
    let experiment = text(&made["experiment_id"]).to_owned();
    let again = tell(t, "experiments/create", &json!({"name": name})).await?;
    ensure!(
        refused(&again, 400, "RESOURCE_ALREADY_EXISTS", &name),
        "a name that is taken: {again:?}"
    );
    let found = (t
        .raw
        .get("experiments/get-by-name", &[("experiment_name", &name)]))
    .await?;
    ensure!(
        text(&found["experiment"]["experiment_id"]) == experiment,
        "by its name: {found}"
    );
    let body = json!({"experiment_id": experiment, "run_name": "claims", "start_time": 1_795_437_418_099_i64,
                      "tags": [{"key": "kind", "value": "ledger"}]});
    let made = t.raw.post("runs/create", &body).await?;
    let info = &made["run"]["info"];
    ensure!(
        info["status"] == "RUNNING" && info["run_name"] == "claims",
        "made: {made}"
    );
    Ok((experiment, text(&info["run_id"]).to_owned()))
}

/// A parameter is written once: the first of several writers wins, and the others are told so.
pub(crate) async fn parameters_are_written_once(t: &Tracker) -> Verdict {
    let (_, run) = ledger(t).await?;
    let call = "runs/log-parameter";
    let body = |value: &str| json!({"run_id": run, "key": "m/champion/1", "value": value});
    let (one, two, three) = (body("one"), body("two"), body("three"));
    let claims = [&one, &two, &three].map(|body| tell(t, call, body));
    let said = futures::future::join_all(claims).await;
    let mut won = 0;
    for said in said {
        let said = said?;
        if said.status == 200 {
            won += 1;
        } else {
            ensure!(
                refused(&said, 400, "INVALID_PARAMETER_VALUE", "Changing param values is not allowed")
                    // Two transactions on sqlite at the same moment.
                    || refused(&said, 400, "BAD_REQUEST", "UNIQUE constraint failed"),
                "a claim that lost: {said:?}"
            );
        }
    }
    ensure!(won == 1, "{won} claims won");
    let read = t.raw.get("runs/get", &[("run_id", &run)]).await?;
    let kept = text(&list(&read["run"]["data"]["params"])[0]["value"]).to_owned();
    let said = tell(t, call, &body(&kept)).await?;
    ensure!(said.status == 200, "the value it has: {said:?}");
    let said = tell(t, call, &body("another")).await?;
    ensure!(
        refused(
            &said,
            400,
            "INVALID_PARAMETER_VALUE",
            "Changing param values is not allowed"
        ),
        "another value: {said:?}"
    );
    // A key that names model, alias and number with the customary signs is none.
    let odd = json!({"run_id": run, "key": "m@champion#1", "value": "x"});
    let said = tell(t, call, &odd).await?;
    ensure!(
        refused(&said, 400, "INVALID_PARAMETER_VALUE", "m@champion#1"),
        "a key with odd signs: {said:?}"
    );
    let missing = json!({"run_id": "0123456789abcdef0123456789abcdef", "key": "k", "value": "v"});
    let said = tell(t, call, &missing).await?;
    ensure!(
        refused(&said, 404, "RESOURCE_DOES_NOT_EXIST", "0123456789abcdef"),
        "a run that is missing: {said:?}"
    );
    t.raw.post("runs/delete", &json!({"run_id": run})).await?;
    let said = tell(t, call, &body(&kept)).await?;
    ensure!(
        refused(&said, 400, "INVALID_PARAMETER_VALUE", "active"),
        "a deleted run: {said:?}"
    );
    Ok(())
}

/// A batch is logged whole or not at all, and reads show it at once.
pub(crate) async fn batches_are_whole(t: &Tracker) -> Verdict {
    let (_, run) = ledger(t).await?;
    let call = "runs/log-batch";
    let good = json!({"run_id": run,
        "metrics": [{"key": "auc", "value": 0.5, "timestamp": 1, "step": 0},
                    {"key": "auc", "value": 0.75, "timestamp": 2, "step": 3},
                    {"key": "auc", "value": 0.25, "timestamp": 3, "step": 1}],
        "params": [{"key": "lr", "value": "0.1"}], "tags": [{"key": "cid", "value": "7"}]});
    let said = tell(t, call, &good).await?;
    ensure!(said.status == 200 && said.json() == json!({}), "{said:?}");
    let bad = json!({"run_id": run, "params": [{"key": "lr", "value": "0.2"}],
                     "tags": [{"key": "cid", "value": "8"}]});
    let said = tell(t, call, &bad).await?;
    ensure!(
        refused(
            &said,
            400,
            "INVALID_PARAMETER_VALUE",
            "Changing param values is not allowed"
        ),
        "{said:?}"
    );
    let rows: Vec<Value> = (0..1_001)
        .map(|step| json!({"key": "auc", "value": 0.1, "timestamp": 9, "step": step}))
        .collect();
    let said = tell(t, call, &json!({"run_id": run, "metrics": rows})).await?;
    ensure!(
        refused(&said, 400, "INVALID_PARAMETER_VALUE", "1000"),
        "too many: {said:?}"
    );
    let read = t.raw.get("runs/get", &[("run_id", &run)]).await?;
    let data = &read["run"]["data"];
    ensure!(
        list(&data["metrics"]).len() == 1 && data["metrics"][0]["value"] == 0.75,
        "the latest is that of the highest step: {data}"
    );
    ensure!(
        list(&data["params"]) == [json!({"key": "lr", "value": "0.1"})],
        "{data}"
    );
    ensure!(
        list(&data["tags"]).contains(&json!({"key": "cid", "value": "7"})),
        "{data}"
    );
    let end = json!({"run_id": run, "status": "FINISHED", "end_time": 1_795_437_419_000_i64});
    let told = t.raw.post("runs/update", &end).await?;
    ensure!(told["run_info"]["status"] == "FINISHED", "{told}");
    Ok(())
}

/// A version counts on from the last one, whatever has been deleted, and takes its aliases with it.
pub(crate) async fn versions_are_never_numbered_twice(t: &Tracker) -> Verdict {
    on_scratch(t, async |t, scratch| {
        t.need(Lack::NewVersions)?;
        let name = &scratch.name;
        let newest = &scratch.versions[1];
        let body = json!({"name": name, "alias": "gone", "version": newest});
        t.raw.post("registered-models/alias", &body).await?;
        let body = json!({"name": name, "version": newest});
        t.raw.delete("model-versions/delete", &body).await?;
        ensure!(holder(t, name, "gone").await?.is_none(), "its alias stayed");
        let tags = json!([{"key": "console.cid", "value": "7"}]);
        let body = json!({"name": name, "source": "s3://models.invalid/x", "tags": tags,
                          "description": "made by the check"});
        let made = t.raw.post("model-versions/create", &body).await?;
        let row = &made["model_version"];
        ensure!(row["version"] == "3", "{made}");
        ensure!(
            row["tags"] == tags && row["description"] == "made by the check",
            "{made}"
        );
        let body = json!({"name": "no-such-model", "source": "s3://models.invalid/x"});
        let said = tell(t, "model-versions/create", &body).await?;
        ensure!(
            refused(&said, 404, "RESOURCE_DOES_NOT_EXIST", "no-such-model"),
            "{said:?}"
        );
        Ok(())
    })
    .await
}

/// A time so many seconds from now.
fn later(seconds: i64) -> String {
    let at = chrono::Utc::now() + chrono::Duration::seconds(seconds);
    at.to_rfc3339_opts(chrono::SecondsFormat::Millis, true)
}

fn silence(matchers: &Value, from: &str, until: &str) -> Value {
    json!({"matchers": matchers, "startsAt": from, "endsAt": until, "createdBy": "contract",
           "comment": "made by the contract suite"})
}

fn only(model: &str) -> Value {
    json!([{"name": "model", "value": model, "isRegex": false, "isEqual": true}])
}

/// A silence keeps its id while it silences the same, gets another when it does not, and is ended twice
/// without an error.
pub(crate) async fn silences_are_made_changed_and_ended(m: &Monitor) -> Verdict {
    let (from, until) = (later(0), later(600));
    let post = async |body: &Value| -> Result<String, Stop> {
        let said = m.raw.tell("/api/v2/silences", body).await?;
        ensure!(said.status == 200, "{body}: {said:?}");
        Ok(text(&said.json()["silenceID"]).to_owned())
    };
    let look = async |id: &str| m.raw.ask(&format!("/api/v2/silence/{id}"), &[]).await;
    let first = post(&silence(&only("contract-a"), &from, &until)).await?;
    let told = look(&first).await?.json();
    ensure!(
        told["status"]["state"] == "active" && told["matchers"][0]["value"] == "contract-a",
        "made: {told}"
    );
    let mut longer = silence(&only("contract-a"), text(&told["startsAt"]), &later(1_200));
    longer["id"] = json!(first);
    ensure!(post(&longer).await? == first, "longer, under another id");
    let mut other = silence(&only("contract-b"), &from, &until);
    other["id"] = json!(first);
    let second = post(&other).await?;
    ensure!(second != first, "other alerts, under the same id");
    let told = look(&first).await?.json();
    ensure!(
        told["status"]["state"] == "expired",
        "the first lives on: {told}"
    );
    for _ in 0..2 {
        let said = m.raw.end(&format!("/api/v2/silence/{second}")).await?;
        ensure!(
            said.status == 200 && said.text.is_empty(),
            "ended: {said:?}"
        );
        let told = look(&second).await?.json();
        ensure!(told["status"]["state"] == "expired", "not ended: {told}");
    }
    let unknown = "11111111-1111-4111-8111-111111111111";
    let said = m.raw.end(&format!("/api/v2/silence/{unknown}")).await?;
    ensure!(
        matches!(said.status, 404 | 500),
        "one that nobody made: {said:?}"
    );
    let mut lost = silence(&only("contract-a"), &from, &until);
    lost["id"] = json!(unknown);
    let said = m.raw.tell("/api/v2/silences", &lost).await?;
    ensure!(
        said.status == 404 && said.json() == "silence not found",
        "changing one that nobody made: {said:?}"
    );
    Ok(())
}

/// What breaks the schema is refused in an object, what breaks the rules in a bare text; an empty comment
/// is taken.
pub(crate) async fn silences_that_make_no_sense_are_refused(m: &Monitor) -> Verdict {
    let (from, until) = (later(0), later(600));
    let without = |name: &str| {
        let mut body = silence(&only("contract-a"), &from, &until);
        body.as_object_mut().map(|body| body.remove(name));
        body
    };
    let matching = |matchers: Value| silence(&matchers, &from, &until);
    let anything = json!([{"name": "model", "value": ".*", "isRegex": true}]);
    let broken = json!([{"name": "model", "value": "[", "isRegex": true}]);
    for (body, status, words) in [
        (without("createdBy"), 422, "createdBy in body is required"),
        (without("comment"), 422, "comment in body is required"),
        (without("matchers"), 422, "matchers in body is required"),
        (matching(json!([])), 422, "at least 1 items"),
        (
            silence(&only("contract-a"), &later(-900), &later(-600)),
            400,
            "end time can't be in the past",
        ),
        (
            silence(&only("contract-a"), &until, &from),
            400,
            "start time must be before end time",
        ),
        (matching(anything), 400, "must not match the empty string"),
        (matching(broken), 400, "invalid regular expression"),
    ] {
        let said = m.raw.tell("/api/v2/silences", &body).await?;
        let told = said.json();
        let told = if status == 422 {
            &told["message"]
        } else {
            &told
        };
        ensure!(
            said.status == status && text(told).contains(words),
            "{body}: {said:?}"
        );
    }
    let mut bare = silence(&only("contract-c"), &from, &until);
    bare["comment"] = json!("");
    let said = m.raw.tell("/api/v2/silences", &bare).await?;
    ensure!(said.status == 200, "an empty comment: {said:?}");
    let id = said.json()["silenceID"].clone();
    m.raw.end(&format!("/api/v2/silence/{}", text(&id))).await?;
    Ok(())
}

/// A model that the repository does not hold is not loaded; one that it holds may be loaded again.
pub(crate) async fn only_known_models_are_loaded(e: &Endpoint) -> Verdict {
    e.need(Lack::Repository)?;
    let ask = async |model: &str, verb: &str| {
        let path = format!("/v2/repository/models/{model}/{verb}");
        e.raw.tell(&path, &json!({})).await
    };
    for verb in ["load", "unload"] {
        let said = ask("no-such-model", verb).await?;
        ensure!(
            said.status == 404 && said.json()["error"] == "Model no-such-model not found",
            "{verb}: {said:?}"
        );
    }
    let model = e.deployment.model.clone().unwrap_or_default();
    let said = ask(&model, "load").await?;
    ensure!(
        said.status == 200 && said.text.is_empty(),
        "again: {said:?}"
    );
    let ready = e.raw.ask(&format!("/v2/models/{model}/ready"), &[]).await?;
    ensure!(ready.status == 200, "after it: {ready:?}");
    Ok(())
}
