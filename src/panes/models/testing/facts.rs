//! The rows that the small fleet is made of, as an adapter would send them.

use std::sync::Arc;

use super::{DAY, MINUTE};
use crate::domain::key::{ExperimentKey, Key, ModelKey, RegistryKey, RunKey, VersionKey};
use crate::domain::model::{
    Alias, Field, ModelVersion, Name, Package, RegisteredModel, Signature, VersionStatus,
};
use crate::domain::run::{DatasetUse, LastMetric, Run, RunStatus};
use crate::domain::text::Clean;
use crate::domain::time::Millis;
use crate::ui::testing::NOW;

/// This many milliseconds ago.
pub(crate) fn ago(ms: i64) -> Millis {
    Millis(NOW.wall.0 - ms)
}

pub(crate) fn tracker() -> Arc<RegistryKey> {
    Arc::new(RegistryKey {
        base: Key::new("http://mlflow.test:5000"),
        workspace: Key::new(""),
    })
}

pub(crate) fn model_key(name: &str) -> ModelKey {
    ModelKey {
        registry: tracker(),
        name: Key::new(name),
        created: ago(400 * DAY),
    }
}

pub(crate) fn run_key(id: &str) -> RunKey {
    RunKey {
        tracker: tracker(),
        id: Key::new(id),
    }
}

pub(crate) fn version_key(model: &str, version: &str) -> VersionKey {
    VersionKey {
        model: model_key(model),
        version: Key::new(version),
    }
}

pub(super) fn tags(pairs: &[(&str, &str)]) -> Arc<[(Clean, Clean)]> {
    pairs
        .iter()
        .map(|(k, v)| (Clean::name(k), Clean::text(v)))
        .collect()
}

/// A registered model with its aliases.
pub(crate) fn model(
    name: &str,
    aliases: &[(&str, &str)],
    pairs: &[(&str, &str)],
) -> RegisteredModel {
    RegisteredModel {
        key: model_key(name),
        name: Clean::name(name),
        updated: ago(DAY),
        description: Clean::text(&format!("The {name} model of the test fleet.")),
        tags: tags(pairs),
        aliases: aliases
            .iter()
            .map(|(alias, version)| Alias {
                name: Name::new(alias),
                version: Key::new(version),
            })
            .collect(),
    }
}

/// A ready version, `age` milliseconds old, made by the run `run-MODEL-VERSION`.
pub(crate) fn version(model: &str, number: &str, age: i64) -> ModelVersion {
    ModelVersion {
        key: version_key(model, number),
        version: Clean::name(number),
        created: ago(age),
        updated: ago(age),
        stage: None,
        description: Clean::empty(),
        source: Clean::text(&format!("models:/m-{model}-{number}")),
        run: Some(run_key(&format!("run-{model}-{number}"))),
        logged_model: None,
        status: VersionStatus::Ready,
        status_message: Clean::empty(),
        tags: tags(&[]),
    }
}

/// A finished run with one metric.
pub(crate) fn run(id: &str, metric: &str, value: f64, age: i64) -> Run {
    Run {
        key: run_key(id),
        experiment: ExperimentKey {
            tracker: tracker(),
            id: Key::new("1"),
        },
        name: Clean::name(&format!("nightly {id}")),
        user: Clean::name("ana"),
        status: RunStatus::Finished,
        started: ago(age),
        ended: Some(ago(age - 25 * MINUTE)),
        deleted: false,
        artifacts: Clean::empty(),
        metrics: Arc::from([LastMetric {
            name: Name::new(metric),
            value,
            step: 0,
            at: ago(age),
        }]),
        params: tags(&[("max_depth", "6")]),
        tags: tags(&[(
            "mlflow.source.git.commit",
            "4f2a9c1d7b8e3f60a1b2c3d4e5f60718293a4b5c",
        )]),
        datasets: Arc::from([
            DatasetUse {
                name: Clean::name("payments-2026w46"),
                digest: Clean::name("9c1e44ab"),
                context: Clean::name("training"),
                source_kind: Clean::name("delta_table"),
                source: Clean::text("risk.payments"),
            },
            DatasetUse {
                name: Clean::name("payments-2026w47"),
                digest: Clean::name("07fd3a12"),
                context: Clean::name("validation"),
                source_kind: Clean::name("delta_table"),
                source: Clean::text("risk.payments"),
            },
        ]),
        outputs: Arc::from([]),
    }
}

fn field(name: &str, kind: &str, required: bool) -> Field {
    Field {
        name: Clean::name(name),
        kind: Clean::name(kind),
        required,
    }
}

/// A package with a signature of `inputs` as `(name, type, required)`.
pub(crate) fn package(inputs: &[(&str, &str, bool)]) -> Package {
    Package {
        signature: Some(Signature {
            inputs: inputs.iter().map(|(n, k, r)| field(n, k, *r)).collect(),
            outputs: vec![field("probability", "double", true)],
            params: Vec::new(),
        }),
        flavors: vec![Clean::name("python_function"), Clean::name("sklearn 1.7.2")],
        written_by: Clean::name("mlflow 3.6.0"),
        environment: vec![Clean::name("requirements.txt")],
        size: Some(48_300_000),
    }
}
