//! Commands written out in the palette.

use super::sheet_tests::{at, frame, press};
use super::verbs_tests::{app, typed};

#[test]
fn a_freeze_can_be_written_out() {
    let mut app = app();
    for (text, shown) in [
        ("freeze ", "write: freeze MODEL 2h reason"),
        ("freeze nobody 2h x", "no model has this name"),
        ("freeze churn soon x", "write: freeze MODEL 2h reason"),
        ("freeze churn 2h", "a freeze needs a reason"),
    ] {
        press(&mut app, &[":"], at(100));
        typed(&mut app, text, 100);
        let seen = frame(&mut app);
        assert!(seen.contains(shown), "{text}: {seen}");
        press(&mut app, &["enter"], at(110));
        assert!(!app.asks_for_consent(), "{text}");
        press(&mut app, &["esc"], at(120));
    }
    press(&mut app, &[":"], at(200));
    typed(&mut app, "freeze churn 2h \"release week\"", 200);
    let seen = frame(&mut app);
    assert!(
        seen.contains("Freeze churn for 2h00m: release week"),
        "{seen}"
    );
    press(&mut app, &["enter"], at(210));
    assert!(app.asks_for_consent());
    let seen = frame(&mut app);
    assert!(seen.contains("frozen for 2h00m, until"), "{seen}");
    press(&mut app, &["esc"], at(220));
    // What is offered goes with its text.
    press(&mut app, &[":"], at(300));
    typed(&mut app, "freeze x", 300);
    press(&mut app, &["ctrl-u"], at(310));
    typed(&mut app, "drift", 310);
    assert!(!frame(&mut app).contains("MODEL 2h"));
}
