//! The whole adapter against the other servers of the API, whose answers are shaped as their
//! documentation has them: Prometheus 3, Thanos, Mimir, and Grafana's datasource proxy. None of them was
//! run.

use super::*;
use crate::domain::alert::{Alert, AlertState};
use crate::domain::observation::Abilities;
use crate::domain::settings::{Auth, SecretRef};
use crate::domain::signal::SignalCheck;

/// What differs between the servers.
#[derive(Clone, Copy)]
struct Flavour {
    /// The path before `/api/v1`.
    prefix: &'static str,
    /// `data` of the build information.
    build: &'static str,
    /// What the envelope of an answer has beside `status` and `data`.
    beside: &'static str,
}

impl Flavour {
    /// One model of `KServe` in full: requests, latency, its course, and an alert.
    fn answer(self, asked: &Asked) -> (u16, String) {
        let Some(path) = asked.path.strip_prefix(self.prefix) else {
            return (404, "404 page not found".to_owned());
        };
        let data = match path {
            "/api/v1/status/buildinfo" => self.build.to_owned(),
            "/api/v1/rules" => json!({"groups": [{"name": "serving", "file": "r.yml", "rules": [{
                "name": "Slow", "query": "x > 1", "type": "alerting", "state": "firing",
                "labels": {"severity": "page"}, "annotations": {"summary": "slow"}, "health": "ok",
                "alerts": [{
                    "labels": {"alertname": "Slow", "model": "fraud", "severity": "page"},
                    "annotations": {"summary": "slow"}, "state": "firing",
                    "activeAt": "2026-11-25T17:00:00.5Z", "value": "2e+00",
                }],
            }]}]})
            .to_string(),
            "/api/v1/query" => rows(&match asked.query() {
                q if q.starts_with("count by (__name__)") => {
                    json!([{"metric": {"__name__": "request_predict_seconds_count"}, "value": [NOW, "3"]}])
                }
                q if q.starts_with("sum by (model_name)") => {
                    json!([{"metric": {"model_name": "fraud"}, "value": [NOW, "12.5"]}])
                }
                q if q.starts_with("histogram_quantile(0.95") => {
                    json!([{"metric": {"model_name": "fraud"}, "value": [NOW, "0.25"]}])
                }
                _ => json!([]),
            }),
            "/api/v1/query_range" => {
                let at = |key: &str| asked.with[key].parse::<i64>().unwrap();
                let (start, end, step) = (at("start"), at("end"), at("step"));
                // Its cache takes only what is aligned.
                assert_eq!((start % step, end % step), (0, 0), "{asked:?}");
                let values: Vec<Value> = (start..=end)
                    .step_by(usize::try_from(step).unwrap())
                    .map(|t| json!([t, "12.5"]))
                    .collect();
                rows(&if asked.query().contains("sum by (model_name)") {
                    json!([{"metric": {"model_name": "fraud"}, "values": values}])
                } else {
                    json!([])
                })
            }
            _ => return (404, "404 page not found".to_owned()),
        };
        let beside = self.beside;
        (
            200,
            format!("{{\"status\":\"success\",\"data\":{data}{beside}}}"),
        )
    }

    async fn server(self) -> Server {
        Server::start(move |asked| self.answer(asked)).await
    }
}

fn rows(rows: &Value) -> String {
    json!({"resultType": "vector", "result": rows}).to_string()
}

/// Everything that a console asks of such a server.
struct Whole {
    abilities: Abilities,
    signals: Answer,
    history: Answer,
    alerts: Answer,
    served: Answer,
    line: Vec<SignalSeries>,
    checks: Vec<SignalCheck>,
}

