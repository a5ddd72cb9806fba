//! `hallpass expire`: lets a token expire earlier.

use std::time::Duration;

use serde_json::json;

use crate::open::StoreArgs;
use crate::output::{Failure, Output, Verdict, expiry};
use crate::secret_input::TokenArgs;
use crate::{time, token};

/// Arguments of `expire`.
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    store: StoreArgs,
    /// The token's id, or its text.
    #[command(flatten)]
    token: TokenArgs,
    #[command(flatten)]
    when: When,
    /// The id that is shown with the secret, where the text is a client secret.
    #[arg(long, value_name = "ID")]
    pair_id: Option<String>,
}

#[derive(clap::Args)]
#[group(required = true, multiple = false)]
struct When {
    /// The instant: 2027-01-31T12:00:00Z, or Unix seconds.
    #[arg(long, value_name = "INSTANT", value_parser = time::instant)]
    at: Option<u64>,
    /// How long from now.
    #[arg(long = "in", value_name = "DURATION", value_parser = time::duration)]
    after: Option<Duration>,
}

/// Shortens a token's life.
pub(crate) fn run(args: &Args, output: Output) -> Result<Verdict, Failure> {
    let after = args.when.after.unwrap_or_default().as_secs();
    let asked_for = args
        .when
        .at
        .unwrap_or(time::now_secs().saturating_add(after));
    let store = args.store.open()?;
    let id = token::find(&store, &args.token, args.pair_id.as_deref())?;
    let expires_at = store
        .expire(id, asked_for)?
        .ok_or_else(Failure::unknown_token)?;
    store.close()?;
    output.answer(&json!({ "id": id, "expires_at": expires_at }), || {
        let kept = if expires_at < asked_for {
            " as before: a life can only be shortened"
        } else {
            ""
        };
        format!("{id} expires {}{kept}", expiry(Some(expires_at)))
    })?;
    Ok(Verdict::Yes)
}
