//! Encoder processes as instances. A launch is written down before the process exists, so that one token never makes two.

use std::{
    fs::{self, File, OpenOptions},
    os::unix::process::CommandExt as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Duration,
};

use jiff::Timestamp;
use nix::sys::signal::Signal;
use nommer_core::{
    id::InstanceId,
    lease::elapsed,
    ports::{Fleet, LaunchError, Machine, StoreError},
};
use rusqlite::{OptionalExtension as _, params};
use uuid::Uuid;

use crate::{
    Local,
    db::{Db, Fault},
    process::Process,
};

/// The variable that tells an encoder process which instance it is.
const INSTANCE_VARIABLE: &str = "NOMMER_INSTANCE_ID";

/// How long a process that was asked to end may take to give its jobs back.
const GRACE: Duration = Duration::from_secs(10);

/// How long a launch may take from its first mark to its process. After that, it died in between.
const LAUNCH_LIMIT: Duration = Duration::from_secs(10);

/// Log files of encoders that are kept.
const LOGS: usize = 20;

/// Launches, lists and ends encoder processes of one data folder.
#[derive(Clone, Debug)]
pub struct ProcessFleet {
    db: Db,
    logs: PathBuf,
    program: PathBuf,
    arguments: Vec<String>,
    variables: Vec<(String, String)>,
}

/// What is written down of one process.
#[derive(Clone, Debug)]
struct Row {
    token: String,
    instance_id: InstanceId,
    launched_at: Timestamp,
    process: Option<Process>,
}

impl Row {
    fn alive(&self, now: Timestamp) -> bool {
        self.process.map_or_else(
            || elapsed(now, self.launched_at) < LAUNCH_LIMIT,
            Process::alive,
        )
    }
}

impl ProcessFleet {
    /// A fleet that runs `program` with these arguments and variables for each instance.
    pub fn new(
        local: &Local,
        program: PathBuf,
        arguments: Vec<String>,
        variables: Vec<(String, String)>,
    ) -> Self {
        Self {
            db: local.db.clone(),
            logs: local.folder.join("logs"),
            program,
            arguments,
            variables,
        }
    }

    /// Asks every encoder to end, giving its jobs back, and waits until they have.
    pub async fn terminate_all(&self) {
        let rows = self.rows().await.unwrap_or_else(|error| {
            tracing::warn!(error = ?error, "the encoders could not be listed; they end themselves when idle");
            Vec::new()
        });
        let mut ending = tokio::task::JoinSet::new();
        for process in rows.into_iter().filter_map(|row| row.process) {
            // SIGINT asks an encoder to give its jobs back, SIGTERM to finish them first.
            ending.spawn(process.end(Signal::SIGINT, GRACE));
        }
        ending.join_all().await;
    }

    async fn rows(&self) -> Result<Vec<Row>, StoreError> {
        self.db
            .read("list encoder processes", |connection| {
                let sql = "SELECT token, instance_id, launched_at, pid, started FROM processes ORDER BY token";
                let mut statement = connection.prepare_cached(sql)?;
                let rows = statement.query_map([], read_row)?;
                Ok(rows.collect::<Result<_, _>>()?)
            })
            .await
    }

    /// Writes a launch down. Gives its row, and whether it is new: an old one is another run's, which may be at it still.
    async fn reserve(&self, token: &str) -> Result<(Row, bool), StoreError> {
        let (token, id, now) = (
            token.to_owned(),
            InstanceId::local(Uuid::now_v7()),
            Timestamp::now(),
        );
        self.db
            .write("write down a launch", move |connection| {
                let sql = "SELECT token, instance_id, launched_at, pid, started FROM processes WHERE token = ?1";
                let known = connection.query_row(sql, [&token], read_row).optional()?;
                if let Some(row) = known.filter(|row| row.alive(now)) {
                    return Ok((row, false));
                }
                connection.execute(
                    "INSERT OR REPLACE INTO processes (token, instance_id, launched_at) VALUES (?1, ?2, ?3)",
                    params![token, id.as_str(), now.as_millisecond()],
                )?;
                let row = Row { token: token.clone(), instance_id: id.clone(), launched_at: now, process: None };
                Ok((row, true))
            })
            .await
    }

