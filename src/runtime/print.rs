//! Hashes of rows: two of one key with one hash say the same. What is compared with what is the
//! caller's business.

use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};
use std::io;

use crate::domain::alert::Alert;
use crate::domain::annotation::Annotation;
use crate::domain::deployment::EndpointReading;
use crate::domain::model::{ModelVersion, RegisteredModel};
use crate::domain::observation::ServedSpan;
use crate::domain::pipeline::{Orchestrator, Pipeline, PipelineRun};
use crate::domain::run::{Experiment, Run};
use crate::domain::signal::{SignalReading, SignalSeries};

/// The hash of everything that a row says.
pub(super) trait Print {
    /// That hash.
    fn print(&self) -> u64;
}

/// Rows that JSON can hold whole.
macro_rules! printed_as_json {
    ($($row:ty),*) => {
        $(impl Print for $row {
            fn print(&self) -> u64 {
                print(self)
            }
        })*
    };
}

printed_as_json!(
    RegisteredModel,
    ModelVersion,
    Experiment,
    EndpointReading,
    Alert,
    Pipeline,
    PipelineRun,
    Orchestrator
);

/// Signals come by the thousand every few seconds: their numbers are hashed as they are.
impl Print for SignalReading {
    fn print(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        let Self {
            key: _,
            value,
            at,
            written_at,
            unit,
            direction,
            lines_from,
            lines,
            n,
            reference_n,
            window,
            tested,
        } = self;
        std::mem::discriminant(value).hash(&mut hasher);
        let bits = |value: Option<f64>| value.map(f64::to_bits);
        let lines = lines.as_deref().copied().unwrap_or_default();
        [value.value(), lines.warn, lines.crit]
            .map(bits)
            .hash(&mut hasher);
        (at, written_at, unit, direction, lines_from).hash(&mut hasher);
        (n, reference_n, window).hash(&mut hasher);
        let tested = tested.as_ref().map(|t| (t.passed, t.reason.as_str()));
        tested.hash(&mut hasher);
        hasher.finish()
    }
}

impl Print for SignalSeries {
    fn print(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        (self.start, self.step, &self.times).hash(&mut hasher);
        let earlier = self.earlier.as_deref();
        earlier.map(|e| (e.start, e.step)).hash(&mut hasher);
        let before = earlier.map_or(&[][..], |e| &e.values);
        for value in self.values.iter().chain(before) {
            value.to_bits().hash(&mut hasher);
        }
        hasher.finish()
    }
}

impl Print for Annotation {
    fn print(&self) -> u64 {
        hash(self)
    }
}

impl Print for ServedSpan {
    fn print(&self) -> u64 {
        hash(self)
    }
}

fn print(row: &impl serde::Serialize) -> u64 {
    let mut hasher = Writer(DefaultHasher::new());
    // Writing into a hasher cannot fail, and every row is a plain record that JSON can hold.
    let _ = serde_json::to_writer(&mut hasher, row);
    hasher.0.finish()
}

/// As [`print()`]; JSON has one word for every number that is none, and a metric may turn from one
/// such into another.
pub(super) fn print_run(run: &Run) -> u64 {
    let mut hasher = DefaultHasher::new();
    print(run).hash(&mut hasher);
    for metric in run.metrics.iter() {
        metric.value.to_bits().hash(&mut hasher);
    }
    hasher.finish()
}

struct Writer(DefaultHasher);

impl io::Write for Writer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The hash of a plain value.
pub(super) fn hash(value: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}
