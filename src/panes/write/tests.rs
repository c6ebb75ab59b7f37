//! The page of a write: what it tells at each size, and how it is moved.

use super::*;
use crate::panes::journal::testing::{Told, id, told};
use crate::panes::testing::{World, screen};

fn world(told: &Told) -> World {
    let mut world = World::new();
    world.model("fraud-detector", &[("champion", "14")]);
    world.writes = told.writes();
    world
}

#[test]
fn a_page_scrolls_to_its_end_and_no_further() {
    let mut world = world(&told());
    let mut page = WritePage::new(id(3));
    let first = screen(&world.show(&mut page, 60, 16));
    assert!(first.contains("nobody has seen its end"), "{first}");
    page.update(Command::Last, &world.cx());
    let last = screen(&world.show(&mut page, 60, 16));
    assert!(last.contains("overridden: known"), "{last}");
    page.update(Command::PageDown, &world.cx());
    assert_eq!(screen(&world.show(&mut page, 60, 16)), last);
    page.update(Command::First, &world.cx());
    assert_eq!(screen(&world.show(&mut page, 60, 16)), first);
}

#[test]
fn a_write_that_no_journal_tells_of_says_so() {
    let mut world = World::new();
    let mut page = WritePage::new(id(9));
    let shown = screen(&world.show(&mut page, 80, 24));
    assert!(shown.contains("do not tell of this write"), "{shown}");
    assert!(page.disabled(Command::Undo, &world.cx()).is_some());
    assert_eq!(page.row_text(&world.cx()), None);
}

#[test]
fn what_is_copied_holds_each_request_and_what_was_read_back() {
    let world = world(&told());
    let page = WritePage::new(id(3));
    let (_, rows) = page.markdown(&world.cx());
    let all = rows.concat().join(" ");
    for part in [
        r#"POST /api/2.0/mlflow/registered-models/alias {"alias":"champion","name":"fraud-detector","version":"14"}"#,
        "read back: champion is v14",
        "sent: tag owner",
        "overridden: known, and watched by hand",
        "Q4 data",
    ] {
        assert!(all.contains(part), "{part} is missing in {all}");
    }
}

#[test]
fn frames() {
    let mut world = world(&told());
    insta::assert_snapshot!(screen(&world.show(&mut WritePage::new(id(3)), 60, 16)), @r"
    ? Promote fraud-detector   champion v13 → v14  1-11 of 26
    now        nobody has seen its end
    who        ana@bastion in test, 2026-11-23 13:02:00Z, 1h
               ago
    why        Q4 data
    undo       it has not ended yet: follow it with F

    STEPS
    ✔ done       1 alias champion of fraud-detector: v13 → v14
                 ml
                   POST
                   /api/2.0/mlflow/registered-models/alias
    ");
    insta::assert_snapshot!(screen(&world.show(&mut WritePage::new(id(3)), 80, 24)), @r#"
    ? Promote fraud-detector   champion v13 → v14   1G60R3
    now        nobody has seen its end
    who        ana@bastion in test, 2026-11-23 13:02:00Z, 1h ago
    why        Q4 data
    undo       it has not ended yet: follow it with F

    STEPS
    ✔ done       1 alias champion of fraud-detector: v13 → v14 ml
                   POST /api/2.0/mlflow/registered-models/alias
                   {"alias":"champion","name":"fraud-detector","version":"14"}
                   sent 13:02:01Z · ended 13:02:02Z, after 1s
                   read back: champion is v14
    → sent       2 tag owner of fraud-detector = risk ml
                   POST /api/2.0/mlflow/registered-models/set-tag
                   {"key":"owner","name":"fraud-detector","value":"risk"}
                   sent 13:02:03Z

    GATES AS THEY STOOD
    ✖ fail     fairness ratio >= 0.8 0.86 → 0.76 0.76 is below 0.8
               overridden: known, and watched by hand
    "#);
    insta::assert_snapshot!(screen(&world.show(&mut WritePage::new(id(3)), 120, 36)), @r#"
    ? Promote fraud-detector   champion v13 → v14   1G60R3
    now        nobody has seen its end
    who        ana@bastion in test, 2026-11-23 13:02:00Z, 1h ago
    why        Q4 data
    undo       it has not ended yet: follow it with F

    STEPS
    ✔ done       1 alias champion of fraud-detector: v13 → v14 ml
                   POST /api/2.0/mlflow/registered-models/alias
                   {"alias":"champion","name":"fraud-detector","version":"14"}
                   sent 13:02:01Z · ended 13:02:02Z, after 1s
                   read back: champion is v14
    → sent       2 tag owner of fraud-detector = risk ml
                   POST /api/2.0/mlflow/registered-models/set-tag {"key":"owner","name":"fraud-detector","value":"risk"}
                   sent 13:02:03Z

    GATES AS THEY STOOD
    ✖ fail     fairness ratio >= 0.8 0.86 → 0.76 0.76 is below 0.8
               overridden: known, and watched by hand
    "#);
    insta::assert_snapshot!(screen(&world.show(&mut WritePage::new(id(3)), 200, 60)), @r#"
    ? Promote fraud-detector   champion v13 → v14   1G60R3
    now        nobody has seen its end
    who        ana@bastion in test, 2026-11-23 13:02:00Z, 1h ago
    why        Q4 data
    undo       it has not ended yet: follow it with F

    STEPS
    ✔ done       1 alias champion of fraud-detector: v13 → v14 ml
                   POST /api/2.0/mlflow/registered-models/alias {"alias":"champion","name":"fraud-detector","version":"14"}
                   sent 13:02:01Z · ended 13:02:02Z, after 1s
                   read back: champion is v14
    → sent       2 tag owner of fraud-detector = risk ml
                   POST /api/2.0/mlflow/registered-models/set-tag {"key":"owner","name":"fraud-detector","value":"risk"}
                   sent 13:02:03Z

    GATES AS THEY STOOD
    ✖ fail     fairness ratio >= 0.8 0.86 → 0.76 0.76 is below 0.8
               overridden: known, and watched by hand
    "#);
}

#[test]
fn the_page_shows_at_which_stage_the_world_stands_and_what_is_waited_for() {
    // The registry was read after the move; the endpoint was not heard since.
    let mut world = crate::panes::journal::testing::world("14", Some("14"));
    world.writes = crate::panes::journal::testing::done(600).writes();
    let shown = screen(&world.show(&mut WritePage::new(id(1)), 80, 24));
    for part in [
        "applied, not converged: fraud-eu",
        "✔ alias    champion reads back v14",
        "→ serving  fraud-eu: its answer is old",
        "– bake",
    ] {
        assert!(shown.contains(part), "{part} is missing in\n{shown}");
    }
}
