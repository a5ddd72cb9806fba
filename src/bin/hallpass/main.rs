//! The program's door: arguments in, exit code out. What a subcommand does is in its own file.

mod backup;
mod bench;
mod client;
mod compact;
mod demo;
mod expire;
mod explain;
mod forms;
mod issue;
#[cfg(feature = "jwt")]
mod jwt;
#[cfg(feature = "jwt")]
mod jwt_client;
#[cfg(feature = "jwt")]
mod jwt_foreign;
#[cfg(feature = "jwt")]
mod jwt_store;
mod list;
mod lost;
mod measure;
mod open;
mod output;
mod progress;
mod purge;
mod repair;
mod revoke;
mod secret_input;
#[cfg(feature = "serve")]
mod serve;
mod show;
mod stats;
mod temporary;
mod time;
mod token;
mod transfer;
mod validate;
mod verify;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use output::Output;

/// Issues, validates and revokes tokens of a store on this machine.
///
/// Exits with 0 if a token is active or a thing is done, with 1 if it is inactive or refused, and
/// with 2 if something failed. A store that a server has open is locked, and stays with the server.
#[derive(Parser)]
#[command(name = "hallpass", version)]
struct Cli {
    /// Answers in JSON, times in Unix seconds; what fails or is refused is told as
    /// {"error":{"code","message"}}, on standard output too.
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Makes a store, issues, validates and revokes tokens, shows every answer and its rate.
    Demo(demo::Args),
    /// Issues a token, or many alike, and prints each secret this once. Makes the store if there
    /// is none.
    Issue(issue::Args),
    /// Says whether a token is active, and what of.
    Validate(validate::Args),
    /// Revokes a token, by its id or its text.
    Revoke(revoke::Args),
    /// Revokes every token of a client issued so far.
    RevokeAll(revoke::AllArgs),
    /// Revokes every token of every client issued so far.
    RevokeEverything(revoke::EverythingArgs),
    /// Lets a token expire earlier.
    Expire(expire::Args),
    /// Refuses a client's tokens until it is enabled again.
    Disable(client::Args),
    /// Enables a client that was disabled.
    Enable(client::Args),
    /// Tells all that the store knows of a token.
    Get(list::GetArgs),
    /// Lists clients, or a client's tokens.
    List(list::Args),
    /// Forgets tokens that have been expired or revoked for long enough.
    Purge(purge::Args),
    /// Tells figures about the store.
    Stats(stats::Args),
    /// Reads every record, and holds it against what was sealed.
    Verify(verify::Args),
    /// Writes a backup of a store, without its digest key.
    Backup(backup::BackupArgs),
    /// Makes a store from a backup, where none is. What was revoked after the backup was made needs
    /// a word.
    Restore(backup::RestoreArgs),
    /// Writes all records as JSON Lines, without secrets: for reading, or, with digests, for moving.
    Export(transfer::ExportArgs),
    /// Makes a store from an export with digests, where none is. What was revoked after the export
    /// was made needs a word.
    Import(transfer::ImportArgs),
    /// Makes a new store from what of a damaged one is intact.
    Repair(repair::Args),
    /// Gives back the room on the disk that purged tokens have left.
    Compact(compact::Args),
    /// Measures this machine and this disk, on a store that it removes again.
    Bench(bench::Args),
    /// Says what a profile makes of requests: JSON Lines in, JSON Lines out.
    ///
    /// Exits with 1 if a line could not be read as a request; the others are answered all the
    /// same.
    Explain(explain::Args),
    /// Serves the endpoints that issue and revoke, over HTTP without TLS, until SIGTERM or ctrl-c.
    #[cfg(feature = "serve")]
    Serve(serve::Args),
    /// Signed tokens: verifies them; makes, rotates and retires keys; issues; keys of clients, tokens
    /// of other issuers.
    #[cfg(feature = "jwt")]
    #[command(subcommand)]
    Jwt(jwt::JwtCommand),
}

fn main() -> ExitCode {
    silence_what_is_caught();
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return usage(&error),
    };
    let output = Output { json: cli.json };
    let done = match &cli.command {
        Command::Demo(args) => demo::run(args, output),
        Command::Issue(args) => issue::run(args, output),
        Command::Validate(args) => validate::run(args, output),
        Command::Revoke(args) => revoke::one(args, output),
        Command::RevokeAll(args) => revoke::all(args, output),
        Command::RevokeEverything(args) => revoke::everything(args, output),
        Command::Expire(args) => expire::run(args, output),
        Command::Disable(args) => client::disable(args, output),
        Command::Enable(args) => client::enable(args, output),
        Command::Get(args) => list::get(args, output),
        Command::List(args) => list::run(args, output),
        Command::Purge(args) => purge::run(args, output),
        Command::Stats(args) => stats::run(args, output),
        Command::Verify(args) => verify::run(args, output),
        Command::Backup(args) => backup::backup(args, output),
        Command::Restore(args) => backup::restore(args, output),
        Command::Export(args) => transfer::export(args, output),
        Command::Import(args) => transfer::import(args, output),
        Command::Repair(args) => repair::run(args, output),
        Command::Compact(args) => compact::run(args, output),
        Command::Bench(args) => bench::run(args, output),
        Command::Explain(args) => explain::run(args),
        #[cfg(feature = "serve")]
        Command::Serve(args) => serve::run(args, output),
        #[cfg(feature = "jwt")]
        Command::Jwt(command) => return jwt::run(command, output),
    };
    match done {
        Ok(verdict) => verdict.into(),
        Err(failure) => failure.report(cli.json),
    }
}

/// Prints help, or what is wrong with the arguments, without repeating what may be a secret in the
/// wrong place.
fn usage(error: &clap::Error) -> ExitCode {
    /// Tokens are longer, and the names of our arguments are shorter.
    const SECRET_BYTES_MIN: usize = 20;
    if !error.use_stderr() {
        let _ = error.print();
        return ExitCode::SUCCESS;
    }
    let mut told = error.to_string();
    for argument in std::env::args().skip(1) {
        let value = argument
            .split_once('=')
            .map_or(&*argument, |(_, value)| value);
        if value.len() >= SECRET_BYTES_MIN {
            told = told.replace(value, "***");
        }
    }
    eprint!("{told}");
    ExitCode::from(2)
}

/// sled panics on some damage. The library catches that and says what is wrong; the panic's own
/// words would only confuse.
fn silence_what_is_caught() {
    let tell = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        let of_sled = panic
            .location()
            .is_some_and(|place| place.file().contains("sled-"));
        if !of_sled {
            tell(panic);
        }
    }));
}
