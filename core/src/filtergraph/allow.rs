//! The list of allowed filters, and what their options may be. Everything that is not listed is refused.

use super::{Argument, Filter, FilterError};
use crate::nearest::nearest;

/// What an option of a filter may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// A number or an expression.
    Expr,
    /// Names and numbers, joined by `|` or `+`.
    Word,
    /// A color, perhaps with its opacity.
    Color,
    /// Numbers, and slashes, bars and blanks between them.
    Points,
    /// Any text: it is drawn, and nothing in it is expanded.
    Text,
}

/// Functions of FFmpeg's expressions that only compute. Those that loop, keep state, draw random numbers or print are left out.
const FUNCTIONS: &[&str] = &[
    "abs", "acos", "asin", "atan", "atan2", "between", "bitand", "bitor", "ceil", "clip", "cos",
    "cosh", "eq", "exp", "floor", "gauss", "gcd", "gt", "gte", "hypot", "if", "ifnot", "isinf",
    "isnan", "lerp", "log", "lt", "lte", "max", "min", "mod", "not", "pow", "round", "sgn", "sin",
    "sinh", "sqrt", "squish", "tan", "tanh", "trunc",
];

/// Longest expression in bytes, and deepest nesting of its parentheses.
const EXPRESSION_BYTES: usize = 512;
const EXPRESSION_DEPTH: usize = 24;

/// Longest text to be drawn, in bytes.
const TEXT_BYTES: usize = 1_024;

/// The filters: see the head of the file for its form.
const FILTERS: &str = include_str!("filters.txt");

/// One line of the list.
struct Entry {
    name: &'static str,
    options: Vec<(&'static str, Kind)>,
    /// How many of the options may be given without their names.
    unnamed: usize,
}

fn entries() -> impl Iterator<Item = Entry> {
    FILTERS
        .lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| {
            let mut words = line.split_whitespace();
            let name = words.next()?;
            let words: Vec<&str> = words.collect();
            let unnamed = words
                .iter()
                .position(|word| *word == "-")
                .unwrap_or(words.len());
            let options = words.into_iter().filter(|word| *word != "-").map(|word| {
                match word.split_once(':') {
                    Some((option, "word")) => (option, Kind::Word),
                    Some((option, "color")) => (option, Kind::Color),
                    Some((option, "points")) => (option, Kind::Points),
                    Some((option, _text)) => (option, Kind::Text),
                    None => (word, Kind::Expr),
                }
            });
            Some(Entry {
                name,
                options: options.collect(),
                unnamed,
            })
        })
}

/// Every allowed filter with the names of its options.
pub fn allowed_filters() -> impl Iterator<Item = (&'static str, Vec<&'static str>)> {
    entries().map(|entry| {
        (
            entry.name,
            entry
                .options
                .into_iter()
                .map(|(option, _)| option)
                .collect(),
        )
    })
}

/// Most streams that a filter may fan out to or take in.
const MOST_STREAMS: u32 = 8;

/// A filter with all its options named, if all of it is allowed.
pub(super) fn check(filter: Filter, extra: &[String]) -> Result<Filter, FilterError> {
    if extra.contains(&filter.name) {
        return Ok(filter);
    }
    let Some(entry) = entries().find(|entry| entry.name == filter.name) else {
        let names: Vec<&str> = entries().map(|entry| entry.name).collect();
        let near = nearest(&filter.name, &names);
        let advice = near.map_or_else(String::new, |near| format!("; did you mean {near:?}?"));
        return Err(FilterError::Filter {
            name: filter.name,
            advice,
        });
    };
    let mut arguments = Vec::new();
    for (place, argument) in filter.arguments.iter().enumerate() {
        arguments.push(name_and_check(&entry, place, argument)?);
    }
    if filter.name == "drawtext" {
        // Text is drawn as it stands: without this, %{...} in it would be expanded.
        arguments.push(Argument {
            key: Some("expansion".to_owned()),
            value: "none".to_owned(),
        });
    }
    Ok(Filter {
        arguments,
        ..filter
    })
}

