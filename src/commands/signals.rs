//! `signals` and `drift`: what the monitoring of the models says, as judged.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::courses::{as_of, courses, shape, with_course};
use super::documents::{self, document};
use super::exit::{Exit, Failure};
use super::names;
use super::output::{Cell, Out, Table};
use super::session::Session;
use crate::cli::WatchArgs;
use crate::domain::drift::DriftReport;
use crate::domain::fleet::Fleet;
use crate::domain::fleet::features::{self, Feature, drifts};
use crate::domain::fleet::triage::unread;
use crate::domain::fleet::view::ModelView;
use crate::domain::key::{Key, SourceId};
use crate::domain::level::{Level, Reason};
use crate::domain::number::with_unit;
use crate::domain::observation::Feed;
use crate::domain::query::{Detail, Query};
use crate::domain::rules::blame;
use crate::domain::settings::SourceKind;
use crate::domain::signal::{Direction, Gauge, SignalSeries};
use crate::domain::text::Clean;
use crate::domain::time::{Millis, age};
use crate::domain::wiring::version_text;
use crate::runtime::headless::Collected;
use crate::ui::gauge as shown;
use crate::ui::histogram::movement_of;
use crate::ui::text::number;

/// How many points a course is asked in.
const POINTS: u16 = 120;

/// The models that were asked for: the one that is named, else every one that is monitored.
fn asked<'a>(fleet: &'a Fleet, name: Option<&str>) -> Result<Vec<&'a ModelView>, Failure> {
    if let Some(name) = name {
        return Ok(vec![names::model(fleet, name)?]);
    }
    let mut all: Vec<&ModelView> = fleet
        .models()
        .filter(|m| !m.signals.gauges.is_empty() || m.signals.drift.is_some())
        .collect();
    all.sort_by(|a, b| b.level().cmp(&a.level()).then_with(|| a.name.cmp(&b.name)));
    Ok(all)
}

/// The level of what sources that monitor do not tell, and, where no model is named, of registries that did
/// not say which models there are.
fn untold(fleet: &Fleet, name: Option<&str>) -> Level {
    let monitors = unread(fleet, &[SourceKind::Prometheus, SourceKind::Evidently]);
    let mut registries = fleet.settings().sources.iter();
    let unlisted = registries.any(|set| {
        let health = fleet.source_health(&SourceId::new(&set.name));
        let listed = health.and_then(|health| health.feeds.get(&Feed::Models)?.good_at);
        set.required && set.kind == SourceKind::Mlflow && listed.is_none()
    });
    if unlisted && name.is_none() {
        Level::Unknown
    } else {
        monitors
    }
}

/// Whether a source tells readings.
fn monitors(fleet: &Fleet, id: &SourceId) -> bool {
    let mut all = fleet.settings().sources.iter();
    let set = all.find(|s| s.name == id.as_str());
    set.is_some_and(|s| matches!(s.kind, SourceKind::Prometheus | SourceKind::Evidently))
}

/// The sources that monitor and have left something out: with `signals` and `drift`, in text and document.
fn partly_read(fleet: &Fleet) -> Vec<(&SourceId, &Clean)> {
    let all = fleet.sources();
    all.filter_map(|(id, health, _)| Some((id, health.partial()?)))
        .filter(|(id, _)| monitors(fleet, id))
        .collect()
}

/// Why there is nothing to show: nothing watches, or what does has not answered.
fn nothing(fleet: &Fleet, words: &str) -> String {
    let all = || fleet.sources().filter(|(id, ..)| monitors(fleet, id));
    let silent: Vec<&str> = all()
        .filter(|(_, health, _)| health.good_at().is_none())
        .map(|(id, ..)| id.as_str())
        .collect();
    if silent.is_empty() {
        let how = match all().next() {
            None => "add a source of kind prometheus or evidently",
            Some(_) => {
                "its sources answer and tell none; `quarterdeck doctor` lists what was found"
            }
        };
        return format!("{words}: {how}\n");
    }
    format!(
        "nothing is known: {} did not answer; `quarterdeck sources` says why\n",
        silent.join(", ")
    )
}

