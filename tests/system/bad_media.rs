//! Media that is not what it seems, encoded into outputs: a clear error, or an output with a warning; never one that only looks right.

use std::{fs, ops::Range, path::Path, process::Command};

use serde_json::{Value, json};

use crate::harness::{System, decodes, file_url, output_of};

const BARS: &str = "-v error -y -f lavfi -i testsrc2=size=320x180:rate=25:duration=4";
const FILM: &str = "-f lavfi -i sine=duration=4 -c:v libx264 -preset ultrafast -c:a aac";

fn make(system: &System, name: &str, words: &str) -> Vec<u8> {
    let file = system.path(name);
    let mut ffmpeg = Command::new("ffmpeg");
    ffmpeg.args(BARS.split_whitespace());
    output_of(ffmpeg.args(words.split_whitespace()).arg(&file));
    fs::read(file).unwrap()
}

/// Bytes that mean nothing in place of a part of the media.
fn damage(media: &[u8], part: Range<usize>) -> Vec<u8> {
    let mut damaged = media.to_vec();
    // A step of a linear congruential generator, whose upper bits look like noise.
    let mut state: u32 = 7;
    for byte in &mut damaged[part] {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        *byte = state.to_be_bytes()[0];
    }
    damaged
}

/// The same with ten hours in every box of this kind, whose duration stands so many bytes behind its name.
fn claim(media: &mut [u8], kind: &[u8], duration_at: usize, scale_at: Option<usize>) {
    let places: Vec<usize> = (0..media.len() - 4)
        .filter(|at| &media[*at..at + 4] == kind)
        .collect();
    for at in places {
        let scale = scale_at.map_or(1_000, |behind| {
            u32::from_be_bytes(media[at + behind..at + behind + 4].try_into().unwrap())
        });
        let hours = (scale * 36_000).to_be_bytes();
        media[at + duration_at..at + duration_at + 4].copy_from_slice(&hours);
    }
}

fn ended(system: &System, source: &str, output: &Path) -> Value {
    let body = json!({"source_path": file_url(&system.path(source)), "dest_path": file_url(output),
        "outputs": [{"video": {"height": 90, "speed": "ultrafast"}}]});
    system.ended(&system.submit(&body))
}

#[test]
fn what_cannot_be_decoded_is_an_error_and_what_can_in_part_is_told() {
    let system = System::start();
    let good = make(&system, "good.mp4", FILM);
    let key = "00112233445566778899aabbccddeeff";
    let words = format!(
        "{FILM} -encryption_scheme cenc-aes-ctr -encryption_key {key} -encryption_kid {key}"
    );
    make(&system, "encrypted.mp4", &words);
    make(&system, "pixel.mkv", "-vf scale=1:1 -c:v ffv1");
    let media = good.windows(4).position(|kind| kind == b"mdat").unwrap();
    let third = good.len() / 3;
    let put = |name: &str, bytes: &[u8]| fs::write(system.path(name), bytes).unwrap();
    put(
        "corrupt.mp4",
        &damage(&good, media + 2_000..good.len() - 8_000),
    );
    put("hurt.mp4", &damage(&good, third..third + 3_000));
    put("misnamed.webm", &good);
    put("empty.mp4", b"");
    put("zeros.mp4", &vec![0; 100_000]);
    for (source, code) in [
        ("encrypted.mp4", "source_unreadable"),
        ("corrupt.mp4", "source_unreadable"),
        ("empty.mp4", "source_unreadable"),
        ("zeros.mp4", "source_unreadable"),
    ] {
        let out = system.path("none.mp4");
        let job = ended(&system, source, &out);
        assert_eq!(
            (&job["error"]["code"], &job["attempts"]),
            (&json!(code), &json!(1)),
            "{source}: {job:#}"
        );
        assert!(!out.exists(), "{source}");
    }
    for (source, warning) in [
        ("hurt.mp4", Some("source_damaged")),
        ("misnamed.webm", None),
        ("pixel.mkv", Some("no_audio")),
    ] {
        let out = system.path(&format!("{source}.mp4"));
        let job = ended(&system, source, &out);
        let codes = job["warnings"].as_array().unwrap().iter();
        let codes: Vec<_> = codes.map(|one| one["code"].as_str().unwrap()).collect();
        assert_eq!(job["state"], "FINISHED", "{source}: {job:#}");
        assert_eq!(codes.first().copied(), warning, "{source}: {job:#}");
        assert!(decodes(&out), "{source}");
    }
    system.assert_clean();
}

#[test]
fn a_header_that_claims_ten_hours_makes_no_long_film() {
    let system = System::start();
    let mut long = make(&system, "good.mp4", FILM);
    claim(&mut long, b"mvhd", 20, Some(16));
    claim(&mut long, b"mdhd", 20, Some(16));
    claim(&mut long, b"tkhd", 24, None);
    fs::write(system.path("ten-hours.mp4"), long).unwrap();
    // FFmpeg goes by the samples that are there; what the header says beyond them is nothing.
    let out = system.path("ten-hours.mp4.mp4");
    let job = ended(&system, "ten-hours.mp4", &out);
    match job["state"].as_str().unwrap() {
        "FINISHED" => {
            let seconds = job["outputs"][0]["duration"].as_f64().unwrap();
            assert!((3.9..4.1).contains(&seconds), "{job:#}");
        }
        _ => assert_eq!(job["error"]["code"], "source_unreadable", "{job:#}"),
    }
}

#[test]
fn a_hundred_streams_are_taken_and_what_is_too_much_or_missing_is_refused() {
    let system = System::start();
    let tone = "-f lavfi -i sine=duration=1:sample_rate=8000";
    let streams = |count: usize| {
        format!(
            "{tone} -map 0 {} -c:v mpeg4 -t 1 -c:a copy",
            "-map 1 ".repeat(count)
        )
    };
    make(&system, "hundred.mkv", &streams(99));
    make(&system, "more.mkv", &streams(100));
    make(
        &system,
        "16k.mkv",
        "-vf scale=15360:8640 -frames:v 1 -c:v mjpeg -strict unofficial",
    );
    make(
        &system,
        "sound.m4a",
        "-f lavfi -i sine=duration=1 -map 1 -c:a aac",
    );
    let out = |source: &str| system.path(&format!("{source}.mp4"));
    let job = ended(&system, "hundred.mkv", &out("hundred.mkv"));
    assert_eq!(job["state"], "FINISHED", "{job:#}");
    assert!(decodes(&out("hundred.mkv")));
    for (source, code, words) in [
        ("more.mkv", "source_too_large", "limits.source_streams"),
        ("16k.mkv", "source_too_large", "132710400 pixels"),
        ("sound.m4a", "source_unreadable", "needs pictures"),
    ] {
        let job = ended(&system, source, &out(source));
        let (error, attempts) = (&job["error"], &job["attempts"]);
        assert_eq!(
            (&error["code"], attempts),
            (&json!(code), &json!(1)),
            "{source}: {job:#}"
        );
        assert!(
            error["message"].as_str().unwrap().contains(words),
            "{source}: {error}"
        );
        assert!(!out(source).exists(), "{source}");
    }
    system.assert_clean();
}
