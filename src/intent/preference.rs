//! What is remembered of how somebody likes a pane: small texts by name, kept for each context.

/// A preference. The word is what it is kept under, and stays.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Preference {
    /// The columns of the models table, by title.
    ModelsColumns,
    /// The columns of the runs table, by experiment.
    RunsColumns,
}

impl Preference {
    /// Every preference.
    pub const ALL: [Self; 2] = [Self::ModelsColumns, Self::RunsColumns];

    /// The name it is kept under.
    pub fn word(self) -> &'static str {
        match self {
            Self::ModelsColumns => "models.columns",
            Self::RunsColumns => "runs.columns",
        }
    }

    /// The preference of a name; `None` for one that this version does not know.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|known| known.word() == word)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_preference_is_found_by_its_word() {
        for preference in Preference::ALL {
            assert_eq!(Preference::from_word(preference.word()), Some(preference));
        }
        assert_eq!(Preference::from_word("models.colours"), None);
    }
}
