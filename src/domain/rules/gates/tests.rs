//! Each rule by its outcomes: what passes, fails, is unknown, and with which words.

use proptest::prelude::*;

use super::found::{Dataset, Numbers};
use super::{
    Aged, Approved, Features, Found, GateVerdict, Number, Pair, Side, Verdict, date, judge,
};
use crate::domain::gate::approval::{Approval, Binding, Signature as Signed};
use crate::domain::gate::{Consequence, Gate, Scale, grammar};
use crate::domain::model::{Field, Signature};
use crate::domain::rules::reproducible::{Claim, Truth};
use crate::domain::signal::{Direction, State, Unit};
use crate::domain::text::Clean;
use crate::domain::time::Millis;

const NOW: Millis = Millis(1_795_406_400_000);
const DAY: i64 = 86_400_000;

fn gate(evidence: &str, rule: &str) -> Gate {
    let evidence = grammar::evidence(evidence).expect("evidence");
    let rule = grammar::rule(&evidence, rule).expect("a rule");
    Gate::new("test", evidence, rule)
}

fn number(value: f64) -> Number {
    Number {
        value,
        state: if value.is_nan() {
            State::Nan
        } else {
            State::Value
        },
        n: None,
        at: Some(NOW),
        source: None,
        dataset: Dataset::Known(vec![(Clean::name("holdout"), Clean::name("abc"))]),
        remark: Clean::empty(),
    }
}

fn pair(part: &str, champion: Side<Number>, candidate: Side<Number>) -> Pair {
    Pair {
        part: Clean::name(part),
        champion,
        candidate,
    }
}

fn numbers(direction: Direction, pairs: Vec<Pair>) -> Found {
    Found::Numbers(Numbers {
        scale: Scale::In(Unit::Score),
        direction,
        pairs,
        min_n: None,
    })
}

/// Judges two plain numbers.
fn two(rule: &str, direction: Direction, champion: f64, candidate: f64) -> GateVerdict {
    let sides = (
        Side::Known(number(champion)),
        Side::Known(number(candidate)),
    );
    let found = numbers(direction, vec![pair("auc", sides.0, sides.1)]);
    judge(&gate("run-metric:auc", rule), &found, NOW)
}

fn words(verdict: &GateVerdict) -> (Verdict, &str) {
    (verdict.verdict, verdict.why.as_str())
}

use Direction::{HighIsBad, LowIsBad, Neither};
use Verdict::{Fail, Pass, Unknown, Warn};

#[test]
fn a_threshold_holds_at_its_line() {
    for (rule, value, want, why) in [
        (">= 0.9", 0.9, Pass, "0.9 ≥ 0.9"),
        (">= 0.9", 0.8999, Fail, "0.9 < 0.9"),
        ("> 0.9", 0.9, Fail, "0.9 ≤ 0.9"),
        ("<= 0.9", 0.9, Pass, "0.9 ≤ 0.9"),
        ("< 0.9", 0.95, Fail, "0.95 ≥ 0.9"),
    ] {
        let verdict = two(rule, LowIsBad, 0.5, value);
        assert_eq!(words(&verdict), (want, why), "{rule} {value}");
        let asks = if want == Fail {
            Consequence::Reason
        } else {
            Consequence::None
        };
        assert_eq!(verdict.consequence, asks);
    }
}

#[test]
fn a_drop_is_what_got_worse_whichever_way_that_is() {
    let drop = "drop <= 0.005";
    assert_eq!(
        two(drop, LowIsBad, 0.914, 0.909).verdict,
        Pass,
        "to the digit"
    );
    let worse = two(drop, LowIsBad, 0.914, 0.900);
    assert_eq!(words(&worse), (Fail, "drop 0.014 > 0.005"));
    assert_eq!(worse.delta_text, "-0.014");
    let better = two(drop, LowIsBad, 0.914, 0.921);
    assert_eq!(words(&better), (Pass, "not worse than the champion"));
    assert_eq!(better.delta_text, "+0.007");
    assert_eq!(two(drop, HighIsBad, 3.0, 3.004).verdict, Pass);
    assert_eq!(two(drop, HighIsBad, 3.0, 3.1).verdict, Fail);
    assert_eq!(two(drop, HighIsBad, 3.0, 2.0).verdict, Pass);
    let nobody = two(drop, Neither, 3.0, 2.0);
    assert_eq!(nobody.verdict, Unknown);
    assert!(nobody.why.as_str().contains("higher_is_better"));
    assert_eq!(two("rise <= 0.5", Neither, 3.0, 3.5).verdict, Pass);
    assert_eq!(two("rise <= 0.5", Neither, 3.0, 3.6).verdict, Fail);
}

