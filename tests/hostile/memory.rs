//! An answer of 100 MB costs no more memory than a source may take. Measured in a process of its own:
//! the peak of a process counts every test in it.

use std::process::Command;
use std::time::Duration;

use quarterdeck::domain::rules::freshness::Freshness;
use quarterdeck::sim::Fault;

use crate::console::{Console, ENDPOINTS, Pace, calm, settings};

/// How much the peak may rise, in kilobytes.
const MOST: u64 = 40 * 1024;

/// A line of the process's own status, in kilobytes.
fn kilobytes(field: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("a status on Linux");
    let line = status.lines().find(|l| l.starts_with(field));
    let words = line.and_then(|l| l.split_whitespace().nth(1));
    words.and_then(|w| w.parse().ok()).expect("a number")
}

#[test]
#[cfg(target_os = "linux")]
fn a_huge_answer_takes_little_memory() {
    let test = std::env::current_exe().expect("this program");
    let run = Command::new(test)
        .args([
            "--exact",
            "memory::measured_alone",
            "--ignored",
            "--nocapture",
        ])
        .output()
        .expect("this program runs");
    let told = String::from_utf8_lossy(&run.stdout);
    let errors = String::from_utf8_lossy(&run.stderr);
    assert!(run.status.success(), "{told}\n{errors}");
    assert!(told.contains("1 passed"), "{told}");
}

#[tokio::test]
#[ignore = "run by `a_huge_answer_takes_little_memory` in a process of its own"]
async fn measured_alone() {
    let fleet = calm().await;
    let names: Vec<&str> = ENDPOINTS.iter().map(|(name, _)| *name).collect();
    let mut console = Console::start(settings(&fleet, &names, |_| Pace::BRISK));
    let limit = Duration::from_secs(30);
    let live = |c: &Console| c.fleet().sources().all(|(_, _, f)| f == Freshness::Live);
    console.until("good", limit, live).await;
    let before = kilobytes("VmHWM:");
    let servers = ENDPOINTS.iter().map(|(name, _)| *name);
    for server in servers.chain(["mlflow"]) {
        fleet.faults().set(server, Fault::Huge);
        let failing = |c: &Console| {
            let mut sources = c.fleet().sources();
            sources.any(|(id, health, _)| id.as_str() == server && health.fault().is_some())
        };
        console.until(server, limit, failing).await;
        fleet.faults().clear(server);
        let over = |c: &Console| {
            c.refresh();
            live(c)
        };
        console.until("recovery", limit, over).await;
    }
    let after = kilobytes("VmHWM:");
    assert!(
        after - before < MOST,
        "the peak rose by {} MB to {} MB",
        (after - before) / 1024,
        after / 1024
    );
}
