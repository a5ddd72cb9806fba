//! Tickets: what a browser shows to open a WebSocket, on which it can set no header field. Good for
//! one use, for seconds, for one path, so that it does no harm in a log (RFC 9700 section 4.3.2
//! forbids tokens in a URI). In memory only.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::reason::Reason;
use crate::auth::Auth;
use crate::credential::Source;
use crate::inactive::Inactive;
use crate::secret::{Secret, random_base62};

const PREFIX: &str = "hpt_";
/// 202 bits, as in a token.
const RANDOM_CHARACTERS: usize = 34;
/// The query parameter.
const PARAMETER: &str = "ticket";

/// Issues tickets and takes them back, each once. Clones share one book.
///
/// A page that holds a token asks for a ticket over HTTP and opens
/// `wss://host/path?ticket=...` with it at once. With [`Guard::tickets`](super::Guard::tickets) the
/// guard in front takes it, and the request passes as the client that the ticket was issued to.
///
/// Bounded: within one lifetime at most so many tickets are issued in all and to one client,
/// whether they are used or not.
///
/// ```
/// # let dir = tempfile::tempdir()?;
/// # let store = hallpass::Store::open(dir.path())?;
/// # let token = store.issue(hallpass::NewToken::new("c").never_expires())?;
/// use hallpass::web::Tickets;
///
/// let tickets = Tickets::new();
/// let validator = store.validator();
/// let auth = validator.validate(token.secret.expose())?.to_auth();
/// let ticket = tickets.issue(&auth, "/ws")?;
/// assert_eq!(tickets.consume(ticket.expose(), "/ws")?.client_id(), "c");
/// assert!(tickets.consume(ticket.expose(), "/ws").is_err());
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Tickets {
    book: Arc<Mutex<Book>>,
    lifetime_secs: u64,
    tickets_max: usize,
    per_client_max: usize,
}

#[derive(Default)]
struct Book {
    /// The tickets that have not been used, by the digest of their text: what is looked up says
    /// nothing of how much of a text was right.
    open: HashMap<[u8; 32], Ticket>,
    /// All that were issued within a lifetime, in the order of issue, which is that of expiry.
    issued: VecDeque<Issued>,
    /// How many of those each client has.
    per_client: HashMap<Arc<str>, usize>,
}

struct Ticket {
    auth: Auth,
    path: Box<str>,
    expires_at: u64,
}

struct Issued {
    digest: [u8; 32],
    client: Arc<str>,
    expires_at: u64,
}

impl Tickets {
    /// Tickets that live for 30 seconds: 65,536 of them at most, 64 for one client.
    #[must_use]
    pub fn new() -> Self {
        Self {
            book: Arc::default(),
            lifetime_secs: 30,
            tickets_max: 65_536,
            per_client_max: 64,
        }
    }

    /// How long a ticket lives. To be said before the first is issued.
    #[must_use]
    pub fn lifetime_secs(mut self, secs: u64) -> Self {
        self.lifetime_secs = secs;
        self
    }

    /// How many are issued within one lifetime, in all.
    #[must_use]
    pub fn tickets_max(mut self, tickets: usize) -> Self {
        self.tickets_max = tickets;
        self
    }

    /// How many are issued within one lifetime to one client, so that one can't take them all.
    #[must_use]
    pub fn per_client_max(mut self, tickets: usize) -> Self {
        self.per_client_max = tickets;
        self
    }

    /// Issues a ticket that opens `path` (as the guard will see it: a router may cut a prefix off)
    /// for the client of this token.
    ///
    /// # Errors
    /// [`Reason::TooMany`] when a bound is reached; why the token is no longer active, if so; and
    /// [`Inactive::Unavailable`] if the system has no random numbers. Nothing was issued then.
    pub fn issue(&self, auth: &Auth, path: &str) -> Result<Secret, Reason> {
        auth.revalidate()?;
        let now = auth.now_secs();
        let mut text = String::with_capacity(PREFIX.len() + RANDOM_CHARACTERS);
        text.push_str(PREFIX);
        random_base62(&mut text, RANDOM_CHARACTERS).map_err(|_| Inactive::Unavailable)?;
        let text = Secret::new(text);

        let mut book = self.book();
        book.forget(now);
        let held = book.per_client.get(auth.client_id()).copied();
        if book.issued.len() >= self.tickets_max || held.unwrap_or(0) >= self.per_client_max {
            return Err(Reason::TooMany);
        }
        let (digest, expires_at) = (
            digest(text.expose()),
            now.saturating_add(self.lifetime_secs),
        );
        let client = Arc::from(auth.client_id());
        *book.per_client.entry(Arc::clone(&client)).or_default() += 1;
        book.issued.push_back(Issued {
            digest,
            client,
            expires_at,
        });
        let ticket = Ticket {
            auth: auth.shown_in(Source::Query),
            path: path.into(),
            expires_at,
        };
        book.open.insert(digest, ticket);
        Ok(text)
    }

    /// Takes a ticket, of as many as show it at once from one only, and never a second time,
    /// whatever the answer.
    ///
    /// # Errors
    /// [`Inactive::NotFound`] if it is none or was used, [`Inactive::Expired`],
    /// [`Inactive::Audience`] for another path, and why the token that it was issued for is no
    /// longer active, if it was revoked since.
    pub fn consume(&self, ticket: &str, path: &str) -> Result<Auth, Inactive> {
        let digest = digest(ticket);
        let found = self.book().open.remove(&digest);
        let ticket = found.ok_or(Inactive::NotFound)?;
        if ticket.auth.now_secs() >= ticket.expires_at {
            return Err(Inactive::Expired);
        }
        if *ticket.path != *path {
            return Err(Inactive::Audience);
        }
        ticket.auth.revalidate()?;
        Ok(ticket.auth)
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Book {
    /// Forgets what has expired.
    fn forget(&mut self, now: u64) {
        while let Some(first) = self.issued.front()
            && first.expires_at <= now
        {
            self.open.remove(&first.digest);
            if let Some(held) = self.per_client.get_mut(&first.client) {
                *held -= 1;
                if *held == 0 {
                    self.per_client.remove(&first.client);
                }
            }
            self.issued.pop_front();
        }
    }
}

impl Default for Tickets {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Tickets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tickets")
            .field("lifetime_secs", &self.lifetime_secs)
            .finish_non_exhaustive()
    }
}

/// The tickets in a query. They are base62 and need no decoding; one that was encoded all the same
/// is not found.
pub(super) fn in_query(query: &str) -> impl Iterator<Item = &str> {
    let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    pairs.filter_map(|(name, value)| (name == PARAMETER).then_some(value))
}

fn digest(text: &str) -> [u8; 32] {
    *blake3::hash(text.as_bytes()).as_bytes()
}
