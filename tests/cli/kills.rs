//! The program killed while it writes, at random moments, and with a journal that takes no more: the next
//! look-up tells what the registry says, nothing was sent twice, and no intent is lost. The registry is the
//! simulated one, or a real one that is described in [`real`].

mod real;

use std::collections::BTreeMap;
use std::io::Write as _;
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use quarterdeck::sim::{MlflowOptions, SimFleet};
use serde_json::Value;

use crate::prod::{Prod, small};
use crate::support::Home;

/// How long a life may take before something is wrong.
const LIFE: Duration = Duration::from_secs(60);
/// For how long a look-up may have to wait for a request that is still on its way, and itself.
const LOOK_UP: Duration = Duration::from_secs(90);

/// What is done when the process is killed. Each case has an alias of its own, so that none meets another.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Verb {
    Promote,
    RollBack,
    Undo,
}

struct Case {
    home: Home,
    alias: String,
    verb: Verb,
    at: String,
}

/// How long a life takes: as a whole, and from the plan in the journal to the end.
#[derive(Clone, Copy, Debug)]
struct Pace {
    whole: Duration,
    writing: Duration,
}

/// A registry that the program writes to while it is killed.
trait Registry: Sync {
    /// A model with at least five versions.
    fn model(&self) -> &str;

    /// Settings of a context that writes to it, with claims on.
    fn settings(&self) -> String;

    /// Points an alias of the model at a version, past the program.
    fn point(&self, alias: &str, version: u32);

    /// Where every alias of the model points, by the registry's own word.
    fn holders(&self) -> BTreeMap<String, String>;

    /// What it was sent of moves and claims, by their alias.
    fn sent(&self) -> BTreeMap<String, Sent>;
}

/// The simulated one.
struct Simulated<'a> {
    fleet: &'a SimFleet,
    model: String,
}

impl<'a> Simulated<'a> {
    fn new(fleet: &'a SimFleet) -> Self {
        let model = fleet.endpoints()[1].model.clone().expect("a model");
        Self { fleet, model }
    }
}

impl Registry for Simulated<'_> {
    fn model(&self) -> &str {
        &self.model
    }

    fn settings(&self) -> String {
        Prod::of(self.fleet).set("claims = \"on\"").text()
    }

    fn point(&self, alias: &str, version: u32) {
        assert!(self.fleet.set_alias(&self.model, alias, version));
    }

    fn holders(&self) -> BTreeMap<String, String> {
        let call = format!("registered-models/get?name={}", self.model);
        holders(&crate::prod::ask(self.fleet, &call))
    }

    fn sent(&self) -> BTreeMap<String, Sent> {
        let seen = self.fleet.writes().seen();
        tally(seen.iter().map(|w| (w.method.as_str(), &*w.path, &w.body)))
    }
}

struct Kills<'a> {
    registry: &'a dyn Registry,
    settings: String,
    seed: u64,
}

impl<'a> Kills<'a> {
    fn new(registry: &'a dyn Registry, seed: u64) -> Self {
        Self {
            registry,
            settings: registry.settings(),
            seed,
        }
    }

    fn case(&self, index: usize) -> Case {
        let verb = [Verb::Promote, Verb::RollBack, Verb::Undo][index % 3];
        let home = Home::new();
        home.settings(&self.settings);
        let alias = format!("k{index}");
        if verb != Verb::Promote {
            self.registry.point(&alias, 3);
        }
        Case {
            home,
            at: format!("seed {}, case {index}, {verb:?}", self.seed),
            alias,
            verb,
        }
    }

    fn args<'b>(&'b self, case: &'b Case) -> Vec<&'b str> {
        let (model, alias) = (self.registry.model(), case.alias.as_str());
        match case.verb {
            Verb::Promote => vec!["promote", model, "--to", "5", "--alias", alias, "--yes"],
            Verb::RollBack => vec!["rollback", model, "--to", "2", "--alias", alias, "--yes"],
            Verb::Undo => vec!["undo", "--yes"],
        }
    }

