//! Checks of what changes pipeline runs: started, cancelled, repeated as the program does it, and seen in
//! the server's own answer by another route.

use quarterdeck::domain::action::{Act, How, Seen};
use quarterdeck::domain::key::Key;
use quarterdeck::domain::observation::{Coverage, Scope};
use quarterdeck::domain::pipeline::{PipelineRunKey, PipelineState, Task, tries};
use quarterdeck::domain::text::Clean;
use serde_json::{Value, json};

use crate::acts::{carry, ends};
use crate::ensure;
use crate::pipelines::{Orchestra, runs, unique};
use crate::raw::text;
use crate::verdict::{Stop, Verdict};

fn major(o: &Orchestra) -> u8 {
    if o.api == "v2" { 3 } else { 2 }
}

fn start(o: &Orchestra, dag: &str, run: &str, parameters: &Value) -> Act {
    Act::TriggerRun {
        pipeline: Key::new(dag),
        run: Key::new(run),
        parameters: Key::new(&parameters.to_string()),
        note: Clean::text("contract: a drift of amount"),
        api: major(o),
    }
}

async fn told(o: &Orchestra, run: &PipelineRunKey) -> Result<Value, Stop> {
    let (dag, id) = (run.pipeline.id.raw(), run.id.raw());
    o.get(&format!("/dags/{dag}/dagRuns/{id}")).await
}

fn runs_now(tasks: &[Task], name: &str) -> bool {
    let running = |task: &&Task| task.name.as_str() == name && task.state == PipelineState::Running;
    tasks.iter().any(|task| running(&task))
}

/// A run is there under the identity that was chosen, with parameters and note; asked for again, it is
/// there already.
pub(crate) async fn a_run_is_started_once_with_what_was_asked_for(o: &Orchestra) -> Verdict {
    let door = o.door();
    let id = unique("start");
    let act = start(o, o.names.paused, &id, &json!({"why": "drift"}));
    ends(&door, &act, How::Done).await?;
    ends(&door, &act, How::Already).await?;
    let row = told(o, &o.run(o.names.paused, &id)).await?;
    ensure!(text(&row["state"]) == "queued", "{row}");
    ensure!(row["conf"] == json!({"why": "drift"}), "{row}");
    ensure!(text(&row["note"]).contains("drift of amount"), "{row}");
    let path = format!("/dags/{}/dagRuns?limit=100", o.names.paused);
    let all = o.get(&path).await?;
    let same = |row: &&Value| text(&row["dag_run_id"]) == id;
    let count = all["dag_runs"]
        .as_array()
        .into_iter()
        .flatten()
        .filter(same)
        .count();
    ensure!(count == 1, "{count} runs of one identity");
    Ok(())
}

/// A value out of its bounds is refused with its parameter's name, and so is a pipeline that is not there.
pub(crate) async fn what_the_schema_refuses_starts_nothing(o: &Orchestra) -> Verdict {
    let door = o.door();
    let id = unique("refused");
    let act = start(o, o.names.dag, &id, &json!({"epochs": 500}));
    let ended = carry(&door, vec![act]).await?;
    let step = &ended.steps[0];
    ensure!(
        step.how == How::Refused && step.words.as_str().contains("epochs"),
        "{step:?}"
    );
    let gone = told(o, &o.run(o.names.dag, &id)).await;
    ensure!(gone.is_err(), "it is there: {gone:?}");
    let act = start(o, "no_such_pipeline", &id, &json!({}));
    ends(&door, &act, How::Moved).await
}

/// A run that is waited for is told as it stands: on its way, ended well, or failed, with where and why.
pub(crate) async fn a_run_is_awaited_to_its_end(o: &Orchestra) -> Verdict {
    let door = o.door();
    let awaited = |id: &str| Act::AwaitRun {
        pipeline: Key::new(o.names.dag),
        run: Key::new(id),
        model: Key::new("fraud-detector"),
        version: Key::new("7"),
        alias: Key::new("champion"),
    };
    for (conf, how, state, words) in [
        (json!({}), How::Done, "success", vec!["ended well"]),
        (
            json!({"fail_at": "evaluate"}),
            How::NotApplied,
            "failed",
            vec!["failed at `evaluate`: ", "val_auc 0.62 < 0.80"],
        ),
    ] {
        let id = unique("await");
        o.trigger(o.names.dag, &id, conf).await?;
        let (act, run) = (awaited(&id), o.run(o.names.dag, &id));
        let sighting = door.look(&act).await?;
        ensure!(sighting.seen == Seen::Between, "{sighting:?}");
        let over = |tasks: &[Task]| !tasks.is_empty() && tasks.iter().all(|t| !t.state.is_live());
        o.until(&door, &run, over).await?;
        ends_as(o, &run, state).await?;
        let ended = carry(&door, vec![act]).await?;
        let step = &ended.steps[0];
        ensure!(step.how == how, "{step:?}");
        for words in words {
            ensure!(step.words.as_str().contains(words), "{words}: {step:?}");
        }
    }
    ends(&door, &awaited(&unique("absent")), How::NotApplied).await
}

