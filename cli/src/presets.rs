//! `nommer presets`: those that come with the system, and those of one's own in a running one.

use anyhow::Context as _;
use nommer_core::{api::PresetView, presets::ALL};
use serde_json::json;

use crate::{
    args::{Common, PresetsCommand},
    client::Client,
    config::Config,
    failure::Failure,
    output::{Output, table},
    submit::read_json,
};

/// Prints those that come with the system. No server is asked.
fn builtin(output: Output) -> Result<(), Failure> {
    let all: Vec<PresetView> = ALL.iter().map(PresetView::of).collect();
    print(&all, output)
}

pub(crate) async fn run(
    command: Option<&PresetsCommand>,
    common: &Common,
    config: &Config,
    output: Output,
) -> Result<(), Failure> {
    let Some(command) = command else {
        return builtin(output);
    };
    let client = Client::connect(common, config).await?;
    match command {
        PresetsCommand::List => print(&client.presets().await?.data, output),
        PresetsCommand::Show { name } => {
            let preset = client.preset(name).await?;
            if output.json {
                return Ok(output.json(&preset)?);
            }
            let pretty = serde_json::to_string_pretty(&preset).context("write the preset")?;
            output.data(pretty);
            Ok(())
        }
        PresetsCommand::Add {
            name,
            file,
            description,
        } => {
            let body = json!({"description": description, "job": read_json(file)?});
            let preset = client.put_preset(name, &body).await?;
            if output.json {
                return Ok(output.json(&preset)?);
            }
            output.note(format!("{} is at version {}", preset.name, preset.version));
            Ok(())
        }
        PresetsCommand::Delete { name } => {
            client.delete_preset(name).await?;
            output.note(format!(
                "{name} is forgotten; jobs that were made of it stay"
            ));
            Ok(())
        }
    }
}

fn print(presets: &[PresetView], output: Output) -> Result<(), Failure> {
    if output.json {
        for preset in presets {
            output.json(preset)?;
        }
        return Ok(());
    }
    let row = |preset: &PresetView| vec![preset.name.clone(), preset.description.clone()];
    output.data(table(&presets.iter().map(row).collect::<Vec<_>>()));
    Ok(())
}
