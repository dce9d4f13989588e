//! What FFmpeg said while it worked on a job: kept, cut to its end, for whoever wants to know why an output is as it is.
//!
//! FFmpeg is told no address and no secret, so its words hold none. They may quote the media, and are shown as plain text.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Most bytes that are kept of one attempt: a table bills by the kilobyte, and FFmpeg tells the reason of a failure last.
pub const MOST_BYTES: usize = 24 * 1_024;

/// The words of one attempt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobLog {
    /// Which attempt.
    pub attempt: u32,
    /// When it was written down.
    pub at: Timestamp,
    /// The words.
    pub text: String,
}

impl JobLog {
    /// The last so many lines.
    pub fn tail(&self, lines: usize) -> &str {
        last_lines(&self.text, lines)
    }

    /// What was said in one pass, from 1, with its heading if that was kept; none if nothing of it was.
    pub fn of_pass(&self, pass: usize) -> Option<&str> {
        let begin = |pass: usize, from: usize| {
            let heading = heading(pass);
            let mut found = self.text[from..].match_indices(&heading);
            let line = |at: usize| at == 0 || self.text.as_bytes()[at - 1] == b'\n';
            found.find_map(|(at, _)| Some(from + at).filter(|at| line(*at)))
        };
        let (from, after) = match begin(pass, 0) {
            Some(from) => (from, begin(pass + 1, from)),
            // What stands before the first heading is the end of the pass before it.
            None => (0, Some(begin(pass + 1, 0).filter(|next| *next > 0)?)),
        };
        Some(&self.text[from..after.unwrap_or(self.text.len())])
    }
}

/// The last so many lines of a text.
pub fn last_lines(text: &str, lines: usize) -> &str {
    let mut starts = text.rmatch_indices('\n').map(|(at, _)| at + 1);
    // The text ends with a line's end, which begins no line.
    starts.nth(lines).map_or(text, |start| &text[start..])
}

/// What stands before the words of a pass.
fn heading(pass: usize) -> String {
    format!("== pass {pass}\n")
}

/// Adds the words of an FFmpeg run, and lets go of the oldest lines when there is no room.
pub fn add(text: &mut String, pass: usize, said: &str) {
    let plain = |letter: &char| *letter == '\n' || !letter.is_control();
    text.push_str(&heading(pass));
    text.extend(said.chars().filter(plain));
    if !text.ends_with('\n') {
        text.push('\n');
    }
    if text.len() <= MOST_BYTES {
        return;
    }
    let mut from = text.len() - MOST_BYTES;
    while !text.is_char_boundary(from) {
        from += 1;
    }
    let line = text[from..].find('\n').map_or(from, |end| from + end + 1);
    text.replace_range(..line, "… the beginning is left out\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_long_log_is_kept_in_whole_lines() {
        let mut text = String::new();
        add(&mut text, 1, "short\u{1b}[31m");
        assert_eq!(text, "== pass 1\nshort[31m\n");
        let lines: Vec<String> = (0..4_000).map(|line| format!("line {line} é\n")).collect();
        let long = lines.concat();
        add(&mut text, 2, &long);
        assert!(text.len() <= MOST_BYTES + 40, "{}", text.len());
        assert!(text.starts_with("… the beginning is left out\nline "));
        assert!(text.ends_with("line 3999 é\n"));
    }

    #[test]
    fn the_last_lines_are_given() {
        let log = JobLog {
            attempt: 1,
            at: Timestamp::UNIX_EPOCH,
            text: "a\nb\nc\n".to_owned(),
        };
        assert_eq!(log.tail(2), "b\nc\n");
        assert_eq!(log.tail(9), "a\nb\nc\n");
        assert_eq!(log.tail(0), "");
    }

    #[test]
    fn each_pass_is_given_alone_as_far_as_it_was_kept() {
        let log = |text: &str| JobLog {
            attempt: 1,
            at: Timestamp::UNIX_EPOCH,
            text: text.to_owned(),
        };
        let whole = log("== pass 1\na\n== pass 2\nit says == pass 3\n== pass 3\nc\n");
        assert_eq!(whole.of_pass(1), Some("== pass 1\na\n"));
        assert_eq!(whole.of_pass(2), Some("== pass 2\nit says == pass 3\n"));
        assert_eq!(whole.of_pass(3), Some("== pass 3\nc\n"));
        assert_eq!((whole.of_pass(0), whole.of_pass(4)), (None, None));
        let cut = log("… the beginning is left out\na\n== pass 2\nb\n");
        assert_eq!(cut.of_pass(1), Some("… the beginning is left out\na\n"));
        assert_eq!(cut.of_pass(2), Some("== pass 2\nb\n"));
        assert_eq!(cut.of_pass(3), None);
    }
}
