//! The command line: words, flags and their help. Parsing only.

mod batch;
mod bulk;
mod keys;
mod list;
mod presets;
mod system;
mod webhooks;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use clap_complete::Shell;

pub(crate) use batch::{BatchArgs, BatchesCommand};
pub(crate) use bulk::BulkArgs;
pub(crate) use keys::{KeysCommand, NewKeyArgs};
pub(crate) use list::ListArgs;
pub(crate) use presets::PresetsCommand;
pub(crate) use system::{
    ConfigCommand, DeployArgs, DeployCommand, EstimateArgs, FleetCommand, SimulateArgs,
};
pub(crate) use webhooks::{EndpointWish, ListenArgs, TriggerArgs, WebhooksCommand};

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

#[derive(Debug, Default, Args)]
pub(crate) struct DevArgs {
    /// Give encoder processes the boot time and the price of a cloud instance, to see the fleet at work.
    #[arg(long)]
    pub(crate) simulate_fleet: bool,

    /// Address and port to listen on; port 0 takes a free one.
    #[arg(long, value_name = "ADDRESS:PORT")]
    pub(crate) listen: Option<String>,

    /// Encode a clip through the API at once: FILE, or one that is made for it.
    #[arg(long, value_name = "FILE", num_args = 0..=1)]
    #[expect(
        clippy::option_option,
        reason = "absent, present, and present with a file are three things"
    )]
    pub(crate) demo: Option<Option<PathBuf>>,

    /// With --demo: exit when the demo is done; 0 only if all of it worked.
    #[arg(long, requires = "demo")]
    pub(crate) once: bool,

    /// Let sources and notify URLs lie in private networks, this machine included.
    #[arg(long)]
    pub(crate) allow_private_network: bool,
}

#[derive(Debug, Args)]
pub(crate) struct EncodeArgs {
    /// What to encode: a path, or an address (http, https, s3).
    pub(crate) source: PathBuf,

    /// Where the result goes: a path, or an address. Default: beside the source, with the preset's name; in this folder if the source is no file.
    pub(crate) destination: Option<PathBuf>,

    /// The preset; see `nommer presets`.
    #[arg(short, long, default_value = nommer_core::presets::DEFAULT)]
    pub(crate) preset: String,

    /// A file with the `job_options` of a job, instead of a preset.
    #[arg(long, value_name = "FILE", conflicts_with = "preset")]
    pub(crate) job_options: Option<PathBuf>,

    /// A file with a job in JSON, as for `submit --file`: outputs, captions, thumbnails. Its addresses give way to those that are named here.
    #[arg(short, long, value_name = "FILE", conflicts_with_all = ["preset", "job_options"], requires = "destination")]
    pub(crate) file: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct SubmitArgs {
    /// Where the media comes from: a path, or an address.
    #[arg(required_unless_present = "file")]
    pub(crate) source: Option<String>,

    /// Where the result goes: a path, or an address.
    #[arg(required_unless_present = "file")]
    pub(crate) destination: Option<String>,

    /// The preset; see `nommer presets`.
    #[arg(short, long, default_value = nommer_core::presets::DEFAULT)]
    pub(crate) preset: String,

    /// Submit this JSON file as it is.
    #[arg(short, long, conflicts_with_all = ["source", "destination"])]
    pub(crate) file: Option<PathBuf>,

    /// Tell this URL what becomes of the job.
    #[arg(long, value_name = "URL")]
    pub(crate) notify: Option<String>,

    /// Your own name for the job.
    #[arg(long, value_name = "TEXT")]
    pub(crate) external_id: Option<String>,

    /// End the job when it has cost more US dollars than this.
    #[arg(long, value_name = "USD")]
    pub(crate) max_cost: Option<f64>,

    /// How urgent the job is, from -50 to 50. Below zero, it waits until no other does.
    #[arg(long, value_name = "NUMBER", allow_negative_numbers = true, value_parser = clap::value_parser!(i8).range(-50..=50))]
    pub(crate) priority: Option<i8>,

    /// Bring the source to the system first, where it is a file of this machine.
    #[arg(long, conflicts_with_all = ["file", "dry_run"])]
    pub(crate) upload: bool,

    /// Only check the job and estimate what it takes.
    #[arg(long, conflicts_with = "wait")]
    pub(crate) dry_run: bool,

    /// Stay until the job has ended; exit with 5 if it ended badly.
    #[arg(short, long)]
    pub(crate) wait: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum JobsCommand {
    /// List jobs, newest first.
    List(ListArgs),
    /// Show one job.
    Get {
        /// Its id.
        id: String,
    },
    /// Print what FFmpeg said in the job's last attempt.
    Log {
        /// The job's id.
        id: String,

        /// Only so many lines, the last ones.
        #[arg(long, value_name = "LINES", default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1..=10_000))]
        tail: u32,
    },
    /// Follow jobs until they have ended.
    Watch {
        /// Their ids.
        #[arg(
            value_name = "ID",
            required_unless_present = "all",
            conflicts_with = "all"
        )]
        ids: Vec<String>,

        /// Every job that has not ended.
        #[arg(long)]
        all: bool,
    },
    /// Submit a job that ended badly once more, as a new job; or all in one state.
    Retry {
        /// Its id.
        #[arg(required_unless_present = "state", conflicts_with = "state")]
        id: Option<String>,

        /// All jobs in this state: ERROR, ABANDONED or CANCELED.
        #[arg(long)]
        state: Option<String>,

        /// Don't ask.
        #[arg(short, long)]
        yes: bool,
    },
    /// Cancel a job that has not ended.
    Cancel {
        /// Its id.
        id: String,
    },
    /// Cancel, delete or retry all jobs that a filter finds.
    #[command(
        after_help = "Example:\n  nommer jobs bulk retry --state ERROR --created-after 2026-01-31T12:00:00Z"
    )]
    Bulk(BulkArgs),
    /// Forget jobs that have ended. Their outputs stay, unless --outputs is given.
    Delete {
        /// The job's id.
        #[arg(required_unless_present = "all", conflicts_with = "all")]
        id: Option<String>,

        /// Every job: those that have not ended are canceled first. The original's wipe.
        #[arg(long)]
        all: bool,

        /// Delete what they published, too: files that nobody has replaced since.
        #[arg(long)]
        outputs: bool,

        /// Don't ask.
        #[arg(short, long)]
        yes: bool,
    },
}
