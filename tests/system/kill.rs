//! Encoders struck at each named point of an attempt (`encoder/src/point.rs`): killed, stopped beyond their lease, out of disk. Whatever
//! the moment, the job reaches one end, its output is whole, and nothing is left behind.

use std::{
    fs::{self, OpenOptions},
    io::Write as _,
    path::{Path, PathBuf},
    process::Command,
    sync::Mutex,
};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::harness::{
    System, boxes, children_named, decodes, documented_job, eventually, file_url, files, make_clip,
};

/// All points, in their order.
pub(crate) const POINTS: [&str; 19] = [
    "received",
    "claimed",
    "unsealed",
    "destination",
    "fetched",
    "probed",
    "prepared",
    "encoding",
    "in_a_pass",
    "between_passes",
    "encoded",
    "uploading",
    "made",
    "staged",
    "publishing",
    "committed",
    "ending",
    "ended",
    "deleted",
];

/// Points that every run of the tests stops encoders at, and fills disks at. The others take too long to do it each time.
const SOME: [&str; 5] = ["claimed", "in_a_pass", "staged", "publishing", "committed"];

/// Systems at a time.
const AT_ONCE: usize = 4;

/// A place where the first encoder that comes by is held.
pub(crate) struct Hold {
    folder: TempDir,
    point: &'static str,
}

impl Hold {
    pub(crate) fn at(point: &'static str) -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
            point,
        }
    }

    /// The variable that tells encoders of it.
    pub(crate) fn variable(&self) -> (&'static str, String) {
        let folder = self.folder.path().display();
        ("HOLD_ENCODER_AT", format!("{}={folder}", self.point))
    }

    /// Waits until an encoder is held; its process.
    pub(crate) fn reached(&self) -> String {
        eventually(self.point, || {
            let pid = fs::read_to_string(self.folder.path().join("reached")).ok()?;
            pid.ends_with('\n').then(|| pid.trim().to_owned())
        })
    }

    /// Lets it go on.
    pub(crate) fn let_go(&self) {
        fs::write(self.folder.path().join("go"), "").unwrap();
    }
}

pub(crate) fn signal(signal: &str, pid: &str) {
    Command::new("kill").args([signal, pid]).status().unwrap();
}

/// What happens to the encoder.
#[derive(Clone, Copy, Debug)]
enum Blow {
    Killed,
    Stopped,
    DiskFull,
}

/// A system with one job whose encoder is held at a point.
struct Struck {
    system: System,
    hold: Hold,
    id: String,
    pid: String,
    output: PathBuf,
}

impl Struck {
    fn at(point: &'static str, blow: Blow) -> Self {
        let hold = Hold::at(point);
        let (name, value) = hold.variable();
        let variables = [(name, value.as_str()), ("NOMMER_FLEET__MAX", "3")];
        let system = match blow {
            Blow::DiskFull => System::start_on_small_disk(100, &variables),
            Blow::Killed | Blow::Stopped => System::start_with(&variables),
        };
        let (source, output) = (system.path("in.mp4"), system.path("out.mp4"));
        make_clip(&source, 2, "320x180");
        let id = system.submit(&documented_job(&source, &output));
        let pid = hold.reached();
        Self {
            system,
            hold,
            id,
            pid,
            output,
        }
    }

    fn ended(&self) -> bool {
        let state = &self.system.job(&self.id)["state"];
        ["FINISHED", "ERROR", "ABANDONED", "CANCELED"].contains(&state.as_str().unwrap())
    }

    /// What must be true whatever happened. `allowed` are the ends that it may have come to.
    fn assert_whole(&self, allowed: &[&str]) -> Value {
        let Self { system, output, .. } = self;
        let job = system.ended(&self.id);
        let state = job["state"].as_str().unwrap();
        assert!(allowed.contains(&state), "{job:#}");
        if state == "FINISHED" {
            assert!(decodes(output), "{job:#}");
            let bytes = fs::metadata(output).unwrap().len();
            assert_eq!(job["outputs"][0]["bytes"], bytes, "{job:#}");
            let kinds = boxes(output);
            let place = |kind: &str| kinds.iter().position(|found| found == kind);
            assert!(place("moov") < place("mdat"), "{kinds:?}");
        }
        eventually("idle encoders to end", || {
            system.encoders().is_empty().then_some(())
        });
        for program in ["ffmpeg", "ffprobe"] {
            let left = children_named(program, &system.data());
            assert!(left.is_empty(), "{program} goes on: {left:?}");
        }
        system.assert_clean();
        assert_eq!(system.job(&self.id), job, "the end of a job changed");
        job
    }
}

