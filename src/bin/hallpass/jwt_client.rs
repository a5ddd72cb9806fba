//! `hallpass jwt client`: keys by which clients sign for themselves, and the assertions they sign.

use std::path::PathBuf;

use clap::Subcommand;
use hallpass::jwt::{self, VerifyingKey};
use hallpass::{KeyInfo, Store};
use serde_json::json;

use crate::jwt_store::AlgName;
use crate::open::StoreArgs;
use crate::output::{Failure, Output, Verdict, facts, instant, table};
use crate::secret_input::{self, TokenArgs};

/// Subcommands of `hallpass jwt client`.
#[derive(Subcommand)]
pub(crate) enum ClientCommand {
    /// Makes a key pair for a client and prints the private key, this once; the store keeps the
    /// public one.
    Keygen(KeygenArgs),
    /// Takes in the public key of a client that made its pair itself.
    Import(ImportArgs),
    /// Lists a client's keys.
    Keys(KeysArgs),
    /// Revokes a client's key: what it signs is refused at once.
    Revoke(RevokeArgs),
    /// Says whether an assertion (RFC 7523 section 3) is one that a client signed. It is not used up:
    /// only a server that stays open remembers which were shown.
    Verify(VerifyArgs),
}

/// Arguments of `jwt client keygen`.
#[derive(clap::Args)]
pub(crate) struct KeygenArgs {
    #[command(flatten)]
    store: StoreArgs,
    /// Whose key it is.
    #[arg(long)]
    client: String,
    /// What the key signs with: EdDSA or ES256.
    #[arg(long, value_enum, ignore_case = true, default_value_t = AlgName::EdDsa)]
    alg: AlgName,
    /// How the private key is printed; with --json it is both.
    #[arg(long, value_enum, default_value = "pem")]
    form: Form,
}

#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Form {
    Pem,
    Jwk,
}

/// Arguments of `jwt client import`.
#[derive(clap::Args)]
pub(crate) struct ImportArgs {
    #[command(flatten)]
    store: StoreArgs,
    /// Whose key it is.
    #[arg(long)]
    client: String,
    #[command(flatten)]
    key: PublicKeyArgs,
    /// The one algorithm that the key is for; a JWK may say it itself.
    #[arg(long)]
    alg: Option<String>,
    /// What the client's assertions call the key; without it the name in the JWK, or its RFC 7638
    /// thumbprint.
    #[arg(long, allow_hyphen_values = true)]
    kid: Option<String>,
}

#[derive(clap::Args)]
#[group(required = true, multiple = false)]
struct PublicKeyArgs {
    /// The public key as PEM; `-` reads standard input. Needs --alg.
    #[arg(long, value_name = "FILE", requires = "alg")]
    pem_file: Option<PathBuf>,
    /// The public key as a JWK; `-` reads standard input.
    #[arg(long, value_name = "FILE")]
    jwk_file: Option<PathBuf>,
}

/// Arguments of `jwt client keys`.
#[derive(clap::Args)]
pub(crate) struct KeysArgs {
    #[command(flatten)]
    store: StoreArgs,
    /// The client.
    #[arg(long)]
    client: String,
}

/// Arguments of `jwt client revoke`.
#[derive(clap::Args)]
pub(crate) struct RevokeArgs {
    #[command(flatten)]
    store: StoreArgs,
    /// The key's name, as `jwt client keys` shows it.
    #[arg(long, allow_hyphen_values = true)]
    kid: String,
}

/// Arguments of `jwt client verify`.
#[derive(clap::Args)]
pub(crate) struct VerifyArgs {
    #[command(flatten)]
    store: StoreArgs,
    #[command(flatten)]
    assertion: TokenArgs,
    /// Whom it must be meant for: the `aud` of this server.
    #[arg(long, value_name = "AUD")]
    audience: String,
}

/// Runs a subcommand.
pub(crate) fn run(command: &ClientCommand, output: Output) -> Result<Verdict, Failure> {
    match command {
        ClientCommand::Keygen(args) => keygen(args, output),
        ClientCommand::Import(args) => import(args, output),
        ClientCommand::Keys(args) => keys(args, output),
        ClientCommand::Revoke(args) => revoke(args, output),
        ClientCommand::Verify(args) => verify(args, output),
    }
}

