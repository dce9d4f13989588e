//! Every preset from real clips, looked at by ffprobe: codecs, sizes, lengths, keyframes, sound beside pictures, order of streams.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use nommer_core::presets;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::harness::{System, boxes, decodes, file_url, output_of, probe, stream};

/// What presets make of 1280x720 at 25 frames a second with sound: pictures, their size, most frames between keyframes, sound.
const FILES: &str = "
web-mp4-480p | h264 854x480 250 | aac
web-mp4-720p | h264 1280x720 250 | aac
web-mp4-1080p | h264 1280x720 250 | aac
web-mp4-2160p | h264 1280x720 250 | aac
web-mp4-1080p-small | hevc 1280x720 250 | aac
web-webm-1080p | vp9 1280x720 128 | opus
av1-1080p | av1 1280x720 161 | aac
gif-preview | gif 426x240 53 | -
archive-prores | prores 1280x720 1 | pcm_s16le
copy | h264 1280x720 250 | aac
legacy/web_medium | h264 640x360 250 | aac
legacy/android_low | h264 640x360 250 | aac
legacy/cb_low | h264 400x224 120 | aac
legacy/cb_medium | h264 640x360 120 | aac
legacy/cb_high | h264 1280x720 120 | aac
audio-mp3-192 | - | mp3
audio-aac-128 | - | aac
audio-opus-96 | - | opus
audio-podcast | - | mp3
";

/// Presets of segments, and the renditions that are left of a source of 720 lines.
const PACKAGES: [&str; 3] = ["hls-abr", "dash-abr", "cmaf-abr"];
const RENDITIONS: [&str; 3] = ["1280x720", "854x480", "426x240"];

/// Seconds that the clip's pictures last: 132 frames.
const LASTS: f64 = 5.28;

/// Seconds between the ends of its pictures and of its sound.
const SOUND_LASTS: f64 = 5.312;

/// A frame of the clip.
const FRAME: f64 = 0.04;

fn number(value: &Value) -> f64 {
    value.as_str().unwrap_or("0").parse().unwrap()
}

/// A rate such as `30000/1001`.
fn rate(stream: &Value) -> f64 {
    let (frames, seconds) = stream["r_frame_rate"]
        .as_str()
        .unwrap()
        .split_once('/')
        .unwrap();
    frames.parse::<f64>().unwrap() / seconds.parse::<f64>().unwrap()
}

/// Every packet of the pictures in the order of their times: when it is shown, and whether it is a keyframe.
fn pictures(file: &Path) -> Vec<(f64, bool)> {
    let mut command = Command::new("ffprobe");
    let words = "-v error -select_streams v:0 -show_entries packet=pts_time,flags -of csv=p=0";
    let printed = output_of(command.args(words.split_whitespace()).arg(file));
    let packet = |line: &str| {
        let (time, flags) = line.split_once(',').unwrap();
        (time.parse().unwrap(), flags.starts_with('K'))
    };
    let mut all: Vec<(f64, bool)> = printed
        .lines()
        .filter(|line| !line.is_empty())
        .map(packet)
        .collect();
    all.sort_by(|one, other| one.0.total_cmp(&other.0));
    all
}

/// The longest run of frames from one keyframe to the next.
fn longest(pictures: &[(f64, bool)]) -> usize {
    let mut runs = vec![0];
    for (_, key) in pictures {
        if *key {
            runs.push(0);
        }
        *runs.last_mut().unwrap() += 1;
    }
    runs.into_iter().max().unwrap()
}

fn clip(system: &System, name: &str) -> PathBuf {
    let clips = std::env::var("NOMMER_TEST_CLIPS").expect("set by `cargo xtask test`");
    let source = system.path(name);
    fs::copy(Path::new(&clips).join(name), &source).unwrap();
    source
}

fn sha256(bytes: &[u8]) -> String {
    let digest = Sha256::digest(bytes);
    let digits = digest.iter().map(|byte| format!("{byte:02x}"));
    format!("sha256:{}", digits.collect::<String>())
}

/// A system whose encoder is heard often enough however slow the machine is.
fn patient() -> System {
    System::start_with(&[("NOMMER_ENCODER__LEASE", "60s")])
}

/// The end of a job of one preset.
fn made(system: &System, source: &Path, dest: &Path, preset: &str) -> Value {
    let body =
        json!({"source_path": file_url(source), "dest_path": file_url(dest), "preset": preset});
    system.ended(&system.submit(&body))
}

