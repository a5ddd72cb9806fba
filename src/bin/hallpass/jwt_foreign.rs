//! `hallpass jwt foreign`: tokens of other issuers, revoked here and validated against what was.

use std::path::PathBuf;
use std::sync::Arc;

use clap::Subcommand;
use hallpass::jwt::{ClaimsMapping, ForeignIssuer, ForeignIssuers};
use hallpass::{Options, Revocation};
use serde_json::json;

use crate::jwt::{Profile, keys_of_files};
use crate::open::StoreArgs;
use crate::output::{Failure, Output, Verdict, facts};
use crate::secret_input::TokenArgs;

/// Subcommands of `hallpass jwt foreign`.
#[derive(Subcommand)]
pub(crate) enum ForeignCommand {
    /// Revokes one token of another issuer, by its `jti`.
    Revoke(RevokeArgs),
    /// Revokes every token of a client issued so far, by whomever.
    RevokeAll(RevokeAllArgs),
    /// Says whether a token of another issuer is active: its signature, its claims, and what was
    /// revoked here.
    Validate(ValidateArgs),
}

/// Arguments of `jwt foreign revoke`.
#[derive(clap::Args)]
pub(crate) struct RevokeArgs {
    #[command(flatten)]
    store: StoreArgs,
    /// The token's `iss`; without it, of a token that names none.
    #[arg(long, default_value = "")]
    iss: String,
    /// The token's `jti`.
    #[arg(long, allow_hyphen_values = true)]
    jti: String,
    /// The token's `exp`, in Unix seconds: a day later its revocation may be forgotten. Without it
    /// the revocation is kept for ever.
    #[arg(long, value_name = "SECS")]
    exp: Option<u64>,
}

/// Arguments of `jwt foreign revoke-all`.
#[derive(clap::Args)]
pub(crate) struct RevokeAllArgs {
    #[command(flatten)]
    store: StoreArgs,
    /// The client whose tokens are revoked, as the server's mapping names it.
    #[arg(long)]
    client: String,
}

/// Arguments of `jwt foreign validate`.
#[derive(clap::Args)]
pub(crate) struct ValidateArgs {
    #[command(flatten)]
    store: StoreArgs,
    #[command(flatten)]
    token: TokenArgs,
    /// The issuer's keys: a JWK set as JSON.
    #[arg(long, value_name = "FILE", required_unless_present = "pem")]
    jwks: Option<PathBuf>,
    /// The issuer's key instead of a set: a public key or a certificate as PEM.
    #[arg(long, value_name = "FILE", conflicts_with = "jwks", requires = "alg")]
    pem: Option<PathBuf>,
    /// Only keys of this algorithm; a key that states none is pinned to it.
    #[arg(long)]
    alg: Option<String>,
    /// The issuer the token must name.
    #[arg(long)]
    iss: String,
    /// The audience the token must name; may be given several times.
    #[arg(long)]
    aud: Vec<String>,
    /// The claim that names the client, as a JSON Pointer.
    #[arg(long, value_name = "POINTER", default_value = "/sub")]
    client_claim: String,
    /// How missing times and audiences are understood.
    #[arg(long, value_enum, default_value = "strict")]
    profile: Profile,
}

/// Runs a subcommand.
pub(crate) fn run(command: &ForeignCommand, output: Output) -> Result<Verdict, Failure> {
    match command {
        ForeignCommand::Revoke(args) => revoke(args, output),
        ForeignCommand::RevokeAll(args) => revoke_all(args, output),
        ForeignCommand::Validate(args) => validate(args, output),
    }
}

fn revoke(args: &RevokeArgs, output: Output) -> Result<Verdict, Failure> {
    let store = args.store.open()?;
    let end = args.exp.unwrap_or(u64::MAX);
    let (code, people) = match store.revoke_foreign(&args.iss, &args.jti, end)? {
        Revocation::AlreadyRevoked => ("already_revoked", "had been revoked before"),
        _ => ("revoked", "revoked"),
    };
    store.close()?;
    let told = json!({ "outcome": code, "iss": args.iss, "jti": args.jti });
    output.answer(&told, || people.to_owned())?;
    Ok(Verdict::Yes)
}

fn revoke_all(args: &RevokeAllArgs, output: Output) -> Result<Verdict, Failure> {
    let store = args.store.open()?;
    store.revoke_all_foreign(&args.client)?;
    store.close()?;
    let told = json!({ "outcome": "revoked", "client_id": args.client });
    output.answer(&told, || {
        format!(
            "revoked every token of {} issued so far, by whomever",
            args.client
        )
    })?;
    Ok(Verdict::Yes)
}

fn validate(args: &ValidateArgs, output: Output) -> Result<Verdict, Failure> {
    let text = args.token.read()?;
    let store = args.store.how.open(&args.store.store, args.options()?)?;
    let answer = store.validator().validate_foreign(&text[..]);
    store.close()?;
    let active = match answer {
        Ok(active) => active,
        Err(why) => {
            output.inactive(why)?;
            return Ok(Verdict::No);
        }
    };
    let verified = active.verified();
    let told = json!({
        "active": true,
        "client_id": active.client_id(),
        "metadata": active.metadata(),
        "iss": verified.issuer(),
        "jti": verified.jti(),
        "expires_at": verified.expires_at(),
    });
    output.answer(&told, || {
        let told = facts(&[
            ("client", active.client_id().to_owned()),
            ("issuer", verified.issuer().unwrap_or_default().to_owned()),
            ("jti", verified.jti().unwrap_or_default().to_owned()),
            ("expires", crate::output::expiry(verified.expires_at())),
        ]);
        format!("active\n{told}")
    })?;
    Ok(Verdict::Yes)
}

impl ValidateArgs {
    /// The store opened with this one issuer.
    fn options(&self) -> Result<Options, Failure> {
        let keys = keys_of_files(
            self.jwks.as_deref(),
            self.pem.as_deref(),
            self.alg.as_deref(),
        );
        let keys = keys.map_err(|message| Failure::Refused {
            code: "config.invalid",
            message,
        })?;
        let expect = self.profile.expect().issuer(&self.iss);
        let expect = self
            .aud
            .iter()
            .fold(expect, |expect, aud| expect.audience(aud));
        let mapping = match self.profile {
            Profile::Flipt => ClaimsMapping::flipt(),
            _ => ClaimsMapping::client_from(&self.client_claim),
        };
        let issuer = ForeignIssuer::new(Arc::new(keys), expect, mapping);
        let issuers = ForeignIssuers::new(vec![issuer]).map_err(hallpass::Error::from)?;
        Ok(Options::new().create(false).foreign_issuers(issuers))
    }
}