fn keygen(args: &KeygenArgs, output: Output) -> Result<Verdict, Failure> {
    let store = args.store.open()?;
    let made = store.generate_client_key(&args.client, args.alg.into())?;
    let told = json!({
        "kid": made.info.kid,
        "algorithm": made.info.algorithm,
        "client_id": args.client,
        "pem": made.pem.expose(),
        "jwk": made.jwk.expose(),
    });
    output.answer(&told, || {
        let private = match args.form {
            Form::Pem => made.pem.expose().trim_end(),
            Form::Jwk => made.jwk.expose(),
        };
        format!("{}\n{private}", described(&made.info))
    })?;
    close(store, Verdict::Yes)
}

fn import(args: &ImportArgs, output: Output) -> Result<Verdict, Failure> {
    let mut key = args.read_key()?;
    if let Some(kid) = &args.kid {
        key = key.with_kid(kid).map_err(hallpass::Error::from)?;
    }
    let store = args.store.open()?;
    let info = store.import_client_key(&args.client, key)?;
    output.answer(&info, || described(&info))?;
    close(store, Verdict::Yes)
}

fn keys(args: &KeysArgs, output: Output) -> Result<Verdict, Failure> {
    let store = args.store.open()?;
    let keys = store.client_keys(&args.client)?;
    if output.json {
        for key in &keys {
            output.object(key)?;
        }
    } else if keys.is_empty() {
        output.line("no keys; `jwt client keygen` makes one")?;
    } else {
        let row = |key: &KeyInfo| {
            let created = instant(key.created_at);
            [key.kid.clone(), key.algorithm.to_owned(), created]
        };
        let rows: Vec<[String; 3]> = keys.iter().map(row).collect();
        output.line(table(["KID", "ALG", "CREATED"], &rows))?;
    }
    close(store, Verdict::Yes)
}

fn revoke(args: &RevokeArgs, output: Output) -> Result<Verdict, Failure> {
    let store = args.store.open()?;
    if !store.revoke_client_key(&args.kid)? {
        return Err(Failure::Refused {
            code: "key.unknown",
            message: "no client has a key of this name: nothing was done; `jwt client keys --client CLIENT` shows those it has".to_owned(),
        });
    }
    let told = json!({ "outcome": "revoked", "kid": args.kid });
    output.answer(&told, || {
        "revoked: what this key signs is refused".to_owned()
    })?;
    close(store, Verdict::Yes)
}

fn verify(args: &VerifyArgs, output: Output) -> Result<Verdict, Failure> {
    let text = args.assertion.read()?;
    let store = args.store.open()?;
    let validator = store.validator();
    let verdict = match validator.validate_reusable_client_assertion(&text[..], &args.audience) {
        Ok(proof) => {
            let told = json!({
                "active": true,
                "client_id": proof.client_id(),
                "kid": proof.kid(),
                "jti": proof.jti(),
                "expires_at": proof.expires_at(),
            });
            output.answer(&told, || {
                let told = facts(&[
                    ("client", proof.client_id().to_owned()),
                    ("kid", proof.kid().unwrap_or_default().to_owned()),
                    ("jti", proof.jti().unwrap_or_default().to_owned()),
                    ("expires", instant(proof.expires_at())),
                ]);
                format!("active\n{told}")
            })?;
            Verdict::Yes
        }
        Err(why) => {
            output.inactive(why)?;
            Verdict::No
        }
    };
    close(store, verdict)
}

impl ImportArgs {
    fn read_key(&self) -> Result<VerifyingKey, Failure> {
        let PublicKeyArgs { pem_file, jwk_file } = &self.key;
        let file = pem_file.as_ref().or(jwk_file.as_ref());
        let text = secret_input::from_file(file.map_or("-".as_ref(), PathBuf::as_path))?;
        let unsupported = || Failure::from(hallpass::Error::from(jwt::KeyError::Unsupported));
        let algorithm = match &self.alg {
            None => None,
            Some(name) => Some(jwt::Algorithm::from_name(name).ok_or_else(unsupported)?),
        };
        let key = match (pem_file, algorithm) {
            (Some(_), Some(algorithm)) => {
                VerifyingKey::from_pem(std::str::from_utf8(&text).unwrap_or_default(), algorithm)
            }
            _ => VerifyingKey::from_jwk(&text, algorithm),
        };
        Ok(key.map_err(hallpass::Error::from)?)
    }
}

fn described(key: &KeyInfo) -> String {
    facts(&[
        ("kid", key.kid.clone()),
        ("algorithm", key.algorithm.to_owned()),
        ("client", key.client_id.clone().unwrap_or_default()),
    ])
}

fn close(store: Store, verdict: Verdict) -> Result<Verdict, Failure> {
    store.close()?;
    Ok(verdict)
}