#[test]
fn a_relative_drop_is_part_of_the_champions_value() {
    let drop = "drop <= 1 %";
    assert_eq!(two(drop, LowIsBad, 0.900, 0.891).verdict, Pass);
    let worse = two(drop, LowIsBad, 0.9, 0.88);
    assert_eq!(words(&worse), (Fail, "drop 2.22 % > 1 %"));
    assert_eq!(two(drop, LowIsBad, -0.9, -0.95).verdict, Fail);
    assert_eq!(two(drop, LowIsBad, 0.0, -0.1).verdict, Unknown);
}

#[test]
fn numbers_of_other_data_cannot_be_compared_and_the_threshold_still_counts() {
    let set =
        |name: &str, digest: &str| Dataset::Known(vec![(Clean::name(name), Clean::name(digest))]);
    let with = |a: Dataset, b: Dataset, rule: &str| {
        let champion = Number {
            dataset: a,
            ..number(0.91)
        };
        let candidate = Number {
            dataset: b,
            ..number(0.92)
        };
        let sides = pair("auc", Side::Known(champion), Side::Known(candidate));
        judge(
            &gate("run-metric:auc", rule),
            &numbers(LowIsBad, vec![sides]),
            NOW,
        )
    };
    let drop = "drop <= 0.01";
    assert_eq!(with(set("a", "1"), set("a", "1"), drop).verdict, Pass);
    for (a, b, why) in [
        (
            set("a", "1"),
            set("a", "2"),
            "evaluated on a 2, the champion on a 1",
        ),
        (
            set("a", "1"),
            set("b", "1"),
            "evaluated on b 1, the champion on a 1",
        ),
        (set("a", ""), set("a", ""), "only a digest tells"),
        (
            Dataset::NotLogged,
            set("a", "1"),
            "that the champion was evaluated on",
        ),
        (
            set("a", "1"),
            Dataset::NotLogged,
            "that the candidate was evaluated on",
        ),
        (
            Dataset::NotLogged,
            Dataset::NotLogged,
            "that either was evaluated on",
        ),
    ] {
        let verdict = with(a.clone(), b.clone(), drop);
        assert_eq!(verdict.verdict, Unknown, "{why}");
        assert!(verdict.why.as_str().contains(why), "{}", verdict.why);
        assert_eq!(verdict.consequence, Consequence::Reason);
        let both = with(a.clone(), b.clone(), ">= 0.95, drop <= 0.01");
        assert_eq!(both.verdict, Fail, "a broken threshold needs no comparison");
        assert_eq!(with(a, b, ">= 0.9").verdict, Pass);
    }
}

#[test]
fn without_a_champion_there_is_nothing_to_compare_with() {
    let found = numbers(
        LowIsBad,
        vec![pair("auc", Side::Absent, Side::Known(number(0.95)))],
    );
    let verdict = judge(&gate("run-metric:auc", ">= 0.9, drop <= 0.1"), &found, NOW);
    assert_eq!(verdict.verdict, Warn);
    assert!(verdict.why.as_str().contains("no version holds the alias"));
    assert_eq!(verdict.consequence, Consequence::None);
    let failing = judge(&gate("run-metric:auc", ">= 0.99, drop <= 0.1"), &found, NOW);
    assert_eq!(failing.verdict, Fail);
}

