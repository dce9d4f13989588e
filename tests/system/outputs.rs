//! Outputs in words: several outputs from one decode, ladders, and sources that are odd.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::{Value, json};

use crate::harness::{System, decodes, files, make_clip, nommer, output_of, probe, stream};

/// Makes a source with FFmpeg's own words.
fn make_source(file: &Path, words: &str) {
    let mut command = Command::new("ffmpeg");
    command.args(["-nostdin", "-v", "error", "-y"]);
    output_of(command.args(words.split_whitespace()).arg(file));
}

fn seconds(probe: &Value) -> f64 {
    probe["format"]["duration"]
        .as_str()
        .unwrap()
        .parse()
        .unwrap()
}

/// The times of the keyframes of the first picture, in seconds.
fn keyframes(file: &Path) -> Vec<f64> {
    let mut command = Command::new("ffprobe");
    let words = "-v error -select_streams v:0 -show_entries packet=pts_time,flags -of csv=p=0";
    command.args(words.split_whitespace());
    let printed = output_of(command.arg(file));
    let keys = printed.lines().filter(|line| line.contains('K'));
    keys.map(|line| line.split(',').next().unwrap().parse().unwrap())
        .collect()
}

fn submit(system: &System, source: &Path, dest: &Path, more: &Value) -> Value {
    let mut body = json!({"source_path": format!("file://{}", source.display()),
        "dest_path": format!("file://{}", dest.display())});
    for (key, value) in more.as_object().unwrap() {
        body[key] = value.clone();
    }
    system.finished(&system.submit(&body))
}

/// A folder as a destination.
fn folder(system: &System, name: &str) -> PathBuf {
    system.path(&format!("{name}/"))
}

#[test]
fn several_files_come_from_one_decode_and_land_under_their_names() {
    let system = System::start();
    let source = system.path("talk.mov");
    make_clip(&source, 4, "1280x720");
    let place = system.path("out/{stem}/");
    let job = submit(
        &system,
        &source,
        &place,
        &json!({
        "clip": {"start": "00:00:01", "end": 3},
        "outputs": [
            {"name": "hd", "video": {"height": 720, "bitrate": "1M", "two_pass": true}},
            {"name": "sd", "video": {"height": 360, "speed": "ultrafast"}, "path": "small/sd.mp4"},
            {"name": "sound", "container": "mp3", "audio": {"bitrate": "96k", "channels": 1}},
        ]}),
    );
    let out = system.path("out/talk");
    let expected = [
        ("hd.mp4", Some(720)),
        ("small/sd.mp4", Some(360)),
        ("sound.mp3", None),
    ];
    for (number, (name, height)) in expected.into_iter().enumerate() {
        let found = probe(&out.join(name));
        assert!(
            (seconds(&found) - 2.0).abs() < 0.1,
            "{name}: {}",
            seconds(&found)
        );
        let output = &job["outputs"][number];
        assert_eq!(output["height"].as_u64(), height, "{output}");
        assert!(output["url"].as_str().unwrap().ends_with(name), "{output}");
        assert_eq!(
            output["bytes"],
            json!(fs::metadata(out.join(name)).unwrap().len())
        );
    }
    assert_eq!(
        stream(&probe(&out.join("sound.mp3")), "audio")["channels"],
        json!(1)
    );
    let passes = job["resolved"]["passes"].as_array().unwrap();
    assert_eq!(passes.len(), 2);
    for pass in passes {
        let inputs = pass.as_array().unwrap().iter().filter(|word| *word == "-i");
        assert_eq!(inputs.count(), 1, "one decode for all: {pass}");
    }
    system.assert_clean();
}

/// A ladder of nine seconds in 1280x720, and its job.
fn ladder(system: &System, video: &Value) -> (PathBuf, Value) {
    let source = system.path("in.mov");
    make_clip(&source, 9, "1280x720");
    let place = folder(system, "stream");
    let output = json!({"name": "stream", "container": "cmaf",
        "ladder": ["1080p", "720p", "360p"], "video": video});
    let job = submit(system, &source, &place, &json!({"outputs": [output]}));
    (place, job)
}

