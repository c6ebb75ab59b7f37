//! Time as values: stamps, ages and windows. Nothing here reads a clock; [`Now`] is passed in.

use std::fmt;
use std::time::Duration;

/// A UTC instant in milliseconds since the epoch: what is stored and what servers send.
#[derive(
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Debug,
    Default,
    serde::Serialize,
    serde::Deserialize,
)]
#[serde(transparent)]
pub struct Millis(pub i64);

impl Millis {
    /// The time since `earlier`, zero when `earlier` lies ahead (clocks of servers run apart).
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }

    /// This instant plus `d`.
    #[must_use]
    pub fn plus(self, d: Duration) -> Self {
        Self(
            self.0
                .saturating_add(i64::try_from(d.as_millis()).unwrap_or(i64::MAX)),
        )
    }

    /// This instant minus `d`.
    #[must_use]
    pub fn minus(self, d: Duration) -> Self {
        Self(
            self.0
                .saturating_sub(i64::try_from(d.as_millis()).unwrap_or(i64::MAX)),
        )
    }

    /// `2026-11-23T14:02:07Z`, or `-` for a stamp no calendar holds.
    pub fn rfc3339(self) -> String {
        chrono::DateTime::from_timestamp_millis(self.0).map_or_else(
            || "-".to_owned(),
            |t| t.format("%Y-%m-%dT%H:%M:%SZ").to_string(),
        )
    }

    /// `14:02`, in UTC.
    pub fn hour_minute(self) -> String {
        self.format("%H:%M")
    }

    /// `14:02:07`, in UTC.
    pub fn hour_minute_second(self) -> String {
        self.format("%H:%M:%S")
    }

    /// `2026-11-23`, in UTC.
    pub fn date(self) -> String {
        self.format("%Y-%m-%d")
    }

    /// `11-23 14:02`, in UTC: for anything not of today.
    pub fn day_minute(self) -> String {
        self.format("%m-%d %H:%M")
    }

    fn format(self, pattern: &str) -> String {
        chrono::DateTime::from_timestamp_millis(self.0)
            .map_or_else(|| "-".to_owned(), |t| t.format(pattern).to_string())
    }
}

/// The present, passed into every pure function that needs it: wall time for what is stored and
/// shown, monotonic time for ages and expiries inside the process.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Now {
    /// Wall clock, UTC.
    pub wall: Millis,
    /// Time since the process started, from a clock that never steps.
    pub mono: Duration,
}

/// The earlier of two times, where there are any.
pub fn earliest(a: Option<Millis>, b: Option<Millis>) -> Option<Millis> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    }
}

/// When something began to be so.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Since {
    /// Seen to change between two looks, or told by the server: this instant.
    Exact(Millis),
    /// It was already so at our first look: at least this long.
    AtLeast(Millis),
    /// Not known.
    #[default]
    Unknown,
}

/// As wide a window still tells an instant: a few polls. A day that nobody watched does not.
const NARROW: Duration = Duration::from_secs(10 * 60);

impl Since {
    /// What began after one look and not after another: the later look where they lie close together,
    /// else at least since then.
    pub fn within(not_before: Millis, not_after: Millis) -> Self {
        if not_after.since(not_before) <= NARROW {
            Self::Exact(not_after)
        } else {
            Self::AtLeast(not_after)
        }
    }

    /// When two things were both so: the later of their onsets, as well as it is known.
    #[must_use]
    pub fn both(self, other: Self) -> Self {
        match (self.stamp(), other.stamp()) {
            (None, _) => other,
            (Some(a), Some(b)) if b > a => other,
            _ => self,
        }
    }

    /// The instant, exact or bound.
    pub fn stamp(self) -> Option<Millis> {
        match self {
            Self::Exact(at) | Self::AtLeast(at) => Some(at),
            Self::Unknown => None,
        }
    }

    /// `6m`, `≥ 6m` (`>=6m` is the ASCII form a caller may ask for), or `–`.
    pub fn age_text(self, now: Millis) -> String {
        match self {
            Self::Exact(at) => age(now.since(at)),
            // Less than a minute as a lower bound says nothing but "we have just begun to look".
            Self::AtLeast(at) if now.since(at).as_secs() < 60 => "≥0m".to_owned(),
            Self::AtLeast(at) => format!("≥{}", age(now.since(at))),
            Self::Unknown => "–".to_owned(),
        }
    }
}

/// A short age: `<1m`, `6m`, `3h`, `2d`, `5w`, `3y`. Minutes are the finest step, so that nothing on
/// screen moves more often than once a minute.
pub fn age(d: Duration) -> String {
    let minutes = d.as_secs() / 60;
    match minutes {
        0 => "<1m".to_owned(),
        m if m < 60 => format!("{m}m"),
        m if m < 48 * 60 => format!("{}h", m / 60),
        m if m < 14 * 24 * 60 => format!("{}d", m / (24 * 60)),
        m if m < 2 * 365 * 24 * 60 => format!("{}w", m / (7 * 24 * 60)),
        m => format!("{}y", m / (365 * 24 * 60)),
    }
}

