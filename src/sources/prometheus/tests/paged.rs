//! What is handed over in pages is what a poll answers at once.

use std::collections::BTreeMap;

use super::*;
use crate::domain::signal::Preset;
use crate::sources::Pages;

const MODELS: usize = 900;

/// Many models behind the labels of two stacks. Some have no ratios, so what their absence means is told.
fn two_stacks(asked: &Asked) -> (u16, String) {
    const STACKS: [&str; 2] = ["service_name", "model"];
    let query = asked.query();
    let by = |label: &str| query.contains(&format!("by ({label}"));
    let Some(stack) = STACKS.into_iter().position(by) else {
        return vector(&[]);
    };
    let label = STACKS[stack];
    let quiet = if query.starts_with('(') { 50 } else { 0 };
    let rows: Vec<Value> = (quiet..MODELS)
        .map(|model| {
            let value = (model % 7 + query.len() % 5 + 10 * stack).to_string();
            let name = format!("m{model:04}");
            match asked.with.get("end") {
                None => json!({"metric": {label: name}, "value": [NOW, value]}),
                Some(end) => {
                    let end: i64 = end.parse().unwrap();
                    let values = json!([[end - 600, value], [end, value]]);
                    json!({"metric": {label: name}, "values": values})
                }
            }
        })
        .collect();
    let kind = if asked.with.contains_key("end") {
        "matrix"
    } else {
        "vector"
    };
    let body = json!({"status": "success", "data": {"resultType": kind, "result": rows}});
    (200, body.to_string())
}

fn source(server: &Server) -> Prometheus {
    server.source(|settings| {
        let chosen = |p: &&Preset| ["bentoml", "mlserver"].contains(&&*p.name);
        settings.monitoring.presets = presets().iter().filter(chosen).cloned().collect();
        assert_eq!(settings.monitoring.presets.len(), 2);
        settings.monitoring.all = true;
    })
}

/// What a poll hands over page by page, and then the rest.
async fn paged(source: &Prometheus, feed: Feed) -> (Vec<Rows>, Coverage) {
    let (out, mut taken) = tokio::sync::mpsc::channel(1_024);
    let pages = Pages::new(Millis(0), out);
    let focus = Focus::default();
    let answer = source.poll_in_pages(feed, &focus, &pages).await;
    drop(pages);
    let mut all = Vec::new();
    while let Some(page) = taken.recv().await {
        all.push(page.rows);
    }
    let answer = answer.unwrap();
    all.push(answer.rows);
    (all, answer.coverage)
}

/// Readings by their keys, as text; none may be there twice.
fn by_key(rows: impl IntoIterator<Item = SignalReading>) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    for row in rows {
        let twice = found.insert(format!("{:?}", row.key), format!("{row:?}"));
        assert_eq!(twice, None, "twice");
    }
    found
}

#[tokio::test]
async fn pages_hold_each_reading_once_as_the_whole_answer_has_it() {
    let server = Server::start(two_stacks).await;
    let whole = readings(&source(&server)).await;
    let (pages, coverage) = paged(&source(&server), Feed::Signals).await;
    let pages: Vec<_> = pages
        .into_iter()
        .map(|rows| match rows {
            Rows::Signals(rows) => rows,
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(coverage, Coverage::Full(Scope::Signals));
    assert!(pages.len() > 2, "{} pages of {}", pages.len(), whole.len());
    let keys = pages.iter().flatten().map(|row| &row.key);
    assert!(keys.is_sorted(), "the readings of a model come together");
    let of_pages = by_key(pages.into_iter().flatten());
    assert_eq!(by_key(whole), of_pages);
    let idle = |row: &&String| row.contains("m0007") && row.contains("NoTraffic");
    assert!(of_pages.values().any(|row| idle(&row)));
}

#[tokio::test]
async fn the_courses_of_a_signal_are_handed_over_before_the_next_is_read() {
    let server = Server::start(two_stacks).await;
    let of = |all: Vec<Rows>| -> Vec<Vec<SignalSeries>> {
        let rows = all.into_iter().map(|rows| match rows {
            Rows::Series(rows) => rows,
            other => panic!("{other:?}"),
        });
        rows.collect()
    };
    let text = |rows: Vec<SignalSeries>| -> BTreeMap<String, String> {
        let pairs = rows
            .into_iter()
            .map(|row| (format!("{:?}", row.key), format!("{row:?}")));
        pairs.collect()
    };
    let whole = poll(&source(&server), Feed::SignalHistory).await.unwrap();
    assert_eq!(whole.coverage, Coverage::Full(Scope::Series));
    let whole = of(vec![whole.rows]).concat();
    let source = source(&server);
    for _ in 0..2 {
        let (pages, coverage) = paged(&source, Feed::SignalHistory).await;
        assert_eq!(coverage, Coverage::Full(Scope::Series));
        let pages = of(pages);
        assert!(pages.len() > 3, "{} pages", pages.len());
        let measures: Vec<Vec<Measure>> = pages
            .iter()
            .map(|page| page.iter().map(|row| row.key.measure).collect())
            .collect();
        let one = |page: &Vec<Measure>| page.iter().all(|m| *m == page[0]);
        assert!(measures.iter().all(one), "a page is of one signal");
        // Two stacks tell of one model: the fleet takes the first page that does.
        let mut rows = pages.concat();
        rows.reverse();
        assert_eq!(text(rows).len(), text(whole.clone()).len());
    }
}

#[tokio::test]
async fn a_course_of_many_models_is_read_in_parts_and_is_the_same() {
    let server = Server::start(|asked| {
        if !asked.query().contains("by (service_name") {
            return vector(&[]);
        }
        let Some(end) = asked.with.get("end") else {
            return two_stacks(asked);
        };
        let number = |name: &str| asked.with[name].parse::<i64>().unwrap();
        let (start, end, step) = (number("start"), end.parse().unwrap(), number("step"));
        let rows: Vec<Value> = (0..MODELS as i64)
            .map(|model| {
                let times = (start..=end).step_by(step as usize);
                let values: Vec<Value> = times
                    .filter(|at| (at / step + model) % 5 != 0)
                    .map(|at| json!([at, format!("{}", at / step % 11 + model)]))
                    .collect();
                json!({"metric": {"service_name": format!("m{model:04}")}, "values": values})
            })
            .collect();
        let body = json!({"status": "success", "data": {"resultType": "matrix", "result": rows}});
        (200, body.to_string())
    })
    .await;
    let courses = async |source: &Prometheus| -> BTreeMap<String, String> {
        let answer = poll(source, Feed::SignalHistory).await.unwrap();
        let Rows::Series(rows) = answer.rows else {
            panic!("series")
        };
        let named = rows.iter().map(|s| (format!("{:?}", s.key), format!("{s:?}")));
        named.collect()
    };
    let asked = |server: &Server| {
        let seen = server.seen();
        let ranges = seen.iter().filter(|asked| asked.with.contains_key("end"));
        let of = |a: &Asked| (a.with["query"].clone(), a.with["end"].clone());
        ranges.map(of).collect::<Vec<_>>()
    };
    // How many models there are, the readings tell.
    let whole = courses(&source(&server)).await;
    let in_one = asked(&server);
    let informed = source(&server);
    poll(&informed, Feed::Signals).await.unwrap();
    let parts = courses(&informed).await;
    let in_parts = asked(&server);
    assert!(in_parts.len() > in_one.len(), "{} {}", in_parts.len(), in_one.len());
    assert!(whole.len() >= MODELS);
    assert_eq!(parts, whole);
}
