//! The request of `POST /v1/batches`: what all jobs share, and what each adds. Jobs themselves are read as those of `POST /v1/jobs` are.

use serde_json::{Map, Value};

use super::{SpecError, check, fields::Fields};
use crate::{
    batch::{MOST_ENTRIES, MOST_TARGET_QUEUE, RETRIES, TARGET_QUEUE},
    error::Code,
};

/// Most bytes of all jobs together, each with what it shares with the others: they are stored so.
const MOST_BYTES: usize = 2 * 1_024 * 1_024;

/// Longest name of a batch, in bytes.
const NAME_BYTES: usize = 500;

/// Ways to say what is made of a source. An entry with one of its own does not get that of the others.
const WAYS: [&str; 3] = ["preset", "outputs", "job_options"];

/// A request that is well formed as far as it is not of its jobs.
#[derive(Clone, Debug, PartialEq)]
pub struct BatchRequest {
    /// The caller's name for it.
    pub name: Option<String>,
    /// How many of its jobs are unfinished at most.
    pub target_queue: u32,
    /// How often a job is tried again.
    pub retries: u32,
    shared: Map<String, Value>,
    entries: Vec<Map<String, Value>>,
}

impl BatchRequest {
    /// Reads the body.
    pub fn read(body: &Value) -> Result<Self, SpecError> {
        let known = ["name", "job", "entries", "target_queue", "retries"];
        let fields = Fields::new(body, String::new(), &known)?;
        let name = fields.text("name")?.map(str::to_owned);
        let fits = |name: &String| {
            (1..=NAME_BYTES).contains(&name.len()) && !name.chars().any(char::is_control)
        };
        if !name.as_ref().is_none_or(fits) {
            let form =
                format!("must be text of 1 to {NAME_BYTES} bytes without control characters");
            return Err(fields.refuse("name", form));
        }
        let shared = match fields.get("job") {
            None => Map::new(),
            Some(Value::Object(shared)) => shared.clone(),
            Some(_) => return Err(fields.refuse("job", "must be an object with fields of a job")),
        };
        let list = fields.get("entries").and_then(Value::as_array);
        let list = list.filter(|list| (1..=MOST_ENTRIES).contains(&list.len()));
        let form = format!("must be a list of 1 to {MOST_ENTRIES} objects with fields of a job");
        let list = list.ok_or_else(|| fields.refuse("entries", &form))?;
        let object = |(number, entry): (usize, &Value)| {
            let refuse = || {
                let message = "an entry must be an object with fields of a job";
                SpecError::invalid(format!("/entries/{number}"), message)
            };
            entry.as_object().cloned().ok_or_else(refuse)
        };
        let entries = list.iter().enumerate().map(object);
        let request = Self {
            name,
            target_queue: fields
                .small("target_queue", 1, MOST_TARGET_QUEUE)?
                .unwrap_or(TARGET_QUEUE),
            retries: fields
                .small("retries", 0, super::MOST_ATTEMPTS - 1)?
                .unwrap_or(RETRIES),
            shared,
            entries: entries.collect::<Result<_, _>>()?,
        };
        request.check_size()?;
        Ok(request)
    }

    /// The shared part is stored with each entry, so a small body can stand for very much.
    fn check_size(&self) -> Result<(), SpecError> {
        let bytes = |fields: &Map<String, Value>| {
            serde_json::to_string(fields).map_or(usize::MAX, |text| text.len())
        };
        let shared = bytes(&self.shared).saturating_mul(self.entries.len());
        let own: usize = self.entries.iter().map(bytes).sum();
        if shared.saturating_add(own) <= MOST_BYTES {
            return Ok(());
        }
        let message = format!(
            "the jobs of a batch, each with what they share, may have {} KiB together",
            MOST_BYTES / 1_024
        );
        let mut refused = SpecError::new("/entries", Code::BodyTooLarge, message);
        refused.error.hint = Some("make several batches of it, or store a preset".to_owned());
        Err(refused)
    }

