//! Moves entries from one span to another, a few lines at a time, while readers go on reading both.

use super::Place;
use super::line::SLOTS;
use super::signals::Signals;
use super::span::{NoLine, Span};

/// Moves all entries whose home in `from` is one of `count` lines from `next` on. Returns the line
/// to go on with. After an error nothing has changed for readers, and the step can be repeated.
///
/// Three parts, and their order is the protocol: copy, raise the watermark, clear. Readers of an
/// entry that moves find it in `from` up to the second part and in `to` after it; who looked in
/// `from` too late to find it sees the watermark raised.
pub(super) fn step(
    from: &Span<'_>,
    to: &Span<'_>,
    next: usize,
    count: usize,
    signals: &Signals,
) -> Result<usize, NoLine> {
    let end = next.saturating_add(count).min(from.lines);
    let watermark = from.least_place(end);
    if let Err(no_line) = copy(from, to, next, end, watermark, signals) {
        // A copy left behind would miss what happens to its entry before the next try.
        withdraw(from, to, next, end, watermark);
        return Err(no_line);
    }
    signals.set_watermark(watermark);
    clear(from, next, end, watermark);
    Ok(end)
}

/// Copies what is below `watermark` and stands in the lines from `next` to `end` or overflows them.
fn copy(
    from: &Span<'_>,
    to: &Span<'_>,
    next: usize,
    end: usize,
    watermark: u64,
    signals: &Signals,
) -> Result<(), NoLine> {
    let mut at = next;
    while let Some(line) = from.line(at) {
        for slot in 0..SLOTS {
            if let Some(entry) = line.held(slot)
                && let place = entry.place()
                && is_below(place, watermark)
            {
                to.put(place, &entry, signals)?;
            }
        }
        at += 1;
        if at >= end && !line.overflowed() {
            break;
        }
    }
    Ok(())
}

/// Removes what [`copy`] has put into `to`.
fn withdraw(from: &Span<'_>, to: &Span<'_>, next: usize, end: usize, watermark: u64) {
    let mut at = next;
    while let Some(line) = from.line(at) {
        for slot in 0..SLOTS {
            if let Some(entry) = line.held(slot)
                && is_below(entry.place(), watermark)
            {
                to.remove(entry.place(), entry.id);
            }
        }
        at += 1;
        if at >= end && !line.overflowed() {
            break;
        }
    }
}

/// Clears what [`copy`] copied. Lines before `end` hold nothing else and become as new.
fn clear(from: &Span<'_>, next: usize, end: usize, watermark: u64) {
    let mut at = next;
    while let Some(line) = from.line(at) {
        let goes_on = line.overflowed();
        if at < end {
            line.clear();
        } else {
            for slot in 0..SLOTS {
                if line
                    .held(slot)
                    .is_some_and(|entry| is_below(entry.place(), watermark))
                {
                    line.free(slot);
                }
            }
        }
        at += 1;
        if at >= end && !goes_on {
            break;
        }
    }
}

fn is_below(place: Place, watermark: u64) -> bool {
    place.as_u64() < watermark
}
