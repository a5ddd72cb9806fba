//! `/metrics`: what the server counts and what the store says of itself, as Prometheus reads it.

use hallpass::Stats;
use metrics::{counter, describe_counter, describe_gauge, gauge};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};

use crate::output::Failure;

/// The figures, told when they are asked for.
#[derive(Clone)]
pub(super) struct Figures(PrometheusHandle);

/// A connection, counted as long as this is kept.
pub(super) struct Connected;

impl Connected {
    pub(super) fn new() -> Self {
        gauge!("hallpass_connections").increment(1);
        Self
    }
}

impl Drop for Connected {
    fn drop(&mut self) {
        gauge!("hallpass_connections").decrement(1);
    }
}

/// Counts an answer by the reason's code and by where the credential stood, as far as that is known.
/// Both are ours, so nobody can make this grow.
pub(super) fn answered(code: &'static str, source: &'static str) {
    counter!("hallpass_answers_total", "code" => code, "source" => source).increment(1);
}

/// Counts a purge, what it has forgotten, and what is alive after it.
pub(super) fn purged(forgotten: u64, live: u64) {
    counter!("hallpass_purge_runs_total").increment(1);
    counter!("hallpass_purged_total").increment(forgotten);
    gauge!("hallpass_live_tokens").set(live as f64);
}

/// Counts a purge that failed.
pub(super) fn purge_failed() {
    counter!("hallpass_purge_runs_total").increment(1);
    counter!("hallpass_purge_failures_total").increment(1);
}

impl Figures {
    /// From here on whatever is counted in this process is counted here.
    pub(super) fn start() -> Result<Self, Failure> {
        let recorder = PrometheusBuilder::new().build_recorder();
        let figures = Self(recorder.handle());
        metrics::set_global_recorder(recorder).map_err(|_| Failure::WrongAnswer {
            what: "somebody counts in this process already".to_owned(),
        })?;
        describe();
        // What has not happened yet is told as 0.
        gauge!("hallpass_connections").set(0);
        for name in [
            "hallpass_purge_runs_total",
            "hallpass_purge_failures_total",
            "hallpass_purged_total",
        ] {
            counter!(name).absolute(0);
        }
        Ok(figures)
    }

    /// The text format, version 0.0.4.
    pub(super) fn text(&self, stats: &Stats) -> String {
        counter!("hallpass_commit_groups_total").absolute(stats.generation);
        for (name, value) in [
            ("hallpass_tokens", stats.tokens),
            ("hallpass_clients", stats.clients),
            ("hallpass_table_bytes", stats.table_bytes),
            ("hallpass_disk_bytes", stats.disk_bytes),
            ("hallpass_read_only", stats.read_only.into()),
        ] {
            gauge!(name).set(value as f64);
        }
        self.0.render()
    }
}

fn describe() {
    describe_counter!("hallpass_answers_total", "Requests, by outcome.");
    describe_counter!("hallpass_commit_groups_total", "Groups ever written.");
    describe_counter!("hallpass_purge_runs_total", "Purges.");
    describe_counter!("hallpass_purge_failures_total", "Purges that failed.");
    describe_counter!("hallpass_purged_total", "Records forgotten.");
    describe_gauge!(
        "hallpass_tokens",
        "Token records, dead ones not yet purged included."
    );
    describe_gauge!(
        "hallpass_live_tokens",
        "Tokens that were active when the last purge had ended."
    );
    describe_gauge!("hallpass_clients", "Clients that have records.");
    describe_gauge!("hallpass_table_bytes", "Memory behind the table of tokens.");
    describe_gauge!("hallpass_disk_bytes", "Bytes on disk.");
    describe_gauge!("hallpass_read_only", "1 since a write has failed.");
    describe_gauge!("hallpass_connections", "Open connections.");
}
