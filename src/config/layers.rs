//! The layers above the file: `QUARTERDECK_*` variables, then flags; and which context they leave
//! to enter, with what writes.

use std::fmt;
use std::path::PathBuf;

use super::diagnostic::{Diagnostic, Kind, Origin, Problem};
use super::environment::Environment;
use super::table::{OTHER_VARIABLES, ROOT, Row, Section, Shape};
use super::tree::{Path, Segment, Setting, Tree, join, path};
use super::value;
use crate::domain::near::nearest;
use crate::domain::settings::Writes;
use crate::domain::text::{Clean, without_credentials};

/// What the program's own variables begin with.
const PREFIX: &str = "QUARTERDECK_";
/// The variable that is `--context`.
const CONTEXT: &str = "QUARTERDECK_CONTEXT";
/// The variable that is `--read-only`.
const READ_ONLY: &str = "QUARTERDECK_READ_ONLY";

/// What the command line says. `Default` says nothing.
#[derive(Clone, PartialEq, Default)]
pub struct Overrides {
    /// `--config PATH`: in place of the usual file.
    pub config: Option<PathBuf>,
    /// `--context NAME`.
    pub context: Option<String>,
    /// `--mlflow URL`: a server of the context `flags`.
    pub mlflow: Option<String>,
    /// `--serving NAME=KIND+URL`: endpoints of the context `flags`.
    pub serving: Vec<String>,
    /// `--prometheus URL`.
    pub prometheus: Option<String>,
    /// `--alertmanager URL`.
    pub alertmanager: Option<String>,
    /// `--evidently URL_OR_FOLDER`.
    pub evidently: Option<String>,
    /// `--grafana URL`.
    pub grafana: Option<String>,
    /// `--theme NAME`.
    pub theme: Option<String>,
    /// `--symbols WORD`.
    pub symbols: Option<String>,
    /// `--color WORD`.
    pub color: Option<String>,
    /// `--mouse on|off`.
    pub mouse: Option<bool>,
    /// `--writes MODE`: for the contexts `flags` and `env`; tightens any other.
    pub writes: Option<Writes>,
    /// `--read-only`: writes off in every context.
    pub read_only: bool,
    /// The command needs no context, or brings its own: none is then no mistake.
    pub contextless: bool,
}

impl Overrides {
    /// Whether the flags describe a context.
    pub fn names_servers(&self) -> bool {
        self.first_server().is_some()
    }

    /// The servers that flags name, but for serving endpoints: kind and URL. The flag and the
    /// source's name follow from the kind.
    pub(super) fn servers(&self) -> impl Iterator<Item = (&'static str, &str)> {
        [
            ("mlflow", &self.mlflow),
            ("prometheus", &self.prometheus),
            ("alertmanager", &self.alertmanager),
            ("evidently", &self.evidently),
            ("grafana", &self.grafana),
        ]
        .into_iter()
        .filter_map(|(kind, url)| Some((kind, url.as_deref()?)))
    }

    /// The flag that is told as the context's origin.
    fn first_server(&self) -> Option<String> {
        let serving = (!self.serving.is_empty()).then_some("serving");
        let kind = self.servers().map(|(kind, _)| kind).next().or(serving)?;
        Some(format!("--{kind}"))
    }
}

/// URLs are shown without the credentials that may stand in them.
impl fmt::Debug for Overrides {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let serving: Vec<String> = self
            .serving
            .iter()
            .map(|s| without_credentials(s))
            .collect();
        f.debug_struct("Overrides")
            .field("config", &self.config)
            .field("context", &self.context)
            .field(
                "servers",
                &self
                    .servers()
                    .map(|(kind, url)| (kind, without_credentials(url)))
                    .collect::<Vec<_>>(),
            )
            .field("serving", &serving)
            .field("theme", &self.theme)
            .field("symbols", &self.symbols)
            .field("color", &self.color)
            .field("mouse", &self.mouse)
            .field("writes", &self.writes)
            .field("read_only", &self.read_only)
            .field("contextless", &self.contextless)
            .finish_non_exhaustive()
    }
}

/// Every row that a variable or flag can override, with its path.
pub(super) fn overridable() -> Vec<(Path, &'static Row)> {
    fn walk(section: &'static Section, at: &Path, out: &mut Vec<(Path, &'static Row)>) {
        for row in section.rows() {
            let here = join(at, row.key);
            if let Shape::Table(inner) = row.shape {
                walk(inner, &here, out);
            } else if !row.variable.is_empty() || !row.flag.is_empty() {
                out.push((here, row));
            }
        }
    }
    let mut out = Vec::new();
    walk(&ROOT, &Vec::new(), &mut out);
    out
}

