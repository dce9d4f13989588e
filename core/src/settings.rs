//! Every setting, with its default and what it is for. Reading files and the environment is the caller's business.
//!
//! Unknown keys are errors. Where a setting has a name in the original, its doc names it.

use std::{path::PathBuf, time::Duration};

use jiff::fmt::serde::unsigned_duration::friendly::compact::required as friendly;
use serde::{Deserialize, Serialize};

use crate::{
    fleet::{Budget, FleetSettings, SettingsError},
    limits::MediaLimits,
    money::{LOCAL_TYPE, PriceSettings},
    notify::NotifyFormat,
    watch::WatchRule,
};

/// All settings.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// The HTTP server of local mode.
    pub server: ServerSettings,
    /// Where local mode keeps its data.
    pub local: LocalSettings,
    /// How many encoders, and when.
    pub fleet: FleetSettings,
    /// How much they may cost.
    pub budget: Budget,
    /// What instances cost.
    pub prices: PriceSettings,
    /// Limits of jobs.
    pub jobs: JobSettings,
    /// How large media may be.
    pub limits: MediaLimits,
    /// The encoder daemon.
    pub encoder: EncoderSettings,
    /// FFmpeg itself.
    pub ffmpeg: FfmpegSettings,
    /// Which hosts may be reached.
    pub network: NetworkSettings,
    /// Where media may come from.
    pub storage: StorageSettings,
    /// The original's API.
    pub legacy: LegacySettings,
    /// Folders whose media becomes jobs by itself.
    pub watch: Vec<WatchRule>,
}

/// `[server]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ServerSettings {
    /// Address and port; port 0 takes a free one. The default port is the original's.
    pub listen: String,
    /// Whether every request must bring an API key. Otherwise programs of this machine need none.
    pub require_key: bool,
}

impl Default for ServerSettings {
    fn default() -> Self {
        Self {
            listen: "127.0.0.1:8001".to_owned(),
            require_key: false,
        }
    }
}

/// `[local]`
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LocalSettings {
    /// Folder of the database, the key file, the work folders and the logs. Unset: `nommer` in the user's data folder.
    pub data_dir: Option<PathBuf>,
    /// Folders under which `file://` is served, beside the current folder and `media` in the data folder.
    pub allowed_folders: Vec<PathBuf>,
    /// An encoder process waits so long before it takes jobs, as an instance that boots would: for trying out the fleet.
    #[serde(with = "friendly")]
    pub boot_delay: Duration,
}

/// `[jobs]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct JobSettings {
    /// A job of which nothing was heard for so long is given up. `FEEDERD_ABANDON_INACTIVE_JOBS_THRESH`.
    #[serde(with = "friendly")]
    pub abandon_after: Duration,
    /// A job's FFmpeg may run for at most so long, all passes together.
    #[serde(with = "friendly")]
    pub time_limit: Duration,
    /// How long jobs are kept after their end. On AWS; locally they stay until they are deleted.
    #[serde(with = "friendly")]
    pub retention: Duration,
}

impl Default for JobSettings {
    fn default() -> Self {
        Self {
            abandon_after: Duration::from_secs(9 * 3_600),
            time_limit: Duration::from_secs(24 * 3_600),
            retention: Duration::from_secs(90 * 86_400),
        }
    }
}

/// `[encoder]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EncoderSettings {
    /// Pause between two heartbeats; each extends the lease. `NOMMERD_HEARTBEAT_INTERVAL`.
    #[serde(with = "friendly")]
    pub heartbeat: Duration,
    /// How long a lease lasts without a heartbeat. At least three heartbeats, so that two may be lost.
    #[serde(with = "friendly")]
    pub lease: Duration,
    /// FFmpeg is killed when neither its output nor its processor time grew for so long.
    #[serde(with = "friendly")]
    pub stall_limit: Duration,
}

impl Default for EncoderSettings {
    fn default() -> Self {
        Self {
            heartbeat: Duration::from_secs(20),
            lease: Duration::from_secs(60),
            stall_limit: Duration::from_secs(120),
        }
    }
}

/// `[ffmpeg]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FfmpegSettings {
    /// The program, by name or path. `ffprobe` is looked for beside it.
    pub path: PathBuf,
    /// FFmpeg options that jobs may use beside those that we know to be harmless.
    pub extra_options: Vec<String>,
    /// Filters that jobs may use beside those that we know to be harmless.
    pub extra_filters: Vec<String>,
    /// How strictly FFmpeg is locked in.
    pub sandbox: SandboxMode,
}

impl Default for FfmpegSettings {
    fn default() -> Self {
        Self {
            path: PathBuf::from("ffmpeg"),
            extra_options: Vec::new(),
            extra_filters: Vec::new(),
            sandbox: SandboxMode::BestEffort,
        }
    }
}

/// How strictly FFmpeg is locked in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SandboxMode {
    /// No run without the whole sandbox.
    Strict,
    /// As much of it as this machine allows.
    #[default]
    BestEffort,
    /// None of it.
    Off,
}

/// `[network]`
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NetworkSettings {
    /// Whether sources and notify URLs may lie in private networks, this machine included.
    pub allow_private_network: bool,
}

