//! `nommer options`: which FFmpeg options and filters jobs may use.

use nommer_core::{
    filtergraph::allowed_filters,
    options::{Side, allowed_options},
};
use serde_json::json;

use crate::{failure::Failure, output::Output};

pub(crate) fn run(output: Output) -> Result<(), Failure> {
    for entry in allowed_options() {
        let side = match entry.side {
            Side::Input => "infile_options",
            Side::Output => "outfile_options",
        };
        if output.json {
            output.json(&json!({"option": entry.name, "side": side, "values": entry.values()}))?;
        } else {
            output.data(format!("{side:15}  {:22}  {}", entry.name, entry.values()));
        }
    }
    for (filter, options) in allowed_filters() {
        if output.json {
            output.json(&json!({"filter": filter, "options": options}))?;
        } else {
            output.data(format!(
                "{:15}  {filter:22}  {}",
                "filter",
                options.join(" ")
            ));
        }
    }
    output.note("more are let in by ffmpeg.extra_options and ffmpeg.extra_filters in the settings");
    Ok(())
}
