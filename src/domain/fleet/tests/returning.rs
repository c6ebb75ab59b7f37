//! What is known of a model that was gone for a while: deleted and restored, or out of this account's sight.

use super::*;

fn gone(at: i64) -> Observation {
    Observation {
        upserts: Rows::Models(Vec::new()),
        gone: vec![FactKey::Model(key())],
        ..models(at, "13")
    }
}

fn level(fleet: &Fleet) -> Option<Level> {
    fleet.model(&key()).map(ModelView::level)
}

fn looks(fleet: &mut Fleet, feed: Feed, at: i64) {
    fleet.record(&polled("mlflow", feed, at, None), Millis(at));
}

#[test]
fn a_model_that_comes_back_has_the_versions_that_no_answer_has_missed() {
    let mut fleet = settled();
    fleet.merge(gone(MINUTE), Millis(MINUTE));
    assert_eq!(level(&fleet), None);
    fleet.merge(models(2 * MINUTE, "13"), Millis(2 * MINUTE));
    fleet.merge(answers(2 * MINUTE, "13"), Millis(2 * MINUTE));
    keep_live(&mut fleet, 3 * MINUTE);
    assert_eq!(level(&fleet), Some(Level::Ok));
    // They go by their own answer, and leave nothing behind.
    fleet.merge(gone(4 * MINUTE), Millis(4 * MINUTE));
    let missed = [12, 13, 14].map(|n| FactKey::Version(version(n).key));
    let missed = Observation {
        gone: missed.to_vec(),
        ..versions(4 * MINUTE, &[])
    };
    fleet.merge(missed, Millis(4 * MINUTE));
    assert!(fleet.versions.is_empty());
}

#[test]
fn a_version_is_missing_only_after_a_full_look_since_its_model_is_in_sight() {
    let missing = |fleet: &Fleet| {
        let view = fleet.model(&key()).expect("the model");
        let mut reasons = view.verdict.reasons.iter();
        reasons.any(|r| r.code == ReasonCode::VersionMissing)
    };
    let mut fleet = settled();
    let all = [12, 13, 14].map(|n| FactKey::Version(version(n).key));
    fleet.merge(gone(MINUTE), Millis(MINUTE));
    let none = Observation {
        gone: all.to_vec(),
        ..versions(MINUTE, &[])
    };
    fleet.merge(none, Millis(MINUTE));
    looks(&mut fleet, Feed::Versions, MINUTE);
    // In sight again: the newest versions are those of other models.
    fleet.merge(models(2 * MINUTE, "13"), Millis(2 * MINUTE));
    looks(&mut fleet, Feed::Models, 2 * MINUTE);
    looks(&mut fleet, Feed::NewestVersions, 3 * MINUTE);
    assert!(!missing(&fleet));
    looks(&mut fleet, Feed::Versions, 4 * MINUTE);
    assert!(missing(&fleet), "nothing is said of what is not there");
    fleet.merge(versions(5 * MINUTE, &[13]), Millis(5 * MINUTE));
    assert!(!missing(&fleet));
}
