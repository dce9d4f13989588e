//! From the parsed command line to the code that does it.

use clap::CommandFactory as _;
use clap_complete::Shell;
use tokio::runtime::Builder;

use crate::{
    args::{Cli, Command, Common, ConfigCommand, DeployArgs, DevArgs},
    batch, batches,
    client::Client,
    config::{self, Config},
    deploy, dev, doctor, encode, encoder, estimate,
    failure::Failure,
    fleet, jobs, keys, listen, man, migrate, options,
    output::{self, Output},
    presets, probe, simulate, stats, submit, tracing, trigger, upload, webhooks,
};

/// Threads that answer requests in local mode. Two answered no more submits a second than one, and took 16 % more CPU for each: they are woken
/// for every few requests. The database, reads of it and reads of files have threads of their own.
const SERVER_THREADS: usize = 1;

/// Runs one command.
pub(crate) fn run(cli: Cli, output: Output) -> Result<(), Failure> {
    let mut builder = Builder::new_multi_thread();
    if matches!(cli.command, None | Some(Command::Dev(_))) {
        builder.worker_threads(SERVER_THREADS);
    }
    let runtime = builder.enable_all().build();
    let runtime = runtime.map_err(anyhow::Error::from)?;
    runtime.block_on(Box::pin(carry_out(cli, output)))
}

async fn carry_out(cli: Cli, output: Output) -> Result<(), Failure> {
    let config = Config::load(&cli.common)?;
    let client = || Client::connect(&cli.common, &config);
    match cli.command.unwrap_or(Command::Dev(DevArgs::default())) {
        Command::Dev(args) => {
            tracing::init("warn");
            dev::run(&args, config, output).await
        }
        Command::Encoder => {
            tracing::init("info");
            encoder::run().await
        }
        Command::Encode(args) => {
            tracing::init("error");
            Box::pin(encode::run(&args, &config, output)).await
        }
        Command::Submit(args) => Box::pin(submit::run(&args, &client().await?, output)).await,
        Command::Upload { file } => Box::pin(upload::run(&file, &client().await?, output)).await,
        Command::Batch(args) if args.server => {
            Box::pin(batches::hand_over(&args, &client().await?, output)).await
        }
        Command::Batches(command) => batches::run(&command, &client().await?, output).await,
        Command::Batch(args) => Box::pin(batch::run(&args, &client().await?, output)).await,
        Command::Jobs(command) => jobs::run(&command, &client().await?, output).await,
        Command::Fleet { command } => fleet::run(command.as_ref(), &client().await?, output).await,
        Command::Stats { window } => stats::run(&window, &client().await?, output).await,
        Command::Keys(command) => Box::pin(keys::run(&command, &cli.common, &config, output)).await,
        told @ (Command::Webhooks(_) | Command::Listen(_) | Command::Trigger(_)) => {
            Box::pin(tell(told, &cli.common, &config, output)).await
        }
        Command::Estimate(args) => estimate::run(&args, &config, &client().await?, output).await,
        Command::Probe { source } => {
            tracing::init("error");
            Box::pin(probe::run(&source, &cli.common, &config, output)).await
        }
        Command::Presets { command } => {
            presets::run(command.as_ref(), &cli.common, &config, output).await
        }
        Command::Options => options::run(output),
        Command::Doctor => {
            let stack = cli.common.stack.as_deref();
            Box::pin(doctor::run(stack, &config, output)).await
        }
        Command::Deploy(args) => deploy_stack(&args, cli.common.stack.as_deref(), output).await,
        Command::Migrate { file } => migrate::run(&file, output),
        Command::Simulate(args) => simulate::run(&args, output),
        Command::Config { origin, command } => {
            let asked = matches!(command, Some(ConfigCommand::Show { origin: true }));
            config::show(&config, origin || asked, output)
        }
        Command::Openapi => openapi(),
        Command::Man { folder } => man::write(&folder, output),
        Command::Completions { shell } => {
            output::raw(&completions(shell));
            Ok(())
        }
    }
}

/// Tells others of jobs, or looks after who is told.
async fn tell(
    command: Command,
    common: &Common,
    config: &Config,
    output: Output,
) -> Result<(), Failure> {
    let client = || Client::connect(common, config);
    match command {
        Command::Webhooks(command) => webhooks::run(&command, common, config, output).await,
        Command::Listen(args) => listen::run(&args, &client().await?, output).await,
        Command::Trigger(args) => trigger::run(&args, common, config, output).await,
        _ => Ok(()),
    }
}

/// Prints the description of the API.
#[expect(clippy::unnecessary_wraps, reason = "as all commands end")]
fn openapi() -> Result<(), Failure> {
    output::raw(nommer_submit::OPENAPI.as_bytes());
    Ok(())
}

/// Deploys, or looks after what was deployed.
async fn deploy_stack(
    args: &DeployArgs,
    stack: Option<&str>,
    output: Output,
) -> Result<(), Failure> {
    tracing::init("error");
    Box::pin(deploy::run(args, stack.unwrap_or(deploy::STACK), output)).await
}

fn completions(shell: Shell) -> Vec<u8> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "nommer", &mut script);
    script
}