fn partial_document(fleet: &Fleet) -> Vec<Value> {
    let row = |(id, words): (&SourceId, &Clean)| json!({"source": id.as_str(), "text": words});
    partly_read(fleet).into_iter().map(row).collect()
}

fn partial_text(out: &Out, fleet: &Fleet) -> String {
    let line = |(id, words): (&SourceId, &Clean)| {
        let level = out.level(Level::Unknown).painted();
        format!(
            "{level}  {id} was read in part: {}\n",
            out.own(words.as_str())
        )
    };
    partly_read(fleet).into_iter().map(line).collect()
}

/// Whether anything watches a model's drift.
fn is_watched(model: &ModelView) -> bool {
    model.signals.drift.is_some() || model.signals.worst_drift().is_some()
}

fn worst<'a>(gauges: impl Iterator<Item = &'a Gauge>) -> Level {
    gauges.filter_map(|g| g.level).max().unwrap_or_default()
}

/// Runs `signals`.
///
/// # Errors
/// When no needed source answered, or there is no model of that name.
pub async fn run(session: &Session, args: &WatchArgs) -> Result<Exit, Failure> {
    let collected = session.look().await?;
    let fleet = &collected.fleet;
    let models = asked(fleet, args.model.as_deref())?;
    let out = session.out();
    let now = collected.now;
    let mut rows = Vec::new();
    let mut level = untold(fleet, args.model.as_deref());
    for model in &models {
        let mut gauges = if args.model.is_some() {
            fleet.gauges(&model.key, now)
        } else {
            model.signals.gauges.clone()
        };
        let courses = match args.range(session.moment, POINTS) {
            Some(span) => courses(session, &collected, &gauges, span).await,
            None => Vec::new(),
        };
        if let Some(moment) = session.moment {
            gauges = then(&gauges, &courses, moment);
        }
        level = level.max(match session.moment {
            Some(_) => worst(gauges.iter()),
            None => fleet.readings_level(&model.key),
        });
        rows.push((*model, gauges, courses));
    }
    if out.json {
        let models: Vec<Value> = rows
            .iter()
            .map(|(m, gauges, courses)| {
                json!({
                    "name": m.name,
                    "level": session.moment.map_or_else(|| m.level(), |_| worst(gauges.iter())).word(),
                    "signals": gauges.iter().map(|g| with_course(fleet, g, courses)).collect::<Vec<_>>(),
                    "alerts": documents::alert_counts(m.signals.alerts),
                })
            })
            .collect();
        let body = json!({
            "context": fleet.context().name,
            "generated_at": now.rfc3339(),
            "at": session.moment.map(Millis::rfc3339),
            "partial": partial_document(fleet),
            "models": models,
        });
        out.document(&document("signals", body))?;
    } else {
        let shown_at = session.moment.unwrap_or(now);
        let text = partial_text(out, fleet) + &signals_text(out, fleet, &rows, shown_at);
        out.print(&text)?;
    }
    Ok(if args.check {
        Exit::Checked(level)
    } else {
        Exit::Done
    })
}

/// Readings as they stood at a moment.
fn then(gauges: &[Gauge], courses: &[SignalSeries], moment: Millis) -> Vec<Gauge> {
    let all = gauges.iter();
    all.map(|gauge| as_of(gauge, courses, moment)).collect()
}

