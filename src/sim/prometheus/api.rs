//! The `/api/v1` routes: parameters in, envelopes and errors out, as Prometheus 2.42 answers.

use std::collections::BTreeSet;

use serde_json::{Map, Value as Json, json};

use super::ast::{Expr, Selector, Shape};
use super::eval::{Evaluation, ExecutionError, Row, Steps, Value};
use super::rules::{self, RULES};
use super::{lex, parse};
use crate::sim::monitoring::{Alerts, Look, Monitoring};
use crate::sim::reply::{self, Reply, Request};
use crate::sim::samples::export::number;
use crate::sim::samples::labels::Labels;
use crate::sim::samples::store::{Series, Store};

/// Points of one series in an answer at most, less the first.
const MAX_POINTS: i64 = 11_000;

/// An error as the envelope says it.
struct Fault {
    status: u16,
    kind: &'static str,
    text: String,
}

fn bad(text: impl Into<String>) -> Fault {
    Fault {
        status: 400,
        kind: "bad_data",
        text: text.into(),
    }
}

impl From<ExecutionError> for Fault {
    fn from(error: ExecutionError) -> Self {
        Self {
            status: 422,
            kind: "execution",
            text: error.0,
        }
    }
}

type Answer = Result<Json, Fault>;

/// A request's parameters, from the query and a form body.
struct Parameters(Vec<(String, String)>);

impl Parameters {
    fn of(request: &Request) -> Self {
        let mut pairs = Vec::new();
        let form = request.header("content-type");
        if request.method == "POST" && form.starts_with("application/x-www-form-urlencoded") {
            pairs = reply::parse_query(&String::from_utf8_lossy(&request.body));
        }
        pairs.extend(request.query.iter().cloned());
        Self(pairs)
    }

    fn get(&self, name: &str) -> Option<&str> {
        let named = self.0.iter().find(|(known, _)| known == name);
        named.map(|(_, value)| value.as_str())
    }

    fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        let named = self.0.iter().filter(move |(known, _)| known == name);
        named.map(|(_, value)| value.as_str())
    }

    fn time(&self, name: &str) -> Result<Option<i64>, Fault> {
        let Some(text) = self.get(name).filter(|text| !text.is_empty()) else {
            return Ok(None);
        };
        let seconds = text
            .parse()
            .ok()
            .filter(|seconds: &f64| seconds.is_finite());
        let written = || chrono::DateTime::parse_from_rfc3339(text).ok();
        seconds
            .map(|seconds| (seconds * 1_000.0).round() as i64)
            .or_else(|| written().map(|time| time.timestamp_millis()))
            .map(Some)
            .ok_or_else(|| {
                bad(format!(
                    "invalid parameter {name:?}: cannot parse {text:?} to a valid timestamp"
                ))
            })
    }

    fn needed_time(&self, name: &str) -> Result<i64, Fault> {
        self.time(name)?.ok_or_else(|| {
            bad(format!(
                "invalid parameter {name:?}: cannot parse \"\" to a valid timestamp"
            ))
        })
    }

    /// Milliseconds of a number of seconds or a duration.
    fn duration(&self, name: &str) -> Result<i64, Fault> {
        let text = self.get(name).unwrap_or_default();
        let seconds = text
            .parse()
            .ok()
            .filter(|seconds: &f64| seconds.is_finite());
        seconds
            .map(|seconds| (seconds * 1_000.0) as i64)
            .or_else(|| lex::duration(text))
            .ok_or_else(|| {
                bad(format!(
                    "invalid parameter {name:?}: cannot parse {text:?} to a valid duration"
                ))
            })
    }

    fn query(&self) -> Result<Expr, Fault> {
        // No simulated query takes longer than the shortest timeout that is no mistake.
        if self.get("timeout").is_some() && self.duration("timeout")? <= 1 {
            return Err(Fault {
                status: 503,
                kind: "timeout",
                text: "query timed out in expression evaluation".to_owned(),
            });
        }
        parse::parse(self.get("query").unwrap_or_default())
            .map_err(|error| bad(format!("invalid parameter \"query\": {error}")))
    }

    fn selectors(&self) -> Result<Vec<Selector>, Fault> {
        self.all("match[]")
            .map(|text| {
                parse::selector(text)
                    .map_err(|error| bad(format!("invalid parameter \"match[]\": {error}")))
            })
            .collect()
    }
}

/// What requests are answered from.
struct Server<'a> {
    look: &'a Look,
    monitoring: &'a Monitoring,
}