/// `[storage]`
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct StorageSettings {
    /// Whether sources and notify URLs must use `https`. `STORAGE_BACKENDS`.
    pub require_https: bool,
    /// Canned ACL of outputs in S3, such as `public-read`. Only buckets with ACLs enabled take one. Unset: the bucket's default.
    pub s3_acl: Option<String>,
    /// Storage class of outputs in S3, such as `INTELLIGENT_TIERING`. Unset: `STANDARD`.
    pub s3_storage_class: Option<String>,
    /// Encryption of outputs in S3: `AES256` or `aws:kms`. Unset: the bucket's default.
    pub s3_encryption: Option<String>,
    /// The KMS key for `aws:kms`. Unset: the account's own key for S3.
    pub s3_kms_key_id: Option<String>,
}

/// `[legacy]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LegacySettings {
    /// Whether `/job/submit` takes jobs from anybody who can reach it: the original's client has no credentials to send. Local mode
    /// serves this machine alone and always does.
    pub allow_anonymous: bool,
    /// Format of notifications for jobs from `/job/submit`: `get` as the original documents, `form` as its released code did.
    pub notify_format: NotifyFormat,
}

impl Default for LegacySettings {
    fn default() -> Self {
        Self {
            allow_anonymous: false,
            notify_format: NotifyFormat::Get,
        }
    }
}

/// A setting that cannot be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("setting {field}: {problem}")]
pub struct SettingError {
    /// The setting, as it is written in a file: `encoder.lease`.
    pub field: &'static str,
    /// What is wrong and what would be right.
    pub problem: String,
}

impl From<SettingsError> for SettingError {
    fn from(error: SettingsError) -> Self {
        Self {
            field: error.field,
            problem: error.problem,
        }
    }
}

impl Settings {
    /// The defaults of local mode: a heartbeat costs next to nothing on one machine, so progress is fresher and a dead encoder is
    /// noticed sooner; starting a process costs next to nothing too, so an idle one need not wait long.
    pub fn local() -> Self {
        let mut settings = Self::default();
        settings.encoder.heartbeat = Duration::from_secs(1);
        settings.encoder.lease = Duration::from_secs(15);
        settings.fleet.boot_time = Duration::from_secs(5);
        settings.fleet.billed_boot = Duration::from_secs(5);
        // A look costs next to nothing here, and nobody else wakes scale when an encoder gives a job back.
        settings.fleet.scale_interval = Duration::from_secs(2);
        settings.fleet.max = 1;
        settings.prices.instance_type = Some(LOCAL_TYPE.to_owned());
        settings.legacy.allow_anonymous = true;
        settings
    }

    /// Refuses settings that contradict each other or themselves.
    pub fn validate(&self) -> Result<(), SettingError> {
        let refuse = |field, problem: &str| {
            Err(SettingError {
                field,
                problem: problem.to_owned(),
            })
        };
        self.fleet.validate()?;
        self.budget.validate()?;
        self.prices.validate()?;
        if self.budget.limit().is_some() && self.prices.expected().is_none() {
            return refuse(
                "budget.monthly_usd",
                "can only be kept if the price of an instance is known: set prices.instance_type",
            );
        }
        if self.server.listen.parse::<std::net::SocketAddr>().is_err() {
            return refuse(
                "server.listen",
                "must be an address and a port, such as 127.0.0.1:8001",
            );
        }
        self.limits.validate()?;
        if self.encoder.heartbeat.is_zero() {
            return refuse("encoder.heartbeat", "must be longer than nothing");
        }
        if self.encoder.lease < self.encoder.heartbeat * 3 {
            return refuse(
                "encoder.lease",
                "must be at least three times encoder.heartbeat",
            );
        }
        if self.jobs.abandon_after < self.encoder.lease {
            return refuse("jobs.abandon_after", "must be longer than encoder.lease");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_are_valid_and_survive_a_round_trip() {
        let settings = Settings::default();
        settings.validate().unwrap();
        let text = serde_json::to_string(&settings).unwrap();
        assert_eq!(serde_json::from_str::<Settings>(&text).unwrap(), settings);
    }

    #[test]
    fn contradictions_name_their_setting() {
        let mut settings = Settings::default();
        settings.encoder.lease = Duration::from_secs(30);
        assert_eq!(settings.validate().unwrap_err().field, "encoder.lease");
        let mut settings = Settings::default();
        settings.budget.monthly_usd = Some(-5.0);
        assert_eq!(settings.validate().unwrap_err().field, "budget.monthly_usd");
        settings.budget.monthly_usd = Some(5.0);
        let unknown = settings.validate().unwrap_err();
        assert_eq!(
            unknown.field, "budget.monthly_usd",
            "a budget without prices cannot be kept"
        );
        settings.prices.instance_type = Some("c7g.large".to_owned());
        settings.validate().unwrap();
        settings.prices.instance_type = Some("c7g.lrage".to_owned());
        assert_eq!(
            settings.validate().unwrap_err().field,
            "prices.instance_type"
        );
        assert!(serde_json::from_str::<Settings>(r#"{"encoder":{"haertbeat":"5s"}}"#).is_err());
    }
}