fn signals_text(
    out: &Out,
    fleet: &Fleet,
    rows: &[(&ModelView, Vec<Gauge>, Vec<SignalSeries>)],
    now: Millis,
) -> String {
    const TITLES: &[&str] = &[
        "LEVEL", "MODEL", "SIGNAL", "OF", ">VALUE", ">LINE", ">N", ">AGE", "SOURCE", "COURSE",
    ];
    let with_courses = rows.iter().any(|(.., courses)| !courses.is_empty());
    let mut table = Table::new(&TITLES[..TITLES.len() - usize::from(!with_courses)]);
    for (model, gauges, courses) in rows {
        for g in gauges {
            let mut row = vec![
                level_cell(out, g.level),
                (&model.name).into(),
                g.key.measure.title().into(),
                part(out, g).into(),
                out.own(&words(g, now)).into(),
                line(out, g, features::line_of(g)).into(),
                out.own(&shown::samples(g.n)).into(),
                fleet
                    .gauge_at(g)
                    .map_or_else(|| out.none().to_owned(), |at| age(now.since(at)))
                    .into(),
                g.key.source.as_str().into(),
            ];
            row.extend(with_courses.then(|| shape(out, g, courses).into()));
            table.row(row);
        }
    }
    if table.is_empty() {
        return nothing(fleet, "nothing monitors these models");
    }
    table.render()
}

/// A level; nothing where nobody says which value would be bad, or nobody can tell of this one.
fn level_cell(out: &Out, level: Option<Level>) -> Cell {
    level.map_or_else(|| out.none().into(), |level| out.level(level))
}

/// The level of a score; `?` where a number is there and nobody knows which way its method is bad.
fn verdict_cell(out: &Out, of: &Gauge) -> Cell {
    let unknown =
        of.value.is_some() && of.direction == Direction::Neither && !of.key.method.raw().is_empty();
    match of.level {
        None if unknown => "?".into(),
        level => level_cell(out, level),
    }
}

/// The value with its unit and its state.
fn words(of: &Gauge, now: Millis) -> String {
    let spans = shown::spans(Some(of), now);
    spans.iter().map(|s| &*s.text).collect()
}

/// Feature, method and version, as far as the signal has them.
fn part(out: &Out, of: &Gauge) -> String {
    let key = &of.key;
    let named = [&key.part, &key.method].into_iter().map(Key::clean);
    let version = version_text(&key.version);
    let version = Some(version).filter(|_| !key.version.raw().is_empty());
    let parts: Vec<String> = named
        .filter(|k| !k.is_empty())
        .chain(version)
        .map(|k| k.to_string())
        .collect();
    if parts.is_empty() {
        out.none().to_owned()
    } else {
        parts.join(" ")
    }
}

fn line(out: &Out, of: &Gauge, line: Option<f64>) -> String {
    line.map_or_else(
        || out.none().to_owned(),
        |line| format!("{}{}", of.direction.sign(), with_unit(line, of.unit)),
    )
}

