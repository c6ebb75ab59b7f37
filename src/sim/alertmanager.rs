//! A simulated Alertmanager 0.25, `/api/v2`: what the fleet's rules fire, grouped, and who silenced it.

use serde_json::{Value, json};

use super::monitoring::{Look, Monitoring};
use super::prometheus::rules::Alert;
use super::prometheus::{Matcher, metric, rfc3339};
use super::reply::{Reply, Request};
use super::samples::labels::Labels;
use super::silences::Silence;

const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;
/// Alerts that nobody sends again end after so long.
const EXPIRY: i64 = 4 * MINUTE;

/// Answers one request.
pub(crate) fn handle(look: &Look, monitoring: &Monitoring, request: &Request) -> Reply {
    match request.path.as_str() {
        "/-/ready" | "/-/healthy" => return Reply::text(200, "OK"),
        _ => {}
    }
    let Some(path) = request.path.strip_prefix("/api/v2/") else {
        return Reply::text(404, "404 page not found\n");
    };
    let allowed: &[&str] = match path {
        "silences" => &["POST", "GET"],
        _ if path.starts_with("silence/") => &["GET", "DELETE"],
        _ => &["GET"],
    };
    let (all, epoch) = (&monitoring.silences, look.facts.epoch);
    let method = request.method.as_str();
    if !allowed.contains(&method) {
        let allowed = allowed.join(",");
        let text = format!("method {method} is not allowed, but [{allowed}] are");
        return Reply::go(405, json!({"code": 405, "message": text})).with_header("allow", allowed);
    }
    let look = &Silenced {
        look,
        silences: all.all(epoch),
    };
    match path {
        "silences" if method == "POST" => all.post(request, epoch, look.now),
        "status" => Reply::go(200, status(look)),
        "receivers" => Reply::go(200, json!([{"name": "on-call"}, {"name": "tickets"}])),
        "silences" => silences(look, request),
        "alerts" => match wanted(look, monitoring, request) {
            Ok(alerts) => Reply::go(200, alerts.iter().map(|a| alert(look, a)).collect()),
            Err(reply) => reply,
        },
        "alerts/groups" => match wanted(look, monitoring, request) {
            Ok(alerts) => Reply::go(200, groups(look, &alerts)),
            Err(reply) => reply,
        },
        _ => match path.strip_prefix("silence/") {
            Some(id) if method == "DELETE" => {
                not_an_id(id).unwrap_or_else(|| all.delete(id, epoch, look.now))
            }
            Some(id) => silence(look, id),
            None => {
                let text = format!("path {} was not found", request.path);
                Reply::go(404, json!({"code": 404, "message": text}))
            }
        },
    }
}

fn status(look: &Look) -> Value {
    json!({
        "cluster": {"status": "disabled", "peers": []},
        "config": {"original": "route:\n  receiver: on-call\n"},
        "uptime": rfc3339(look.facts.epoch - 200 * HOUR),
        "versionInfo": {
            "version": "0.25.0", "revision": "simulated", "branch": "HEAD", "buildUser": "",
            "buildDate": "20221222-00:00:00", "goVersion": "go1.19.8",
        },
    })
}

/// What is looked at, with the silences of the moment.
struct Silenced<'a> {
    look: &'a Look,
    silences: Vec<Silence>,
}

impl std::ops::Deref for Silenced<'_> {
    type Target = Look;

    fn deref(&self) -> &Look {
        self.look
    }
}

fn silences(look: &Silenced<'_>, request: &Request) -> Reply {
    let filters = match filters(request) {
        Ok(filters) => filters,
        Err(reply) => return reply,
    };
    let found = (look.silences.iter())
        .filter(|silence| filters.iter().all(|filter| silence.found_by(filter)));
    Reply::go(200, found.map(|silence| silence.json(look.now)).collect())
}

/// The refusal of what is no UUID.
fn not_an_id(id: &str) -> Option<Reply> {
    let is_uuid = id.len() == 36
        && (id.char_indices()).all(|(at, c)| match at {
            8 | 13 | 18 | 23 => c == '-',
            _ => c.is_ascii_hexdigit(),
        });
    (!is_uuid).then(|| {
        let text = format!("silenceID in path must be of type uuid: {id:?}");
        Reply::go(422, json!({"code": 601, "message": text}))
    })
}

fn silence(look: &Silenced<'_>, id: &str) -> Reply {
    if let Some(refusal) = not_an_id(id) {
        return refusal;
    }
    match look.silences.iter().find(|silence| silence.id == id) {
        Some(silence) => Reply::go(200, silence.json(look.now)),
        None => Reply::empty(404),
    }
}

/// The request's `filter` matchers, in the syntax of selectors.
fn filters(request: &Request) -> Result<Vec<Matcher>, Reply> {
    let filters = request.query.iter().filter(|(name, _)| name == "filter");
    filters
        .map(|(_, text)| {
            matcher(text).map_err(|text| {
                // The one error shape that is a bare JSON string.
                Reply::go(400, Value::from(text))
            })
        })
        .collect()
}