#[test]
fn what_is_no_number_to_go_by_is_unknown() {
    let states = [
        State::Stale,
        State::LowN,
        State::NoData,
        State::NoTraffic,
        State::Error,
        State::Nan,
    ];
    for state in states {
        let bad = Number {
            state,
            ..number(0.99)
        };
        let found = numbers(
            LowIsBad,
            vec![pair("auc", Side::Absent, Side::Known(bad.clone()))],
        );
        let verdict = judge(&gate("run-metric:auc", ">= 0.9"), &found, NOW);
        assert_eq!(verdict.verdict, Unknown, "{state:?}");
        let sides = pair("auc", Side::Known(bad), Side::Known(number(0.99)));
        let verdict = judge(
            &gate("run-metric:auc", "drop <= 0.1"),
            &numbers(LowIsBad, vec![sides]),
            NOW,
        );
        assert_eq!(verdict.verdict, Unknown, "champion {state:?}");
    }
    for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        let mut given = number(value);
        given.state = State::Value;
        let found = numbers(
            LowIsBad,
            vec![pair("auc", Side::Absent, Side::Known(given))],
        );
        let verdict = judge(&gate("run-metric:auc", ">= 0.9"), &found, NOW);
        assert_eq!(verdict.verdict, Unknown, "{value}");
    }
}

fn grouped(gate: &Gate, groups: &[(&str, f64, Option<u64>)]) -> GateVerdict {
    let pairs = groups.iter().map(|(group, value, n)| {
        let candidate = Number {
            n: *n,
            ..number(*value)
        };
        pair(group, Side::Absent, Side::Known(candidate))
    });
    let found = Found::Numbers(Numbers {
        scale: Scale::In(Unit::Score),
        direction: LowIsBad,
        pairs: pairs.collect(),
        min_n: gate.min_n,
    });
    judge(gate, &found, NOW)
}

#[test]
fn each_group_is_judged_and_one_of_few_rows_is_unknown() {
    let mut fair = gate("signal:fairness", ">= 0.8");
    fair.min_n = Some(100);
    let all = [
        ("A", 0.86, Some(4_100)),
        ("B", 0.76, Some(410)),
        ("C", 0.2, Some(12)),
    ];
    let verdict = grouped(&fair, &all);
    assert_eq!(
        words(&verdict),
        (Fail, "B: 0.76 < 0.8, n 410 (1 of 3 fail)")
    );
    assert_eq!(verdict.n, Some(410));
    let parts: Vec<_> = verdict
        .parts
        .iter()
        .map(|p| (p.part.as_str(), p.verdict))
        .collect();
    assert_eq!(parts, [("B", Fail), ("C", Unknown), ("A", Pass)]);
    let verdict = grouped(&fair, &[all[0], all[2]]);
    assert_eq!(
        words(&verdict),
        (
            Unknown,
            "C: the candidate has too few rows: n 12 under 100 (1 of 2 unknown)"
        )
    );
    let nobody = grouped(&fair, &[("A", 0.9, None)]);
    assert_eq!(
        nobody.verdict, Unknown,
        "rows that nobody tells are not enough"
    );
    fair.min_n = None;
    assert_eq!(grouped(&fair, &[("A", 0.9, None)]).verdict, Pass);
}

#[test]
fn what_is_still_read_is_unknown_and_says_that_it_is_only_that() {
    let found = numbers(LowIsBad, vec![pair("", Side::Pending, Side::Pending)]);
    let verdict = judge(&gate("run-metric:auc", ">= 0.9"), &found, NOW);
    assert!(verdict.pending && verdict.verdict == Unknown);
    let sides = pair("", Side::Pending, Side::Known(number(0.5)));
    let verdict = judge(
        &gate("run-metric:auc", ">= 0.9, drop <= 1"),
        &numbers(LowIsBad, vec![sides]),
        NOW,
    );
    assert!(
        !verdict.pending && verdict.verdict == Fail,
        "it fails anyway"
    );
    let missing = numbers(
        LowIsBad,
        vec![pair("", Side::unknown("no run"), Side::unknown("no run"))],
    );
    let verdict = judge(&gate("run-metric:auc", ">= 0.9"), &missing, NOW);
    assert!(!verdict.pending && verdict.verdict == Unknown);
}

