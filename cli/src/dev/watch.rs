//! Watched folders of local mode: what becomes whole in them becomes jobs.

use std::{
    collections::HashSet,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use jiff::Timestamp;
use nommer_core::{
    id::JobId,
    lease::later,
    ports::{Backend, IdempotencyKey, ScaleSignal},
    settings::Settings,
    watch::{WatchRule, file_key, takes},
};
use nommer_local::{FolderWatch, WholeFile};
use nommer_submit::{
    Submit,
    watch::{Appeared, may_pass, take, try_rules},
};
use uuid::Uuid;

use crate::{config::address, failure::Failure};

/// Pause between two looks while a file may become whole.
const SOON: Duration = Duration::from_millis(500);

/// Pause between two looks when nothing moves: the kernel tells nothing of what other machines do.
const SELDOM: Duration = Duration::from_secs(30);

/// A file that was taken stays taken for so long: as good as for ever.
const TAKEN_FOR: Duration = Duration::from_secs(100 * 366 * 86_400);

/// The rules of the settings, with whole addresses.
pub(super) fn rules(settings: &Settings) -> Result<Vec<WatchRule>, Failure> {
    let whole = |(number, rule): (usize, &WatchRule)| {
        if rule.from.starts_with("s3://") {
            let message = format!(
                "setting watch[{number}].from: local mode watches folders, and {} is in S3",
                rule.from
            );
            return Err(Failure::usage(message)
                .hint("a stack watches a prefix: nommer deploy --parameter WatchPrefix=in/"));
        }
        Ok(WatchRule {
            from: folder(&rule.from)?,
            to: address_of(&rule.to)?,
            preset: rule.preset.clone(),
        })
    };
    settings.watch.iter().enumerate().map(whole).collect()
}

/// The address of a folder: with a slash at its end, and where it really lies.
fn folder(text: &str) -> Result<String, Failure> {
    let whole = address_of(text)?;
    let Some(path) = whole.strip_prefix("file://") else {
        return Ok(whole);
    };
    let path = path.trim_end_matches('/');
    if !Path::new(path).is_dir() {
        return Err(Failure::usage(format!("watch: there is no folder {path}"))
            .hint("make it, or name another in `from`"));
    }
    Ok(format!("file://{path}/"))
}

/// The address of a path, with the slash at its end if it has one.
fn address_of(text: &str) -> Result<String, Failure> {
    let whole = address(text)?;
    let slash = text.ends_with('/') && !whole.ends_with('/');
    Ok(if slash { whole + "/" } else { whole })
}

/// Tries the rules and gives what watches; none if there are no rules.
pub(super) async fn watcher<B: Backend, W: ScaleSignal>(
    submit: Arc<Submit<B, W>>,
) -> Result<Option<impl Future<Output = ()> + use<B, W>>, Failure> {
    if submit.rules.watch.is_empty() {
        return Ok(None);
    }
    let tried = try_rules(&submit, Timestamp::now()).await;
    tried.map_err(|wrong| Failure::usage(wrong.to_string()))?;
    let folders = submit.rules.watch.iter();
    let folders = folders.filter_map(|rule| rule.from.strip_prefix("file://").map(PathBuf::from));
    let watch = FolderWatch::new(folders.collect()).map_err(anyhow::Error::from)?;
    Ok(Some(keep_watching(submit, watch)))
}

/// Looks again and again, and makes jobs of what is whole. What fails is told once, and the rest goes on.
async fn keep_watching<B: Backend, W: ScaleSignal>(
    submit: Arc<Submit<B, W>>,
    mut watch: FolderWatch,
) {
    let changes = watch.changes();
    let mut told = HashSet::new();
    loop {
        let rules = submit.rules.watch.clone();
        let looked = tokio::task::spawn_blocking(move || {
            let found =
                watch.look(|path| name(path).is_some_and(|name| takes(&rules, &name).is_some()));
            (watch, found)
        });
        let Ok((back, found)) = looked.await else {
            ::tracing::error!("the watcher stopped");
            return;
        };
        watch = back;
        let mut again = watch.is_waiting();
        for file in found {
            if let Again::Later = take_file(&submit, &file, &mut told).await {
                watch.forget(&file.path);
                again = true;
            }
        }
        let pause = if again { SOON } else { SELDOM };
        tokio::time::timeout(pause, changes.wait()).await.ok();
    }
}

/// Whether a file is to be taken again.
enum Again {
    Never,
    Later,
}

async fn take_file<B: Backend, W: ScaleSignal>(
    submit: &Submit<B, W>,
    file: &WholeFile,
    told: &mut HashSet<String>,
) -> Again {
    let Some(name) = name(&file.path) else {
        return Again::Never;
    };
    let Some(rule) = takes(&submit.rules.watch, &name) else {
        return Again::Never;
    };
    let now = Timestamp::now();
    let key = file_key(&name, file.bytes, file.modified_ns);
    let appeared = Appeared {
        address: name.clone(),
        job_id: JobId::from_uuid(Uuid::now_v7()),
        key: Some(IdempotencyKey {
            // The file is the request, whatever the rule says by now.
            body_hash: key.clone(),
            key: key.clone(),
            expires_at: later(now, TAKEN_FOR),
        }),
    };
    let Err(refusal) = take(submit, rule, appeared, now).await else {
        told.remove(&key);
        return Again::Never;
    };
    let error = refusal.into_error();
    let later = may_pass(&error);
    if told.insert(key) {
        ::tracing::warn!(file = name, %error, again = later, "a watched file was not taken");
    }
    if later { Again::Later } else { Again::Never }
}

/// The address of a file; none if its name is no text.
fn name(path: &Path) -> Option<String> {
    path.to_str().map(|path| format!("file://{path}"))
}
