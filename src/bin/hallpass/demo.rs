//! `hallpass demo`: the whole life of tokens on a store on disk, with every answer shown and every
//! step measured; leaves a store that the other subcommands can use.

use std::path::PathBuf;
use std::time::Duration;

use hallpass::credential::{Profile, Request, Scratch};
use hallpass::{Inactive, NewToken, Options, Store, TokenId, Validator};
use serde_json::json;
use zeroize::Zeroizing;

use crate::forms::{Form, Shown};
use crate::measure::{self, Measured};
use crate::open::OpenArgs;
use crate::output::{Failure, Output, Verdict, grouped};
use crate::progress;
use crate::show::{Show, Want};

/// How many clients the tokens are issued to.
const CLIENTS: usize = 1000;
/// How many tokens are issued one by one, each durable before the next.
const ONE_BY_ONE: usize = 100;
/// How long each form of showing a credential is measured.
const FOR_EACH_FORM: Duration = Duration::from_millis(300);
const LIFETIME: Duration = Duration::from_secs(30 * 24 * 3600);

/// Arguments of `demo`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The directory of the store; one that is there already gets further tokens.
    #[arg(long, value_name = "DIR", default_value = "hallpass-demo")]
    store: PathBuf,
    #[command(flatten)]
    how: OpenArgs,
    /// How many tokens to issue.
    #[arg(long, value_name = "N", default_value_t = 100_000, value_parser = clap::value_parser!(u32).range(1..=100_000_000))]
    tokens: u32,
}

/// What was issued.
struct Issued {
    /// By client: token n is that of client n modulo the number of clients.
    ids: Vec<TokenId>,
    tokens: Vec<Shown>,
    pairs: Vec<Shown>,
}

/// Runs it.
pub(crate) fn run(args: &Args, output: Output) -> Result<Verdict, Failure> {
    let mut show = Show::new(output);
    let store = open(args, &mut show)?;
    let issued = issue(&store, args.tokens as usize, &mut show)?;
    let validator = store.validator();
    let forms = Form::all().map_err(|error| Failure::WrongAnswer {
        what: error.to_string(),
    })?;
    validate(&validator, &forms, &issued, &mut show)?;
    refuse(&validator, &forms, &issued, &mut show)?;
    revoke(&store, &validator, &forms, &issued, &mut show)?;
    leave(store, args, &issued, &show)
}

fn open(args: &Args, show: &mut Show) -> Result<Store, Failure> {
    show.heading("open")?;
    let options = progress::told_to(Options::new(), progress::When::Terminal);
    let (store, measured) = measure::once(1, || args.how.open(&args.store, options))?;
    let there = store.stats()?.tokens;
    show.step(
        &format!("{} with {} tokens", args.store.display(), grouped(there)),
        measured,
    )?;
    Ok(store)
}

fn issue(store: &Store, tokens: usize, show: &mut Show) -> Result<Issued, Failure> {
    show.heading("issue: each token is on disk before anybody gets it")?;
    let mut issued = Issued {
        ids: Vec::with_capacity(tokens),
        tokens: Vec::with_capacity(tokens),
        pairs: Vec::new(),
    };
    let one_by_one = ONE_BY_ONE.min(tokens);
    let mut keep = |token: hallpass::Issued| {
        issued.ids.push(token.id);
        issued.tokens.push(shown(&token));
    };
    let ((), measured) = measure::once(one_by_one as u64, || {
        for n in 0..one_by_one {
            keep(store.issue(new_token(n))?);
        }
        Ok(())
    })?;
    show.step("tokens one by one", measured)?;
    let rest = tokens - one_by_one;
    if rest > 0 {
        let ((), measured) = measure::once(rest as u64, || {
            store.issue_many((one_by_one..tokens).map(new_token), keep)?;
            Ok(())
        })?;
        show.step("tokens in bulk", measured)?;
    }
    let pairs = (tokens / 10).max(1);
    let ((), measured) = measure::once(pairs as u64, || {
        let secrets = (0..pairs).map(|n| NewToken::client_secret(client(n)).lifetime(LIFETIME));
        store.issue_many(secrets, |secret| issued.pairs.push(shown(&secret)))?;
        Ok(())
    })?;
    show.step("client secrets in bulk", measured)?;
    Ok(issued)
}

fn client(n: usize) -> String {
    format!("demo-{:03}", n % CLIENTS)
}

fn new_token(n: usize) -> NewToken {
    NewToken::new(client(n)).lifetime(LIFETIME).scopes(["read"])
}

fn shown(issued: &hallpass::Issued) -> Shown {
    Shown {
        pair_id: issued.pair_id.clone().unwrap_or_default(),
        secret: Zeroizing::new(issued.secret.expose().to_owned()),
    }
}

