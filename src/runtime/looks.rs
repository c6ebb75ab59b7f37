//! Which theme, symbols and colours a terminal gets, from the settings and from what it can do.

use ratatui::layout::{Rect, Size};

use crate::domain::settings::Console;
use crate::domain::time::Now;
use crate::terminal::caps::{Caps, Colors, Scheme, Symbols as Set};
use crate::ui::look::Look;
use crate::ui::symbols::Symbols;
use crate::ui::theme::{Depth, Theme};

/// The look of a terminal. A theme that is not there is reported by the configuration, and `auto`
/// stands in for it.
pub fn look(console: &Console, caps: &Caps, size: Size, now: Now) -> Look {
    let depth = match caps.colors {
        Colors::Mono => Depth::Mono,
        Colors::Ansi16 => Depth::Ansi16,
        Colors::Indexed256 => Depth::Ansi256,
        Colors::True => Depth::True,
    };
    let automatic = match (depth, caps.scheme) {
        (Depth::Mono, _) => "mono",
        (_, Scheme::Dark) => "dark",
        (_, Scheme::Light) => "light",
    };
    let symbols = match (console.symbols.as_str(), caps.symbols) {
        ("ascii", _) | ("auto", Set::Ascii) => &Symbols::ASCII,
        _ => &Symbols::UNICODE,
    };
    let theme = Theme::built_in(&console.theme)
        .or_else(|| Theme::built_in(automatic))
        .unwrap_or_else(built_in_mono);
    Look::new(
        theme,
        symbols,
        depth,
        Rect::new(0, 0, size.width, size.height),
        now,
    )
}

#[expect(clippy::expect_used, reason = "a test reads every built-in theme")]
fn built_in_mono() -> Theme {
    Theme::built_in("mono").expect("the built-in themes are read by a test")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::terminal::caps::{ColorWish, Environment, detect};

    fn of(console: &Console, term: &str, colorfgbg: Option<&str>) -> Look {
        let env = Environment {
            term: Some(term.to_owned()),
            colorfgbg: colorfgbg.map(str::to_owned),
            stdin_tty: true,
            stdout_tty: true,
            ..Environment::default()
        };
        let caps = detect(&env, ColorWish::Auto).unwrap();
        look(console, &caps, Size::new(80, 24), Now::default())
    }

    #[test]
    fn the_terminal_decides_unless_the_settings_do() {
        let auto = Console::default();
        for name in Theme::BUILT_IN {
            assert!(Theme::built_in(name).is_some(), "{name}");
        }
        assert_eq!(of(&auto, "xterm-256color", None).theme.name, "dark");
        assert_eq!(
            of(&auto, "xterm-256color", Some("0;15")).theme.name,
            "light"
        );
        assert_eq!(of(&auto, "vt100", None).theme.name, "mono");
        let set = Console {
            theme: "light".to_owned(),
            ..auto.clone()
        };
        assert_eq!(of(&set, "xterm-256color", None).theme.name, "light");
        let unknown = Console {
            theme: "no such".to_owned(),
            ..auto
        };
        assert_eq!(of(&unknown, "xterm-256color", None).theme.name, "dark");
    }
}