/// A short duration for run times and latencies: `840ms`, `12s`, `3m10s`, `2h05m`, `3d4h`.
pub fn span(d: Duration) -> String {
    let s = d.as_secs();
    match s {
        0 => format!("{}ms", d.as_millis()),
        s if s < 60 => format!("{s}s"),
        s if s < 3_600 => format!("{}m{:02}s", s / 60, s % 60),
        s if s < 48 * 3_600 => format!("{}h{:02}m", s / 3_600, s / 60 % 60),
        s => format!("{}d{}h", s / 86_400, s / 3_600 % 24),
    }
}

/// Reads a duration: numbers with units, such as `500ms`, `10s`, `1h30m`, `7d`, `4w`.
///
/// # Errors
/// With how it is written.
pub fn read_span(text: &str) -> Result<Duration, &'static str> {
    const HINT: &str = "write a number with a unit: ms, s, m, h, d or w, such as 500ms, 10s or 7d";
    let mut rest = text.trim();
    let mut total = Duration::ZERO;
    if rest.is_empty() {
        return Err(HINT);
    }
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit()).ok_or(HINT)?;
        let number: u64 = rest[..digits].parse().map_err(|_| HINT)?;
        rest = &rest[digits..];
        let unit = rest
            .find(|c: char| c.is_ascii_digit())
            .unwrap_or(rest.len());
        let millis = match &rest[..unit] {
            "ms" => 1,
            "s" => 1_000,
            "m" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            "w" => 604_800_000,
            _ => return Err(HINT),
        };
        rest = &rest[unit..];
        let part = number
            .checked_mul(millis)
            .ok_or("the duration is too long")?;
        total += Duration::from_millis(part.min(u64::from(u32::MAX) * 1_000));
    }
    Ok(total)
}

/// A window of time that panes and charts look at.
#[derive(Clone, Copy, PartialEq, Eq, Debug, PartialOrd, Ord)]
pub struct Window(pub Duration);

impl Window {
    /// The ladder that `<` and `>` step through.
    pub const LADDER: [Self; 8] = [
        Self(Duration::from_secs(15 * 60)),
        Self(Duration::from_secs(3_600)),
        Self(Duration::from_secs(6 * 3_600)),
        Self(Duration::from_secs(24 * 3_600)),
        Self(Duration::from_secs(3 * 86_400)),
        Self(Duration::from_secs(7 * 86_400)),
        Self(Duration::from_secs(30 * 86_400)),
        Self(Duration::from_secs(90 * 86_400)),
    ];

    /// The next wider window, or itself at the end of the ladder.
    #[must_use]
    pub fn wider(self) -> Self {
        Self::LADDER.into_iter().find(|w| *w > self).unwrap_or(self)
    }

    /// The next narrower window, or itself at the start of the ladder.
    #[must_use]
    pub fn narrower(self) -> Self {
        Self::LADDER
            .into_iter()
            .rev()
            .find(|w| *w < self)
            .unwrap_or(self)
    }
}

impl Default for Window {
    fn default() -> Self {
        Self(Duration::from_secs(6 * 3_600))
    }
}

impl fmt::Display for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let s = self.0.as_secs();
        match s {
            s if s < 3_600 => write!(f, "last {}m", s / 60),
            s if s < 3 * 86_400 => write!(f, "last {}h", s / 3_600),
            s => write!(f, "last {}d", s / 86_400),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_step_by_the_minute() {
        for (secs, want) in [
            (0, "<1m"),
            (59, "<1m"),
            (60, "1m"),
            (3_599, "59m"),
            (3_600, "1h"),
            (47 * 3_600, "47h"),
            (48 * 3_600, "2d"),
            (14 * 86_400, "2w"),
            (800 * 86_400, "2y"),
        ] {
            assert_eq!(age(Duration::from_secs(secs)), want);
        }
    }

    #[test]
    fn a_wide_window_tells_no_instant_and_the_later_of_two_onsets_is_when_both_were_so() {
        use Since::{AtLeast, Exact, Unknown};
        let hour = 3_600_000;
        assert_eq!(
            Since::within(Millis(0), Millis(60_000)),
            Exact(Millis(60_000))
        );
        assert_eq!(
            Since::within(Millis(0), Millis(hour)),
            AtLeast(Millis(hour))
        );
        let (early, late) = (Exact(Millis(5)), AtLeast(Millis(9)));
        assert_eq!((early.both(late), late.both(early)), (late, late));
        assert_eq!(Exact(Millis(9)).both(AtLeast(Millis(5))), Exact(Millis(9)));
        assert_eq!((Unknown.both(early), early.both(Unknown)), (early, early));
    }

    #[test]
    fn a_stamp_ahead_of_now_has_no_age() {
        assert_eq!(Millis(10).since(Millis(500)), Duration::ZERO);
    }

    #[test]
    fn stamps_no_calendar_holds_are_shown_as_absent() {
        assert_eq!(Millis(i64::MAX).rfc3339(), "-");
        assert_eq!(Millis(0).rfc3339(), "1970-01-01T00:00:00Z");
    }

    #[test]
    fn the_ladder_has_ends() {
        let first = Window::LADDER[0];
        assert_eq!(first.narrower(), first);
        assert_eq!(Window::default().wider().narrower(), Window::default());
    }
}
