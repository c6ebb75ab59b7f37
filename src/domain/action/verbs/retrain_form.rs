//! The form of a pipeline's parameters: what stands in it before anybody types, what may be typed, and the
//! values that come of it.

use serde_json::{Map, Value};

use crate::domain::fleet::Fleet;
use crate::domain::key::{ModelKey, RunKey, SourceId, VersionKey};
use crate::domain::level::{Level, ReasonCode};
use crate::domain::param::{Format, Param, ParamKind, ParamValue};
use crate::domain::query::Query;
use crate::domain::text::Clean;
use crate::domain::time::Millis;

/// How many runs of the pipeline are read for how long it usually takes.
const BEFORE: u32 = 20;
/// What says that the data of a model have moved.
const DRIFTS: [ReasonCode; 4] = [
    ReasonCode::DriftData,
    ReasonCode::DriftPrediction,
    ReasonCode::DriftTarget,
    ReasonCode::DriftConcept,
];

/// Where what stands in a field comes from.
#[derive(Clone, Copy, PartialEq, Eq, Debug, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Origin {
    /// The definition's default.
    Default,
    /// The run that made the champion.
    Champion,
    /// The time over which its data drifted.
    Drift,
    /// The model itself.
    Model,
    /// Somebody has said it.
    Given,
    /// Nothing: somebody has to say.
    Nobody,
}

/// A field of the form.
#[derive(Clone, PartialEq, Debug)]
pub struct Field {
    /// The parameter.
    pub param: Param,
    /// What stands in it, as it is typed.
    pub text: String,
    /// Where that comes from.
    pub origin: Origin,
}

impl Origin {
    /// In words, after a value.
    pub fn words(self) -> &'static str {
        match self {
            Self::Default => "the default",
            Self::Champion => "of the champion's run",
            Self::Drift => "the time of the drift",
            Self::Model => "the model",
            Self::Given => "as said",
            Self::Nobody => "nobody has said it",
        }
    }
}

/// What a form is filled in from.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Known {
    /// The model's raw name.
    pub model: String,
    /// The parameters of the run that made its champion.
    pub champion: Vec<(Clean, Clean)>,
    /// When its trouble with data began, and until when it is looked at.
    pub drift: Option<(Millis, Millis)>,
}

impl Known {
    /// What is held of a model.
    pub fn of(fleet: &Fleet, model: &ModelKey, now: Millis) -> Self {
        let run = champions_run(fleet, model).and_then(|run| fleet.runs().unpack(&run));
        let reasons = fleet.model(model).map(|view| view.verdict.reasons.iter());
        let drifts = reasons
            .into_iter()
            .flatten()
            .filter(|r| DRIFTS.contains(&r.code) && r.level > Level::Info);
        let began = drifts.filter_map(|reason| reason.since.stamp()).min();
        Self {
            model: model.name.raw().to_owned(),
            champion: run.map_or_else(Vec::new, |run| run.params.to_vec()),
            drift: began.map(|from| (from, now)),
        }
    }
}

/// The run that made a model's champion.
fn champions_run(fleet: &Fleet, model: &ModelKey) -> Option<RunKey> {
    let champion = fleet.model(model)?.champion.as_ref()?;
    let version = VersionKey {
        model: model.clone(),
        version: champion.key.clone(),
    };
    fleet.version(&version)?.run.clone()
}

/// What has to be read for a model's form and plan, each with the source to ask: the parameters, the last
/// runs, and the champion's run where it is not held.
pub fn needs(fleet: &Fleet, model: &ModelKey) -> Vec<(SourceId, Query)> {
    let mut wanted = Vec::new();
    if let Some(training) = fleet.training(model)
        && let Some(pipeline) = &training.pipeline
    {
        let runs = Query::PipelineRuns {
            pipeline: pipeline.clone(),
            limit: BEFORE,
        };
        let queries = [Query::Pipeline(pipeline.clone()), runs];
        wanted.extend(queries.map(|query| (training.source.clone(), query)));
    }
    let run = champions_run(fleet, model);
    if let Some(run) = run.filter(|run| fleet.runs().find(run).is_none() && !fleet.is_run_gone(run))
        && let Some(held) = fleet.registered(model)
    {
        wanted.push((held.source.clone(), Query::Run(run)));
    }
    wanted
}

