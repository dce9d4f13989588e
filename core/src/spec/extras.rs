//! `captions`, `watermark`, `overrides`, `file_metadata` and `storage` of a request.

mod storage;

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::{SpecError, SpecRules, fields::Fields};
use crate::{
    extras::{CaptionMode, Captions, Extras, MOST_CAPTIONS, Metric, Position, Watermark},
    options::{OptionError, Pair, Side, check_options},
    output::{OutputSpec, VideoCodec},
    ports::ObjectAttributes,
    uri::MediaUri,
};

/// What may be written into files, of what FFmpeg can write everywhere.
const FILE_METADATA: [&str; 9] = [
    "title",
    "artist",
    "album",
    "comment",
    "copyright",
    "date",
    "description",
    "genre",
    "show",
];

/// Options that the outputs decide themselves.
const OURS: [&str; 11] = [
    "f",
    "filter",
    "filter_complex",
    "lavfi",
    "pass",
    "passlogfile",
    "ss",
    "t",
    "to",
    "an",
    "vn",
];

/// Longest text, header or label, in bytes.
const TEXT_BYTES: usize = 500;

/// The fields of a request that are read here.
const FIELDS: [&str; 6] = [
    "score",
    "captions",
    "watermark",
    "overrides",
    "file_metadata",
    "storage",
];

/// Reads them.
pub(super) fn extras(
    body: &Map<String, Value>,
    outputs: &[OutputSpec],
    rules: &SpecRules,
) -> Result<Extras, SpecError> {
    let given = |key: &&str| body.get(*key).is_some_and(|value| !value.is_null());
    let for_outputs = FIELDS.iter().copied().filter(|key| *key != "storage");
    if let Some(key) = for_outputs
        .filter(|_| outputs.is_empty())
        .find(|key| given(key))
    {
        let message = format!("{key}: it is for outputs, and for presets that stand for some");
        return Err(SpecError::invalid(format!("/{key}"), message));
    }
    let value = |key| body.get(key).filter(|value| !value.is_null());
    let extras = Extras {
        captions: value("captions").map_or(Ok(Vec::new()), |value| captions(value, rules))?,
        watermark: value("watermark")
            .map(|value| watermark(value, rules))
            .transpose()?,
        overrides: value("overrides")
            .map_or(Ok(Vec::new()), |value| overrides(value, outputs, rules))?,
        file_metadata: value("file_metadata").map_or(Ok(BTreeMap::new()), file_metadata)?,
        score: score(body)?,
        storage: value("storage").map_or(Ok(ObjectAttributes::NONE), storage::attributes)?,
    };
    drawn_on(&extras, outputs)?;
    Ok(extras)
}

/// What lies on pictures needs pictures that are encoded.
fn drawn_on(extras: &Extras, outputs: &[OutputSpec]) -> Result<(), SpecError> {
    let at = match (&extras.watermark, extras.burned()) {
        (Some(_), _) => "/watermark",
        (None, Some(_)) => "/captions",
        (None, None) => return Ok(()),
    };
    let pictures = || outputs.iter().flat_map(|output| &output.video);
    if pictures().next().is_none() {
        return Err(SpecError::invalid(
            at,
            "no output has pictures that it could lie on",
        ));
    }
    if pictures().any(|picture| picture.codec == VideoCodec::Copy) {
        let message = "pictures that are copied cannot be drawn on; choose a codec";
        return Err(SpecError::invalid(at, message));
    }
    Ok(())
}

/// An address without secrets: those of a job's source and destination alone are sealed.
fn address(fields: &Fields<'_>, rules: &SpecRules) -> Result<MediaUri, SpecError> {
    let key = "source_path";
    let text = fields.text(key)?;
    let text = text.ok_or_else(|| fields.refuse(key, "is missing"))?;
    let uri = MediaUri::parse_source(text, &rules.uris).map_err(|error| {
        SpecError::new(fields.pointer(key), error.code(), format!("{key}: {error}"))
    })?;
    let (uri, secret) = uri.split_secret();
    if secret.is_some() {
        let form = "may hold no credentials and no query; use an address that the encoder may read as it is";
        return Err(fields.refuse(key, form));
    }
    Ok(uri)
}

fn captions(value: &Value, rules: &SpecRules) -> Result<Vec<Captions>, SpecError> {
    let list = value
        .as_array()
        .filter(|list| (1..=MOST_CAPTIONS).contains(&list.len()));
    let form = format!("captions must be a list of 1 to {MOST_CAPTIONS} objects");
    let list = list.ok_or_else(|| SpecError::invalid("/captions", form))?;
    let mut read: Vec<Captions> = Vec::new();
    for (number, value) in list.iter().enumerate() {
        let at = format!("/captions/{number}");
        let known = ["source_path", "language", "label", "mode"];
        let fields = Fields::new(value, at, &known)?;
        let one = one_captions(&fields, rules)?;
        let same = |other: &&Captions| match one.mode {
            CaptionMode::Burn => other.mode == CaptionMode::Burn,
            CaptionMode::Sidecar => other.language == one.language && other.mode == one.mode,
        };
        if read.iter().any(|other| same(&other)) {
            let message = match one.mode {
                CaptionMode::Burn => "is \"burn\" of others too; only one can be in the pictures",
                CaptionMode::Sidecar => "is \"sidecar\" of others in this language too",
            };
            return Err(fields.refuse("mode", message));
        }
        read.push(one);
    }
    Ok(read)
}

