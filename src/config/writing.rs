//! The settings of writes from the effective values: the order of plans, what counts as good, convergence,
//! and the hooks, each of which has to be there for the deployments that name it.

use std::collections::BTreeMap;
use std::time::Duration;

use super::build::told;
use super::diagnostic::{Diagnostic, Kind, Origin, Problem};
use super::tree::{Segment, Tree, dotted, join};
use crate::domain::near::nearest;
use crate::domain::settings::{Hook, HookKind, SourceKind, SourceSettings};
use crate::domain::writing::{Convergence, Order, WritePolicy};

/// The order that a table asks for.
pub(super) fn order(tree: &Tree, at: &[Segment]) -> Option<Order> {
    Order::from_word(&tree.text(at, "order")?)
}

/// The part of a policy that plans are made by.
pub(super) fn policy(tree: &Tree, at: &[Segment]) -> WritePolicy {
    let fallback = WritePolicy::default();
    let here = join(at, "convergence");
    let usual = Convergence::default();
    WritePolicy {
        order: order(tree, at),
        good_after: tree
            .duration(at, "good_after")
            .unwrap_or(fallback.good_after),
        convergence: Convergence {
            bake: tree.duration(&here, "bake").unwrap_or(usual.bake),
            min_requests: tree
                .count(&here, "min_requests")
                .map_or(usual.min_requests, u64::from),
            errors: tree.number(&here, "errors").unwrap_or(usual.errors),
            latency: tree.number(&here, "latency").unwrap_or(usual.latency),
        },
    }
}

/// The hooks of a context that has these sources.
pub(super) fn hooks(
    tree: &Tree,
    at: &[Segment],
    sources: &[SourceSettings],
    found: &mut Vec<Diagnostic>,
) -> BTreeMap<String, Hook> {
    let mut hooks = BTreeMap::new();
    for name in tree.names(at) {
        let here = join(at, &name);
        let timeout = tree.duration(&here, "timeout");
        let timeout = timeout.unwrap_or(Duration::from_secs(600));
        let kind = if tree.get(&here, "pipeline").is_some() {
            pipeline(tree, &here, sources, found)
        } else {
            command(tree, &here, found)
        };
        hooks.insert(name, Hook { kind, timeout });
    }
    hooks
}

/// A hook that is a command, or should be one of the two.
fn command(tree: &Tree, here: &[Segment], found: &mut Vec<Diagnostic>) -> HookKind {
    let command = tree.words(here, "command");
    let source = tree.get(here, "source");
    if let Some(entry) = tree.get(here, "command") {
        let none = |program: &String| program.trim().is_empty();
        if command.first().is_none_or(none) {
            let what = format!("`{}` names no program", dotted(&join(here, "command")));
            let problem = Problem::new(Kind::BadValue, what)
                .expected("the program and its arguments: [\"./deploy\", \"--now\"]");
            found.push(problem.at(&entry.origin));
        }
        if let Some(source) = source {
            let what = format!("`{}` means nothing here", dotted(&join(here, "source")));
            let problem = Problem::new(Kind::Conflict, what).expected("it with a `pipeline`");
            found.push(problem.doubt_at(&source.origin));
        }
    } else if !told(found, here)
        && let Some(entry) = tree.entry(here)
    {
        let what = format!("`{}` does nothing", dotted(here));
        let problem = Problem::new(Kind::Missing, what)
            .expected("the `command` or the `pipeline` that brings a version to serving");
        found.push(problem.at(&entry.origin));
    }
    HookKind::Command(command)
}

