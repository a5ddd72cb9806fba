//! `hallpass jwt keygen|rotate|retire|keys|jwks|issue`: the signing keys of a store, and what they sign.

use std::path::PathBuf;
use std::time::Duration;

use clap::ValueEnum;
use hallpass::jwt::{self, SigningKey};
use hallpass::{KeyInfo, KeyState, NewToken, Options, Store};
use serde_json::json;

use crate::open::StoreArgs;
use crate::output::{Failure, Output, Verdict, expiry, facts, instant, table};
use crate::{progress, secret_input, time};

/// Arguments of `jwt keygen` and `jwt rotate`.
#[derive(clap::Args)]
pub(crate) struct KeyArgs {
    #[command(flatten)]
    store: StoreArgs,
    /// What the key signs with.
    #[arg(long, value_enum, ignore_case = true, default_value_t = AlgName::EdDsa)]
    alg: AlgName,
}

/// Arguments of `jwt keygen`.
#[derive(clap::Args)]
pub(crate) struct KeygenArgs {
    #[command(flatten)]
    key: KeyArgs,
    /// Takes in the private key in this PKCS#8 PEM file instead of making one; `-` reads standard
    /// input.
    #[arg(long, value_name = "FILE", conflicts_with = "alg")]
    pem_file: Option<PathBuf>,
}

/// Arguments of `jwt retire`.
#[derive(clap::Args)]
pub(crate) struct RetireArgs {
    #[command(flatten)]
    store: StoreArgs,
    /// The key's name, as `jwt keys` shows it.
    #[arg(long, allow_hyphen_values = true)]
    kid: String,
}

/// Arguments of `jwt keys` and `jwt jwks`.
#[derive(clap::Args)]
pub(crate) struct ListArgs {
    #[command(flatten)]
    store: StoreArgs,
}

/// Arguments of `jwt issue`.
#[derive(clap::Args)]
pub(crate) struct IssueArgs {
    #[command(flatten)]
    store: StoreArgs,
    /// The client the token is for.
    #[arg(long)]
    client: String,
    /// How long the token lives: 90d, 12h, 1h30m.
    #[arg(long, value_name = "DURATION", value_parser = time::duration)]
    lifetime: Duration,
    /// Who issues it: `iss`.
    #[arg(long)]
    issuer: Option<String>,
    /// Whom it is for: `aud`; may be given several times.
    #[arg(long)]
    audience: Vec<String>,
    /// Whom it is about: `sub`, where that is not the client.
    #[arg(long)]
    subject: Option<String>,
    /// What it may be used for; may be given several times.
    #[arg(long)]
    scope: Vec<String>,
    /// What it says besides, readable by whoever holds it; may be given several times.
    #[arg(long, value_name = "KEY=VALUE", value_parser = entry)]
    metadata: Vec<(String, String)>,
    /// Signs with the newest key of this algorithm.
    #[arg(long, value_enum, ignore_case = true)]
    alg: Option<AlgName>,
}

/// The algorithms that sign.
#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum AlgName {
    #[value(name = "EdDSA")]
    EdDsa,
    #[value(name = "ES256")]
    Es256,
    #[value(name = "HS256")]
    Hs256,
}

impl From<AlgName> for jwt::Algorithm {
    fn from(name: AlgName) -> Self {
        match name {
            AlgName::EdDsa => Self::EdDsa,
            AlgName::Es256 => Self::Es256,
            AlgName::Hs256 => Self::Hs256,
        }
    }
}

fn entry(text: &str) -> Result<(String, String), String> {
    text.split_once('=')
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .ok_or_else(|| "write it as KEY=VALUE".to_owned())
}

/// Makes a key, or takes one in; makes the store if there is none.
pub(crate) fn keygen(args: &KeygenArgs, output: Output) -> Result<Verdict, Failure> {
    let pem = args.pem_file.as_deref().map(secret_input::from_file);
    let brought = match pem.transpose()? {
        None => None,
        Some(pem) => {
            let text = std::str::from_utf8(&pem).unwrap_or_default();
            Some(SigningKey::from_pem(text).map_err(hallpass::Error::from)?)
        }
    };
    let at = &args.key.store;
    let is_new = !at.store.exists();
    let store = at.how.open(&at.store, told(Options::new()))?;
    if is_new {
        eprintln!("hallpass: made a new store at {}", at.store.display());
    }
    let info = match brought {
        Some(key) => store.import_signing_key(key)?,
        None => store.generate_signing_key(args.key.alg.into())?,
    };
    tell_one(&info, output)?;
    close(store)
}

