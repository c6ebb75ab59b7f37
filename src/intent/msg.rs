//! Everything that may change the program's state, and everything its state may ask for.

use std::sync::Arc;

use super::chord::Chord;
use crate::domain::action::{Confirmed, Journals, PlanId, Record, Written};
use crate::domain::change::Change;
use crate::domain::fault::Fault;
use crate::domain::fleet::gates::SignedApproval;
use crate::domain::fleet::runs::RunStore;
use crate::domain::gate::approval::Approval;
use crate::domain::key::{ExperimentKey, SourceId};
use crate::domain::last_known::LastKnown;
use crate::domain::observation::{Abilities, ContextRef, Observation, PollReport};
use crate::domain::query::{Detail, Focus, Query};
use crate::domain::text::Clean;
use crate::domain::time::Millis;
use crate::domain::watch::Gap;
use crate::intent::filter::Filter;
use crate::intent::preference::Preference;

/// Everything that may change the program's state.
#[derive(Clone, Debug)]
pub enum Msg {
    /// A key.
    Key(Chord),
    /// Pasted text, one event, already without control characters.
    Paste(Clean),
    /// A mouse press at a cell.
    Click {
        /// Column, from 0.
        column: u16,
        /// Row, from 0.
        row: u16,
    },
    /// The wheel, in rows; positive is down.
    Scroll(i16),
    /// The terminal's size.
    Resize {
        /// Columns.
        width: u16,
        /// Rows.
        height: u16,
    },
    /// A source's rows.
    Observed(Box<Observation>),
    /// The outcome of a poll.
    Polled(Box<PollReport>),
    /// What a source can do.
    Probed {
        /// Whose fleet.
        context: Arc<ContextRef>,
        /// Which source.
        source: SourceId,
        /// The answer.
        abilities: Result<Abilities, Fault>,
    },
    /// Whoever reads a source has begun anew, and remembers nothing of what was told: the first complete
    /// answer tells all of it again.
    Anew(Arc<ContextRef>, SourceId),
    /// A detail that was asked for.
    Fetched {
        /// Whose fleet.
        context: Arc<ContextRef>,
        /// Which source.
        source: SourceId,
        /// The question.
        query: Query,
        /// When it was asked.
        asked_at: Millis,
        /// The answer.
        result: Result<Detail, Fault>,
    },
    /// Rows that were computed off the loop.
    Computed(Computed),
    /// The rest of the last-known state.
    LastKnown(Arc<ContextRef>, Box<LastKnown>),
    /// When nobody watched.
    Unwatched(Arc<ContextRef>, Vec<Gap>),
    /// What is remembered of how panes are liked, as it was kept: name and value.
    Preferences(Arc<ContextRef>, Vec<(String, String)>),
    /// Changes from the ledger: history, or what another process observed.
    Ledger(Arc<ContextRef>, Vec<Change>),
    /// A record of a write of this process: it is on disk.
    Wrote(Arc<ContextRef>, Millis, Box<Record>),
    /// What the journals of this machine say of writes, of every context: at the start, and whenever
    /// another process has written.
    Journal(Box<Journals>),
    /// The signature of an approval was checked.
    Signed(Arc<ContextRef>, Box<SignedApproval>),
    /// Time passed: once a minute, and when something is due.
    Tick,
    /// A remark for the message line.
    Notice(Notice),
    /// The program is told to end.
    Terminate,
}

/// A remark for the message line.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Notice {
    /// Whether something went wrong.
    pub bad: bool,
    /// What happened, to what, and what to do next.
    pub text: Clean,
}

/// Work above a millisecond, for another thread.
#[derive(Clone, Debug)]
pub enum Compute {
    /// Filter and sort runs.
    RunRows {
        /// A snapshot: chunks are shared.
        runs: RunStore,
        /// Which and how.
        spec: RunRows,
    },
}

/// Which runs a table shows, in which order.
#[derive(Clone, PartialEq, Debug)]
pub struct RunRows {
    /// The experiment.
    pub experiment: ExperimentKey,
    /// The local filter.
    pub filter: Filter,
    /// The column to sort by.
    pub sort: RunColumn,
    /// Whether large comes first.
    pub descending: bool,
}

/// A column of the runs table.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub enum RunColumn {
    /// Name.
    Name,
    /// Status.
    Status,
    /// Start.
    Started,
    /// Duration.
    Duration,
    /// User.
    User,
    /// Dataset.
    Dataset,
    /// A metric.
    Metric(Clean),
    /// A parameter.
    Param(Clean),
    /// A tag.
    Tag(Clean),
}

/// The outcome of a [`Compute`].
#[derive(Clone, Debug)]
pub enum Computed {
    /// The rows, and the generation of the store they are of.
    RunRows {
        /// What was asked.
        spec: RunRows,
        /// The generation of the snapshot.
        generation: u64,
        /// Rows of the store.
        rows: Vec<u32>,
    },
}

/// Everything the state may ask for. Not to be copied: a confirmed plan is carried out once.
#[derive(Debug)]
pub enum Effect {
    /// Ask a source for a detail.
    Fetch {
        /// Which source.
        source: SourceId,
        /// The question.
        query: Query,
    },
    /// The answer is no longer wanted.
    Cancel {
        /// Which source.
        source: SourceId,
        /// The question.
        query: Query,
    },
    /// Poll now: one source, or all.
    Refresh(Option<SourceId>),
    /// Ask every source anew what this account may do: rights may have been granted.
    AskRights,
    /// What is on screen has changed.
    Focus(Focus),
    /// Work for another thread.
    Compute(Box<Compute>),
    /// Keep observed changes.
    Ledger(Vec<Change>),
    /// Put text on the clipboard.
    Copy(Clean),
    /// Enter another context.
    Switch(String),
    /// Keep a preference.
    Prefer(Preference, String),
    /// Carry a confirmed plan out.
    Write(Box<Confirmed>),
    /// Check the signature of an approval.
    CheckSignature(Box<Approval>),
    /// Look up the steps of a write whose ends nobody has seen.
    LookUp(Box<Written>),
    /// Journal that somebody has seen to an open write of which nothing more can be looked up, with what is
    /// known.
    SeenTo(PlanId, Clean),
    /// Write a line to the log: something was passed over.
    Log(Clean),
    /// Report the mouse, or leave it to the terminal.
    Mouse(bool),
    /// Draw everything again.
    Repaint,
    /// Hand the terminal back to the shell.
    Suspend,
    /// Leave.
    Quit,
}
