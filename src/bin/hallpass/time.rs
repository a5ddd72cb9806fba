//! Instants and durations as people write them.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A duration: `90d`, `1h30m`.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    humantime::parse_duration(text)
        .map_err(|error| format!("{error}; write it as 90d, 12h or 1h30m"))
}

/// An instant in Unix seconds: `2027-01-31T12:00:00Z`, `2027-01-31`, or the seconds themselves.
pub(crate) fn instant(text: &str) -> Result<u64, String> {
    if let Ok(unix_secs) = text.parse() {
        return Ok(unix_secs);
    }
    let midnight = (text.len() == "2027-01-31".len()).then(|| format!("{text}T00:00:00Z"));
    humantime::parse_rfc3339_weak(midnight.as_deref().unwrap_or(text))
        .ok()
        .and_then(|at| at.duration_since(UNIX_EPOCH).ok())
        .map(|since| since.as_secs())
        .ok_or_else(|| {
            "write it as 2027-01-31T12:00:00Z, 2027-01-31, or in Unix seconds".to_owned()
        })
}

/// Now, in Unix seconds.
pub(crate) fn now_secs() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_as_people_write_them() {
        assert_eq!(duration("90d"), Ok(Duration::from_secs(90 * 86_400)));
        assert_eq!(duration("1h30m"), Ok(Duration::from_secs(5400)));
        for wrong in ["", "90", "d", "-1h", "1 fortnight"] {
            assert!(duration(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn instants_are_rfc_3339_or_unix_seconds() {
        for text in ["2027-01-15T08:00:00Z", "2027-01-15 08:00:00", "1800000000"] {
            assert_eq!(instant(text), Ok(1_800_000_000), "{text}");
        }
        assert_eq!(instant("2027-01-15"), Ok(1_799_971_200));
        for wrong in ["", "tomorrow", "2027-13-01", "1969-12-31T23:59:59Z", "-5"] {
            assert!(instant(wrong).is_err(), "{wrong:?}");
        }
    }
}
