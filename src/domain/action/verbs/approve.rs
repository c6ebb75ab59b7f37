//! Approving: a tag of the candidate's version says that a second person has looked at one promotion and
//! its evidence. It counts for that promotion alone, for a time, and never for whoever wrote it.

use std::collections::BTreeMap;
use std::time::Duration;

use super::Planning;
use super::basis::{About, Basis, NOT_HELD, NoPlan};
use super::shift::Gates;
use crate::domain::action::{Act, Friction, Plan, PlanId, Step, Tagged, Verb};
use crate::domain::fleet::gates::Sheet;
use crate::domain::gate::approval::{self, Approval};
use crate::domain::gate::{Clause, Evidence};
use crate::domain::key::Key;
use crate::domain::settings::{SourceKind, Writes};
use crate::domain::text::Clean;
use crate::domain::time::span;

/// An approval longer than this is a mistake.
const LONGEST: Duration = Duration::from_secs(90 * 86_400);
/// How much of the hash is shown.
const SHOWN: usize = 12;

/// An approval that somebody wishes to give.
#[derive(Clone, PartialEq, Debug)]
pub struct ApproveRequest {
    /// Who approves; whoever acts unless said.
    pub by: Option<Clean>,
    /// For how long it counts.
    pub hold: Duration,
    /// Why, or under which condition; may be empty.
    pub note: Clean,
}

/// The approval itself, to be signed or not before it is planned. It is dated by the registry's clock.
///
/// # Errors
/// When what it would be bound to is not read completely yet, or it would count for no time or too long.
pub fn draft(
    request: &ApproveRequest,
    sheet: &Sheet,
    with: &Planning<'_>,
) -> Result<Approval, NoPlan> {
    if sheet.counts.pending > 0 {
        let why = "the evidence is still being read: what is approved must be known first";
        return Err(NoPlan::impossible(why));
    }
    if request.hold.is_zero() || request.hold > LONGEST {
        return Err(NoPlan::impossible(
            "write for how long it counts, from a second to 90 days",
        ));
    }
    let at = with
        .fleet
        .registry_now(&sheet.promotion.model, with.stamped);
    let writer = with.acting(Some(&sheet.promotion.model));
    let by = request.by.clone().unwrap_or_else(|| writer.clone());
    let mut approval = sheet.approve(&by, at, at.plus(request.hold), request.note.clone());
    if by != writer {
        approval.writer = writer;
    }
    Ok(approval)
}

/// Whether a gate of the promotion counts signed approvals alone.
fn wants_signature(sheet: &Sheet) -> bool {
    let approval = Evidence::Approval.to_string();
    sheet.verdicts.iter().any(|gate| {
        gate.evidence == *approval && gate.rule.as_str().contains(&Clause::Verified.to_string())
    })
}

/// The command that gives the approval signed, to be run in a shell: signing takes a key and a program of
/// the approver's own. `None` where no gate asks for a signature.
pub fn signing_command(
    request: &ApproveRequest,
    sheet: &Sheet,
    with: &Planning<'_>,
) -> Option<Clean> {
    if !wants_signature(sheet) {
        return None;
    }
    let settings = with.fleet.settings();
    let (context, name) = (settings.name.as_str(), sheet.name.as_str());
    let mut words = vec!["quarterdeck".to_owned(), "approve".to_owned(), quoted(name)];
    let mut put = |flag: &str, value: &str| words.extend([flag.to_owned(), quoted(value)]);
    put("--to", sheet.promotion.to.clean().as_str());
    put("--alias", sheet.alias.as_str());
    put("--for", &span(request.hold));
    if !request.note.is_empty() {
        put("--reason", request.note.as_str());
    }
    if context == "flags" {
        // The evidence that an approval is bound to comes from all of them.
        for source in &settings.sources {
            let flag = match source.kind {
                SourceKind::Mlflow => "--mlflow",
                SourceKind::Prometheus => "--prometheus",
                SourceKind::Alertmanager => "--alertmanager",
                SourceKind::Evidently => "--evidently",
                SourceKind::Grafana => "--grafana",
                _ => continue,
            };
            put(flag, &source.url);
        }
    } else if context != "env" && !settings.simulated {
        put("--context", context);
    }
    if matches!(context, "flags" | "env") {
        put("--writes", "confirm");
    }
    if settings.protected {
        put("--confirm", &format!("{context}/{name}"));
    }
    let more: &[&str] = match (settings.simulated, settings.writes) {
        (true, _) => &["--demo"],
        (_, Writes::Armed) => &["--arm"],
        _ => &[],
    };
    words.extend(more.iter().map(|word| (*word).to_owned()));
    words.extend(["--sign", "~/.ssh/id_ed25519", "--yes"].map(str::to_owned));
    Some(Clean::text(&words.join(" ")))
}

