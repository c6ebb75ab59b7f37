//! What is handed over in pages is what a poll answers at once.

use std::collections::BTreeMap;

use super::*;
use crate::sources::Pages;

/// Two models behind the labels of two stacks; the second has no ratios, so what its absence means is told.
fn two_stacks(asked: &Asked) -> (u16, String) {
    const STACKS: [&str; 2] = ["service_name", "model"];
    let query = asked.query();
    let by = |label: &str| query.contains(&format!("by ({label}"));
    let Some(stack) = STACKS.into_iter().position(by) else {
        return vector(&[]);
    };
    let models: &[&str] = if query.starts_with('(') {
        &["both"]
    } else {
        &["both", "quiet"]
    };
    let label = STACKS[stack];
    let value = (query.len() % 7 + 10 * stack).to_string();
    let range = asked.path.ends_with("query_range");
    let rows: Vec<Value> = models
        .iter()
        .map(|model| {
            if range {
                let start = asked.with["start"].parse::<i64>().unwrap();
                json!({"metric": {label: model}, "values": [[start, value], [start + 300, "5"]]})
            } else {
                json!({"metric": {label: model}, "value": [NOW, value]})
            }
        })
        .collect();
    let kind = if range { "matrix" } else { "vector" };
    let body = json!({"status": "success", "data": {"resultType": kind, "result": rows}});
    (200, body.to_string())
}

/// What a poll hands over page by page, and its answer.
async fn paged(source: &Prometheus, feed: Feed) -> (Vec<Rows>, Answer) {
    let (out, mut taken) = tokio::sync::mpsc::channel(1_024);
    let pages = Pages::new(Millis(0), out);
    let answer = source.poll_in_pages(feed, &Focus::default(), &pages).await;
    drop(pages);
    let mut rows = Vec::new();
    while let Some(page) = taken.recv().await {
        rows.push(page.rows);
    }
    (rows, answer.unwrap())
}

/// Rows by their keys, as text; none may come twice.
fn by_key(all: impl IntoIterator<Item = Rows>) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    for rows in all {
        let texts: Vec<_> = match rows {
            Rows::Signals(rows) => rows
                .iter()
                .map(|row| (format!("{:?}", row.key), format!("{row:?}")))
                .collect(),
            Rows::Series(rows) => rows
                .iter()
                .map(|row| (format!("{:?}", row.key), format!("{row:?}")))
                .collect(),
            other => panic!("{other:?}"),
        };
        for (key, text) in texts {
            assert_eq!(found.insert(key, text), None, "twice");
        }
    }
    found
}

#[tokio::test]
async fn pages_hold_each_reading_once_as_the_whole_answer_has_it() {
    let server = Server::start(two_stacks).await;
    let stacks = |settings: &mut SourceSettings| {
        let chosen =
            |p: &&crate::domain::signal::Preset| ["bentoml", "mlserver"].contains(&&*p.name);
        settings.monitoring.presets = presets().iter().filter(chosen).cloned().collect();
        assert_eq!(settings.monitoring.presets.len(), 2);
        settings.monitoring.all = true;
    };
    let whole = poll(&server.source(stacks), Feed::Signals).await.unwrap();
    let (pages, rest) = paged(&server.source(stacks), Feed::Signals).await;
    assert!(pages.len() > 1, "{pages:?}");
    assert_eq!(whole.coverage, rest.coverage);
    let of_pages = by_key(pages.into_iter().chain([rest.rows]));
    assert_eq!(by_key([whole.rows]), of_pages);
    let joined = of_pages.iter().filter(|(key, _)| key.contains("both"));
    assert!(joined.count() > 3, "{of_pages:#?}");
    let silent = of_pages
        .values()
        .any(|row| row.contains("quiet") && row.contains("NoTraffic"));
    assert!(silent, "{of_pages:#?}");
}

#[tokio::test]
async fn pages_hold_each_course_once_as_the_whole_answer_has_it() {
    let server = Server::start(two_stacks).await;
    let source = server.source(only("bentoml"));
    let whole = poll(&source, Feed::SignalHistory).await.unwrap();
    let (pages, rest) = paged(&server.source(only("bentoml")), Feed::SignalHistory).await;
    assert!(pages.len() > 2, "{pages:?}");
    assert_eq!(whole.coverage, rest.coverage);
    let all = by_key([whole.rows]);
    assert!(
        all.values().any(|row| row.contains("earlier: Some")),
        "{all:#?}"
    );
    assert_eq!(all, by_key(pages.into_iter().chain([rest.rows])));
}
