use serde_json::json;

use super::*;

fn refused(value: &Value) -> String {
    let error = outputs(&json!([value])).unwrap_err();
    format!("{}: {}", error.pointer, error.error.message)
}

fn one(value: &Value) -> OutputSpec {
    outputs(&json!([value])).unwrap().remove(0)
}

#[test]
fn an_output_that_says_little_is_what_its_container_usually_holds() {
    let mp4 = one(&json!({}));
    assert_eq!((mp4.name.as_str(), mp4.container), ("mp4", Container::Mp4));
    assert_eq!(mp4.video[0].codec, VideoCodec::H264);
    assert_eq!(mp4.audio.unwrap().bitrate, Some(128_000));
    let mp3 = one(&json!({"container": "mp3"}));
    assert!(mp3.video.is_empty());
    let silent = one(&json!({"container": "webm", "audio": false}));
    assert_eq!(
        (silent.video[0].codec, silent.audio),
        (VideoCodec::Vp9, None)
    );
    let hls = one(&json!({"container": "hls"}));
    let heights: Vec<_> = hls.video.iter().filter_map(|video| video.height).collect();
    assert_eq!(heights, USUAL_LADDER);
}

#[test]
fn a_ladder_is_sorted_and_each_rendition_has_a_rate() {
    let cmaf = one(
        &json!({"container": "cmaf", "video": {"speed": "fast", "fps": 25},
        "ladder": ["480p", {"height": 1080, "bitrate": "4.5M"}, "720p"]}),
    );
    let rungs: Vec<_> = cmaf
        .video
        .iter()
        .map(|video| (video.height.unwrap(), video.bitrate, video.maxrate))
        .collect();
    assert_eq!(
        rungs,
        [
            (1_080, Some(4_500_000), Some(4_500_000)),
            (720, None, Some(2_800_000)),
            (480, None, Some(1_200_000)),
        ]
    );
    assert!(
        cmaf.video
            .iter()
            .all(|video| video.speed.as_deref() == Some("fast") && video.fps == Some(25.0))
    );
}

#[test]
fn what_cannot_be_made_is_refused_by_its_field() {
    let cases = [
        (
            json!({"contaner": "mp4"}),
            "/outputs/0/contaner",
            "container",
        ),
        (json!({"container": "mp5"}), "/outputs/0/container", "mp4"),
        (json!({"name": "../x"}), "/outputs/0/name", "a-z"),
        (json!({"path": "../x.mp4"}), "/outputs/0/path", ".."),
        (json!({"path": "a//x.mp4"}), "/outputs/0/path", "below"),
        (json!({"path": "/x.mp4"}), "/outputs/0/path", "below"),
        (json!({"path": "a/%2e%2e/x"}), "/outputs/0/path", "%"),
        (
            json!({"video": {"codec": "vp8"}}),
            "/outputs/0/video/codec",
            "vp9",
        ),
        (
            json!({"container": "webm", "video": {"codec": "h264"}}),
            "/outputs/0/video/codec",
            "webm",
        ),
        (
            json!({"container": "webm", "audio": {"codec": "aac"}}),
            "/outputs/0/audio/codec",
            "webm",
        ),
        (
            json!({"container": "mp3", "video": {}}),
            "/outputs/0/video",
            "sound alone",
        ),
        (
            json!({"container": "gif", "audio": true}),
            "/outputs/0/audio",
            "no sound",
        ),
        (
            json!({"video": false, "audio": false}),
            "/outputs/0/video",
            "nothing",
        ),
        (
            json!({"container": "hls", "video": false}),
            "/outputs/0/video",
            "m4a",
        ),
        (json!({"ladder": ["720p"]}), "/outputs/0/ladder", "hls"),
        (
            json!({"container": "hls", "ladder": ["720"]}),
            "/outputs/0/ladder/0",
            "720p",
        ),
        (
            json!({"container": "hls", "ladder": ["720p", "720p"]}),
            "/outputs/0/ladder/1",
            "another",
        ),
        (
            json!({"container": "hls", "ladder": []}),
            "/outputs/0/ladder",
            "1 to 12",
        ),
        (
            json!({"container": "hls", "segment_seconds": 5}),
            "/outputs/0/segment_seconds",
            "multiple",
        ),
        (
            json!({"segment_seconds": 4}),
            "/outputs/0/segment_seconds",
            "hls",
        ),
        (
            json!({"video": {"crf": 20, "bitrate": "1M"}}),
            "/outputs/0/video/crf",
            "exclude",
        ),
        (json!({"video": {"crf": 52}}), "/outputs/0/video/crf", "51"),
        (
            json!({"video": {"bitrate": "1 MB"}}),
            "/outputs/0/video/bitrate",
            "2.5M",
        ),
        (
            json!({"video": {"two_pass": true}}),
            "/outputs/0/video/two_pass",
            "bitrate",
        ),
        (
            json!({"video": {"bitrate": "2M", "maxrate": "1M"}}),
            "/outputs/0/video/maxrate",
            "less",
        ),
        (
            json!({"video": {"speed": "veryfst"}}),
            "/outputs/0/video/speed",
            "veryfast",
        ),
        (
            json!({"video": {"codec": "copy", "height": 720}}),
            "/outputs/0/video/height",
            "copy",
        ),
        (
            json!({"video": {"hdr": "keep"}}),
            "/outputs/0/video/hdr",
            "h265",
        ),
        (
            json!({"video": {"height": 0}}),
            "/outputs/0/video/height",
            "16",
        ),
        (
            json!({"video": {"fps": 1e9}}),
            "/outputs/0/video/fps",
            "240",
        ),
        (
            json!({"audio": {"codec": "copy", "channels": 2}}),
            "/outputs/0/audio/channels",
            "copy",
        ),
        (
            json!({"audio": {"loudness_lufs": -3}}),
            "/outputs/0/audio/loudness_lufs",
            "-5",
        ),
        (json!("mp4"), "/outputs/0", "object"),
    ];
    for (value, pointer, word) in cases {
        let said = refused(&value);
        assert!(
            said.starts_with(&format!("{pointer}: ")) && said.contains(word),
            "{value}: {said}"
        );
    }
}

#[test]
fn two_outputs_never_share_a_name_or_a_place() {
    let named = outputs(&json!([{"name": "a"}, {"name": "a", "container": "mp3"}])).unwrap_err();
    assert_eq!(named.pointer, "/outputs/1/name");
    let placed = outputs(&json!([{"name": "a"}, {"name": "b", "path": "a.mp4"}])).unwrap_err();
    assert_eq!(placed.pointer, "/outputs/1/path");
    let many: Vec<Value> = (0..17)
        .map(|number| json!({"name": format!("n{number}")}))
        .collect();
    assert_eq!(outputs(&json!(many)).unwrap_err().pointer, "/outputs");
}

#[test]
fn a_clip_ends_after_it_begins() {
    let read = |value: Value| clip(Some(&value));
    assert_eq!(
        read(json!({"start": "00:01:00", "end": 90.5})).unwrap(),
        Some(Clip {
            start: 60.0,
            end: Some(90.5)
        })
    );
    assert_eq!(
        read(json!({"start": 5, "end": 5})).unwrap_err().pointer,
        "/clip/end"
    );
    assert_eq!(
        read(json!({"start": -1})).unwrap_err().pointer,
        "/clip/start"
    );
    assert_eq!(
        read(json!({"begin": 1})).unwrap_err().pointer,
        "/clip/begin"
    );
}
