//! The JSON documents of the headless twins: what the console shows, for scripts. Each begins with its
//! schema; fields are only ever added.

use serde_json::{Value, json};

use crate::domain::alert::{Alert, Silence};
use crate::domain::change::{Change, Subject};
use crate::domain::drift::{Bins, ColumnDrift, DriftReport};
use crate::domain::fleet::Fleet;
use crate::domain::fleet::triage::{self, Counts};
use crate::domain::fleet::view::{AlertCounts, DeploymentView, ModelView, Pointed};
use crate::domain::key::{Key, VersionKey};
use crate::domain::last_known::Held;
use crate::domain::level::Reason;
use crate::domain::mark::Marked;
use crate::domain::model::ModelVersion;
use crate::domain::rules::freshness::{Freshness, SourceHealth};
use crate::domain::rules::quality::Quality;
use crate::domain::signal::Gauge;
use crate::domain::time::{Millis, Since};

/// A document: `{"schema": "quarterdeck.NAME/1", …}`.
pub fn document(name: &str, body: Value) -> Value {
    let mut out = serde_json::Map::new();
    out.insert(
        "schema".to_owned(),
        Value::String(format!("quarterdeck.{name}/1")),
    );
    if let Value::Object(fields) = body {
        out.extend(fields);
    }
    Value::Object(out)
}

/// A judged reading as a measured value: its state in words, the number where there is one.
pub fn measured_gauge(fleet: &Fleet, g: &Gauge) -> Value {
    json!({
        "value": g.value.filter(|v| v.is_finite()),
        "state": g.state,
        "n": g.n,
        "at": fleet.gauge_at(g).map(Millis::rfc3339),
        "source": g.key.source.as_str(),
    })
}

/// A judged reading with all that judged it.
pub fn gauge(fleet: &Fleet, g: &Gauge) -> Value {
    let named = |key: &Key| Some(key.clean()).filter(|k| !k.is_empty());
    json!({
        "measure": g.key.measure.word(),
        "part": named(&g.key.part),
        "method": named(&g.key.method),
        "version": named(&g.key.version),
        "value": measured_gauge(fleet, g),
        "unit": g.unit,
        "direction": g.direction,
        "lines": g.lines,
        "noise_floor": g.noise_floor,
        "level": g.level,
    })
}

/// What lists show of a model's monitoring.
fn signals(fleet: &Fleet, m: &ModelView) -> Value {
    let drift = m.signals.drift.as_ref().map(|d| {
        json!({
            "drifted": d.drifted,
            "judged": d.judged,
            "features": d.features,
            "level": m.signals.drift_level,
            "worst": d.worst.as_ref().map(|g| gauge(fleet, g)),
        })
    });
    json!({
        "gauges": m.signals.gauges.iter().map(|g| gauge(fleet, g)).collect::<Vec<_>>(),
        "drift": drift,
        "shares": m.signals.shares.iter().map(|share| {
            json!({"version": share.version.clean(), "part": share.part})
        }).collect::<Vec<_>>(),
    })
}

/// One alert.
pub fn alert(held: &Held<Alert>) -> Value {
    let a = &held.fact;
    let silence = |s: &Silence| {
        json!({
            "id": s.id.clean(),
            "author": s.author,
            "comment": s.comment,
            "until": s.until.rfc3339(),
        })
    };
    let rule = a.rule.as_ref().map(|r| {
        json!({
            "query": r.query.clean(),
            "plotted": r.plotted.clean(),
            "threshold": r.threshold,
            "for_seconds": r.for_seconds,
        })
    });
    json!({
        "name": a.name,
        "state": a.state,
        "level": a.level.word(),
        "severity": a.severity,
        "model": a.model.as_ref().map(Key::clean),
        "version": a.version.as_ref().map(Key::clean),
        "since": a.since.rfc3339(),
        "summary": a.summary,
        "value": a.value.filter(|v| v.is_finite()),
        "rule": rule,
        "silences": a.silences.iter().map(silence).collect::<Vec<_>>(),
        "runbook": a.runbook,
        "dashboard": a.dashboard,
        "labels": a.labels.iter().map(|(k, v)| (k.to_string(), json!(v)))
            .collect::<serde_json::Map<_, _>>(),
        "source": a.key.source.as_str(),
        "read_at": held.asked_at.rfc3339(),
    })
}

