//! The definitions of the simulated Airflow: one pipeline that trains a model again for each of some
//! models, and one that brings a version of any model to serving; with the schemas of their parameters.

use serde_json::{Map, Value, json};

/// The tasks of a pipeline that trains in their order, and seconds that each usually takes.
const TRAINING: &[(&str, i64)] = &[
    ("prepare", 6),
    ("train", 18),
    ("evaluate", 6),
    ("register", 3),
];
/// The tasks of the pipeline that deploys.
const DEPLOYING: &[(&str, i64)] = &[("check", 2), ("deploy", 5), ("smoke_test", 2)];

/// A definition.
#[derive(Debug)]
pub(crate) struct Dag {
    pub(crate) id: &'static str,
    /// The model that it trains; empty where it deploys the one that a run is told.
    pub(crate) model: &'static str,
    /// Its tasks in their order, and seconds that each usually takes.
    pub(crate) tasks: &'static [(&'static str, i64)],
    pub(crate) description: &'static str,
    pub(crate) schedule: Option<&'static str>,
    pub(crate) paused: bool,
    /// How many runs at a time.
    pub(crate) most: usize,
    /// The task at which its runs fail, with the reason, unless rows are drawn [`STRATIFIED`].
    pub(crate) fails_at: Option<(&'static str, &'static str)>,
}

/// The way of drawing rows that even the hard pipeline ends well with.
const STRATIFIED: &str = "stratified";
/// Seconds that an epoch takes where there are many.
const EPOCH: i64 = 2;
/// How much longer it takes to compute features anew.
const ANEW: i64 = 4;

const fn dag(id: &'static str, model: &'static str, description: &'static str) -> Dag {
    Dag {
        id,
        model,
        tasks: TRAINING,
        description,
        schedule: None,
        paused: false,
        most: 2,
        fails_at: None,
    }
}

/// The definitions, in the order of their ids.
pub(crate) const DAGS: &[Dag] = &[
    Dag {
        tasks: DEPLOYING,
        ..dag(
            "deploy_model",
            "",
            "Brings a version of a model to the endpoints that serve it.",
        )
    },
    dag("retrain_ad_ctr", "ad-ctr", "Trains the click model again."),
    dag("retrain_churn", "churn", "Trains the churn model again."),
    Dag {
        paused: true,
        ..dag(
            "retrain_credit_score",
            "credit-score",
            "Trains the credit model again. Paused during the audit.",
        )
    },
    Dag {
        schedule: Some("0 4 * * 1"),
        ..dag(
            "retrain_demand_forecast",
            "demand-forecast",
            "Trains the demand model again each week.",
        )
    },
    Dag {
        fails_at: Some((
            "evaluate",
            "val_mae_s 214.6 > 180.0: recent rows hold too few night trips, draw them stratified",
        )),
        ..dag(
            "retrain_eta_city",
            "eta-city",
            "Trains the arrival model again.",
        )
    },
    dag(
        "retrain_fraud_detector",
        "fraud-detector",
        "Trains the fraud detector again.",
    ),
    dag(
        "retrain_ranker_eu",
        "ranker-eu",
        "Trains the European ranker again.",
    ),
];

impl Dag {
    /// Whether it deploys, as against those that train.
    pub(crate) fn deploys(&self) -> bool {
        self.model.is_empty()
    }

    /// A task's place among its tasks.
    pub(crate) fn place(&self, task: &str) -> Option<usize> {
        self.tasks.iter().position(|(known, _)| *known == task)
    }

