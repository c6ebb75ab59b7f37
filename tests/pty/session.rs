//! Entering, leaving, suspending and losing a real terminal.

use std::time::{Duration, Instant};

use rustix::process::Signal;

use super::child::{HUNG_UP, INPUT_ENDED, WRITER_FAILED, console};
use super::harness::{PATIENCE, Pty};

/// The order in which `parts` appear in the bytes, each after the one before.
#[track_caller]
fn assert_in_order(bytes: &[u8], parts: &[&str]) {
    let text = String::from_utf8_lossy(bytes).into_owned();
    let mut rest = text.as_str();
    for part in parts {
        let Some(at) = rest.find(part) else {
            panic!("{part:?} is missing after its predecessor in {text:?}");
        };
        rest = &rest[at + part.len()..];
    }
}

const LEAVE: [&str; 6] = [
    "\x1b[?1006l\x1b[?1000l",
    "\x1b[?1004l",
    "\x1b[?2004l",
    "\x1b[?25h",
    "\x1b[0m",
    "\x1b[?1049l",
];

/// The shell's screen is back: no mode of ours is left.
#[track_caller]
fn assert_restored(pty: &Pty) {
    assert!(pty.is_cooked(), "still in raw mode");
    pty.see(|s| {
        assert!(!s.alternate_screen(), "still on the alternate screen");
        assert!(!s.hide_cursor(), "the cursor is hidden");
        assert!(!s.bracketed_paste(), "pastes are still bracketed");
        assert_eq!(s.mouse_protocol_mode(), vt100::MouseProtocolMode::None);
    });
}

#[test]
fn entering_and_leaving_restore_every_mode() {
    let mut pty = console("").start();
    pty.wait_for("ready");
    assert!(!pty.is_cooked());
    pty.see(|s| {
        assert!(s.alternate_screen() && s.hide_cursor() && s.bracketed_paste());
        assert_eq!(
            s.mouse_protocol_mode(),
            vt100::MouseProtocolMode::PressRelease
        );
    });
    let mark = pty.mark();
    pty.send("q");
    assert_eq!(pty.exit(), 0);
    assert_in_order(&pty.bytes_since(mark), &LEAVE);
    assert_restored(&pty);
    // What the shell had shown before is there again.
    assert!(pty.screen().contains("running 1 test"), "{}", pty.screen());
    assert!(!pty.screen().contains("ready"));
}

#[test]
fn the_first_frame_comes_before_the_questions() {
    let pty = console("").start();
    pty.wait_for("ready");
    assert_in_order(
        &pty.bytes_since(0),
        &[
            "\x1b[?1049h",
            "\x1b[?2026h",
            "first",
            "\x1b[?2026l",
            "\x1b[c",
            "ready",
        ],
    );
}

#[test]
fn answers_are_learned_and_kitty_keys_pushed_and_popped() {
    let mut pty = console("").kitty().light().start();
    pty.wait_for("Light kitty=true ready");
    pty.send("q");
    assert_eq!(pty.exit(), 0);
    assert_in_order(
        &pty.bytes_since(0),
        &["\x1b[?1049h", "\x1b[>1u", "\x1b[<1u", "\x1b[?1049l"],
    );
}

#[test]
fn a_mute_terminal_only_costs_the_deadline_and_loses_no_key() {
    let pty = console("").mute().start();
    pty.wait_for("first frame");
    pty.send("x");
    pty.wait_for("Dark kitty=false ready");
    pty.wait_for("keys: x");
    // The answer that comes too late is not a row of commands.
    pty.send("\x1b]11;rgb:ffff/ffff/ffff\x1b\\y");
    pty.wait_for("keys: x y");
}

#[test]
fn an_unchanged_screen_gets_no_bytes() {
    let pty = console("").start();
    pty.wait_for("ready");
    pty.send("a");
    pty.wait_for("keys: a");
    let mark = pty.mark();
    // Each of these is handled and drawn without a change; only the last changes something.
    for _ in 0..5 {
        pty.send("N");
    }
    pty.send("b");
    pty.wait_for("keys: a b");
    let bytes = pty.bytes_since(mark);
    let text = String::from_utf8_lossy(&bytes);
    assert_eq!(text.matches("\x1b[?2026h").count(), 1, "{text:?}");
    assert!(bytes.len() < 80, "{text:?}");
}

#[test]
fn a_panic_on_the_main_thread_restores_and_reports() {
    let mut pty = console("").start();
    pty.wait_for("ready");
    let mark = pty.mark();
    pty.send("P");
    assert_ne!(pty.exit(), 0);
    let mut order = LEAVE.to_vec();
    order.push("quarterdeck stopped: internal error");
    order.push("asked for on the main thread");
    order.push("child.rs:");
    assert_in_order(&pty.bytes_since(mark), &order);
    assert_restored(&pty);
}

#[test]
fn a_panic_elsewhere_leaves_the_console_alive() {
    let mut pty = console("").start();
    pty.wait_for("ready");
    pty.send("T");
    pty.wait_for("sink(asked for elsewhere)");
    pty.see(|s| assert!(s.alternate_screen()));
    pty.send("k");
    pty.wait_for("elsewhere) k");
    pty.send("q");
    assert_eq!(pty.exit(), 0);
}

#[test]
fn the_terminate_signal_restores() {
    let mut pty = console("").start();
    pty.wait_for("ready");
    pty.signal(Signal::TERM);
    assert_eq!(pty.exit(), 0);
    assert_restored(&pty);
}

