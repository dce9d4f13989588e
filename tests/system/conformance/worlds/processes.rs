//! Encoder processes of local mode, played by a program that only waits.

use nommer_local::{Local, ProcessFleet};
use tempfile::TempDir;

use super::super::FleetWorld;

/// Two data folders with a fleet each.
pub(crate) struct Processes {
    fleets: [ProcessFleet; 2],
    _folders: [TempDir; 2],
}

impl FleetWorld for Processes {
    type Fleet = ProcessFleet;

    async fn new() -> Self {
        let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
        let fleets = folders.each_ref().map(|folder| {
            let local = Local::open(folder.path()).unwrap();
            // Ends by itself when the test is long over.
            ProcessFleet::new(&local, "sleep".into(), vec!["30".to_owned()], Vec::new())
        });
        Self {
            fleets,
            _folders: folders,
        }
    }

    fn fleet(&self) -> &ProcessFleet {
        &self.fleets[0]
    }

    fn other(&self) -> &ProcessFleet {
        &self.fleets[1]
    }
}
