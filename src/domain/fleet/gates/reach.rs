//! What a promotion would touch: who follows the alias, how much traffic that is, which other aliases
//! stand at either version, and which jobs resolve it.

use super::super::Fleet;
use super::super::view::DeploymentView;
use super::Promotion;
use crate::domain::key::{DeploymentKey, Key};
use crate::domain::rules::signals::same_version;
use crate::domain::settings::Rollout;
use crate::domain::signal::{Measure, State};
use crate::domain::text::Clean;
use crate::domain::wiring::{Target, version_text};

/// An endpoint that follows the alias.
#[derive(Clone, PartialEq, Debug)]
pub struct Follower {
    /// Which.
    pub key: DeploymentKey,
    /// Its name.
    pub name: Clean,
    /// `prod`, `staging`, or empty.
    pub environment: Clean,
    /// Whether it counts as production.
    pub production: bool,
    /// The versions that it answers now, in words.
    pub answering: Clean,
    /// How a new version gets there.
    pub rollout: Rollout,
    /// Why it is held at a version: it will not follow.
    pub hold: Option<Clean>,
}

/// What a promotion would touch.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Reach {
    /// Endpoints that follow the alias, production first.
    pub followers: Vec<Follower>,
    /// Endpoints of the model that follow something else, in all.
    pub others: usize,
    /// Requests a second to the version that holds the alias, or to the model where versions are not told
    /// apart; `None` where nothing measures them or nobody follows the alias.
    pub requests: Option<f64>,
    /// Other aliases at the version that holds this one.
    pub beside: Vec<Clean>,
    /// Aliases that the candidate has already.
    pub at_candidate: Vec<Clean>,
    /// Jobs that the tag `quarterdeck.jobs` of the model names: they resolve the alias when they run.
    pub jobs: Vec<Clean>,
    /// The pipeline that trains the model again: it may compare with who holds the alias.
    pub pipeline: Option<Clean>,
}

impl Fleet {
    /// What moving an alias would touch.
    pub fn reach(&self, promotion: &Promotion) -> Reach {
        let mut reach = Reach::default();
        let Some(held) = self.registered(&promotion.model) else {
            return reach;
        };
        let alias = promotion.alias.clean();
        for key in self.joins.of_model(&promotion.model) {
            let Some(join) = self.joins.get(key) else {
                continue;
            };
            if join.follows != Target::Alias(alias.clone()) {
                reach.others += 1;
                continue;
            }
            let settings = self.settings.deployments.iter();
            let rollout = settings.rev().find(|d| d.key() == *key).map(|d| d.rollout);
            let view = self.deployment(key);
            reach.followers.push(Follower {
                key: key.clone(),
                name: join.name.clone(),
                environment: join.environment.clone(),
                production: join.production,
                answering: view.map_or_else(|| Clean::name("?"), DeploymentView::answering_text),
                rollout: rollout.unwrap_or_default(),
                hold: join.hold.clone(),
            });
        }
        reach
            .followers
            .sort_by(|a, b| (!a.production, &a.name).cmp(&(!b.production, &b.name)));
        let from = held.fact.alias(promotion.alias.raw());
        for other in held.fact.aliases.iter() {
            if other.name.key == promotion.alias {
                continue;
            }
            if Some(&other.version) == from {
                reach.beside.push(other.name.shown.clone());
            }
            if other.version == promotion.to {
                reach.at_candidate.push(other.name.shown.clone());
            }
        }
        if !reach.followers.is_empty() {
            reach.requests = self.requests_of(promotion, from);
        }
        reach.pipeline = self.training(&promotion.model).map(|t| t.name.clone());
        if let Some(tag) = held.fact.tag("quarterdeck.jobs") {
            let names = tag.as_str().split([',', ' ']).filter(|n| !n.is_empty());
            reach.jobs = names.map(Clean::name).collect();
        }
        reach
    }

    /// Requests a second to a version, or to all together where they are not told apart.
    fn requests_of(&self, promotion: &Promotion, version: Option<&Key>) -> Option<f64> {
        let readings = self.readings(&promotion.model);
        let rows = || {
            let of = readings.iter().map(|held| &held.fact);
            of.filter(|r| r.key.measure == Measure::Requests)
        };
        let own = rows().filter(|r| {
            let word = r.key.version.raw();
            !word.is_empty() && version.is_some_and(|v| same_version(word, v.raw()))
        });
        let own: Vec<f64> = own.filter_map(|r| r.value.value()).collect();
        if !own.is_empty() {
            return Some(own.iter().sum());
        }
        let view = self.model(&promotion.model)?;
        let gauge = view.signals.gauge(Measure::Requests)?;
        gauge.value.filter(|_| gauge.state == State::Value)
    }
}

impl Reach {
    /// One line: `2 endpoints follow @champion · 212/s · @latest is at v6 too · job nightly-score`.
    pub fn line(&self, alias: &Clean, from: Option<&Key>) -> Clean {
        let mut parts = Vec::new();
        parts.push(match self.followers.len() {
            0 => format!("no endpoint follows @{alias}"),
            1 => format!("1 endpoint follows @{alias}"),
            n => format!("{n} endpoints follow @{alias}"),
        });
        let held = self.followers.iter().filter(|f| f.hold.is_some()).count();
        if held > 0 {
            parts.push(format!("{held} held back"));
        }
        if let Some(requests) = self.requests {
            parts.push(crate::domain::number::with_unit(
                requests,
                crate::domain::signal::Unit::PerSecond,
            ));
        }
        if let (false, Some(from)) = (self.beside.is_empty(), from) {
            let names: Vec<_> = self.beside.iter().map(|a| format!("@{a}")).collect();
            let stay = if names.len() == 1 { "stays" } else { "stay" };
            parts.push(format!(
                "{} {stay} at {}",
                names.join(", "),
                version_text(from)
            ));
        }
        if !self.jobs.is_empty() {
            let names: Vec<&str> = self.jobs.iter().map(Clean::as_str).collect();
            parts.push(format!(
                "job{} {}",
                if names.len() == 1 { "" } else { "s" },
                names.join(", ")
            ));
        }
        if let Some(pipeline) = &self.pipeline {
            parts.push(format!("pipeline {pipeline}"));
        }
        Clean::text(&parts.join(" · "))
    }
}