#[test]
fn consequences_follow_the_gate_and_unknown_never_looks_fine() {
    let mut gate = gate("run-metric:auc", ">= 0.9");
    let fails = numbers(
        LowIsBad,
        vec![pair("", Side::Absent, Side::Known(number(0.1)))],
    );
    let unknown = numbers(LowIsBad, vec![pair("", Side::Absent, Side::unknown("why"))]);
    for (on, verdict, consequence) in [
        (Consequence::Block, Fail, Consequence::Block),
        (Consequence::Reason, Fail, Consequence::Reason),
        (Consequence::None, Warn, Consequence::None),
    ] {
        gate.on_fail = on;
        gate.on_unknown = on;
        let judged = judge(&gate, &fails, NOW);
        assert_eq!((judged.verdict, judged.consequence), (verdict, consequence));
        let judged = judge(&gate, &unknown, NOW);
        assert_eq!((judged.verdict, judged.consequence), (Unknown, on));
    }
}

fn tagged(rule: &str, tag: Option<&str>) -> (Verdict, String) {
    let found = Found::Words {
        champion: Side::Absent,
        candidate: Side::Known(tag.map(Clean::text)),
    };
    let verdict = judge(&gate("version-tag:checks", rule), &found, NOW);
    (verdict.verdict, verdict.why.to_string())
}

#[test]
fn tags_are_words_numbers_or_dates() {
    for (rule, tag, want) in [
        ("= passed", Some("passed"), Pass),
        ("= passed", Some(" Passed "), Pass),
        ("= passed | waived", Some("waived"), Pass),
        ("= passed", Some("failed"), Fail),
        ("= passed", Some(""), Fail),
        ("= passed", None, Fail),
        ("present", Some("x"), Pass),
        ("present", Some(""), Fail),
        ("present", None, Fail),
        ("!= failed", Some("passed"), Pass),
        ("!= failed", Some("FAILED"), Fail),
        ("!= failed", None, Unknown),
        (">= 3", Some("3"), Pass),
        (">= 3", Some("2.9"), Fail),
        (">= 3", Some("many"), Unknown),
        (">= 3", Some("NaN"), Unknown),
        (">= 3", None, Fail),
        ("age <= 30d", Some("2026-11-20"), Pass),
        ("age <= 30d", Some("2026-01-20T00:00:00Z"), Fail),
        ("age <= 30d", Some("yesterday"), Unknown),
        ("age <= 30d", Some("2027-01-01"), Unknown),
    ] {
        assert_eq!(tagged(rule, tag).0, want, "{rule} {tag:?}");
    }
    assert_eq!(tagged("= passed", Some("failed")).1, "failed, not passed");
}

#[test]
fn dates_are_read_in_the_forms_that_tools_write() {
    let want = Some(Millis(1_795_392_000_000));
    for text in [
        "2026-11-23",
        "2026-11-23 00:00:00",
        "2026-11-23T00:00:00",
        "2026-11-23T00:00:00.000",
        "2026-11-23T01:00:00+01:00",
        "1795392000",
        "1795392000000",
    ] {
        assert_eq!(date(text), want, "{text}");
    }
    for text in ["", "soon", "23.11.2026", "17953920", "99999999999999999999"] {
        assert_eq!(date(text), None, "{text}");
    }
}

fn field(name: &str, kind: &str, required: bool) -> Field {
    Field {
        name: Clean::name(name),
        kind: Clean::name(kind),
        required,
    }
}

fn inputs(fields: &[(&str, &str, bool)]) -> Signature {
    Signature {
        inputs: fields.iter().map(|(n, k, r)| field(n, k, *r)).collect(),
        ..Signature::default()
    }
}

fn signatures(rule: &str, old: Option<Signature>, new: Option<Signature>) -> GateVerdict {
    let found = Found::Signatures {
        champion: Side::Known(old),
        candidate: Side::Known(new),
    };
    judge(&gate("signature", rule), &found, NOW)
}

