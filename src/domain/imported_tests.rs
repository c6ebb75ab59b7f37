use std::sync::Arc;

use super::*;
use crate::domain::alert::{AlertKey, AlertRule, Silence};
use crate::domain::annotation::AnnotationKey;
use crate::domain::key::{Key, SourceId};
use crate::domain::level::Level;
use crate::domain::observation::ServedSpanKey;

const MINUTE: i64 = 60_000;

fn subject() -> Subject {
    Subject::Source(SourceId::new("s"))
}

fn alert(state: AlertState, since: i64) -> Alert {
    Alert {
        key: AlertKey {
            source: SourceId::new("am"),
            fingerprint: Key::new("4f"),
        },
        name: Clean::name("HighErrorRate"),
        model: None,
        version: None,
        severity: Clean::empty(),
        level: Level::Crit,
        state,
        since: Millis(since),
        summary: Clean::empty(),
        runbook: None,
        dashboard: None,
        labels: Arc::from([]),
        value: None,
        rule: None,
        silences: Arc::from([]),
        group: Clean::empty(),
    }
}

#[test]
fn an_onset_has_the_alerts_own_time_and_says_whether_it_was_seen() {
    let new = alert(AlertState::Firing, 50);
    let change = |looked| alert_change(None, (&new, Millis(90)), looked, &subject());
    let first = change(None).expect("an onset");
    assert_eq!(
        (first.not_before, first.not_after),
        (Millis(50), Millis(50))
    );
    assert_eq!(first.origin, Origin::Imported);
    assert_eq!(first.phrase(), "alert HighErrorRate firing");
    assert_eq!(
        change(Some(Millis(40))).expect("an onset").origin,
        Origin::Observed
    );
    assert_eq!(
        change(Some(Millis(60))).expect("an onset").origin,
        Origin::Imported
    );
}

#[test]
fn a_condition_that_holds_has_not_begun_until_its_time_is_up() {
    let pending = alert(AlertState::Pending, 1_000);
    assert_eq!(
        alert_change(None, (&pending, Millis(2_000)), None, &subject()),
        None
    );
    let mut firing = alert(AlertState::Firing, 1_000);
    firing.rule = Some(AlertRule {
        query: Key::new("x > 1"),
        plotted: Key::new("x"),
        threshold: Some(1.0),
        for_seconds: 5,
    });
    let old = Some((&pending, Millis(2_000)));
    let change = alert_change(
        old,
        (&firing, Millis(9_000)),
        Some(Millis(2_000)),
        &subject(),
    );
    assert_eq!(change.expect("an onset").not_after, Millis(6_000));
}

#[test]
fn muting_has_the_window_of_the_looks_and_the_name_of_who_did_it() {
    let firing = alert(AlertState::Firing, 50);
    let mut silenced = alert(AlertState::Silenced, 50);
    silenced.silences = Arc::from([Silence {
        id: Key::new("1"),
        author: Clean::name("ana"),
        comment: Clean::text("INC-42"),
        until: Millis(900),
    }]);
    let change = |old, at| {
        alert_change(
            Some((old, Millis(90))),
            (&silenced, Millis(at)),
            None,
            &subject(),
        )
    };
    let row = change(&firing, 120).expect("a change");
    assert_eq!((row.from.as_str(), row.to.as_str()), ("firing", "silenced"));
    assert_eq!((row.not_before, row.not_after), (Millis(90), Millis(120)));
    assert_eq!(row.actor, Some(Clean::name("ana")));
    assert_eq!(row.evidence, "INC-42");
    assert_eq!(change(&silenced, 120), None);
    assert_eq!(change(&firing, 80), None, "an older look tells nothing");
}

#[test]
fn an_end_is_between_the_last_look_that_showed_it_and_the_first_that_did_not() {
    let firing = alert(AlertState::Firing, 50);
    let row = alert_ended((&firing, Millis(90)), Millis(120), subject()).expect("an end");
    assert_eq!(row.phrase(), "alert HighErrorRate ended");
    assert_eq!((row.not_before, row.not_after), (Millis(90), Millis(120)));
    let pending = alert(AlertState::Pending, 50);
    assert_eq!(
        alert_ended((&pending, Millis(90)), Millis(120), subject()),
        None
    );
}

