//! Splits a filter into words, as the server's SQL lexer would.

/// A word of a filter. Texts are kept as written, quotes and all, because messages quote them.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Word {
    /// `metrics.auc`, ``tags.`a b` ``, `"x"`: double quotes name things in SQL.
    Name(String),
    /// `'text'`
    Text(String),
    Number(String),
    /// `=`, `>=`, `LIKE`, `in` and so on.
    Op(String),
    /// Arithmetic on names, as an unquoted `a-b` reads.
    Sum(String),
    And,
    Or(String),
    /// A parenthesised list, as written.
    List(String),
    /// Anything else.
    Other(String),
}

impl Word {
    pub(super) fn shown(&self) -> &str {
        match self {
            Self::And => "AND",
            Self::Name(text)
            | Self::Text(text)
            | Self::Number(text)
            | Self::Op(text)
            | Self::Sum(text)
            | Self::Or(text)
            | Self::List(text)
            | Self::Other(text) => text,
        }
    }
}

/// The words of a filter. A quote or bracket that never closes is a word of its own.
pub(super) fn words(filter: &str) -> Vec<Word> {
    let chars: Vec<char> = filter.chars().collect();
    let mut words = Vec::new();
    let mut at = 0;
    while let Some(&c) = chars.get(at) {
        let start = at;
        let word = match c {
            _ if c.is_whitespace() => {
                at += 1;
                continue;
            }
            '-' if chars.get(at + 1) == Some(&'-') => {
                at = chars.len();
                Word::Other(take(&chars, start, at))
            }
            '\'' => match closing(&chars, at) {
                Some(end) => {
                    at = end;
                    Word::Text(take(&chars, start, at))
                }
                None => lone(c, &mut at),
            },
            '(' => match bracket(&chars, at) {
                Some(end) => {
                    at = end;
                    Word::List(take(&chars, start, at))
                }
                None => lone(c, &mut at),
            },
            '=' | '<' | '>' | '!' => {
                at += 1;
                if matches!((c, chars.get(at)), (_, Some('=')) | ('<', Some('>'))) {
                    at += 1;
                }
                Word::Op(take(&chars, start, at))
            }
            _ if c.is_ascii_digit()
                || (matches!(c, '-' | '+' | '.')
                    && chars
                        .get(at + 1)
                        .is_some_and(|next| next.is_ascii_digit() || *next == '.')) =>
            {
                at += 1;
                while let Some(&next) = chars.get(at) {
                    let exponent = matches!(next, '-' | '+') && matches!(chars[at - 1], 'e' | 'E');
                    if !(next.is_ascii_alphanumeric() || next == '.' || exponent) {
                        break;
                    }
                    at += 1;
                }
                Word::Number(take(&chars, start, at))
            }
            _ if c.is_alphanumeric() || matches!(c, '_' | '`' | '"') => match name(&chars, at) {
                Some(end) if sum_follows(&chars, end) => {
                    at = end;
                    while chars
                        .get(at)
                        .is_some_and(|c| !c.is_whitespace() && *c != '=')
                    {
                        at += 1;
                    }
                    Word::Sum(take(&chars, start, at))
                }
                Some(end) => {
                    at = end;
                    keyword(take(&chars, start, at))
                }
                None => lone(c, &mut at),
            },
            _ => lone(c, &mut at),
        };
        words.push(word);
    }
    words
}

fn lone(c: char, at: &mut usize) -> Word {
    *at += 1;
    Word::Other(c.to_string())
}

/// Whether an arithmetic sign and another operand follow a name without a blank.
fn sum_follows(chars: &[char], at: usize) -> bool {
    matches!(chars.get(at), Some('-' | '/' | '+' | '*'))
        && chars.get(at + 1).is_some_and(|c| c.is_alphanumeric())
}

fn take(chars: &[char], from: usize, to: usize) -> String {
    chars[from..to].iter().collect()
}

/// The place after a quoted part that opens at `at`; a doubled quote stands for itself.
fn closing(chars: &[char], at: usize) -> Option<usize> {
    let quote = chars[at];
    let mut end = at + 1;
    while let Some(&c) = chars.get(end) {
        end += 1;
        if c == quote {
            if chars.get(end) == Some(&quote) {
                end += 1;
            } else {
                return Some(end);
            }
        }
    }
    None
}

fn bracket(chars: &[char], at: usize) -> Option<usize> {
    let mut end = at + 1;
    loop {
        match chars.get(end)? {
            ')' => return Some(end + 1),
            '\'' | '"' => end = closing(chars, end)?,
            _ => end += 1,
        }
    }
}

/// The place after a dotted name, its parts bare or quoted.
fn name(chars: &[char], mut at: usize) -> Option<usize> {
    loop {
        match chars.get(at) {
            Some('`' | '"') => at = closing(chars, at)?,
            Some(c) if c.is_alphanumeric() || *c == '_' => at += 1,
            Some('.') => at += 1,
            _ => return Some(at),
        }
    }
}

fn keyword(text: String) -> Word {
    match text.to_ascii_uppercase().as_str() {
        "AND" => Word::And,
        "OR" => Word::Or(text),
        "LIKE" | "ILIKE" | "RLIKE" | "IN" | "NOT" | "IS" | "NULL" | "BETWEEN" => Word::Op(text),
        // A word that SQL keeps for itself.
        "ALIAS" => Word::Other(text),
        _ => Word::Name(text),
    }
}