#[test]
fn a_signature_that_breaks_callers_fails_and_a_new_optional_input_warns() {
    let old = inputs(&[("amount", "double", true), ("tenure", "long", true)]);
    let same = signatures("compatible", Some(old.clone()), Some(old.clone()));
    assert_eq!(words(&same), (Pass, "no difference"));
    assert_eq!(
        same.candidate.map(|s| s.text.to_string()),
        Some("2 inputs".to_owned())
    );
    let gone = inputs(&[("amount", "float", true)]);
    let broken = signatures("compatible", Some(old.clone()), Some(gone));
    assert_eq!(
        words(&broken),
        (Fail, "input amount double → float, input tenure removed")
    );
    let mut more = old.clone();
    more.inputs.push(field("tenure_b", "long", false));
    let wider = signatures("compatible", Some(old.clone()), Some(more.clone()));
    assert_eq!(words(&wider), (Warn, "new optional input tenure_b"));
    assert_eq!(wider.consequence, Consequence::None);
    let exact = signatures("identical", Some(old.clone()), Some(more));
    assert_eq!(exact.verdict, Fail);
    for (a, b) in [(None, Some(old.clone())), (Some(old), None), (None, None)] {
        assert_eq!(signatures("compatible", a, b).verdict, Unknown);
    }
}

fn claims(truths: [Truth; 4]) -> [Claim; 4] {
    let mut at = truths.into_iter();
    ["git", "data", "model", "environment"].map(|what| Claim {
        what,
        truth: at.next().unwrap_or(Truth::Missing),
        text: Clean::text("why"),
    })
}

#[test]
fn reproducibility_asks_for_the_claims_of_its_rule() {
    use Truth::{Broken, Claimed, Missing, Verified};
    let judged = |rule: &str, truths| {
        let found = Found::Claims {
            champion: Side::Absent,
            candidate: Side::Known(claims(truths)),
        };
        judge(&gate("reproducibility", rule), &found, NOW)
    };
    let all = judged("complete", [Claimed, Claimed, Verified, Verified]);
    assert_eq!(all.verdict, Pass);
    let text = |v: &GateVerdict| v.candidate.as_ref().map(|s| s.text.to_string());
    assert_eq!(text(&all).as_deref(), Some("g d m e"));
    let part = judged("complete", [Claimed, Claimed, Verified, Missing]);
    assert_eq!(words(&part), (Fail, "environment missing: why"));
    assert_eq!(text(&part).as_deref(), Some("g d m -"));
    let part = judged("git, data", [Claimed, Claimed, Broken, Missing]);
    assert_eq!(part.verdict, Pass);
    assert_eq!(text(&part).as_deref(), Some("g d ! -"));
    let part = judged("git", [Broken, Claimed, Verified, Verified]);
    assert_eq!(part.verdict, Fail);
}

#[test]
fn data_of_an_unknown_age_may_be_too_old_and_are_never_fine() {
    let judged = |days: i64, exact: bool| {
        let candidate = Aged {
            at: Millis(NOW.0 - days * DAY),
            exact,
            by: Clean::text("the run's start"),
        };
        let found = Found::Aged {
            champion: Side::Absent,
            candidate: Side::Known(candidate),
        };
        judge(&gate("training-age", "<= 30d"), &found, NOW)
    };
    assert_eq!(judged(30, true).verdict, Pass);
    assert_eq!(
        words(&judged(31, true)),
        (Fail, "31 d > 30 d, by the run's start")
    );
    assert_eq!(judged(31, false).verdict, Fail, "they can only be older");
    assert_eq!(judged(3, false).verdict, Warn);
    assert_eq!(judged(-1, true).verdict, Unknown);
}

