//! What the terminal can do: decided from the environment without I/O, corrected later by the
//! terminal's own answers ([`super::query`]).

use std::fmt;
use std::io::IsTerminal as _;
use std::str::FromStr;
use std::time::Duration;

/// The part of the process environment that says something about the terminal. Empty values count
/// as unset, as their conventions ask.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is one independent fact"
)]
pub struct Environment {
    /// `TERM`.
    pub term: Option<String>,
    /// `COLORTERM`.
    pub colorterm: Option<String>,
    /// `COLORFGBG`, as rxvt and Konsole set it: `foreground;background`.
    pub colorfgbg: Option<String>,
    /// `TERM_PROGRAM`.
    pub term_program: Option<String>,
    /// `NO_COLOR` is set to anything.
    pub no_color: bool,
    /// `FORCE_COLOR`: 0 none, 1 sixteen, 2 256, 3 true colour; set to anything else, at least sixteen.
    pub force_color: Option<String>,
    /// `TMUX` is set.
    pub tmux: bool,
    /// `STY` is set: GNU screen.
    pub screen: bool,
    /// `ZELLIJ` is set.
    pub zellij: bool,
    /// `SSH_CONNECTION` or `SSH_TTY` is set.
    pub ssh: bool,
    /// The first of `LC_ALL`, `LC_CTYPE`, `LANG` that is set.
    pub locale: Option<String>,
    /// Standard input is a terminal.
    pub stdin_tty: bool,
    /// Standard output is a terminal.
    pub stdout_tty: bool,
}

impl Environment {
    /// Reads the process environment.
    pub fn read() -> Self {
        let get = |name: &str| {
            std::env::var_os(name)
                .map(|v| v.to_string_lossy().into_owned())
                .filter(|v| !v.is_empty())
        };
        Self {
            term: get("TERM"),
            colorterm: get("COLORTERM"),
            colorfgbg: get("COLORFGBG"),
            term_program: get("TERM_PROGRAM"),
            no_color: get("NO_COLOR").is_some(),
            force_color: get("FORCE_COLOR"),
            tmux: get("TMUX").is_some(),
            screen: get("STY").is_some(),
            zellij: get("ZELLIJ").is_some(),
            ssh: get("SSH_CONNECTION").or_else(|| get("SSH_TTY")).is_some(),
            locale: get("LC_ALL")
                .or_else(|| get("LC_CTYPE"))
                .or_else(|| get("LANG")),
            stdin_tty: std::io::stdin().is_terminal(),
            stdout_tty: std::io::stdout().is_terminal(),
        }
    }

    fn term_is(&self, prefix: &str) -> bool {
        self.term.as_deref().is_some_and(|t| t.starts_with(prefix))
    }
}

/// How many colours may be used. Ordered: more is greater.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Colors {
    /// None: modifiers and glyphs alone.
    Mono,
    /// The sixteen of the terminal's own palette.
    Ansi16,
    /// The 256-colour cube.
    Indexed256,
    /// 24-bit.
    True,
}

/// The wish given by `--color` or the setting.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum ColorWish {
    /// As the environment and the terminal say.
    #[default]
    Auto,
    /// At least sixteen colours, whatever `NO_COLOR` says.
    Always,
    /// None.
    Never,
    /// Exactly these.
    Exactly(Colors),
}

impl FromStr for ColorWish {
    type Err = UnknownColorWish;

    fn from_str(s: &str) -> Result<Self, Self::Err> {
        Ok(match s {
            "auto" => Self::Auto,
            "always" => Self::Always,
            "never" => Self::Never,
            "16" => Self::Exactly(Colors::Ansi16),
            "256" => Self::Exactly(Colors::Indexed256),
            "truecolor" => Self::Exactly(Colors::True),
            _ => return Err(UnknownColorWish),
        })
    }
}

/// A colour setting that is none of the known ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown colour setting; use one of auto, always, never, 16, 256, truecolor")]
pub struct UnknownColorWish;

/// Whether the background is light or dark.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Scheme {
    /// Light text on a dark background.
    #[default]
    Dark,
    /// Dark text on a light background.
    Light,
}

