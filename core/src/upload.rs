//! Uploads: media that a caller brings before there is a job. What may be brought, under which name it is kept, and whose it is.
//! Bytes never pass through here.

mod parts;
mod ticket;

use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Map, Value};

pub use parts::{Completion, Cut, Part, parse_completion};
pub use ticket::Ticket;

use crate::{
    error::Code,
    id::{KeyId, UploadId},
    nearest::nearest,
    spec::SpecError,
};

/// How long an upload may begin after it was announced.
pub const LIFETIME: Duration = Duration::from_hours(1);

/// The same for each part of an upload that takes more than one request.
///
/// A day, because 5 TB take half of one at 1 Gbit/s, and because a stack's bucket removes after a day what was not completed. A signed
/// address may hold for a week, though not for longer than the credentials that signed it.
/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/using-presigned-url.html>
pub const LIFETIME_OF_PARTS: Duration = Duration::from_hours(24);

/// The folder of all uploads, within the bucket or folder for media.
pub const FOLDER: &str = "uploads/";

/// Whose uploads those of the operator are, beside the ids of keys.
const OPERATOR: &str = "operator";

/// Longest name, in bytes: file systems take 255, and a hidden name is longer.
const NAME_BYTES: usize = 200;

/// Longest content type, in bytes.
const TYPE_BYTES: usize = 127;

/// What it is unless that is said.
const UNKNOWN_TYPE: &str = "application/octet-stream";

/// The fields of a request.
const FIELDS: [&str; 3] = ["filename", "bytes", "content_type"];

/// What a caller announces.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Announced {
    /// Its name: one part of a path, checked.
    pub filename: String,
    /// How many bytes there will be.
    pub bytes: u64,
    /// What it says that it is.
    pub content_type: String,
}

impl Announced {
    /// Reads a body of `POST /v1/uploads`, for at most so many bytes.
    pub fn parse(body: &Value, most: u64) -> Result<Self, SpecError> {
        let body = object(body, "", &FIELDS)?;
        Ok(Self {
            filename: filename(body)?,
            bytes: bytes(body, most)?,
            content_type: content_type(body)?,
        })
    }
}

fn refused(pointer: &str, message: impl Into<String>) -> SpecError {
    SpecError::new(pointer, Code::InvalidSpec, message)
}

/// An object that has no other fields than these. `at` is where it stands.
fn object<'a>(
    value: &'a Value,
    at: &str,
    fields: &[&str],
) -> Result<&'a Map<String, Value>, SpecError> {
    let object = value.as_object();
    let object = object.ok_or_else(|| {
        let what = if at.is_empty() { "the body" } else { "this" };
        refused(at, format!("{what} must be a JSON object"))
    })?;
    let Some(unknown) = object.keys().find(|key| !fields.contains(&key.as_str())) else {
        return Ok(object);
    };
    let advice = nearest(unknown, fields).map_or_else(
        || format!("fields are {}", fields.join(", ")),
        |near| format!("did you mean {near:?}?"),
    );
    let pointer = format!("{at}/{}", unknown.replace('~', "~0").replace('/', "~1"));
    let message = format!("there is no field {unknown:?}; {advice}");
    Err(refused(&pointer, message))
}

/// A name that is one part of a path on every side, and means nothing to it.
fn filename(body: &Map<String, Value>) -> Result<String, SpecError> {
    let plain = |name: &&str| {
        let unwanted =
            |letter: char| letter.is_control() || matches!(letter, '/' | '\\' | '%' | '?' | '#');
        (1..=NAME_BYTES).contains(&name.len())
            && !name.starts_with('.')
            && !name.contains(unwanted)
            && name.trim() == *name
    };
    let name = body.get("filename").and_then(Value::as_str).filter(plain);
    name.map(str::to_owned).ok_or_else(|| {
        let message = format!(
            "filename must be a name of 1 to {NAME_BYTES} bytes that begins with no dot, without folders, `\\`, `%`, `?`, `#`, control characters and blanks at its ends"
        );
        refused("/filename", message)
    })
}

fn bytes(body: &Map<String, Value>, most: u64) -> Result<u64, SpecError> {
    let bytes = body.get("bytes").and_then(Value::as_u64);
    let bytes = bytes
        .filter(|bytes| *bytes > 0)
        .ok_or_else(|| refused("/bytes", "bytes must be a whole number above zero"))?;
    if bytes <= most {
        return Ok(bytes);
    }
    let message = format!(
        "{bytes} bytes are more than the {most} that one upload may have: as many as limits.source_bytes says, and as the place for uploads takes"
    );
    Err(SpecError::new("/bytes", Code::SourceTooLarge, message))
}

