//! What is printed of plans and writes: documents and texts.

use std::fmt::Write as _;

use serde_json::{Map, Value, json};

use super::documents::document;
use crate::domain::action::{
    Act, Friction, Outcome, Plan, Receipt, Refusal, StepEnd, Verb, Weight, Written,
};
use crate::domain::text::Clean;
use crate::domain::time::{Millis, span};
use crate::runtime::writes::Ended;

/// The exact request of a step, as `@` shows it.
fn request(plan: &Plan, index: usize) -> Option<Clean> {
    // What earlier steps receive is not known yet.
    let none: [Receipt; 0] = [];
    plan.steps[index].act.request(&none).map(|r| r.text())
}

/// What takes a step back by itself. A run that brings a version is not: another one brings the version
/// before.
fn inverse(plan: &Plan, index: usize) -> Option<Clean> {
    let step = &plan.steps[index];
    if let Act::TriggerRun { pipeline, run, .. } = &step.act
        && plan.awaits(&step.source, pipeline, run).is_some()
    {
        return None;
    }
    step.act.inverse(None).map(|act| act.words())
}

fn steps(plan: &Plan) -> Vec<Value> {
    let steps = plan.steps.iter().enumerate();
    steps
        .map(|(index, step)| {
            json!({
                "source": step.source,
                "act": step.act.word(),
                "text": step.act.words(),
                "weight": step.weight,
                "request": request(plan, index),
                "inverse": inverse(plan, index),
                "within_seconds": step.within_ms / 1_000,
            })
        })
        .collect()
}

fn friction(plan: &Plan) -> &'static str {
    match plan.friction {
        Friction::Key => "key",
        Friction::Name => "name",
        Friction::NameAndReason => "name-and-reason",
    }
}

fn plan_body(plan: &Plan) -> Value {
    json!({
        "id": plan.id,
        "verb": plan.verb,
        "context": plan.context,
        "subject": plan.subject,
        "summary": plan.summary,
        "steps": steps(plan),
        "gates": plan.gates,
        "notes": plan.notes,
        "blocked": plan.blocked,
        "wanting": plan.wanting,
        "asks": friction(plan),
        "read_at": plan.read_at.rfc3339(),
        "undo_until": plan.undo_until.map(Millis::rfc3339),
        "undoes": plan.undoes,
    })
}

/// `quarterdeck.plan/1`: what would be written, and why it is not, if so.
pub(super) fn plan(
    plan: &Plan,
    refused: Option<&Refusal>,
    now: Millis,
    more: &Map<String, Value>,
) -> Value {
    let mut body = plan_body(plan);
    if let Value::Object(fields) = &mut body {
        fields.extend(more.clone());
        let refused = refused.map(ToString::to_string);
        fields.insert("refused".to_owned(), json!(refused));
        fields.insert("generated_at".to_owned(), json!(now.rfc3339()));
    }
    document("plan", body)
}

/// A plan for people.
pub(super) fn plan_text(plan: &Plan) -> String {
    let mut text = format!(
        "{} {}   {}   {}\n",
        plan.verb.title(),
        plan.subject,
        plan.summary,
        plan.id.short()
    );
    for gate in &plan.gates {
        let passed = match &gate.overridden {
            Some(reason) => format!("   overridden: {reason}"),
            None => String::new(),
        };
        let _ = writeln!(
            text,
            "  gate  {} {}   {}{passed}",
            gate.verdict, gate.gate, gate.why
        );
    }
    for (index, step) in plan.steps.iter().enumerate() {
        let weight = match step.weight {
            Weight::Required => "",
            Weight::BestEffort => "   (best effort)",
        };
        let _ = writeln!(
            text,
            "  {}  {}   {}{weight}",
            index + 1,
            step.source,
            step.act.words()
        );
        if let Some(request) = request(plan, index) {
            let _ = writeln!(text, "       {request}");
        }
    }
    for note in &plan.notes {
        let _ = writeln!(text, "  note  {note}");
    }
    for why in &plan.blocked {
        let _ = writeln!(text, "  blocked  {why}");
    }
    for wanting in &plan.wanting {
        let _ = writeln!(text, "  asks for a reason  {}", wanting.why);
    }
    match plan.undo_until {
        Some(until) => {
            let _ = writeln!(text, "  undo until {}", until.day_minute());
        }
        None => text.push_str("  cannot be undone by one key\n"),
    }
    text
}

fn ends(plan: &Plan, ends: &[StepEnd]) -> Vec<Value> {
    let mut rows = steps(plan);
    for (row, end) in rows.iter_mut().zip(ends) {
        if let Value::Object(fields) = row {
            fields.insert("how".to_owned(), json!(end.how));
            fields.insert("seen".to_owned(), json!(end.words));
        }
    }
    rows
}

