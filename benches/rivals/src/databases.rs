//! Databases on disk, warm, behind the same digest: point queries, with and without a cache.

use std::path::Path;

use redb::ReadableDatabase;
use tempfile::TempDir;

use crate::embedded::{Embedded, Kept, Key};
use crate::measure::{Candidate, Timed};
use crate::tokens::Texts;

/// Enough for every page of every database here.
const CACHE_BYTES: usize = 8 << 30;

/// A database, how one looks into it, and the folder it lies in.
struct Database<D, G> {
    name: &'static str,
    embedded: Embedded,
    database: D,
    get: G,
    _folder: TempDir,
}

impl<D, G: Fn(&D, &Key) -> Option<Kept>> Candidate for Database<D, G> {
    fn name(&self) -> String {
        self.name.into()
    }

    #[inline(always)]
    fn check(&self, text: &[u8]) -> Option<u64> {
        let key = self.embedded.digest(text);
        self.embedded.check((self.get)(&self.database, &key)?)
    }
}

fn database<D, G: Fn(&D, &Key) -> Option<Kept>>(
    name: &'static str,
    texts: &Texts,
    clients: usize,
    make: impl FnOnce(&Path, Vec<(Key, Kept)>) -> D,
    get: G,
) -> Database<D, G> {
    let folder = tempfile::tempdir().expect("a folder");
    let embedded = Embedded::new(clients);
    // In no order, as tokens are issued: a tree written in the order of its keys would be packed
    // tighter than any that has lived.
    let tokens: Vec<_> = embedded.tokens(texts).collect();
    Database {
        name,
        database: make(folder.path(), tokens),
        embedded,
        get,
        _folder: folder,
    }
}

/// Makes a database of these tokens.
pub type Make = fn(&Texts, usize) -> Box<dyn Timed>;

/// All databases, the fastest first.
const DATABASES: [Make; 6] = [lmdb, redb, sqlite, sled, moka_all, moka_tenth];
/// With more tokens than this, the cached ones, which hold a sled each, take too much memory.
const CACHED_MAX: usize = 1_000_000;

/// The databases that fit in memory with so many tokens.
pub fn fitting(tokens: usize) -> &'static [Make] {
    &DATABASES[..if tokens > CACHED_MAX { 4 } else { 6 }]
}

fn lmdb(texts: &Texts, clients: usize) -> Box<dyn Timed> {
    use heed::types::Bytes;
    type Tokens = heed::Database<Bytes, Bytes>;

    #[expect(
        unsafe_code,
        reason = "nobody else changes the file that is mapped: it was made here"
    )]
    fn open(folder: &Path) -> heed::Env {
        let mut options = heed::EnvOpenOptions::new();
        unsafe { options.map_size(CACHE_BYTES).open(folder) }.expect("LMDB")
    }
    let make = |folder: &Path, tokens: Vec<(Key, Kept)>| {
        let env = open(folder);
        let mut txn = env.write_txn().expect("a transaction");
        let database: Tokens = env.create_database(&mut txn, None).expect("a database");
        for (key, kept) in tokens {
            database.put(&mut txn, &key, &kept.to_bytes()).expect("put");
        }
        txn.commit().expect("committed");
        (env, database)
    };
    Box::new(database(
        "LMDB (heed), a transaction each",
        texts,
        clients,
        make,
        |(env, database): &(heed::Env, Tokens), key| {
            let txn = env.read_txn().expect("a transaction");
            Kept::of_bytes(database.get(&txn, key).expect("read")?)
        },
    ))
}

fn redb(texts: &Texts, clients: usize) -> Box<dyn Timed> {
    const TOKENS: redb::TableDefinition<'_, Key, &[u8]> = redb::TableDefinition::new("tokens");
    let make = |folder: &Path, tokens: Vec<(Key, Kept)>| {
        let database = redb::Database::builder()
            .set_cache_size(CACHE_BYTES)
            .create(folder.join("redb"))
            .expect("redb");
        let txn = database.begin_write().expect("a transaction");
        {
            let mut table = txn.open_table(TOKENS).expect("a table");
            for (key, kept) in tokens {
                table.insert(key, &kept.to_bytes()[..]).expect("insert");
            }
        }
        txn.commit().expect("committed");
        let read = database.begin_read().expect("a transaction");
        (read.open_table(TOKENS).expect("a table"), database)
    };
    Box::new(database(
        "redb, one transaction kept open",
        texts,
        clients,
        make,
        |(table, _): &(redb::ReadOnlyTable<Key, &[u8]>, redb::Database), key| {
            Kept::of_bytes(table.get(key).expect("read")?.value())
        },
    ))
}