    /// Starts the process in a session of its own, so that Ctrl-C for the server is none for it.
    fn spawn(&self, id: &InstanceId) -> std::io::Result<i32> {
        fs::create_dir_all(&self.logs)?;
        keep_newest(&self.logs, LOGS);
        let log = self.logs.join(format!("{id}.log"));
        let log: File = OpenOptions::new().create(true).append(true).open(log)?;
        let mut child = Command::new(&self.program)
            .args(&self.arguments)
            .envs(self.variables.iter().map(|(name, value)| (name, value)))
            .env(INSTANCE_VARIABLE, id.as_str())
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .process_group(0)
            .spawn()?;
        let pid = i32::try_from(child.id()).map_err(std::io::Error::other)?;
        // Somebody has to look at its end, or it stays a zombie.
        std::thread::spawn(move || child.wait());
        Ok(pid)
    }
}

/// The instance that this process is, if a fleet launched it.
pub fn launched_as() -> Option<InstanceId> {
    std::env::var(INSTANCE_VARIABLE).ok()?.parse().ok()
}

impl Local {
    /// Writes down that this process is the instance, in case that the launcher died before it could.
    pub async fn register_process(&self, id: &InstanceId) -> Result<(), StoreError> {
        let process = i32::try_from(std::process::id()).ok().and_then(Process::of);
        record(&self.db, id, process).await
    }
}

async fn record(db: &Db, id: &InstanceId, process: Option<Process>) -> Result<(), StoreError> {
    let (id, pid, started) = (
        id.to_string(),
        process.map(|process| process.pid),
        process.map(|process| process.started),
    );
    db.write("write down a process", move |connection| {
        let sql = "UPDATE processes SET pid = ?2, started = ?3 WHERE instance_id = ?1";
        connection.execute(sql, params![id, pid, started])?;
        Ok(())
    })
    .await
}

fn read_row(row: &rusqlite::Row<'_>) -> rusqlite::Result<Row> {
    let id: String = row.get(1)?;
    let (pid, started): (Option<i32>, Option<i64>) = (row.get(3)?, row.get(4)?);
    Ok(Row {
        token: row.get(0)?,
        instance_id: id.parse().expect("ids are checked before they are stored"),
        launched_at: Timestamp::from_millisecond(row.get(2)?).unwrap_or(Timestamp::MIN),
        process: pid
            .zip(started)
            .map(|(pid, started)| Process { pid, started }),
    })
}

impl Fleet for ProcessFleet {
    async fn machines(&self) -> Result<Vec<Machine>, StoreError> {
        let now = Timestamp::now();
        let (alive, ended): (Vec<Row>, Vec<Row>) = self
            .rows()
            .await?
            .into_iter()
            .partition(|row| row.alive(now));
        if !ended.is_empty() {
            self.db
                .write("forget processes", move |connection| {
                    forget(connection, &ended)
                })
                .await?;
        }
        let machine = |row: Row| Machine {
            id: row.instance_id,
            token: row.token,
        };
        Ok(alive.into_iter().map(machine).collect())
    }

    async fn launch(&self, token: &str) -> Result<InstanceId, LaunchError> {
        let failed = |error: StoreError| LaunchError::Failed(error.to_string());
        let (row, new) = self.reserve(token).await.map_err(failed)?;
        if new {
            let pid = self.spawn(&row.instance_id).map_err(|error| {
                LaunchError::Failed(format!("start {}: {error}", self.program.display()))
            })?;
            // A process that has ended already has no entry any more; its row then ages out.
            if let Some(process) = Process::of(pid) {
                record(&self.db, &row.instance_id, Some(process))
                    .await
                    .map_err(failed)?;
            }
            tracing::info!(instance.id = %row.instance_id, pid, "encoder started");
        }
        Ok(row.instance_id)
    }

    async fn terminate(&self, id: &InstanceId) -> Result<(), StoreError> {
        let row = self
            .rows()
            .await?
            .into_iter()
            .find(|row| row.instance_id == *id);
        if let Some(process) = row.and_then(|row| row.process) {
            process.end(Signal::SIGTERM, GRACE).await;
        }
        Ok(())
    }
}

fn forget(connection: &rusqlite::Connection, ended: &[Row]) -> Result<(), Fault> {
    for row in ended {
        // Only as it was seen: the same token may have been launched anew meanwhile.
        let sql = "DELETE FROM processes WHERE token = ?1 AND instance_id = ?2";
        connection.execute(sql, params![row.token, row.instance_id.as_str()])?;
    }
    Ok(())
}

/// Deletes all but the newest files; ids sort by time, and so do their logs.
fn keep_newest(folder: &Path, count: usize) {
    let Ok(entries) = fs::read_dir(folder) else {
        return;
    };
    let mut files: Vec<PathBuf> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .collect();
    files.sort();
    let surplus = files.len().saturating_sub(count);
    for file in files.into_iter().take(surplus) {
        // A log that stays is no harm.
        fs::remove_file(file).ok();
    }
}
