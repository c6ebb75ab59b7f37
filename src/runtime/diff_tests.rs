use std::collections::BTreeMap;
use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::domain::fleet::Fleet;
use crate::domain::key::{Key, RegistryKey, RunKey};
use crate::domain::model::{ModelVersion, Name, RegisteredModel};
use crate::domain::run::{LastMetric, RunStatus};
use crate::domain::settings::Context;
use crate::domain::signal::{Measure, Measured, SignalKey, SignalReading, SignalSeries};
use crate::domain::text::Clean;
use crate::runtime::testing::{context, model, version};

fn stamp(at: i64) -> Stamp {
    Stamp {
        context: context(),
        source: SourceId::new("s"),
        feed: Feed::Models,
        asked_at: Millis(at),
    }
}

fn full(models: Vec<RegisteredModel>) -> Answer {
    let coverage = Coverage::Full(Scope::Models);
    Answer {
        partial: None,
        coverage,
        rows: Rows::Models(models),
        server_time: None,
    }
}

fn versions(coverage: Coverage, rows: Vec<ModelVersion>) -> Answer {
    Answer {
        partial: None,
        coverage,
        rows: Rows::Versions(rows),
        server_time: None,
    }
}

#[test]
fn large_answers_travel_in_bounded_messages_and_only_the_last_is_full() {
    let mut sent = Sent::default();
    let models = |n: usize| {
        (0..n)
            .map(|i| model(&format!("m{i}"), 1))
            .collect::<Vec<_>>()
    };
    let messages = sent.compare(&stamp(1), full(models(1_300)));
    let sizes: Vec<_> = messages.iter().map(|m| m.upserts.len()).collect();
    assert_eq!(sizes.iter().sum::<usize>(), 1_300);
    assert_eq!(sizes.len(), 1_300_usize.div_ceil(ROWS_PER_MESSAGE));
    assert!(sizes.iter().all(|n| *n <= ROWS_PER_MESSAGE), "{sizes:?}");
    let (last, before) = messages.split_last().expect("messages");
    assert!(
        before
            .iter()
            .all(|m| m.coverage == Coverage::Partial && m.gone.is_empty())
    );
    assert_eq!(last.coverage, Coverage::Full(Scope::Models));

    let messages = sent.compare(&stamp(2), full(models(1_299)));
    assert_eq!(messages.len(), 1);
    assert!(messages[0].upserts.is_empty());
    assert_eq!(messages[0].gone, [FactKey::Model(model("m1299", 1).key)]);
}

#[test]
fn absence_means_nothing_in_a_partial_answer_and_only_its_model_in_a_narrow_one() {
    let mut sent = Sent::default();
    let all = vec![version("a", 1), version("a", 2), version("b", 1)];
    sent.compare(&stamp(1), versions(Coverage::Full(Scope::Versions), all));
    assert!(
        sent.compare(&stamp(2), versions(Coverage::Partial, vec![]))
            .is_empty()
    );
    let narrow = Coverage::Full(Scope::VersionsOf(version("a", 1).key.model));
    let messages = sent.compare(&stamp(3), versions(narrow, vec![version("a", 2)]));
    assert_eq!(messages[0].gone, [FactKey::Version(version("a", 1).key)]);
}

/// The fleet after some answers, told one after another.
fn told(answers: Vec<Answer>) -> Fleet {
    let mut sent = Sent::default();
    let mut fleet = Fleet::new(context(), Arc::new(Context::default()));
    for (at, answer) in answers.into_iter().enumerate() {
        for message in sent.compare(&stamp(at as i64 + 1), answer) {
            fleet.merge(message, Millis(1_000));
        }
    }
    fleet
}

