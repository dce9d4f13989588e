//! The five presets of the original's Python client, as data.
//!
//! Source: `media_nommer_api/presets/` of the original's client, 2012; `web_medium` as the original's documentation has the same job,
//! since earlier versions of the client differ in it. All are two passes of x264 Baseline with AAC in an MP4.

use crate::{options::Pair, spec::PassSpec};

/// What the presets differ in.
struct Shape {
    bitrate: &'static str,
    /// Rate control buffer, and a keyframe at most every 120 frames.
    buffered: bool,
    frame_rate: Option<&'static str>,
    width: u32,
    audio_bitrate: &'static str,
    /// Sound at 48 kHz in stereo.
    fixed_audio: bool,
}

fn passes(shape: &Shape) -> Vec<PassSpec> {
    let video = || {
        let mut pairs = vec![
            Pair::new("vcodec", "libx264"),
            Pair::new("preset", "medium"),
            Pair::new("vprofile", "baseline"),
            Pair::new("b", shape.bitrate),
        ];
        if shape.buffered {
            pairs.push(Pair::new("bufsize", shape.bitrate));
        }
        pairs.extend(shape.frame_rate.map(|rate| Pair::new("r", rate)));
        pairs.push(Pair::new(
            "vf",
            &format!("yadif,scale='{}:trunc(ow/a/2)*2'", shape.width),
        ));
        pairs
    };
    let keyframes = || {
        let pairs = [Pair::new("keyint_min", "60"), Pair::new("g", "120")];
        pairs.into_iter().filter(|_| shape.buffered)
    };
    let mut first = video();
    first.extend([Pair::new("pass", "1"), Pair::new("f", "mp4")]);
    first.extend(keyframes());
    first.push(Pair::flag("an"));

    let mut second = video();
    second.extend([
        Pair::new("pass", "2"),
        Pair::new("acodec", "libfaac"),
        Pair::new("ab", shape.audio_bitrate),
    ]);
    if shape.fixed_audio {
        second.push(Pair::new("ar", "48000"));
    }
    second.push(Pair::new("async", "480"));
    if shape.fixed_audio {
        second.push(Pair::new("ac", "2"));
    }
    second.extend(keyframes());
    second.push(Pair::new("f", "mp4"));
    vec![
        PassSpec {
            outfile_options: first,
            ..PassSpec::default()
        },
        PassSpec {
            outfile_options: second,
            move_atom_to_front: true,
            ..PassSpec::default()
        },
    ]
}

/// 640 wide at 400 kb/s.
pub fn web_medium() -> Vec<PassSpec> {
    passes(&Shape {
        bitrate: "400k",
        buffered: false,
        frame_rate: None,
        width: 640,
        audio_bitrate: "128k",
        fixed_audio: true,
    })
}

/// 640 wide at 300 kb/s and 30 frames a second, for early Android devices.
pub fn android_low() -> Vec<PassSpec> {
    passes(&Shape {
        bitrate: "300k",
        buffered: false,
        frame_rate: Some("30"),
        width: 640,
        audio_bitrate: "128k",
        fixed_audio: true,
    })
}

/// 400 wide at 230 kb/s.
pub fn cb_low() -> Vec<PassSpec> {
    passes(&Shape {
        bitrate: "230k",
        buffered: true,
        frame_rate: None,
        width: 400,
        audio_bitrate: "96k",
        fixed_audio: false,
    })
}

/// 640 wide at 921 kb/s.
pub fn cb_medium() -> Vec<PassSpec> {
    passes(&Shape {
        bitrate: "921k",
        buffered: true,
        frame_rate: None,
        width: 640,
        audio_bitrate: "125k",
        fixed_audio: false,
    })
}

/// 1280 wide at 2 Mb/s.
pub fn cb_high() -> Vec<PassSpec> {
    passes(&Shape {
        bitrate: "2000k",
        buffered: true,
        frame_rate: None,
        width: 1_280,
        audio_bitrate: "125k",
        fixed_audio: false,
    })
}
