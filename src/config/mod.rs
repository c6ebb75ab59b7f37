//! The user's settings: from defaults, a TOML file, `QUARTERDECK_*` variables and flags to
//! [`Settings`], with every mistake at its place and every value's origin kept. Secrets stay
//! references here; fetching them is the sources' business, joining systems the domain's.
//!
//! ```
//! use quarterdeck::config::{Environment, Overrides, load_text};
//! let text = "[[contexts.prod.sources]]\nname = \"mlflow\"\nulr = \"https://ml.test\"\n";
//! let loaded = load_text("config.toml", text, &Overrides::default(), &Environment::of([]));
//! assert!(loaded.settings.is_none());
//! assert_eq!(
//!     loaded.diagnostics[1].to_string(),
//!     "config.toml:3:1: unknown key `ulr` in `contexts.prod.sources.mlflow`; did you mean `url`?"
//! );
//! ```

mod build;
mod diagnostic;
mod environment;
mod gates;
mod implicit;
mod layers;
mod monitoring;
mod presets;
mod read;
mod reference;
mod report;
mod secrets;
mod table;
mod tree;
mod value;
mod writing;

use std::collections::BTreeMap;
use std::fmt;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub use diagnostic::{Diagnostic, Kind, Origin, Problem, Severity};
pub use environment::Environment;
pub use layers::{Overrides, asked_context};
pub use presets::{preset_names, presets};
pub use reference::reference;
pub use report::{CheckReport, PathReport, ShowReport, Shown, check, path, show};

use crate::domain::near::nearest;
use crate::domain::settings::{Context, Settings};
use tree::{Setting, Tree};

/// What loading came to: settings if they can be used, and everything found on the way.
#[derive(Clone)]
pub struct Loaded {
    /// The settings, `None` when anything found is an error.
    pub settings: Option<Settings>,
    /// Everything found: in the order of the file, then variables, flags and the rest.
    pub diagnostics: Vec<Diagnostic>,
    /// The settings file and whether it was read.
    pub file: PathReport,
    tree: Tree,
}

/// Shows what `config show` shows; secrets are references.
impl fmt::Debug for Loaded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Loaded")
            .field("usable", &self.settings.is_some())
            .field("diagnostics", &self.diagnostics)
            .field("file", &self.file)
            .field("values", &show(self).values)
            .finish_non_exhaustive()
    }
}

impl Loaded {
    /// Whether nothing found is an error.
    pub fn is_usable(&self) -> bool {
        self.settings.is_some()
    }

    /// The context that is entered, where the settings can be used.
    pub fn entered(&self) -> Option<&Context> {
        let settings = self.settings.as_ref()?;
        settings.contexts.get(&settings.context).map(Arc::as_ref)
    }

    /// The errors among what was found.
    pub fn errors(&self) -> impl Iterator<Item = &Diagnostic> {
        self.diagnostics.iter().filter(|d| d.is_error())
    }

    /// Where a value came from, by its path: `["console", "theme"]`,
    /// `["contexts", "prod", "writes"]`. `None` for a value that nobody set and that has no default.
    pub fn origin(&self, path: &[&str]) -> Option<&Origin> {
        self.tree.entry(&tree::path(path)).map(|e| &e.origin)
    }

    /// Holds the key bindings against the command table: `judge` gets the keys by command id and
    /// answers with what is wrong, each with the command it is about. Its answers become errors at
    /// the sequence they quote in backticks, or at the command's line. Bindings are judged also when
    /// something else is wrong, so that every mistake is told at once.
    pub fn check_keys(
        &mut self,
        judge: impl FnOnce(&BTreeMap<String, Vec<String>>) -> Vec<(String, String)>,
    ) {
        let found = judge(&build::keys(&self.tree))
            .into_iter()
            .map(|(id, why)| {
                let place = self.key_place(&id, &why);
                Problem::new(Kind::BadValue, format!("keys of `{id}`: {why}")).at(&place)
            })
            .collect();
        self.add(found);
    }

    /// Where a mistake in a binding was made. A conflict may be told of a command that the user left
    /// alone: then the user's command that has the quoted sequence is meant.
    fn key_place(&self, id: &str, why: &str) -> Origin {
        let at = tree::path(&["keys"]);
        let quoted = |word: &str| why.contains(&format!("`{word}`"));
        let mut fallback = Origin::Default;
        let ids = self.tree.names(&at);
        let own = ids.iter().filter(|i| *i == id);
        for id in own.chain(ids.iter().filter(|i| *i != id)) {
            let Some(entry) = self.tree.get(&at, id) else {
                continue;
            };
            if fallback == Origin::Default {
                fallback = entry.origin.clone();
            }
            if let Setting::Words(chords) = &entry.setting
                && let Some(index) = chords.iter().position(|c| quoted(c))
            {
                return entry.parts.get(index).unwrap_or(&entry.origin).clone();
            }
        }
        fallback
    }

    /// Holds the theme's name against those there are. An unknown one is a warning and becomes `auto`.
    pub fn check_theme(&mut self, names: &[&str]) {
        let console = tree::path(&["console"]);
        let Some(theme) = self.tree.text(&console, "theme") else {
            return;
        };
        if theme == "auto" || names.contains(&theme.as_str()) {
            return;
        }
        let place = self
            .tree
            .get(&console, "theme")
            .map_or(Origin::Default, |e| {
                e.parts.first().unwrap_or(&e.origin).clone()
            });
        let near = nearest(&theme, names.iter().copied().chain(["auto"]));
        let problem = Problem::new(
            Kind::BadValue,
            format!("there is no theme \"{theme}\"; `auto` is used"),
        )
        .expected(format!("auto, {}", names.join(", ")))
        .meant(near.map(|n| format!("\"{n}\"")));
        if let Some(settings) = &mut self.settings {
            "auto".clone_into(&mut settings.console.theme);
        }
        self.add(vec![problem.doubt_at(&place)]);
    }

