//! The instances: launched by token, listed late, taken away at any time. One that never comes up stays until it is ended.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use nommer_core::{
    id::InstanceId,
    ports::{Fleet, LaunchError, Machine, StoreError},
};
use tokio::time::Instant;

use crate::{encoders, mutants::Mutant, process::Process};

/// All instances that there ever were.
#[derive(Debug, Default)]
pub struct Cloud {
    machines: Vec<Instanced>,
    by_token: BTreeMap<String, InstanceId>,
}

#[derive(Debug)]
struct Instanced {
    machine: Machine,
    listed_from: Instant,
    gone_at: Option<Instant>,
    /// The encoder that runs on it now.
    process: Option<Arc<Process>>,
}

impl Cloud {
    /// How many there are now.
    pub fn alive(&self) -> usize {
        self.machines
            .iter()
            .filter(|machine| machine.gone_at.is_none())
            .count()
    }

    /// Whether this one is there.
    pub fn is_alive(&self, id: &InstanceId) -> bool {
        self.machines
            .iter()
            .any(|machine| machine.machine.id == *id && machine.gone_at.is_none())
    }

    /// Ends one, with whatever runs on it. Nothing happens if it is gone already.
    pub fn end(&mut self, id: &InstanceId) {
        for machine in &mut self.machines {
            if machine.machine.id == *id && machine.gone_at.is_none() {
                machine.gone_at = Some(Instant::now());
                if let Some(process) = &machine.process {
                    process.kill();
                }
            }
        }
    }

    /// An encoder starts on an instance. False if the instance is gone.
    pub fn host(&mut self, id: &InstanceId, process: &Arc<Process>) -> bool {
        for machine in &mut self.machines {
            if machine.machine.id == *id && machine.gone_at.is_none() {
                machine.process = Some(Arc::clone(process));
                return true;
            }
        }
        false
    }
}

/// The cloud as one process calls it.
#[derive(Debug)]
pub struct CloudPort(pub Arc<Process>);

impl CloudPort {
    fn cloud(&self) -> MutexGuard<'_, Cloud> {
        self.0.world.cloud.lock().expect("no holder panics")
    }

    /// Launches, if the token has launched nothing yet.
    fn start(&self, token: &str) -> InstanceId {
        let world = &self.0.world;
        let mut cloud = self.cloud();
        if let Some(known) = cloud.by_token.get(token) {
            return known.clone();
        }
        let id: InstanceId = format!("i-{}", cloud.machines.len())
            .parse()
            .expect("a legal id");
        world.log(|| format!("{} launches {id} for {token}", self.0.name));
        let lag = Duration::from_secs(world.between(0, world.faults().lag.into()));
        cloud.by_token.insert(token.to_owned(), id.clone());
        cloud.machines.push(Instanced {
            machine: Machine {
                id: id.clone(),
                token: token.to_owned(),
            },
            listed_from: Instant::now() + lag,
            gone_at: None,
            process: None,
        });
        let (alive, most) = (cloud.alive(), world.fleet.max);
        drop(cloud);
        if alive > usize::try_from(most).unwrap_or(usize::MAX) {
            world.violated(|| format!("{alive} instances live, {most} are allowed"));
        }
        encoders::boot(world, &id);
        id
    }
}

impl Fleet for CloudPort {
    async fn machines(&self) -> Result<Vec<Machine>, StoreError> {
        self.0.enter("list instances").await?;
        let now = Instant::now();
        let lag = Duration::from_secs(self.0.world.faults().lag.into());
        let listed = self
            .cloud()
            .machines
            .iter()
            .filter(|one| one.listed_from <= now && one.gone_at.is_none_or(|at| now < at + lag))
            .map(|one| one.machine.clone())
            .collect();
        self.0.leave("list instances").await?;
        Ok(listed)
    }

    async fn launch(&self, token: &str) -> Result<InstanceId, LaunchError> {
        let failed = |error: StoreError| LaunchError::Failed(error.to_string());
        self.0.enter("launch").await.map_err(failed)?;
        if self.0.world.chance(self.0.world.faults().refused) {
            return Err(LaunchError::NoCapacity("none left".to_owned()));
        }
        let id = self.start(token);
        match self.0.leave("launch").await {
            Ok(()) => Ok(id),
            Err(lost) if self.0.world.has(Mutant::LostLaunchRefused) => {
                Err(LaunchError::Failed(lost.to_string()))
            }
            Err(lost) => Err(LaunchError::Unanswered(lost.to_string())),
        }
    }

    async fn terminate(&self, id: &InstanceId) -> Result<(), StoreError> {
        self.0.enter("terminate").await?;
        if !self.0.world.has(Mutant::NoTerminate) {
            self.cloud().end(id);
        }
        self.0.leave("terminate").await
    }
}

/// Keeps the lock's type in one place for those that only look.
pub(crate) fn look(cloud: &Mutex<Cloud>) -> MutexGuard<'_, Cloud> {
    cloud.lock().expect("no holder panics")
}
