//! `hallpass jwt`: verifies JWTs from standard input, one or many, with keys from a file.

use std::fmt;
use std::io::{self, BufRead, Read, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

use clap::{Args, Subcommand, ValueEnum};
use hallpass::Inactive;
use hallpass::jwt::{Algorithm, Expect, KeySet, VerifyingKey, verify, verify_jws};
use serde_json::{Map, Value, json};

use crate::output::Output;
use crate::{jwt_client, jwt_foreign, jwt_store};

/// A token has at most 8 KiB and a key set at most 64 KiB: a longer line is no case.
const LINE_BYTES_MAX: u64 = 256 * 1024;

/// The code of a case whose key or algorithm can't be used.
const CONFIG_INVALID: &str = "config.invalid";

/// Subcommands of `hallpass jwt`.
#[derive(Subcommand)]
pub(crate) enum JwtCommand {
    /// Verifies the token on standard input. Exit status: 0 active, 1 inactive, 2 failed; with
    /// --batch, 0 whatever the answers and 1 if a line could not be read.
    Verify(VerifyArgs),
    /// Makes a key that signs tokens from now on, and the store if there is none.
    Keygen(jwt_store::KeygenArgs),
    /// Makes a key that signs in place of the others of its algorithm, which go on verifying.
    Rotate(jwt_store::KeyArgs),
    /// Retires a key: what it signed is dead at once.
    Retire(jwt_store::RetireArgs),
    /// Lists the signing keys.
    Keys(jwt_store::ListArgs),
    /// Prints the public keys as a JWK set.
    Jwks(jwt_store::ListArgs),
    /// Issues a token that the store can revoke, and prints it this once.
    Issue(jwt_store::IssueArgs),
    /// Clients that sign for themselves: makes, takes in, lists and revokes their keys.
    #[command(subcommand)]
    Client(jwt_client::ClientCommand),
    /// Tokens of other issuers: revokes and validates them.
    #[command(subcommand)]
    Foreign(jwt_foreign::ForeignCommand),
}

/// Arguments of `hallpass jwt verify`.
#[derive(Args)]
pub(crate) struct VerifyArgs {
    /// The key set: a JWK set as JSON. With --batch, for the cases that bring no keys.
    #[arg(long, value_name = "FILE", required_unless_present_any = ["batch", "pem"])]
    jwks: Option<PathBuf>,
    /// The key instead of a set: a public key or a certificate as PEM. It verifies tokens whatever
    /// `kid` they name, of the algorithm --alg only.
    #[arg(long, value_name = "FILE", conflicts_with = "jwks", requires = "alg")]
    pem: Option<PathBuf>,
    /// Only keys of this algorithm; a key that states none is pinned to it.
    #[arg(long)]
    alg: Option<String>,
    /// The issuer the token must name.
    #[arg(long)]
    iss: Option<String>,
    /// The audience the token must name.
    #[arg(long)]
    aud: Option<String>,
    /// The type the header must name.
    #[arg(long)]
    typ: Option<String>,
    /// A claim that must be there; may be repeated.
    #[arg(long, value_name = "CLAIM")]
    require: Vec<String>,
    /// The time in Unix seconds, instead of the clock's.
    #[arg(long, value_name = "SECS")]
    now: Option<u64>,
    /// By how much clocks may differ.
    #[arg(long, value_name = "SECS")]
    leeway: Option<u64>,
    /// How missing times and audiences are understood.
    #[arg(long, value_enum, default_value = "strict")]
    profile: Profile,
    /// Reads cases as JSON Lines: id, token, jwk or jwks, alg, now, leeway, iss, aud, typ.
    #[arg(long)]
    batch: bool,
    /// Checks header and signature only; the payload may be anything.
    #[arg(long)]
    jws: bool,
}

/// Whose rules a token is judged by.
#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum Profile {
    Strict,
    Flipt,
    Frontier,
}

impl Profile {
    pub(crate) fn expect(self) -> Expect {
        match self {
            Self::Strict => Expect::new(),
            Self::Flipt => Expect::flipt(),
            Self::Frontier => Expect::frontier(),
        }
    }
}

pub(crate) fn run(command: &JwtCommand, output: Output) -> ExitCode {
    let done = match command {
        JwtCommand::Verify(args) => return run_verify(args),
        JwtCommand::Keygen(args) => jwt_store::keygen(args, output),
        JwtCommand::Rotate(args) => jwt_store::rotate(args, output),
        JwtCommand::Retire(args) => jwt_store::retire(args, output),
        JwtCommand::Keys(args) => jwt_store::keys(args, output),
        JwtCommand::Jwks(args) => jwt_store::jwks(args, output),
        JwtCommand::Issue(args) => jwt_store::issue(args, output),
        JwtCommand::Client(command) => jwt_client::run(command, output),
        JwtCommand::Foreign(command) => jwt_foreign::run(command, output),
    };
    match done {
        Ok(verdict) => verdict.into(),
        Err(failure) => failure.report(output.json),
    }
}

