//! What monitoring sources are asked for: presets with the settings' changes, name maps, and the
//! limits of signals; and the checks that need more than one of these.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::de::DeserializeOwned;

use super::diagnostic::{Diagnostic, Kind, Origin, Problem};
use super::presets::{over, preset_names, presets};
use super::tree::{Segment, Setting, Tree, dotted, join, path};
use super::value::or_list;
use crate::domain::near::nearest;
use crate::domain::rules::quality;
use crate::domain::settings::{Monitoring, SignalPolicy, SourceKind, SourceSettings};
use crate::domain::signal::{Absent, Direction, LabelMap, Lines, Measure, Preset, SignalSpec};

/// The name that signals go by which belong to no preset.
const OWN: &str = "settings";

/// The kinds of source that read a key, for keys that not all read.
const READERS: &[(&str, &[SourceKind])] = &[
    ("workspace", &[SourceKind::Mlflow]),
    (
        "tenant",
        &[SourceKind::Prometheus, SourceKind::Alertmanager],
    ),
    (
        "selector",
        &[SourceKind::Prometheus, SourceKind::Alertmanager],
    ),
    ("presets", &[SourceKind::Prometheus]),
    ("signals", &[SourceKind::Prometheus]),
    ("window", &[SourceKind::Prometheus]),
    ("path", &[SourceKind::Evidently]),
    ("utc_offset", &[SourceKind::Evidently]),
    ("tags", &[SourceKind::Grafana]),
    ("models", MONITORS),
    ("model_label", MONITORS),
    ("version_label", MONITORS),
    ("history", MONITORS),
];

const MONITORS: &[SourceKind] = &[
    SourceKind::Prometheus,
    SourceKind::Alertmanager,
    SourceKind::Evidently,
    SourceKind::Grafana,
];

/// Kinds beside the registry and the monitors.
const OTHERS: &[SourceKind] = &[SourceKind::Airflow];

/// The kind of a source's table.
pub(super) fn kind_of(tree: &Tree, at: &[Segment]) -> SourceKind {
    let word = tree.text(at, "kind").unwrap_or_default();
    let mut kinds = MONITORS.iter().chain(OTHERS);
    let found = kinds.find(|kind| kind.to_string() == word);
    found.copied().unwrap_or(SourceKind::Mlflow)
}

/// Gives each source the defaults that depend on its kind.
pub(super) fn fill(tree: &mut Tree) {
    for context in tree.names(&path(&["contexts"])) {
        let list = path(&["contexts", &context, "sources"]);
        for id in tree.names(&list) {
            let at = join(&list, &id);
            let kind = kind_of(tree, &at);
            let defaults = SourceSettings::new("", kind, "");
            let mut values = vec![
                ("every", Setting::Duration(defaults.every)),
                ("max_answer", Setting::Bytes(defaults.max_answer)),
            ];
            if MONITORS.contains(&kind) {
                let monitoring = &defaults.monitoring;
                values.push(("model_label", Setting::Text(monitoring.model_label.clone())));
                values.push((
                    "version_label",
                    Setting::Text(monitoring.version_label.clone()),
                ));
                values.push(("history", Setting::Duration(monitoring.history)));
            }
            if kind == SourceKind::Prometheus {
                values.push(("window", Setting::Duration(defaults.monitoring.window)));
            }
            for (key, value) in values {
                let here = join(&at, key);
                if tree.entry(&here).is_none() {
                    tree.set(here, value, Origin::Default);
                }
            }
        }
    }
}

/// Refuses what a source of this kind does not read, and what it needs and has not.
pub(super) fn check(tree: &Tree, at: &[Segment], kind: SourceKind, found: &mut Vec<Diagnostic>) {
    for (key, kinds) in READERS.iter().filter(|(_, kinds)| !kinds.contains(&kind)) {
        let here = join(at, key);
        let below = || tree.below(&here).first().map(|(_, entry)| *entry);
        let Some(entry) = tree.entry(&here).or_else(below) else {
            continue;
        };
        let kinds: Vec<String> = kinds.iter().map(ToString::to_string).collect();
        let kinds: Vec<&str> = kinds.iter().map(String::as_str).collect();
        found.push(
            Problem::new(
                Kind::Conflict,
                format!(
                    "`{}` means nothing for a source of the kind {kind}",
                    dotted(&here)
                ),
            )
            .expected(format!("it with kind = {}", or_list(&kinds)))
            .at(&entry.origin),
        );
    }
    let place = tree.entry(at).map_or(Origin::Default, |e| e.origin.clone());
    let folder = kind == SourceKind::Evidently;
    match (tree.entry(&join(at, "url")), tree.entry(&join(at, "path"))) {
        (Some(_), Some(path)) if folder => found.push(
            Problem::new(
                Kind::Conflict,
                format!("`{}` has both `url` and `path`", dotted(at)),
            )
            .expected("one of the two")
            .at(&path.origin),
        ),
        (None, path) if path.is_none() || !folder => {
            // One that was refused has been told.
            let refused = format!("`{}`", dotted(&join(at, "url")));
            if found.iter().any(|d| d.what.as_str().starts_with(&refused)) {
                return;
            }
            let expected = if folder {
                "an http or https URL, or `path` with a folder of reports"
            } else {
                "an http or https URL"
            };
            found.push(
                Problem::new(Kind::Missing, format!("`{}` has no `url`", dotted(at)))
                    .expected(expected)
                    .at(&place),
            );
        }
        _ => {}
    }
}

