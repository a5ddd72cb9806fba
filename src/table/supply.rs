//! Makes memory ready for a growing table, on a thread of its own.
//!
//! The first touch of a huge page takes the system 0.1 ms to zero it, and 5 ms, measured, when it
//! must first move other memory out of the way. An insertion cannot wait for that.

use std::sync::mpsc::{Receiver, TryRecvError, sync_channel};
use std::thread;

use super::chunk::Chunk;

/// Chunks made ready ahead of need.
const AHEAD: usize = 1;
/// Enough for a loop that maps memory and sends it.
const STACK_BYTES: usize = 64 << 10;

/// A thread that makes chunks until it has made enough or nobody wants them.
pub(super) struct Supply(Receiver<Chunk>);

impl Supply {
    /// Starts to make `count` chunks; `None` if the system gives no thread.
    pub(super) fn start(count: usize) -> Option<Self> {
        let (sender, receiver) = sync_channel(AHEAD);
        let make = move || {
            for _ in 0..count {
                let Ok(chunk) = Chunk::touched() else { return };
                if sender.send(chunk).is_err() {
                    return;
                }
            }
        };
        let thread = thread::Builder::new()
            .name("hallpass-memory".into())
            .stack_size(STACK_BYTES);
        thread.spawn(make).ok().map(|_| Self(receiver))
    }

    /// A chunk, if one is ready.
    pub(super) fn take(&self) -> Supplied {
        match self.0.try_recv() {
            Ok(chunk) => Supplied::Chunk(chunk),
            Err(TryRecvError::Empty) => Supplied::NotYet,
            Err(TryRecvError::Disconnected) => Supplied::Nothing,
        }
    }
}

/// What a supply has to give.
pub(super) enum Supplied {
    Chunk(Chunk),
    /// It is still at work.
    NotYet,
    /// It has made enough, or got no memory.
    Nothing,
}
