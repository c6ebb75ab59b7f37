//! What the loop does, in process: updates, frames, keys, work off the loop, and sweeps.

use std::time::Duration;

use quarterdeck::domain::fleet::Fleet;
use quarterdeck::domain::key::SourceId;
use quarterdeck::domain::observation::{Answer, Coverage, Feed, Rows, Scope};
use quarterdeck::domain::text::Clean;
use quarterdeck::domain::time::Now;
use quarterdeck::intent::filter::Filter;
use quarterdeck::intent::msg::{Msg, RunColumn, RunRows};
use quarterdeck::panes::Place;
use quarterdeck::panes::experiments::rows;
use quarterdeck::runtime::diff::{Sent, Stamp};
use quarterdeck::ui::chart::{Chart, Series};
use quarterdeck::ui::look::Look;
use quarterdeck::ui::series::Sample;
use quarterdeck::ui::symbols::Symbols;
use quarterdeck::ui::table::{Cell, Column, Row, Table, TableState};
use quarterdeck::ui::theme::{Depth, Role, Theme};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::Values;
use crate::load::{ENDPOINTS, EPOCH, Load, MODELS, OBSERVATIONS, Part, RUNS, VERSIONS};
use crate::machine::{Samples, timed};
use crate::stage::{SCREEN, Stage, frames};

fn ms(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}

/// Unchanged frames of each place.
pub(crate) fn frame() -> Values {
    let mut values = Values::new();
    values.insert(
        "frame, widgets: table and four charts, ms".to_owned(),
        widgets(),
    );
    let mut stage = Stage::full();
    // Moves make trouble, so that Triage has rows.
    for _ in 0..160 {
        let at = stage.now().wall;
        for message in stage.load.next(at) {
            stage.tell(message);
        }
    }
    stage.pass(Duration::from_secs(700));
    stage.tell(Msg::Tick);
    let run = stage.load.run_key(RUNS - 1);
    for (name, place) in [
        ("Triage", Place::Triage),
        ("Models", Place::Models),
        ("Experiments", Place::Experiments),
        ("Deployments", Place::Deployments),
        ("Drift", Place::Drift),
        ("Run with charts", Place::Run(run)),
    ] {
        stage.open(place);
        let (build, all) = frames(&mut stage, 200);
        values.insert(format!("frame build, {name}, ms"), build.quantile(0.5));
        if name == "Models" {
            let label = "build, compare and encode, Models, ms".to_owned();
            values.insert(label, all.quantile(0.5));
            let bytes = stage.draw().bytes as f64;
            values.insert("bytes of an unchanged frame".to_owned(), bytes);
        }
    }
    values
}

/// A table of visible rows above four charts, without the console around them.
fn widgets() -> f64 {
    let area = Rect::new(0, 0, SCREEN.0, SCREEN.1);
    let theme = Theme::built_in("dark").expect("a built-in theme");
    let look = Look::new(theme, &Symbols::UNICODE, Depth::True, area, Now::default());
    let points: Vec<Sample> = (0..400)
        .map(|n| Sample {
            x: f64::from(n),
            y: (f64::from(n) / 30.0).sin(),
        })
        .collect();
    let columns: Vec<Column<'_>> = [
        "NAME", "LEVEL", "SERVED", "CHAMPION", "OWNER", "METRIC", "VALUE", "AGE",
    ]
    .map(|title| Column::fixed(title, 20, 1))
    .into();
    let mut state = TableState::default();
    state.set_page(34, MODELS);
    let mut samples = Samples::default();
    for _ in 0..300 {
        let (took, _) = timed(|| {
            let mut buf = Buffer::empty(area);
            let list = Rect { height: 36, ..area };
            let table = Table {
                columns: &columns,
                len: MODELS,
                state: &state,
                sort: None,
                focused: true,
            };
            table.draw(&mut buf, &look, list, |row| {
                let cell = |n: usize| Cell::new(Role::Text, format!("value {row} {n}"));
                Row::from((0..8).map(cell).collect::<Vec<_>>())
            });
            for at in 0..4_u16 {
                let series = [Series {
                    name: "val_auc",
                    points: &points,
                }];
                let chart = Chart {
                    title: "val_auc",
                    series: &series,
                    threshold: Some(0.8),
                    ..Chart::default()
                };
                let width = area.width / 4;
                let place = Rect {
                    x: at * width,
                    y: 37,
                    width,
                    height: 22,
                };
                chart.draw(&mut buf, &look, place);
            }
            buf
        });
        samples.add(took);
    }
    samples.quantile(0.5)
}

