//! Clients: disabling, enabling, and the word in memory that says which of their tokens live.

use super::change::Change;
use super::control::{Client, Control};
use super::{Core, Store};
use crate::client_id::ClientId;
use crate::error::Error;
use crate::live::AUDIENCE_MARK;
use crate::record::TokenRecord;
use crate::table::{CELLS_MAX, CLIENT_DISABLED, Grant};
use crate::token_id::TokenId;
#[cfg(feature = "jwt")]
use crate::token_id::epoch_secs;

/// What the store knows of a client.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
#[non_exhaustive]
pub struct ClientInfo {
    /// The client.
    pub client_id: String,
    /// Its token records, dead ones not yet purged included.
    pub tokens: u64,
    /// Whether its tokens are refused and none is issued.
    pub disabled: bool,
}

impl Store {
    /// What the store knows of a client; `None` if it has no records of it.
    pub fn client(&self, client: &str) -> Result<Option<ClientInfo>, Error> {
        let mut control = self.core.control()?;
        let known = self.core.known_client(&mut control, client);
        Ok(known.map(|(_, known)| ClientInfo {
            client_id: client.to_owned(),
            tokens: known.tokens,
            disabled: known.disabled,
        }))
    }

    /// Disables a client: its tokens are refused, and none is issued, until it is enabled again.
    /// A client the store has not met yet can be disabled too.
    ///
    /// When this has returned, with `Ok` **or** `Err`, no validation that starts later accepts a
    /// token of the client.
    pub fn disable_client(&self, client: &str) -> Result<(), Error> {
        self.set_disabled(&ClientId::new(client)?, true)
    }

    /// Enables a client again. What was revoked meanwhile stays revoked.
    pub fn enable_client(&self, client: &str) -> Result<(), Error> {
        self.set_disabled(&ClientId::new(client)?, false)
    }

    fn set_disabled(&self, client: &ClientId, disabled: bool) -> Result<(), Error> {
        // Enabling makes tokens live, so it must be durable first; disabling the other way round.
        let mut control = if disabled {
            self.core.control()?
        } else {
            self.core.writable()?
        };
        if !disabled
            && self
                .core
                .known_client(&mut control, client.as_str())
                .is_none()
        {
            return Ok(());
        }
        let (number, known) = match disabled {
            true => self.core.client_to_refuse(&mut control, client)?,
            false => self.core.client(&mut control, client)?,
        };
        let change = Change::DisableClient {
            client: client.as_str().into(),
            disabled,
        };
        if disabled {
            known.disabled = true;
            known.disables += 1;
            self.core.publish(&control, number);
            return self.core.commit(control, [change]);
        }
        let disables = known.disables;
        self.core.commit(control, [change])?;
        let mut control = self.core.control()?;
        let (number, known) = self.core.client(&mut control, client)?;
        // Whoever disabled the client meanwhile had the last word.
        if known.disables == disables {
            known.disabled = false;
            self.core.publish(&control, number);
        }
        Ok(())
    }
}

impl Client {
    /// What validators read: the least token id alive, as client and key have it, and whether the
    /// client is disabled.
    pub(super) fn word(&self, key_epoch: u64) -> u64 {
        self.epoch.max(key_epoch) | if self.disabled { CLIENT_DISABLED } else { 0 }
    }
}

