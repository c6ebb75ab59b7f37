//! Acting on a small screen: from the crisis to the version before, serving it within its tolerances, and
//! back again; from a model to its next version and the gates of that; each by a handful of keys and the name
//! that is typed.

use std::thread::sleep;
use std::time::{Duration, Instant};

use super::harness::{Builder, Pty};

/// The most keys from triage to a way back that is under way, without the name.
const MOST: usize = 12;
/// How long a version is watched before it counts as converged, with room for a busy machine.
const BAKED: Duration = Duration::from_secs(300);
/// The model of the crisis.
const MODEL: &str = "fraud-detector";

/// A console on the simulated fleet four minutes into its incidents, and the keys typed in it.
struct Crisis {
    pty: Pty,
    keys: usize,
}

impl Crisis {
    fn begins() -> Self {
        let pty = Builder::quarterdeck()
            .args(["demo", "--at", "4m"])
            .size(80, 24)
            .start();
        pty.wait_for("SIMULATED");
        pty.wait_until("the crisis", |s| {
            let screen = s.contents();
            let mut rows = screen.lines().skip(3).filter(|l| l.contains(MODEL));
            rows.any(|l| l.contains("crit"))
        });
        Self { pty, keys: 0 }
    }

    #[track_caller]
    fn key(&mut self, key: &str, text: &str) {
        self.keys += 1;
        self.pty.send(key);
        self.pty.wait_for(text);
    }

    fn blind(&mut self, key: &str) {
        self.keys += 1;
        self.pty.send(key);
    }

    /// Waits until the chip of the write says so: a bake takes its time.
    #[track_caller]
    fn follows(&self, words: &str) {
        let end = Instant::now() + BAKED;
        let says = |s: &vt100::Screen| {
            let screen = s.contents();
            let chip = screen.lines().nth(1).unwrap_or_default();
            chip.contains("F ") && chip.contains(words)
        };
        while !self.pty.see(says) && Instant::now() < end {
            sleep(Duration::from_millis(500));
        }
        self.pty.wait_until(words, says);
    }

    #[track_caller]
    fn consents(&mut self) {
        self.keys += consent(&self.pty, MODEL);
    }
}

/// Types the name into the field of the open sheet, a key at a time: a burst counts as pasted. Nothing
/// counts in the first half second of a sheet. Tells how many keys it took beside the name.
#[track_caller]
fn consent(pty: &Pty, name: &str) -> usize {
    sleep(Duration::from_millis(700));
    let label = format!("type {name}");
    let at_name = |s: &vt100::Screen| {
        let (row, _) = s.cursor_position();
        let screen = s.contents();
        let line = screen.lines().nth(usize::from(row));
        !s.hide_cursor() && line.is_some_and(|line| line.contains(&label))
    };
    let mut keys = 1;
    for _ in 0..3 {
        if pty.see(at_name) {
            break;
        }
        pty.send("\t");
        keys += 1;
        sleep(Duration::from_millis(200));
    }
    for letter in name.chars() {
        pty.send(letter.encode_utf8(&mut [0; 4]));
        sleep(Duration::from_millis(40));
    }
    pty.wait_for(&format!("{label}  {name}"));
    pty.send("\r");
    pty.wait_gone(&label);
    keys
}

impl Crisis {
    /// From triage to the consent that the model goes back to the version before.
    #[track_caller]
    fn rolls_back(&mut self) {
        self.key("/", "filter");
        self.blind("f");
        self.blind("r");
        self.blind("\r");
        self.pty.wait_until("the model selected", |s| {
            let screen = s.contents();
            let mut rows = screen.lines().filter(|l| l.starts_with('›'));
            rows.any(|l| l.contains(MODEL))
        });
        // What to do and its key are on the screen.
        self.key("b", "oll back");
        sleep(Duration::from_millis(500));
        // Where nobody has watched a version for long enough, the choice is the person's.
        if self.pty.screen().contains("Roll back to") {
            // The first row says so: the newest of before is below it.
            self.key("\x1b[B", "› v13");
            self.blind("\r");
        }
        self.pty.wait_for("champion v14 → v13");
        self.consents();
        assert!(self.keys <= MOST, "{} keys", self.keys);
    }

    /// Takes the last write back.
    #[track_caller]
    fn undoes(&mut self) {
        self.keys = 0;
        self.key("z", "takes back");
        self.consents();
        assert!(self.keys <= MOST, "{} keys", self.keys);
        // The version that would not come up is wanted again, and the chip says how far that is.
        self.follows("v14");
    }
}

#[test]
fn a_crisis_is_rolled_back_and_that_is_undone() {
    let mut night = Crisis::begins();
    night.rolls_back();
    night.follows("baking");
    night.undoes();
}

/// Errors have to fall, and a bake takes its time: some minutes in all.
#[test]
#[ignore = "takes minutes: .ci/run runs it"]
fn a_crisis_is_rolled_back_until_it_has_converged_and_that_is_undone() {
    let mut night = Crisis::begins();
    night.rolls_back();
    night.follows("done");
    night.undoes();
}

/// How long a training of the demo may take until its version is known, with room for a busy machine.
const TRAINED: Duration = Duration::from_secs(240);

