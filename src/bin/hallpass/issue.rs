//! `hallpass issue`: one token, many, or one whose secret was chosen elsewhere. The only subcommand
//! that prints secrets.

use std::cell::{Cell, RefCell};
use std::path::PathBuf;
use std::time::Duration;

use clap::ValueEnum;
use hallpass::{Kind, NewToken, Options, Store, TokenId};
use serde::Serialize;

use crate::open::StoreArgs;
use crate::output::{Failure, Output, Verdict, expiry, facts};
use crate::{progress, secret_input, time};

/// Arguments of `issue`.
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    store: StoreArgs,
    /// The client the token is for.
    #[arg(long)]
    client: String,
    #[command(flatten)]
    life: Life,
    /// The instant before which the token is refused.
    #[arg(long, value_name = "INSTANT", value_parser = time::instant)]
    not_before: Option<u64>,
    /// What the token may be used for; may be given several times.
    #[arg(long)]
    scope: Vec<String>,
    /// What is to be remembered with the token, in the clear; may be given several times.
    #[arg(long, value_name = "KEY=VALUE", value_parser = entry)]
    metadata: Vec<(String, String)>,
    /// What kind of credential it is.
    #[arg(long, value_enum, default_value_t = KindName::Token)]
    kind: KindName,
    /// Marks the text: `hp_test_...` instead of `hp_...`.
    #[arg(long)]
    environment: Option<String>,
    /// The id that is shown with a client secret, where it is not the client's.
    #[arg(long)]
    pair_id: Option<String>,
    /// What the text begins with.
    #[arg(long, default_value = "hp")]
    prefix: String,
    /// Issues this many alike, one line each: id and secret.
    #[arg(long, value_name = "N", default_value_t = 1)]
    count: u64,
    /// A secret chosen elsewhere, with at least 128 bits of entropy; `-` reads standard input. It
    /// is not printed.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["count", "prefix", "environment"])]
    chosen_secret_file: Option<PathBuf>,
}

/// How long the token lives.
#[derive(clap::Args)]
#[group(required = true, multiple = false)]
struct Life {
    /// How long the token lives: 90d, 12h, 1h30m.
    #[arg(long, value_name = "DURATION", value_parser = time::duration)]
    lifetime: Option<Duration>,
    /// The instant from which on the token is refused: 2027-01-31T12:00:00Z, or Unix seconds.
    #[arg(long, value_name = "INSTANT", value_parser = time::instant)]
    expires_at: Option<u64>,
    /// The token lives until it is revoked.
    #[arg(long)]
    never_expires: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum KindName {
    /// An opaque access token of a client.
    Token,
    /// An API key of an organisation.
    #[value(alias = "api_key")]
    ApiKey,
    /// A secret shown together with an id.
    #[value(alias = "client_secret")]
    ClientSecret,
}

/// A token as JSON has it.
#[derive(Serialize)]
struct Told<'a> {
    id: TokenId,
    secret: Option<&'a str>,
    client_id: &'a str,
    kind: &'static str,
    expires_at: Option<u64>,
    pair_id: Option<&'a str>,
}

fn entry(text: &str) -> Result<(String, String), String> {
    text.split_once('=')
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .ok_or_else(|| "write it as KEY=VALUE".to_owned())
}

/// Issues.
pub(crate) fn run(args: &Args, output: Output) -> Result<Verdict, Failure> {
    let chosen = args.chosen_secret_file.as_deref();
    let chosen = chosen.map(secret_input::from_file).transpose()?;
    let is_new = !args.store.store.exists();
    let options = Options::new().prefix(&args.prefix);
    let options = progress::told_to(options, progress::When::AloneOnTerminal);
    let store = args.store.how.open(&args.store.store, options)?;
    if is_new {
        eprintln!(
            "hallpass: made a new store at {}",
            args.store.store.display()
        );
    }
    match (chosen, args.count) {
        (Some(secret), _) => issue_chosen(args, &store, &secret, output)?,
        (None, 1) => issue_one(args, &store, output)?,
        (None, _) => issue_many(args, &store, output)?,
    }
    store.close()?;
    Ok(Verdict::Yes)
}