/// What a source is asked for.
pub(super) fn monitoring(
    tree: &Tree,
    at: &[Segment],
    kind: SourceKind,
    found: &mut Vec<Diagnostic>,
) -> Monitoring {
    let defaults = SourceSettings::new("", kind, "").monitoring;
    let labels = LabelMap {
        model: tree.text(at, "model_label").unwrap_or(defaults.model_label),
        version: tree
            .text(at, "version_label")
            .unwrap_or(defaults.version_label),
        ..LabelMap::default()
    };
    let (chosen, all) = match kind {
        SourceKind::Prometheus => chosen(tree, at, found),
        _ => (Vec::new(), false),
    };
    Monitoring {
        presets: changed(tree, at, chosen, &labels, found),
        all,
        selector: tree
            .text(at, "selector")
            .map(|s| s.trim().trim_end_matches(',').to_owned())
            .unwrap_or_default(),
        models: match tree.get(at, "models").map(|e| &e.setting) {
            Some(Setting::NameMap(map)) => map.clone(),
            _ => defaults.models,
        },
        model_label: labels.model,
        version_label: labels.version,
        history: tree.duration(at, "history").unwrap_or(defaults.history),
        window: tree.duration(at, "window").unwrap_or(defaults.window),
        utc_offset: utc_offset(tree, at, found),
        tags: tree.words(at, "tags"),
        folder: tree.file(at, "path"),
    }
}

/// The offset of a clock in minutes.
fn utc_offset(tree: &Tree, at: &[Segment], found: &mut Vec<Diagnostic>) -> i32 {
    let Some(text) = tree.text(at, "utc_offset") else {
        return 0;
    };
    if text == "Z" {
        return 0;
    }
    if let Ok(offset) = text.parse::<chrono::FixedOffset>() {
        return offset.local_minus_utc() / 60;
    }
    if let Some(entry) = tree.get(at, "utc_offset") {
        let what = format!(
            "`{}`: \"{text}\" is no offset",
            dotted(&join(at, "utc_offset"))
        );
        found.push(
            Problem::new(Kind::BadValue, what)
                .expected("hours and minutes, such as \"+02:00\"")
                .at(entry.parts.first().unwrap_or(&entry.origin)),
        );
    }
    0
}

/// The presets to choose from, and whether each is taken without asking.
fn chosen(tree: &Tree, at: &[Segment], found: &mut Vec<Diagnostic>) -> (Vec<Preset>, bool) {
    let Some(entry) = tree.get(at, "presets") else {
        return (presets().to_vec(), false);
    };
    let mut chosen = Vec::new();
    for (index, name) in tree.words(at, "presets").iter().enumerate() {
        if let Some(preset) = presets().iter().find(|p| p.name == *name) {
            chosen.push(preset.clone());
        } else {
            let place = entry.parts.get(index).unwrap_or(&entry.origin);
            found.push(no_preset(&dotted(&join(at, "presets")), name).at(place));
        }
    }
    (chosen, true)
}

fn no_preset(at: &str, name: &str) -> Problem {
    let names = preset_names();
    let problem = Problem::new(
        Kind::BadValue,
        format!("`{at}`: there is no preset \"{name}\""),
    );
    match nearest(name, names) {
        Some(near) => problem.meant(Some(format!("\"{near}\""))),
        None => problem.expected(format!("one of {}", names.join(", "))),
    }
}

