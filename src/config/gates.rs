//! Gates of promotions: from `[gates.NAME]` to what they look at and demand, with every mistake of their
//! grammar at its place.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::diagnostic::{Diagnostic, Kind, Origin, Problem};
use super::tree::{Path, Segment, Tree, dotted, join, path};
use crate::domain::gate::{Consequence, Evidence, Gate, builtin, grammar};
use crate::domain::near::nearest;
use crate::domain::settings::Context;

/// Lays `[gates]` of the whole file under each context's own: a context's gate of the same name stands in
/// for the shared one as a whole, for half of one and half of another makes no gate.
pub(super) fn share(tree: &mut Tree) {
    let shared = path(&["gates"]);
    let names = tree.names(&shared);
    for context in tree.names(&path(&["contexts"])) {
        for name in &names {
            let from = join(&shared, name);
            let to = join(&join(&path(&["contexts", &context]), "gates"), name);
            if tree.entry(&to).is_some() {
                continue;
            }
            let mut copied: Vec<(Path, super::tree::Entry)> = tree
                .below(&from)
                .into_iter()
                .map(|(at, entry)| (at, entry.clone()))
                .collect();
            copied.extend(tree.entry(&from).map(|entry| (from.clone(), entry.clone())));
            for (at, entry) in copied {
                let mut here = to.clone();
                here.extend(at.into_iter().skip(from.len()));
                tree.set_list(here, entry.setting, entry.origin, entry.parts);
            }
        }
    }
    let all: Vec<Path> = tree.below(&shared).into_iter().map(|(at, _)| at).collect();
    for at in all {
        tree.remove(&at);
    }
    tree.remove(&shared);
}

/// The gates of a context.
pub(super) fn gates(
    tree: &Tree,
    at: &[Segment],
    found: &mut Vec<Diagnostic>,
) -> BTreeMap<String, Gate> {
    let names = tree.names(at);
    let gates = names.into_iter().filter_map(|name| {
        let gate = gate(tree, &join(at, &name), &name, found)?;
        Some((name, gate))
    });
    gates.collect()
}

fn gate(tree: &Tree, at: &[Segment], name: &str, found: &mut Vec<Diagnostic>) -> Option<Gate> {
    let text = |key| tree.text(at, key);
    // One that is missing has been told where the table was read.
    let words = text("evidence")?;
    let evidence = match grammar::evidence(&words) {
        Ok(evidence) => evidence,
        Err(mistake) => {
            tell(tree, at, "evidence", mistake, found);
            return None;
        }
    };
    let rule = match (text("rule"), grammar::usual(&evidence)) {
        (Some(rule), _) => match grammar::rule(&evidence, &rule) {
            Ok(rule) => rule,
            Err(mistake) => {
                tell(tree, at, "rule", mistake, found);
                return None;
            }
        },
        // The usual rule of each kind is read by the same grammar; a test reads them all.
        (None, Some(usual)) => grammar::rule(&evidence, usual).unwrap_or_default(),
        (None, None) => {
            let place = tree.entry(at).map_or(Origin::Default, |e| e.origin.clone());
            found.push(
                Problem::new(Kind::Missing, format!("`{}` has no `rule`", called(at, "")))
                    .expected(grammar::allowed(&evidence))
                    .at(&place),
            );
            return None;
        }
    };
    needless(tree, at, &evidence, found);
    let consequence = |key| {
        let word = text(key);
        word.and_then(|word| Consequence::from_word(&word))
            .unwrap_or_default()
    };
    Some(Gate {
        method: text("method"),
        part: text("part"),
        rows: text("rows"),
        min_n: tree.count(at, "min_n").map(u64::from),
        on_fail: consequence("on_fail"),
        on_unknown: consequence("on_unknown"),
        ..Gate::new(name, evidence, rule)
    })
}

