//! Contexts without a file: `flags` from `--mlflow`, `--serving` and the flags of monitoring systems,
//! `env` from MLflow's own variables and credentials file.
//!
//! A vendor's variables never alter a named context, and its credentials go only to the URI they
//! came with.

use std::path::PathBuf;
use std::time::Duration;

use super::diagnostic::{Diagnostic, Kind, Origin, Problem};
use super::environment::Environment;
use super::layers::Overrides;
use super::table::Shape;
use super::tree::{Path, Segment, Setting, Tree, join, path};
use super::value;
use crate::domain::key::DeploymentKind;
use crate::domain::settings::SecretRef;

/// The context that flags make.
pub(super) const FLAGS: &str = "flags";
/// The context that a vendor's variables make.
pub(super) const ENV: &str = "env";
/// Names that a file may not give to a context.
pub(super) const RESERVED: [&str; 3] = [FLAGS, ENV, "demo"];
/// The name of the one source such a context has.
const SOURCE: &str = "mlflow";

/// What MLflow's own variables say, read as MLflow's client reads them.
pub(super) struct Vendor {
    url: Option<String>,
    /// Values below the source's table.
    values: Vec<(&'static [&'static str], Setting, Origin)>,
    found: Vec<Diagnostic>,
}

impl Vendor {
    /// Reads the variables; `None` without a tracking URI.
    pub(super) fn read(environment: &Environment) -> Option<Self> {
        let text = environment.get("MLFLOW_TRACKING_URI")?;
        let origin = variable("MLFLOW_TRACKING_URI");
        let mut vendor = Self {
            url: None,
            values: Vec::new(),
            found: Vec::new(),
        };
        match value::url(text) {
            Ok(located) => {
                vendor
                    .values
                    .push((&["url"], Setting::Text(located.url.clone()), origin.clone()));
                vendor.credentials(environment, located.credentials, &origin);
                vendor.registry(environment, &located.url);
                vendor.url = Some(located.url);
            }
            Err(problem) => vendor.found.push(problem.at(&origin)),
        }
        vendor.certificates(environment);
        vendor.rest(environment);
        Some(vendor)
    }

    fn credentials(
        &mut self,
        environment: &Environment,
        in_url: Option<(String, String)>,
        url_origin: &Origin,
    ) {
        for (name, refused) in [
            (
                "MLFLOW_TRACKING_AWS_SIGV4",
                "signing for AWS (SigV4) is not supported",
            ),
            (
                "MLFLOW_TRACKING_AUTH",
                "authentication plugins are not supported",
            ),
        ] {
            let off = |v: &str| ["false", "0", ""].contains(&v.to_ascii_lowercase().as_str());
            if environment.get(name).is_some_and(|v| !off(v)) {
                self.found.push(
                    Problem::new(Kind::Unsupported, refused)
                        .expected("a user with a password, or a token")
                        .at(&variable(name)),
                );
            }
        }
        let ini = Credentials::read(environment);
        let user = part(environment, &ini, "MLFLOW_TRACKING_USERNAME");
        let password = part(environment, &ini, "MLFLOW_TRACKING_PASSWORD");
        let token = environment.get("MLFLOW_TRACKING_TOKEN").is_some();
        match (user, password) {
            // User and password win over the token, as in MLflow's client.
            (Some((user, from)), Some((password, also_from))) => {
                self.basic(user, from, password, also_from);
            }
            _ if token => {
                let name = "MLFLOW_TRACKING_TOKEN";
                self.values.push((
                    &["auth", "bearer"],
                    Setting::Secret(SecretRef::Env(name.to_owned())),
                    variable(name),
                ));
            }
            (Some((_, origin)), None) => self.found.push(
                Problem::new(
                    Kind::Missing,
                    "there is a user and no password, so neither is sent",
                )
                .expected("MLFLOW_TRACKING_PASSWORD too")
                .doubt_at(&origin),
            ),
            (None, Some((_, origin))) => self.found.push(
                Problem::new(
                    Kind::Missing,
                    "there is a password and no user, so neither is sent",
                )
                .expected("MLFLOW_TRACKING_USERNAME too")
                .doubt_at(&origin),
            ),
            (None, None) => {
                if let Some((user, password)) = in_url {
                    self.found.push(
                        Problem::new(Kind::Secret, "the URI holds credentials")
                            .expected("MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD")
                            .doubt_at(url_origin),
                    );
                    self.basic(
                        SecretRef::Inline(user),
                        url_origin.clone(),
                        SecretRef::Inline(password),
                        url_origin.clone(),
                    );
                }
            }
        }
    }

