//! The command line: words, flags and their help. Parsing only.

mod batch;
mod bulk;
mod jobs;
mod keys;
mod list;
mod presets;
mod system;
mod webhooks;
mod work;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use clap_complete::Shell;

pub(crate) use batch::{BatchArgs, BatchesCommand};
pub(crate) use bulk::BulkArgs;
pub(crate) use jobs::JobsCommand;
pub(crate) use keys::{KeysCommand, NewKeyArgs};
pub(crate) use list::ListArgs;
pub(crate) use presets::PresetsCommand;
pub(crate) use system::{
    ConfigCommand, DeployArgs, DeployCommand, EstimateArgs, FleetCommand, SimulateArgs,
};
pub(crate) use webhooks::{EndpointWish, ListenArgs, TriggerArgs, WebhooksCommand};
pub(crate) use work::{DevArgs, EncodeArgs, SubmitArgs};

/// Encode video on this machine or on your own AWS account.
///
/// Data goes to stdout, everything else to stderr.
/// Exit status: 0 done, 1 failed, 2 wrong usage, 3 not found, 4 not allowed, 5 the job ended badly, 130 interrupted.
#[derive(Debug, Parser)]
#[command(name = "nommer", version, max_term_width = 100)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) common: Common,

    #[command(subcommand)]
    pub(crate) command: Option<Command>,
}

#[derive(Debug, Args)]
pub(crate) struct Common {
    /// Print JSON: one document, or one per line where a command prints many.
    #[arg(long, global = true)]
    pub(crate) json: bool,

    /// Print nothing on stderr but errors.
    #[arg(short, long, global = true)]
    pub(crate) quiet: bool,

    /// Where the API answers. Default: the address in the settings (server.listen).
    #[arg(long, global = true, env = "NOMMER_API", value_name = "URL")]
    pub(crate) api: Option<String>,

    /// A deployed stack to talk to instead, by its name. Requests are signed with your AWS credentials.
    #[arg(long, global = true, env = "NOMMER_STACK", value_name = "NAME")]
    pub(crate) stack: Option<String>,

    /// Folder of the local database, keys, work folders and logs.
    #[arg(long, global = true, value_name = "DIR")]
    pub(crate) data_dir: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run the whole system on this machine: API, scale, prune, state-change, encoder processes.
    #[command(after_help = "Example:\n  nommer dev --demo")]
    Dev(DevArgs),