/// Answers one request.
pub(crate) fn handle(look: &Look, monitoring: &Monitoring, request: &Request) -> Reply {
    let get_or_post = request.method == "GET" || request.method == "POST";
    let server = Server { look, monitoring };
    match request.path.as_str() {
        "/" => return Reply::empty(302).with_header("location", "/graph"),
        "/-/ready" => return Reply::text(200, "Prometheus Server is Ready.\n"),
        "/-/healthy" => return Reply::text(200, "Prometheus Server is Healthy.\n"),
        _ => {}
    }
    let Some(path) = request.path.strip_prefix("/api/v1/") else {
        return Reply::text(404, "404 page not found\n");
    };
    let forms = matches!(path, "query" | "query_range" | "labels" | "series");
    if !(request.method == "GET" || (forms && get_or_post)) {
        return Reply::text(405, "Method Not Allowed\n").with_header("allow", "GET, OPTIONS, POST");
    }
    let parameters = Parameters::of(request);
    let answer = match path {
        "query" => server.query(&parameters),
        "query_range" => server.range(&parameters),
        "series" => server.series(&parameters),
        "labels" => server.label_names(&parameters),
        "metadata" => Ok(server.metadata(&parameters)),
        "rules" => Ok(server.rules(&parameters)),
        "alerts" => Ok(server.alerts()),
        "targets" => Ok(server.targets()),
        "status/buildinfo" => Ok(json!({
            "version": "2.42.0", "revision": "simulated", "branch": "HEAD", "buildUser": "",
            "buildDate": "20230131-00:00:00", "goVersion": "go1.19.8",
        })),
        _ => match path
            .strip_prefix("label/")
            .and_then(|rest| rest.strip_suffix("/values"))
        {
            Some(name) => server.label_values(name, &parameters),
            None => return Reply::text(404, "404 page not found\n"),
        },
    };
    match answer {
        Ok(data) => Reply::go(200, json!({"status": "success", "data": data})),
        Err(fault) => Reply::go(
            fault.status,
            json!({"status": "error", "errorType": fault.kind, "error": fault.text}),
        ),
    }
}

