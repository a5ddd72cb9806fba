//! A progress bar on whatever lasts over a second, for people only.

use std::io::{self, IsTerminal as _};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use hallpass::{Options, Progress};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressFinish, ProgressStyle};

use crate::output::grouped;

/// What is over sooner needs no bar.
const PATIENCE: Duration = Duration::from_secs(1);

/// When there may be a bar.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum When {
    /// If standard error is a terminal.
    Terminal,
    /// If besides standard output is none: lines on it would run into the bar.
    AloneOnTerminal,
}

/// Options of a store whose progress is shown.
pub(crate) fn told_to(options: Options, when: When) -> Options {
    let crowded = when == When::AloneOnTerminal && io::stdout().is_terminal();
    if crowded || !io::stderr().is_terminal() {
        return options;
    }
    let state = Mutex::new(None);
    options.on_progress(move |progress| {
        let mut state: MutexGuard<'_, Option<Shown>> =
            state.lock().unwrap_or_else(PoisonError::into_inner);
        let shown = match state.take() {
            Some(shown) if shown.doing == progress.doing => shown,
            _ => Shown::begin(progress),
        };
        *state = shown.tell(progress);
    })
}

struct Shown {
    doing: &'static str,
    since: Instant,
    bar: Option<ProgressBar>,
}

impl Shown {
    fn begin(progress: Progress) -> Self {
        Self {
            doing: progress.doing,
            since: Instant::now(),
            bar: None,
        }
    }

    /// What is left to be shown: nothing, once all is done.
    fn tell(mut self, progress: Progress) -> Option<Self> {
        if progress.done >= progress.total {
            return None;
        }
        if self.bar.is_none() && self.since.elapsed() >= PATIENCE {
            self.bar = Some(bar(progress));
        }
        if let Some(bar) = &self.bar {
            bar.set_length(progress.total);
            bar.set_prefix(outlook(progress, self.since.elapsed()));
            bar.set_position(progress.done);
        }
        Some(self)
    }
}

fn bar(progress: Progress) -> ProgressBar {
    const LOOKS: &str = "{msg:>6} [{bar:32}] {human_pos}/{human_len}  {prefix}";
    let style =
        ProgressStyle::with_template(LOOKS).unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::with_draw_target(Some(progress.total), ProgressDrawTarget::stderr())
        .with_style(style.progress_chars("=> "))
        .with_message(progress.doing)
        .with_finish(ProgressFinish::AndClear)
}

/// The rate since the beginning, and what it lets expect. (indicatif's own rate begins with the
/// bar, a second late, and takes all that was done before for a burst.)
fn outlook(progress: Progress, elapsed: Duration) -> String {
    let rate = progress.done as f64 / elapsed.as_secs_f64().max(0.001);
    let left = progress.total.saturating_sub(progress.done) as f64 / rate.max(0.001);
    format!("{}/s, {left:.0} s left", grouped(rate as u64))
}