/// The presets with the settings' own signals laid over them.
fn changed(
    tree: &Tree,
    at: &[Segment],
    mut chosen: Vec<Preset>,
    labels: &LabelMap,
    found: &mut Vec<Diagnostic>,
) -> Arc<[Preset]> {
    let list = join(at, "signals");
    let mut own = Preset {
        name: OWN.to_owned(),
        detect: Vec::new(),
        signals: Vec::new(),
    };
    for id in tree.names(&list) {
        let here = join(&list, &id);
        let place = |key: &str| {
            let entry = tree.get(&here, key).or(tree.entry(&here));
            entry.map_or(Origin::Default, |e| {
                e.parts.first().unwrap_or(&e.origin).clone()
            })
        };
        let word = tree.text(&here, "measure").unwrap_or_default();
        // What is missing or wrong has been told where it was read.
        let Some(measure) = Measure::from_word(&word) else {
            continue;
        };
        let preset = match tree.text(&here, "preset") {
            None => &mut own,
            Some(name) => {
                if let Some(preset) = chosen.iter_mut().find(|p| p.name == name) {
                    preset
                } else {
                    let at = dotted(&join(&here, "preset"));
                    let problem = if preset_names().contains(&name.as_str()) {
                        Problem::new(
                            Kind::Conflict,
                            format!("`{at}`: `presets` leaves \"{name}\" out"),
                        )
                        .expected("it among `presets`, or no `presets`")
                    } else {
                        no_preset(&at, &name)
                    };
                    found.push(problem.at(&place("preset")));
                    continue;
                }
            }
        };
        let part = tree.text(&here, "part").unwrap_or_default();
        let same = |s: &SignalSpec| s.measure == measure && s.part == part;
        let shared = preset.signals.first().map_or(labels, |s| &s.labels);
        let shared = LabelMap {
            part: String::new(),
            method: String::new(),
            ..shared.clone()
        };
        let index = preset.signals.iter().position(same);
        let before = index.and_then(|index| preset.signals.get(index));
        let refused = format!("`{}`", dotted(&join(&here, "query")));
        let told = found.iter().any(|d| d.what.as_str().starts_with(&refused));
        if before.is_none() && tree.get(&here, "query").is_none() && !told {
            let what = format!("`{}` has no `query`", dotted(&here));
            let why = "a query: no preset's signal has this measure and part";
            found.push(
                Problem::new(Kind::Missing, what)
                    .expected(why)
                    .at(&place("measure")),
            );
        }
        let spec = spec(tree, &here, measure, before, &shared);
        check_lines(spec.lines, spec.direction, &here, &place("crit"), found);
        match index {
            Some(index) => preset.signals[index] = spec,
            None => preset.signals.push(spec),
        }
    }
    if !own.signals.is_empty() {
        chosen.push(own);
    }
    chosen.into()
}

/// A signal as the settings write it, over the preset's.
fn spec(
    tree: &Tree,
    at: &[Segment],
    measure: Measure,
    before: Option<&SignalSpec>,
    shared: &LabelMap,
) -> SignalSpec {
    let query = tree.text(at, "query");
    let labels_at = join(at, "labels");
    let label = |key| tree.text(&labels_at, key).unwrap_or_default();
    let labels = LabelMap {
        model: label("model"),
        version: label("version"),
        part: label("part"),
        method: label("method"),
    };
    let base = before.cloned().unwrap_or_else(|| SignalSpec {
        measure,
        query: String::new(),
        by_version: None,
        scale: 1.0,
        unit: measure.unit(),
        direction: None,
        lines: Lines::default(),
        labels: shared.clone(),
        method: String::new(),
        part: String::new(),
        absent: Absent::default(),
        threshold: None,
        written: None,
        samples: None,
        reference: None,
    });
    let text = |key| tree.text(at, key);
    SignalSpec {
        measure,
        // A query of one's own does not go with the preset's split of another.
        by_version: text("by_version").or(base.by_version.filter(|_| query.is_none())),
        query: query.unwrap_or(base.query),
        scale: tree.number(at, "scale").unwrap_or(base.scale),
        unit: of_word(text("unit")).unwrap_or(base.unit),
        direction: of_word(text("direction")).or(base.direction),
        lines: Lines {
            warn: tree.number(at, "warn").or(base.lines.warn),
            crit: tree.number(at, "crit").or(base.lines.crit),
        },
        labels: over(&base.labels, labels),
        method: text("method").unwrap_or(base.method),
        part: text("part").unwrap_or(base.part),
        absent: of_word(text("absent")).unwrap_or(base.absent),
        threshold: text("threshold").or(base.threshold),
        written: text("written").or(base.written),
        samples: text("samples").or(base.samples),
        reference: text("reference").or(base.reference),
    }
}

