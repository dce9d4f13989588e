//! What goes with outputs: captions, a watermark, options of one's own, words in the files. And sources of these that are no good.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::{Value, json};

use crate::harness::{System, file_url, files, make_clip, output_of, probe, stream};

/// Three seconds of captions, of which the clip of a test takes the end.
const SRT: &str = "1\n00:00:01,000 --> 00:00:03,000\n<i>Hello</i> {\\an8}there\n\n2\n00:00:04,000 --> 00:00:06,000\n& again\n";

fn written(system: &System, name: &str, content: impl AsRef<[u8]>) -> String {
    let file = system.path(name);
    fs::write(&file, content).unwrap();
    file_url(&file)
}

/// A picture of one colour.
fn picture(system: &System, name: &str, words: &str) -> String {
    let file = system.path(name);
    let source = format!("color={words}");
    let mut command = Command::new("ffmpeg");
    command.args([
        "-nostdin", "-v", "error", "-y", "-f", "lavfi", "-i", &source,
    ]);
    output_of(command.args(["-frames:v", "1"]).arg(&file));
    file_url(&file)
}

/// A film of one colour in 640x360 with silence.
fn film(system: &System, colour: &str, seconds: u32) -> PathBuf {
    let file = system.path("in.mov");
    let words = format!(
        "-f lavfi -i color={colour}:size=640x360:rate=25:duration={seconds} -f lavfi -i anullsrc -shortest -c:v libx264 -c:a aac"
    );
    let mut command = Command::new("ffmpeg");
    command.args(["-nostdin", "-v", "error", "-y"]);
    output_of(command.args(words.split_whitespace()).arg(&file));
    file
}

/// The mean colour of a part of a picture, as red, green and blue.
fn colour(file: &Path, seconds: f64, crop: &str) -> [u8; 3] {
    let filter = format!("crop={crop},scale=1:1:flags=area,format=rgb24");
    let mut command = Command::new("ffmpeg");
    command.args(["-nostdin", "-v", "error", "-ss", &seconds.to_string(), "-i"]);
    command.arg(file);
    command.args(["-vf", &filter, "-frames:v", "1", "-f", "rawvideo", "-"]);
    let printed = command.output().unwrap().stdout;
    printed.try_into().expect("one pixel")
}

fn body(source: &Path, dest: &Path, more: &Value) -> Value {
    let mut body = json!({"source_path": file_url(source), "dest_path": file_url(dest)});
    let more = more.as_object().unwrap().clone();
    body.as_object_mut().unwrap().extend(more);
    body
}

#[test]
fn captions_lie_beside_the_outputs_and_are_named_in_both_manifests() {
    let system = System::start();
    let source = system.path("in.mov");
    make_clip(&source, 6, "640x360");
    let place = system.path("out/");
    let captions = written(&system, "a.srt", SRT);
    let more = json!({"outputs": [{"container": "cmaf", "ladder": ["360p"]}], "clip": {"start": 2},
        "captions": [{"source_path": captions, "language": "en", "label": "English & more"}]});
    let job = system.finished(&system.submit(&body(&source, &place, &more)));
    let text = fs::read_to_string(place.join("captions/en.vtt")).unwrap();
    let wanted = "WEBVTT\n\n00:00:00.000 --> 00:00:01.000\n<i>Hello</i> there\n\n00:00:02.000 --> 00:00:04.000\n&amp; again\n";
    assert_eq!(text, wanted, "cut like the film, and free of commands");
    assert_eq!(job["outputs"][1]["name"], json!("captions-en"));
    let master = fs::read_to_string(place.join("master.m3u8")).unwrap();
    for word in [
        "TYPE=SUBTITLES",
        "LANGUAGE=\"en\"",
        "NAME=\"English & more\"",
        "SUBTITLES=\"captions\"",
    ] {
        assert!(master.contains(word), "{word}: {master}");
    }
    let playlist = fs::read_to_string(place.join("captions-en.m3u8")).unwrap();
    let segment = playlist
        .lines()
        .find(|line| line.contains("/captions-"))
        .unwrap();
    assert_eq!(fs::read_to_string(place.join(segment)).unwrap(), wanted);
    let mpd = fs::read_to_string(place.join("manifest.mpd")).unwrap();
    assert!(
        mpd.contains("mimeType=\"text/vtt\" lang=\"en\"><Label>English &amp; more<"),
        "{mpd}"
    );
    assert!(
        mpd.contains(&format!("<BaseURL>{segment}</BaseURL>")),
        "{mpd}"
    );
    system.assert_clean();
}

