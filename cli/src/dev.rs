//! `nommer dev`: the four functions and the API in this process, encoders as processes beside it.
//!
//! The same use cases run here as in the Lambdas; only the timers and the adapters differ. If this process dies, encoders finish
//! what they have and end themselves; the next start goes on where this one stopped.

mod timers;
mod uploads;
mod watch;

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::Context as _;
use jiff::Timestamp;
use nommer_core::{
    address::NetworkRules, options::OptionPolicy, settings::Settings, spec::SpecRules,
    uri::UriRules,
};
use nommer_local::{Local, LocalSignal, ProcessFleet, ServerLock};
use nommer_submit::{Access, Allowances, Submit, router};
use tokio::{net::TcpListener, task::JoinSet};
use tokio_util::sync::CancellationToken;

use crate::{
    args::DevArgs,
    config::Config,
    demo::{self, Receiver},
    failure::Failure,
    guard::Guard,
    output::Output,
    serve::serve,
};

/// What `--simulate-fleet` takes an encoder process for, unless the settings say otherwise.
const SIMULATED_TYPE: &str = "c7i.large";

pub(crate) async fn run(args: &DevArgs, config: Config, output: Output) -> Result<(), Failure> {
    let Config { settings, data_dir } = config;
    let settings = overridden(settings, args)?;
    let listener = TcpListener::bind(&settings.server.listen)
        .await
        .with_context(|| format!("listen on {}", settings.server.listen))
        .map_err(|error| {
            Failure::from(error)
                .hint("another system may run there: choose another port with --listen")
        })?;
    let address = listener
        .local_addr()
        .context("read the address that was taken")?;
    let receiver = match &args.demo {
        Some(_) => Some(Receiver::start().await?),
        None => None,
    };
    let system = System::open(
        settings,
        &data_dir,
        receiver.as_ref().map(|receiver| receiver.address),
    )?;
    let stop = CancellationToken::new();
    let mut tasks = system.start(listener, &stop).await?;
    banner(&system, address, output);
    let ended = attend(&system, args, receiver, address, output).await;
    stop.cancel();
    while tasks.join_next().await.is_some() {}
    system.fleet.terminate_all().await;
    ended
}

/// The settings with what the command line says.
fn overridden(mut settings: Settings, args: &DevArgs) -> Result<Settings, Failure> {
    if let Some(listen) = &args.listen {
        settings.server.listen.clone_from(listen);
        settings
            .validate()
            .map_err(|error| Failure::usage(error.to_string()))?;
    }
    if args.simulate_fleet {
        simulate_fleet(&mut settings);
    }
    settings.network.allow_private_network |= args.allow_private_network;
    if let Some(Some(file)) = &args.demo {
        // Whoever names a file here wants it to be read, wherever it lies.
        let file = std::path::absolute(file).context("find the file")?;
        settings
            .local
            .allowed_folders
            .extend(file.parent().map(Path::to_owned));
    }
    Ok(settings)
}

/// Lets encoder processes boot, cost and idle as cloud instances do. What the user set stays.
fn simulate_fleet(settings: &mut Settings) {
    let (own, cloud) = (Settings::local(), Settings::default());
    if settings.fleet.boot_time == own.fleet.boot_time {
        settings.fleet.boot_time = cloud.fleet.boot_time;
        settings.fleet.billed_boot = cloud.fleet.billed_boot;
    }
    if settings.fleet.max == own.fleet.max {
        settings.fleet.max = cloud.fleet.max;
    }
    if settings.prices.instance_type == own.prices.instance_type {
        settings.prices.instance_type = Some(SIMULATED_TYPE.to_owned());
    }
    if settings.local.boot_delay.is_zero() {
        settings.local.boot_delay = settings.fleet.boot_time;
    }
}

/// Runs the demo if there is one, and waits until the system is to stop.
async fn attend(
    system: &System,
    args: &DevArgs,
    receiver: Option<Receiver>,
    address: SocketAddr,
    output: Output,
) -> Result<(), Failure> {
    let work = async {
        if let (Some(file), Some(receiver)) = (&args.demo, receiver) {
            let ended = demo::run(system, file.as_deref(), receiver, address, output).await;
            if args.once {
                return ended;
            }
            if let Err(failure) = &ended {
                output.error(failure, failure.hint_text());
            }
        }
        output.note("Ctrl-C stops it.");
        std::future::pending().await
    };
    tokio::select! {
        ended = work => ended,
        () = interrupted() => {
            output.note("stopping: encoders give their jobs back");
            if args.once { Err(Failure::interrupted()) } else { Ok(()) }
        }
    }
}

/// Waits for Ctrl-C or SIGTERM.
async fn interrupted() {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate()).expect("a signal handler can be set up");
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        _ = terminate.recv() => {}
    }
}

