//! `hallpass backup` and `hallpass restore`.

use std::path::{Path, PathBuf};

use hallpass::{Options, Restored, Store};

use crate::lost::{LostArgs, explained};
use crate::open::StoreArgs;
use crate::output::{Failure, Output, Verdict, grouped};
use crate::progress;

/// Arguments of `backup`.
#[derive(clap::Args)]
pub(crate) struct BackupArgs {
    #[command(flatten)]
    store: StoreArgs,
    /// The file to be made.
    file: PathBuf,
}

/// Arguments of `restore`.
#[derive(clap::Args)]
pub(crate) struct RestoreArgs {
    #[command(flatten)]
    store: StoreArgs,
    #[command(flatten)]
    lost: LostArgs,
    /// The backup.
    file: PathBuf,
}

/// Writes a backup.
pub(crate) fn backup(args: &BackupArgs, output: Output) -> Result<Verdict, Failure> {
    let store = args.store.open()?;
    let made = store.backup(&args.file)?;
    store.close()?;
    output.answer(&made, || {
        format!(
            "backed up {} tokens of {} clients, generation {}, {} bytes\n{}",
            grouped(made.tokens),
            grouped(made.clients),
            made.generation,
            grouped(made.bytes),
            key_hint(&args.store.store),
        )
    })?;
    Ok(Verdict::Yes)
}

/// Makes a store from a backup.
pub(crate) fn restore(args: &RestoreArgs, output: Output) -> Result<Verdict, Failure> {
    let options = progress::told_to(Options::new(), progress::When::Terminal);
    let options = args.store.how.options(options)?;
    let restored = Store::restore(&args.file, &args.store.store, options, args.lost.word())
        .map_err(explained)?;
    tell("restored", &restored, output)?;
    Ok(Verdict::Yes)
}

/// What a new store holds.
pub(crate) fn tell(done: &str, made: &Restored, output: Output) -> Result<(), Failure> {
    output.answer(made, || {
        let all = if made.revoked_all {
            "; all of them are revoked, and all keys retired"
        } else {
            ""
        };
        format!(
            "{done} {} tokens of {} clients, generation {}{all}",
            grouped(made.tokens),
            grouped(made.clients),
            made.generation,
        )
    })
}

/// Where the key is that no backup holds.
pub(crate) fn key_hint(store: &Path) -> String {
    let key = store.join("digest.key");
    if key.exists() {
        format!(
            "the digest key is not in it, and without that it is useless: keep a copy of {} somewhere else",
            key.display()
        )
    } else {
        "the digest key is not in it, and without that it is useless: keep that somewhere else"
            .to_owned()
    }
}