/// A drift report, with its distributions.
pub fn drift_report(r: &DriftReport) -> Value {
    let column = |c: &ColumnDrift| {
        let distributions = c.distributions.as_ref().map(|d| {
            let (edges, categories) = match &d.bins {
                Bins::Numbers(edges) => (Some(edges.to_vec()), None),
                Bins::Categories(names) => (None, Some(names.to_vec())),
            };
            json!({
                "edges": edges,
                "categories": categories,
                "reference": d.reference.to_vec(),
                "current": d.current.to_vec(),
                "counts": d.counts,
                "moments": d.moments.iter().map(|m| json!({
                    "name": m.name,
                    "reference": m.reference,
                    "current": m.current,
                })).collect::<Vec<_>>(),
            })
        });
        json!({
            "column": c.column,
            "method": c.method,
            "score": Some(c.score).filter(|s| s.is_finite()),
            "threshold": c.threshold,
            "n": c.n,
            "reference_n": c.reference_n,
            "passed": c.tested.as_ref().map(|t| t.passed),
            "reason": c.tested.as_ref().map(|t| t.reason.clone()),
            "distributions": distributions,
        })
    };
    json!({
        "id": r.id.clean(),
        "name": r.name,
        "at": r.at.rfc3339(),
        "at_from": r.at_from,
        "share": r.share,
        "share_line": r.share_line,
        "columns": r.columns.iter().map(column).collect::<Vec<_>>(),
    })
}

/// When something began: `{"at": …, "known": "exact" | "at_least" | "unknown"}`.
pub fn since(since: Since) -> Value {
    match since {
        Since::Exact(at) => json!({"at": at.rfc3339(), "known": "exact"}),
        Since::AtLeast(at) => json!({"at": at.rfc3339(), "known": "at_least"}),
        Since::Unknown => json!({"at": null, "known": "unknown"}),
    }
}

/// A measured value: JSON has no NaN, so the state says what the value is.
pub fn measured(value: Option<f64>, at: Option<Millis>, source: Option<&str>) -> Value {
    let state = match value {
        Some(v) if v.is_nan() => "nan",
        Some(v) if v.is_infinite() => "error",
        Some(_) => "value",
        None => "no_data",
    };
    json!({
        "value": value.filter(|v| v.is_finite()),
        "state": state,
        "n": null,
        "at": at.map(Millis::rfc3339),
        "source": source,
    })
}

/// One finding.
pub fn reason(r: &Reason) -> Value {
    json!({
        "code": r.code.word(),
        "level": r.level.word(),
        "text": r.text,
        "since": since(r.since),
        "source": r.source.as_ref().map(|s| s.as_str().to_owned()),
    })
}

fn pointed(p: Option<&Pointed>) -> Value {
    p.map_or(Value::Null, |p| Value::String(p.key.clean().to_string()))
}

fn served(fleet: &Fleet, model: &ModelView) -> Vec<Value> {
    let deployments = model.deployments.iter().filter_map(|k| fleet.deployment(k));
    deployments
        .flat_map(|d| {
            let row = |version: Value, known: &str| {
                json!({
                    "deployment": d.name,
                    "version": version,
                    "known": known,
                    "health": d.health.word(),
                })
            };
            if d.answering.is_empty() {
                return vec![row(Value::Null, "unknown")];
            }
            let word = |version: Option<&Key>, text: &str| {
                Value::String(version.map_or_else(|| text.to_owned(), |v| v.clean().to_string()))
            };
            d.answering
                .iter()
                .map(|a| row(word(a.version.as_ref(), a.text.as_str()), a.known.word()))
                .collect()
        })
        .collect()
}

