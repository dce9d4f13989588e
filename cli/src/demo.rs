//! `nommer dev --demo`: one real video through the whole system, sent as the original's client sends it.
//!
//! The job is the two-pass one of the original's documentation. What is printed is what was observed: the job as the API shows
//! it, the bytes of the result, the notification that arrived, the encoder that ended itself.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
    time::Duration,
};

use anyhow::{Context as _, anyhow};
use axum::{
    Router,
    extract::{RawQuery, State},
    routing,
};
use jiff::Timestamp;
use nommer_core::{api::JobView, job::StateName, ports::Fleet as _};
use nommer_encoder::tools::Tools;
use serde_json::{Value, json};
use tokio::{net::TcpListener, time::timeout};

use crate::{
    client::Client,
    config::{Config, address},
    dev::System,
    failure::Failure,
    output::Output,
    watch::{conclude, describe, until_ended},
};

/// How long the demo waits for the notification, once the job has ended, and for the encoder to end itself.
const PATIENCE: Duration = Duration::from_secs(60);

/// Pause between two looks.
const INTERVAL: Duration = Duration::from_millis(50);

/// A small web server that writes down which notifications arrive.
#[derive(Debug)]
pub(crate) struct Receiver {
    pub(crate) address: SocketAddr,
    seen: Arc<Mutex<Vec<String>>>,
}

impl Receiver {
    /// Starts it on a free port of this machine.
    pub(crate) async fn start() -> Result<Self, Failure> {
        let listener = TcpListener::bind("127.0.0.1:0")
            .await
            .context("open a receiver for notifications")?;
        let address = listener
            .local_addr()
            .context("read the receiver's address")?;
        let seen = Arc::new(Mutex::new(Vec::new()));
        let routes = Router::new()
            .route("/done", routing::get(note))
            .with_state(Arc::clone(&seen));
        tokio::spawn(async move { axum::serve(listener, routes).await });
        Ok(Self { address, seen })
    }

    async fn first(&self) -> String {
        loop {
            let first = self.seen.lock().expect("no holder panics").first().cloned();
            if let Some(first) = first {
                return first;
            }
            tokio::time::sleep(INTERVAL).await;
        }
    }
}

async fn note(State(seen): State<Arc<Mutex<Vec<String>>>>, RawQuery(query): RawQuery) {
    seen.lock()
        .expect("no holder panics")
        .push(query.unwrap_or_default());
}

/// Runs the demo on a system that has started.
pub(crate) async fn run(
    system: &System,
    file: Option<&Path>,
    receiver: Receiver,
    api: SocketAddr,
    output: Output,
) -> Result<(), Failure> {
    let source = source(system, file).await?;
    let result = system.data_dir.join("media/result.mp4");
    output.note(format!("source       {}", source.display()));
    let config = Config {
        settings: system.settings.clone(),
        data_dir: system.data_dir.clone(),
    };
    let client = Client::new(Some(&format!("http://{api}")), &config)?;
    let notify_url = format!("http://{}/done", receiver.address);
    let answer = client
        .submit_legacy(&documented_job(&source, &result, &notify_url)?)
        .await?;
    let id = answer["job_id"]
        .as_str()
        .ok_or_else(|| anyhow!("the job was refused: {}", answer["message"]))?;
    output.note(format!("job          {id}"));

    let job = until_ended(&client, id, output).await?;
    if job.state != StateName::Finished {
        return conclude(&job, output);
    }
    report(&job, &result, output)?;
    let notification = timeout(PATIENCE, receiver.first())
        .await
        .map_err(|_late| anyhow!("no notification arrived"))?;
    output.data(format!("notified     GET /done?{notification}"));
    if !notification.contains("job_state=FINISHED") {
        return Err(anyhow!("the notification does not say FINISHED").into());
    }
    output.note("encoder      waits for work, then ends itself");
    timeout(PATIENCE, fleet_is_empty(system))
        .await
        .map_err(|_late| anyhow!("the idle encoder did not end itself"))??;
    output.data("encoder      ended itself when idle");
    Ok(())
}

/// The given file, or a clip that is made once.
async fn source(system: &System, file: Option<&Path>) -> Result<PathBuf, Failure> {
    if let Some(file) = file {
        let file = std::path::absolute(file).context("find the file")?;
        return if file.is_file() {
            Ok(file)
        } else {
            Err(Failure::not_found(format!(
                "there is no file {}",
                file.display()
            )))
        };
    }
    let clip = system.data_dir.join("media/source.mov");
    if !clip.exists() {
        std::fs::create_dir_all(system.data_dir.join("media"))
            .context("make a folder for the demo")?;
        let tools = Tools::find(&system.settings.ffmpeg)?;
        tools.make_clip(&clip).await?;
    }
    Ok(clip)
}

/// The job of the original's documentation.
fn documented_job(source: &Path, result: &Path, notify_url: &str) -> Result<Value, Failure> {
    let path = |path: &Path| {
        address(
            path.to_str()
                .ok_or_else(|| Failure::usage("the path is not UTF-8 text"))?,
        )
    };
    let video = json!([
        ["vcodec", "libx264"],
        ["preset", "medium"],
        ["vprofile", "baseline"],
        ["b", "400k"],
        ["vf", "yadif,scale='640:trunc(ow/a/2)*2'"],
    ]);
    let pass = |more: Value| -> Value {
        let both = video
            .as_array()
            .into_iter()
            .chain(more.as_array())
            .flatten();
        both.cloned().collect()
    };
    Ok(json!({
        "source_path": path(source)?,
        "dest_path": path(result)?,
        "notify_url": notify_url,
        "job_options": {
            "nommer": "media_nommer.ec2nommerd.nommers.ffmpeg.FFmpegNommer",
            "options": [
                {"outfile_options": pass(json!([["pass", "1"], ["f", "mp4"], ["an", null]]))},
                {
                    "outfile_options": pass(json!([
                        ["pass", "2"], ["acodec", "libfaac"], ["ab", "128k"], ["ar", "48000"], ["async", "480"], ["ac", "2"],
                        ["f", "mp4"],
                    ])),
                    "move_atom_to_front": true,
                },
            ],
        },
    }))
}

fn report(job: &JobView, result: &Path, output: Output) -> Result<(), Failure> {
    for warning in &job.warnings {
        output.note(format!("warning      {}", warning.detail));
    }
    for argv in &job.resolved.passes {
        output.note(format!("ran          {}", argv.join(" ")));
    }
    let published = job
        .outputs
        .first()
        .ok_or_else(|| anyhow!("the job has no output"))?;
    let bytes = std::fs::read(result).with_context(|| format!("read {}", result.display()))?;
    let position = |kind: &[u8]| bytes.windows(4).position(|window| window == kind);
    let (moov, mdat) = (position(b"moov"), position(b"mdat"));
    if moov.is_none() || moov > mdat {
        return Err(anyhow!("moov is not before mdat in {}", result.display()).into());
    }
    let took = job
        .finished_at
        .unwrap_or_else(Timestamp::now)
        .duration_since(job.created_at);
    output.data(format!("result       {}", describe(published, None)));
    output.data(format!(
        "moov         at byte {}, before the media data",
        moov.unwrap_or_default()
    ));
    output.data(format!(
        "took         {:.1} s from submit to finish",
        took.as_secs_f64()
    ));
    Ok(())
}

async fn fleet_is_empty(system: &System) -> Result<(), Failure> {
    loop {
        if system
            .fleet
            .machines()
            .await
            .context("list the encoders")?
            .is_empty()
        {
            return Ok(());
        }
        tokio::time::sleep(INTERVAL).await;
    }
}
