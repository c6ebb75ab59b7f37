//! Single values from text: durations, sizes, URLs, version maps; each refusal says what was expected.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::time::Duration;

use super::diagnostic::{Kind, Problem};
use super::table::{ANY, Bounds, Shape};
use super::tree::Setting;
use crate::domain::near::nearest;
use crate::domain::settings::{Follows, SecretRef, VersionMap};

/// Units of time, longest first, with their milliseconds.
const UNITS: [(&str, u64); 6] = [
    ("w", 604_800_000),
    ("d", 86_400_000),
    ("h", 3_600_000),
    ("m", 60_000),
    ("s", 1_000),
    ("ms", 1),
];
/// The longest span accepted: anything above is a slip.
const LONGEST: u64 = 100 * 366 * 86_400_000;
const A_DURATION: &str = "a duration such as \"10s\", \"5m\" or \"90d\"";
const A_SIZE: &str = "a size such as \"32MiB\"";

/// The words of a version map.
pub(super) const VERSION_MAPS: [&str; 3] = ["equal", "strip-v", "version-tag"];

/// Reads a value of a shape from text: a string in the file, a variable, a flag or a default.
pub(super) fn from_text(shape: Shape, text: &str) -> Result<Setting, Problem> {
    match shape {
        Shape::Text => printable(text, 2_000).map(Setting::Text),
        Shape::Name => name(text).map(Setting::Text),
        Shape::Alias => alias(text).map(Setting::Text),
        Shape::OneOf(words) => one_of(words, text).map(Setting::Text),
        Shape::Flag => flag(text).map(Setting::Flag),
        Shape::Duration(least) => duration(text, least).map(Setting::Duration),
        Shape::Bytes => bytes(text).map(Setting::Bytes),
        Shape::Count => count(text).map(Setting::Count),
        Shape::Url => plain_url(text).map(Setting::Text),
        Shape::File if text.is_empty() => {
            Err(Problem::new(Kind::BadValue, "the path is empty").expected("a path"))
        }
        Shape::File => Ok(Setting::File(PathBuf::from(text))),
        Shape::Words => printable(text, 2_000).map(|t| Setting::Words(vec![t])),
        Shape::Secret { .. } => Ok(Setting::Secret(SecretRef::Inline(text.to_owned()))),
        Shape::Follows => follows(text).map(Setting::Follows),
        Shape::VersionMap => version_map(text).map(Setting::VersionMap),
        Shape::Headers => header_value(text).map(Setting::Header),
        Shape::Number(bounds) => {
            let n = text.parse().map_err(|_| {
                bad(format!("\"{text}\" is no number")).expected(describe(Shape::Number(bounds)))
            })?;
            number(bounds, n).map(Setting::Number)
        }
        Shape::Query => query(text).map(Setting::Text),
        Shape::Table(_)
        | Shape::Named(_)
        | Shape::List(_)
        | Shape::Measures(_)
        | Shape::Numbers(_)
        | Shape::NameMap
        | Shape::Keys => Err(Problem::new(Kind::WrongType, "found text").expected("a table")),
    }
}