#[test]
fn a_model_that_was_gone_for_a_while_comes_back_with_its_versions() {
    let all = || versions(Coverage::Full(Scope::Versions), vec![version("a", 1)]);
    let key = model("a", 1).key;
    let fleet = told(vec![
        full(vec![model("a", 1)]),
        all(),
        full(vec![]),
        full(vec![model("a", 1)]),
        all(),
    ]);
    assert_eq!(fleet.versions(&key).len(), 1);
    // Where a look at the versions missed them too, they come with the next one that does not.
    let fleet = told(vec![
        full(vec![model("a", 1)]),
        all(),
        full(vec![]),
        versions(Coverage::Full(Scope::Versions), vec![]),
        full(vec![model("a", 1)]),
        all(),
    ]);
    assert_eq!(fleet.versions(&key).len(), 1);
}

#[test]
fn a_model_that_another_of_its_name_stood_for_is_told_again() {
    let mut anew = model("a", 1);
    anew.key.created = Millis(5);
    let partial = Answer {
        coverage: Coverage::Partial,
        ..full(vec![anew])
    };
    let fleet = told(vec![
        full(vec![model("a", 1)]),
        partial,
        full(vec![model("a", 1)]),
    ]);
    let keys: Vec<_> = fleet.models().map(|m| m.key.created).collect();
    assert_eq!(keys, [Millis(0)]);
}

#[test]
fn what_came_as_a_detail_is_missed_by_a_full_answer() {
    let mut sent = Sent::default();
    sent.note(&Detail::Versions(vec![version("a", 7)]));
    let messages = sent.compare(&stamp(3), versions(Coverage::Full(Scope::Versions), vec![]));
    assert_eq!(messages[0].gone, [FactKey::Version(version("a", 7).key)]);
}

#[test]
fn one_kind_of_no_number_is_not_another() {
    let run = |value: f64| {
        let registry = Arc::new(RegistryKey {
            base: Key::new("http://m"),
            workspace: Key::new(""),
        });
        Run {
            key: RunKey {
                tracker: registry.clone(),
                id: Key::new("r"),
            },
            experiment: ExperimentKey {
                tracker: registry,
                id: Key::new("0"),
            },
            name: Clean::empty(),
            user: Clean::empty(),
            status: RunStatus::Running,
            started: Millis(0),
            ended: None,
            deleted: false,
            artifacts: Clean::empty(),
            metrics: Arc::from([LastMetric {
                name: Name::new("auc"),
                value,
                step: 0,
                at: Millis(0),
            }]),
            params: Arc::from([]),
            tags: Arc::from([]),
            datasets: Arc::from([]),
            outputs: Arc::from([]),
        }
    };
    let mut sent = Sent::default();
    let mut tell = |value| {
        let rows = Rows::Runs(vec![run(value)]);
        let answer = Answer {
            partial: None,
            coverage: Coverage::Tail(Millis(0)),
            rows,
            server_time: None,
        };
        sent.compare(&stamp(1), answer).len()
    };
    assert_eq!([tell(0.5), tell(0.5)], [1, 0]);
    assert_eq!(
        [tell(f64::NAN), tell(f64::NAN), tell(f64::INFINITY)],
        [1, 0, 1]
    );
}

#[test]
fn a_pipeline_run_is_gone_only_within_the_time_that_an_answer_covers() {
    use crate::domain::pipeline::{PipelineRun, PipelineState};
    let run = |id: &str, at: i64| PipelineRun {
        key: PipelineRunKey {
            pipeline: PipelineKey {
                base: Key::new("http://af.test"),
                id: Key::new("p"),
            },
            id: Key::new(id),
        },
        state: PipelineState::Queued,
        raw_state: Clean::name("queued"),
        kind: Clean::empty(),
        queued: Some(Millis(at)),
        due: None,
        started: None,
        ended: None,
        by: None,
        note: Clean::empty(),
        params: Arc::default(),
        failed_at: None,
    };
    let answer = |coverage, rows| Answer {
        partial: None,
        coverage,
        rows: Rows::PipelineRuns(rows),
        server_time: None,
    };
    let covers = |from, until| {
        Coverage::Full(Scope::PipelineRuns {
            from: Millis(from),
            until: Millis(until),
        })
    };
    let mut sent = Sent::default();
    let all = vec![run("old", 10), run("new", 50), run("stays", 60)];
    sent.compare(&stamp(1), answer(Coverage::Partial, all));
    sent.note(&Detail::PipelineRun(Box::new(run("fetched", 55))));
    let none = sent.compare(&stamp(2), answer(Coverage::Tail(Millis(40)), vec![]));
    assert!(none.is_empty());
    let told = sent.compare(&stamp(3), answer(covers(40, 70), vec![run("stays", 60)]));
    let mut gone = told[0].gone.clone();
    gone.sort();
    let key = |id| FactKey::PipelineRun(run(id, 0).key);
    assert_eq!(gone, [key("fetched"), key("new")]);
    let told = sent.compare(&stamp(4), answer(covers(0, 70), vec![run("stays", 60)]));
    assert_eq!(told[0].gone, [key("old")]);
}

