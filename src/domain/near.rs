//! The nearest known word to a mistyped one.

/// The candidate nearest to `word`, if it is near enough to be what was meant.
///
/// Case and the choice between `-` and `_` count for nothing; two swapped letters count as one slip.
///
/// ```
/// use quarterdeck::domain::near::nearest;
/// assert_eq!(nearest("evry", ["every", "timeout"]), Some("every"));
/// assert_eq!(nearest("colour", ["theme", "mouse"]), None);
/// ```
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let folded = fold(word);
    if folded.len() > 64 {
        return None;
    }
    candidates
        .into_iter()
        .map(|c| (distance(&folded, &fold(c)), c))
        .filter(|(d, c)| *d <= (folded.len().min(c.chars().count()) / 3).max(1))
        .min_by_key(|(d, _)| *d)
        .map(|(_, c)| c)
}

fn fold(word: &str) -> Vec<char> {
    word.chars()
        .map(|c| if c == '-' { '_' } else { c })
        .flat_map(char::to_lowercase)
        .collect()
}

/// Optimal string alignment distance.
fn distance(a: &[char], b: &[char]) -> usize {
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, y) in b.iter().enumerate() {
            let mut best = (last[j] + usize::from(x != y))
                .min(last[j + 1] + 1)
                .min(row[j] + 1);
            if i > 0 && j > 0 && *x == b[j - 1] && a[i - 1] == *y {
                best = best.min(before[j - 1] + 1);
            }
            row.push(best);
        }
        before = std::mem::replace(&mut last, row);
    }
    last.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_are_understood_and_other_words_are_not() {
        for (word, want) in [
            ("tiemout", Some("timeout")),
            ("TIMEOUT", Some("timeout")),
            ("host-header", Some("host_header")),
            ("ulr", Some("url")),
            ("u", None),
            ("xyz", None),
            ("", None),
        ] {
            assert_eq!(
                nearest(word, ["timeout", "host_header", "url"]),
                want,
                "{word:?}"
            );
        }
    }
}