/// What a shape accepts, in words.
pub(super) fn describe(shape: Shape) -> String {
    match shape {
        Shape::Table(section) => {
            let keys: Vec<&str> = section.rows().map(|r| r.key).collect();
            format!("a table with {}", keys.join(", "))
        }
        Shape::Named(_) | Shape::Keys | Shape::Headers => "a table".to_owned(),
        Shape::Measures(_) => "a table of measures".to_owned(),
        Shape::Number(ANY) => "a number".to_owned(),
        Shape::Number(Bounds { least, most }) => format!("a number from {least} to {most}"),
        Shape::Numbers(_) => "a table of numbers".to_owned(),
        Shape::Query => "a query".to_owned(),
        Shape::NameMap => "a table of names: { \"THEIRS\" = \"OURS\", regex = \"…\" }".to_owned(),
        Shape::List(section) => format!("a list of tables: `{}`", section.title),
        Shape::Text => "text".to_owned(),
        Shape::Name => "a name".to_owned(),
        Shape::Alias => "an alias".to_owned(),
        Shape::OneOf(words) => or_list(words),
        Shape::Flag => "true or false".to_owned(),
        Shape::Duration(_) => A_DURATION.to_owned(),
        Shape::Bytes => A_SIZE.to_owned(),
        Shape::Count => "a whole number from 1".to_owned(),
        Shape::Url => "an http or https URL".to_owned(),
        Shape::File => "a path".to_owned(),
        Shape::Words => "a list of texts".to_owned(),
        Shape::Secret { .. } => A_SECRET.to_owned(),
        Shape::Follows => FOLLOWS.to_owned(),
        Shape::VersionMap => {
            "\"equal\", \"strip-v\", \"version-tag\" or { regex = \"…\" }".to_owned()
        }
    }
}

/// How a secret is written.
pub(super) const A_SECRET: &str =
    "{ env = \"NAME\" }, { file = \"PATH\" } or { command = [\"PROGRAM\", …] }";
const FOLLOWS: &str = "\"@ALIAS\", a version such as \"7\", or \"none\"";

pub(super) fn or_list(words: &[&str]) -> String {
    match words {
        [] => String::new(),
        [one] => format!("\"{one}\""),
        [head @ .., last] => {
            let head: Vec<String> = head.iter().map(|w| format!("\"{w}\"")).collect();
            format!("{} or \"{last}\"", head.join(", "))
        }
    }
}

fn bad(what: impl Into<String>) -> Problem {
    Problem::new(Kind::BadValue, what)
}

/// Text without control characters.
pub(super) fn printable(text: &str, limit: usize) -> Result<String, Problem> {
    if text.is_empty() {
        return Err(bad("the text is empty").expected("some text, or no such key"));
    }
    if text.chars().any(char::is_control) {
        return Err(bad("the text holds control characters").expected("printable text"));
    }
    if text.chars().count() > limit {
        return Err(bad(format!("the text is over {limit} characters")));
    }
    Ok(text.to_owned())
}

/// A number within its bounds.
pub(super) fn number(bounds: Bounds, n: f64) -> Result<f64, Problem> {
    if n.is_finite() && n >= bounds.least && n <= bounds.most {
        return Ok(n);
    }
    Err(bad(format!("{n} is not possible here")).expected(describe(Shape::Number(bounds))))
}

/// A query: printable but for line ends and tabs, which become spaces.
fn query(text: &str) -> Result<String, Problem> {
    let lines: Vec<&str> = text
        .split(['\n', '\r', '\t'])
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .collect();
    printable(&lines.join(" "), 10_000)
}

/// A name: printable, no space at its ends, at most 100 characters.
pub(super) fn name(text: &str) -> Result<String, Problem> {
    let name = printable(text, 100)?;
    if name.trim() != name {
        return Err(
            bad(format!("the name \"{name}\" begins or ends with a space"))
                .meant(Some(format!("\"{}\"", name.trim())).filter(|m| m.len() > 2)),
        );
    }
    if crate::domain::text::Clean::name(&name).as_str() != name {
        return Err(bad("the name holds invisible characters").expected("printable text"));
    }
    Ok(name)
}

/// An alias is named without the `@` that only references to it carry.
fn alias(text: &str) -> Result<String, Problem> {
    match text.strip_prefix('@') {
        Some(bare) => Err(bad(format!("\"{text}\" begins with @"))
            .expected("the alias itself")
            .meant(name(bare).ok().map(|bare| format!("\"{bare}\"")))),
        None => name(text),
    }
}

