//! Maps in memory behind the same digest. The key is random already, so its first bytes are the
//! hash: cheaper than any that these maps bring along.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::RwLock;

use crate::embedded::{Embedded, Kept, Key};
use crate::measure::{Candidate, Timed};
use crate::tokens::Texts;

#[derive(Default, Clone, Copy)]
pub struct Identity(u64);

impl Hasher for Identity {
    fn finish(&self) -> u64 {
        self.0
    }

    #[inline(always)]
    fn write(&mut self, bytes: &[u8]) {
        if let Some(first) = bytes.first_chunk() {
            self.0 = u64::from_le_bytes(*first);
        }
    }

    /// The length of a key says nothing.
    fn write_usize(&mut self, _length: usize) {}
}

type Build = BuildHasherDefault<Identity>;

/// A map, and how one looks into it.
struct Map<M, G> {
    name: &'static str,
    embedded: Embedded,
    map: M,
    get: G,
}

impl<M, G: Fn(&M, &Key) -> Option<Kept>> Candidate for Map<M, G> {
    fn name(&self) -> String {
        self.name.into()
    }

    #[inline(always)]
    fn check(&self, text: &[u8]) -> Option<u64> {
        let key = self.embedded.digest(text);
        self.embedded.check((self.get)(&self.map, &key)?)
    }
}

/// A map that was made by `make`.
fn map<M, G>(
    name: &'static str,
    clients: usize,
    texts: &Texts,
    make: impl FnOnce(&mut dyn Iterator<Item = (Key, Kept)>) -> M,
    get: G,
) -> Map<M, G>
where
    G: Fn(&M, &Key) -> Option<Kept>,
{
    let embedded = Embedded::new(clients);
    let map = make(&mut embedded.tokens(texts));
    Map {
        name,
        embedded,
        map,
        get,
    }
}

/// Makes a rival of these tokens.
pub type Make = fn(&Texts, usize) -> Box<dyn Timed + Sync>;

/// All maps, each with what makes it.
pub const MAPS: [Make; 4] = [
    |texts, clients| {
        Box::new(map(
            "dashmap",
            clients,
            texts,
            |tokens| tokens.collect::<dashmap::DashMap<Key, Kept, Build>>(),
            |map, key| map.get(key).map(|kept| *kept),
        ))
    },
    |texts, clients| {
        Box::new(map(
            "papaya",
            clients,
            texts,
            |tokens| tokens.collect::<papaya::HashMap<Key, Kept, Build>>(),
            |map, key| map.pin().get(key).copied(),
        ))
    },
    |texts, clients| {
        Box::new(map(
            "scc::HashMap",
            clients,
            texts,
            |tokens| {
                let map = scc::HashMap::<Key, Kept, Build>::default();
                for (key, kept) in tokens {
                    assert!(map.insert_sync(key, kept).is_ok());
                }
                map
            },
            |map, key| map.read_sync(key, |_, kept| *kept),
        ))
    },
    |texts, clients| {
        Box::new(map(
            "RwLock<HashMap>",
            clients,
            texts,
            |tokens| RwLock::new(tokens.collect::<HashMap<Key, Kept, Build>>()),
            |map, key| map.read().expect("no writer panicked").get(key).copied(),
        ))
    },
];
