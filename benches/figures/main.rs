//! The product's figures: each budget, as measured, five runs, the median, the machine's load beside.
//!
//! `cargo bench --bench figures` prints the whole table; `-- --line start,memory` some of it; `--runs 1`
//! is quick; `--clean-build` also measures a release build from nothing, which takes minutes. Each
//! measurement runs in a process of its own, which this program starts from itself.

#![expect(clippy::print_stdout, reason = "it prints a table")]
#![expect(
    clippy::expect_used,
    reason = "a measurement that cannot be made ends with its reason"
)]

mod binary;
mod load;
mod machine;
mod memory;
mod pty;
mod pure;
mod requests;
mod series;
mod stage;
mod start;

use std::collections::BTreeMap;
use std::process::Command;

use self::machine::{load_average, median};

/// Names the measurement that this process is to make.
const PART: &str = "QUARTERDECK_FIGURES_PART";

/// One line of the table.
struct Line {
    /// For `--line`.
    group: &'static str,
    /// What is measured, with its unit.
    name: &'static str,
    budget: Budget,
}

#[derive(Clone, Copy)]
enum Budget {
    AtMost(f64),
    /// Printed beside the others; nothing was promised.
    None,
}

const fn line(group: &'static str, name: &'static str, most: f64) -> Line {
    Line {
        group,
        name,
        budget: Budget::AtMost(most),
    }
}

const fn remark(group: &'static str, name: &'static str) -> Line {
    Line {
        group,
        name,
        budget: Budget::None,
    }
}

/// Every line, in the order of the table.
const LINES: &[Line] = &[
    line("start", "store to first frame, in process, ms", 50.0),
    remark("start", "of that: open and read the store, ms"),
    remark("start", "of that: take the state in, ms"),
    remark("start", "of that: judge the fleet, ms"),
    remark("start", "of that: index and build the frame, ms"),
    line("frame", "frame, widgets: table and four charts, ms", 1.0),
    line("frame", "frame build, Triage, ms", 1.0),
    line("frame", "frame build, Models, ms", 1.0),
    line("frame", "frame build, Experiments, ms", 1.0),
    line("frame", "frame build, Deployments, ms", 1.0),
    line("frame", "frame build, Drift, ms", 1.0),
    line("frame", "frame build, Run with charts, ms", 1.0),
    remark("frame", "build, compare and encode, Models, ms"),
    remark("frame", "bytes of an unchanged frame"),
    line("update", "update on Triage, p50, ms", 2.0),
    line("update", "update on Triage, p99, ms", 2.0),
    remark("update", "place follows, Triage, p99, ms"),
    remark("update", "whole frame, Triage, p99, ms"),
    line("update", "update on Models, p50, ms", 2.0),
    line("update", "update on Models, p99, ms", 2.0),
    remark("update", "place follows, Models, p99, ms"),
    remark("update", "whole frame, Models, p99, ms"),
    line("update", "update on Experiments, p50, ms", 2.0),
    line("update", "update on Experiments, p99, ms", 2.0),
    remark("update", "place follows, Experiments, p99, ms"),
    remark("update", "whole frame, Experiments, p99, ms"),
    line("update", "update on Deployments, p50, ms", 2.0),
    line("update", "update on Deployments, p99, ms", 2.0),
    remark("update", "place follows, Deployments, p99, ms"),
    remark("update", "whole frame, Deployments, p99, ms"),
    remark("update", "worst update of all, ms"),
    remark("update", "core used by updates and frames, Models, %"),
    line("keys", "key to encoded frame, in process, p50, ms", 2.0),
    line("keys", "key to encoded frame, in process, p99, ms", 10.0),
    line(
        "runs",
        "sort 100,000 runs by a metric, off the loop, ms",
        200.0,
    ),
    remark("runs", "sort 100,000 runs by name, off the loop, ms"),
    remark("runs", "filter 100,000 runs by a word, off the loop, ms"),
    line("runs", "snapshot of 100,000 runs, on the loop, ms", 1.0),
    line("runs", "update while a snapshot is alive, worst, ms", 2.0),
    line("signals", "update of 128 changed readings, p50, ms", 2.0),
    line("signals", "update of 128 changed readings, p99, ms", 2.0),
    remark("signals", "whole frame, Drift, p99, ms"),
    line("sweep", "full sweep merged, worst message, ms", 2.0),
    remark("sweep", "first full sweep merged, all messages, ms"),
    remark("sweep", "unchanged full sweep merged, all messages, ms"),
    remark(
        "sweep",
        "full sweep compared by its actor, off the loop, ms",
    ),
    line("sweep", "registry falls silent, worst update, ms", 2.0),
    remark(
        "sweep",
        "registry falls silent: 2,000 models judged, all updates, ms",
    ),
    line("sweep", "registry comes back, worst update, ms", 2.0),
    line("tick", "minute tick, ms", 2.0),
    line("tick", "last-known state handed to the store, ms", 2.0),
    line("memory", "resident, process holding the load, MB", 100.0),
    remark("memory", "of that: before the load, MB"),
    remark("memory", "of that: 50,000 series, MB"),
    line("day", "resident after a simulated day, MB", 100.0),
    line("day", "grown from hour 1 to hour 24, MB", 4.0),
    line("pty", "start to first frame, pty, ms", 50.0),
    line("pty", "key to pixels, pty, p50, ms", 2.0),
    line("pty", "key to pixels, pty, p99, ms", 10.0),
    line("pty", "resident, built program under the load, MB", 100.0),
    remark(
        "pty",
        "requests to the tracker a minute, 40 models on screen",
    ),
    remark("pty", "requests to the endpoints a second"),
    remark("pty", "observations a second, as its actors tell them"),
    remark("pty", "changed rows in them a second"),
    remark("pty", "series that its actors tell of"),
    remark("requests", "requests of a fast tick, 40 models on screen"),
    remark("requests", "requests of a fast tick, 10 models on screen"),
    remark("requests", "requests of a full sweep of the models"),
    remark("requests", "requests of a full sweep of their versions"),
    line(
        "requests",
        "full sweeps of the models in 150 s, at most one a minute",
        3.0,
    ),
    line("requests", "a move on screen is seen after, worst, s", 10.0),
    line("requests", "a move elsewhere is seen after, worst, s", 90.0),
    line("idle", "idle, 30 s, share of a core, %", 0.5),
    line("idle", "idle, 30 s, bytes to the terminal", 0.0),
    line("binary", "stripped binary, MB", 20.0),
    line("build", "clean release build, minutes", 8.0),
];

