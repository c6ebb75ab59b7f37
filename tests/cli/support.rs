//! A home of its own for each test, the program run in it, and a simulated fleet in this process.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use quarterdeck::sim::{Clock, ManualClock, MlflowOptions, Options, Scenario, SimFleet};
use serde_json::Value;

/// A home directory with nothing in it; it goes with the value.
pub(crate) struct Home {
    dir: tempfile::TempDir,
    variables: Vec<(String, String)>,
}

impl Home {
    pub(crate) fn new() -> Self {
        Self {
            dir: tempfile::tempdir().expect("a temporary directory"),
            variables: Vec::new(),
        }
    }

    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self.variables.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn path(&self) -> &Path {
        self.dir.path()
    }

    /// Writes the settings file at its usual place.
    pub(crate) fn settings(&self, text: &str) -> PathBuf {
        let dir = self.path().join("config/quarterdeck");
        std::fs::create_dir_all(&dir).expect("a directory");
        let path = dir.join("config.toml");
        std::fs::write(&path, text).expect("a file");
        path
    }

    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_quarterdeck"));
        command
            .args(args)
            .env_clear()
            .env("HOME", self.path())
            .env("XDG_CONFIG_HOME", self.path().join("config"))
            .env("XDG_STATE_HOME", self.path().join("state"))
            .env("LANG", "C.UTF-8")
            .stdin(Stdio::null());
        for (name, value) in &self.variables {
            command.env(name, value);
        }
        command
    }

    /// Runs the program to its end.
    pub(crate) fn run(&self, args: &[&str]) -> Ran {
        let output = self.command(args).output().expect("the program starts");
        Ran(output)
    }

    /// Runs the program for its document; it must end with `code`.
    pub(crate) fn json(&self, args: &[&str], code: i32) -> Value {
        let ran = self.run(&[args, &["--json"]].concat());
        assert_eq!(ran.code(), code, "{args:?}: {}", ran.err());
        ran.document()
    }

    /// Everything under this home, as text.
    pub(crate) fn files(&self) -> Vec<(PathBuf, String)> {
        fn walk(dir: &Path, out: &mut Vec<(PathBuf, String)>) {
            for entry in std::fs::read_dir(dir).expect("a directory").flatten() {
                let path = entry.path();
                if path.is_dir() {
                    walk(&path, out);
                } else {
                    let bytes = std::fs::read(&path).unwrap_or_default();
                    out.push((path, String::from_utf8_lossy(&bytes).into_owned()));
                }
            }
        }
        let mut out = Vec::new();
        walk(self.path(), &mut out);
        out
    }
}

/// A run that has ended.
pub(crate) struct Ran(pub(crate) Output);

impl Ran {
    pub(crate) fn code(&self) -> i32 {
        self.0.status.code().unwrap_or(-1)
    }

    pub(crate) fn out(&self) -> String {
        String::from_utf8(self.0.stdout.clone()).expect("UTF-8 on standard output")
    }

    pub(crate) fn err(&self) -> String {
        String::from_utf8(self.0.stderr.clone()).expect("UTF-8 on standard error")
    }

    pub(crate) fn document(&self) -> Value {
        serde_json::from_str(&self.out()).expect("one JSON document on standard output")
    }
}

/// A running child that does not outlive the test.
pub(crate) struct Running(pub(crate) Child);

impl Running {
    /// Asks it to end, and gives its exit code.
    pub(crate) fn stop(mut self) -> Option<i32> {
        let pid = rustix::process::Pid::from_child(&self.0);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).expect("a signal");
        let until = Instant::now() + Duration::from_secs(5);
        while Instant::now() < until {
            if let Some(status) = self.0.try_wait().expect("a child") {
                return status.code();
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        None
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A calm fleet at a fixed time.
pub(crate) async fn fleet() -> SimFleet {
    fleet_with(MlflowOptions::default()).await
}

/// A calm fleet whose clock stands at a time.
pub(crate) async fn fleet_from(time: SystemTime) -> SimFleet {
    start(time, MlflowOptions::default()).await
}

pub(crate) async fn fleet_with(mlflow: MlflowOptions) -> SimFleet {
    start(SystemTime::now(), mlflow).await
}

/// A monitored fleet in the midst of its incidents, and the clock that plays them.
pub(crate) async fn monitored() -> (SimFleet, ManualClock) {
    let clock = ManualClock::default();
    let options = Options {
        clock: Clock::Manual(clock.clone()),
        monitoring: true,
        ..Options::default()
    };
    let fleet = SimFleet::start(options).await;
    (fleet.expect("ports on loopback"), clock)
}

async fn start(time: SystemTime, mlflow: MlflowOptions) -> SimFleet {
    let since = time.duration_since(UNIX_EPOCH).expect("a clock after 1970");
    let options = Options {
        clock: Clock::Manual(ManualClock::starting_at(since.as_millis() as i64)),
        scenario: Scenario::Calm,
        mlflow,
        ..Options::default()
    };
    SimFleet::start(options).await.expect("ports on loopback")
}

/// The flags that name the fleet's registry and some of its endpoints, each by its model.
pub(crate) fn flags(fleet: &SimFleet, endpoints: &[&str]) -> Vec<String> {
    let mut flags = vec!["--mlflow".to_owned(), url(fleet, "mlflow")];
    for name in endpoints {
        let server = fleet
            .endpoints()
            .iter()
            .find(|e| e.name == *name)
            .expect("an endpoint of the fleet");
        let model = server.model.as_deref().unwrap_or_default();
        flags.push("--serving".to_owned());
        flags.push(format!("{model}={}+{}", server.kind, server.url));
    }
    flags
}

pub(crate) fn url(fleet: &SimFleet, name: &str) -> String {
    fleet.url(name).expect("a server of the fleet").to_owned()
}

/// Arguments, then flags.
pub(crate) fn with<'a>(args: &[&'a str], flags: &'a [String]) -> Vec<&'a str> {
    let flags = flags.iter().map(String::as_str);
    args.iter().copied().chain(flags).collect()
}
