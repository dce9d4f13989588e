//! Watched places: media that appears in a folder or under a prefix becomes a job by itself, once for each object.
//!
//! What a job writes is no such media: destinations under a watched place are refused, save those in a folder below a watched folder
//! that a rule itself names; what lies there is not looked at.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use uuid::Builder;

use crate::{id::JobId, presets};

/// `[[watch]]`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WatchRule {
    /// The place: a folder, or `s3://bucket/prefix/`. Ends in `/`.
    pub from: String,
    /// Where results go, with words in braces that stand for parts of the source's name.
    pub to: String,
    /// The preset.
    #[serde(default = "default_preset")]
    pub preset: String,
}

fn default_preset() -> String {
    presets::DEFAULT.to_owned()
}

/// What tells results of one source from those of the next.
const WORDS: [&str; 3] = ["{stem}", "{name}", "{id}"];

/// Endings of names under which programs write what is not whole yet.
const PARTIAL: [&str; 7] = [
    ".part",
    ".partial",
    ".tmp",
    ".temp",
    ".crdownload",
    ".filepart",
    "~",
];

/// A rule that cannot be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("setting watch[{number}].{field}: {problem}")]
pub struct WatchError {
    /// Which one, from 0.
    pub number: usize,
    /// Its field.
    pub field: &'static str,
    /// What is wrong and what would be right.
    pub problem: String,
}

impl WatchRule {
    /// The request for a job with this source.
    pub fn job(&self, source: &str) -> Value {
        json!({"source_path": source, "dest_path": self.to, "preset": self.preset, "tags": ["watch"]})
    }

    /// A source as one may appear, to try the rule on.
    pub fn example(&self) -> String {
        format!("{}example.mov", self.from)
    }

    /// The folder that all results are in.
    pub fn results(&self) -> &str {
        let fixed = self.to.split('{').next().unwrap_or_default();
        fixed
            .rfind('/')
            .map_or("", |at| fixed.get(..=at).unwrap_or_default())
    }

    /// Refuses what is wrong in itself. Whether its jobs would be taken, an example tells.
    pub fn check(&self, number: usize) -> Result<(), WatchError> {
        let refuse = |field, problem: &str| {
            Err(WatchError {
                number,
                field,
                problem: problem.to_owned(),
            })
        };
        if !self.from.ends_with('/') || !self.from.contains("://") {
            return refuse(
                "from",
                "must be a folder or s3://bucket/prefix/, with a slash at its end",
            );
        }
        if !WORDS.iter().any(|word| self.to.contains(word)) {
            let problem = format!(
                "holds none of {}, so all results would go to one place",
                WORDS.join(", ")
            );
            return refuse("to", &problem);
        }
        Ok(())
    }
}

/// The rule that takes the object at an address; none if it is not watched, or no media that is whole.
pub fn takes<'a>(rules: &'a [WatchRule], address: &str) -> Option<&'a WatchRule> {
    let rule = watching(rules, address)?;
    let below = address.strip_prefix(&rule.from)?;
    let name = below.rsplit('/').next().unwrap_or_default().to_lowercase();
    let hidden = below.split('/').any(|part| part.starts_with('.'));
    let partial = PARTIAL.iter().any(|ending| name.ends_with(ending));
    (!name.is_empty() && !hidden && !partial).then_some(rule)
}

/// The rule that watches an address, of several the nearest.
pub fn watching<'a>(rules: &'a [WatchRule], address: &str) -> Option<&'a WatchRule> {
    let watching =
        |rule: &&WatchRule| address.starts_with(&rule.from) && !is_set_aside(rules, rule, address);
    let nearest = |rule: &&WatchRule| rule.from.len();
    rules.iter().filter(watching).max_by_key(nearest)
}

/// Whether an address lies in a folder for results that is below the watched one. Only for folders: S3 would tell of each result.
fn is_set_aside(rules: &[WatchRule], rule: &WatchRule, address: &str) -> bool {
    let aside = |results: &str| {
        results.len() > rule.from.len()
            && results.starts_with(&rule.from)
            && address.starts_with(results)
    };
    rule.from.starts_with("file://") && rules.iter().any(|other| aside(other.results()))
}

/// The name of a file as it is now: of one that is written anew it is another.
pub fn file_key(address: &str, bytes: u64, modified_ns: i128) -> String {
    let hash = Sha256::digest(format!("{address}\n{bytes}\n{modified_ns}"));
    format!("watch {}", STANDARD.encode(hash))
}

/// An object that was created in S3, as EventBridge tells it.
/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/ev-events.html>
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectCreated {
    /// Its address.
    pub address: String,
    /// Its size.
    pub bytes: u64,
    /// The job that it becomes: the same however often the event comes.
    pub job_id: JobId,
}

#[derive(Deserialize)]
struct RawEvent {
    source: String,
    #[serde(rename = "detail-type")]
    kind: String,
    time: Timestamp,
    detail: RawDetail,
}

#[derive(Deserialize)]
struct RawDetail {
    bucket: RawBucket,
    object: RawObject,
}

#[derive(Deserialize)]
struct RawBucket {
    name: String,
}

#[derive(Deserialize)]
struct RawObject {
    key: String,
    #[serde(default)]
    size: u64,
    #[serde(rename = "version-id")]
    version: Option<String>,
    sequencer: Option<String>,
    etag: Option<String>,
}