fn one_captions(fields: &Fields<'_>, rules: &SpecRules) -> Result<Captions, SpecError> {
    let language = fields.text("language")?.unwrap_or("en");
    if !is_language(language) {
        let form = "must be a language as in BCP 47, such as \"en\" or \"pt-BR\"";
        return Err(fields.refuse("language", form));
    }
    let label = fields.text("label")?.unwrap_or(language);
    if !plain_text(label) || label.contains('"') {
        let form = format!(
            "must be text of 1 to {TEXT_BYTES} bytes without quotes and control characters"
        );
        return Err(fields.refuse("label", form));
    }
    Ok(Captions {
        source_path: address(fields, rules)?,
        language: language.to_owned(),
        label: label.to_owned(),
        mode: fields
            .word("mode", CaptionMode::WORDS)?
            .unwrap_or(CaptionMode::Sidecar),
    })
}

/// The form of BCP 47, section 2.1, as far as it is used.
fn is_language(text: &str) -> bool {
    let mut parts = text.split('-');
    let fits = |part: &str, least: usize| {
        (least..=8).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_alphanumeric())
    };
    let first = parts.next().unwrap_or("");
    let letters = first.bytes().all(|byte| byte.is_ascii_alphabetic());
    text.len() <= 35 && letters && fits(first, 2) && parts.all(|part| fits(part, 1))
}

fn plain_text(text: &str) -> bool {
    (1..=TEXT_BYTES).contains(&text.len()) && !text.chars().any(char::is_control)
}

fn watermark(value: &Value, rules: &SpecRules) -> Result<Watermark, SpecError> {
    let known = ["source_path", "position", "opacity", "width_percent"];
    let fields = Fields::new(value, "/watermark".to_owned(), &known)?;
    Ok(Watermark {
        source_path: address(&fields, rules)?,
        position: fields
            .word("position", Position::WORDS)?
            .unwrap_or(Position::BottomRight),
        opacity: fields.number("opacity", 0.0, 1.0)?.unwrap_or(1.0),
        width_percent: fields
            .number("width_percent", 1.0, 100.0)?
            .unwrap_or(USUAL_PERCENT),
    })
}

/// The width of a watermark unless the caller says otherwise, in percent of the picture's.
const USUAL_PERCENT: f64 = 15.0;

fn overrides(
    value: &Value,
    outputs: &[OutputSpec],
    rules: &SpecRules,
) -> Result<Vec<Pair>, SpecError> {
    let fields = Fields::new(value, "/overrides".to_owned(), &["outfile_options"])?;
    let key = "outfile_options";
    let refuse =
        |error: &OptionError| SpecError::new(fields.pointer(key), error.code(), error.to_string());
    let given = fields.get(key).unwrap_or(&Value::Null);
    let pairs = Pair::list_from_json(given).map_err(|error| refuse(&error))?;
    let checked =
        check_options(&pairs, Side::Output, &rules.options).map_err(|error| refuse(&error))?;
    let packaged = outputs.iter().any(|output| output.container.packaged());
    for pair in &checked.args {
        let name = pair.name.split(':').next().unwrap_or("");
        if OURS.contains(&name) {
            let message = format!("cannot set {:?}: the outputs decide that", pair.name);
            return Err(fields.refuse(key, message));
        }
        if packaged && name == "map" {
            let message = "cannot map streams into hls, dash and cmaf, whose streams are their renditions and their sound";
            return Err(fields.refuse(key, message));
        }
    }
    Ok(pairs)
}

fn score(body: &Map<String, Value>) -> Result<Option<Metric>, SpecError> {
    let Some(value) = body.get("score").filter(|value| !value.is_null()) else {
        return Ok(None);
    };
    let found = Metric::WORDS.iter().find(|(word, _)| value == word);
    let refuse = || SpecError::invalid("/score", "score must be \"ssim\" or \"vmaf\"");
    found.map(|(_, metric)| Some(*metric)).ok_or_else(refuse)
}

fn file_metadata(value: &Value) -> Result<BTreeMap<String, String>, SpecError> {
    let fields = Fields::new(value, "/file_metadata".to_owned(), &FILE_METADATA)?;
    let mut read = BTreeMap::new();
    for key in FILE_METADATA {
        if let Some(text) = fields.text(key)? {
            if !plain_text(text) {
                let form = format!("must be 1 to {TEXT_BYTES} bytes without control characters");
                return Err(fields.refuse(key, form));
            }
            read.insert(key.to_owned(), text.to_owned());
        }
    }
    Ok(read)
}

