//! A command that writes and is told to end while a step is on its way.

use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use crate::prod::{Prod, holder, sent};
use crate::support::{Home, Ran, fleet};

const ARGS: [&str; 5] = ["rollback", "credit-score", "--to", "7", "--yes"];

fn told(child: &Child, signal: rustix::process::Signal) {
    let process = rustix::process::Pid::from_child(child);
    rustix::process::kill_process(process, signal).expect("it runs");
}

/// The number that a script has left, once it has.
fn left(file: &std::path::Path) -> String {
    let end = Instant::now() + Duration::from_secs(40);
    loop {
        let text = std::fs::read_to_string(file).unwrap_or_default();
        if text.ends_with('\n') {
            return text.trim().to_owned();
        }
        assert!(Instant::now() < end, "the hook did not begin");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hook_is_ended_with_the_command_and_how_it_stands_is_written_down() {
    use rustix::process::Signal;
    for signal in [Signal::INT, Signal::TERM, Signal::HUP] {
        let fleet = fleet().await;
        let home = Home::new();
        let begun = home.path().join("begun");
        let script = home.path().join("deploy.sh");
        let text = format!(
            "trap 'echo put in order; exit 9' TERM\necho $$ > '{}'\nsleep 60 &\nwait\n",
            begun.display()
        );
        std::fs::write(&script, text).unwrap();
        let prod = Prod::of(&fleet);
        let prod = prod.deployment("credit-prod", "rollout = \"hook\"\nhook = \"deploy\"");
        let hook = format!(
            "[contexts.prod.hooks.deploy]\ncommand = [\"sh\", \"{}\"]\ntimeout = \"50s\"",
            script.display()
        );
        home.settings(&prod.table(&hook).text());
        let child = home
            .command(&ARGS)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program starts");
        let process = left(&begun);
        let asked = Instant::now();
        told(&child, signal);
        let ran = Ran(child.wait_with_output().expect("it ends"));
        let all = format!("{}{}", ran.out(), ran.err());
        assert!(
            asked.elapsed() < Duration::from_secs(10),
            "{signal:?}: {all}"
        );
        // What the hook did before, nobody can tell.
        assert_eq!(ran.code(), 6, "{signal:?}: {all}");
        assert!(
            all.contains("told to end") && all.contains("put in order"),
            "{signal:?}: {all}"
        );
        let alive = std::path::Path::new("/proc").join(&process).exists();
        assert!(!alive, "{signal:?}: the hook lives on");
        assert_eq!(sent(&fleet, "mlflow", "registered-models/alias"), 0);
        assert_eq!(
            holder(&fleet, "credit-score", "champion").as_deref(),
            Some("8")
        );
        let journal = home.json(&["journal"], 0);
        let how = &journal["writes"][0]["steps"][0]["how"];
        assert_eq!(how, "unknown", "{signal:?}: {journal}");
    }
}