/// What the stream cost.
struct Streamed {
    /// Updates that took rows in.
    observed: Samples,
    /// Whole frames: the place follows, build, compare, encode.
    frames: Samples,
    /// Of those, what the place did to follow.
    indexed: Samples,
    busy: Duration,
}

/// Five seconds of the stream, with a frame every thirtieth of a second.
fn stream(stage: &mut Stage, mut each: impl FnMut(&mut Stage)) -> Streamed {
    let (mut observed, mut frames) = (Samples::default(), Samples::default());
    let mut indexed = Samples::default();
    let mut busy = Duration::ZERO;
    let gap = Duration::from_secs(1) / OBSERVATIONS as u32;
    for n in 0..OBSERVATIONS * 5 {
        stage.pass(gap);
        let at = stage.now().wall;
        for message in stage.load.next(at) {
            let is_rows = matches!(message, Msg::Observed(_));
            let before = stage.busy;
            let took = stage.tell(message);
            busy += stage.busy.saturating_sub(before);
            if is_rows {
                observed.add(took);
            }
        }
        if n % (OBSERVATIONS / 30) == 0 {
            let frame = stage.draw();
            busy += frame.all;
            frames.add(frame.all);
            indexed.add(frame.index);
        }
        each(stage);
    }
    Streamed {
        observed,
        frames,
        indexed,
        busy,
    }
}

pub(crate) fn update() -> Values {
    let mut values = Values::new();
    let mut stage = Stage::full();
    let mut worst: f64 = 0.0;
    for (name, place) in [
        ("Triage", Place::Triage),
        ("Models", Place::Models),
        ("Experiments", Place::Experiments),
        ("Deployments", Place::Deployments),
    ] {
        stage.open(place);
        let Streamed {
            observed,
            frames,
            indexed,
            busy,
        } = stream(&mut stage, |_| {});
        values.insert(format!("update on {name}, p50, ms"), observed.quantile(0.5));
        values.insert(
            format!("update on {name}, p99, ms"),
            observed.quantile(0.99),
        );
        let label = format!("place follows, {name}, p99, ms");
        values.insert(label, indexed.quantile(0.99));
        values.insert(
            format!("whole frame, {name}, p99, ms"),
            frames.quantile(0.99),
        );
        worst = worst.max(observed.quantile(1.0));
        if name == "Models" {
            let share = busy.as_secs_f64() / 5.0 * 100.0;
            values.insert(
                "core used by updates and frames, Models, %".to_owned(),
                share,
            );
        }
    }
    values.insert("worst update of all, ms".to_owned(), worst);
    values
}