/// Captions lie beside the outputs, and only S3 is told anything.
pub(super) fn fit_destination(extras: &Extras, destination: &MediaUri) -> Result<(), SpecError> {
    if extras.sidecars().next().is_some() && !destination.is_folder() {
        let message =
            "dest_path must be a folder and end in `/`: captions are written beside the outputs";
        return Err(SpecError::invalid("/dest_path", message));
    }
    if !extras.storage.is_empty() && destination.s3().is_none() {
        let message = "storage is for destinations in S3 (s3://bucket/key)";
        return Err(SpecError::invalid("/storage", message));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::{
        address::NetworkRules,
        spec::{SpecRules, parse_v1},
        uri::UriRules,
    };

    fn refused(more: &serde_json::Value) -> (String, String) {
        let mut body = json!({"source_path": "s3://media-in/a.mov", "dest_path": "s3://media-out/a/", "preset": "web-mp4-720p"});
        let object = body.as_object_mut().unwrap();
        object.extend(more.as_object().unwrap().clone());
        let error = parse_v1(&body, &SpecRules::default()).expect_err("it is refused");
        (error.pointer, error.error.message)
    }

    #[test]
    fn what_goes_with_outputs_is_read_whole() {
        let body = json!({"source_path": "s3://media-in/a.mov", "dest_path": "s3://media-out/a/", "preset": "hls-abr",
            "captions": [{"source_path": "s3://media-in/a.srt", "language": "pt-BR", "label": "Português"}],
            "watermark": {"source_path": "s3://media-in/logo.png", "position": "top-right", "opacity": 0.6},
            "overrides": {"outfile_options": [["x264-params", "aq-mode=3"]]},
            "file_metadata": {"title": "A film"},
            "storage": {"acl": "public-read", "storage_class": "STANDARD_IA", "cache_control": "max-age=60", "metadata": {"film": "7"}}});
        let spec = parse_v1(&body, &SpecRules::default()).unwrap().spec;
        let places = spec.places(spec.dest_path.as_ref().unwrap());
        assert_eq!(
            places.last().unwrap().redacted(),
            "s3://media-out/a/captions/pt-BR.vtt"
        );
        let text = serde_json::to_string(&spec).unwrap();
        assert_eq!(
            serde_json::from_str::<crate::spec::JobSpec>(&text).unwrap(),
            spec
        );
        assert_eq!(spec.extras.storage.acl.as_deref(), Some("public-read"));
    }

    fn assert_refused(cases: &[(serde_json::Value, &str)]) {
        for (more, pointer) in cases {
            assert_eq!(refused(more).0, *pointer, "{more}");
        }
    }

    #[test]
    fn each_refusal_of_captions_names_its_field() {
        let captions = |more: serde_json::Value| json!({"captions": [more]});
        let of = |key: &str, text: &str| {
            captions(json!({"source_path": "s3://media-in/a.srt", key: text}))
        };
        assert_refused(&[
            (
                captions(json!({"language": "en"})),
                "/captions/0/source_path",
            ),
            (
                captions(json!({"source_path": "https://u:p@h/x.srt"})),
                "/captions/0/source_path",
            ),
            (of("language", "english!"), "/captions/0/language"),
            (of("mode", "burned"), "/captions/0/mode"),
            (of("lang", "en"), "/captions/0/lang"),
            (json!({"captions": []}), "/captions"),
        ]);
    }

    #[test]
    fn each_refusal_of_what_else_goes_with_outputs_names_its_field() {
        let mark = json!({"source_path": "s3://media-in/l.png"});
        let option = |pair: serde_json::Value| json!({"overrides": {"outfile_options": [pair]}});
        assert_refused(&[
            (
                json!({"watermark": {"source_path": "s3://media-in/l.png", "opacity": 2}}),
                "/watermark/opacity",
            ),
            (json!({"watermark": mark, "preset": "copy"}), "/watermark"),
            (
                json!({"watermark": mark, "preset": "audio-mp3-192"}),
                "/watermark",
            ),
            (option(json!(["vf", "hflip"])), "/overrides/outfile_options"),
            (
                option(json!(["report", null])),
                "/overrides/outfile_options",
            ),
            (
                json!({"file_metadata": {"encoder": "x"}}),
                "/file_metadata/encoder",
            ),
            (json!({"storage": {"acl": "public"}}), "/storage/acl"),
            (
                json!({"storage": {"metadata": {"Ü": "x"}}}),
                "/storage/metadata",
            ),
            (
                json!({"storage": {"cache_control": "a\nb"}}),
                "/storage/cache_control",
            ),
        ]);
        let local = json!({"source_path": "file:///srv/a.mov", "dest_path": "file:///srv/out/", "preset": "web-mp4-720p",
            "storage": {"acl": "private"}});
        let rules = SpecRules {
            uris: UriRules::local(
                NetworkRules::default(),
                vec!["/srv".into()],
                "/srv/data".into(),
            ),
            ..SpecRules::default()
        };
        assert_eq!(parse_v1(&local, &rules).unwrap_err().pointer, "/storage");
    }
}
