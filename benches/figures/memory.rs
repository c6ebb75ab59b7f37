//! Resident memory of a process that holds the load, and whether a day changes it.

use std::time::Duration;

use crate::Values;
use crate::load::{EXPERIMENTS, Load, RUNS};
use crate::machine::resident;
use crate::stage::Stage;
use quarterdeck::panes::Place;

pub(crate) fn run() -> Values {
    let before = resident("self");
    let mut stage = Stage::empty(Load::new());
    stage.begin();
    stage.hear(Load::unmonitored());
    stage.draw();
    stage.open(Place::Models);
    let unmonitored = resident("self");
    stage.hear(Load::signals());
    stage.draw();
    let all = resident("self");
    let values = [
        ("resident, process holding the load, MB", all),
        ("of that: before the load, MB", before),
        ("of that: 50,000 series, MB", all - unmonitored),
    ];
    drop(stage);
    values.map(|(name, value)| (name.to_owned(), value)).into()
}

/// A day of minutes: everything is polled, fifty models, versions and runs change, five runs start.
pub(crate) fn day() -> Values {
    const MINUTE: Duration = Duration::from_secs(60);
    let mut stage = Stage::full();
    stage.open(Place::Models);
    let mut at_one = 0.0;
    let mut started = RUNS;
    for minute in 0..24 * 60 {
        stage.pass(MINUTE);
        let at = stage.now().wall;
        for message in stage.load.calm(at) {
            stage.tell(message);
        }
        for _ in 0..4 {
            for message in stage.load.next(at) {
                stage.tell(message);
            }
        }
        let fresh: Vec<_> = (started..started + 5)
            .map(|run| stage.load.run(run, 0, EXPERIMENTS))
            .collect();
        started += 5;
        let message = stage.load.runs(at, fresh);
        stage.tell(message);
        stage.tell(quarterdeck::intent::msg::Msg::Tick);
        stage.draw();
        if minute == 60 {
            at_one = resident("self");
        }
    }
    let end = resident("self");
    let values = [
        ("resident after a simulated day, MB", end),
        ("grown from hour 1 to hour 24, MB", end - at_one),
    ];
    values.map(|(name, value)| (name.to_owned(), value)).into()
}
