//! The six example jobs of the documentation, as they stand there but for their addresses: in local mode, and two through a deployed stack.

use std::{fs, path::Path, process::Command};

use serde_json::Value;

use crate::harness::{System, decodes, file_url, files, make_clip, output_of, repository};

/// The examples, without their receivers: those are tried elsewhere.
pub(crate) fn example(name: &str, from: &str, to: &str) -> Value {
    let file = repository().join(format!("docs/examples/jobs/{name}.json"));
    let text = fs::read_to_string(file).unwrap();
    let text = text
        .replace("s3://media-in/", from)
        .replace("s3://media-out/", to);
    let mut body: Value = serde_json::from_str(&text).unwrap();
    body.as_object_mut().unwrap().remove("notify_url");
    body
}

/// What the examples read.
pub(crate) fn make_sources(folder: &Path) {
    fs::create_dir_all(folder).unwrap();
    make_clip(&folder.join("a.mov"), 4, "640x360");
    let captions = "1\n00:00:00,500 --> 00:00:02,000\nHello\n";
    fs::write(folder.join("a.en.srt"), captions).unwrap();
    let ffmpeg = |words: &str| {
        let mut command = Command::new("ffmpeg");
        command
            .args(["-nostdin", "-v", "error", "-y"])
            .args(words.split_whitespace());
        output_of(command.current_dir(folder));
    };
    ffmpeg("-f lavfi -i color=red:size=64x32 -frames:v 1 logo.png");
    ffmpeg("-f lavfi -i sine=duration=4 -ac 2 ep12.wav");
    ffmpeg("-i a.mov -i a.en.srt -map 0 -map 1 -c copy -c:s srt a.mkv");
}

#[test]
fn every_example_of_the_documentation_runs() {
    let system = System::start();
    let (from, to) = (system.path("in"), system.path("out"));
    make_sources(&from);
    let expected: [(&str, &[&str]); 6] = [
        ("1-as-in-2012", &["a.mp4"]),
        ("2-one-web-file", &["a.mp4"]),
        (
            "3-adaptive-stream",
            &[
                "v42/master.m3u8",
                "v42/manifest.mpd",
                "v42/poster.jpg",
                "v42/thumbnails.vtt",
                "v42/captions/en.vtt",
            ],
        ),
        ("4-sound-alone", &["ep12/mp3.mp3", "ep12/opus.opus"]),
        ("5-two-files", &["talk/hd.mp4", "talk/av1.mp4"]),
        ("6-options-of-ones-own", &["a-h265.mp4"]),
    ];
    let folder = |path: &Path| format!("{}/", file_url(path));
    for (name, made) in expected {
        let body = example(name, &folder(&from), &folder(&to));
        let id = if name.starts_with('1') {
            let (_, answer) = system.http("POST", "/job/submit/", Some(&body));
            answer["job_id"].as_str().unwrap().to_owned()
        } else {
            system.submit(&body)
        };
        let job = system.finished(&id);
        for file in made {
            let file = to.join(file);
            assert!(file.is_file(), "{name}: {:?}", files(&to));
            // FFmpeg opens no captions that a DASH manifest names; a browser plays it in the tests of playback.
            let media = file
                .extension()
                .is_some_and(|kind| kind != "vtt" && kind != "mpd");
            assert!(!media || decodes(&file), "{name}: {}", file.display());
        }
        if name.starts_with('6') {
            assert_eq!(job["tags"][0], "library-2026");
            assert_eq!(job["priority"], -50);
        }
    }
    system.assert_clean();
}
