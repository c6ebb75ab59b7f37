//! The presets that come with the program: the signals of known serving and monitoring stacks, from
//! the data files in `assets/presets/`. Which of them a source is asked for, its settings say.

use std::sync::{Arc, OnceLock};

use serde::Deserialize;

use crate::domain::signal::{
    Absent, Direction, LabelMap, Lines, Measure, Preset, SignalSpec, Unit,
};

/// The files, by the names of their presets, in the order of lists.
const FILES: [(&str, &str); 12] = [
    ("kserve", include_str!("../../assets/presets/kserve.toml")),
    ("knative", include_str!("../../assets/presets/knative.toml")),
    ("seldon", include_str!("../../assets/presets/seldon.toml")),
    (
        "mlserver",
        include_str!("../../assets/presets/mlserver.toml"),
    ),
    ("bentoml", include_str!("../../assets/presets/bentoml.toml")),
    (
        "tfserving",
        include_str!("../../assets/presets/tfserving.toml"),
    ),
    ("triton", include_str!("../../assets/presets/triton.toml")),
    (
        "torchserve",
        include_str!("../../assets/presets/torchserve.toml"),
    ),
    (
        "ray-serve",
        include_str!("../../assets/presets/ray-serve.toml"),
    ),
    ("vllm", include_str!("../../assets/presets/vllm.toml")),
    (
        "evidently-exporter",
        include_str!("../../assets/presets/evidently-exporter.toml"),
    ),
    (
        "quarterdeck",
        include_str!("../../assets/presets/quarterdeck.toml"),
    ),
];

/// A preset as its file writes it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    /// What it is for, in a sentence; people read it in the file.
    #[serde(rename = "about")]
    _about: String,
    detect: Vec<String>,
    #[serde(default)]
    labels: LabelMap,
    signals: Vec<Entry>,
}

/// One signal of a file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    measure: Measure,
    query: String,
    by_version: Option<String>,
    unit: Option<Unit>,
    direction: Option<Direction>,
    warn: Option<f64>,
    crit: Option<f64>,
    scale: Option<f64>,
    #[serde(default)]
    labels: LabelMap,
    #[serde(default)]
    method: String,
    #[serde(default)]
    part: String,
    #[serde(default)]
    absent: Absent,
    threshold: Option<String>,
    written: Option<String>,
    samples: Option<String>,
    reference: Option<String>,
}

/// The names of the presets, in the order of lists.
pub fn preset_names() -> [&'static str; FILES.len()] {
    FILES.map(|(name, _)| name)
}

/// The presets that come with the program. A file that cannot be read would be missing here; a test
/// reads each.
pub fn presets() -> Arc<[Preset]> {
    static PRESETS: OnceLock<Arc<[Preset]>> = OnceLock::new();
    let read = |(name, text): (&str, &str)| parse(name, text).ok();
    let all = || FILES.into_iter().filter_map(read).collect();
    Arc::clone(PRESETS.get_or_init(all))
}

fn parse(name: &str, text: &str) -> Result<Preset, toml::de::Error> {
    let file: File = toml::from_str(text)?;
    let signals = file.signals.into_iter();
    Ok(Preset {
        name: name.to_owned(),
        detect: file.detect,
        signals: signals.map(|entry| entry.spec(&file.labels)).collect(),
    })
}

impl Entry {
    fn spec(self, shared: &LabelMap) -> SignalSpec {
        SignalSpec {
            measure: self.measure,
            query: self.query,
            by_version: self.by_version,
            scale: self.scale.unwrap_or(1.0),
            unit: self.unit.unwrap_or(self.measure.unit()),
            direction: self.direction,
            lines: Lines {
                warn: self.warn,
                crit: self.crit,
            },
            labels: over(shared, self.labels),
            method: self.method,
            part: self.part,
            absent: self.absent,
            threshold: self.threshold,
            written: self.written,
            samples: self.samples,
            reference: self.reference,
        }
    }
}

/// Labels, with those that say nothing taken from others.
pub(super) fn over(shared: &LabelMap, own: LabelMap) -> LabelMap {
    let or = |own: String, shared: &String| if own.is_empty() { shared.clone() } else { own };
    LabelMap {
        model: or(own.model, &shared.model),
        version: or(own.version, &shared.version),
        part: or(own.part, &shared.part),
        method: or(own.method, &shared.method),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_preset_is_read_and_complete() {
        for (name, text) in FILES {
            let preset = parse(name, text).unwrap_or_else(|e| panic!("{name}: {e}"));
            assert!(!preset.detect.is_empty(), "{name} detects by nothing");
            assert!(!preset.signals.is_empty(), "{name} has no signals");
            let mut seen = BTreeSet::new();
            for spec in &preset.signals {
                let at = format!("{name} {} {}", spec.measure, spec.part);
                assert!(!spec.labels.model.is_empty(), "{at}: no label of the model");
                assert!(seen.insert((spec.measure, &spec.part)), "{at} twice");
                let extra = [
                    &spec.threshold,
                    &spec.written,
                    &spec.samples,
                    &spec.reference,
                ];
                let queries = extra.into_iter().chain([&spec.by_version]).flatten();
                for query in queries.chain([&spec.query]) {
                    assert!(query.contains("$sel"), "{at}: {query} takes no selector");
                    assert!(
                        query.contains("$win") == query.contains("rate("),
                        "{at}: {query} has a window of its own"
                    );
                }
                if let Some(query) = &spec.by_version {
                    assert!(
                        !spec.labels.version.is_empty() && query.contains(&spec.labels.version),
                        "{at}: {query} is not by version"
                    );
                    assert!(
                        !spec.query.contains(&format!("{},", spec.labels.version)),
                        "{at}"
                    );
                }
            }
        }
    }

    #[test]
    fn the_documentation_lists_every_preset() {
        let text = include_str!("../../assets/docs/presets.md");
        for name in preset_names() {
            assert!(text.contains(&format!("`{name}`")), "{name}");
        }
    }
}