#[test]
fn a_ladder_is_packaged_once_for_hls_and_dash() {
    let system = System::start();
    let (place, job) = ladder(&system, &json!({"speed": "ultrafast"}));
    let output = &job["outputs"][0];
    let renditions = output["renditions"].as_array().unwrap().iter();
    let heights: Vec<_> = renditions.map(|one| one["height"].as_u64()).collect();
    assert_eq!(heights, [Some(720), Some(360)], "{output}");
    assert!(job["warnings"].to_string().contains("rendition_dropped"));
    let ends = |key: &str, end: &str| output[key].as_str().unwrap().ends_with(end);
    assert!(ends("url", "/stream/master.m3u8"), "{output}");
    assert!(ends("dash_url", "/stream/manifest.mpd"), "{output}");
    let master = fs::read_to_string(place.join("master.m3u8")).unwrap();
    for word in [
        "AVERAGE-BANDWIDTH=",
        "RESOLUTION=1280x720",
        "CODECS=\"avc1.",
        "#EXT-X-INDEPENDENT-SEGMENTS",
        "AUTOSELECT=YES",
    ] {
        assert!(master.contains(word), "{word}: {master}");
    }
    for name in ["media_0.m3u8", "media_1.m3u8", "media_2.m3u8"] {
        let text = fs::read_to_string(place.join(name)).unwrap();
        assert!(text.contains("#EXT-X-PLAYLIST-TYPE:VOD"), "{text}");
        assert!(text.contains("#EXT-X-ENDLIST"), "{text}");
        assert!(!text.contains("PROGRAM-DATE-TIME"), "{text}");
        let mut segments = text.lines().filter(|line| !line.starts_with('#'));
        assert!(segments.all(|name| place.join(name).is_file()), "{text}");
    }
    let sizes = files(&place).into_iter();
    let total: u64 = sizes
        .map(|name| fs::metadata(place.join(name)).unwrap().len())
        .sum();
    assert_eq!(output["bytes"], json!(total), "{:?}", files(&place));
    system.assert_clean();
}

#[test]
fn every_rendition_has_its_keyframes_where_segments_begin() {
    every_rendition_has_its_keyframes(&json!({"speed": "ultrafast"}), "avc1.");
}

#[test]
fn a_ladder_can_be_av1() {
    every_rendition_has_its_keyframes(&json!({"codec": "av1", "speed": "10"}), "av01.");
}

fn every_rendition_has_its_keyframes(video: &Value, codec: &str) {
    let system = System::start();
    let (place, job) = ladder(&system, video);
    let codec = format!("CODECS=\"{codec}");
    let master = fs::read_to_string(place.join("master.m3u8")).unwrap();
    assert!(master.contains(&codec), "{master}");
    for manifest in ["master.m3u8", "manifest.mpd"] {
        let found = seconds(&probe(&place.join(manifest)));
        assert!((found - 9.0).abs() < 0.05, "{manifest}: {found}");
    }
    let parts = place.join(job["id"].as_str().unwrap());
    let renditions = job["outputs"][0]["renditions"].as_array().unwrap();
    assert_eq!(renditions.len(), 2);
    for rendition in renditions {
        let folder = parts.join(format!("video/{}", rendition["height"]));
        let mut whole = fs::read(folder.join("init.m4s")).unwrap();
        for number in 1..=3 {
            let segment = folder.join(format!("{number:05}.m4s"));
            whole.extend(fs::read(segment).unwrap());
        }
        let file = system.path("whole.mp4");
        fs::write(&file, whole).unwrap();
        assert!(decodes(&file));
        let keys: Vec<String> = keyframes(&file)
            .iter()
            .map(|key| format!("{key:.3}"))
            .collect();
        assert_eq!(keys, ["0.000", "2.000", "4.000", "6.000", "8.000"]);
    }
}

/// Name, size as shown, a warning's code, and how FFmpeg makes it. `BARS` and `TONE` are two seconds each.
const ODD: &str = "
odd | 642x362 | - | BARS=640x360 TONE -vf scale=641:361 -pix_fmt yuv444p -c:v libx264 -c:a aac
wide-pixels | 1048x576 | - | BARS=720x576 TONE -vf setsar=16/11 -c:v libx264 -c:a aac
interlaced | 720x576 | deinterlaced | BARS=720x576 TONE -vf fieldorder=tff,setfield=tff -flags +ilme+ildct -c:v libx264 -x264-params interlaced=1 -c:a aac
surround | 640x360 | - | BARS=640x360 -f lavfi -i aevalsrc=0|0|0|0|0|0:d=2 -c:v libx264 -c:a aac
silent | 640x360 | no_audio | BARS=640x360 -c:v libx264
uneven-times | 640x360 | - | BARS=640x360 TONE -vf select='lt(t,1)+not(mod(n,5))' -vsync vfr -c:v libx264 -c:a aac
one-frame | 320x180 | no_audio | BARS=320x180 -frames:v 1 -c:v libx264
tiny | 2x2 | no_audio | BARS=2x2 -c:v ffv1
hdr | 640x360 | tone_mapped | BARS=640x360 -c:v libx265 -pix_fmt yuv420p10le -x265-params colorprim=bt2020:transfer=smpte2084:colormatrix=bt2020nc:log-level=error
";

