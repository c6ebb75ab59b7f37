//! Alerts, pending and firing, with the rules that raise them. The rules route tells both; what it
//! answers is read field by field, since servers differ in what they leave out.

use serde_json::Value;

use super::Prometheus;
use super::expression;
use super::wire::lacking;
use crate::domain::alert::{Alert, AlertState};
use crate::domain::fault::{Fault, FaultKind};
use crate::domain::observation::{Answer, Coverage, Rows, Scope};
use crate::domain::text::Clean;
use crate::sources::http::Call;
use crate::sources::labels::{Labels, MOST_ALERTS, Reader, instant, once};
use crate::sources::routes::ReadRoute;

impl Prometheus {
    pub(super) async fn alerts(&self) -> Result<Answer, Fault> {
        let call = Call {
            query: vec![("type", "alert".to_owned())],
            body: None,
        };
        let reply = match self.http.read(&ReadRoute::PrometheusRules, call).await {
            Ok(reply) => reply,
            // A query frontend without rulers has no rules, and that is no fault of it.
            Err(fault) if matches!(fault.kind, FaultKind::NoRoute | FaultKind::NotFound) => {
                return Ok(Answer {
                    partial: None,
                    coverage: Coverage::Full(Scope::Alerts),
                    rows: Rows::Alerts(Vec::new()),
                    server_time: None,
                });
            }
            Err(fault) => return Err(fault),
        };
        let body: Value = reply.json()?;
        if body.get("status").and_then(Value::as_str) != Some("success") {
            let decode = FaultKind::Decode {
                path: Clean::name("status"),
            };
            return Err(Fault::new(decode, &reply.place, "no answer of rules"));
        }
        let warnings = body.get("warnings").and_then(Value::as_array);
        let warnings = warnings.into_iter().flatten().filter_map(Value::as_str);
        // A ruler that did not answer has alerts that are not here and not gone.
        let partial = lacking(warnings);
        Ok(Answer {
            coverage: match &partial {
                None => Coverage::Full(Scope::Alerts),
                Some(_) => Coverage::Partial,
            },
            partial,
            rows: Rows::Alerts(read(&self.reader, &body)),
            server_time: reply.server_time,
        })
    }
}

/// Every alert of every rule.
pub(super) fn read(reader: &Reader, body: &Value) -> Vec<Alert> {
    let list = |value: &Value, key: &str| -> Vec<Value> {
        let list = value.get(key).and_then(Value::as_array);
        list.cloned().unwrap_or_default()
    };
    let data = body.get("data").cloned().unwrap_or_default();
    let mut alerts = Vec::new();
    for group in list(&data, "groups") {
        for rule in list(&group, "rules") {
            for alert in list(&rule, "alerts") {
                if alerts.len() >= MOST_ALERTS {
                    return once(alerts);
                }
                alerts.extend(one(reader, &group, &rule, &alert));
            }
        }
    }
    once(alerts)
}

fn one(reader: &Reader, group: &Value, rule: &Value, alert: &Value) -> Option<Alert> {
    let text = |value: &Value, key: &str| -> String {
        let text = value.get(key).and_then(Value::as_str);
        text.unwrap_or_default().to_owned()
    };
    let labels = |key: &str| -> Labels {
        let all = alert.get(key).and_then(Value::as_object).into_iter();
        all.flatten()
            .filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned())))
            .collect()
    };
    let state = match text(alert, "state").to_ascii_lowercase().as_str() {
        "firing" => AlertState::Firing,
        "pending" => AlertState::Pending,
        // Inactive ones are none.
        _ => return None,
    };
    let mut own = labels("labels");
    own.entry("alertname".to_owned())
        .or_insert_with(|| text(rule, "name"));
    let since = instant(&text(alert, "activeAt")).unwrap_or_default();
    let query = text(rule, "query");
    let for_seconds = rule.get("duration").and_then(Value::as_f64);
    let value = match alert.get("value") {
        Some(Value::String(text)) => text.parse().ok(),
        Some(Value::Number(n)) => n.as_f64(),
        _ => None,
    };
    Some(Alert {
        value,
        rule: (!query.is_empty())
            .then(|| expression::rule(&query, for_seconds.unwrap_or_default().max(0.0) as u64)),
        group: Clean::name(&text(group, "name")),
        ..reader.alert("", &own, &labels("annotations"), state, since)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::settings::{SourceKind, SourceSettings};
    use serde_json::json;

    #[test]
    fn what_a_server_leaves_out_or_bends_is_no_end() {
        let settings = SourceSettings::new("p", SourceKind::Prometheus, "http://p.test");
        let reader = Reader::new(&settings).expect("settings");
        for body in [
            json!({}),
            json!({"data": null}),
            json!({"data": {"groups": null}}),
            json!({"data": {"groups": [null, {"rules": null}, {"rules": [null, {"alerts": null}, {}]}]}}),
            json!({"data": {"groups": [{"rules": [{"alerts": [null, 5, {"state": "inactive"}]}]}]}}),
        ] {
            assert_eq!(read(&reader, &body), [], "{body}");
        }
        let body = json!({"data": {"groups": [{"name": "g", "rules": [{
        "name": "Burn", "query": "a > 1", "duration": 120, "alerts": [
            {"state": "Firing", "labels": {"model": "a", "n": 5}, "value": "2.4e-01",
             "activeAt": "2026-11-23T04:00:18.5Z"},
            {"state": "pending", "labels": null, "annotations": null, "activeAt": 7, "value": null},
        ]}]}]}});
        let alerts = read(&reader, &body);
        assert_eq!(alerts.len(), 2);
        let firing = alerts.iter().find(|a| a.state == AlertState::Firing);
        let firing = firing.expect("one fires");
        assert_eq!(firing.name.as_str(), "Burn");
        assert_eq!(firing.value, Some(0.24));
        assert_eq!(firing.group.as_str(), "g");
        assert_eq!(firing.model, Some(crate::domain::key::Key::new("a")));
        let rule = firing.rule.as_ref().expect("a rule");
        assert_eq!((rule.threshold, rule.for_seconds), (Some(1.0), 120));
    }
}
