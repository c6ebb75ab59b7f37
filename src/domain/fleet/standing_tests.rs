use std::sync::Arc;

use super::*;
use crate::domain::action::{How, Verb};
use crate::domain::observation::PollReport;
use crate::panes::journal::testing::{Told, id, move_alias, plan};
use crate::panes::testing::{World, ago, endpoint_settings, model_key};

/// A promotion of v14 that began so many seconds ago.
fn promoted(seconds: u64) -> Told {
    let fraud = model_key("fraud");
    let mut told = Told::default();
    let acts = vec![move_alias(&fraud, "13", "14")];
    let plan = plan(1, Verb::Promote, &fraud, "champion v13 → v14", acts);
    told.begins(ago(seconds), plan, "Q4 data")
        .sends(ago(seconds), 1, 0);
    told
}

fn done(seconds: u64) -> Told {
    let mut told = promoted(seconds);
    told.ends(ago(seconds - 1), 1, 0, (How::Done, "champion is v14"))
        .is(ago(seconds - 1), 1, Outcome::Done, "champion is v14");
    told
}

/// A registry whose champion is a version, read just now, and an endpoint that answers another.
fn world(champion: &str, answers: Option<&str>) -> World {
    let mut world = World::with(|context| {
        let follows = answers.map(|_| endpoint_settings("fraud-eu", "fraud"));
        context.deployments.extend(follows);
    });
    let model = world.model("fraud", &[("champion", champion)]);
    for version in ["13", "14"] {
        world.version(&model, version, None);
    }
    if let Some(answers) = answers {
        world.endpoint("fraud-eu", "fraud", answers);
    }
    for (source, feed) in [("ml", Feed::Models), ("ml", Feed::Versions)] {
        let report = PollReport {
            context: Arc::clone(world.fleet.context()),
            source: crate::domain::key::SourceId::new(source),
            feed,
            asked_at: ago(2),
            took_ms: 5,
            clock_skew_ms: None,
            fault: None,
            partial: None,
            next_at: ago(0),
        };
        world.fleet.record(&report, world.now.wall);
    }
    world
}

fn stands(world: &World, writes: &Writes) -> (Phase, String) {
    let written = writes.get(&id(1)).expect("it");
    let standing = world.fleet.write_standing(written, writes, world.now.wall);
    (standing.phase, standing.short.to_string())
}

#[test]
fn a_write_on_its_way_tells_its_step_and_one_whose_process_is_gone_does_not_pretend() {
    let world = world("13", None);
    let told = promoted(30);
    let mut here = Writes::new();
    for (at, record) in &told.journals().records {
        here.wrote(record, *at);
    }
    assert_eq!(
        stands(&world, &here),
        (Phase::Applying, "applying 1/1".to_owned())
    );
    assert_eq!(stands(&world, &told.writes()).0, Phase::Unknown);
    let mut journals = told.journals();
    journals.living.insert(id(1));
    assert_eq!(stands(&world, &Writes::of(&journals)).0, Phase::Applying);
}

#[test]
fn done_is_not_converged_before_the_world_has_followed() {
    let writes = done(600).writes();
    let (phase, short) = stands(&world("14", Some("13")), &writes);
    assert_eq!(phase, Phase::NotConverged);
    assert!(short.starts_with("not converged: fraud-eu"), "{short}");
    assert_eq!(stands(&world("14", None), &writes).0, Phase::Done);
}

#[test]
fn what_the_registry_said_before_the_move_is_no_sign_of_it() {
    let writes = done(2).writes();
    assert_eq!(stands(&world("13", None), &writes).0, Phase::Verifying);
}

#[test]
fn who_was_overtaken_is_told_so_and_a_later_write_of_ours_takes_the_place() {
    let (phase, short) = stands(&world("13", None), &done(600).writes());
    assert_eq!(phase, Phase::Done);
    assert!(short.contains("champion reads v13, not v14"), "{short}");
    let fraud = model_key("fraud");
    let mut told = done(600);
    let acts = vec![move_alias(&fraud, "14", "13")];
    let back = plan(2, Verb::RollBack, &fraud, "champion v14 → v13", acts);
    told.begins(ago(300), back, "").sends(ago(300), 2, 0);
    told.ends(ago(299), 2, 0, (How::Done, "champion is v13"));
    told.is(ago(299), 2, Outcome::Done, "champion is v13");
    let writes = told.writes();
    assert_eq!(
        stands(&world("13", None), &writes),
        (Phase::Done, "done".to_owned())
    );
}

#[test]
fn the_last_write_is_followed_for_a_while_and_one_that_stands_wrong_for_longer() {
    let follows = |world: &World, seconds| {
        let writes = done(seconds).writes();
        world.fleet.to_follow(&writes, world.now.wall).is_some()
    };
    assert!(follows(&world("14", None), 600));
    assert!(!follows(&world("14", None), 1_000));
    assert!(follows(&world("14", Some("13")), 80_000));
    assert!(!follows(&world("14", Some("13")), 90_000));
}
