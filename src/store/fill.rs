//! Filling memory from the records, once, at open.

use std::sync::PoisonError;

use super::Core;
use super::control::{Control, Key, not_inserted};
use super::scan::{Visit, scan};
use crate::client_id::ClientId;
use crate::digest::Digest;
use crate::error::Error;
use crate::options::Progress;
use crate::record::{ClientRecord, KeyRecord, TokenRecord};
use crate::table::{Entry, Writer};
use crate::token_id::TokenId;

struct Fill<'a> {
    core: &'a Core,
    control: &'a mut Control,
    writer: Writer<'a>,
    /// The batch that goes into the table next.
    entries: Vec<Entry>,
    total: u64,
}

impl Core {
    pub(super) fn fill(&self) -> Result<(), Error> {
        let mut control = self.control.lock().unwrap_or_else(PoisonError::into_inner);
        let seal = self.sealed().clone();
        let writer = self.live.table.writer();
        let entries = Vec::new();
        let mut fill = Fill {
            core: self,
            control: &mut control,
            writer,
            entries,
            total: seal.tokens,
        };
        scan(&*self.disk, &self.mac_key, &seal, &mut fill)?;
        drop(fill);
        #[cfg(feature = "jwt")]
        {
            self.publish_keys(&control);
            self.publish_client_keys(&mut control)?;
        }
        control.last_id = TokenId::from_u64(seal.last_id)
            .ok_or_else(|| Error::corrupt("the last id is out of range"))?;
        control.tokens = seal.tokens;
        Ok(())
    }

    /// Takes a key's record into memory: before the tokens that it signed.
    #[cfg_attr(
        not(feature = "jwt"),
        expect(unused_variables, reason = "names are for signers")
    )]
    fn restore_key(
        &self,
        control: &mut Control,
        kid: &str,
        record: KeyRecord,
    ) -> Result<(), Error> {
        let key = Key {
            epoch: record.epoch,
            ..Key::default()
        };
        if record.number != 0 && control.keys.insert(record.number, key).is_some() {
            return Err(Error::corrupt("two keys have the same number"));
        }
        #[cfg(feature = "jwt")]
        self.load_key(control, kid, record)?;
        Ok(())
    }

    /// The table entry of a token that has a record; counts it for its client.
    pub(super) fn entry(
        &self,
        control: &mut Control,
        id: TokenId,
        record: &TokenRecord,
    ) -> Result<Entry, Error> {
        record.kind()?;
        let (number, _) = self
            .find_client(control, &record.client)
            .ok_or_else(|| Error::corrupt("a token of a client without a record"))?;
        let grant = self.grant(control, number, id, record)?;
        if let Some(client) = control.clients.get_mut(&number) {
            client.tokens += 1;
        }
        Ok(Entry {
            digest: Digest::from_bytes(record.digest).in_memory(),
            id,
            expires_at: record.expires_at,
            grant,
            revoked: record.revoked.is_some(),
            deferred: record.not_before != 0,
            placed_by_digest: record.placed_by_digest,
        })
    }

    pub(super) fn tell(&self, progress: Progress) {
        if let Some(tell) = &self.on_progress {
            tell(progress);
        }
    }
}

impl Visit for Fill<'_> {
    fn client(&mut self, client: &ClientId, record: ClientRecord) -> Result<(), Error> {
        let (number, known) = self.core.client(self.control, client)?;
        known.epoch = record.epoch;
        known.disabled = record.disabled;
        known.foreign = record.foreign;
        self.core.publish(self.control, number);
        Ok(())
    }

    fn key(&mut self, kid: &str, record: KeyRecord) -> Result<(), Error> {
        self.core.restore_key(self.control, kid, record)
    }

    fn token(&mut self, id: TokenId, record: &TokenRecord) -> Result<(), Error> {
        let entry = self.core.entry(self.control, id, record)?;
        if entry.placed_by_digest {
            self.core.live.count_placed_by_digest(true);
        }
        self.entries.push(entry);
        Ok(())
    }

    fn batch_done(&mut self, done: u64) -> Result<(), Error> {
        self.writer
            .insert_all(self.entries.drain(..))
            .map_err(not_inserted)?;
        self.core.tell(Progress {
            doing: "open",
            done,
            total: self.total,
        });
        Ok(())
    }
}