/// Keys while the stream runs: the update, the frame and its bytes.
pub(crate) fn keys() -> Values {
    let mut stage = Stage::full();
    stage.open(Place::Models);
    let mut samples = Samples::default();
    let mut turn = 0_usize;
    stream(&mut stage, |stage| {
        turn += 1;
        if turn.is_multiple_of(8) {
            let key = ["j", "j", "k", "ctrl-d", "j", "ctrl-u"][turn / 8 % 6];
            let took = stage.press(key);
            samples.add(took + stage.draw().all);
        }
    });
    [
        (
            "key to encoded frame, in process, p50, ms",
            samples.quantile(0.5),
        ),
        (
            "key to encoded frame, in process, p99, ms",
            samples.quantile(0.99),
        ),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into()
}

/// Many runs of one experiment, sorted and filtered from a snapshot.
pub(crate) fn runs() -> Values {
    let mut load = Load::new();
    let mut fleet = Fleet::new(
        load.context.clone(),
        std::sync::Arc::new(load.of_context().clone()),
    );
    for part in Load::tracker(1) {
        for message in load.part(part, EPOCH) {
            if let Msg::Observed(observation) = message {
                fleet.merge(*observation, EPOCH);
            }
        }
    }
    let spec = |filter: &str, sort: RunColumn| RunRows {
        experiment: load.experiment_key(0),
        filter: Filter::parse(filter).expect("a filter"),
        sort,
        descending: true,
    };
    let by = |filter: &str, sort: RunColumn| {
        let runs = fleet.runs().clone();
        let (took, rows) = timed(|| rows::compute(&runs, &spec(filter, sort)));
        assert!(!rows.is_empty());
        ms(took)
    };
    let metric = by("", RunColumn::Metric(Clean::name("val_auc")));
    let name = by("", RunColumn::Name);
    let word = by("crane-77", RunColumn::Started);
    let (snapshot, alive) = timed(|| fleet.runs().clone());
    let mut worst = Duration::ZERO;
    for n in 0..200 {
        let [message, _] = load.next(EPOCH.plus(Duration::from_secs(n + 1)));
        if let Msg::Observed(observation) = message
            && observation.feed == Feed::RecentRuns
        {
            let (took, _) = timed(|| fleet.merge(*observation, EPOCH));
            worst = worst.max(took);
        }
    }
    drop(alive);
    [
        ("sort 100,000 runs by a metric, off the loop, ms", metric),
        ("sort 100,000 runs by name, off the loop, ms", name),
        ("filter 100,000 runs by a word, off the loop, ms", word),
        ("snapshot of 100,000 runs, on the loop, ms", ms(snapshot)),
        ("update while a snapshot is alive, worst, ms", ms(worst)),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into()
}

/// Readings that change, 128 of as many models in a message.
pub(crate) fn signals() -> Values {
    let mut stage = Stage::full();
    stage.open(Place::Drift);
    let (mut updates, mut frames) = (Samples::default(), Samples::default());
    for turn in 0..400 {
        stage.pass(Duration::from_millis(250));
        let message = stage.load.changed_readings(turn, stage.now().wall);
        updates.add(stage.tell(message));
        frames.add(stage.draw().all);
    }
    [
        (
            "update of 128 changed readings, p50, ms",
            updates.quantile(0.5),
        ),
        (
            "update of 128 changed readings, p99, ms",
            updates.quantile(0.99),
        ),
        ("whole frame, Drift, p99, ms", frames.quantile(0.99)),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into()
}

pub(crate) fn sweep() -> Values {
    let mut stage = Stage::empty(Load::new());
    stage.begin();
    stage.open(Place::Models);
    let sweep = |stage: &mut Stage| {
        let mut samples = Samples::default();
        let before = stage.busy;
        for took in stage.hear(Load::sweep()) {
            samples.add(took);
        }
        (samples.quantile(1.0), ms(stage.busy.saturating_sub(before)))
    };
    let (worst, first) = sweep(&mut stage);
    stage.hear((0..ENDPOINTS).map(Part::Endpoint).collect());
    stage.hear(Load::signals());
    stage.pass(Duration::from_secs(60));
    let (worst_again, again) = sweep(&mut stage);
    // A poll that failed a third time in a row: every model rests on that source.
    stage.pass(Duration::from_secs(600));
    let before = stage.busy;
    let silent = stage.tell(Msg::Tick);
    let silent_in_all = stage.busy.saturating_sub(before);
    let at = stage.now().wall;
    let back = stage.load.calm(at).into_iter().map(|m| stage.tell(m));
    let back = back.max().unwrap_or_default();
    [
        (
            "full sweep merged, worst message, ms",
            worst.max(worst_again),
        ),
        ("first full sweep merged, all messages, ms", first),
        ("unchanged full sweep merged, all messages, ms", again),
        (
            "full sweep compared by its actor, off the loop, ms",
            compared(),
        ),
        ("registry falls silent, worst update, ms", ms(silent)),
        (
            "registry falls silent: 2,000 models judged, all updates, ms",
            ms(silent_in_all),
        ),
        ("registry comes back, worst update, ms", ms(back)),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into()
}

/// The actor's comparison of an unchanged full answer.
fn compared() -> f64 {
    let mut load = Load::new();
    let mut rows = Vec::with_capacity(MODELS * VERSIONS);
    for message in Load::sweep()
        .into_iter()
        .flat_map(|part| load.part(part, EPOCH))
    {
        if let Msg::Observed(observation) = message
            && let Rows::Versions(part) = observation.upserts
        {
            rows.extend(part);
        }
    }
    let stamp = Stamp {
        context: load.context.clone(),
        source: SourceId::new("mlflow"),
        feed: Feed::Versions,
        asked_at: EPOCH,
    };
    let answer = Answer {
        partial: None,
        coverage: Coverage::Full(Scope::Versions),
        rows: Rows::Versions(rows),
        server_time: None,
    };
    let mut sent = Sent::default();
    sent.compare(&stamp, answer.clone());
    let (took, _) = timed(|| sent.compare(&stamp, answer));
    ms(took)
}

pub(crate) fn tick() -> Values {
    let mut stage = Stage::full();
    stage.open(Place::Models);
    let mut samples = Samples::default();
    for _ in 0..60 {
        stage.pass(Duration::from_secs(60));
        let at = stage.now().wall;
        for message in stage.load.calm(at) {
            stage.tell(message);
        }
        samples.add(stage.tell(Msg::Tick));
    }
    let (kept, known) = timed(|| stage.app.fleet().last_known(EPOCH, Vec::new()));
    assert_eq!(known.models.len(), MODELS);
    [
        ("minute tick, ms", samples.quantile(0.5)),
        ("last-known state handed to the store, ms", ms(kept)),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into()
}
