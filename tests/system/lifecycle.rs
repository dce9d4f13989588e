//! Real videos through the real system: success, recovery from kills, and what must hold whatever happens.

use std::{fs, path::Path, process::Command};

use serde_json::{Value, json};

use crate::harness::{
    System, boxes, children_named, decodes, documented_job, eventually, make_clip, output_of,
    probe, stream,
};

/// Kills a process as a crash would.
fn kill_hard(pid: u32) {
    output_of(Command::new("kill").args(["-KILL", &pid.to_string()]));
}

/// A job that takes some seconds in its second pass, at some hundred frames a second.
fn slow_two_pass(source: &Path, destination: &Path) -> Value {
    let mut job = documented_job(source, destination);
    for pass in job["job_options"]["options"].as_array_mut().unwrap() {
        let options = pass["outfile_options"].as_array_mut().unwrap();
        options.retain(|pair| pair[0] != "preset" && pair[0] != "vf");
        options.push(json!(["preset", "slower"]));
    }
    job
}

/// Submits as the original's client does.
fn submit_legacy(system: &System, job: &Value) -> String {
    let (status, answer) = system.http("POST", "/job/submit", Some(job));
    assert_eq!(
        (status, &answer["success"]),
        (200, &json!(true)),
        "{answer}"
    );
    answer["job_id"].as_str().unwrap().to_owned()
}

#[test]
fn the_documented_two_pass_job_gives_what_it_asks_for() {
    let system = System::start();
    let (source, result) = (system.path("in.mov"), system.path("out.mp4"));
    make_clip(&source, 4, "1280x720");
    let job = system.finished(&submit_legacy(&system, &documented_job(&source, &result)));

    let kinds = boxes(&result);
    let position = |kind: &str| kinds.iter().position(|other| other == kind).unwrap();
    assert!(position("moov") < position("mdat"), "{kinds:?}");
    assert!(decodes(&result));
    let probe = probe(&result);
    let (video, audio) = (stream(&probe, "video"), stream(&probe, "audio"));
    assert_eq!(
        (&video["codec_name"], &video["profile"]),
        (&json!("h264"), &json!("Constrained Baseline"))
    );
    assert_eq!(
        (&video["width"], &video["height"]),
        (&json!(640), &json!(360))
    );
    assert_eq!(
        (
            &audio["codec_name"],
            &audio["sample_rate"],
            &audio["channels"]
        ),
        (&json!("aac"), &json!("48000"), &json!(2))
    );
    let seconds: f64 = probe["format"]["duration"]
        .as_str()
        .unwrap()
        .parse()
        .unwrap();
    assert!((seconds - 4.0).abs() < 0.2, "{seconds}");

    assert_eq!(
        job["outputs"][0]["bytes"],
        json!(fs::metadata(&result).unwrap().len())
    );
    assert_eq!(job["resolved"]["passes"].as_array().unwrap().len(), 2);
    let warnings = job["warnings"].to_string();
    assert!(warnings.contains("libfaac"), "{warnings}");
    let states: Vec<_> = job["events"]
        .as_array()
        .unwrap()
        .iter()
        .map(|event| event["state"].as_str().unwrap())
        .collect();
    assert_eq!(
        states,
        [
            "PENDING",
            "DOWNLOADING",
            "ENCODING",
            "UPLOADING",
            "FINISHED"
        ]
    );
    system.assert_clean();
    eventually("the idle encoder to end itself", || {
        system.encoders().is_empty().then_some(())
    });
}

#[test]
fn an_older_output_is_replaced_whole_and_a_live_destination_is_refused() {
    let system = System::start();
    let (source, result) = (system.path("in.mp4"), system.path("out.mp4"));
    make_clip(&source, 6, "640x360");
    fs::write(&result, b"older output").unwrap();
    let job = slow_two_pass(&source, &result);
    let id = submit_legacy(&system, &job);
    let (_, refused) = system.http("POST", "/job/submit", Some(&job));
    assert_eq!(
        (&refused["success"], &refused["code"]),
        (&json!(false), &json!("dest_conflict"))
    );
    system.in_pass(&id, 2);
    assert_eq!(
        fs::read(&result).unwrap(),
        b"older output",
        "nothing of the new one is visible before its end"
    );
    system.finished(&id);
    assert!(decodes(&result));
    let again = submit_legacy(&system, &documented_job(&source, &result));
    system.finished(&again);
    system.assert_clean();
}

#[test]
fn real_clips_are_encoded_two_at_a_time_without_mixing_their_pass_logs() {
    let clips = std::env::var("NOMMER_TEST_CLIPS")
        .expect("run the tests with `cargo xtask test`, which fetches the clips");
    let system = System::start();
    let jobs: Vec<_> = ["bigbuckbunny.mp4", "bikes.mp4"]
        .into_iter()
        .map(|name| {
            let (source, result) = (system.path(name), system.path(&format!("out-{name}")));
            fs::copy(Path::new(&clips).join(name), &source).unwrap();
            let id = submit_legacy(&system, &documented_job(&source, &result));
            (id, source, result)
        })
        .collect();
    let encoders: Vec<_> = jobs
        .iter()
        .map(|(id, source, result)| {
            let job = system.finished(id);
            assert_eq!(job["attempts"], json!(1));
            let (before, after) = (probe(source), probe(result));
            assert!(decodes(result));
            let seconds = |probe: &Value| {
                probe["format"]["duration"]
                    .as_str()
                    .unwrap()
                    .parse::<f64>()
                    .unwrap()
            };
            assert!((seconds(&before) - seconds(&after)).abs() < 0.2);
            // A pass log of another video would give another bit rate, or an error.
            let bit_rate: f64 = stream(&after, "video")["bit_rate"]
                .as_str()
                .unwrap()
                .parse()
                .unwrap();
            assert!((200_000.0..700_000.0).contains(&bit_rate), "{bit_rate}");
            job["resolved"].clone()
        })
        .collect();
    assert_eq!(encoders.len(), 2);
    system.assert_clean();
}

