//! How pipelines and their runs are packed.

use super::{Pack, Packer, Torn, Unpacker};
use crate::domain::pipeline::{
    Ending, FailedTask, Pipeline, PipelineKey, PipelineRun, PipelineRunKey, PipelineState, Wait,
};
use crate::domain::text::Clean;

fields! {
    PipelineKey { base, id }
    PipelineRunKey { pipeline, id }
    Pipeline {
        key, name, description, paused, broken, schedule, tags, owners, max_active, next_run,
    }
    FailedTask { task, attempt }
    PipelineRun {
        key, state, raw_state, kind, queued, due, started, ended, by, note, params, failed_at,
    }
}

words! {
    Wait { Paused = 1, Scheduled = 2, Concurrency = 3, Manual = 4, External = 5, Retry = 6 }
    Ending { Success = 1, Failed = 2, Cancelled = 3, Skipped = 4 }
}

impl Pack for PipelineState {
    fn pack<'a>(&'a self, packer: &mut Packer<'a>) {
        match self {
            Self::Queued => packer.number(1),
            Self::Waiting(wait) => {
                packer.number(2);
                wait.pack(packer);
            }
            Self::Running => packer.number(3),
            Self::Ended(ending) => {
                packer.number(4);
                ending.pack(packer);
            }
            Self::Unknown(word) => {
                packer.number(5);
                word.pack(packer);
            }
        }
    }
    fn unpack(from: &mut Unpacker<'_>) -> Result<Self, Torn> {
        match from.number()? {
            1 => Ok(Self::Queued),
            2 => Wait::unpack(from).map(Self::Waiting),
            3 => Ok(Self::Running),
            4 => Ending::unpack(from).map(Self::Ended),
            5 => Clean::unpack(from).map(Self::Unknown),
            _ => Err(Torn),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_state_comes_back() {
        let waits = [
            Wait::Paused,
            Wait::Scheduled,
            Wait::Concurrency,
            Wait::Manual,
            Wait::External,
            Wait::Retry,
        ];
        let endings = [
            Ending::Success,
            Ending::Failed,
            Ending::Cancelled,
            Ending::Skipped,
        ];
        let mut states = vec![
            PipelineState::Queued,
            PipelineState::Running,
            PipelineState::Unknown(Clean::name("odd")),
        ];
        states.extend(waits.map(PipelineState::Waiting));
        states.extend(endings.map(PipelineState::Ended));
        let mut packer = Packer::default();
        packer.list(states.iter());
        let bytes = packer.finish();
        let back: Result<Vec<PipelineState>, Torn> =
            Unpacker::new(&bytes).and_then(|mut u| u.list());
        assert_eq!(back, Ok(states));
    }
}
