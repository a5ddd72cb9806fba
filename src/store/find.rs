//! Finding a token, dead or alive, by what a client shows.

use super::{Core, Store};
use crate::digest::Digest;
use crate::table::{Entry, Place};
use crate::token_id::TokenId;
use crate::token_text;

impl Store {
    /// The id of the token with this text, active or not; `None` if the store knows none. Why it
    /// is inactive, [`Store::get`] tells.
    pub fn id_of_text(&self, text: impl AsRef<[u8]>) -> Option<TokenId> {
        self.core.find_text(text.as_ref()).map(|entry| entry.id)
    }

    /// The id of the client secret that is shown as this pair, active or not.
    pub fn id_of_pair(&self, id: impl AsRef<[u8]>, secret: impl AsRef<[u8]>) -> Option<TokenId> {
        let (id, secret) = (id.as_ref(), secret.as_ref());
        let digest = self.core.live.digests.pair(id, secret);
        self.core.find_shown(secret, digest).map(|entry| entry.id)
    }
}

impl Core {
    pub(super) fn find_text(&self, text: &[u8]) -> Option<Entry> {
        self.live.find_text(text)
    }

    /// What is placed by the id in its text, or by the digest if the secret was chosen.
    pub(super) fn find_shown(&self, text: &[u8], digest: Digest) -> Option<Entry> {
        let place = token_text::id_bytes(text).map(Place::of_id_text);
        self.live.find(place, digest)
    }
}
