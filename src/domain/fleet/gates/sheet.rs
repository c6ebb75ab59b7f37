//! The sheet itself: verdicts worst first, their counts, what they ask for, what the promotion is bound
//! to, and what is worth knowing beside them.

use std::collections::BTreeMap;

use super::evidence::Look;
use super::reach::Reach;
use super::selection::{Selection, selected};
use super::{Details, Promotion};
use crate::domain::fleet::Fleet;
use crate::domain::gate::approval::{self, Approval, Binding, Signature};
use crate::domain::gate::{AskedBy, Consequence, Evidence, Gate};
use crate::domain::key::{Key, VersionKey};
use crate::domain::rules::freshness::Freshness;
use crate::domain::rules::gates::{self, Approved, Found, GateVerdict, Side, Verdict};
use crate::domain::text::Clean;
use crate::domain::time::{Millis, Since};
use crate::domain::wiring::version_text;

/// How many gates came out how.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, serde::Serialize)]
pub struct Counts {
    /// Gates that fail.
    pub fail: usize,
    /// Gates of which nobody can tell.
    pub unknown: usize,
    /// Gates that pass with something to know, and failures that ask for nothing.
    pub warn: usize,
    /// Gates that pass.
    pub pass: usize,
    /// Of the unknown ones, those that are still being read.
    pub pending: usize,
}

/// The version on one side of a sheet.
#[derive(Clone, PartialEq, Debug)]
pub struct Held {
    /// Which.
    pub key: VersionKey,
    /// As shown: `v7`.
    pub text: Clean,
    /// When it was registered, if the registry was read so far.
    pub created: Option<Millis>,
    /// Since when it holds the alias, where it does and that is known.
    pub since: Since,
}

/// The gate sheet of a promotion.
#[derive(Clone, PartialEq, Debug)]
pub struct Sheet {
    /// What it is about.
    pub promotion: Promotion,
    /// The model's name.
    pub name: Clean,
    /// The alias.
    pub alias: Clean,
    /// The version that holds the alias; `None` for an alias that is new.
    pub from: Option<Held>,
    /// The version that shall hold it.
    pub to: Held,
    /// One verdict a gate: what blocks first, then what asks for a reason, then the rest; worst first among
    /// them.
    pub verdicts: Vec<GateVerdict>,
    /// The metric that gates on quality look at, where that is known.
    pub quality: Option<Clean>,
    /// How many came out how.
    pub counts: Counts,
    /// What the promotion would touch.
    pub reach: Reach,
    /// What an approval of it is bound to. It is final once nothing is pending.
    pub binding: Binding,
    /// The approval that the candidate bears for this alias, whatever it is worth.
    pub approval: Option<Approval>,
    /// What is worth knowing beside the gates, in words.
    pub notes: Vec<Clean>,
    /// When the registry's facts were last read with success.
    pub read_at: Option<Millis>,
    /// Whether they can be relied on now.
    pub freshness: Freshness,
}

/// What stands between a sheet and its promotion.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Decision {
    /// Nothing.
    Clear,
    /// Something is still being read.
    Pending,
    /// Each of these gates needs a reason.
    Reasons(Vec<Clean>),
    /// Each of these gates forbids it, and no reason helps.
    Blocked(Vec<Clean>),
    /// Reasons were given for gates that are not there: a slip of the name.
    NoSuchGate(Vec<Clean>),
}

/// What is known of the signature of an approval, by whoever checked it, with the approval it was checked
/// for: one that is written anew is not checked yet.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SignedApproval {
    /// The approval that was checked.
    pub approval: Approval,
    /// What came of it.
    pub outcome: Signature,
}

/// The approval that the candidate bears for the alias, if it has a signature to check. The check itself
/// starts a program, so that it is not done here.
pub fn approval_to_check(fleet: &Fleet, promotion: &Promotion) -> Option<Approval> {
    let version = fleet.version(&promotion.candidate())?;
    let tag = version.tag(&approval::tag(promotion.alias.raw()))?;
    let approval = Approval::read(tag.as_str()).ok()?;
    approval.signature.is_some().then_some(approval)
}

