//! `dev`, `encode` and `submit`.

use std::path::PathBuf;

use clap::Args;

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
