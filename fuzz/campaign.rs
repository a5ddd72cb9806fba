//! Runs fuzz targets for a given number of inputs, in parts, so that it shows whether coverage still
//! grows, and keeps what they found.
//!
//! ```sh
//! cargo run --manifest-path fuzz/Cargo.toml --example campaign -- --runs 1e8 authorization cookie
//! ```
//! Each part adds a line to `fuzz/campaign.csv`, and the end of a campaign says how many runs of its
//! target stand there by now. Inputs gather in `fuzz/target/campaign`, where the next campaign goes on;
//! those that reach code which the committed corpus does not are added to it.
//! As many targets run at once as there are processors, or `--jobs`. With `--no-trace-compares` each
//! runs almost twice as fast, and finds no more constants that its corpus does not know. Who pauses one
//! must go on within twenty minutes: libFuzzer would take its last input for one that hangs.

use std::collections::VecDeque;
use std::error::Error;
use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::time::Instant;

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

/// Parts of a campaign, and so its points on the curve of coverage.
const PARTS: u64 = 10;
/// As in CI. Every parser's limit on length has cases and tests of its own.
const INPUT_BYTES_MAX: u32 = 4096;
const HEADING: &str = "day,commit,target,runs,seconds,edges,features,inputs";

/// The folder of the targets, and how they are built.
struct Fuzz {
    folder: &'static Path,
    traces_compares: bool,
}

/// What libFuzzer tells at its end.
#[derive(Default)]
struct Told {
    runs: u64,
    edges: u64,
    features: u64,
}

fn main() -> Result<()> {
    let mut fuzz = Fuzz {
        folder: Path::new(env!("CARGO_MANIFEST_DIR")),
        traces_compares: true,
    };
    let (mut runs, mut jobs) = (1e6, std::thread::available_parallelism()?.get());
    let mut targets = VecDeque::new();
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        let mut number = || words.next().ok_or(format!("{word} needs a number"));
        match &*word {
            "--runs" => runs = number()?.parse()?,
            "--jobs" => jobs = number()?.parse()?,
            "--no-trace-compares" => fuzz.traces_compares = false,
            _ => targets.push_back(word),
        }
    }
    if targets.is_empty() {
        let all = output(&mut fuzz.command("list"))?;
        let all = all.split_whitespace().collect::<Vec<_>>().join(" ");
        return Err(format!("nothing was run: name the targets, of {all}").into());
    }
    output(&mut fuzz.command("build"))?;
    let day = output(Command::new("date").args(["-u", "+%F"]))?;
    let commit = output(Command::new("git").args(["describe", "--always", "--dirty"]))?;
    let when = format!("{},{}", day.trim(), commit.trim());
    let targets = Mutex::new(targets);
    std::thread::scope(|scope| {
        let work = || -> Result<()> {
            loop {
                let next = targets.lock().map_err(|e| e.to_string())?.pop_front();
                let Some(target) = next else { return Ok(()) };
                campaign(&fuzz, &target, runs as u64, &when)
                    .map_err(|e| format!("{target}: {e}"))?;
            }
        };
        let workers: Vec<_> = (0..jobs).map(|_| scope.spawn(work)).collect();
        for worker in workers {
            worker.join().map_err(|_| "a worker panicked")??;
        }
        Ok(())
    })
}

/// One target, until its parts add up to `runs`.
fn campaign(fuzz: &Fuzz, target: &str, runs: u64, when: &str) -> Result<()> {
    let found = fuzz.folder.join("target/campaign").join(target);
    let corpus = fuzz.folder.join("corpus").join(target);
    fs::create_dir_all(&found)?;
    let mut done = 0;
    while done < runs {
        let began = Instant::now();
        let part = (runs / PARTS).max(1).min(runs - done);
        let told = fuzzed(fuzz, target, &[&found, &corpus], &[format!("-runs={part}")])?;
        done += told.runs.max(1);
        let row = format!(
            "{when},{target},{},{:.0},{},{},{}",
            told.runs,
            began.elapsed().as_secs_f64(),
            told.edges,
            told.features,
            fs::read_dir(&found)?.count()
        );
        println!("{row}");
        append(&fuzz.folder.join("campaign.csv"), &row)?;
    }
    // Edges only: an input more for every number of times that one is passed would be thousands.
    let edges = ["-set_cover_merge=1", "-use_counters=0"].map(str::to_owned);
    fuzzed(fuzz, target, &[&corpus, &found], &edges)?;
    let csv = fs::read_to_string(fuzz.folder.join("campaign.csv"))?;
    let all = runs_of(target, &csv)?;
    println!("{target}: {done} runs, {all} with those of earlier campaigns");
    Ok(())
}

/// How often a target ran, by the rows of all campaigns.
fn runs_of(target: &str, csv: &str) -> Result<u64> {
    let mut runs = 0;
    for row in csv.lines() {
        let mut fields = row.split(',').skip(2);
        if fields.next() == Some(target) {
            let part: u64 = fields.next().ok_or("a row without its runs")?.parse()?;
            runs += part;
        }
    }
    Ok(runs)
}

/// Runs a target, which is built, with these folders of inputs, of which the first is added to.
fn fuzzed(fuzz: &Fuzz, target: &str, folders: &[&PathBuf], options: &[String]) -> Result<Told> {
    let mut command = fuzz.command("run");
    command.arg(target).args(folders).arg("--").args(options);
    command.arg(format!("-max_len={INPUT_BYTES_MAX}"));
    let end = command.stdout(Stdio::null()).output()?;
    let log = String::from_utf8_lossy(&end.stderr);
    if !end.status.success() {
        eprint!("{log}");
        return Err(format!("it stopped with {}; see above", end.status).into());
    }
    let mut told = Told::default();
    for line in log.lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        let after = |name: &str| -> Option<u64> {
            let at = words.iter().position(|word| *word == name)?;
            words.get(at + 1)?.parse().ok()
        };
        told.edges = after("cov:").unwrap_or(told.edges);
        told.features = after("ft:").unwrap_or(told.features);
        told.runs = after("Done").unwrap_or(told.runs);
    }
    Ok(told)
}

impl Fuzz {
    /// Without a sanitizer: there is no `unsafe` for it to watch, and it takes nine tenths of the speed.
    fn command(&self, verb: &str) -> Command {
        let mut command = Command::new("rustup");
        command.args(["run", "nightly", "cargo", "fuzz", verb]);
        command.arg("--fuzz-dir").arg(self.folder);
        if verb != "list" {
            command.args(["-s", "none"]);
            command.args((!self.traces_compares).then_some("--no-trace-compares"));
        }
        command
    }
}

fn output(command: &mut Command) -> Result<String> {
    let end = command.output()?;
    if !end.status.success() {
        return Err(String::from_utf8_lossy(&end.stderr).into());
    }
    Ok(String::from_utf8(end.stdout)?)
}

fn append(csv: &Path, row: &str) -> Result<()> {
    let is_new = !csv.exists();
    let mut file = OpenOptions::new().create(true).append(true).open(csv)?;
    if is_new {
        writeln!(file, "{HEADING}")?;
    }
    writeln!(file, "{row}")?;
    Ok(())
}