/// A hook that is a pipeline of one of the sources that run some.
fn pipeline(
    tree: &Tree,
    here: &[Segment],
    sources: &[SourceSettings],
    found: &mut Vec<Diagnostic>,
) -> HookKind {
    let id = tree.text(here, "pipeline").unwrap_or_default();
    let origin = |key: &str| {
        let entry = tree.get(here, key)?;
        Some(entry.parts.first().unwrap_or(&entry.origin).clone())
    };
    let place = origin("pipeline").unwrap_or(Origin::Default);
    let called = |key: &str| dotted(&join(here, key));
    if let Some(command) = origin("command") {
        let what = format!("`{}` has a `command` and a `pipeline`", dotted(here));
        let problem = Problem::new(Kind::Conflict, what).expected("one of the two");
        found.push(problem.at(&command));
    }
    if id.trim().is_empty() {
        let what = format!("`{}` names no pipeline", called("pipeline"));
        let problem = Problem::new(Kind::BadValue, what).expected("its id: \"deploy_model\"");
        found.push(problem.at(&place));
    }
    let runs = sources.iter().filter(|s| s.kind == SourceKind::Airflow);
    let runs: Vec<&str> = runs.map(|source| source.name.as_str()).collect();
    let add = "a source with kind = \"airflow\"";
    let source = match (tree.text(here, "source"), runs.as_slice()) {
        (Some(name), runs) => {
            if !runs.contains(&name.as_str()) {
                let what = format!(
                    "`{}`: no source \"{name}\" runs pipelines",
                    called("source")
                );
                let expected = match runs {
                    [] => add.to_owned(),
                    runs => format!("one of {}", runs.join(", ")),
                };
                let meant = nearest(&name, runs.iter().copied());
                let problem = Problem::new(Kind::BadValue, what)
                    .expected(expected)
                    .meant(meant.map(|near| format!("\"{near}\"")));
                found.push(problem.at(&origin("source").unwrap_or(Origin::Default)));
            }
            name
        }
        (None, [only]) => (*only).to_owned(),
        (None, []) => {
            let what = format!(
                "`{}`: the context has nothing that runs it",
                called("pipeline")
            );
            found.push(Problem::new(Kind::Missing, what).expected(add).at(&place));
            String::new()
        }
        (None, several) => {
            let what = format!("`{}` does not say where the pipeline is", dotted(here));
            let problem = Problem::new(Kind::Missing, what)
                .expected(format!("`source`, one of {}", several.join(", ")));
            found.push(problem.at(&place));
            String::new()
        }
    };
    HookKind::Pipeline { source, id }
}

/// Says which hooks a deployment names and the context does not have.
pub(super) fn check_hook(
    tree: &Tree,
    at: &[Segment],
    hooks_at: &[Segment],
    found: &mut Vec<Diagnostic>,
) {
    let by_hook = tree.text(at, "rollout").as_deref() == Some("hook");
    let origin = |key: &str| {
        let entry = tree.get(at, key)?;
        Some(entry.parts.first().unwrap_or(&entry.origin).clone())
    };
    match tree.text(at, "hook") {
        None if by_hook => {
            let problem = Problem::new(Kind::Missing, format!("`{}` has no `hook`", dotted(at)))
                .expected("the name of the hook that brings a version there");
            found.push(problem.at(&origin("rollout").unwrap_or(Origin::Default)));
        }
        None => {}
        Some(name) => {
            let place = origin("hook").unwrap_or(Origin::Default);
            let known = tree.names(hooks_at);
            let called = dotted(&join(at, "hook"));
            if !known.contains(&name) {
                let expected = match known.as_slice() {
                    [] => format!("it as [{}]", dotted(&join(hooks_at, &name))),
                    known => format!("one of {}", known.join(", ")),
                };
                let meant = nearest(&name, known.iter().map(String::as_str));
                let problem = Problem::new(
                    Kind::BadValue,
                    format!("`{called}`: there is no hook \"{name}\""),
                );
                let problem = problem.expected(expected);
                found.push(
                    problem
                        .meant(meant.map(|near| format!("\"{near}\"")))
                        .at(&place),
                );
            } else if !by_hook {
                let problem =
                    Problem::new(Kind::Conflict, format!("`{called}` means nothing here"))
                        .expected("it with rollout = \"hook\"");
                found.push(problem.doubt_at(&place));
            }
        }
    }
}