/// Lets a new key sign in place of the others of its algorithm.
pub(crate) fn rotate(args: &KeyArgs, output: Output) -> Result<Verdict, Failure> {
    let store = args.store.open()?;
    tell_one(&store.rotate_signing_key(args.alg.into())?, output)?;
    close(store)
}

/// Kills a key and all that it signed.
pub(crate) fn retire(args: &RetireArgs, output: Output) -> Result<Verdict, Failure> {
    let store = args.store.open()?;
    if !store.retire_key(&args.kid)? {
        return Err(Failure::Refused {
            code: "key.unknown",
            message: "the store has no signing key of this name: nothing was done; `jwt keys` shows those it has".to_owned(),
        });
    }
    let told = json!({ "kid": args.kid, "state": KeyState::Retired });
    output.answer(&told, || "retired: what this key signed is dead".to_owned())?;
    close(store)
}

/// Lists the keys.
pub(crate) fn keys(args: &ListArgs, output: Output) -> Result<Verdict, Failure> {
    let store = args.store.open()?;
    let keys = store.signing_keys()?;
    if output.json {
        for key in &keys {
            output.object(key)?;
        }
    } else if keys.is_empty() {
        output.line("no signing keys; `jwt keygen` makes one")?;
    } else {
        let rows: Vec<[String; 4]> = keys
            .iter()
            .map(|key| {
                [
                    key.kid.clone(),
                    key.algorithm.to_owned(),
                    state(key.state).to_owned(),
                    instant(key.created_at),
                ]
            })
            .collect();
        output.line(table(["KID", "ALG", "STATE", "CREATED"], &rows))?;
    }
    close(store)
}

/// Prints the public keys as a JWK set.
pub(crate) fn jwks(args: &ListArgs, output: Output) -> Result<Verdict, Failure> {
    let store = args.store.open()?;
    output.line(store.jwks()?)?;
    close(store)
}

/// Issues a token and prints it, this once.
pub(crate) fn issue(args: &IssueArgs, output: Output) -> Result<Verdict, Failure> {
    let mut options = told(Options::new()).create(false);
    if let Some(issuer) = &args.issuer {
        options = options.jwt_issuer(issuer);
    }
    let store = args.store.how.open(&args.store.store, options)?;
    let mut new = NewToken::jwt(&args.client)
        .lifetime(args.lifetime)
        .scopes(&args.scope);
    if let Some(subject) = &args.subject {
        new = new.subject(subject);
    }
    if let Some(alg) = args.alg {
        new = new.algorithm(alg.into());
    }
    for audience in &args.audience {
        new = new.audience(audience);
    }
    for (key, value) in &args.metadata {
        new = new.metadata(key, value);
    }
    let issued = store.issue(new)?;
    let told = json!({
        "id": issued.id,
        "secret": issued.secret.expose(),
        "client_id": args.client,
        "kind": "jwt",
        "expires_at": issued.expires_at,
    });
    output.answer(&told, || {
        facts(&[
            ("id", issued.id.to_string()),
            ("expires", expiry(issued.expires_at)),
            ("secret", issued.secret.expose().to_owned()),
        ])
    })?;
    close(store)
}

fn told(options: Options) -> Options {
    progress::told_to(options, progress::When::AloneOnTerminal)
}

fn close(store: Store) -> Result<Verdict, Failure> {
    store.close()?;
    Ok(Verdict::Yes)
}

fn tell_one(key: &KeyInfo, output: Output) -> Result<(), Failure> {
    output.answer(key, || {
        facts(&[
            ("kid", key.kid.clone()),
            ("algorithm", key.algorithm.to_owned()),
            ("state", state(key.state).to_owned()),
        ])
    })
}

fn state(state: KeyState) -> &'static str {
    match state {
        KeyState::Signing => "signing",
        KeyState::Verifying => "verifying",
        _ => "retired",
    }
}