/// The set of symbols that shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Symbols {
    /// Box drawing, braille, and the level glyphs.
    Unicode,
    /// Seven-bit characters alone.
    Ascii,
}

/// The multiplexer between us and the real terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mux {
    /// tmux.
    Tmux,
    /// GNU screen.
    Screen,
    /// zellij.
    Zellij,
}

/// How this terminal shows a desktop notification.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Notify {
    /// OSC 9: iTerm2, kitty, `WezTerm`, Ghostty.
    Osc9,
    /// OSC 777: urxvt, foot.
    Osc777,
    /// The bell.
    Bell,
}

/// What the terminal can do, as far as known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Caps {
    /// Colour depth.
    pub colors: Colors,
    /// Light or dark.
    pub scheme: Scheme,
    /// Whether the terminal reported the kitty keyboard protocol.
    pub kitty: bool,
    /// Symbols.
    pub symbols: Symbols,
    /// The session runs over SSH: draw less often, wait longer for answers and for a lone ESC.
    pub ssh: bool,
    /// The multiplexer, if one is known.
    pub mux: Option<Mux>,
    /// The notification it understands.
    pub notify: Notify,
    /// Whether it is safe to ask it anything.
    pub may_ask: bool,
}

impl Caps {
    /// How long to wait for the terminal's answers.
    pub fn answer_limit(&self) -> Duration {
        Duration::from_millis(if self.ssh { 600 } else { 150 })
    }

    /// How long a lone ESC is held, in case the rest of its sequence is on the way.
    pub fn escape_hold(&self) -> Duration {
        if self.kitty {
            // With unambiguous keys an ESC key is never a lone byte.
            Duration::ZERO
        } else {
            Duration::from_millis(if self.ssh { 150 } else { 50 })
        }
    }

    /// The least time between two frames drawn for data: 30 a second, 10 over SSH.
    pub fn frame_gap(&self) -> Duration {
        Duration::from_millis(if self.ssh { 100 } else { 33 })
    }

    /// Takes in what the terminal answered.
    #[must_use]
    pub fn learn(self, answers: &Answers) -> Self {
        Self {
            scheme: answers.background.map_or(self.scheme, Rgb::scheme),
            kitty: answers.kitty,
            ..self
        }
    }
}

/// A colour as a terminal reports it, eight bits a channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rgb(pub u8, pub u8, pub u8);

impl Rgb {
    /// Light if it is perceived as lighter than the middle (ITU-R BT.601 luma).
    pub fn scheme(self) -> Scheme {
        let luma = 299 * u32::from(self.0) + 587 * u32::from(self.1) + 114 * u32::from(self.2);
        if luma > 127_500 {
            Scheme::Light
        } else {
            Scheme::Dark
        }
    }
}

/// What the terminal answered before the deadline.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answers {
    /// The background colour, by OSC 11.
    pub background: Option<Rgb>,
    /// It knows the kitty keyboard protocol.
    pub kitty: bool,
    /// It answered the last question, so no answer is on its way any more.
    pub complete: bool,
    /// Bytes that were no answer: keys typed meanwhile ([`super::query::typed_keys`]).
    pub typed: Vec<u8>,
}

/// Why no console can run here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// Input or output is not a terminal.
    NoTerminal,
    /// `TERM=dumb`: no cursor addressing.
    Dumb,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoTerminal => {
                "the console needs a terminal on standard input and output; \
                 use `quarterdeck status` in scripts"
            }
            Self::Dumb => {
                "TERM=dumb cannot show the console; set TERM for the real terminal, \
                 or use `quarterdeck status`"
            }
        })
    }
}

impl std::error::Error for Refusal {}

/// Decides from the environment alone.
pub fn detect(env: &Environment, wish: ColorWish) -> Result<Caps, Refusal> {
    if !env.stdin_tty || !env.stdout_tty {
        return Err(Refusal::NoTerminal);
    }
    if env.term.as_deref() == Some("dumb") {
        return Err(Refusal::Dumb);
    }
    let mux = mux(env);
    Ok(Caps {
        colors: colors(env, mux, wish),
        scheme: env
            .colorfgbg
            .as_deref()
            .and_then(scheme_of)
            .unwrap_or_default(),
        kitty: false,
        symbols: symbols(env),
        ssh: env.ssh,
        mux,
        notify: notify(env, mux),
        // The Linux console and Emacs print parts of questions; GNU screen passes some on late.
        may_ask: !(env.term_is("linux") || env.term_is("eterm") || mux == Some(Mux::Screen)),
    })
}

