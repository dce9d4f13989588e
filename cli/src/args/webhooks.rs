//! Words and flags of `nommer webhooks`, `nommer listen` and `nommer trigger`.

use clap::{Args, Subcommand};
use nommer_core::{nearest::nearest, notify::EventName};

#[derive(Debug, Subcommand)]
pub(crate) enum WebhooksCommand {
    /// List your endpoints, newest first, and why nothing is sent to those that are disabled.
    List,
    /// Make an endpoint that hears of jobs from now on, and print its signing secret. It is not shown again.
    Create {
        /// Where.
        url: String,

        #[command(flatten)]
        wish: EndpointWish,
    },
    /// Change an endpoint; what is not named stays.
    Update {
        /// Its id.
        id: String,

        /// Where.
        #[arg(long)]
        url: Option<String>,

        #[command(flatten)]
        wish: EndpointWish,

        /// Send to it again, after it was disabled.
        #[arg(long, conflicts_with = "disable")]
        enable: bool,

        /// Send nothing to it for now.
        #[arg(long)]
        disable: bool,
    },
    /// Forget an endpoint. What is due to it is not sent.
    Delete {
        /// Its id.
        id: String,
    },
    /// Give an endpoint a new signing secret and print it. For a day the old one signs too.
    Rotate {
        /// Its id.
        id: String,
    },
    /// Print the secret that notifications to a job's own address are signed with.
    Secret,
    /// List the deliveries of a job's notifications, or those to an endpoint, and what was answered.
    Deliveries {
        /// The job's id.
        #[arg(required_unless_present = "endpoint")]
        job: Option<String>,

        /// Only those to this endpoint; without a job, the newest ones.
        #[arg(long, value_name = "ID")]
        endpoint: Option<String>,

        /// Only those that are due, delivered or failed.
        #[arg(long, value_parser = ["due", "delivered", "failed"])]
        status: Option<String>,
    },
    /// Deliver a notification again, from the beginning of its schedule.
    Redeliver {
        /// The delivery's id, as `deliveries` lists it.
        id: String,
    },
}

#[derive(Debug, Args)]
pub(crate) struct EndpointWish {
    /// What it hears of, separated by commas. Default: job.created, job.started, job.retrying and the ends of jobs.
    #[arg(long, value_name = "EVENT", value_delimiter = ',', value_parser = event)]
    pub(crate) events: Option<Vec<EventName>>,

    /// What it is for, in a line.
    #[arg(long, value_name = "TEXT")]
    pub(crate) description: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct ListenArgs {
    /// Where: an address of this machine, such as localhost:3000/hook.
    #[arg(long, value_name = "URL")]
    pub(crate) forward_to: String,

    /// Only these, separated by commas. Default: job.created, job.started, job.retrying and the ends of jobs.
    #[arg(long, value_name = "EVENT", value_delimiter = ',', value_parser = change)]
    pub(crate) events: Option<Vec<EventName>>,
}

#[derive(Debug, Args)]
pub(crate) struct TriggerArgs {
    /// Which: job.finished, job.failed and so on.
    #[arg(value_parser = event)]
    pub(crate) event: EventName,

    /// To this endpoint of the system.
    #[arg(
        long,
        value_name = "ENDPOINT_ID",
        required_unless_present = "forward_to",
        conflicts_with = "forward_to"
    )]
    pub(crate) to: Option<String>,

    /// To this address, straight from here.
    #[arg(long, value_name = "URL")]
    pub(crate) forward_to: Option<String>,
}

/// What a job's timeline tells.
fn change(text: &str) -> Result<EventName, String> {
    let event = event(text)?;
    if event.is_change() {
        Ok(event)
    } else {
        Err(format!(
            "{event} stands in no job's timeline; only an endpoint hears of it (nommer webhooks create)"
        ))
    }
}

fn event(text: &str) -> Result<EventName, String> {
    EventName::parse(text).ok_or_else(|| {
        let names = EventName::ALL.map(EventName::as_str);
        nearest(text, &names).map_or_else(
            || format!("events are {}", names.join(", ")),
            |near| format!("did you mean {near}?"),
        )
    })
}
