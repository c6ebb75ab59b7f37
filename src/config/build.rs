//! Settings from the effective values, and the checks that need more than one of them.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::diagnostic::{Diagnostic, Kind, Origin, Problem};
use super::gates;
use super::implicit::RESERVED;
use super::layers::{self, writes_word};
use super::monitoring::{self, kind_of};
use super::tree::{Path, Segment, Setting, Tree, dotted, join, path};
use super::writing;
use crate::domain::key::DeploymentKind;
use crate::domain::settings::{
    Auth, Console, Context, DeploymentSettings, Follows, ModelSettings, Policy, Rollout, Settings,
    SourceKind, SourceSettings, Tls, VersionMap,
};
use crate::domain::text::Clean;

/// Builds the settings. They are worth something only if nothing found is an error.
pub(super) fn settings(tree: &Tree, found: &mut Vec<Diagnostic>) -> Settings {
    let console = path(&["console"]);
    let text = |key| tree.text(&console, key);
    let fallback = Console::default();
    let contexts: BTreeMap<String, Arc<Context>> = tree
        .names(&path(&["contexts"]))
        .into_iter()
        .map(|name| {
            let context = context(tree, &name, found);
            (name, Arc::new(context))
        })
        .collect();
    gates::unasked(tree, &contexts, found);
    Settings {
        contexts,
        context: tree.text(&[], "context").unwrap_or_default(),
        console: Console {
            theme: text("theme").unwrap_or(fallback.theme),
            symbols: text("symbols").unwrap_or(fallback.symbols),
            color: text("color").unwrap_or(fallback.color),
            mouse: tree.flag(&console, "mouse").unwrap_or(fallback.mouse),
        },
        keys: keys(tree),
    }
}

/// Keys by command id.
pub(super) fn keys(tree: &Tree) -> BTreeMap<String, Vec<String>> {
    let at = path(&["keys"]);
    tree.names(&at)
        .into_iter()
        .map(|id| {
            let chords = tree.words(&at, &id);
            (id, chords)
        })
        .collect()
}

/// Refuses names that flags and variables use, before those add their own contexts.
pub(super) fn reserve_names(tree: &Tree, found: &mut Vec<Diagnostic>) {
    for name in tree.names(&path(&["contexts"])) {
        if RESERVED.contains(&name.as_str())
            && let Some(entry) = tree.entry(&path(&["contexts", &name]))
        {
            found.push(
                Problem::new(
                    Kind::Conflict,
                    format!("the context name `{name}` is reserved"),
                )
                .expected("another name")
                .at(&entry.origin),
            );
        }
    }
}

fn context(tree: &Tree, name: &str, found: &mut Vec<Diagnostic>) -> Context {
    let table = path(&["contexts", name]);
    let hooks_at = join(&table, "hooks");
    let mut taken: BTreeMap<String, Origin> = BTreeMap::new();
    let mut sources = Vec::new();
    let mut deployments = Vec::new();
    for list in ["sources", "deployments"] {
        let list = join(&table, list);
        for id in tree.names(&list) {
            let here = join(&list, &id);
            let origin = tree
                .entry(&here)
                .map_or(Origin::Default, |e| e.origin.clone());
            if let Some(first) = taken.insert(id.clone(), origin.clone()) {
                found.push(
                    Problem::new(
                        Kind::Duplicate,
                        format!("`{}` has the name of a source, at {first}", dotted(&here)),
                    )
                    .expected("names that are unique in the context")
                    .at(&origin),
                );
            }
            if list.last().is_some_and(|l| l == "deployments") {
                let deployment = deployment(tree, &here);
                writing::check_hook(tree, &here, &hooks_at, found);
                sources.push(source(
                    tree,
                    &here,
                    SourceKind::Serving(deployment.kind),
                    found,
                ));
                deployments.push(deployment);
            } else {
                let kind = kind_of(tree, &here);
                monitoring::check(tree, &here, kind, found);
                sources.push(source(tree, &here, kind, found));
            }
        }
    }
    if sources.is_empty()
        && !told(found, &table)
        && let Some(entry) = tree.entry(&table)
    {
        found.push(
            Problem::new(Kind::Missing, format!("context `{name}` has no sources"))
                .expected(format!(
                    "[[{0}.sources]] or [[{0}.deployments]]",
                    dotted(&table)
                ))
                .doubt_at(&entry.origin),
        );
    }
    let gates_at = join(&table, "gates");
    let models_at = join(&table, "models");
    let models: BTreeMap<String, ModelSettings> = tree
        .names(&models_at)
        .into_iter()
        .map(|model| {
            let at = join(&models_at, &model);
            let settings = model_settings(tree, &at, &gates_at, found);
            (model, settings)
        })
        .collect();
    let policy = policy(tree, &join(&table, "policy"), &gates_at, found);
    let hooks = writing::hooks(tree, &hooks_at, &sources, found);
    Context {
        name: Clean::name(name),
        writes: writes_word(tree.text(&table, "writes").as_deref().unwrap_or_default()),
        allowing_writes: layers::allowing_writes(tree, &table, name),
        claims: tree.text(&table, "claims").map(|word| word == "on"),
        protected: tree.flag(&table, "protected").unwrap_or(true),
        simulated: false,
        sources,
        deployments,
        models,
        gates: gates::gates(tree, &gates_at, found),
        policy,
        hooks,
    }
}

