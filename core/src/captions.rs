//! Captions: SRT and `WebVTT` read into cues, cut like the media, and written anew.
//!
//! What is written is made of cues alone: no styles, no scripts, no positions of the caller's. Formats: W3C `WebVTT`, and what players agree
//! on for SRT.

use std::fmt::Write as _;

/// Largest file of captions that is read, in bytes: a day of speech takes less.
pub const MOST_BYTES: u64 = 4 << 20;

/// Most cues of one file.
const MOST_CUES: usize = 50_000;

/// Words that stay within text, as tags.
const TAGS: [&str; 6] = ["<b>", "</b>", "<i>", "</i>", "<u>", "</u>"];

/// Why a file is not captions.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CaptionError {
    /// It is not text.
    #[error("byte {0} is not UTF-8; save the captions as UTF-8")]
    NotText(usize),
    /// A time cannot be read.
    #[error("line {0}: the times must be written like 00:01:02,500 --> 00:01:04,000")]
    Time(usize),
    /// There is nothing in it.
    #[error("there are no cues in it; captions are taken as SRT and as WebVTT")]
    Empty,
    /// There is too much in it.
    #[error("there are more than {MOST_CUES} cues in it")]
    TooMany,
}

/// Words and when they are shown.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Cue {
    /// Milliseconds from the beginning.
    begins: u64,
    ends: u64,
    /// Lines without line breaks at their ends; `b`, `i` and `u` are the only tags.
    lines: Vec<String>,
}

/// The captions of one language, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Track {
    cues: Vec<Cue>,
}

impl Track {
    /// Reads SRT or `WebVTT`, in UTF-8 or in UTF-16 with its mark.
    pub fn parse(bytes: &[u8]) -> Result<Self, CaptionError> {
        let text = text(bytes)?.replace("\r\n", "\n").replace('\r', "\n");
        let mut cues: Vec<Cue> = Vec::new();
        let mut open = false;
        for (number, line) in text.lines().enumerate() {
            if let Some((begins, ends)) = line.split_once("-->") {
                let time = |text| millis(text).ok_or(CaptionError::Time(number + 1));
                let (begins, ends) = (time(begins)?, time(ends)?);
                if cues.len() == MOST_CUES {
                    return Err(CaptionError::TooMany);
                }
                let lines = Vec::new();
                cues.push(Cue {
                    begins,
                    ends,
                    lines,
                });
                open = true;
            } else if line.trim().is_empty() {
                // Between cues stand numbers, names, notes and styles: none of them is shown.
                open = false;
            } else if let Some(cue) = cues.last_mut().filter(|_| open) {
                cue.lines.push(plain(line));
            }
        }
        cues.retain(|cue| cue.ends > cue.begins && !cue.lines.is_empty());
        cues.sort_by_key(|cue| cue.begins);
        if cues.is_empty() {
            return Err(CaptionError::Empty);
        }
        Ok(Self { cues })
    }

    /// The part between two seconds of the media, with times from the first.
    #[must_use]
    pub fn cut(&self, start: f64, end: Option<f64>) -> Self {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "times of a request, checked to be within a century"
        )]
        let whole = |seconds: f64| (seconds.max(0.0) * 1_000.0).round() as u64;
        let (start, end) = (whole(start), end.map_or(u64::MAX, whole));
        let inside = self.cues.iter().filter_map(|cue| {
            let (begins, ends) = (cue.begins.max(start), cue.ends.min(end));
            (ends > begins).then(|| Cue {
                begins: begins - start,
                ends: ends - start,
                lines: cue.lines.clone(),
            })
        });
        Self {
            cues: inside.collect(),
        }
    }

    /// As `WebVTT`.
    pub fn to_vtt(&self) -> String {
        let mut text = "WEBVTT\n".to_owned();
        for cue in &self.cues {
            let (begins, ends) = (clock(cue.begins, '.'), clock(cue.ends, '.'));
            let lines = cue.lines.join("\n");
            write!(text, "\n{begins} --> {ends}\n{lines}\n").expect("text takes text");
        }
        text
    }

    /// As SRT.
    pub fn to_srt(&self) -> String {
        let mut text = String::new();
        for (number, cue) in (1..).zip(&self.cues) {
            let (begins, ends) = (clock(cue.begins, ','), clock(cue.ends, ','));
            let lines = unescaped(&cue.lines.join("\n"));
            write!(text, "{number}\n{begins} --> {ends}\n{lines}\n\n").expect("text takes text");
        }
        text
    }
}

fn text(bytes: &[u8]) -> Result<String, CaptionError> {
    let wide = |from: fn([u8; 2]) -> u16| {
        let units = bytes[2..]
            .chunks(2)
            .map(|pair| from([pair[0], *pair.get(1).unwrap_or(&0)]));
        let letters: Result<String, _> = char::decode_utf16(units).collect();
        letters.map_err(|_odd| CaptionError::NotText(0))
    };
    match bytes {
        [0xff, 0xfe, ..] => wide(u16::from_le_bytes),
        [0xfe, 0xff, ..] => wide(u16::from_be_bytes),
        _ => {
            let text = std::str::from_utf8(bytes);
            let text = text.map_err(|odd| CaptionError::NotText(odd.valid_up_to()))?;
            Ok(text.trim_start_matches('\u{feff}').to_owned())
        }
    }
}

