//! Durations as people write them in settings: `20s`, `5m`, `9h`, `90d`. For `#[serde(with = "duration")]`.

use std::time::Duration;

use jiff::SignedDuration;
use serde::{Deserialize, Deserializer, Serializer, de::Error};

/// Longest duration that a setting may have: ten years. Longer ones are slips.
const MOST: Duration = Duration::from_secs(3_653 * 86_400);

/// Reads `90d` or anything that jiff's friendly format has, or a number of seconds.
pub fn parse(text: &str) -> Result<Duration, String> {
    let refusal =
        || format!("{text:?} is not a duration such as \"20s\", \"5m\", \"9h\" or \"90d\"");
    let text = text.trim();
    let duration = if let Ok(seconds) = text.parse::<u64>() {
        Duration::from_secs(seconds)
    } else if let Some(days) = text
        .strip_suffix('d')
        .and_then(|days| days.parse::<u64>().ok())
    {
        Duration::from_secs(days.saturating_mul(86_400))
    } else {
        let signed: SignedDuration = text.parse().map_err(|_unreadable: jiff::Error| refusal())?;
        Duration::try_from(signed).map_err(|_negative| refusal())?
    };
    if duration > MOST {
        return Err(format!("{text:?} is longer than ten years"));
    }
    Ok(duration)
}

/// Writes a duration so that [`parse`] reads it back.
pub fn format(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match (duration.subsec_millis(), seconds) {
        (0, 0) => "0s".to_owned(),
        (0, seconds) if seconds % 86_400 == 0 => format!("{}d", seconds / 86_400),
        (0, seconds) if seconds % 3_600 == 0 => format!("{}h", seconds / 3_600),
        (0, seconds) if seconds % 60 == 0 => format!("{}m", seconds / 60),
        (0, seconds) => format!("{seconds}s"),
        _ => format!("{}ms", duration.as_millis()),
    }
}

/// For serde.
pub fn serialize<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&format(*duration))
}

/// For serde. A bare number counts seconds.
pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Written {
        Seconds(u64),
        Text(String),
    }
    let text = match Written::deserialize(deserializer)? {
        Written::Seconds(seconds) => seconds.to_string(),
        Written::Text(text) => text,
    };
    parse(&text).map_err(Error::custom)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_back_as_written() {
        for (text, seconds) in [
            ("20s", 20),
            ("5m", 300),
            ("9h", 32_400),
            ("90d", 7_776_000),
            ("45", 45),
            ("1h 30m", 5_400),
        ] {
            let duration = parse(text).unwrap();
            assert_eq!(duration, Duration::from_secs(seconds), "{text}");
            assert_eq!(parse(&format(duration)).unwrap(), duration);
        }
        assert_eq!(parse("250ms").unwrap(), Duration::from_millis(250));
    }

    #[test]
    fn what_is_no_duration_is_refused_with_an_example() {
        for text in ["", "soon", "-5s", "9999999999999d", "1e9h"] {
            assert!(parse(text).is_err(), "{text}");
        }
        assert!(parse("soon").unwrap_err().contains("20s"));
    }
}
