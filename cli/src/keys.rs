//! `nommer keys`: makes, lists and revokes API keys, in the table itself: whoever may write that needs no key to make one.

use jiff::Timestamp;
use nommer_core::{
    id::KeyId,
    key::{ApiKey, Grant, KeySeed, Scope},
    ports::{Backend as _, KeyStore},
};
use nommer_local::Local;
use serde_json::json;

use crate::{
    args::{Common, KeysCommand, NewKeyArgs},
    config::Config,
    deploy,
    failure::Failure,
    output::{Output, table},
};

pub(crate) async fn run(
    command: &KeysCommand,
    common: &Common,
    config: &Config,
    output: Output,
) -> Result<(), Failure> {
    let Some(name) = &common.stack else {
        let local = Local::open(&config.data_dir).map_err(anyhow::Error::from)?;
        return with(command, local.store(), output).await;
    };
    let aws = deploy::parts(name).await?;
    with(command, aws.store(), output).await
}

async fn with(command: &KeysCommand, store: &impl KeyStore, output: Output) -> Result<(), Failure> {
    match command {
        KeysCommand::Create(args) => create(args, store, output).await,
        KeysCommand::List => list(store, output).await,
        KeysCommand::Revoke { id } => revoke(id, store, output).await,
    }
}

async fn create(args: &NewKeyArgs, store: &impl KeyStore, output: Output) -> Result<(), Failure> {
    let grant = Grant {
        name: args.name.clone(),
        scopes: args.scopes.iter().copied().map(Scope::from).collect(),
        requests_per_minute: args.requests_per_minute,
        queued_jobs: args.queued_jobs,
        sources: args.sources.clone(),
        destinations: args.destinations.clone(),
    };
    let mut seed: KeySeed = [0; _];
    getrandom::fill(&mut seed).map_err(anyhow::Error::from)?;
    let (key, shown) = ApiKey::new(grant, &seed, Timestamp::now());
    store.put_key(&key).await.map_err(anyhow::Error::from)?;
    if output.json {
        let answer = json!({"id": key.id, "key": shown.expose(), "grant": key.grant});
        return Ok(output.json(&answer)?);
    }
    output.data(shown.expose());
    output.note(format!(
        "this is {}; the key itself is not shown again",
        key.id
    ));
    Ok(())
}

async fn list(store: &impl KeyStore, output: Output) -> Result<(), Failure> {
    let mut keys = store.keys().await.map_err(anyhow::Error::from)?;
    keys.sort_by_key(|key| key.created_at);
    if output.json {
        for key in &keys {
            output.json(&json!({"id": key.id, "grant": key.grant, "created_at": key.created_at, "revoked_at": key.revoked_at}))?;
        }
        return Ok(());
    }
    let heading = ["ID", "NAME", "MAY", "LIMITS", "MADE", "STATE"].map(str::to_owned);
    let rows = std::iter::once(heading.to_vec()).chain(keys.iter().map(row));
    output.data(table(&rows.collect::<Vec<_>>()));
    Ok(())
}

fn row(key: &ApiKey) -> Vec<String> {
    let grant = &key.grant;
    let scopes: Vec<&str> = grant.scopes.iter().map(|scope| scope.as_str()).collect();
    let rate = grant
        .requests_per_minute
        .map(|most| format!("{most} a minute"));
    let jobs = grant.queued_jobs.map(|most| format!("{most} jobs"));
    let places = grant.sources.iter().chain(&grant.destinations).cloned();
    let limits: Vec<String> = rate.into_iter().chain(jobs).chain(places).collect();
    let state = key
        .revoked_at
        .map_or_else(|| "in force".to_owned(), |at| format!("revoked {at:.0}"));
    vec![
        key.id.to_string(),
        grant.name.clone(),
        scopes.join(","),
        limits.join(", "),
        format!("{:.0}", key.created_at),
        state,
    ]
}

async fn revoke(id: &str, store: &impl KeyStore, output: Output) -> Result<(), Failure> {
    let missing = || {
        Failure::not_found(format!("there is no API key {id}"))
            .hint("`nommer keys list` lists them")
    };
    let parsed: KeyId = id.parse().map_err(|_invalid| missing())?;
    let found = store.key(&parsed).await.map_err(anyhow::Error::from)?;
    let mut key = found.ok_or_else(missing)?;
    if key.revoked_at.is_none() {
        key.revoked_at = Some(Timestamp::now());
        store.put_key(&key).await.map_err(anyhow::Error::from)?;
    }
    if output.json {
        return Ok(output.json(&json!({"id": key.id, "revoked_at": key.revoked_at}))?);
    }
    output.note(format!(
        "{id} is not taken any more; jobs that it submitted go on"
    ));
    Ok(())
}
