//! What plans put versions on, and which two plans cannot both be carried out.

use super::act::Act;
use super::plan::{Plan, Step};
use crate::domain::key::{DeploymentKey, Key, SourceId};

/// What is put on a version.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Place<'a> {
    /// The alias of a model, both by name.
    Alias(&'a Key, &'a Key),
    /// A deployment.
    Deployment(&'a DeploymentKey),
}

fn place(act: &Act) -> Option<Place<'_>> {
    match act {
        Act::MoveAlias { model, alias, .. } | Act::DeleteAlias { model, alias, .. } => {
            Some(Place::Alias(&model.name, alias))
        }
        Act::RunHook { model, alias, .. } | Act::AwaitRun { model, alias, .. } => {
            Some(Place::Alias(model, alias))
        }
        Act::LoadModel { deployment, .. } | Act::AwaitServed { deployment, .. } => {
            Some(Place::Deployment(deployment))
        }
        _ => None,
    }
}

fn places(plan: &Plan) -> impl Iterator<Item = Place<'_>> {
    plan.steps.iter().filter_map(|step| place(&step.act))
}

impl Plan {
    /// Whether it puts a version where the other one puts one: an alias, or an endpoint. Whichever comes
    /// later takes the place of the earlier one.
    pub fn contends(&self, other: &Self) -> bool {
        self.context == other.context
            && self.model == other.model
            && places(self).any(|place| places(other).any(|theirs| theirs == place))
    }

    /// The step that waits until a run of a source's pipeline has brought a version to serving, where the
    /// plan has one.
    pub fn awaits(&self, source: &SourceId, pipeline: &Key, run: &Key) -> Option<&Step> {
        self.steps.iter().find(|step| {
            let Act::AwaitRun {
                pipeline: of,
                run: awaited,
                ..
            } = &step.act
            else {
                return false;
            };
            step.source == *source && (of, awaited) == (pipeline, run)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::act::Pin;
    use super::super::tests::{churn, plan};
    use super::*;
    use crate::domain::key::DeploymentKind;
    use crate::domain::time::Millis;

    fn moves(alias: &str, to: &str) -> Act {
        Act::MoveAlias {
            model: churn(),
            alias: Key::new(alias),
            from: None,
            to: Pin {
                version: Key::new(to),
                created: Millis(5),
            },
        }
    }

    fn waits(name: &str) -> Act {
        Act::AwaitServed {
            deployment: DeploymentKey {
                kind: DeploymentKind::V2,
                base: Key::new("http://serve.test"),
                scope: Key::new(""),
                name: Key::new(name),
            },
            from: None,
            to: Key::new("7"),
        }
    }

    #[test]
    fn plans_contend_for_an_alias_or_an_endpoint_and_for_nothing_else() {
        let hook = |alias: &str| Act::RunHook {
            hook: Key::new("deploy"),
            model: churn().name,
            version: Key::new("7"),
            alias: Key::new(alias),
        };
        let run = |alias: &str, version: &str| Act::AwaitRun {
            pipeline: Key::new("deploy_model"),
            run: Key::new("qd__1"),
            model: churn().name,
            version: Key::new(version),
            alias: Key::new(alias),
        };
        let tag = || Act::SetTag {
            created: None,
            of: super::super::act::Tagged::Model(churn()),
            key: Key::new("quarterdeck.ack"),
            from: None,
            to: Key::new("x"),
        };
        for (one, other, contend) in [
            (moves("champion", "7"), moves("champion", "6"), true),
            (moves("champion", "7"), moves("shadow", "6"), false),
            (hook("champion"), moves("champion", "6"), true),
            (hook("champion"), hook("shadow"), false),
            (run("champion", "7"), run("champion", "6"), true),
            (run("champion", "7"), hook("champion"), true),
            (run("champion", "7"), moves("champion", "6"), true),
            (run("champion", "7"), run("shadow", "7"), false),
            (waits("prod"), waits("prod"), true),
            (waits("prod"), waits("canary"), false),
            (tag(), tag(), false),
        ] {
            let of = |act| plan(vec![Step::required(&SourceId::new("s"), act)]);
            let (one, other) = (of(one), of(other));
            assert_eq!(one.contends(&other), contend, "{one:?}\n{other:?}");
            let elsewhere = Plan {
                context: crate::domain::text::Clean::name("elsewhere"),
                ..other
            };
            assert!(!one.contends(&elsewhere));
        }
    }
}
