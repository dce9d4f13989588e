//! The request of `POST /v1/jobs/{id}/retry`: which outputs are repeated. All else is as the job was submitted.

use serde_json::Value;

use super::{SpecError, fields::Fields};

/// What is asked of another try.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RetryRequest {
    /// Whether outputs that are there already are left alone. A job makes all of them together, so that all are made again.
    pub only_failed_outputs: bool,
}

impl RetryRequest {
    /// Reads a body.
    pub fn parse(body: &Value) -> Result<Self, SpecError> {
        let fields = Fields::new(body, String::new(), &["only_failed_outputs"])?;
        Ok(Self {
            only_failed_outputs: fields.flag("only_failed_outputs")?,
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_not_known_is_refused_with_what_would_be() {
        for (body, expected) in [
            (json!({}), false),
            (json!({"only_failed_outputs": null}), false),
            (json!({"only_failed_outputs": false}), false),
            (json!({"only_failed_outputs": true}), true),
        ] {
            let read = RetryRequest::parse(&body).unwrap();
            assert_eq!(read.only_failed_outputs, expected, "{body}");
        }
        for (body, pointer, words) in [
            (
                json!({"only_failed_output": true}),
                "/only_failed_output",
                "did you mean \"only_failed_outputs\"?",
            ),
            (
                json!({"only_failed_outputs": 1}),
                "/only_failed_outputs",
                "true or false",
            ),
            (json!([]), "", "must be an object"),
        ] {
            let refused = RetryRequest::parse(&body).unwrap_err();
            assert_eq!(refused.pointer, pointer);
            assert!(refused.error.message.contains(words), "{refused:?}");
        }
    }
}