fn name_and_check(
    entry: &Entry,
    place: usize,
    argument: &Argument,
) -> Result<Argument, FilterError> {
    let (filter, options) = (entry.name, &entry.options);
    let value = &argument.value;
    let refuse = |option: &str, advice: String| {
        Err(FilterError::Option {
            filter: filter.to_owned(),
            option: option.to_owned(),
            advice,
        })
    };
    // `enable` decides when a filter works; every filter that has it takes an expression.
    let found = match &argument.key {
        Some(key) if key == "enable" => Some(("enable", Kind::Expr)),
        Some(key) => options.iter().find(|(name, _)| name == key).copied(),
        None => options.iter().take(entry.unnamed).nth(place).copied(),
    };
    let Some((name, kind)) = found else {
        let names: Vec<&str> = options.iter().map(|(name, _)| *name).collect();
        let key = argument.key.as_deref().unwrap_or(value);
        let near = nearest(key, &names)
            .map_or_else(String::new, |near| format!("; did you mean {near:?}?"));
        return refuse(key, near);
    };
    let legal = match kind {
        Kind::Expr if filter == "pan" => is_pan(value),
        Kind::Expr
            if matches!(name, "outputs" | "inputs" | "n")
                && matches!(
                    filter,
                    "split"
                        | "asplit"
                        | "concat"
                        | "hstack"
                        | "vstack"
                        | "amix"
                        | "amerge"
                        | "join"
                ) =>
        {
            value
                .parse()
                .is_ok_and(|streams: u32| (1..=MOST_STREAMS).contains(&streams))
        }
        Kind::Expr => is_expression(value),
        Kind::Word => is_words(value),
        Kind::Color => is_color(value),
        Kind::Points => is_points(value),
        Kind::Text => value.len() <= TEXT_BYTES && !value.chars().any(char::is_control),
    };
    if legal {
        return Ok(Argument {
            key: Some(name.to_owned()),
            value: value.clone(),
        });
    }
    refuse(name, format!(" with the value {value:?}"))
}

/// Whether this is an expression that only computes: numbers, names, operators and functions from the list.
pub fn is_expression(text: &str) -> bool {
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || b"_.+-*/^%(),<>=! ".contains(&byte);
    if text.is_empty() || text.len() > EXPRESSION_BYTES || !text.bytes().all(legal) {
        return false;
    }
    // A slash between operands divides; at the start it would begin a path.
    if text.starts_with('/') || text.contains("//") || text.contains("..") {
        return false;
    }
    let mut depth = 0_usize;
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'(' => {
                depth += 1;
                let name = text[..at]
                    .rsplit(|letter: char| !(letter.is_ascii_alphanumeric() || letter == '_'))
                    .next();
                let name = name.unwrap_or("");
                let is_number = name.starts_with(|letter: char| letter.is_ascii_digit());
                if depth > EXPRESSION_DEPTH
                    || (!name.is_empty() && !is_number && !FUNCTIONS.contains(&name))
                {
                    return false;
                }
            }
            b')' if depth == 0 => return false,
            b')' => depth -= 1,
            _ => {}
        }
    }
    depth == 0
}

fn is_words(text: &str) -> bool {
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || b"_.+-| ".contains(&byte);
    (1..=256).contains(&text.len()) && text.bytes().all(legal) && !text.contains("..")
}

/// `0/0 0.5/0.4 1/1`, `-80/-80|0/-6`: no letter, so no path.
fn is_points(text: &str) -> bool {
    let legal = |byte: u8| byte.is_ascii_digit() || b".-/| ".contains(&byte);
    (1..=EXPRESSION_BYTES).contains(&text.len())
        && text.bytes().all(legal)
        && !text.starts_with('/')
        && !text.contains("..")
}

/// `stereo|c0=0.5*c0+0.5*c1|c1<c2`
fn is_pan(text: &str) -> bool {
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || b"_.+-*=<| ".contains(&byte);
    (1..=EXPRESSION_BYTES).contains(&text.len()) && text.bytes().all(legal) && !text.contains("..")
}

/// `black`, `#ff0000@0.5`, `0xRRGGBB`
fn is_color(text: &str) -> bool {
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || b"#@.".contains(&byte);
    (1..=32).contains(&text.len()) && text.bytes().all(legal)
}
