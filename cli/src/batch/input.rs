//! The list of a batch: a CSV file, JSON lines, a folder, or a prefix of a bucket.

use std::{
    collections::{BTreeMap, HashMap},
    fs,
    path::Path,
};

use anyhow::Context as _;
use nommer_aws::load_config;
use nommer_core::{
    nearest::nearest,
    uri::{MediaUri, UriRules},
};
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};

use crate::{args::BatchArgs, config::address, failure::Failure};

/// Columns of a CSV file: fields of a job. `metadata.NAME` is one too.
const COLUMNS: [&str; 10] = [
    "source_path",
    "dest_path",
    "preset",
    "notify_url",
    "notify_format",
    "external_id",
    "max_attempts",
    "max_cost_usd",
    "duration_seconds",
    "metadata",
];

/// Those that hold numbers.
const NUMBERS: [&str; 3] = ["max_attempts", "max_cost_usd", "duration_seconds"];

/// What counts as media in a folder or under a prefix, by the names' ends.
const MEDIA: [&str; 17] = [
    "3gp", "aac", "avi", "flac", "m2ts", "m4a", "m4v", "mkv", "mov", "mp3", "mp4", "mpeg", "mpg",
    "mxf", "ts", "wav", "webm",
];

/// One job to be.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Entry {
    /// Its number in the list, from 1.
    pub(crate) number: usize,
    /// Its name for ever: made of what it asks for, and of how often the list has asked for that before.
    pub(crate) key: String,
    /// The body of its request.
    pub(crate) body: Value,
}

impl Entry {
    /// The idempotency key of one try.
    pub(super) fn try_key(&self, tries: u32) -> String {
        format!("batch-{}-{tries}", self.key)
    }

    /// Where its media comes from, without secrets. An address that cannot be read is not shown; a path is, as everywhere.
    pub(super) fn source(&self) -> String {
        let source = self.body["source_path"].as_str().unwrap_or_default();
        if source.starts_with("file://") {
            return source.to_owned();
        }
        let read = MediaUri::parse_source(source, &UriRules::default());
        read.map_or_else(|_unreadable| "***".to_owned(), |uri| uri.redacted())
    }
}

/// Reads the list.
pub(crate) async fn read(args: &BatchArgs) -> Result<Vec<Entry>, Failure> {
    let list = args.list.as_str();
    let path = Path::new(list);
    let bodies = if list.starts_with("s3://") {
        found(args, &under_prefix(list).await?)?
    } else if path.is_dir() {
        found(args, &in_folder(path)?)?
    } else {
        let text = fs::read_to_string(path).map_err(|error| unreadable(list, &error))?;
        let is_csv = path
            .extension()
            .is_some_and(|end| end.eq_ignore_ascii_case("csv"));
        if is_csv {
            csv(&text)?
        } else {
            json_lines(&text)?
        }
    };
    if bodies.is_empty() {
        return Err(Failure::usage(format!("{list} holds no jobs")));
    }
    let bodies = bodies.into_iter().map(|body| completed(args, body));
    numbered(bodies.collect::<Result<_, _>>()?)
}

fn unreadable(list: &str, error: &std::io::Error) -> Failure {
    match error.kind() {
        std::io::ErrorKind::NotFound => Failure::not_found(format!("there is no {list}")),
        _ => Failure::usage(format!("read {list}: {error}")),
    }
}

/// Gives each body its name.
fn numbered(bodies: Vec<Value>) -> Result<Vec<Entry>, Failure> {
    let mut seen: HashMap<String, usize> = HashMap::new();
    let mut entries = Vec::new();
    for (place, body) in bodies.into_iter().enumerate() {
        let text = serde_json::to_string(&body).context("read the list")?;
        let times = seen.entry(text.clone()).or_default();
        *times += 1;
        let digest = Sha256::digest(format!("{times} {text}"));
        let digits = digest.iter().take(16).map(|byte| format!("{byte:02x}"));
        entries.push(Entry {
            number: place + 1,
            key: digits.collect::<Vec<_>>().concat(),
            body,
        });
    }
    Ok(entries)
}

/// Fills in what the flags say, and makes paths addresses.
fn completed(args: &BatchArgs, mut body: Value) -> Result<Value, Failure> {
    let fields = body
        .as_object_mut()
        .ok_or_else(|| Failure::usage("each line must be a JSON object"))?;
    let ways = ["preset", "outputs", "job_options"];
    if !ways.iter().any(|way| fields.contains_key(*way)) {
        fields.insert("preset".to_owned(), json!(args.preset));
    }
    if let (false, Some(template)) = (fields.contains_key("dest_path"), &args.destination) {
        let source = fields
            .get("source_path")
            .and_then(Value::as_str)
            .unwrap_or_default();
        fields.insert("dest_path".to_owned(), json!(destination(template, source)));
    }
    for field in ["source_path", "dest_path"] {
        if let Some(Value::String(text)) = fields.get(field) {
            let text = address(text)?;
            fields.insert(field.to_owned(), json!(text));
        }
    }
    Ok(body)
}

