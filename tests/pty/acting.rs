//! Acting on a small screen: from the crisis to the version before, serving it within its tolerances, and
//! back again, each by a handful of keys and the name that is typed.

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

    /// Types the name into its field, a key at a time: a burst counts as pasted. Nothing counts in the
    /// first half second of a sheet.
    #[track_caller]
    fn consents(&mut self) {
        sleep(Duration::from_millis(700));
        let at_name = |s: &vt100::Screen| {
            let (row, _) = s.cursor_position();
            let line = s
                .contents()
                .lines()
                .nth(usize::from(row))
                .map(str::to_owned);
            !s.hide_cursor() && line.is_some_and(|line| line.contains(&format!("type {MODEL}")))
        };
        for _ in 0..3 {
            if self.pty.see(at_name) {
                break;
            }
            self.blind("\t");
            sleep(Duration::from_millis(200));
        }
        for letter in MODEL.chars() {
            self.pty.send(letter.encode_utf8(&mut [0; 4]));
            sleep(Duration::from_millis(40));
        }
        self.pty.wait_for(&format!("type {MODEL}  {MODEL}"));
        self.blind("\r");
        self.pty.wait_gone(&format!("type {MODEL}"));
    }
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