/// Judges every gate of a promotion. `promoter` is who would promote, by the name that approvals go by.
/// `None` where the model is not in the fleet.
pub fn sheet(
    fleet: &Fleet,
    details: &Details,
    promotion: &Promotion,
    promoter: Option<&Clean>,
    now: Millis,
) -> Option<Sheet> {
    let held = fleet.registered(&promotion.model)?;
    let look = Look::new(fleet, details, promotion, held.source.clone(), now);
    let selection = selected(fleet, promotion);
    let mut verdicts = of_evidence(&look, &selection, now);
    let from = look
        .champion
        .as_ref()
        .map(|key| side(fleet, key, promotion));
    let to = side(fleet, &look.candidate, promotion);
    let binding = approval::bind(
        approval::Promotion {
            model: &promotion.model,
            alias: promotion.alias.raw(),
            from: look.champion.as_ref().map(|key| &key.version),
            to: &look.candidate,
            to_created: to.created.unwrap_or_default(),
        },
        bound(&verdicts).iter().map(String::as_str),
    );
    let waiting = verdicts.iter().any(|v| v.pending);
    let (approved, given) = approved(&look, promotion, &binding, promoter, waiting);
    // Approvals are dated by the registry.
    let registry_now = fleet.registry_now(&promotion.model, now);
    for gate in selection.gates.iter().filter(|g| is_approval(g)) {
        let found = Found::Approved(Box::new(approved.clone()));
        verdicts.push(gates::judge(gate, &found, registry_now));
    }
    // The sort is stable: equals keep the order of the policy.
    verdicts.sort_by_key(|v| std::cmp::Reverse((v.consequence, v.verdict)));
    Some(Sheet {
        promotion: promotion.clone(),
        name: held.fact.name.clone(),
        alias: promotion.alias.clean(),
        counts: count(&verdicts),
        reach: fleet.reach(promotion),
        notes: notes(fleet, promotion, from.as_ref(), &to),
        from,
        to,
        verdicts,
        quality: look.quality_metric().map(Clean::name),
        binding,
        approval: given,
        read_at: fleet.model(&promotion.model).and_then(|m| m.read_at),
        freshness: fleet.source_freshness(&held.source),
    })
}

fn is_approval(gate: &Gate) -> bool {
    gate.evidence == Evidence::Approval
}

fn of_evidence(look: &Look<'_>, selection: &Selection, now: Millis) -> Vec<GateVerdict> {
    let gates = selection.gates.iter().filter(|g| !is_approval(g));
    let judged = gates.filter_map(|gate| Some(gates::judge(gate, &look.find(gate)?, now)));
    let broken = selection.broken.iter().map(|(name, why)| {
        // The evidence is a stand-in: the gate is unknown before anything is looked at.
        let mut gate = Gate::new(name.as_str(), Evidence::Status, Vec::new());
        gate.asked_by = AskedBy::Tag;
        let mut verdict = gates::judge(&gate, &Found::Nothing(why.clone()), now);
        verdict.evidence = Clean::empty();
        verdict
    });
    judged.chain(broken).collect()
}

/// What an approval is bound to, in the order of the names: in which order gates are asked for changes
/// nothing of what was approved.
fn bound(verdicts: &[GateVerdict]) -> Vec<String> {
    let mut lines: Vec<String> = verdicts.iter().map(GateVerdict::bound).collect();
    lines.sort();
    lines
}

fn side(fleet: &Fleet, key: &VersionKey, promotion: &Promotion) -> Held {
    let view = fleet.model(&promotion.model);
    let pointed = view.and_then(|view| {
        let champion = view.champion.as_ref();
        let policy = &fleet.settings().policy;
        let is_champion = policy.champion == promotion.alias.raw();
        let of = |p: &&crate::domain::fleet::view::Pointed| p.key == key.version;
        if is_champion {
            champion.filter(of)
        } else if policy.challenger == promotion.alias.raw() {
            view.challenger.as_ref().filter(of)
        } else {
            None
        }
    });
    Held {
        text: version_text(&key.version),
        created: fleet.version(key).map(|v| v.created),
        since: pointed.map(|p| p.since).unwrap_or_default(),
        key: key.clone(),
    }
}

fn approved(
    look: &Look<'_>,
    promotion: &Promotion,
    binding: &Binding,
    promoter: Option<&Clean>,
    waiting: bool,
) -> (Approved, Option<Approval>) {
    let tag = approval::tag(promotion.alias.raw());
    let read = look.version(&look.candidate).map(|version| {
        let text = version.tag(&tag)?;
        Some(Approval::read(text.as_str()))
    });
    let given = match &read {
        Side::Known(Some(Ok(approval))) => Some(approval.clone()),
        _ => None,
    };
    let unreadable = match &read {
        Side::Known(Some(Err(why))) => Some(why.clone()),
        _ => None,
    };
    let signature = given.as_ref().map_or(Signature::Unchecked, |approval| {
        look.details.signature(approval)
    });
    let approval = match read {
        // What it is bound to is not known before all of it was read.
        Side::Known(Some(Ok(_))) if waiting => Side::Pending,
        other => other.map(|found| found.and_then(Result::ok)),
    };
    let approved = Approved {
        approval,
        unreadable,
        binding: binding.clone(),
        signature,
        promoter: promoter.cloned(),
    };
    (approved, given)
}

