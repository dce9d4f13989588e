//! [`Secrets`]: what was sealed opens, for whom it was sealed.

use nommer_core::{ports::Secrets, secret::Secret};

use super::World;

pub(super) async fn what_was_sealed_opens(world: &impl World) {
    let secrets = world.secrets();
    let long = "0123456789".repeat(400);
    for plain in ["", "ID:SECRET", "päss\nword\u{0}", &long] {
        let sealed = secrets.seal(&Secret::new(plain), "job_1/source").await;
        let opened = secrets.open(&sealed.unwrap(), "job_1/source").await;
        assert_eq!(opened.unwrap().expose(), plain);
    }
}

pub(super) async fn what_was_sealed_for_one_does_not_open_for_another(world: &impl World) {
    let secrets = world.secrets();
    let sealed = secrets.seal(&Secret::new("ID:SECRET"), "job_1").await;
    let sealed = sealed.unwrap();
    for context in ["job_2", "job_1/", "", "job_"] {
        assert!(secrets.open(&sealed, context).await.is_err(), "{context}");
    }
}
