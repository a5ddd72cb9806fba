//! Opening: the folder, the lock, the key, the format, the seal, the clock; then memory is filled.

use std::path::Path;
use std::sync::{Arc, Condvar, Mutex};

use super::control::{Control, not_inserted};
use super::folder::Folder;
use super::{Core, Store};
use crate::digest::DigestKey;
use crate::disk::sled::SledDisk;
use crate::disk::{Disk, Tree, Write};
use crate::error::Error;
#[cfg(feature = "jwt")]
use crate::keyring::Keyring;
use crate::live::Live;
use crate::options::Options;
use crate::record::{self, MacKey};
use crate::seal::{SEAL_KEY, Seal};
use crate::sidecar::{self, Mark};

/// The key of the store's own record in the meta tree:
/// `format (1) || store id (16) || proof of the digest key (16) || CRC-32 (4)`.
pub(super) const STORE_KEY: &[u8] = b"store";
/// How far the clock may stand before a time the store has seen, in seconds: clocks are mended by
/// minutes; a day is a fault.
const CLOCK_SLACK_SECS: u64 = 24 * 3600;

impl Store {
    pub(crate) fn open_path(path: &Path, options: Options) -> Result<Self, Error> {
        let folder = Folder::lock(path, options.create)?;
        let key = folder.check(options.digest_key.clone())?;
        folder.begin(options.accept_changed_files)?;
        let disk = SledDisk::open(&folder.data(), &folder.sidecar(), options.cache_bytes)?;
        let store = Self::open_disk(Box::new(disk), key, Some(folder), options)?;
        if let Some(folder) = &store.core.folder {
            folder.remove_leftovers();
        }
        Ok(store)
    }

    #[cfg(any(test, feature = "testkit"))]
    pub(crate) fn open_fake(
        disk: crate::disk::fake::FakeDisk,
        options: Options,
    ) -> Result<Self, Error> {
        let key = options
            .digest_key
            .clone()
            .unwrap_or(DigestKey::from_bytes([42; 32]));
        Self::open_disk(Box::new(disk), key, None, options)
    }

    fn open_disk(
        disk: Box<dyn Disk>,
        key: DigestKey,
        folder: Option<Folder>,
        options: Options,
    ) -> Result<Self, Error> {
        let mac_key = MacKey::new(&key);
        let seal = if is_new(&*disk)? {
            let seal = make(&*disk, &mac_key)?;
            check_generation(&*disk, &mac_key, &seal, options.least_generation)?;
            seal
        } else {
            read_checked(&*disk, &mac_key, options.least_generation)?.1
        };
        let now_secs = options.clock.now_secs();
        let slack = if options.accept_clock_reset {
            u64::MAX
        } else {
            CLOCK_SLACK_SECS
        };
        if now_secs.saturating_add(slack) < seal.latest_secs {
            return Err(Error::ClockAnomaly {
                now_secs,
                seen_secs: seal.latest_secs,
            });
        }
        let latest_secs = if now_secs.saturating_add(CLOCK_SLACK_SECS) < seal.latest_secs {
            now_secs
        } else {
            now_secs.max(seal.latest_secs)
        };
        let tokens = usize::try_from(seal.tokens).unwrap_or(usize::MAX);
        let live = Live::new(
            &key,
            options.clock,
            tokens,
            latest_secs,
            #[cfg(feature = "jwt")]
            Keyring::new(
                options.jwt_issuer.clone(),
                options.foreign_issuers,
                options.foreign_memo_entries,
                latest_secs,
            ),
        )
        .map_err(not_inserted)?;
        live.raise_epoch(seal.epoch);
        let core = Core {
            live: Arc::new(live),
            disk,
            mac_key,
            control: Mutex::new(Control::new()),
            committed: Condvar::new(),
            sealed: Mutex::new(seal),
            purging: Mutex::new(()),
            backing_up: Mutex::new(()),
            watched: Mutex::new(None),
            uses: super::uses::Uses::new(folder.as_ref().map(Folder::uses)),
            purge_grace_secs: options.purge_grace_secs,
            durability: options.durability,
            prefix: options.prefix,
            tokens_max: options.tokens_max,
            tokens_per_client_max: options.tokens_per_client_max,
            on_progress: options.on_progress,
            #[cfg(feature = "jwt")]
            key_at_rest: super::key_at_rest::KeyAtRest::new(&key),
            #[cfg(feature = "jwt")]
            jwt_issuer: options.jwt_issuer,
            #[cfg(feature = "jwt")]
            jwt_audience: options.jwt_audience,
            #[cfg(feature = "jwt")]
            denials_ahead: std::sync::atomic::AtomicU64::new(0),
            folder,
        };
        core.fill()?;
        #[cfg(feature = "jwt")]
        if let Some(key) = options.signing_key {
            core.supply(key)?;
        }
        Ok(Self {
            core: Arc::new(core),
        })
    }
}

