//! The request of `POST /v1/probes`: a source that is looked at. It becomes a job without a destination.

use serde_json::Value;

use super::{DEFAULT_MAX_ATTEMPTS, JobSpec, SpecError, SpecRules, check};
use crate::{extras::Extras, spec::check::Checked};

/// Reads a body of `POST /v1/probes`.
pub fn parse_probe(body: &Value, rules: &SpecRules) -> Result<Checked, SpecError> {
    let body = body
        .as_object()
        .ok_or_else(|| SpecError::invalid("", "the body must be a JSON object"))?;
    check::known_fields(body, "", &["source_path"])?;
    let (source_path, source) = check::source(check::text(body, "source_path")?, rules)?;
    let spec = JobSpec {
        source_path,
        dest_path: None,
        preset: None,
        passes: Vec::new(),
        outputs: Vec::new(),
        thumbnails: None,
        clip: None,
        extras: Extras::default(),
        notify: None,
        external_id: None,
        metadata: std::collections::BTreeMap::default(),
        tags: Vec::new(),
        timeout_seconds: None,
        priority: 0,
        max_attempts: DEFAULT_MAX_ATTEMPTS,
        max_cost_usd: None,
        duration_seconds: None,
    };
    Ok(Checked {
        spec,
        source,
        destination: None,
        notify: None,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_probe_names_a_source_and_nothing_else() {
        let rules = SpecRules::default();
        let checked = parse_probe(
            &json!({"source_path": "s3://ID:SECRET@media-in/a.mov"}),
            &rules,
        );
        let checked = checked.unwrap();
        assert!(checked.spec.is_probe());
        assert!(checked.source.is_some());
        let stored = serde_json::to_string(&checked.spec).unwrap();
        assert!(!stored.contains("SECRET"));
        assert_eq!(
            serde_json::from_str::<JobSpec>(&stored).unwrap(),
            checked.spec
        );
        let more =
            json!({"source_path": "s3://media-in/a.mov", "dest_path": "s3://media-out/a.mp4"});
        let refused = parse_probe(&more, &rules).unwrap_err();
        assert_eq!(refused.pointer, "/dest_path");
        for body in [json!({}), json!([]), json!({"source_path": 5})] {
            parse_probe(&body, &rules).unwrap_err();
        }
    }
}
