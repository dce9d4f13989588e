//! Reading the fields of an object in a request, each refusal with the pointer of its field.

use serde_json::{Map, Value};

use super::{SpecError, check};
use crate::{nearest::nearest, output::Words};

/// One object of a request, and where it stands.
#[derive(Clone, Debug)]
pub(crate) struct Fields<'a> {
    map: &'a Map<String, Value>,
    at: String,
}

impl<'a> Fields<'a> {
    /// Reads an object that has no fields but these.
    pub(crate) fn new(value: &'a Value, at: String, known: &[&str]) -> Result<Self, SpecError> {
        let Some(map) = value.as_object() else {
            let message = format!("it must be an object with {}", known.join(", "));
            return Err(SpecError::invalid(at, message));
        };
        check::known_fields(map, &at, known)?;
        Ok(Self { map, at })
    }

    /// Where a field stands.
    pub(crate) fn pointer(&self, key: &str) -> String {
        check::pointer(&self.at, key)
    }

    /// A refusal of a field.
    pub(crate) fn refuse(&self, key: &str, message: impl std::fmt::Display) -> SpecError {
        SpecError::invalid(self.pointer(key), format!("{key} {message}"))
    }

    /// What stands there, unless it is null or nothing.
    pub(crate) fn get(&self, key: &str) -> Option<&'a Value> {
        self.map.get(key).filter(|value| !value.is_null())
    }

    /// Text.
    pub(crate) fn text(&self, key: &str) -> Result<Option<&'a str>, SpecError> {
        let text = |value: &'a Value| {
            value
                .as_str()
                .ok_or_else(|| self.refuse(key, "must be text"))
        };
        self.get(key).map(text).transpose()
    }

    /// One of these words.
    pub(super) fn word<T: Copy>(
        &self,
        key: &str,
        words: &Words<T>,
    ) -> Result<Option<T>, SpecError> {
        let Some(text) = self.text(key)? else {
            return Ok(None);
        };
        if let Some((_, meaning)) = words.iter().find(|(word, _)| *word == text) {
            return Ok(Some(*meaning));
        }
        let words: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
        let advice = nearest(text, &words).map_or_else(
            || format!("must be one of {}", words.join(", ")),
            |near| format!("is not known; did you mean {near:?}?"),
        );
        Err(self.refuse(key, advice))
    }

    /// A whole number in a range.
    pub(super) fn whole(&self, key: &str, least: u64, most: u64) -> Result<Option<u64>, SpecError> {
        let Some(value) = self.get(key) else {
            return Ok(None);
        };
        let found = value
            .as_u64()
            .filter(|number| (least..=most).contains(number));
        let refuse = || {
            self.refuse(
                key,
                format!("must be a whole number from {least} to {most}"),
            )
        };
        found.ok_or_else(refuse).map(Some)
    }

    /// The same, as lines or pixels or channels are kept.
    pub(super) fn small(&self, key: &str, least: u32, most: u32) -> Result<Option<u32>, SpecError> {
        let found = self.whole(key, u64::from(least), u64::from(most))?;
        Ok(found.and_then(|number| u32::try_from(number).ok()))
    }

    /// A number in a range.
    pub(super) fn number(
        &self,
        key: &str,
        least: f64,
        most: f64,
    ) -> Result<Option<f64>, SpecError> {
        let Some(value) = self.get(key) else {
            return Ok(None);
        };
        let found = value
            .as_f64()
            .filter(|number| (least..=most).contains(number));
        let refuse = || self.refuse(key, format!("must be a number from {least} to {most}"));
        found.ok_or_else(refuse).map(Some)
    }

    /// True or false; false if it is not there.
    pub(crate) fn flag(&self, key: &str) -> Result<bool, SpecError> {
        match self.get(key) {
            None => Ok(false),
            Some(value) => value
                .as_bool()
                .ok_or_else(|| self.refuse(key, "must be true or false")),
        }
    }

    /// Bits a second: a whole number, or text such as `2.5M` and `128k`.
    pub(super) fn bitrate(&self, key: &str) -> Result<Option<u64>, SpecError> {
        let Some(value) = self.get(key) else {
            return Ok(None);
        };
        let rate = match value {
            Value::String(text) => bits(text),
            other => other.as_u64(),
        };
        let refuse = || {
            self.refuse(
                key,
                "must be bits a second from 8k to 500M, such as \"2.5M\" or 128000",
            )
        };
        let fits = |rate: &u64| (8_000..=500_000_000).contains(rate);
        rate.filter(fits).ok_or_else(refuse).map(Some)
    }

    /// A time in seconds, or as `hh:mm:ss.fff`.
    pub(super) fn time(&self, key: &str) -> Result<Option<f64>, SpecError> {
        let Some(value) = self.get(key) else {
            return Ok(None);
        };
        let seconds = match value {
            Value::String(text) => clock(text),
            other => other.as_f64(),
        };
        let refuse = || self.refuse(key, "must be a time: seconds, or \"hh:mm:ss\"");
        let fits = |seconds: &f64| (0.0..=LONGEST_SECONDS).contains(seconds);
        seconds.filter(fits).ok_or_else(refuse).map(Some)
    }
}

/// The longest time that a request may name: a year.
const LONGEST_SECONDS: f64 = 366.0 * 86_400.0;

/// `2.5M` → `2_500_000`, in whole thousandths of the unit.
fn bits(text: &str) -> Option<u64> {
    let (number, unit) = match text.strip_suffix(['k', 'K']) {
        Some(number) => (number, 1_000),
        None => match text.strip_suffix('M') {
            Some(number) => (number, 1_000_000),
            None => (text, 1),
        },
    };
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let digits = |text: &str| {
        !text.is_empty() && text.len() <= 9 && text.bytes().all(|byte| byte.is_ascii_digit())
    };
    let tail = |text: &str| text.len() <= 3 && text.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(whole) || !tail(fraction) || (number.contains('.') && fraction.is_empty()) {
        return None;
    }
    let thousandths: u64 = format!("{fraction:0<3}").parse().ok()?;
    Some((whole.parse::<u64>().ok()? * 1_000 + thousandths) * unit / 1_000)
}

/// `01:02:03.5` → 3723.5
fn clock(text: &str) -> Option<f64> {
    let parts: Vec<&str> = text.split(':').collect();
    if parts.len() > 3 {
        return None;
    }
    let plain = |part: &&str| {
        !part.is_empty()
            && part
                .bytes()
                .all(|byte| byte.is_ascii_digit() || byte == b'.')
    };
    if !parts.iter().all(plain) {
        return None;
    }
    parts.iter().try_fold(0.0, |sum, part| {
        Some(sum * 60.0 + part.parse::<f64>().ok()?)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_and_times_are_read_as_people_write_them() {
        assert_eq!(bits("2.5M"), Some(2_500_000));
        assert_eq!(bits("128k"), Some(128_000));
        assert_eq!(bits("64000"), Some(64_000));
        for odd in ["", "k", "1.M", "-1k", "1e3", "1.2345M", "0x10"] {
            assert_eq!(bits(odd), None, "{odd}");
        }
        assert_eq!(clock("01:02:03.5"), Some(3_723.5));
        assert_eq!(clock("90"), Some(90.0));
        for odd in ["", ":", "1:2:3:4", "-1", "nan", "1:-2"] {
            assert_eq!(clock(odd), None, "{odd}");
        }
    }
}