    /// How many jobs are asked for.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Never: a batch has entries.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The request of each job. What an entry says goes before what all share; `null` takes away what they share.
    pub fn bodies(&self) -> impl Iterator<Item = Value> {
        self.entries.iter().map(|entry| {
            let own_way = WAYS.iter().any(|way| given(entry, way));
            let mut body = self.shared.clone();
            body.retain(|field, _| !own_way || !WAYS.contains(&field.as_str()));
            for (field, value) in entry {
                if value.is_null() {
                    body.remove(field);
                } else {
                    body.insert(field.clone(), value.clone());
                }
            }
            Value::Object(body)
        })
    }

    /// A refusal of the job of an entry, as one of the batch: it names the field where the caller wrote it.
    #[must_use]
    pub fn placed(&self, number: usize, refused: SpecError) -> SpecError {
        let field = refused.pointer.split('/').nth(1).unwrap_or_default();
        let own = self
            .entries
            .get(number)
            .is_some_and(|entry| given(entry, field));
        let at = if !own && given(&self.shared, field) {
            "/job".to_owned()
        } else {
            check::pointer("/entries", &number.to_string())
        };
        SpecError {
            pointer: at + &refused.pointer,
            ..refused
        }
    }
}

fn given(fields: &Map<String, Value>, field: &str) -> bool {
    fields.get(field).is_some_and(|value| !value.is_null())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn refused(body: &Value) -> String {
        BatchRequest::read(body).unwrap_err().pointer
    }

    #[test]
    fn what_an_entry_says_goes_before_what_all_share() {
        let body = json!({
            "job": {"preset": "copy", "tags": ["a"], "dest_path": "s3://out/{stem}.mp4"},
            "entries": [
                {"source_path": "s3://in/a"},
                {"source_path": "s3://in/b", "outputs": [{}], "tags": null},
            ],
        });
        let request = BatchRequest::read(&body).unwrap();
        assert_eq!((request.target_queue, request.retries), (3, 2));
        let bodies: Vec<Value> = request.bodies().collect();
        assert_eq!(
            bodies,
            [
                json!({"preset": "copy", "tags": ["a"], "dest_path": "s3://out/{stem}.mp4", "source_path": "s3://in/a"}),
                json!({"outputs": [{}], "dest_path": "s3://out/{stem}.mp4", "source_path": "s3://in/b"}),
            ]
        );
    }

    #[test]
    fn a_refusal_names_the_field_where_it_was_written() {
        let body = json!({"job": {"preset": "x", "tags": 1}, "entries": [{}, {"preset": "y"}]});
        let request = BatchRequest::read(&body).unwrap();
        let place = |number, pointer: &str| {
            let refused = SpecError::invalid(pointer, "no");
            request.placed(number, refused).pointer
        };
        assert_eq!(place(0, "/preset"), "/job/preset");
        assert_eq!(place(1, "/preset"), "/entries/1/preset");
        assert_eq!(place(1, "/tags/0"), "/job/tags/0");
        assert_eq!(place(1, "/source_path"), "/entries/1/source_path");
    }

    #[test]
    fn what_is_no_batch_is_refused() {
        let one = json!([{}]);
        let many = vec![json!({}); MOST_ENTRIES + 1];
        let large = "x".repeat(150_000);
        for (body, pointer) in [
            (json!([]), ""),
            (json!({}), "/entries"),
            (json!({"entries": []}), "/entries"),
            (json!({"entries": many}), "/entries"),
            (json!({"entries": [{}, 7]}), "/entries/1"),
            (json!({"entries": one, "jobs": {}}), "/jobs"),
            (json!({"entries": one, "job": []}), "/job"),
            (json!({"entries": one, "name": ""}), "/name"),
            (json!({"entries": one, "target_queue": 0}), "/target_queue"),
            (json!({"entries": one, "retries": 10}), "/retries"),
            (
                json!({"entries": vec![json!({}); 15], "job": {"preset": large}}),
                "/entries",
            ),
        ] {
            assert_eq!(refused(&body), pointer, "{body:.99}");
        }
    }
}
