//! Importing: a new store from an export.

use std::io::{self, BufRead, Read as _};
use std::path::Path;

use super::Store;
use super::export::mac;
use super::export_lines::{Header, KeyLine, Line, TokenLine, VERSION, id_number};
use super::new_store::{NewFolder, NewStore, Told};
use super::open::store_record;
use super::restore::{LostRevocations, Restored, may_be_used, needed_key, next_id};
use super::scan::Visit as _;
use crate::client_id::ClientId;
use crate::disk::Disk;
use crate::disk::sled::SledDisk;
use crate::error::Error;
use crate::options::Options;
use crate::record::MacKey;
use crate::seal::Seal;
use crate::token_id::TokenId;

/// No line is longer: a record of the largest size, every byte of it escaped.
const LINE_MAX_BYTES: u64 = 1 << 20;
/// Tokens between two words on progress.
const BATCH: u64 = 4096;

/// What an import did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[non_exhaustive]
pub struct Imported {
    /// What the new store holds.
    #[serde(flatten)]
    pub store: Restored,
    /// HMAC keys, which have nothing that an export may hold: they are retired, and what they signed
    /// is revoked.
    pub keys_retired: u64,
}

impl Store {
    /// Makes a store in `folder`, where nothing is yet, from an [export](Store::export) with digests.
    /// Its tokens validate, since it is made with the same digest key.
    ///
    /// Private keys are in no export: keys verify what they signed, and sign nothing more until a
    /// new one is made.
    ///
    /// As for a backup, **tokens that were revoked after the export are active** unless `lost` says
    /// otherwise; see [`Store::restore`], also for what it takes of `options`.
    ///
    /// # Errors
    /// [`Error::Invalid`] if the export has no digests, [`Error::Corrupt`] if it is not whole, was
    /// changed or is of another digest key, and those of [`Store::restore`]: no store was made.
    pub fn import(
        from: impl BufRead,
        folder: impl AsRef<Path>,
        options: Options,
        lost: LostRevocations,
    ) -> Result<Imported, Error> {
        let head = Head::read(from, &options, lost)?;
        let target = NewFolder::begin(folder.as_ref())?;
        let place = target.folder()?;
        let disk = SledDisk::open(&place.data(), &place.sidecar(), options.cache_bytes)?;
        let imported = head.import_onto(Box::new(disk), &options, lost)?;
        target.finish()?;
        Ok(imported)
    }

    /// The same onto an empty disk in memory.
    #[cfg(feature = "testkit")]
    pub(crate) fn import_onto(
        disk: crate::disk::fake::FakeDisk,
        from: impl BufRead,
        options: &Options,
        lost: LostRevocations,
    ) -> Result<Imported, Error> {
        Head::read(from, options, lost)?.import_onto(Box::new(disk), options, lost)
    }
}

/// An export that may be used, as far as its header tells, and the lines that follow.
struct Head<R> {
    seal: Seal,
    lines: Lines<R>,
    key: MacKey,
}

impl<R: BufRead> Head<R> {
    fn read(from: R, options: &Options, lost: LostRevocations) -> Result<Self, Error> {
        let key = MacKey::new(needed_key(options)?);
        let mut lines = Lines {
            from,
            hasher: blake3::Hasher::new(),
            number: 0,
        };
        let (first, _) = lines.next()?;
        let Line::HallpassExport(header) = first else {
            return Err(lines.bad("is not the header of an export"));
        };
        let seal = seal_of(&header).ok_or_else(|| lines.bad("says what no export says"))?;
        may_be_used(&seal, options, lost)?;
        Ok(Self { seal, lines, key })
    }

    fn import_onto(
        self,
        disk: Box<dyn Disk>,
        options: &Options,
        lost: LostRevocations,
    ) -> Result<Imported, Error> {
        let Self {
            seal: mut like,
            mut lines,
            key,
        } = self;
        let told = Told {
            doing: "import",
            total: like.tokens,
            on_progress: options.on_progress.clone(),
        };
        let mut import = Import {
            new: NewStore::begin(disk, key.clone(), told),
            epoch: next_id(&like, options)?,
            tokens: 0,
            keys_retired: 0,
        };
        if lost == LostRevocations::RevokeAll {
            import.new.revoke_all_before(import.epoch);
            like.generation = options.least_generation.max(like.generation + 1);
        }
        import.all(&mut lines, &key)?;
        like.last_id = like.last_id.max(import.epoch.as_u64());
        let made = import.new.finish(&like, store_record(&key)?)?;
        Ok(Imported {
            store: Restored::of(&made, lost),
            keys_retired: import.keys_retired,
        })
    }
}

