//! `hallpass bench`: the figures of this machine and this disk, on a store made for it. Every answer
//! is checked while it is timed.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use hallpass::{Inactive, NewToken, Options, Store, TokenId, Validator};
use serde_json::json;
use zeroize::Zeroizing;

use crate::measure::{self, Measured};
use crate::output::{Failure, Output, Verdict};
use crate::temporary::{self, Temporary};
use crate::{progress, time};

/// How many threads issue at once, sharing syncs.
const WRITERS: u32 = 64;
/// How many tokens are refused over and over, as unknown and as revoked.
const REFUSED: usize = 20_000;

/// Plaintexts of tokens.
type Texts = Vec<Zeroizing<String>>;

/// Arguments of `bench`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// How many tokens the store holds.
    #[arg(long, value_name = "N", default_value_t = 200_000, value_parser = clap::value_parser!(u32).range(1..=100_000_000))]
    tokens: u32,
    /// How long each rate is measured.
    #[arg(long, value_name = "DURATION", default_value = "2s", value_parser = time::duration)]
    each: Duration,
    /// The directory in which a temporary store is made, on the disk to be measured.
    #[arg(long, value_name = "DIR", default_value = ".")]
    dir: PathBuf,
    /// Makes the store here instead and keeps it; nothing may be there yet.
    #[arg(long, value_name = "DIR", conflicts_with = "dir")]
    store: Option<PathBuf>,
    /// Removes a temporary store once standard input ends: see `temporary.rs`.
    #[arg(long, value_name = "DIR", hide = true)]
    sweep: Option<PathBuf>,
}

/// Measures.
pub(crate) fn run(args: &Args, output: Output) -> Result<Verdict, Failure> {
    if let Some(path) = &args.sweep {
        temporary::sweep(path).map_err(Failure::io("removing the temporary store"))?;
        return Ok(Verdict::Yes);
    }
    let temporary = match &args.store {
        Some(_) => None,
        None => Some(Temporary::new(&args.dir).map_err(Failure::io(format!(
            "making a store in {}",
            args.dir.display()
        )))?),
    };
    let path = match (&args.store, &temporary) {
        (None, Some(temporary)) => temporary.path(),
        (Some(path), _) if !path.exists() => path,
        _ => {
            return Err(Failure::Refused {
                code: "request.invalid",
                message: "something is at the path of --store already: nothing was done; bench fills a store of its own".to_owned(),
            });
        }
    };
    let mut bench = Bench {
        args,
        output,
        rows: Vec::new(),
    };
    bench.all(path)?;
    if output.json {
        output.object(&json!({ "tokens": args.tokens, "measured": bench.rows }))?;
    }
    if let Some(temporary) = temporary {
        temporary
            .remove()
            .map_err(Failure::io("removing the temporary store"))?;
    }
    Ok(Verdict::Yes)
}

struct Bench<'a> {
    args: &'a Args,
    output: Output,
    rows: Vec<serde_json::Value>,
}

