//! Issuing: one token, many at once, or one whose secret the caller chose.

use std::sync::MutexGuard;

use super::change::Change;
use super::control::Control;
use super::{Core, Store};
use crate::digest::Digest;
use crate::error::Error;
use crate::kind::Kind;
use crate::new_token::{Checked, Issued, NewToken};
use crate::options::Progress;
use crate::record::TokenRecord;
use crate::secret::Secret;
use crate::token_id::TokenId;
use crate::token_text;

/// How many tokens of a bulk issue make one group: large enough that the sync costs nothing, small
/// enough that others wait for milliseconds only.
const BULK_GROUP: usize = 4096;
/// What a chosen secret must have at least: that of a token with no more than 128 bits (RFC 6749
/// section 10.10).
const CHOSEN_SECRET_BITS: u32 = 128;
/// The longest chosen secret, in bytes.
const CHOSEN_SECRET_MAX_BYTES: usize = 512;

impl Store {
    /// Issues a token. It validates as soon as this has returned, and its secret is handed out
    /// here and never again.
    ///
    /// # Errors
    /// [`Error::Invalid`] and [`Error::Limit`] if what is asked for is not acceptable,
    /// [`Error::ClientDisabled`], [`Error::ReadOnly`], [`Error::Io`]: no token was issued.
    pub fn issue(&self, token: NewToken) -> Result<Issued, Error> {
        let checked = token.check(self.core.live.now_secs(), &self.core.prefix)?;
        let mut control = self.core.writable()?;
        let (change, issued) = self.core.prepare(&mut control, checked)?;
        self.core.commit(control, [change])?;
        Ok(issued)
    }

    /// Issues many tokens, in groups of a few thousand; much faster than one by one.
    ///
    /// Each group is durable before the next is begun. `sink` gets every token once it is, and so
    /// on an error it has got exactly those that were issued.
    pub fn issue_many(
        &self,
        tokens: impl IntoIterator<Item = NewToken>,
        mut sink: impl FnMut(Issued),
    ) -> Result<u64, Error> {
        let mut tokens = tokens.into_iter().peekable();
        let total = tokens.size_hint().0 as u64;
        let mut done = 0;
        while tokens.peek().is_some() {
            let now_secs = self.core.live.now_secs();
            let checked: Vec<Checked> = tokens
                .by_ref()
                .take(BULK_GROUP)
                .map(|token| token.check(now_secs, &self.core.prefix))
                .collect::<Result<_, _>>()?;
            let mut control = self.core.writable()?;
            let mut changes = Vec::with_capacity(checked.len());
            let mut group = Vec::with_capacity(checked.len());
            for checked in checked {
                // What was counted for a group that is given up is taken back with it.
                match self.core.prepare(&mut control, checked) {
                    Ok((change, issued)) => {
                        changes.push(change);
                        group.push(issued);
                    }
                    Err(error) => {
                        self.core.uncount(&mut control, &changes);
                        return Err(error);
                    }
                }
            }
            self.core.commit(control, changes)?;
            done += group.len() as u64;
            group.into_iter().for_each(&mut sink);
            self.core.tell(Progress {
                doing: "issue",
                done,
                total: total.max(done),
            });
        }
        Ok(done)
    }

    /// Stores a token whose secret the caller chose: a bootstrap token, or a secret brought along
    /// from another system. Prefer [`Store::issue`], whose secrets nobody ever chose.
    ///
    /// # Errors
    /// [`Error::WeakSecret`] if the secret cannot have 128 bits of entropy (a bound from its length
    /// and its characters; that it is random is the caller's word), [`Error::AlreadyExists`], and
    /// those of [`Store::issue`].
    pub fn issue_chosen(&self, token: NewToken, secret: &str) -> Result<TokenId, Error> {
        if token.kind == Kind::Jwt {
            return Err(Error::Invalid {
                what: "kind",
                why: "the text of a JSON Web Token is its own, and cannot be chosen",
            });
        }
        check_chosen(secret)?;
        let checked = token.check(self.core.live.now_secs(), &self.core.prefix)?;
        let digest = match &checked.pair_id {
            Some(id) => self
                .core
                .live
                .digests
                .pair(id.as_bytes(), secret.as_bytes()),
            None => self.core.live.digests.text(secret.as_bytes()),
        };
        let mut control = self.core.writable()?;
        let stored = match &checked.pair_id {
            Some(_) => self.core.find_shown(secret.as_bytes(), digest),
            // Also a JWT that was issued here.
            None => self.core.find_text(secret.as_bytes()),
        };
        if stored.is_some() || !control.reserve(&digest) {
            return Err(Error::AlreadyExists);
        }
        let id = self.core.next_id(&mut control)?;
        let issued = self
            .core
            .birth(&mut control, checked, id, digest, true)
            .and_then(|change| self.core.commit(control, [change]));
        self.core.control()?.release(&digest);
        issued.map(|()| id)
    }
}