    fn basic(&mut self, user: SecretRef, from: Origin, password: SecretRef, also_from: Origin) {
        self.values
            .push((&["auth", "basic", "user"], Setting::Secret(user), from));
        self.values.push((
            &["auth", "basic", "password"],
            Setting::Secret(password),
            also_from,
        ));
    }

    fn registry(&mut self, environment: &Environment, tracking: &str) {
        let name = "MLFLOW_REGISTRY_URI";
        let Some(text) = environment.get(name) else {
            return;
        };
        let same = value::url(text).is_ok_and(|l| l.url == tracking);
        if !same {
            self.found.push(
                Problem::new(
                    Kind::Unsupported,
                    "a registry apart from the tracker is not read; models are shown from MLFLOW_TRACKING_URI",
                )
                .expected("a settings file with both servers as sources")
                .doubt_at(&variable(name)),
            );
        }
    }

    fn certificates(&mut self, environment: &Environment) {
        let insecure = environment
            .get("MLFLOW_TRACKING_INSECURE_TLS")
            .is_some_and(|v| ["true", "1"].contains(&v.to_ascii_lowercase().as_str()));
        for (name, to) in [
            (
                "MLFLOW_TRACKING_SERVER_CERT_PATH",
                &["tls", "ca_file"] as &'static [_],
            ),
            ("MLFLOW_TRACKING_CLIENT_CERT_PATH", &["tls", "client_cert"]),
        ] {
            if let Some(file) = environment.get(name) {
                let file = Setting::File(PathBuf::from(file));
                self.values.push((to, file, variable(name)));
            }
        }
        if !insecure {
            return;
        }
        let origin = variable("MLFLOW_TRACKING_INSECURE_TLS");
        if environment
            .get("MLFLOW_TRACKING_SERVER_CERT_PATH")
            .is_some()
        {
            self.found.push(
                Problem::new(
                    Kind::Conflict,
                    "it contradicts MLFLOW_TRACKING_SERVER_CERT_PATH, as MLflow says too",
                )
                .expected("one of the two")
                .at(&origin),
            );
        } else {
            self.values
                .push((&["tls", "insecure"], Setting::Flag(true), origin));
        }
    }

    fn rest(&mut self, environment: &Environment) {
        let name = "MLFLOW_WORKSPACE";
        if let Some(text) = environment.get(name) {
            match value::name(text) {
                Ok(workspace) => {
                    let setting = Setting::Text(workspace);
                    self.values.push((&["workspace"], setting, variable(name)));
                }
                Err(problem) => self.found.push(problem.at(&variable(name))),
            }
        }
        let name = "MLFLOW_HTTP_REQUEST_TIMEOUT";
        if let Some(text) = environment.get(name) {
            match text.trim().parse::<u64>() {
                Ok(seconds) if (1..=86_400).contains(&seconds) => self.values.push((
                    &["timeout"],
                    Setting::Duration(Duration::from_secs(seconds)),
                    variable(name),
                )),
                _ => self.found.push(
                    Problem::new(Kind::BadValue, "it is no timeout")
                        .expected("whole seconds, from 1 to 86400")
                        .doubt_at(&variable(name)),
                ),
            }
        }
    }

    /// Writes the values below a source's table, those already set excepted.
    fn pour(&self, tree: &mut Tree, source: &[Segment]) {
        let own_auth = tree.names(&join(source, "auth"));
        for (key, setting, origin) in &self.values {
            if key[0] == "auth" && !own_auth.is_empty() {
                continue;
            }
            let mut here = source.to_vec();
            for segment in *key {
                here.push(Segment::new(segment));
                if here.len() < source.len() + key.len() && tree.entry(&here).is_none() {
                    tree.set(here.clone(), Setting::Section, origin.clone());
                }
            }
            tree.set(here, setting.clone(), origin.clone());
        }
    }
}

fn variable(name: &str) -> Origin {
    Origin::Variable(name.to_owned())
}

/// A credential from its variable, or from the credentials file under the same name in lower case.
fn part(environment: &Environment, ini: &Credentials, name: &str) -> Option<(SecretRef, Origin)> {
    if environment.get(name).is_some() {
        return Some((SecretRef::Env(name.to_owned()), variable(name)));
    }
    let key = name.to_ascii_lowercase();
    let (_, line) = ini.lines.iter().find(|(k, _)| *k == key)?;
    let origin = Origin::File {
        file: ini.file.to_string_lossy().as_ref().into(),
        line: *line,
        column: 1,
    };
    let file = ini.file.clone();
    Some((SecretRef::Ini { file, key }, origin))
}

