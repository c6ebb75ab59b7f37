use super::*;

fn endpoint(answers: &[&str], known: Known) -> Endpoint {
    Endpoint {
        name: Clean::name("churn-prod"),
        answers: answers.iter().map(|word| Key::new(word)).collect(),
        known,
        silent: None,
        since: Some(Millis(0)),
    }
}

fn calm() -> Traffic {
    let same = |value| Measured {
        before: Some(value),
        since: Some(value),
    };
    Traffic {
        measured: true,
        requests: Some(5_000),
        errors: same(0.002),
        latency: same(0.08),
    }
}

fn stage(alias: Option<&str>, endpoints: &[Endpoint], traffic: Traffic, seconds: i64) -> Judged {
    let (version, name) = (Key::new("7"), Clean::name("champion"));
    let reads = alias.map(Key::new);
    let facts = Facts {
        version: &version,
        alias: Some((&name, reads.as_ref())),
        endpoints,
        traffic,
        unread: None,
        serving_since: Some(Millis(0)),
    };
    judge(&facts, &Convergence::default(), Millis(seconds * 1_000))
}

#[test]
fn each_stage_waits_for_its_own_evidence() {
    let there = [endpoint(&["7"], Known::Reported)];
    let at = |alias, endpoints: &[Endpoint], traffic, seconds| {
        stage(alias, endpoints, traffic, seconds).stage
    };
    assert_eq!(at(Some("6"), &there, calm(), 900), Stage::Alias);
    assert_eq!(at(None, &there, calm(), 900), Stage::Alias);
    for answers in [&["6"][..], &["6", "7"], &[]] {
        let behind = [there[0].clone(), endpoint(answers, Known::Reported)];
        assert_eq!(
            at(Some("7"), &behind, calm(), 900),
            Stage::Serving,
            "{answers:?}"
        );
    }
    assert_eq!(at(Some("7"), &there, calm(), 599), Stage::Bake);
    assert_eq!(at(Some("7"), &there, calm(), 600), Stage::Converged);
    assert_eq!(at(Some("7"), &[], calm(), 0), Stage::Converged);
}

#[test]
fn a_silent_endpoint_has_not_converged_whatever_it_answered_before() {
    let mut silent = endpoint(&["7"], Known::Reported);
    silent.silent = Some(Clean::text("no answer for 2m"));
    let judged = stage(Some("7"), &[silent], calm(), 900);
    assert_eq!(judged.stage, Stage::Serving);
    assert_eq!(judged.words, "churn-prod: no answer for 2m");
}

#[test]
fn few_requests_and_missing_numbers_say_nothing() {
    let there = [endpoint(&["7"], Known::Reported)];
    let at = |traffic| {
        let judged = stage(Some("7"), &there, traffic, 900);
        (judged.stage, judged.stands)
    };
    let few = Traffic {
        requests: Some(99),
        ..calm()
    };
    assert_eq!(at(few), (Stage::Bake, false));
    let uncounted = Traffic {
        requests: None,
        ..calm()
    };
    assert_eq!(at(uncounted), (Stage::Bake, false));
    assert_eq!(at(Traffic::default()), (Stage::Bake, true));
    let blind = Traffic {
        errors: Measured::default(),
        latency: Measured::default(),
        ..calm()
    };
    assert_eq!(at(blind), (Stage::Bake, false));
}

#[test]
fn what_is_worse_than_the_hour_before_stands_at_the_bake() {
    let there = [endpoint(&["7"], Known::Reported)];
    let judged = |errors: f64, latency: f64| {
        let traffic = Traffic {
            errors: Measured {
                before: Some(0.002),
                since: Some(errors),
            },
            latency: Measured {
                before: Some(0.1),
                since: Some(latency),
            },
            ..calm()
        };
        let judged = stage(Some("7"), &there, traffic, 900);
        (judged.stage, judged.stands, judged.words.to_string())
    };
    assert_eq!(judged(0.006, 0.119).0, Stage::Converged);
    let (at, stands, words) = judged(0.05, 0.1);
    assert_eq!((at, stands), (Stage::Bake, true));
    assert_eq!(words, "errors 5.00 %, before 0.20 %");
    assert_eq!(judged(0.002, 0.13).2, "latency 130 ms, before 100 ms");
    assert_eq!(judged(f64::NAN, 0.1).0, Stage::Bake);
}

#[test]
fn a_version_that_only_settings_declare_is_believed_and_said_so() {
    let declared = [endpoint(&["7"], Known::Declared)];
    let judged = stage(Some("7"), &declared, calm(), 900);
    assert_eq!(judged.stage, Stage::Converged);
    assert_eq!(
        judged.remarks,
        ["churn-prod does not say so itself: v7 is declared"]
    );
}

#[test]
fn what_was_never_read_since_is_not_said_to_be_within_tolerance() {
    let there = [endpoint(&["7"], Known::Reported)];
    let judged = |traffic| stage(Some("7"), &there, traffic, 900);
    let remarks = |traffic| {
        let judged = judged(traffic);
        assert_eq!(judged.stage, Stage::Converged);
        judged.remarks
    };
    assert_eq!(remarks(calm()), [""; 0]);
    let no_errors = Traffic {
        errors: Measured::default(),
        ..calm()
    };
    assert_eq!(
        remarks(no_errors),
        ["errors have not been read since: latency alone is judged"]
    );
    let no_latency = Traffic {
        latency: Measured::default(),
        ..calm()
    };
    assert_eq!(
        remarks(no_latency),
        ["latency has not been read since: errors alone are judged"]
    );
    let first = Measured {
        before: None,
        since: Some(0.08),
    };
    let no_before = Traffic {
        latency: first,
        ..calm()
    };
    assert_eq!(
        remarks(no_before),
        ["latency of the hour before is not known: errors alone are judged"]
    );
    let nothing = judged(Traffic {
        latency: first,
        ..no_errors
    });
    assert_eq!((nothing.stage, nothing.stands), (Stage::Bake, true));
}

#[test]
fn why_the_traffic_cannot_be_read_is_told() {
    let there = [endpoint(&["7"], Known::Reported)];
    let version = Key::new("7");
    let facts = Facts {
        version: &version,
        alias: None,
        endpoints: &there,
        traffic: Traffic {
            measured: true,
            ..Traffic::default()
        },
        unread: Some(Clean::text("prom is down, last read 9m ago")),
        serving_since: Some(Millis(0)),
    };
    let judged = judge(&facts, &Convergence::default(), Millis(900_000));
    assert_eq!((judged.stage, judged.stands), (Stage::Bake, false));
    assert_eq!(
        judged.words,
        "serves, and how many requests it has had is not known: prom is down, last read 9m ago"
    );
}