/// `hh:mm:ss,mmm` or `mm:ss.mmm`, and what follows it on the line, which is not used.
fn millis(text: &str) -> Option<u64> {
    let word = text.split_whitespace().next()?;
    let (clock, fraction) = word.split_once([',', '.']).unwrap_or((word, "0"));
    let digits = |text: &str, most: usize| {
        let fits = (1..=most).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
        fits.then(|| text.parse::<u64>().ok()).flatten()
    };
    let mut seconds = 0;
    let parts: Vec<&str> = clock.split(':').collect();
    if !(2..=3).contains(&parts.len()) {
        return None;
    }
    for part in parts {
        seconds = seconds * 60 + digits(part, 3)?;
    }
    digits(fraction, 3)?;
    Some(seconds * 1_000 + format!("{fraction:0<3}").parse::<u64>().ok()?)
}

/// `00:01:02.500`
fn clock(millis: u64, point: char) -> String {
    let seconds = millis / 1_000;
    format!(
        "{:02}:{:02}:{:02}{point}{:03}",
        seconds / 3_600,
        seconds / 60 % 60,
        seconds % 60,
        millis % 1_000
    )
}

/// A line with our tags and no others, fit for `WebVTT`.
fn plain(line: &str) -> String {
    let mut out = String::new();
    let mut rest = line.trim();
    while let Some(at) = rest.find(['<', '{', '>', '&']) {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        if let Some(tag) = TAGS.iter().find(|tag| rest.starts_with(**tag)) {
            out.push_str(tag);
            rest = &rest[tag.len()..];
        } else if rest.starts_with('<') && rest.contains('>') {
            rest = &rest[rest.find('>').unwrap_or(0) + 1..];
        } else if rest.starts_with("{\\") && rest.contains('}') {
            // Positions as in {\an8}.
            rest = &rest[rest.find('}').unwrap_or(0) + 1..];
        } else {
            let entity = ["&amp;", "&lt;", "&gt;", "&nbsp;", "&lrm;", "&rlm;"]
                .iter()
                .find(|entity| rest.starts_with(**entity));
            let (written, used) = match (entity, rest.as_bytes()[0]) {
                (Some(entity), _) => (*entity, entity.len()),
                (None, b'<') => ("&lt;", 1),
                (None, b'>') => ("&gt;", 1),
                (None, b'&') => ("&amp;", 1),
                // Left open, it would begin a command of another format.
                (None, _) => ("(", 1),
            };
            out.push_str(written);
            rest = &rest[used..];
        }
    }
    out.push_str(rest);
    out.chars().filter(|letter| !letter.is_control()).collect()
}

fn unescaped(text: &str) -> String {
    text.replace("&lt;", "‹")
        .replace("&gt;", "›")
        .replace("&nbsp;", " ")
        .replace("&amp;", "&")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn srt_becomes_webvtt() {
        let srt = "1\r\n00:00:01,500 --> 00:00:03,000\r\n<i>Hello</i> <font color=\"red\">you</font>\r\nand {\\an8}them\r\n\r\n2\r\n00:01:00,5 --> 00:01:02,000\r\nA < B & C --> D\r\n";
        let track = Track::parse(srt.as_bytes());
        assert_eq!(track, Err(CaptionError::Time(8)), "an arrow within text");
        let srt = srt.replace(" --> D", "");
        let vtt = Track::parse(srt.as_bytes()).unwrap().to_vtt();
        let wanted = "WEBVTT\n\n00:00:01.500 --> 00:00:03.000\n<i>Hello</i> you\nand them\n\n00:01:00.500 --> 00:01:02.000\nA &lt; B &amp; C\n";
        assert_eq!(vtt, wanted);
    }

    #[test]
    fn webvtt_loses_styles_notes_and_positions() {
        let vtt = "\u{feff}WEBVTT - title\n\nSTYLE\n::cue { background: url(http://x/) }\n\nNOTE no\n\nname\n00:01.000 --> 00:02.000 line:0 align:start\n<v Ann>Hi</v>\n";
        let written = Track::parse(vtt.as_bytes()).unwrap().to_vtt();
        assert_eq!(written, "WEBVTT\n\n00:00:01.000 --> 00:00:02.000\nHi\n");
        assert_eq!(
            Track::parse(written.as_bytes()).unwrap().to_srt(),
            "1\n00:00:01,000 --> 00:00:02,000\nHi\n\n"
        );
    }

    #[test]
    fn captions_in_another_encoding_are_refused_and_utf16_is_read() {
        let latin = b"1\n00:00:01,000 --> 00:00:02,000\ncaf\xe9\n";
        assert_eq!(Track::parse(latin), Err(CaptionError::NotText(35)));
        let wide: Vec<u8> = "\u{feff}1\n00:00:01,000 --> 00:00:02,000\ncafé\n"
            .encode_utf16()
            .flat_map(u16::to_le_bytes)
            .collect();
        assert!(Track::parse(&wide).unwrap().to_vtt().contains("café"));
        for nothing in [&b""[..], b"WEBVTT\n", b"hello\n", b"{\"a\":1}"] {
            assert_eq!(Track::parse(nothing), Err(CaptionError::Empty));
        }
        assert_eq!(
            Track::parse(b"99:99 --> x\nhi\n"),
            Err(CaptionError::Time(1))
        );
    }

    #[test]
    fn a_clip_takes_the_captions_of_its_time_along() {
        let vtt = "WEBVTT\n\n00:01.000 --> 00:05.000\na\n\n00:10.000 --> 00:12.000\nb\n\n00:20.000 --> 00:22.000\nc\n";
        let cut = Track::parse(vtt.as_bytes()).unwrap().cut(4.0, Some(11.0));
        assert_eq!(
            cut.to_vtt(),
            "WEBVTT\n\n00:00:00.000 --> 00:00:01.000\na\n\n00:00:06.000 --> 00:00:07.000\nb\n"
        );
    }
}
