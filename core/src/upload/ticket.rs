//! What is known of an upload in parts, as text that its caller keeps and brings back, because no record of it is kept.
//!
//! It is no proof of anything. Whose the upload is and what it is called stand elsewhere: in who asks, and in the address. So a caller who
//! writes such a text reaches places in the caller's own folder, and S3 knows no other upload there than those that were announced.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use super::Announced;
use crate::json::parse_strict;

/// Longest handle, in bytes. S3's have some 130, and are not promised to stay so.
const HANDLE_BYTES: usize = 1_024;

/// What is known of an upload in parts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ticket {
    /// What will come.
    pub announced: Announced,
    /// What the store calls the upload until it is whole.
    pub handle: String,
}

impl Ticket {
    /// The text. It has letters, digits, `-` and `_` alone.
    pub fn to_text(&self) -> String {
        let announced = &self.announced;
        let ticket = json!({
            "filename": announced.filename,
            "bytes": announced.bytes,
            "content_type": announced.content_type,
            "handle": self.handle,
        });
        URL_SAFE_NO_PAD.encode(ticket.to_string())
    }

    /// Reads a text again, for an upload of at most so many bytes. All that is checked in an announcement is checked again.
    pub fn parse(text: &str, most: u64) -> Option<Self> {
        let json = URL_SAFE_NO_PAD.decode(text).ok()?;
        let mut ticket = parse_strict(&json).ok()?;
        let Some(Value::String(handle)) = ticket.as_object_mut()?.remove("handle") else {
            return None;
        };
        let legal = handle.bytes().all(|byte| (b' '..=b'~').contains(&byte));
        if !legal || !(1..=HANDLE_BYTES).contains(&handle.len()) {
            return None;
        }
        Some(Self {
            announced: Announced::parse(&ticket, most).ok()?,
            handle,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encoded(ticket: &Value) -> String {
        URL_SAFE_NO_PAD.encode(ticket.to_string())
    }

    #[test]
    fn a_ticket_is_read_as_it_was_written() {
        let ticket = Ticket {
            announced: Announced {
                filename: "käfer \"2\".mov".to_owned(),
                bytes: 7,
                content_type: "video/quicktime".to_owned(),
            },
            handle: "VXBsb2FkIElE._-/+=".to_owned(),
        };
        let text = ticket.to_text();
        let legal = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
        assert!(text.bytes().all(legal), "{text}");
        assert_eq!(Ticket::parse(&text, 7), Some(ticket));
        assert_eq!(Ticket::parse(&text, 6), None, "the limit holds again");
    }

    #[test]
    fn a_ticket_that_names_another_place_or_nothing_is_none() {
        let good = json!({"filename": "a.mov", "bytes": 7, "handle": "x"});
        assert!(Ticket::parse(&encoded(&good), 7).is_some());
        for (field, value) in [
            ("filename", json!("../../key_1/upload_1/a.mov")),
            ("filename", json!("a/b")),
            ("filename", json!(null)),
            ("bytes", json!(0)),
            ("handle", json!("")),
            ("handle", json!("a\nb")),
            ("handle", json!(1)),
            ("handle", json!("x".repeat(2_000))),
            ("owner", json!("operator")),
        ] {
            let mut bad = good.clone();
            bad[field] = value;
            assert_eq!(Ticket::parse(&encoded(&bad), 7), None, "{bad}");
        }
        for text in ["", "x", "%", &encoded(&json!([])), &encoded(&json!("x"))] {
            assert_eq!(Ticket::parse(text, 7), None, "{text}");
        }
    }
}