    /// Adds findings of a caller's own; an error makes the settings unusable.
    pub fn add(&mut self, found: Vec<Diagnostic>) {
        self.diagnostics.extend(found);
        sort(&mut self.diagnostics);
        if self.diagnostics.iter().any(Diagnostic::is_error) {
            self.settings = None;
        }
    }
}

/// File findings in file order; variables, flags and the rest after them as they came.
fn sort(found: &mut [Diagnostic]) {
    found.sort_by_key(|d| match &d.place {
        Origin::File { file, line, column } => (0, file.clone(), *line, *column),
        Origin::Variable(_) => (1, "".into(), 0, 0),
        Origin::Flag(_) => (2, "".into(), 0, 0),
        Origin::Implicit | Origin::Default => (3, "".into(), 0, 0),
    });
}

/// Loads the settings: finds and reads the file, lays variables and flags over it.
///
/// Reads the settings file and, for the context `env`, `~/.mlflow/credentials`; asks no server and
/// fetches no secret. Whether secrets are there and private is [`check`]'s to tell.
pub fn load(overrides: &Overrides, environment: &Environment) -> Loaded {
    let mut report = path(overrides, environment);
    let Some(file) = report.path.clone() else {
        return assemble(report, None, overrides, environment);
    };
    match read_text(&file) {
        Ok(text) => {
            report.exists = true;
            assemble(report, Some(Ok(text)), overrides, environment)
        }
        // The usual place may be empty; a file that was asked for may not.
        Err(Refusal::Missing) if report.origin == Origin::Default => {
            assemble(report, None, overrides, environment)
        }
        Err(refusal) => {
            let what = match refusal {
                Refusal::Missing => "there is no such file".to_owned(),
                Refusal::Other(what) => what,
            };
            let problem = Problem::new(Kind::Unreadable, format!("{}: {what}", file.display()))
                .expected("a readable settings file");
            let place = match &report.origin {
                Origin::Default => Origin::whole(&read::shown_path(&file)),
                asked => asked.clone(),
            };
            assemble(
                report,
                Some(Err(problem.at(&place))),
                overrides,
                environment,
            )
        }
    }
}

/// Loads settings from text in place of a file; `file` is the name mistakes are reported under.
pub fn load_text(
    file: &str,
    text: &str,
    overrides: &Overrides,
    environment: &Environment,
) -> Loaded {
    let report = PathReport {
        path: Some(PathBuf::from(file)),
        origin: Origin::Default,
        exists: true,
    };
    assemble(report, Some(Ok(text.to_owned())), overrides, environment)
}

enum Refusal {
    Missing,
    Other(String),
}

fn read_text(file: &Path) -> Result<String, Refusal> {
    let refuse = |e: std::io::Error| match e.kind() {
        std::io::ErrorKind::NotFound => Refusal::Missing,
        _ => Refusal::Other(e.to_string()),
    };
    let opened = std::fs::File::open(file).map_err(refuse)?;
    let mut bytes = Vec::new();
    opened
        .take(read::LARGEST + 1)
        .read_to_end(&mut bytes)
        .map_err(refuse)?;
    if bytes.len() as u64 > read::LARGEST {
        return Err(Refusal::Other(format!(
            "it is over {} MiB",
            read::LARGEST >> 20
        )));
    }
    String::from_utf8(bytes).map_err(|e| {
        let good = e.utf8_error().valid_up_to();
        let head = String::from_utf8_lossy(&e.as_bytes()[..good]);
        let line = head.matches('\n').count() + 1;
        Refusal::Other(format!("line {line} is not UTF-8"))
    })
}

fn assemble(
    file: PathReport,
    text: Option<Result<String, Diagnostic>>,
    overrides: &Overrides,
    environment: &Environment,
) -> Loaded {
    let mut tree = Tree::default();
    let mut found = Vec::new();
    let name = file
        .path
        .as_deref()
        .map_or_else(|| "the settings file".to_owned(), read::shown_path);
    let unread = match text {
        Some(Ok(text)) => {
            let base = read::Base {
                folder: file
                    .path
                    .as_deref()
                    .and_then(Path::parent)
                    .map(Path::to_owned)
                    .unwrap_or_default(),
                home: environment.home().map(Path::to_owned),
            };
            found = read::read(&name, &text, &base, &mut tree);
            found.iter().any(|d| d.kind == Kind::Syntax)
        }
        Some(Err(diagnostic)) => {
            found.push(diagnostic);
            true
        }
        None => false,
    };
    build::reserve_names(&tree, &mut found);
    layers::apply(&mut tree, overrides, environment, &mut found);
    implicit::add(&mut tree, overrides, environment, &mut found);
    layers::share_models(&mut tree);
    gates::share(&mut tree);
    monitoring::fill(&mut tree);
    tree.fill(&table::ROOT, &[]);
    if !unread {
        // What a file that could not be read would have said of contexts is not known.
        layers::choose(&mut tree, overrides, &Origin::whole(&name), &mut found);
    }
    layers::limit_writes(&mut tree, overrides, environment, &mut found);
    let settings = build::settings(&tree, &mut found);
    sort(&mut found);
    found.dedup();
    Loaded {
        settings: Some(settings).filter(|_| !found.iter().any(Diagnostic::is_error)),
        diagnostics: found,
        file,
        tree,
    }
}
