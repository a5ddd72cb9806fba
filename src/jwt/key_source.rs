//! Where an issuer's keys come from; whoever embeds us may fetch them, we never do.

use std::sync::Arc;

use arc_swap::ArcSwap;

use super::jwks::KeySet;

/// Gives the keys of an issuer as they are now. Asked for every token, so answer from memory.
pub trait KeySource: Send + Sync {
    /// The keys as they are now.
    fn keys(&self) -> Arc<KeySet>;

    /// Whether the keys are still `keys`, the very ones that [`KeySource::keys`] gave. A verified
    /// token is remembered only as long as this holds, so a source that makes a new set at each
    /// call has every token verified again.
    fn is_current(&self, keys: &Arc<KeySet>) -> bool {
        Arc::ptr_eq(&self.keys(), keys)
    }

    /// A token named a key that no issuer has. A refresh may be due; anybody can cause this call at
    /// any rate, so limit yours, and return at once.
    fn key_missed(&self) {}
}

/// Keys that never change.
impl KeySource for Arc<KeySet> {
    fn keys(&self) -> Arc<KeySet> {
        Arc::clone(self)
    }

    fn is_current(&self, keys: &Arc<KeySet>) -> bool {
        Arc::ptr_eq(self, keys)
    }
}

/// Keys that are replaced as a whole while tokens are being verified.
#[derive(Clone, Debug)]
pub struct SharedKeys(Arc<ArcSwap<KeySet>>);

impl SharedKeys {
    /// Starts with these keys.
    pub fn new(keys: KeySet) -> Self {
        Self(Arc::new(ArcSwap::from_pointee(keys)))
    }

    /// From now on these. A verification under way ends with the keys it began with.
    pub fn replace(&self, keys: KeySet) {
        self.0.store(Arc::new(keys));
    }
}

impl KeySource for SharedKeys {
    fn keys(&self) -> Arc<KeySet> {
        self.0.load_full()
    }

    fn is_current(&self, keys: &Arc<KeySet>) -> bool {
        Arc::ptr_eq(&self.0.load(), keys)
    }
}