/// Whether an error below a table has been told: what it took away is then not told as missing.
pub(super) fn told(found: &[Diagnostic], table: &[Segment]) -> bool {
    let below = format!("`{}.", dotted(table));
    let itself = format!("`{}`", dotted(table));
    found.iter().any(|d| {
        let what = d.what.as_str();
        d.is_error() && (what.contains(&below) || what.contains(&itself))
    })
}

fn policy(
    tree: &Tree,
    at: &[Segment],
    gates_at: &[Segment],
    found: &mut Vec<Diagnostic>,
) -> Policy {
    let fallback = Policy::default();
    Policy {
        champion: tree.text(at, "champion").unwrap_or(fallback.champion),
        challenger: tree.text(at, "challenger").unwrap_or(fallback.challenger),
        rollout_grace: tree
            .duration(at, "rollout_grace")
            .unwrap_or(fallback.rollout_grace),
        stuck_after: tree
            .duration(at, "stuck_after")
            .unwrap_or(fallback.stuck_after),
        stale_after_polls: tree
            .count(at, "stale_after_polls")
            .unwrap_or(fallback.stale_after_polls),
        down_after_polls: tree
            .count(at, "down_after_polls")
            .unwrap_or(fallback.down_after_polls),
        slow_probe: tree
            .duration(at, "slow_probe")
            .unwrap_or(fallback.slow_probe),
        max_model_age: tree.duration(at, "max_model_age"),
        gates: gates::named(tree, at, gates_at, found),
        allowed_signers: tree.file(at, "allowed_signers"),
        signals: monitoring::signal_policy(tree, &join(at, "signals"), found),
        writing: writing::policy(tree, at),
    }
}

fn model_settings(
    tree: &Tree,
    at: &[Segment],
    gates_at: &[Segment],
    found: &mut Vec<Diagnostic>,
) -> ModelSettings {
    ModelSettings {
        owner: tree.text(at, "owner"),
        runbook: tree.text(at, "runbook"),
        metric: tree.text(at, "metric"),
        higher_is_better: tree.flag(at, "higher_is_better"),
        deployments: tree.words(at, "deployments"),
        pipeline: tree.text(at, "pipeline"),
        max_age: tree.duration(at, "max_age"),
        lines: monitoring::lines(tree, &join(at, "lines"), found),
        job_every: tree.duration(at, "job_every"),
        cadence: tree.duration(at, "cadence"),
        importances: monitoring::numbers(tree, &join(at, "importances")),
        floors: monitoring::floors(tree, &join(at, "floors"), found),
        ceilings: monitoring::numbers(tree, &join(at, "ceilings")),
        gates: gates::named(tree, at, gates_at, found).unwrap_or_default(),
        order: writing::order(tree, at),
    }
}

fn deployment(tree: &Tree, at: &[Segment]) -> DeploymentSettings {
    let text = |key| tree.text(at, key);
    let word = text("kind").unwrap_or_default();
    let kind = DeploymentKind::ALL
        .into_iter()
        .find(|k| k.word() == word)
        .unwrap_or(DeploymentKind::V2);
    DeploymentSettings {
        name: text("name").unwrap_or_default(),
        kind,
        url: text("url").unwrap_or_default(),
        model: text("model"),
        served_name: text("served_name"),
        follows: match tree.get(at, "follows").map(|e| &e.setting) {
            Some(Setting::Follows(follows)) => follows.clone(),
            _ => Follows::Default,
        },
        environment: text("environment"),
        version_map: match tree.get(at, "version_map").map(|e| &e.setting) {
            Some(Setting::VersionMap(map)) => Some(map.clone()),
            _ => None::<VersionMap>,
        },
        declared_version: text("version"),
        hold: text("hold"),
        rollout: match text("rollout").as_deref() {
            Some("external") => Rollout::External,
            Some("v2-load") => Rollout::V2Load,
            Some("hook") => Rollout::Hook,
            _ => Rollout::None,
        },
        hook: text("hook"),
    }
}