/// The form of a pipeline's parameters, filled in: the model's name and the drift window where a
/// parameter asks for them, then what the champion was trained with, then the defaults. A value of the
/// champion's that the parameter would refuse is not taken.
pub fn form(params: &[Param], known: &Known) -> Vec<Field> {
    let fill = |param: &Param| {
        let name = param.name.key.raw();
        let model = ["model", "model_name", "registered_model"].contains(&name);
        let model = model.then(|| known.model.clone());
        let champion = known.champion.iter().find(|(key, _)| *key == name);
        let default = param.default.as_ref().map(|value| shown(param, value));
        let moment = |at: Millis| match param.format {
            Some(Format::Date) => at.date(),
            _ => at.rfc3339(),
        };
        let drift = known.drift.and_then(|(from, until)| match name {
            "since" | "from" | "start" | "window_start" | "data_from" => Some(moment(from)),
            "until" | "to" | "end" | "window_end" | "data_until" => Some(moment(until)),
            _ => None,
        });
        let tried = [
            (Origin::Model, model),
            (Origin::Drift, drift),
            (Origin::Champion, champion.map(|(_, text)| text.to_string())),
        ];
        let fits = |text: &str| value(param, text).is_ok();
        let found = tried.into_iter().find_map(|(origin, text)| {
            let text = text.filter(|text| fits(text))?;
            Some((text, origin))
        });
        let (text, origin) = match (found, default) {
            // The same as the default is the default.
            (Some((text, _)), Some(default)) if text == default => (text, Origin::Default),
            (Some(found), _) => found,
            (None, Some(text)) => (text, Origin::Default),
            (None, None) => (String::new(), Origin::Nobody),
        };
        Field {
            param: param.clone(),
            text,
            origin,
        }
    };
    params.iter().map(fill).collect()
}

/// Puts into a form what somebody says, by the raw names of the parameters.
///
/// # Errors
/// With the first name that is none of the form's.
pub fn say(fields: &mut [Field], given: &[(String, String)]) -> Result<(), String> {
    for (name, text) in given {
        let field = fields.iter_mut().find(|f| f.param.name.key.raw() == name);
        let field = field.ok_or_else(|| name.clone())?;
        field.text.clone_from(text);
        field.origin = Origin::Given;
    }
    Ok(())
}

/// A value of the definition as it is typed, clean: text without quotes, anything else as JSON; null is
/// empty.
pub fn shown(param: &Param, value: &ParamValue) -> String {
    let text = typed(param, &value.clean());
    Clean::text(&text).to_string()
}

/// Whether what is shown of a value leaves something of it out: typing over it replaces the whole.
pub fn is_cut(param: &Param, value: &ParamValue) -> bool {
    shown(param, value) != typed(param, value.raw())
}

fn typed(param: &Param, value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) if param.kind != ParamKind::Any => text.clone(),
        other => other.to_string(),
    }
}

/// What is typed, as the parameter's value. What stands as the definition's own value is shown is that value,
/// whatever the showing left out.
///
/// # Errors
/// In words, when the parameter does not allow it.
pub fn value(param: &Param, text: &str) -> Result<Value, String> {
    let own = param.choices.iter().chain(&param.default);
    if let Some(own) = own.into_iter().find(|own| shown(param, own) == text) {
        return Ok(own.raw().clone());
    }
    let typed = text.trim();
    let value = match param.kind {
        _ if typed.is_empty() && param.nullable => return Ok(Value::Null),
        _ if typed.is_empty() && param.default.is_none() => {
            return Err("a value is needed: there is no default".to_owned());
        }
        ParamKind::Text => Value::from(text),
        ParamKind::Integer => {
            let whole = typed.parse::<i64>();
            Value::from(whole.map_err(|_| "a whole number is expected".to_owned())?)
        }
        ParamKind::Number => {
            let number = typed.parse::<f64>().ok().filter(|n| n.is_finite());
            Value::from(number.ok_or("a number is expected")?)
        }
        ParamKind::Flag => match typed {
            "true" | "yes" => Value::from(true),
            "false" | "no" => Value::from(false),
            _ => return Err("true or false is expected".to_owned()),
        },
        ParamKind::List | ParamKind::Object | ParamKind::Any => {
            let parsed = serde_json::from_str::<Value>(typed);
            let parsed = parsed.map_err(|e| format!("JSON is expected: {e}"))?;
            match param.kind {
                ParamKind::List if !parsed.is_array() => {
                    return Err("a JSON list is expected".to_owned());
                }
                ParamKind::Object if !parsed.is_object() => {
                    return Err("a JSON object is expected".to_owned());
                }
                _ => parsed,
            }
        }
    };
    within(param, &value)?;
    formatted(param, &value)?;
    if !param.choices.is_empty() && param.choices.iter().all(|c| *c.raw() != value) {
        let choices: Vec<String> = param.choices.iter().map(|c| shown(param, c)).collect();
        return Err(format!("one of {} is expected", choices.join(", ")));
    }
    Ok(value)
}