/// A value of the domain from its word, which the table has checked.
fn of_word<T: DeserializeOwned>(word: Option<String>) -> Option<T> {
    serde_json::from_value(serde_json::Value::String(word?)).ok()
}

/// The limits of signals.
pub(super) fn signal_policy(
    tree: &Tree,
    at: &[Segment],
    found: &mut Vec<Diagnostic>,
) -> SignalPolicy {
    let fallback = SignalPolicy::default();
    let count = |key| tree.count(at, key);
    let mut all = fallback.lines;
    all.extend(lines(tree, &join(at, "lines"), found));
    SignalPolicy {
        lines: all,
        min_samples: count("min_samples").map_or(fallback.min_samples, u64::from),
        bins: count("bins").unwrap_or(fallback.bins),
        job_stale_after: tree
            .duration(at, "job_stale_after")
            .unwrap_or(fallback.job_stale_after),
        sample_stale_after: tree
            .duration(at, "sample_stale_after")
            .unwrap_or(fallback.sample_stale_after),
        min_label_coverage: tree
            .number(at, "min_label_coverage")
            .unwrap_or(fallback.min_label_coverage),
        traffic_floor: tree
            .number(at, "traffic_floor")
            .unwrap_or(fallback.traffic_floor),
        latency_budget: tree
            .number(at, "latency_budget")
            .unwrap_or(fallback.latency_budget),
        skew_window: tree
            .duration(at, "skew_window")
            .unwrap_or(fallback.skew_window),
    }
}

/// Lines by measure: those that are named, whole.
pub(super) fn lines(
    tree: &Tree,
    at: &[Segment],
    found: &mut Vec<Diagnostic>,
) -> BTreeMap<Measure, Lines> {
    let mut all = BTreeMap::new();
    for word in tree.names(at) {
        let Some(measure) = Measure::from_word(&word) else {
            continue;
        };
        let here = join(at, &word);
        let lines = Lines {
            warn: tree.number(&here, "warn"),
            crit: tree.number(&here, "crit"),
        };
        let place = tree.get(&here, "crit").or(tree.entry(&here));
        let place = place.map_or(Origin::Default, |e| e.origin.clone());
        // Drift scores and quality metrics differ: their direction is the method's.
        let fixed =
            !measure.is_from_a_job() || measure.unit() == crate::domain::signal::Unit::Ratio;
        let direction = fixed.then(|| measure.direction());
        check_lines(lines, direction, &here, &place, found);
        all.insert(measure, lines);
    }
    all
}

/// A warning must come before what it warns of.
fn check_lines(
    lines: Lines,
    direction: Option<Direction>,
    at: &[Segment],
    place: &Origin,
    found: &mut Vec<Diagnostic>,
) {
    let (Some(warn), Some(crit), Some(direction)) = (lines.warn, lines.crit, direction) else {
        return;
    };
    let sign = match direction {
        Direction::HighIsBad if warn > crit => ">",
        Direction::LowIsBad if warn < crit => "<",
        _ => return,
    };
    found.push(
        Problem::new(
            Kind::Conflict,
            format!(
                "`{}`: warn {warn} {sign} crit {crit}, so nothing would ever be worth a warning alone",
                dotted(at)
            ),
        )
        .expected("warn before crit")
        .at(place),
    );
}

/// The least of quality metrics; doubts those whose names do not tell whether more of them is better.
pub(super) fn floors(
    tree: &Tree,
    at: &[Segment],
    found: &mut Vec<Diagnostic>,
) -> BTreeMap<String, f64> {
    let floors = numbers(tree, at);
    for name in floors
        .keys()
        .filter(|name| quality::direction(name).is_none())
    {
        let Some(entry) = tree.get(at, name) else {
            continue;
        };
        // What is written for all contexts is read in each of them, and told once.
        let written = &at[at.len().saturating_sub(3)..];
        let what = format!(
            "`{}`: its name does not tell whether more of it is better; it is taken as the least",
            dotted(&join(written, name))
        );
        let why = "`ceilings` for a metric of which less is better";
        let doubt = Problem::new(Kind::BadValue, what).expected(why);
        let doubt = doubt.doubt_at(entry.parts.first().unwrap_or(&entry.origin));
        if !found.contains(&doubt) {
            found.push(doubt);
        }
    }
    floors
}

/// Numbers by the names that the user chose.
pub(super) fn numbers(tree: &Tree, at: &[Segment]) -> BTreeMap<String, f64> {
    let names = tree.names(at).into_iter();
    names
        .filter_map(|name| tree.number(at, &name).map(|n| (name, n)))
        .collect()
}