impl Whole {
    async fn of(source: &Prometheus) -> Result<Self, Fault> {
        let series = Query::Series {
            model: Key::new("fraud"),
            measure: Measure::Requests,
            span: Span {
                seconds: 3_600,
                until: None,
                columns: 60,
            },
        };
        let Detail::Series(line) = source.fetch(series).await? else {
            panic!("series");
        };
        let Detail::SignalChecks(checks) = source.fetch(Query::SignalChecks).await? else {
            panic!("checks");
        };
        Ok(Self {
            abilities: source.probe().await?,
            signals: poll(source, Feed::Signals).await?,
            history: poll(source, Feed::SignalHistory).await?,
            alerts: poll(source, Feed::Alerts).await?,
            served: poll(source, Feed::ServedHistory).await?,
            line,
            checks,
        })
    }

    /// Holds what every server tells alike.
    fn holds(&self) {
        let Rows::Signals(rows) = &self.signals.rows else {
            panic!("signals");
        };
        let value = |measure| find(rows, "fraud", measure, "").value;
        assert_eq!(value(Measure::Requests), Measured::Value(12.5));
        assert_eq!(value(Measure::LatencyP95), Measured::Value(0.25));
        let told = |measure| rows.iter().any(|row| row.key.measure == measure);
        // Who is absent from a part of an answer is not known to be idle.
        match self.signals.partial {
            None => assert_eq!(value(Measure::LatencyP99), Measured::NoTraffic),
            Some(_) => assert!(!told(Measure::LatencyP99), "{rows:?}"),
        }
        let Rows::Series(courses) = &self.history.rows else {
            panic!("series");
        };
        assert_eq!(courses.len(), 1, "{courses:?}");
        assert!(
            courses[0]
                .values
                .iter()
                .all(|v| v.to_bits() == 12.5_f32.to_bits())
        );
        let Rows::Alerts(alerts) = &self.alerts.rows else {
            panic!("alerts");
        };
        let [
            Alert {
                name, state, model, ..
            },
        ] = &alerts[..]
        else {
            panic!("{alerts:?}");
        };
        assert_eq!((name.as_str(), *state), ("Slow", AlertState::Firing));
        assert_eq!(*model, Some(Key::new("fraud")));
        assert_eq!(self.line.len(), 1);
        assert_eq!(self.checks.len(), 4, "the signals of the one preset");
    }
}

#[tokio::test]
async fn prometheus_3_is_read_with_its_infos() {
    let server = Flavour {
        prefix: "",
        build: r#"{"version":"3.5.0","revision":"8be3a9560fbdd18a94dedec4b747c35178177202","branch":"HEAD","goVersion":"go1.24.5"}"#,
        beside: r#","infos":["PromQL info: metric might not be a counter, name does not end in _total/_sum/_count/_bucket: \"x\" (1:6)"]"#,
    }
    .server()
    .await;
    let whole = Whole::of(&server.source(|_| {})).await.unwrap();
    whole.holds();
    assert_eq!(whole.abilities.server.as_str(), "Prometheus 3.5.0");
    assert_eq!(whole.signals.coverage, Coverage::Full(Scope::Signals));
    assert_eq!(whole.history.coverage, Coverage::Full(Scope::Series));
    assert_eq!(whole.alerts.coverage, Coverage::Full(Scope::Alerts));
    assert_eq!(
        (&whole.signals.partial, &whole.served.partial),
        (&None, &None)
    );
    let told = whole.checks[0].remarks.iter();
    assert!(
        told.clone()
            .any(|r| r.as_str().contains("might not be a counter")),
        "{:?}",
        whole.checks[0]
    );
    // What is normalised there ("1" to "1.0") is never matched by us.
    let asked = server.seen();
    assert!(
        asked.iter().all(|a| !a.query().contains("le=\"")),
        "{asked:?}"
    );
}

