//! What the machine says: its load, a process's memory and processor time, and samples of durations.

use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};

/// The load averages, as the system prints them.
pub(crate) fn load_average() -> String {
    let text = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').take(3).collect::<Vec<_>>().join(" ")
}

/// Resident memory of a process in MB; zero where the system does not tell.
pub(crate) fn resident(process: &str) -> f64 {
    let text = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let line = text.lines().find_map(|l| l.strip_prefix("VmRSS:"));
    let kib = line.and_then(|l| l.trim().trim_end_matches(" kB").trim().parse::<f64>().ok());
    kib.unwrap_or(0.0) / 1024.0
}

/// Processor time of a process so far, in seconds.
pub(crate) fn processor_time(process: &str) -> f64 {
    let text = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    let after = text.rsplit_once(") ").map_or("", |(_, rest)| rest);
    let fields: Vec<&str> = after.split(' ').collect();
    let ticks = |n: usize| {
        fields
            .get(n)
            .and_then(|f| f.parse::<f64>().ok())
            .unwrap_or(0.0)
    };
    // The kernel's unit in this file is a hundredth of a second on every Linux in use.
    (ticks(11) + ticks(12)) / 100.0
}

/// The processor time that something takes in this thread: what other tasks of the machine do meanwhile
/// does not count.
pub(crate) fn timed<T>(act: impl FnOnce() -> T) -> (Duration, T) {
    let began = thread_time();
    let outcome = act();
    (thread_time().saturating_sub(began), outcome)
}

/// The time that passes while something is done, waiting included.
pub(crate) fn waited<T>(act: impl FnOnce() -> T) -> (Duration, T) {
    let began = Instant::now();
    let outcome = act();
    (began.elapsed(), outcome)
}

/// Processor time of this thread so far.
fn thread_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

/// Durations, for their median and their worst.
#[derive(Clone, Debug, Default)]
pub(crate) struct Samples(Vec<Duration>);

impl Samples {
    pub(crate) fn add(&mut self, sample: Duration) {
        self.0.push(sample);
    }

    /// In milliseconds: 0.5 is the median, 1.0 the largest.
    pub(crate) fn quantile(&self, at: f64) -> f64 {
        let mut sorted = self.0.clone();
        sorted.sort_unstable();
        let last = sorted.len().saturating_sub(1);
        let index = (last as f64 * at).ceil() as usize;
        sorted
            .get(index.min(last))
            .map_or(0.0, |d| d.as_secs_f64() * 1e3)
    }
}

/// The median of a few numbers.
pub(crate) fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or(0.0)
}
