//! Just enough of Python to read `NAME = value` at the start of a line: text, numbers, products of numbers, truth values.

/// A value that could be read, or not.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value {
    Text(String),
    Number(u64),
    Truth(bool),
    Other,
}

/// Assignments to upper-case names, in order.
pub(super) fn assignments(text: &str) -> Vec<(String, Value)> {
    text.lines().filter_map(assignment).collect()
}

fn assignment(line: &str) -> Option<(String, Value)> {
    let (name, value) = line.split_once('=')?;
    let name = name.trim_end();
    let legal = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_';
    let is_name =
        name.starts_with(|first: char| first.is_ascii_uppercase()) && name.bytes().all(legal);
    (is_name && !value.starts_with('=')).then(|| (name.to_owned(), parse(value.trim())))
}

fn parse(text: &str) -> Value {
    for quote in ['\'', '"'] {
        if let Some((quoted, _)) = text
            .strip_prefix(quote)
            .and_then(|rest| rest.split_once(quote))
        {
            return Value::Text(quoted.to_owned());
        }
    }
    let bare = text.split('#').next().unwrap_or_default().trim();
    match bare {
        "True" => Value::Truth(true),
        "False" => Value::Truth(false),
        _ => product(bare).map_or(Value::Other, Value::Number),
    }
}

/// `3600 * 9`
fn product(text: &str) -> Option<u64> {
    text.split('*').try_fold(1_u64, |product, factor| {
        product.checked_mul(factor.trim().parse().ok()?)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_assignments_are_read() {
        let text =
            "A = 1\nB='x#y' # z\n  C = 3\nD == 4\nE = os.environ['X']\nF = 60 * 60\nimport os\n";
        let read = assignments(text);
        let names: Vec<_> = read.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["A", "B", "E", "F"]);
        assert_eq!(read[1].1, Value::Text("x#y".to_owned()));
        assert_eq!(read[2].1, Value::Other);
        assert_eq!(read[3].1, Value::Number(3_600));
    }
}