#[tokio::test]
async fn thanos_with_a_store_that_does_not_answer_takes_nothing_away() {
    let thanos = Flavour {
        prefix: "",
        build: r#"{"version":"0.36.1","revision":"x","branch":"HEAD","buildUser":"","buildDate":"","goVersion":"go1.22"}"#,
        beside: "",
    };
    let server = thanos.server().await;
    let whole = Whole::of(&server.source(|_| {})).await.unwrap();
    whole.holds();
    assert_eq!(whole.abilities.server.as_str(), "Thanos 0.36.1");
    assert_eq!(whole.signals.coverage, Coverage::Full(Scope::Signals));

    let lame = Flavour {
        beside: r#","warnings":["receive series from Addr: eu-store:10901: rpc error: code = Unavailable"]"#,
        ..thanos
    };
    let server = lame.server().await;
    let whole = Whole::of(&server.source(|_| {})).await.unwrap();
    whole.holds();
    for answer in [&whole.signals, &whole.history, &whole.alerts, &whole.served] {
        // Spans are remembered: of these an answer that lacks something takes nothing away.
        let known = matches!(&answer.rows, Rows::Served(_));
        let covered = [Coverage::Partial, Coverage::Full(Scope::Served)];
        assert_eq!(answer.coverage, covered[usize::from(known)], "{answer:?}");
        let told = answer.partial.as_ref().expect("it says what is lacking");
        assert!(told.as_str().contains("eu-store:10901"), "{told}");
    }
    // An answer with nothing in it but a warning is no answer.
    let server = Server::start(move |asked| {
        let (status, text) = lame.answer(asked);
        if asked.query().starts_with("count by") || asked.path.contains("status") {
            return (status, text);
        }
        let (data, beside) = (rows(&json!([])), lame.beside);
        (
            200,
            format!("{{\"status\":\"success\",\"data\":{data}{beside}}}"),
        )
    })
    .await;
    let fault = poll(&server.source(|_| {}), Feed::Signals)
        .await
        .unwrap_err();
    assert!(fault.detail.as_str().contains("eu-store:10901"), "{fault}");
}

#[tokio::test]
async fn what_a_thanos_does_not_see_at_first_is_looked_for_again() {
    let looks = Arc::new(Mutex::new(0));
    let count = Arc::clone(&looks);
    let server = Server::start(move |asked| {
        if !asked.query().starts_with("count by (__name__)") {
            return match asked.query() {
                q if q.starts_with("sum by (model_name)") => {
                    vector(&[(&[("model_name", "a")], "1")])
                }
                _ => vector(&[]),
            };
        }
        if asked.path.ends_with("query_range") {
            // What was held until lately: nothing.
            return vector(&[]);
        }
        let mut looks = count.lock().unwrap();
        *looks += 1;
        match *looks {
            // The store that holds it does not answer, then it does, then it does not again.
            1 => (
                200,
                r#"{"status":"success","data":{"result":[]},"warnings":["store: away"]}"#
                    .to_owned(),
            ),
            _ => vector(&[(&[("__name__", "request_predict_seconds_count")], "1")]),
        }
    })
    .await;
    let source = server.source(|_| {});
    let blind = poll(&source, Feed::Signals).await;
    assert!(blind.is_err(), "nobody knows what is there: {blind:?}");
    for _ in 0..3 {
        let answer = poll(&source, Feed::Signals).await.unwrap();
        assert_eq!(answer.coverage, Coverage::Full(Scope::Signals));
        assert_eq!(answer.rows.len(), 4);
    }
    assert_eq!(
        *looks.lock().unwrap(),
        2,
        "what is known is not asked again"
    );
}