/// Runs `drift`.
///
/// # Errors
/// When no needed source answered, or there is no model of that name.
pub async fn drift(session: &Session, args: &WatchArgs) -> Result<Exit, Failure> {
    if session.moment.is_some() && args.model.is_none() {
        return Err(Failure::usage("the drift of which model at that time?")
            .advice("`drift MODEL --at TIME` tells of one; `drift` alone of now"));
    }
    let collected = session.look().await?;
    let fleet = &collected.fleet;
    let now = collected.now;
    let mut models = asked(fleet, args.model.as_deref())?;
    if args.model.is_none() {
        models.retain(|m| is_watched(m));
    }
    let out = session.out();
    let mut level = untold(fleet, args.model.as_deref());
    let mut documents = Vec::new();
    let mut text = String::new();
    for model in models {
        let mut gauges = fleet.gauges(&model.key, now);
        gauges.retain(|g| {
            session.moment.is_none() || drifts(g.key.measure) || g.key.measure.is_by_feature()
        });
        let (courses, report) = match &args.model {
            Some(_) => details(session, &collected, model, &gauges, args).await,
            None => (Vec::new(), None),
        };
        if let Some(moment) = session.moment {
            gauges = then(&gauges, &courses, moment);
        }
        let rows = fleet.features(model, &gauges);
        let own = match session.moment {
            Some(_) => worst(rows.iter().map(|row| &row.gauge)),
            None => model.signals.drift_level.unwrap_or_default(),
        };
        level = level.max(own);
        let verdict = blame::judge(&gauges).map(|b| b.text());
        // What is held of a mean is its course up to now.
        let rescaled = fleet.rescaled(&rows).filter(|_| session.moment.is_none());
        if out.json {
            let mut told = drifting(
                fleet,
                model,
                own,
                &rows,
                &courses,
                verdict.as_ref(),
                report.as_ref(),
            );
            told["rescaled"] = json!(rescaled.as_ref().map(|(feature, jump)| json!({
                "feature": feature,
                "before": jump.before,
                "now": jump.now,
                "factor": jump.factor,
                "text": jump.text(feature),
            })));
            if session.moment.is_some() {
                // These are of now.
                for field in ["drifted", "judged", "features_known"] {
                    told[field] = Value::Null;
                }
            }
            documents.push(told);
        } else if args.model.is_some() {
            let rescaled = rescaled.map(|(feature, jump)| jump.text(&feature));
            let verdicts: Vec<Clean> = verdict.into_iter().chain(rescaled).collect();
            let judged = (own, &verdicts[..]);
            let shown_at = session.moment.unwrap_or(now);
            text = features_text(
                (out, fleet),
                model,
                (&rows, &courses),
                judged,
                report.as_ref(),
                (shown_at, session.moment.is_some()),
            );
        }
    }
    if out.json {
        let body = json!({
            "context": fleet.context().name,
            "generated_at": now.rfc3339(),
            "at": session.moment.map(Millis::rfc3339),
            "partial": partial_document(fleet),
            "models": documents,
        });
        out.document(&document("drift", body))?;
    } else {
        if args.model.is_none() {
            text = drift_text(out, fleet, now);
        }
        out.print(&(partial_text(out, fleet) + &text))?;
    }
    Ok(if args.check {
        Exit::Checked(level)
    } else {
        Exit::Done
    })
}

/// The courses of a model's features where a time was given, and its drift report where a source has one.
async fn details(
    session: &Session,
    collected: &Collected,
    model: &ModelView,
    gauges: &[Gauge],
    args: &WatchArgs,
) -> (Vec<SignalSeries>, Option<DriftReport>) {
    let told = |g: &&Gauge| session.moment.is_some() || drifts(g.key.measure);
    let gauges: Vec<Gauge> = gauges.iter().filter(told).cloned().collect();
    let courses = match args.range(session.moment, POINTS) {
        Some(span) => courses(session, collected, &gauges, span).await,
        None => Vec::new(),
    };
    let all = collected.fleet.settings().sources.iter();
    let reporters = all.filter(|s| s.kind == SourceKind::Evidently);
    for source in reporters.map(|s| SourceId::new(&s.name)) {
        let query = Query::DriftReport {
            model: model.key.name.clone(),
            before: session.moment,
        };
        match collected.fetch(&source, query, session.deadline).await {
            Ok((_, Detail::DriftReport(Some(report)))) => return (courses, Some(*report)),
            Ok(_) => {}
            Err(fault) => session
                .out()
                .remark(&format!("the drift report could not be read: {fault}")),
        }
    }
    (courses, None)
}

