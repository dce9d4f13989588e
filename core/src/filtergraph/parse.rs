//! The reader. Follows FFmpeg's: what it takes for one filter or option is taken for one here, or refused.

use super::{Argument, Filter, FilterError, Graph, MOST_FILTERS};

/// Blanks that FFmpeg skips around tokens.
const BLANKS: [char; 4] = [' ', '\n', '\t', '\r'];

/// Most labels on one side of a filter, and most options of one.
const MOST_PARTS: usize = 32;

fn syntax<T>(message: impl Into<String>) -> Result<T, FilterError> {
    Err(FilterError::Syntax(message.into()))
}

/// What is still to be read.
struct Reader<'a> {
    rest: &'a str,
}

impl Reader<'_> {
    fn skip_blanks(&mut self) {
        self.rest = self.rest.trim_start_matches(BLANKS);
    }

    /// Goes past a sign if it is next.
    fn take(&mut self, sign: char) -> bool {
        match self.rest.strip_prefix(sign) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    /// Text up to one of these signs, quotes and backslashes taken away, blanks at its ends cut off.
    fn token(&mut self, ends: &str) -> Result<String, FilterError> {
        self.skip_blanks();
        let mut token = String::new();
        // How much of the token is to stay whatever it ends with: quoted and escaped blanks are not cut off.
        let mut kept = 0;
        let mut letters = self.rest.char_indices();
        let end = loop {
            let Some((at, letter)) = letters.next() else {
                break self.rest.len();
            };
            match letter {
                '\\' => match letters.next() {
                    Some((_, escaped)) => {
                        token.push(escaped);
                        kept = token.len();
                    }
                    None => return syntax("a backslash stands at the end"),
                },
                '\'' => {
                    loop {
                        match letters.next() {
                            Some((_, '\'')) => break,
                            Some((_, quoted)) => token.push(quoted),
                            None => return syntax("a quote is not closed"),
                        }
                    }
                    kept = token.len();
                }
                letter if ends.contains(letter) => break at,
                letter => token.push(letter),
            }
        };
        self.rest = &self.rest[end..];
        let trimmed = token.trim_end_matches(BLANKS).len();
        token.truncate(trimmed.max(kept));
        Ok(token)
    }

    /// `[a][b]`
    fn labels(&mut self) -> Result<Vec<String>, FilterError> {
        let mut labels = Vec::new();
        loop {
            self.skip_blanks();
            if !self.take('[') {
                return Ok(labels);
            }
            let label = self.token("]")?;
            let legal = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b':';
            if label.is_empty() || label.len() > 40 || !label.bytes().all(legal) || !self.take(']')
            {
                return syntax(format!("{label:?} is no label"));
            }
            labels.push(label);
            if labels.len() > MOST_PARTS {
                return syntax("too many labels");
            }
        }
    }

    fn filter(&mut self) -> Result<Filter, FilterError> {
        let inputs = self.labels()?;
        let name = self.token("=,;[")?;
        let name = name
            .split_once('@')
            .map_or(name.as_str(), |(name, _instance)| name);
        let legal = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        if name.is_empty() || name.len() > 40 || !name.bytes().all(legal) {
            return syntax(format!("{name:?} is no name of a filter"));
        }
        let name = name.to_owned();
        let arguments = if self.take('=') {
            arguments(&self.token("[],;")?)?
        } else {
            Vec::new()
        };
        let outputs = self.labels()?;
        Ok(Filter {
            inputs,
            name,
            arguments,
            outputs,
        })
    }
}

pub(super) fn graph(text: &str) -> Result<Graph, FilterError> {
    let mut reader = Reader { rest: text };
    let mut chains = vec![Vec::new()];
    let mut count = 0;
    loop {
        let filter = reader.filter()?;
        count += 1;
        if count > MOST_FILTERS {
            return syntax(format!("more than {MOST_FILTERS} filters"));
        }
        chains.last_mut().expect("there is always one").push(filter);
        reader.skip_blanks();
        if reader.take(';') {
            chains.push(Vec::new());
        } else if !reader.take(',') {
            break;
        }
        // A `;` may end the graph.
        reader.skip_blanks();
        if reader.rest.is_empty() && chains.last().is_some_and(Vec::is_empty) {
            chains.pop();
            break;
        }
    }
    if reader.rest.is_empty() {
        Ok(Graph { chains })
    } else {
        syntax(format!("{:?} is left over", reader.rest))
    }
}

/// `w=640:h=360` or `640:360`, or both.
fn arguments(text: &str) -> Result<Vec<Argument>, FilterError> {
    let mut reader = Reader { rest: text };
    let mut arguments = Vec::new();
    loop {
        let key = key(&mut reader);
        let value = reader.token(":")?;
        if !(key.is_none() && value.is_empty()) {
            arguments.push(Argument { key, value });
        }
        if arguments.len() > MOST_PARTS {
            return syntax("too many options of one filter");
        }
        if !reader.take(':') {
            return Ok(arguments);
        }
    }
}

/// A name and an equals sign, if both are next. The signs are FFmpeg's, which takes `/text=file` for an option that is read from a file.
fn key(reader: &mut Reader<'_>) -> Option<String> {
    let text = reader.rest.trim_start_matches(BLANKS);
    let in_key = |letter: char| letter.is_ascii_alphanumeric() || "_-/.".contains(letter);
    let name = text
        .split(|letter: char| !in_key(letter))
        .next()
        .unwrap_or("");
    let after = text[name.len()..]
        .trim_start_matches(BLANKS)
        .strip_prefix('=')?;
    if name.is_empty() {
        return None;
    }
    let name = name.to_owned();
    reader.rest = after;
    Some(name)
}
