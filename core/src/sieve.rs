//! What a list of jobs is narrowed by beyond what tables index: looked for in each record that the list comes past.

use crate::{job::Job, uri::MediaUri};

/// Records that one request comes past at most while it looks for those that are asked for. A page may then hold fewer jobs than its limit.
pub const LOOKED_AT_MOST: usize = 2_000;

/// Which jobs pass. Without a condition all do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sieve {
    /// Only jobs of this preset: `name` for each version of it, `name@2` for one.
    pub preset: Option<String>,
    /// Only jobs with this tag.
    pub tag: Option<String>,
    /// Only jobs that hold this text, whatever its case: in id, addresses without secrets, external id, tags, metadata or error.
    pub text: Option<String>,
}

impl Sieve {
    /// Whether all jobs pass.
    pub fn is_open(&self) -> bool {
        *self == Self::default()
    }

    /// Whether this job passes.
    pub fn passes(&self, job: &Job) -> bool {
        let preset = |asked: &String| {
            let name = job.spec.preset.as_deref();
            name.is_some_and(|name| {
                name == asked || name.split_once('@').is_some_and(|(name, _)| name == asked)
            })
        };
        let tag = |asked: &String| job.spec.tags.contains(asked);
        self.preset.as_ref().is_none_or(preset)
            && self.tag.as_ref().is_none_or(tag)
            && self.text.as_ref().is_none_or(|text| holds(job, text))
    }
}

fn holds(job: &Job, text: &str) -> bool {
    let text = text.to_lowercase();
    let spec = &job.spec;
    let own = [job.id.to_string(), spec.source_path.redacted()];
    let destination = job.destination().map(MediaUri::redacted);
    let error = job.error().map(ToString::to_string);
    let words = spec.external_id.iter().chain(&spec.tags);
    let words = words.chain(spec.metadata.values());
    let words = words.chain(&destination).chain(&error);
    own.iter()
        .chain(words)
        .any(|word| word.to_lowercase().contains(&text))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::testing::job;

    fn sieve(field: &str, asked: &str) -> Sieve {
        let asked = |name| (name == field).then(|| asked.to_owned());
        Sieve {
            preset: asked("preset"),
            tag: asked("tag"),
            text: asked("text"),
        }
    }

    #[test]
    fn a_job_passes_by_its_preset_its_tags_and_its_words() {
        let mut job = job(&json!({}));
        job.spec.preset = Some("house@2".to_owned());
        job.spec.tags = vec!["library".to_owned()];
        job.spec.external_id = Some("Film-7".to_owned());
        for (field, asked) in [
            ("preset", "house"),
            ("preset", "house@2"),
            ("tag", "library"),
            ("text", "film-7"),
            ("text", job.id.as_str()),
            ("none", ""),
        ] {
            assert!(sieve(field, asked).passes(&job), "{field} {asked}");
        }
        for (field, asked) in [
            ("preset", "hous"),
            ("preset", "house@1"),
            ("tag", "lib"),
            ("text", "film-8"),
        ] {
            assert!(!sieve(field, asked).passes(&job), "{field} {asked}");
        }
        assert!(sieve("none", "").is_open());
    }
}