/// A store is new if nothing was ever acknowledged: no record, and no mark in the sidecar.
fn is_new(disk: &dyn Disk) -> Result<bool, Error> {
    if disk.get(Tree::Meta, STORE_KEY)?.is_some() {
        return Ok(false);
    }
    for tree in Tree::ALL {
        if disk.scan(tree, b"").next().is_some() {
            return Err(Error::corrupt("the record of the store itself is missing"));
        }
    }
    if disk.read_sidecar()?.iter().any(|byte| *byte != 0) {
        return Err(Error::corrupt("the database is empty beside its sidecar"));
    }
    Ok(true)
}

/// The store's own record and its seal, once they are known to be of this key, of a format that is
/// known, and no older than they must be.
pub(super) fn read_checked(
    disk: &dyn Disk,
    mac_key: &MacKey,
    least_generation: u64,
) -> Result<(Vec<u8>, Seal), Error> {
    let store_record = disk.get(Tree::Meta, STORE_KEY)?.unwrap_or_default();
    check_store_record(&store_record, mac_key)?;
    let seal = read_seal(disk, mac_key)?;
    check_generation(disk, mac_key, &seal, least_generation)?;
    Ok((store_record, seal))
}

/// The record of a store that is made now.
pub(super) fn store_record(mac_key: &MacKey) -> Result<Vec<u8>, Error> {
    let mut store_id = [0; 16];
    crate::secret::fill_random(&mut store_id).map_err(|source| Error::Io {
        doing: "drawing a store id",
        consequence: "the store was not made",
        source,
    })?;
    let mut bytes = vec![sidecar::FORMAT];
    bytes.extend_from_slice(&store_id);
    let proof = mac_key.mac(Tree::Meta, STORE_KEY, &bytes);
    bytes.extend_from_slice(&proof.to_be_bytes());
    bytes.extend_from_slice(&crc32fast::hash(&bytes).to_be_bytes());
    Ok(bytes)
}

/// Writes the first group: the store's own record and a seal over nothing.
fn make(disk: &dyn Disk, mac_key: &MacKey) -> Result<Seal, Error> {
    let bytes = store_record(mac_key)?;
    let seal = Seal {
        generation: 1,
        ..Seal::default()
    };
    let (sealed, _) = record::encode(mac_key, Tree::Meta, SEAL_KEY, &seal)?;
    disk.apply(&[
        Write {
            tree: Tree::Meta,
            key: STORE_KEY.to_vec(),
            value: Some(bytes),
        },
        Write {
            tree: Tree::Meta,
            key: SEAL_KEY.to_vec(),
            value: Some(sealed),
        },
    ])?;
    disk.sync()?;
    let (at, slot) = seal.mark().to_slot(mac_key);
    disk.write_sidecar(at, &slot)?;
    Ok(seal)
}

/// Tells damage, a newer format and another key apart.
pub(super) fn check_store_record(bytes: &[u8], mac_key: &MacKey) -> Result<(), Error> {
    let damaged = || Error::corrupt("the record of the store itself does not match its checksum");
    let (rest, checksum) = bytes.split_last_chunk::<4>().ok_or_else(damaged)?;
    if crc32fast::hash(rest).to_be_bytes() != *checksum {
        return Err(damaged());
    }
    let format = *rest.first().ok_or_else(damaged)?;
    if format > sidecar::FORMAT {
        return Err(Error::NewerFormat {
            found: format,
            known: sidecar::FORMAT,
        });
    }
    let (head, proof) = rest.split_last_chunk::<16>().ok_or_else(damaged)?;
    if mac_key.mac(Tree::Meta, STORE_KEY, head).to_be_bytes() != *proof {
        return Err(Error::WrongDigestKey);
    }
    Ok(())
}

fn read_seal(disk: &dyn Disk, mac_key: &MacKey) -> Result<Seal, Error> {
    let bytes = disk
        .get(Tree::Meta, SEAL_KEY)?
        .ok_or_else(|| Error::corrupt("the seal is missing"))?;
    Ok(record::decode(mac_key, Tree::Meta, SEAL_KEY, &bytes)?.0)
}

/// The database may be ahead of its sidecar (a crash between the two, or buffered writes), never
/// behind it.
fn check_generation(
    disk: &dyn Disk,
    mac_key: &MacKey,
    seal: &Seal,
    least_generation: u64,
) -> Result<(), Error> {
    let required = match Mark::newest(mac_key, &disk.read_sidecar()?) {
        Some(mark) if mark.generation == seal.generation && mark.digest != seal.digest => {
            return Err(Error::corrupt(
                "the seal and the sidecar tell different stories",
            ));
        }
        Some(mark) if mark.generation < seal.generation => {
            // The slot after the newest may be torn. It is mended before the next group overwrites
            // the other one, or a second torn write would leave none.
            catch_up(disk, mac_key, seal)?;
            mark.generation
        }
        Some(mark) => mark.generation,
        None if seal.generation > 1 => {
            return Err(Error::corrupt("the sidecar is missing or damaged"));
        }
        None => {
            // Whoever made the store did not come to the first mark. It has to be there before the
            // second group is written: from then on a store without a mark is a damaged one.
            catch_up(disk, mac_key, seal)?;
            0
        }
    };
    let required = required.max(least_generation);
    if seal.generation < required {
        return Err(Error::RolledBack {
            found: seal.generation,
            required,
        });
    }
    Ok(())
}

