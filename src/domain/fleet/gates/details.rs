//! What was fetched for a sheet: answers by what they are about, and why there is none.

use std::collections::{HashMap, HashSet};

use super::SignedApproval;
use crate::domain::action::Tagged;
use crate::domain::action::claims::Book;
use crate::domain::fault::Fault;
use crate::domain::gate::approval::{Approval, Signature};
use crate::domain::key::{Key, ModelKey, RunKey, VersionKey};
use crate::domain::model::{LoggedMetric, Package};
use crate::domain::query::{Detail, Query, Texts};
use crate::domain::run::Run;
use crate::domain::text::Clean;

/// The answer to one question, or the fault in words.
pub type Answer<T> = Result<T, Clean>;

/// What was fetched for a sheet.
#[derive(Clone, Debug, Default)]
pub struct Details {
    asked: HashSet<Query>,
    runs: HashMap<RunKey, Answer<Run>>,
    packages: HashMap<VersionKey, Answer<Package>>,
    logged: HashMap<Key, Answer<Vec<LoggedMetric>>>,
    claims: HashMap<ModelKey, Answer<Book>>,
    texts: HashMap<Tagged, Answer<Texts>>,
    signed: Vec<SignedApproval>,
}

impl Details {
    /// Takes an answer in. Others than those of [`needs`](super::needs), claims and texts
    /// are left aside.
    pub fn absorb(&mut self, query: &Query, answer: &Result<Detail, Fault>) {
        let fault = || match answer {
            Err(fault) => Clean::text(&fault.line()),
            Ok(_) => Clean::text("the source answered something else"),
        };
        match query {
            Query::Run(key) => {
                let run = match answer {
                    Ok(Detail::Run(run)) => Ok((**run).clone()),
                    _ => Err(fault()),
                };
                self.runs.insert(key.clone(), run);
            }
            Query::Package(key) => {
                let package = match answer {
                    Ok(Detail::Package(package)) => Ok((**package).clone()),
                    _ => Err(fault()),
                };
                self.packages.insert(key.clone(), package);
            }
            Query::LoggedModel(key) => {
                let metrics = match answer {
                    Ok(Detail::LoggedModel(metrics)) => Ok(metrics.clone()),
                    _ => Err(fault()),
                };
                self.logged.insert(key.clone(), metrics);
            }
            Query::Claims(model) => {
                let book = match answer {
                    Ok(Detail::Claims(book)) => Ok(book.clone()),
                    _ => Err(fault()),
                };
                self.claims.insert(model.clone(), book);
            }
            Query::Texts(of) => {
                let texts = match answer {
                    Ok(Detail::Texts(texts)) => Ok((**texts).clone()),
                    _ => Err(fault()),
                };
                self.texts.insert(of.clone(), texts);
            }
            // Versions live in the fleet.
            Query::Versions(_) => {}
            _ => return,
        }
        self.asked.insert(query.clone());
    }

    /// Takes in what came of checking the signature of an approval.
    pub fn check(&mut self, signed: SignedApproval) {
        self.signed.retain(|old| old.approval != signed.approval);
        self.signed.push(signed);
    }

    /// What is known of an approval's signature.
    pub fn signature(&self, approval: &Approval) -> Signature {
        let mut known = self.signed.iter();
        known
            .find(|signed| signed.approval == *approval)
            .map_or(Signature::Unchecked, |signed| signed.outcome.clone())
    }

    /// Forgets everything: the next look reads anew.
    pub fn clear(&mut self) {
        *self = Self::default();
    }

    /// Whether a question was answered, be it with a fault.
    pub fn has_asked(&self, query: &Query) -> bool {
        self.asked.contains(query)
    }

    /// The claims on a model's aliases, or why they could not be read; `None` before they were.
    pub fn claims(&self, model: &ModelKey) -> Option<&Answer<Book>> {
        self.claims.get(model)
    }

    /// What is written on a model or a version, or why it could not be read; `None` before it was.
    pub fn texts(&self, of: &Tagged) -> Option<&Answer<Texts>> {
        self.texts.get(of)
    }

    pub(super) fn run(&self, key: &RunKey) -> Option<&Answer<Run>> {
        self.runs.get(key)
    }

    pub(super) fn package(&self, key: &VersionKey) -> Option<&Answer<Package>> {
        self.packages.get(key)
    }

    pub(super) fn logged(&self, key: &Key) -> Option<&Answer<Vec<LoggedMetric>>> {
        self.logged.get(key)
    }
}