/// One model, as in `status` and `models`.
pub fn model(fleet: &Fleet, m: &ModelView, now: Millis) -> Value {
    let next = fleet
        .next_step(m, now)
        .map(|n| json!({"step": n.step, "key": n.key, "text": n.text}));
    json!({
        "name": m.name,
        "level": m.level().word(),
        "since": m.verdict.since().map(since),
        "champion": pointed(m.champion.as_ref()),
        "champion_since": m.champion.as_ref().map(|c| since(c.since)),
        "challenger": pointed(m.challenger.as_ref()),
        "served": served(fleet, m),
        "skew": m.skew.map(|s| serde_json::to_value(s).unwrap_or(Value::Null)),
        "owner": m.owner,
        "runbook": m.runbook,
        "frozen": m.frozen.as_deref().map(marked),
        "acknowledged": m.acknowledged.as_deref().map(marked),
        "quality": m.quality.as_ref().map(|q| quality(fleet, q, m)),
        "versions": m.versions,
        "newest": pointed(m.newest.as_ref()),
        "signals": signals(fleet, m),
        "alerts": alert_counts(m.signals.alerts),
        "next": next,
        "blast": fleet.blast(m),
        "read_at": m.read_at.map(Millis::rfc3339),
        "reasons": m.verdict.reasons.iter().map(reason).collect::<Vec<_>>(),
    })
}

/// How many alerts stand where; `firing` counts the critical ones too.
pub fn alert_counts(counts: AlertCounts) -> Value {
    json!({
        "firing": counts.crit + counts.firing,
        "crit": counts.crit,
        "pending": counts.pending,
        "muted": counts.muted,
    })
}

/// A mark that somebody left on a model: who, until when, why. What cannot be read has words alone.
fn marked(marked: &Marked) -> Value {
    match marked {
        Marked::Holds(mark) => json!({
            "by": mark.by, "at": mark.at.rfc3339(), "until": mark.until.rfc3339(),
            "reason": mark.reason, "text": marked.words(),
        }),
        Marked::Unreadable(_) => json!({
            "by": null, "at": null, "until": null, "reason": null, "text": marked.words(),
        }),
    }
}

fn quality(fleet: &Fleet, q: &Quality, m: &ModelView) -> Value {
    let source = fleet.registered(&m.key).map(|h| h.source.as_str());
    let value = |v: Option<f64>| measured(v, m.read_at, source);
    json!({
        "metric": q.metric,
        "higher_is_better": q.higher_is_better,
        "champion": value(q.champion),
        "challenger": value(q.challenger),
        "previous": value(q.previous),
    })
}

/// The state of one source.
pub fn source(
    id: &str,
    kind: &str,
    url: &str,
    health: &SourceHealth,
    fresh: Freshness,
    now: Millis,
) -> Value {
    let fault = health.fault().map(|f| {
        json!({
            "kind": f.kind.word(),
            "text": f.line(),
            "advice": f.kind.advice(),
        })
    });
    let feeds: Vec<Value> = health
        .feeds
        .iter()
        .map(|(feed, h)| {
            json!({
                "feed": feed.word(),
                "good_at": h.good_at.map(Millis::rfc3339),
                "took_ms": u64::try_from(h.took.as_millis()).unwrap_or(u64::MAX),
                "failures": h.failures,
                "fault": h.fault.as_ref().map(|f| f.kind.word()),
                "partial": h.partial,
            })
        })
        .collect();
    json!({
        "name": id,
        "kind": kind,
        "url": url,
        "state": fresh.word(),
        "age_seconds": health.good_at().map(|at| now.since(at).as_secs()),
        "clock_skew_ms": health.clock_skew_ms,
        "fault": fault,
        "feeds": feeds,
    })
}

/// Every source of the fleet.
pub fn sources(fleet: &Fleet, now: Millis) -> Vec<Value> {
    let settings = fleet.settings();
    fleet
        .sources()
        .map(|(id, health, fresh)| {
            let set = settings.sources.iter().find(|s| s.name == id.as_str());
            let kind = set.map(|s| s.kind.to_string()).unwrap_or_default();
            let url = set.map(|s| s.url.clone()).unwrap_or_default();
            source(
                id.as_str(),
                &kind,
                &crate::domain::text::without_credentials(&url),
                health,
                fresh,
                now,
            )
        })
        .collect()
}

