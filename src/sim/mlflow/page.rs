//! Offset paging with base64 tokens, as every search of the server does it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use super::error::Failure;

/// The token that names an offset.
pub(crate) fn token(offset: usize) -> String {
    STANDARD.encode(format!("{{\"offset\": {offset}}}"))
}

/// The offset a token names; no token is the start.
pub(crate) fn offset(token: Option<&str>) -> Result<usize, Failure> {
    let Some(token) = token else {
        return Ok(0);
    };
    // Characters outside the alphabet are skipped, as Python's decoder does.
    let token: String = token
        .chars()
        .filter(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '/' | '='))
        .collect();
    let decoded = STANDARD
        .decode(token)
        .map_err(|_| Failure::invalid("Invalid page token, could not base64-decode"))?;
    let text = String::from_utf8_lossy(&decoded).into_owned();
    let parsed: Value = serde_json::from_str(&text)
        .map_err(|_| Failure::invalid(format!("Invalid page token, decoded value=b'{text}'")))?;
    let offset = match &parsed["offset"] {
        Value::Number(number) => number.as_u64(),
        Value::String(text) => text.parse().ok(),
        _ => None,
    };
    match offset {
        Some(offset) if offset > 0 => Ok(offset as usize),
        _ => {
            // Shown as Python shows a dictionary.
            let shown = parsed.to_string().replace('"', "'").replace(':', ": ");
            Err(Failure::invalid(format!(
                "Invalid page token, parsed value={shown}"
            )))
        }
    }
}

/// One page of rows, and the next page's token if there are more.
pub(crate) fn page<T>(rows: Vec<T>, offset: usize, size: usize) -> (Vec<T>, Option<String>) {
    let more = rows.len() > offset.saturating_add(size);
    let rows = rows.into_iter().skip(offset).take(size).collect();
    (rows, more.then(|| token(offset + size)))
}