/// Answers as a registry would give them: a few models, each with a champion, some full.
fn answers() -> impl Strategy<Value = Vec<(bool, Vec<(u8, u8)>)>> {
    let rows = prop::collection::vec((0_u8..8, 0_u8..3), 0..10);
    prop::collection::vec((any::<bool>(), rows), 1..8)
}

fn messages_of(answers: &[(bool, Vec<(u8, u8)>)]) -> Vec<Observation> {
    let mut sent = Sent::default();
    let mut messages = Vec::new();
    for (at, (full, rows)) in answers.iter().enumerate() {
        let rows = rows
            .iter()
            .map(|(m, v)| model(&m.to_string(), u64::from(*v)))
            .collect();
        let coverage = if *full {
            Coverage::Full(Scope::Models)
        } else {
            Coverage::Partial
        };
        let answer = Answer {
            partial: None,
            coverage,
            rows: Rows::Models(rows),
            server_time: None,
        };
        messages.extend(sent.compare(&stamp(at as i64 + 1), answer));
    }
    messages
}

fn fleet_of(messages: impl IntoIterator<Item = Observation>) -> BTreeMap<String, String> {
    let mut fleet = Fleet::new(context(), Arc::new(Context::default()));
    for message in messages {
        fleet.merge(message, Millis(1_000));
    }
    let champion = |m: &crate::domain::fleet::view::ModelView| {
        m.champion
            .as_ref()
            .map(|c| c.text.to_string())
            .unwrap_or_default()
    };
    fleet
        .models()
        .map(|m| (m.name.to_string(), champion(m)))
        .collect()
}

proptest! {
    #[test]
    fn replayed_messages_give_what_the_answers_said(answers in answers()) {
        let mut said: BTreeMap<String, String> = BTreeMap::new();
        for (full, rows) in &answers {
            if *full {
                said.clear();
            }
            said.extend(rows.iter().map(|(m, v)| (m.to_string(), format!("v{v}"))));
        }
        prop_assert_eq!(fleet_of(messages_of(&answers)), said);
    }

    #[test]
    fn any_order_of_messages_gives_the_same_fleet(answers in answers(), seed: u64) {
        let mut messages = messages_of(&answers);
        let in_order = fleet_of(messages.clone());
        fastrand::Rng::with_seed(seed).shuffle(&mut messages);
        prop_assert_eq!(fleet_of(messages), in_order);
    }
}

fn reading(model: &str, value: f64) -> SignalReading {
    let key = SignalKey {
        model: Key::new(model),
        measure: Measure::Requests,
        part: Key::new(""),
        method: Key::new(""),
        version: Key::new(""),
        source: SourceId::new("p"),
    };
    SignalReading::new(key, Measured::of(value))
}