fn sqlite(texts: &Texts, clients: usize) -> Box<dyn Timed> {
    let make = |folder: &Path, tokens: Vec<(Key, Kept)>| {
        let mut connection = rusqlite::Connection::open(folder.join("sqlite")).expect("SQLite");
        connection
            .execute_batch(
                "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;
                 PRAGMA mmap_size = 8589934592; PRAGMA cache_size = -1000000;
                 CREATE TABLE tokens (key BLOB PRIMARY KEY, kept BLOB NOT NULL) WITHOUT ROWID;",
            )
            .expect("a table");
        let txn = connection.transaction().expect("a transaction");
        {
            let mut insert = txn
                .prepare("INSERT INTO tokens VALUES (?, ?)")
                .expect("prepared");
            for (key, kept) in tokens {
                insert
                    .execute((&key[..], &kept.to_bytes()[..]))
                    .expect("insert");
            }
        }
        txn.commit().expect("committed");
        connection
            .execute_batch("PRAGMA wal_checkpoint(TRUNCATE);")
            .expect("checkpoint");
        connection
    };
    Box::new(database(
        "SQLite, prepared, WAL, mapped",
        texts,
        clients,
        make,
        |connection: &rusqlite::Connection, key| {
            let mut select = connection
                .prepare_cached("SELECT kept FROM tokens WHERE key = ?")
                .expect("prepared");
            let kept = |row: &rusqlite::Row<'_>| Ok(Kept::of_bytes(row.get_ref(0)?.as_blob()?));
            select.query_row([&key[..]], kept).ok()?
        },
    ))
}

fn sled_of(folder: &Path, tokens: Vec<(Key, Kept)>) -> sled::Db {
    let database = sled::Config::new()
        .path(folder)
        .cache_capacity(CACHE_BYTES as u64)
        .open()
        .expect("sled");
    for (key, kept) in tokens {
        database.insert(key, &kept.to_bytes()).expect("insert");
    }
    database
}

fn sled_get(database: &sled::Db, key: &Key) -> Option<Kept> {
    Kept::of_bytes(&database.get(key).expect("read")?)
}

fn sled(texts: &Texts, clients: usize) -> Box<dyn Timed> {
    Box::new(database("sled", texts, clients, sled_of, sled_get))
}

type Cached = (moka::sync::Cache<Key, Kept>, sled::Db);

fn cached(name: &'static str, texts: &Texts, clients: usize, capacity: usize) -> Box<dyn Timed> {
    let make = move |folder: &Path, tokens: Vec<(Key, Kept)>| {
        let cache = moka::sync::Cache::new(capacity as u64);
        for (key, kept) in tokens.iter().take(capacity) {
            cache.insert(*key, *kept);
        }
        cache.run_pending_tasks();
        (cache, sled_of(folder, tokens))
    };
    Box::new(database(
        name,
        texts,
        clients,
        make,
        |(cache, sled): &Cached, key| {
            if let Some(kept) = cache.get(key) {
                return Some(kept);
            }
            let kept = sled_get(sled, key)?;
            cache.insert(*key, kept);
            Some(kept)
        },
    ))
}

fn moka_all(texts: &Texts, clients: usize) -> Box<dyn Timed> {
    cached(
        "moka before sled, all cached",
        texts,
        clients,
        2 * texts.len(),
    )
}

fn moka_tenth(texts: &Texts, clients: usize) -> Box<dyn Timed> {
    cached(
        "moka before sled, a tenth cached",
        texts,
        clients,
        texts.len() / 10,
    )
}