type Values = BTreeMap<String, f64>;

/// What one measurement found, by the names of [`LINES`].
fn measure(part: &str) -> Values {
    match part {
        "start" => start::run(),
        "frame" => pure::frame(),
        "update" => pure::update(),
        "keys" => pure::keys(),
        "runs" => pure::runs(),
        "signals" => pure::signals(),
        "sweep" => pure::sweep(),
        "tick" => pure::tick(),
        "memory" => memory::run(),
        "day" => memory::day(),
        "pty" => pty::loaded(),
        "requests" => requests::run(),
        "idle" => pty::idle(),
        "binary" => binary::size(),
        "build" => binary::clean_build(),
        other => panic!("no measurement is named {other}"),
    }
}

/// Makes a measurement in a process of its own, so that no other one has warmed or filled it.
fn measured_apart(part: &str) -> Values {
    let this = std::env::current_exe().expect("this program");
    let output = Command::new(this)
        .env(PART, part)
        .output()
        .expect("this program again");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success(),
        "{part} failed: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    let pairs = text.lines().filter_map(|l| l.split_once('\t'));
    pairs
        .filter_map(|(name, value)| Some((name.to_owned(), value.parse().ok()?)))
        .collect()
}

struct Wish {
    lines: Vec<String>,
    runs: usize,
    clean_build: bool,
}

/// What was asked for; `cargo bench` adds arguments of its own, which mean nothing here.
fn wish() -> Wish {
    let mut wish = Wish {
        lines: Vec::new(),
        runs: 5,
        clean_build: false,
    };
    let mut args = std::env::args().skip(1);
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "--line" => {
                let names = args
                    .next()
                    .expect("--line takes names, separated by commas");
                wish.lines.extend(names.split(',').map(str::to_owned));
            }
            "--runs" => {
                let count = args.next().and_then(|n| n.parse().ok());
                wish.runs = count.expect("--runs takes a number");
            }
            "--clean-build" => wish.clean_build = true,
            _ => {}
        }
    }
    wish
}

fn main() {
    if let Ok(part) = std::env::var(PART) {
        match part.as_str() {
            "serve-load" => return pty::serve(pty::full_scale()),
            "serve-calm" => return pty::serve(quarterdeck::sim::Scale::Demo),
            _ => {}
        }
        for (name, value) in measure(&part) {
            println!("{name}\t{value}");
        }
        return;
    }
    let wish = wish();
    println!(
        "{} models × {} versions, {} runs, {} endpoints, {} series, {} observations a second of up to \
         {} rows",
        load::MODELS,
        load::VERSIONS,
        load::RUNS,
        load::ENDPOINTS,
        load::MODELS * load::SERIES,
        load::OBSERVATIONS,
        load::ROWS
    );
    println!(
        "{} runs, median; load average {} at the start\n",
        wish.runs,
        load_average()
    );
    println!("| line | measured | least … most | budget | |");
    println!("|---|---:|---:|---:|---|");
    let mut groups: Vec<&str> = LINES.iter().map(|l| l.group).collect();
    groups.dedup();
    let mut missed = 0;
    for group in groups {
        let asked = if group == "build" {
            wish.clean_build
        } else {
            wish.lines.is_empty() || wish.lines.iter().any(|l| l == group)
        };
        if asked {
            // What takes minutes is measured once.
            let times = if matches!(group, "build" | "day" | "requests") {
                1
            } else {
                wish.runs
            };
            missed += table_of(group, times);
        }
    }
    println!(
        "\nload average {} at the end; {missed} over budget",
        load_average()
    );
}

/// Measures a group and prints its lines; says how many are over budget.
fn table_of(group: &str, times: usize) -> usize {
    let all: Vec<Values> = (0..times).map(|_| measured_apart(group)).collect();
    let mut missed = 0;
    for line in LINES.iter().filter(|l| l.group == group) {
        let mut values: Vec<f64> = all
            .iter()
            .filter_map(|v| v.get(line.name).copied())
            .collect();
        if values.is_empty() {
            println!("| {} | not measured | | | |", line.name);
            continue;
        }
        values.sort_by(f64::total_cmp);
        let middle = median(&values);
        let (least, most) = (values[0], values[values.len() - 1]);
        let (budget, verdict) = match line.budget {
            Budget::AtMost(limit) if middle <= limit => (short(limit), "pass"),
            Budget::AtMost(limit) => {
                missed += 1;
                (short(limit), "OVER")
            }
            Budget::None => (String::new(), ""),
        };
        println!(
            "| {} | {} | {} … {} | {budget} | {verdict} |",
            line.name,
            short(middle),
            short(least),
            short(most)
        );
    }
    missed
}

fn short(value: f64) -> String {
    match value.abs() {
        v if v >= 100.0 || v == 0.0 || (v >= 10.0 && v.fract() == 0.0) => format!("{value:.0}"),
        v if v >= 1.0 => format!("{value:.1}"),
        _ => format!("{value:.3}"),
    }
}
