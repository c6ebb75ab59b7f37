//! The grammar of gates, what it refuses and with which words, and what approvals are bound to.

use std::sync::Arc;

use proptest::prelude::*;

use super::approval::{
    self, Against, Approval, Binding, LONGEST, Promotion, Signature, Standing, Unwritable, bind,
};
use super::grammar::{self, evidence, rule};
use super::{Clause, Evidence, Gate, Limit, Of, Scale, Sign};
use crate::domain::key::{Key, ModelKey, RegistryKey, VersionKey};
use crate::domain::signal::{Measure, Unit};
use crate::domain::text::Clean;
use crate::domain::time::Millis;

fn of(what: &str, text: &str) -> Vec<Clause> {
    let what = evidence(what).expect("evidence");
    rule(&what, text).unwrap_or_else(|m| panic!("{text}: {m:?}"))
}

fn limit(of: Of, sign: Sign, bound: f64, scale: Scale) -> Clause {
    Clause::Limit(Limit {
        of,
        sign,
        bound,
        scale,
    })
}

#[test]
fn limits_are_read_in_the_unit_that_their_evidence_has() {
    let score = Scale::In(Unit::Score);
    let seconds = Scale::In(Unit::Seconds);
    let ratio = Scale::In(Unit::Ratio);
    for (what, text, want) in [
        (
            "run-metric:auc",
            ">= 0.9",
            limit(Of::Value, Sign::AtLeast, 0.9, score),
        ),
        (
            "run-metric:auc",
            "drop<=0.005",
            limit(Of::Drop, Sign::AtMost, 0.005, score),
        ),
        (
            "quality",
            "drop ≤ 1 %",
            limit(Of::Drop, Sign::AtMost, 0.01, Scale::Relative),
        ),
        (
            "model-metric:rmse",
            "< 1e-3",
            limit(Of::Value, Sign::Under, 1e-3, score),
        ),
        (
            "signal:latency-p95",
            "<= 300ms",
            limit(Of::Value, Sign::AtMost, 0.3, seconds),
        ),
        (
            "signal:latency-p95",
            "<= 0.3",
            limit(Of::Value, Sign::AtMost, 0.3, seconds),
        ),
        (
            "signal:drift-share",
            "<= 30 %",
            limit(Of::Value, Sign::AtMost, 0.3, ratio),
        ),
        (
            "signal:error-ratio",
            "rise <= 1%",
            limit(Of::Rise, Sign::AtMost, 0.01, ratio),
        ),
        (
            "signal:fairness",
            "≥ 0.8",
            limit(Of::Value, Sign::AtLeast, 0.8, score),
        ),
        (
            "size",
            "<= 500MiB",
            limit(
                Of::Value,
                Sign::AtMost,
                500.0 * 1024.0 * 1024.0,
                Scale::Bytes,
            ),
        ),
        (
            "size",
            "rise <= 20 %",
            limit(Of::Rise, Sign::AtMost, 0.2, Scale::Relative),
        ),
        (
            "training-age",
            "<= 30d",
            limit(Of::Age, Sign::AtMost, 30.0 * 86_400.0, Scale::Age),
        ),
        (
            "version-tag:checked_at",
            "age <= 2w",
            limit(Of::Age, Sign::AtMost, 14.0 * 86_400.0, Scale::Age),
        ),
        (
            "signal:last-run",
            "age < 26h",
            limit(Of::Age, Sign::Under, 26.0 * 3_600.0, Scale::Age),
        ),
    ] {
        assert_eq!(of(what, text), [want], "{what} {text}");
    }
}

