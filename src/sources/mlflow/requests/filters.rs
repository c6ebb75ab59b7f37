//! The filter grammar of a tracker: literals and lists of names. Which rows are asked for is decided elsewhere.

/// The longest filter sent in a URL: proxies refuse longer lines.
const FILTER_LIMIT: usize = 4_000;

/// A string literal of the filter grammar, which has no escapes: the quote that the text does not
/// hold. `None` if it holds both, or something that the grammar reads in its own way.
pub(in crate::sources::mlflow) fn literal(text: &str) -> Option<String> {
    if text.contains('\\') || text.chars().any(char::is_control) {
        return None;
    }
    match (text.contains('\''), text.contains('"')) {
        (false, _) => Some(format!("'{text}'")),
        (true, false) => Some(format!("\"{text}\"")),
        (true, true) => None,
    }
}

/// `name IN (…)` filters over `names`, each short enough for a URL, and the names that no literal can
/// hold.
pub(in crate::sources::mlflow) fn name_filters<'a>(
    names: impl IntoIterator<Item = &'a str>,
) -> (Vec<String>, Vec<&'a str>) {
    let mut filters = Vec::new();
    let mut odd = Vec::new();
    let mut open = String::new();
    for name in names {
        let Some(quoted) = literal(name).filter(|q| q.len() < FILTER_LIMIT / 2) else {
            odd.push(name);
            continue;
        };
        if !open.is_empty() && open.len() + quoted.len() > FILTER_LIMIT {
            filters.push(format!("name IN ({open})"));
            open.clear();
        }
        if !open.is_empty() {
            open.push_str(", ");
        }
        open.push_str(&quoted);
    }
    if !open.is_empty() {
        filters.push(format!("name IN ({open})"));
    }
    (filters, odd)
}

/// A filter for one model's rows. A name that no literal can hold is asked for by a pattern that
/// matches it and little else: the caller compares names.
pub(in crate::sources::mlflow) fn one_name(name: &str) -> String {
    literal(name).map_or_else(
        || {
            let pattern: String = name
                .chars()
                .map(|c| {
                    if matches!(c, '\'' | '"' | '\\') || c.is_control() {
                        '_'
                    } else {
                        c
                    }
                })
                .collect();
            format!("name LIKE '{pattern}'")
        },
        |quoted| format!("name = {quoted}"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_literal_takes_the_quote_that_its_text_does_not_hold() {
        for (text, want) in [
            ("fraud", Some("'fraud'")),
            ("it's", Some("\"it's\"")),
            ("say \"hi\"", Some("'say \"hi\"'")),
            ("a'b\"c", None),
            ("a\\", None),
            ("a\nb", None),
        ] {
            assert_eq!(literal(text).as_deref(), want, "{text:?}");
        }
    }

    #[test]
    fn names_that_no_literal_holds_are_set_apart() {
        let (filters, odd) = name_filters(["b", "it's", "x'y\"z"]);
        assert_eq!(filters, ["name IN ('b', \"it's\")"]);
        assert_eq!(odd, ["x'y\"z"]);
        assert_eq!(one_name("x'y\"z"), "name LIKE 'x_y_z'");
    }

    #[test]
    fn many_names_become_several_filters() {
        let names: Vec<String> = (0..500).map(|i| format!("model-with-a-name-{i}")).collect();
        let (filters, odd) = name_filters(names.iter().map(String::as_str));
        assert!(odd.is_empty());
        assert!(filters.len() > 1);
        assert!(filters.iter().all(|f| f.len() < FILTER_LIMIT + 20));
        let listed: usize = filters.iter().map(|f| f.matches('\'').count() / 2).sum();
        assert_eq!(listed, 500);
    }
}
