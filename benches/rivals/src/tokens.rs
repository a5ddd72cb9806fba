//! The tokens that all candidates hold, and their texts in one flat buffer.

use std::time::Duration;

use hallpass::testkit::{FakeDisk, issue_in_memory_only};
use hallpass::{Inactive, NewToken, Options, Store, Validator};

use crate::measure::next_random;

/// All texts here are this long: prefix `hp`, id, secret, checksum.
pub const TEXT_BYTES: usize = 54;
/// The most tokens of each kind that is refused.
const REFUSED_MAX: usize = 1_000_000;
const REVOKED_MAX: usize = 20_000;

/// Texts of tokens in a row.
#[derive(Default)]
pub struct Texts(Vec<u8>);

impl Texts {
    pub fn with_capacity(texts: usize) -> Self {
        Self(Vec::with_capacity(texts * TEXT_BYTES))
    }

    /// Texts that are no tokens, for what needs many and no store.
    pub fn random(texts: usize) -> Self {
        let mut random = 0x9E37_79B9_7F4A_7C15;
        let bytes = (0..texts * TEXT_BYTES).map(|_| next_random(&mut random) as u8);
        Self(bytes.collect())
    }

    pub fn push(&mut self, text: &str) {
        assert_eq!(text.len(), TEXT_BYTES);
        self.0.extend_from_slice(text.as_bytes());
    }

    pub fn len(&self) -> usize {
        self.0.len() / TEXT_BYTES
    }

    #[inline(always)]
    pub fn get(&self, at: usize) -> &[u8] {
        &self.0[at * TEXT_BYTES..][..TEXT_BYTES]
    }

    /// All texts and where they stand, in a random order: so that candidates that allocate for each
    /// token do not have them in a row too.
    pub fn scattered(&self) -> impl Iterator<Item = (usize, &[u8])> {
        let mut order: Vec<u32> = (0..self.len() as u32).collect();
        let mut random = 0x2545_F491_4F6C_DD1D;
        for last in (1..order.len()).rev() {
            order.swap(
                last,
                (next_random(&mut random) % (last as u64 + 1)) as usize,
            );
        }
        order
            .into_iter()
            .map(|at| (at as usize, self.get(at as usize)))
    }
}

/// A store with many tokens, the same as what the rivals get.
pub struct Tokens {
    pub store: Store,
    pub validator: Validator,
    pub hit: Texts,
    /// What is refused, by its reason.
    pub refused: Vec<(Inactive, Texts)>,
}

/// The client of the token at this place in the row.
pub fn client_of(at: usize, clients: usize) -> usize {
    at % clients
}

/// An empty store on a disk in memory.
pub fn empty_store() -> Store {
    Options::new()
        .open_fake(FakeDisk::new())
        .expect("a store in memory")
}

/// A token of the client with this number, active for a day.
pub fn of_client(client: usize) -> NewToken {
    NewToken::new(format!("client-{client}")).lifetime(Duration::from_secs(86_400))
}

impl Tokens {
    pub fn new(count: usize, clients: usize) -> Self {
        let store = empty_store();
        let mut hit = Texts::with_capacity(count);
        issue(
            &store,
            (0..count).map(|n| of_client(client_of(n, clients))),
            &mut hit,
        );
        Self {
            validator: store.validator(),
            refused: refused(&store, count),
            store,
            hit,
        }
    }

    /// Bytes of the table, and how many tokens are in it: more than are validated.
    pub fn table(&self) -> (u64, u64) {
        let stats = self.store.stats().expect("figures");
        (stats.table_bytes, stats.tokens)
    }
}

fn issue(store: &Store, tokens: impl IntoIterator<Item = NewToken>, texts: &mut Texts) {
    issue_in_memory_only(store, tokens, |issued| texts.push(issued.secret.expose()))
        .expect("issued");
}

fn refused(store: &Store, count: usize) -> Vec<(Inactive, Texts)> {
    // Of another store: right in form, and not known here.
    let other = Options::new()
        .digest_key(hallpass::DigestKey::from_bytes([43; 32]))
        .open_fake(FakeDisk::new())
        .expect("a store in memory");
    let forever = |count| vec![NewToken::new("client-0").never_expires(); count];
    let mut unknown = Texts::default();
    issue(&other, forever(count.min(REFUSED_MAX)), &mut unknown);
    let mut malformed = Texts(unknown.0.clone());
    for text in malformed.0.chunks_mut(TEXT_BYTES) {
        text[20] = b'!';
    }
    let mut expired = Texts::default();
    let past = NewToken::new("client-0").expires_at(1);
    issue(
        store,
        vec![past; (count / 10).min(REFUSED_MAX / 10)],
        &mut expired,
    );
    let mut revoked = Texts::default();
    let mut ids = Vec::new();
    issue_in_memory_only(store, forever((count / 10).min(REVOKED_MAX)), |issued| {
        revoked.push(issued.secret.expose());
        ids.push(issued.id);
    })
    .expect("issued");
    for id in ids {
        store.revoke(id).expect("revoked");
    }
    vec![
        (Inactive::NotFound, unknown),
        (Inactive::Format, malformed),
        (Inactive::Expired, expired),
        (Inactive::Revoked, revoked),
    ]
}
