//! `fleet.idle_timeout`: `"auto"` or a duration such as `"5m"`. Text in and out; what it means is decided in `idle`.

use std::fmt;
use std::time::Duration;

use jiff::fmt::friendly::{Designator, SpanParser, SpanPrinter};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// How long an encoder stands idle before it ends itself.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum IdleTimeout {
    /// As long as a boot is billed, or what the original did under its policy.
    #[default]
    Auto,
    /// This long.
    After(Duration),
}

impl fmt::Display for IdleTimeout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => f.write_str("auto"),
            Self::After(limit) => {
                let printer = SpanPrinter::new().designator(Designator::Compact);
                f.write_str(&printer.unsigned_duration_to_string(limit))
            }
        }
    }
}

impl Serialize for IdleTimeout {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for IdleTimeout {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        if text == "auto" {
            return Ok(Self::Auto);
        }
        SpanParser::new()
            .parse_unsigned_duration(&text)
            .map(Self::After)
            .map_err(|source| {
                de::Error::custom(format!(
                    "expected \"auto\" or a duration such as \"5m\": {source}"
                ))
            })
    }
}
