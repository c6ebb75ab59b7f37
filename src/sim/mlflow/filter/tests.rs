use super::*;

fn error(filter: &str, dialect: &Dialect) -> String {
    format!("{:?}", parse(filter, dialect).unwrap_err())
}

#[test]
fn reads_what_the_server_reads() {
    let clauses = parse(
        "metrics.auc > 0.8 and params.lr = '0.3' AND tags.`mlflow.user` ILIKE \"%an%\" AND \
         attributes.run_id IN ('a', 'b') AND datasets.name = 'x' AND params.p IS NOT NULL",
        &RUNS,
    )
    .unwrap();
    assert_eq!(clauses.len(), 6);
    assert_eq!(clauses[2].key, "mlflow.user");
    assert_eq!(clauses[3].value, Value::List(vec!["a".into(), "b".into()]));
}

#[test]
fn refuses_what_the_server_refuses_in_its_words() {
    let or = error("metrics.a > 1 OR metrics.b > 2", &RUNS);
    assert!(
        or.contains("Invalid clause(s) in filter string: 'OR'"),
        "{or}"
    );
    let status = error("status IN ('RUNNING')", &RUNS);
    assert!(
        status.contains("Only ['run_id'] attributes support"),
        "{status}"
    );
    let stage = error("current_stage = 'Production'", &VERSIONS);
    assert!(
        stage.contains("Invalid attribute key 'current_stage'"),
        "{stage}"
    );
    let model = error("last_updated_timestamp > 5", &MODELS);
    assert!(model.contains("Valid keys are '{'name'}'"), "{model}");
    let number = error("metrics.a > 'x'", &RUNS);
    assert!(
        number.contains("Expected numeric value type for metric. Found 'x'"),
        "{number}"
    );
    let bare = error("params.lr = fast", &RUNS);
    assert!(bare.contains("either not quoted"), "{bare}");
    let entity = error("foo.bar = 'x'", &RUNS);
    assert!(entity.contains("Invalid entity type 'foo'"), "{entity}");
    let order = error("params.lr > 'x'", &RUNS);
    assert!(order.contains("Invalid comparator '>'"), "{order}");
}

#[test]
fn like_knows_both_wildcards_and_minds_the_case() {
    assert!(like("fraud-detector", "%aud%"));
    assert!(like("abc", "a_c"));
    assert!(!like("Abc", "a%"));
    assert!(!like("abc", "a"));
    assert!(like("", "%"));
    assert!(text_matches(Op::Ilike, "Abc", &Value::Text("a%".into())));
}

#[test]
fn orders_by_one_key_and_a_direction() {
    let keys = order_by(
        &["metrics.`val auc` DESC".into(), "start_time".into()],
        &RUNS,
    )
    .unwrap();
    assert_eq!(
        (keys[0].key.as_str(), keys[0].ascending),
        ("val auc", false)
    );
    assert_eq!(
        (keys[1].key.as_str(), keys[1].ascending),
        ("start_time", true)
    );
    assert!(order_by(&["creation_timestamp".into()], &MODELS).is_err());
    assert!(order_by(&["start_time sideways".into()], &RUNS).is_err());
    assert!(order_by(&["last_updated_timestamp DESC".into()], &MODELS).is_ok());
}
