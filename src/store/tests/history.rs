//! The ledger, the watched time and the preferences.

use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::*;

#[test]
fn two_processes_that_see_one_event_write_one_row() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("state.db");
    drop(opened(&path));
    let workers: Vec<_> = [0, 3]
        .into_iter()
        .map(|phase| {
            let path = path.clone();
            std::thread::spawn(move || {
                let mut store = opened(&path);
                for at in 0..100 {
                    let (a, b) = (at * 100 + phase, at * 100 + phase + 10);
                    let row = moved("m", "v2", a, b);
                    store.append("prod", &[row]).expect("a row");
                }
            })
        })
        .collect();
    for worker in workers {
        worker.join().expect("no panic");
    }
    let rows = all(&opened(&path));
    assert_eq!(rows.len(), 100);
    // Each keeps the part of time that both looks allow.
    assert!(
        rows.iter()
            .all(|row| row.not_after.since(row.not_before) == Duration::from_millis(7))
    );
}

#[test]
fn own_beats_observed_beats_imported_whichever_comes_first() {
    let of = |origin, actor: Option<&str>| Change {
        origin,
        actor: actor.map(Clean::name),
        ..moved("m", "v2", 0, 10)
    };
    let own = of(Origin::Own, Some("ana"));
    let seen = of(Origin::Observed, None);
    let told = of(Origin::Imported, Some("a bot"));
    for order in [
        [&own, &seen, &told],
        [&told, &seen, &own],
        [&seen, &told, &own],
    ] {
        let mut store = Store::in_memory().expect("a store");
        for change in order {
            store
                .append("prod", std::slice::from_ref(change))
                .expect("a row");
        }
        let rows = all(&store);
        assert_eq!(rows.len(), 1);
        assert_eq!(
            (rows[0].origin, rows[0].actor.clone()),
            (Origin::Own, own.actor.clone())
        );
    }
}

#[test]
fn other_windows_subjects_kinds_words_and_contexts_are_other_events() {
    let mut store = Store::in_memory().expect("a store");
    let first = moved("m", "v2", 0, 10);
    let others = [
        moved("m", "v2", 11, 20),
        moved("other", "v2", 0, 10),
        moved("m", "v3", 0, 10),
        Change {
            kind: ChangeKind::Served,
            ..first.clone()
        },
        Change {
            kind: ChangeKind::Alias(Clean::name("shadow")),
            ..first.clone()
        },
        Change {
            from: Clean::empty(),
            ..first.clone()
        },
    ];
    store
        .append("prod", std::slice::from_ref(&first))
        .expect("a row");
    assert_eq!(
        store.append("prod", &others).expect("rows").len(),
        others.len()
    );
    assert_eq!(
        store
            .append("staging", std::slice::from_ref(&first))
            .expect("a row")
            .len(),
        1
    );
    assert_eq!(all(&store).len(), 1 + others.len());
    // Everything again: nothing is new.
    assert_eq!(store.append("prod", &others).expect("rows"), []);
}

#[test]
fn every_field_comes_back() {
    let mut store = Store::in_memory().expect("a store");
    let change = Change {
        actor: Some(Clean::name("анна")),
        origin: Origin::Own,
        evidence: Clean::text("the registry's answer"),
        kind: ChangeKind::VersionStatus(Clean::name("v7")),
        ..moved("m", "", -5, 1_700_000_000_000)
    };
    let written = store
        .append("prod", std::slice::from_ref(&change))
        .expect("a row");
    assert_eq!(written[0].change, change);
    assert_eq!(
        store
            .history("prod", &HistoryQuery::default())
            .expect("rows"),
        written
    );
}

#[test]
fn an_inverted_window_is_turned_round() {
    let mut store = Store::in_memory().expect("a store");
    store
        .append("prod", &[moved("m", "v2", 10, 0)])
        .expect("a row");
    assert_eq!(all(&store), [moved("m", "v2", 0, 10)]);
}

#[test]
fn history_is_asked_by_subject_and_time_newest_first() {
    let mut store = Store::in_memory().expect("a store");
    let rows: Vec<_> = (0..30)
        .map(|at| {
            moved(
                ["a", "b", "c"][at % 3],
                "v2",
                at as i64 * 10,
                at as i64 * 10 + 5,
            )
        })
        .collect();
    store.append("prod", &rows).expect("rows");
    let ask = |subjects: &[&str], from, to, limit| -> Vec<i64> {
        let query = HistoryQuery {
            subjects: subjects.iter().map(|name| subject(name)).collect(),
            from: Millis(from),
            to: Millis(to),
            limit,
        };
        let rows = store.history("prod", &query).expect("the history");
        rows.iter().map(|row| row.change.not_before.0).collect()
    };
    // A window that only touches the asked time counts: the event may lie in it.
    assert_eq!(ask(&[], 95, 120, 9), [120, 110, 100, 90]);
    assert_eq!(ask(&["a", "b"], 0, 40, 9), [40, 30, 10, 0]);
    assert_eq!(ask(&["c"], 0, 999, 2), [290, 260]);
    assert_eq!(ask(&["never seen"], 0, 999, 9), [0; 0]);
    let nobody = store.history("no such context", &HistoryQuery::default());
    assert_eq!(nobody, Ok(Vec::new()));
}