/// Writes the mark of what was found. The database goes first: what it reads back now need not be
/// durable yet.
fn catch_up(disk: &dyn Disk, mac_key: &MacKey, seal: &Seal) -> Result<(), Error> {
    disk.sync()?;
    let (at, slot) = seal.mark().to_slot(mac_key);
    Ok(disk.write_sidecar(at, &slot)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disk::fake::FakeDisk;
    use crate::new_token::NewToken;

    /// The first group is applied and synced, then its mark fails: nobody was told of a store.
    fn without_a_mark() -> FakeDisk {
        let disk = FakeDisk::new();
        disk.fail_after(2);
        assert!(Options::new().open_fake(disk.clone()).is_err());
        disk.heal();
        disk
    }

    #[test]
    fn a_store_that_was_cut_off_before_its_first_mark_gets_one_when_it_is_opened() {
        let disk = without_a_mark();
        drop(Options::new().open_fake(disk.clone()).unwrap());
        for calls in 0..4 {
            let disk = without_a_mark();
            let store = Options::new().open_fake(disk.clone()).unwrap();
            disk.fail_after(calls);
            let issued = store.issue(NewToken::new("c").never_expires());
            assert_eq!(issued.is_ok(), calls == 3);
            disk.crash(1);
            drop(store);
            let store = Options::new().open_fake(disk).unwrap();
            assert!(store.stats().unwrap().tokens >= u64::from(calls == 3));
        }
    }

    #[test]
    fn an_empty_database_is_new_only_beside_an_empty_sidecar() {
        let opens = |slot: &[u8]| {
            let disk = FakeDisk::new();
            disk.write_sidecar(0, slot).unwrap();
            Options::new().open_fake(disk).is_ok()
        };
        assert!(opens(&[]) && opens(&[0; 64]));
        assert!(!opens(&[1; 64]));
    }

    #[test]
    fn a_database_must_fit_its_sidecar() {
        let disk = FakeDisk::new();
        let open = || Options::new().open_fake(disk.clone());
        let mac_key = MacKey::new(&DigestKey::from_bytes([42; 32]));
        let newest = || Mark::newest(&mac_key, &disk.read_sidecar().unwrap()).unwrap();
        let store = open().unwrap();
        // Written and synced; then the mark failed.
        disk.fail_after(2);
        assert!(store.issue(NewToken::new("c").never_expires()).is_err());
        drop(store);
        disk.heal();
        let behind = newest().generation;
        let store = open().unwrap();
        assert_eq!(store.generation(), behind + 1);
        assert_eq!(newest().generation, behind + 1, "not mended");
        store.close().unwrap();
        let sound = newest();

        let with_mark = |generation, digest| {
            let (at, slot) = Mark { generation, digest }.to_slot(&mac_key);
            disk.write_sidecar(at, &slot).unwrap();
        };
        with_mark(sound.generation, sound.digest + 1);
        assert!(matches!(open(), Err(Error::Corrupt { .. })));
        with_mark(sound.generation, sound.digest);
        for ahead in [1, 2] {
            with_mark(sound.generation + ahead, sound.digest);
            // Refusing mends nothing.
            for _ in 0..2 {
                let refused = open().unwrap_err();
                let Error::RolledBack { found, required } = refused else {
                    panic!("{refused}");
                };
                let expected = (sound.generation, sound.generation + ahead);
                assert_eq!((found, required), expected);
            }
        }
    }

    #[test]
    fn damage_a_newer_format_and_another_key_are_told_apart() {
        let [key, other] = [1, 2].map(|byte| MacKey::new(&DigestKey::from_bytes([byte; 32])));
        let sound = store_record(&key).unwrap();
        assert!(check_store_record(&sound, &key).is_ok());
        let refused = check_store_record(&sound, &other);
        assert!(matches!(refused, Err(Error::WrongDigestKey)));
        let mut damaged = sound.clone();
        damaged[7] ^= 1;
        for bytes in [&*damaged, &sound[..36], &[]] {
            let refused = check_store_record(bytes, &key);
            assert!(matches!(refused, Err(Error::Corrupt { .. })), "{refused:?}");
        }
        let mut newer = vec![sidecar::FORMAT + 1, 0, 0];
        newer.extend_from_slice(&crc32fast::hash(&newer).to_be_bytes());
        let refused = check_store_record(&newer, &key);
        assert!(matches!(
            refused,
            Err(Error::NewerFormat { found, known }) if found == known + 1
        ));
    }
}
