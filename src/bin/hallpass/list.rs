//! `hallpass list` and `hallpass get`: what the store knows of clients and tokens.

use hallpass::{NotATokenId, Store, TokenId, TokenInfo};
use serde_json::json;

use crate::open::StoreArgs;
use crate::output::{Failure, Output, Verdict, expiry, grouped, instant, table};
use crate::secret_input::TokenArgs;
use crate::token;

/// Arguments of `list`.
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    store: StoreArgs,
    /// Lists the tokens of this client; without it, the clients are listed.
    #[arg(long)]
    client: Option<String>,
    /// Where to begin: the id of a token, or without --client that of a client.
    #[arg(long, value_name = "ID")]
    from: Option<String>,
    /// How many to list at most.
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..))]
    limit: u32,
}

/// Arguments of `get`.
#[derive(clap::Args)]
pub(crate) struct GetArgs {
    #[command(flatten)]
    store: StoreArgs,
    /// The token's id, or its text.
    #[command(flatten)]
    token: TokenArgs,
    /// The id that is shown with the secret, where the text is a client secret.
    #[arg(long, value_name = "ID")]
    pair_id: Option<String>,
}

/// Lists.
pub(crate) fn run(args: &Args, output: Output) -> Result<Verdict, Failure> {
    let store = args.store.open()?;
    match &args.client {
        Some(client) => tokens(args, &store, client, output)?,
        None => clients(args, &store, output)?,
    }
    store.close()?;
    Ok(Verdict::Yes)
}

/// Tells of one token.
pub(crate) fn get(args: &GetArgs, output: Output) -> Result<Verdict, Failure> {
    let store = args.store.open()?;
    let id = token::find(&store, &args.token, args.pair_id.as_deref())?;
    let found = store.get(id)?.ok_or_else(Failure::unknown_token)?;
    store.close()?;
    output.answer(&found, || token::told(&found))?;
    Ok(Verdict::Yes)
}

fn tokens(args: &Args, store: &Store, client: &str, output: Output) -> Result<(), Failure> {
    if store.client(client)?.is_none() {
        return Err(Failure::unknown_client(client));
    }
    let mut next =
        args.from
            .as_deref()
            .map(str::parse)
            .transpose()
            .map_err(|error: NotATokenId| Failure::Refused {
                code: "request.invalid",
                message: format!("--from is {error}"),
            })?;
    let mut tokens: Vec<TokenInfo> = Vec::new();
    let limit = args.limit as usize;
    loop {
        let page = store.list(client, next, limit - tokens.len())?;
        tokens.extend(page.tokens);
        next = page.next;
        if next.is_none() || tokens.len() >= limit {
            break;
        }
    }
    output.answer(&json!({ "tokens": tokens, "next": next }), || {
        to_people(&tokens, next)
    })
}

fn to_people(tokens: &[TokenInfo], next: Option<TokenId>) -> String {
    let rows: Vec<[String; 7]> = tokens
        .iter()
        .map(|token| {
            [
                token.id.to_string(),
                token::status(token),
                token.kind.as_str().to_owned(),
                instant(token.issued_at),
                expiry(token.expires_at),
                token.last_used_at.map_or_else(|| "-".to_owned(), instant),
                token.scopes.join(" "),
            ]
        })
        .collect();
    let told = table(
        [
            "ID",
            "STATUS",
            "KIND",
            "ISSUED",
            "EXPIRES",
            "LAST USED",
            "SCOPES",
        ],
        &rows,
    );
    told + &more(next)
}

fn clients(args: &Args, store: &Store, output: Output) -> Result<(), Failure> {
    let mut from = args.from.clone().unwrap_or_default();
    let mut clients = Vec::new();
    let mut next = None;
    'pages: loop {
        let page = store.clients(&from, 1000)?;
        let Some(last) = page.last().cloned() else {
            break;
        };
        for client in page {
            if clients.len() == args.limit as usize {
                next = Some(client);
                break 'pages;
            }
            clients.extend(store.client(&client)?);
        }
        // The least text after `last`. A client id has no control characters, so it is none.
        from = last + "\0";
    }
    output.answer(&json!({ "clients": clients, "next": next }), || {
        let rows: Vec<[String; 3]> = clients
            .iter()
            .map(|client| {
                let status = if client.disabled {
                    "disabled"
                } else {
                    "enabled"
                };
                [
                    client.client_id.clone(),
                    status.to_owned(),
                    grouped(client.tokens),
                ]
            })
            .collect();
        table(["CLIENT", "STATUS", "TOKENS"], &rows) + &more(next.as_ref())
    })
}

fn more(next: Option<impl std::fmt::Display>) -> String {
    next.map_or_else(String::new, |next| format!("\nmore: --from {next}"))
}
