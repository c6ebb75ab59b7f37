//! What stands below the options of commands that write or tell of writes: examples, and exit codes.

/// The exit codes of a command that writes.
macro_rules! codes {
    () => {
        "\n\nExit codes: 0 done, or so already; 1 the journal does not take it, nothing was sent; 2 wrong usage or \
         settings; 3 changed by somebody else since it was read, and nothing was written, or right after; 4 refused by a mode, gate, \
         freeze, right or server, or --yes is missing: nothing was written; 5 no needed source answered; 6 outcome \
         unknown, `quarterdeck journal --check` looks it up; 7 applied, wholly or in part, and not converged. A dry \
         run ends as the write would have been refused."
    };
}

pub(super) const PROMOTE: &str = concat!(
    "Examples:\n  \
     quarterdeck promote churn --to 8 --dry-run\n  \
     quarterdeck promote churn --to 8 --reason 'Q4 data' --yes\n  \
     quarterdeck promote churn --to 8 --override fairness='agreed with risk' --reason 'Q4 data' --yes\n  \
     quarterdeck promote churn --to 8 --alias challenger --confirm prod/churn --yes",
    codes!()
);

pub(super) const ROLLBACK: &str = concat!(
    "Examples:\n  \
     quarterdeck rollback churn --list\n  \
     quarterdeck rollback churn --reason 'errors since 14:02' --yes\n  \
     quarterdeck rollback churn --to 6 --confirm prod/churn --yes",
    codes!()
);

pub(super) const UNDO: &str = concat!(
    "Examples:\n  \
     quarterdeck undo --dry-run\n  \
     quarterdeck undo --yes\n  \
     quarterdeck undo 8F3K2A --yes",
    codes!()
);

pub(super) const RETRAIN: &str = concat!(
    "Examples:\n  \
     quarterdeck retrain churn --dry-run\n  \
     quarterdeck retrain churn --param epochs=5 --reason 'drift of tenure' --yes\n  \
     quarterdeck retrain churn --yes --follow --timeout 2h",
    codes!()
);

pub(super) const CANCEL: &str = concat!(
    "Examples:\n  quarterdeck cancel qd__01K9 --pipeline retrain_churn --yes",
    codes!()
);

pub(super) const RETRY: &str = concat!("Examples:\n  quarterdeck retry qd__01K9 --yes", codes!());

pub(super) const SILENCE: &str = concat!(
    "Examples:\n  \
     quarterdeck silence churn --for 2h --reason 'rolling back' --yes\n  \
     quarterdeck silence churn --alert HighErrorRate --for 30m --reason 'on it' --dry-run\n  \
     quarterdeck silence --matcher severity=warning --matcher team=risk --for 1h --reason 'load test' --yes\n  \
     quarterdeck silence --end 5d0c1f9e --yes",
    codes!()
);

pub(super) const APPROVE: &str = concat!(
    "Examples:\n  \
     quarterdeck approve churn --to 8 --for 24h --reason 'looked at the groups' --yes\n  \
     quarterdeck approve churn --to 8 --sign ~/.ssh/id_ed25519 --as ana@example.com --yes",
    codes!()
);

pub(super) const FREEZE: &str = concat!(
    "Examples:\n  \
     quarterdeck freeze churn --for 2h --reason 'release week' --yes\n  \
     quarterdeck freeze churn --end --yes",
    codes!()
);

pub(super) const ACKNOWLEDGE: &str = concat!(
    "Examples:\n  \
     quarterdeck acknowledge churn --for 4h --reason 'on it' --yes\n  \
     quarterdeck acknowledge churn --end --yes",
    codes!()
);

pub(super) const EDIT: &str = concat!(
    "Examples:\n  \
     quarterdeck edit churn --tag owner=risk-ml --yes\n  \
     quarterdeck edit churn --version 8 --untag validated --dry-run",
    codes!()
);

pub(super) const WAIT: &str = "Examples:\n  \
     quarterdeck wait churn\n  \
     quarterdeck wait churn --version 8 --for bake --timeout 20m\n\n\
     Exit codes: 0 the world has followed; 2 wrong usage or settings; 5 no needed source answered; 7 it has not in \
     time, or waiting cannot help: nothing measures the requests, or no deployment follows the alias.";

pub(super) const JOURNAL: &str = "Examples:\n  \
     quarterdeck journal --since 24h\n  \
     quarterdeck journal 8F3K2A --json\n  \
     quarterdeck journal --check\n  \
     quarterdeck journal 8F3K2A --close\n  \
     quarterdeck journal --export\n\n\
     Exit codes: 0 told, and with --check, --open or --close nothing is open; 1 the journals cannot be read or \
     written; 2 wrong usage or settings, or no such write; 4 it is not closed, for looking may still tell; 6 with \
     --check, --open or --close: what became of a write is still not known.";