/// Whether a number, or the length of a text or a list, keeps its bounds.
fn within(param: &Param, value: &Value) -> Result<(), String> {
    let (size, what) = match value {
        Value::Number(number) => (number.as_f64(), ""),
        Value::String(text) => (Some(text.chars().count() as f64), " characters"),
        Value::Array(items) => (Some(items.len() as f64), " items"),
        _ => (None, ""),
    };
    let Some(size) = size else {
        return Ok(());
    };
    if let Some(least) = param.least
        && (size < least || (param.exclusive.0 && size <= least))
    {
        let word = if param.exclusive.0 {
            "more than"
        } else {
            "at least"
        };
        return Err(format!("{word} {least}{what} expected"));
    }
    if let Some(most) = param.most
        && (size > most || (param.exclusive.1 && size >= most))
    {
        let word = if param.exclusive.1 {
            "less than"
        } else {
            "at most"
        };
        return Err(format!("{word} {most}{what} expected"));
    }
    Ok(())
}

/// Whether text is what its format says.
fn formatted(param: &Param, value: &Value) -> Result<(), String> {
    let (Some(format), Some(text)) = (param.format, value.as_str()) else {
        return Ok(());
    };
    match format {
        Format::Date if chrono::NaiveDate::parse_from_str(text, "%Y-%m-%d").is_err() => {
            Err("a day is expected, as 2026-11-25".to_owned())
        }
        Format::DateTime if chrono::DateTime::parse_from_rfc3339(text).is_err() => {
            Err("a moment is expected, as 2026-11-25T14:02:00Z".to_owned())
        }
        Format::Date | Format::DateTime => Ok(()),
    }
}

/// What a parameter takes, in a few words: `1 to 50`, `recent, uniform or stratified`.
pub fn takes(param: &Param) -> String {
    let kind = match (param.kind, param.format) {
        (ParamKind::Text, Some(Format::Date)) => "day",
        (ParamKind::Text, Some(Format::DateTime)) => "moment",
        (ParamKind::Text, None) => "text",
        (ParamKind::Integer, _) => "whole number",
        (ParamKind::Number, _) => "number",
        (ParamKind::Flag, _) => "true or false",
        (ParamKind::List, _) => "JSON list",
        (ParamKind::Object, _) => "JSON object",
        (ParamKind::Any, _) => "JSON",
    };
    let mut words = if param.choices.is_empty() {
        let over = if param.exclusive.0 { "over " } else { "" };
        let under = if param.exclusive.1 { "under " } else { "" };
        let unit = match param.kind {
            ParamKind::Text => " characters",
            ParamKind::List => " items",
            _ => "",
        };
        match (param.least, param.most) {
            (Some(least), Some(most)) => format!("{kind}, {over}{least} to {under}{most}{unit}"),
            (Some(least), None) if param.exclusive.0 => format!("{kind}, over {least}{unit}"),
            (Some(least), None) => format!("{kind}, at least {least}{unit}"),
            (None, Some(most)) if param.exclusive.1 => format!("{kind}, under {most}{unit}"),
            (None, Some(most)) => format!("{kind}, at most {most}{unit}"),
            (None, None) => kind.to_owned(),
        }
    } else {
        let quoted = |value: &ParamValue| match shown(param, value) {
            text if text.is_empty() => "empty".to_owned(),
            text => text,
        };
        let all: Vec<String> = param.choices.iter().map(quoted).collect();
        format!("one of {}", all.join(", "))
    };
    if param.nullable {
        words.push_str("; may be empty");
    } else if param.default.is_none() {
        words.push_str("; has to be said");
    }
    words
}

/// What is typed into a whole form, as the parameters of a run. What stands as the default says is
/// left to the definition.
///
/// # Errors
/// With the first field that cannot be taken, and why.
pub fn values(fields: &[Field]) -> Result<Map<String, Value>, (usize, String)> {
    let mut out = Map::new();
    for (at, field) in fields.iter().enumerate() {
        let value = value(&field.param, &field.text).map_err(|why| (at, why))?;
        if field.param.default.as_ref().map(ParamValue::raw) != Some(&value) {
            out.insert(field.param.name.key.raw().to_owned(), value);
        }
    }
    Ok(out)
}

#[cfg(test)]
#[path = "retrain_form_tests.rs"]
mod tests;