#[test]
fn odd_sources_become_what_players_show() {
    let system = System::start();
    for line in ODD.lines().filter(|line| !line.is_empty()) {
        let parts: Vec<&str> = line.splitn(4, " | ").collect();
        let [name, size, warning, words] = parts[..] else {
            panic!("{line}")
        };
        let words = words
            .replace("TONE", "-f lavfi -i sine=duration=2")
            .replace("BARS=", "-f lavfi -i testsrc2=rate=25:duration=2:size=");
        let source = system.path(&format!("{name}.mkv"));
        make_source(&source, &words);
        let file = system.path(&format!("{name}.mp4"));
        let output = json!({"outputs": [{"video": {"height": 720}}]});
        let job = submit(&system, &source, &file, &output);
        let found = probe(&file);
        let video = stream(&found, "video");
        let lasts = if name == "one-frame" { 0.04 } else { 2.0 };
        assert!((seconds(&found) - lasts).abs() < 0.17, "{name}: {found:#}");
        let shown = format!("{}x{}", video["width"], video["height"]);
        assert_eq!(shown, size, "{name}");
        assert_eq!(video["pix_fmt"], json!("yuv420p"), "{name}");
        let aspect = video["sample_aspect_ratio"].as_str().unwrap_or("1:1");
        assert_eq!(aspect, "1:1", "{name}");
        let warned = job["warnings"].to_string();
        assert!(
            warning == "-" || warned.contains(warning),
            "{name}: {warned}"
        );
        if name == "surround" {
            assert_eq!(stream(&found, "audio")["channels"], json!(2));
        }
        if name == "hdr" {
            assert_eq!(video["color_transfer"], json!("bt709"));
        }
    }
    system.assert_clean();
}

#[test]
fn a_picture_that_was_turned_is_turned_once() {
    let system = System::start();
    let (flat, source) = (system.path("flat.mp4"), system.path("turned.mp4"));
    make_clip(&flat, 2, "640x360");
    // FFmpeg since 6.0 takes the angle as an option of the input; before, it takes a tag of the output.
    let modern = format!("-display_rotation 90 -i {} -c copy", flat.display());
    let mut command = Command::new("ffmpeg");
    command.args(["-nostdin", "-v", "quiet", "-y"]);
    command.args(modern.split_whitespace()).arg(&source);
    if !command.status().unwrap().success() {
        let older = format!("-i {} -c copy -metadata:s:v rotate=90", flat.display());
        make_source(&source, &older);
    }
    assert!(probe(&source).to_string().contains("rotation"));
    let file = system.path("upright.mp4");
    submit(&system, &source, &file, &json!({"preset": "web-mp4-720p"}));
    let video = stream(&probe(&file), "video").clone();
    assert_eq!(
        (&video["width"], &video["height"]),
        (&json!(360), &json!(640))
    );
    assert!(!video.to_string().contains("rotation"), "{video}");
}

