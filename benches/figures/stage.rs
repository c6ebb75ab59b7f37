//! The console without a terminal: the root state under the load, its details answered at once, its
//! frames drawn into memory as the screen would draw them.

use std::sync::Arc;
use std::time::Duration;

use quarterdeck::app::{App, judge_more, settle, take_in, update, view};
use quarterdeck::domain::fleet::SLICE;
use quarterdeck::domain::model::Name;
use quarterdeck::domain::query::{Detail, Query};
use quarterdeck::domain::run::{MetricHistory, Point};
use quarterdeck::domain::time::{Millis, Now};
use quarterdeck::intent::chord::Chord;
use quarterdeck::intent::keymap::Keymap;
use quarterdeck::intent::msg::{Compute, Computed, Effect, Msg};
use quarterdeck::panes::Place;
use quarterdeck::panes::experiments::rows;
use quarterdeck::terminal::frame::FrameBackend;
use quarterdeck::ui::look::Look;
use quarterdeck::ui::symbols::Symbols;
use quarterdeck::ui::theme::{Depth, Theme};
use ratatui::Terminal;
use ratatui::layout::{Rect, Size};

use crate::load::{EPOCH, Load, Part};
use crate::machine::{Samples, timed};

pub(crate) const SCREEN: (u16, u16) = (200, 60);

/// The root state, a screen of 200×60, and a clock that only moves when told.
pub(crate) struct Stage {
    pub(crate) load: Load,
    pub(crate) app: App,
    look: Look,
    terminal: Terminal<FrameBackend>,
    spare: Option<Vec<u8>>,
    now: Now,
    runs: usize,
    /// What all updates took together.
    pub(crate) busy: Duration,
}

impl Stage {
    /// A console that has been told nothing yet.
    pub(crate) fn empty(load: Load) -> Self {
        let now = Now {
            wall: EPOCH,
            mono: Duration::from_secs(10),
        };
        let keymap = Keymap::new(&load.settings.keys).expect("the default keys");
        let app = App::new(Arc::clone(&load.settings), keymap, SCREEN, now);
        let theme = Theme::built_in("dark").expect("a built-in theme");
        let area = Rect::new(0, 0, SCREEN.0, SCREEN.1);
        let look = Look::new(theme, &Symbols::UNICODE, Depth::True, area, now);
        let backend = FrameBackend::new(Size::new(SCREEN.0, SCREEN.1));
        let terminal = Terminal::new(backend).expect("memory");
        Self {
            load,
            app,
            look,
            terminal,
            spare: None,
            now,
            runs: 0,
            busy: Duration::ZERO,
        }
    }

    /// A console that holds everything, with its first frame drawn.
    pub(crate) fn full() -> Self {
        let mut stage = Self::empty(Load::new());
        stage.begin();
        stage.hear(Load::everything());
        stage.draw();
        stage
    }

    /// The loop begins, which has models judged in slices.
    pub(crate) fn begin(&mut self) {
        self.app.judge_in_slices_of(SLICE);
    }

    /// Takes parts of the load in; the times of their messages.
    pub(crate) fn hear(&mut self, parts: Vec<Part>) -> Vec<Duration> {
        let mut times = Vec::new();
        for part in parts {
            for message in self.load.part(part, self.now.wall) {
                times.push(self.tell(message));
            }
        }
        times
    }

    pub(crate) fn now(&self) -> Now {
        self.now
    }

    pub(crate) fn pass(&mut self, time: Duration) {
        self.now.wall = self.now.wall.plus(time);
        self.now.mono += time;
        self.look.now = self.now;
    }

    /// One message and the slices that it leaves to be judged, as the loop takes them: the longest of
    /// these updates. What they ask for is answered at once and not timed.
    pub(crate) fn tell(&mut self, message: Msg) -> Duration {
        let facts = matches!(message, Msg::Observed(_) | Msg::Polled(_) | Msg::Tick);
        let act = if facts { take_in } else { update };
        let (took, effects) = timed(|| act(&mut self.app, message, self.now));
        self.answer(effects);
        self.busy += took;
        let mut worst = took;
        while self.app.fleet().has_more_to_judge() {
            let (took, effects) = timed(|| judge_more(&mut self.app, self.now));
            self.answer(effects);
            self.busy += took;
            worst = worst.max(took);
        }
        worst
    }