#[test]
fn an_annotation_is_a_record_of_others() {
    let note = Annotation {
        key: AnnotationKey {
            source: SourceId::new("grafana"),
            id: Key::new("7"),
        },
        at: Millis(5),
        until: None,
        text: Clean::text("deployed payments-feed 2.1"),
        tags: Arc::from([Clean::name("deploy")]),
        author: Some(Clean::name("ben")),
        model: None,
    };
    let row = annotation_change(&note, subject());
    assert_eq!(
        (row.origin, row.not_before, row.not_after),
        (Origin::Imported, Millis(5), Millis(5))
    );
    assert_eq!(row.phrase(), "deployed payments-feed 2.1");
    assert_eq!(row.evidence, "an annotation, tagged deploy");
}

fn span(version: &str, from: i64, until: i64) -> ServedSpan {
    ServedSpan {
        key: ServedSpanKey {
            source: SourceId::new("prom"),
            model: Key::new("churn"),
            version: Key::new(version),
            from: Millis(from * MINUTE),
        },
        until: Millis(until * MINUTE),
        step_ms: 60_000,
        evidence: Clean::text("requests by version"),
    }
}

fn served(spans: &[ServedSpan]) -> Vec<(String, i64, i64)> {
    let spans: Vec<&ServedSpan> = spans.iter().collect();
    let changes = served_changes(&spans, &subject());
    changes
        .iter()
        .map(|c| {
            assert_eq!(c.origin, Origin::Imported);
            let minute = |at: Millis| at.0 / MINUTE;
            (
                c.phrase().to_string(),
                minute(c.not_before),
                minute(c.not_after),
            )
        })
        .collect()
}

#[test]
fn a_switch_is_one_change_and_a_canary_two() {
    assert_eq!(
        served(&[span("13", 0, 100), span("14", 101, 200)]),
        [("serves v13 → v14".to_owned(), 100, 101)]
    );
    assert_eq!(
        served(&[span("13", 0, 100), span("14", 50, 200)]),
        [
            ("serves v13 → v13, v14".to_owned(), 49, 50),
            ("serves v13, v14 → v14".to_owned(), 100, 101)
        ]
    );
}

#[test]
fn where_the_records_begin_and_where_they_end_nothing_changed() {
    assert_eq!(served(&[span("13", 0, 200)]), []);
    assert_eq!(served(&[span("13", 0, 200), span("14", 0, 200)]), []);
    assert_eq!(served(&[]), []);
}

#[test]
fn a_quiet_time_is_no_change() {
    assert_eq!(served(&[span("13", 0, 50), span("13", 90, 200)]), []);
    assert_eq!(
        served(&[span("13", 0, 50), span("14", 90, 200)]),
        [("serves v13 → v14".to_owned(), 89, 90)]
    );
}

#[test]
fn versions_that_share_one_step_took_turns_in_it() {
    let turn = [("serves v7 → v6".to_owned(), 99, 100)];
    // The old one's last requests and the new one's first were counted in the same step.
    for newest in [101, 102, 103, 200] {
        let spans = [span("7", 0, 100), span("6", 100, newest)];
        assert_eq!(served(&spans), turn, "{newest}");
    }
    // As long as no later step is known, it may be either.
    assert_eq!(served(&[span("7", 0, 100), span("6", 100, 100)]), []);
    for newest in [101, 102, 103, 104] {
        let spans = [span("7", 0, newest), span("6", 100, 100)];
        assert_eq!(served(&spans), [], "{newest}");
    }
}

#[test]
fn what_is_told_of_two_that_share_more_steps_stands_when_more_is_known() {
    let began = ("serves v7 → v6, v7".to_owned(), 99, 100);
    let ended = ("serves v6, v7 → v6".to_owned(), 101, 102);
    for newest in [101, 102, 103] {
        let spans = [span("7", 0, 101), span("6", 100, newest)];
        assert_eq!(served(&spans), std::slice::from_ref(&began), "{newest}");
    }
    let spans = [span("7", 0, 101), span("6", 100, 104)];
    assert_eq!(served(&spans), [began, ended]);
}