    /// Brings a case to where it is to be killed.
    fn prepare(&self, case: &Case) {
        if case.verb == Verb::Undo {
            let there = [
                "promote",
                self.registry.model(),
                "--to",
                "5",
                "--alias",
                &case.alias,
                "--yes",
            ];
            let mut ran = case.home.run(&there);
            // A busy server may not answer in time before anything is sent: that is not what is tried here.
            for _ in 0..3 {
                if ran.code() == 0 || !ran.err().contains("did not answer") {
                    break;
                }
                ran = case.home.run(&there);
            }
            assert_eq!(ran.code(), 0, "{}: {}{}", case.at, ran.out(), ran.err());
        }
    }

    /// A life that nobody ends.
    fn pace(&self, index: usize) -> Pace {
        let case = self.case(index);
        self.prepare(&case);
        let began = Instant::now();
        let mut child = start(&case.home, &self.args(&case));
        let journalled = journalled(&case.home, 0, began + LIFE);
        let writing = Instant::now();
        let status = child.wait().expect("a child");
        assert!(journalled && status.success(), "{}: {status}", case.at);
        Pace {
            whole: began.elapsed(),
            writing: writing.elapsed(),
        }
    }

    /// Kills a case at a moment of its own.
    fn kill(&self, case: &Case, pace: Pace, rng: &mut fastrand::Rng) {
        self.prepare(case);
        let before = plans(&case.home);
        let mut child = start(&case.home, &self.args(case));
        let began = Instant::now();
        let share = rng.f64() * 1.05;
        if rng.u8(..10) < 3 {
            std::thread::sleep(pace.whole.mul_f64(share));
        } else {
            journalled(&case.home, before, began + LIFE);
            std::thread::sleep(pace.writing.mul_f64(share));
        }
        // One that has ended by itself was not killed, and must have told its end.
        let _ = child.kill();
        child.wait().expect("a child");
    }
}

fn start(home: &Home, args: &[&str]) -> Child {
    let mut command = home.command(args);
    let quiet = command.stdout(Stdio::null()).stderr(Stdio::null());
    quiet.spawn().expect("the program starts")
}

/// How many plans the journals of a home hold.
fn plans(home: &Home) -> usize {
    let dir = home.path().join("state/quarterdeck/journal");
    let Ok(listing) = std::fs::read_dir(dir) else {
        return 0;
    };
    let texts = listing
        .flatten()
        .map(|entry| std::fs::read_to_string(entry.path()));
    let texts: Vec<String> = texts.map(Result::unwrap_or_default).collect();
    texts
        .iter()
        .map(|text| text.matches("\"plan-begun\"").count())
        .sum()
}

/// Waits until one more plan is in the journal; whether it came.
fn journalled(home: &Home, before: usize, until: Instant) -> bool {
    while plans(home) <= before {
        if Instant::now() > until {
            return false;
        }
        std::thread::sleep(Duration::from_micros(500));
    }
    true
}

/// What the registry was sent about one alias: how often which version, or that it be taken away.
type Sent = BTreeMap<String, usize>;

/// Moves and claims by their alias, of writes as method, path and body.
fn tally<'w>(
    writes: impl Iterator<Item = (&'w str, &'w str, &'w Value)>,
) -> BTreeMap<String, Sent> {
    let mut all: BTreeMap<String, Sent> = BTreeMap::new();
    for (method, path, body) in writes {
        let text = |key: &str| body[key].as_str().unwrap_or_default().to_owned();
        let (alias, what) = if path.ends_with("registered-models/alias") {
            (text("alias"), format!("{method} {}", text("version")))
        } else if path.ends_with("runs/log-parameter") {
            let key = text("key");
            let claim = key.strip_suffix(".ended").unwrap_or(&key);
            let (alias, _) = claim.rsplit_once('.').expect("a claim");
            (alias.to_owned(), format!("claim {key}"))
        } else {
            continue;
        };
        *all.entry(alias).or_default().entry(what).or_default() += 1;
    }
    all
}

/// Where every alias of a model points, of the registry's answer about it.
fn holders(row: &Value) -> BTreeMap<String, String> {
    let aliases = row["registered_model"]["aliases"].as_array();
    let pairs = aliases.into_iter().flatten().map(|row| {
        let text = |key: &str| row[key].as_str().unwrap_or_default().to_owned();
        (text("alias"), text("version"))
    });
    pairs.collect()
}

