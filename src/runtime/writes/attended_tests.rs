//! Writes that break off.

use std::sync::Mutex;

use super::tests::{confirmed, move_alias};
use super::*;
use crate::domain::action::{
    Act, Delivery, How, Outcome, Receipt, Record, Seen, Sighting, Ticket, Writes,
};
use crate::domain::fault::Fault;
use crate::domain::key::SourceId;

/// A world that breaks at one of its looks, once, while the alias moves when it is told to.
struct Breaks {
    at_look: usize,
    looks: Mutex<usize>,
    moved: Mutex<bool>,
}

impl World for Breaks {
    async fn look(&self, _source: &SourceId, _act: &Act) -> Result<Sighting, Fault> {
        let look = {
            let mut looks = self.looks.lock().expect("unpoisoned");
            *looks += 1;
            *looks
        };
        assert!(look != self.at_look, "a defect of ours");
        let (seen, words) = if *self.moved.lock().expect("unpoisoned") {
            (Seen::After, "champion is v7")
        } else {
            (Seen::Before, "champion is v6")
        };
        Ok(Sighting::new(seen, words))
    }

    async fn send(&self, _source: &SourceId, _ticket: &Ticket) -> Delivery {
        *self.moved.lock().expect("unpoisoned") = true;
        Delivery::Taken(Receipt::default())
    }

    fn now(&self) -> Millis {
        Millis(2_000)
    }
}

#[tokio::test(start_paused = true)]
async fn a_write_that_breaks_off_is_looked_up_and_blocks_nobody() {
    for (at_look, how, outcome) in [
        // Before it was sent, and after.
        (1, How::Skipped, Outcome::NotApplied),
        (2, How::Done, Outcome::Done),
    ] {
        for kept in [true, false] {
            let dir = tempfile::tempdir().expect("a directory");
            let directory = kept.then(|| dir.path().to_owned());
            let book = Book::new(directory, who::session());
            let told = Arc::new(Mutex::new(Vec::new()));
            let tell = {
                let told = Arc::clone(&told);
                move |record: &Record, at: Millis| {
                    let mut told = told.lock().expect("unpoisoned");
                    told.push((at, record.clone()));
                }
            };
            let world = Breaks {
                at_look,
                looks: Mutex::default(),
                moved: Mutex::default(),
            };
            let plan = confirmed(vec![move_alias("6", "7")]);
            let actor = Actor::default();
            let ended = attended::carry_out(plan, &actor, &world, book, tell).await;
            let ended = ended.expect("an end");
            assert_eq!((ended.steps[0].how, ended.outcome), (how, outcome));
            assert!(ended.words.as_str().contains("please report it"));
            // Whoever listens hears that it is over.
            let mut writes = Writes::new();
            for (at, record) in told.lock().expect("unpoisoned").iter() {
                writes.wrote(record, *at);
            }
            assert_eq!(writes.here().count(), 0);
            let written = writes.iter().next().expect("it");
            assert_eq!(written.ended.map(|(outcome, _)| outcome), Some(outcome));
            assert!(!written.is_open());
        }
    }
}
