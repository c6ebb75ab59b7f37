//! `retrain`: a run of the pipeline that trains a model again, and on request what becomes of it.

use serde_json::{Value, json};
use std::fmt::Write as _;

use super::exit::{Exit, Failure};
use super::follow::{USUAL, follow};
use super::names;
use super::output::Table;
use super::session::Session;
use super::write::{Carried, More, Writer, exit, identity, overrides};
use super::written;
use crate::cli::{Global, RetrainArgs};
use crate::domain::action::Outcome;
use crate::domain::action::verbs::retrain::{self, RetrainRequest};
use crate::domain::action::verbs::retrain_form::{self, Field, Known, needs};
use crate::domain::key::ModelKey;
use crate::domain::pipeline::PipelineDetails;
use crate::domain::query::Detail;

/// Runs `retrain`.
///
/// # Errors
/// When no needed source answered, there is no such model or parameter, or it is refused.
pub async fn run(global: &Global, args: &RetrainArgs) -> Result<Exit, Failure> {
    let limit = global.timeout.unwrap_or(USUAL);
    let session = &Session::open(global).await?;
    let mut writer = Writer::open(session, &args.consent).await?;
    let model = names::model(writer.fleet(), &args.model)?.key.clone();
    let details = details(&mut writer, &model).await?;
    let mut fields = Vec::new();
    if let Some(details) = details {
        let known = Known::of(writer.fleet(), &model, writer.now().wall);
        fields = retrain_form::form(&details.params, &known);
        retrain_form::say(&mut fields, &args.params).map_err(|name| {
            let all = fields.iter().map(|f| f.param.name.shown.as_str());
            names::missing("parameter", &name, all)
        })?;
    }
    let parameters = retrain_form::values(&fields).map_err(|(at, why)| {
        let field = &fields[at].param;
        Failure::usage(format!("parameter {}: {why}", field.name.shown))
            .advice(format!("it takes {}", retrain_form::takes(field)))
            .advice(format!("say it with --param {}=VALUE", field.name.shown))
    })?;
    let request = RetrainRequest {
        model,
        parameters,
        reason: writer.reason(),
        overrides: overrides(&args.overrides),
    };
    let id = identity(writer.now());
    let plan = retrain::plan(&request, id, &writer.planning());
    let mut more = More {
        text: text(&fields),
        ..More::default()
    };
    let form: Vec<Value> = fields.iter().map(document).collect();
    more.fields.insert("parameters".to_owned(), form.into());
    let out = *session.out();
    let (plan, ended) = match writer.write(plan, &more).await? {
        Carried::Said(exit) => return Ok(exit),
        Carried::Written(written) => *written,
    };
    let key = retrain::run_of(&plan, writer.fleet());
    let mut code = exit(&ended);
    let mut text = written::outcome_text(&plan, &ended);
    if args.follow
        && ended.outcome == Outcome::Done
        && let Some(key) = key
    {
        if !out.json {
            out.remark(&out.own(text.trim_end()));
        }
        let followed = Box::pin(follow(session, writer.collected, &key, limit)).await?;
        more.fields.extend(followed.fields());
        code = followed.exit();
        text = followed.text();
    }
    if out.json {
        out.document(&written::outcome(&plan, &ended, &more.fields))?;
    } else {
        out.print(&out.own(&text))?;
    }
    Ok(code)
}

/// Parameters and graph of the model's pipeline, after everything was read that the form and the plan
/// rest on; none where no pipeline trains it, which the plan says.
async fn details(
    writer: &mut Writer<'_>,
    model: &ModelKey,
) -> Result<Option<PipelineDetails>, Failure> {
    let mut found = None;
    for (source, query) in needs(writer.fleet(), model) {
        let limit = writer.session.deadline;
        let answer = writer.collected.fetch(&source, query, limit).await;
        let now = writer.collected.now;
        let fleet = &mut writer.collected.fleet;
        match answer {
            Ok((_, Detail::Pipeline(details))) => found = Some(*details),
            Ok((at, Detail::PipelineRuns(runs))) => {
                fleet.put_pipeline_runs(&source, &runs, at, now);
            }
            Ok((at, Detail::Run(run))) => fleet.put_runs(&[*run], at, now),
            Ok(_) => {}
            Err(fault) => {
                return Err(Failure::no_answer(format!(
                    "{source} does not tell what is needed: {fault}"
                )));
            }
        }
    }
    Ok(found)
}

fn document(field: &Field) -> Value {
    let param = &field.param;
    json!({
        "name": param.name.shown,
        "value": retrain_form::value(param, &field.text).ok(),
        "origin": field.origin,
        "default": param.default,
        "kind": param.kind,
        "nullable": param.nullable,
        "choices": param.choices,
        "least": param.least,
        "most": param.most,
        "format": param.format,
        "description": param.description,
    })
}

fn text(fields: &[Field]) -> String {
    if fields.is_empty() {
        return String::new();
    }
    let mut table = Table::new(&["  PARAMETER", "VALUE", "FROM", "TAKES"]);
    for field in fields {
        table.row(vec![
            format!("  {}", field.param.name.shown).into(),
            field.text.clone().into(),
            field.origin.words().into(),
            retrain_form::takes(&field.param).into(),
        ]);
    }
    let mut text = String::new();
    // Writing to a string cannot fail.
    let _ = write!(text, "{}", table.render());
    text
}
