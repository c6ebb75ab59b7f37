//! What every command that changes servers has in common: a look at the sources, a plan, what allows it,
//! carrying it out, and what is said of it. The one order of refusal is that of the plan itself.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::exit::{Exit, Failure};
use super::interrupted::unless_told;
use super::session::{Session, journal_dir};
use super::written;
use crate::cli::Consenting;
use crate::domain::action::verbs::basis::NoPlan;
use crate::domain::action::verbs::{Planning, claiming, marks, silence, texts};
use crate::domain::action::{
    Actor, Confirmed, Consent, Journals, Mode, Outcome, Plan, PlanId, Record, Refusal, Tagged,
    Wanting, Writes, effect,
};
use crate::domain::fleet::Fleet;
use crate::domain::fleet::gates::{self, Details, Promotion, Sheet, SignedApproval};
use crate::domain::key::{Key, ModelKey, SourceId, VersionKey};
use crate::domain::query::{Detail, Query};
use crate::domain::settings::Writes as Allowed;
use crate::domain::text::Clean;
use crate::domain::time::{Millis, Now};
use crate::runtime::clock::Clock;
use crate::runtime::headless::{Collected, Options};
use crate::runtime::signing;
use crate::runtime::writes::{self, Book, Ended, Servers, who};

/// How often answers may name something more to ask for.
const ROUNDS: usize = 4;

/// What a command adds to its plan: fields of the document, lines of the text.
#[derive(Debug, Default)]
pub(super) struct More {
    pub(super) fields: serde_json::Map<String, serde_json::Value>,
    pub(super) text: String,
}

/// What came of a plan.
pub(super) enum Carried {
    /// Nothing was sent, and everything has been said.
    Said(Exit),
    /// It was carried out, and ended.
    Written(Box<(Plan, Ended)>),
}

/// One command's writing: what was seen, who acts, what the journals tell.
pub(super) struct Writer<'a> {
    pub(super) session: &'a Session,
    consent: &'a Consenting,
    pub(super) collected: Collected,
    book: Arc<Book>,
    pub(super) writes: Writes,
    pub(super) actor: Actor,
    details: Details,
}

impl<'a> Writer<'a> {
    /// Looks at every source of the context, and asks each what this account may do.
    ///
    /// # Errors
    /// When no needed source answered.
    pub(super) async fn open(
        session: &'a Session,
        consent: &'a Consenting,
    ) -> Result<Self, Failure> {
        let options = Options {
            probe: true,
            ..Options::default()
        };
        let mut collected = session.look_with(&options).await?;
        let (gaps, since) = session.watched(collected.now);
        collected.fleet.set_gaps(gaps);
        collected.fleet.set_watched_since(since);
        let book = book(session);
        let (writes, remarks) = read(&book);
        for remark in remarks {
            session.out().remark(remark.as_str());
        }
        let actor = writes::actor(&book);
        Ok(Self {
            session,
            consent,
            collected,
            book,
            writes,
            actor,
            details: Details::default(),
        })
    }

    pub(super) fn fleet(&self) -> &Fleet {
        &self.collected.fleet
    }

    /// The present. The process is young: its clock begins with the look.
    pub(super) fn now(&self) -> Now {
        Now {
            wall: self.collected.now,
            mono: Duration::ZERO,
        }
    }

