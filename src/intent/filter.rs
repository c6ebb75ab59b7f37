//! The local filter grammar: words, exclusions, regular expressions, and typed column conditions.
//!
//! `fraud !staging owner:risk auc>=0.9 /v1\d/` keeps rows that hold `fraud` anywhere, do not hold
//! `staging`, whose owner holds `risk`, whose `auc` is at least 0.9 and that match the expression.
//! Words ignore case; a value with spaces is quoted: `name:"eta city"`.

use regex_lite::Regex;

/// A filter, read.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    text: String,
    terms: Vec<Term>,
}

#[derive(Clone, Debug)]
struct Term {
    negated: bool,
    column: Option<String>,
    test: Test,
}

#[derive(Clone, Debug)]
enum Test {
    Holds(String),
    Matches(Regex),
    Compares(Comparison, f64),
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Comparison {
    Less,
    AtMost,
    Equal,
    AtLeast,
    Greater,
}

/// A row, as a filter sees it.
pub trait Searchable {
    /// Calls `each` with every text of the row until it says `true`.
    fn any_text(&self, each: &mut dyn FnMut(&str) -> bool) -> bool;
    /// The text of a column; `None` if the row has no such column.
    fn text_of(&self, column: &str) -> Option<String>;
    /// The number of a column; `None` if it has none.
    fn number_of(&self, column: &str) -> Option<f64>;
}

impl PartialEq for Filter {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Filter {
    /// Reads a filter.
    ///
    /// # Errors
    /// With a sentence that names the part that is wrong.
    pub fn parse(text: &str) -> Result<Self, String> {
        let terms = split(text)?
            .iter()
            .map(|part| term(part))
            .collect::<Result<_, _>>()?;
        Ok(Self {
            text: text.trim().to_owned(),
            terms,
        })
    }

    /// The filter as it was typed.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether it keeps everything.
    pub fn is_empty(&self) -> bool {
        self.terms.is_empty()
    }

