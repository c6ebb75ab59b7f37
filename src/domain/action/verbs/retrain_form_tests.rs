use std::sync::Arc;

use serde_json::json;

use super::*;
use crate::domain::model::Name;

fn param(name: &str, kind: ParamKind, default: Option<Value>) -> Param {
    Param {
        name: Name::new(name),
        kind,
        nullable: false,
        default: default.map(ParamValue::new),
        choices: Arc::default(),
        least: None,
        most: None,
        exclusive: (false, false),
        pattern: None,
        format: None,
        description: Clean::empty(),
    }
}

fn epochs() -> Param {
    Param {
        least: Some(1.0),
        most: Some(50.0),
        ..param("epochs", ParamKind::Integer, Some(json!(3)))
    }
}

fn rate() -> Param {
    Param {
        least: Some(0.0),
        most: Some(1.0),
        exclusive: (true, false),
        ..param("learning_rate", ParamKind::Number, Some(json!(0.1)))
    }
}

#[test]
fn what_is_typed_is_checked_against_the_schema() {
    let window = Param {
        choices: [json!("7d"), json!("30d")].map(ParamValue::new).into(),
        ..param("window", ParamKind::Text, Some(json!("30d")))
    };
    let since = Param {
        nullable: true,
        most: Some(4.0),
        ..param("since", ParamKind::Text, Some(Value::Null))
    };
    let list = param("features", ParamKind::List, None);
    let day = Param {
        format: Some(Format::Date),
        ..param("day", ParamKind::Text, Some(json!("2026-01-01")))
    };
    for (param, text, want) in [
        (epochs(), " 7 ", Ok(json!(7))),
        (epochs(), "0", Err("at least 1 expected")),
        (epochs(), "500", Err("at most 50 expected")),
        (epochs(), "2.5", Err("a whole number is expected")),
        (epochs(), "", Err("a whole number is expected")),
        (rate(), "0", Err("more than 0 expected")),
        (rate(), "1", Ok(json!(1.0))),
        (rate(), "nan", Err("a number is expected")),
        (window.clone(), "7d", Ok(json!("7d"))),
        (window, "8d", Err("one of 7d, 30d is expected")),
        (since.clone(), "  ", Ok(Value::Null)),
        (since, "2026-", Err("at most 4 characters expected")),
        (day.clone(), "2026-11-25", Ok(json!("2026-11-25"))),
        (
            day.clone(),
            "2026-02-30",
            Err("a day is expected, as 2026-11-25"),
        ),
        (
            day,
            "2026-11-25T14:02:00Z",
            Err("a day is expected, as 2026-11-25"),
        ),
        (
            list.clone(),
            "",
            Err("a value is needed: there is no default"),
        ),
        (list.clone(), "[\"a\"]", Ok(json!(["a"]))),
        (list, "{}", Err("a JSON list is expected")),
        (param("warm", ParamKind::Flag, None), "yes", Ok(json!(true))),
        (
            param("warm", ParamKind::Flag, None),
            "on",
            Err("true or false is expected"),
        ),
        (
            param("any", ParamKind::Any, None),
            "{\"a\": 1}",
            Ok(json!({"a": 1})),
        ),
    ] {
        let got = value(&param, text);
        assert_eq!(
            got,
            want.map_err(str::to_owned),
            "{:?} {text:?}",
            param.name
        );
    }
}

