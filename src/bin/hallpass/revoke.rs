//! `hallpass revoke`, `revoke-all` and `revoke-everything`.

use hallpass::{Revocation, RevokeReason};
use serde_json::json;

use crate::open::StoreArgs;
use crate::output::{Failure, Output, Verdict};
use crate::secret_input::TokenArgs;
use crate::token;

/// Arguments of `revoke`.
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    store: StoreArgs,
    /// The token's id, or its text.
    #[command(flatten)]
    token: TokenArgs,
    /// The id that is shown with the secret, where the text is a client secret.
    #[arg(long, value_name = "ID")]
    pair_id: Option<String>,
    /// Why, for the record.
    #[arg(long, default_value = "")]
    reason: String,
    /// By whom, for the record.
    #[arg(long, default_value = "")]
    by: String,
}

/// Arguments of `revoke-all`.
#[derive(clap::Args)]
pub(crate) struct AllArgs {
    #[command(flatten)]
    store: StoreArgs,
    /// The client whose tokens are revoked.
    #[arg(long)]
    client: String,
}

/// Arguments of `revoke-everything`.
#[derive(clap::Args)]
pub(crate) struct EverythingArgs {
    #[command(flatten)]
    store: StoreArgs,
    /// Says that you mean it.
    #[arg(long)]
    yes: bool,
}

/// Revokes one token.
pub(crate) fn one(args: &Args, output: Output) -> Result<Verdict, Failure> {
    let store = args.store.open()?;
    let id = token::find(&store, &args.token, args.pair_id.as_deref())?;
    let why = RevokeReason {
        reason: &args.reason,
        by: &args.by,
    };
    let (code, people) = match store.revoke_because(id, why)? {
        Revocation::Revoked => ("revoked", "revoked"),
        Revocation::AlreadyRevoked => ("already_revoked", "had been revoked before:"),
        _ => return Err(Failure::unknown_token()),
    };
    store.close()?;
    output.answer(&json!({ "outcome": code, "id": id }), || {
        format!("{people} {id}")
    })?;
    Ok(Verdict::Yes)
}

/// Revokes all tokens of a client.
pub(crate) fn all(args: &AllArgs, output: Output) -> Result<Verdict, Failure> {
    let store = args.store.open()?;
    if !store.revoke_all(&args.client)? {
        return Err(Failure::unknown_client(&args.client));
    }
    store.close()?;
    let told = json!({ "outcome": "revoked", "client_id": args.client });
    output.answer(&told, || {
        format!("revoked every token of {} issued so far", args.client)
    })?;
    Ok(Verdict::Yes)
}

/// The kill switch.
pub(crate) fn everything(args: &EverythingArgs, output: Output) -> Result<Verdict, Failure> {
    if !args.yes {
        return Err(Failure::Refused {
            code: "request.not_confirmed",
            message: "this revokes every token of every client, for good: nothing was done; add --yes to do it".to_owned(),
        });
    }
    let store = args.store.open()?;
    store.revoke_everything()?;
    store.close()?;
    output.answer(&json!({ "outcome": "revoked" }), || {
        "revoked every token of every client issued so far".to_owned()
    })?;
    Ok(Verdict::Yes)
}
