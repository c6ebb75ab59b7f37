//! Settings as a user meets them: every mistake with its message, the layers, the secrets.

#[path = "config/layers.rs"]
mod layers;
#[path = "config/mistakes.rs"]
mod mistakes;
#[path = "config/noise.rs"]
mod noise;
#[path = "config/reports.rs"]
mod reports;
#[path = "config/servers.rs"]
mod servers;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use proptest::prelude::*;
use quarterdeck::config::{
    Environment, Kind, Loaded, Origin, Overrides, asked_context, check, load, load_text, path,
    presets, reference, show,
};
use quarterdeck::domain::gate::{Consequence, grammar};
use quarterdeck::domain::key::DeploymentKind;
use quarterdeck::domain::settings::{
    Auth, Console, Follows, Hook, HookKind, Policy, Rollout, SecretRef, SourceKind, SourceSettings,
    VersionMap, Writes,
};
use quarterdeck::domain::signal::Measure;

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn read(text: &str) -> Loaded {
    load_text("c.toml", text, &Overrides::default(), &Environment::of([]))
}

fn said(loaded: &Loaded) -> Vec<String> {
    loaded.diagnostics.iter().map(ToString::to_string).collect()
}

const GOOD: &str = "[[contexts.prod.sources]]\nname = \"mlflow\"\nurl = \"https://ml.test\"\n";

const URI: (&str, &str) = ("MLFLOW_TRACKING_URI", "https://ml.test");
const USER: (&str, &str) = ("MLFLOW_TRACKING_USERNAME", "ana");
const PASSWORD: (&str, &str) = ("MLFLOW_TRACKING_PASSWORD", "hunter2");
const TOKEN: (&str, &str) = ("MLFLOW_TRACKING_TOKEN", "hunter2");

fn flags(mlflow: Option<&str>, serving: &[&str]) -> Overrides {
    Overrides {
        mlflow: mlflow.map(str::to_owned),
        serving: serving.iter().map(|s| (*s).to_owned()).collect(),
        ..Overrides::default()
    }
}

/// The secret of these tests is nowhere in what is printed, logged or answered.
fn no_secret(loaded: &Loaded, overrides: &Overrides) {
    let shown = show(loaded);
    let checked = check(loaded, &Environment::of([PASSWORD, TOKEN]));
    for text in [
        format!("{loaded:?}"),
        format!("{:?}", loaded.settings),
        format!("{overrides:?}"),
        shown.lines().join("\n"),
        shown.to_json().to_string(),
        checked.to_json().to_string(),
        said(loaded).join("\n"),
    ] {
        assert!(!text.contains("hunter2"), "{text}");
    }
}
