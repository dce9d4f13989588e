//! The pictures of a plan: how large they become, and through which filters they go.

use std::fmt::Write as _;

use super::overlay::Overlay;
use crate::{
    output::{Hdr, VideoCodec, VideoSpec},
    probe::Stream,
};

/// What brings a high dynamic range to what every screen shows: linear light, a curve that rolls off highlights, BT.709.
const TONEMAP: &str = "zscale=t=linear:npl=100,format=gbrpf32le,zscale=p=bt709,tonemap=tonemap=hable:desat=0,zscale=t=bt709:m=bt709:r=tv";

/// Makes frames out of fields; frames that hold none are left alone.
const DEINTERLACE: &str = "bwdif=mode=send_frame:deint=interlaced";

/// A width and a height in square pixels, as shown.
pub(super) type Size = (u32, u32);

/// How large the source is shown: with square pixels, turned as it says.
pub(super) fn shown(stream: &Stream) -> Option<Size> {
    let (width, height) = (stream.width?, stream.height?);
    if width == 0 || height == 0 {
        return None;
    }
    let (across, down) = stream.pixel_aspect.unwrap_or((1, 1));
    let stretched = u64::from(width) * u64::from(across) / u64::from(down);
    // An absurd aspect is none: nobody wants a line of a million pixels.
    let sane = (1..=u64::from(width) * 8).contains(&stretched);
    let width = u32::try_from(stretched)
        .ok()
        .filter(|_| sane)
        .unwrap_or(width);
    Some(if stream.sideways {
        (height, width)
    } else {
        (width, height)
    })
}

/// The side of the source that the height of a rendition is measured by: the shorter one, so that a ladder of a film that stands upright
/// has as many pixels as that of one that lies.
pub(super) fn measured_side(source: Size, rendition: bool) -> u32 {
    if rendition {
        source.1.min(source.0)
    } else {
        source.1
    }
}

/// The size of a picture that is to be no larger than asked and never larger than the source, in even numbers.
pub(super) fn fitted(source: Size, asked: &VideoSpec, rendition: bool) -> Size {
    let (width, height) = (f64::from(source.0), f64::from(source.1));
    let by = |most: Option<u32>, side: f64| most.map_or(1.0, |most| f64::from(most) / side);
    let measured = f64::from(measured_side(source, rendition));
    let scale = by(asked.height, measured)
        .min(by(asked.width, width))
        .min(1.0);
    (even(width * scale), even(height * scale))
}

/// The nearest even number, two at least.
fn even(side: f64) -> u32 {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the half of a side that began as u32"
    )]
    let half = (side / 2.0).round() as u32;
    half.max(1) * 2
}

/// One picture on its way from the source to an encoder.
#[derive(Clone, Debug)]
pub(super) struct Picture<'a> {
    /// What was asked for.
    pub(super) spec: &'a VideoSpec,
    /// Its size, if that of the source is known.
    pub(super) size: Option<Size>,
    /// Whether it is a rendition among others, which must have one aspect to the digit.
    pub(super) rendition: bool,
}

impl Picture<'_> {
    /// Whether it goes through filters at all.
    pub(super) fn filtered(&self) -> bool {
        self.spec.codec != VideoCodec::Copy
    }
}

/// The filters of one picture after those that all go through.
#[derive(Clone, Debug)]
pub(super) struct Branch {
    /// The filters, as FFmpeg writes them.
    pub(super) filters: String,
    /// Whether a high dynamic range is to be brought down for it.
    pub(super) flatten: bool,
}

impl Branch {
    /// That of a picture, the `number`th of the graph.
    pub(super) fn of(picture: &Picture<'_>, number: usize, source: &Stream) -> Self {
        Self {
            filters: chain(picture, number, source),
            flatten: picture.spec.hdr == Hdr::Tonemap,
        }
    }
}

/// The filter graph that makes all pictures out of stream `number`, as `[v0]`, `[v1]`, …
///
/// What all need is done once, before the picture is split.
pub(super) fn graph(
    number: usize,
    source: &Stream,
    branches: &[Branch],
    overlay: Overlay<'_>,
) -> String {
    let flatten = |branch: &Branch| source.is_hdr() && branch.flatten;
    let all_flat = branches.iter().all(flatten);
    let mut common: Vec<String> = Vec::new();
    if source.interlaced {
        common.push(DEINTERLACE.to_owned());
    }
    if all_flat {
        common.push(TONEMAP.to_owned());
    }
    let drawn = overlay.draw(source, format!("[0:{number}]"), common);
    let (mut graph, mut common) = (drawn.whole, drawn.filters);
    if branches.len() > 1 {
        common.push(format!("split={}", branches.len()));
    }
    let direct = common.is_empty();
    if !direct {
        write!(graph, "{}{}", drawn.from, common.join(",")).expect("text takes text");
        for branch in 0..branches.len() {
            write!(graph, "[s{branch}]").expect("text takes text");
        }
    }
    for (index, branch) in branches.iter().enumerate() {
        let from = if direct {
            format!("[0:{number}]")
        } else {
            format!(";[s{index}]")
        };
        let own = if flatten(branch) && !all_flat {
            format!("{TONEMAP},")
        } else {
            String::new()
        };
        write!(graph, "{from}{own}{}[v{index}]", branch.filters).expect("text takes text");
    }
    graph
}