fn run_verify(args: &VerifyArgs) -> ExitCode {
    let outcome = if args.batch { batch(args) } else { one(args) };
    outcome.unwrap_or_else(|failure| {
        eprintln!("hallpass: {failure}");
        ExitCode::from(2)
    })
}

/// What went wrong with the run as a whole, in words for whoever started it.
type Failure = String;

fn one(args: &VerifyArgs) -> Result<ExitCode, Failure> {
    let keys = key_file(args)?.ok_or("--jwks or --pem is missing")?;
    let mut token = Vec::new();
    let read = io::stdin()
        .lock()
        .take(LINE_BYTES_MAX)
        .read_to_end(&mut token);
    read.map_err(|error| format!("standard input: {error}"))?;
    // The line break is the shell's, everything else is the token's.
    let token = token.strip_suffix(b"\n").unwrap_or(&token);
    let answer = judge(token, &keys, &Case::new(args, &Map::new())?, args.jws);
    let line = match answer {
        Ok(()) => json!({"valid": true, "code": null}),
        Err(why) => json!({"valid": false, "code": why.code()}),
    };
    println!("{line}");
    Ok(ExitCode::from(u8::from(answer.is_err())))
}

/// A bad line is told and passed over; only a broken pipe or file ends the run.
fn batch(args: &VerifyArgs) -> Result<ExitCode, Failure> {
    let keys = key_file(args)?;
    let (mut input, mut output) = (io::stdin().lock(), io::stdout().lock());
    let mut all_read = true;
    for number in 1_u64.. {
        let line = read_line(&mut input).map_err(|error| format!("standard input: {error}"))?;
        let Some(line) = line else { break };
        let answer = match line.as_deref().map(serde_json::from_slice::<Value>) {
            Some(_)
                if line
                    .as_ref()
                    .is_some_and(|line| line.trim_ascii().is_empty()) =>
            {
                continue;
            }
            Some(Ok(Value::Object(fields))) => answer(args, keys.as_ref(), &fields),
            Some(_) => Err("not a JSON object".to_owned()),
            None => Err(format!("longer than {LINE_BYTES_MAX} bytes")),
        };
        all_read &= answer.is_ok();
        let answer = answer.unwrap_or_else(|error| json!({"line": number, "error": error}));
        writeln!(output, "{answer}").map_err(|error| format!("standard output: {error}"))?;
    }
    Ok(ExitCode::from(u8::from(!all_read)))
}

/// The next line without its break: nothing at the end, `Some(None)` when it is too long.
fn read_line(input: &mut impl BufRead) -> io::Result<Option<Option<Vec<u8>>>> {
    let mut line = Vec::new();
    if input
        .by_ref()
        .take(LINE_BYTES_MAX + 1)
        .read_until(b'\n', &mut line)?
        == 0
    {
        return Ok(None);
    }
    if line.last() == Some(&b'\n') {
        line.pop();
    } else if line.len() as u64 > LINE_BYTES_MAX {
        input.skip_until(b'\n')?;
        return Ok(Some(None));
    }
    Ok(Some(Some(line)))
}

/// What is asked of one token: the command line, and what a case says on top.
struct Case {
    expect: Expect,
    now: u64,
    algorithm: Option<Result<Algorithm, ()>>,
}

impl Case {
    fn new(args: &VerifyArgs, fields: &Map<String, Value>) -> Result<Self, Failure> {
        let mut expect = args.profile.expect();
        for issuer in texts(fields, "iss", args.iss.as_ref())? {
            expect = expect.issuer(&issuer);
        }
        for audience in texts(fields, "aud", args.aud.as_ref())? {
            expect = expect.audience(&audience);
        }
        for typ in texts(fields, "typ", args.typ.as_ref())? {
            expect = expect.typ(&typ);
        }
        for claim in args.require.iter().chain(&texts(fields, "require", None)?) {
            expect = expect.require(claim);
        }
        if let Some(leeway_secs) = seconds(fields, "leeway")?.or(args.leeway) {
            expect = expect.leeway_secs(leeway_secs);
        }
        let now = match seconds(fields, "now")?.or(args.now) {
            Some(now) => now,
            None => clock()?,
        };
        let names = texts(fields, "alg", args.alg.as_ref())?;
        let algorithm = names
            .first()
            .map(|name| Algorithm::from_name(name).ok_or(()));
        Ok(Self {
            expect,
            now,
            algorithm,
        })
    }
}

fn judge(token: &[u8], keys: &KeySet, case: &Case, jws: bool) -> Result<(), Inactive> {
    if jws {
        verify_jws(token, keys).map(|_| ())
    } else {
        verify(token, keys, &case.expect, case.now).map(|_| ())
    }
}