#[tokio::test]
async fn mimir_is_read_below_its_path_and_as_its_tenant() {
    let mimir = Flavour {
        prefix: "/prometheus",
        build: r#"{"application":"Grafana Mimir","version":"2.13.0","revision":"x","features":{"ruler_config_api":"true"}}"#,
        beside: "",
    };
    let server = Server::start(move |asked| match asked.headers.get("x-scope-orgid") {
        Some(tenant) if tenant == "risk|fraud" => mimir.answer(asked),
        Some(_) => (403, "forbidden".to_owned()),
        None => (401, "no org id".to_owned()),
    })
    .await;
    let below = |tenant: &str| {
        let tenant = tenant.to_owned();
        let url = format!("{}/prometheus", server.url);
        server.source(move |settings| {
            settings.url = url;
            if !tenant.is_empty() {
                let header = ("X-Scope-OrgID".to_owned(), tenant);
                settings.headers.push(header);
            }
        })
    };
    let whole = Whole::of(&below("risk|fraud")).await.unwrap();
    whole.holds();
    assert_eq!(whole.abilities.server.as_str(), "Grafana Mimir 2.13.0");
    let asked = server.seen();
    assert!(
        asked
            .iter()
            .all(|a| a.path.starts_with("/prometheus/api/v1/")),
        "{asked:?}"
    );
    let fault = poll(&below(""), Feed::Signals).await.unwrap_err();
    assert_eq!(fault.kind, FaultKind::Auth, "{fault}");
    assert!(fault.detail.as_str().contains("no org id"), "{fault}");
    let fault = poll(&below("other"), Feed::Alerts).await.unwrap_err();
    assert_eq!(fault.kind, FaultKind::Forbidden, "{fault}");
    // Without the path it is another product.
    let source = server.source(|settings| {
        settings
            .headers
            .push(("X-Scope-OrgID".to_owned(), "risk|fraud".to_owned()));
    });
    let fault = poll(&source, Feed::Signals).await.unwrap_err();
    assert_eq!(fault.kind, FaultKind::NoRoute, "{fault}");
}

const PROXY: &str = "/api/datasources/proxy/uid/abc";

#[tokio::test]
async fn grafanas_proxy_is_read_with_its_token_and_its_refusals_are_named() {
    let grafana = Flavour {
        prefix: PROXY,
        build: r#"{"version":"2.53.3"}"#,
        beside: "",
    };
    let server = Server::start(move |asked| {
        let message = |status, text: &str| (status, json!({"message": text}).to_string());
        let token = asked.headers.get("authorization").map(String::as_str);
        match token {
            None => message(401, "Unauthorized"),
            Some("Bearer glsa_weak") => message(
                403,
                "You'll need additional permissions to perform this action. Permissions needed: datasources:query",
            ),
            Some("Bearer glsa_good") if !asked.path.starts_with(PROXY) => {
                message(404, "Data source not found")
            }
            Some("Bearer glsa_good") => grafana.answer(asked),
            Some("Bearer glsa_down") => message(502, "Bad Gateway"),
            other => panic!("{other:?}"),
        }
    })
    .await;
    let behind = |uid: &str, token: &str| {
        let url = format!("{}/api/datasources/proxy/uid/{uid}", server.url);
        let token = token.to_owned();
        server.source(move |settings| {
            settings.url = url;
            if !token.is_empty() {
                settings.auth = Auth::Bearer(SecretRef::Inline(token));
            }
        })
    };
    let whole = Whole::of(&behind("abc", "glsa_good")).await.unwrap();
    whole.holds();
    assert_eq!(
        whole.abilities.server.as_str(),
        "Prometheus 2.53.3 through Grafana"
    );
    let posted = server
        .seen()
        .into_iter()
        .filter(|a| a.path.ends_with("/query"));
    assert!(posted.clone().count() > 0);
    assert!(posted.clone().all(|a| a.method == "POST"));
    for (uid, token, kind, words) in [
        ("abc", "", FaultKind::Auth, "Unauthorized"),
        (
            "abc",
            "glsa_weak",
            FaultKind::Forbidden,
            "datasources:query",
        ),
        ("abc", "glsa_down", FaultKind::Server(502), "Bad Gateway"),
        (
            "gone",
            "glsa_good",
            FaultKind::NotFound,
            "Data source not found",
        ),
    ] {
        let fault = poll(&behind(uid, token), Feed::Signals).await.unwrap_err();
        assert_eq!(fault.kind, kind, "{uid} {token}: {fault}");
        assert!(
            fault.detail.as_str().contains(words),
            "{uid} {token}: {fault}"
        );
        assert!(!format!("{fault:?}").contains("glsa_"), "{fault:?}");
    }
}