/// One answer of each form, then its rate over all tokens, in an order that no cache foresees.
fn validate(
    validator: &Validator,
    forms: &[Form],
    issued: &Issued,
    show: &mut Show,
) -> Result<(), Failure> {
    show.heading("validate: text of requests, read under the profile of a system, from memory")?;
    for form in forms {
        let all = if form.is_pair {
            &issued.pairs
        } else {
            &issued.tokens
        };
        let first = form.write(&all[0]);
        let answer = form.validate(validator, &first, &mut Scratch::new());
        show.answer(form.name(), form.profile_name, &answer, Want::Active)?;
        let mut texts: Vec<_> = all.iter().map(|shown| form.write(shown)).collect();
        measure::shuffle(&mut texts);
        let measured = measure::answers(
            form.name(),
            texts.len(),
            1,
            FOR_EACH_FORM,
            |n| form.validate(validator, &texts[n], &mut Scratch::new()),
            Result::is_ok,
        )?;
        show.rate(measured)?;
    }
    Ok(())
}

/// What must not pass.
fn refuse(
    validator: &Validator,
    forms: &[Form],
    issued: &Issued,
    show: &mut Show,
) -> Result<(), Failure> {
    show.heading("refuse")?;
    let bearer = &forms[0];
    let secret = &issued.tokens[0].secret;
    let last = if secret.ends_with('x') { "y" } else { "x" };
    let mistyped = Zeroizing::new(["Bearer ", &secret[..secret.len() - 1], last].concat());
    let headers = [("user-agent", "demo")];
    let nothing = Request::new(&headers);
    let answer = validator.validate_request(&Profile::strict(), &nothing, &mut Scratch::new());
    let want = Want::Inactive("credential.missing");
    show.answer("no credential", "strict", &answer, want)?;
    let cases = [
        (
            "Authorization: Digest username=\"x\"",
            Zeroizing::new("Digest username=\"x\"".to_owned()),
            "credential.scheme_unsupported",
        ),
        (
            "Authorization: Bearer <token, last character wrong>",
            mistyped,
            "token.format",
        ),
    ];
    for (name, text, code) in cases {
        let answer = bearer.validate(validator, &text, &mut Scratch::new());
        show.answer(name, bearer.profile_name, &answer, Want::Inactive(code))?;
    }
    let answer = validator
        .validate(&**secret)
        .and_then(|active| active.expect_scope("write"));
    show.answer(
        "the token, where the scope \"write\" is needed",
        "",
        &answer,
        Want::Inactive("scope.insufficient"),
    )
}

fn revoke(
    store: &Store,
    validator: &Validator,
    forms: &[Form],
    issued: &Issued,
    show: &mut Show,
) -> Result<(), Failure> {
    show.heading("revoke one: the next validation refuses it, and so it stays after a crash")?;
    let ask = |n: usize| {
        let text = forms[0].write(&issued.tokens[n]);
        forms[0].validate(validator, &text, &mut Scratch::new())
    };
    let (_, measured) = measure::once(1, || Ok(store.revoke(issued.ids[0])?))?;
    show.step("revoked one", measured)?;
    show.answer(
        "its token",
        "strict",
        &ask(0),
        Want::Inactive("token.revoked"),
    )?;
    let last = issued.tokens.len() - 1;
    if last > 0 {
        show.answer("another token", "strict", &ask(last), Want::Active)?;
    }

    let of = last.min(1);
    let name = client(of);
    show.heading(&format!("revoke all of {name}"))?;
    let theirs: Vec<usize> = (of..=last).step_by(CLIENTS).collect();
    let (_, measured) = measure::once(1, || Ok(store.revoke_all(&name)?))?;
    show.step(
        &format!("revoked all, {} of this run", grouped(theirs.len() as u64)),
        measured,
    )?;
    let mut refused = Measured::new(0, Duration::ZERO, 1);
    if !theirs.is_empty() {
        show.answer(
            "any of its tokens",
            "strict",
            &ask(of),
            Want::Inactive("token.revoked"),
        )?;
        refused = measure::answers(
            "revoked",
            theirs.len(),
            1,
            FOR_EACH_FORM,
            |n| validator.validate(&**issued.tokens[theirs[n]].secret),
            |answer| matches!(answer, Err(Inactive::Revoked)),
        )?;
    }
    show.rate(refused)?;
    Ok(())
}

fn leave(store: Store, args: &Args, issued: &Issued, show: &Show) -> Result<Verdict, Failure> {
    let stats = store.stats()?;
    store.close()?;
    let id = issued.ids[issued.ids.len() - 1];
    let of = client(issued.ids.len() - 1);
    if show.output.json {
        show.output.object(&json!({
            "store": args.store.display().to_string(),
            "steps": show.steps,
            "answers": show.answers,
            "stats": stats,
            "left": { "id": id, "client_id": of },
        }))?;
        return Ok(Verdict::Yes);
    }
    let program = std::env::args()
        .next()
        .unwrap_or_else(|| "hallpass".to_owned());
    let store = args.store.display();
    show.output.line(format!(
        "\nleft {store} with {} tokens of {} clients, {} bytes in memory; try:",
        grouped(stats.tokens),
        grouped(stats.clients),
        grouped(stats.table_bytes)
    ))?;
    for command in [
        format!("list --store {store} --client {of} --limit 5"),
        format!("get --store {store} {id}"),
        format!("revoke --store {store} {id} --reason \"just trying\" --by me"),
        format!("issue --store {store} --client {of} --lifetime 90d --scope read"),
        format!("verify --store {store}"),
    ] {
        show.output.line(format!("  {program} {command}"))?;
    }
    Ok(Verdict::Yes)
}
