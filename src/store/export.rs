//! Exporting: all that a store knows, as JSON Lines that people and other programs can read.

use std::io::{self, Write};

use super::Store;
use super::export_lines::{ClientLine, End, Header, KeyLine, Line, TokenLine, VERSION, id_text};
use super::new_store::Told;
use super::scan::{Visit, scan};
use crate::client_id::ClientId;
use crate::disk::Tree;
use crate::error::Error;
use crate::record::{ClientRecord, KeyRecord, MacKey, TokenRecord};
use crate::token_id::TokenId;

/// Under which the MAC of an export stands; no record has this key.
const EXPORT_KEY: &[u8] = b"export";

/// What an export is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Digests {
    /// For reading and auditing: nothing in it helps to find a token. It cannot be imported.
    Without,
    /// For moving: what it holds validates tokens, once it is imported with the same digest key.
    With,
}

/// What an export holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[non_exhaustive]
pub struct Exported {
    /// The generation it is of; see [`Store::generation`].
    pub generation: u64,
    /// Token records.
    pub tokens: u64,
    /// Client records.
    pub clients: u64,
    /// Key records.
    pub keys: u64,
}

impl Store {
    /// Writes all records as JSON Lines, one object a line, and proves them on the way. Changes wait
    /// until it is done; validation does not.
    ///
    /// No secret is in it: no token, no digest key, no private part of a signing key. A digest is
    /// keyed: without the digest key it neither validates, nor lets a guess be tried, nor tells
    /// anything of the token. So it may go where a backup may go, and not where the key goes; for
    /// those who only read, leave digests out.
    ///
    /// The first line is a header, the last a MAC over all others: an export that was changed or cut
    /// is not imported.
    ///
    /// # Errors
    /// [`Error::Io`] of `into`, [`Error::Corrupt`]: what was written so far is no export.
    pub fn export(&self, into: impl Write, digests: Digests) -> Result<Exported, Error> {
        drop(self.core.control()?);
        let sealed = self.core.sealed();
        let exported = Exported {
            generation: sealed.generation,
            tokens: sealed.tokens,
            clients: sealed.clients,
            keys: sealed.keys,
        };
        let mut export = Export {
            into,
            hasher: blake3::Hasher::new(),
            digests: digests == Digests::With,
            told: self.core.told("export", sealed.tokens),
        };
        export.line(&Line::HallpassExport(Header {
            version: VERSION,
            generation: sealed.generation,
            digests: export.digests,
            revoked_before: id_text(sealed.epoch),
            last_id: id_text(sealed.last_id),
            latest_secs: sealed.latest_secs,
            tokens: sealed.tokens,
            clients: sealed.clients,
            keys: sealed.keys,
        }))?;
        scan(&*self.core.disk, &self.core.mac_key, &sealed, &mut export)?;
        let mac = mac(&self.core.mac_key, &export.hasher);
        export.line(&Line::End(End { mac }))?;
        export.into.flush().map_err(failed)?;
        Ok(exported)
    }
}

/// The MAC over what went through `hasher`, in hexadecimal digits.
pub(super) fn mac(key: &MacKey, hasher: &blake3::Hasher) -> String {
    let mac = key.mac(Tree::Meta, EXPORT_KEY, hasher.finalize().as_bytes());
    format!("{mac:032x}")
}

/// The last line of an export that has these lines before it.
#[cfg(feature = "testkit")]
pub(crate) fn end_of_export(lines: &[u8], key: &crate::digest::DigestKey) -> String {
    let mac = mac(&MacKey::new(key), blake3::Hasher::new().update(lines));
    serde_json::to_string(&Line::End(End { mac })).unwrap_or_default() + "\n"
}

struct Export<W> {
    into: W,
    hasher: blake3::Hasher,
    digests: bool,
    told: Told,
}

impl<W: Write> Export<W> {
    fn line(&mut self, line: &Line) -> Result<(), Error> {
        let mut text = serde_json::to_vec(line).map_err(|error| failed(error.into()))?;
        text.push(b'\n');
        self.hasher.update(&text);
        self.into.write_all(&text).map_err(failed)
    }
}

impl<W: Write> Visit for Export<W> {
    fn client(&mut self, client: &ClientId, record: ClientRecord) -> Result<(), Error> {
        self.line(&Line::Client(ClientLine::of(client.as_str(), &record)))
    }

    fn key(&mut self, kid: &str, record: KeyRecord) -> Result<(), Error> {
        self.line(&Line::Key(KeyLine::of(kid, &record)))
    }

    fn token(&mut self, id: TokenId, record: &TokenRecord) -> Result<(), Error> {
        let line = TokenLine::of(id, record, self.digests)?;
        self.line(&Line::Token(line))
    }

    fn batch_done(&mut self, done: u64) -> Result<(), Error> {
        self.told.tell(done);
        Ok(())
    }
}

fn failed(source: io::Error) -> Error {
    Error::Io {
        doing: "writing the export",
        consequence: "what was written so far is no export",
        source,
    }
}
