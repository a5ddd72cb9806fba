//! What the program says and how it ends: answers on standard output, one sentence for people on
//! standard error, and the exit code.

use std::fmt;
use std::io::{self, Write as _};
use std::process::ExitCode;
use std::time::{Duration, UNIX_EPOCH};

use serde::Serialize;

/// How a subcommand ended that did not fail.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Active, or done.
    Yes,
    /// Inactive.
    No,
}

impl Verdict {
    /// `Yes` if so.
    pub(crate) fn from_bool(yes: bool) -> Self {
        if yes { Self::Yes } else { Self::No }
    }
}

impl From<Verdict> for ExitCode {
    fn from(verdict: Verdict) -> Self {
        match verdict {
            Verdict::Yes => ExitCode::SUCCESS,
            Verdict::No => ExitCode::from(1),
        }
    }
}

/// Why a subcommand could not do what it was asked for. No secret stands in it.
pub(crate) enum Failure {
    /// The store said so.
    Store(hallpass::Error),
    /// There is no such token or client, or a safety catch is on.
    Refused {
        /// The stable code.
        code: &'static str,
        /// What was refused, and what to do.
        message: String,
    },
    /// A file, standard input or standard output failed.
    Io {
        /// What was under way.
        doing: String,
        /// The system's error.
        source: io::Error,
    },
    /// The store gave an answer that it must not give.
    WrongAnswer {
        /// Which.
        what: String,
    },
}

impl Failure {
    /// No token of this id or text. Neither is repeated: the text may be a secret.
    pub(crate) fn unknown_token() -> Self {
        Self::Refused {
            code: "token.unknown",
            message: "the store knows no such token: nothing was done; `list --client CLIENT` shows the ids it knows".to_owned(),
        }
    }

    /// No client of this name.
    pub(crate) fn unknown_client(client: &str) -> Self {
        Self::Refused {
            code: "client.unknown",
            message: format!(
                "the store knows no client {:?}: nothing was done; `list` shows the clients it knows",
                client
            ),
        }
    }

    /// For `map_err`: what was under way when the system failed.
    pub(crate) fn io(doing: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let doing = doing.into();
        move |source| Self::Io { doing, source }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::Store(error) => error.code(),
            Self::Refused { code, .. } => code,
            Self::Io { .. } => "program.io",
            Self::WrongAnswer { .. } => "program.wrong_answer",
        }
    }

    fn exit_code(&self) -> ExitCode {
        use hallpass::Error;
        let refused = match self {
            Self::Refused { .. } => true,
            Self::Store(error) => {
                matches!(
                    error,
                    Error::Limit { .. }
                        | Error::Invalid { .. }
                        | Error::WeakSecret { .. }
                        | Error::AlreadyExists
                        | Error::ClientDisabled
                        | Error::PathTaken { .. }
                        | Error::RevocationsMayBeLost { .. }
                ) || is_refused_key(error)
            }
            Self::Io { .. } | Self::WrongAnswer { .. } => false,
        };
        ExitCode::from(if refused { 1 } else { 2 })
    }

    /// Tells people, and with `--json` machines; yields the exit code.
    pub(crate) fn report(&self, json: bool) -> ExitCode {
        // Whoever read our output has heard enough, and an answer that was not delivered is none.
        if matches!(self, Self::Io { source, .. } if source.kind() == io::ErrorKind::BrokenPipe) {
            return self.exit_code();
        }
        let _ = writeln!(io::stderr(), "hallpass: {self}");
        if json {
            let told = serde_json::json!({
                "error": { "code": self.code(), "message": self.to_string() }
            });
            let _ = writeln!(io::stdout(), "{told}");
        }
        self.exit_code()
    }
}

/// A bad key, or none that signs, is the caller's to mend.
fn is_refused_key(error: &hallpass::Error) -> bool {
    error.code().starts_with("key.")
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Store(error) => error.fmt(f),
            Self::Refused { message, .. } => f.write_str(message),
            Self::Io { doing, source } => write!(f, "the system failed while {doing}: {source}"),
            Self::WrongAnswer { what } => write!(
                f,
                "the store gave a wrong answer ({what}): do not trust it, and report this"
            ),
        }
    }
}

impl From<hallpass::Error> for Failure {
    fn from(error: hallpass::Error) -> Self {
        Self::Store(error)
    }
}

