//! `wait`: until the world has followed an alias move, or the time is up.

use std::fmt::Write as _;
use std::time::Duration;

use serde_json::json;
use tokio::time::Instant;

use super::documents::document;
use super::exit::{Exit, Failure};
use super::names;
use super::session::Session;
use super::write::{alias, version};
use crate::cli::{StageWord, WaitArgs};
use crate::domain::observation::Feed;
use crate::domain::rules::converge::{Judged, Stage};
use crate::domain::text::Clean;
use crate::domain::wiring::version_text;
use crate::runtime::headless::Options;

/// The time between two looks.
const PAUSE: Duration = Duration::from_secs(3);
/// The longest that one look may take.
const LOOK: Duration = Duration::from_secs(10);
/// The feeds that show whether the world has followed.
const FEEDS: [Feed; 5] = [
    Feed::Models,
    Feed::Versions,
    Feed::Endpoint,
    Feed::Signals,
    Feed::SignalHistory,
];

/// Runs `wait`.
///
/// # Errors
/// When no needed source answered at first, or there is no such model or version.
pub async fn run(mut session: Session, args: &WaitArgs, limit: Duration) -> Result<Exit, Failure> {
    // A source that hangs must not use all of it up.
    session.deadline = session.deadline.min(LOOK);
    let began = Instant::now();
    let session = &session;
    let options = Options {
        feeds: FEEDS.to_vec(),
        ..Options::default()
    };
    let mut collected = session.look_with(&options).await?;
    let view = names::model(&collected.fleet, &args.model)?;
    let (name, model) = (view.name.clone(), view.key.clone());
    let alias = alias(&collected.fleet, args.alias.as_ref());
    let wanted = match &args.version {
        Some(text) => version(&collected.fleet, &model, text)?.version,
        None => {
            let held = collected.fleet.registered(&model);
            let named = held.and_then(|held| held.fact.alias(alias.raw()));
            named.cloned().ok_or_else(|| {
                Failure::usage(format!("{name} has no alias {}", alias.clean()))
                    .advice("say which version with --version")
            })?
        }
    };
    let mut told = Clean::empty();
    loop {
        let judged = collected
            .fleet
            .convergence(&model, &alias, &wanted, collected.now)
            .ok_or_else(|| Failure::usage(format!("the registry no longer holds {name}")))?;
        let reached = is_reached(&judged, args.stage);
        let over = began.elapsed() + PAUSE > limit;
        let stands = judged.stands && judged.stage == Stage::Bake;
        let unserved = judged.stage == Stage::Converged && !reached;
        if reached || over || stands || unserved {
            let text = version_text(&wanted);
            return end(session, (&name, &alias.clean(), &text), args.stage, &judged);
        }
        if told != judged.words {
            session.out().remark(&session.out().own(&format!(
                "{}: {}",
                judged.stage.word(),
                judged.words
            )));
            told = judged.words;
        }
        tokio::time::sleep(PAUSE).await;
        collected = session.look_again(collected.fleet, &options).await;
    }
}

fn is_reached(judged: &Judged, stage: StageWord) -> bool {
    match stage {
        StageWord::Alias => judged.stage > Stage::Alias,
        // A forgotten deployment must not turn a gate green.
        StageWord::Serving => judged.stage > Stage::Serving && judged.is_served,
        StageWord::Bake => judged.stage == Stage::Converged && judged.is_served,
    }
}

fn end(
    session: &Session,
    (model, alias, version): (&Clean, &Clean, &Clean),
    stage: StageWord,
    judged: &Judged,
) -> Result<Exit, Failure> {
    let out = session.out();
    let reached = is_reached(judged, stage);
    let stage = match stage {
        StageWord::Alias => "alias",
        StageWord::Serving => "serving",
        StageWord::Bake => "bake",
    };
    if out.json {
        let body = json!({
            "context": session.name(), "model": model, "alias": alias, "version": version,
            "awaited": stage, "reached": reached, "stage": judged.stage,
            "words": judged.words, "remarks": judged.remarks,
        });
        out.document(&document("convergence", body))?;
    } else {
        let word = if reached { "reached" } else { "not reached" };
        let mut text = format!(
            "{model} {alias} {version}: {stage} {word} · {}\n",
            judged.words
        );
        for remark in &judged.remarks {
            let _ = writeln!(text, "  note  {remark}");
        }
        out.print(&out.own(&text))?;
    }
    Ok(if reached {
        Exit::Done
    } else {
        Exit::NotConverged
    })
}

/// How long is waited unless a flag says otherwise.
pub const USUAL: Duration = Duration::from_secs(600);