struct Import {
    new: NewStore,
    /// Above all ids of the export.
    epoch: TokenId,
    tokens: u64,
    keys_retired: u64,
}

impl Import {
    /// Takes all lines, to the one that proves them.
    fn all(&mut self, lines: &mut Lines<impl BufRead>, key: &MacKey) -> Result<(), Error> {
        loop {
            let (line, before) = lines.next()?;
            let taken = match line {
                Line::Client(line) => match (ClientId::new(&line.client_id), line.record()) {
                    (Ok(client), Some(record)) => self.new.client(&client, record),
                    _ => Err(lines.bad("holds no client")),
                },
                Line::Key(line) => self.key(line, lines),
                Line::Token(line) => self.token(line, lines),
                Line::End(end) => {
                    return if end.mac == mac(key, &before) && lines.is_at_end()? {
                        Ok(())
                    } else {
                        Err(Error::corrupt(
                            "the export was changed, or is of another digest key",
                        ))
                    };
                }
                Line::HallpassExport(_) => Err(lines.bad("is a second header")),
            };
            taken?;
        }
    }

    fn key(&mut self, line: KeyLine, lines: &Lines<impl BufRead>) -> Result<(), Error> {
        let kid = line.kid.clone();
        let mut record = line.record().ok_or_else(|| lines.bad("holds no key"))?;
        if record.public.is_empty() && record.epoch == 0 {
            record.epoch = self.epoch.as_u64();
            self.keys_retired += 1;
        }
        self.new.key(&kid, record)
    }

    fn token(&mut self, line: TokenLine, lines: &Lines<impl BufRead>) -> Result<(), Error> {
        let (id, record) = line.record().ok_or_else(|| lines.bad("holds no token"))?;
        self.tokens += 1;
        if self.tokens.is_multiple_of(BATCH) {
            self.new.batch_done(self.tokens)?;
        }
        self.new.token(id, &record)
    }
}

fn seal_of(header: &Header) -> Option<Seal> {
    Some(Seal {
        generation: header.generation,
        tokens: header.tokens,
        clients: header.clients,
        keys: header.keys,
        digest: 0,
        last_id: id_number(&header.last_id)?,
        epoch: id_number(&header.revoked_before)?,
        latest_secs: header.latest_secs,
    })
}

struct Lines<R> {
    from: R,
    hasher: blake3::Hasher,
    number: u64,
}

impl<R: BufRead> Lines<R> {
    /// The next line, and the sum over all before it.
    fn next(&mut self) -> Result<(Line, blake3::Hasher), Error> {
        self.number += 1;
        let mut text = Vec::new();
        (&mut self.from)
            .take(LINE_MAX_BYTES)
            .read_until(b'\n', &mut text)
            .map_err(failed)?;
        if text.is_empty() {
            return Err(self.bad("is missing: the export ends too early"));
        }
        let before = self.hasher.clone();
        self.hasher.update(&text);
        let line = serde_json::from_slice(&text).map_err(|_| self.bad("is none of an export"))?;
        match &line {
            Line::HallpassExport(header) if header.version > VERSION => Err(Error::NewerFormat {
                found: header.version,
                known: VERSION,
            }),
            Line::HallpassExport(header) if !header.digests => Err(Error::Invalid {
                what: "export",
                why: "it was made for reading, without digests; make one with them",
            }),
            _ => Ok((line, before)),
        }
    }

    fn is_at_end(&mut self) -> Result<bool, Error> {
        Ok(self.from.fill_buf().map_err(failed)?.is_empty())
    }

    /// Says which line is wrong, and nothing that stands in it.
    fn bad(&self, how: &str) -> Error {
        Error::corrupt(format!("line {} {how}", self.number))
    }
}

fn failed(source: io::Error) -> Error {
    Error::Io {
        doing: "reading the export",
        consequence: "no store was made",
        source,
    }
}