fn source(tree: &Tree, at: &Path, kind: SourceKind, found: &mut Vec<Diagnostic>) -> SourceSettings {
    let text = |key| tree.text(at, key);
    let monitoring = monitoring::monitoring(tree, at, kind, found);
    let url = match &monitoring.folder {
        // Identities and messages name it as they name a server.
        Some(folder) => format!("file://{}", folder.display()),
        None => text("url").unwrap_or_default(),
    };
    let defaults = SourceSettings::new(&text("name").unwrap_or_default(), kind, &url);
    let headers_at = join(at, "headers");
    let tenant = text("tenant").map(|tenant| ("X-Scope-OrgID".to_owned(), tenant));
    let headers = tree
        .names(&headers_at)
        .into_iter()
        .filter_map(
            |name| match tree.get(&headers_at, &name).map(|e| &e.setting) {
                Some(Setting::Header(value)) => Some((name, value.clone())),
                _ => None,
            },
        )
        .chain(tenant)
        .collect();
    let settings = SourceSettings {
        auth: auth(tree, &join(at, "auth"), kind, found),
        tls: tls(tree, &join(at, "tls"), found),
        headers,
        host_header: text("host_header"),
        workspace: text("workspace"),
        every: tree.duration(at, "every").unwrap_or(defaults.every),
        timeout: tree.duration(at, "timeout").unwrap_or(defaults.timeout),
        probe_timeout: tree.duration(at, "probe_timeout"),
        max_answer: match tree.get(at, "max_answer").map(|e| &e.setting) {
            Some(Setting::Bytes(size)) => *size,
            _ => defaults.max_answer,
        },
        required: tree.flag(at, "required").unwrap_or(defaults.required),
        monitoring,
        ..defaults
    };
    if settings.auth != Auth::None
        && is_plain_and_remote(&settings.url)
        && let Some(entry) = tree.get(at, "url")
    {
        found.push(
            Problem::new(
                Kind::Insecure,
                format!("`{}` sends credentials over plain http", dotted(at)),
            )
            .expected("an https URL")
            .doubt_at(entry.parts.first().unwrap_or(&entry.origin)),
        );
    }
    settings
}

fn is_plain_and_remote(url: &str) -> bool {
    reqwest::Url::parse(url).is_ok_and(|url| {
        let host = url.host_str().unwrap_or_default();
        let near = host == "localhost"
            || host.ends_with(".localhost")
            || host
                .trim_matches(['[', ']'])
                .parse::<std::net::IpAddr>()
                .is_ok_and(|ip| ip.is_loopback());
        url.scheme() == "http" && !near
    })
}

fn auth(tree: &Tree, at: &Path, kind: SourceKind, found: &mut Vec<Diagnostic>) -> Auth {
    let Some(place) = tree.entry(at).map(|e| e.origin.clone()) else {
        return Auth::None;
    };
    let mut refuse = |kind, what: String, expected: &str| {
        found.push(Problem::new(kind, what).expected(expected).at(&place));
        Auth::None
    };
    let (basic_at, login_at) = (join(at, "basic"), join(at, "login"));
    let bearer = tree.secret(at, "bearer");
    let pair = |at: &[Segment]| Some((tree.secret(at, "user")?, tree.secret(at, "password")?));
    match (tree.entry(&basic_at), bearer, tree.entry(&login_at)) {
        (None, Some(token), None) => Auth::Bearer(token),
        // What is missing or wrong in the two has been told where it was read.
        (Some(_), None, None) => pair(&basic_at).map_or(Auth::None, |(user, password)| {
            Auth::Basic { user, password }
        }),
        (None, None, Some(_)) if kind != SourceKind::Airflow => {
            let what = format!(
                "`{}` means nothing for a source of the kind {kind}",
                dotted(&login_at)
            );
            refuse(Kind::Conflict, what, "it with kind = \"airflow\"")
        }
        (None, None, Some(_)) => pair(&login_at).map_or(Auth::None, |(user, password)| {
            Auth::Login { user, password }
        }),
        (None, None, None) => {
            // A bearer that was refused has been told already; an empty table has not.
            if told(found, at) {
                return Auth::None;
            }
            let what = format!("`{}` says nothing", dotted(at));
            found.push(
                Problem::new(Kind::Missing, what)
                    .expected("`basic` or `bearer`")
                    .at(&place),
            );
            Auth::None
        }
        (basic, bearer, login) => {
            let named = [
                ("basic", basic.is_some()),
                ("bearer", bearer.is_some()),
                ("login", login.is_some()),
            ];
            let named: Vec<&str> = named.iter().filter(|n| n.1).map(|n| n.0).collect();
            let what = match named.as_slice() {
                [one, other] => format!("`{}` is both {one} and {other}", dotted(at)),
                _ => format!("`{}` is {}", dotted(at), named.join(", ")),
            };
            refuse(Kind::Conflict, what, "one of them")
        }
    }
}

fn tls(tree: &Tree, at: &[Segment], found: &mut Vec<Diagnostic>) -> Tls {
    let insecure = tree.flag(at, "insecure").unwrap_or(false);
    if insecure && let Some(entry) = tree.get(at, "insecure") {
        found.push(
            Problem::new(
                Kind::Insecure,
                format!(
                    "`{}` accepts any certificate, so anyone may answer",
                    dotted(at)
                ),
            )
            .expected("`ca_file` with the server's authority")
            .doubt_at(&entry.origin),
        );
    }
    Tls {
        ca_file: tree.file(at, "ca_file"),
        client_cert: tree.file(at, "client_cert"),
        insecure,
    }
}