#[test]
fn a_watermark_lies_on_every_picture_where_it_is_asked_for() {
    let system = System::start();
    let source = film(&system, "blue", 3);
    let mark = picture(&system, "logo.png", "red:size=64x64");
    let place = system.path("out/");
    let more = json!({"outputs": [{"name": "hd", "video": {"bitrate": "400k", "two_pass": true}}, {"name": "sd", "video": {"height": 180}}],
        "watermark": {"source_path": mark, "position": "top-right", "opacity": 1, "width_percent": 10}});
    let job = system.finished(&system.submit(&body(&source, &place, &more)));
    assert_eq!(job["resolved"]["passes"].as_array().unwrap().len(), 2);
    for (name, inside, outside) in [
        ("hd.mp4", "40:40:580:20", "40:40:20:300"),
        ("sd.mp4", "20:20:290:10", "20:20:10:150"),
    ] {
        for at in [0.0, 2.5] {
            let [red, _, blue] = colour(&place.join(name), at, inside);
            assert!(red > 180 && blue < 60, "{name} at {at}: {red} {blue}");
        }
        let [red, _, blue] = colour(&place.join(name), 1.0, outside);
        assert!(red < 60 && blue > 180, "{name}: {red} {blue}");
    }
    let line = picture(&system, "line.png", "red:size=4096x2");
    let more = json!({"outputs": [{}], "watermark": {"source_path": line}});
    let flat = system.path("flat.mp4");
    system.finished(&system.submit(&body(&source, &flat, &more)));
    system.assert_clean();
}

#[test]
fn burned_captions_are_in_the_pictures_of_their_time_alone() {
    let system = System::start();
    let source = film(&system, "black", 6);
    let place = system.path("out.mp4");
    let captions = written(&system, "a.srt", SRT.replace("Hello", "MMMMMMMMMMMMMMMM"));
    let more = json!({"outputs": [{}], "captions": [{"source_path": captions, "mode": "burn"}]});
    system.finished(&system.submit(&body(&source, &place, &more)));
    let light = |at: f64| colour(&place, at, "640:120:0:240")[1];
    assert!(light(2.0) > light(0.2) + 5, "{} {}", light(2.0), light(0.2));
    assert!(light(3.5) < light(2.0) - 5, "{} {}", light(3.5), light(2.0));
    system.assert_clean();
}

#[test]
fn options_of_ones_own_and_tags_end_in_the_file() {
    let system = System::start();
    let (flat, source) = (system.path("flat.mov"), system.path("in.mkv"));
    make_clip(&flat, 3, "320x180");
    written(&system, "in.srt", SRT);
    let mut command = Command::new("ffmpeg");
    command
        .args(["-nostdin", "-v", "error", "-y", "-i"])
        .arg(&flat);
    command.arg("-i").arg(system.path("in.srt"));
    output_of(
        command
            .args(["-map", "0", "-map", "1", "-c", "copy"])
            .arg(&source),
    );
    let file = system.path("out.mp4");
    let more = json!({"preset": "web-mp4-1080p-small", "file_metadata": {"title": "A film: \"one\"", "artist": "Us"},
        "overrides": {"outfile_options": [["x265-params", "aq-mode=3"], ["map", "0:s?"], ["c:s", "mov_text"]]}});
    system.finished(&system.submit(&body(&source, &file, &more)));
    let found = probe(&file);
    assert_eq!(stream(&found, "subtitle")["codec_name"], json!("mov_text"));
    assert_eq!(stream(&found, "video")["codec_tag_string"], json!("hvc1"));
    let mut command = Command::new("ffprobe");
    command.args([
        "-v",
        "error",
        "-show_entries",
        "format_tags=title,artist",
        "-of",
        "json",
    ]);
    let tags: Value = serde_json::from_str(&output_of(command.arg(&file))).unwrap();
    assert_eq!(tags["format"]["tags"]["title"], json!("A film: \"one\""));
    assert_eq!(tags["format"]["tags"]["artist"], json!("Us"));
}

