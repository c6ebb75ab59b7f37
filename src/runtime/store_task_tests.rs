use super::*;
use crate::domain::change::{ChangeKind, Origin, Subject};
use crate::runtime::testing::{context, model, model_key};

fn change(to: &str, at: i64) -> Change {
    Change {
        subject: Subject::Model(model_key("churn")),
        kind: ChangeKind::Alias(Clean::name("champion")),
        from: Clean::name("v1"),
        to: Clean::name(to),
        not_before: Millis(at),
        not_after: Millis(at + 1),
        actor: None,
        origin: Origin::Observed,
        evidence: Clean::empty(),
    }
}

fn recent(now: i64) -> Millis {
    Millis(now)
}

const NOW: i64 = 1_700_000_000_000;

#[tokio::test]
async fn what_is_kept_comes_back_at_the_next_start() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("state.sqlite");
    let (store, _) = Store::open(&path).unwrap();
    let (out, mut messages) = mpsc::channel(16);
    let mut keeper = Keeper::start(store, out).unwrap();
    keeper.enter(&context(), false, recent(NOW));
    assert!(matches!(messages.recv().await, Some(Msg::Ledger(_, changes)) if changes.is_empty()));
    keeper.append(&context(), vec![change("v2", NOW)]);
    let fact = Held {
        source: SourceId::new("s"),
        // A clock that ran ahead when this was read.
        asked_at: Millis(NOW * 2),
        fact: model("churn", 2),
    };
    let state = LastKnown {
        saved_at: Millis(NOW),
        models: vec![fact],
        ..LastKnown::default()
    };
    keeper.save(&context(), state, RunStore::default());
    let columns = "LEVEL MODEL OWNER".to_owned();
    keeper.prefer(&context(), Preference::ModelsColumns, columns);
    keeper.seen(
        &context(),
        &SourceId::new("s"),
        Millis(NOW),
        Duration::from_secs(60),
    );
    drop(messages);
    assert!(
        tokio::task::spawn_blocking(|| keeper.close(Duration::from_secs(5)))
            .await
            .unwrap()
    );

    let (store, remarks) = Store::open(&path).unwrap();
    assert!(remarks.is_empty(), "{remarks:?}");
    let look = |now| {
        let mut messages = Vec::new();
        first_look(&store, &context(), now, |msg| messages.push(msg));
        messages
    };
    let kept = look(recent(NOW + 5));
    let [
        Msg::Preferences(_, liked),
        Msg::LastKnown(_, state),
        Msg::LastKnown(..),
        Msg::LastKnown(..),
        Msg::Ledger(_, history),
        Msg::Unwatched(_, gaps),
    ] = kept.as_slice()
    else {
        panic!("not what was kept: {kept:?}")
    };
    let columns = ("models.columns".to_owned(), "LEVEL MODEL OWNER".to_owned());
    assert_eq!(liked, &[columns]);
    assert_eq!(history, &[change("v2", NOW)]);
    assert_eq!(gaps, &[], "a moment ago is no gap");
    let later = look(recent(NOW + 3_600_000));
    let Some(Msg::Unwatched(_, gaps)) = later.last() else {
        panic!("no word of the hour: {later:?}")
    };
    let hour = Gap {
        from: Millis(NOW),
        to: Millis(NOW + 3_600_000),
    };
    assert_eq!(gaps, &[hour]);
    assert_eq!(state.models[0].asked_at, Millis(NOW + 5));
    assert_eq!(
        store
            .watched("test", None, Millis(0), Millis(NOW * 2))
            .unwrap(),
        [(Millis(NOW), Millis(NOW))]
    );
}

#[test]
fn what_another_process_writes_is_told_once_and_own_rows_never() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("state.sqlite");
    let (store, _) = Store::open(&path).unwrap();
    let (mut other, _) = Store::open(&path).unwrap();
    let (out, mut messages) = mpsc::channel(16);
    let mut task = Task {
        store: Some(store),
        out,
        context: None,
        seq: 0,
        own: HashSet::new(),
        watches: HashMap::new(),
        told: (Millis(0), Vec::new()),
        troubled: false,
    };
    task.enter(&context(), true, recent(NOW)).unwrap();
    task.append(&context(), &[change("v2", NOW)]).unwrap();
    other.append("test", &[change("v3", NOW + 10)]).unwrap();
    task.look();
    let Ok(Msg::Ledger(_, news)) = messages.try_recv() else {
        panic!("no news")
    };
    assert_eq!(news, [change("v3", NOW + 10)]);
    task.look();
    assert!(messages.try_recv().is_err());
}

#[test]
fn a_fault_of_the_file_is_told_once() {
    let (out, mut messages) = mpsc::channel(16);
    let mut task = Task {
        store: Some(Store::in_memory().unwrap()),
        out,
        context: None,
        seq: 0,
        own: HashSet::new(),
        watches: HashMap::new(),
        told: (Millis(0), Vec::new()),
        troubled: false,
    };
    task.trouble(&StoreError::Full);
    task.trouble(&StoreError::Full);
    assert!(matches!(messages.try_recv(), Ok(Msg::Notice(n)) if n.bad));
    assert!(messages.try_recv().is_err());
    task.carry_out(Job::Append(context(), vec![change("v2", NOW)]));
    task.trouble(&StoreError::Busy);
    assert!(messages.try_recv().is_ok(), "it had worked in between");
}
