//! The console's screens as a person sees them: each pane at each size, and what only a terminal and
//! a real process can show. Every wait is on what the screen says.

use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::Signal;

use super::harness::{Builder, PATIENCE, Pty};

/// The longest that leaving may take, a loaded machine allowed for.
const LEAVING: Duration = Duration::from_millis(1_500);

/// An address where nothing listens.
const NOWHERE: &str = "http://127.0.0.1:1";

#[track_caller]
fn leaves(mut pty: Pty) {
    pty.send("q");
    assert_eq!(pty.exit_within(LEAVING), 0);
    pty.see(|s| assert!(!s.alternate_screen()));
}

/// A console whose only source is a dead one: it starts at once and never changes by itself.
fn dead() -> Builder {
    Builder::quarterdeck().args(["--mlflow", NOWHERE])
}

fn has_chart(screen: &str) -> bool {
    screen
        .chars()
        .any(|c| ('\u{2801}'..='\u{28ff}').contains(&c))
}

/// Walks through every pane of the simulated fleet while its incident plays, quickly but not before
/// the first look, and reaches in each the fact that somebody on call would look for.
fn every_pane(columns: u16, rows: u16) {
    let pty = Builder::quarterdeck()
        .args(["demo", "--speed", "7"])
        .size(columns, rows)
        .start();
    // Triage: the cause in words, and the worst row under the cursor.
    pty.wait_for("SIMULATED");
    pty.send_until("r", "v14 does not come up at fraud-pr");
    pty.wait_until("the cursor on a critical row", |s| {
        s.contents().lines().any(|l| l.starts_with("›✖ crit"))
    });

    // The model's page, through a filter.
    pty.send("/fraud\r");
    pty.wait_gone("churn");
    pty.send("\r");
    pty.wait_for("14 versions");
    pty.wait_for("champion v14  served v13");
    pty.wait_for("v14 does not come up at fraud-prod, v13 answers");

    // Its history.
    pty.send("H");
    pty.wait_for("changes of model fraud-detector");
    pty.wait_for("champion v13 → v14");

    // Models: champion and served side by side.
    pty.send("2");
    pty.wait_until("the row of fraud-detector", |s| {
        let screen = s.contents();
        let mut rows = screen.lines().filter(|l| l.contains("fraud-detector"));
        rows.any(|l| l.contains("v14 ≠") && l.contains("v13 ") && l.contains("stuck"))
    });

    // Deployments: what answers, and how that is known.
    pty.send("5");
    pty.wait_until("the row of fraud-prod", |s| {
        let screen = s.contents();
        let mut rows = screen.lines().filter(|l| l.contains("fraud-prod"));
        rows.any(|l| l.contains("v13 ≠") && l.contains("stuck"))
    });
    if columns >= 120 {
        pty.wait_for("KNOWN");
        pty.wait_for("reported");
        pty.wait_for("declared");
    }

    // Experiments, a run's page with its charts, and a comparison.
    pty.send("3");
    pty.wait_for("embeddings-train");
    pty.send("\r");
    pty.wait_for("●\u{20}running");
    pty.wait_for("›● running");
    pty.send("\r");
    pty.wait_for("Metrics 4");
    pty.wait_until("a chart of contrastive_loss", |s| {
        let screen = s.contents();
        screen.contains("contrastive_loss") && has_chart(&screen)
    });
    pty.send("\x1b");
    pty.wait_for("finished");
    pty.send("  ");
    pty.send("C");
    pty.wait_for("compared with");
    pty.wait_until("a chart over a table", |s| {
        let screen = s.contents();
        has_chart(&screen) && screen.contains("eval_rows")
    });
    pty.send("=");
    pty.send("\x1b");
    pty.wait_for("STATUS");
    leaves(pty);
}

#[test]
fn every_pane_at_60_by_16() {
    every_pane(60, 16);
}

#[test]
fn every_pane_at_80_by_24() {
    every_pane(80, 24);
}

#[test]
fn every_pane_at_120_by_36() {
    every_pane(120, 36);
}

#[test]
fn every_pane_at_200_by_60() {
    every_pane(200, 60);
}

/// The simulated fleet's servers in a process of their own.
struct Servers {
    child: Child,
    urls: Vec<(String, String)>,
}

