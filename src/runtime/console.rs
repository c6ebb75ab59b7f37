//! The interactive program from its start to its end: the first frame before any network answer, the
//! terminal's answers after it, and an orderly way out.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use ratatui::layout::Size;
use tokio::sync::mpsc;

use super::clock::Clock;
use super::due::{Due, Saving};
use super::effects::{Hands, notice};
use super::first::{self, Ahead, Opened};
use super::limits::Limits;
use super::looks;
use super::screen::Screen;
use super::signals::{self, Alarm};
use super::sources::{Common, Sources};
use super::store_task::{Keeper, first_look};
use super::turn::{End, Turns};
use super::writes::who;
use super::writing::Writing;
use crate::app::{App, Effects, begins_in, take_in};
use crate::domain::settings::Settings;
use crate::domain::time::Now;
use crate::intent::keymap::Keymap;
use crate::intent::msg::{Compute, Computed, Msg};
use crate::panes::Place;
use crate::store::{Remark, RemarkKind, Store};
use crate::terminal::caps::{self, Caps, Environment, Refusal};
use crate::terminal::events::Events;
use crate::terminal::input::Decoder;
use crate::terminal::session::{Modes, Session};
use crate::terminal::watch::Watch;
use crate::terminal::writer::{Report, Writer};
use crate::terminal::{panic, query};
use crate::ui::look::Look;

/// Messages that wait for the loop.
const WAITING: usize = 256;
/// How long actors may take to end after the screen was given back.
const END_LIMIT: Duration = Duration::from_millis(500);
/// How long the state file may take: of thousands of models megabytes are written, and the next start is
/// slower after an end that came before that.
const KEEP_LIMIT: Duration = Duration::from_secs(2);
/// What the console needs to know to start.
#[derive(Clone, Debug)]
pub struct Options {
    /// Everything the user has set.
    pub settings: Arc<Settings>,
    /// The state file; nothing outlives the process without one.
    pub state: Option<PathBuf>,
    /// The directory of journals; writes leave no trace without one.
    pub journals: Option<PathBuf>,
    /// The log, unless the caller keeps one already.
    pub log: Option<PathBuf>,
    /// The place to open, Triage unless set.
    pub place: Option<Place>,
    /// Work above a millisecond, done on another thread.
    pub compute: fn(Compute) -> Computed,
}

impl Options {
    /// Options that keep nothing and open the home place.
    pub fn new(settings: Arc<Settings>) -> Self {
        Self {
            settings,
            state: None,
            journals: None,
            log: None,
            place: None,
            compute: rows,
        }
    }
}

/// Computes the rows that a runs table shows.
pub fn rows(work: Compute) -> Computed {
    let Compute::RunRows { runs, spec } = work;
    let rows = crate::panes::experiments::rows::compute(&runs, &spec);
    Computed::RunRows {
        generation: runs.generation(),
        rows,
        spec,
    }
}