#[test]
fn what_cannot_be_made_is_refused_before_anything_runs() {
    let system = System::start();
    let source = system.path("in.mov");
    make_clip(&source, 1, "320x180");
    let body = |dest: &str, more: Value| {
        let mut body = json!({"source_path": format!("file://{}", source.display()),
            "dest_path": format!("file://{}", system.path(dest).display())});
        for (key, value) in more.as_object().unwrap() {
            body[key] = value.clone();
        }
        body
    };
    let cases = [
        (body("a.mp4", json!({"preset": "hls-abr"})), "/dest_path"),
        (
            body("a.mp4", json!({"outputs": [{"name": "a"}, {"name": "b"}]})),
            "/dest_path",
        ),
        (
            body(
                "a.mp4",
                json!({"outputs": [{"video": {"codec": "vp9000"}}]}),
            ),
            "/outputs/0/video/codec",
        ),
        (
            body("", json!({"outputs": [{"path": "in.mov"}]})),
            "/dest_path",
        ),
        (
            body("{stam}.mp4", json!({"preset": "web-mp4-720p"})),
            "/dest_path",
        ),
        (
            body("a/", json!({"preset": "web-mp4-720p", "outputs": [{}]})),
            "/preset",
        ),
        (
            body("a.mp4", json!({"preset": "web-mp4-720p@1"})),
            "/preset",
        ),
        (body("a.webm", json!({"outputs": [{}]})), "/dest_path"),
        (
            body("a.mp3", json!({"preset": "web-mp4-720p"})),
            "/dest_path",
        ),
        (
            body("data/", json!({"outputs": [{"path": "secret.key"}]})),
            "/dest_path",
        ),
    ];
    for (body, pointer) in cases {
        let (status, refused) = system.http("POST", "/v1/jobs", Some(&body));
        assert!(matches!(status, 400 | 422), "{body}: {refused}");
        assert_eq!(refused["errors"][0]["pointer"], json!(pointer), "{body}");
    }
}

#[test]
fn a_ladder_can_be_made_without_a_server() {
    let system = System::start();
    let source = system.path("in.mov");
    make_clip(&source, 3, "640x360");
    let out = system.path("out");
    let mut command = Command::new(nommer());
    command
        .arg("encode")
        .arg(&source)
        .arg(format!("{}/", out.display()));
    output_of(
        command
            .args(["--preset", "hls-abr"])
            .env("NOMMER_LOCAL__DATA_DIR", system.data()),
    );
    assert!(out.join("master.m3u8").is_file());
    assert!(
        !out.join("manifest.mpd").exists(),
        "HLS alone was asked for"
    );
    let job = system.path("job.json");
    let file = json!({"source_path": "s3://elsewhere/a.mov", "outputs": [{"name": "a", "video": {"height": 180}}, {"name": "b", "container": "mp3"}]});
    fs::write(&job, file.to_string()).unwrap();
    let mut command = Command::new(nommer());
    command.arg("encode").arg(&source);
    command
        .arg(format!("{}/", out.display()))
        .arg("--file")
        .arg(&job);
    output_of(command.env("NOMMER_LOCAL__DATA_DIR", system.data()));
    assert!(out.join("a.mp4").is_file() && out.join("b.mp3").is_file());
}

#[test]
fn a_poster_and_thumbnails_lie_beside_the_outputs() {
    let system = System::start();
    let source = system.path("in.mov");
    make_clip(&source, 9, "640x360");
    let place = folder(&system, "film");
    let job = submit(
        &system,
        &source,
        &place,
        &json!({"preset": "web-mp4-480p", "thumbnails": {"poster_at": "50%", "interval": 2, "sprite": true}}),
    );
    let names: Vec<_> = job["outputs"]
        .as_array()
        .unwrap()
        .iter()
        .map(|output| output["name"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["video", "poster", "thumbnails"]);
    let size = |file: &Path| {
        let found = probe(file);
        let picture = stream(&found, "video").clone();
        (
            picture["width"].as_u64().unwrap(),
            picture["height"].as_u64().unwrap(),
        )
    };
    assert_eq!(size(&place.join("poster.jpg")), (640, 360));
    let list = fs::read_to_string(place.join("thumbnails.vtt")).unwrap();
    assert_eq!(list.matches("-->").count(), 5, "{list}");
    let line = list.lines().find(|line| line.contains("#xywh=")).unwrap();
    let (name, place_in_it) = line.split_once('#').unwrap();
    assert_eq!(place_in_it, "xywh=0,0,160,90");
    assert_eq!(size(&place.join(name)), (1_600, 90));
    let total: u64 = job["outputs"]
        .as_array()
        .unwrap()
        .iter()
        .map(|output| output["bytes"].as_u64().unwrap())
        .sum();
    let found: u64 = files(&place)
        .iter()
        .map(|name| fs::metadata(place.join(name)).unwrap().len())
        .sum();
    assert_eq!(total, found, "{:?}", files(&place));
    let plain = json!({"preset": "web-mp4-480p", "dest_path": format!("file://{}", system.path("x.mp4").display()),
        "source_path": format!("file://{}", source.display()), "thumbnails": {"interval": 2}});
    let (status, refused) = system.http("POST", "/v1/jobs", Some(&plain));
    assert_eq!(
        (status, &refused["errors"][0]["pointer"]),
        (400, &json!("/dest_path"))
    );
    system.assert_clean();
}
