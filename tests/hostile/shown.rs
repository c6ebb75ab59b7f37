//! Everything that leaves the console: frames, documents, the clipboard, the title, faults.

use quarterdeck::app::view;
use quarterdeck::commands::documents;
use quarterdeck::domain::change::Subject;
use quarterdeck::intent::chord::Chord;
use quarterdeck::intent::msg::Msg;
use quarterdeck::panes::Place;
use quarterdeck::ui::look::Look;
use quarterdeck::ui::symbols::Symbols;
use quarterdeck::ui::theme::{Depth, Theme};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use serde_json::Value;
use unicode_width::UnicodeWidthStr as _;

use crate::console::{Console, PASSWORD};

/// The sizes of frame that are judged.
const SIZES: [(u16, u16); 2] = [(60, 16), (120, 36)];

/// Whether a character would be acted on by a terminal, or would reorder what stands beside it.
fn is_hostile(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}')
}

/// Fails on a text that no terminal, log or file should get.
pub(crate) fn assert_harmless(what: &str, text: &str) {
    assert!(!text.chars().any(is_hostile), "{what}: {text:?}");
    assert!(!text.contains(PASSWORD), "{what} tells a secret: {text}");
}

/// As [`assert_harmless`], for the `Debug` of a value: there, what is not printable is escaped.
pub(crate) fn assert_harmless_debug(what: &str, value: &impl std::fmt::Debug) {
    // A backslash of the text itself is doubled: what follows it is no escape.
    let text = format!("{value:?}").replace(r"\\", "");
    for bad in ["\\u{1b}", "\\u{7}", "\\u{9b}", "\\u{202e}", "\\r", "\\n"] {
        assert!(!text.contains(bad), "{what} holds {bad}: {text}");
    }
    assert_harmless(what, &text);
}

pub(crate) fn assert_harmless_json(what: &str, value: &Value) {
    match value {
        Value::String(text) => assert_harmless(what, text),
        Value::Array(items) => items.iter().for_each(|v| assert_harmless_json(what, v)),
        Value::Object(fields) => {
            for (key, value) in fields {
                assert_harmless(what, key);
                assert_harmless_json(&format!("{what}.{key}"), value);
            }
        }
        _ => {}
    }
}

/// Every place there is, pages with the first thing that they can be of.
pub(crate) fn places(console: &Console) -> Vec<Place> {
    let fleet = console.fleet();
    let mut all = vec![
        Place::Triage,
        Place::Models,
        Place::Experiments,
        Place::Drift,
        Place::Deployments,
    ];
    for model in fleet.models().take(1).chain(fleet.models().last()) {
        all.push(Place::Model(model.key.clone()));
        all.push(Place::Features(model.key.clone()));
        all.push(Place::Changes(model.key.clone(), None));
        all.push(Place::History(Subject::Model(model.key.clone())));
        let runs = fleet.versions(&model.key).iter();
        let runs: Vec<_> = runs.filter_map(|h| h.fact.run.clone()).take(3).collect();
        all.extend(runs.first().cloned().map(Place::Run));
        if runs.len() > 1 {
            all.push(Place::Compare(runs.into()));
        }
    }
    let alert = fleet.alerts().next();
    all.extend(alert.map(|held| Place::Alert(held.fact.key.clone())));
    let deployment = fleet.deployments().next();
    all.extend(deployment.map(|d| Place::History(Subject::Deployment(d.key.clone()))));
    all
}

fn assert_frame_is_whole(what: &str, buf: &Buffer) {
    let area = buf.area;
    for y in area.top()..area.bottom() {
        let mut x = area.left();
        while x < area.right() {
            let symbol = buf[(x, y)].symbol();
            assert!(
                !symbol.chars().any(is_hostile),
                "{what}: {symbol:?} at {x},{y}"
            );
            let width = u16::try_from(symbol.width()).expect("a cell is a few columns wide");
            assert!(
                width <= 2 && x + width <= area.right(),
                "{what}: {symbol:?} is {width} wide at {x},{y}"
            );
            x += width.max(1);
        }
    }
}

/// Draws places at every size, and takes what each would copy.
pub(crate) fn assert_frames_are_whole(console: &mut Console, places: &[Place], what: &str) {
    let theme = Theme::built_in("dark").expect("a built-in theme");
    for (at, place) in places.iter().enumerate() {
        console.app.open(place.clone());
        for (width, height) in SIZES {
            console.take(Msg::Resize { width, height });
            let area = Rect::new(0, 0, width, height);
            let symbols = [&Symbols::UNICODE, &Symbols::ASCII][at % 2];
            let look = Look::new(theme.clone(), symbols, Depth::True, area, console.now());
            let mut buf = Buffer::empty(area);
            let drawn = view(&console.app, &look, &mut buf);
            console.app.drawn(drawn.hits);
            assert_frame_is_whole(&format!("{what}: {place:?} at {width}×{height}"), &buf);
        }
        for key in ["j", "y", "Y"] {
            console.take(Msg::Key(Chord::parse(key).expect("a key")));
        }
        if let Some(notice) = console.app.notice() {
            assert_harmless(what, notice.text.as_str());
        }
        let shown = console.app.place();
        assert!(shown == *place || shown.tab() > 0, "{shown:?}");
    }
    console.app.open(Place::Triage);
    for text in std::mem::take(&mut console.copied) {
        for line in text.as_str().split('\n') {
            assert_harmless(&format!("{what}: clipboard"), line);
        }
    }
}

/// Reads every document and every view.
pub(crate) fn assert_texts_are_harmless(console: &Console, what: &str) {
    let (fleet, now) = (console.fleet(), console.now().wall);
    let documents = [
        documents::status(fleet, now),
        documents::models(fleet, now),
        documents::deployments(fleet, now),
        documents::wiring(fleet, now),
    ];
    for document in &documents {
        assert_harmless_json(what, document);
    }
    for model in fleet.models() {
        assert_harmless_debug(what, model);
        assert_harmless_json(what, &documents::model_page(fleet, model, now));
        for version in fleet.versions(&model.key) {
            assert_harmless_debug(what, &version.fact);
        }
        for change in fleet.model_timeline(&model.key) {
            assert_harmless_debug(what, change);
            assert_harmless_json(what, &documents::change(change));
        }
    }
    for deployment in fleet.deployments() {
        assert_harmless_debug(what, deployment);
    }
    for experiment in fleet.experiments() {
        assert_harmless_debug(what, &experiment.fact);
    }
    for (id, health, _) in fleet.sources() {
        assert_harmless(what, id.as_str());
        assert_harmless_debug(what, health);
    }
    assert_harmless("title", console.app.window_title().as_str());
}
