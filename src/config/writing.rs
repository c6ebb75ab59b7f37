//! The settings of writes from the effective values: the order of plans, what counts as good, convergence,
//! and the hooks, each of which has to be there for the deployments that name it.

use std::collections::BTreeMap;
use std::time::Duration;

use super::diagnostic::{Diagnostic, Kind, Origin, Problem};
use super::tree::{Tree, dotted, join};
use crate::domain::near::nearest;
use crate::domain::settings::Hook;
use crate::domain::writing::{Convergence, Order, WritePolicy};

/// The order that a table asks for.
pub(super) fn order(tree: &Tree, at: &[String]) -> Option<Order> {
    Order::from_word(&tree.text(at, "order")?)
}

/// The part of a policy that plans are made by.
pub(super) fn policy(tree: &Tree, at: &[String]) -> WritePolicy {
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

/// The hooks of a context.
pub(super) fn hooks(
    tree: &Tree,
    at: &[String],
    found: &mut Vec<Diagnostic>,
) -> BTreeMap<String, Hook> {
    let mut hooks = BTreeMap::new();
    for name in tree.names(at) {
        let here = join(at, &name);
        let command = tree.words(&here, "command");
        // One that is missing or of another type has been told where the table was read.
        if let Some(entry) = tree.get(&here, "command")
            && command
                .first()
                .is_none_or(|program| program.trim().is_empty())
        {
            let what = format!("`{}` names no program", dotted(&join(&here, "command")));
            let problem = Problem::new(Kind::BadValue, what);
            found.push(
                problem
                    .expected("the program and its arguments: [\"./deploy\", \"--now\"]")
                    .at(&entry.origin),
            );
        }
        let timeout = tree.duration(&here, "timeout");
        let timeout = timeout.unwrap_or(Duration::from_secs(600));
        hooks.insert(name, Hook { command, timeout });
    }
    hooks
}

/// Says which hooks a deployment names and the context does not have.
pub(super) fn check_hook(
    tree: &Tree,
    at: &[String],
    hooks_at: &[String],
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
