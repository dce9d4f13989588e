//! JSON from strangers: parsed with limits, and without guessing.
//!
//! Duplicate keys are refused, because two readers may take different ones. Depth is bounded before anything is built.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{self, MapAccess, SeqAccess, Visitor},
};
use serde_json::{Map, Value};

/// Deepest nesting that a request may have. Ours need six; the rest is room.
pub const MAX_DEPTH: usize = 16;

/// Why a text is not JSON that we take.
#[derive(Debug, thiserror::Error)]
pub enum JsonError {
    /// Bytes that are not text.
    #[error("the body is not UTF-8 text")]
    NotUtf8,
    /// Too much nesting.
    #[error("the body is nested more than {MAX_DEPTH} levels deep")]
    TooDeep,
    /// Not JSON, or JSON with a duplicate key.
    #[error("the body is not valid JSON: {0}")]
    Syntax(String),
}

/// Parses a request body.
pub fn parse_strict(body: &[u8]) -> Result<Value, JsonError> {
    let text = std::str::from_utf8(body).map_err(|_invalid| JsonError::NotUtf8)?;
    if depth(text) > MAX_DEPTH {
        return Err(JsonError::TooDeep);
    }
    serde_json::from_str::<Strict>(text)
        .map(|strict| strict.0)
        .map_err(|error| JsonError::Syntax(explain(text, &error)))
}

/// Adds what most likely happened: bodies copied from the original's older documentation are Python, not JSON.
fn explain(text: &str, error: &serde_json::Error) -> String {
    let python =
        text.trim_start().starts_with("{'") || text.contains(": None") || text.contains("u'");
    if python {
        return format!(
            "{error}; this looks like Python: use double quotes, [] for tuples, null for None"
        );
    }
    error.to_string()
}

/// Deepest nesting of brackets outside strings. Exact for valid JSON, and bounded work for anything else.
fn depth(text: &str) -> usize {
    let (mut now, mut most, mut in_string, mut escaped) = (0_usize, 0, false, false);
    for byte in text.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            b'[' | b'{' if !in_string => {
                now += 1;
                most = most.max(now);
            }
            b']' | b'}' if !in_string => now = now.saturating_sub(1),
            _ => {}
        }
    }
    most
}

/// A value without duplicate keys.
struct Strict(Value);

impl<'de> Deserialize<'de> for Strict {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(StrictVisitor).map(Strict)
    }
}

struct StrictVisitor;

impl<'de> Visitor<'de> for StrictVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<Value, E> {
        serde_json::Number::from_f64(value)
            .map(Value::Number)
            .ok_or_else(|| E::custom("number out of range"))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut values = Vec::new();
        while let Some(Strict(value)) = items.next_element()? {
            values.push(value);
        }
        Ok(Value::Array(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut map = Map::new();
        while let Some((key, Strict(value))) = entries.next_entry::<String, Strict>()? {
            if map.contains_key(&key) {
                return Err(de::Error::custom(format_args!("key {key:?} appears twice")));
            }
            map.insert(key, value);
        }
        Ok(Value::Object(map))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ordinary_json_is_read_as_it_stands() {
        let text = r#"{"a":[1,-2,0.5,null,true,"x\"[{"],"b":{"c":""}}"#;
        assert_eq!(
            parse_strict(text.as_bytes()).unwrap(),
            serde_json::from_str::<Value>(text).unwrap()
        );
    }

    #[test]
    fn hostile_json_is_refused_with_a_reason() {
        let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
        let cases: [(&[u8], &str); 6] = [
            (b"", "not valid JSON"),
            (b"\xff\xfe", "UTF-8"),
            (deep.as_bytes(), "16 levels"),
            (br#"{"a":1,"a":2}"#, "appears twice"),
            (b"{\"a\":1e999}", "out of range"),
            (b"{'a': None}", "looks like Python"),
        ];
        for (body, part) in cases {
            let message = parse_strict(body).unwrap_err().to_string();
            assert!(message.contains(part), "{message}");
        }
    }
}