fn count(verdicts: &[GateVerdict]) -> Counts {
    let of = |verdict| verdicts.iter().filter(|v| v.verdict == verdict).count();
    Counts {
        fail: of(Verdict::Fail),
        unknown: of(Verdict::Unknown),
        warn: of(Verdict::Warn),
        pass: of(Verdict::Pass),
        pending: verdicts.iter().filter(|v| v.pending).count(),
    }
}

/// What an engineer should hear before the alias moves and that is no gate.
fn notes(fleet: &Fleet, promotion: &Promotion, from: Option<&Held>, to: &Held) -> Vec<Clean> {
    let mut notes = Vec::new();
    let mut note = |text: String| notes.push(Clean::text(&text));
    let alias = promotion.alias.clean();
    match from {
        None => note(format!(
            "@{alias} is new: taking it away again needs the MANAGE right"
        )),
        Some(from) if from.key == to.key => {
            note(format!("@{alias} is at {} already", to.text));
        }
        Some(from) => {
            if from.key.order() > to.key.order() {
                note(format!("{} is older than {}", to.text, from.text));
            }
        }
    }
    if fleet.looks_alike(&promotion.model) {
        note("another model's name looks the same: writes to either are refused".to_owned());
    }
    // Who still serves by stage sees another version than who serves by alias.
    let staged: Vec<Key> = fleet
        .versions(&promotion.model)
        .iter()
        .filter(|h| {
            let stage = h.fact.stage.as_ref();
            stage.is_some_and(|stage| stage.as_str() == "Production")
        })
        .map(|h| h.fact.key.version.clone())
        .collect();
    let is_champion = fleet.settings().policy.champion == promotion.alias.raw();
    if is_champion && !staged.is_empty() && !staged.contains(&to.key.version) {
        let words: Vec<String> = staged.iter().map(|v| version_text(v).to_string()).collect();
        note(format!(
            "stage Production stays at {}: who serves by stage does not see this move",
            words.join(", ")
        ));
    }
    notes
}

impl Sheet {
    /// The metric that a gate of it looks at; empty where that is none.
    pub fn metric_of(&self, verdict: &GateVerdict) -> Clean {
        let evidence = verdict.evidence.as_str();
        if evidence == Evidence::Quality.to_string() {
            return self.quality.clone().unwrap_or_default();
        }
        let metrics = ["run-metric:", "model-metric:"];
        let mut names = metrics
            .iter()
            .filter_map(|kind| evidence.strip_prefix(kind));
        names.next().map(Clean::name).unwrap_or_default()
    }

    /// What stands between the sheet and its promotion, with the reasons that were given by gate. Reasons of
    /// blanks are none.
    pub fn decide(&self, reasons: &BTreeMap<String, String>) -> Decision {
        let of = |consequence| {
            let all = self.verdicts.iter();
            all.filter(move |v| v.consequence == consequence)
        };
        let slips: Vec<Clean> = reasons
            .keys()
            .filter(|name| !self.verdicts.iter().any(|v| v.name == ***name))
            .map(|name| Clean::name(name))
            .collect();
        if !slips.is_empty() {
            return Decision::NoSuchGate(slips);
        }
        let names = |found: Vec<&GateVerdict>| found.iter().map(|v| v.name.clone()).collect();
        let blocked: Vec<_> = of(Consequence::Block).filter(|v| !v.pending).collect();
        if !blocked.is_empty() {
            return Decision::Blocked(names(blocked));
        }
        if self.counts.pending > 0 {
            return Decision::Pending;
        }
        let given = |name: &Clean| {
            let reason = reasons.get(name.as_str());
            reason.is_some_and(|reason| !Clean::text(reason).is_empty())
        };
        let wanting: Vec<_> = of(Consequence::Reason)
            .filter(|v| !given(&v.name))
            .collect();
        if wanting.is_empty() {
            Decision::Clear
        } else {
            Decision::Reasons(names(wanting))
        }
    }

    /// The gates that ask for a reason.
    pub fn to_override(&self) -> impl Iterator<Item = &GateVerdict> {
        let all = self.verdicts.iter();
        all.filter(|v| v.consequence == Consequence::Reason)
    }

    /// An approval of this promotion, to be signed or not.
    pub fn approve(&self, by: &Clean, at: Millis, until: Millis, note: Clean) -> Approval {
        Approval::new(by, at, until, self.binding.clone(), note)
    }

    /// When the oldest evidence that was measured is from.
    pub fn evidence_at(&self) -> Option<Millis> {
        self.verdicts.iter().filter_map(|v| v.at).min()
    }
}
