//! What is drawn on every picture of a plan, once, before it is split: a watermark, and words.

use super::{BURNED_FILE, picture::shown};
use crate::{
    extras::{Extras, Watermark},
    probe::Stream,
};

/// The width of a watermark in pixels, on a source that does not say how large it is.
const BLIND_WIDTH: u32 = 160;

/// What is drawn.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Overlay<'a> {
    watermark: Option<&'a Watermark>,
    words: bool,
}

/// A filter graph so far: chains that are whole, and the beginning of the next.
#[derive(Debug)]
pub(super) struct Chains {
    /// What is whole, each with its semicolon.
    pub(super) whole: String,
    /// The inputs of the next chain.
    pub(super) from: String,
    /// Its filters.
    pub(super) filters: Vec<String>,
}

impl<'a> Overlay<'a> {
    pub(super) fn of(extras: &'a Extras) -> Self {
        Self {
            watermark: extras.watermark.as_ref(),
            words: extras.burned().is_some(),
        }
    }

    /// Whether a second input is read.
    pub(super) fn reads(self) -> bool {
        self.watermark.is_some()
    }

    /// Draws on a picture that comes from `from` through `filters`.
    pub(super) fn draw(self, source: &Stream, from: String, mut filters: Vec<String>) -> Chains {
        let mut whole = String::new();
        let mut from = from;
        let drawn = self.words || self.watermark.is_some();
        let size = shown(source);
        if let Some((width, height)) = size.filter(|_| drawn && source.pixel_aspect.is_some()) {
            // What is drawn has square pixels.
            filters.push(format!("scale={width}:{height},setsar=1"));
        }
        if let Some(mark) = self.watermark {
            let across = size.map_or(BLIND_WIDTH, |(width, _)| part(width, mark.width_percent));
            let base = if filters.is_empty() {
                "null".to_owned()
            } else {
                filters.join(",")
            };
            whole = format!(
                "[1:0]scale={across}:'max(1,ih*{across}/iw)',format=rgba,colorchannelmixer=aa={}[mark];{from}{base}[base];",
                mark.opacity
            );
            "[base][mark]".clone_into(&mut from);
            filters = vec![format!("overlay={}:format=auto", mark.position.corner())];
        }
        if self.words {
            filters.push(format!("subtitles={BURNED_FILE}"));
        }
        Chains {
            whole,
            from,
            filters,
        }
    }
}

/// So many percent of a width, a pixel at least.
fn part(width: u32, percent: f64) -> u32 {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a part of a width that was u32"
    )]
    let pixels = (f64::from(width) * percent / 100.0).round() as u32;
    pixels.max(1)
}