fn drifting(
    fleet: &Fleet,
    model: &ModelView,
    level: Level,
    rows: &[Feature],
    courses: &[SignalSeries],
    verdict: Option<&Clean>,
    report: Option<&DriftReport>,
) -> Value {
    let summary = model.signals.drift.as_ref();
    let feature = |f: &Feature| {
        let mut value = with_course(fleet, &f.gauge, courses);
        if let Value::Object(fields) = &mut value {
            fields.insert("feature".to_owned(), json!(f.name()));
            fields.insert("share_of_line".to_owned(), json!(f.share));
            fields.insert("importance".to_owned(), json!(f.importance));
            let beside =
                |g: &Option<Gauge>| g.as_ref().map(|g| documents::measured_gauge(fleet, g));
            fields.insert("mean".to_owned(), json!(beside(&f.mean)));
            fields.insert("missing".to_owned(), json!(beside(&f.missing)));
            fields.insert("counts".to_owned(), json!(f.counts));
            let of_version = f.of_version.as_ref().map(Key::clean);
            fields.insert("of_version".to_owned(), json!(of_version));
            let windows = f
                .windows
                .map(|w| json!({"over": w.over, "of": w.of, "in_a_row": w.in_a_row}));
            fields.insert("windows".to_owned(), json!(windows));
            fields.insert("mean_moved".to_owned(), json!(mean_moved(fleet, f)));
        }
        value
    };
    json!({
        "name": model.name,
        "level": level.word(),
        "drifted": summary.map(|d| d.drifted),
        "judged": summary.map(|d| d.judged),
        "features_known": summary.map(|d| d.features),
        "verdict": verdict,
        "features": rows.iter().map(feature).collect::<Vec<_>>(),
        "reasons": drift_reasons(model).map(documents::reason).collect::<Vec<_>>(),
        "report": report.map(documents::drift_report),
    })
}

/// What is wrong with what has moved, as its page tells it.
fn drift_reasons(model: &ModelView) -> impl Iterator<Item = &Reason> {
    let all = model.verdict.reasons.iter();
    all.filter(|reason| reason.code.is_of_drift())
}

/// How the mean of a feature has moved over the course that is held of it, or the state of one that is none of
/// now.
fn mean_moved(fleet: &Fleet, feature: &Feature) -> Option<String> {
    let mean = feature.mean.as_ref()?;
    let held = fleet.course(&mean.key);
    let values = held.into_iter().flat_map(|h| h.fact.values.iter());
    let course: Vec<f64> = values.map(|v| f64::from(*v)).chain(mean.value).collect();
    movement_of(mean, &course)
}

/// What the page of a model's drift says of it: where the drift comes from, and whether a unit changed.
fn verdict(out: &Out, fleet: &Fleet, model: &ModelView, now: Millis) -> String {
    let gauges = fleet.gauges(&model.key, now);
    let rescaled = fleet.rescaled(&fleet.features(model, &gauges));
    let rescaled = rescaled.map(|(feature, jump)| jump.text(&feature));
    let blamed = blame::judge(&gauges).map(|b| b.text());
    let all = blamed
        .into_iter()
        .chain(rescaled)
        .map(|words| words.to_string());
    let all: Vec<String> = all.collect();
    if all.is_empty() {
        return out.none().to_owned();
    }
    out.own(&all.join(" · "))
}

fn drift_text(out: &Out, fleet: &Fleet, now: Millis) -> String {
    let mut table = Table::new(&[
        "LEVEL", "MODEL", ">DRIFTED", "WORST", ">SCORE", ">LINE", ">N", ">AGE", "VERDICT",
    ]);
    let mut models: Vec<&ModelView> = fleet.models().filter(|m| is_watched(m)).collect();
    let level = |m: &ModelView| m.signals.drift_level;
    models.sort_by(|a, b| level(b).cmp(&level(a)).then_with(|| a.name.cmp(&b.name)));
    for model in models {
        let summary = model.signals.drift.as_ref().filter(|d| d.judged > 0);
        let worst = model.signals.worst_drift();
        let none = || out.none().to_owned();
        table.row(vec![
            level_cell(out, level(model)),
            (&model.name).into(),
            // Of none that can be judged, none is not a finding.
            summary
                .map_or_else(none, |d| format!("{}/{}", d.drifted, d.judged))
                .into(),
            worst.map_or_else(none, |g| part(out, g)).into(),
            worst.map_or_else(none, |g| out.own(&words(g, now))).into(),
            worst
                .map_or_else(none, |g| line(out, g, features::line(g.lines)))
                .into(),
            worst
                .map_or_else(none, |g| out.own(&shown::samples(g.n)))
                .into(),
            worst
                .and_then(|g| fleet.gauge_at(g))
                .map_or_else(none, |at| age(now.since(at)))
                .into(),
            verdict(out, fleet, model, now).into(),
        ]);
    }
    if table.is_empty() {
        return nothing(fleet, "no model's drift is watched");
    }
    table.render()
}