#[test]
fn a_console_sees_what_a_recorder_writes_and_refines() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("state.db");
    let mut recorder = opened(&path);
    recorder
        .append("prod", &[moved("m", "v2", 0, 10)])
        .expect("a row");
    let console = opened(&path);
    let seq = console.last_seq().expect("the newest");
    assert_eq!(console.changes_since("prod", seq), Ok(Vec::new()));

    let wide = moved("m", "v2", 5, 10);
    recorder
        .append("prod", &[moved("m", "v3", 20, 30), wide])
        .expect("rows");
    recorder
        .append("staging", &[moved("m", "v9", 20, 30)])
        .expect("another context's");
    let news = console.changes_since("prod", seq).expect("the news");
    let told: Vec<_> = news
        .iter()
        .map(|row| (row.id, row.change.not_before.0))
        .collect();
    assert_eq!(told, [(2, 20), (1, 5)]);
    let seq = news.last().expect("a row").seq;
    assert_eq!(console.changes_since("prod", seq), Ok(Vec::new()));
}

#[test]
fn rows_of_a_later_program_are_passed_over() {
    let mut store = Store::in_memory().expect("a store");
    store
        .append("prod", &[moved("a", "v2", 0, 1), moved("b", "v2", 0, 1)])
        .expect("rows");
    store
        .db
        .execute("UPDATE changes SET kind = 'drifted' WHERE id = 1", [])
        .expect("a row");
    assert_eq!(all(&store), [moved("b", "v2", 0, 1)]);
}

#[test]
fn old_rows_go_by_age_and_by_number_and_ids_are_not_used_twice() {
    let mut store = Store::in_memory().expect("a store");
    let day = 86_400_000;
    let rows: Vec<_> = (0..10)
        .map(|at| moved(&at.to_string(), "v2", at * day, at * day))
        .collect();
    let last = store
        .append("prod", &rows)
        .expect("rows")
        .last()
        .expect("a row")
        .id;
    let keep = |days: u64, rows| Retention {
        age: Duration::from_secs(days * 86_400),
        rows,
    };
    assert_eq!(store.prune(Millis(9 * day), keep(4, 100)), Ok(5));
    assert_eq!(store.prune(Millis(9 * day), keep(4, 2)), Ok(3));
    let left: Vec<_> = all(&store)
        .iter()
        .map(|row| row.not_after.0 / day)
        .collect();
    assert_eq!(left, [9, 8]);
    assert_eq!(store.prune(Millis(9 * day), keep(0, 0)), Ok(2));
    let again = store.append("prod", &rows[..1]).expect("a row");
    assert!(again[0].id > last && again[0].seq > last);
    let subjects: i64 = store
        .db
        .query_row("SELECT count(*) FROM subjects", [], |row| row.get(0))
        .expect("a count");
    assert_eq!(subjects, 1, "subjects without a row went too");
}

