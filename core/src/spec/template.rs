//! Words in braces in a destination: `s3://out/{stem}/`. They are replaced before the address is checked, once, when a job is submitted.

use jiff::Timestamp;
use serde_json::Value;

use super::SpecError;
use crate::nearest::nearest;

/// What only the one who submits knows.
#[derive(Clone, Debug)]
pub struct Names {
    /// The job's name.
    pub id: String,
    /// When it is submitted, which gives the day.
    pub now: Timestamp,
}

/// Replaces the words in `dest_path` and in the paths of `outputs`. What is not text is left for the checks to refuse.
pub fn expand(body: &mut Value, names: &Names) -> Result<(), SpecError> {
    if !has_words(body) {
        return Ok(());
    }
    // Without a source the request is refused for that.
    let Some(source) = body.get("source_path").and_then(Value::as_str) else {
        return Ok(());
    };
    let source = source.to_owned();
    let external_id = body
        .get("external_id")
        .and_then(Value::as_str)
        .map(str::to_owned);
    let words = words(&source, external_id.as_deref(), names);
    if let Some(Value::String(text)) = body.get_mut("dest_path") {
        *text = replaced(text, &words, "/dest_path")?;
    }
    let outputs = body.get_mut("outputs").and_then(Value::as_array_mut);
    for (number, output) in outputs.into_iter().flatten().enumerate() {
        if let Some(Value::String(text)) = output.get_mut("path") {
            *text = replaced(text, &words, &format!("/outputs/{number}/path"))?;
        }
    }
    Ok(())
}

/// Whether there is anything to replace.
fn has_words(body: &Value) -> bool {
    let word = |text: Option<&Value>| {
        text.and_then(Value::as_str)
            .is_some_and(|text| text.contains('{'))
    };
    let outputs = body.get("outputs").and_then(Value::as_array);
    let mut outputs = outputs.into_iter().flatten();
    word(body.get("dest_path")) || outputs.any(|output| word(output.get("path")))
}

/// The words and what they stand for; none where there is nothing to stand for.
fn words(
    source: &str,
    external_id: Option<&str>,
    names: &Names,
) -> [(&'static str, Option<String>); 6] {
    // Of a web address the query is no part of the name, and may be secret.
    let path = if source.starts_with("http") {
        source.split(['?', '#']).next().unwrap_or("")
    } else {
        source
    };
    let name = path.rsplit('/').next().unwrap_or("");
    let (stem, extension) = match name.rsplit_once('.') {
        Some((stem, extension)) if !stem.is_empty() => (stem, extension),
        _ => (name, ""),
    };
    let some = |text: &str| Some(plain(text)).filter(|text| !text.is_empty());
    [
        ("id", some(&names.id)),
        ("date", some(&names.now.strftime("%Y-%m-%d").to_string())),
        ("name", some(name)),
        ("stem", some(stem)),
        ("ext", some(extension)),
        ("external_id", external_id.and_then(some)),
    ]
}

/// What may stand in a path: letters, digits and a few marks; anything else becomes `_`.
fn plain(text: &str) -> String {
    let keep = |letter: char| {
        letter.is_alphanumeric() || matches!(letter, '-' | '_' | '.' | ' ' | '+' | ',')
    };
    let text: String = text
        .chars()
        .map(|letter| if keep(letter) { letter } else { '_' })
        .collect();
    // A name of dots alone is no name.
    if text.chars().all(|letter| letter == '.') {
        text.replace('.', "_")
    } else {
        text
    }
}

fn replaced(text: &str, words: &[(&str, Option<String>)], at: &str) -> Result<String, SpecError> {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, tail)) = rest.split_once('{') {
        let Some((word, after)) = tail.split_once('}') else {
            break;
        };
        out.push_str(before);
        match words.iter().find(|(known, _)| *known == word) {
            Some((_, Some(meaning))) => out.push_str(meaning),
            Some((_, None)) => {
                let message = format!("there is nothing to put in place of {{{word}}}");
                return Err(SpecError::invalid(at, message));
            }
            None => return Err(SpecError::invalid(at, unknown(word, words))),
        }
        rest = after;
    }
    out.push_str(rest);
    Ok(out)
}

fn unknown(word: &str, words: &[(&str, Option<String>)]) -> String {
    let word: String = word.chars().take(40).collect();
    let known: Vec<&str> = words.iter().map(|(known, _)| *known).collect();
    let advice = nearest(&word, &known).map_or_else(
        || format!("words are {}", known.join(", ")),
        |near| format!("did you mean {{{near}}}?"),
    );
    format!("there is no word {word:?}; {advice}")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn expanded(mut body: Value) -> Result<String, SpecError> {
        let names = Names {
            id: "job_1".to_owned(),
            now: "2012-05-31T12:00:00Z".parse().unwrap(),
        };
        expand(&mut body, &names)?;
        Ok(body["dest_path"].as_str().unwrap_or("").to_owned())
    }

    #[test]
    fn words_in_braces_are_replaced() {
        let body = json!({"source_path": "s3://in/a/My clip.v2.mov", "external_id": "a/b",
            "dest_path": "s3://out/{date}/{id}/{external_id}/{stem}.{ext}"});
        assert_eq!(
            expanded(body).unwrap(),
            "s3://out/2012-05-31/job_1/a_b/My clip.v2.mov"
        );
    }

    #[test]
    fn a_hostile_name_stays_within_its_folder() {
        for source in [
            "s3://in/..",
            "s3://in/a/..mov",
            "https://x/a?b=/../c",
            "s3://in/a\\..\\b",
            "s3://in/a%2f..%2f",
        ] {
            let body = json!({"source_path": source, "dest_path": "s3://out/{stem}/x"});
            let Ok(path) = expanded(body) else { continue };
            let inner = path
                .strip_prefix("s3://out/")
                .unwrap()
                .strip_suffix("/x")
                .unwrap();
            assert!(
                !inner.contains(['/', '\\', '%']) && inner != ".." && inner != ".",
                "{path}"
            );
        }
    }

    #[test]
    fn unknown_and_empty_words_are_refused_by_name() {
        let refused = expanded(json!({"source_path": "s3://in/a", "dest_path": "s3://out/{sten}"}))
            .unwrap_err();
        assert!(refused.error.message.contains("{stem}"), "{refused}");
        let refused =
            expanded(json!({"source_path": "s3://in/a", "dest_path": "s3://out/{external_id}"}))
                .unwrap_err();
        assert_eq!(refused.pointer, "/dest_path");
    }
}
