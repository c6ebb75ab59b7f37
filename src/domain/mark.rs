//! Marks that somebody leaves on a registered model for every console, with an end: a freeze, an
//! acknowledgement. A mark is a tag whose value is JSON; it is ended by overwriting it with one that has
//! expired, because taking a tag away is a right that few have.

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::text::Clean;
use super::time::Millis;

/// The tag of a freeze: until its end nobody writes to the model.
pub const FREEZE: &str = "quarterdeck.freeze";
/// The tag of an acknowledgement: somebody sees to the model's trouble.
pub const ACKNOWLEDGED: &str = "quarterdeck.ack";
/// The longest reason that is kept, in characters: tags of models are limited.
const LONGEST: usize = 500;

/// A mark.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Mark {
    /// Who left it.
    pub by: Clean,
    /// When.
    pub at: Millis,
    /// Until when it holds, by the registry's clock.
    pub until: Millis,
    /// Why.
    pub reason: Clean,
}

/// A mark's tag as it stands.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Marked {
    /// A mark that holds.
    Holds(Mark),
    /// The tag is there and cannot be read, with the reason: nobody knows when it ends.
    Unreadable(Clean),
}

/// Whether a tag is a mark.
pub fn is_mark(tag: &str) -> bool {
    [FREEZE, ACKNOWLEDGED].contains(&tag)
}

impl Mark {
    /// The same, ended: it holds from no moment on.
    #[must_use]
    pub fn ended(self) -> Self {
        Self {
            until: self.at,
            ..self
        }
    }

    /// The tag's value. The times are written as people read them.
    pub fn write(&self) -> String {
        let reason: String = self.reason.as_str().chars().take(LONGEST).collect();
        json!({
            "by": self.by.as_str(), "at": self.at.rfc3339(), "until": self.until.rfc3339(),
            "reason": reason,
        })
        .to_string()
    }

    /// Reads a tag's value.
    ///
    /// # Errors
    /// In words, when it is no mark.
    pub fn read(text: &str) -> Result<Self, Clean> {
        #[derive(Deserialize)]
        struct Wire {
            until: String,
            #[serde(default)]
            by: String,
            #[serde(default)]
            at: String,
            #[serde(default)]
            reason: String,
        }
        let wire: Wire = serde_json::from_str(text)
            .map_err(|_| Clean::text("it is no JSON with the field `until`"))?;
        let time = |text: &str| {
            let parsed = chrono::DateTime::parse_from_rfc3339(text).ok()?;
            Some(Millis(parsed.timestamp_millis()))
        };
        Ok(Self {
            by: Clean::name(&wire.by),
            at: time(&wire.at).unwrap_or_default(),
            until: time(&wire.until).ok_or_else(|| {
                Clean::text("its `until` is no time such as 2026-11-23T14:02:00Z")
            })?,
            reason: Clean::limited(&wire.reason, LONGEST),
        })
    }

    /// What a tag says at a moment of the registry's clock; `None` where it is empty or has expired.
    pub fn standing(tag: Option<&Clean>, now: Millis) -> Option<Marked> {
        let text = tag.filter(|text| !text.as_str().trim().is_empty())?;
        match Self::read(text.as_str()) {
            Ok(mark) => (now < mark.until).then_some(Marked::Holds(mark)),
            Err(why) => Some(Marked::Unreadable(why)),
        }
    }
}

impl Marked {
    /// When it ends, where that is known.
    pub fn until(&self) -> Option<Millis> {
        match self {
            Self::Holds(mark) => Some(mark.until),
            Self::Unreadable(_) => None,
        }
    }

    /// `frozen by ana until 14:02 (release week)`: what a reason is asked and given for.
    pub fn frozen(&self) -> Clean {
        Clean::text(&format!("frozen {}", self.words()))
    }

    /// `by ana until 14:02 (release week)`, or why nobody can tell.
    pub fn words(&self) -> Clean {
        match self {
            Self::Holds(mark) => {
                let why = if mark.reason.is_empty() {
                    String::new()
                } else {
                    format!(" ({})", mark.reason)
                };
                let by = if mark.by.is_empty() {
                    "somebody"
                } else {
                    mark.by.as_str()
                };
                Clean::text(&format!("by {by} until {}{why}", mark.until.day_minute()))
            }
            Self::Unreadable(why) => {
                Clean::text(&format!("its tag cannot be read, so it holds: {why}"))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_survives_its_tag() {
        let mark = Mark {
            by: Clean::name("ana"),
            at: Millis(1_795_442_520_000),
            until: Millis(1_795_449_720_000),
            reason: Clean::text("release \"week\""),
        };
        assert_eq!(Mark::read(&mark.write()), Ok(mark));
    }

    #[test]
    fn it_holds_until_its_end_and_what_nobody_can_read_holds_too() {
        let mark = Mark {
            by: Clean::name("ana"),
            at: Millis(0),
            until: Millis(60_000),
            reason: Clean::empty(),
        };
        let tag = Clean::text(&mark.write());
        let standing = |now| Mark::standing(Some(&tag), Millis(now));
        assert_eq!(standing(59_999), Some(Marked::Holds(mark)));
        assert_eq!(standing(60_000), None);
        for text in ["yes", "{}", r#"{"until":"tomorrow"}"#] {
            let found = Mark::standing(Some(&Clean::text(text)), Millis(0));
            assert!(matches!(found, Some(Marked::Unreadable(_))), "{text}");
        }
        assert_eq!(Mark::standing(Some(&Clean::text(" ")), Millis(0)), None);
        assert_eq!(Mark::standing(None, Millis(0)), None);
        let mark = Mark::read(tag.as_str()).expect("a mark").ended();
        let over = Clean::text(&mark.write());
        assert_eq!(Mark::standing(Some(&over), Millis(0)), None);
    }
}
