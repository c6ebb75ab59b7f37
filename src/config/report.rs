//! What `config path`, `config show` and `config check` tell, as data; printing is the commands'.

use std::fmt;
use std::path::PathBuf;

use serde_json::{Value, json};

use super::diagnostic::{Diagnostic, Origin};
use super::environment::Environment;
use super::layers::Overrides;
use super::tree::dotted;
use super::{Loaded, secrets};
use crate::domain::text::Clean;

/// The schema of the JSON forms.
const SCHEMA: &str = "quarterdeck.config/1";

/// Which settings file is read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PathReport {
    /// The file; `None` where no home directory is known.
    pub path: Option<PathBuf>,
    /// Who chose it: flag, variable or default.
    pub origin: Origin,
    /// Whether it is there.
    pub exists: bool,
}

impl PathReport {
    /// The document that `config path --json` prints.
    pub fn to_json(&self) -> Value {
        json!({
            "schema": SCHEMA,
            "path": self.path.as_ref().map(|p| p.to_string_lossy()),
            "origin": self.origin.to_json(),
            "exists": self.exists,
        })
    }
}

/// Finds the settings file: `--config`, `QUARTERDECK_CONFIG`, or the usual place.
pub fn path(overrides: &Overrides, environment: &Environment) -> PathReport {
    let (path, origin) = if let Some(path) = &overrides.config {
        (Some(path.clone()), Origin::Flag("--config".to_owned()))
    } else if let Some(path) = environment.get("QUARTERDECK_CONFIG") {
        (
            Some(PathBuf::from(path)),
            Origin::Variable("QUARTERDECK_CONFIG".to_owned()),
        )
    } else {
        (
            environment.folder().map(|f| f.join("config.toml")),
            Origin::Default,
        )
    };
    let exists = path.as_ref().is_some_and(|p| p.is_file());
    PathReport {
        path,
        origin,
        exists,
    }
}

/// One effective value.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Shown {
    /// Its path, dotted.
    pub path: String,
    /// The value as it would be written; secrets as references.
    pub value: String,
    /// Where it came from.
    pub origin: Origin,
}

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} = {}  # {}", self.path, self.value, self.origin)
    }
}

/// Every effective value with its origin.
#[derive(Clone, Debug)]
pub struct ShowReport {
    /// The settings file.
    pub file: PathReport,
    /// The context that is entered, empty if none.
    pub context: String,
    /// The values, in path order.
    pub values: Vec<Shown>,
    /// What was found while loading.
    pub diagnostics: Vec<Diagnostic>,
}

impl ShowReport {
    /// One value a line, the origins aligned: what `config show` prints.
    pub fn lines(&self) -> Vec<String> {
        let left: Vec<String> = self
            .values
            .iter()
            .map(|v| format!("{} = {}", v.path, v.value))
            .collect();
        // A few long lines may stick out; they do not push every origin off the screen.
        let width = left
            .iter()
            .map(|l| Clean::text(l).width())
            .filter(|w| *w <= 72)
            .max()
            .unwrap_or(0);
        left.iter()
            .zip(&self.values)
            .map(|(left, value)| {
                let pad = width.saturating_sub(Clean::text(left).width());
                format!("{left}{:pad$}  # {}", "", value.origin)
            })
            .collect()
    }

    /// The document that `config show --json` prints.
    pub fn to_json(&self) -> Value {
        let values: Vec<Value> = self
            .values
            .iter()
            .map(|v| json!({"path": v.path, "value": v.value, "origin": v.origin.to_json()}))
            .collect();
        json!({
            "schema": SCHEMA,
            "file": self.file.path.as_ref().map(|p| p.to_string_lossy()),
            "exists": self.file.exists,
            "context": self.context,
            "values": values,
            "diagnostics": self.diagnostics.iter().map(Diagnostic::to_json).collect::<Vec<_>>(),
        })
    }
}

/// Every effective value with its origin, also when the settings cannot be used.
pub fn show(loaded: &Loaded) -> ShowReport {
    ShowReport {
        file: loaded.file.clone(),
        context: loaded.tree.text(&[], "context").unwrap_or_default(),
        values: loaded
            .tree
            .those(|_| true)
            .into_iter()
            .filter_map(|(path, entry)| {
                Some(Shown {
                    path: dotted(&path),
                    value: entry.setting.shown()?,
                    origin: entry.origin.clone(),
                })
            })
            .collect(),
        diagnostics: loaded.diagnostics.clone(),
    }
}

/// What `config check` tells.
#[derive(Clone, Debug)]
pub struct CheckReport {
    /// The settings file.
    pub file: PathReport,
    /// Everything found, secrets and certificates looked at too.
    pub diagnostics: Vec<Diagnostic>,
}

impl CheckReport {
    /// Whether nothing found is an error.
    pub fn is_usable(&self) -> bool {
        !self.diagnostics.iter().any(Diagnostic::is_error)
    }

    /// The last line: how many errors and warnings.
    pub fn summary(&self) -> String {
        let errors = self.diagnostics.iter().filter(|d| d.is_error()).count();
        let warnings = self.diagnostics.len() - errors;
        let count = |n: usize, word: &str| format!("{n} {word}{}", if n == 1 { "" } else { "s" });
        format!("{}, {}", count(errors, "error"), count(warnings, "warning"))
    }

    /// The document that `config check --json` prints.
    pub fn to_json(&self) -> Value {
        json!({
            "schema": SCHEMA,
            "file": self.file.path.as_ref().map(|p| p.to_string_lossy()),
            "exists": self.file.exists,
            "usable": self.is_usable(),
            "diagnostics": self.diagnostics.iter().map(Diagnostic::to_json).collect::<Vec<_>>(),
        })
    }
}

/// Everything found while loading, and a look at each secret's place and each certificate.
pub fn check(loaded: &Loaded, environment: &Environment) -> CheckReport {
    let mut diagnostics = loaded.diagnostics.clone();
    diagnostics.extend(secrets::check(&loaded.tree, environment));
    super::sort(&mut diagnostics);
    CheckReport {
        file: loaded.file.clone(),
        diagnostics,
    }
}
