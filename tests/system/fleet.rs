//! The fleet from outside, with encoder processes as instances: drain, pause, budget, prices, and what is told of it.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::harness::{System, documented_job, eventually, file_url, make_clip};

/// A job that takes some seconds of FFmpeg.
fn slow_job(system: &System, name: &str) -> Value {
    let source = system.path("in.mp4");
    if !source.exists() {
        make_clip(&source, 12, "640x360");
    }
    json!({
        "source_path": file_url(&source),
        "dest_path": file_url(&system.path(name)),
        "job_options": {"options": [{"outfile_options": [["c:v", "libx264"], ["preset", "slower"], ["an", null]]}]},
    })
}

fn fleet(system: &System) -> Value {
    let (status, fleet) = system.http("GET", "/v1/fleet", None);
    assert_eq!(status, 200, "{fleet}");
    fleet
}

/// The encoder that works on a job.
fn busy_encoder(system: &System) -> String {
    eventually("a busy encoder", || {
        let fleet = fleet(system);
        let instances = fleet["instances"].as_array()?;
        let busy = instances.iter().find(|one| one["state"] == "busy")?;
        Some(busy["id"].as_str()?.to_owned())
    })
}

fn state_of(system: &System, encoder: &str) -> String {
    let fleet = fleet(system);
    let instances = fleet["instances"].as_array().unwrap();
    let found = instances.iter().find(|one| one["id"] == encoder);
    found.map_or_else(String::new, |one| one["state"].as_str().unwrap().to_owned())
}

fn reason(system: &System) -> String {
    fleet(system)["last_decision"]["reason"]
        .as_str()
        .unwrap_or_default()
        .to_owned()
}

#[test]
fn an_encoder_that_is_drained_while_it_works_finishes_its_job_and_ends() {
    let patient = [
        ("NOMMER_FLEET__IDLE_TIMEOUT", "10m"),
        ("NOMMER_ENCODER__LEASE", "20s"),
    ];
    let system = System::start_with(&patient);
    let id = system.submit(&slow_job(&system, "out.mp4"));
    system.in_pass(&id, 1);
    let encoder = busy_encoder(&system);
    let drain = system.run(&["fleet", "drain", &encoder]);
    assert!(drain.status.success(), "{drain:?}");
    eventually("the drain to be seen", || {
        (state_of(&system, &encoder) == "draining").then_some(())
    });
    let job = system.finished(&id);
    assert_eq!(
        job["attempts"], 1,
        "it was taken from its encoder: {:#}",
        job["events"]
    );
    eventually("the end of the encoder", || {
        (state_of(&system, &encoder) == "gone" && system.encoders().is_empty()).then_some(())
    });
}

#[test]
fn a_job_of_low_priority_waits_until_no_other_does() {
    let one_by_one = [("NOMMER_FLEET__JOBS_PER_INSTANCE", "1")];
    let system = System::start_with(&one_by_one);
    let first = system.submit(&slow_job(&system, "first.mp4"));
    system.in_pass(&first, 1);
    let submit = |name: &str, priority: i8| {
        let mut body = slow_job(&system, name);
        body["priority"] = json!(priority);
        system.submit(&body)
    };
    let (low, high) = (submit("low.mp4", -50), submit("high.mp4", 0));
    let begun = |id: &str| -> Timestamp {
        let job = system.finished(id);
        job["started_at"].as_str().unwrap().parse().unwrap()
    };
    assert!(begun(&high) < begun(&low), "though it came later");
}

#[test]
fn a_paused_fleet_finishes_what_it_has_launches_nothing_and_goes_on_when_resumed() {
    let one_by_one = [
        ("NOMMER_FLEET__JOBS_PER_INSTANCE", "1"),
        ("NOMMER_ENCODER__LEASE", "20s"),
    ];
    let system = System::start_with(&one_by_one);
    let first = system.submit(&slow_job(&system, "first.mp4"));
    system.in_pass(&first, 1);
    let second = system.submit(&slow_job(&system, "second.mp4"));
    let pause = system.run(&["fleet", "pause"]);
    assert!(pause.status.success(), "{pause:?}");
    assert_eq!(system.finished(&first)["attempts"], 1);
    eventually("an empty fleet", || {
        system.encoders().is_empty().then_some(())
    });
    eventually("the reason", || {
        reason(&system)
            .ends_with("as the fleet is paused")
            .then_some(())
    });
    assert_eq!(system.job(&second)["state"], "PENDING");
    let page = String::from_utf8(system.run(&["fleet"]).stdout).unwrap();
    assert!(
        page.contains("state     paused") && page.contains("as the fleet is paused"),
        "{page}"
    );
    assert!(system.run(&["fleet", "resume"]).status.success());
    system.finished(&second);
}

#[test]
fn a_spent_budget_is_told_and_jobs_wait_for_the_next_month_or_more_money() {
    let prices = [
        ("NOMMER_BUDGET__MONTHLY_USD", "1"),
        ("NOMMER_PRICES__USD_PER_HOUR__LOCAL", "1000000"),
        ("NOMMER_FLEET__MAX", "3"),
    ];
    let system = System::start_with(&prices);
    let id = system.submit(&slow_job(&system, "out.mp4"));
    eventually("the reason", || {
        reason(&system)
            .contains("capped by the budget of 1.00 USD")
            .then_some(())
    });
    assert_eq!(system.job(&id)["state"], "PENDING");
    assert!(system.encoders().is_empty());
    let page = String::from_utf8(system.run(&["fleet"]).stdout).unwrap();
    assert!(
        page.contains("capped by the budget of 1.00 USD")
            && page.contains("budget 1.00 USD a month"),
        "{page}"
    );
}

