//! Where the program gets a secret from: an argument, standard input, or a file. It is wiped after
//! use and never printed.

use std::fs::File;
use std::io::{self, BufRead, Read};
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use crate::output::Failure;

/// The most that is read for one secret: more than any the store would look at.
const SECRET_BYTES_MAX: usize = 16 * 1024;

/// A token, or the id of one where a subcommand takes that too.
#[derive(clap::Args)]
#[group(required = true, multiple = false)]
pub(crate) struct TokenArgs {
    /// The text, or `-` to read it from standard input. Other users of this machine can see
    /// arguments: give secrets by standard input or by a file.
    #[arg(value_name = "TOKEN")]
    token: Option<String>,
    /// A file that holds the text; a line end after it is passed over.
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
}

impl TokenArgs {
    /// The bytes of the text.
    pub(crate) fn read(&self) -> Result<Zeroizing<Vec<u8>>, Failure> {
        read(self.token.as_deref(), self.token_file.as_deref())
    }
}

/// The bytes of an argument, or of a file.
pub(crate) fn read(
    token: Option<&str>,
    file: Option<&Path>,
) -> Result<Zeroizing<Vec<u8>>, Failure> {
    match (file, token) {
        (Some(path), _) => from_file(path),
        (None, Some("-") | None) => from_stdin(),
        (None, Some(text)) => Ok(Zeroizing::new(text.as_bytes().to_vec())),
    }
}

/// The secret in a file, or on standard input if the path is `-`.
pub(crate) fn from_file(path: &Path) -> Result<Zeroizing<Vec<u8>>, Failure> {
    if path == Path::new("-") {
        return from_stdin();
    }
    let doing = || format!("reading {}", path.display());
    let file = File::open(path).map_err(Failure::io(doing()))?;
    one(file).map_err(Failure::io(doing()))
}

fn from_stdin() -> Result<Zeroizing<Vec<u8>>, Failure> {
    one(io::stdin().lock()).map_err(Failure::io("reading standard input"))
}

/// All there is, without one line end after it. What is longer than any secret is cut: it is
/// refused for its length just the same.
fn one(input: impl Read) -> io::Result<Zeroizing<Vec<u8>>> {
    let mut text = Zeroizing::new(Vec::with_capacity(SECRET_BYTES_MAX));
    input.take(SECRET_BYTES_MAX as u64).read_to_end(&mut text)?;
    trim_line_end(&mut text);
    Ok(text)
}

fn trim_line_end(text: &mut Vec<u8>) {
    if text.ends_with(b"\n") {
        text.pop();
        if text.ends_with(b"\r") {
            text.pop();
        }
    }
}

/// What came of reading a line.
pub(crate) enum Next {
    /// It is in the buffer, its end included.
    Line,
    /// It was longer than allowed, and was skipped.
    TooLong,
    /// There is none.
    End,
}

/// Reads the next line into `line`, or past it if it has more than `bytes_max` bytes.
pub(crate) fn next_line(
    input: &mut impl BufRead,
    line: &mut Vec<u8>,
    bytes_max: usize,
) -> io::Result<Next> {
    line.clear();
    let limit = bytes_max as u64 + 1;
    input.by_ref().take(limit).read_until(b'\n', line)?;
    if line.is_empty() {
        return Ok(Next::End);
    }
    if line.len() <= bytes_max || line.ends_with(b"\n") {
        return Ok(Next::Line);
    }
    line.clear();
    input.skip_until(b'\n')?;
    Ok(Next::TooLong)
}

/// Reads the next line's secret into `line`; one that is too long becomes one that is refused.
pub(crate) fn next_secret(input: &mut impl BufRead, line: &mut Vec<u8>) -> Result<bool, Failure> {
    let next = next_line(input, line, SECRET_BYTES_MAX);
    match next.map_err(Failure::io("reading standard input"))? {
        Next::End => return Ok(false),
        Next::TooLong => line.resize(SECRET_BYTES_MAX, b'-'),
        Next::Line => trim_line_end(line),
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_end_is_passed_over_and_no_more() {
        for (input, want) in [
            ("a", "a"),
            ("a\n", "a"),
            ("a\r\n", "a"),
            ("a\n\n", "a\n"),
            (" a ", " a "),
            ("", ""),
        ] {
            assert_eq!(
                *one(input.as_bytes()).unwrap(),
                want.as_bytes(),
                "{input:?}"
            );
        }
    }

    #[test]
    fn a_line_that_is_too_long_is_one_that_is_refused() {
        let mut input = vec![b'x'; SECRET_BYTES_MAX + 10];
        input.extend(b"\nnext\n");
        let (mut input, mut line) = (&input[..], Vec::new());
        assert!(next_secret(&mut input, &mut line).ok().unwrap());
        assert_eq!(line.len(), SECRET_BYTES_MAX);
        assert!(next_secret(&mut input, &mut line).ok().unwrap());
        assert_eq!(line, b"next");
        assert!(!next_secret(&mut input, &mut line).ok().unwrap());
    }
}
