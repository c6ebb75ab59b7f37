//! `frame`: one frame of the console after one look at every source, for documentation, cron and
//! tests.

use std::time::Duration;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use tokio::time::Instant;

use super::exit::{Exit, Failure};
use super::names;
use super::session::{Session, answered};
use crate::app::{App, Effects, update, view};
use crate::cli::{FormatWord, FrameArgs, PaneWord};
use crate::domain::change::Subject;
use crate::domain::fleet::Fleet;
use crate::domain::key::RunKey;
use crate::domain::observation::Feed;
use crate::domain::time::{Millis, Now};
use crate::intent::keymap::Keymap;
use crate::intent::msg::{Effect, Msg};
use crate::panes::experiments::MARKS;
use crate::panes::{Place, Thing};
use crate::runtime::console;
use crate::runtime::headless::{Collected, Options};
use crate::ui::export;
use crate::ui::look::Look;
use crate::ui::symbols::Symbols;
use crate::ui::theme::{Depth, Theme};

/// How often an open pane may ask for more before its frame is drawn as it is.
const ROUNDS: usize = 8;

/// Runs `frame`.
///
/// # Errors
/// When `--select` names nothing, or is missing where a page needs it.
pub async fn run(session: &Session, args: &FrameArgs) -> Result<Exit, Failure> {
    let began = Instant::now();
    let mut collected = session.look_at(&Options::default()).await;
    let keymap = Keymap::new(&session.settings.keys).unwrap_or_default();
    let now = now(collected.now);
    let mut app = App::new(session.settings.clone(), keymap, args.size, now);
    *app.fleet_mut() = std::mem::replace(&mut collected.fleet, session.empty_fleet());
    // What is asked for on account of it, such as looking up what is open, is not this command's to do.
    let journals = super::write::journals(session, now.wall);
    update(&mut app, Msg::Journal(Box::new(journals)), now);
    let place = place(&app, args)?;
    match &place {
        (place, Some(thing)) => app.show(place.clone(), thing),
        (place, None) => app.open(place.clone()),
    }
    let deadline = began + session.deadline;
    Box::pin(settle(session, &mut app, collected, deadline)).await;
    if let (place, Some(thing)) = &place {
        // Rows that came with the details can be selected only now.
        app.show(place.clone(), thing);
    }
    let look = look(session, args, now);
    let area = Rect::new(0, 0, args.size.0, args.size.1);
    let mut buf = Buffer::empty(area);
    view(&app, &look, &mut buf);
    let text = match args.format {
        FormatWord::Text => export::plain(&buf),
        FormatWord::Ansi => export::ansi(&buf),
        FormatWord::Svg => export::svg(&buf, &look.theme),
    };
    let out = session.out();
    if out.json {
        out.document(&super::documents::document(
            "frame",
            serde_json::json!({
                "context": session.name(),
                "generated_at": now.wall.rfc3339(),
                "columns": args.size.0,
                "rows": args.size.1,
                "format": match args.format {
                    FormatWord::Text => "text",
                    FormatWord::Ansi => "ansi",
                    FormatWord::Svg => "svg",
                },
                "frame": text,
            }),
        ))?;
    } else {
        out.print(&text)?;
    }
    Ok(if answered(app.fleet()) {
        Exit::Done
    } else {
        Exit::NoAnswer
    })
}

/// The monotonic part is arbitrary, and late enough for everything to have an age.
fn now(wall: Millis) -> Now {
    Now {
        wall,
        mono: Duration::from_secs(3_600),
    }
}

/// The place of a pane, and what to select there.
fn place(app: &App, args: &FrameArgs) -> Result<(Place, Option<Thing>), Failure> {
    let fleet = app.fleet();
    if args.pane == PaneWord::Compare {
        return Ok((compared(fleet, &args.select)?, None));
    }
    if args.select.len() > 1 {
        return Err(Failure::usage(
            "this pane selects one thing: --select is given more than once",
        )
        .advice("`--pane compare` takes several runs"));
    }
    let select = args.select.first().map(String::as_str);
    let needed = |what: &str| {
        Failure::usage(format!(
            "this pane shows one {what}: name it with --select NAME"
        ))
    };
    let model = |name: &str| names::model(fleet, name).map(|m| m.key.clone());
    Ok(match args.pane {
        PaneWord::Triage | PaneWord::Models => {
            let place = if args.pane == PaneWord::Triage {
                Place::Triage
            } else {
                Place::Models
            };
            (place, select.map(model).transpose()?.map(Thing::Model))
        }
        PaneWord::Deployments => {
            let thing = select
                .map(|name| names::deployment(fleet, name))
                .transpose()?;
            (
                Place::Deployments,
                thing.map(|d| Thing::Deployment(d.key.clone())),
            )
        }
        PaneWord::Pipelines => match select {
            None => (Place::Pipelines, None),
            Some(id) => {
                let mut runs = fleet.pipeline_runs().map(|held| &held.fact.key);
                let found = runs.find(|key| key.id.raw() == id).cloned();
                let found = found.ok_or_else(|| {
                    Failure::usage("no pipeline run has this id")
                        .advice("`quarterdeck pipelines` lists them")
                });
                (Place::PipelineRun(found?), None)
            }
        },
        PaneWord::Experiments => {
            let thing = select
                .map(|name| names::experiment(fleet, name))
                .transpose()?;
            (
                Place::Experiments,
                thing.map(|e| Thing::Experiment(e.key.clone())),
            )
        }
        PaneWord::Model => {
            let name = select.ok_or_else(|| needed("model"))?;
            (Place::Model(model(name)?), None)
        }
        PaneWord::Run | PaneWord::Compare => {
            let name = select.ok_or_else(|| needed("run"))?;
            (Place::Run(run_of(fleet, name)?), None)
        }
        PaneWord::Drift => match select {
            Some(name) => (Place::Features(model(name)?), None),
            None => (Place::Drift, None),
        },
        PaneWord::Journal => match select {
            None => (Place::Journal, None),
            Some(end) => {
                let written = super::undo::one(app.writes(), end)?;
                (Place::Write(written.plan.id.clone()), None)
            }
        },
        PaneWord::Alerts => (
            Place::Alerts,
            select.map(model).transpose()?.map(Thing::Model),
        ),
        PaneWord::Changes => {
            let name = select.ok_or_else(|| needed("model"))?;
            (Place::Changes(model(name)?, None), None)
        }
        PaneWord::History => {
            let name = select.ok_or_else(|| needed("model or deployment"))?;
            let subject = match names::deployment(fleet, name) {
                Ok(deployment) => Subject::Deployment(deployment.key.clone()),
                Err(_) => Subject::Model(model(name)?),
            };
            (Place::History(subject), None)
        }
    })
}