#[test]
fn serving_that_does_not_send_an_input_is_inconsistent() {
    let names = |all: &[&str]| all.iter().map(|n| Clean::name(n)).collect::<Vec<_>>();
    let judged = |features: Features| {
        let verdict = judge(
            &gate("consistency", "consistent"),
            &Found::Features(Side::Known(features)),
            NOW,
        );
        (verdict.verdict, verdict.why.to_string())
    };
    let base = Features {
        required: names(&["amount", "tenure"]),
        seen: names(&["amount", "tenure", "zip"]),
        ..Features::default()
    };
    assert_eq!(judged(base.clone()).0, Pass);
    let missing = |crit| Features {
        missing: vec![(Clean::name("tenure"), 0.31, crit)],
        ..base.clone()
    };
    let (verdict, why) = judged(missing(true));
    assert_eq!(
        (verdict, why.as_str()),
        (Fail, "serving does not send tenure missing in 31 %")
    );
    assert_eq!(judged(missing(false)).0, Warn);
    let unasked = Features {
        missing: vec![(Clean::name("zip"), 0.9, true)],
        ..base.clone()
    };
    assert_eq!(judged(unasked).0, Pass, "the candidate does not need it");
    let unseen = Features {
        required: names(&["amount", "tenure_b"]),
        ..base.clone()
    };
    let (verdict, why) = judged(unseen);
    assert_eq!(verdict, Warn);
    assert!(why.ends_with("tenure_b"), "{why}");
    let moved = Features {
        moved: vec![(Clean::name("tenure"), Clean::text("PSI 0.42"))],
        ..base.clone()
    };
    assert_eq!(judged(moved).0, Fail);
    let stale = Features {
        stale: true,
        ..base
    };
    assert_eq!(judged(stale).0, Unknown);
    assert_eq!(judged(Features::default()).0, Unknown);
}

fn approved(approval: Option<Approval>, signature: Signed) -> Approved {
    Approved {
        approval: Side::Known(approval),
        unreadable: None,
        binding: binding(),
        signature,
        promoter: Some(Clean::name("ben")),
    }
}

fn binding() -> Binding {
    serde_json::from_str("\"abc\"").expect("a hash")
}

fn approval(signature: Option<&str>) -> Approval {
    let at = Millis(NOW.0 - DAY);
    let until = Millis(NOW.0 + DAY);
    let mut approval = Approval::new(&Clean::name("ana"), at, until, binding(), Clean::empty());
    approval.signature = signature.map(str::to_owned);
    approval
}

#[test]
fn an_approval_is_there_and_verified_where_the_policy_asks_for_that() {
    let judged = |rule: &str, approved: Approved| {
        let found = Found::Approved(Box::new(approved));
        judge(&gate("approval", rule), &found, NOW)
    };
    let none = judged("claimed", approved(None, Signed::Unchecked));
    assert_eq!(words(&none), (Fail, "nobody has approved it"));
    let claimed = judged("claimed", approved(Some(approval(None)), Signed::Unchecked));
    assert_eq!(words(&claimed), (Pass, "claimed by ana: not signed"));
    let claimed = judged(
        "verified",
        approved(Some(approval(None)), Signed::Unchecked),
    );
    assert_eq!(words(&claimed), (Fail, "only claimed by ana: not signed"));
    let signed = || Some(approval(Some("sig")));
    let good = judged("verified", approved(signed(), Signed::Valid));
    assert_eq!(words(&good), (Pass, "ana, signature verified"));
    let pending = judged("verified", approved(signed(), Signed::Unchecked));
    assert!(pending.pending && pending.verdict == Unknown);
    let bad = Signed::Invalid(Clean::text("incorrect signature"));
    assert_eq!(judged("claimed", approved(signed(), bad)).verdict, Fail);
    let old = judged("claimed, age <= 1h", approved(signed(), Signed::Valid));
    assert_eq!(words(&old), (Fail, "1 d > 1 h"));
    let rubbish = Approved {
        unreadable: Some(Clean::text("no JSON")),
        ..approved(None, Signed::Unchecked)
    };
    assert_eq!(words(&judged("claimed", rubbish)), (Fail, "no JSON"));
}

