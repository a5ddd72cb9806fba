//! How the program opens a store: the arguments that all subcommands share.

use std::path::{Path, PathBuf};

use hallpass::{DigestKey, Options, Store};

use crate::output::Failure;
use crate::progress;

/// Which store, and how it is opened.
#[derive(clap::Args)]
pub(crate) struct StoreArgs {
    /// The store's directory.
    #[arg(long, value_name = "DIR", default_value = "hallpass-store")]
    pub(crate) store: PathBuf,
    #[command(flatten)]
    pub(crate) how: OpenArgs,
}

/// How a store is opened.
#[derive(Default, clap::Args)]
pub(crate) struct OpenArgs {
    /// The digest key, where it is kept outside the store: a `digest.key` that was moved, 32 raw
    /// bytes, or 64 hexadecimal digits.
    #[arg(long, value_name = "FILE")]
    digest_key_file: Option<PathBuf>,
    /// Refuses a store that has fewer generations than this: one that was rolled back.
    #[arg(long, value_name = "N", default_value_t = 0)]
    least_generation: u64,
    /// Opens the store although the clock stands more than a day before a time it has seen.
    #[arg(long)]
    accept_clock_reset: bool,
    /// Opens the store although its files have changed since it was closed; they may then be mended.
    #[arg(long)]
    accept_changed_files: bool,
}

impl StoreArgs {
    /// Opens the store, which must be there.
    pub(crate) fn open(&self) -> Result<Store, Failure> {
        let options = progress::told_to(Options::new(), progress::When::Terminal);
        self.how.open(&self.store, options.create(false))
    }
}

impl OpenArgs {
    /// Opens the store at `path`.
    pub(crate) fn open(&self, path: &Path, options: Options) -> Result<Store, Failure> {
        Ok(self.options(options)?.open(path)?)
    }

    /// Options with what was asked for.
    pub(crate) fn options(&self, options: Options) -> Result<Options, Failure> {
        let options = options
            .least_generation(self.least_generation)
            .accept_clock_reset(self.accept_clock_reset)
            .accept_changed_files(self.accept_changed_files);
        match &self.digest_key_file {
            Some(file) => Ok(options.digest_key(DigestKey::read_file(file)?)),
            None => Ok(options),
        }
    }
}