    /// The parameters: name, default, schema, description.
    pub(crate) fn params(&self) -> Vec<(&'static str, Value, Value, &'static str)> {
        if self.deploys() {
            let text = |most: u32| json!({"type": "string", "maxLength": most});
            let aliases = json!({"type": "string", "enum": ["champion", "challenger"]});
            return vec![
                ("MODEL", Value::Null, text(100), "The registered model."),
                ("VERSION", Value::Null, text(10), "Its version."),
                (
                    "ALIAS",
                    Value::Null,
                    aliases,
                    "The alias that shall name it.",
                ),
            ];
        }
        vec![
            (
                "model",
                json!(self.model),
                json!({"type": "string", "enum": [self.model]}),
                "The registered model to train again.",
            ),
            (
                "epochs",
                json!(3),
                json!({"type": "integer", "minimum": 1, "maximum": 50}),
                "How often the data are gone through.",
            ),
            (
                "learning_rate",
                json!(0.05),
                json!({"type": "number", "minimum": 0.0001, "maximum": 1.0}),
                "The step of the optimiser.",
            ),
            (
                "data_from",
                Value::Null,
                json!({"type": ["null", "string"], "format": "date"}),
                "The first day of the training data; the last 90 days when empty.",
            ),
            (
                "data_until",
                Value::Null,
                json!({"type": ["null", "string"], "format": "date"}),
                "The last day of the training data; yesterday when empty.",
            ),
            (
                "sampling",
                json!("recent"),
                json!({"type": "string", "enum": ["recent", "uniform", "stratified"]}),
                "How rows are drawn.",
            ),
            (
                "full_refresh",
                json!(false),
                json!({"type": "boolean"}),
                "Whether features are computed anew.",
            ),
            (
                "fail_at",
                json!(""),
                json!({"type": "string", "enum": ["", "prepare", "train", "evaluate", "register"]}),
                "The task whose first try shall fail, to see what becomes of it.",
            ),
        ]
    }

    /// Seconds that a task takes with these parameters.
    pub(crate) fn lasts(&self, params: &Map<String, Value>, place: usize) -> i64 {
        let (task, usual) = self.tasks[place];
        match task {
            "prepare" if params.get("full_refresh") == Some(&json!(true)) => usual * ANEW,
            "train" => {
                let epochs = params.get("epochs").and_then(Value::as_i64);
                usual.max(epochs.unwrap_or(0) * EPOCH)
            }
            _ => usual,
        }
    }

    /// Why a try of a task fails, if it does.
    pub(crate) fn breaks(
        &self,
        params: &Map<String, Value>,
        place: usize,
        attempt: u32,
    ) -> Option<&'static str> {
        let task = self.tasks[place].0;
        let word = |name: &str| params.get(name).and_then(Value::as_str);
        if attempt <= 1 && word("fail_at") == Some(task) {
            return Some("val_auc 0.62 < 0.80: it was told to fail");
        }
        let (hard, why) = self.fails_at?;
        (hard == task && word("sampling") != Some(STRATIFIED)).then_some(why)
    }

    /// The defaults with what a request sets; the server's sentence where that breaks the schema.
    pub(crate) fn fill(&self, conf: &Map<String, Value>) -> Result<Map<String, Value>, String> {
        // Keys that the definition does not know are let through.
        let mut all = conf.clone();
        for (name, default, schema, _) in self.params() {
            let value = all.entry(name.to_owned()).or_insert(default);
            if let Some(why) = broken(value, &schema) {
                let (rule, why) = why;
                return Err(format!(
                    "Invalid input for param {name}: {why}\n\nFailed validating '{rule}' in schema:\n    \
                     {}\n\nOn instance:\n    {}",
                    python(&schema),
                    python(value)
                ));
            }
        }
        Ok(all)
    }
}