impl Servers {
    fn start(home: &Path) -> Self {
        use std::io::BufRead as _;
        let mut child = Command::new(env!("CARGO_BIN_EXE_quarterdeck"))
            .args(["demo", "--serve", "--scenario", "calm"])
            .env_clear()
            .env("HOME", home)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the program");
        let output = std::io::BufReader::new(child.stdout.take().expect("its output"));
        // One registry, eleven endpoints, four monitoring systems and an orchestrator: a server whose
        // last line nobody reads ends.
        let urls = output
            .lines()
            .map_while(Result::ok)
            .filter_map(|l| l.split_once('=').map(|(n, u)| (n.to_owned(), u.to_owned())))
            .take(17)
            .collect();
        Self { child, urls }
    }

    fn url(&self, name: &str) -> &str {
        let found = self.urls.iter().find(|(n, _)| n == name);
        found.map(|(_, url)| url.as_str()).expect(name)
    }
}

impl Drop for Servers {
    fn drop(&mut self) {
        // Already gone is as good.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn the_last_known_state_comes_before_any_answer() {
    let home = tempfile::tempdir().expect("a directory");
    let servers = Servers::start(home.path());
    let console = || {
        Builder::quarterdeck()
            .args(["--mlflow", servers.url("mlflow")])
            .args([
                "--serving".to_owned(),
                format!("fraud-prod=v2+{}", servers.url("fraud-prod")),
            ])
            .env("XDG_STATE_HOME", home.path())
            .size(120, 36)
    };
    let pty = console().start();
    pty.send("2");
    pty.wait_for("fraud-detector");
    pty.wait_for("val_auc");
    leaves(pty);
    let again = console();
    drop(servers);
    let pty = again.start();
    pty.send("2");
    pty.wait_for("fraud-detector");
    pty.wait_for("v13");
    // Nothing of it is called live, and nothing is called well.
    pty.wait_until("a source that is not live", |s| {
        let screen = s.contents();
        let first = screen.lines().next().unwrap_or_default();
        first.contains("mlflow") && !first.contains("mlflow ●") && first.contains("unknown")
    });
    pty.wait_for("unkn");
    leaves(pty);
}

#[test]
fn chosen_columns_hold_over_a_restart() {
    let home = tempfile::tempdir().expect("a directory");
    let servers = Servers::start(home.path());
    let console = || {
        Builder::quarterdeck()
            .args(["--mlflow", servers.url("mlflow")])
            .env("XDG_STATE_HOME", home.path())
            .size(200, 60)
    };
    let pty = console().start();
    pty.send("2");
    pty.wait_for("fraud-detector");
    pty.wait_for("CHALLENGER");
    pty.send("K");
    pty.wait_for("enter switches");
    // The champion's column is the first of the list.
    pty.send("\r");
    pty.send("\x1b");
    // The escape is alone: a key right behind it would make it an alt chord.
    pty.wait_gone("enter switches");
    let titles = |s: &vt100::Screen| {
        let screen = s.contents();
        let row = screen
            .lines()
            .find(|l| l.contains("LEVEL"))
            .map(str::to_owned);
        row.unwrap_or_default()
    };
    pty.wait_until("no champion column", |s| {
        titles(s).contains("CHALLENGER") && !titles(s).contains("CHAMPION")
    });
    leaves(pty);
    let pty = console().start();
    pty.send("2");
    pty.wait_for("fraud-detector");
    pty.wait_until("still no champion column", |s| {
        titles(s).contains("CHALLENGER") && !titles(s).contains("CHAMPION")
    });
    leaves(pty);
}

#[test]
fn a_dead_context_is_left_and_a_hanging_source_stops_nothing() {
    let home = tempfile::tempdir().expect("a directory");
    let silent = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = silent.local_addr().expect("its address");
    let settings = format!(
        "context = \"dead\"\n\
         [contexts.dead]\n[[contexts.dead.sources]]\n\
         name = \"gone\"\nkind = \"mlflow\"\nurl = \"{NOWHERE}\"\n\
         [contexts.hangs]\n[[contexts.hangs.sources]]\n\
         name = \"silent\"\nkind = \"mlflow\"\nurl = \"http://{address}\"\n"
    );
    let path = home.path().join("config.toml");
    std::fs::write(&path, settings).expect("a file");
    let pty = Builder::quarterdeck()
        .args(["--config".into(), path.into_os_string()])
        .start();
    pty.wait_for("gone down");
    pty.wait_for("connection refused");
    pty.send("c");
    pty.wait_for("Contexts");
    let asked = Instant::now();
    pty.send("hangs\r");
    pty.wait_for("Waiting for 1 of 1 sources");
    assert!(
        asked.elapsed() < Duration::from_secs(1),
        "{:?}",
        asked.elapsed()
    );
    pty.wait_gone("gone");
    // The keys go on working while the source is silent, and so does leaving.
    pty.send("5");
    pty.wait_for("No deployment is configured in this context.");
    leaves(pty);
}

#[test]
fn keys_dialogs_and_pastes_say_what_they_do() {
    let pty = dead().start();
    pty.wait_for("mlflow down");
    // A key without a meaning says so, and one kept for later names what it is kept for.
    pty.send("M");
    pty.wait_for("M is not bound here");
    pty.send("x");
    pty.wait_for("x is kept for traffic");
    // A paste is no row of commands: neither leaves nor opens.
    pty.send("\x1b[200~2q\r\n\x1b[201~");
    pty.wait_for("pasted text is ignored here");
    pty.wait_for("mlflow down");
    // A prefix shows what follows it.
    pty.send("g");
    pty.wait_for("m its model");
    pty.send("\x1b");
    pty.wait_gone("m its model");
    // Help is searchable and tells why a key cannot work.
    pty.send("?");
    pty.wait_for("Keys here");
    pty.send("contexts");
    pty.wait_for("there is one context only");
    pty.send("\x1b");
    pty.wait_gone("Keys here");
    pty.send(":deploy\r");
    pty.wait_for("No deployment is configured");
    pty.send(",");
    pty.wait_for("mlflow down");
    // The pane goes to the clipboard as Markdown.
    let mark = pty.mark();
    pty.send("Y");
    pty.wait_for("clipboard");
    let bytes = pty.bytes_since(mark);
    assert!(
        String::from_utf8_lossy(&bytes).contains("\x1b]52;c;"),
        "no clipboard sequence"
    );
    // A click on a tab opens it.
    pty.send("\x1b[<0;14;2M\x1b[<0;14;2m");
    pty.wait_until("the models pane", |s| !s.contents().contains("mlflow down"));
    leaves(pty);
}

#[test]
fn another_size_draws_the_whole_again_and_too_small_says_so() {
    let pty = dead().size(120, 36).start();
    pty.wait_for("JUST BEFORE");
    pty.resize(80, 24);
    pty.wait_gone("JUST BEFORE");
    pty.wait_for("mlflow down");
    pty.resize(40, 10);
    pty.wait_gone("LEVEL");
    pty.wait_for("60");
    pty.resize(200, 60);
    pty.wait_for("JUST BEFORE");
    leaves(pty);
}

#[test]
fn the_console_is_suspended_and_comes_back() {
    let mut pty = dead().in_shell().start();
    pty.wait_for("mlflow down");
    pty.send("\x1a");
    pty.wait_until("the shell's screen", |s| !s.alternate_screen());
    pty.wait_stopped();
    assert!(pty.is_cooked());
    pty.signal_group(Signal::CONT);
    pty.wait_for("mlflow down");
    pty.see(|s| assert!(s.alternate_screen()));
    pty.send("q");
    assert_eq!(pty.exit(), 0);
    assert!(pty.is_cooked());
}

#[test]
fn closing_the_window_ends_the_console() {
    let mut pty = dead().start();
    pty.wait_for("mlflow down");
    pty.hang_up();
    pty.exit_within(PATIENCE / 2);
}

#[test]
fn no_color_means_none() {
    let pty = dead().env("NO_COLOR", "1").start();
    pty.wait_for("? unkn");
    pty.wait_for("mlflow down");
    let bytes = pty.bytes_since(0);
    let text = String::from_utf8_lossy(&bytes).into_owned();
    for colour in ["\x1b[38;", "\x1b[48;", "\x1b[31m", "\x1b[32m", "\x1b[33m"] {
        assert!(!text.contains(colour), "{colour:?} in {text:?}");
    }
    leaves(pty);
}

#[test]
fn a_dumb_terminal_is_told_what_to_use_instead() {
    let mut pty = dead().env("TERM", "dumb").start();
    assert_eq!(pty.exit(), 2);
    assert!(pty.screen().contains("status"), "{}", pty.screen());
    pty.see(|s| assert!(!s.alternate_screen()));
}