#[test]
fn captions_and_pictures_that_are_none_fail_the_job_in_clear_words() {
    let system = System::start();
    let source = system.path("in.mov");
    make_clip(&source, 1, "320x180");
    let place = system.path("out/");
    let latin = written(
        &system,
        "latin.srt",
        b"1\n00:00:01,000 --> 00:00:02,000\ncaf\xe9\n",
    );
    let huge = written(&system, "huge.srt", vec![b'x'; 5 << 20]);
    let html = written(&system, "page.html", "<html>");
    let list = written(&system, "logo.png", "#EXTM3U\nfile:///etc/passwd\n");
    let cut = written(&system, "cut.png", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR");
    let missing = file_url(&system.path("missing.srt"));
    let captions = |path: &str| json!({"outputs": [{}], "captions": [{"source_path": path}]});
    let mark = |path: &str| json!({"outputs": [{}], "watermark": {"source_path": path}});
    let cases = [
        (
            captions(&latin),
            "source_unreadable",
            "save the captions as UTF-8",
        ),
        (captions(&huge), "source_too_large", "4096 KiB"),
        (captions(&html), "source_unreadable", "there are no cues"),
        (captions(&missing), "source_not_found", "missing.srt"),
        (mark(&list), "source_unreadable", "PNG, JPEG and WebP"),
        (mark(&cut), "source_unreadable", "watermark"),
    ];
    for (more, code, words) in cases {
        let job = system.ended(&system.submit(&body(&source, &place, &more)));
        let (state, error) = (&job["state"], &job["error"]);
        assert_eq!(state, "ERROR", "{more}: {job}");
        assert_eq!(error["code"], json!(code), "{more}: {error}");
        assert!(
            error["message"].as_str().unwrap().contains(words),
            "{more}: {error}"
        );
        assert!(!place.exists() || files(&place).is_empty(), "{more}");
    }
    system.assert_clean();
}

#[test]
fn what_ffmpeg_said_and_what_the_source_holds_stay_with_the_job() {
    let system = System::start();
    let source = system.path("in.mov");
    make_clip(&source, 2, "320x180");
    let two = json!({"outputs": [{"video": {"bitrate": "200k", "two_pass": true}}]});
    let file = system.path("out.mp4");
    let job = system.finished(&system.submit(&body(&source, &file, &two)));
    let streams = &job["source"]["streams"];
    assert_eq!(
        (&streams[0]["kind"], &streams[0]["width"]),
        (&json!("video"), &json!(320))
    );
    assert_eq!(
        (&streams[1]["kind"], &streams[1]["codec"]),
        (&json!("audio"), &json!("aac"))
    );
    let id = job["id"].as_str().unwrap();
    let printed = system.run(&["jobs", "log", id]);
    let text = String::from_utf8(printed.stdout).unwrap();
    assert!(
        text.starts_with("== pass 1\n") && text.contains("\n== pass 2\n"),
        "{text}"
    );
    assert!(text.contains("Stream #0:0"), "{text}");
    let printed = system.run(&["jobs", "log", id, "--tail", "2"]);
    assert_eq!(
        String::from_utf8(printed.stdout).unwrap().lines().count(),
        2
    );

    fs::write(&source, &fs::read(&source).unwrap()[..3_000]).unwrap();
    let failed = system.ended(&system.submit(&body(&source, &file, &two)));
    let id = failed["id"].as_str().unwrap();
    let (status, refused) = system.http("GET", &format!("/v1/jobs/{id}/log"), None);
    assert_eq!(
        (status, &refused["code"]),
        (404, &json!("not_found")),
        "FFmpeg never ran"
    );
    let (status, _) = system.http("GET", &format!("/v1/jobs/{id}/log?tail=0"), None);
    assert_eq!(status, 400);
}

#[test]
fn each_output_and_each_rendition_is_compared_with_its_source_on_request() {
    let system = System::start();
    let source = system.path("in.mov");
    make_clip(&source, 3, "640x360");
    let place = system.path("out/");
    let picture = |crf: u32| json!({"height": 180, "crf": crf, "speed": "ultrafast"});
    let more = json!({"score": "ssim", "clip": {"start": 1}, "outputs": [
        {"name": "good", "video": picture(12)}, {"name": "bad", "video": picture(45)},
        {"name": "ladder", "container": "hls", "ladder": ["360p", "180p"], "video": {"speed": "ultrafast"}},
        {"name": "sound", "container": "mp3"}]});
    let job = system.finished(&system.submit(&body(&source, &place, &more)));
    let outputs = job["outputs"].as_array().unwrap();
    let of = |value: &Value| value["ssim"].as_f64().unwrap_or(-1.0);
    assert!(of(&outputs[0]) > 0.98, "{}", outputs[0]);
    assert!((0.4..0.97).contains(&of(&outputs[1])), "{}", outputs[1]);
    for rendition in outputs[2]["renditions"].as_array().unwrap() {
        assert!((0.85..=1.0).contains(&of(rendition)), "{rendition}");
    }
    assert_eq!(outputs[3].get("ssim"), None);
    let odd = json!({"score": "psnr", "outputs": [{}]});
    let (status, refused) = system.http("POST", "/v1/jobs", Some(&body(&source, &place, &odd)));
    assert_eq!(
        (status, &refused["errors"][0]["pointer"]),
        (400, &json!("/score"))
    );
    system.assert_clean();
}

#[test]
fn vmaf_needs_an_ffmpeg_that_has_it() {
    let able = std::env::var("NOMMER_TEST_VMAF_FFMPEG").expect("set by `cargo xtask test`");
    for (ffmpeg, score) in [(able.as_str(), true), ("ffmpeg", has_libvmaf("ffmpeg"))] {
        let system = System::start_with(&[("NOMMER_FFMPEG__PATH", ffmpeg)]);
        let source = system.path("in.mov");
        make_clip(&source, 2, "640x360");
        let picture = |crf: u32| json!({"height": 360, "crf": crf, "speed": "ultrafast"});
        let more = json!({"score": "vmaf", "outputs": [
            {"name": "good", "video": picture(10)}, {"name": "bad", "video": picture(50)}]});
        let job = system.ended(&system.submit(&body(&source, &system.path("out/"), &more)));
        if score {
            let of = |number: usize| job["outputs"][number]["vmaf"].as_f64().unwrap_or(-1.0);
            assert!(of(0) > 85.0, "{job:#}");
            assert!((0.0..of(0) - 10.0).contains(&of(1)), "{job:#}");
        } else {
            assert_eq!(job["error"]["code"], json!("unsupported_codec"), "{job}");
            assert_eq!(job["resolved"]["passes"], json!([]), "before any work");
        }
    }
}

fn has_libvmaf(ffmpeg: &str) -> bool {
    let filters = Command::new(ffmpeg).arg("-filters").output().unwrap();
    String::from_utf8_lossy(&filters.stdout).contains("libvmaf")
}

#[test]
fn a_source_that_was_cut_off_makes_no_short_film() {
    let system = System::start();
    let whole = system.path("whole.mp4");
    let words = "-f lavfi -i testsrc2=size=320x180:rate=25:duration=20 -f lavfi -i sine=duration=20 -movflags +faststart";
    let mut command = Command::new("ffmpeg");
    command
        .args(["-nostdin", "-v", "error", "-y"])
        .args(words.split_whitespace());
    output_of(command.arg(&whole));
    let bytes = fs::read(&whole).unwrap();
    let source = system.path("cut.mp4");
    fs::write(&source, &bytes[..bytes.len() / 2]).unwrap();
    let speed = json!({"speed": "ultrafast"});
    for (dest, more) in [
        ("out.mp4", json!({"outputs": [{"video": speed}]})),
        ("out.m4a", json!({"outputs": [{"container": "m4a"}]})),
        (
            "out/",
            json!({"outputs": [{"container": "hls", "ladder": ["180p"], "video": speed}]}),
        ),
    ] {
        let place = system.path(dest);
        let job = system.ended(&system.submit(&body(&source, &place, &more)));
        assert_eq!(job["state"], "ERROR", "{job}");
        assert_eq!(job["error"]["code"], json!("source_unreadable"), "{job}");
        let message = job["error"]["message"].as_str().unwrap();
        assert!(message.contains("lasts 20.0 s"), "{message}");
        assert!(!place.is_file(), "{dest}");
    }
    let clip = json!({"outputs": [{"video": speed}], "clip": {"end": 4}});
    let place = system.path("beginning.mp4");
    system.finished(&system.submit(&body(&source, &place, &clip)));
    system.assert_clean();
}
