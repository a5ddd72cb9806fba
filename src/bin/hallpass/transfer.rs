//! `hallpass export` and `hallpass import`: a store as JSON Lines.

use std::fs::File;
use std::io::{self, BufReader, BufWriter, Write as _};
use std::path::PathBuf;

use hallpass::{Digests, Options, Store};

use crate::backup::tell;
use crate::lost::{LostArgs, explained};
use crate::open::StoreArgs;
use crate::output::{Failure, Output, Verdict, grouped};
use crate::progress;

/// Arguments of `export`.
#[derive(clap::Args)]
pub(crate) struct ExportArgs {
    #[command(flatten)]
    store: StoreArgs,
    /// Adds the digests of tokens, without which an export cannot be imported. They are worth
    /// nothing without the digest key, which is in no export.
    #[arg(long)]
    digests: bool,
    /// The file to be made; without it, standard output.
    file: Option<PathBuf>,
}

/// Arguments of `import`.
#[derive(clap::Args)]
pub(crate) struct ImportArgs {
    #[command(flatten)]
    store: StoreArgs,
    #[command(flatten)]
    lost: LostArgs,
    /// The export; `-` reads standard input.
    file: PathBuf,
}

/// Exports.
pub(crate) fn export(args: &ExportArgs, output: Output) -> Result<Verdict, Failure> {
    let when = match args.file {
        Some(_) => progress::When::Terminal,
        None => progress::When::AloneOnTerminal,
    };
    let options = progress::told_to(Options::new(), when).create(false);
    let store = args.store.how.open(&args.store.store, options)?;
    let digests = if args.digests {
        Digests::With
    } else {
        Digests::Without
    };
    let Some(path) = &args.file else {
        store.export(BufWriter::new(io::stdout().lock()), digests)?;
        store.close()?;
        return Ok(Verdict::Yes);
    };
    let exported = to_file(&store, path, digests)?;
    store.close()?;
    output.answer(&exported, || {
        format!(
            "exported {} tokens of {} clients, generation {}",
            grouped(exported.tokens),
            grouped(exported.clients),
            exported.generation
        )
    })?;
    Ok(Verdict::Yes)
}

/// Writes a file that is removed again if it does not become whole.
fn to_file(store: &Store, path: &PathBuf, digests: Digests) -> Result<hallpass::Exported, Failure> {
    let mut options = File::options();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let file = match options.open(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            return Err(hallpass::Error::PathTaken { path: path.clone() }.into());
        }
        file => file.map_err(Failure::io("making the file"))?,
    };
    let mut file = BufWriter::new(file);
    let exported = store
        .export(&mut file, digests)
        .map_err(Failure::from)
        .and_then(|exported| {
            file.flush()
                .and_then(|()| file.get_ref().sync_all())
                .map_err(Failure::io("writing the file"))?;
            Ok(exported)
        });
    if exported.is_err() {
        let _ = std::fs::remove_file(path);
    }
    exported
}

/// Imports.
pub(crate) fn import(args: &ImportArgs, output: Output) -> Result<Verdict, Failure> {
    let options = progress::told_to(Options::new(), progress::When::Terminal);
    let options = args.store.how.options(options)?;
    let (to, lost) = (&args.store.store, args.lost.word());
    let made = if args.file.as_os_str() == "-" {
        Store::import(io::stdin().lock(), to, options, lost)
    } else {
        let file = File::open(&args.file).map_err(Failure::io("opening the export"))?;
        Store::import(BufReader::new(file), to, options, lost)
    };
    let made = made.map_err(explained)?;
    if output.json {
        output.object(&made)?;
        return Ok(Verdict::Yes);
    }
    tell("imported", &made.store, output)?;
    if made.keys_retired > 0 {
        output.line(format!(
            "{} HMAC keys are retired and what they signed is revoked, for no export holds them",
            made.keys_retired
        ))?;
    }
    Ok(Verdict::Yes)
}
