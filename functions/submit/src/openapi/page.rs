//! The description as HTML. Every text of it is ours, and escaped all the same.

use serde_json::{Map, Value};

const HEAD: &str = r#"<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>media-nommer API</title>
<style>
body { font: 16px/1.5 system-ui, sans-serif; max-width: 52rem; margin: 2rem auto; padding: 0 1rem; color-scheme: light dark }
code, pre { font: 14px/1.4 ui-monospace, monospace } td, th { text-align: left; vertical-align: top; padding: .1rem 1rem .1rem 0 }
summary { cursor: pointer; padding: .3rem 0 } .method { display: inline-block; min-width: 4.5rem; font-weight: 600 }
</style></head><body>
<h1>media-nommer API</h1>
"#;

/// A page of all addresses and all shapes.
pub(super) fn of(description: &Value) -> String {
    let mut page = HEAD.to_owned();
    let words = text(&description["info"]["description"]);
    page.extend([
        "<p>",
        &words,
        " The same as <a href=\"openapi.json\">OpenAPI 3.1</a>.</p>\n",
    ]);
    for (path, methods) in entries(&description["paths"]) {
        for (method, operation) in entries(methods) {
            page += &shown(path, method, operation);
        }
    }
    page += "<h2>Shapes</h2>\n";
    for (name, schema) in entries(&description["components"]["schemas"]) {
        page += &shape(name, schema);
    }
    page + "</body></html>\n"
}

fn shape(name: &str, schema: &Value) -> String {
    let (words, fields) = (text(&schema["description"]), fields(schema));
    format!(
        "<details id=\"{name}\"><summary><code>{name}</code></summary><p>{words}</p>{fields}</details>\n"
    )
}

fn shown(path: &str, method: &str, operation: &Value) -> String {
    let mut page = format!(
        "<details><summary><code><span class=\"method\">{}</span>{path}</code> {}</summary>\n<p>{}</p><table>\n",
        method.to_uppercase(),
        text(&operation["summary"]),
        text(&operation["description"])
    );
    for parameter in operation["parameters"].as_array().into_iter().flatten() {
        page += &row(
            &text(&parameter["name"]),
            &kind(&parameter["schema"]),
            &text(&parameter["description"]),
        );
    }
    for (_, content) in entries(&operation["requestBody"]["content"]) {
        page += &row("body", &kind(&content["schema"]), "");
    }
    for (status, response) in entries(&operation["responses"]) {
        let shapes = entries(&response["content"]).map(|(_, content)| kind(&content["schema"]));
        let shapes: Vec<String> = shapes.collect();
        page += &row(
            status,
            &shapes.join(" or "),
            &text(&response["description"]),
        );
    }
    page + "</table></details>\n"
}

fn fields(schema: &Value) -> String {
    let values = schema["enum"].as_array();
    if let Some(values) = values {
        let names: Vec<String> = values.iter().map(text).collect();
        return format!("<p><code>{}</code></p>", names.join(" "));
    }
    let rows = entries(&schema["properties"])
        .map(|(name, field)| row(name, &kind(field), &text(&field["description"])));
    format!("<table>{}</table>", rows.collect::<String>())
}

fn row(name: &str, kind: &str, words: &str) -> String {
    format!("<tr><th><code>{name}</code></th><td>{kind}</td><td>{words}</td></tr>\n")
}

/// What a value is, in a word or a link.
fn kind(schema: &Value) -> String {
    if let Some(shape) = schema["$ref"].as_str() {
        let name = shape.rsplit('/').next().unwrap_or(shape);
        return format!("<a href=\"#{name}\">{name}</a>");
    }
    let choices = schema["oneOf"].as_array().or(schema["anyOf"].as_array());
    if let Some(choices) = choices {
        return choices.iter().map(kind).collect::<Vec<_>>().join(" or ");
    }
    match &schema["type"] {
        Value::String(name) if name == "array" => format!("list of {}", kind(&schema["items"])),
        Value::Array(names) => names.iter().map(text).collect::<Vec<_>>().join(" or "),
        name => text(name),
    }
}

fn entries(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flat_map(Map::iter)
}

/// A text, escaped.
fn text(value: &Value) -> String {
    let text = value.as_str().unwrap_or_default();
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}
