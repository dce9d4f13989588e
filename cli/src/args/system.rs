//! Words and flags of the commands that are about the system: `fleet`, `estimate`, `simulate`, `deploy`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

#[derive(Debug, Subcommand)]
pub(crate) enum FleetCommand {
    /// Show state, last decision with its reason, instances and cost.
    Status,
    /// Launch nothing; encoders finish the jobs they have, take no more and end.
    Pause {
        /// Go on by itself after so many minutes. Default: when you resume.
        #[arg(long)]
        minutes: Option<u32>,
    },
    /// Go on.
    Resume,
    /// Let an encoder finish the jobs it has, take no more and end.
    Drain {
        /// The encoder; `nommer fleet` lists them.
        #[arg(required_unless_present = "all", conflicts_with = "all")]
        id: Option<String>,

        /// Every encoder. Launches go on; to stop them too, pause the fleet.
        #[arg(long)]
        all: bool,
    },
}

#[derive(Debug, Args)]
pub(crate) struct EstimateArgs {
    /// The file to encode; its length is looked up here.
    #[arg(required_unless_present = "duration")]
    pub(crate) source: Option<PathBuf>,

    /// The preset; see `nommer presets`.
    #[arg(short, long, default_value = nommer_core::presets::DEFAULT)]
    pub(crate) preset: String,

    /// Seconds of media, for a source that is not at hand.
    #[arg(long, value_name = "SECONDS", conflicts_with = "source")]
    pub(crate) duration: Option<f64>,
}

#[derive(Debug, Args)]
pub(crate) struct SimulateArgs {
    /// Only this kind of day: steady, diurnal, bursty or sparse.
    #[arg(long, conflicts_with = "trace")]
    pub(crate) workload: Option<String>,

    /// Jobs of your own: a CSV file with the columns `arrival_secs,work_secs`.
    #[arg(long, value_name = "FILE")]
    pub(crate) trace: Option<PathBuf>,

    /// How many days of each kind.
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u64).range(1..=1_000))]
    pub(crate) seeds: u64,

    /// Jobs that an instance does at a time.
    #[arg(long, default_value_t = 1)]
    pub(crate) jobs_per_instance: u32,

    /// Plot the instances of the first day over time, as FILE with the workload in its name.
    #[arg(long, value_name = "FILE")]
    pub(crate) svg: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct DeployArgs {
    /// What to do. Default: deploy.
    #[command(subcommand)]
    pub(crate) command: Option<DeployCommand>,

    /// A parameter of the template, as KEY=VALUE; may be repeated. Those that are not given keep their values.
    #[arg(long = "parameter", value_name = "KEY=VALUE")]
    pub(crate) parameters: Vec<String>,

    /// The template.
    #[arg(long, default_value = "infra/template.yaml")]
    pub(crate) template: PathBuf,

    /// The folder that `cargo xtask dist` wrote.
    #[arg(long, default_value = "dist")]
    pub(crate) dist: PathBuf,
}

impl DeployArgs {
    /// The processor that functions and encoders are to run on, if it is given.
    pub(crate) fn architecture(&self) -> Option<&str> {
        let mut given = self.parameters.iter();
        given.find_map(|one| one.strip_prefix("Architecture="))
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum DeployCommand {
    /// Show the stack's state and its addresses.
    Status,
    /// Delete the stack. Its buckets and its table stay.
    Destroy {
        /// Really.
        #[arg(long)]
        yes: bool,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Show the settings that are in force.
    Show {
        /// List each setting with its value and the layer that it comes from.
        #[arg(long)]
        origin: bool,
    },
}
