//! What is kept of an endpoint's versions while they cannot be read.

use super::*;
use crate::domain::last_known::LastKnown;

/// A look at an endpoint that answers and whose versions could not be read.
fn blind(at: i64) -> Observation {
    let reading = EndpointReading {
        versions: Vec::new(),
        versions_unread: Clean::text("versions could not be read: server error 500: POST …/index"),
        ..endpoint("13")
    };
    let rows = Rows::Endpoints(vec![reading]);
    let full = Coverage::Full(Scope::Endpoints);
    observation("fraud-eu", Feed::Endpoint, at, rows, full)
}

fn looks(fleet: &mut Fleet, look: Observation) {
    let at = look.asked_at;
    fleet.merge(look, at);
    keep_live(fleet, at.0);
}

fn view(fleet: &Fleet) -> &crate::domain::fleet::view::DeploymentView {
    fleet.deployments().next().expect("the endpoint")
}

#[test]
fn a_version_that_cannot_be_read_again_is_the_last_one_with_its_age() {
    let mut fleet = settled();
    // Answers as before bring no row and are still looks that read the version.
    keep_live(&mut fleet, MINUTE);
    fleet.take_observed();
    for at in [2 * MINUTE, 3 * MINUTE] {
        looks(&mut fleet, blind(at));
        let view = view(&fleet);
        assert_eq!(view.answering_text(), "v13");
        assert_eq!(view.versions_at, Some(Millis(MINUTE)));
        assert_eq!(view.known_text(Millis(3 * MINUTE)), "2m ago");
        assert_eq!(view.health, Health::Ready);
        assert_eq!(view.verdict.level, Level::Unknown);
        let reason = &view.verdict.reasons[0];
        assert_eq!(reason.since, Since::Exact(Millis(MINUTE)));
        assert!(
            reason.text.as_str().contains("server error 500"),
            "{reason:?}"
        );
        let model = fleet.model(&key()).expect("known");
        assert_eq!(
            (model.served.as_str(), model.level()),
            ("v13", Level::Unknown)
        );
    }
    let served = |c: &crate::domain::change::Change| c.kind == ChangeKind::Served;
    assert!(
        !fleet.take_observed().iter().any(served),
        "nothing was read"
    );

    // Read again, it is another one: the move lies between the looks that read it.
    looks(&mut fleet, answers(4 * MINUTE, "12"));
    assert_eq!(view(&fleet).answering_text(), "v12");
    assert_eq!(view(&fleet).versions_at, None);
    let changes = fleet.take_observed();
    let change = changes.iter().find(|c| served(c)).expect("a served change");
    assert_eq!(
        (change.not_before, change.not_after),
        (Millis(MINUTE), Millis(4 * MINUTE))
    );
}

#[test]
fn what_was_never_read_is_not_known_and_what_is_gone_is_not_kept() {
    let mut fleet = fleet();
    fleet.merge(models(0, "13"), Millis(0));
    fleet.merge(versions(0, &[13]), Millis(0));
    looks(&mut fleet, blind(0));
    assert_eq!(view(&fleet).answering_text(), "?");
    assert_eq!(view(&fleet).verdict.level, Level::Unknown);
    let why = view(&fleet).verdict.reasons[0].text.as_str();
    assert!(why.contains("server error 500"), "{why}");

    let mut fleet = settled();
    let mut missing = blind(MINUTE);
    if let Rows::Endpoints(rows) = &mut missing.upserts {
        rows[0].health = Health::Missing;
    }
    looks(&mut fleet, missing);
    assert_eq!(view(&fleet).answering_text(), "?");
}

#[test]
fn the_age_survives_a_restart() {
    let mut fleet = settled();
    looks(&mut fleet, blind(MINUTE));
    let saved = fleet.endpoints.values().cloned().collect();
    let mut next = self::fleet();
    let last = LastKnown {
        endpoints: saved,
        ..LastKnown::default()
    };
    next.absorb(last, Millis(2 * MINUTE));
    assert_eq!(view(&next).versions_at, Some(Millis(0)));
    looks(&mut next, blind(3 * MINUTE));
    assert_eq!(view(&next).versions_at, Some(Millis(0)));
    assert_eq!(view(&next).answering_text(), "v13");
}