/// Where answers go. Every write can fail, and an answer that was not written was not given.
#[derive(Clone, Copy)]
pub(crate) struct Output {
    /// Whether a machine reads it.
    pub(crate) json: bool,
}

impl Output {
    /// One line of text.
    pub(crate) fn line(self, line: impl fmt::Display) -> Result<(), Failure> {
        writeln!(io::stdout(), "{line}").map_err(Failure::io("writing the answer"))
    }

    /// One line of JSON.
    pub(crate) fn object(self, object: &impl Serialize) -> Result<(), Failure> {
        let text = serde_json::to_string(object)
            .map_err(|error| Failure::io("writing the answer")(error.into()))?;
        self.line(text)
    }

    /// JSON for machines, else what `people` makes.
    pub(crate) fn answer(
        self,
        object: &impl Serialize,
        people: impl FnOnce() -> String,
    ) -> Result<(), Failure> {
        if self.json {
            self.object(object)
        } else {
            self.line(people())
        }
    }
}

#[cfg(feature = "jwt")]
impl Output {
    /// Why something that was shown is inactive, and what its client would be told.
    pub(crate) fn inactive(self, why: hallpass::Inactive) -> Result<(), Failure> {
        let (code, message) = (why.code(), why.public_message());
        let told = serde_json::json!({ "active": false, "code": code, "message": message });
        self.answer(&told, || {
            let told = facts(&[
                ("why", code.to_owned()),
                ("clients see", message.to_owned()),
            ]);
            format!("inactive\n{told}")
        })
    }
}

/// Names and values, one a line, aligned; values that are empty are left out.
pub(crate) fn facts(facts: &[(&str, String)]) -> String {
    let lines: Vec<String> = facts
        .iter()
        .filter(|(_, value)| !value.is_empty())
        .map(|(name, value)| format!("{name:<11} {}", printable(value)))
        .collect();
    lines.join("\n")
}

/// Rows under their headings, in columns as wide as what stands in them.
pub(crate) fn table<const N: usize>(headings: [&str; N], rows: &[[String; N]]) -> String {
    let headings = headings.map(str::to_owned);
    let rows: Vec<[String; N]> = std::iter::once(&headings)
        .chain(rows)
        .map(|row| std::array::from_fn(|column| printable(&row[column])))
        .collect();
    let widths: [usize; N] = std::array::from_fn(|column| {
        let widths = rows.iter().map(|row| row[column].chars().count());
        widths.max().unwrap_or_default()
    });
    let lines: Vec<String> = rows
        .iter()
        .map(|row| {
            let cells: Vec<String> = row
                .iter()
                .zip(widths)
                .map(|(cell, width)| format!("{cell:<width$}"))
                .collect();
            cells.join("  ").trim_end().to_owned()
        })
        .collect();
    lines.join("\n")
}

/// Metadata is anybody's text: a control character in it must not reach a terminal.
fn printable(text: &str) -> String {
    text.chars()
        .flat_map(|c| {
            let escaped = c.is_control().then(|| c.escape_default());
            let plain = (!c.is_control()).then_some(c);
            escaped.into_iter().flatten().chain(plain)
        })
        .collect()
}

/// An instant for people: RFC 3339, UTC.
pub(crate) fn instant(unix_secs: u64) -> String {
    UNIX_EPOCH
        .checked_add(Duration::from_secs(unix_secs))
        .map_or_else(
            || unix_secs.to_string(),
            |at| humantime::format_rfc3339_seconds(at).to_string(),
        )
}

/// The instant from which on a token is refused.
pub(crate) fn expiry(unix_secs: Option<u64>) -> String {
    unix_secs.map_or_else(|| "never".to_owned(), instant)
}

/// A number with its thousands set apart.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped_by_thousands() {
        for (number, text) in [
            (0, "0"),
            (999, "999"),
            (1000, "1,000"),
            (1234567, "1,234,567"),
        ] {
            assert_eq!(grouped(number), text);
        }
    }

    #[test]
    fn a_table_is_aligned_and_shows_no_control_characters() {
        let rows = [["søster\u{1b}".to_owned(), "1".to_owned()]];
        assert_eq!(
            table(["A", "B"], &rows),
            "A             B\nsøster\\u{1b}  1"
        );
    }

    #[test]
    fn instants_are_rfc_3339_in_utc() {
        assert_eq!(instant(1_800_000_000), "2027-01-15T08:00:00Z");
        assert_eq!(expiry(None), "never");
    }
}