/// The kinds and codecs of the streams of a file, in their order.
fn streams(found: &Value) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let streams = found["streams"].as_array().unwrap().iter();
    streams
        .map(|stream| (text(&stream["codec_type"]), text(&stream["codec_name"])))
        .collect()
}

fn check_pictures(name: &str, file: &Path, found: &Value, size: &str, most: usize) {
    let video = stream(found, "video");
    assert_eq!(
        format!("{}x{}", video["width"], video["height"]),
        size,
        "{name}"
    );
    let all = pictures(file);
    assert!(all[0].1, "{name} begins with a keyframe");
    assert!(
        longest(&all) <= most,
        "{name}: {} frames without a keyframe",
        longest(&all)
    );
    #[expect(clippy::cast_precision_loss, reason = "some hundreds")]
    let lasts = all.len() as f64 / rate(video);
    let frame = FRAME.max(1.0 / rate(video));
    assert!(
        (lasts - LASTS).abs() <= frame + 0.001,
        "{name}: {} frames, {lasts} s",
        all.len()
    );
}

fn check_file(name: &str, file: &Path, pictures: &str, sound: &str) {
    assert!(decodes(file), "{name}");
    let found = probe(file);
    let words: Vec<&str> = pictures.split(' ').collect();
    let expected: Vec<(String, String)> = [("video", words[0]), ("audio", sound)]
        .into_iter()
        .filter(|(_, codec)| *codec != "-")
        .map(|(kind, codec)| (kind.to_owned(), codec.to_owned()))
        .collect();
    assert_eq!(
        streams(&found),
        expected,
        "{name}: pictures first, then sound, and nothing else"
    );
    if let [_, size, most] = words[..] {
        check_pictures(name, file, &found, size, most.parse().unwrap());
    }
    if expected.len() == 2 {
        let begins = |kind: &str| number(&stream(&found, kind)["start_time"]);
        let apart = (begins("video") - begins("audio")).abs();
        assert!(
            apart <= FRAME,
            "{name}: sound and pictures begin {apart} s apart"
        );
    }
    if sound != "-" {
        // What an encoder adds at the ends is less than two frames of its own.
        let lasts = number(&found["format"]["duration"]);
        assert!((lasts - SOUND_LASTS).abs() <= 0.06, "{name}: {lasts} s");
    }
    if ["mp4", "m4a", "mov"]
        .iter()
        .any(|kind| file.extension().is_some_and(|found| found == *kind))
    {
        let kinds = boxes(file);
        let at = |kind: &str| kinds.iter().position(|other| other == kind).unwrap();
        assert!(at("moov") < at("mdat"), "{name}: {kinds:?}");
    }
}

/// One rendition of a package, which has a folder of its own, as one file.
fn whole(system: &System, folder: &Path) -> PathBuf {
    let mut whole = fs::read(folder.join("init.m4s")).unwrap();
    for number in 1.. {
        match fs::read(folder.join(format!("{number:05}.m4s"))) {
            Ok(segment) => whole.extend(segment),
            Err(_) => break,
        }
    }
    let file = system.path("whole.mp4");
    fs::write(&file, whole).unwrap();
    file
}

fn check_package(system: &System, name: &str, place: &Path, job: &Value) {
    let has = |file: &str| place.join(file).is_file();
    assert_eq!(has("master.m3u8"), name != "dash-abr", "{name}");
    assert_eq!(has("manifest.mpd"), name != "hls-abr", "{name}");
    let parts = place.join(job["id"].as_str().unwrap());
    let mut begins = Vec::new();
    for size in RENDITIONS {
        let height = size.split_once('x').unwrap().1;
        let file = whole(system, &parts.join(format!("video/{height}")));
        assert!(decodes(&file), "{name}");
        let found = probe(&file);
        assert_eq!(
            streams(&found),
            [("video".to_owned(), "h264".to_owned())],
            "{name}"
        );
        check_pictures(name, &file, &found, size, 50);
        let keys = pictures(&file).into_iter().filter(|(_, key)| *key);
        let keys: Vec<String> = keys.map(|(time, _)| format!("{time:.2}")).collect();
        assert_eq!(keys, ["0.00", "2.00", "4.00"], "{name} {size}");
        begins.push(number(&stream(&found, "video")["start_time"]));
    }
    let file = whole(system, &parts.join("audio/128"));
    let found = probe(&file);
    assert_eq!(
        streams(&found),
        [("audio".to_owned(), "aac".to_owned())],
        "{name}"
    );
    let sound = number(&stream(&found, "audio")["start_time"]);
    assert!(
        begins.iter().all(|begin| (begin - sound).abs() <= FRAME),
        "{name}: {begins:?} {sound}"
    );
    for manifest in ["master.m3u8", "manifest.mpd"]
        .into_iter()
        .filter(|file| has(file))
    {
        let found = probe(&place.join(manifest));
        let mut kinds: Vec<String> = streams(&found).into_iter().map(|(kind, _)| kind).collect();
        // FFmpeg names the streams of a playlist in an order of its own.
        kinds.sort_unstable();
        assert_eq!(
            kinds,
            ["audio", "video", "video", "video"],
            "{name} {manifest}"
        );
        // FFmpeg reads whole seconds of a DASH manifest.
        let lasts = if manifest == "manifest.mpd" {
            let text = fs::read_to_string(place.join(manifest)).unwrap();
            let (_, rest) = text.split_once("mediaPresentationDuration=\"PT").unwrap();
            rest.split_once('S').unwrap().0.parse().unwrap()
        } else {
            number(&found["format"]["duration"])
        };
        assert!(
            (lasts - SOUND_LASTS).abs() <= FRAME + 0.001,
            "{name} {manifest}: {lasts}"
        );
    }
}