    pub(super) fn planning(&self) -> Planning<'_> {
        Planning {
            fleet: self.fleet(),
            details: &self.details,
            writes: &self.writes,
            actor: &self.actor,
            now: self.now(),
            stamped: self.now().wall,
        }
    }

    /// The gate sheet of a promotion, with everything read that it rests on.
    ///
    /// # Errors
    /// When the model is gone.
    pub(super) async fn sheet(
        &mut self,
        model: &ModelKey,
        alias: &Key,
        to: &Key,
    ) -> Result<Sheet, Failure> {
        let promotion = Promotion {
            model: model.clone(),
            alias: alias.clone(),
            to: to.clone(),
        };
        // A version that was not known names its run: each round may need another.
        for _ in 0..ROUNDS {
            let wanted = gates::needs(&self.collected.fleet, &self.details, &promotion);
            if wanted.is_empty() {
                break;
            }
            for (source, query) in wanted {
                let limit = self.session.deadline;
                let answer = self.collected.fetch(&source, query.clone(), limit).await;
                let (asked_at, answer) = match answer {
                    Ok((at, detail)) => (at, Ok(detail)),
                    Err(fault) => (self.collected.now, Err(fault)),
                };
                let now = self.collected.now;
                let fleet = &mut self.collected.fleet;
                match &answer {
                    Ok(Detail::Versions(versions)) => {
                        fleet.put_versions(&source, versions.clone(), asked_at, now);
                    }
                    Ok(Detail::Package(package)) => {
                        if let Query::Package(version) = &query {
                            fleet.set_package(version.clone(), Some((**package).clone()), now);
                        }
                    }
                    Ok(Detail::Run(run)) => {
                        fleet.put_runs(std::slice::from_ref(&**run), asked_at, now);
                    }
                    _ => {}
                }
                self.details.absorb(&query, &answer);
            }
        }
        if let Some(approval) = gates::approval_to_check(self.fleet(), &promotion) {
            let allowed = self.fleet().settings().policy.allowed_signers.clone();
            let outcome = signing::verify(&approval, allowed.as_deref()).await;
            self.details.check(SignedApproval { approval, outcome });
        }
        let promoter = self.fleet().acting(&self.actor, Some(model)).name();
        gates::sheet(
            self.fleet(),
            &self.details,
            &promotion,
            Some(&promoter),
            self.collected.now,
        )
        .ok_or_else(|| Failure::refused("the registry does not hold the model"))
    }

    /// Reads what is written on a model or a version, where a plan replaces some of it.
    pub(super) async fn read_texts(&mut self, of: &Tagged) {
        let wanted = texts::wanted(self.fleet(), &self.details, of);
        if let Some((source, query)) = wanted {
            let limit = self.session.deadline;
            let answer = self.collected.fetch(&source, query.clone(), limit).await;
            let answer = answer.map(|(_, detail)| detail);
            self.details.absorb(&query, &answer);
        }
    }

    /// The same plan with a claim of what it moves, where claims are on.
    pub(super) async fn claimed(&mut self, plan: Result<Plan, NoPlan>) -> Result<Plan, NoPlan> {
        let mut plan = plan?;
        let model = plan.model.as_ref();
        let wanted = model.and_then(|m| claiming::wanted(self.fleet(), &self.details, m));
        if let Some((source, query)) = wanted {
            let limit = self.session.deadline;
            let answer = self.collected.fetch(&source, query.clone(), limit).await;
            self.details
                .absorb(&query, &answer.map(|(_, detail)| detail));
        }
        claiming::claim(&mut plan, &self.reason(), &self.planning());
        Ok(plan)
    }

    /// The reason as given.
    pub(super) fn reason(&self) -> Clean {
        Clean::text(&self.consent.reason)
    }

    fn mode(&self) -> Mode {
        Mode::of(self.fleet().settings(), self.consent.arm)
    }

    /// Why the mode does not let this plan be written now, whatever the person gives.
    fn refused(&self, plan: &Plan) -> Option<Refusal> {
        let mode = Mode {
            // A dry run is not armed for.
            armed: true,
            ..self.mode()
        };
        let why = mode.allows().err();
        why.or_else(|| plan.blocked.first().cloned().map(Refusal::Blocked))
            .or_else(|| {
                let Wanting { name, why } = plan.wanting.first().cloned()?;
                Some(Refusal::Wanting { name, why })
            })
            .or_else(|| {
                let silent = plan.needs_reason() && self.reason().as_str().trim().is_empty();
                silent.then_some(Refusal::NoReason)
            })
    }

    /// Shows a plan, carries it out where that is allowed, and says how it ended.
    ///
    /// # Errors
    /// When it is refused, or the journal does not take it.
    pub(super) async fn carry(self, plan: Result<Plan, NoPlan>) -> Result<Exit, Failure> {
        let out = *self.session.out();
        let more = More::default();
        let (plan, ended) = match self.write(plan, &more).await? {
            Carried::Said(exit) => return Ok(exit),
            Carried::Written(written) => *written,
        };
        if out.json {
            out.document(&written::outcome(&plan, &ended, &more.fields))?;
        } else {
            out.print(&out.own(&written::outcome_text(&plan, &ended)))?;
        }
        Ok(exit(&ended))
    }

    /// Shows a plan, with what the command has to add to it, and carries it out where that is allowed. How
    /// it ended is for the command to say.
    ///
    /// # Errors
    /// When it is refused, or the journal does not take it.
    pub(super) async fn write(
        &self,
        plan: Result<Plan, NoPlan>,
        with: &More,
    ) -> Result<Carried, Failure> {
        let out = *self.session.out();
        let plan = match plan {
            Ok(plan) => plan,
            Err(NoPlan::Already(why)) => {
                if out.json {
                    out.document(&written::unchanged(&why))?;
                } else {
                    out.print(&out.own(why.as_str()))?;
                }
                return Ok(Carried::Said(Exit::Done));
            }
            Err(NoPlan::Impossible(why)) => return Err(Failure::refused(why.to_string())),
            Err(NoPlan::Changed(why)) => {
                return Err(Failure {
                    exit: Exit::Changed,
                    ..Failure::refused(why.to_string())
                });
            }
        };
        let refused = self.refused(&plan);
        if self.consent.dry_run {
            self.show(&plan, refused.as_ref(), with)?;
            return match refused {
                Some(why) => Err(self.advised(&plan, &why)),
                None => {
                    if !out.json {
                        self.say_what_is_asked(&plan);
                    }
                    Ok(Carried::Said(Exit::Done))
                }
            };
        }
        let typed = if self.mode().protected {
            self.consent.confirm.clone().unwrap_or_default()
        } else {
            // `--yes` stands for the name where nothing more is asked for.
            plan.asks(&self.mode()).unwrap_or_default().to_string()
        };
        let consent = Consent {
            typed,
            reason: self.reason(),
        };
        let checked = plan.check(&self.mode(), &consent, self.now());
        if checked.is_err() || !self.consent.yes {
            self.show(&plan, checked.as_ref().err(), with)?;
            return Err(match checked {
                Err(why) => self.advised(&plan, &why),
                Ok(()) => Failure::refused("nothing was written").advice("add --yes to write it"),
            });
        }
        let mode = self.mode();
        let confirmed = plan
            .clone()
            .confirm(&mode, &consent, self.now())
            .map_err(|refused| failure(&refused.1))?;
        if !out.json {
            out.remark(&out.own(&format!("{}{}", written::plan_text(&plan), with.text)));
        }
        let ended = Box::pin(self.carried_out(confirmed)).await?;
        if let Some(why) = &ended.unjournalled {
            out.remark(&format!(
                "the journal does not hold all of this, `quarterdeck journal --check` will look it up: {why}"
            ));
        }
        Ok(Carried::Written(Box::new((plan, ended))))
    }

    /// Carries a confirmed plan out, and keeps what it has changed.
    async fn carried_out(&self, confirmed: Confirmed) -> Result<Ended, Failure> {
        let servers = Servers::new(
            Arc::clone(self.fleet().settings()),
            Arc::new(Clock::default()),
        );
        let mut own = Writes::new();
        let told = |record: &Record, at: Millis| own.wrote(record, at);
        let model = confirmed.plan().model.as_ref();
        let actor = self.fleet().acting(&self.actor, model);
        let writing = writes::write(confirmed, &actor, &servers, Arc::clone(&self.book), told);
        let remark = |words: &str| self.session.out().remark(words);
        let ended = unless_told(self.session.meanwhile(writing), &servers, remark).await;
        let now = Clock::default().wall();
        if ended.is_none() {
            self.book.leave(now);
        }
        self.book.end(now);
        let told = |written| effect::changes(written, self.fleet());
        let changes: Vec<_> = own.iter().flat_map(told).collect();
        self.session.keep(&changes);
        let Some(ended) = ended else {
            return Err(Failure {
                exit: Exit::OutcomeUnknown,
                ..Failure::refused("left with a step on its way")
            }
            .advice("quarterdeck journal --check looks up what became of it"));
        };
        ended.map_err(|why| {
            Failure::internal(format!(
                "nothing was written: the journal does not take it: {why}"
            ))
        })
    }

    /// Prints a plan that is not carried out.
    fn show(&self, plan: &Plan, refused: Option<&Refusal>, with: &More) -> Result<(), Failure> {
        let out = self.session.out();
        if out.json {
            let now = self.now().wall;
            out.document(&written::plan(plan, refused, now, &with.fields))
        } else {
            let text = format!("{}{}", written::plan_text(plan), with.text);
            out.print(&out.own(&text))
        }
    }

    /// What writing would ask for beyond `--yes`: who scripts it learns it from the dry run.
    fn say_what_is_asked(&self, plan: &Plan) {
        let mut flags = vec!["--yes".to_owned()];
        let mode = self.mode();
        if let Some(name) = plan.asks(&mode).filter(|_| mode.protected) {
            flags.push(format!("--confirm '{name}'"));
        }
        if mode.writes == Allowed::Armed && !mode.armed {
            flags.push("--arm".to_owned());
        }
        let out = self.session.out();
        let words = format!("a dry run: to write it, give {}", flags.join(" "));
        out.remark(&out.own(&words));
    }

    fn advised(&self, plan: &Plan, why: &Refusal) -> Failure {
        let failure = failure(why);
        match why {
            Refusal::WrongName(name) if self.mode().protected => {
                failure.advice(format!("this context is protected: add --confirm '{name}'"))
            }
            Refusal::NoReason => failure.advice("add --reason TEXT"),
            Refusal::NotArmed(_) => failure.advice("add --arm"),
            Refusal::Blocked(_) => {
                let more = plan.blocked.iter().skip(1);
                let failure = more.fold(failure, |failure, why| failure.advice(why.to_string()));
                // The reason is the comment of a silence.
                let asked = [marks::NO_REASON, silence::NO_COMMENT];
                if plan.blocked.iter().any(|why| asked.contains(&why.as_str())) {
                    failure.advice("add --reason TEXT")
                } else {
                    failure
                }
            }
            Refusal::Wanting { .. } => plan.wanting.iter().fold(failure, |failure, wanting| {
                let Wanting { name, why } = wanting;
                failure.advice(format!("{why}: add --override {name}=REASON"))
            }),
            _ => failure,
        }
    }
}

