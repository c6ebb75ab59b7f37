use std::time::Duration;

use super::*;
use crate::domain::key::SourceId;
use crate::domain::last_known::{Held, LastKnown};
use crate::runtime::testing::model;

const DAY: Duration = Duration::from_secs(86_400);

/// A file in which each context knows a model of its own name, the last one saved last.
fn saved(path: &Path, contexts: &[&str]) {
    let (mut store, _) = Store::open(path).unwrap();
    let now = Clock::default().wall();
    for (days, context) in contexts.iter().rev().enumerate() {
        let at = now.minus(DAY * u32::try_from(days).unwrap());
        let state = LastKnown {
            saved_at: at,
            models: vec![Held {
                source: SourceId::new("s"),
                asked_at: at,
                fact: model(context, 1),
            }],
            ..LastKnown::default()
        };
        assert!(store.save(context, &state).unwrap());
    }
}

fn context(name: &str) -> ContextRef {
    first_visit(Clean::name(name))
}

/// The models that come to a context, or `None` where another's state is read.
fn models_of(ahead: &Ahead, name: &str) -> Option<Vec<String>> {
    let mut models = Vec::new();
    let taken = ahead.taken_in_by(&context(name), |msg| {
        if let Msg::LastKnown(of, state) = msg {
            assert_eq!(of.name.as_str(), name);
            let named = state.models.iter();
            models.extend(named.map(|held| held.fact.key.name.clean().to_string()));
        }
    });
    taken.then_some(models)
}

#[test]
fn the_context_that_was_saved_last_is_read_where_none_is_asked_for() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("state.sqlite");
    saved(&path, &["old", "prod"]);
    for (asked, wanted, read) in [
        (None, "prod", Some("prod")),
        (None, "old", None),
        (Some("old"), "old", Some("old")),
        (Some("old"), "prod", None),
    ] {
        let ahead = Ahead::begin(&path, None, asked).expect("the file is there");
        let models = models_of(&ahead, wanted);
        assert_eq!(models, read.map(|name| vec![name.to_owned()]), "{asked:?}");
        // Whatever was read, the file is open for what comes next.
        let (store, remarks) = ahead.opened().expect("no panic").expect("a store");
        assert_eq!(
            (store.path(), remarks.as_slice()),
            (Some(path.as_path()), &[][..])
        );
        assert!(store.load_head(wanted).unwrap().is_some());
    }
}

#[test]
fn a_context_that_was_never_saved_knows_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("state.sqlite");
    assert!(Ahead::begin(&path, None, None).is_none(), "no file is made");
    saved(&path, &[]);
    let ahead = Ahead::begin(&path, None, None).expect("the file is there");
    assert_eq!(models_of(&ahead, "prod"), None);
    let ahead = Ahead::begin(&path, None, Some("prod")).expect("the file is there");
    assert_eq!(models_of(&ahead, "prod"), Some(Vec::new()));
}
