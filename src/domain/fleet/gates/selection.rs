//! Which gates a promotion has to pass: the policy's, then the model's, then those that tags ask for.
//! Each may add and tighten; none takes away.

use super::super::Fleet;
use super::Promotion;
use crate::domain::gate::{AskedBy, Gate, builtin, grammar};
use crate::domain::model::RegisteredModel;
use crate::domain::settings::{Context, ModelSettings};
use crate::domain::text::Clean;

/// The tag of a registered model that names more gates, with commas or blanks between them.
pub(super) const TAG: &str = "quarterdeck.gates";
/// Tags of a registered model that add demands to a gate: `quarterdeck.gate.performance` = `drop <= 0.001`.
pub(super) const RULE_TAG: &str = "quarterdeck.gate.";

/// The gates of a promotion, in the order of the policy, and what asked for one in vain.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Selection {
    /// The gates.
    pub gates: Vec<Gate>,
    /// Gates that something asks for and nobody can judge: name and why. They count as unknown, for what
    /// a team wanted to be looked at must not go by unseen.
    pub broken: Vec<(Clean, Clean)>,
}

/// Chooses the gates of a promotion.
pub fn selected(fleet: &Fleet, promotion: &Promotion) -> Selection {
    let context = fleet.settings();
    let model = fleet.registered(&promotion.model).map(|h| &h.fact);
    let settings = context.models.get(promotion.model.name.raw());
    choose(context, settings, model)
}

fn choose(
    context: &Context,
    settings: Option<&ModelSettings>,
    model: Option<&RegisteredModel>,
) -> Selection {
    let mut selection = Selection::default();
    let own = settings.map_or(&[][..], |s| s.gates.as_slice());
    let mut put = |name: &str, asked_by: AskedBy| {
        if selection.gates.iter().any(|g| g.name == *name) {
            return;
        }
        match define(context, settings, name) {
            Some(mut gate) => {
                gate.asked_by = asked_by;
                selection.gates.push(gate);
            }
            None => selection
                .broken
                .push((Clean::name(name), Clean::text(&undefined(name, asked_by)))),
        }
    };
    match &context.policy.gates {
        Some(floor) => {
            for name in floor {
                put(name, AskedBy::Policy);
            }
        }
        None if own.is_empty() => {
            let policy = &context.policy;
            for name in builtin::NAMES {
                // Built-in gates without a line are not asked for by anybody.
                if context.gates.contains_key(name)
                    || builtin::named(name, policy, settings).is_some()
                {
                    put(name, AskedBy::BuiltIn);
                }
            }
        }
        None => {}
    }
    for name in own {
        put(name, AskedBy::Model);
    }
    if let Some(tag) = model.and_then(|m| m.tag(TAG)) {
        let names = tag.as_str().split([',', ' ']);
        for name in names.filter(|name| !name.is_empty()) {
            put(name, AskedBy::Tag);
        }
    }
    if let Some(model) = model {
        tighten(&mut selection, context, settings, model);
    }
    selection
}

fn undefined(name: &str, asked_by: AskedBy) -> String {
    let by = match asked_by {
        AskedBy::BuiltIn => "this program",
        AskedBy::Policy => "the policy",
        AskedBy::Model => "the model's settings",
        AskedBy::Tag => "the tag quarterdeck.gates",
    };
    match name {
        "training-age" => {
            format!("{by} asks for it, and neither `max_age` nor `max_model_age` says how old")
        }
        _ if builtin::NAMES.contains(&name) => {
            format!("{by} asks for it, and the policy draws no line for it")
        }
        _ => format!(
            "{by} asks for it, and no [gates.\"{}\"] defines it",
            Clean::name(name)
        ),
    }
}

/// The settings' gate of a name, else the built-in one.
fn define(context: &Context, settings: Option<&ModelSettings>, name: &str) -> Option<Gate> {
    let own = context.gates.get(name).cloned();
    own.or_else(|| builtin::named(name, &context.policy, settings))
}