/// Looks the ends up as the next start does, and holds them against the registry.
fn holds(case: &Case, holder: Option<&str>, sent: Option<&Sent>) {
    let at = &case.at;
    let began = Instant::now();
    let ran = case.home.run(&["journal", "--check", "--json"]);
    assert!(began.elapsed() < LOOK_UP, "{at}: {:?}", began.elapsed());
    assert_eq!(ran.code(), 0, "{at}: {}{}", ran.out(), ran.err());
    let document = ran.document();
    let writes = document["writes"].as_array().expect("a list");
    // The newest first.
    let verb = match case.verb {
        Verb::Promote => "promote",
        Verb::RollBack => "roll-back",
        Verb::Undo => "undo",
    };
    let found = writes.iter().find(|write| write["verb"] == verb);
    let before = match case.verb {
        Verb::Promote => None,
        Verb::RollBack => Some("3"),
        Verb::Undo => Some("5"),
    };
    let Some(write) = found else {
        assert_eq!(holder, before, "{at}: moved without a plan in the journal");
        let moved = sent.is_some_and(|sent| sent.keys().any(|what| what.ends_with(" 2")));
        assert!(!moved, "{at}: sent without a plan in the journal");
        return;
    };
    assert_eq!(write["open"], false, "{at}: {write}");
    let steps = write["steps"].as_array().expect("steps").iter();
    let mut moves =
        steps.filter(|step| matches!(step["act"].as_str(), Some("move-alias" | "delete-alias")));
    let step = moves.next().expect("a move");
    let request = step["request"].as_str().expect("a request");
    let mut versions = ["2", "3", "5"].into_iter();
    let wanted = versions.find(|to| request.contains(&format!("\"version\":\"{to}\"")));
    let so = holder == wanted;
    assert!(
        so || holder == before,
        "{at}: {holder:?} is neither {before:?} nor {wanted:?}"
    );
    let how = step["how"].as_str();
    match how {
        Some("done" | "already") => assert!(so, "{at}: {how:?} and {holder:?}: {write}"),
        None | Some("not-applied" | "skipped" | "refused" | "moved") => {
            assert!(!so, "{at}: {how:?} and {holder:?}: {write}");
        }
        other => panic!("{at}: {other:?}: {write}"),
    }
    assert!(
        !so || !step["sent_at"].is_null(),
        "{at}: no intent: {write}"
    );
    let outcome = write["outcome"].as_str();
    let expected: &[&str] = if so {
        &["done"]
    } else {
        &["not-applied", "partly-applied"]
    };
    assert!(
        outcome.is_some_and(|o| expected.contains(&o)),
        "{at}: {outcome:?}: {write}"
    );
    for (what, times) in sent.into_iter().flatten() {
        assert_eq!(*times, 1, "{at}: {what} was sent {times} times");
    }
    // Nothing more is found, and nothing is sent.
    let again = case.home.run(&["journal", "--check", "--json"]).document();
    assert_eq!(again["writes"], document["writes"], "{at}");
}

/// Kills so many cases, some at a time, until the time is up; how many there were.
fn kill_many(
    registry: &dyn Registry,
    seed: u64,
    most: usize,
    threads: usize,
    until: Instant,
) -> usize {
    let kills = Kills::new(registry, seed);
    let pace = kills.pace(1_000_001);
    let next = AtomicUsize::new(0);
    let killed = Mutex::new(Vec::new());
    let each = |work: &(dyn Fn() -> bool + Sync)| {
        std::thread::scope(|scope| {
            for _ in 0..threads {
                scope.spawn(|| while work() {});
            }
        });
    };
    each(&|| {
        let index = next.fetch_add(1, Ordering::SeqCst);
        if index >= most || Instant::now() > until {
            return false;
        }
        let case = kills.case(index);
        let mut rng = fastrand::Rng::with_seed(seed.wrapping_add(index as u64));
        kills.kill(&case, pace, &mut rng);
        killed.lock().expect("unpoisoned").push(case);
        true
    });
    let cases = killed.into_inner().expect("unpoisoned");
    let count = cases.len();
    let sent = registry.sent();
    let holders = registry.holders();
    let cases = Mutex::new(cases);
    // Each may have to wait for what is on its way: many at a time.
    std::thread::scope(|scope| {
        for _ in 0..threads * 4 {
            scope.spawn(|| {
                loop {
                    let Some(case) = cases.lock().expect("unpoisoned").pop() else {
                        return;
                    };
                    let holder = holders.get(&case.alias).map(String::as_str);
                    holds(&case, holder, sent.get(&case.alias));
                }
            });
        }
    });
    let total =
        |sent: BTreeMap<String, Sent>| sent.values().flat_map(BTreeMap::values).sum::<usize>();
    assert_eq!(
        total(registry.sent()),
        total(sent),
        "looking up has sent something"
    );
    count
}