fn one_of(words: &[&'static str], text: &str) -> Result<String, Problem> {
    if words.contains(&text) {
        return Ok(text.to_owned());
    }
    Err(bad(format!("\"{text}\" is none of the choices"))
        .expected(or_list(words))
        .meant(nearest(text, words.iter().copied()).map(|w| format!("\"{w}\""))))
}

fn flag(text: &str) -> Result<bool, Problem> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "1" | "yes" | "on" => Ok(true),
        "false" | "0" | "no" | "off" => Ok(false),
        _ => Err(bad(format!("\"{text}\" is neither yes nor no")).expected("true or false")),
    }
}

fn count(text: &str) -> Result<u32, Problem> {
    match text.parse() {
        Ok(n) if n > 0 => Ok(n),
        _ => Err(bad(format!("\"{text}\" is no count")).expected("a whole number from 1")),
    }
}

/// A duration of whole numbers with units, largest first: `90s`, `1h30m`.
pub(super) fn duration(text: &str, least: Duration) -> Result<Duration, Problem> {
    let refuse = || {
        let guess = Some(text)
            .filter(|t| !t.is_empty() && t.bytes().all(|b| b.is_ascii_digit()))
            .map(|t| format!("\"{t}s\""));
        bad(format!("\"{text}\" is no duration"))
            .expected(A_DURATION)
            .meant(guess)
    };
    let mut total: u64 = 0;
    let mut rest = text;
    let mut smallest = u64::MAX;
    while !rest.is_empty() {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let (number, tail) = rest.split_at(digits);
        let letters = tail.bytes().take_while(u8::is_ascii_alphabetic).count();
        let (unit, after) = tail.split_at(letters);
        let number: u64 = number.parse().map_err(|_| refuse())?;
        let (_, millis) = UNITS.iter().find(|(u, _)| *u == unit).ok_or_else(refuse)?;
        if *millis >= smallest {
            return Err(refuse());
        }
        smallest = *millis;
        total = number
            .checked_mul(*millis)
            .and_then(|part| total.checked_add(part))
            .filter(|t| *t <= LONGEST)
            .ok_or_else(|| bad(format!("\"{text}\" is over a hundred years")))?;
        rest = after;
    }
    if smallest == u64::MAX {
        return Err(refuse());
    }
    let span = Duration::from_millis(total);
    if span < least {
        return Err(bad(format!("\"{text}\" is too short"))
            .expected(format!("at least \"{}\"", show_duration(least))));
    }
    Ok(span)
}

/// The shortest way to write a duration: `10m`, `1h30m`.
pub(super) fn show_duration(span: Duration) -> String {
    let mut left = u64::try_from(span.as_millis()).unwrap_or(u64::MAX);
    let mut out = String::new();
    // Weeks are read and not written: `90d` says more than `12w6d`.
    for (unit, millis) in UNITS.iter().skip(1) {
        let n = left / millis;
        left %= millis;
        if n > 0 {
            // Writing to a string cannot fail.
            let _ = write!(out, "{n}{unit}");
        }
    }
    if out.is_empty() { "0s".to_owned() } else { out }
}

fn bytes(text: &str) -> Result<u64, Problem> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let factor: Option<u64> = match unit.trim() {
        "" | "B" => Some(1),
        "kB" | "KB" => Some(1_000),
        "MB" => Some(1_000_000),
        "GB" => Some(1_000_000_000),
        "KiB" => Some(1 << 10),
        "MiB" => Some(1 << 20),
        "GiB" => Some(1 << 30),
        _ => None,
    };
    let size = number
        .parse::<u64>()
        .ok()
        .zip(factor)
        .and_then(|(n, f)| n.checked_mul(f))
        .ok_or_else(|| bad(format!("\"{text}\" is no size")).expected(A_SIZE))?;
    if size < 1_024 {
        return Err(bad(format!("\"{text}\" is too small")).expected("at least \"1KiB\""));
    }
    Ok(size)
}

/// The shortest exact way to write a size.
pub(super) fn show_bytes(size: u64) -> String {
    for (unit, factor) in [("GiB", 1_u64 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)] {
        if size.is_multiple_of(factor) {
            return format!("{}{unit}", size / factor);
        }
    }
    format!("{size}B")
}