/// A word as a shell takes it.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:@%+=,".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', "'\\''"))
    }
}

/// The plan that writes an approval down.
///
/// # Errors
/// When the model or the version is gone, the same was approved already, or the tag cannot hold it.
pub fn plan(
    approval: &Approval,
    sheet: &Sheet,
    id: PlanId,
    with: &Planning<'_>,
) -> Result<Plan, NoPlan> {
    let promotion = &sheet.promotion;
    let Some(known) = with.fleet.registered(&promotion.model) else {
        return Err(NoPlan::impossible(NOT_HELD));
    };
    let candidate = promotion.candidate();
    if with.fleet.version(&candidate).is_none() {
        let text = &sheet.to.text;
        let why = format!("the registry does not hold {text} of {}", sheet.name);
        return Err(NoPlan::impossible(why));
    }
    if sheet
        .from
        .as_ref()
        .is_some_and(|from| from.key == candidate)
    {
        return Err(NoPlan::already(format!(
            "{} of {} is {} already: there is nothing to approve",
            sheet.alias, sheet.name, sheet.to.text
        )));
    }
    let mut basis = Basis::new(*with);
    basis.rests_on_model(&known.source, &promotion.model);
    basis.rests_on_expiry(&known.source);
    if approval.binding != sheet.binding {
        basis.block("the evidence has changed since it was approved: look at it again");
    }
    let value = match approval.write() {
        Ok(value) => value,
        Err(why) => return Err(NoPlan::impossible(why.to_string())),
    };
    let (from, to) = (sheet.from.as_ref().map(|from| &from.text), &sheet.to.text);
    let from = from.map_or("none", Clean::as_str);
    let hex = approval.binding.hex();
    basis.note(format!(
        "counts for {} {from} → {to} with this evidence ({}…), until {}",
        sheet.alias,
        hex.get(..SHOWN).unwrap_or(hex),
        approval.until.day_minute()
    ));
    basis.note(match &approval.signature {
        Some(_) => format!(
            "signed for {}: who checks it needs the key among the allowed signers",
            approval.by
        ),
        None => format!(
            "not signed: it is {}'s word, and a gate that asks for verified ones does not take it",
            approval.by
        ),
    });
    basis.note(format!("{} cannot promote it: it takes two", approval.by));
    if approval.signature.is_none() && wants_signature(sheet) {
        basis.note(
            "a gate of this promotion counts signed approvals alone: y copies the command that signs this one, with your key in place of ~/.ssh/id_ed25519 and --as NAME where the signers' file has another name for you",
        );
        let request = ApproveRequest {
            by: Some(approval.by.clone()),
            hold: approval.until.since(approval.at),
            note: approval.note.clone(),
        };
        basis.notes.extend(signing_command(&request, sheet, with));
    }
    if let Some(old) = &sheet.approval
        && old.binding == approval.binding
    {
        basis.note(format!("replaces the approval by {}", old.by));
    }
    let key = Key::new(&approval::tag(promotion.alias.raw()));
    let of = Tagged::Version(candidate);
    let act = Act::SetTag {
        created: basis.created(&of),
        from: basis.tag_before(&of, &key),
        of,
        key,
        to: Key::new(&value),
    };
    let steps = basis.permitted(vec![Step::required(&known.source, act)]);
    let about = About {
        verb: Verb::Approve,
        subject: sheet.name.clone(),
        model: Some(promotion.model.clone()),
        summary: Clean::text(&format!("approval of {} {from} → {to}", sheet.alias)),
        friction: Friction::Name,
    };
    let mut plan = basis.plan(id, about, steps);
    // As the approver sees them; what stands in the way of the promotion does not stand in the way of this.
    plan.gates = Gates::of(sheet, &BTreeMap::new()).notes;
    Ok(plan)
}
