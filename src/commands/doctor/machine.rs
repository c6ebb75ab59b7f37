//! What can be said without asking any server: settings, state directory, terminal.

use super::{Finding, Weight};
use crate::commands::session::{Base, state_file};
use crate::config;
use crate::store::{RemarkKind, Store};
use crate::terminal::caps::{self, ColorWish, Colors, Environment, Mux, Symbols};
use crate::ui::look::Size;

/// The settings file and every mistake or doubt in it.
pub(super) fn settings(base: &Base) -> Vec<Finding> {
    let report = config::check(&base.loaded, &base.environment);
    let mut found = Vec::new();
    let file = match (&report.file.path, report.file.exists) {
        (Some(path), true) => format!("{} is read", path.display()),
        (Some(path), false) => format!("{} is not there; defaults hold", path.display()),
        (None, _) => "no home directory is known; defaults hold".to_owned(),
    };
    found.push(Finding::good("settings", "file", file));
    for diagnostic in &report.diagnostics {
        let weight = if diagnostic.is_error() {
            Weight::Error
        } else {
            Weight::Doubt
        };
        found.push(
            Finding::new(weight, "settings", "check", diagnostic.to_string())
                .advise("`quarterdeck config show` tells where each value came from"),
        );
    }
    found
}

/// Where history and last-known state are kept. A file that is not there yet is not made.
pub(super) fn state() -> Vec<Finding> {
    let area = "state";
    let Some(path) = state_file() else {
        return vec![
            Finding::new(
                Weight::Doubt,
                area,
                "directory",
                "no home directory is known",
            )
            .advise("set HOME or XDG_STATE_HOME: history and last-known state are not kept"),
        ];
    };
    if !path.is_file() {
        // The nearest directory that is there decides whether the others can be made.
        let above = path.ancestors().skip(1).find(|dir| dir.is_dir());
        let writable = above.is_some_and(|dir| tempfile_in(dir).is_ok());
        let shown = path.display();
        return vec![if writable {
            Finding::good(
                area,
                "directory",
                format!("{shown} is made at the first start"),
            )
        } else {
            Finding::new(
                Weight::Doubt,
                area,
                "directory",
                format!("{shown} cannot be made"),
            )
            .advise("make its directory writable, or set XDG_STATE_HOME")
        }];
    }
    let mut found = Vec::new();
    match Store::open(&path) {
        Ok((store, remarks)) => {
            for remark in remarks {
                let weight = match remark.kind {
                    RemarkKind::NotKept => Weight::Error,
                    RemarkKind::SetAside | RemarkKind::Permissions => Weight::Doubt,
                    RemarkKind::Unread | RemarkKind::Network => Weight::Note,
                };
                found.push(Finding::new(weight, area, "file", remark.text.to_string()));
            }
            if store.path().is_some() {
                found.push(Finding::good(
                    area,
                    "file",
                    format!("{} is in use", path.display()),
                ));
            }
        }
        Err(error) => found.push(Finding::new(
            Weight::Error,
            area,
            "file",
            format!("{}: {error}", path.display()),
        )),
    }
    found
}

/// Whether a file can be made in a directory: rights alone do not tell on a read-only filesystem.
fn tempfile_in(dir: &std::path::Path) -> std::io::Result<()> {
    let path = dir.join(format!(".quarterdeck-{}", std::process::id()));
    std::fs::OpenOptions::new()
        .create_new(true)
        .write(true)
        .open(&path)?;
    std::fs::remove_file(path)
}

/// What the terminal shows: colours, symbols, size, and what stands between.
pub(super) fn terminal(base: &Base) -> Vec<Finding> {
    let area = "terminal";
    let env = Environment::read();
    let color = base
        .loaded
        .settings
        .as_ref()
        .map(|s| s.console.color.as_str());
    let wish = color
        .and_then(|c| c.parse().ok())
        .unwrap_or(ColorWish::Auto);
    let caps = match caps::detect(&env, wish) {
        Ok(caps) => caps,
        Err(refusal) => {
            return vec![Finding::new(
                Weight::Note,
                area,
                "kind",
                refusal.to_string(),
            )];
        }
    };
    let mut found = Vec::new();
    let term = env.term.as_deref().unwrap_or("TERM is not set");
    found.push(match caps.colors {
        Colors::Mono if env.no_color => Finding::good(
            area,
            "colours",
            format!("{term}: none, because NO_COLOR is set"),
        ),
        Colors::Mono => Finding::new(Weight::Note, area, "colours", format!("{term}: none"))
            .advise("set TERM for the real terminal, or --color 16"),
        Colors::Ansi16 => Finding::good(area, "colours", format!("{term}: 16")),
        Colors::Indexed256 => Finding::good(area, "colours", format!("{term}: 256")),
        Colors::True => Finding::good(area, "colours", format!("{term}: 24 bits")),
    });
    found.push(match caps.symbols {
        Symbols::Unicode => Finding::good(area, "symbols", "UTF-8"),
        Symbols::Ascii => {
            let locale = env.locale.as_deref().unwrap_or("none");
            Finding::new(
                Weight::Note,
                area,
                "symbols",
                format!("ASCII, because the locale is {locale}"),
            )
            .advise("set LANG to a UTF-8 locale such as C.UTF-8, or --symbols unicode")
        }
    });
    found.extend(size(area));
    found.extend(between(area, &caps));
    found
}

fn size(area: &str) -> Option<Finding> {
    let (columns, rows) = crossterm::terminal::size().ok()?;
    let text = format!("{columns} columns, {rows} rows");
    Some(match Size::of(columns, rows) {
        Size::TooSmall => {
            let (least, lines) = Size::LEAST;
            Finding::new(Weight::Doubt, area, "size", text).advise(format!(
                "the console needs {least} columns and {lines} rows"
            ))
        }
        Size::Narrow | Size::Small | Size::Medium => {
            Finding::good(area, "size", text).advise("from 120 columns on every column shows")
        }
        Size::Large | Size::Huge => Finding::good(area, "size", text),
    })
}

/// What a multiplexer or a slow line asks for.
fn between(area: &str, caps: &caps::Caps) -> Vec<Finding> {
    let mut found = Vec::new();
    match caps.mux {
        Some(Mux::Tmux) => found.push(
            Finding::new(
                Weight::Note,
                area,
                "tmux",
                "colours are limited to 256 and copying goes through tmux",
            )
            .advise("in tmux.conf: set -g set-clipboard on, and set -sg escape-time 10"),
        ),
        Some(Mux::Screen) => found.push(
            Finding::new(
                Weight::Note,
                area,
                "screen",
                "GNU screen passes no clipboard on",
            )
            .advise("use the mouse selection of the terminal, or tmux"),
        ),
        Some(Mux::Zellij) => found.push(Finding::good(area, "zellij", "nothing to set")),
        None => {}
    }
    if caps.ssh {
        found.push(Finding::good(
            area,
            "ssh",
            "frames are drawn at most ten times a second, and a lone ESC is held for 150 ms",
        ));
    }
    found
}
