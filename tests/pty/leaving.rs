//! Leaving with a write on its way: asked for, or told by a signal or a window that closes. The journal
//! says how it stood, and the next look finds out the rest.

use std::process::Command;
use std::time::{Duration, Instant};

use quarterdeck::sim::{Options, Scenario, SimFleet, WriteFault};
use rustix::process::Signal;

use super::harness::{Builder, PATIENCE, Pty};

/// The longest that an orderly end may take, a loaded machine allowed for.
const LEAVING: Duration = Duration::from_millis(2_500);

/// A registry, and a machine from which something was written there a moment ago.
struct Desk {
    // Its threads serve the fleet.
    _runtime: tokio::runtime::Runtime,
    fleet: SimFleet,
    home: tempfile::TempDir,
}

impl Desk {
    fn new() -> Self {
        let runtime = tokio::runtime::Runtime::new().expect("threads");
        let options = Options {
            scenario: Scenario::Calm,
            ..Options::default()
        };
        let fleet = runtime
            .block_on(SimFleet::start(options))
            .expect("ports on loopback");
        let desk = Self {
            _runtime: runtime,
            fleet,
            home: tempfile::tempdir().expect("a directory"),
        };
        let back = "rollback churn --to 6 --yes --confirm flags/churn";
        let ran = desk.run(&back.split(' ').collect::<Vec<_>>());
        assert!(ran.status.success(), "{ran:?}");
        desk
    }

    fn servers(&self) -> [&str; 4] {
        let mlflow = self.fleet.url("mlflow").expect("a registry");
        ["--mlflow", mlflow, "--writes", "confirm"]
    }

    /// How many moves of an alias the registry was sent.
    fn sent(&self) -> usize {
        self.fleet
            .writes()
            .count("mlflow", "registered-models/alias")
    }

    /// Runs a command to its end.
    fn run(&self, args: &[&str]) -> std::process::Output {
        Command::new(env!("CARGO_BIN_EXE_quarterdeck"))
            .args(args)
            .args(self.servers())
            .env_clear()
            .env("HOME", self.home.path())
            .env("USER", "ana")
            .env("XDG_STATE_HOME", self.home.path())
            .output()
            .expect("the program")
    }

    /// The newest write that the journals tell of.
    fn newest(&self) -> serde_json::Value {
        let ran = self.run(&["journal", "--json"]);
        let document: serde_json::Value = serde_json::from_slice(&ran.stdout).expect("a document");
        document["writes"][0].clone()
    }

    /// A console in which the roll back is being undone: the request was taken, and no answer comes.
    fn undoing(&self) -> Pty {
        let path = "registered-models/alias";
        self.fleet
            .writes()
            .spoil("mlflow", path, WriteFault::HangBefore);
        let pty = Builder::quarterdeck()
            .args(self.servers())
            .env("XDG_STATE_HOME", self.home.path())
            .env("USER", "ana")
            .size(100, 30)
            .start();
        pty.wait_for("roll back churn v6");
        // A sheet says so while the registry has not been read.
        pty.send_until("z", "type flags/churn");
        // What is typed before anybody could have read it does not count.
        std::thread::sleep(Duration::from_millis(800));
        pty.send("\t");
        for letter in "flags/churn".chars() {
            pty.send(letter.encode_utf8(&mut [0; 4]));
            std::thread::sleep(Duration::from_millis(30));
        }
        pty.send("\r");
        pty.wait_for("undo churn v7: applying 1/");
        // Until then it is still compared with what was read.
        let until = Instant::now() + PATIENCE;
        while self.sent() < 2 {
            assert!(Instant::now() < until, "it was never sent");
            std::thread::sleep(Duration::from_millis(10));
        }
        pty
    }

    /// Nobody knows how it ended, and the journal says so.
    #[track_caller]
    fn is_unknown(&self) {
        let write = self.newest();
        assert_eq!(write["verb"], "undo", "{write}");
        assert_eq!(write["outcome"], "unknown", "{write}");
        assert_eq!(write["open"], true, "{write}");
        assert_eq!(self.sent(), 2, "nothing is sent twice");
    }
}

#[test]
fn who_leaves_at_once_leaves_an_open_write_that_the_next_look_finds_out_about() {
    let desk = Desk::new();
    let mut pty = desk.undoing();
    pty.send("q");
    pty.wait_for("A write is on its way");
    pty.wait_for("undo churn v7 (applying 1/");
    pty.send("\x1b[B");
    pty.send("\r");
    assert_eq!(pty.exit_within(LEAVING), 0);
    desk.is_unknown();
    // A request of a moment ago may still be on its way: later it is certain.
    std::thread::sleep(Duration::from_secs(15));
    let checked = desk.run(&["journal", "--check"]);
    assert!(checked.status.success(), "{checked:?}");
    let write = desk.newest();
    assert_eq!(write["outcome"], "not-applied", "{write}");
    assert_eq!(write["open"], false, "{write}");
}

#[test]
fn who_waits_leaves_once_it_has_ended() {
    let desk = Desk::new();
    let mut pty = desk.undoing();
    pty.send("q");
    pty.wait_for("A write is on its way");
    pty.send("\r");
    pty.wait_for("leaves once it has ended");
    assert_eq!(pty.exit_within(Duration::from_secs(90)), 0);
    let write = desk.newest();
    assert_eq!(write["outcome"], "not-applied", "{write}");
}

#[test]
fn a_signal_and_a_closed_window_ask_nothing_and_the_journal_says_how_it_stood() {
    let desk = Desk::new();
    let mut pty = desk.undoing();
    pty.signal(Signal::TERM);
    assert_eq!(pty.exit_within(LEAVING), 0);
    desk.is_unknown();

    let desk = Desk::new();
    let mut pty = desk.undoing();
    pty.hang_up();
    pty.exit_within(LEAVING);
    desk.is_unknown();
}

#[test]
fn what_another_process_writes_is_seen_by_an_open_console() {
    let desk = Desk::new();
    let pty = Builder::quarterdeck()
        .args(desk.servers())
        .env("XDG_STATE_HOME", desk.home.path())
        .size(120, 30)
        .start();
    pty.send("8");
    pty.wait_for("champion v7 → v6");
    let ran = desk.run(&["undo", "--yes", "--confirm", "flags/churn"]);
    assert!(ran.status.success(), "{ran:?}");
    pty.wait_for("takes back: champion");
    pty.send("F");
    pty.wait_for("HOW THE WORLD FOLLOWS");
    pty.wait_for("read back: champion is v7");
}
