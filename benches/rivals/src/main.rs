//! What hallpass costs beside the limits of the machine and beside what one would use instead.
//!
//! ```sh
//! cargo run --release --manifest-path benches/rivals/Cargo.toml -- report --quick   # 3 minutes
//! cargo run --release --manifest-path benches/rivals/Cargo.toml -- report --full    # 20 minutes
//! cargo run --release --manifest-path benches/rivals/Cargo.toml -- floor            # no rivals
//! cargo run --release --manifest-path benches/rivals/Cargo.toml -- latency          # percentiles only
//! ```
//! Prints one table of ratios and writes it, with plots, to `--out DIR` (default: `results` beside
//! this package's manifest).

mod clients;
mod databases;
mod embedded;
mod figures;
mod floor;
mod jwts;
mod latency;
mod machine;
mod maps;
mod markdown;
mod measure;
mod memory;
mod plot;
mod plots;
mod redis;
mod results;
mod run;
mod subject;
mod tokens;

use std::path::PathBuf;
use std::process::ExitCode;

use results::Results;
use run::Plan;

const USAGE: &str = "usage: hallpass-rivals report [--smoke | --quick | --full] [--out DIR]
       hallpass-rivals floor [--tokens N]
       hallpass-rivals latency [--tokens N]";

/// How much is measured.
struct Extent {
    name: &'static str,
    /// Numbers of tokens, and whether the maps are measured with them.
    sizes: &'static [(usize, bool)],
    /// At which of them databases and signed tokens are measured.
    others_at: &'static [usize],
    repeats: usize,
    /// How many tokens have a client each.
    clients: usize,
    latency: usize,
    growth: usize,
    growths: usize,
}

/// For CI: everything once, for its assertions and not for its figures.
const SMOKE: Extent = Extent {
    name: "--smoke",
    sizes: &[(10_000, true), (100_000, true)],
    others_at: &[10_000],
    repeats: 1,
    clients: 10_000,
    latency: 10_000,
    growth: 200_000,
    growths: 1,
};
const QUICK: Extent = Extent {
    name: "--quick",
    sizes: &[(10_000, true), (1_000_000, true), (10_000_000, true)],
    others_at: &[1_000_000],
    repeats: 7,
    clients: 1_000_000,
    latency: 1_000_000,
    growth: 10_000_000,
    growths: 1,
};
const FULL: Extent = Extent {
    name: "--full",
    sizes: &[
        (10_000, true),
        (100_000, true),
        (1_000_000, true),
        (3_000_000, true),
        (10_000_000, true),
        (30_000_000, false),
    ],
    others_at: &[1_000_000, 10_000_000],
    repeats: 15,
    clients: 10_000_000,
    latency: 10_000_000,
    growth: 10_000_000,
    growths: 5,
};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let has = |flag: &str| arguments.contains(&flag);
    let value = |flag: &str| {
        let at = arguments.iter().position(|argument| *argument == flag)?;
        arguments.get(at + 1).copied()
    };
    match arguments.first() {
        Some(&"report") => {
            let extent = match (has("--smoke"), has("--full")) {
                (true, _) => SMOKE,
                (_, true) => FULL,
                _ => QUICK,
            };
            let beside = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("results");
            report(&extent, &value("--out").map_or(beside, PathBuf::from))
        }
        Some(&"floor") => {
            let tokens = value("--tokens").and_then(|tokens| tokens.parse().ok());
            let mut results = Results::default();
            let plan = Plan {
                tokens: tokens.unwrap_or(1_000_000),
                clients: 1000,
                repeats: 15,
                maps: false,
                others: false,
            };
            run::run(&plan, &mut results);
            println!(
                "{}",
                markdown::report(&results, "floor", &machine::describe())
            );
            ExitCode::SUCCESS
        }
        Some(&"latency") => {
            let tokens = value("--tokens").and_then(|tokens| tokens.parse().ok());
            let tokens = tokens.unwrap_or(1_000_000);
            let mut results = Results::default();
            latency::beside_a_writer(tokens, 9, &mut results);
            latency::during_growth(tokens, 5, &mut results);
            println!(
                "{}",
                markdown::report(&results, "latency", &machine::describe())
            );
            ExitCode::SUCCESS
        }
        // Started by the report itself.
        Some(&"memory") => match [arguments.get(1), arguments.get(2)].map(|n| n?.parse().ok()) {
            [Some(map), Some(tokens)] => {
                memory::print(map, tokens);
                ExitCode::SUCCESS
            }
            _ => ExitCode::FAILURE,
        },
        _ => {
            eprintln!("{USAGE}");
            ExitCode::FAILURE
        }
    }
}

fn report(extent: &Extent, out: &std::path::Path) -> ExitCode {
    let mut results = Results::default();
    for (tokens, maps) in extent.sizes {
        let plan = Plan {
            tokens: *tokens,
            clients: 1000,
            repeats: extent.repeats,
            maps: *maps,
            others: extent.others_at.contains(tokens),
        };
        run::run(&plan, &mut results);
    }
    clients::run(extent.clients, extent.repeats, &mut results);
    latency::beside_a_writer(extent.latency, extent.repeats.max(5), &mut results);
    latency::during_growth(extent.growth, extent.growths, &mut results);

    let command = format!(
        "cargo run --release --manifest-path benches/rivals/Cargo.toml -- report {}",
        extent.name
    );
    let text = markdown::report(&results, &command, &machine::describe());
    println!("{text}");
    let written = std::fs::create_dir_all(out)
        .and_then(|()| std::fs::write(out.join("report.md"), &text))
        .and_then(|()| plots::write(&results, out));
    match written {
        Ok(()) => {
            eprintln!("written to {}", out.display());
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("cannot write to {}: {error}", out.display());
            ExitCode::FAILURE
        }
    }
}
