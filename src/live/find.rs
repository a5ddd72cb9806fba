//! Finding a token, dead or alive, by what a client shows.

use super::Live;
use crate::digest::Digest;
use crate::table::{self, Entry, Place};
use crate::token_text;

/// Why a text is not among the tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Missing {
    /// It may be a token, and is none that is known here.
    Unknown,
    /// It has not the form of an opaque token.
    OtherForm,
}

impl Live {
    /// The token with this text, for those who have time.
    pub(crate) fn find_text(&self, text: &[u8]) -> Option<Entry> {
        #[cfg(feature = "jwt")]
        if text.len() > token_text::TEXT_MAX_BYTES {
            return self.find_jwt(text);
        }
        let place = token_text::id_bytes(text).map(Place::of_id_text);
        self.find(place, self.digests.text(text))
    }

    /// The opaque token with this text, where its id says; else its digest, if the text has the form of
    /// one. A text of that form is looked for after `meanwhile`. For one caller only: with two the compiler
    /// puts the hold on the table's layout out of line, which makes a call 15 ns longer.
    #[inline(always)]
    pub(crate) fn find_opaque(
        &self,
        text: &[u8],
        meanwhile: impl FnOnce(),
    ) -> Result<Entry, Option<table::Digest>> {
        if text.len() > token_text::TEXT_MAX_BYTES {
            return Err(None);
        }
        let id = token_text::id_bytes(text).ok_or(None)?;
        // The form is looked at while the memory is on its way, and not when nothing was found; the clock
        // too, and not when the token is judged. Whatever stands between one look-up and the next
        // call's prefetch must fit in the processor's window of 200 to 500 instructions, or the two no
        // longer overlap: with the clock behind it, a Zen 3 took a fifth longer than a load.
        let digest = || {
            token_text::is_well_formed(text).then(|| {
                meanwhile();
                self.digests.text(text).in_memory()
            })
        };
        self.table.get_meanwhile(Place::of_id_text(id), digest)
    }

    /// The token with this text that [`Live::find_opaque`] did not find, with what it yielded. Noise
    /// costs no digest and no look-up unless somebody chose a secret.
    #[inline]
    pub(crate) fn find_other(
        &self,
        text: &[u8],
        digest: Option<table::Digest>,
    ) -> Result<Entry, Missing> {
        match digest {
            Some(digest) => self.find_placed_by(digest).ok_or(Missing::Unknown),
            #[cfg(feature = "jwt")]
            None if text.len() > token_text::TEXT_MAX_BYTES => {
                self.find_jwt(text).ok_or(Missing::OtherForm)
            }
            // This thread is ending.
            None if token_text::is_well_formed(text) => {
                self.find_text(text).ok_or(Missing::Unknown)
            }
            None => self.find_chosen(text).ok_or(Missing::OtherForm),
        }
    }

    #[cold]
    fn find_chosen(&self, text: &[u8]) -> Option<Entry> {
        if self.has_placed_by_digest() {
            return self.find_placed_by(self.digests.text(text).in_memory());
        }
        None
    }

    /// The JWT with this text; or the token whose chosen secret looks like one, or is as long.
    #[cfg(feature = "jwt")]
    #[inline]
    fn find_jwt(&self, text: &[u8]) -> Option<Entry> {
        let place = crate::jwt::embedded_id(text).map(|id| Place::of_id_text(&id));
        if let Some(place) = place {
            let digest = || self.digests.jwt(text).in_memory();
            let found = match self.table.get_meanwhile(place, || Some(digest())) {
                Ok(found) => Some(found),
                Err(Some(_)) => None,
                // This thread is ending.
                Err(None) => self.table.get(place, digest()),
            };
            if found.is_some() {
                return found;
            }
        }
        self.find_long(place, text)
    }

    /// Whether this text is a JWT of the store, dead or alive. One that carries no id of ours is not
    /// digested for that.
    #[cfg(feature = "jwt")]
    #[cold]
    pub(crate) fn knows_jwt(&self, text: &[u8]) -> bool {
        let place = crate::jwt::embedded_id(text).map(|id| Place::of_id_text(&id));
        if place.is_none() && !self.has_placed_by_digest() {
            return false;
        }
        self.find(place, self.digests.jwt(text)).is_some() || self.find_long(place, text).is_some()
    }

    /// Stores made before JWTs had a digest of their own hold them by that of any long text.
    #[cfg(feature = "jwt")]
    #[cold]
    fn find_long(&self, place: Option<Place>, text: &[u8]) -> Option<Entry> {
        self.find(place, self.digests.text(text))
    }

    /// The token with this digest, at this place or at that of its digest.
    #[inline(always)]
    pub(crate) fn find(&self, place: Option<Place>, digest: Digest) -> Option<Entry> {
        let digest = digest.in_memory();
        place
            .and_then(|place| self.table.get(place, digest))
            .or_else(|| self.find_placed_by(digest))
    }

    /// The token whose secret its caller chose.
    #[inline]
    pub(crate) fn find_placed_by(&self, digest: table::Digest) -> Option<Entry> {
        if self.has_placed_by_digest() {
            return self.table.get(Place::of_digest(digest), digest);
        }
        None
    }
}