/// `{name}`, `{stem}` and `{ext}` of the source.
fn destination(template: &str, source: &str) -> String {
    let bare = source.split(['?', '#']).next().unwrap_or_default();
    let name = bare.rsplit('/').next().unwrap_or_default();
    let (stem, end) = name.rsplit_once('.').unwrap_or((name, ""));
    template
        .replace("{name}", name)
        .replace("{stem}", stem)
        .replace("{ext}", end)
}

fn json_lines(text: &str) -> Result<Vec<Value>, Failure> {
    let lines = text
        .lines()
        .enumerate()
        .filter(|(_, line)| !line.trim().is_empty());
    lines
        .map(|(number, line)| {
            let wrong = |error| Failure::usage(format!("line {}: {error}", number + 1));
            serde_json::from_str(line).map_err(wrong)
        })
        .collect()
}

fn csv(text: &str) -> Result<Vec<Value>, Failure> {
    let wrong = |error: csv::Error| Failure::usage(format!("the list: {error}"));
    let mut reader = csv::ReaderBuilder::new()
        .trim(csv::Trim::All)
        .from_reader(text.as_bytes());
    let columns = reader.headers().map_err(wrong)?.clone();
    for column in &columns {
        if !COLUMNS.contains(&column) && !column.starts_with("metadata.") {
            let near = nearest(column, &COLUMNS).map_or_else(
                || format!("columns are {} and metadata.NAME", COLUMNS[..9].join(", ")),
                |near| format!("did you mean {near:?}?"),
            );
            return Err(Failure::usage(format!(
                "there is no column {column:?}; {near}"
            )));
        }
    }
    let mut bodies = Vec::new();
    for record in reader.records() {
        let record = record.map_err(wrong)?;
        let line = record.position().map_or(0, csv::Position::line);
        bodies.push(body(columns.iter().zip(&record), line)?);
    }
    Ok(bodies)
}

fn body<'a>(cells: impl Iterator<Item = (&'a str, &'a str)>, line: u64) -> Result<Value, Failure> {
    let (mut fields, mut metadata) = (Map::new(), BTreeMap::new());
    for (column, cell) in cells.filter(|(_, cell)| !cell.is_empty()) {
        if let Some(name) = column.strip_prefix("metadata.") {
            metadata.insert(name, cell);
        } else if NUMBERS.contains(&column) {
            let number: serde_json::Number = cell.parse().map_err(|_no_number| {
                Failure::usage(format!(
                    "line {line}: {column} must be a number, not {cell:?}"
                ))
            })?;
            fields.insert(column.to_owned(), number.into());
        } else {
            fields.insert(column.to_owned(), cell.into());
        }
    }
    if !metadata.is_empty() {
        fields.insert("metadata".to_owned(), json!(metadata));
    }
    Ok(fields.into())
}

/// A body for each source that was found.
fn found(args: &BatchArgs, sources: &[String]) -> Result<Vec<Value>, Failure> {
    if args.destination.is_none() {
        return Err(Failure::usage("say where results go")
            .hint("for example --destination 's3://results/{stem}.mp4'"));
    }
    Ok(sources
        .iter()
        .map(|source| json!({"source_path": source}))
        .collect())
}

fn is_media(name: &str) -> bool {
    let end = name.rsplit_once('.').map_or("", |(_, end)| end);
    MEDIA.iter().any(|known| known.eq_ignore_ascii_case(end))
}

fn in_folder(folder: &Path) -> Result<Vec<String>, Failure> {
    let entries = fs::read_dir(folder).with_context(|| format!("read {}", folder.display()))?;
    let mut names = Vec::new();
    for entry in entries {
        let path = entry.context("read the folder")?.path();
        if let Some(name) = path
            .to_str()
            .filter(|name| path.is_file() && is_media(name))
        {
            names.push(name.to_owned());
        }
    }
    names.sort();
    Ok(names)
}

async fn under_prefix(prefix: &str) -> Result<Vec<String>, Failure> {
    let (bucket, start) = prefix["s3://".len()..]
        .split_once('/')
        .unwrap_or((&prefix["s3://".len()..], ""));
    let client = aws_sdk_s3::Client::new(&load_config().await);
    let mut pages = client
        .list_objects_v2()
        .bucket(bucket)
        .prefix(start)
        .into_paginator()
        .send();
    let mut names = Vec::new();
    while let Some(page) = pages.next().await {
        let page = page.map_err(|error| {
            let why = aws_sdk_s3::error::DisplayErrorContext(&error).to_string();
            Failure::usage(format!("list {prefix}: {why}"))
        })?;
        let keys = page.contents().iter().filter_map(|object| object.key());
        names.extend(
            keys.filter(|key| is_media(key))
                .map(|key| format!("s3://{bucket}/{key}")),
        );
    }
    Ok(names)
}