/// `quarterdeck.status/1`.
pub fn status(fleet: &Fleet, now: Millis) -> Value {
    let counts: Counts = triage::counts(fleet);
    let mut models: Vec<&ModelView> = fleet.models().collect();
    models.sort_by(|a, b| b.level().cmp(&a.level()).then_with(|| a.name.cmp(&b.name)));
    document(
        "status",
        json!({
            "context": fleet.context().name,
            "simulated": fleet.settings().simulated,
            "generated_at": now.rfc3339(),
            "level": triage::worst(fleet).word(),
            "counts": counts,
            "models": models.into_iter().map(|m| model(fleet, m, now)).collect::<Vec<_>>(),
            "unlinked_deployments": fleet.deployments().filter(|d| d.model.is_none())
                .map(deployment).collect::<Vec<_>>(),
            "sources": sources(fleet, now),
        }),
    )
}

/// One version, as in `models NAME`.
pub fn version(v: &Held<ModelVersion>) -> Value {
    let f = &v.fact;
    json!({
        "version": f.version,
        "created_at": f.created.rfc3339(),
        "updated_at": f.updated.rfc3339(),
        "stage": f.stage,
        "status": serde_json::to_value(&f.status).unwrap_or(Value::Null),
        "status_message": f.status_message,
        "source": f.source,
        "run": f.run.as_ref().map(|r| r.id.clean()),
        "logged_model": f.logged_model.as_ref().map(Key::clean),
        "description": f.description,
        "tags": f.tags.iter().map(|(k, v)| (k.to_string(), Value::String(v.to_string())))
            .collect::<serde_json::Map<_, _>>(),
        "read_at": v.asked_at.rfc3339(),
    })
}

/// `quarterdeck.models/1`.
pub fn models(fleet: &Fleet, now: Millis) -> Value {
    document(
        "models",
        json!({
            "context": fleet.context().name,
            "generated_at": now.rfc3339(),
            "models": fleet.models().map(|m| model(fleet, m, now)).collect::<Vec<_>>(),
        }),
    )
}

/// `quarterdeck.model/1`: one model with its versions, aliases, reproducibility and timeline.
pub fn model_page(fleet: &Fleet, m: &ModelView, now: Millis) -> Value {
    let aliases: serde_json::Map<_, _> = fleet
        .registered(&m.key)
        .map(|h| {
            h.fact
                .aliases
                .iter()
                .map(|a| {
                    (
                        a.name.shown.to_string(),
                        Value::String(a.version.clean().to_string()),
                    )
                })
                .collect()
        })
        .unwrap_or_default();
    let champion = m.champion.as_ref().map(|c| VersionKey {
        model: m.key.clone(),
        version: c.key.clone(),
    });
    let claims = champion.as_ref().and_then(|c| fleet.reproducibility(c));
    let deployments: Vec<Value> = m
        .deployments
        .iter()
        .filter_map(|k| fleet.deployment(k))
        .map(deployment)
        .collect();
    let mut body = model(fleet, m, now);
    if let Value::Object(fields) = &mut body {
        fields.insert("context".to_owned(), json!(fleet.context().name));
        fields.insert("generated_at".to_owned(), json!(now.rfc3339()));
        fields.insert("aliases".to_owned(), Value::Object(aliases));
        fields.insert(
            "all_versions".to_owned(),
            fleet.versions(&m.key).iter().map(version).collect(),
        );
        fields.insert("reproducibility".to_owned(), json!(claims));
        fields.insert("deployments".to_owned(), Value::Array(deployments));
        fields.insert(
            "timeline".to_owned(),
            fleet
                .model_timeline(&m.key)
                .into_iter()
                .map(change)
                .collect(),
        );
    }
    document("model", body)
}

