//! Following jobs until they have ended: a moving bar on a terminal, a line per change elsewhere.

mod many;

pub(crate) use many::{follow, unfinished};

use std::{path::Path, time::Duration};

use indicatif::{HumanBytes, MultiProgress, ProgressBar, ProgressStyle};
use nommer_core::{
    api::JobView,
    job::{Output as Published, StateName},
    progress::Progress,
};

use crate::{client::Client, failure::Failure, output::Output};

/// Pause between two looks at a job.
pub(crate) const INTERVAL: Duration = Duration::from_millis(250);

/// A bar that shows one job.
#[derive(Debug)]
pub(crate) struct JobBar {
    bar: ProgressBar,
    output: Output,
    /// The job's id, where there are others.
    name: Option<String>,
    last: Option<(StateName, u32)>,
}

impl JobBar {
    pub(crate) fn new(output: Output) -> Self {
        let bar = if output.bars() {
            ProgressBar::new(1_000)
        } else {
            ProgressBar::hidden()
        };
        let template = "{prefix:11} {bar:32} {msg}";
        bar.set_style(ProgressStyle::with_template(template).expect("the template is well formed"));
        Self {
            bar,
            output,
            name: None,
            last: None,
        }
    }

    /// A bar among others.
    fn among(bars: &MultiProgress, name: &str, output: Output) -> Self {
        let one = Self::new(output);
        Self {
            bar: bars.add(one.bar),
            name: Some(name.to_owned()),
            ..one
        }
    }

    /// Shows where the job is. `round` tells attempts apart.
    pub(crate) fn show(&mut self, state: StateName, round: u32, progress: Option<&Progress>) {
        self.bar.set_prefix(match &self.name {
            Some(name) => format!("{name}  {state:11}"),
            None => state.to_string(),
        });
        if let Some(progress) = progress {
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "0 to 100, times ten"
            )]
            self.bar.set_position((progress.percent * 10.0) as u64);
            self.bar.set_message(words(progress));
        }
        if self.last != Some((state, round)) && !self.output.bars() {
            match &self.name {
                Some(name) => self.output.note(format!("{name}  {state}")),
                None => self.output.note(state),
            }
        }
        self.last = Some((state, round));
    }

    /// Takes the bar away.
    pub(crate) fn clear(&self) {
        self.bar.finish_and_clear();
    }
}

/// `pass 2/2  63.4 %  118 fps  4.9x  eta 0:41`
fn words(progress: &Progress) -> String {
    let mut words = vec![
        format!("pass {}/{}", progress.pass, progress.passes),
        format!("{:.1} %", progress.percent),
    ];
    words.extend(progress.fps.map(|fps| format!("{fps:.0} fps")));
    words.extend(progress.speed.map(|speed| format!("{speed:.1}x")));
    words.extend(
        progress
            .eta_seconds
            .map(|eta| format!("eta {}:{:02}", eta / 60, eta % 60)),
    );
    words.join("  ")
}

/// `out.mp4  1.2 MiB (18 % of the source)  640x360 h264 aac  0:05`
pub(crate) fn describe(output: &Published, source_bytes: Option<u64>) -> String {
    let mut words = vec![HumanBytes(output.bytes).to_string()];
    if let Some(source_bytes) = source_bytes.filter(|bytes| *bytes > 0) {
        words.push(format!(
            "({} % of the source)",
            output.bytes.saturating_mul(100) / source_bytes
        ));
    }
    words.extend(
        output
            .width
            .zip(output.height)
            .map(|(width, height)| format!("{width}x{height}")),
    );
    words.extend(output.video_codec.clone());
    words.extend(output.audio_codec.clone());
    words.extend(output.duration.map(|seconds| format!("{seconds:.1} s")));
    let url = output
        .url
        .strip_prefix("file://")
        .map_or(output.url.as_str(), |path| {
            Path::new(path).to_str().unwrap_or(path)
        });
    format!("{url}  {}", words.join("  "))
}

/// Follows a job until it has ended.
pub(crate) async fn until_ended(
    client: &Client,
    id: &str,
    output: Output,
) -> Result<JobView, Failure> {
    let mut bar = JobBar::new(output);
    loop {
        let job = client.job(id).await?;
        bar.show(job.state, job.attempts, job.progress.as_ref());
        if job.state.ended() {
            bar.clear();
            return Ok(job);
        }
        tokio::time::sleep(INTERVAL).await;
    }
}

/// Prints how a job ended. Fails unless it ended well.
pub(crate) fn conclude(job: &JobView, output: Output) -> Result<(), Failure> {
    if output.json {
        output.json(job)?;
    }
    for warning in &job.warnings {
        output.note(format!("warning: {} ({})", warning.detail, warning.code));
    }
    if job.state == StateName::Finished {
        if !output.json {
            for published in &job.outputs {
                output.data(describe(published, None));
            }
        }
        return Ok(());
    }
    let (reason, hint) = match &job.error {
        Some(error) => (error.to_string(), error.hint.clone()),
        None => (job.state_details.clone(), None),
    };
    Err(Failure::job(
        format!("job {} ended {}: {reason}", job.id, job.state),
        hint,
    ))
}
