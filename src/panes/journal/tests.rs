//! The journal: from records and commands to rows, asks and frames.

use super::testing::{Told, id, told};
use super::*;
use crate::domain::action::Verb;
use crate::panes::PromptKind;
use crate::panes::testing::{World, screen};

fn world(told: &Told) -> World {
    let mut world = World::new();
    world.model("fraud-detector", &[("champion", "14")]);
    world.writes = told.writes();
    world
}

fn open(world: &World) -> Journal {
    let mut pane = Journal::new();
    pane.refresh(&world.cx());
    pane
}

fn verbs(pane: &Journal) -> Vec<Verb> {
    let rows = pane.list.rows.iter();
    rows.map(|entry| entry.written.plan.verb).collect()
}

#[test]
fn what_nobody_has_seen_the_end_of_comes_first_and_the_rest_by_time() {
    let world = world(&told());
    let mut pane = open(&world);
    assert_eq!(verbs(&pane), [Verb::Promote, Verb::Silence, Verb::Edit]);
    let asks = pane.update(Command::Open, &world.cx()).expect("a use");
    assert!(matches!(&asks[..], [Ask::Open(Place::Write(opened))] if *opened == id(3)));
}

#[test]
fn writes_of_other_contexts_are_shown_on_request_and_cannot_be_acted_on_from_here() {
    let world = world(&told());
    let mut pane = open(&world);
    assert_eq!((pane.list.rows.len(), pane.elsewhere), (3, 1));
    pane.update(Command::AllContexts, &world.cx());
    assert_eq!(pane.list.rows.len(), 4);
    pane.update(Command::Last, &world.cx());
    let why = pane.disabled(Command::Undo, &world.cx());
    assert!(why.is_some_and(|why| why.as_str().contains("context staging")));
}

#[test]
fn a_key_that_cannot_work_on_a_row_says_why() {
    let world = world(&told());
    let mut pane = open(&world);
    let why = |pane: &Journal, command| {
        let why = pane.disabled(command, &world.cx());
        why.map(|why| why.to_string())
    };
    // The open promotion: to be looked up, not to be undone.
    assert_eq!(why(&pane, Command::Check), None);
    assert!(why(&pane, Command::Undo).is_some());
    pane.update(Command::Down, &world.cx());
    // The silence without an identity: what it made is not known, so nothing can end it.
    assert_eq!(
        why(&pane, Command::Check).as_deref(),
        Some("its outcome is known")
    );
    pane.update(Command::Down, &world.cx());
    assert_eq!(
        why(&pane, Command::Undo).as_deref(),
        Some("it has changed nothing")
    );
}

#[test]
fn a_selected_write_is_undone_by_its_identity_and_looked_up_as_it_is_known() {
    let mut told = told();
    told.is(
        crate::panes::testing::ago(3_590),
        3,
        crate::domain::action::Outcome::Done,
        "champion is v14",
    );
    told.ends(
        crate::panes::testing::ago(3_591),
        3,
        1,
        (crate::domain::action::How::Done, "owner is risk"),
    );
    let world = world(&told);
    let mut pane = open(&world);
    assert_eq!(verbs(&pane), [Verb::Silence, Verb::Promote, Verb::Edit]);
    pane.update(Command::Down, &world.cx());
    assert_eq!(pane.disabled(Command::Undo, &world.cx()), None);
    let asks = pane.update(Command::Undo, &world.cx()).expect("a use");
    let [Ask::Wish(wish)] = &asks[..] else {
        panic!("{asks:?}")
    };
    assert_eq!(**wish, Wish::Undo(Some(id(3))));
}

#[test]
fn rows_are_filtered_by_what_they_say() {
    let world = world(&told());
    let mut pane = open(&world);
    for (filter, left) in [
        ("is:open", vec![Verb::Promote]),
        ("verb:edit", vec![Verb::Edit]),
        ("of:churn !edit", vec![Verb::Silence]),
        ("why:Q4", vec![Verb::Promote]),
        ("nobody-wrote-this", Vec::new()),
    ] {
        pane.prompt(PromptKind::Filter, filter, true, &world.cx())
            .expect("a filter");
        assert_eq!(verbs(&pane), left, "{filter}");
    }
}

#[test]
fn an_empty_journal_says_what_fills_it_and_remarks_are_shown() {
    let mut world = World::new();
    let mut pane = Journal::new();
    let shown = screen(&world.show(&mut pane, 80, 24));
    assert!(shown.contains("Nothing was written in test"), "{shown}");
    let mut journals = told().journals();
    journals.remarks = vec![Clean::text("a torn end of a journal was set aside: /x")];
    world.writes.read(&journals);
    let shown = screen(&world.show(&mut pane, 80, 24));
    assert!(shown.contains("torn end"), "{shown}");
}

