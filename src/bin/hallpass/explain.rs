//! `hallpass explain`: one JSON line a request in, one JSON line of what was made of it out. Knows
//! no grammar: it hands the request to a profile, and what that finds to a store, and prints their
//! answers.

use std::io::{self, BufRead, Write};
use std::path::PathBuf;

use clap::ValueEnum;
use hallpass::credential::{
    Credential, Explanation, NotAName, Profile, Request, Scratch, Transport,
};
use hallpass::{Options, Store, TokenId};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::open::OpenArgs;
use crate::output::{Failure, Verdict};
use crate::secret_input::{Next, next_line};
use crate::{progress, time};

/// The longest line that is read: a header block of 1 MiB, escaped, and more. The rest of a longer
/// one is skipped, not stored.
const LINE_BYTES_MAX: usize = 8 * 1024 * 1024;

/// Arguments of `explain`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Whose reading of the requests to explain.
    #[arg(long, value_enum, default_value_t = Name::Strict)]
    profile: Name,
    /// Print tokens and secrets instead of `***`.
    #[arg(long)]
    show_secrets: bool,
    /// Also gives the verdict of the store in this directory.
    #[arg(long, value_name = "DIR")]
    store: Option<PathBuf>,
    #[command(flatten)]
    how: OpenArgs,
}

#[derive(Clone, Copy, ValueEnum)]
enum Name {
    /// The RFCs, with the cookies `flipt_client_token` and `sid`, the parameters `client_key` and
    /// `api_key`, and `Sec-WebSocket-Protocol`.
    #[value(alias = "rfc")]
    Strict,
    /// Flipt's client tokens.
    #[value(alias = "flipt_token", alias = "flipt-token")]
    Flipt,
    /// Flipt's JWT method.
    #[value(name = "flipt_jwt", alias = "flipt-jwt")]
    FliptJwt,
    /// Frontier.
    Frontier,
    /// Frappe.
    Frappe,
    /// Wispr Flow; an `endpoint` in a request tells its clients' endpoints from the others.
    Wispr,
}

/// A request; fields that are not named here are passed over. One character is one octet.
#[derive(Deserialize)]
struct Line {
    #[serde(default)]
    id: Value,
    headers: Option<Vec<(String, String)>>,
    query: Option<String>,
    transport: Option<Carrier>,
    endpoint: Option<String>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Carrier {
    #[serde(alias = "http", alias = "http2")]
    Http1,
    Grpc,
    WebSocket,
}

#[derive(Serialize)]
struct Answer<'a> {
    id: &'a Value,
    outcome: &'static str,
    scheme: Option<&'a str>,
    source: Option<&'a str>,
    token: Option<&'a str>,
    client_id: Option<&'a str>,
    secret: Option<&'a str>,
    code: Option<&'static str>,
    http_status: Option<u16>,
    #[serde(flatten)]
    judged: Option<Judged>,
}

/// What the store makes of the credential.
#[derive(Serialize)]
struct Judged {
    /// `active`, or the code of the refusal.
    verdict: &'static str,
    /// The token that was shown, active or not, if the store knows it.
    token_id: Option<TokenId>,
    /// The client it was issued to.
    client: Option<String>,
}

/// What stands in for an answer when a line is no request.
#[derive(Serialize)]
struct Refused<'a> {
    line: u64,
    error: &'a str,
}

/// Answers every line of standard input; whether all of them were requests.
pub(crate) fn run(args: &Args) -> Result<Verdict, Failure> {
    let store = args.store.as_deref().map(|path| {
        let options = progress::told_to(Options::new(), progress::When::Terminal);
        args.how.open(path, options.create(false))
    });
    let store = store.transpose()?;
    let all_read = explain(
        args,
        store.as_ref(),
        io::stdin().lock(),
        io::stdout().lock(),
    )
    .map_err(Failure::io("explaining requests"))?;
    store.map_or(Ok(()), Store::close)?;
    Ok(Verdict::from_bool(all_read))
}