/// The keys of `~/.mlflow/credentials`, section `[mlflow]`, with their lines; never the values.
#[derive(Default)]
struct Credentials {
    file: PathBuf,
    lines: Vec<(String, u32)>,
}

impl Credentials {
    fn read(environment: &Environment) -> Self {
        let Some(home) = environment.home() else {
            return Self::default();
        };
        let file = home.join(".mlflow").join("credentials");
        let text = std::fs::read_to_string(&file).unwrap_or_default();
        let mut section = String::new();
        let mut lines = Vec::new();
        for (number, line) in (1..).zip(text.lines()) {
            let line = line.trim();
            if let Some(name) = line.strip_prefix('[').and_then(|l| l.strip_suffix(']')) {
                name.trim().clone_into(&mut section);
            } else if section == "mlflow"
                && !line.starts_with(['#', ';'])
                && let Some((key, value)) = line.split_once(['=', ':'])
                && !value.trim().is_empty()
            {
                lines.push((key.trim().to_ascii_lowercase(), number));
            }
        }
        Self { file, lines }
    }
}

/// Adds the contexts `flags` and `env` to the tree, as far as flags and variables describe them.
///
/// A vendor's mistakes are told only where its variables are used: a named context owes them nothing.
pub(super) fn add(
    tree: &mut Tree,
    overrides: &Overrides,
    environment: &Environment,
    found: &mut Vec<Diagnostic>,
) {
    let vendor = Vendor::read(environment);
    if overrides.names_servers() {
        add_flags(tree, overrides, vendor.as_ref(), found);
    }
    let Some(vendor) = vendor else {
        return;
    };
    let wanted = tree.text(&[], "context");
    let own = tree
        .names(&path(&["contexts"]))
        .iter()
        .filter(|n| !RESERVED.contains(&n.as_str()))
        .count();
    let entered = match (&wanted, overrides.context.is_some()) {
        _ if overrides.contextless => false,
        (Some(name), true) => name == ENV,
        _ if overrides.names_servers() => false,
        (Some(name), _) => name == ENV,
        (None, _) => own != 1,
    };
    if entered {
        found.extend(vendor.found.iter().cloned());
    }
    let broken = vendor.found.iter().any(Diagnostic::is_error);
    if vendor.url.is_some() && (entered || !broken) {
        let origin = variable("MLFLOW_TRACKING_URI");
        let source = open(tree, ENV, "sources", SOURCE, &origin);
        vendor.pour(tree, &source);
    }
}

/// Makes an implicit context with one source or deployment, and gives the latter's path.
fn open(tree: &mut Tree, context: &str, list: &str, name: &str, origin: &Origin) -> Path {
    let table = path(&["contexts", context]);
    if tree.entry(&table).is_none() {
        tree.set(table.clone(), Setting::Section, origin.clone());
        tree.set(
            join(&table, "writes"),
            Setting::Text("off".to_owned()),
            Origin::Implicit,
        );
        tree.set(
            join(&table, "protected"),
            Setting::Flag(true),
            Origin::Implicit,
        );
    }
    let here = join(&join(&table, list), name);
    tree.set(here.clone(), Setting::Section, origin.clone());
    tree.set(
        join(&here, "name"),
        Setting::Text(name.to_owned()),
        origin.clone(),
    );
    here
}

fn add_flags(
    tree: &mut Tree,
    overrides: &Overrides,
    vendor: Option<&Vendor>,
    found: &mut Vec<Diagnostic>,
) {
    for (kind, text) in overrides.servers() {
        let origin = Origin::Flag(format!("--{kind}"));
        if let Err(problem) = server(tree, kind, text, &origin, vendor, found) {
            found.push(problem.at(&origin));
        }
    }
    for text in &overrides.serving {
        let origin = Origin::Flag("--serving".to_owned());
        if let Err(problem) = serving(tree, text, &origin, found) {
            found.push(problem.at(&origin));
        }
    }
}

