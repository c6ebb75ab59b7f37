//! What the protocols' answers have in common: words that may be text or numbers, version lists that
//! may repeat themselves, and the notes of a look. Knows no protocol.

use serde_json::Value;

use crate::domain::deployment::{Known, ServedState, ServedVersion};
use crate::domain::fault::Fault;
use crate::domain::key::Key;
use crate::domain::text::{Clean, without_credentials};

/// The longest text taken for a version or a model name, in bytes. What is longer is not a name that
/// anyone serves, and would be sent back in every request.
const LONGEST_WORD: usize = 1_024;

/// The most versions kept of one endpoint. `TensorFlow` Serving lists every version it ever loaded.
const MOST_VERSIONS: usize = 100;

/// A word that servers write as text or as a whole number (`"7"`, `7`). Anything else is none.
pub(super) fn word(value: &Value) -> Option<String> {
    match value {
        Value::String(text) if !text.trim().is_empty() && text.len() <= LONGEST_WORD => {
            Some(text.clone())
        }
        Value::Number(number) if number.is_i64() || number.is_u64() => Some(number.to_string()),
        _ => None,
    }
}

/// A text field, empty when it is null, absent or of another type.
pub(super) fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// Remarks of a look, joined to one line.
#[derive(Debug, Default)]
pub(super) struct Notes {
    said: Vec<String>,
    unread: Option<String>,
}

impl Notes {
    /// Adds a remark, unless it is empty or said already.
    pub(super) fn add(&mut self, note: impl Into<String>) {
        let note = note.into();
        if !note.trim().is_empty() && !self.said.contains(&note) {
            self.said.push(note);
        }
    }

    /// Adds that a call which tells the versions has failed.
    pub(super) fn unread(&mut self, fault: &Fault) {
        let note = format!("versions could not be read: {fault}");
        self.unread.get_or_insert_with(|| note.clone());
        self.add(note);
    }

    /// Which call failed, where the versions could not be read.
    pub(super) fn why_unread(&self) -> Clean {
        let why = self.unread.as_deref().unwrap_or_default();
        Clean::text(&without_credentials(why))
    }

    /// All remarks as one line.
    pub(super) fn line(&self) -> Clean {
        Clean::text(&without_credentials(&self.said.join("; ")))
    }
}

/// A list of versions as it is gathered from rows.
#[derive(Debug, Default)]
pub(super) struct Gathered(Vec<ServedVersion>);

impl Gathered {
    /// Adds what a row reports. A version told of twice in two states is in no known state.
    pub(super) fn report(&mut self, version: &str, state: ServedState, message: &str) {
        let message = Clean::text(&without_credentials(message));
        let version = Key::new(version);
        if let Some(known) = self.0.iter_mut().find(|v| v.version == version) {
            if known.state != state {
                known.state = ServedState::Unknown;
                known.message = Clean::text("the server lists this version twice, in two states");
            }
            return;
        }
        // Kept a little beyond the limit, so that the rows that matter can be chosen at the end
        // while an endless answer stays cheap.
        if self.0.len() < 20 * MOST_VERSIONS {
            self.0.push(ServedVersion {
                version,
                known: Known::Reported,
                state,
                message,
            });
        }
    }

    /// The versions, newest first: by number, then by text. Answering ones survive the limit before
    /// others, in the order of [`ServedState`].
    pub(super) fn finish(mut self, notes: &mut Notes) -> Vec<ServedVersion> {
        let newest_first =
            |v: &ServedVersion| std::cmp::Reverse((number(&v.version), v.version.clone()));
        self.0.sort_by_cached_key(|v| (v.state, newest_first(v)));
        if self.0.len() > MOST_VERSIONS {
            notes.add(format!(
                "more than {MOST_VERSIONS} versions listed; the rest is left out"
            ));
            self.0.truncate(MOST_VERSIONS);
        }
        self.0.sort_by_cached_key(newest_first);
        self.0
    }
}

/// A version as a number, where it is one.
pub(super) fn number(version: &Key) -> Option<u64> {
    version.raw().parse().ok()
}

/// The highest-numbered version that answers; none when a version that answers has no number, since
/// the order is then not known.
pub(super) fn newest_answering(versions: &[ServedVersion]) -> Option<Key> {
    let answering = || {
        versions
            .iter()
            .filter(|v| v.state == ServedState::Answering)
    };
    if answering().any(|v| number(&v.version).is_none()) {
        return None;
    }
    answering()
        .max_by_key(|v| number(&v.version))
        .map(|v| v.version.clone())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn words_are_text_or_whole_numbers() {
        for (value, want) in [
            (json!("7"), Some("7")),
            (json!(7), Some("7")),
            (json!(u64::MAX), Some("18446744073709551615")),
            (json!(7.5), None),
            (json!(""), None),
            (json!("  "), None),
            (json!(null), None),
            (json!(true), None),
            (json!(["7"]), None),
            (json!({"v": 7}), None),
            (json!("x".repeat(50_000)), None),
        ] {
            assert_eq!(word(&value).as_deref(), want, "{value}");
        }
    }

    #[test]
    fn contradicting_rows_leave_the_state_unknown() {
        let mut gathered = Gathered::default();
        gathered.report("5", ServedState::Answering, "");
        gathered.report("5", ServedState::Answering, "");
        gathered.report("6", ServedState::Answering, "");
        gathered.report("6", ServedState::Loading, "");
        let versions = gathered.finish(&mut Notes::default());
        let seen: Vec<_> = versions
            .iter()
            .map(|v| (v.version.raw(), v.state))
            .collect();
        assert_eq!(
            seen,
            [("6", ServedState::Unknown), ("5", ServedState::Answering)]
        );
    }

    #[test]
    fn the_limit_keeps_what_answers() {
        let mut gathered = Gathered::default();
        for n in 0..500 {
            let state = if n == 3 {
                ServedState::Answering
            } else {
                ServedState::Unloaded
            };
            gathered.report(&n.to_string(), state, "");
        }
        let mut notes = Notes::default();
        let versions = gathered.finish(&mut notes);
        assert_eq!(versions.len(), MOST_VERSIONS);
        assert_eq!(versions[0].version.raw(), "499");
        assert_eq!(newest_answering(&versions), Some(Key::new("3")));
        assert!(notes.line().as_str().contains("left out"));
    }

    #[test]
    fn versions_without_numbers_have_no_newest() {
        let mut gathered = Gathered::default();
        gathered.report("10", ServedState::Answering, "");
        gathered.report("9", ServedState::Answering, "");
        let versions = gathered.finish(&mut Notes::default());
        assert_eq!(newest_answering(&versions), Some(Key::new("10")));

        let mut gathered = Gathered::default();
        gathered.report("10", ServedState::Answering, "");
        gathered.report("blue", ServedState::Answering, "");
        let versions = gathered.finish(&mut Notes::default());
        assert_eq!(newest_answering(&versions), None);
    }
}