/// Waits until a run's own row says so: it may end a little after its last task.
async fn ends_as(o: &Orchestra, run: &PipelineRunKey, state: &str) -> Verdict {
    for _ in 0..60 {
        if text(&told(o, run).await?["state"]) == state {
            return Ok(());
        }
        o.wait(std::time::Duration::from_millis(500)).await;
    }
    Err(Stop::Broken(format!(
        "it is not {state}: {}",
        told(o, run).await?
    )))
}

/// A run that is cancelled ends, with all its tasks; one that has ended is not cancelled twice.
pub(crate) async fn a_run_is_cancelled_and_seen_to_end(o: &Orchestra) -> Verdict {
    let door = o.door();
    let id = unique("cancel");
    o.trigger(o.names.dag, &id, o.names.slow.clone()).await?;
    let run = o.run(o.names.dag, &id);
    o.until(&door, &run, |tasks| runs_now(tasks, "train"))
        .await?;
    let act = Act::CancelRun {
        pipeline: run.pipeline.id.clone(),
        run: run.id.clone(),
        note: Clean::text("cancelled by contract"),
        api: major(o),
    };
    ends(&door, &act, How::Done).await?;
    let row = told(o, &run).await?;
    ensure!(text(&row["state"]) == "failed", "{row}");
    if o.api == "v2" {
        ensure!(text(&row["note"]) == "cancelled by contract", "{row}");
    }
    o.until(&door, &run, |tasks| {
        tasks.iter().all(|t| !t.state.is_live())
    })
    .await?;
    ends(&door, &act, How::Already).await?;
    let absent = Act::CancelRun {
        pipeline: run.pipeline.id.clone(),
        run: Key::new(&unique("absent")),
        note: Clean::empty(),
        api: major(o),
    };
    ends(&door, &absent, How::Moved).await
}

/// The task that failed is tried again, and what went well before it is not.
pub(crate) async fn failed_tasks_run_again(o: &Orchestra) -> Verdict {
    let door = o.door();
    let id = unique("retry");
    o.trigger(o.names.dag, &id, json!({"fail_at": "evaluate"}))
        .await?;
    let run = o.run(o.names.dag, &id);
    let over = |tasks: &[Task]| !tasks.is_empty() && tasks.iter().all(|t| !t.state.is_live());
    let tasks = o.until(&door, &run, over).await?;
    ends_as(o, &run, "failed").await?;
    let act = Act::RetryRun {
        pipeline: run.pipeline.id.clone(),
        run: run.id.clone(),
        tasks: Vec::new(),
        tries: tries(&tasks),
        api: major(o),
    };
    ends(&door, &act, How::Done).await?;
    let again = |tasks: &[Task]| {
        let task = tasks.iter().find(|t| t.name.as_str() == "evaluate");
        over(tasks) && task.is_some_and(|task| task.attempt == 2)
    };
    let tasks = o.until(&door, &run, again).await?;
    let train = tasks.iter().find(|t| t.name.as_str() == "train");
    ensure!(train.is_some_and(|task| task.attempt == 1), "{tasks:?}");
    Ok(())
}

/// Runs leave no trace when they are deleted: the answer that covers a whole time does not hold them.
pub(crate) async fn a_deleted_run_is_absent_from_a_full_answer(o: &Orchestra) -> Verdict {
    let door = o.door();
    let id = unique("deleted");
    o.trigger(o.names.paused, &id, json!({})).await?;
    let key = o.run(o.names.paused, &id);
    let (_, rows) = runs(&door).await?;
    let Some(seen) = rows.iter().find(|run| run.key == key) else {
        return Err(Stop::Broken(format!("{id} is not told")));
    };
    let moved = seen.moved();
    let path = format!("/dags/{}/dagRuns/{id}", o.names.paused);
    o.direct(reqwest::Method::DELETE, &path, None).await?;
    // Stamps are whole seconds in some answers.
    o.wait(std::time::Duration::from_secs(2)).await;
    let (coverage, rows) = runs(&door).await?;
    let Coverage::Full(Scope::PipelineRuns { from, until }) = coverage else {
        return Err(Stop::Broken(format!("{coverage:?}")));
    };
    ensure!((from..=until).contains(&moved), "{moved:?} is not covered");
    ensure!(rows.iter().all(|run| run.key != key), "it is still told");
    Ok(())
}