#[test]
fn a_reading_that_came_in_a_page_is_not_missed_in_the_rest_and_one_that_did_not_is() {
    let answer = |rows| Answer {
        partial: None,
        coverage: Coverage::Full(Scope::Signals),
        rows: Rows::Signals(rows),
        server_time: None,
    };
    let mut sent = Sent::default();
    let all = ["a", "b", "c"].map(|name| reading(name, 1.0));
    sent.begin();
    sent.compare(&stamp(1), answer(all.to_vec()));
    sent.begin();
    let page = Rows::Signals(vec![reading("a", 1.0), reading("b", 2.0)]);
    let told = sent.compare_page(&stamp(2), page);
    let [page] = &told[..] else {
        panic!("{told:?}");
    };
    assert_eq!(page.coverage, Coverage::Partial);
    assert_eq!(page.upserts, Rows::Signals(vec![reading("b", 2.0)]));
    let rest = sent.compare(&stamp(2), answer(vec![]));
    assert_eq!(rest.len(), 1);
    assert_eq!(rest[0].gone, [FactKey::Signal(reading("c", 1.0).key)]);
    // Pages of a poll that never ended excuse nothing in the next one.
    sent.begin();
    sent.compare_page(&stamp(3), Rows::Signals(vec![reading("a", 1.0)]));
    sent.begin();
    let rest = sent.compare(&stamp(4), answer(vec![reading("b", 2.0)]));
    assert_eq!(rest[0].gone, [FactKey::Signal(reading("a", 1.0).key)]);
}

#[test]
fn what_a_source_tells_no_more_of_the_past_is_not_remembered() {
    use crate::domain::annotation::Annotation;
    use crate::domain::observation::ServedSpan;
    let span = |n: i64| ServedSpan {
        key: ServedSpanKey {
            source: SourceId::new("s"),
            model: Key::new("a"),
            version: Key::new(&n.to_string()),
            from: Millis(n),
        },
        until: Millis(n),
        step_ms: 1,
        evidence: Clean::empty(),
    };
    let note = |n: i64| Annotation {
        key: AnnotationKey {
            source: SourceId::new("s"),
            id: Key::new(&n.to_string()),
        },
        at: Millis(n),
        until: None,
        text: Clean::empty(),
        tags: Arc::from([]),
        author: None,
        model: None,
    };
    let mut sent = Sent::default();
    let mut fleet = Fleet::new(context(), Arc::new(Context::default()));
    for n in 0..1_000 {
        let spans = Answer {
            partial: None,
            coverage: Coverage::Full(Scope::Served),
            rows: Rows::Served((n..n + 3).map(span).collect()),
            server_time: None,
        };
        let notes = Answer {
            coverage: Coverage::Tail(Millis(n)),
            rows: Rows::Annotations((n..n + 3).map(note).collect()),
            ..spans.clone()
        };
        for answer in [spans, notes] {
            for message in sent.compare(&stamp(n), answer) {
                // What is known is not told again.
                assert!(n == 0 || message.upserts.len() <= 1, "{message:?}");
                fleet.merge(message, Millis(n));
            }
        }
        assert_eq!((sent.served.len(), sent.annotations.len()), (3, 3));
    }
    assert_eq!(
        fleet.annotations().count(),
        1_002,
        "what is past is not gone"
    );
    let spans = fleet.served_spans(&model("a", 1).key).len();
    assert_eq!(spans, 3, "what left the history is let go");
}

#[test]
fn a_course_that_came_in_a_page_is_not_missed_in_the_rest_and_one_that_did_not_is() {
    let course = |model: &str| SignalSeries {
        key: reading(model, 1.0).key,
        start: Millis(0),
        step: Duration::from_secs(60),
        times: None,
        values: Arc::from([1.0]),
        earlier: None,
    };
    let answer = |rows| Answer {
        partial: None,
        coverage: Coverage::Full(Scope::Series),
        rows: Rows::Series(rows),
        server_time: None,
    };
    let mut sent = Sent::default();
    sent.begin();
    sent.compare(&stamp(1), answer(["a", "b"].map(course).to_vec()));
    sent.begin();
    sent.compare_page(&stamp(2), Rows::Series(vec![course("a")]));
    // Of two pages with one key the first one holds.
    let mut other = course("a");
    other.start = Millis(60_000);
    assert_eq!(sent.compare_page(&stamp(2), Rows::Series(vec![other])), []);
    let rest = sent.compare(&stamp(2), answer(vec![]));
    assert_eq!(rest[0].gone, [FactKey::Series(course("b").key)]);
}