#[test]
fn other_rules_are_words() {
    let words = |all: &[&str]| all.iter().map(|w| (*w).to_owned()).collect::<Vec<_>>();
    assert_eq!(
        of("version-tag:checks", "= passed | waived by ana"),
        [Clause::OneOf(words(&["passed", "waived by ana"]))]
    );
    assert_eq!(
        of("run-tag:checks", "!= failed, present"),
        [Clause::Not("failed".to_owned()), Clause::Present]
    );
    assert_eq!(of("signature", "compatible"), [Clause::Compatible]);
    assert_eq!(of("reproducibility", "complete").len(), 4);
    assert_eq!(
        of("reproducibility", "git, data"),
        [Clause::Claim("git"), Clause::Claim("data")]
    );
    let aged = of("approval", "age <= 3d");
    assert_eq!(
        aged[0],
        Clause::Claimed,
        "an age alone asks for an approval"
    );
    assert_eq!(of("approval", "verified"), [Clause::Verified]);
    let name = of("run-metric:a", ">= 1, drop <= 2");
    assert_eq!(name.len(), 2);
}

#[test]
fn what_makes_no_sense_is_refused_with_what_is_allowed() {
    for (what, text) in [
        ("run-metric:auc", ""),
        ("run-metric:auc", "0.9"),
        ("run-metric:auc", ">= 90 %"),
        ("run-metric:auc", ">= 300ms"),
        ("run-metric:auc", ">= NaN"),
        ("run-metric:auc", ">= inf"),
        ("run-metric:auc", ">= 0.9,"),
        ("run-metric:auc", "= passed"),
        ("run-metric:auc", "age <= 3d"),
        ("run-metric:auc", "drop >= 0.1"),
        ("run-metric:auc", "drop <= -0.1"),
        ("signal:latency-p95", "<= 3 MiB"),
        ("signal:last-run", "<= 3"),
        ("signature", "identic"),
        ("signature", ">= 1"),
        ("reproducibility", "git, dat"),
        ("approval", "signed"),
        ("version-tag:x", "="),
        ("version-tag:x", "= a | "),
        ("version-tag:x", "drop <= 1"),
        ("size", "<= 3 d"),
        ("size", ">= 3 %"),
        ("training-age", "<= 30"),
        ("consistency", "present"),
        ("status", "ready"),
    ] {
        let evidence = evidence(what).expect("evidence");
        let mistake = rule(&evidence, text).expect_err(&format!("{what} {text}"));
        assert_eq!(mistake.expected, grammar::allowed(&evidence), "{text}");
    }
    let near = rule(&Evidence::Signature, "identic").expect_err("no rule");
    assert_eq!(near.meant.as_deref(), Some("\"identical\""));
    let slip = rule(&Evidence::Quality, "drop >= 0.1").expect_err("no rule");
    assert_eq!(slip.meant.as_deref(), Some("\"drop <= 0.1\""));
}

#[test]
fn evidence_that_is_none_is_told_with_the_nearest() {
    let meant = |text: &str| evidence(text).expect_err(text).meant;
    assert_eq!(
        meant("run_metric:auc").as_deref(),
        Some("\"run-metric:auc\"")
    );
    assert_eq!(meant("signatur").as_deref(), Some("\"signature\""));
    assert_eq!(
        meant("signal:eror-ratio").as_deref(),
        Some("\"signal:error-ratio\"")
    );
    for text in ["", "auc", "run-metric:", "signal:charm", "signal"] {
        assert!(evidence(text).is_err(), "{text}");
    }
}

#[test]
fn every_kind_of_evidence_is_written_as_it_is_read() {
    for text in [
        "run-metric:val/auc",
        "model-metric:auc",
        "quality",
        "version-tag:a.b",
        "run-tag:x",
        "signal:drift-share",
        "signature",
        "reproducibility",
        "consistency",
        "size",
        "training-age",
        "status",
        "approval",
    ] {
        let read = evidence(text).expect(text);
        assert_eq!(read.to_string(), text);
        if let Some(usual) = grammar::usual(&read) {
            assert!(!rule(&read, usual).expect(usual).is_empty());
        }
        assert!(grammar::EVIDENCE.contains(text.split(':').next().expect("a word")));
    }
}

