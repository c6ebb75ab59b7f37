//! Joins that follow models one by one are the joins that the same models give from nothing.

use std::collections::BTreeMap;

use foldhash::{HashMap, HashMapExt as _};
use std::sync::Arc;

use proptest::prelude::*;

use crate::domain::fleet::Fleet;
use crate::domain::key::{DeploymentKey, DeploymentKind, Key, ModelKey, RegistryKey, SourceId};
use crate::domain::model::RegisteredModel;
use crate::domain::observation::{ContextRef, Coverage, FactKey, Feed, Observation, Rows};
use crate::domain::settings::{Context, DeploymentSettings, Follows, ModelSettings, Rollout};
use crate::domain::text::Clean;
use crate::domain::time::Millis;
use crate::domain::wiring::{self, Join};

const NAMES: [&str; 4] = ["fraud", "churn", "eta", "rank"];

fn deployment(name: &str, url: &str, model: Option<&str>) -> DeploymentSettings {
    DeploymentSettings {
        name: name.to_owned(),
        kind: DeploymentKind::V2,
        url: url.to_owned(),
        model: model.map(str::to_owned),
        served_name: None,
        follows: Follows::Default,
        environment: None,
        version_map: None,
        declared_version: None,
        hold: None,
        rollout: Rollout::None,
        hook: None,
    }
}

/// Every way of being joined: by its own table, by the model's, by a tag, by the served name, by name.
fn context() -> Context {
    let mut served = deployment("edge", "http://e.test", None);
    served.served_name = Some("eta".to_owned());
    let listed = ModelSettings {
        deployments: vec!["listed".to_owned()],
        ..ModelSettings::default()
    };
    Context {
        name: Clean::name("test"),
        deployments: vec![
            deployment("own", "http://a.test", Some("fraud")),
            deployment("second", "http://b.test/", Some("fraud")),
            deployment("listed", "http://c.test", None),
            deployment("rank", "http://d.test", None),
            served,
            deployment("nobody", "http://f.test", None),
            // The settings of one deployment again: these stand.
            deployment("rank", "http://d.test", None),
        ],
        models: [("churn".to_owned(), listed)].into(),
        ..Context::default()
    }
}

fn reference() -> Arc<ContextRef> {
    Arc::new(ContextRef {
        name: Clean::name("test"),
        generation: 0,
    })
}

#[derive(Clone, Debug)]
struct Told {
    name: usize,
    registry: bool,
    created: i64,
    address: usize,
    follows: usize,
    gone: bool,
}

fn told() -> impl Strategy<Value = Told> {
    (
        0..NAMES.len(),
        any::<bool>(),
        1_i64..3,
        0_usize..6,
        0_usize..3,
        proptest::bool::weighted(0.3),
    )
        .prop_map(|(name, registry, created, address, follows, gone)| Told {
            name,
            registry,
            created,
            address,
            follows,
            gone,
        })
}

impl Told {
    fn model(&self) -> RegisteredModel {
        let base = if self.registry {
            "http://one"
        } else {
            "http://two"
        };
        let addresses = [
            None,
            Some("http://d.test"),
            Some("HTTP://E.test/ , http://f.test"),
            Some("http://f.test"),
            Some("http://a.test"),
            Some("http://elsewhere.test"),
        ];
        let follows = [None, Some("@stable"), Some("none")];
        let tag = |key: &str, value: Option<&str>| {
            value.map(|value| (Clean::name(key), Clean::text(value)))
        };
        let tags = [
            tag("quarterdeck.deployment", addresses[self.address]),
            tag("quarterdeck.follows", follows[self.follows]),
        ];
        RegisteredModel {
            key: ModelKey {
                registry: Arc::new(RegistryKey {
                    base: Key::new(base),
                    workspace: Key::new(""),
                }),
                name: Key::new(NAMES[self.name]),
                created: Millis(self.created),
            },
            name: Clean::name(NAMES[self.name]),
            updated: Millis(1),
            description: Clean::empty(),
            tags: tags.into_iter().flatten().collect(),
            aliases: Arc::from([]),
        }
    }

    fn observation(&self, at: i64) -> Observation {
        let model = self.model();
        let (rows, gone) = if self.gone {
            (Vec::new(), vec![FactKey::Model(model.key)])
        } else {
            (vec![model], Vec::new())
        };
        Observation {
            context: reference(),
            source: SourceId::new("mlflow"),
            feed: Feed::Models,
            asked_at: Millis(at),
            server_time: None,
            coverage: Coverage::Partial,
            upserts: Rows::Models(rows),
            gone,
        }
    }
}

/// The models indexed at once, by name and by the addresses that their tags name.
#[derive(Default)]
struct Models<'a> {
    by_name: HashMap<&'a str, &'a RegisteredModel>,
    by_address: HashMap<String, &'a RegisteredModel>,
}

impl<'a> Models<'a> {
    fn of(models: impl Iterator<Item = &'a RegisteredModel>) -> Self {
        let mut index = Self::default();
        for model in models {
            index.by_name.entry(model.key.name.raw()).or_insert(model);
            for address in wiring::addresses(model) {
                index.by_address.entry(address).or_insert(model);
            }
        }
        index
    }
}

impl wiring::Registered for Models<'_> {
    fn named(&self, name: &str) -> Option<&RegisteredModel> {
        self.by_name.get(name).copied()
    }

    fn addressed(&self, address: &str) -> Option<&RegisteredModel> {
        self.by_address.get(address).copied()
    }
}

fn from_nothing(fleet: &Fleet) -> BTreeMap<DeploymentKey, Join> {
    let context = fleet.settings();
    let models = Models::of(fleet.models.values().map(|h| &h.fact));
    context
        .deployments
        .iter()
        .map(|d| wiring::join(d, context, &models))
        .map(|j| (j.deployment.clone(), j))
        .collect()
}

proptest! {
    #[test]
    fn joins_that_follow_are_the_joins_from_nothing(
        all in proptest::collection::vec(told(), 1..30),
    ) {
        let mut fleet = Fleet::new(reference(), Arc::new(context()));
        for (at, told) in all.iter().enumerate() {
            fleet.merge(told.observation(at as i64), Millis(100));
            let expected = from_nothing(&fleet);
            let joins: BTreeMap<_, _> =
                fleet.joins().map(|j| (j.deployment.clone(), j.clone())).collect();
            prop_assert_eq!(&joins, &expected);
            let mut by_model: HashMap<ModelKey, Vec<DeploymentKey>> = HashMap::new();
            for (key, join) in expected {
                if let Some(model) = join.model {
                    by_model.entry(model).or_default().push(key.clone());
                }
                let view = fleet.deployment(&key);
                prop_assert_eq!(view.map(|v| &v.model), joins.get(&key).map(|j| &j.model));
            }
            prop_assert_eq!(&fleet.joins.by_model, &by_model);
        }
    }
}