fn mux(env: &Environment) -> Option<Mux> {
    if env.zellij {
        Some(Mux::Zellij)
    } else if env.tmux || env.term_is("tmux") {
        Some(Mux::Tmux)
    } else if env.screen || env.term_is("screen") {
        Some(Mux::Screen)
    } else {
        None
    }
}

fn colors(env: &Environment, mux: Option<Mux>, wish: ColorWish) -> Colors {
    match wish {
        ColorWish::Exactly(colors) => return colors,
        ColorWish::Never => return Colors::Mono,
        ColorWish::Always => return depth(env, mux),
        ColorWish::Auto => {}
    }
    match env.force_color.as_deref() {
        Some("0" | "false") => return Colors::Mono,
        Some("1") => return Colors::Ansi16,
        Some("2") => return Colors::Indexed256,
        Some("3") => return Colors::True,
        Some(_) => return depth(env, mux),
        None => {}
    }
    if env.no_color {
        return Colors::Mono;
    }
    depth(env, mux)
}

fn depth(env: &Environment, mux: Option<Mux>) -> Colors {
    // A multiplexer keeps the COLORTERM of the terminal it was started from, and may itself
    // reduce 24-bit colours to something else: 256 is what all of them pass on.
    match mux {
        Some(Mux::Tmux) => return Colors::Indexed256,
        Some(Mux::Screen) if env.term.as_deref().is_some_and(|t| t.contains("256")) => {
            return Colors::Indexed256;
        }
        Some(Mux::Screen) => return Colors::Ansi16,
        Some(Mux::Zellij) | None => {}
    }
    if matches!(env.colorterm.as_deref(), Some("truecolor" | "24bit")) {
        return Colors::True;
    }
    match env.term.as_deref() {
        Some(t) if t.ends_with("-direct") => Colors::True,
        Some(t) if t.contains("256color") => Colors::Indexed256,
        Some("xterm-kitty" | "xterm-ghostty" | "alacritty" | "wezterm" | "foot") => Colors::True,
        Some(t) if t.starts_with("vt") && !t.contains("color") => Colors::Mono,
        None if cfg!(windows) => Colors::True,
        _ => Colors::Ansi16,
    }
}

/// Of `COLORFGBG` only the last field counts: an index into the sixteen colours.
fn scheme_of(colorfgbg: &str) -> Option<Scheme> {
    match colorfgbg.rsplit(';').next()?.trim().parse::<u8>().ok()? {
        7 | 9..=15 => Some(Scheme::Light),
        0..=6 | 8 => Some(Scheme::Dark),
        _ => None,
    }
}

/// Without any locale, as in most containers, the terminal at the far end still speaks UTF-8; a
/// locale that names another character set is believed. The Linux console's fonts lack the glyphs.
fn symbols(env: &Environment) -> Symbols {
    if env.term_is("linux") {
        return Symbols::Ascii;
    }
    let Some(locale) = env.locale.as_deref() else {
        return Symbols::Unicode;
    };
    let locale = locale.to_ascii_lowercase();
    if locale.contains("utf-8") || locale.contains("utf8") {
        Symbols::Unicode
    } else {
        Symbols::Ascii
    }
}

fn notify(env: &Environment, mux: Option<Mux>) -> Notify {
    // A multiplexer drops or swallows both sequences and passes the bell on.
    if mux.is_some() {
        return Notify::Bell;
    }
    match (env.term_program.as_deref(), env.term.as_deref()) {
        (Some("iTerm.app" | "WezTerm" | "ghostty"), _)
        | (_, Some("xterm-kitty" | "xterm-ghostty" | "wezterm")) => Notify::Osc9,
        (_, Some(t)) if t.starts_with("foot") || t.starts_with("rxvt") => Notify::Osc777,
        _ => Notify::Bell,
    }
}

#[cfg(test)]
mod tests;