fn explain(
    args: &Args,
    store: Option<&Store>,
    mut input: impl BufRead,
    mut output: impl Write,
) -> io::Result<bool> {
    let explainer = Explainer {
        profiles: Profiles::of(args.profile).map_err(io::Error::other)?,
        store,
        show_secrets: args.show_secrets,
    };
    let mut scratch = Scratch::new();
    let mut line = Vec::new();
    let mut all_read = true;
    for number in 1.. {
        let told = match next_line(&mut input, &mut line, LINE_BYTES_MAX)? {
            Next::End => break,
            Next::Line if line.trim_ascii().is_empty() => continue,
            Next::Line => explainer.answer(&line, &mut scratch),
            Next::TooLong => Err(format!("longer than {LINE_BYTES_MAX} bytes")),
        };
        let told = told.or_else(|error| {
            all_read = false;
            let refused = Refused {
                line: number,
                error: &error,
            };
            serde_json::to_string(&refused)
        })?;
        writeln!(output, "{told}")?;
        // Whoever sends one request at a time waits for its answer.
        output.flush()?;
    }
    Ok(all_read)
}

struct Explainer<'a> {
    profiles: Profiles,
    store: Option<&'a Store>,
    show_secrets: bool,
}

impl Explainer<'_> {
    /// The answer to one line, or what is wrong with it. The error never quotes the line: it may hold
    /// secrets.
    fn answer(&self, line: &[u8], scratch: &mut Scratch) -> Result<String, String> {
        let line: Line = serde_json::from_slice(line).map_err(|error| {
            let what = match error.classify() {
                serde_json::error::Category::Data => "not a request",
                _ => "not JSON",
            };
            format!("{what}, at column {}", error.column())
        })?;
        let mut headers = Vec::new();
        for (name, value) in line.headers.as_deref().unwrap_or_default() {
            headers.push((octets(name)?, octets(value)?));
        }
        let query = line.query.as_deref().map(octets).transpose()?;
        let mut request = Request::new(&headers)
            .transport(match line.transport {
                None | Some(Carrier::Http1) => Transport::Http,
                Some(Carrier::Grpc) => Transport::Grpc,
                Some(Carrier::WebSocket) => Transport::WebSocket,
            })
            .at(time::now_secs());
        if let Some(query) = &query {
            request = request.query(query);
        }
        let profile = self
            .profiles
            .at(line.endpoint.as_deref().unwrap_or_default());
        let told = profile.explain(&request, scratch);
        let judged = self.store.map(|store| judge(store, &told)).transpose();
        let judged = judged.map_err(|error| error.to_string())?;
        print(&line.id, &told, judged, self.show_secrets).map_err(|_| "not printable".to_owned())
    }
}

fn judge(store: &Store, told: &Explanation<'_>) -> Result<Judged, hallpass::Error> {
    let Some(credential) = told.credential() else {
        return Ok(Judged {
            verdict: told.inactive().map_or("", |why| why.code()),
            token_id: None,
            client: None,
        });
    };
    let validator = store.validator();
    let verdict = validator.validate_credential(credential);
    let known = match credential {
        Credential::Token { text, .. } => store.id_of_text(text),
        Credential::Pair { id, secret, .. } => store.id_of_pair(id, secret),
        _ => None,
    };
    let token = known.map(|id| store.get(id)).transpose()?.flatten();
    Ok(Judged {
        verdict: verdict.map_or_else(|why| why.code(), |_| "active"),
        token_id: known,
        client: token.map(|token| token.client_id),
    })
}

fn print(
    id: &Value,
    told: &Explanation<'_>,
    judged: Option<Judged>,
    show_secrets: bool,
) -> serde_json::Result<String> {
    let (scheme, token) = (told.scheme(), told.token());
    serde_json::to_string(&Answer {
        id,
        outcome: told.outcome().name(),
        scheme: scheme.as_deref(),
        source: told.source(),
        token: redacted(token.as_deref(), show_secrets),
        client_id: told.client_id(),
        secret: redacted(told.secret(), show_secrets),
        code: told.inactive().map(|no| no.code()),
        http_status: told.http_status(),
        judged,
    })
}

fn redacted(text: Option<&str>, show_secrets: bool) -> Option<&str> {
    text.map(|text| if show_secrets { text } else { "***" })
}

