//! The command line tool: it parses arguments and hands over to one file a subcommand.

#[cfg(feature = "jwt")]
mod jwt;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// An embedded token store for Rust servers.
#[derive(Parser)]
#[command(version, about)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Signed tokens.
    #[cfg(feature = "jwt")]
    #[command(subcommand)]
    Jwt(jwt::JwtCommand),
}

fn main() -> ExitCode {
    match Cli::parse().command {
        #[cfg(feature = "jwt")]
        Command::Jwt(command) => jwt::run(command),
    }
}