fn content_type(body: &Map<String, Value>) -> Result<String, SpecError> {
    let plain = |text: &&str| {
        let token = |part: &str| {
            let legal = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$&^_.+-".contains(&byte);
            !part.is_empty() && part.bytes().all(legal)
        };
        text.len() <= TYPE_BYTES
            && text
                .split_once('/')
                .is_some_and(|(kind, rest)| token(kind) && token(rest))
    };
    match body.get("content_type") {
        None | Some(Value::Null) => Ok(UNKNOWN_TYPE.to_owned()),
        Some(value) => {
            let text = value.as_str().filter(plain);
            text.map(str::to_owned).ok_or_else(|| {
                refused(
                    "/content_type",
                    "content_type must be a media type such as video/mp4",
                )
            })
        }
    }
}

/// An upload that may begin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Upload {
    /// Its name.
    pub id: UploadId,
    /// The API key that announced it; none if the operator did.
    pub owner: Option<KeyId>,
    /// What will come.
    pub announced: Announced,
    /// Until when it may begin.
    pub expires_at: Timestamp,
}

impl Upload {
    /// Its place within the bucket or folder for media. Nobody guesses it.
    pub fn place(&self) -> String {
        let (owner, id) = (own_folder(self.owner.as_ref()), &self.id);
        format!("{FOLDER}{owner}{id}/{}", self.announced.filename)
    }
}

/// The folder of all uploads of one caller, below that of all.
pub fn own_folder(owner: Option<&KeyId>) -> String {
    format!("{}/", owner.map_or(OPERATOR, KeyId::as_str))
}

/// How the bytes are to be brought.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Offer {
    /// In one request.
    Whole {
        /// Where to: a whole address, or a path of the server that was asked.
        url: String,
        /// What the request must say, by name.
        headers: Vec<(String, String)>,
    },
    /// In parts, which are put together when all have come.
    Parts {
        /// What the store calls the upload until then.
        handle: String,
        /// All parts, in order.
        parts: Vec<Part>,
    },
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_name_is_one_part_of_a_path_and_nothing_else() {
        for name in [
            "../x",
            "a/b",
            "/etc/passwd",
            "..",
            ".hidden",
            "",
            "a\\b",
            "a%2fb",
            "a\nb",
            "a?b",
            " a",
            "a ",
            &"x".repeat(201),
        ] {
            let refused = Announced::parse(&json!({"filename": name, "bytes": 1}), 10);
            assert_eq!(refused.unwrap_err().pointer, "/filename", "{name:?}");
        }
        let named = json!({"filename": "Mein Film (2).mov", "bytes": 10, "content_type": "video/quicktime"});
        let announced = Announced::parse(&named, 10).unwrap();
        let upload = Upload {
            id: "upload_1".parse().unwrap(),
            owner: Some(KeyId::from_hex("0123")),
            announced,
            expires_at: Timestamp::UNIX_EPOCH,
        };
        assert_eq!(
            upload.place(),
            "uploads/key_0123/upload_1/Mein Film (2).mov"
        );
    }

    #[test]
    fn what_is_too_large_or_of_no_known_size_is_refused() {
        for (bytes, code) in [
            (json!(11), Code::SourceTooLarge),
            (json!(0), Code::InvalidSpec),
            (json!(-1), Code::InvalidSpec),
            (json!(1.5), Code::InvalidSpec),
            (json!("7"), Code::InvalidSpec),
            (json!(null), Code::InvalidSpec),
        ] {
            let refused = Announced::parse(&json!({"filename": "a.mov", "bytes": bytes}), 10);
            let refused = refused.unwrap_err();
            assert_eq!(
                (refused.pointer.as_str(), refused.error.code),
                ("/bytes", code)
            );
        }
    }

    #[test]
    fn types_and_fields_are_checked() {
        for kind in ["video", "video/", "/mp4", "video/mp4\r\nx: y", "a b/c"] {
            let body = json!({"filename": "a.mov", "bytes": 1, "content_type": kind});
            let refused = Announced::parse(&body, 10).unwrap_err();
            assert_eq!(refused.pointer, "/content_type", "{kind:?}");
        }
        let body = json!({"file_name": "a.mov", "bytes": 1});
        let refused = Announced::parse(&body, 10).unwrap_err();
        assert!(refused.error.message.contains("filename"), "{refused}");
    }
}