/// The journal of this process: kept nowhere for a simulated fleet, which ends with the process.
pub(super) fn book(session: &Session) -> Arc<Book> {
    let directory = journal_dir().filter(|_| !session.is_simulated());
    Book::new(directory, who::session())
}

/// What the journals of this machine tell, where the context has any.
pub(super) fn journals(session: &Session, now: Millis) -> Journals {
    book(session).read(now)
}

/// What the journals of this machine tell, and what was found at this reading.
pub(super) fn read(book: &Book) -> (Writes, Vec<Clean>) {
    let journals = book.read(Clock::default().wall());
    (Writes::of(&journals), journals.news)
}

/// A new identity.
pub(super) fn identity(now: Now) -> PlanId {
    let mut random = [0; 10];
    fastrand::Rng::new().fill(&mut random);
    PlanId::new(now.wall, random)
}

fn failure(why: &Refusal) -> Failure {
    Failure::refused(why.to_string())
}

/// How a write that ended maps to an exit code.
pub(super) fn exit(ended: &Ended) -> Exit {
    match ended.outcome {
        Outcome::Done => Exit::Done,
        Outcome::Unknown => Exit::OutcomeUnknown,
        // What others have written over ours stands now.
        Outcome::PartlyApplied if ended.overtaken() => Exit::Changed,
        // Otherwise whoever reads 3 or 4 may take it that nothing was written.
        Outcome::NotConverged | Outcome::PartlyApplied => Exit::NotConverged,
        Outcome::NotApplied if ended.moved() => Exit::Changed,
        Outcome::NotApplied => Exit::Refused,
    }
}