/// Why the console did not start, or ended before the user wished.
#[derive(Debug, thiserror::Error)]
pub enum ConsoleError {
    /// No console can run here.
    #[error("{0}")]
    Refused(Refusal),
    /// Keys of the settings that cannot be: command and what is wrong.
    #[error("{}", keys_text(.0))]
    Keys(Vec<(String, String)>),
    /// The terminal failed or went away.
    #[error("the terminal: {0}")]
    Terminal(#[source] io::Error),
    /// The system refused a thread or a signal handler.
    #[error("the system refused a thread or a signal handler: {0}")]
    System(#[source] io::Error),
}

fn keys_text(wrong: &[(String, String)]) -> String {
    let lines: Vec<String> = wrong
        .iter()
        .map(|(command, what)| format!("keys.{command}: {what}"))
        .collect();
    lines.join("\n")
}

/// Runs the console until the user leaves. The calling thread becomes the UI thread.
///
/// # Errors
/// See [`ConsoleError`]; the terminal is given back in every case.
pub fn run(options: Options) -> Result<(), ConsoleError> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .thread_name("worker")
        .enable_all()
        .build()
        .map_err(ConsoleError::System)?;
    let outcome = runtime.block_on(attend(options));
    // What still hangs in a system call, such as a look-up of a name, is left behind.
    runtime.shutdown_background();
    outcome
}

/// As [`run`], inside a runtime that is there already: to be awaited by its `block_on`, never by a
/// spawned task, because the thread that begins is the UI thread to the end.
///
/// # Errors
/// See [`ConsoleError`]; the terminal is given back in every case.
pub async fn attend(options: Options) -> Result<(), ConsoleError> {
    attend_ahead(options, None).await
}

/// As [`attend`], with the state file of the options opened and read ahead.
///
/// # Errors
/// See [`ConsoleError`]; the terminal is given back in every case.
pub async fn attend_ahead(options: Options, ahead: Option<Ahead>) -> Result<(), ConsoleError> {
    let env = Environment::read();
    let wish = options.settings.console.color.parse().unwrap_or_default();
    let caps = caps::detect(&env, wish).map_err(ConsoleError::Refused)?;
    let keymap = Keymap::new(&options.settings.keys).map_err(ConsoleError::Keys)?;
    let log = match &ahead {
        Some(ahead) => ahead.log().map(ToOwned::to_owned),
        None => options.log.as_deref().and_then(first::keep_log),
    };
    Box::pin(start(options, keymap, caps, ahead, log)).await
}

/// The state file of the options; what is worth telling of it comes as text.
fn open(path: Option<&Path>, ahead: Option<Opened>) -> (Option<Store>, Vec<String>) {
    let opened = match (path, ahead) {
        (Some(_), Some(opened)) => opened,
        (Some(path), None) => Store::open(path),
        (None, _) => Store::in_memory().map(|store| (store, Vec::new())),
    };
    match opened {
        Ok((store, remarks)) => {
            let quiet = |remark: &&Remark| remark.kind != RemarkKind::Network;
            (
                Some(store),
                remarks
                    .iter()
                    .filter(quiet)
                    .map(|r| r.text.to_string())
                    .collect(),
            )
        }
        Err(error) => (None, vec![error.to_string()]),
    }
}

async fn start(
    options: Options,
    keymap: Keymap,
    caps: Caps,
    ahead: Option<Ahead>,
    log: Option<String>,
) -> Result<(), ConsoleError> {
    let clock = Arc::new(Clock::default());
    let (out, messages) = mpsc::channel(WAITING);
    let (alarm, alarms) = mpsc::unbounded_channel();
    let modes = Modes {
        mouse: options.settings.console.mouse,
        kitty: false,
        title: true,
    };
    let session = Session::open(modes).map_err(ConsoleError::Terminal)?;
    panic::install(session.handle(), tell_of_panics(out.clone()));
    signals::listen(&alarm).map_err(ConsoleError::System)?;
    session.enter().map_err(ConsoleError::Terminal)?;
    let size = session.size().map_err(ConsoleError::Terminal)?;

    let now = clock.now();
    let (first, look) = state_and_look(&options, keymap, caps, size, now, ahead);
    let (mut app, mut begun, store) = (first.app, first.effects, first.store);
    let (report, reports) = mpsc::unbounded_channel();
    let writer = writer(&session, report)?;
    let mut screen = Screen::new(writer, size, caps.frame_gap()).map_err(ConsoleError::Terminal)?;
    // The place indexes what it shows on a message, and here none has come yet.
    let now = clock.now();
    begun.extend(crate::app::update(&mut app, Msg::Tick, now));
    screen
        .draw(&mut app, &look)
        .map_err(ConsoleError::Terminal)?;

    // The first frame is on its way. Only now is the network asked, then the terminal.
    let common = Common {
        limits: Arc::new(Limits::default()),
        clock,
        out: out.clone(),
    };
    let sources = Sources::start(app.context(), app.fleet().settings(), &common);
    let keeper = store.and_then(|store| match Keeper::start(store, out) {
        Ok(mut keeper) => {
            keeper.enter(app.context(), true, now.wall);
            Some(keeper)
        }
        Err(error) => {
            tracing::error!("the store's thread could not be started: {error}");
            None
        }
    });
    let writing = Writing::new(options.journals, who::session());
    writing.read(Arc::clone(&common.clock), common.out.clone());
    app.begin_writes(writing.actor(), fastrand::u64(..));
    let mut hands = Hands::new(
        common,
        sources,
        keeper,
        options.compute,
        alarm.clone(),
        writing,
    );
    hands.mux = caps.mux;
    hands.carry_out(begun, &mut app, Some(&session));
    hands.own.extend(
        log.iter()
            .chain(&first.remarks)
            .map(|text| notice(true, text)),
    );
    let answers = ask(&session, &screen, caps);
    let mut decoder = Decoder::new(caps.escape_hold());
    if !answers.complete && caps.may_ask {
        decoder.expect_late_reply(Instant::now() + Duration::from_secs(2));
    }
    let keyboard = Events::start(&session).map_err(ConsoleError::Terminal)?;
    let watch = Watch::start(&session, move || {
        // A loop that has ended needs no telling.
        let _ = alarm.send(Alarm::Gone);
    });
    let watch = watch.map_err(ConsoleError::System)?;
    let learned = caps.learn(&answers);
    if learned.kitty {
        hands.bytes.extend_from_slice(session.set_kitty());
    }
    let mut turns = Turns {
        app,
        look,
        caps,
        keyboard,
        decoder,
        screen,
        session: Some(session),
        hands,
        messages,
        reports,
        alarms,
        due: Due::default(),
        saving: Saving::default(),
        shown: 0,
    };
    turns.learn(learned, size);
    turns.typed(&query::typed_keys(&answers.typed));
    let end = turns.run().await;
    drop(watch);
    Box::pin(leave(turns)).await;
    match end {
        End::Left => Ok(()),
        End::NoTerminal(error) => Err(ConsoleError::Terminal(error)),
    }
}

/// The state that the first frame shows, and how it is drawn. A theme is a text, and read while the fleet is.
fn state_and_look(
    options: &Options,
    keymap: Keymap,
    caps: Caps,
    size: Size,
    now: Now,
    ahead: Option<Ahead>,
) -> (FirstState, Look) {
    std::thread::scope(|scope| {
        let look = || looks::look(&options.settings.console, &caps, size, now);
        let thread = std::thread::Builder::new().name("look".to_owned());
        let reader = thread.spawn_scoped(scope, look);
        let state = first_state(options, keymap, size, now, ahead);
        let read = reader.ok().and_then(|reader| reader.join().ok());
        (state, read.unwrap_or_else(look))
    })
}

/// What was known at the last end, as the first frame shows it.
struct FirstState {
    app: App,
    /// What it asks for is done after the frame.
    effects: Effects,
    store: Option<Store>,
    /// What is worth telling of the state file.
    remarks: Vec<String>,
}

fn first_state(
    options: &Options,
    keymap: Keymap,
    size: Size,
    now: Now,
    ahead: Option<Ahead>,
) -> FirstState {
    let settings = Arc::clone(&options.settings);
    let context = Arc::new(begins_in(&settings));
    let mut effects = Effects::new();
    // State and history are taken in first: models are judged once, and not again for each.
    let mut app = App::unjudged(settings, keymap, (size.width, size.height), now);
    let mut take = |msg| effects.extend(take_in(&mut app, msg, now));
    let ahead = ahead.filter(|ahead| options.state.as_deref() == Some(ahead.path()));
    let taken_in = ahead
        .as_ref()
        .is_some_and(|ahead| ahead.taken_in_by(&context, &mut take));
    let (store, remarks) = open(options.state.as_deref(), ahead.and_then(Ahead::opened));
    if let Some(store) = store.as_ref().filter(|_| !taken_in) {
        first_look(store, &context, now.wall, take);
    }
    first::judge(&mut app, now);
    if let Some(place) = options.place.clone() {
        app.open(place);
    }
    FirstState {
        app,
        effects,
        store,
        remarks,
    }
}

/// A panic away from the UI thread stops nothing, and is told.
fn tell_of_panics(out: mpsc::Sender<Msg>) -> impl Fn(&panic::PanicReport) + Send + Sync + 'static {
    move |report| {
        tracing::error!("{report}");
        // A full channel has other news, and the log has this.
        let _ = out.try_send(notice(true, &report.to_string()));
    }
}