fn follows(text: &str) -> Result<Follows, Problem> {
    if text == "none" {
        return Ok(Follows::None);
    }
    if let Some(alias) = text.strip_prefix('@') {
        return name(alias)
            .map(Follows::Alias)
            .map_err(|_| bad(format!("\"{text}\" names no alias")).expected(FOLLOWS));
    }
    if !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) {
        return Ok(Follows::Version(text.to_owned()));
    }
    Err(bad(format!("\"{text}\" is neither an alias nor a version"))
        .expected(FOLLOWS)
        .meant(
            name(text)
                .ok()
                .map(|alias| match alias.strip_prefix(['v', 'V']) {
                    Some(n) if !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()) => {
                        format!("\"{n}\"")
                    }
                    _ => format!("\"@{alias}\""),
                }),
        ))
}

fn version_map(text: &str) -> Result<VersionMap, Problem> {
    match text {
        "equal" => Ok(VersionMap::Equal),
        "strip-v" => Ok(VersionMap::StripV),
        "version-tag" => Ok(VersionMap::VersionTag),
        _ => Err(bad(format!("\"{text}\" is no version map"))
            .expected(describe(Shape::VersionMap))
            .meant(nearest(text, VERSION_MAPS).map(|w| format!("\"{w}\"")))),
    }
}

/// The regular expression of a version map: it compiles and has a group.
pub(super) fn regex(text: &str) -> Result<VersionMap, Problem> {
    let group = "a group around the version, such as \"^release-([0-9]+)$\"";
    with_group(text, group).map(VersionMap::Regex)
}

/// The regular expression of a name map: it compiles and has a group.
pub(super) fn name_regex(text: &str) -> Result<String, Problem> {
    with_group(text, "a group around the name, such as \"^(.*)-svc$\"")
}

fn with_group(text: &str, group: &str) -> Result<String, Problem> {
    let compiled = regex_lite::Regex::new(text)
        .map_err(|e| bad(format!("the regular expression does not compile: {e}")))?;
    if compiled.captures_len() < 2 {
        return Err(bad("the regular expression has no group").expected(group));
    }
    Ok(text.to_owned())
}

/// A header's value: visible ASCII, as HTTP wants it.
pub(super) fn header_value(text: &str) -> Result<String, Problem> {
    if text.bytes().all(|b| (0x20..0x7f).contains(&b)) {
        Ok(text.to_owned())
    } else {
        Err(
            bad("the header's value holds characters that HTTP does not allow")
                .expected("visible ASCII"),
        )
    }
}

/// A URL and the credentials that stood in it.
pub(super) struct Located {
    /// The URL without credentials and without a trailing slash.
    pub(super) url: String,
    /// User and password, decoded.
    pub(super) credentials: Option<(String, String)>,
}

fn plain_url(text: &str) -> Result<String, Problem> {
    let located = url(text)?;
    if located.credentials.is_some() {
        return Err(bad("the URL holds credentials").expected(
            "them in `auth`, for example { basic = { user = \"ana\", password = { env = \"ML_PASSWORD\" } } }",
        ));
    }
    Ok(located.url)
}