fn issue_one(args: &Args, store: &Store, output: Output) -> Result<(), Failure> {
    let issued = store.issue(args.token())?;
    let told = args.told(
        issued.id,
        Some(issued.secret.expose()),
        issued.pair_id.as_deref(),
        issued.expires_at,
    );
    output.answer(&told, || told.to_people())
}

fn issue_chosen(args: &Args, store: &Store, secret: &[u8], output: Output) -> Result<(), Failure> {
    // What is not UTF-8 is not printable ASCII, so the store would say the same.
    let secret = std::str::from_utf8(secret).map_err(|_| hallpass::Error::Invalid {
        what: "secret",
        why: "it must be printable ASCII without spaces, or it could not be shown in a header",
    })?;
    let id = store.issue_chosen(args.token(), secret)?;
    let expires_at = store.get(id)?.and_then(|token| token.expires_at);
    let is_pair = matches!(args.kind, KindName::ClientSecret);
    let pair_id = is_pair.then(|| args.pair_id.as_deref().unwrap_or(&args.client));
    let told = args.told(id, None, pair_id, expires_at);
    output.answer(&told, || told.to_people())
}

fn issue_many(args: &Args, store: &Store, output: Output) -> Result<(), Failure> {
    let failed = RefCell::new(None);
    let stop = Cell::new(false);
    let tokens = Copies {
        of: args.token(),
        left: usize::try_from(args.count).unwrap_or(usize::MAX),
        stop: &stop,
    };
    store.issue_many(tokens, |issued| {
        if stop.get() {
            return;
        }
        let told = args.told(
            issued.id,
            Some(issued.secret.expose()),
            issued.pair_id.as_deref(),
            issued.expires_at,
        );
        let written = output.answer(&told, || {
            format!("{}\t{}", issued.id, issued.secret.expose())
        });
        if let Err(failure) = written {
            // Nobody will ever see the secrets of the groups to come.
            stop.set(true);
            *failed.borrow_mut() = Some(failure);
        }
    })?;
    failed.into_inner().map_or(Ok(()), Err)
}

impl Args {
    fn token(&self) -> NewToken {
        let mut token = match self.kind {
            KindName::Token => NewToken::new(&self.client),
            KindName::ApiKey => NewToken::api_key(&self.client),
            KindName::ClientSecret => NewToken::client_secret(&self.client),
        };
        token = match (self.life.lifetime, self.life.expires_at) {
            (Some(lifetime), _) => token.lifetime(lifetime),
            (None, Some(at)) => token.expires_at(at),
            (None, None) => token.never_expires(),
        };
        if let Some(at) = self.not_before {
            token = token.not_before(at);
        }
        if let Some(environment) = &self.environment {
            token = token.environment(environment);
        }
        if let Some(id) = &self.pair_id {
            token = token.pair_id(id);
        }
        for (key, value) in &self.metadata {
            token = token.metadata(key, value);
        }
        token.scopes(&self.scope)
    }

    fn told<'a>(
        &'a self,
        id: TokenId,
        secret: Option<&'a str>,
        pair_id: Option<&'a str>,
        expires_at: Option<u64>,
    ) -> Told<'a> {
        let kind = match self.kind {
            KindName::Token => Kind::Token,
            KindName::ApiKey => Kind::ApiKey,
            KindName::ClientSecret => Kind::ClientSecret,
        };
        Told {
            id,
            secret,
            client_id: &self.client,
            kind: kind.as_str(),
            expires_at,
            pair_id,
        }
    }
}

impl Told<'_> {
    fn to_people(&self) -> String {
        let kept = "(this once: the store does not keep it)";
        facts(&[
            ("id", self.id.to_string()),
            ("client", self.client_id.to_owned()),
            ("kind", self.kind.to_owned()),
            ("pair id", self.pair_id.unwrap_or_default().to_owned()),
            ("expires", expiry(self.expires_at)),
            (
                "secret",
                self.secret.map_or("the chosen one".to_owned(), |secret| {
                    format!("{secret}  {kept}")
                }),
            ),
        ])
    }
}

/// The same token over and over, until told to stop.
struct Copies<'a> {
    of: NewToken,
    left: usize,
    stop: &'a Cell<bool>,
}

impl Iterator for Copies<'_> {
    type Item = NewToken;

    fn next(&mut self) -> Option<NewToken> {
        if self.stop.get() {
            return None;
        }
        self.left = self.left.checked_sub(1)?;
        Some(self.of.clone())
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}