    fn answer(&mut self, effects: Vec<Effect>) {
        let mut waiting = effects;
        let mut rounds = 0;
        while let Some(effect) = waiting.pop() {
            rounds += 1;
            if rounds > 200 {
                return;
            }
            let message = match effect {
                Effect::Compute(work) => {
                    let Compute::RunRows { runs, spec } = *work;
                    let found = rows::compute(&runs, &spec);
                    let generation = runs.generation();
                    Msg::Computed(Computed::RunRows {
                        spec,
                        generation,
                        rows: found,
                    })
                }
                Effect::Fetch { source, query } => {
                    let Some(detail) = self.detail(&query) else {
                        continue;
                    };
                    Msg::Fetched {
                        context: Arc::clone(self.app.context()),
                        source,
                        query,
                        asked_at: self.now.wall,
                        result: Ok(detail),
                    }
                }
                _ => continue,
            };
            waiting.extend(update(&mut self.app, message, self.now));
        }
    }

    fn detail(&mut self, query: &Query) -> Option<Detail> {
        Some(match query {
            Query::Run(key) => Detail::Run(Box::new(self.app.fleet().runs().unpack(key)?)),
            Query::Runs { .. } => {
                self.runs += 1;
                Detail::Runs {
                    runs: Vec::new(),
                    next: None,
                }
            }
            Query::History { runs, metric, .. } => Detail::History(
                runs.iter()
                    .map(|run| MetricHistory {
                        run: run.clone(),
                        metric: Name::new(metric.raw()),
                        points: (0..1_000).map(|n| point(n, metric.raw().len())).collect(),
                        sampled: true,
                    })
                    .collect(),
            ),
            Query::RunArtifacts { .. } | Query::LoggedModelArtifacts { .. } => {
                Detail::Artifacts(Vec::new())
            }
            Query::Claims(_)
            | Query::Texts(_)
            | Query::Versions(_)
            | Query::Package(_)
            | Query::LoggedModel(_)
            | Query::Series { .. }
            | Query::Expression { .. }
            | Query::AlertStrip { .. }
            | Query::AlertsAt(_)
            | Query::DriftReport { .. }
            | Query::SignalChecks
            | Query::Links { .. }
            | Query::Pipeline(_)
            | Query::PipelineRun(_)
            | Query::PipelineRuns { .. }
            | Query::Tasks(_)
            | Query::TaskLog { .. }
            | Query::Produced(_) => return None,
        })
    }

    /// Presses a key given as in the key table.
    pub(crate) fn press(&mut self, key: &str) -> Duration {
        self.tell(Msg::Key(Chord::parse(key).expect("a key")))
    }

    /// Goes to a place, as its number key would.
    pub(crate) fn open(&mut self, place: Place) {
        self.app.open(place);
        self.tell(Msg::Tick);
        self.draw();
        self.tell(Msg::Tick);
        self.draw();
    }

    /// Builds the frame, encodes what changed, and gives both times and the bytes.
    pub(crate) fn draw(&mut self) -> Frame {
        let (index, effects) = timed(|| settle(&mut self.app, self.now));
        self.answer(effects);
        let (app, look) = (&mut self.app, &self.look);
        let mut build = Duration::ZERO;
        let (all, ()) = timed(|| {
            self.terminal
                .draw(|frame| {
                    let (took, drawn) = timed(|| view(app, look, frame.buffer_mut()));
                    build = took;
                    app.drawn(drawn.hits);
                })
                .expect("memory");
        });
        let frame = self.terminal.backend_mut().take(self.spare.take());
        let bytes = frame.map_or(0, |f| f.as_bytes().len());
        Frame {
            build,
            all: all + index,
            index,
            bytes,
        }
    }
}

/// What one frame cost.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Frame {
    pub(crate) build: Duration,
    /// The open place's own work before it: following what was taken in.
    pub(crate) index: Duration,
    /// All of it, with the comparison of all cells and the encoding of those that changed.
    pub(crate) all: Duration,
    pub(crate) bytes: usize,
}

fn point(step: i64, seed: usize) -> Point {
    let wave = (step as f64 / (37.0 + seed as f64)).sin() * 0.1;
    Point {
        step,
        at: Millis(EPOCH.0 + step * 1_000),
        value: 1.0 / (1.0 + step as f64 / 90.0) + wave,
    }
}

/// The median of several builds of an unchanged state.
pub(crate) fn frames(stage: &mut Stage, count: usize) -> (Samples, Samples) {
    let (mut build, mut all) = (Samples::default(), Samples::default());
    for _ in 0..count {
        let frame = stage.draw();
        build.add(frame.build);
        all.add(frame.all);
    }
    (build, all)
}
