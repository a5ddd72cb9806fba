//! The log on standard error. What is told there are codes and routes: nothing that a client sent.

use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt;
use tracing_subscriber::layer::SubscriberExt as _;

/// Lets the process tell events up to this level. Those of other crates are not told: an HTTP
/// library's show what was sent.
pub(super) fn start(level: LevelFilter) {
    let lines = fmt::layer()
        .with_ansi(false)
        .with_target(false)
        .with_writer(std::io::stderr);
    let ours = Targets::new().with_target("hallpass", level);
    let log = tracing_subscriber::registry().with(lines).with(ours);
    // Fails only where there is a log already.
    let _ = tracing::subscriber::set_global_default(log);
}