/// Reads a base URL. Messages never repeat the credentials in it.
pub(super) fn url(text: &str) -> Result<Located, Problem> {
    // Only texts that cannot hold credentials are repeated.
    let said = if text.contains(['@', '?', '#']) {
        "the URL".to_owned()
    } else {
        format!("\"{text}\"")
    };
    let expected = "an http or https URL";
    let lower = text.to_ascii_lowercase();
    for store in [
        "sqlite:",
        "postgresql:",
        "mysql:",
        "mssql:",
        "file:",
        "s3:",
        "gs:",
    ] {
        if lower.starts_with(store) {
            return Err(Problem::new(
                Kind::Unsupported,
                format!("`{}` names a store, not a server", store.trim_end_matches(':')),
            )
            .expected("the http URL of a server: start one on that store with `mlflow server --backend-store-uri …`"));
        }
    }
    if lower == "databricks" || lower.starts_with("databricks") || lower.starts_with("uc:") {
        return Err(
            Problem::new(Kind::Unsupported, "Databricks registries are not supported")
                .expected("the http URL of an MLflow server"),
        );
    }
    let guess = || {
        Some(text)
            .filter(|t| !t.contains("://") && !t.contains('@') && !t.starts_with('/'))
            .map(|t| format!("http://{t}"))
            .filter(|t| reqwest::Url::parse(t).is_ok())
    };
    let mut parsed = reqwest::Url::parse(text).map_err(|e| {
        bad(format!("{said} is no URL: {e}"))
            .expected(expected)
            .meant(guess())
    })?;
    if !matches!(parsed.scheme(), "http" | "https") || !lower.contains("://") {
        return Err(
            bad(format!("{said} does not begin with http:// or https://"))
                .expected(expected)
                .meant(guess()),
        );
    }
    if parsed.host_str().is_none_or(str::is_empty) {
        return Err(bad(format!("{said} names no host")).expected(expected));
    }
    if parsed.query().is_some() || parsed.fragment().is_some() {
        return Err(bad("the URL has a query or a fragment").expected("a base URL"));
    }
    let credentials = (!parsed.username().is_empty() || parsed.password().is_some()).then(|| {
        (
            percent_decoded(parsed.username()),
            percent_decoded(parsed.password().unwrap_or_default()),
        )
    });
    // Neither can fail for an http URL that has a host.
    let _ = parsed.set_username("");
    let _ = parsed.set_password(None);
    Ok(Located {
        url: parsed.as_str().trim_end_matches('/').to_owned(),
        credentials,
    })
}

fn percent_decoded(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut i = 0;
    while i < bytes.len() {
        let hex = |at: usize| {
            bytes
                .get(at)
                .and_then(|b| char::from(*b).to_digit(16))
                .and_then(|d| u8::try_from(d).ok())
        };
        match (bytes[i], hex(i + 1), hex(i + 2)) {
            (b'%', Some(high), Some(low)) => {
                out.push(high * 16 + low);
                i += 3;
            }
            (byte, _, _) => {
                out.push(byte);
                i += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_and_write_the_same() {
        for (text, millis) in [
            ("10s", 10_000),
            ("1h30m", 5_400_000),
            ("500ms", 500),
            ("90d", 7_776_000_000),
        ] {
            let span = duration(text, Duration::ZERO).expect(text);
            assert_eq!(span.as_millis(), millis, "{text}");
            assert_eq!(show_duration(span), text);
        }
        for text in [
            "",
            "10",
            "s",
            "10 s",
            "-1s",
            "1m1h",
            "1s1s",
            "1y",
            "99999999999999999999s",
            "1.5h",
            "9999999d",
        ] {
            assert!(duration(text, Duration::ZERO).is_err(), "{text}");
        }
        assert!(duration("0s", Duration::from_secs(1)).is_err());
    }

    #[test]
    fn credentials_leave_the_url_decoded() {
        let Ok(located) = url("https://ana:p%40ss@ML.test:443/prefix/") else {
            panic!("it is a URL");
        };
        assert_eq!(located.url, "https://ml.test/prefix");
        assert_eq!(
            located.credentials,
            Some(("ana".to_owned(), "p@ss".to_owned()))
        );
    }

    #[test]
    fn a_refused_url_never_repeats_its_credentials() {
        for text in [
            "ftp://ana:secret@h.test",
            "https://ana:secret@",
            "https://ana:secret@h.test/?q",
            "ana:secret@h.test",
            "https://ana:secret@h.test:99999",
        ] {
            let problem = url(text).err().expect(text);
            assert!(!format!("{problem:?}").contains("secret"), "{problem:?}");
        }
    }
}