/// The rule of a schema that a value breaks, and how.
fn broken(value: &Value, schema: &Value) -> Option<(&'static str, String)> {
    let types: Vec<&str> = match &schema["type"] {
        Value::Array(types) => types.iter().filter_map(Value::as_str).collect(),
        one => one.as_str().into_iter().collect(),
    };
    let is = |kind: &str| match kind {
        "null" => value.is_null(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        _ => false,
    };
    let shown = python(value);
    if !types.iter().any(|kind| is(kind)) {
        let names: Vec<String> = types.iter().map(|kind| format!("'{kind}'")).collect();
        return Some((
            "type",
            format!("{shown} is not of type {}", names.join(", ")),
        ));
    }
    if let (Some(least), Some(number)) = (schema["minimum"].as_f64(), value.as_f64())
        && number < least
    {
        let limit = python(&schema["minimum"]);
        return Some((
            "minimum",
            format!("{shown} is less than the minimum of {limit}"),
        ));
    }
    if let (Some(most), Some(number)) = (schema["maximum"].as_f64(), value.as_f64())
        && number > most
    {
        let limit = python(&schema["maximum"]);
        return Some((
            "maximum",
            format!("{shown} is greater than the maximum of {limit}"),
        ));
    }
    if let Some(words) = schema["enum"].as_array()
        && !words.contains(value)
    {
        return Some((
            "enum",
            format!("{shown} is not one of {}", python(&schema["enum"])),
        ));
    }
    if let (Some(most), Some(text)) = (schema["maxLength"].as_u64(), value.as_str())
        && text.chars().count() as u64 > most
    {
        return Some(("maxLength", format!("{shown} is too long")));
    }
    if schema["format"] == "date"
        && let Some(text) = value.as_str()
        && chrono::NaiveDate::parse_from_str(text, "%Y-%m-%d").is_err()
    {
        return Some(("format", format!("{shown} is not a 'date'")));
    }
    None
}

/// A value as Python's `repr` writes it.
pub(super) fn python(value: &Value) -> String {
    match value {
        Value::Null => "None".to_owned(),
        Value::Bool(true) => "True".to_owned(),
        Value::Bool(false) => "False".to_owned(),
        Value::Number(number) => number.to_string(),
        Value::String(text) => format!("'{}'", text.replace('\\', "\\\\").replace('\'', "\\'")),
        Value::Array(rows) => {
            let rows: Vec<String> = rows.iter().map(python).collect();
            format!("[{}]", rows.join(", "))
        }
        Value::Object(fields) => {
            let fields: Vec<String> = (fields.iter())
                .map(|(key, value)| format!("'{key}': {}", python(value)))
                .collect();
            format!("{{{}}}", fields.join(", "))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_held_to_their_schema_in_the_servers_words() {
        let dag = &DAGS[1];
        let fill = |conf: Value| dag.fill(conf.as_object().unwrap());
        assert_eq!(fill(json!({})).unwrap()["epochs"], 3);
        let why = fill(json!({"epochs": 500})).unwrap_err();
        let start = "Invalid input for param epochs: 500 is greater than the maximum of 50\n\n\
                     Failed validating 'maximum' in schema:\n    {";
        assert!(why.starts_with(start), "{why}");
        assert!(why.ends_with("On instance:\n    500"), "{why}");
        for bad in [
            json!({"epochs": "3"}),
            json!({"epochs": 1.5}),
            json!({"learning_rate": 0}),
            json!({"sampling": "none"}),
            json!({"data_from": "yesterday"}),
            json!({"full_refresh": null}),
        ] {
            assert!(fill(bad.clone()).is_err(), "{bad}");
        }
        assert!(fill(json!({"unknown": [1], "data_from": "2026-10-01"})).is_ok());
    }

    #[test]
    fn what_is_deployed_has_to_be_named() {
        let dag = DAGS.iter().find(|dag| dag.deploys()).unwrap();
        let fill = |conf: Value| dag.fill(conf.as_object().unwrap());
        let whole = json!({"MODEL": "churn", "VERSION": "7", "ALIAS": "champion"});
        assert_eq!(fill(whole.clone()).unwrap(), *whole.as_object().unwrap());
        let why = fill(json!({"MODEL": "churn", "ALIAS": "champion"})).unwrap_err();
        let start = "Invalid input for param VERSION: None is not of type 'string'";
        assert!(why.starts_with(start), "{why}");
        let odd = json!({"MODEL": "churn", "VERSION": "7", "ALIAS": "shadow"});
        let why = fill(odd).unwrap_err();
        assert!(
            why.contains("'shadow' is not one of ['champion', 'challenger']"),
            "{why}"
        );
    }

    #[test]
    fn every_definition_trains_a_model_that_exists() {
        for dag in DAGS.iter().filter(|dag| !dag.deploys()) {
            let known = |entry: &crate::sim::world::catalog::Entry| entry.name == dag.model;
            assert!(
                crate::sim::world::catalog::MODELS.iter().any(known),
                "{}",
                dag.id
            );
        }
        assert!(DAGS.is_sorted_by_key(|dag| dag.id));
    }
}