fn answer(
    args: &VerifyArgs,
    file: Option<&KeySet>,
    fields: &Map<String, Value>,
) -> Result<Value, Failure> {
    let case = Case::new(args, fields)?;
    let id = fields.get("id").unwrap_or(&Value::Null);
    let refused = |code: &str| Ok(json!({"id": id, "valid": false, "code": code}));
    let Some(token) = fields.get("token") else {
        return Err("no token".to_owned());
    };
    let Some(keys) = keys_of_case(fields, file, &case) else {
        return refused(CONFIG_INVALID);
    };
    // The JSON serialization is an object, and no compact token.
    let Value::String(token) = token else {
        return refused(Inactive::Format.code());
    };
    match judge(token.as_bytes(), &keys, &case, args.jws) {
        Ok(()) => Ok(json!({"id": id, "valid": true, "code": null})),
        Err(why) => refused(why.code()),
    }
}

/// The keys of the case, or those of the command line; nothing if there are none or they are bad.
fn keys_of_case(fields: &Map<String, Value>, file: Option<&KeySet>, case: &Case) -> Option<KeySet> {
    let algorithm = case.algorithm.transpose().ok()?;
    let given = |name| fields.get(name).filter(|value: &&Value| !value.is_null());
    let is_set = |jwk: &&Value| jwk.get("keys").is_some();
    if let Some(jwk) = given("jwk").filter(|jwk| !is_set(jwk)) {
        return VerifyingKey::from_jwk(json_text(jwk).as_bytes(), algorithm)
            .ok()
            .map(KeySet::from);
    }
    let keys = match given("jwks").or(given("jwk")) {
        Some(jwks) => KeySet::from_jwks(json_text(jwks).as_bytes(), algorithm).ok()?,
        None => file?.clone(),
    };
    match algorithm {
        Some(algorithm) => keys.of_algorithm(algorithm),
        None => Some(keys),
    }
}

/// A key stands in a case as JSON, or as a string of JSON.
fn json_text(value: &Value) -> String {
    value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_owned)
}

fn key_file(args: &VerifyArgs) -> Result<Option<KeySet>, Failure> {
    match (&args.jwks, &args.pem) {
        (None, None) => Ok(None),
        (jwks, pem) => {
            keys_of_files(jwks.as_deref(), pem.as_deref(), args.alg.as_deref()).map(Some)
        }
    }
}

/// The keys in the one of the files that is given, of the algorithm if one is given.
pub(crate) fn keys_of_files(
    jwks: Option<&Path>,
    pem: Option<&Path>,
    algorithm: Option<&str>,
) -> Result<KeySet, Failure> {
    let algorithm = match algorithm {
        None => None,
        Some(name) => Some(Algorithm::from_name(name).ok_or(format!("no algorithm {name:?}"))?),
    };
    let path = jwks.or(pem).ok_or("no file with keys was named")?;
    let refused = |why: &dyn fmt::Display| format!("{}: {why}", path.display());
    let text = std::fs::read(path).map_err(|error| refused(&error))?;
    if jwks.is_none() {
        let algorithm = algorithm.ok_or("a PEM does not say its algorithm: add --alg")?;
        let text = std::str::from_utf8(&text).unwrap_or_default();
        let key = VerifyingKey::from_pem(text, algorithm).map_err(|error| refused(&error))?;
        return Ok(KeySet::from(key.for_any_kid()));
    }
    let keys = KeySet::from_jwks(&text, algorithm).map_err(|error| refused(&error))?;
    match algorithm {
        None => Ok(keys),
        Some(algorithm) => keys
            .of_algorithm(algorithm)
            .ok_or_else(|| refused(&format!("no key for {algorithm}"))),
    }
}

/// A field that is a string or a list of strings; the command line's value when it is not there.
fn texts(
    fields: &Map<String, Value>,
    name: &str,
    fallback: Option<&String>,
) -> Result<Vec<String>, Failure> {
    let wrong = || format!("{name} is not a string");
    match fields.get(name) {
        None | Some(Value::Null) => Ok(fallback.cloned().into_iter().collect()),
        Some(Value::String(text)) => Ok(vec![text.clone()]),
        Some(Value::Array(list)) => list
            .iter()
            .map(|item| item.as_str().map(str::to_owned).ok_or_else(wrong))
            .collect(),
        Some(_) => Err(wrong()),
    }
}

/// A field that is a number of seconds. What lies before 1970 is 0, what no `u64` holds the greatest.
fn seconds(fields: &Map<String, Value>, name: &str) -> Result<Option<u64>, Failure> {
    match fields.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Number(number)) => {
            let whole = number.as_u64();
            Ok(whole.or_else(|| number.as_f64().map(|float| float as u64)))
        }
        Some(_) => Err(format!("{name} is not a number")),
    }
}

fn clock() -> Result<u64, Failure> {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since
        .map(|since| since.as_secs())
        .map_err(|_| "the clock is before 1970".to_owned())
}