impl ObjectCreated {
    /// Reads an event; none if it is another one.
    pub fn parse(event: &str) -> Option<Self> {
        let event: RawEvent = serde_json::from_str(event).ok()?;
        if event.source != "aws.s3" || event.kind != "Object Created" {
            return None;
        }
        let (bucket, object) = (event.detail.bucket.name, event.detail.object);
        // Buckets without versions have a sequencer for each write.
        let version = object.version.or(object.sequencer).or(object.etag);
        let version = version.unwrap_or_default();
        let hash = Sha256::digest(format!("{bucket}\n{}\n{version}", object.key));
        let mut random = [0; 10];
        random.copy_from_slice(hash.get(..10)?);
        let millis = u64::try_from(event.time.as_millisecond()).unwrap_or_default();
        let id = Builder::from_unix_timestamp_millis(millis, &random).into_uuid();
        Some(Self {
            address: format!("s3://{bucket}/{}", object.key),
            bytes: object.size,
            job_id: JobId::from_uuid(id),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(from: &str, to: &str) -> WatchRule {
        WatchRule {
            from: from.to_owned(),
            to: to.to_owned(),
            preset: default_preset(),
        }
    }

    #[test]
    fn whole_media_is_taken_by_the_nearest_rule() {
        let rules = [
            rule("file:///in/", "file:///out/{stem}.mp4"),
            rule("file:///in/tall/", "file:///out/{stem}/"),
        ];
        let by = |address| takes(&rules, address).map(|rule| rule.from.as_str());
        assert_eq!(by("file:///in/a.mov"), Some("file:///in/"));
        assert_eq!(by("file:///in/b/a.mov"), Some("file:///in/"));
        assert_eq!(by("file:///in/tall/a.mov"), Some("file:///in/tall/"));
        for address in [
            "file:///in/.a.mov",
            "file:///in/.hidden/a.mov",
            "file:///in/a.mov.part",
            "file:///in/a.MOV.crdownload",
            "file:///in/a.mov~",
            "file:///in/folder/",
            "file:///in2/a.mov",
        ] {
            assert_eq!(by(address), None, "{address}");
        }
    }

    #[test]
    fn results_below_a_watched_folder_are_set_aside_and_below_a_prefix_are_not() {
        let rules = [rule("file:///in/", "file:///in/done/{stem}.mp4")];
        assert!(watching(&rules, "file:///in/done/a.mp4").is_none());
        assert!(watching(&rules, "file:///in/other/a.mp4").is_some());
        let rules = [rule("file:///in/", "file:///in/{stem}.mp4")];
        assert!(watching(&rules, "file:///in/a.mp4").is_some());
        let rules = [rule("s3://media/in/", "s3://media/in/done/{stem}.mp4")];
        assert!(watching(&rules, "s3://media/in/done/a.mp4").is_some());
    }

    #[test]
    fn a_rule_names_a_folder_and_a_place_for_each_source() {
        let wrong = |from, to| rule(from, to).check(2).unwrap_err().field;
        assert_eq!(wrong("file:///in", "file:///out/{stem}.mp4"), "from");
        assert_eq!(wrong("in/", "file:///out/{stem}.mp4"), "from");
        assert_eq!(wrong("s3://media/in/", "s3://media/out/a.mp4"), "to");
        rule("s3://media/in/", "s3://media/{date}/{stem}/")
            .check(0)
            .unwrap();
        let said = rule("in", "x").check(2).unwrap_err().to_string();
        assert!(said.starts_with("setting watch[2].from:"), "{said}");
    }

    #[test]
    fn a_file_has_another_key_when_it_is_written_anew() {
        let key = file_key("file:///in/a.mov", 7, 5);
        assert_eq!(key, file_key("file:///in/a.mov", 7, 5));
        assert_ne!(key, file_key("file:///in/a.mov", 8, 5));
        assert_ne!(key, file_key("file:///in/a.mov", 7, 6));
        assert_ne!(key, file_key("file:///in/b.mov", 7, 5));
    }

    const EVENT: &str = r#"{"version":"0","id":"17793124-05d4-b198-2fde-7ededc63b103","detail-type":"Object Created","source":"aws.s3","account":"111122223333",
        "time":"2021-11-12T00:00:00Z","region":"ca-central-1","resources":["arn:aws:s3:::amzn-s3-demo-bucket1"],"detail":{"version":"0","bucket":{"name":"amzn-s3-demo-bucket1"},
        "object":{"key":"in/example key.mov","size":5,"etag":"b57f9512698f4b09e608f4f2a65852e5","version-id":"IYV3p45BT0ac8hjHg1houSdS1a.Mro8e","sequencer":"617f08299329d189"},
        "request-id":"N4N7GDK58NMKJ12R","requester":"123456789012","source-ip-address":"1.2.3.4","reason":"PutObject"}}"#;

    #[test]
    fn an_event_names_one_job_however_often_it_comes() {
        let event = ObjectCreated::parse(EVENT).unwrap();
        assert_eq!(
            event.address,
            "s3://amzn-s3-demo-bucket1/in/example key.mov"
        );
        assert_eq!(event.bytes, 5);
        assert_eq!(ObjectCreated::parse(EVENT).unwrap(), event);
        let day: Timestamp = "2021-11-12T00:00:00Z".parse().unwrap();
        assert!(event.job_id >= JobId::first_of(day), "it sorts by its time");
        let other = EVENT.replace("IYV3p45BT0ac8hjHg1houSdS1a.Mro8e", "another");
        assert_ne!(ObjectCreated::parse(&other).unwrap().job_id, event.job_id);
        let unversioned = EVENT.replace("version-id", "version");
        assert_ne!(
            ObjectCreated::parse(&unversioned).unwrap().job_id,
            event.job_id
        );
    }

    #[test]
    fn other_events_are_none() {
        for event in [
            "",
            "{}",
            r#"{"source":"aws.s3","detail-type":"Object Deleted"}"#,
            &EVENT.replace("aws.s3", "mine"),
            &EVENT.replace("Object Created", "Object Deleted"),
        ] {
            assert_eq!(ObjectCreated::parse(event), None, "{event}");
        }
    }
}