/// Refuses keys that mean nothing for the evidence: what looks like a condition and is none.
fn needless(tree: &Tree, at: &[Segment], evidence: &Evidence, found: &mut Vec<Diagnostic>) {
    let signal = matches!(evidence, Evidence::Signal(_));
    let run = matches!(evidence, Evidence::RunMetric(_) | Evidence::Quality);
    let keys = [
        ("method", signal, "evidence = \"signal:…\""),
        ("part", signal, "evidence = \"signal:…\""),
        ("rows", run, "evidence = \"run-metric:…\" or \"quality\""),
        (
            "min_n",
            signal || run,
            "evidence = \"signal:…\", or \"run-metric:…\" with `rows`",
        ),
    ];
    for (key, reads, expected) in keys {
        let rows = key == "min_n" && run && tree.get(at, "rows").is_none();
        if let Some(entry) = tree.get(at, key)
            && (!reads || rows)
        {
            found.push(
                Problem::new(
                    Kind::Conflict,
                    format!("`{}` means nothing here", called(at, key)),
                )
                .expected(format!("it with {expected}"))
                .at(&entry.origin),
            );
        }
    }
}

/// `gates.NAME.KEY`, wherever the table stands: a shared one is read once for each context, and told once.
fn called(at: &[Segment], key: &str) -> String {
    let name = at.last().map_or("", Segment::as_str);
    let words = ["gates", name, key];
    dotted(&path(&words[..if key.is_empty() { 2 } else { 3 }]))
}

fn tell(
    tree: &Tree,
    at: &[Segment],
    key: &str,
    mistake: grammar::Mistake,
    found: &mut Vec<Diagnostic>,
) {
    let place = tree.get(at, key).map_or(Origin::Default, |entry| {
        entry.parts.first().unwrap_or(&entry.origin).clone()
    });
    found.push(
        Problem::new(
            Kind::BadValue,
            format!("`{}`: {}", called(at, key), mistake.what),
        )
        .expected(mistake.expected)
        .meant(mistake.meant)
        .at(&place),
    );
}

/// The names in a list of gates; those that nothing defines are told.
pub(super) fn named(
    tree: &Tree,
    at: &[Segment],
    gates_at: &[Segment],
    found: &mut Vec<Diagnostic>,
) -> Option<Vec<String>> {
    let entry = tree.get(at, "gates")?;
    let words = tree.words(at, "gates");
    let own = tree.names(gates_at);
    let known: BTreeSet<&str> = own
        .iter()
        .map(String::as_str)
        .chain(builtin::NAMES)
        .collect();
    for (index, word) in words.iter().enumerate() {
        if known.contains(word.as_str()) {
            continue;
        }
        let place = entry.parts.get(index).unwrap_or(&entry.origin);
        let all: Vec<&str> = known.iter().copied().collect();
        found.push(
            Problem::new(
                Kind::BadValue,
                format!(
                    "`{}`: there is no gate \"{word}\"",
                    dotted(&join(at, "gates"))
                ),
            )
            .expected(format!("one of {}", all.join(", ")))
            .meant(nearest(word, all.iter().copied()).map(|near| format!("\"{near}\"")))
            .at(place),
        );
    }
    Some(words)
}

/// Doubts gates that nothing in the settings asks for: only a tag could. A shared gate counts as asked for
/// where any context does so.
pub(super) fn unasked(
    tree: &Tree,
    contexts: &BTreeMap<String, Arc<Context>>,
    found: &mut Vec<Diagnostic>,
) {
    let mut gates: BTreeMap<(Origin, String), bool> = BTreeMap::new();
    for (context, settings) in contexts {
        let at = path(&["contexts", context, "gates"]);
        let of_models = settings.models.values().flat_map(|m| &m.gates);
        let all = of_models.chain(settings.policy.gates.iter().flatten());
        let asked: BTreeSet<&String> = all.collect();
        for name in tree.names(&at) {
            if let Some(entry) = tree.entry(&join(&at, &name)) {
                let is = asked.contains(&name) || builtin::NAMES.contains(&name.as_str());
                *gates.entry((entry.origin.clone(), name)).or_default() |= is;
            }
        }
    }
    for ((origin, name), _) in gates.into_iter().filter(|(_, asked)| !asked) {
        let what = format!(
            "the gate `{name}` is in no list of gates: only the tag quarterdeck.gates can ask for it"
        );
        found.push(
            Problem::new(Kind::Conflict, what)
                .expected("its name in `gates` of a policy or of a model")
                .doubt_at(&origin),
        );
    }
}
