//! `/metrics`: what the server counts and what the store says of itself, as Prometheus reads it.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};

use hallpass::Stats;

/// Counted since the start.
#[derive(Default)]
pub(super) struct Figures {
    /// Answers, by the reason's code and the source of the credential where that is known. Both are
    /// ours, so nobody can make this grow.
    answers: Mutex<BTreeMap<(&'static str, &'static str), u64>>,
    connections: AtomicU64,
    pub(super) purge_runs: AtomicU64,
    pub(super) purge_failures: AtomicU64,
    pub(super) purged: AtomicU64,
}

/// A connection, counted as long as this is kept.
pub(super) struct Connected(Arc<Figures>);

impl Drop for Connected {
    fn drop(&mut self) {
        self.0.connections.fetch_sub(1, Relaxed);
    }
}

impl Figures {
    pub(super) fn connected(self: &Arc<Self>) -> Connected {
        self.connections.fetch_add(1, Relaxed);
        Connected(Arc::clone(self))
    }

    pub(super) fn answered(&self, code: &'static str, source: &'static str) {
        let mut answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        *answers.entry((code, source)).or_default() += 1;
    }

    /// The text format, version 0.0.4.
    pub(super) fn text(&self, stats: &Stats) -> String {
        let mut text = String::new();
        heading(
            &mut text,
            "answers_total",
            "counter",
            "Requests, by outcome.",
        );
        let answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        for ((code, source), count) in answers.iter() {
            // Writing to a string does not fail.
            let _ = writeln!(
                text,
                "hallpass_answers_total{{code=\"{code}\",source=\"{source}\"}} {count}"
            );
        }
        drop(answers);
        let load = |figure: &AtomicU64| figure.load(Relaxed);
        for (name, kind, help, value) in [
            (
                "tokens",
                "gauge",
                "Token records, dead ones not yet purged included.",
                stats.tokens,
            ),
            (
                "clients",
                "gauge",
                "Clients that have records.",
                stats.clients,
            ),
            (
                "commit_groups_total",
                "counter",
                "Groups ever written.",
                stats.generation,
            ),
            (
                "table_bytes",
                "gauge",
                "Memory behind the table of tokens.",
                stats.table_bytes,
            ),
            ("disk_bytes", "gauge", "Bytes on disk.", stats.disk_bytes),
            (
                "read_only",
                "gauge",
                "1 since a write has failed.",
                stats.read_only.into(),
            ),
            (
                "connections",
                "gauge",
                "Open connections.",
                load(&self.connections),
            ),
            (
                "purge_runs_total",
                "counter",
                "Purges.",
                load(&self.purge_runs),
            ),
            (
                "purge_failures_total",
                "counter",
                "Purges that failed.",
                load(&self.purge_failures),
            ),
            (
                "purged_total",
                "counter",
                "Records forgotten.",
                load(&self.purged),
            ),
        ] {
            heading(&mut text, name, kind, help);
            let _ = writeln!(text, "hallpass_{name} {value}");
        }
        text
    }
}

fn heading(text: &mut String, name: &str, kind: &str, help: &str) {
    let _ = writeln!(
        text,
        "# HELP hallpass_{name} {help}\n# TYPE hallpass_{name} {kind}"
    );
}
