//! The tail of one log as it is read on: lines that are read for good, and those since the place that
//! is asked from again and again. What there is no room for is counted, never lost without a word.

use crate::domain::key::Key;
use crate::domain::pipeline::{LogChunk, LogKey, LogLine};
use crate::domain::query::Query;
use crate::domain::text::Clean;
use crate::intent::filter::{Filter, Searchable};

/// The most lines that are kept.
const MOST: usize = 20_000;
/// From so many lines on the next look asks from behind them: fewer are read again, so that a log
/// that trickles is asked for at the page's pace and no faster.
const STEP: usize = 200;

/// One log.
#[derive(Clone, Debug)]
pub(super) struct Tail {
    pub(super) key: LogKey,
    before: Vec<LogLine>,
    after: Vec<LogLine>,
    from: Option<Key>,
    /// Lines let go, here or where they were read.
    let_go: u64,
    /// Of those that the place is asked for again.
    let_go_after: u64,
    pub(super) done: bool,
    pub(super) read: bool,
    pub(super) fault: Option<Clean>,
}

impl Tail {
    pub(super) fn new(key: LogKey) -> Self {
        Self {
            key,
            before: Vec::new(),
            after: Vec::new(),
            from: None,
            let_go: 0,
            let_go_after: 0,
            done: false,
            read: false,
            fault: None,
        }
    }

    /// The question for what comes next.
    pub(super) fn query(&self) -> Query {
        Query::TaskLog {
            log: self.key.clone(),
            from: self.from.clone(),
        }
    }

    /// Takes the answer to [`Tail::query`] in.
    pub(super) fn take(&mut self, chunk: &LogChunk) {
        self.read = true;
        self.fault = None;
        self.done = chunk.done;
        if chunk.whole {
            self.before.clear();
        }
        self.after.clone_from(&chunk.lines);
        self.let_go_after = chunk.dropped;
        if self.after.len() >= STEP && chunk.next.is_some() && chunk.next != self.from {
            self.before.append(&mut self.after);
            self.let_go += std::mem::take(&mut self.let_go_after);
            self.from.clone_from(&chunk.next);
        }
        let surplus = self.before.len().saturating_sub(MOST);
        self.before.drain(..surplus);
        self.let_go += surplus as u64;
    }

    /// How many lines came and are no longer here.
    pub(super) fn dropped(&self) -> u64 {
        self.let_go + self.let_go_after
    }

    pub(super) fn len(&self) -> usize {
        self.before.len() + self.after.len()
    }

    /// The lines that a filter keeps, oldest first.
    pub(super) fn lines<'a>(&'a self, filter: &'a Filter) -> impl Iterator<Item = &'a LogLine> {
        let all = self.before.iter().chain(&self.after);
        all.filter(move |line| filter.is_empty() || filter.keeps(*line))
    }
}

impl Searchable for LogLine {
    fn any_text(&self, each: &mut dyn FnMut(&str) -> bool) -> bool {
        each(self.text.as_str())
    }

    fn text_of(&self, column: &str) -> Option<String> {
        match column {
            "level" => Some(self.level.to_string()),
            "text" => Some(self.text.to_string()),
            _ => None,
        }
    }

    fn number_of(&self, _column: &str) -> Option<f64> {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::pipeline::{PipelineKey, PipelineRunKey};

    fn tail() -> Tail {
        let pipeline = PipelineKey {
            base: Key::new("http://af.test"),
            id: Key::new("p"),
        };
        Tail::new(LogKey {
            run: PipelineRunKey {
                pipeline,
                id: Key::new("r"),
            },
            task: Key::new("t"),
            map_index: None,
            attempt: 1,
        })
    }

    fn chunk(lines: std::ops::Range<usize>, next: &str, dropped: u64) -> LogChunk {
        let line = |n: usize| LogLine {
            at: None,
            level: Clean::name("info"),
            text: Clean::name(&format!("line {n}")),
        };
        LogChunk {
            lines: lines.map(line).collect(),
            dropped,
            next: Some(Key::new(next)),
            done: false,
            whole: false,
        }
    }

    fn texts(tail: &Tail) -> Vec<String> {
        let all = Filter::default();
        tail.lines(&all).map(|l| l.text.to_string()).collect()
    }

    #[test]
    fn a_trickle_is_asked_from_one_place_and_no_line_shows_twice() {
        let mut tail = tail();
        let first = tail.query();
        tail.take(&chunk(0..3, "a", 0));
        assert_eq!(tail.query(), first);
        tail.take(&chunk(0..5, "b", 0));
        assert_eq!(texts(&tail).len(), 5);
        tail.take(&chunk(0..STEP, "c", 0));
        assert_ne!(tail.query(), first);
        tail.take(&chunk(STEP..STEP + 2, "d", 0));
        let lines = texts(&tail);
        assert_eq!(lines.len(), STEP + 2);
        assert_eq!(lines[STEP + 1], format!("line {}", STEP + 1));
    }

    #[test]
    fn what_there_is_no_room_for_is_counted() {
        let mut tail = tail();
        tail.take(&chunk(0..MOST, "a", 7));
        tail.take(&chunk(MOST..MOST + STEP, "b", 2));
        assert_eq!((tail.len(), tail.dropped()), (MOST, STEP as u64 + 9));
        assert_eq!(texts(&tail)[0], format!("line {STEP}"));
        tail.take(&chunk(0..1, "c", 3));
        assert_eq!(tail.dropped(), STEP as u64 + 12);
        tail.take(&chunk(0..1, "c", 3));
        assert_eq!(tail.dropped(), STEP as u64 + 12, "the same lines again");
    }

    #[test]
    fn a_search_keeps_the_lines_that_it_names() {
        let mut tail = tail();
        tail.take(&chunk(0..30, "a", 0));
        let filter = Filter::parse("line !2").expect("a filter");
        assert!(tail.lines(&filter).all(|l| !l.text.as_str().contains('2')));
        let filter = Filter::parse("level:error").expect("a filter");
        assert_eq!(tail.lines(&filter).count(), 0);
    }
}