    /// Whether it keeps a row.
    pub fn keeps(&self, row: &impl Searchable) -> bool {
        self.terms.iter().all(|t| t.holds(row) != t.negated)
    }
}

impl Term {
    fn holds(&self, row: &impl Searchable) -> bool {
        match (&self.test, &self.column) {
            (Test::Holds(word), None) => row.any_text(&mut |t| holds(t, word)),
            (Test::Holds(word), Some(c)) => row.text_of(c).is_some_and(|t| holds(&t, word)),
            (Test::Matches(re), None) => row.any_text(&mut |t| re.is_match(t)),
            (Test::Matches(re), Some(c)) => row.text_of(c).is_some_and(|t| re.is_match(&t)),
            (Test::Compares(how, limit), Some(c)) => {
                row.number_of(c).is_some_and(|n| how.holds(n, *limit))
            }
            (Test::Compares(..), None) => false,
        }
    }
}

impl Comparison {
    /// NaN compares as false with everything, as it should.
    fn holds(self, value: f64, limit: f64) -> bool {
        match self {
            Self::Less => value < limit,
            Self::AtMost => value <= limit,
            Self::Equal => (value - limit).abs() <= f64::EPSILON * limit.abs().max(1.0),
            Self::AtLeast => value >= limit,
            Self::Greater => value > limit,
        }
    }
}

/// `word` is lower case already.
fn holds(text: &str, word: &str) -> bool {
    if text.is_ascii() && word.is_ascii() {
        let (text, word) = (text.as_bytes(), word.as_bytes());
        return word.is_empty()
            || text
                .windows(word.len())
                .any(|window| window.eq_ignore_ascii_case(word));
    }
    text.to_lowercase().contains(word)
}

/// Splits at spaces, except inside quotes and regular expressions.
fn split(text: &str) -> Result<Vec<String>, String> {
    let mut parts = Vec::new();
    let mut part = String::new();
    let mut inside: Option<char> = None;
    let mut escaped = false;
    for c in text.chars() {
        match inside {
            Some(end) => {
                part.push(c);
                if c == end && !escaped {
                    inside = None;
                }
                escaped = c == '\\' && !escaped;
            }
            None if c.is_whitespace() => {
                if !part.is_empty() {
                    parts.push(std::mem::take(&mut part));
                }
            }
            None => {
                let opens = part.is_empty() || part == "!" || part.ends_with(':');
                if c == '"' || (c == '/' && opens) {
                    inside = Some(c);
                    escaped = false;
                }
                part.push(c);
            }
        }
    }
    match inside {
        Some('"') => return Err("a quote is not closed".to_owned()),
        Some(_) => return Err("a regular expression is not closed with /".to_owned()),
        None => {}
    }
    if !part.is_empty() {
        parts.push(part);
    }
    Ok(parts)
}

fn term(part: &str) -> Result<Term, String> {
    let (negated, rest) = match part.strip_prefix('!') {
        Some(rest) if !rest.is_empty() => (true, rest),
        _ => (false, part),
    };
    if rest.starts_with('/') {
        return Ok(Term {
            negated,
            column: None,
            test: regex(rest)?,
        });
    }
    let operator = rest
        .char_indices()
        .find(|(i, c)| *i > 0 && ":<>=".contains(*c));
    let Some((at, c)) = operator.filter(|_| !rest.starts_with('"')) else {
        return Ok(Term {
            negated,
            column: None,
            test: Test::Holds(word(rest)),
        });
    };
    let (column, after) = (rest[..at].to_owned(), &rest[at + 1..]);
    let (how, value) = match (c, after.strip_prefix('=')) {
        (':', _) => {
            let test = if after.starts_with('/') {
                regex(after)?
            } else {
                Test::Holds(word(after))
            };
            return Ok(Term {
                negated,
                column: Some(column),
                test,
            });
        }
        ('<', Some(value)) => (Comparison::AtMost, value),
        ('<', None) => (Comparison::Less, after),
        ('>', Some(value)) => (Comparison::AtLeast, value),
        ('>', None) => (Comparison::Greater, after),
        (_, value) => (Comparison::Equal, value.unwrap_or(after)),
    };
    match (value.parse::<f64>(), how) {
        (Ok(number), _) => Ok(Term {
            negated,
            column: Some(column),
            test: Test::Compares(how, number),
        }),
        // `status=failed` means what it says.
        (Err(_), Comparison::Equal) => Ok(Term {
            negated,
            column: Some(column),
            test: Test::Holds(word(value)),
        }),
        (Err(_), _) => Err(format!(
            "`{part}` compares with `{value}`, which is no number"
        )),
    }
}

fn word(text: &str) -> String {
    text.replace('"', "").to_lowercase()
}

fn regex(text: &str) -> Result<Test, String> {
    let inner = text
        .strip_prefix('/')
        .and_then(|t| t.strip_suffix('/'))
        .unwrap_or(text);
    regex_lite::RegexBuilder::new(inner)
        .case_insensitive(true)
        .size_limit(1 << 20)
        .build()
        .map(Test::Matches)
        .map_err(|e| format!("`{text}` is no regular expression: {e}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    struct Row;

    impl Searchable for Row {
        fn any_text(&self, each: &mut dyn FnMut(&str) -> bool) -> bool {
            ["Fraud-Detector", "risk-ml", "eta city"]
                .into_iter()
                .any(each)
        }
        fn text_of(&self, column: &str) -> Option<String> {
            (column == "owner").then(|| "risk-ml".to_owned())
        }
        fn number_of(&self, column: &str) -> Option<f64> {
            match column {
                "auc" => Some(0.91),
                "loss" => Some(f64::NAN),
                _ => None,
            }
        }
    }

    #[test]
    fn the_grammar() {
        for (text, keeps) in [
            ("", true),
            ("fraud", true),
            ("FRAUD detector", true),
            ("churn", false),
            ("!churn", true),
            ("!fraud", false),
            ("owner:risk", true),
            ("owner:ops", false),
            ("owner=risk-ml", true),
            ("missing:x", false),
            ("!missing:x", true),
            ("auc>0.9", true),
            ("auc>=0.91", true),
            ("auc<0.9", false),
            ("auc=0.91", true),
            ("loss<1", false),
            ("loss>0", false),
            ("/^fraud-.*r$/", true),
            ("!/^risk/", false),
            ("owner:/^ops/", false),
            ("\"eta city\"", true),
            ("\"city eta\"", false),
        ] {
            let filter = Filter::parse(text).expect(text);
            assert_eq!(filter.keeps(&Row), keeps, "{text}");
        }
    }

    #[test]
    fn mistakes_are_named() {
        for (text, want) in [
            ("/a(/", "no regular expression"),
            ("/open", "not closed with /"),
            ("name:\"x", "quote is not closed"),
            ("auc>high", "no number"),
        ] {
            let error = Filter::parse(text).expect_err(text);
            assert!(error.contains(want), "{text}: {error}");
        }
    }

    proptest! {
        #[test]
        fn nothing_typed_panics(text in "\\PC{0,40}") {
            if let Ok(filter) = Filter::parse(&text) {
                let _ = filter.keeps(&Row);
            }
        }
    }
}