impl Core {
    /// Draws id and secret, and makes the change.
    pub(super) fn prepare(
        &self,
        control: &mut MutexGuard<'_, Control>,
        #[cfg_attr(
            not(feature = "jwt"),
            expect(unused_mut, reason = "only signing changes it")
        )]
        mut checked: Checked,
    ) -> Result<(Change, Issued), Error> {
        let id = self.next_id(control)?;
        let secret = match checked.kind {
            #[cfg(feature = "jwt")]
            Kind::Jwt => self.sign(control, &mut checked, id)?,
            _ => self.draw_secret(&checked, id)?,
        };
        let text = secret.expose().as_bytes();
        let digest = match &checked.pair_id {
            Some(pair_id) => self.live.digests.pair(pair_id.as_bytes(), text),
            #[cfg(feature = "jwt")]
            None if checked.kind == Kind::Jwt => self.live.digests.jwt(text),
            None => self.live.digests.text(text),
        };
        let expires_at = (checked.expires_at != u32::MAX).then_some(u64::from(checked.expires_at));
        let pair_id = checked.pair_id.clone();
        let change = self.birth(control, checked, id, digest, false)?;
        Ok((
            change,
            Issued {
                id,
                secret,
                pair_id,
                expires_at,
            },
        ))
    }

    fn draw_secret(&self, checked: &Checked, id: TokenId) -> Result<Secret, Error> {
        token_text::generate(&checked.prefix, id).map_err(|source| Error::Io {
            doing: "drawing a secret",
            consequence: "no token was issued",
            source,
        })
    }

    /// The record and the table entry of a new token; counts it.
    pub(super) fn birth(
        &self,
        control: &mut Control,
        checked: Checked,
        id: TokenId,
        digest: Digest,
        placed_by_digest: bool,
    ) -> Result<Change, Error> {
        let limit = |limit, max: u64, now: u64| {
            if now < max {
                Ok(())
            } else {
                Err(Error::Limit {
                    limit,
                    max,
                    got: now.saturating_add(1),
                })
            }
        };
        limit("tokens_max", self.tokens_max, control.tokens)?;
        let (_, client) = self.client(control, &checked.client)?;
        if client.disabled {
            return Err(Error::ClientDisabled);
        }
        let held = client.tokens;
        limit("tokens_per_client_max", self.tokens_per_client_max, held)?;
        let record = TokenRecord {
            kind: checked.kind.as_u8(),
            digest: *digest.as_bytes(),
            placed_by_digest,
            key: checked.key,
            client: checked.client.as_str().into(),
            issued_at: self.live.now_secs(),
            not_before: checked.not_before,
            expires_at: checked.expires_at,
            scopes: checked.scopes.as_slice().to_vec(),
            audiences: checked.audiences,
            metadata: checked.metadata,
            revoked: None,
        };
        let entry = self.entry(control, id, &record)?;
        control.tokens += 1;
        Ok(Change::Issue {
            record: Box::new(record),
            entry,
        })
    }

    /// Takes back what was counted for tokens that will not be issued after all.
    fn uncount(&self, control: &mut Control, changes: &[Change]) {
        for change in changes {
            if let Change::Issue { entry, .. } = change {
                control.forget(self.live.grant(entry.grant).client);
            }
        }
    }

    pub(super) fn next_id(&self, control: &mut Control) -> Result<TokenId, Error> {
        control.next_id(self.live.now_secs())
    }

    pub(super) fn next_epoch(&self, control: &mut Control) -> u64 {
        control.next_epoch(self.live.now_secs())
    }
}

/// Refuses a chosen secret that cannot be strong. The bound is generous on purpose: it knows only
/// the length and how many different characters there are.
fn check_chosen(secret: &str) -> Result<(), Error> {
    Error::check_limit(
        "chosen_secret_max_bytes",
        CHOSEN_SECRET_MAX_BYTES,
        secret.len(),
    )?;
    if !secret.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(Error::Invalid {
            what: "secret",
            why: "it must be printable ASCII without spaces, or it could not be shown in a header",
        });
    }
    let mut kinds = [false; 256];
    secret
        .bytes()
        .for_each(|byte| kinds[usize::from(byte)] = true);
    let different = kinds.iter().filter(|seen| **seen).count() as u32;
    // Each character of an alphabet of n adds log2(n) bits; rounded up to stay an upper bound.
    let bits_each = different.max(1).ilog2() + u32::from(!different.max(1).is_power_of_two());
    let at_most_bits = bits_each * secret.len() as u32;
    if at_most_bits < CHOSEN_SECRET_BITS {
        return Err(Error::WeakSecret {
            needed_bits: CHOSEN_SECRET_BITS,
            at_most_bits,
        });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weak_chosen_secrets_are_refused() {
        for weak in [
            "",
            "this-is-a-token",
            "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
            "0123456789abcde",
        ] {
            assert!(
                matches!(check_chosen(weak), Err(Error::WeakSecret { .. })),
                "{weak}"
            );
        }
        assert!(check_chosen("gt6P_zIqTnCngfHDCpWb48ob5EBt3PqunUhpofNCNnc=").is_ok());
        assert!(check_chosen("with a space 0123456789 abcdefghijklmnop").is_err());
        // Sixteen different characters are four bits each, one more makes it five.
        assert!(check_chosen("0123456789abcdef0123456789abcdef").is_ok());
        for (weak, bits) in [
            ("0123456789abcdef0123456789abcde", 124),
            ("0123456789abcdefg01234567", 125),
        ] {
            assert!(matches!(
                check_chosen(weak),
                Err(Error::WeakSecret { at_most_bits, .. }) if at_most_bits == bits
            ));
        }
        assert!(check_chosen("0123456789abcdefg012345678").is_ok());
        assert!(matches!(
            check_chosen(&"x1".repeat(257)),
            Err(Error::Limit { .. })
        ));
    }
}