#[test]
fn a_rule_in_words_is_short() {
    let text = |what: &str, text: &str| {
        let read = evidence(what).expect("evidence");
        Gate::new("x", read, of(what, text)).rule_text().to_string()
    };
    assert_eq!(
        text("run-metric:auc", ">=0.900, drop<=0.005"),
        "≥ 0.9, drop ≤ 0.005"
    );
    assert_eq!(text("reproducibility", "complete"), "complete");
    assert_eq!(text("reproducibility", "git,data"), "git, data");
    assert_eq!(text("size", "<= 512MiB"), "≤ 512 MiB");
    assert_eq!(text("training-age", "<= 36h"), "age ≤ 1.5 d");
    assert_eq!(text("signal:latency-p95", "<= 300ms"), "≤ 300 ms");
    assert_eq!(text("version-tag:x", "=a|b"), "= a | b");
}

proptest! {
    #[test]
    fn no_text_brings_the_grammar_down(text in "\\PC{0,40}", what in 0_usize..6) {
        let all = [
            Evidence::Quality,
            Evidence::Signal(Measure::LatencyP95),
            Evidence::Size,
            Evidence::VersionTag("x".to_owned()),
            Evidence::Reproducibility,
            Evidence::Approval,
        ];
        let _ = evidence(&text);
        if let Ok(clauses) = rule(&all[what], &text) {
            prop_assert!(!clauses.is_empty());
        }
    }

    #[test]
    fn a_limit_reads_as_it_is_written(bound in 0.0_f64..1e6, at in 0_usize..4) {
        let sign = [">=", ">", "<=", "<"][at];
        let read = of("run-metric:x", &format!("{sign} {bound}"));
        let Clause::Limit(limit) = &read[0] else { panic!("a limit") };
        prop_assert_eq!(limit.bound.to_bits(), bound.to_bits());
        prop_assert_eq!(limit.sign.is_floor(), at < 2);
    }
}

fn model() -> ModelKey {
    ModelKey {
        registry: Arc::new(RegistryKey {
            base: Key::new("http://ml.test"),
            workspace: Key::new("risk"),
        }),
        name: Key::new("churn"),
        created: Millis(1),
    }
}

fn bound(alias: &str, from: Option<&str>, to: &str, lines: &[&str]) -> Binding {
    let model = model();
    let from = from.map(Key::new);
    let to = VersionKey {
        model: model.clone(),
        version: Key::new(to),
    };
    let promotion = Promotion {
        model: &model,
        alias,
        from: from.as_ref(),
        to: &to,
        to_created: Millis(70),
    };
    bind(promotion, lines.iter().copied())
}

#[test]
fn a_binding_is_a_sha_256_and_changes_with_each_part() {
    let whole = bound("champion", Some("6"), "7", &["a", "b"]);
    assert_eq!(whole, bound("champion", Some("6"), "7", &["a", "b"]));
    assert_eq!(whole.hex().len(), 64);
    // Worked out apart from this program, with sha256sum over the same lines.
    assert_eq!(
        whole.hex(),
        "b5e78f566ed156f8938c588b2e8210d335c63403b95ab2225981751c000f6281"
    );
    for other in [
        bound("challenger", Some("6"), "7", &["a", "b"]),
        bound("champion", Some("5"), "7", &["a", "b"]),
        bound("champion", None, "7", &["a", "b"]),
        bound("champion", Some("6"), "8", &["a", "b"]),
        bound("champion", Some("6"), "7", &["a"]),
        bound("champion", Some("6"), "7", &["a", "c"]),
        bound("champion", Some("6"), "7", &["a\n1:b"]),
        bound("champion", Some("6"), "7", &["ab"]),
    ] {
        assert_ne!(whole, other);
    }
}

fn given(by: &str) -> Approval {
    Approval::new(
        &Clean::name(by),
        Millis(1_000_000),
        Millis(2_000_000),
        bound("champion", Some("6"), "7", &[]),
        Clean::empty(),
    )
}

fn judged(
    approval: &Approval,
    promoter: Option<&str>,
    signature: &Signature,
    now: i64,
) -> Standing {
    let binding = bound("champion", Some("6"), "7", &[]);
    approval::judge(
        approval,
        Against {
            binding: &binding,
            promoter,
            signature,
            now: Millis(now),
        },
    )
}