#[test]
fn the_form_is_filled_in_from_what_is_known_and_only_what_differs_is_sent() {
    let params = [
        param("model", ParamKind::Text, Some(json!("fraud"))),
        epochs(),
        rate(),
        param("since", ParamKind::Text, Some(json!(""))),
        param("owner", ParamKind::Integer, None),
    ];
    let champion = [
        ("epochs", "900"),
        ("learning_rate", "0.05"),
        ("owner", "ana"),
    ];
    let champion = champion.map(|(k, v)| (Clean::name(k), Clean::name(v)));
    let known = Known {
        model: "churn".to_owned(),
        champion: champion.to_vec(),
        drift: Some((Millis(1_764_000_000_000), Millis(1_764_100_000_000))),
    };
    let mut fields = form(&params, &known);
    let told: Vec<(&str, Origin)> = fields.iter().map(|f| (f.text.as_str(), f.origin)).collect();
    assert_eq!(
        told,
        [
            ("churn", Origin::Model),
            ("3", Origin::Default),
            ("0.05", Origin::Champion),
            ("2025-11-24T16:00:00Z", Origin::Drift),
            ("", Origin::Nobody),
        ],
        "900 epochs are more than the schema allows, and ana is no number"
    );
    assert_eq!(
        values(&fields),
        Err((4, "a value is needed: there is no default".to_owned()))
    );
    let unknown = say(&mut fields, &[("owners".to_owned(), "7".to_owned())]);
    assert_eq!(unknown, Err("owners".to_owned()));
    say(&mut fields, &[("owner".to_owned(), "7".to_owned())]).expect("it is there");
    assert_eq!(fields[4].origin, Origin::Given);
    let sent = Value::Object(values(&fields).expect("values"));
    let want = json!({"model": "churn", "learning_rate": 0.05, "since": "2025-11-24T16:00:00Z", "owner": 7});
    assert_eq!(sent, want);
}

#[test]
fn a_drift_window_is_written_as_the_parameter_wants_it() {
    let day = |name: &str| Param {
        nullable: true,
        format: Some(Format::Date),
        ..param(name, ParamKind::Text, Some(Value::Null))
    };
    let known = Known {
        drift: Some((Millis(1_764_000_000_000), Millis(1_764_100_000_000))),
        ..Known::default()
    };
    let fields = form(&[day("data_from"), day("data_until"), day("other")], &known);
    let told: Vec<&str> = fields.iter().map(|f| f.text.as_str()).collect();
    assert_eq!(told, ["2025-11-24", "2025-11-25", ""]);
    assert_eq!(fields[2].origin, Origin::Default);
}

#[test]
fn what_a_parameter_takes_is_told_in_words() {
    let choices = Param {
        choices: [json!(""), json!("recent")].map(ParamValue::new).into(),
        ..param("draw", ParamKind::Text, Some(json!("")))
    };
    for (param, want) in [
        (epochs(), "whole number, 1 to 50"),
        (rate(), "number, over 0 to 1"),
        (choices, "one of empty, recent"),
        (
            param("owner", ParamKind::Integer, None),
            "whole number; has to be said",
        ),
        (
            Param {
                nullable: true,
                format: Some(Format::Date),
                ..param("day", ParamKind::Text, Some(Value::Null))
            },
            "day; may be empty",
        ),
    ] {
        assert_eq!(takes(&param), want);
    }
}

#[test]
fn a_value_that_cannot_be_shown_as_it_is_is_sent_as_it_is() {
    let query = "select *\n  from \u{1b}[31mloans\u{202e}";
    let sql = param("sql", ParamKind::Text, Some(json!(query)));
    let fields = form(std::slice::from_ref(&sql), &Known::default());
    assert_eq!(fields[0].text, "select * from loans");
    assert!(is_cut(&sql, sql.default.as_ref().expect("a default")));
    // Nobody touched it: the definition's own value is left to the definition.
    assert_eq!(values(&fields), Ok(Map::new()));
    assert_eq!(value(&sql, &fields[0].text), Ok(json!(query)));
    assert_eq!(value(&sql, "select 1"), Ok(json!("select 1")));

    let choices = Param {
        choices: [json!("a\nb"), json!("c")].map(ParamValue::new).into(),
        ..param("which", ParamKind::Text, None)
    };
    assert_eq!(value(&choices, "a b"), Ok(json!("a\nb")));
    assert_eq!(takes(&choices), "one of a b, c; has to be said");
    // Neither a log nor a document gets what a terminal would act on.
    let told = format!(
        "{sql:?} {}",
        serde_json::to_string(&sql).expect("no key is odd")
    );
    assert!(
        !told.contains(['\u{1b}', '\u{202e}']) && !told.contains("u{1b}"),
        "{told}"
    );
}
