//! Who acts: the user and the machine, as journals and teammates know them.

use crate::domain::text::Clean;
use crate::store::journal::Session;

/// The session of this process.
pub fn session() -> Session {
    let user = ["SUDO_USER", "USER", "LOGNAME"]
        .iter()
        .find_map(|name| std::env::var(name).ok().filter(|user| !user.is_empty()))
        .or_else(account);
    Session {
        version: Clean::name(env!("CARGO_PKG_VERSION")),
        user: Clean::name(user.as_deref().unwrap_or("unknown")),
        host: Clean::name(&host()),
        pid: std::process::id(),
    }
}

/// The name of the account that the process runs as: services and cron set no variables.
#[cfg(unix)]
fn account() -> Option<String> {
    let user = nix::unistd::User::from_uid(nix::unistd::getuid());
    user.ok().flatten().map(|user| user.name)
}

/// The name of the account that the process runs as: services and cron set no variables.
#[cfg(not(unix))]
fn account() -> Option<String> {
    std::env::var("USERNAME").ok()
}

/// This machine's name.
#[cfg(unix)]
fn host() -> String {
    nix::unistd::gethostname().map_or_else(
        |_| "unknown".to_owned(),
        |name| name.to_string_lossy().into_owned(),
    )
}

/// This machine's name.
#[cfg(not(unix))]
fn host() -> String {
    std::env::var("COMPUTERNAME").unwrap_or_else(|_| "unknown".to_owned())
}