impl Server<'_> {
    /// The stores that a query reads: alerts are worked out only where somebody asks for them.
    fn with_stores<T>(&self, text: &str, run: impl FnOnce(&[&Store]) -> T) -> T {
        if text.contains("ALERTS") {
            let alerts = self.monitoring.alerts(self.look);
            run(&[&self.look.samples, &alerts.series])
        } else {
            run(&[&self.look.samples])
        }
    }

    fn query(&self, parameters: &Parameters) -> Answer {
        let at = parameters.time("time")?.unwrap_or(self.look.now);
        let expr = parameters.query()?;
        let text = parameters.get("query").unwrap_or_default();
        self.with_stores(text, |stores| {
            if let Expr::Range(selector, range) = &expr {
                return Ok(self.raw(stores, selector, at - selector.offset, *range));
            }
            if expr.shape() == Shape::Matrix {
                return Err(bad(
                    "invalid parameter \"query\": a subquery is only evaluated by a function",
                ));
            }
            let value = Evaluation::new(stores, self.look.now, Steps::instant(at)).run(&expr)?;
            Ok(match value {
                Value::Scalar(values) => json!({
                    "resultType": "scalar",
                    "result": values.first().map(|value| pair(at, *value)),
                }),
                Value::Text(text) => json!({"resultType": "string", "result": [stamp(at), text]}),
                Value::Vector(rows) => {
                    let present = |row: &Row| {
                        let value = row.values.first().copied().flatten()?;
                        Some(json!({"metric": metric(&row.labels), "value": pair(at, value)}))
                    };
                    let rows: Vec<Json> = rows.iter().filter_map(present).collect();
                    json!({"resultType": "vector", "result": rows})
                }
            })
        })
    }

    /// The samples themselves.
    fn raw(&self, stores: &[&Store], selector: &Selector, to: i64, range: i64) -> Json {
        let points = |series: &Series| -> Vec<Json> {
            series
                .scrapes(to - range, to.min(self.look.now))
                .map(|scrape| pair(series.time(scrape), series.value(scrape)))
                .collect()
        };
        let rows: Vec<Json> = stores
            .iter()
            .flat_map(|store| store.named(selector.name()))
            .filter(|series| selector.matches(&series.labels))
            .map(|series| (series, points(series)))
            .filter(|(_, points)| !points.is_empty())
            .map(|(series, points)| json!({"metric": metric(&series.labels), "values": points}))
            .collect();
        json!({"resultType": "matrix", "result": rows})
    }

    fn range(&self, parameters: &Parameters) -> Answer {
        let start = parameters.needed_time("start")?;
        let end = parameters.needed_time("end")?;
        if end < start {
            return Err(bad(
                "invalid parameter \"end\": end timestamp must not be before start time",
            ));
        }
        let step = parameters.duration("step")?;
        if step <= 0 {
            return Err(bad(
                "invalid parameter \"step\": zero or negative query resolution step widths are not \
                 accepted. Try a positive integer",
            ));
        }
        if (end - start) / step > MAX_POINTS {
            return Err(bad(
                "exceeded maximum resolution of 11,000 points per timeseries. Try decreasing the \
                 query resolution (?step=XX)",
            ));
        }
        let expr = parameters.query()?;
        if !matches!(expr.shape(), Shape::Scalar | Shape::Vector) {
            return Err(bad(format!(
                "invalid parameter \"query\": invalid expression type {:?} for range query, must be \
                 Scalar or instant Vector",
                expr.shape().words()
            )));
        }
        let steps = Steps::between(start, end, step);
        let text = parameters.get("query").unwrap_or_default();
        let value = self.with_stores(text, |stores| {
            Evaluation::new(stores, self.look.now, steps).run(&expr)
        })?;
        let mut rows = match value {
            Value::Vector(rows) => rows,
            Value::Scalar(values) => vec![Row {
                labels: Labels::default(),
                values: values.into_iter().map(Some).collect(),
            }],
            Value::Text(_) => Vec::new(),
        };
        rows.sort_by(|a, b| a.labels.cmp(&b.labels));
        let row = |row: &Row| {
            let points: Vec<Json> = steps
                .iter()
                .zip(&row.values)
                .filter_map(|(at, value)| Some(pair(at, (*value)?)))
                .collect();
            (!points.is_empty()).then(|| json!({"metric": metric(&row.labels), "values": points}))
        };
        let rows: Vec<Json> = rows.iter().filter_map(row).collect();
        Ok(json!({"resultType": "matrix", "result": rows}))
    }

    /// Visits the labels of series that have samples in the asked time.
    fn visit(&self, parameters: &Parameters, mut visit: impl FnMut(&Labels)) -> Result<(), Fault> {
        let start = parameters.time("start")?.unwrap_or(i64::MIN / 4);
        let end = parameters.time("end")?.unwrap_or(self.look.now);
        let end = end.min(self.look.now);
        let selectors = parameters.selectors()?;
        let alerts = self.monitoring.alerts(self.look);
        for store in [&*self.look.samples, &alerts.series] {
            for series in store.iter() {
                let alive = series.from <= end && series.until.is_none_or(|until| until > start);
                let wanted = selectors.is_empty()
                    || selectors
                        .iter()
                        .any(|selector| selector.matches(&series.labels));
                if alive && wanted {
                    visit(&series.labels);
                }
            }
        }
        Ok(())
    }

    fn series(&self, parameters: &Parameters) -> Answer {
        if parameters.get("match[]").is_none() {
            return Err(bad("no match[] parameter provided"));
        }
        let mut found = BTreeSet::new();
        self.visit(parameters, |labels| {
            found.insert(labels.clone());
        })?;
        Ok(found.iter().map(metric).collect())
    }

    fn label_names(&self, parameters: &Parameters) -> Answer {
        let mut found = BTreeSet::new();
        self.visit(parameters, |labels| {
            found.extend(labels.iter().map(|(name, _)| name.to_owned()));
        })?;
        Ok(json!(found))
    }

    fn label_values(&self, name: &str, parameters: &Parameters) -> Answer {
        let is_label = |c: char| c.is_ascii_alphanumeric() || c == '_';
        if name.is_empty() || !name.chars().all(is_label) {
            return Err(bad(format!("invalid label name: {name:?}")));
        }
        let mut found = BTreeSet::new();
        self.visit(parameters, |labels| {
            let value = labels.get(name);
            if !value.is_empty() {
                found.insert(value.to_owned());
            }
        })?;
        Ok(json!(found))
    }

    fn metadata(&self, parameters: &Parameters) -> Json {
        let wanted = parameters.get("metric").filter(|metric| !metric.is_empty());
        let families = self.look.samples.families.iter();
        let found: Map<String, Json> = families
            .filter(|(name, _)| wanted.is_none_or(|wanted| wanted == &***name))
            .map(|(name, (kind, help))| {
                let row = json!([{"type": kind.word(), "help": help, "unit": ""}]);
                (name.to_string(), row)
            })
            .collect();
        Json::Object(found)
    }

    fn targets(&self) -> Json {
        let targets: Vec<Json> = self
            .look
            .samples
            .named(Some("up"))
            .map(|up| {
                let labels = up.labels.unnamed();
                json!({
                    "labels": metric(&labels), "discoveredLabels": {}, "health": "up",
                    "lastError": "", "scrapePool": labels.get("job"),
                    "scrapeUrl": format!("http://{}/metrics", labels.get("instance")),
                    "scrapeInterval": "15s", "scrapeTimeout": "10s",
                })
            })
            .collect();
        json!({"activeTargets": targets, "droppedTargets": []})
    }

    fn alerts(&self) -> Json {
        let alerts = self.monitoring.alerts(self.look);
        json!({"alerts": alerts.active.iter().map(alert).collect::<Vec<Json>>()})
    }

    fn rules(&self, parameters: &Parameters) -> Json {
        if parameters.get("type") == Some("record") {
            return json!({"groups": []});
        }
        let alerts = self.monitoring.alerts(self.look);
        let evaluated = rfc3339(alerts.evaluated);
        let mut groups: Vec<(&str, Vec<Json>)> = Vec::new();
        for rule in RULES {
            let row = rule_row(rule, &alerts, &evaluated);
            match groups.iter_mut().find(|(name, _)| *name == rule.group) {
                Some((_, rows)) => rows.push(row),
                None => groups.push((rule.group, vec![row])),
            }
        }
        let group = |(name, rows): &(&str, Vec<Json>)| {
            json!({
                "name": name, "file": "/etc/prometheus/models.rules.yml", "rules": rows,
                "interval": rules::EVERY / 1_000, "limit": 0, "evaluationTime": 0.000_4,
                "lastEvaluation": evaluated,
            })
        };
        json!({"groups": groups.iter().map(group).collect::<Vec<Json>>()})
    }
}