    /// Encode one file here and now, without a server.
    #[command(
        after_help = "Examples:\n  nommer encode clip.mov\n  nommer encode clip.mov small.mp4 --preset web-mp4-480p\n  nommer encode clip.mov stream/ --file ladder.json"
    )]
    Encode(EncodeArgs),

    /// Submit a job to a running system.
    #[command(
        after_help = "Examples:\n  nommer submit clip.mov clip.mp4 --wait\n  nommer submit --file job.json"
    )]
    Submit(SubmitArgs),

    /// Bring a file of this machine to a running system, and print the address that jobs call it by.
    #[command(
        after_help = "Examples:\n  nommer --stack media-nommer upload clip.mov\n  nommer --stack media-nommer submit clip.mov s3://out/clip.mp4 --upload"
    )]
    Upload {
        /// The file.
        file: PathBuf,
    },

    /// Submit many jobs from a list, a few at a time, and see each to its end. Goes on where it was stopped.
    #[command(
        after_help = "Examples:\n  nommer batch films.csv\n  nommer batch jobs.jsonl --target-queue 10\n  nommer batch films.csv --server\n  nommer batch s3://films/2026/ --destination 's3://web/{stem}.mp4' --preset web-mp4-1080p"
    )]
    Batch(BatchArgs),

    /// Look at batches that were handed over to the system, follow and cancel them.
    #[command(
        subcommand,
        after_help = "Examples:\n  nommer batch films.csv --server\n  nommer batches list"
    )]
    Batches(BatchesCommand),

    /// Look at jobs, cancel or delete them.
    #[command(subcommand)]
    Jobs(JobsCommand),

    /// Show the fleet, why it is as large as it is, and what it has cost; pause it, drain encoders.
    #[command(
        after_help = "Examples:\n  nommer fleet\n  nommer fleet pause --minutes 30\n  nommer fleet drain --all"
    )]
    Fleet {
        /// What to do. Default: status.
        #[command(subcommand)]
        command: Option<FleetCommand>,
    },

    /// Show what the system did lately: jobs, waiting times, cost.
    #[command(after_help = "Example:\n  nommer stats --window 168h")]
    Stats {
        /// How far back, from 1m to 2160h.
        #[arg(long, default_value = "24h")]
        window: String,
    },

    /// Make, list and revoke API keys.
    #[command(
        subcommand,
        after_help = "Examples:\n  nommer keys create web --scope submit --scope read --queued-jobs 50\n  nommer keys list\n  nommer keys revoke key_0123456789abcdef"
    )]
    Keys(KeysCommand),

    /// Look after webhook endpoints; look at deliveries of notifications, and deliver them again.
    #[command(
        subcommand,
        after_help = "Examples:\n  nommer webhooks create https://example.com/hook --events job.finished,job.failed\n  nommer webhooks deliveries --endpoint we_0123 --status failed\n  nommer webhooks update we_0123 --enable"
    )]
    Webhooks(WebhooksCommand),

    /// Forward what becomes of jobs to an address of this machine, signed. Needs no tunnel; Ctrl-C ends it.
    ///
    /// Events are told once and not tried again. The signing secret is a new one for each run, or that of the variable `NOMMER_LISTEN_SECRET`.
    #[command(
        after_help = "Examples:\n  nommer listen --forward-to localhost:3000/hook\n  nommer --stack nommer listen --forward-to localhost:3000/hook --events job.finished"
    )]
    Listen(ListenArgs),

    /// Send a sample of an event, signed and marked as a test.
    #[command(
        after_help = "Examples:\n  nommer trigger job.finished --forward-to localhost:3000/hook\n  nommer trigger job.failed --to we_0123"
    )]
    Trigger(TriggerArgs),

    /// Estimate the time and the price of a job without running it.
    #[command(
        after_help = "Examples:\n  nommer estimate clip.mov --preset web-mp4-1080p\n  nommer estimate --duration 3600"
    )]
    Estimate(EstimateArgs),

    /// Tell what a source holds: container, length, streams.
    ///
    /// It is looked at here, without a server. With --stack or --api an encoder of that system looks.
    #[command(
        after_help = "Examples:\n  nommer probe clip.mov\n  nommer probe https://example.com/clip.mov --json\n  nommer --stack media-nommer probe s3://in/clip.mov"
    )]
    Probe {
        /// A path, or an address (http, https, s3).
        source: String,
    },

    /// List the presets that come with the system; look after those of your own.
    #[command(
        after_help = "Examples:\n  nommer presets\n  nommer presets add house --file house.json --description 'What we publish'\n  nommer submit in.mov out/ --preset house"
    )]
    Presets {
        /// What to do with presets of a running system.
        #[command(subcommand)]
        command: Option<PresetsCommand>,
    },

    /// List the FFmpeg options and filters that jobs may use.
    Options,

    /// Check that this machine has what encoding needs.
    Doctor,

    /// Deploy the system to one's AWS account, look at the deployment, or take it away.
    #[command(
        after_help = "Examples:\n  cargo xtask dist && nommer deploy\n  nommer deploy --parameter FleetMax=5\n  nommer deploy status"
    )]
    Deploy(DeployArgs),

    /// Turn the original's nomconf.py into settings. Copies no keys.
    #[command(after_help = "Example:\n  nommer migrate nomconf.py > nommer.toml")]
    Migrate {
        /// The file to read. It is not executed.
        file: PathBuf,
    },

    /// Compare fleet policies in virtual time: cost, waiting, instances.
    #[command(
        after_help = "Examples:\n  nommer simulate --workload bursty\n  nommer simulate --trace jobs.csv --svg fleet.svg"
    )]
    Simulate(SimulateArgs),

    /// Show the settings that are in force.
    #[command(
        after_help = "Examples:\n  nommer config show\n  nommer config show --origin",
        args_conflicts_with_subcommands = true
    )]
    Config {
        /// List each setting with its value and the layer that it comes from.
        #[arg(long)]
        origin: bool,

        /// What to do. Default: show.
        #[command(subcommand)]
        command: Option<ConfigCommand>,
    },

    /// Print the description of the API, for generators of clients and the like.
    Openapi,

    /// Write manual pages, one for each command.
    #[command(after_help = "Example:\n  nommer man ~/.local/share/man/man1")]
    Man {
        /// The folder to write them to; it is made if it is not there.
        folder: PathBuf,
    },

    /// Print a completion script for a shell.
    Completions {
        /// The shell.
        shell: Shell,
    },

    /// The role of an encoder process. Launched by the system.
    #[command(hide = true)]
    Encoder,
}