/// One deployment.
pub fn deployment(d: &DeploymentView) -> Value {
    json!({
        "name": d.name,
        "kind": d.key.kind.word(),
        "url": d.key.base.clean(),
        "model": d.model.as_ref().map(|_| d.model_name.clone()),
        "joined_by": d.rule.word(),
        "because": d.because,
        "follows": d.follows.text(),
        "environment": d.environment,
        "expected": pointed(d.expected.as_ref()),
        "answering": d.answering.iter().map(|a| json!({
            "version": a.version.as_ref().map_or_else(|| a.text.clone(), Key::clean),
            "in_registry": a.version.is_some(),
            "known": a.known.word(),
        })).collect::<Vec<_>>(),
        "others": d.other.iter().map(|(v, s)| json!({"version": v, "state": s})).collect::<Vec<_>>(),
        "known": d.known().word(),
        "versions_read_at": d.versions_at.or(d.read_at).map(Millis::rfc3339),
        "skew": serde_json::to_value(d.skew).unwrap_or(Value::Null),
        "health": serde_json::to_value(d.health).unwrap_or(Value::Null),
        "message": d.message,
        "server": d.server,
        "probe_ms": measured(d.latency.map(|l| l.as_secs_f64() * 1e3), d.read_at, Some(d.source.as_str())),
        "since": since(d.since),
        "read_at": d.read_at.map(Millis::rfc3339),
        "level": d.verdict.level.word(),
        "reasons": d.verdict.reasons.iter().map(reason).collect::<Vec<_>>(),
    })
}

/// `quarterdeck.deployments/1`.
pub fn deployments(fleet: &Fleet, now: Millis) -> Value {
    document(
        "deployments",
        json!({
            "context": fleet.context().name,
            "generated_at": now.rfc3339(),
            "deployments": fleet.deployments().map(deployment).collect::<Vec<_>>(),
        }),
    )
}

/// `quarterdeck.wiring/1`: every join with the rule that made it, the pipeline that trains each model, and
/// what is not joined.
pub fn wiring(fleet: &Fleet, now: Millis) -> Value {
    let joined: std::collections::BTreeSet<_> =
        fleet.joins().filter_map(|j| j.model.clone()).collect();
    let joins: Vec<Value> = fleet
        .joins()
        .map(|j| {
            json!({
                "deployment": j.name,
                "url": j.deployment.base.clean(),
                "kind": j.deployment.kind.word(),
                "model": j.model.as_ref().and_then(|k| fleet.model(k)).map(|m| m.name.clone()),
                "rule": j.model_rule.word(),
                "because": j.because,
                "follows": j.follows.text(),
                "follows_rule": j.follows_rule.word(),
                "environment": j.environment,
                "production": j.production,
                "hold": j.hold,
                "declared": j.declared.as_ref().map(Key::clean),
            })
        })
        .collect();
    let training: Vec<Value> = fleet
        .models()
        .filter_map(|m| Some((m, fleet.training(&m.key)?)))
        .map(|(m, training)| {
            json!({
                "model": m.name,
                "pipeline": training.name,
                "source": training.source,
                "rule": training.rule.word(),
                "found": training.pipeline.is_some(),
            })
        })
        .collect();
    document(
        "wiring",
        json!({
            "context": fleet.context().name,
            "generated_at": now.rfc3339(),
            "joins": joins,
            "training": training,
            "models_without_deployment": fleet.models().filter(|m| !joined.contains(&m.key))
                .map(|m| m.name.clone()).collect::<Vec<_>>(),
        }),
    )
}

/// One change.
pub fn change(c: &Change) -> Value {
    let subject = match &c.subject {
        Subject::Model(key) => json!({"model": key.name.clean()}),
        Subject::Deployment(key) => {
            json!({"deployment": key.name.clean(), "url": key.base.clean()})
        }
        Subject::Source(id) => json!({"source": id.as_str()}),
    };
    json!({
        "subject": subject,
        "kind": c.kind.word(),
        "text": c.phrase(),
        "from": c.from,
        "to": c.to,
        "not_before": c.not_before.rfc3339(),
        "not_after": c.not_after.rfc3339(),
        "actor": c.actor,
        "origin": c.origin,
        "evidence": c.evidence,
    })
}
