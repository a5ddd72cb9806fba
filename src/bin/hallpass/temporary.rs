//! A directory that is gone when the program is, however that ends.
//!
//! A second process of this program waits for the end of a pipe that only the first holds, and
//! then removes the directory: so it goes after an interrupt and after SIGKILL too.

use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// What the directories' names begin with; a number follows, and no other directory is removed.
const PREFIX: &str = "hallpass-bench-";

/// The directory, which does not exist until a store is made in it.
pub(crate) struct Temporary {
    path: PathBuf,
    sweeper: Option<Child>,
}

impl Temporary {
    /// A directory in `parent`, for this process alone.
    pub(crate) fn new(parent: &Path) -> io::Result<Self> {
        let name = format!("{PREFIX}{}", std::process::id());
        let path = parent.canonicalize()?.join(name);
        std::fs::create_dir(&path)?;
        let mut temporary = Self {
            path,
            sweeper: None,
        };
        let mut sweeper = Command::new(std::env::current_exe()?);
        sweeper
            .args(["bench", "--sweep"])
            .arg(&temporary.path)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        // Out of reach of an interrupt from the terminal.
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(&mut sweeper, 0);
        temporary.sweeper = Some(sweeper.spawn()?);
        Ok(temporary)
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Removes it now.
    pub(crate) fn remove(mut self) -> io::Result<()> {
        self.end_sweeper();
        if self.path.exists() {
            std::fs::remove_dir_all(&self.path)?;
        }
        Ok(())
    }

    fn end_sweeper(&mut self) {
        if let Some(mut sweeper) = self.sweeper.take() {
            drop(sweeper.stdin.take());
            let _ = sweeper.wait();
        }
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        self.end_sweeper();
        let _ = std::fs::remove_dir_all(&self.path);
    }
}

/// Waits until standard input ends, then removes the directory.
pub(crate) fn sweep(path: &Path) -> io::Result<()> {
    io::stdin().read_to_end(&mut Vec::new())?;
    let is_ours = path
        .file_name()
        .and_then(|name| name.to_str())
        .and_then(|name| name.strip_prefix(PREFIX))
        .is_some_and(|number| number.bytes().all(|byte| byte.is_ascii_digit()));
    if !is_ours || !path.exists() {
        return Ok(());
    }
    std::fs::remove_dir_all(path)
}