/// Reasons by what each passes.
pub(super) fn overrides(given: &[(String, String)]) -> BTreeMap<String, Clean> {
    let given = given.iter();
    given
        .map(|(name, reason)| (name.clone(), Clean::text(reason)))
        .collect()
}

/// The alias that is meant: the one of production unless said.
pub(super) fn alias(fleet: &Fleet, given: Option<&String>) -> Key {
    match given {
        Some(alias) => Key::new(alias.trim_start_matches('@')),
        None => Key::new(&fleet.settings().policy.champion),
    }
}

/// The version that somebody means.
///
/// # Errors
/// When the registry does not hold it.
pub(super) fn version(fleet: &Fleet, model: &ModelKey, text: &str) -> Result<VersionKey, Failure> {
    use crate::domain::action::verbs::rollback::version_of;
    version_of(fleet, model, text).ok_or_else(|| {
        let held = fleet.registered(model);
        let names_some = held.is_some_and(|held| !held.fact.aliases.is_empty());
        if fleet.versions(model).is_empty() && names_some {
            // Its aliases name some: none was read, which is not the same as none there.
            let name = model.name.clean();
            return Failure::no_answer(format!("the versions of {name} were not read"))
                .advice("try again, or give the registry more time with --timeout");
        }
        super::names::missing(
            "version",
            text,
            fleet
                .versions(model)
                .iter()
                .map(|held| held.fact.version.as_str()),
        )
    })
}

/// The source of a name, or the only one of several that could be meant.
///
/// # Errors
/// When there is none of the name, or several and none was named.
pub(super) fn one_of(all: &[SourceId], given: Option<&String>) -> Result<SourceId, Failure> {
    let names = || all.iter().map(SourceId::as_str);
    match (given, all) {
        (Some(name), _) => all
            .iter()
            .find(|id| id.as_str() == name)
            .cloned()
            .ok_or_else(|| super::names::missing("Alertmanager", name, names())),
        (None, [one]) => Ok(one.clone()),
        (None, []) => Err(Failure::refused("this context has no Alertmanager")
            .advice("add one as a source, or give --alertmanager URL")),
        (None, _) => Err(Failure::usage(
            "this context has several Alertmanagers: say --source NAME",
        )
        .advice(names().collect::<Vec<_>>().join(", "))),
    }
}
