//! `config`: where the settings are, what is in force, what is wrong with them.

use super::exit::{Exit, Failure};
use super::session::Base;
use crate::cli::{ConfigCommand, Global};
use crate::config;

/// Runs `config show`, `config check` or `config path`.
///
/// # Errors
/// When standard output cannot be written.
pub fn run(global: &Global, which: &ConfigCommand) -> Result<Exit, Failure> {
    let base = Base::load(global, matches!(which, ConfigCommand::Path));
    match which {
        ConfigCommand::Path => path(&base),
        ConfigCommand::Show => show(&base),
        ConfigCommand::Check => check(&base),
    }
}

fn path(base: &Base) -> Result<Exit, Failure> {
    let report = &base.loaded.file;
    let out = &base.out;
    if out.json {
        out.document(&report.to_json())?;
        return Ok(Exit::Done);
    }
    let Some(path) = &report.path else {
        return Err(Failure::usage(
            "no home directory is known, so there is no usual settings file",
        )
        .advice("name one with --config PATH or QUARTERDECK_CONFIG"));
    };
    out.print(&path.display().to_string())?;
    if !report.exists {
        out.remark("there is no such file yet; every setting has a default but the servers");
    }
    Ok(Exit::Done)
}

fn show(base: &Base) -> Result<Exit, Failure> {
    let report = config::show(&base.loaded);
    let out = &base.out;
    if out.json {
        out.document(&report.to_json())?;
    } else {
        out.print(&report.lines().join("\n"))?;
        for diagnostic in &report.diagnostics {
            out.remark(&diagnostic.to_string());
        }
    }
    Ok(usable(base.loaded.is_usable()))
}

fn check(base: &Base) -> Result<Exit, Failure> {
    let report = config::check(&base.loaded, &base.environment);
    let out = &base.out;
    if out.json {
        out.document(&report.to_json())?;
    } else {
        let mut lines: Vec<String> = report.diagnostics.iter().map(ToString::to_string).collect();
        let file = match (&report.file.path, report.file.exists) {
            (Some(path), true) => path.display().to_string(),
            (Some(path), false) => format!("{} (there is no such file)", path.display()),
            (None, _) => "no settings file".to_owned(),
        };
        lines.push(format!("{file}: {}", report.summary()));
        out.print(&lines.join("\n"))?;
    }
    Ok(usable(report.is_usable()))
}

fn usable(usable: bool) -> Exit {
    if usable { Exit::Done } else { Exit::Usage }
}