/// The version of a score; of one of all together, whose it is, where that is known.
fn version_cell(out: &Out, feature: &Feature) -> String {
    let version = &feature.gauge.key.version;
    match (&feature.of_version, version.raw().is_empty()) {
        (_, false) => version_text(version).to_string(),
        (Some(of), true) => format!("all: {}", version_text(of)),
        (None, true) => out.none().to_owned(),
    }
}

fn features_text(
    (out, fleet): (&Out, &Fleet),
    model: &ModelView,
    (rows, courses): (&[Feature], &[SignalSeries]),
    (level, verdicts): (Level, &[Clean]),
    report: Option<&DriftReport>,
    (now, is_past): (Millis, bool),
) -> String {
    const TITLES: &[&str] = &[
        "LEVEL", "FEATURE", ">SCORE", ">LINE", ">×LINE", ">WEIGHT", ">OVER", ">N", ">NOISE",
        ">MEAN", ">NULL", "METHOD", "VERSION", "SOURCE", "COURSE",
    ];
    // The level of its drift, as the document has it: the model's own rests on more than that.
    let mut text = format!("{}   drift {}\n", model.name, out.level(level).painted());
    for verdict in verdicts {
        let _ = writeln!(text, "verdict  {}", out.own(verdict.as_str()));
    }
    // These are of now.
    for reason in drift_reasons(model).filter(|_| !is_past) {
        let level = out.level(reason.level).painted();
        let _ = writeln!(text, "{level}  {}", out.own(reason.text.as_str()));
    }
    if let Some(report) = report {
        let from = match report.at_from {
            "timestamp" => "",
            other => other,
        };
        let at = report.at.rfc3339();
        let line = format!("report   {at}   {}   {from}", report.name);
        let _ = writeln!(text, "{}", line.trim_end());
    }
    let with_courses = !courses.is_empty();
    let mut table = Table::new(&TITLES[..TITLES.len() - usize::from(!with_courses)]);
    let none = || out.none().to_owned();
    let optional = |v: Option<f64>| v.map_or_else(none, number);
    for f in rows {
        let g = &f.gauge;
        // Other scores of one feature stand below the one that counts.
        let name = if f.counts {
            f.name()
        } else {
            format!("  {}", f.name())
        };
        let of_now = |text: Option<String>| text.filter(|_| !is_past).unwrap_or_else(none);
        let windows = f.windows.map(|w| format!("{}/{}", w.over, w.of));
        let missing = f.missing.as_ref().map(|g| words(g, now));
        let mut row = vec![
            verdict_cell(out, g),
            name.into(),
            out.own(&words(g, now)).into(),
            line(out, g, features::line(g.lines)).into(),
            optional(f.share).into(),
            optional(f.importance).into(),
            of_now(windows).into(),
            out.own(&shown::samples(g.n)).into(),
            optional(g.noise_floor).into(),
            out.own(&of_now(mean_moved(fleet, f))).into(),
            out.own(&missing.unwrap_or_else(none)).into(),
            g.key.method.clean().into(),
            version_cell(out, f).into(),
            g.key.source.as_str().into(),
        ];
        row.extend(with_courses.then(|| shape(out, g, courses).into()));
        table.row(row);
    }
    if table.is_empty() {
        text.push_str("no drift score is known for it\n");
    } else {
        text.push('\n');
        text.push_str(&table.render());
    }
    text
}