/// Stops and continues, by key or by signal, with another size in between.
fn suspends(how: impl FnOnce(&Pty)) {
    let mut pty = console("").in_shell().start();
    pty.wait_for("80x24");
    pty.wait_for("ready");
    let mark = pty.mark();
    how(&pty);
    pty.wait_until("the shell's screen", |s| !s.alternate_screen());
    pty.wait_stopped();
    assert_restored(&pty);
    assert_in_order(&pty.bytes_since(mark), &LEAVE);

    pty.resize(100, 30);
    pty.signal_group(Signal::CONT);
    pty.wait_for("100x30");
    pty.wait_for("keys: continued");
    pty.see(|s| assert!(s.alternate_screen() && s.bracketed_paste()));
    pty.send("k");
    pty.wait_for("continued k");
    pty.send("q");
    assert_eq!(pty.exit(), 0);
    assert_restored(&pty);
}

#[test]
fn the_suspend_key_stops_the_whole_group_and_comes_back() {
    suspends(|pty| pty.send("\x1a"));
}

#[test]
fn the_suspend_signal_does_the_same() {
    suspends(|pty| pty.signal_group(Signal::TSTP));
}

#[test]
fn a_stopped_process_can_be_ended() {
    let mut pty = console("").in_shell().start();
    pty.wait_for("ready");
    pty.send("\x1a");
    pty.wait_stopped();
    pty.signal_group(Signal::TERM);
    pty.signal_group(Signal::CONT);
    pty.exit();
    assert_restored(&pty);
}

#[test]
fn nobody_to_continue_us_means_no_suspension() {
    let pty = console("").start();
    pty.wait_for("ready");
    pty.send("\x1a");
    pty.wait_for("keys: no-shell");
    pty.see(|s| assert!(s.alternate_screen()));
}

#[test]
fn a_window_that_closes_ends_a_process_deaf_to_the_signal() {
    let mut pty = console("deaf still").start();
    pty.wait_for("ready");
    pty.hang_up();
    // It writes nothing, so only the watch and the end of the input can tell.
    let code = pty.exit_within(Duration::from_secs(3));
    assert!([HUNG_UP, INPUT_ENDED].contains(&code), "{code}");
}

#[test]
fn the_watch_alone_notices_a_window_that_closed() {
    let mut pty = console("deaf still blind").start();
    pty.wait_for("ready");
    pty.hang_up();
    assert_eq!(pty.exit_within(Duration::from_secs(3)), HUNG_UP);
}

#[test]
fn a_frame_for_a_window_that_closed_ends_the_process_too() {
    let mut pty = console("deaf").start();
    pty.wait_for("ready");
    pty.hang_up();
    let code = pty.exit_within(Duration::from_secs(3));
    assert!(
        [HUNG_UP, WRITER_FAILED, INPUT_ENDED].contains(&code),
        "{code}"
    );
}

#[test]
fn a_window_that_closes_ends_an_ordinary_process() {
    let mut pty = console("").start();
    pty.wait_for("ready");
    pty.hang_up();
    pty.exit_within(Duration::from_secs(3));
}

#[test]
fn a_stalled_window_blocks_neither_keys_nor_quitting() {
    let mut pty = console("").size(200, 60).start();
    pty.wait_for("ready");
    pty.stall(true);
    let log = pty.home().join("log");
    let seen = |n: usize| {
        std::fs::read_to_string(&log).is_ok_and(|text| text.contains(&format!("noise {n}\n")))
    };
    for n in 1..=10 {
        pty.send("#");
        let end = Instant::now() + PATIENCE;
        while !seen(n) {
            assert!(Instant::now() < end, "key {n} was not handled");
            std::thread::sleep(Duration::from_millis(2));
        }
    }
    let quit = Instant::now();
    pty.send("q");
    assert_eq!(pty.exit_within(Duration::from_secs(3)), 0);
    assert!(quit.elapsed() < Duration::from_millis(1_500));
    // The window wakes up and finds the shell's screen, because what it had not read was dropped.
    pty.stall(false);
    pty.exit();
    assert_restored(&pty);
}

#[test]
fn resizing_repaints() {
    let pty = console("").start();
    pty.wait_for("80x24");
    pty.wait_for("ready");
    pty.resize(120, 36);
    pty.wait_for("120x36");
    pty.wait_gone("80x24");
}

#[test]
fn pastes_mouse_and_split_keys_arrive() {
    let pty = console("").start();
    pty.wait_for("ready");
    pty.send("\x1b[200~churn\r\nyes\x1b[201~");
    pty.wait_for("paste(churn yes)");
    pty.send("\x1b[<0;10;5M");
    pty.wait_for("yes) mouse");
    pty.send("\x1bx");
    pty.wait_for("mouse alt-x");
    pty.send("\x1b");
    pty.wait_for("alt-x esc");
    pty.send("\x1b[I");
    pty.wait_for("esc focus(true)");
}

#[test]
fn a_dumb_terminal_is_refused_in_words() {
    let mut pty = console("").env("TERM", "dumb").start();
    assert_eq!(pty.exit(), 2);
    assert!(
        pty.screen().contains("refused: TERM=dumb"),
        "{}",
        pty.screen()
    );
    pty.see(|s| assert!(!s.alternate_screen()));
}
