//! All that is left to be judged, in parts that several may judge at the same time: a model's view hangs
//! on facts and on its own past, never on another model's view. Who judges them, the caller says.

use super::Fleet;
use super::view::ModelView;
use crate::domain::key::ModelKey;
use crate::domain::time::Millis;

/// Models that wait for their views.
#[derive(Clone, Copy, Debug)]
pub struct Unjudged<'a> {
    fleet: &'a Fleet,
    /// The models, and when what they rest on may change by time alone.
    models: &'a [(ModelKey, Option<Millis>)],
    now: Millis,
}

/// Views that wait to be taken in, each in the box that it is kept in.
#[derive(Debug)]
#[expect(clippy::vec_box, reason = "a view is large, and is not moved again")]
pub struct Judged(Vec<Box<ModelView>>);

impl Unjudged<'_> {
    /// How many models these are.
    pub fn len(&self) -> usize {
        self.models.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.models.is_empty()
    }

    /// Two halves.
    pub fn halves(self) -> [Self; 2] {
        let (one, other) = self.models.split_at(self.models.len() / 2);
        [one, other].map(|models| Self { models, ..self })
    }

    /// Judges them.
    pub fn judge(self) -> Judged {
        let view = |(key, until): &(ModelKey, Option<Millis>)| {
            let held = self.fleet.models.get(key)?;
            Some(Box::new(self.fleet.model_view(held, *until, self.now)))
        };
        let mut views = Vec::with_capacity(self.models.len());
        views.extend(self.models.iter().filter_map(view));
        Judged(views)
    }
}

impl Fleet {
    /// Judges all that is left, and from now on every call judges all. The models' views are made by
    /// `judge`, in as many parts as it likes.
    pub fn judge_all_by(&mut self, now: Millis, judge: impl FnOnce(Unjudged<'_>) -> Vec<Judged>) {
        self.slice = None;
        self.judge_joined(now);
        let mut models = Vec::with_capacity(self.dirty.models.len());
        for key in std::mem::take(&mut self.dirty.models) {
            let until = self.judge_beneath(&key, now);
            if self.models.contains_key(&key) {
                models.push((key, until));
            } else {
                self.revision += u64::from(self.drop_view(&key));
            }
        }
        let settles = self.settles();
        let judged = judge(Unjudged {
            fleet: self,
            models: &models,
            now,
        });
        for view in judged.into_iter().flat_map(|part| part.0) {
            self.take_view(view, settles, now);
        }
        // A level that has changed is told in its model's timeline, which the view shows.
        self.refresh(now);
    }
}
