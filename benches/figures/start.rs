//! From a state file that holds the load to the first frame.

use quarterdeck::domain::key::SourceId;
use quarterdeck::domain::last_known::{Held, LastKnown};
use quarterdeck::intent::msg::Msg;
use quarterdeck::runtime::first;
use quarterdeck::store::Store;

use crate::Values;
use crate::load::{EPOCH, Load};
use crate::machine::{timed, waited};
use crate::stage::Stage;

/// The load as it is saved: everything but most runs, of which the newest are kept.
pub(crate) fn saved(load: &mut Load) -> LastKnown {
    let fleet = load.fleet();
    let runs = fleet.runs();
    let rows = u32::try_from(runs.len()).expect("a number of runs");
    let newest = (rows.saturating_sub(10_000)..rows).filter_map(|row| {
        let key = runs.key(row)?;
        let asked_at = runs.row(row)?.asked_at;
        Some(Held {
            source: SourceId::new("mlflow"),
            asked_at,
            fact: runs.unpack(&key)?,
        })
    });
    fleet.last_known(EPOCH, newest.collect())
}

pub(crate) fn run() -> Values {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("state.sqlite");
    {
        let (mut store, _) = Store::open(&path).expect("a state file");
        let state = saved(&mut Load::new());
        store.save("load", &state).expect("a saved state");
    }
    let mut stage = Stage::empty(Load::new());
    let (read, head) = waited(|| {
        let (store, _) = Store::open(&path).expect("a state file");
        store
            .load_head("load")
            .expect("a readable state")
            .expect("a saved state")
    });
    assert_eq!(head.models.len(), crate::load::MODELS);
    // As the program does: models are judged once everything is taken in. By the clock, since two threads
    // judge them.
    stage.app.judge_in_slices_of(0);
    let now = stage.now();
    let (take_in, ()) = waited(|| stage.app.fleet_mut().absorb(head.into(), EPOCH));
    let (judge, ()) = waited(|| first::judge(&mut stage.app, now));
    let (index, bytes) = timed(|| {
        stage.tell(Msg::Tick);
        stage.draw().bytes
    });
    assert!(bytes > 1_000, "the first frame is empty");
    let ms = |d: std::time::Duration| d.as_secs_f64() * 1e3;
    let values = [
        (
            "store to first frame, in process, ms",
            ms(read + take_in + judge + index),
        ),
        ("of that: open and read the store, ms", ms(read)),
        ("of that: take the state in, ms", ms(take_in)),
        ("of that: judge the fleet, ms", ms(judge)),
        ("of that: index and build the frame, ms", ms(index)),
    ];
    values.map(|(name, value)| (name.to_owned(), value)).into()
}