/// Lives that take minutes come one after the other: the pace of one is that of nobody else.
static ALONE: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

fn seed() -> u64 {
    let given = std::env::var("QUARTERDECK_SEED").ok();
    given
        .and_then(|seed| seed.parse().ok())
        .unwrap_or_else(|| fastrand::u64(..1_000_000))
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_killed_is_told_the_truth_at_the_next_start() {
    let fleet = small(MlflowOptions::default()).await;
    let until = Instant::now() + Duration::from_secs(120);
    let count = kill_many(&Simulated::new(&fleet), seed(), 10, 2, until);
    assert!(count >= 4, "{count} in two minutes");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "live: takes minutes"]
async fn live_a_thousand_are_killed_and_each_is_told_the_truth() {
    let _alone = ALONE.lock().await;
    let fleet = small(MlflowOptions::default()).await;
    let (began, seed) = (Instant::now(), seed());
    let until = began + Duration::from_secs(280);
    let count = kill_many(&Simulated::new(&fleet), seed, 1_000, 4, until);
    say(&format!(
        "the simulated registry: killed {count} times in {} s, seed {seed}",
        began.elapsed().as_secs()
    ));
    assert!(count >= 200, "{count} of 1000 in time");
}

/// A line of what a live run came to.
fn say(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}

/// Runs the program with files of at most so many blocks. It hears of a file that would be larger as an
/// error, as it does of a full disk.
fn confined(home: &Home, args: &[&str], blocks: usize) -> Command {
    let program = home.command(args);
    let mut confined = Command::new("/bin/sh");
    confined
        .arg("-c")
        .arg(format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$@\""))
        .arg("sh")
        .arg(program.get_program())
        .args(args)
        .env_clear();
    for (name, value) in program.get_envs() {
        if let Some(value) = value {
            confined.env(name, value);
        }
    }
    confined.stdin(Stdio::null());
    confined
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn a_journal_that_cannot_grow_sends_nothing_that_it_does_not_hold() {
    let fleet = small(MlflowOptions::default()).await;
    let registry = Simulated::new(&fleet);
    let kills = Kills::new(&registry, 0);
    let mut codes = Vec::new();
    for blocks in 1..=80 {
        let case = kills.case(3 * blocks);
        assert_eq!(case.verb, Verb::Promote);
        let at = format!("{blocks} blocks");
        let ran = confined(&case.home, &kills.args(&case), blocks).output();
        let ran = ran.expect("the program starts");
        let said = String::from_utf8_lossy(&ran.stderr).into_owned();
        let code = ran.status.code().unwrap_or(-1);
        let sent = registry.sent();
        let holder = registry.holders().get(&case.alias).cloned();
        if code == 1 {
            assert!(said.contains("nothing was written"), "{at}: {said}");
            assert_eq!(
                (holder.as_deref(), sent.get(&case.alias)),
                (None, None),
                "{at}"
            );
        }
        // What it could not write down it says, unless all is there.
        let whole = code == 0 && !said.contains("journal --check");
        holds(&case, holder.as_deref(), sent.get(&case.alias));
        codes.push(code);
        if whole {
            break;
        }
    }
    assert_eq!(codes.first(), Some(&1), "{codes:?}");
    assert_eq!(codes.last(), Some(&0), "{codes:?}");
    assert!(codes.contains(&4) && codes.len() > 4, "{codes:?}");
}