fn rule_row(rule: &'static rules::Rule, alerts: &Alerts, evaluated: &str) -> Json {
    let own: Vec<&rules::Alert> = alerts
        .active
        .iter()
        .filter(|alert| alert.rule.name == rule.name)
        .collect();
    let state = if own.iter().any(|alert| alert.fired.is_some()) {
        "firing"
    } else if own.is_empty() {
        "inactive"
    } else {
        "pending"
    };
    json!({
        "state": state, "name": rule.name, "query": rule.query, "duration": rule.hold / 1_000,
        "keepFiringFor": 0, "labels": {"severity": rule.severity},
        "annotations": {"summary": template(rule.summary), "runbook_url": rule.runbook},
        "alerts": own.into_iter().map(alert).collect::<Vec<Json>>(),
        "health": "ok", "evaluationTime": 0.000_2, "lastEvaluation": evaluated,
        "type": "alerting",
    })
}

/// A summary as a rules file has it.
fn template(summary: &str) -> String {
    summary.replace('{', "{{ $labels.").replace('}', " }}")
}

fn alert(alert: &rules::Alert) -> Json {
    json!({
        "labels": metric(&alert.labels),
        "annotations": {"summary": alert.summary(), "runbook_url": alert.rule.runbook},
        "state": alert.state(),
        "activeAt": rfc3339(alert.active),
        "value": exponent(alert.value),
    })
}

/// A value as `/alerts` writes it: `2.4e-01`.
fn exponent(value: f64) -> String {
    if !value.is_finite() {
        return number(value);
    }
    let text = format!("{value:e}");
    match text.split_once('e') {
        Some((digits, power)) => {
            let power: i32 = power.parse().unwrap_or_default();
            let sign = if power < 0 { '-' } else { '+' };
            format!("{digits}e{sign}{:02}", power.abs())
        }
        None => text,
    }
}

/// RFC 3339 with milliseconds.
pub(crate) fn rfc3339(ms: i64) -> String {
    chrono::DateTime::from_timestamp_millis(ms)
        .unwrap_or_default()
        .format("%Y-%m-%dT%H:%M:%S%.3fZ")
        .to_string()
}

/// Labels as a JSON object.
pub(crate) fn metric(labels: &Labels) -> Json {
    let pairs = labels.iter();
    Json::Object(
        pairs
            .map(|(name, value)| (name.to_owned(), Json::from(value)))
            .collect(),
    )
}

/// Seconds, whole where they are.
fn stamp(ms: i64) -> Json {
    if ms % 1_000 == 0 {
        Json::from(ms / 1_000)
    } else {
        Json::from(ms as f64 / 1_000.0)
    }
}

fn pair(at: i64, value: f64) -> Json {
    json!([stamp(at), number(value)])
}