/// Lays variables, then flags, over the file.
pub(super) fn apply(
    tree: &mut Tree,
    overrides: &Overrides,
    environment: &Environment,
    found: &mut Vec<Diagnostic>,
) {
    let mut known: Vec<&str> = OTHER_VARIABLES.iter().map(|(name, _)| *name).collect();
    for (here, row) in overridable() {
        known.push(row.variable);
        let variable = environment
            .get(row.variable)
            .map(|text| (text.to_owned(), Origin::Variable(row.variable.to_owned())));
        let flag =
            flag_text(overrides, row.flag).map(|text| (text, Origin::Flag(row.flag.to_owned())));
        for (text, origin) in [variable, flag].into_iter().flatten() {
            match value::from_text(row.shape, &text) {
                Ok(setting) => tree.set(here.clone(), setting, origin),
                Err(problem) => found.push(problem.at(&origin)),
            }
        }
    }
    for name in environment.names_with(PREFIX) {
        // Secrets may be kept under any name, so only a near miss is worth a word.
        if known.contains(&name) {
            continue;
        }
        let bare = |name: &str| name.trim_start_matches(PREFIX).to_owned();
        let bares: Vec<String> = known.iter().map(|k| bare(k)).collect();
        if let Some(near) = nearest(&bare(name), bares.iter().map(String::as_str)) {
            let origin = Origin::Variable(name.to_owned());
            found.push(
                Problem::new(Kind::UnknownKey, "no such variable is read")
                    .meant(Some(format!("{PREFIX}{near}")))
                    .doubt_at(&origin),
            );
        }
    }
}

fn flag_text(overrides: &Overrides, flag: &str) -> Option<String> {
    match flag {
        "--context" => overrides.context.clone(),
        "--theme" => overrides.theme.clone(),
        "--symbols" => overrides.symbols.clone(),
        "--color" => overrides.color.clone(),
        "--mouse" => overrides.mouse.map(|m| m.to_string()),
        _ => None,
    }
}

/// Lays `[models]` of the whole file under each context's own.
pub(super) fn share_models(tree: &mut Tree) {
    let shared: Vec<(Path, super::tree::Entry)> = tree
        .below(&path(&["models"]))
        .into_iter()
        .map(|(p, e)| (p, e.clone()))
        .collect();
    for context in tree.names(&path(&["contexts"])) {
        for (at, entry) in &shared {
            let mut here = path(&["contexts", &context]);
            here.extend(at.iter().cloned());
            if tree.entry(&here).is_none() {
                let entry = entry.clone();
                tree.set_list(here, entry.setting, entry.origin, entry.parts);
            }
        }
    }
    for (at, _) in shared {
        tree.remove(&at);
    }
    tree.remove(&path(&["models"]));
}

/// The context that flags or the environment ask for by name, before any file is read: what was last known of
/// it can be read meanwhile. `None` leaves it to the file.
pub fn asked_context(overrides: &Overrides, environment: &Environment) -> Option<String> {
    if overrides.context.is_some() {
        return overrides.context.clone();
    }
    if overrides.names_servers() {
        return Some(super::implicit::FLAGS.to_owned());
    }
    environment.get(CONTEXT).map(ToOwned::to_owned)
}

/// Decides which context is entered, and writes it into the tree.
///
/// `--context`; the servers named by flags; `QUARTERDECK_CONTEXT`; the file's `context`; the only
/// one of the file; the one made from a vendor's variables.
pub(super) fn choose(
    tree: &mut Tree,
    overrides: &Overrides,
    file: &Origin,
    found: &mut Vec<Diagnostic>,
) {
    let key = path(&["context"]);
    let all = tree.names(&path(&["contexts"]));
    let own: Vec<&String> = all
        .iter()
        .filter(|n| !super::implicit::RESERVED.contains(&n.as_str()))
        .collect();
    let wanted = tree.text(&[], "context");
    if let Some(flag) = overrides.first_server()
        && overrides.context.is_none()
    {
        let origin = Origin::Flag(flag);
        tree.set(
            key,
            Setting::Text(super::implicit::FLAGS.to_owned()),
            origin,
        );
        return;
    }
    let Some(wanted) = wanted else {
        let chosen = match (
            own.as_slice(),
            all.iter().any(|n| n == super::implicit::ENV),
        ) {
            ([one], _) => Some((*one).clone()),
            (_, true) => Some(super::implicit::ENV.to_owned()),
            _ => None,
        };
        if let Some(chosen) = chosen {
            tree.set(key, Setting::Text(chosen), Origin::Implicit);
        } else if !overrides.contextless && own.is_empty() {
            // A context that was refused has its own diagnostic; a second one would mislead.
            if !found.iter().any(Diagnostic::is_error) {
                found.push(
                    Problem::new(Kind::NoContext, "nothing says which servers to look at")
                        .expected(format!(
                            "--mlflow URL, MLFLOW_TRACKING_URI, or a context in {file}; `quarterdeck demo` needs none"
                        ))
                        .at(&Origin::Default),
                );
            }
        } else if !overrides.contextless {
            let names: Vec<&str> = own.iter().map(|s| s.as_str()).collect();
            found.push(
                Problem::new(
                    Kind::NoContext,
                    "there are several contexts and none is chosen",
                )
                .expected(format!(
                    "--context or `context` as one of {}",
                    names.join(", ")
                ))
                .at(file),
            );
        }
        return;
    };
    // A reserved context that is not there was refused for a reason that has been told.
    let refused = super::implicit::RESERVED.contains(&wanted.as_str())
        && found.iter().any(Diagnostic::is_error);
    if !all.contains(&wanted) && !overrides.contextless && !refused {
        let origin = tree.entry(&key).map_or(Origin::Default, |e| {
            e.parts.first().unwrap_or(&e.origin).clone()
        });
        let known: Vec<&str> = all.iter().map(String::as_str).collect();
        let expected = if known.is_empty() {
            "a context that is configured; there is none".to_owned()
        } else {
            format!("one of {}", known.join(", "))
        };
        found.push(
            Problem::new(Kind::BadValue, format!("there is no context \"{wanted}\""))
                .expected(expected)
                .meant(nearest(&wanted, known.iter().copied()).map(|n| format!("\"{n}\"")))
                .at(&origin),
        );
    }
}

