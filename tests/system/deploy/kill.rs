//! Encoders of a deployed stack, killed or cut off at each named point of an attempt.

use std::{
    fs,
    time::{Duration, Instant},
};

use serde_json::json;

use super::stack::{Deployment, Encoder};
use crate::{
    counting::Counting,
    emulator::ministack,
    harness::{LIMIT, boxes, decodes, eventually, make_clip},
    kill::{Hold, POINTS},
};

/// Points that every run of the tests strikes at.
const SOME: [&str; 2] = ["staged", "committed"];

/// Calls that fail before the connection is whole again: more than one try of one call.
const CUTS: usize = 12;

/// A stack, the way to it, and a clip in its bucket.
struct Struck {
    stack: Deployment,
    line: Counting,
    source: String,
}

impl Struck {
    async fn new() -> Self {
        let line = Counting::before(ministack().url()).await;
        let stack = Deployment::new(&[("EndpointUrl", line.url.as_str())]).await;
        let folder = tempfile::tempdir().unwrap();
        let clip = folder.path().join("in.mp4");
        make_clip(&clip, 2, "320x180");
        let source = stack.upload("in.mp4", &clip).await;
        Self {
            stack,
            line,
            source,
        }
    }

    /// A two-pass job with a destination of its own.
    fn submit(&self, name: &str) -> String {
        let pass = |number: u32| {
            json!({"outfile_options": [["c:v", "libx264"], ["b:v", "200k"], ["pass", number.to_string()], ["f", "mp4"]],
                "move_atom_to_front": number == 2})
        };
        let job = json!({"source_path": self.source, "dest_path": self.stack.media(name),
            "job_options": {"options": [pass(1), pass(2)]}});
        let (status, answer) = self.stack.http("POST", "/v1/jobs", Some(&job));
        assert_eq!(status, 201, "{answer}");
        answer["id"].as_str().unwrap().to_owned()
    }

    /// A new instance, launched by scale for what waits.
    fn instance(&self, but: &str) -> String {
        eventually("an instance", || {
            self.stack.invoke("ScaleFunction", &json!({}));
            let machines = tokio::task::block_in_place(|| {
                tokio::runtime::Handle::current().block_on(self.stack.machines())
            });
            machines.into_iter().find(|found| found != but)
        })
    }

    async fn assert_whole(&self, id: &str, name: &str) {
        let job = self.stack.ended(id);
        assert_eq!(job["state"], "FINISHED", "{job:#}");
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("out.mp4");
        fs::write(&file, self.stack.download(name).await.unwrap()).unwrap();
        assert!(decodes(&file));
        assert_eq!(
            job["outputs"][0]["bytes"],
            fs::metadata(&file).unwrap().len()
        );
        let kinds = boxes(&file);
        let place = |kind: &str| kinds.iter().position(|found| found == kind);
        assert!(place("moov") < place("mdat"), "{kinds:?}");
        self.stack.assert_no_unfinished_uploads().await;
    }

    async fn kill(&self, point: &'static str) {
        let name = format!("killed-{point}.mp4");
        let id = self.submit(&name);
        let hold = Hold::at(point);
        let first = self.instance("");
        let mut encoder = self.stack.play_with(&first, Some(hold.variable())).await;
        hold.reached();
        encoder.kill();
        self.stack.power_off(&first).await;
        eventually("the job to be taken back, or done", || {
            self.stack.invoke("PruneFunction", &json!({}));
            let state = self.stack.job(&id)["state"].clone();
            (state == "PENDING" || state == "FINISHED").then_some(())
        });
        if self.stack.job(&id)["state"] == "PENDING" {
            let second = self.instance(&first);
            let encoder = self.stack.play(&second).await;
            self.wait_for_end(&id, second, encoder).await;
        }
        self.assert_whole(&id, &name).await;
    }

    /// Plays this instance, and those after it, until the job is done.
    async fn wait_for_end(&self, id: &str, mut instance: String, mut encoder: Encoder) {
        let begun = Instant::now();
        while self.stack.job(id)["state"] != "FINISHED" {
            assert!(begun.elapsed() < LIMIT, "{:#}", self.stack.job(id));
            self.stack.invoke("PruneFunction", &json!({}));
            // It may have been idle for so long that it ended before the job came back.
            if encoder.has_ended() {
                self.stack.power_off(&instance).await;
                instance = self.instance(&instance);
                encoder = self.stack.play(&instance).await;
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        assert!(encoder.wait().success());
        self.stack.power_off(&instance).await;
    }

    async fn cut_off(&self, point: &'static str) {
        let name = format!("cut-{point}.mp4");
        let id = self.submit(&name);
        let hold = Hold::at(point);
        let instance = self.instance("");
        let encoder = self.stack.play_with(&instance, Some(hold.variable())).await;
        hold.reached();
        let before = self.line.cuts();
        self.line.cut(true);
        hold.let_go();
        eventually("connections to be cut", || {
            (self.line.cuts() >= before + CUTS).then_some(())
        });
        self.line.cut(false);
        self.wait_for_end(&id, instance, encoder).await;
        self.assert_whole(&id, &name).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_encoder_of_a_stack_costs_at_most_an_attempt() {
    let struck = Struck::new().await;
    for point in SOME {
        struck.kill(point).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "part of the kill matrix: cargo test -p nommer-tests -- --ignored kill"]
async fn a_killed_encoder_of_a_stack_costs_at_most_an_attempt_anywhere() {
    let struck = Struck::new().await;
    for point in POINTS {
        struck.kill(point).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_encoder_that_is_cut_off_for_a_while_loses_nothing() {
    let struck = Struck::new().await;
    for point in SOME {
        struck.cut_off(point).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "part of the kill matrix: cargo test -p nommer-tests -- --ignored kill"]
async fn an_encoder_that_is_cut_off_anywhere_loses_nothing() {
    let struck = Struck::new().await;
    for point in POINTS {
        struck.cut_off(point).await;
    }
}
