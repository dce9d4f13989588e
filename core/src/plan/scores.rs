//! How like its source an output is: FFmpeg compares both, picture by picture, after the output is made.
//!
//! The source goes through the filters of the output, so that size, frame rate and what is drawn on it do not count, but coding alone.

use super::{outputs::Compiler, picture};
use crate::{
    extras::Metric,
    output::{OutputSpec, VideoCodec},
    probe::pinned,
};

/// One comparison.
#[derive(Clone, Debug, PartialEq)]
pub struct Score {
    /// Which output of the plan, from 0.
    pub product: usize,
    /// Which of its pictures, from 0.
    pub rendition: usize,
    /// What is measured.
    pub metric: Metric,
    /// The arguments, without the program's name.
    pub args: Vec<String>,
}

impl Compiler<'_> {
    /// The comparisons that are asked for. Pictures that are copied are their source, and a GIF has other colours by design.
    pub(super) fn scores(&self) -> Vec<Score> {
        let Some(metric) = self.spec.extras.score else {
            return Vec::new();
        };
        let mut scores = Vec::new();
        for (product, made) in self.made.iter().enumerate() {
            for (rendition, picture) in made.pictures.iter().enumerate() {
                if picture.filtered() && picture.spec.codec != VideoCodec::Gif {
                    scores.extend(self.compared(made.spec, (rendition, picture), metric).map(
                        |args| Score {
                            product,
                            rendition,
                            metric,
                            args,
                        },
                    ));
                }
            }
        }
        scores
    }

    fn compared(
        &self,
        output: &OutputSpec,
        (rendition, picture): (usize, &picture::Picture<'_>),
        metric: Metric,
    ) -> Option<Vec<String>> {
        let (number, source) = self.probe.numbered_video()?;
        let mut args = self.inputs();
        let made = args.iter().filter(|word| *word == "-i").count();
        args.extend(made_input(output, rendition));
        let branch = picture::Branch::of(picture, 0, source);
        let graph = picture::graph(number, source, &[branch], self.overlay());
        let format = picture::pixel_format(picture.spec.codec, picture.spec.hdr, source);
        // By number, not by time: containers round times differently, and a neighbour would be compared.
        let count = "settb=1/1000,setpts=N";
        args.extend([
            "-filter_complex".to_owned(),
            format!(
                "{graph};[v0]{count}[source];[{made}:v:0]{count},format={format}[made];[made][source]{}",
                metric.filter()
            ),
        ]);
        args.extend(["-an", "-f", "null", "/dev/null"].map(str::to_owned));
        Some(args)
    }
}

/// The output as an input.
fn made_input(output: &OutputSpec, rendition: usize) -> Vec<String> {
    let file = super::outputs::work_name(output);
    let name = |file: String| ["-i".to_owned(), format!("file:{file}")];
    if output.container.packaged() {
        let words = [
            "-protocol_whitelist",
            "file",
            "-allowed_extensions",
            "ALL",
            "-f",
            "hls",
        ];
        let words = words.map(str::to_owned).into_iter();
        return words
            .chain(name(format!("{file}/media_{rendition}.m3u8")))
            .collect();
    }
    let words = pinned(output.container.demuxer()).map(str::to_owned);
    words.into_iter().chain(name(file)).collect()
}
