use serde_json::json;

use super::*;
use crate::output::VideoCodec;

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

/// A field at fault, a word of the refusal, and the output.
const REFUSED: &str = r#"
/contaner | container | {"contaner": "mp4"}
/container | did you mean | {"container": "mp5"}
/name | a-z | {"name": "../x"}
/path | .. | {"path": "../x.mp4"}
/path | below | {"path": "a//x.mp4"}
/path | below | {"path": "/x.mp4"}
/path | % | {"path": "a/%2e%2e/x"}
/video/codec | vp9 | {"video": {"codec": "vp8"}}
/video/codec | webm | {"container": "webm", "video": {"codec": "h264"}}
/audio/codec | webm | {"container": "webm", "audio": {"codec": "aac"}}
/video | sound alone | {"container": "mp3", "video": {}}
/audio | no sound | {"container": "gif", "audio": true}
/video | nothing | {"video": false, "audio": false}
/video | m4a | {"container": "hls", "video": false}
/ladder | hls | {"ladder": ["720p"]}
/ladder/0 | 720p | {"container": "hls", "ladder": ["720"]}
/ladder/1 | another | {"container": "hls", "ladder": ["720p", "720p"]}
/ladder | 1 to 12 | {"container": "hls", "ladder": []}
/segment_seconds | multiple | {"container": "hls", "segment_seconds": 5}
/segment_seconds | hls | {"segment_seconds": 4}
/video/crf | exclude | {"video": {"crf": 20, "bitrate": "1M"}}
/video/crf | 51 | {"video": {"crf": 52}}
/video/bitrate | 2.5M | {"video": {"bitrate": "1 MB"}}
/video/two_pass | bitrate | {"video": {"two_pass": true}}
/video/maxrate | less | {"video": {"bitrate": "2M", "maxrate": "1M"}}
/video/speed | veryfast | {"video": {"speed": "veryfst"}}
/video/height | copy | {"video": {"codec": "copy", "height": 720}}
/video/hdr | h265 | {"video": {"hdr": "keep"}}
/video/height | 16 | {"video": {"height": 0}}
/video/fps | 240 | {"video": {"fps": 1e9}}
/audio/channels | copy | {"audio": {"codec": "copy", "channels": 2}}
/audio/loudness_lufs | -5 | {"audio": {"loudness_lufs": -3}}
/ | object | "mp4"
"#;

#[test]
fn what_cannot_be_made_is_refused_by_its_field() {
    for case in REFUSED.lines().filter(|line| !line.is_empty()) {
        let mut parts = case.splitn(3, " | ");
        let (pointer, word) = (parts.next().unwrap(), parts.next().unwrap());
        let value = serde_json::from_str(parts.next().unwrap()).unwrap();
        let said = refused(&value);
        let begins = format!("/outputs/0{}: ", pointer.trim_end_matches('/'));
        assert!(
            said.starts_with(&begins) && said.contains(word),
            "{case}: {said}"
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
