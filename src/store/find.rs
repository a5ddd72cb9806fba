//! Finding a token, dead or alive, by what a client shows.

use super::{Core, Store};
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
    pub fn id_of_pair(&self, id: &str, secret: &str) -> Option<TokenId> {
        let digest = self
            .core
            .live
            .digests
            .pair(id.as_bytes(), secret.as_bytes());
        let place = token_text::id_bytes(secret.as_bytes()).map(Place::of_id_text);
        self.core.live.find(place, digest).map(|entry| entry.id)
    }
}

impl Core {
    pub(super) fn find_text(&self, text: &[u8]) -> Option<Entry> {
        self.live.find_text(text)
    }
}