#[test]
fn frames() {
    let mut world = world(&told());
    for size in [(60, 16), (80, 24), (120, 36), (200, 60)] {
        let shown = screen(&world.show(&mut Journal::new(), size.0, size.1));
        assert!(
            shown.contains("fraud-detector") && shown.contains("nobody has seen"),
            "{shown}"
        );
    }
    insta::assert_snapshot!(screen(&world.show(&mut Journal::new(), 60, 16)), @r"
     3 writes   1 open: V looks it up   1 in other contexts: C
     TIME UTC  VERB     OF              OUTCOME
    ›13:02     promote  fraud-detector  ? nobody has seen its e…
     13:52     silence  churn           ✔ done
     12:02     edit     churn           – not applied: 403: no…
    ");
    insta::assert_snapshot!(screen(&world.show(&mut Journal::new(), 80, 24)), @r"
     3 writes   1 open: V looks it up   1 in other contexts: C
     TIME UTC  VERB     OF              CHANGE              OUTCOME
    ›13:02     promote  fraud-detector  champion v13 → v14  ? nobody has seen its e…
     13:52     silence  churn           2 alerts for 2h00m  ✔ done
     12:02     edit     churn           1 tag               – not applied: 403: no…
    ");
    insta::assert_snapshot!(screen(&world.show(&mut Journal::new(), 120, 36)), @r"
     3 writes   1 open: V looks it up   1 in other contexts: C
     TIME UTC  VERB     OF              CHANGE              OUTCOME                WHO          WHY       UNDO
    ›13:02     promote  fraud-detector  champion v13 → v14  ? nobody has seen it…  ana@bastion  Q4 data   –
     13:52     silence  churn           2 alerts for 2h00m  ✔ done                 ana@bastion  known t…  –
     12:02     edit     churn           1 tag               – not applied: 403:…   ana@bastion  –         –
    ");
    insta::assert_snapshot!(screen(&world.show(&mut Journal::new(), 200, 60)), @r"
     3 writes   1 open: V looks it up   1 in other contexts: C
     TIME UTC   AGE  VERB     OF              CHANGE              OUTCOME                                                            WHO          WHY                      UNDO
    ›13:02       1h  promote  fraud-detector  champion v13 → v14  ? nobody has seen its end                                          ana@bastion  Q4 data                  –
     13:52      10m  silence  churn           2 alerts for 2h00m  ✔ done                                                             ana@bastion  known trouble            nothing of it can be taken back
     12:02       2h  edit     churn           1 tag               – not applied: 403: no right to edit                               ana@bastion  –                        it has changed nothing
    ");
}

#[test]
fn what_marks_have_changed_and_who_set_them_stays_on_a_small_screen() {
    use super::testing::plan;
    use crate::domain::action::{Act, How, Outcome, Tagged};
    use crate::domain::key::Key;
    use crate::panes::testing::{ago, model_key};
    let model = model_key("image-moderation");
    let mut told = Told::default();
    let verbs = [
        (1, Verb::Freeze, "frozen"),
        (2, Verb::Acknowledge, "acknowledged"),
    ];
    for (n, verb, word) in verbs {
        let summary = format!("{word} for 2h, until 2026-11-23 16:02Z");
        let act = Act::SetTag {
            created: None,
            of: Tagged::Model(model.clone()),
            key: Key::new("quarterdeck.mark"),
            from: None,
            to: Key::new(word),
        };
        let at = ago(600 - u64::from(n));
        told.begins(
            at,
            plan(n, verb, &model, &summary, vec![act]),
            "release week",
        )
        .sends(at, n, 0)
        .ends(at, n, 0, (How::Done, "as wanted"))
        .is(at, n, Outcome::Done, "");
    }
    let mut world = world(&told);
    let shown = screen(&world.show(&mut Journal::new(), 80, 24));
    assert!(shown.contains("CHANGE") && shown.contains("WHO"), "{shown}");
    assert!(
        shown.contains("frozen for 2h") && shown.contains("ana"),
        "{shown}"
    );
}

#[test]
fn a_long_journal_follows_facts_when_it_has_rested_and_writes_at_once() {
    let mut world = World::new();
    let model = world.model("fraud-detector", &[("champion", "14")]);
    let mut told = Told::default();
    let plan = |n| testing::plan(n, Verb::Edit, &model, "tags", Vec::new());
    for n in 0..250 {
        told.begins(crate::panes::testing::ago(3_600), plan(n), "why");
    }
    world.writes = told.writes();
    let mut pane = open(&world);
    assert_eq!(pane.list.rows.len(), 250);
    let later = |world: &mut World, millis| {
        world.now.mono += std::time::Duration::from_millis(millis);
        world.model(&format!("another-{millis}"), &[]);
    };
    // Marks the rows: those that are made anew do not have it.
    let mark = |pane: &mut Journal| pane.list.rows.truncate(1);
    mark(&mut pane);
    later(&mut world, 100);
    pane.refresh(&world.cx());
    assert_eq!(pane.list.rows.len(), 1, "facts come many times a second");
    told.begins(crate::panes::testing::ago(0), plan(250), "why");
    world.writes = told.writes();
    pane.refresh(&world.cx());
    assert_eq!(pane.list.rows.len(), 251, "a write waits for nothing");
    mark(&mut pane);
    later(&mut world, 600);
    pane.refresh(&world.cx());
    assert_eq!(pane.list.rows.len(), 251);
}
