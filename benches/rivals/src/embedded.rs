//! What one would write around a map or a database: the digest, what is kept of a token, the check.

use std::sync::atomic::{AtomicU64, Ordering};

use hallpass::{Clock, SystemClock};

use crate::tokens::{Texts, client_of};

/// Half a digest, as hallpass keeps it in memory: the shortest key that is still safe.
pub type Key = [u8; 16];

/// What is kept of a token: 16 bytes.
#[derive(Clone, Copy)]
pub struct Kept {
    pub id: u64,
    pub expires_at: u32,
    pub client: u32,
}

impl Kept {
    pub const BYTES: usize = 16;

    pub fn to_bytes(self) -> [u8; Self::BYTES] {
        let mut bytes = [0; Self::BYTES];
        bytes[..8].copy_from_slice(&self.id.to_be_bytes());
        bytes[8..12].copy_from_slice(&self.expires_at.to_be_bytes());
        bytes[12..].copy_from_slice(&self.client.to_be_bytes());
        bytes
    }

    pub fn of_bytes(bytes: &[u8]) -> Option<Self> {
        let (id, rest) = bytes.split_first_chunk()?;
        let (expires_at, rest) = rest.split_first_chunk()?;
        Some(Self {
            id: u64::from_be_bytes(*id),
            expires_at: u32::from_be_bytes(*expires_at),
            client: u32::from_be_bytes(*rest.first_chunk()?),
        })
    }
}

/// The parts that all rivals share: the best of their kind, so that only the store differs.
pub struct Embedded {
    key: [u8; 32],
    /// The least token id alive of each client.
    epochs: Vec<AtomicU64>,
}

impl Embedded {
    pub fn new(clients: usize) -> Self {
        Self {
            key: [42; 32],
            epochs: (0..clients).map(|_| AtomicU64::new(0)).collect(),
        }
    }

    /// The same digest as hallpass makes: one keyed block, padded.
    #[inline(always)]
    pub fn digest(&self, text: &[u8]) -> Key {
        let mut block = [0; 64];
        block[..text.len()].copy_from_slice(text);
        block[63] = text.len() as u8;
        let digest = blake3::keyed_hash(&self.key, &block);
        *digest.as_bytes().first_chunk().expect("16 of 32 bytes")
    }

    /// The same check: expiry by the same clock, then the client's epoch.
    #[inline(always)]
    pub fn check(&self, kept: Kept) -> Option<u64> {
        let epoch = self.epochs[kept.client as usize].load(Ordering::Acquire);
        let is_alive = u64::from(kept.expires_at) > SystemClock.now_secs() && kept.id >= epoch;
        is_alive.then_some(kept.id)
    }

    /// Every token's key and what is kept of it.
    pub fn tokens<'a>(&'a self, texts: &'a Texts) -> impl Iterator<Item = (Key, Kept)> + 'a {
        let expires_at = SystemClock.now_secs() as u32 + 86_400;
        texts.scattered().map(move |(at, text)| {
            let kept = Kept {
                id: at as u64 + 1,
                expires_at,
                client: client_of(at, self.epochs.len()) as u32,
            };
            (self.digest(text), kept)
        })
    }
}
