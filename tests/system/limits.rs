//! Limits on media: each ends a job at once, with a code, the limit's name and its value, and leaves nothing behind.

use std::{
    fs,
    io::{Read as _, Write as _},
    net::TcpListener,
    process::Command,
    time::Duration,
};

use serde_json::{Value, json};

use crate::harness::{System, file_url, make_clip, output_of};

/// Encodes one source on a system with these limits; the error.
fn error_of(system: &System, source: &str, options: &Value) -> (String, String) {
    let body = json!({
        "source_path": source, "dest_path": file_url(&system.path("out.avi")),
        "job_options": {"nommer": "ffmpeg", "options": [{"outfile_options": options}]},
    });
    let job = system.ended(&system.submit(&body));
    assert_eq!(
        (&job["state"], &job["attempts"]),
        (&json!("ERROR"), &json!(1)),
        "{job:#}"
    );
    assert!(!system.path("out.avi").exists());
    system.assert_clean();
    let text = |key: &str| job["error"][key].as_str().unwrap().to_owned();
    (text("code"), text("message"))
}

#[test]
fn sources_past_a_limit_are_refused_by_its_name() {
    let system = System::start_with(&[
        ("NOMMER_LIMITS__SOURCE_PIXELS", "20000"),
        ("NOMMER_LIMITS__SOURCE_STREAMS", "3"),
        ("NOMMER_LIMITS__SOURCE_DURATION", "2s"),
        ("NOMMER_LIMITS__SOURCE_BYTES", "200000"),
    ]);
    make_clip(&system.path("large.mp4"), 1, "320x180");
    make_clip(&system.path("long.mp4"), 4, "64x48");
    fs::write(system.path("heavy.mp4"), vec![0; 200_001]).unwrap();
    let mut many = Command::new("ffmpeg");
    many.args(["-v", "error", "-f", "lavfi", "-i", "sine=d=1"]);
    many.args(["-map", "0", "-map", "0", "-map", "0", "-map", "0"]);
    output_of(many.arg(system.path("many.mka")));
    for (name, words) in [
        ("large.mp4", "57600 pixels; limits.source_pixels is 20000"),
        ("long.mp4", "limits.source_duration is 2 s"),
        ("heavy.mp4", "200001 bytes; limits.source_bytes is 200000"),
        ("many.mka", "4 streams; limits.source_streams is 3"),
    ] {
        let copy = json!([["c", "copy"], ["f", "avi"]]);
        let (code, message) = error_of(&system, &file_url(&system.path(name)), &copy);
        assert_eq!(code, "source_too_large", "{name}: {message}");
        assert!(message.contains(words), "{name}: {message}");
    }
}

#[test]
fn an_output_past_the_limit_is_not_cut_short_but_fails() {
    let system = System::start_with(&[("NOMMER_LIMITS__OUTPUT_BYTES", "300000")]);
    make_clip(&system.path("in.mp4"), 2, "320x180");
    let large = json!([["c:v", "huffyuv"], ["an", null], ["f", "avi"]]);
    let (code, message) = error_of(&system, &file_url(&system.path("in.mp4")), &large);
    assert_eq!(code, "output_too_large", "{message}");
    assert!(
        message.contains("limits.output_bytes, which is 300000"),
        "{message}"
    );
}

#[test]
fn a_frame_rate_without_end_fails_by_size_or_time() {
    let system = System::start_with(&[
        ("NOMMER_LIMITS__OUTPUT_BYTES", "3000000"),
        ("NOMMER_JOBS__TIME_LIMIT", "20s"),
    ]);
    make_clip(&system.path("in.mp4"), 2, "64x48");
    let flood = json!([
        ["c:v", "huffyuv"],
        ["an", null],
        ["vf", "fps=50000"],
        ["f", "avi"]
    ]);
    let (code, message) = error_of(&system, &file_url(&system.path("in.mp4")), &flood);
    assert!(
        ["output_too_large", "timed_out"].contains(&code.as_str()),
        "{code}: {message}"
    );
}

#[test]
fn a_job_that_takes_too_long_is_ended() {
    let system = System::start_with(&[("NOMMER_JOBS__TIME_LIMIT", "1s")]);
    make_clip(&system.path("in.mp4"), 10, "640x360");
    let slow = json!([
        ["c:v", "libx264"],
        ["preset", "placebo"],
        ["an", null],
        ["f", "avi"]
    ]);
    let (code, message) = error_of(&system, &file_url(&system.path("in.mp4")), &slow);
    assert_eq!(code, "timed_out", "{message}");
}

#[test]
fn a_job_that_takes_longer_than_it_asked_for_is_ended() {
    let system = System::start();
    make_clip(&system.path("in.mp4"), 20, "1280x720");
    let slow = json!({"source_path": file_url(&system.path("in.mp4")), "dest_path": file_url(&system.path("out.mp4")),
        "outputs": [{"video": {"speed": "veryslow"}}], "timeout_seconds": 1, "max_attempts": 1});
    let job = system.ended(&system.submit(&slow));
    assert_eq!(job["error"]["code"], "timed_out", "{job}");
}

#[test]
fn a_server_that_never_stops_sending_is_left() {
    let system = System::start_with(&[("NOMMER_LIMITS__SOURCE_BYTES", "5000000")]);
    let (code, message) = error_of(&system, &endless(), &json!([["c", "copy"], ["f", "avi"]]));
    assert_eq!(code, "source_too_large", "{message}");
    assert!(
        message.contains("limits.source_bytes is 5000000"),
        "{message}"
    );
}

/// A server of sources without a length and without an end.
fn endless() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    // It ends with the test program.
    std::thread::spawn(move || {
        for mut stream in listener.incoming().filter_map(Result::ok) {
            std::thread::spawn(move || {
                stream
                    .set_read_timeout(Some(Duration::from_millis(100)))
                    .unwrap();
                stream.read_exact(&mut [0; 4]).unwrap();
                stream
                    .write_all(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")
                    .ok();
                while stream.write_all(&[0; 16_384]).is_ok() {}
            });
        }
    });
    format!("http://{address}/endless.mp4")
}