/// One server of the context `flags`; its source has the name of its kind.
fn server(
    tree: &mut Tree,
    kind: &'static str,
    text: &str,
    origin: &Origin,
    vendor: Option<&Vendor>,
    found: &mut Vec<Diagnostic>,
) -> Result<(), Problem> {
    if kind == "evidently" && !text.contains("://") {
        let folder = value::from_text(Shape::File, text)?;
        let source = open(tree, FLAGS, "sources", kind, origin);
        let word = Setting::Text(kind.to_owned());
        tree.set(join(&source, "kind"), word, origin.clone());
        tree.set(join(&source, "path"), folder, origin.clone());
        return Ok(());
    }
    let located = value::url(text)?;
    let source = open(tree, FLAGS, "sources", kind, origin);
    let word = Setting::Text(kind.to_owned());
    tree.set(join(&source, "kind"), word, origin.clone());
    let url = Setting::Text(located.url.clone());
    tree.set(join(&source, "url"), url.clone(), origin.clone());
    credentials_from_flag(tree, &source, located.credentials, origin, found);
    if kind == SOURCE
        && let Some(vendor) = vendor.filter(|v| v.url.as_ref() == Some(&located.url))
    {
        vendor.pour(tree, &source);
        // The flag names the same server; it is the flag that chose it.
        tree.set(join(&source, "url"), url, origin.clone());
        found.extend(vendor.found.iter().cloned());
    }
    Ok(())
}

/// One `NAME=KIND+URL`.
fn serving(
    tree: &mut Tree,
    text: &str,
    origin: &Origin,
    found: &mut Vec<Diagnostic>,
) -> Result<(), Problem> {
    const WANTED: &str = "NAME=KIND+URL, such as fraud=v2+http://127.0.0.1:8080";
    let wrong = |what: String| Problem::new(Kind::BadValue, what).expected(WANTED);
    // Only the part before the URL is repeated: credentials may stand in the rest.
    let (name, rest) = text
        .split_once('=')
        .filter(|(name, _)| !name.contains("://"))
        .ok_or_else(|| wrong("an endpoint without a name".to_owned()))?;
    let name = value::name(name)?;
    let (kind, url) = rest
        .split_once('+')
        .filter(|(kind, _)| !kind.contains("://"))
        .ok_or_else(|| wrong(format!("endpoint `{name}` has no kind")))?;
    let kinds: Vec<&'static str> = DeploymentKind::ALL.iter().map(|k| k.word()).collect();
    if !kinds.contains(&kind) {
        let near = crate::domain::near::nearest(kind, kinds.iter().copied());
        return Err(Problem::new(
            Kind::BadValue,
            format!("endpoint `{name}`: there is no kind \"{kind}\""),
        )
        .expected(kinds.join(", "))
        .meant(near.map(|n| format!("\"{n}\""))));
    }
    let located = value::url(url).map_err(|mut problem| {
        problem.what = format!("endpoint `{name}`: {}", problem.what);
        problem
    })?;
    let taken = ["sources", "deployments"].iter().any(|list| {
        tree.entry(&path(&["contexts", FLAGS, list, &name]))
            .is_some()
    });
    if taken {
        return Err(
            Problem::new(Kind::Duplicate, format!("the name `{name}` is given twice"))
                .expected("a name for each server (`mlflow` is the name of --mlflow)"),
        );
    }
    let here = open(tree, FLAGS, "deployments", &name, origin);
    tree.set(
        join(&here, "kind"),
        Setting::Text(kind.to_owned()),
        origin.clone(),
    );
    tree.set(
        join(&here, "url"),
        Setting::Text(located.url),
        origin.clone(),
    );
    credentials_from_flag(tree, &here, located.credentials, origin, found);
    Ok(())
}

fn credentials_from_flag(
    tree: &mut Tree,
    source: &[Segment],
    credentials: Option<(String, String)>,
    origin: &Origin,
    found: &mut Vec<Diagnostic>,
) {
    let Some((user, password)) = credentials else {
        return;
    };
    found.push(
        Problem::new(
            Kind::Secret,
            "the URL holds credentials, which other users of this machine can read",
        )
        .expected("a settings file with `auth`")
        .doubt_at(origin),
    );
    let auth = join(source, "auth");
    let basic = join(&auth, "basic");
    tree.set(auth, Setting::Section, origin.clone());
    for (key, text) in [("user", user), ("password", password)] {
        // An empty password is one: a token may stand alone in the user's place.
        if let Ok(setting) = value::from_text(Shape::Secret { public: true }, &text) {
            tree.set(join(&basic, key), setting, origin.clone());
        }
    }
    tree.set(basic, Setting::Section, origin.clone());
}