impl Bench<'_> {
    fn all(&mut self, path: &Path) -> Result<(), Failure> {
        let store = open(path)?;
        let tokens = self.issue(&store)?;
        let (unknown, revoked) = refused(&store)?;
        let validator = store.validator();
        for threads in [1, 2] {
            for (what, texts, want) in [
                ("validate, active", &tokens, None),
                ("validate, unknown", &unknown, Some(Inactive::NotFound)),
                ("validate, revoked", &revoked, Some(Inactive::Revoked)),
            ] {
                self.validate(what, &validator, texts, threads, want)?;
            }
        }
        store.close()?;
        let (store, measured) = measure::once(u64::from(self.args.tokens), || open(path))?;
        self.row("open", measured)?;
        let found = store.stats()?.tokens;
        if found < u64::from(self.args.tokens) {
            return Err(Failure::WrongAnswer {
                what: format!("{found} tokens after reopening"),
            });
        }
        Ok(store.close()?)
    }

    /// In bulk, then one by one, alone and with many others.
    fn issue(&mut self, store: &Store) -> Result<Texts, Failure> {
        let count = self.args.tokens as usize;
        let (mut tokens, measured) = measure::once(count as u64, || issue(store, "bench", count))?;
        self.row("issue in bulk, durable", measured)?;
        measure::shuffle(&mut tokens);
        let mut ids = Vec::new();
        for threads in [1, WRITERS] {
            let (issued, measured) = self.issue_each(store, threads)?;
            self.row("issue one by one, durable", measured)?;
            ids = issued;
        }
        let begun = Instant::now();
        let mut done = 0;
        for id in ids {
            if begun.elapsed() >= self.args.each {
                break;
            }
            store.revoke(id)?;
            done += 1;
        }
        self.row(
            "revoke one by one, durable",
            Measured::new(done, begun.elapsed(), 1),
        )?;
        Ok(tokens)
    }

    fn issue_each(&self, store: &Store, threads: u32) -> Result<(Vec<TokenId>, Measured), Failure> {
        let issued = Mutex::new(Ok(Vec::new()));
        let begun = Instant::now();
        thread::scope(|scope| {
            for _ in 0..threads {
                scope.spawn(|| {
                    let mut ids = Ok(Vec::new());
                    while let (Ok(ids_so_far), true) = (&mut ids, begun.elapsed() < self.args.each)
                    {
                        match store.issue(NewToken::new("bench").never_expires()) {
                            Ok(issued) => ids_so_far.push(issued.id),
                            Err(error) => ids = Err(error),
                        }
                    }
                    if let Ok(mut all) = issued.lock() {
                        match (&mut *all, ids) {
                            (Ok(all), Ok(ids)) => all.extend(ids),
                            (all, Err(error)) => *all = Err(error),
                            (Err(_), Ok(_)) => {}
                        }
                    }
                });
            }
        });
        let elapsed = begun.elapsed();
        let ids = issued
            .into_inner()
            .unwrap_or_else(PoisonError::into_inner)?;
        let measured = Measured::new(ids.len() as u64, elapsed, threads);
        Ok((ids, measured))
    }

    fn validate(
        &mut self,
        what: &'static str,
        validator: &Validator,
        texts: &Texts,
        threads: u32,
        want: Option<Inactive>,
    ) -> Result<(), Failure> {
        let measured = measure::answers(
            what,
            texts.len(),
            threads,
            self.args.each,
            |n| validator.validate(&*texts[n]),
            |answer| answer.as_ref().err().copied() == want,
        )?;
        self.row(what, measured)
    }

    fn row(&mut self, what: &'static str, measured: Measured) -> Result<(), Failure> {
        if !self.output.json {
            let threads = match measured.threads {
                1 => "1 thread".to_owned(),
                threads => format!("{threads} threads"),
            };
            let each = measured.each();
            let rate = measured.rate();
            self.output
                .line(format!("{what:<28}{threads:>10}{rate:>16}{each:>12} each"))?;
        }
        self.rows
            .push(json!({ "what": what, "measured": measured }));
        Ok(())
    }
}

fn open(path: &Path) -> Result<Store, Failure> {
    let options = Options::new().purge_grace(Duration::ZERO);
    Ok(progress::told_to(options, progress::When::Terminal).open(path)?)
}

fn issue(store: &Store, client: &str, count: usize) -> Result<Texts, Failure> {
    let mut tokens = Vec::with_capacity(count);
    let alike = std::iter::repeat_n(NewToken::new(client).never_expires(), count);
    store.issue_many(alike, |issued| {
        tokens.push(Zeroizing::new(issued.secret.expose().to_owned()));
    })?;
    Ok(tokens)
}

/// Well-formed tokens that the store does not know, because it has forgotten them, and ones that
/// it knows to be revoked.
fn refused(store: &Store) -> Result<(Texts, Texts), Failure> {
    let mut unknown = issue(store, "bench-unknown", REFUSED)?;
    store.revoke_all("bench-unknown")?;
    store.purge(usize::MAX)?;
    let mut revoked = issue(store, "bench-revoked", REFUSED)?;
    store.revoke_all("bench-revoked")?;
    measure::shuffle(&mut unknown);
    measure::shuffle(&mut revoked);
    Ok((unknown, revoked))
}
