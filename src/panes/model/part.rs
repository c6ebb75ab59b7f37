//! The parts of a model's page that can have the keyboard, in their order; what each shows, the page says.

use crate::intent::command::Command;

/// A part of the page that can have the keyboard.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) enum Part {
    #[default]
    Versions,
    Facts,
    Signals,
    Quality,
    Alerts,
    Deployments,
    Changes,
}

impl Part {
    /// In the order of the keyboard.
    pub(super) const ALL: [Self; 7] = [
        Self::Versions,
        Self::Facts,
        Self::Deployments,
        Self::Changes,
        Self::Signals,
        Self::Quality,
        Self::Alerts,
    ];

    /// Its name where there is no room for more.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Versions => "versions",
            Self::Facts => "facts",
            Self::Signals => "signals",
            Self::Quality => "quality",
            Self::Alerts => "alerts",
            Self::Deployments => "endpoints",
            Self::Changes => "changes",
        }
    }

    /// Whether it shows courses, with a cursor on them.
    pub(super) fn has_charts(self) -> bool {
        matches!(self, Self::Signals | Self::Quality)
    }

    /// Its place among them.
    pub(super) fn at(self) -> usize {
        Self::ALL.iter().position(|p| *p == self).unwrap_or(0)
    }

    /// The commands that its footer shows first.
    pub(super) fn hints(self) -> &'static [Command] {
        match self {
            Self::Versions => &[
                Command::Open,
                Command::Promote,
                Command::RollBack,
                Command::NextFocus,
                Command::GoRun,
                Command::History,
            ],
            Self::Facts => &[
                Command::Open,
                Command::NextFocus,
                Command::Down,
                Command::History,
                Command::Link,
            ],
            Self::Quality => &[
                Command::Down,
                Command::WhatChanged,
                Command::Cursor,
                Command::Wider,
                Command::GoDrift,
                Command::NextFocus,
            ],
            Self::Signals => &[
                Command::WhatChanged,
                Command::GoDrift,
                Command::Cursor,
                Command::NextMarker,
                Command::ZoomIn,
                Command::NextFocus,
            ],
            Self::Alerts => &[
                Command::Open,
                Command::Silence,
                Command::WhatChanged,
                Command::NextFocus,
                Command::GoDrift,
                Command::CopyPane,
            ],
            Self::Deployments | Self::Changes => &[
                Command::Open,
                Command::NextFocus,
                Command::History,
                Command::Wider,
                Command::CopyPane,
            ],
        }
    }
}
