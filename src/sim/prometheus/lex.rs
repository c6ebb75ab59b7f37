//! The words of `PromQL`: from text to tokens with their places.

use std::fmt;

/// A token and the byte it begins at.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Token {
    pub(super) at: usize,
    pub(super) kind: Kind,
}

#[derive(Clone, PartialEq, Debug)]
pub(super) enum Kind {
    /// A metric, label, function or keyword.
    Word(String),
    Number(f64),
    /// Milliseconds.
    Duration(i64),
    Text(String),
    /// Brackets, commas, operators.
    Sign(&'static str),
    End,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Word(word) => write!(f, "identifier \"{word}\""),
            Self::Number(number) => write!(f, "number \"{number}\""),
            Self::Duration(ms) => write!(f, "duration \"{}s\"", *ms as f64 / 1_000.0),
            Self::Text(text) => write!(f, "string {text:?}"),
            Self::Sign(sign) => write!(f, "{sign:?}"),
            Self::End => f.write_str("end of input"),
        }
    }
}

/// What is wrong with a query, and where.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct ParseError {
    /// Characters before the place.
    pub(super) column: usize,
    pub(super) message: String,
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "1:{}: parse error: {}", self.column + 1, self.message)
    }
}

/// Longer signs before their beginnings.
const SIGNS: [&str; 24] = [
    "==", "!=", "=~", "!~", ">=", "<=", "(", ")", "{", "}", "[", "]", ",", "=", ">", "<", "+", "-",
    "*", "/", "%", "^", ":", "@",
];

const UNITS: [(&str, i64); 7] = [
    ("ms", 1),
    ("s", 1_000),
    ("m", 60_000),
    ("h", 3_600_000),
    ("d", 86_400_000),
    ("w", 7 * 86_400_000),
    ("y", 365 * 86_400_000),
];

pub(super) fn tokens(text: &str) -> Result<Vec<Token>, ParseError> {
    let mut out: Vec<Token> = Vec::new();
    let mut at = 0;
    // A colon begins a name outside brackets and parts a subquery's durations inside.
    let mut bracket = false;
    while let Some(c) = text[at..].chars().next() {
        let rest = &text[at..];
        if c.is_ascii_whitespace() {
            at += 1;
            continue;
        }
        if c == '#' {
            at += rest.find('\n').unwrap_or(rest.len());
            continue;
        }
        let (kind, length) = if c == '"' || c == '\'' || c == '`' {
            quoted(rest, c).map_err(|message| ParseError {
                column: at,
                message,
            })?
        } else if c.is_ascii_digit() || (c == '.' && rest[1..].starts_with(digit)) {
            number(rest).map_err(|message| ParseError {
                column: at,
                message,
            })?
        } else if c.is_ascii_alphabetic() || c == '_' || (c == ':' && !bracket) {
            let end = rest
                .find(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == ':'))
                .unwrap_or(rest.len());
            (Kind::Word(rest[..end].to_owned()), end)
        } else if let Some(sign) = SIGNS.iter().find(|sign| rest.starts_with(**sign)) {
            bracket = match *sign {
                "[" => true,
                "]" => false,
                _ => bracket,
            };
            (Kind::Sign(sign), sign.len())
        } else {
            return Err(ParseError {
                column: at,
                message: format!("unexpected character: {c:?}"),
            });
        };
        out.push(Token { at, kind });
        at += length;
    }
    out.push(Token {
        at: text.len(),
        kind: Kind::End,
    });
    Ok(out)
}

fn digit(c: char) -> bool {
    c.is_ascii_digit()
}

fn quoted(rest: &str, quote: char) -> Result<(Kind, usize), String> {
    let mut text = String::new();
    let mut chars = rest.char_indices().skip(1);
    while let Some((at, c)) = chars.next() {
        match c {
            c if c == quote => return Ok((Kind::Text(text), at + 1)),
            '\\' if quote != '`' => {
                let (_, escaped) = chars.next().ok_or("escape sequence not terminated")?;
                text.push(match escaped {
                    'n' => '\n',
                    't' => '\t',
                    'r' => '\r',
                    '\\' | '"' | '\'' => escaped,
                    other => return Err(format!("unknown escape sequence {other:?}")),
                });
            }
            '\n' if quote != '`' => break,
            c => text.push(c),
        }
    }
    Err("unterminated quoted string".to_owned())
}

fn number(rest: &str) -> Result<(Kind, usize), String> {
    let end = rest
        .find(|c: char| !(c.is_ascii_alphanumeric() || c == '.'))
        .unwrap_or(rest.len());
    let mut word = &rest[..end];
    // An exponent may have a sign.
    if word.ends_with(['e', 'E']) && rest[end..].starts_with(['+', '-']) {
        let more = rest[end + 1..].find(|c: char| !digit(c));
        word = &rest[..more.map_or(rest.len(), |more| end + 1 + more)];
    }
    if let Some(hex) = word.strip_prefix("0x")
        && let Ok(value) = u32::from_str_radix(hex, 16)
    {
        return Ok((Kind::Number(f64::from(value)), word.len()));
    }
    if let Ok(value) = word.parse() {
        return Ok((Kind::Number(value), word.len()));
    }
    duration(word)
        .map(|ms| (Kind::Duration(ms), word.len()))
        .ok_or_else(|| format!("bad number or duration syntax: {word:?}"))
}

/// Milliseconds of a duration such as `1h30m`.
pub(crate) fn duration(text: &str) -> Option<i64> {
    let mut rest = text;
    let mut sum = 0_i64;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !digit(c))?;
        let count: i64 = rest[..digits].parse().ok()?;
        rest = &rest[digits..];
        let letters = rest.find(digit).unwrap_or(rest.len());
        let (_, unit) = UNITS.iter().find(|(word, _)| *word == &rest[..letters])?;
        sum = sum.checked_add(count.checked_mul(*unit)?)?;
        rest = &rest[letters..];
    }
    (!text.is_empty()).then_some(sum)
}
