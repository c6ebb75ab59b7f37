//! Times without a zone: Evidently writes the local clock of whoever ran a report, and files bear them
//! in their names. The settings say how far that clock is ahead of UTC.

use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime};

use crate::domain::time::Millis;

/// A time as the service writes it. One with a zone is taken by its zone.
pub(super) fn stamp(text: &str, utc_offset: i32) -> Option<Millis> {
    let text = text.trim();
    if let Ok(at) = DateTime::parse_from_rfc3339(text) {
        return Some(Millis(at.timestamp_millis()));
    }
    let naive = ["%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M:%S%.f"]
        .into_iter()
        .find_map(|format| NaiveDateTime::parse_from_str(text, format).ok())?;
    Some(local(naive, utc_offset))
}

fn local(naive: NaiveDateTime, utc_offset: i32) -> Millis {
    let ahead = i64::from(utc_offset).saturating_mul(60_000);
    Millis(naive.and_utc().timestamp_millis().saturating_sub(ahead))
}

/// The last time or day in a file's name: `report-2026-11-24T15-44-22.json`, `20261124_154422.json`,
/// `2026-11-24.json`. A `Z` behind the time makes it UTC.
pub(super) fn in_name(name: &str, utc_offset: i32) -> Option<Millis> {
    let bytes = name.as_bytes();
    let mut found = None;
    let mut at = 0;
    while at < bytes.len() {
        // A number that only ends in a year, as ids do, is no time.
        let begins = at == 0 || !bytes[at - 1].is_ascii_digit();
        match begins.then(|| read(&bytes[at..])).flatten() {
            Some((naive, utc, length)) => {
                found = Some(local(naive, if utc { 0 } else { utc_offset }));
                at += length;
            }
            None => at += 1,
        }
    }
    found
}

/// A time at the start of some bytes: it, whether it is UTC, and how many bytes it takes.
fn read(bytes: &[u8]) -> Option<(NaiveDateTime, bool, usize)> {
    let mut at = 0;
    let year = digits(bytes, &mut at, 4)?;
    skip(bytes, &mut at, b"-_.");
    let month = digits(bytes, &mut at, 2)?;
    skip(bytes, &mut at, b"-_.");
    let day = digits(bytes, &mut at, 2)?;
    if !(1990..2200).contains(&year) {
        return None;
    }
    let date = NaiveDate::from_ymd_opt(i32::try_from(year).ok()?, month, day)?;
    let mut end = at;
    let mut time = NaiveTime::MIN;
    skip(bytes, &mut at, b"Tt_- ");
    if let Some((hour, minute)) = pair(bytes, &mut at) {
        let seconds = {
            skip(bytes, &mut at, b":-_.");
            digits(bytes, &mut at, 2)
        };
        if let Some(read) = NaiveTime::from_hms_opt(hour, minute, seconds.unwrap_or(0)) {
            time = read;
            end = at;
        }
    }
    if bytes.get(end).is_some_and(u8::is_ascii_digit) {
        return None;
    }
    let utc = end > 10 && bytes.get(end) == Some(&b'Z');
    Some((date.and_time(time), utc, end))
}

fn pair(bytes: &[u8], at: &mut usize) -> Option<(u32, u32)> {
    let hour = digits(bytes, at, 2)?;
    skip(bytes, at, b":-_.");
    Some((hour, digits(bytes, at, 2)?))
}

fn digits(bytes: &[u8], at: &mut usize, count: usize) -> Option<u32> {
    let text = std::str::from_utf8(bytes.get(*at..*at + count)?).ok()?;
    if !text.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    *at += count;
    text.parse().ok()
}

fn skip(bytes: &[u8], at: &mut usize, any: &[u8]) {
    if bytes.get(*at).is_some_and(|b| any.contains(b)) {
        *at += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(at: Option<Millis>) -> String {
        at.map_or_else(String::new, Millis::rfc3339)
    }

    #[test]
    fn a_time_without_a_zone_is_the_writers() {
        for (text, offset, want) in [
            ("2026-10-25T04:11:35", 0, "2026-10-25T04:11:35Z"),
            ("2026-10-25T04:11:35.123456", 120, "2026-10-25T02:11:35Z"),
            ("2026-10-25 04:11:35", -330, "2026-10-25T09:41:35Z"),
            ("2026-10-25T04:11:35+02:00", 600, "2026-10-25T02:11:35Z"),
            ("yesterday", 0, ""),
            ("", 0, ""),
        ] {
            assert_eq!(shown(stamp(text, offset)), want, "{text}");
        }
    }

    #[test]
    fn names_tell_a_time_or_a_day() {
        for (name, want) in [
            ("report-2026-11-24T15-44-22.json", "2026-11-24T14:44:22Z"),
            ("20261124_154422.json", "2026-11-24T14:44:22Z"),
            ("20261124T154422Z.json", "2026-11-24T15:44:22Z"),
            ("churn_2026-11-24.json", "2026-11-23T23:00:00Z"),
            ("2026-11-24 1544.json", "2026-11-24T14:44:00Z"),
            ("2025-01-01_to_2026-11-24.json", "2026-11-23T23:00:00Z"),
            ("report.json", ""),
            ("model-20261399.json", ""),
            ("id-9120261124.json", ""),
            ("2026112415442233.json", ""),
            ("é2026", ""),
        ] {
            assert_eq!(shown(in_name(name, 60)), want, "{name}");
        }
    }
}