#[test]
fn a_job_that_costs_more_than_it_may_is_ended_and_its_cost_is_shown() {
    let system = System::start_with(&[("NOMMER_PRICES__USD_PER_HOUR__LOCAL", "3600")]);
    let mut job = slow_job(&system, "out.mp4");
    job["max_cost_usd"] = json!(0.2);
    let ended = system.ended(&system.submit(&job));
    assert_eq!(
        (&ended["state"], &ended["error"]["code"]),
        (&json!("ERROR"), &json!("over_budget")),
        "{ended:#}"
    );
    assert!(ended["cost"]["usd"].as_f64().unwrap() > 0.2);
    assert!(!system.path("out.mp4").exists());
    eventually("the month's cost", || {
        (fleet(&system)["month_to_date_usd"].as_f64()? > 0.2).then_some(())
    });
    system.assert_clean();
}

#[test]
fn the_minimum_is_launched_without_work_and_what_was_launched_beyond_it_ends() {
    let two = [
        ("NOMMER_FLEET__MIN", "2"),
        ("NOMMER_FLEET__MAX", "3"),
        ("NOMMER_FLEET__JOBS_PER_INSTANCE", "1"),
        ("NOMMER_FLEET__IDLE_TIMEOUT", "1s"),
    ];
    let system = System::start_with(&two);
    let idle = || -> Option<Vec<String>> {
        let fleet = fleet(&system);
        let instances = fleet["instances"].as_array()?.iter();
        let idle = instances.filter(|one| one["state"] == "ready");
        idle.map(|one| Some(one["id"].as_str()?.to_owned()))
            .collect()
    };
    let of = |count: usize| move |ids: Vec<String>| (ids.len() == count).then_some(ids);
    let minimum = eventually("the minimum", || idle().and_then(of(2)));
    let jobs = ["a.mp4", "b.mp4", "c.mp4"].map(|name| system.submit(&slow_job(&system, name)));
    for job in &jobs {
        system.finished(job);
    }
    let third = eventually("one instance more, and its end", || {
        let fleet = fleet(&system);
        let gone = fleet["instances"]
            .as_array()?
            .iter()
            .find(|one| one["state"] == "gone")?;
        Some(gone["id"].as_str()?.to_owned())
    });
    assert!(!minimum.contains(&third), "{third} of {minimum:?} left");
    let mut kept = idle().unwrap();
    kept.sort();
    let mut minimum = minimum;
    minimum.sort();
    assert_eq!(kept, minimum);
}

#[test]
fn a_simulated_fleet_boots_as_long_and_costs_as_much_as_one_in_the_cloud() {
    let booting = [
        ("NOMMER_FLEET__BOOT_TIME", "3s"),
        ("NOMMER_FLEET__BILLED_BOOT", "2s"),
    ];
    let system = System::start_as(&["--simulate-fleet"], &booting);
    make_clip(&system.path("in.mp4"), 2, "320x240");
    let id = system.submit(&documented_job(
        &system.path("in.mp4"),
        &system.path("out.mp4"),
    ));
    eventually("a booting instance", || {
        let fleet = fleet(&system);
        let instances = fleet["instances"].as_array()?;
        (instances.first()?["state"] == "booting").then_some(())
    });
    let job = system.finished(&id);
    assert!(job["cost"]["usd"].as_f64().unwrap() > 0.0, "{job:#}");
    let at = |name: &str| job[name].as_str().unwrap().parse::<Timestamp>().unwrap();
    let waited = at("started_at").duration_since(at("created_at"));
    assert!(waited >= SignedDuration::from_secs(3), "{job:#}");
    eventually("what the fleet costs", || {
        (fleet(&system)["month_to_date_usd"].as_f64()? > 0.0).then_some(())
    });
}

#[test]
fn a_file_is_estimated_before_it_is_submitted() {
    let system = System::start_with(&[("NOMMER_PRICES__USD_PER_HOUR__LOCAL", "36")]);
    make_clip(&system.path("in.mp4"), 10, "320x240");
    let estimate = system.run(&["--json", "estimate", "in.mp4", "--preset", "web-mp4-480p"]);
    assert!(estimate.status.success(), "{estimate:?}");
    let estimate: Value = serde_json::from_slice(&estimate.stdout).unwrap();
    assert!(estimate["usd"].as_f64().unwrap() > 0.0, "{estimate}");
    assert!(
        estimate["basis"]
            .as_str()
            .unwrap()
            .contains("10 s of media"),
        "{estimate}"
    );
}

#[test]
fn settings_about_money_and_size_that_contradict_each_other_are_refused_at_the_start() {
    let system = System::start();
    for (variable, value, field) in [
        ("NOMMER_FLEET__MIN", "9", "fleet.min"),
        (
            "NOMMER_FLEET__JOBS_PER_INSTANCE",
            "0",
            "fleet.jobs_per_instance",
        ),
        ("NOMMER_BUDGET__MONTHLY_USD", "-1", "budget.monthly_usd"),
        (
            "NOMMER_PRICES__INSTANCE_TYPE",
            "c7i.lrage",
            "prices.instance_type",
        ),
        ("NOMMER_FLEET__BUDGET", "5", "fleet.budget"),
    ] {
        let run = system
            .command(&["dev", "--listen", "127.0.0.1:0"])
            .env(variable, value)
            .output()
            .unwrap();
        let told = String::from_utf8_lossy(&run.stderr).into_owned();
        assert_eq!(run.status.code(), Some(2), "{told}");
        assert!(told.contains(field), "{field}: {told}");
    }
}
