//! The attacks, as data: what is sent, what FFmpeg would be given without a check, and what must come of it.
//!
//! Names in braces stand for what only a run knows: `{CANARY_DIR}` holds files that nobody may open, `{PWN_DIR}` must stay empty,
//! `{CANARY_URL}`, `{CANARY_HOSTPORT}` and `{PORT}` name a listener that must hear nothing, `{CANARY_HOST_ESC}` the same as a
//! filtergraph writes it, `{WORK}` a folder that is served, `{DATA}` the system's own, `{SOURCE}` the source of the job.

use std::{fs, path::Path};

use serde_json::{Value, json};

/// The files beside this crate, by what they attack.
const FILES: [&str; 6] = [
    "options.json",
    "filters.json",
    "addresses.json",
    "media.json",
    "api.json",
    "harmless.json",
];

/// Names a file of more attacks, in the form that `shared.rs` reads.
const MORE: &str = "NOMMER_HOSTILE_FILE";

/// What must come of an attack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Expect {
    /// It is refused when it is sent.
    Refused,
    /// It is taken, and its job ends in an error.
    Fails,
    /// It is refused, or its job may end in any way.
    Harmless,
    /// It is taken; its job may end in any way.
    Accepted,
    /// It is no attack: its job ends with an output.
    Encodes,
}

/// A file to be made for an attack.
#[derive(Clone, Debug)]
pub(crate) struct Media {
    pub(crate) name: String,
    /// Its text, or the name of what makes it.
    pub(crate) content: Content,
}

/// Where the bytes of a file come from.
#[derive(Clone, Debug)]
pub(crate) enum Content {
    Text(String),
    Made(String),
}

/// A body that is sent as it is.
#[derive(Clone, Debug)]
pub(crate) struct Raw {
    pub(crate) text: String,
    pub(crate) content_type: String,
}

/// One attack, or one control.
#[derive(Clone, Debug)]
pub(crate) struct Attack {
    pub(crate) id: String,
    pub(crate) expect: Expect,
    /// Whether stock FFmpeg, left alone with it, opens a canary, calls the listener or writes outside.
    pub(crate) bites: bool,
    pub(crate) source: Option<String>,
    pub(crate) destination: Option<String>,
    pub(crate) notify: Option<String>,
    pub(crate) infile: Vec<Value>,
    pub(crate) outfile: Vec<Value>,
    pub(crate) media: Option<Media>,
    pub(crate) raw: Option<Raw>,
    /// What FFmpeg is given in place of the options and the name of the output.
    pub(crate) argv: Option<Vec<String>>,
    pub(crate) argv_output: Option<String>,
}

impl Attack {
    /// One that does nothing yet.
    pub(crate) fn new(id: &str, expect: Expect) -> Self {
        Self {
            id: id.to_owned(),
            expect,
            bites: false,
            source: None,
            destination: None,
            notify: None,
            infile: Vec::new(),
            outfile: Vec::new(),
            media: None,
            raw: None,
            argv: None,
            argv_output: None,
        }
    }

    fn read(entry: &Value) -> Self {
        let text = |key: &str| entry[key].as_str().map(str::to_owned);
        let pairs = |key: &str| entry[key].as_array().cloned().unwrap_or_default();
        let media = entry.get("media").map(|media| Media {
            name: media["name"].as_str().unwrap().to_owned(),
            content: match media["text"].as_str() {
                Some(text) => Content::Text(text.to_owned()),
                None => Content::Made(media["make"].as_str().unwrap().to_owned()),
            },
        });
        let expect = match entry["expect"].as_str() {
            None if media.is_some() => Expect::Fails,
            None | Some("refused") => Expect::Refused,
            Some("fails") => Expect::Fails,
            Some("harmless" | "refused_or_fails") => Expect::Harmless,
            Some("accepted") => Expect::Accepted,
            Some("encodes") => Expect::Encodes,
            Some(other) => panic!("{entry}: there is no expectation {other:?}"),
        };
        Self {
            bites: entry["bites"] == true,
            source: text("source"),
            destination: text("destination"),
            notify: text("notify"),
            infile: pairs("in"),
            outfile: pairs("out"),
            media,
            raw: raw(entry),
            argv: entry["argv"].as_array().map(|words| strings(words)),
            argv_output: text("dest"),
            ..Self::new(entry["id"].as_str().unwrap(), expect)
        }
    }

    /// What FFmpeg would be given if nobody checked anything; none where that cannot be written, or where the attack is not on FFmpeg.
    pub(crate) fn stock_argv(&self) -> Option<Vec<String>> {
        let on_ffmpeg = !self.infile.is_empty()
            || !self.outfile.is_empty()
            || self.source.is_some()
            || self.media.is_some()
            || self.argv.is_some();
        let input = match (&self.media, &self.source) {
            (Some(media), _) => media.name.clone(),
            (None, Some(source)) => source.clone(),
            (None, None) => "in.mp4".to_owned(),
        };
        let mut argv = dashed(&self.infile)?;
        argv.extend(["-i".to_owned(), input]);
        argv.extend(match &self.argv {
            Some(words) => words.clone(),
            None => dashed(&self.outfile)?,
        });
        argv.push(
            self.argv_output
                .clone()
                .unwrap_or_else(|| "out.mp4".to_owned()),
        );
        let fits = argv
            .iter()
            .all(|word| !word.contains('\0') && word.len() < 100_000);
        (on_ffmpeg && self.raw.is_none() && fits).then_some(argv)
    }
}

fn dashed(pairs: &[Value]) -> Option<Vec<String>> {
    let mut words = Vec::new();
    for pair in pairs {
        words.push(format!("-{}", pair[0].as_str()?));
        match &pair[1] {
            Value::Null => {}
            value => words.push(value.as_str()?.to_owned()),
        }
    }
    Some(words)
}

fn raw(entry: &Value) -> Option<Raw> {
    let text = entry["raw"].as_str()?;
    let times = entry["repeat"].as_u64().unwrap_or(1).try_into().unwrap();
    let text = match entry["make"].as_str() {
        Some("options") => options_without_end(),
        _ => text.repeat(times),
    };
    let content_type = entry["content_type"].as_str().unwrap_or("application/json");
    Some(Raw {
        text,
        content_type: content_type.to_owned(),
    })
}

/// A job of many options that stays below the limit on a body.
pub(crate) fn options_without_end() -> String {
    let pairs = vec![json!(["an", null]); 10_000];
    let job = json!({
        "source_path": "s3://in-bucket/a.mp4", "dest_path": "s3://out-bucket/a.mp4",
        "job_options": {"nommer": "ffmpeg", "options": [{"outfile_options": pairs}]},
    });
    job.to_string()
}

pub(crate) fn strings(words: &[Value]) -> Vec<String> {
    words
        .iter()
        .map(|word| word.as_str().unwrap().to_owned())
        .collect()
}

/// Every attack of this crate, and those of the file that the environment names.
pub(crate) fn all() -> Vec<Attack> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("hostile");
    let mut attacks: Vec<Attack> = Vec::new();
    for file in FILES {
        let text = fs::read_to_string(folder.join(file)).unwrap();
        let entries: Vec<Value> = serde_json::from_str(&text).unwrap();
        attacks.extend(entries.iter().map(Attack::read));
    }
    if let Some(file) = std::env::var_os(MORE) {
        let text = fs::read_to_string(file).unwrap();
        let entries: Vec<Value> = serde_json::from_str(&text).unwrap();
        attacks.extend(super::shared::read(&entries));
    }
    attacks
}
