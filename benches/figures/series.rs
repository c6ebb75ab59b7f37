//! A server of metrics that holds every series of the load, and the settings that ask for them. It knows
//! no language of queries: a series' name is its query, and how many there are of a name can be counted.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use axum::Router;
use axum::routing::{get, post};
use quarterdeck::domain::signal::Measured;

use crate::load::{Load, SERIES};

/// How often a value that traffic moves is another one, in seconds: as often as it is asked for.
pub(crate) const EVERY: u64 = 15;
/// The first series of a model are of its traffic; what a job measures stays until it runs again.
const TRAFFIC: usize = 5;

/// Starts the server for these models; its address. Needs a running runtime.
pub(crate) async fn serve(models: Vec<String>) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await;
    let listener = listener.expect("a free port");
    let address = listener.local_addr().expect("an address");
    let models = Arc::new(models);
    let (instants, ranges) = (Arc::clone(&models), models);
    let nothing = r#"{"status":"success","data":{"groups":[]}}"#;
    let routes = Router::new()
        .route(
            "/api/v1/query",
            post(async move |form: String| answer(&instants, &form, &[now()])),
        )
        .route(
            "/api/v1/query_range",
            post(async move |form: String| {
                let number = |name| field(&form, name).and_then(|n| n.parse::<u64>().ok());
                let [start, end, step] = ["start", "end", "step"].map(number);
                let step = usize::try_from(step.unwrap_or(60)).expect("a step");
                let times = start.unwrap_or(0)..=end.unwrap_or(0);
                answer(&ranges, &form, &times.step_by(step).collect::<Vec<_>>())
            }),
        )
        .route("/api/v1/rules", get(async move || nothing));
    tokio::spawn(async move { axum::serve(listener, routes).await });
    format!("http://{address}")
}

fn now() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.expect("a clock after 1970").as_secs()
}

/// A field of a form. Names of series and numbers need no decoding.
fn field<'a>(form: &'a str, name: &str) -> Option<&'a str> {
    let mut fields = form.split('&').filter_map(|pair| pair.split_once('='));
    fields.find(|(key, _)| *key == name).map(|(_, value)| value)
}

/// The series that the query names of every model, at these times: a vector for one, else a matrix.
fn answer(models: &[String], form: &str, times: &[u64]) -> String {
    if field(form, "query").is_some_and(|query| query.starts_with("count%28series_")) {
        let (at, count) = (times.first().copied().unwrap_or_default(), models.len());
        return format!(
            r#"{{"status":"success","data":{{"resultType":"vector","result":[{{"metric":{{}},"value":[{at},"{count}"]}}]}}}}"#
        );
    }
    let name = field(form, "query").and_then(|query| query.strip_prefix("series_"));
    let series = name.and_then(|n| n.parse::<usize>().ok());
    let mut out = String::with_capacity(models.len() * (64 + times.len() * 32));
    out.push_str(r#"{"status":"success","data":{"resultType":""#);
    let instant = times.len() == 1;
    out.push_str(if instant { "vector" } else { "matrix" });
    out.push_str(r#"","result":["#);
    let rows = models.iter().enumerate();
    for (row, (model, name)) in rows.take(series.map_or(0, |_| models.len())).enumerate() {
        let series = series.unwrap_or_default();
        let points = times.iter().map(|at| {
            let turn = if series < TRAFFIC { at / EVERY } else { 0 };
            let Measured::Value(value) = Load::reading(model, series, turn).value else {
                panic!("a reading of the load is a number");
            };
            format!(r#"[{at},"{value:.6}"]"#)
        });
        let comma = if row == 0 { "" } else { "," };
        let (key, open, close) = if instant {
            ("value", "", "")
        } else {
            ("values", "[", "]")
        };
        let points = points.collect::<Vec<_>>().join(",");
        write!(
            out,
            r#"{comma}{{"metric":{{"model":"{name}"}},"{key}":{open}{points}{close}}}"#
        )
        .expect("memory");
    }
    out.push_str("]}}");
    out
}

/// The tables of settings that ask for every series by a query of its own.
pub(crate) fn settings(url: &str) -> String {
    let mut out = format!(
        "[[contexts.load.sources]]\nname = \"prom\"\nkind = \"prometheus\"\nurl = \"{url}\"\n\
         every = \"{EVERY}s\"\npresets = []\n"
    );
    for series in 0..SERIES {
        let key = Load::reading(0, series, 0).key;
        write!(
            out,
            "[[contexts.load.sources.signals]]\nmeasure = \"{}\"\nquery = \"series_{series:02}\"\n\
             labels = {{ model = \"model\" }}\n",
            key.measure.word()
        )
        .expect("memory");
        for (name, text) in [("part", key.part.raw()), ("method", key.method.raw())] {
            if !text.is_empty() {
                writeln!(out, "{name} = \"{text}\"").expect("memory");
            }
        }
    }
    out
}