fn matcher(text: &str) -> Result<Matcher, String> {
    let bad = || format!("bad matcher format: {text}");
    let at = text.find(['=', '!']).ok_or_else(bad)?;
    let rest = &text[at..];
    let sign = ["=~", "!~", "!=", "="]
        .into_iter()
        .find(|sign| rest.starts_with(sign))
        .ok_or_else(bad)?;
    let value = rest[sign.len()..].trim();
    let value = value
        .strip_prefix('"')
        .and_then(|value| value.strip_suffix('"'))
        .map_or_else(|| value.to_owned(), |value| value.replace("\\\"", "\""));
    Matcher::new(text[..at].trim(), sign, &value)
        .map_err(|error| format!("error parsing regexp: {error}"))
}

/// The firing alerts that a request asks for: pending ones never get here.
fn wanted(
    look: &Silenced<'_>,
    monitoring: &Monitoring,
    request: &Request,
) -> Result<Vec<Alert>, Reply> {
    let filters = filters(request)?;
    let asked = |name: &str| request.query(name) != Some("false");
    let receiver = request.query("receiver");
    let mut alerts = monitoring.alerts(look).active;
    alerts.retain(|alert| {
        let silenced = silenced_by(look, alert).next().is_some();
        alert.fired.is_some()
            && filters.iter().all(|filter| filter.matches(&alert.labels))
            && if silenced {
                asked("silenced")
            } else {
                asked("active")
            }
            && receiver.is_none_or(|receiver| receiver == receiver_of(alert))
    });
    Ok(alerts)
}

fn silenced_by<'a>(look: &'a Silenced<'_>, alert: &'a Alert) -> impl Iterator<Item = &'a str> {
    look.silences
        .iter()
        .filter(|silence| silence.state(look.now) == "active" && silence.covers(&alert.labels))
        .map(|silence| silence.id.as_str())
}

fn receiver_of(alert: &Alert) -> &'static str {
    if alert.rule.severity == "page" {
        "on-call"
    } else {
        "tickets"
    }
}

fn alert(look: &Silenced<'_>, alert: &Alert) -> Value {
    let silenced: Vec<&str> = silenced_by(look, alert).collect();
    let state = if silenced.is_empty() {
        "active"
    } else {
        "suppressed"
    };
    json!({
        "labels": metric(&alert.labels),
        "annotations": {"summary": alert.summary(), "runbook_url": alert.rule.runbook},
        "fingerprint": format!("{:016x}", alert.labels.fingerprint()),
        "status": {"state": state, "silencedBy": silenced, "inhibitedBy": []},
        "receivers": [{"name": receiver_of(alert)}],
        "startsAt": rfc3339(alert.fired.unwrap_or(alert.active)),
        "updatedAt": rfc3339(look.now - look.now.rem_euclid(MINUTE)),
        "endsAt": rfc3339(look.now + EXPIRY),
        "generatorURL": format!("http://prometheus.example/graph?g0.expr={}&g0.tab=1", alert.rule.name),
    })
}

/// Alerts by name and model, as the fleet's route groups them.
fn groups(look: &Silenced<'_>, alerts: &[Alert]) -> Value {
    let by = ["alertname".to_owned(), "model".to_owned()];
    let mut groups: Vec<(Labels, &str, Vec<Value>)> = Vec::new();
    for firing in alerts {
        let labels = firing.labels.only(&by);
        let row = alert(look, firing);
        match groups.iter_mut().find(|(known, ..)| *known == labels) {
            Some((.., rows)) => rows.push(row),
            None => groups.push((labels, receiver_of(firing), vec![row])),
        }
    }
    groups.sort_by(|a, b| a.0.cmp(&b.0));
    let group = |(labels, receiver, rows): (Labels, &str, Vec<Value>)| json!({"labels": metric(&labels), "receiver": {"name": receiver}, "alerts": rows});
    groups.into_iter().map(group).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fingerprints_are_those_of_a_real_server() {
        let labels = |pairs: &[(&str, &str)]| {
            Labels::new(pairs.iter().map(|(n, v)| ((*n).into(), (*v).into())))
        };
        let disk = labels(&[
            ("alertname", "DiskFull"),
            ("instance", "bastion"),
            ("severity", "loud"),
        ]);
        assert_eq!(format!("{:016x}", disk.fingerprint()), "adb14d35be7ca44c");
        let drift = labels(&[
            ("alertname", "FeatureDrift"),
            ("feature", "tenure"),
            ("model", "churn"),
            ("severity", "warning"),
        ]);
        assert_eq!(format!("{:016x}", drift.fingerprint()), "df5d0ec1c43dfd16");
    }

    #[test]
    fn filters_are_matchers_and_broken_ones_say_why() {
        assert!(matcher("model=\"churn\"").unwrap().accepts("churn"));
        assert!(!matcher("model!~\"ch.*\"").unwrap().accepts("churn"));
        assert!(matcher("model").unwrap_err().contains("bad matcher"));
        assert!(
            matcher("model=~\"[\"")
                .unwrap_err()
                .contains("error parsing regexp")
        );
    }
}
