//! The program's door: arguments in, exit code out. What a subcommand does is in its own file.

mod explain;
#[cfg(feature = "jwt")]
mod jwt;

use std::io;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Token store tools.
#[derive(Parser)]
#[command(name = "hallpass", version, about)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Says what a profile makes of requests: JSON Lines in, JSON Lines out.
    ///
    /// Exits with 1 if a line could not be read as a request; the others are answered all the
    /// same.
    Explain(explain::Args),
    /// Verifies signed tokens.
    #[cfg(feature = "jwt")]
    #[command(subcommand)]
    Jwt(jwt::JwtCommand),
}

fn main() -> ExitCode {
    let done = match Cli::parse().command {
        Command::Explain(args) => explain::run(&args, io::stdin().lock(), io::stdout().lock()),
        #[cfg(feature = "jwt")]
        Command::Jwt(command) => return jwt::run(command),
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        // Whoever read our output has heard enough.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("hallpass: {error}");
            ExitCode::FAILURE
        }
    }
}