/// Adds the demands of tags: to what is asked for already, for a rule alone asks for nothing. All demands
/// of a rule must hold, so that one more can never loosen it.
fn tighten(
    selection: &mut Selection,
    context: &Context,
    settings: Option<&ModelSettings>,
    model: &RegisteredModel,
) {
    for (key, value) in model.tags.iter() {
        let Some(name) = key.as_str().strip_prefix(RULE_TAG) else {
            continue;
        };
        let found = selection.gates.iter().position(|g| g.name == *name);
        let at = found.or_else(|| {
            let mut gate = define(context, settings, name)?;
            gate.asked_by = AskedBy::Tag;
            selection.gates.push(gate);
            Some(selection.gates.len() - 1)
        });
        let mut broken = |why: String| {
            let told = (Clean::name(name), Clean::text(&why));
            if !selection.broken.contains(&told) {
                selection.broken.push(told);
            }
        };
        let Some(at) = at else {
            broken(undefined(name, AskedBy::Tag));
            continue;
        };
        match grammar::rule(&selection.gates[at].evidence, value.as_str()) {
            Ok(more) => {
                let gate = &mut selection.gates[at];
                gate.tighten(more);
                // A team that writes a rule for it wants to hear of it also where nothing is known.
                gate.if_known = false;
            }
            Err(mistake) => broken(format!(
                "tag {RULE_TAG}{}: {}; expected {}",
                Clean::name(name),
                mistake.what,
                mistake.expected
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::gate::{Clause, Evidence};
    use crate::domain::key::{Key, ModelKey, RegistryKey};
    use crate::domain::time::Millis;
    use std::sync::Arc;

    fn model(tags: &[(&str, &str)]) -> RegisteredModel {
        RegisteredModel {
            key: ModelKey {
                registry: Arc::new(RegistryKey {
                    base: Key::new("http://ml.test"),
                    workspace: Key::new(""),
                }),
                name: Key::new("churn"),
                created: Millis(1),
            },
            name: Clean::name("churn"),
            updated: Millis(1),
            description: Clean::empty(),
            tags: tags
                .iter()
                .map(|(k, v)| (Clean::name(k), Clean::text(v)))
                .collect(),
            aliases: Arc::from([]),
        }
    }

    fn gate(name: &str, evidence: &str, rule: &str) -> (String, Gate) {
        let evidence = grammar::evidence(evidence).expect("evidence");
        let rule = grammar::rule(&evidence, rule).expect("a rule");
        (name.to_owned(), Gate::new(name, evidence, rule))
    }

    fn names(selection: &Selection) -> Vec<(&str, AskedBy)> {
        let gates = selection.gates.iter();
        gates.map(|g| (g.name.as_str(), g.asked_by)).collect()
    }

    #[test]
    fn without_a_policy_the_built_in_gates_are_asked_for_and_only_readiness_blocks() {
        use crate::domain::gate::Consequence::Block;
        let selection = choose(&Context::default(), None, Some(&model(&[])));
        let names: Vec<_> = names(&selection).into_iter().map(|(n, _)| n).collect();
        assert_eq!(
            names,
            [
                "ready",
                "performance",
                "signature",
                "reproducible",
                "data-drift",
                "consistency",
                "fairness",
                "latency",
                "errors"
            ]
        );
        for gate in &selection.gates {
            assert_ne!(gate.on_unknown, Block, "{}", gate.name);
            assert_eq!(gate.on_fail == Block, gate.name == "ready", "{}", gate.name);
        }
        assert_eq!(selection.broken, []);
    }

    #[test]
    fn the_policy_is_the_floor_and_models_and_tags_add_to_it() {
        let mut context = Context {
            gates: [
                gate("checks", "version-tag:validation_status", "= passed"),
                gate("auc", "run-metric:auc", ">= 0.9"),
            ]
            .into(),
            ..Context::default()
        };
        context.policy.gates = Some(vec!["checks".to_owned()]);
        let settings = ModelSettings {
            gates: vec!["signature".to_owned()],
            ..ModelSettings::default()
        };
        let tagged = model(&[(TAG, "auc, checks nonsense")]);
        let selection = choose(&context, Some(&settings), Some(&tagged));
        assert_eq!(
            names(&selection),
            [
                ("checks", AskedBy::Policy),
                ("signature", AskedBy::Model),
                ("auc", AskedBy::Tag)
            ]
        );
        assert_eq!(selection.broken.len(), 1);
        assert_eq!(selection.broken[0].0, "nonsense");
        assert!(selection.broken[0].1.as_str().contains("no [gates"));
        context.policy.gates = None;
        let selection = choose(&context, Some(&settings), Some(&model(&[])));
        assert_eq!(names(&selection), [("signature", AskedBy::Model)]);
    }

    #[test]
    fn a_tag_adds_demands_and_takes_none_away() {
        let mut context = Context {
            gates: [gate("auc", "run-metric:auc", ">= 0.9")].into(),
            ..Context::default()
        };
        context.policy.gates = Some(vec!["auc".to_owned()]);
        let looser = model(&[("quarterdeck.gate.auc", ">= 0.1, drop <= 0.5")]);
        let selection = choose(&context, None, Some(&looser));
        let before = &context.gates["auc"].rule;
        let after = &selection.gates[0].rule;
        assert_eq!(&after[..1], &before[..], "the policy's own demand stays");
        assert_eq!(after.len(), 3);
        let wrong = model(&[("quarterdeck.gate.auc", "fine")]);
        let selection = choose(&context, None, Some(&wrong));
        assert_eq!(&selection.gates[0].rule, before);
        assert_eq!(selection.broken[0].0, "auc");
    }

    #[test]
    fn a_built_in_gate_can_be_set_otherwise() {
        let mut context = Context {
            gates: [gate("fairness", "run-metric:dp_ratio/*", ">= 0.9")].into(),
            ..Context::default()
        };
        let selection = choose(&context, None, None);
        let fairness = selection.gates.iter().find(|g| g.name == "fairness");
        let evidence = fairness.map(|g| &g.evidence);
        assert_eq!(
            evidence,
            Some(&Evidence::RunMetric("dp_ratio/*".to_owned()))
        );
        context.policy.gates = Some(vec!["training-age".to_owned()]);
        let selection = choose(&context, None, None);
        assert!(selection.broken[0].1.as_str().contains("max_age"));
        let aged = ModelSettings {
            max_age: Some(std::time::Duration::from_secs(86_400)),
            ..ModelSettings::default()
        };
        let selection = choose(&context, Some(&aged), None);
        assert!(matches!(selection.gates[0].rule[0], Clause::Limit(_)));
    }
}