/// What the name of a preset's file ends with.
fn ending(name: &str) -> String {
    let preset = presets::find(name).unwrap();
    let outputs = preset.outputs();
    outputs.first().map_or("mp4".to_owned(), |output| {
        let place = output.place(true);
        place.rsplit('.').next().unwrap().to_owned()
    })
}

#[test]
fn every_preset_makes_of_a_real_clip_what_it_says() {
    let system = patient();
    let source = clip(&system, "bigbuckbunny.mp4");
    let lines = FILES.lines().filter(|line| !line.is_empty());
    let files: Vec<Vec<&str>> = lines.map(|line| line.split(" | ").collect()).collect();
    let mut names: Vec<&str> = files.iter().map(|line| line[0]).chain(PACKAGES).collect();
    names.sort_unstable();
    let mut all = presets::ALL.map(|preset| preset.name);
    all.sort_unstable();
    assert_eq!(names, all, "no preset is left out");
    let place =
        |name: &str| system.path(&format!("out/{}.{}", name.replace('/', "-"), ending(name)));
    for line in &files {
        let job = made(&system, &source, &place(line[0]), line[0]);
        assert_eq!(job["state"], "FINISHED", "{}: {job:#}", line[0]);
        check_file(line[0], &place(line[0]), line[1], line[2]);
        let bytes = fs::read(place(line[0])).unwrap();
        assert_eq!(job["outputs"][0]["checksum"], sha256(&bytes), "{}", line[0]);
        let told = job["outputs"][0]["duration"].as_f64().unwrap();
        assert!((told - LASTS).abs() <= 0.1, "{}: {told}", line[0]);
    }
    for name in PACKAGES {
        let place = system.path(&format!("out/{name}/"));
        let job = made(&system, &source, &place, name);
        assert_eq!(job["state"], "FINISHED", "{name}: {job:#}");
        check_package(&system, name, &place, &job);
    }
    system.assert_clean();
}

#[test]
fn presets_of_pictures_take_a_small_silent_clip_and_those_of_sound_refuse_it() {
    let system = patient();
    // 176x144 at 29.97 frames a second, 120 frames, without sound.
    let source = clip(&system, "carphone_pristine.mp4");
    for preset in &presets::ALL {
        let name = preset.name;
        let file = if PACKAGES.contains(&name) {
            format!("out/{name}/")
        } else {
            format!("out/{}.{}", name.replace('/', "-"), ending(name))
        };
        let place = system.path(&file);
        let job = made(&system, &source, &place, name);
        if name.starts_with("audio-") {
            assert_eq!(job["error"]["code"], "source_unreadable", "{name}: {job:#}");
            assert!(!place.exists(), "{name}");
            continue;
        }
        assert_eq!(job["state"], "FINISHED", "{name}: {job:#}");
        let lasts = job["outputs"][0]["duration"].as_f64().unwrap();
        assert!((lasts - 4.004).abs() <= 0.11, "{name}: {lasts}");
        assert_eq!(job["outputs"][0]["audio_codec"], Value::Null, "{name}");
        if place.is_file() {
            assert!(decodes(&place), "{name}");
            let kinds: Vec<String> = streams(&probe(&place))
                .into_iter()
                .map(|(kind, _)| kind)
                .collect();
            assert_eq!(kinds, ["video"], "{name}");
        }
    }
    system.assert_clean();
}
