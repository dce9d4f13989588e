use super::*;
use crate::fleet::{IdleTimeout, Policy};

/// Our settings with no maximum to speak of, as the peers have none.
fn ours(policy: Policy) -> FleetSettings {
    FleetSettings {
        policy,
        max: 500,
        launch_limit: 500,
        jobs_per_instance: 1,
        ..FleetSettings::default()
    }
}

fn summarize(name: &str, workload: Workload, contender: &Contender, seeds: u64) -> Summary {
    let runs: Vec<_> = (0..seeds)
        .map(|seed| {
            let jobs = workload.generate(seed);
            let world = World {
                seed,
                ..World::default()
            };
            let outcome = simulate(&jobs, &world, contender);
            (jobs, outcome)
        })
        .collect();
    Summary::of(name, &runs, World::default().billed_boot)
}

#[test]
#[ignore = "prints the full table; run it in release with --nocapture"]
fn table() {
    let linger = FleetSettings {
        idle_timeout: IdleTimeout::After(Duration::from_secs(120)),
        ..ours(Policy::Backlog)
    };
    let mut contenders = vec![
        ("backlog", Contender::Ours(ours(Policy::Backlog))),
        ("backlog, 120 s idle", Contender::Ours(linger)),
        ("threshold", Contender::Ours(ours(Policy::Threshold))),
    ];
    contenders.extend(Peer::all().map(|(name, peer)| (name, Contender::Peer(peer))));
    for (title, workload) in Workload::ALL {
        let rows: Vec<_> = contenders
            .iter()
            .map(|(name, contender)| summarize(name, workload, contender, 20))
            .collect();
        eprintln!("{}", render_table(title, &rows));
    }
}
#[test]
#[ignore = "scratch"]
fn scratch() {
    for (title, workload) in Workload::ALL {
        for slots in [1u32, 2] {
            for err in [0.0, 0.2, 0.5, 1.0] {
                let runs: Vec<_> = (0..20)
                    .map(|seed| {
                        let jobs = workload.generate(seed);
                        let world = World {
                            seed,
                            job_slots: slots,
                            estimate_error: err,
                            ..World::default()
                        };
                        let s = FleetSettings {
                            jobs_per_instance: slots,
                            ..ours(Policy::Backlog)
                        };
                        let o = simulate(&jobs, &world, &Contender::Ours(s));
                        (jobs, o)
                    })
                    .collect();
                let s = Summary::of("x", &runs, Duration::from_secs(30));
                let p99: f64 = runs.iter().map(|r| r.1.wait(99).as_secs_f64()).sum::<f64>() / 20.0;
                let max: f64 = runs
                    .iter()
                    .map(|r| r.1.wait(100).as_secs_f64())
                    .sum::<f64>()
                    / 20.0;
                eprintln!(
                    "{title} slots {slots} err {err}: {:.3} p50 {:.1} p95 {:.1} p99 {p99:.1} max {max:.1}",
                    s.cost_over_work, s.p50_secs, s.p95_secs
                );
            }
        }
    }
}