#[test]
fn an_approval_that_cannot_be_checked_weighs_as_much_as_none() {
    let mut gate = gate("approval", "verified");
    gate.on_fail = Consequence::Block;
    gate.on_unknown = Consequence::None;
    let why = Signed::Uncheckable(Clean::text("no ssh-keygen"));
    let found = Found::Approved(Box::new(approved(Some(approval(Some("sig"))), why)));
    let verdict = judge(&gate, &found, NOW);
    assert_eq!(
        (verdict.verdict, verdict.consequence),
        (Unknown, Consequence::Block)
    );
}

#[test]
fn what_an_approval_is_bound_to_does_not_move_with_each_scrape() {
    let of = |evidence: &str, value: f64| {
        let found = numbers(
            LowIsBad,
            vec![pair("", Side::Absent, Side::Known(number(value)))],
        );
        judge(&gate(evidence, ">= 0.5"), &found, NOW).bound()
    };
    assert_eq!(of("signal:fairness", 0.8), of("signal:fairness", 0.81));
    assert_ne!(of("signal:fairness", 0.8), of("signal:fairness", 0.4));
    assert_ne!(of("run-metric:auc", 0.8), of("run-metric:auc", 0.8001));
}

/// Numbers as they come: ordinary ones, equal ones, and those that are none.
fn any_number() -> impl Strategy<Value = f64> {
    prop_oneof![
        8 => -2.0_f64..2.0,
        1 => Just(0.0),
        1 => Just(f64::NAN),
        1 => Just(f64::INFINITY),
    ]
}

const RULES: [&str; 6] = [
    ">= 0.5",
    "<= 0.5",
    "drop <= 0.1",
    "drop <= 5 %",
    "rise <= 0.2",
    "> 0.1",
];

proptest! {
    /// A tag adds demands: whatever they are, the verdict gets no better.
    #[test]
    fn one_more_demand_never_helps(
        base in 0_usize..6, more in 0_usize..6, champion in any_number(), candidate in any_number(),
    ) {
        let mut gate = gate("run-metric:auc", RULES[base]);
        let sides = pair("", Side::Known(number(champion)), Side::Known(number(candidate)));
        let found = numbers(LowIsBad, vec![sides]);
        let before = judge(&gate, &found, NOW).verdict;
        let evidence = gate.evidence.clone();
        gate.tighten(grammar::rule(&evidence, RULES[more]).expect("a rule"));
        let after = judge(&gate, &found, NOW).verdict;
        prop_assert!(after >= before, "{before:?} {after:?}");
    }

    /// A better candidate is never judged worse, where the rule looks one way.
    #[test]
    fn a_better_candidate_is_never_judged_worse(
        rule in 0_usize..4, champion in -2.0_f64..2.0, value in -2.0_f64..2.0, gain in 0.0_f64..1.0,
    ) {
        let rule = [">= 0.5", "drop <= 0.1", "drop <= 5 %", "> 0.1"][rule];
        let worse = two(rule, LowIsBad, champion, value).verdict;
        let better = two(rule, LowIsBad, champion, value + gain).verdict;
        prop_assert!(better <= worse);
    }

    /// Nothing that is not a finite number passes.
    #[test]
    fn only_numbers_pass(rule in 0_usize..6, champion in any_number(), candidate in any_number()) {
        let verdict = two(RULES[rule], LowIsBad, champion, candidate);
        if !candidate.is_finite() {
            prop_assert_eq!(verdict.verdict, Unknown);
            prop_assert!(!verdict.why.is_empty());
        }
        if verdict.verdict != Pass && verdict.verdict != Warn {
            prop_assert_eq!(verdict.consequence, Consequence::Reason);
        }
    }

    /// A group of too few rows decides nothing for the better.
    #[test]
    fn few_rows_never_pass(value in -2.0_f64..2.0, n in 0_u64..100) {
        let mut gate = gate("signal:fairness", ">= 0.5");
        gate.min_n = Some(100);
        prop_assert_eq!(grouped(&gate, &[("A", value, Some(n))]).verdict, Unknown);
    }
}
