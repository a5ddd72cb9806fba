//! What is done in the background.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use hallpass::Store;
use tokio::time::{MissedTickBehavior, interval};

use super::figures::Figures;

/// How many are forgotten in one go: others who write wait for some of it.
const BATCH: usize = 100_000;

/// Forgets dead tokens at each interval, for ever. A failure is told once a time and tried again.
pub(super) async fn purge(store: Arc<Store>, figures: Arc<Figures>, every: Duration) {
    let mut ticks = interval(every.max(Duration::from_secs(1)));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
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
            Ok::<_, hallpass::Error>(forgotten)
        });
        figures.purge_runs.fetch_add(1, Relaxed);
        match purge.await {
            Ok(Ok(forgotten)) => drop(figures.purged.fetch_add(forgotten, Relaxed)),
            Ok(Err(error)) => {
                figures.purge_failures.fetch_add(1, Relaxed);
                eprintln!("hallpass: a purge failed: {error}");
            }
            Err(_) => drop(figures.purge_failures.fetch_add(1, Relaxed)),
        }
    }
}
