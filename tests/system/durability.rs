//! Many processes on one database: each job is claimed by one of them, and every claim that was made is there.

use std::{
    collections::BTreeMap,
    env,
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

use jiff::Timestamp;
use nommer_core::{
    commit::Committed,
    id::JobId,
    job::{Event, Job},
    ports::{Backend as _, JobStore as _},
    sealed::SealedSecrets,
    spec::{SpecRules, parse_v1},
};
use nommer_local::Local;
use serde_json::json;

/// Processes that claim at the same time.
const PROCESSES: u32 = 8;

/// Hands the folder, the number of jobs and the process's own number to a process.
const FOLDER: &str = "NOMMER_TEST_CLAIMS";
const JOBS: &str = "NOMMER_TEST_CLAIMS_JOBS";
const NUMBER: &str = "NOMMER_TEST_CLAIMS_NUMBER";

/// What a claim is printed as, so that it is told from what the test runner prints.
const CLAIMED: &str = "claimed ";

fn id(number: u32) -> JobId {
    format!("job_{number}").parse().unwrap()
}

#[tokio::test]
async fn eight_processes_never_claim_a_job_twice() {
    claim_with_processes(1_000).await;
}

#[tokio::test]
#[ignore = "takes minutes: cargo test -p nommer-tests -- --ignored eight_processes"]
async fn eight_processes_never_claim_one_of_ten_thousand_jobs_twice() {
    claim_with_processes(10_000).await;
}

async fn claim_with_processes(jobs: u32) {
    let folder = tempfile::tempdir().unwrap();
    let local = Local::open(folder.path()).unwrap();
    for number in 0..jobs {
        create(&local, number).await;
    }
    let children: Vec<Child> = (0..PROCESSES)
        .map(|number| start(folder.path(), jobs, number))
        .collect();
    let mut claims = BTreeMap::new();
    let mut busy = 0;
    for (number, child) in children.into_iter().enumerate() {
        let output = child.wait_with_output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "process {number}: {text}");
        let own: Vec<String> = text
            .lines()
            .filter_map(|line| Some(line.split_once(CLAIMED)?.1.to_owned()))
            .collect();
        busy += usize::from(!own.is_empty());
        for job in own {
            let other = claims.insert(job.clone(), number);
            assert_eq!(other, None, "{job} was claimed by two processes");
        }
    }
    assert_eq!(claims.len(), usize::try_from(jobs).unwrap());
    assert!(busy > 1, "they did not even meet");
    for job in local.store().unfinished().await.unwrap() {
        let (job, _) = local.store().get(&job.id).await.unwrap().unwrap();
        let holder = job.state.lease().unwrap().token.instance.to_string();
        assert_eq!(
            (job.epoch, holder),
            (1, format!("i-{}", claims[job.id.as_str()]))
        );
    }
}

async fn create(local: &Local, number: u32) {
    let body = json!({
        "source_path": "s3://in-bucket/a.mov", "dest_path": format!("s3://out-bucket/{number}.mp4"), "preset": "copy",
    });
    let spec = parse_v1(&body, &SpecRules::default()).unwrap().spec;
    let job = Job::new(id(number), spec, SealedSecrets::default(), Timestamp::now());
    local.store().create(&job, None).await.unwrap();
}

/// This program once more, running nothing but [`a_process_that_claims`].
fn start(folder: &Path, jobs: u32, number: u32) -> Child {
    Command::new(env::current_exe().unwrap())
        .args([
            "--exact",
            "durability::a_process_that_claims",
            "--ignored",
            "--nocapture",
        ])
        .env(FOLDER, folder)
        .env(JOBS, jobs.to_string())
        .env(NUMBER, number.to_string())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

#[tokio::test]
#[ignore = "no test by itself: started by the others"]
async fn a_process_that_claims() {
    let Some(folder) = env::var_os(FOLDER) else {
        return;
    };
    let jobs: u32 = env::var(JOBS).unwrap().parse().unwrap();
    let number: u32 = env::var(NUMBER).unwrap().parse().unwrap();
    let local = Local::open(Path::new(&folder)).unwrap();
    let claim = Event::Claim {
        instance: format!("i-{number}").parse().unwrap(),
        lease: Duration::from_secs(3_600),
        margin: Duration::from_secs(30),
        slot_hour_usd: None,
    };
    for job in (0..jobs).map(id) {
        match local
            .table()
            .apply(&job, claim.clone(), Timestamp::now())
            .await
            .unwrap()
        {
            Committed::Changed { .. } => tell(&job),
            Committed::Denied(..) => {}
            other @ (Committed::Ignored(_) | Committed::Missing) => panic!("{other:?}"),
        }
    }
}

#[expect(
    clippy::print_stdout,
    reason = "a process that tells another what it did"
)]
fn tell(job: &JobId) {
    println!("\n{CLAIMED}{job}");
}