/// Tightens the writes of each context by flag and variable; nothing here lifts `off` of a named one.
pub(super) fn limit_writes(
    tree: &mut Tree,
    overrides: &Overrides,
    environment: &Environment,
    found: &mut Vec<Diagnostic>,
) {
    let read_only = read_only(overrides, environment, found);
    let entered = tree.text(&[], "context");
    for context in tree.names(&path(&["contexts"])) {
        let table = path(&["contexts", &context]);
        let key = join(&table, "writes");
        let before = writes_word(tree.text(&table, "writes").as_deref().unwrap_or("off"));
        let implicit = super::implicit::RESERVED.contains(&context.as_str());
        if let Some(origin) = &read_only {
            if before != Writes::Off || implicit {
                tree.set(key, Setting::Text("off".to_owned()), origin.clone());
            }
        } else if let Some(wanted) = overrides.writes {
            let origin = Origin::Flag("--writes".to_owned());
            if implicit || rank(wanted) < rank(before) {
                tree.set(key, Setting::Text(word_of(wanted).to_owned()), origin);
            } else if rank(wanted) > rank(before) && entered.as_ref() == Some(&context) {
                let set = tree
                    .get(&table, "writes")
                    .map_or(Origin::Default, |e| e.origin.clone());
                found.push(
                    Problem::new(
                        Kind::Conflict,
                        format!(
                            "context `{context}` has writes = \"{}\" ({set}), which no flag lifts",
                            word_of(before)
                        ),
                    )
                    .doubt_at(&origin),
                );
            }
        }
    }
}

fn read_only(
    overrides: &Overrides,
    environment: &Environment,
    found: &mut Vec<Diagnostic>,
) -> Option<Origin> {
    if overrides.read_only {
        return Some(Origin::Flag("--read-only".to_owned()));
    }
    let text = environment.get(READ_ONLY)?;
    let origin = Origin::Variable(READ_ONLY.to_owned());
    match value::from_text(Shape::Flag, text) {
        Ok(Setting::Flag(false)) => None,
        Ok(_) => Some(origin),
        Err(problem) => {
            found.push(problem.at(&origin));
            Some(origin)
        }
    }
}

/// What would allow writes in a context, in words: by what says how it is now.
pub(super) fn allowing_writes(tree: &Tree, table: &[Segment], name: &str) -> Clean {
    let implicit = super::implicit::RESERVED.contains(&name);
    let said = tree.get(table, "writes").map(|entry| &entry.origin);
    let origin = said.or(tree.entry(table).map(|entry| &entry.origin));
    Clean::text(&match origin {
        Some(Origin::Flag(flag)) if flag == "--read-only" => format!("start without {flag}"),
        Some(Origin::Variable(variable)) if variable == READ_ONLY => {
            format!("start without {variable} in the environment")
        }
        Some(Origin::Flag(flag)) if flag == "--writes" && !implicit => {
            format!("start without {flag} off")
        }
        _ if implicit => "start with --writes confirm".to_owned(),
        Some(at @ Origin::File { .. }) => {
            format!("set writes = \"confirm\" under [contexts.{name}] ({at})")
        }
        Some(Origin::Variable(variable)) => format!("set {variable}=confirm"),
        _ => format!("set writes = \"confirm\" under [contexts.{name}]"),
    })
}

/// A mode from its word; what is no mode is no permission.
pub(super) fn writes_word(word: &str) -> Writes {
    match word {
        "armed" => Writes::Armed,
        "confirm" => Writes::Confirm,
        _ => Writes::Off,
    }
}

fn word_of(writes: Writes) -> &'static str {
    match writes {
        Writes::Off => "off",
        Writes::Armed => "armed",
        Writes::Confirm => "confirm",
    }
}

fn rank(writes: Writes) -> u8 {
    match writes {
        Writes::Off => 0,
        Writes::Armed => 1,
        Writes::Confirm => 2,
    }
}