fn banner(system: &System, address: SocketAddr, output: Output) {
    if output.json {
        output.data(
            serde_json::json!({"api": format!("http://{address}"), "data_dir": system.data_dir}),
        );
        return;
    }
    output.note(format!(
        "nommer {} · local mode, no AWS used",
        env!("CARGO_PKG_VERSION")
    ));
    output.data(format!("  API   http://{address}/v1"));
    output.note(format!("  data  {}", system.data_dir.display()));
    output.note("Try:  nommer submit clip.mov clip.mp4 --wait");
}

/// The embedded system.
#[derive(Debug)]
pub(crate) struct System {
    pub(crate) settings: Settings,
    pub(crate) data_dir: PathBuf,
    pub(crate) local: Arc<Local>,
    pub(crate) fleet: Arc<ProcessFleet>,
    signal: LocalSignal,
    network: NetworkRules,
    rules: SpecRules,
    _lock: ServerLock,
}

impl System {
    /// Opens the data folder. `receiver` may be told of jobs although it is on this machine.
    fn open(
        settings: Settings,
        data_dir: &Path,
        receiver: Option<SocketAddr>,
    ) -> Result<Self, Failure> {
        let local = Local::open(data_dir).map_err(anyhow::Error::from)?;
        let lock = local.lock().map_err(anyhow::Error::from)?;
        let cleaned = local.uploads().clean(Timestamp::now());
        cleaned.context("clear the folder for uploads")?;
        let data_dir = local.folder().to_owned();
        let folders = folders(&settings, &data_dir)?;
        let local = Arc::new(local.serving(folders.clone()));
        let mut network = NetworkRules::from(&settings);
        network.extra_allowed.extend(receiver);
        let rules = SpecRules {
            uris: UriRules::local(network.clone(), folders, data_dir.clone()),
            network: network.clone(),
            options: OptionPolicy::from(&settings),
            legacy_notify_format: Some(settings.legacy.notify_format),
            watch: watch::rules(&settings)?,
        };
        let program = std::env::current_exe().context("find this program")?;
        let variables = vec![(
            crate::encoder::SETTINGS_VARIABLE.to_owned(),
            serde_json::to_string(&settings).context("write the settings for encoders")?,
        )];
        let fleet = ProcessFleet::new(&local, program, vec!["encoder".to_owned()], variables);
        Ok(Self {
            settings,
            data_dir,
            local,
            fleet: Arc::new(fleet),
            signal: LocalSignal::default(),
            network,
            rules,
            _lock: lock,
        })
    }

    /// Starts the API and the timers.
    async fn start(
        &self,
        listener: TcpListener,
        stop: &CancellationToken,
    ) -> Result<JoinSet<()>, Failure> {
        let mut tasks = JoinSet::new();
        let submit = Arc::new(Submit {
            backend: Arc::clone(&self.local),
            signal: self.signal.clone(),
            rules: self.rules.clone(),
            settings: self.settings.clone(),
            access: Access {
                keys_required: self.settings.server.require_key,
                anonymous_legacy: false,
            },
            job_events: false,
            allowances: Allowances::default(),
        });
        let address = listener
            .local_addr()
            .context("read the address that was taken")?;
        let uploads = Arc::new(self.local.uploads().clone());
        let watcher = watch::watcher(Arc::clone(&submit)).await?;
        let routes = router(submit).merge(uploads::routes(uploads));
        tasks.spawn(serve(listener, Guard(address), routes, stop.clone()));
        let backlog = timers::Backlog::default();
        spawn_until(&mut tasks, stop, timers::scaling(self, backlog.clone()));
        spawn_until(&mut tasks, stop, timers::pruning(self, backlog));
        spawn_until(&mut tasks, stop, timers::state_changes(self)?);
        if let Some(watcher) = watcher {
            spawn_until(&mut tasks, stop, watcher);
        }
        Ok(tasks)
    }
}

/// Runs a loop until it is time to stop.
fn spawn_until(
    tasks: &mut JoinSet<()>,
    stop: &CancellationToken,
    work: impl Future<Output = ()> + Send + 'static,
) {
    let stop = stop.clone();
    tasks.spawn(async move {
        stop.run_until_cancelled_owned(work).await;
    });
}

/// Folders under which `file://` is served: the current one, `media` in the data folder, and those in the settings. The rest of the data
/// folder holds the job table and the keys, and is served to nobody.
pub(crate) fn folders(settings: &Settings, data_dir: &Path) -> Result<Vec<PathBuf>, Failure> {
    let current = std::env::current_dir().context("find the current folder")?;
    let mut folders = vec![current, data_dir.join("media")];
    folders.extend(settings.local.allowed_folders.iter().cloned());
    Ok(folders)
}