/// The comparison of several runs, each named once.
fn compared(fleet: &Fleet, names: &[String]) -> Result<Place, Failure> {
    let mut keys: Vec<RunKey> = Vec::new();
    for name in names {
        let key = run_of(fleet, name)?;
        if !keys.contains(&key) {
            keys.push(key);
        }
    }
    if keys.len() < 2 || keys.len() > MARKS {
        let told = match keys.len() {
            0 => "none is named".to_owned(),
            1 => "one is named".to_owned(),
            many => format!("{many} are named"),
        };
        return Err(Failure::usage(format!(
            "this pane compares two to {MARKS} runs, and {told}: name each with --select ID"
        )));
    }
    Ok(Place::Compare(keys.into()))
}

/// A run by its id, or the newest one of a name.
fn run_of(fleet: &Fleet, name: &str) -> Result<RunKey, Failure> {
    let runs = fleet.runs();
    let rows = || {
        (0..u32::try_from(runs.len()).unwrap_or(u32::MAX)).filter_map(|n| Some((n, runs.row(n)?)))
    };
    let by_id = rows().find(|(_, run)| run.id.raw() == name);
    let named = rows().filter(|(_, run)| *runs.text(run.name) == *name);
    by_id
        .or_else(|| named.max_by_key(|(_, run)| run.started))
        .and_then(|(row, _)| runs.key(row))
        .ok_or_else(|| {
            let known = rows().map(|(_, run)| runs.text(run.name).as_str());
            names::missing("run", name, known)
        })
}

/// Lets the open pane ask for what it needs, until it has it or time is up.
async fn settle(session: &Session, app: &mut App, mut collected: Collected, deadline: Instant) {
    let clock = now(collected.now);
    let mut effects = update(app, Msg::Tick, clock);
    for _ in 0..ROUNDS {
        let mut more = Effects::new();
        for effect in std::mem::take(&mut effects) {
            let left = deadline.saturating_duration_since(Instant::now());
            match effect {
                Effect::Fetch { source, query } if !left.is_zero() => {
                    let fetched = collected.fetch(&source, query.clone(), left).await;
                    let (asked_at, result) = match fetched {
                        Ok((at, detail)) => (at, Ok(detail)),
                        Err(fault) => (clock.wall, Err(fault)),
                    };
                    let context = app.context().clone();
                    let msg = Msg::Fetched {
                        context,
                        source,
                        query,
                        asked_at,
                        result,
                    };
                    more.extend(update(app, msg, clock));
                }
                Effect::Focus(focus) if !focus.experiments.is_empty() || focus.run.is_some() => {
                    let options = Options {
                        feeds: vec![Feed::OpenRuns],
                        runs: 0,
                        focus,
                        ..Options::default()
                    };
                    let fleet = std::mem::replace(app.fleet_mut(), session.empty_fleet());
                    let mut again = session.look_again(fleet, &options).await;
                    *app.fleet_mut() = std::mem::replace(&mut again.fleet, session.empty_fleet());
                    more.extend(update(app, Msg::Tick, clock));
                    collected = again;
                }
                Effect::Compute(work) => {
                    let computed = console::rows(*work);
                    more.extend(update(app, Msg::Computed(computed), clock));
                }
                _ => {}
            }
        }
        if more.is_empty() {
            return;
        }
        effects = more;
    }
}

fn look(session: &Session, args: &FrameArgs, now: Now) -> Look {
    let console = &session.settings.console;
    let theme = match console.theme.as_str() {
        "auto" => "dark",
        name => name,
    };
    let theme = Theme::built_in(theme).or_else(|| Theme::built_in("dark"));
    let depth = match (args.format, console.color.as_str()) {
        (FormatWord::Text, _) | (_, "never") => Depth::Mono,
        (_, "16") => Depth::Ansi16,
        (_, "256") => Depth::Ansi256,
        _ => Depth::True,
    };
    let symbols = if console.symbols == "ascii" {
        &Symbols::ASCII
    } else {
        &Symbols::UNICODE
    };
    let area = Rect::new(0, 0, args.size.0, args.size.1);
    #[expect(
        clippy::expect_used,
        reason = "the built-in themes are parsed by a test"
    )]
    let theme = theme.expect("the built-in dark theme parses");
    Look::new(theme, symbols, depth, area, now)
}