impl Core {
    /// The client with its number, if it has ever been met.
    pub(super) fn find_client<'c>(
        &self,
        control: &'c mut Control,
        client: &str,
    ) -> Option<(u32, &'c mut Client)> {
        let number = self.live.client_names.find(client)?;
        control
            .clients
            .get_mut(&number)
            .map(|client| (number, client))
    }

    /// The client with its number, if the store has anything to say of it.
    pub(super) fn known_client<'c>(
        &self,
        control: &'c mut Control,
        client: &str,
    ) -> Option<(u32, &'c mut Client)> {
        self.find_client(control, client)
            .filter(|(_, client)| client.is_known())
    }

    /// The client with its number, made if it is new.
    pub(super) fn client<'c>(
        &self,
        control: &'c mut Control,
        client: &ClientId,
    ) -> Result<(u32, &'c mut Client), Error> {
        let number = self
            .live
            .client_names
            .intern(client.as_str())
            .ok_or_else(too_many)?;
        Ok((number, control.clients.entry(number).or_default()))
    }

    /// The same, to refuse its tokens: if there is no room to say so of those that others issued, all
    /// of theirs are refused.
    pub(super) fn client_to_refuse<'c>(
        &self,
        control: &'c mut Control,
        client: &ClientId,
    ) -> Result<(u32, &'c mut Client), Error> {
        self.client(control, client)
            .inspect_err(|_| self.live.refuse_foreign())
    }

    /// Makes the word of the client with this number visible to validators: each of its grants
    /// carries it.
    pub(super) fn publish(&self, control: &Control, number: u32) {
        let Some(client) = control.clients.get(&number) else {
            return;
        };
        #[cfg(feature = "jwt")]
        self.live.keyring.deny_client(
            self.live.client_name(number),
            client.disabled,
            (client.epoch != 0).then(|| epoch_secs(client.epoch)),
        );
        for grant in &client.grants {
            let key_epoch = control.key_epoch(self.live.grant(*grant).key);
            self.live
                .grants
                .set_least_alive(*grant, client.word(key_epoch));
        }
    }

    /// The grant whose word tells whether a client that signs for itself is disabled.
    #[cfg(feature = "jwt")]
    pub(super) fn client_key_grant(
        &self,
        control: &mut Control,
        client: &ClientId,
    ) -> Result<u32, Error> {
        /// The number of no kind: no token has this grant.
        const NO_TOKENS: u8 = u8::MAX;
        let (number, client) = self.client(control, client)?;
        let grant = Grant {
            client: number,
            scopes: self.live.scope_sets.intern(&[]).ok_or_else(too_many)?,
            kind: NO_TOKENS,
            not_before: 0,
            key: 0,
        };
        let (grant, is_new) = self.intern(client, grant)?;
        if is_new {
            self.live.grants.set_least_alive(grant, client.word(0));
        }
        Ok(grant)
    }

    /// The grant of the token `id` of a client, made if it is new.
    pub(super) fn grant(
        &self,
        control: &mut Control,
        number: u32,
        id: TokenId,
        record: &TokenRecord,
    ) -> Result<u32, Error> {
        let Control { clients, keys, .. } = control;
        let client = clients.entry(number).or_default();
        let mut key =
            match record.key {
                0 => None,
                key => Some(keys.get_mut(&key).ok_or_else(|| {
                    Error::corrupt("a token was signed by a key that has no record")
                })?),
            };
        let word = client.word(key.as_ref().map_or(0, |key| key.epoch));
        let marked = |audience: &str| format!("{AUDIENCE_MARK}{audience}");
        let audiences: Vec<String> = record.audiences.iter().map(|one| marked(one)).collect();
        let scopes = record.scopes.iter().map(|scope| &**scope);
        let scopes: Vec<&str> = scopes.chain(audiences.iter().map(|one| &**one)).collect();
        let grant = Grant {
            client: number,
            scopes: self.live.scope_sets.intern(&scopes).ok_or_else(too_many)?,
            kind: record.kind,
            not_before: record.not_before,
            key: record.key,
        };
        let (grant, is_new) = self.intern(client, grant)?;
        if is_new {
            if let Some(key) = &mut key {
                key.grants.push(grant);
            }
            self.live.grants.restore_least_alive(grant, word);
        }
        if word > id.as_u64() {
            // Found dead on disk: validators must look at the word.
            self.live.grants.set_least_alive(grant, word);
        }
        Ok(grant)
    }

    /// The number of a grant of `client`, and whether it is new.
    fn intern(&self, client: &mut Client, grant: Grant) -> Result<(u32, bool), Error> {
        // Grants are numbered in order, and only here, under the lock of the control plane.
        let grants = self.live.grants.len();
        let number = self.live.grants.intern(grant).ok_or_else(too_many)?;
        let is_new = number as usize >= grants;
        if is_new {
            client.grants.push(number);
        }
        Ok((number, is_new))
    }
}

/// What tokens share (clients, sets of scopes) is numbered, and the numbers have an end.
fn too_many() -> Error {
    Error::Limit {
        limit: "clients_max",
        max: CELLS_MAX as u64,
        got: CELLS_MAX as u64 + 1,
    }
}
