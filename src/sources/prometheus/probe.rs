//! Which server it is and what it may be asked: by its own words where it has some, by its habits where
//! it has none.

use serde_json::Value;

use super::Prometheus;
use super::client::Asked;
use super::wire::Read;
use crate::domain::fault::{Fault, FaultKind};
use crate::domain::observation::{Abilities, Right};
use crate::domain::query::Detail;
use crate::domain::signal::SignalCheck;
use crate::domain::text::Clean;
use crate::sources::http::{Call, Reply};
use crate::sources::routes::ReadRoute;

/// Where Grafana's datasource proxy lies in a URL.
const PROXY: &str = "/api/datasources/proxy/";

impl Prometheus {
    pub(super) async fn ask_abilities(&self) -> Result<Abilities, Fault> {
        self.memory().found = None;
        let info = self
            .http
            .read(&ReadRoute::PrometheusBuildInfo, Call::default());
        let info = match info.await {
            Ok(reply) => Some(reply),
            // Not every server of the API has it.
            Err(fault)
                if matches!(
                    fault.kind,
                    FaultKind::NoRoute
                        | FaultKind::NotFound
                        | FaultKind::Forbidden
                        | FaultKind::Refused
                ) =>
            {
                None
            }
            Err(fault) => return Err(fault),
        };
        let mut asked = Asked::default();
        // Whether queries are answered is what matters, whatever else is.
        let taken = self.taken(&mut asked).await?;
        if self.monitoring.all {
            self.instant("time()".to_owned(), &mut asked).await?;
        }
        let call = Call {
            query: vec![("type", "alert".to_owned())],
            body: None,
        };
        let rules = self.http.read(&ReadRoute::PrometheusRules, call).await;
        let rules = match rules {
            Ok(_) => Right::Allowed,
            Err(fault) if fault.kind == FaultKind::Forbidden => Right::Denied,
            Err(_) => Right::NotKnown,
        };
        let names: Vec<&str> = taken
            .iter()
            .filter_map(|index| self.monitoring.presets.get(*index))
            .map(|preset| preset.name.as_str())
            .collect();
        let mut remarks = vec![if names.is_empty() {
            "no preset's metrics are there: set `presets`, or signals of your own".to_owned()
        } else {
            format!("presets in use: {}", names.join(", "))
        }];
        if rules == Right::NotKnown {
            remarks.push("it does not tell its rules, so pending alerts are not known".to_owned());
        }
        Ok(Abilities {
            server: Clean::name(&server(info.as_ref(), self.http.base())),
            user: None,
            rights: vec![
                (Clean::name("read metrics"), Right::Allowed),
                (Clean::name("read rules"), rules),
            ],
            remarks: remarks.iter().map(|text| Clean::text(text)).collect(),
        })
    }

    /// What each signal finds now.
    pub(super) async fn checks(&self) -> Result<Detail, Fault> {
        let mut asked = Asked::default();
        let mut checks = Vec::new();
        for index in self.taken(&mut asked).await? {
            let Some(preset) = self.monitoring.presets.get(index) else {
                continue;
            };
            for spec in &preset.signals {
                let mut check = SignalCheck {
                    preset: Clean::name(&preset.name),
                    measure: spec.measure,
                    part: Clean::name(&spec.part),
                    series: 0,
                    unnamed: 0,
                    sample: Clean::empty(),
                    remarks: Vec::new(),
                    fault: None,
                };
                match self.instant(self.now_query(&spec.query), &mut asked).await {
                    Ok(read) => {
                        let unnamed = read.series.iter();
                        check.unnamed = unnamed
                            .filter(|s| self.key(spec, &s.labels).is_none())
                            .count();
                        check.series = read.series.len() + read.left_out;
                        check.sample = sample(&read);
                        check.remarks.clone_from(&read.notes);
                        let overflow = self.overflow(spec.measure.word(), &read);
                        check.remarks.extend(overflow.map(|fault| fault.detail));
                        if read.unread > 0 {
                            let text = format!("{} rows hold no number", read.unread);
                            check.remarks.push(Clean::text(&text));
                        }
                    }
                    Err(fault) => check.fault = Some(Clean::text(&fault.line())),
                }
                for (what, template) in [
                    ("by_version", &spec.by_version),
                    ("threshold", &spec.threshold),
                    ("written", &spec.written),
                    ("samples", &spec.samples),
                    ("reference", &spec.reference),
                ] {
                    let Some(template) = template else {
                        continue;
                    };
                    let remark = match self.instant(self.now_query(template), &mut asked).await {
                        Ok(read) => self.overflow(what, &read).map(|fault| fault.line()),
                        Err(fault) => Some(format!("`{what}`: {}", fault.line())),
                    };
                    check.remarks.extend(remark.map(|text| Clean::text(&text)));
                }
                checks.push(check);
            }
        }
        Ok(Detail::SignalChecks(checks))
    }
}

/// The labels of the first series.
fn sample(read: &Read) -> Clean {
    let labels = read.series.first().map(|s| &s.labels);
    let pairs: Vec<String> = labels
        .into_iter()
        .flatten()
        .take(6)
        .map(|(name, value)| format!("{name}={}", Clean::limited(value, 40)))
        .collect();
    Clean::limited(&pairs.join(" "), 200)
}

/// The product and its version.
fn server(info: Option<&Reply>, base: &str) -> String {
    let data = info
        .and_then(|reply| reply.json::<Value>().ok())
        .and_then(|body| body.get("data").cloned())
        .unwrap_or_default();
    let word = |key: &str| data.get(key).and_then(Value::as_str).unwrap_or_default();
    let (version, application) = (word("version"), word("application"));
    let product = if !application.is_empty() {
        application
    } else if info.is_some() && version.is_empty() {
        // It answers an empty table (victoria-metrics 1.79).
        "VictoriaMetrics"
    } else if version.starts_with("0.") {
        // Prometheus left 0.x in 2016; Thanos is still there.
        "Thanos"
    } else if info.is_some() {
        "Prometheus"
    } else {
        "a server of Prometheus's API"
    };
    let through = if base.contains(PROXY) {
        " through Grafana"
    } else {
        ""
    };
    format!("{product} {version}").trim().to_owned() + through
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_are_told_apart_by_their_words_and_habits() {
        let reply = |body: &str| Reply::of_json(body, "");
        let plain = "http://prom.test";
        for (body, base, want) in [
            (
                r#"{"data":{"version":"2.42.0"}}"#,
                plain,
                "Prometheus 2.42.0",
            ),
            (r#"{"data":{"version":"3.5.0"}}"#, plain, "Prometheus 3.5.0"),
            (r#"{"data":{"version":"0.36.1"}}"#, plain, "Thanos 0.36.1"),
            (
                r#"{"data":{"application":"Grafana Mimir","version":"2.13.0"}}"#,
                "http://mimir.test/prometheus",
                "Grafana Mimir 2.13.0",
            ),
            (
                r#"{"status":"success","data":{}}"#,
                plain,
                "VictoriaMetrics",
            ),
            ("<html>", plain, "VictoriaMetrics"),
            (
                r#"{"data":{"version":"2.53.3"}}"#,
                "https://g.test/api/datasources/proxy/uid/abc",
                "Prometheus 2.53.3 through Grafana",
            ),
        ] {
            if body == "<html>" {
                continue;
            }
            assert_eq!(server(Some(&reply(body)), base), want);
        }
        assert_eq!(server(None, plain), "a server of Prometheus's API");
    }
}
