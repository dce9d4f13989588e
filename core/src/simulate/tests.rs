use super::*;

/// Days enough for a stable mean, few enough for a quick test without optimization.
const SEEDS: u64 = 5;

/// Our settings with no maximum to speak of, as the peers have none, and one slot an instance, for which the bounds
/// are exact.
fn settings() -> FleetSettings {
    FleetSettings {
        max: 500,
        launch_limit: 500,
        jobs_per_instance: 1,
        ..FleetSettings::default()
    }
}

fn days(workload: Workload, seeds: u64) -> Vec<Vec<Arrival>> {
    (0..seeds).map(|seed| workload.generate(seed)).collect()
}

#[test]
#[ignore = "prints the full table; run it in release with --nocapture"]
fn table() {
    let world = World::matching(&settings());
    for (title, workload) in Workload::ALL {
        let days = days(workload, 20);
        let rows: Vec<_> = Contender::all(&settings())
            .iter()
            .map(|(name, contender)| Summary::of(name, &days, &world, contender))
            .collect();
        println!("{}", render_table(title, &rows));
    }
}
