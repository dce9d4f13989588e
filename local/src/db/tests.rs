use super::{open::MIGRATIONS, *};

fn rows(db: &Db) -> Vec<String> {
    let read = |connection: &Connection| {
        let mut statement = connection.prepare("SELECT name FROM presets ORDER BY name")?;
        let names = statement.query_map([], |row| row.get(0))?;
        Ok(names.collect::<Result<_, _>>()?)
    };
    db.look("read names", read).unwrap()
}

fn insert(connection: &Connection, name: &str) -> Result<(), Fault> {
    let sql = "INSERT INTO presets (name, version, record) VALUES (?1, 1, '{}')";
    connection.execute(sql, [name])?;
    Ok(())
}

/// Holds the writer up until all writes of some work are in its queue, so that they share a transaction.
pub(crate) async fn in_one_transaction<T>(db: &Db, work: impl Future<Output = T>) -> T {
    let (begin, begun) = channel::<()>();
    let (go, held) = channel::<()>();
    let held = Mutex::new(held);
    let writer = db.clone();
    let first = tokio::spawn(async move {
        let hold = move |_: &Connection| {
            begin.send(()).unwrap();
            held.lock().unwrap().recv().unwrap();
            Ok(())
        };
        writer.write("hold", hold).await
    });
    begun.recv().unwrap();
    // Polled last: the others are in the queue by then.
    let let_go = async { go.send(()).unwrap() };
    let (done, ()) = tokio::join!(work, let_go);
    first.await.unwrap().unwrap();
    done
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_that_fails_halfway_undoes_itself_and_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let db = Db::open(&folder.path().join("nommer.db")).unwrap();
    let write = |name: &'static str, well: bool| {
        let db = db.clone();
        async move {
            let write = move |connection: &Connection| {
                insert(connection, name)?;
                if well { Ok(()) } else { Err(Fault::Conflict) }
            };
            db.write("write a name", write).await
        }
    };
    let all = async {
        tokio::join!(
            write("before", true),
            write("failed", false),
            write("after", true),
            write("before", true),
        )
    };
    let (before, failed, after, again) = in_one_transaction(&db, all).await;
    before.unwrap();
    after.unwrap();
    assert!(matches!(failed, Err(StoreError::Conflict)));
    assert!(
        matches!(again, Err(StoreError::Unavailable { .. })),
        "it is there already"
    );
    assert_eq!(rows(&db), ["after", "before"]);
}

#[test]
fn what_was_written_by_an_older_version_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("nommer.db");
    let old = Connection::open(&path).unwrap();
    for migration in &MIGRATIONS[..8] {
        old.execute_batch(migration).unwrap();
    }
    old.execute_batch(
        "INSERT INTO idempotency_keys VALUES ('k', 'hash', 'job_1', 5);
         INSERT INTO messages (queue, job_id, visible_at, receives) VALUES ('job', 'job_1', 7, 2);
         PRAGMA user_version = 8;",
    )
    .unwrap();
    drop(old);
    let db = Db::open(&path).unwrap();
    let read = |connection: &Connection| {
        let key = "SELECT job_id || expires_at FROM idempotency_keys WHERE key = 'k'";
        let message = "SELECT job_id || visible_at || receives FROM messages WHERE number = 1";
        let text = |sql| connection.query_row(sql, [], |row| row.get::<_, String>(0));
        Ok((text(key)?, text(message)?))
    };
    let found = db.look("read what is old", read).unwrap();
    assert_eq!(found, ("job_15".to_owned(), "job_172".to_owned()));
}