/// The filters of one picture.
fn chain(picture: &Picture<'_>, branch: usize, source: &Stream) -> String {
    let mut filters: Vec<String> = Vec::new();
    filters.extend(picture.spec.fps.map(|fps| format!("fps={fps}")));
    match (picture.size, shown(source)) {
        (Some((width, height)), Some((across, down))) => {
            filters.push(format!("scale={width}:{height}"));
            filters.push(if picture.rendition {
                format!("setdar={across}/{down}")
            } else {
                "setsar=1".to_owned()
            });
        }
        _ => filters.push(blind_scale(picture.spec)),
    }
    match picture.spec.codec {
        VideoCodec::Gif => {
            filters.push(format!("split[g{branch}][h{branch}];[g{branch}]palettegen[p{branch}];[h{branch}][p{branch}]paletteuse"));
        }
        codec => filters.push(format!(
            "format={}",
            pixel_format(codec, picture.spec.hdr, source)
        )),
    }
    filters.join(",")
}

/// The same for a source that does not say how large it is.
fn blind_scale(spec: &VideoSpec) -> String {
    let height = spec
        .height
        .map_or("ih".to_owned(), |most| format!("min({most},ih)"));
    format!("scale=-2:'trunc({height}/2)*2',setsar=1")
}

/// What every player of the codec shows.
pub(super) fn pixel_format(codec: VideoCodec, hdr: Hdr, source: &Stream) -> &'static str {
    match codec {
        VideoCodec::Prores => "yuv422p10le",
        _ if hdr == Hdr::Keep && source.is_hdr() => "yuv420p10le",
        _ => "yuv420p",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(height: Option<u32>, width: Option<u32>) -> VideoSpec {
        VideoSpec {
            height,
            width,
            ..VideoSpec::new(VideoCodec::H264)
        }
    }

    #[test]
    fn a_picture_is_even_keeps_its_shape_and_never_grows() {
        assert_eq!(
            fitted((1_920, 1_080), &asked(Some(720), None), false),
            (1_280, 720)
        );
        assert_eq!(
            fitted((640, 360), &asked(Some(720), None), false),
            (640, 360)
        );
        assert_eq!(
            fitted((1_281, 721), &asked(None, None), false),
            (1_282, 722)
        );
        assert_eq!(
            fitted((1_080, 1_920), &asked(Some(720), None), false),
            (406, 720)
        );
        assert_eq!(
            fitted((1_920, 800), &asked(Some(1_080), Some(1_280)), false),
            (1_280, 534)
        );
        let upright = fitted((1_080, 1_920), &asked(Some(720), None), true);
        assert_eq!(
            upright,
            (720, 1_280),
            "a rendition goes by the shorter side"
        );
        assert_eq!(fitted((1, 1), &asked(Some(720), None), false), (2, 2));
    }

    #[test]
    fn a_source_is_measured_as_it_is_shown() {
        let stream = |pixel_aspect, sideways| Stream {
            width: Some(720),
            height: Some(576),
            pixel_aspect,
            sideways,
            ..Stream::default()
        };
        assert_eq!(shown(&stream(None, false)), Some((720, 576)));
        assert_eq!(shown(&stream(Some((16, 11)), false)), Some((1_047, 576)));
        assert_eq!(shown(&stream(None, true)), Some((576, 720)));
        assert_eq!(shown(&stream(Some((100_000, 1)), false)), Some((720, 576)));
        assert_eq!(shown(&Stream::default()), None);
    }

    #[test]
    fn what_all_pictures_need_is_done_once() {
        let source = Stream {
            width: Some(1_920),
            height: Some(1_080),
            interlaced: true,
            transfer: Some("smpte2084".to_owned()),
            ..Stream::default()
        };
        let spec = asked(Some(720), None);
        let picture = Picture {
            spec: &spec,
            size: Some((1_280, 720)),
            rendition: false,
        };
        let branch = |number| Branch::of(&picture, number, &source);
        let graph = graph(0, &source, &[branch(0), branch(1)], Overlay::default());
        assert!(graph.starts_with("[0:0]bwdif="), "{graph}");
        assert_eq!(graph.matches("tonemap=tonemap").count(), 1, "{graph}");
        assert!(
            graph.contains("split=2[s0][s1];[s0]scale=1280:720,setsar=1,format=yuv420p[v0];[s1]"),
            "{graph}"
        );
    }
}
