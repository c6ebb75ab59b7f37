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
            json!({"metric": {label: format!("m{model:04}")}, "value": [NOW, value]})
        })
        .collect();
    let body = json!({"status": "success", "data": {"resultType": "vector", "result": rows}});
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
async fn paged(source: &Prometheus) -> (Vec<Vec<SignalReading>>, Coverage) {
    let (out, mut taken) = tokio::sync::mpsc::channel(1_024);
    let pages = Pages::new(Millis(0), out);
    let focus = Focus::default();
    let answer = source.poll_in_pages(Feed::Signals, &focus, &pages).await;
    drop(pages);
    let mut all = Vec::new();
    while let Some(page) = taken.recv().await {
        all.push(page.rows);
    }
    let answer = answer.unwrap();
    all.push(answer.rows);
    let rows = all.into_iter().map(|rows| match rows {
        Rows::Signals(rows) => rows,
        other => panic!("{other:?}"),
    });
    (rows.collect(), answer.coverage)
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
    let (pages, coverage) = paged(&source(&server)).await;
    assert_eq!(coverage, Coverage::Full(Scope::Signals));
    assert!(pages.len() > 2, "{} pages of {}", pages.len(), whole.len());
    let keys = pages.iter().flatten().map(|row| &row.key);
    assert!(keys.is_sorted(), "the readings of a model come together");
    let of_pages = by_key(pages.into_iter().flatten());
    assert_eq!(by_key(whole), of_pages);
    let idle = |row: &&String| row.contains("m0007") && row.contains("NoTraffic");
    assert!(of_pages.values().any(|row| idle(&row)));
}