/// From the model to a run of its pipeline, the version that it registers, and that version's gates.
#[test]
#[ignore = "takes minutes: .ci/run runs it"]
fn a_model_is_trained_again_and_its_version_is_offered_to_its_gates() {
    const NAME: &str = "churn";
    let demo = Builder::quarterdeck().args(["demo"]).size(80, 24);
    let pty = demo.start();
    pty.wait_for("SIMULATED");
    pty.send("2");
    pty.wait_for("CHAMPION");
    for key in ["/", "c", "h", "u", "r", "n", "\r"] {
        pty.send(key);
        sleep(Duration::from_millis(40));
    }
    pty.wait_until("the model selected", |s| {
        let screen = s.contents();
        let mut rows = screen.lines().filter(|l| l.starts_with('›'));
        rows.any(|l| l.contains(NAME) && l.contains("v7"))
    });
    // The form stands as the champion's run fills it in.
    pty.send("t");
    pty.wait_for("Retrain churn");
    pty.wait_for("learning_rate");
    for _ in 0..12 {
        if pty.screen().contains("trains churn again") {
            break;
        }
        pty.send("\r");
        sleep(Duration::from_millis(200));
    }
    pty.wait_for("retrain_churn runs as qd__");
    consent(&pty, NAME);
    pty.wait_for("Retrain churn: done");
    // The run that was asked for is the one that moved last.
    pty.send("6");
    pty.wait_until("the run", |s| {
        let screen = s.contents();
        let mut rows = screen.lines().filter(|l| l.contains("retrain_churn"));
        let first = rows.next().unwrap_or_default().to_owned();
        first.contains("queued") || first.contains("running")
    });
    let end = Instant::now() + TRAINED;
    let registered = "churn v8 is registered";
    while !pty.screen().contains(registered) && Instant::now() < end {
        sleep(Duration::from_millis(500));
    }
    pty.wait_for(registered);
    pty.send("P");
    pty.wait_for("champion v7 → v8");
    pty.wait_for("performance");
    // Nothing has moved: a sheet asks.
    pty.send("\x1b");
    pty.wait_for("nothing was changed");
}

/// How long a run that deploys may take in the demo, with room for a busy machine.
const DEPLOYED: Duration = Duration::from_secs(120);

/// From the selected model to the sheet of the way back to a version that nobody has watched.
#[track_caller]
fn back_to(pty: &Pty, version: &str) {
    // The registry's versions may be read a little after its models.
    for _ in 0..20 {
        pty.send("b");
        pty.wait_until("an answer", |s| {
            let screen = s.contents();
            screen.contains("Roll back to") || screen.contains("the versions of")
        });
        if pty.screen().contains("Roll back to") {
            break;
        }
        sleep(Duration::from_millis(500));
    }
    pty.wait_for("Roll back to");
    let chosen = |s: &vt100::Screen| {
        let screen = s.contents();
        let mut rows = screen.lines();
        rows.any(|row| row.contains(&format!("› {version}")))
    };
    for _ in 0..8 {
        if pty.see(chosen) {
            break;
        }
        pty.send("\x1b[B");
        sleep(Duration::from_millis(300));
    }
    pty.wait_until("the version chosen", chosen);
    pty.send("\r");
    pty.wait_for(&format!("champion v5 → {version}"));
}

/// A pipeline brings one version; while its run is on its way another is asked for: the first run is ended, and
/// the second one is what serves and what the alias names.
#[test]
fn a_rollout_by_a_pipeline_takes_the_place_of_another() {
    const NAME: &str = "image-moderation";
    let demo = Builder::quarterdeck().args(["demo", "--scenario", "calm"]);
    let pty = demo.size(140, 44).start();
    pty.wait_for("SIMULATED");
    pty.send("2");
    pty.wait_for("CHAMPION");
    for key in ["/", "i", "m", "a", "g", "e", "\r"] {
        pty.send(key);
        sleep(Duration::from_millis(40));
    }
    pty.wait_until("the model selected", |s| {
        let screen = s.contents();
        let mut rows = screen.lines().filter(|l| l.starts_with('›'));
        rows.any(|l| l.contains(NAME) && l.contains("v5"))
    });
    back_to(&pty, "v4");
    pty.wait_for("deploy_model runs as qd__");
    // Nothing counts in the first half second of a sheet.
    sleep(Duration::from_millis(700));
    pty.send("@");
    pty.wait_for("POST /api/v2/dags/deploy_model/dagRuns");
    pty.wait_for("sends nothing over the network");
    consent(&pty, NAME);
    pty.wait_for("verifying");
    // The alias has not moved, and the run is on its way.
    back_to(&pty, "v3");
    pty.wait_for("brings v4 to @champion now: it is asked to end first");
    consent(&pty, NAME);
    let end = Instant::now() + DEPLOYED;
    let done = "Roll back image-moderation: done";
    while !pty.screen().contains(done) && Instant::now() < end {
        sleep(Duration::from_millis(500));
    }
    pty.wait_for(done);
    pty.wait_until("the version before", |s| {
        let screen = s.contents();
        let mut rows = screen.lines().filter(|l| l.starts_with('›'));
        rows.any(|l| l.contains(NAME) && l.contains("v3"))
    });
    // What was ended says so.
    pty.send("6");
    pty.wait_until("both runs", |s| {
        let screen = s.contents();
        let of = |word: &str| {
            let mut rows = screen.lines().filter(|l| l.contains("deploy_model"));
            rows.any(|l| l.contains(word))
        };
        of("cancelled") && of("success")
    });
}