/// `quarterdeck.outcome/1`: how a write ended, as read back.
pub(super) fn outcome(plan: &Plan, ended: &Ended, more: &Map<String, Value>) -> Value {
    let mut body = plan_body(plan);
    if let Value::Object(fields) = &mut body {
        fields.extend(more.clone());
        fields.insert("outcome".to_owned(), json!(ended.outcome));
        fields.insert("words".to_owned(), json!(ended.words));
        fields.insert("steps".to_owned(), json!(ends(plan, &ended.steps)));
    }
    document("outcome", body)
}

/// `quarterdeck.outcome/1` where there was nothing to do.
pub(super) fn unchanged(why: &Clean) -> Value {
    document(
        "outcome",
        json!({"outcome": "unchanged", "words": why, "steps": []}),
    )
}

/// How a write ended, for people.
pub(super) fn outcome_text(plan: &Plan, ended: &Ended) -> String {
    // A mark that was ended reads back as a mark like any other: what was meant tells them apart.
    let is_mark = matches!(plan.verb, Verb::Freeze | Verb::Acknowledge);
    let words = match ended.outcome {
        Outcome::Done if is_mark => &plan.summary,
        _ => &ended.words,
    };
    let mut text = format!(
        "{} {}: {} · {words}\n",
        plan.verb.title(),
        plan.subject,
        ended.outcome.text(),
    );
    for (step, end) in plan.steps.iter().zip(&ended.steps) {
        let _ = writeln!(
            text,
            "  {:<11}  {}   {}",
            end.how.word(),
            step.act.words(),
            end.words
        );
    }
    text
}

/// A write as the journals tell it.
pub(super) fn write(written: &Written) -> Value {
    let plan = &written.plan;
    let mut rows = steps(plan);
    for (row, progress) in rows.iter_mut().zip(&written.steps) {
        if let Value::Object(fields) = row {
            let end = progress.ended.as_ref();
            fields.insert(
                "sent_at".to_owned(),
                json!(progress.intended.map(Millis::rfc3339)),
            );
            fields.insert(
                "ended_at".to_owned(),
                json!(end.map(|(_, at)| at.rfc3339())),
            );
            fields.insert("how".to_owned(), json!(end.map(|(end, _)| end.how)));
            fields.insert("seen".to_owned(), json!(end.map(|(end, _)| &end.words)));
        }
    }
    let mut body = plan_body(plan);
    if let Value::Object(fields) = &mut body {
        let (outcome, at) = written.ended.unzip();
        fields.insert("steps".to_owned(), json!(rows));
        fields.insert("reason".to_owned(), json!(written.reason));
        fields.insert("actor".to_owned(), json!(written.actor.name()));
        fields.insert("began_at".to_owned(), json!(written.began.rfc3339()));
        fields.insert("ended_at".to_owned(), json!(at.map(Millis::rfc3339)));
        fields.insert("outcome".to_owned(), json!(outcome));
        fields.insert("words".to_owned(), json!(written.words));
        fields.insert("undone_by".to_owned(), json!(written.undone_by));
        fields.insert("open".to_owned(), json!(written.is_open()));
        let closed = written.seen_to.as_ref();
        fields.insert(
            "closed_by".to_owned(),
            json!(closed.map(|(actor, _)| actor.name())),
        );
        fields.insert(
            "closed_at".to_owned(),
            json!(closed.map(|(_, at)| at.rfc3339())),
        );
    }
    body
}

/// A write in full, for people.
pub(super) fn write_text(written: &Written) -> String {
    let mut text = plan_text(&written.plan);
    let _ = writeln!(
        text,
        "  by {} at {}{}",
        written.actor.name(),
        written.began.rfc3339(),
        if written.reason.is_empty() {
            String::new()
        } else {
            format!(": {}", written.reason)
        }
    );
    for (step, progress) in written.plan.steps.iter().zip(&written.steps) {
        let (how, seen) = match &progress.ended {
            Some((end, _)) => (end.how.word(), end.words.as_str()),
            None if progress.intended.is_some() => ("sent", "nobody has seen its end"),
            None => ("not begun", ""),
        };
        let _ = writeln!(text, "  {how:<11}  {}   {seen}", step.act.words());
    }
    if let Some((actor, at)) = &written.seen_to {
        let _ = writeln!(
            text,
            "  closed by {} at {}: {}",
            actor.name(),
            at.rfc3339(),
            written.words
        );
    }
    let took = written
        .ended
        .map(|(outcome, at)| format!("{} after {}", outcome.text(), span(at.since(written.began))));
    let _ = writeln!(
        text,
        "  {}",
        took.unwrap_or_else(|| "its end is not known: journal --check looks it up".to_owned())
    );
    text
}
