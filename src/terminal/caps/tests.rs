use super::*;

fn env(pairs: &[(&str, &str)]) -> Environment {
    let mut e = Environment {
        stdin_tty: true,
        stdout_tty: true,
        ..Environment::default()
    };
    for (name, value) in pairs {
        let value = Some((*value).to_owned());
        match *name {
            "TERM" => e.term = value,
            "COLORTERM" => e.colorterm = value,
            "COLORFGBG" => e.colorfgbg = value,
            "TERM_PROGRAM" => e.term_program = value,
            "FORCE_COLOR" => e.force_color = value,
            "LANG" => e.locale = value,
            "NO_COLOR" => e.no_color = true,
            "TMUX" => e.tmux = true,
            "STY" => e.screen = true,
            "ZELLIJ" => e.zellij = true,
            "SSH" => e.ssh = true,
            other => panic!("{other}"),
        }
    }
    e
}

fn caps(pairs: &[(&str, &str)]) -> Caps {
    detect(&env(pairs), ColorWish::Auto).unwrap()
}

#[test]
fn colour_depth() {
    use Colors::{Ansi16, Indexed256, Mono, True};
    let t = ("TERM", "xterm-256color");
    let c = ("COLORTERM", "truecolor");
    for (pairs, want) in [
        (vec![], Ansi16),
        (vec![("TERM", "xterm")], Ansi16),
        (vec![("TERM", "whatever")], Ansi16),
        (vec![("TERM", "vt100")], Mono),
        (vec![t], Indexed256),
        (vec![t, c], True),
        (vec![t, ("COLORTERM", "24bit")], True),
        (vec![t, ("COLORTERM", "yes")], Indexed256),
        (vec![("TERM", "xterm-direct")], True),
        (vec![("TERM", "xterm-kitty")], True),
        (vec![t, c, ("TMUX", "x")], Indexed256),
        (vec![("TERM", "tmux-256color"), c], Indexed256),
        (vec![("TERM", "screen"), c], Ansi16),
        (
            vec![("TERM", "screen.xterm-256color"), c, ("STY", "x")],
            Indexed256,
        ),
        (vec![("TERM", "screen-256color"), ("TMUX", "x")], Indexed256),
        (vec![t, c, ("ZELLIJ", "0")], True),
        (vec![t, c, ("NO_COLOR", "1")], Mono),
        (
            vec![t, c, ("NO_COLOR", "1"), ("FORCE_COLOR", "2")],
            Indexed256,
        ),
        (vec![t, c, ("FORCE_COLOR", "0")], Mono),
        (vec![t, ("FORCE_COLOR", "3")], True),
        (vec![t, c, ("NO_COLOR", "1"), ("FORCE_COLOR", "true")], True),
    ] {
        assert_eq!(caps(&pairs).colors, want, "{pairs:?}");
    }
}

#[test]
fn the_flag_beats_the_environment() {
    let e = env(&[("TERM", "xterm-256color"), ("NO_COLOR", "1")]);
    for (wish, want) in [
        ("auto", Colors::Mono),
        ("always", Colors::Indexed256),
        ("never", Colors::Mono),
        ("16", Colors::Ansi16),
        ("256", Colors::Indexed256),
        ("truecolor", Colors::True),
    ] {
        let wish: ColorWish = wish.parse().unwrap();
        assert_eq!(detect(&e, wish).unwrap().colors, want, "{wish:?}");
    }
    assert!("teal".parse::<ColorWish>().is_err());
}

#[test]
fn symbols_follow_a_locale_that_says_something() {
    for (pairs, want) in [
        (vec![], Symbols::Unicode),
        (vec![("LANG", "en_GB.UTF-8")], Symbols::Unicode),
        (vec![("LANG", "C.utf8")], Symbols::Unicode),
        (vec![("LANG", "C")], Symbols::Ascii),
        (vec![("LANG", "POSIX")], Symbols::Ascii),
        (vec![("LANG", "de_DE.ISO-8859-1")], Symbols::Ascii),
        (vec![("LANG", "C.UTF-8"), ("TERM", "linux")], Symbols::Ascii),
    ] {
        assert_eq!(caps(&pairs).symbols, want, "{pairs:?}");
    }
}

#[test]
fn no_console_without_a_terminal() {
    let mut e = env(&[]);
    e.stdout_tty = false;
    assert_eq!(detect(&e, ColorWish::Auto), Err(Refusal::NoTerminal));
    e.stdout_tty = true;
    e.stdin_tty = false;
    assert_eq!(detect(&e, ColorWish::Always), Err(Refusal::NoTerminal));
    assert_eq!(
        detect(&env(&[("TERM", "dumb")]), ColorWish::Always),
        Err(Refusal::Dumb)
    );
}

#[test]
fn the_multiplexer_nearest_to_us_is_named() {
    for (pairs, want) in [
        (vec![], None),
        (vec![("TMUX", "x")], Some(Mux::Tmux)),
        (
            vec![("TMUX", "x"), ("TERM", "screen-256color")],
            Some(Mux::Tmux),
        ),
        (vec![("TERM", "screen")], Some(Mux::Screen)),
        (vec![("ZELLIJ", "0"), ("TMUX", "x")], Some(Mux::Zellij)),
    ] {
        assert_eq!(caps(&pairs).mux, want, "{pairs:?}");
    }
}

#[test]
fn notification_by_name() {
    for (pairs, want) in [
        (vec![("TERM_PROGRAM", "iTerm.app")], Notify::Osc9),
        (vec![("TERM", "xterm-kitty")], Notify::Osc9),
        (vec![("TERM", "foot-extra")], Notify::Osc777),
        (vec![("TERM", "xterm-kitty"), ("TMUX", "x")], Notify::Bell),
        (vec![("TERM", "xterm-256color")], Notify::Bell),
    ] {
        assert_eq!(caps(&pairs).notify, want, "{pairs:?}");
    }
}

#[test]
fn the_terminals_answer_beats_the_environment() {
    let dark = caps(&[("COLORFGBG", "15;default;0")]);
    assert_eq!(dark.scheme, Scheme::Dark);
    assert_eq!(caps(&[("COLORFGBG", "0;15")]).scheme, Scheme::Light);
    assert_eq!(caps(&[("COLORFGBG", "0;default")]).scheme, Scheme::Dark);
    let learned = dark.learn(&Answers {
        background: Some(Rgb(0xfd, 0xf6, 0xe3)),
        kitty: true,
        complete: true,
        typed: vec![],
    });
    assert_eq!(learned.scheme, Scheme::Light);
    assert!(learned.kitty);
    assert_eq!(dark.learn(&Answers::default()), dark);
}

#[test]
fn a_slow_link_gets_more_patience() {
    let near = caps(&[]);
    let far = caps(&[("SSH", "1")]);
    assert_eq!(near.answer_limit(), Duration::from_millis(150));
    assert_eq!(far.answer_limit(), Duration::from_millis(600));
    assert_eq!(near.escape_hold(), Duration::from_millis(50));
    assert_eq!(far.escape_hold(), Duration::from_millis(150));
    assert!(far.frame_gap() > near.frame_gap());
}

#[test]
fn terminals_that_print_questions_are_not_asked() {
    assert!(caps(&[("TERM", "xterm")]).may_ask);
    assert!(caps(&[("TMUX", "x"), ("TERM", "screen")]).may_ask);
    for term in ["linux", "screen", "eterm-color"] {
        assert!(!caps(&[("TERM", term)]).may_ask, "{term}");
    }
}
