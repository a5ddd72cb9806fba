//! Shortening the life of a token. It can only get shorter: a token must not prolong itself.

use super::Store;
use super::change::Change;
use crate::error::Error;
use crate::kind::Kind;
use crate::new_token::instant;
use crate::token_id::TokenId;

impl Store {
    /// Lets the token expire at `unix_secs`, or at once if that has passed; an expiry that is
    /// already earlier stays. Yields when it expires now, or `None` if the store knows no such
    /// token.
    pub fn expire(&self, id: TokenId, unix_secs: u64) -> Result<Option<u64>, Error> {
        let expires_at = instant("expires_at_max", unix_secs)?;
        let control = self.core.control()?;
        let Some(entry) = self.core.entry_to_kill(id)? else {
            return Ok(None);
        };
        if self.core.live.grant(entry.grant).kind == Kind::ForeignDenial.as_u8() {
            // A denial that ended earlier would let its token live again.
            return Ok(None);
        }
        if entry.expires_at <= expires_at {
            // Another thread may be writing that still, or have failed to.
            self.core.commit(control, None)?;
            return Ok(Some(u64::from(entry.expires_at)));
        }
        self.core
            .live
            .table
            .writer()
            .set_expiry(entry.place(), id, expires_at);
        self.core
            .commit(control, [Change::Shorten { id, expires_at }])?;
        Ok(Some(u64::from(expires_at)))
    }
}

#[cfg(test)]
mod tests {
    use crate::disk::fake::FakeDisk;
    use crate::error::Error;
    use crate::new_token::NewToken;
    use crate::options::Options;

    #[test]
    fn an_end_that_is_not_on_disk_is_not_called_done() {
        let disk = FakeDisk::new();
        let store = Options::new().open_fake(disk.clone()).unwrap();
        let id = store.issue(NewToken::new("c").never_expires()).unwrap().id;
        disk.fail_after(0);
        assert!(matches!(store.expire(id, 1), Err(Error::Io { .. })));
        let refused = store.expire(id, 1);
        assert!(
            matches!(refused, Err(Error::ReadOnly { .. })),
            "{refused:?}"
        );
    }
}