fn octets(text: &str) -> Result<Vec<u8>, String> {
    text.chars()
        .map(|c| u8::try_from(u32::from(c)).map_err(|_| "a character above U+00FF".to_owned()))
        .collect()
}

/// The profile that was asked for, and the one for Wispr Flow's clients, which its endpoints tell
/// apart.
struct Profiles {
    chosen: Profile,
    for_clients: Option<Profile>,
}

impl Profiles {
    fn of(name: Name) -> Result<Self, NotAName> {
        let chosen = match name {
            Name::Strict => Profile::strict()
                .cookie("flipt_client_token")?
                .cookie("sid")?
                .query("client_key")?
                .query("api_key")?
                .subprotocol(true),
            Name::Flipt => Profile::flipt(),
            Name::FliptJwt => Profile::flipt_jwt(),
            Name::Frontier => Profile::frontier(),
            Name::Frappe => Profile::frappe(),
            Name::Wispr => Profile::wispr(),
        };
        let for_clients = matches!(name, Name::Wispr).then(Profile::wispr_client);
        Ok(Self {
            chosen,
            for_clients,
        })
    }

    fn at(&self, endpoint: &str) -> &Profile {
        match &self.for_clients {
            Some(profile) if endpoint.starts_with("/client") => profile,
            _ => &self.chosen,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(input: &[u8], show_secrets: bool) -> (bool, String) {
        let args = Args {
            profile: Name::Strict,
            show_secrets,
            store: None,
            how: OpenArgs::default(),
        };
        let mut output = Vec::new();
        let all_read = explain(&args, None, input, &mut output).unwrap();
        (all_read, String::from_utf8(output).unwrap())
    }

    #[test]
    fn a_request_is_answered_on_one_line() {
        let line = br#"{"id":7,"headers":[["Authorization","Basic dXNlcjpwYXNz"]],"extra":[]}"#;
        let want = r#"{"id":7,"outcome":"credential","scheme":"Basic","source":"authorization","token":null,"client_id":"user","secret":"pass","code":null,"http_status":null}"#;
        assert_eq!(told(line, true), (true, format!("{want}\n")));
    }

    #[test]
    fn output_does_not_leak_secrets_unless_told_to() {
        let lines = br#"{"headers":[["Authorization","Basic dXNlcjpwYXNz"]]}
{"headers":[["Authorization","Bearer hunter2"]]}
{"headers":[["Authorization","hunter2"]]}
{"headers":"hunter2"}
hunter2"#;
        let (_, output) = told(lines, false);
        assert_eq!(output.lines().count(), 5);
        assert!(
            !output.contains("hunter2") && !output.contains("pass"),
            "{output}"
        );
    }

    #[test]
    fn junk_is_told_by_its_line_and_the_rest_goes_on() {
        let (all_read, output) = told(
            b"{\"id\":1}\n\njunk\n{\"headers\":[[\"a\"]]}\n{\"id\":2}\n",
            false,
        );
        assert!(!all_read);
        let lines: Vec<&str> = output.lines().collect();
        assert!(
            lines[0].contains(r#""id":1,"outcome":"missing""#),
            "{output}"
        );
        assert!(
            lines[1].starts_with(r#"{"line":3,"error":"not JSON"#),
            "{output}"
        );
        assert!(
            lines[2].starts_with(r#"{"line":4,"error":"not a request"#),
            "{output}"
        );
        assert!(lines[3].contains(r#""id":2"#), "{output}");
    }

    #[test]
    fn a_line_that_is_too_long_is_skipped() {
        let mut input = vec![b' '; LINE_BYTES_MAX + 5];
        input.extend(b"\n{\"id\":3}\n");
        let (all_read, output) = told(&input, false);
        assert!(!all_read && output.starts_with(r#"{"line":1,"error":"longer"#));
        assert!(output.contains(r#""id":3"#));
    }

    #[test]
    fn what_is_no_octet_is_refused() {
        let (_, output) = told("{\"headers\":[[\"a\",\"\u{100}\"]]}".as_bytes(), false);
        assert!(output.contains("U+00FF"), "{output}");
    }
}