fn kill(point: &'static str) {
    let struck = Struck::at(point, Blow::Killed);
    signal("-KILL", &struck.pid);
    let job = struck.assert_whole(&["FINISHED"]);
    let counted = !["received", "ended", "deleted"].contains(&point);
    assert_eq!(job["attempts"], if counted { 2 } else { 1 }, "{job:#}");
}

/// Stands still until another encoder has done the job, and wakes up.
fn stop(point: &'static str) {
    let struck = Struck::at(point, Blow::Stopped);
    signal("-STOP", &struck.pid);
    let what = format!("another encoder to do it, after one stopped at {point}");
    eventually(&what, || struck.ended().then_some(()));
    let job = struck.system.job(&struck.id);
    struck.hold.let_go();
    signal("-CONT", &struck.pid);
    assert_eq!(struck.assert_whole(&["FINISHED"]), job);
}

fn fill_the_disk(point: &'static str) {
    let struck = Struck::at(point, Blow::DiskFull);
    // The disk is seen by the system alone.
    let work = struck.system.data().join("work");
    let work = Path::new("/proc")
        .join(&struck.pid)
        .join("root")
        .join(work.strip_prefix("/").unwrap());
    let filler = work.join("filler");
    let mut file = OpenOptions::new()
        .create(true)
        .write(true)
        .truncate(true)
        .open(&filler)
        .unwrap();
    while file.write_all(&[0; 4_096]).is_ok() {}
    struck.hold.let_go();
    eventually("the attempt to end", || {
        let job = struck.system.job(&struck.id);
        (struck.ended() || job["state"] == "PENDING").then_some(())
    });
    fs::remove_file(&filler).ok();
    struck.assert_whole(&["FINISHED", "ERROR"]);
}

/// Strikes at these points, some at a time.
fn strike(points: &[&'static str], blow: fn(&'static str)) {
    let left = Mutex::new(points.to_vec());
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                loop {
                    let Some(point) = left.lock().unwrap().pop() else {
                        return;
                    };
                    blow(point);
                }
            });
        }
    });
}

#[test]
fn an_encoder_that_is_killed_anywhere_costs_at_most_an_attempt() {
    strike(&POINTS, kill);
}

#[test]
fn an_encoder_that_stands_still_beyond_its_lease_changes_nothing_when_it_wakes() {
    strike(&SOME, stop);
}

#[test]
#[ignore = "part of the kill matrix: cargo test -p nommer-tests -- --ignored kill"]
fn an_encoder_that_stands_still_anywhere_changes_nothing_when_it_wakes() {
    strike(&POINTS, stop);
}

#[test]
fn a_full_disk_leaves_no_half_output() {
    strike(&SOME, fill_the_disk);
}

#[test]
#[ignore = "part of the kill matrix: cargo test -p nommer-tests -- --ignored kill"]
fn a_full_disk_leaves_no_half_output_anywhere() {
    strike(&POINTS, fill_the_disk);
}

#[test]
fn an_encoder_that_is_killed_between_segments_leaves_no_ladder_that_is_half() {
    let hold = Hold::at("in_segments");
    let (name, value) = hold.variable();
    let system = System::start_with(&[(name, value.as_str())]);
    let (source, place) = (system.path("in.mp4"), system.path("out/"));
    make_clip(&source, 5, "320x180");
    let id = system.submit(
        &json!({"source_path": file_url(&source), "dest_path": file_url(&place),
        "outputs": [{"name": "film", "container": "cmaf", "ladder": ["180p", "90p"], "video": {"speed": "ultrafast"}}]}),
    );
    let pid = hold.reached();
    let master = place.join("master.m3u8");
    assert!(!master.exists(), "visible before its segments");
    signal("-KILL", &pid);
    let job = system.finished(&id);
    assert_eq!(job["attempts"], 2, "{job:#}");
    assert!(decodes(&master));
    let bytes: u64 = files(&place)
        .iter()
        .map(|name| fs::metadata(place.join(name)).unwrap().len())
        .sum();
    assert_eq!(job["outputs"][0]["bytes"], bytes, "{:?}", files(&place));
    system.assert_clean();
}
