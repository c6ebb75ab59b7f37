//! The terminal: entering and leaving it, the writer thread, capabilities, operating-system commands.
//!
//! The order of a start, which keeps the first frame ahead of every question to the terminal:
//!
//! 1. [`caps::Environment::read`] and [`caps::detect`]: no I/O; refuses where no console can run.
//! 2. [`session::Session::open`], [`panic::install`], [`session::Session::enter`].
//! 3. [`writer::Writer::spawn`] on [`session::Session::output`]; a `ratatui::Terminal` over
//!    [`frame::FrameBackend`]; draw, take, submit: the first frame is on its way.
//! 4. [`writer::Writer::drain`], then [`query::ask`] and [`caps::Caps::learn`].
//! 5. Only now [`events::Events`], through [`input::Decoder`]; [`watch::Watch`] beside it.
//!
//! From then on the writer alone writes to the terminal: titles, clipboard and mode changes travel
//! as bytes in front of a frame ([`frame::FrameBackend::append`]).

pub mod caps;
pub mod events;
pub mod frame;
pub mod input;
pub mod osc;
pub mod panic;
pub mod parse;
pub mod query;
pub mod session;
pub mod tty;
pub mod watch;
pub mod writer;
