//! The store as its callers see it, on real files: one part a file.

mod files;
mod fleet;
mod history;
mod pipelines;

use super::*;
use crate::domain::change::{Change, ChangeKind, Origin, Subject};
use crate::domain::key::SourceId;
use crate::domain::time::Millis;

fn opened(path: &Path) -> Store {
    let (store, remarks) = Store::open(path).expect("a store");
    assert_eq!(remarks, []);
    assert_eq!(store.path(), Some(path));
    store
}

fn kinds(remarks: &[Remark]) -> Vec<RemarkKind> {
    remarks.iter().map(|remark| remark.kind).collect()
}

fn subject(name: &str) -> Subject {
    Subject::Source(SourceId::new(name))
}

/// The champion of `name` moved to `to` somewhere between two instants.
fn moved(name: &str, to: &str, not_before: i64, not_after: i64) -> Change {
    Change {
        subject: subject(name),
        kind: ChangeKind::Alias(Clean::name("champion")),
        from: Clean::name("v1"),
        to: Clean::name(to),
        not_before: Millis(not_before),
        not_after: Millis(not_after),
        actor: None,
        origin: Origin::Observed,
        evidence: Clean::empty(),
    }
}

fn all(store: &Store) -> Vec<Change> {
    let rows = store.history("prod", &HistoryQuery::default());
    rows.expect("the history")
        .into_iter()
        .map(|row| row.change)
        .collect()
}
