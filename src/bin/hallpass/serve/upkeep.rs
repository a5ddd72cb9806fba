//! What is done in the background.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use hallpass::web::Usage;
use hallpass::{Store, TokenId, Used};
use serde_json::json;
use tokio::time::{Interval, MissedTickBehavior, interval};

use super::figures::{purge_failed, purged};

/// How many are forgotten in one go: others who write wait for some of it.
const BATCH: usize = 100_000;

/// Forgets dead tokens at each interval, for ever. A failure is told once a time and tried again.
pub(super) async fn purge(store: Arc<Store>, every: Duration) {
    let mut ticks = ticks(every);
    loop {
        ticks.tick().await;
        let of_store = Arc::clone(&store);
        let purge = tokio::task::spawn_blocking(move || {
            let (mut forgotten, mut more) = (0, true);
            while more {
                let purged = of_store.purge(BATCH)?;
                forgotten += purged.purged;
                more = purged.more;
            }
            Ok::<_, hallpass::Error>((forgotten, of_store.live_tokens()))
        });
        match purge.await {
            Ok(Ok((forgotten, live))) => purged(forgotten, live),
            Ok(Err(error)) => {
                tracing::error!(target: "hallpass", %error, "a purge failed");
                purge_failed();
            }
            // It panicked, and said so; or the runtime is shutting down.
            Err(_) => purge_failed(),
        }
    }
}

/// At once and then at each interval, which is a second or longer; never twice for one that was missed.
fn ticks(every: Duration) -> Interval {
    let mut ticks = interval(every.max(Duration::from_secs(1)));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks
}

/// Where it is written who was seen.
#[derive(Clone)]
pub(super) struct Book {
    pub(super) path: Option<PathBuf>,
    pub(super) store: Option<Arc<Store>>,
    pub(super) usage: Usage,
}

impl Book {
    /// Writes at each interval, for ever.
    pub(super) async fn keep(self, every: Duration) {
        let mut ticks = ticks(every);
        loop {
            ticks.tick().await;
            self.write().await;
        }
    }

    /// Writes what has gathered. What can't be written is told, and lost.
    pub(super) async fn write(&self) {
        let book = self.clone();
        // It tells what failed itself.
        let _ = tokio::task::spawn_blocking(move || book.enter()).await;
    }

    fn enter(&self) {
        let used = self.usage.take();
        if let Some(path) = &self.path
            && let Err(error) = append(path, &used)
        {
            let path = path.display();
            tracing::error!(target: "hallpass", %path, %error, "these uses could not be written and are lost");
        }
        if let Some(store) = &self.store
            && let Err(error) = store.keep_uses(used)
        {
            tracing::error!(target: "hallpass", %error, "these uses could not be kept and are lost");
        }
    }
}

fn append(path: &Path, used: &[(TokenId, Used)]) -> std::io::Result<()> {
    if used.is_empty() {
        return Ok(());
    }
    let line = |(id, used): &(TokenId, Used)| {
        let (last, count) = (used.last_secs, used.count);
        format!(
            "{}\n",
            json!({ "id": id, "last_used": last, "count": count })
        )
    };
    let lines: String = used.iter().map(line).collect();
    let mut file = OpenOptions::new().create(true).append(true).open(path)?;
    file.write_all(lines.as_bytes())
}