#[test]
fn a_full_disk_is_an_error_that_costs_nothing_written_before() {
    let dir = tempfile::tempdir().expect("a directory");
    let mut store = opened(&dir.path().join("state.db"));
    store
        .append("prod", &[moved("m", "v2", 0, 1)])
        .expect("a row");
    let limit = |store: &Store, pages: i64| {
        let sql = format!("PRAGMA max_page_count = {pages}");
        let now = store.db.query_row(&sql, [], |row| row.get::<_, i64>(0));
        now.expect("the limit")
    };
    let pages = limit(&store, 1);
    let many: Vec<_> = (0..2_000)
        .map(|at| moved("m", "v2", at * 10, at * 10))
        .collect();
    assert_eq!(store.append("prod", &many), Err(StoreError::Full));
    assert_eq!(all(&store).len(), 1);
    assert!(limit(&store, 100_000) > pages);
    assert_eq!(
        store.append("prod", &many).expect("space again").len(),
        2_000
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_two_rows_tell_of_one_event_and_every_change_is_told(
        windows in prop::collection::vec((0..60_i64, 0..20_i64, 0..2_usize), 1..25)
    ) {
        let mut store = Store::in_memory().expect("a store");
        let changes: Vec<_> = windows
            .iter()
            .map(|(at, width, subject)| moved(["a", "b"][*subject], "v2", *at, at + width))
            .collect();
        for change in &changes {
            store.append("prod", std::slice::from_ref(change)).expect("a row");
        }
        let rows = all(&store);
        for (at, row) in rows.iter().enumerate() {
            prop_assert!(row.not_before <= row.not_after);
            prop_assert!(rows[at + 1..].iter().all(|other| !row.same_event(other)));
        }
        for change in &changes {
            prop_assert!(rows.iter().any(|row| row.same_event(change)));
        }
        let count = rows.len();
        store.append("prod", &changes).expect("everything again");
        prop_assert_eq!(all(&store).len(), count);
    }
}

#[test]
fn a_hundred_thousand_rows_answer_quickly() {
    let dir = tempfile::tempdir().expect("a directory");
    let mut store = opened(&dir.path().join("state.db"));
    let rows: Vec<_> = (0..100_000_i64)
        .map(|at| {
            moved(
                &format!("model-{}", at % 500),
                &format!("v{}", at / 500),
                at * 1_000,
                at * 1_000,
            )
        })
        .collect();
    let begun = Instant::now();
    store.append("prod", &rows).expect("rows");
    println!("append of 100,000 rows: {:?}", begun.elapsed());
    let timed = |what: &str, query: HistoryQuery| {
        let begun = Instant::now();
        let rows = store.history("prod", &query).expect("the history").len();
        println!("{what}: {rows} rows in {:?}", begun.elapsed());
        rows
    };
    let all = HistoryQuery::default();
    assert_eq!(timed("newest of all", all.clone()), 1_000);
    let one = HistoryQuery {
        subjects: vec![subject("model-7")],
        ..all.clone()
    };
    assert_eq!(timed("one model", one), 200);
    let window = HistoryQuery {
        from: Millis(50_000_000),
        to: Millis(50_400_000),
        ..all
    };
    assert_eq!(timed("a window in the middle", window), 401);
}

#[test]
fn time_is_watched_from_answer_to_answer_and_gaps_stay_gaps() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("state.db");
    let (mut console, mut recorder) = (opened(&path), opened(&path));
    let (mlflow, serving) = (SourceId::new("mlflow"), SourceId::new("serving"));
    let gap = Duration::from_millis(30);
    let start = |store: &mut Store, source, at| {
        store
            .watch_started("prod", source, Millis(at), gap)
            .expect("a watch")
    };
    let spans = |store: &Store, source, from, to| -> Vec<(i64, i64)> {
        let spans = store
            .watched("prod", source, Millis(from), Millis(to))
            .expect("spans");
        spans.into_iter().map(|(from, to)| (from.0, to.0)).collect()
    };
    let mut watch = start(&mut console, &mlflow, 100);
    for at in [110, 120, 145] {
        console.watch_seen(&mut watch, Millis(at)).expect("a beat");
    }
    // The machine slept: what lies between was not watched.
    console.watch_seen(&mut watch, Millis(500)).expect("a beat");
    console.watch_ended(watch, Millis(520)).expect("an end");
    assert_eq!(
        spans(&console, Some(&mlflow), 0, 999),
        [(100, 145), (500, 520)]
    );

    // Another process watched over a part of the gap; its end comes too late to count.
    let mut other = start(&mut recorder, &mlflow, 130);
    recorder
        .watch_seen(&mut other, Millis(160))
        .expect("a beat");
    recorder.watch_ended(other, Millis(900)).expect("an end");
    let of_serving = start(&mut recorder, &serving, 700);
    recorder
        .watch_ended(of_serving, Millis(700))
        .expect("an end");
    assert_eq!(
        spans(&console, Some(&mlflow), 0, 999),
        [(100, 160), (500, 520)]
    );
    assert_eq!(
        spans(&console, None, 0, 999),
        [(100, 160), (500, 520), (700, 700)]
    );
    assert_eq!(spans(&console, None, 150, 510), [(150, 160), (500, 510)]);
    assert_eq!(spans(&console, None, 161, 499), []);
    assert_eq!(
        console.watched("elsewhere", None, Millis(0), Millis(999)),
        Ok(Vec::new())
    );
}

#[test]
fn a_pruned_span_begins_anew() {
    let mut store = Store::in_memory().expect("a store");
    let source = SourceId::new("mlflow");
    let gap = Duration::from_secs(3_600);
    let mut watch = store
        .watch_started("prod", &source, Millis(0), gap)
        .expect("a watch");
    let nothing = Retention {
        age: Duration::ZERO,
        rows: 0,
    };
    store.prune(Millis(10), nothing).expect("nothing is kept");
    store.watch_seen(&mut watch, Millis(20)).expect("a beat");
    let spans = store.watched("prod", None, Millis(0), Millis(99));
    assert_eq!(spans, Ok(vec![(Millis(20), Millis(20))]));
}

#[test]
fn preferences_are_kept_by_scope_and_can_be_forgotten() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("state.db");
    let mut store = opened(&path);
    store
        .set_preference("", "context", Some("prod"))
        .expect("a value");
    store
        .set_preference("prod", "pane", Some("models"))
        .expect("a value");
    store
        .set_preference("prod", "pane", Some("triage"))
        .expect("a value");
    store
        .set_preference("prod", "sort", Some("name"))
        .expect("a value");
    drop(store);
    let mut store = opened(&path);
    let get = |store: &Store, scope, name| store.preference(scope, name).expect("a read");
    assert_eq!(get(&store, "", "context").as_deref(), Some("prod"));
    assert_eq!(get(&store, "prod", "pane").as_deref(), Some("triage"));
    assert_eq!(get(&store, "staging", "pane"), None);
    assert_eq!(store.preferences("prod").expect("all").len(), 2);
    store
        .set_preference("prod", "pane", None)
        .expect("forgotten");
    assert_eq!(get(&store, "prod", "pane"), None);
}