#[test]
fn an_approval_holds_for_another_person_this_evidence_and_its_time() {
    let signed = Approval {
        signature: Some("-----BEGIN".to_owned()),
        ..given("ana")
    };
    let none = Signature::Unchecked;
    let judge =
        |a: &Approval, promoter, signature: &Signature, now| judged(a, promoter, signature, now);
    let now = 1_500_000;
    assert!(matches!(
        judge(&given("ana"), Some("ben"), &none, now),
        Standing::Claimed(_)
    ));
    assert_eq!(
        judge(&signed, Some("ben"), &Signature::Valid, now),
        Standing::Verified
    );
    assert!(
        matches!(
            judge(&given("ana"), Some("ben"), &Signature::Valid, now),
            Standing::Claimed(_)
        ),
        "a check of another approval verifies nothing"
    );
    let bad = Signature::Invalid(Clean::text("incorrect"));
    let void = |standing: Standing| matches!(standing, Standing::Void(_));
    assert!(void(judge(&signed, Some("ben"), &bad, now)));
    assert!(void(judge(&signed, Some(" ANA "), &Signature::Valid, now)));
    assert!(void(judge(
        &signed,
        Some("ben"),
        &Signature::Valid,
        2_000_000
    )));
    assert!(void(judge(
        &signed,
        Some("ben"),
        &Signature::Valid,
        900_000
    )));
    let other = Approval {
        binding: bound("champion", Some("6"), "8", &[]),
        ..signed.clone()
    };
    assert!(void(judge(&other, Some("ben"), &Signature::Valid, now)));
    for nobody in [None, Some(""), Some("  ")] {
        assert!(matches!(
            judge(&signed, nobody, &Signature::Valid, now),
            Standing::Unknown(_)
        ));
    }
}

#[test]
fn an_approval_is_read_as_it_was_written_and_fits_into_a_tag() {
    let signed = Approval {
        signature: Some(
            "-----BEGIN SSH SIGNATURE-----\nU1NIU0lH\n-----END SSH SIGNATURE-----\n".to_owned(),
        ),
        ..given("ana")
    };
    let text = signed.write().expect("fits");
    assert!(!text.contains('\n'), "a tag is one line");
    assert_eq!(Approval::read(&text), Ok(signed));
    let mut long = given("ana");
    long.signature = Some("x".repeat(LONGEST));
    assert!(matches!(long.write(), Err(Unwritable::TooLong(_))));
    assert_eq!(given("").write(), Err(Unwritable::Nobody));
    let mut past = given("ana");
    past.until = past.at;
    assert_eq!(past.write(), Err(Unwritable::Expired));
    for bad in ["", "yes", "{}", "[1]", "{\"schema\":2}"] {
        assert!(Approval::read(bad).is_err(), "{bad}");
    }
    let newer = text.replace("\"schema\":1", "\"schema\":2");
    assert!(
        Approval::read(&newer)
            .expect_err("newer")
            .as_str()
            .contains("form 2")
    );
}

#[test]
fn one_person_is_told_by_name_whatever_the_machine_unless_machines_are_named() {
    use approval::same_person;
    for (a, b) in [("ana", "Ana "), ("ana", "ana@bastion"), ("ana@x", "ANA@X")] {
        assert!(same_person(a, b) && same_person(b, a), "{a} {b}");
    }
    for (a, b) in [("ana", "ben"), ("ana@x", "ana@y"), ("", ""), ("@x", "@y")] {
        assert_eq!(same_person(a, b), a == b, "{a} {b}");
    }
}

#[test]
fn whoever_wrote_an_approval_down_for_another_cannot_promote_it() {
    let mut approval = given("ana@risk");
    approval.writer = Clean::name("carl");
    let signature = Signature::Unchecked;
    let standing = judged(&approval, Some("carl"), &signature, 1_500_000);
    assert!(matches!(standing, Standing::Void(_)), "{standing:?}");
    let plain = given("ana@risk");
    assert_ne!(plain.message(), approval.message(), "it is signed too");
    let text = approval.write().expect("fits");
    assert_eq!(Approval::read(&text), Ok(approval));
}
