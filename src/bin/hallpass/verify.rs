//! `hallpass verify`: reads every record and holds it against the seal, the index and memory.

use serde_json::json;

use crate::open::StoreArgs;
use crate::output::{Failure, Output, Verdict, grouped};

/// Arguments of `verify`.
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    store: StoreArgs,
}

/// Verifies.
pub(crate) fn run(args: &Args, output: Output) -> Result<Verdict, Failure> {
    let store = args.store.open()?;
    let verified = store.verify()?;
    store.close()?;
    let told = json!({
        "tokens": verified.tokens,
        "clients": verified.clients,
        "generation": verified.generation,
    });
    output.answer(&told, || {
        format!(
            "sound: {} tokens of {} clients, generation {}",
            grouped(verified.tokens),
            grouped(verified.clients),
            grouped(verified.generation)
        )
    })?;
    Ok(Verdict::Yes)
}
