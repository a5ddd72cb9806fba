//! `hallpass validate`: whether a token is active, and what of.

use std::io;
use std::path::PathBuf;

use hallpass::{Active, Inactive, TokenId, Validator};
use serde::Serialize;
use zeroize::Zeroizing;

use crate::open::StoreArgs;
use crate::output::{Failure, Output, Verdict, expiry, facts};
use crate::secret_input::{self, next_secret};

/// Arguments of `validate`.
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    store: StoreArgs,
    #[command(flatten)]
    shown: Shown,
    /// The id that is shown with the secret, for client secrets.
    #[arg(long, value_name = "ID")]
    pair_id: Option<String>,
    /// The client whose token it must be.
    #[arg(long)]
    client: Option<String>,
    /// A scope that the token must have; may be given several times.
    #[arg(long)]
    scope: Vec<String>,
}

/// One token, or one a line.
#[derive(clap::Args)]
#[group(required = true, multiple = false)]
struct Shown {
    /// The text, or `-` to read it from standard input. Other users of this machine can see
    /// arguments: give secrets by standard input or by a file.
    #[arg(value_name = "TOKEN")]
    token: Option<String>,
    /// A file that holds the text; a line end after it is passed over.
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// Validates each line of standard input, one verdict a line; exits with 0 if all are active.
    #[arg(long)]
    stdin_lines: bool,
}

/// An answer as JSON has it.
#[derive(Serialize)]
#[serde(untagged)]
enum Told<'a> {
    Active {
        active: bool,
        id: TokenId,
        client_id: &'a str,
        kind: &'static str,
        scopes: Vec<&'a str>,
        expires_at: Option<u64>,
    },
    Inactive {
        active: bool,
        code: &'static str,
        message: &'static str,
    },
}

/// Validates.
pub(crate) fn run(args: &Args, output: Output) -> Result<Verdict, Failure> {
    let shown = &args.shown;
    let secret = (!shown.stdin_lines)
        .then(|| secret_input::read(shown.token.as_deref(), shown.token_file.as_deref()))
        .transpose()?;
    let store = args.store.open()?;
    let validator = store.validator();
    let verdict = match secret {
        Some(secret) => one(args, &validator, &secret, output)?,
        None => lines(args, &validator, output)?,
    };
    store.close()?;
    Ok(verdict)
}

fn one(
    args: &Args,
    validator: &Validator,
    secret: &[u8],
    output: Output,
) -> Result<Verdict, Failure> {
    let answer = args.validate(validator, secret);
    let told = Told::of(&answer);
    output.answer(&told, || told.to_people())?;
    Ok(Verdict::from_bool(answer.is_ok()))
}

fn lines(args: &Args, validator: &Validator, output: Output) -> Result<Verdict, Failure> {
    let mut input = io::stdin().lock();
    let mut line = Zeroizing::new(Vec::new());
    let mut all = true;
    while next_secret(&mut input, &mut line)? {
        let answer = args.validate(validator, &line);
        all &= answer.is_ok();
        let told = Told::of(&answer);
        output.answer(&told, || told.to_line())?;
    }
    Ok(Verdict::from_bool(all))
}

impl Args {
    fn validate<'v>(
        &self,
        validator: &'v Validator,
        secret: &[u8],
    ) -> Result<Active<'v>, Inactive> {
        let mut active = match &self.pair_id {
            None => validator.validate(secret)?,
            Some(id) => validator.validate_pair(id, secret)?,
        };
        if let Some(client) = &self.client {
            active = active.expect_client(client)?;
        }
        for scope in &self.scope {
            active = active.expect_scope(scope)?;
        }
        Ok(active)
    }
}

impl<'a> Told<'a> {
    fn of(answer: &Result<Active<'a>, Inactive>) -> Self {
        match answer {
            Ok(active) => Self::Active {
                active: true,
                id: active.token_id(),
                client_id: active.client_id(),
                kind: active.kind().as_str(),
                scopes: active.scopes().collect(),
                expires_at: active.expires_at(),
            },
            Err(why) => Self::Inactive {
                active: false,
                code: why.code(),
                message: why.public_message(),
            },
        }
    }

    fn to_people(&self) -> String {
        match self {
            Self::Active {
                id,
                client_id,
                kind,
                scopes,
                expires_at,
                ..
            } => {
                let told = facts(&[
                    ("id", id.to_string()),
                    ("client", (*client_id).to_owned()),
                    ("kind", (*kind).to_owned()),
                    ("scopes", scopes.join(" ")),
                    ("expires", expiry(*expires_at)),
                ]);
                format!("active\n{told}")
            }
            Self::Inactive { code, message, .. } => {
                let told = facts(&[
                    ("why", (*code).to_owned()),
                    ("clients see", (*message).to_owned()),
                ]);
                format!("inactive\n{told}")
            }
        }
    }

    fn to_line(&self) -> String {
        match self {
            Self::Active { id, client_id, .. } => format!("active\t{id}\t{client_id}"),
            Self::Inactive { code, .. } => format!("inactive\t{code}"),
        }
    }
}
