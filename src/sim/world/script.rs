//! The incident: what happens to the fleet, and at which second of the scenario.
//!
//! A new incident is a few lines in a table; [`super::World::advance`] plays them once each.

/// What the fleet lives through.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Scenario {
    /// Nothing happens beyond training runs going on.
    Calm,
    /// From calm to crisis in two minutes: a promotion whose serving never converges, and more.
    #[default]
    Incident,
}

/// One thing that happens.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Happening {
    /// Someone moves an alias; no timestamp tells.
    MoveAlias {
        model: &'static str,
        alias: &'static str,
        to: u32,
    },
    /// A version is registered and, if named, given an alias.
    Register {
        model: &'static str,
        alias: Option<&'static str>,
    },
    /// The server starts to load a version and never finishes.
    LoadForEver {
        endpoint: &'static str,
        version: u32,
    },
    /// The server says it is not ready.
    NotReady { endpoint: &'static str },
    /// The server answers another version from now on.
    Serve {
        endpoint: &'static str,
        version: u32,
    },
    /// A live run of an experiment fails.
    FailRun { experiment: &'static str },
}

/// The script of a scenario: seconds from its start, in order.
pub(crate) fn script(scenario: Scenario) -> &'static [(i64, Happening)] {
    match scenario {
        Scenario::Calm => &[],
        Scenario::Incident => INCIDENT,
    }
}

const INCIDENT: &[(i64, Happening)] = &[
    // A CI job promotes; the rollout starts at once and never converges.
    (
        20,
        Happening::MoveAlias {
            model: "fraud-detector",
            alias: "champion",
            to: 14,
        },
    ),
    (
        22,
        Happening::LoadForEver {
            endpoint: "fraud-prod",
            version: 14,
        },
    ),
    (
        40,
        Happening::NotReady {
            endpoint: "moderation-prod",
        },
    ),
    (
        60,
        Happening::Register {
            model: "ad-ctr",
            alias: Some("challenger"),
        },
    ),
    // Somebody rolled serving back without telling the registry.
    (
        80,
        Happening::Serve {
            endpoint: "churn-prod",
            version: 6,
        },
    ),
    (
        100,
        Happening::FailRun {
            experiment: "eta-train",
        },
    ),
];

/// The experiments in which a run is in progress from the start.
pub(crate) const LIVE: [&str; 2] = ["eta-train", "embeddings-train"];

/// Whether the catalogue has a model, an experiment or an endpoint of a name.
#[cfg(test)]
pub(crate) fn known(name: &str) -> bool {
    super::catalog::MODELS.iter().any(|entry| {
        entry.name == name
            || entry.experiment == name
            || entry.serving.is_some_and(|at| at.endpoint == name)
    })
}
