//! The tail of one log as it is read on: each look asks for what came after the last one. What there is no
//! room for is counted, never lost without a word.

use std::time::Duration;

use crate::domain::key::Key;
use crate::domain::pipeline::{LogChunk, LogKey, LogLine};
use crate::domain::query::Query;
use crate::domain::text::Clean;
use crate::intent::filter::{Filter, Searchable};

/// The most lines that are kept.
const MOST: usize = 20_000;
/// How long after an answer the next look may ask from behind it: the page's pace, and no faster.
pub(super) const AGAIN: Duration = Duration::from_secs(2);

/// One log.
#[derive(Clone, Debug)]
pub(super) struct Tail {
    pub(super) key: LogKey,
    /// Lines before the place that was asked from last.
    before: Vec<LogLine>,
    /// Lines since that place: the same question is answered with them, and what came since.
    after: Vec<LogLine>,
    /// The place that was asked from last, the one to go on from, and when that came.
    from: Option<Key>,
    next: Option<Key>,
    answered: Option<Duration>,
    /// Lines let go, here or where they were read: before that place, and since it.
    let_go: u64,
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
            next: None,
            answered: None,
            let_go: 0,
            let_go_after: 0,
            done: false,
            read: false,
            fault: None,
        }
    }

    /// The question for what comes next, and how old its answer may get: where the log goes on from another
    /// place, that is asked once its time has come, and nothing before.
    pub(super) fn query(&self, now: Duration) -> (Query, Option<Duration>) {
        let due = self
            .answered
            .is_none_or(|at| now.saturating_sub(at) >= AGAIN);
        let on = self.next.is_some() && self.next != self.from;
        match (on, due) {
            (true, true) => (self.at(self.next.as_ref()), None),
            (true, false) => (self.at(self.from.as_ref()), None),
            (false, _) => (self.at(self.from.as_ref()), Some(AGAIN)),
        }
    }

    fn at(&self, place: Option<&Key>) -> Query {
        Query::TaskLog {
            log: self.key.clone(),
            from: place.cloned(),
        }
    }

    /// Whether a question is one that it asks.
    pub(super) fn asks(&self, query: &Query) -> bool {
        *query == self.at(self.from.as_ref()) || *query == self.at(self.next.as_ref())
    }

    /// Takes the answer to one of its questions in.
    pub(super) fn take(&mut self, query: &Query, chunk: &LogChunk, now: Duration) {
        self.read = true;
        self.fault = None;
        self.done = chunk.done;
        self.answered = Some(now);
        if chunk.whole {
            self.before.clear();
        } else if *query != self.at(self.from.as_ref()) {
            self.before.append(&mut self.after);
            self.let_go += std::mem::take(&mut self.let_go_after);
            self.from = self.next.take();
        }
        self.after.clone_from(&chunk.lines);
        self.let_go_after = chunk.dropped;
        self.next.clone_from(&chunk.next);
        let surplus = self.len().saturating_sub(MOST).min(self.before.len());
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

    const SECOND: Duration = Duration::from_secs(1);

    /// Asks as the page does, and takes the answer.
    fn look(tail: &mut Tail, at: u32, chunk: &LogChunk) -> Query {
        let now = SECOND * at;
        let (query, _) = tail.query(now);
        assert!(tail.asks(&query));
        tail.take(&query, chunk, now);
        query
    }

    #[test]
    fn each_look_asks_from_behind_the_last_one_and_no_line_shows_twice() {
        let mut tail = tail();
        let first = look(&mut tail, 0, &chunk(0..3, "a", 0));
        assert_eq!(
            tail.query(SECOND),
            (first.clone(), None),
            "nothing before its time"
        );
        let second = look(&mut tail, 2, &chunk(3..5, "b", 0));
        assert_ne!(second, first);
        // Asked anew from the same place, it tells the same and what came since.
        tail.take(&second, &chunk(3..6, "c", 0), SECOND * 3);
        assert_eq!(texts(&tail).len(), 6);
        let third = look(&mut tail, 5, &chunk(6..6, "c", 0));
        assert_eq!(
            tail.query(SECOND * 6),
            (third, Some(AGAIN)),
            "a server that has no more names the same place"
        );
        look(&mut tail, 7, &chunk(6..8, "d", 0));
        let lines = texts(&tail);
        assert_eq!(lines.len(), 8);
        assert_eq!(lines[7], "line 7");
        let whole = LogChunk {
            whole: true,
            ..chunk(0..9, "", 0)
        };
        look(&mut tail, 9, &whole);
        assert_eq!(texts(&tail).len(), 9);
    }

    #[test]
    fn what_there_is_no_room_for_is_counted() {
        let mut tail = tail();
        look(&mut tail, 0, &chunk(0..MOST, "a", 7));
        look(&mut tail, 2, &chunk(MOST..MOST + 200, "b", 2));
        assert_eq!((tail.len(), tail.dropped()), (MOST, 209));
        assert_eq!(texts(&tail)[0], "line 200");
        let again = look(&mut tail, 4, &chunk(0..1, "c", 3));
        assert_eq!(tail.dropped(), 213);
        tail.take(&again, &chunk(0..1, "c", 3), SECOND * 5);
        assert_eq!(tail.dropped(), 213, "the same lines again");
    }

    #[test]
    fn a_search_keeps_the_lines_that_it_names() {
        let mut tail = tail();
        look(&mut tail, 0, &chunk(0..30, "a", 0));
        let filter = Filter::parse("line !2").expect("a filter");
        assert!(tail.lines(&filter).all(|l| !l.text.as_str().contains('2')));
        let filter = Filter::parse("level:error").expect("a filter");
        assert_eq!(tail.lines(&filter).count(), 0);
    }
}
