//! The documented session over a deployed stack.

use std::{
    fs,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use super::stack::{Deployment, Encoder};
use crate::{
    emulator::{REGION, ministack},
    notifications::Receiver,
    session::{make_films, type_all},
};

/// Plays every instance that is launched, and takes away those whose encoder has ended, until it is told to stop.
async fn play_all(stack: &Deployment, stop: &AtomicBool) {
    let mut played: Vec<(String, Encoder)> = Vec::new();
    let mut gone: Vec<String> = Vec::new();
    while !stop.load(Ordering::Relaxed) {
        for machine in stack.machines().await {
            let known = played.iter().any(|(id, _)| *id == machine) || gone.contains(&machine);
            if !known {
                let encoder = stack.play(&machine).await;
                played.push((machine, encoder));
            }
        }
        let mut still = Vec::new();
        for (id, mut encoder) in played {
            if encoder.has_ended() {
                stack.power_off(&id).await;
                gone.push(id);
            } else {
                still.push((id, encoder));
            }
        }
        played = still;
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_documented_session_works_against_a_deployed_stack() {
    let stack = Arc::new(Deployment::new(&[]).await);
    let receiver = Receiver::start(&[]);
    let folder = tempfile::tempdir().unwrap();
    let films = folder.path().join("films");
    fs::create_dir(&films).unwrap();
    make_films(&films, folder.path());
    for name in ["holiday.mov", "interview.mov"] {
        let film = films.join(name);
        stack.upload(&format!("in/{name}"), &film).await;
    }
    let stop = Arc::new(AtomicBool::new(false));
    let (own, until) = (Arc::clone(&stack), Arc::clone(&stop));
    let fleet = tokio::spawn(async move { play_all(&own, &until).await });
    let variables = [
        ("HOME", "/nowhere".to_owned()),
        ("AWS_ACCESS_KEY_ID", "test".to_owned()),
        ("AWS_SECRET_ACCESS_KEY", "test".to_owned()),
        ("AWS_REGION", REGION.to_owned()),
        ("AWS_ENDPOINT_URL", ministack().url().to_owned()),
        ("NOMMER_STACK", stack.name().to_owned()),
        ("IN", stack.media("in")),
        ("OUT", stack.media("out")),
        ("HOOK", receiver.url.clone()),
    ];
    // In the place of `aws s3 cp`.
    let copy = "cp() { curl -sf -T \"$1\" \"$AWS_ENDPOINT_URL/${2#s3://}\"; }";
    let here = folder.path().to_owned();
    let typed = tokio::task::spawn_blocking(move || type_all(&here, &variables, copy)).await;
    stop.store(true, Ordering::Relaxed);
    fleet.await.unwrap();
    typed.unwrap();
    for made in [
        "out/holiday.mp4",
        "out/interview.mp4",
        "out/small/interview.mp4",
    ] {
        assert!(stack.download(made).await.is_some(), "{made}");
    }
    let told = receiver.wait_for(1);
    assert!(told.iter().any(|one| one.body().contains("FINISHED")));
}