fn writer(
    session: &Session,
    report: mpsc::UnboundedSender<Report>,
) -> Result<Writer, ConsoleError> {
    let tell = move |done| {
        // A loop that has ended waits for the writer by other means.
        let _ = report.send(done);
    };
    Writer::spawn(session.output(), tell).map_err(ConsoleError::System)
}

fn ask(session: &Session, screen: &Screen, caps: Caps) -> caps::Answers {
    let limit = caps.answer_limit();
    if !caps.may_ask || !screen.drain(limit) {
        return caps::Answers::default();
    }
    query::ask(session, limit).unwrap_or_else(|error| {
        tracing::warn!("the terminal could not be asked: {error}");
        caps::Answers::default()
    })
}

/// The way out: the screen is given back first, then what is to be kept is kept.
async fn leave<K>(turns: Turns<K>) {
    let Turns {
        app,
        screen,
        session,
        hands,
        messages,
        ..
    } = turns;
    hands.save(&app);
    let Hands {
        sources,
        keeper,
        writing,
        common,
        ..
    } = hands;
    // Nothing more is taken in, so nobody waits for room.
    drop(messages);
    if !screen.close() {
        tracing::warn!("the terminal did not take the last frame");
    }
    drop(session);
    // A hook on its way has a moment to end. Signals are heard by now and end nothing early.
    writing.end(&common.clock).await;
    if let Some(keeper) = keeper
        && !keeper.close(KEEP_LIMIT)
    {
        tracing::warn!("the state file was not closed in time");
    }
    // Actors are aborted, not asked; one in a long computation is left behind.
    let _ = tokio::time::timeout(END_LIMIT, sources.stop()).await;
}