#[test]
fn an_encoder_killed_in_pass_two_costs_an_attempt_and_nothing_else() {
    let system = System::start();
    let (source, result) = (system.path("in.mp4"), system.path("out.mp4"));
    make_clip(&source, 12, "854x480");
    let id = submit_legacy(&system, &slow_two_pass(&source, &result));
    system.in_pass(&id, 2);
    let [encoder] = system.encoders()[..] else {
        panic!("one encoder was expected")
    };
    kill_hard(encoder);
    eventually("the end of ffmpeg", || {
        children_named("ffmpeg", system.folder.path())
            .is_empty()
            .then_some(())
    });
    assert!(!result.exists());
    let job = system.finished(&id);
    assert_eq!(job["attempts"], json!(2));
    assert_eq!(job["outputs"].as_array().unwrap().len(), 1);
    assert!(decodes(&result));
    system.assert_clean();
}

/// Sends a signal to the one encoder.
fn signal_encoder(system: &System, signal: &str) {
    let [encoder] = system.encoders()[..] else {
        panic!("one encoder was expected")
    };
    output_of(Command::new("kill").args([signal, &encoder.to_string()]));
}

#[test]
fn an_encoder_that_drains_finishes_its_job_and_ends() {
    let system = System::start_with(&[("NOMMER_FLEET__IDLE_TIMEOUT", "10m")]);
    let (source, result) = (system.path("in.mp4"), system.path("out.mp4"));
    make_clip(&source, 6, "640x360");
    let id = submit_legacy(&system, &slow_two_pass(&source, &result));
    system.in_pass(&id, 1);
    signal_encoder(&system, "-TERM");
    let job = system.finished(&id);
    assert_eq!(job["attempts"], json!(1));
    let states = job["events"].to_string();
    assert_eq!(
        states.matches("PENDING").count(),
        1,
        "it was never given back: {states}"
    );
    eventually("the encoder to end", || {
        system.encoders().is_empty().then_some(())
    });
}

#[test]
fn an_encoder_that_is_interrupted_gives_its_job_back_uncounted() {
    let system = System::start();
    let (source, result) = (system.path("in.mp4"), system.path("out.mp4"));
    make_clip(&source, 6, "640x360");
    let id = submit_legacy(&system, &slow_two_pass(&source, &result));
    system.in_pass(&id, 1);
    signal_encoder(&system, "-INT");
    let job = system.finished(&id);
    assert_eq!(
        job["attempts"],
        json!(1),
        "the interrupted attempt is not counted"
    );
    let events = job["events"].to_string();
    assert!(events.contains("gave the job back"), "{events}");
    assert!(decodes(&result));
    system.assert_clean();
}

#[test]
fn a_server_killed_in_the_middle_goes_on_where_it_stopped() {
    let mut system = System::start();
    let (source, result) = (system.path("in.mp4"), system.path("out.mp4"));
    make_clip(&source, 6, "640x360");
    let id = submit_legacy(&system, &slow_two_pass(&source, &result));
    system.in_pass(&id, 1);
    system.restart();
    let job = system.finished(&id);
    assert_eq!(
        job["attempts"],
        json!(1),
        "the encoder lived on and finished"
    );
    assert!(decodes(&result));
}

#[test]
fn a_job_survives_the_death_of_everything() {
    let mut system = System::start();
    let (source, result) = (system.path("in.mp4"), system.path("out.mp4"));
    make_clip(&source, 6, "640x360");
    let id = submit_legacy(&system, &slow_two_pass(&source, &result));
    system.in_pass(&id, 1);
    system.kill_server();
    for encoder in system.encoders() {
        kill_hard(encoder);
    }
    system.restart();
    let job = system.finished(&id);
    assert_eq!(job["attempts"], json!(2));
    assert!(decodes(&result));
    system.assert_clean();
}

#[test]
fn a_canceled_job_stops_ffmpeg_and_leaves_no_output() {
    let system = System::start();
    let (source, result) = (system.path("in.mp4"), system.path("out.mp4"));
    make_clip(&source, 12, "854x480");
    let id = submit_legacy(&system, &slow_two_pass(&source, &result));
    system.in_pass(&id, 1);
    let (status, job) = system.http("POST", &format!("/v1/jobs/{id}/cancel"), None);
    assert_eq!((status, &job["state"]), (202, &json!("CANCELED")));
    eventually("the end of ffmpeg", || {
        children_named("ffmpeg", system.folder.path())
            .is_empty()
            .then_some(())
    });
    system.assert_clean();
    assert!(!result.exists());
    assert_eq!(system.job(&id)["state"], "CANCELED");
}
