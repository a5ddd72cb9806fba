//! A request's body, read up to a bound and strictly: one JSON object or one form, no name twice. It
//! knows no endpoint.

use std::collections::BTreeMap;
use std::time::Duration;

use axum::body::HttpBody as _;
use axum::extract::Request;
use http::HeaderMap;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use serde_json::{Map, Value};

use crate::json::{self, NotAnObject};
use crate::web::{Fault, Refusal};

/// Says what is wrong with the request; `what` quotes nothing of it.
pub(super) fn malformed(what: &str) -> Refusal {
    Refusal::new(Fault::Malformed).detail(what)
}

/// The members of a body, taken out one by one.
pub(super) struct Fields(Map<String, Value>);

/// Reads a body of `application/json`: one object, no name twice, at most 16 levels deep.
pub(super) async fn json(request: Request, bytes_max: usize) -> Result<Fields, Refusal> {
    expect_type(request.headers(), "application/json")?;
    from_json(&read(request, bytes_max).await?)
}

/// The same, where no body at all stands for an empty object.
pub(super) async fn json_or_nothing(request: Request, bytes_max: usize) -> Result<Fields, Refusal> {
    let typed = request.headers().contains_key(CONTENT_TYPE);
    if typed {
        return json(request, bytes_max).await;
    }
    match read(request, bytes_max).await?.as_slice() {
        [] => Ok(Fields(Map::new())),
        _ => Err(wrong_type("application/json")),
    }
}

/// Reads a body of `application/x-www-form-urlencoded`, as OAuth has it (RFC 6749 appendix B): a
/// parameter without a value counts as left out, one that stands twice is refused (section 3.2).
pub(super) async fn form(request: Request, bytes_max: usize) -> Result<Fields, Refusal> {
    expect_type(request.headers(), "application/x-www-form-urlencoded")?;
    let body = read(request, bytes_max).await?;
    pairs(&body).map(Fields)
}

/// Reads a query as if it were a form.
pub(super) fn query(query: &str) -> Result<Fields, Refusal> {
    pairs(query.as_bytes()).map(Fields)
}

async fn read(request: Request, bytes_max: usize) -> Result<Vec<u8>, Refusal> {
    let too_large = || {
        let told = format!("the body has more than {bytes_max} bytes: nothing was done");
        Refusal::new(Fault::TooLarge).detail(&told)
    };
    let body = Limited::new(request.into_body(), bytes_max);
    if body.size_hint().lower() > bytes_max as u64 {
        return Err(too_large());
    }
    match body.collect().await {
        Ok(collected) => Ok(collected.to_bytes().into()),
        Err(error) if error.is::<LengthLimitError>() => Err(too_large()),
        Err(_) => Err(malformed("the body broke off: nothing was done")),
    }
}

fn from_json(body: &[u8]) -> Result<Fields, Refusal> {
    json::read(body).map(Fields).map_err(|why| {
        malformed(match why {
            NotAnObject::Cut => "the body ends before its JSON does",
            NotAnObject::Syntax => "the body is not one JSON value in UTF-8",
            NotAnObject::Strictness => {
                "the body has a name twice, is nested too deep, or has a number out of range"
            }
            NotAnObject::Other => "the body is not a JSON object",
        })
    })
}

fn wrong_type(wanted: &str) -> Refusal {
    let told = format!("the body must be {wanted} in UTF-8, not encoded: nothing was done");
    Refusal::new(Fault::ContentType).detail(&told)
}

/// One `Content-Type`, this one, in UTF-8 if it says so; no `Content-Encoding`.
fn expect_type(headers: &HeaderMap, wanted: &str) -> Result<(), Refusal> {
    let mut types = headers.get_all(CONTENT_TYPE).iter();
    let (Some(given), None) = (types.next(), types.next()) else {
        return Err(wrong_type(wanted));
    };
    let given = given.to_str().unwrap_or_default();
    let (essence, parameters) = given.split_once(';').unwrap_or((given, ""));
    let charset = parameters.trim().to_ascii_lowercase();
    let is_utf8 = matches!(&*charset, "" | "charset=utf-8" | "charset=\"utf-8\"");
    let is_ours = essence.trim().eq_ignore_ascii_case(wanted);
    match is_ours && is_utf8 && !headers.contains_key(CONTENT_ENCODING) {
        true => Ok(()),
        false => Err(wrong_type(wanted)),
    }
}

fn pairs(body: &[u8]) -> Result<Map<String, Value>, Refusal> {
    let mut members = Map::new();
    for pair in body.split(|&b| b == b'&').filter(|pair| !pair.is_empty()) {
        let mut halves = pair.splitn(2, |&b| b == b'=');
        let (name, value) = (halves.next(), halves.next().unwrap_or_default());
        let name = decode(name.unwrap_or_default()).ok_or_else(bad_escape)?;
        let value = decode(value).ok_or_else(bad_escape)?;
        if members.insert(name, Value::String(value)).is_some() {
            return Err(malformed("a parameter stands twice"));
        }
    }
    members.retain(|_, value| value != "");
    Ok(members)
}

fn bad_escape() -> Refusal {
    malformed("the form is not percent-encoded UTF-8")
}

/// Decodes a name or value of a form: `+` is a space, `%` and two hexadecimal digits an octet.
pub(super) fn decode(encoded: &[u8]) -> Option<String> {
    let mut bytes = Vec::with_capacity(encoded.len());
    let mut rest = encoded;
    while let [first, more @ ..] = rest {
        rest = more;
        match (first, more) {
            (b'+', _) => bytes.push(b' '),
            (b'%', [high, low, more @ ..]) => {
                let digit = |b: u8| char::from(b).to_digit(16);
                bytes.push(u8::try_from(digit(*high)? * 16 + digit(*low)?).ok()?);
                rest = more;
            }
            (b'%', _) => return None,
            (plain, _) => bytes.push(*plain),
        }
    }
    String::from_utf8(bytes).ok()
}

impl Fields {
    /// A text, if the member is there.
    pub(super) fn text(&mut self, name: &str) -> Result<Option<String>, Refusal> {
        match self.0.remove(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(malformed(&format!("{name} must be a text"))),
        }
    }

    /// A text that must be there.
    pub(super) fn required_text(&mut self, name: &str) -> Result<String, Refusal> {
        self.text(name)?
            .ok_or_else(|| malformed(&format!("{name} is missing")))
    }

    /// A lifetime in whole seconds, at least one, that must be there.
    pub(super) fn required_lifetime(&mut self, name: &str) -> Result<Duration, Refusal> {
        match self.0.remove(name) {
            None => Err(malformed(&format!("{name} is missing"))),
            Some(value) => match value.as_u64() {
                Some(secs @ 1..) => Ok(Duration::from_secs(secs)),
                _ => Err(malformed(&format!(
                    "{name} must be a whole number of seconds, at least 1"
                ))),
            },
        }
    }

    /// A dictionary of texts; empty if the member is not there.
    pub(super) fn dictionary(&mut self, name: &str) -> Result<BTreeMap<String, String>, Refusal> {
        let wrong = || malformed(&format!("{name} must be an object whose values are texts"));
        let members = match self.0.remove(name) {
            None => return Ok(BTreeMap::new()),
            Some(Value::Object(members)) => members,
            Some(_) => return Err(wrong()),
        };
        let entry = |(key, value)| match value {
            Value::String(value) => Ok((key, value)),
            _ => Err(wrong()),
        };
        members.into_iter().map(entry).collect()
    }

    /// An object's members; none if the member is not there.
    pub(super) fn object(&mut self, name: &str) -> Result<Fields, Refusal> {
        match self.0.remove(name) {
            None => Ok(Fields(Map::new())),
            Some(Value::Object(members)) => Ok(Fields(members)),
            Some(_) => Err(malformed(&format!("{name} must be an object"))),
        }
    }

    /// Refuses whatever has not been taken out; `takes` names what this endpoint knows.
    pub(super) fn end(self, takes: &str) -> Result<(), Refusal> {
        match self.0.is_empty() {
            true => Ok(()),
            false => Err(malformed(&format!(
                "the body has a member that is not known here; it takes {takes}"
            ))),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_a_peer_writes_is_read(text: String) {
            let written: String = form_urlencoded::byte_serialize(text.as_bytes()).collect();
            prop_assert_eq!(decode(written.as_bytes()), Some(text));
        }

        /// The peer mends what it can't read; we refuse that, and read the rest as it does.
        #[test]
        fn what_is_read_a_peer_reads_alike(
            body in prop::collection::vec(prop::sample::select(&b"ab12fF%=&+;\xc3\xa9\0"[..]), 0..40),
        ) {
            if let Ok(members) = pairs(&body) {
                let theirs: Map<String, Value> = form_urlencoded::parse(&body)
                    .filter(|(_, value)| !value.is_empty())
                    .map(|(name, value)| (name.into_owned(), value.into_owned().into()))
                    .collect();
                prop_assert_eq!(members, theirs);
            }
        }

        #[test]
        fn nothing_that_is_sent_panics(body in prop::collection::vec(any::<u8>(), 0..60)) {
            let _ = pairs(&body);
            let _ = from_json(&body);
        }
    }

    #[test]
    fn a_form_is_decoded_once_and_strictly() {
        assert_eq!(decode(b"a+b%2B%C3%A9").as_deref(), Some("a b+\u{e9}"));
        assert_eq!(decode(b"%2541").as_deref(), Some("%41"));
        for bad in [&b"%"[..], b"%4", b"%zz", b"%+1", b"%ff", b"\xff"] {
            assert_eq!(decode(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn a_parameter_without_a_value_is_left_out_and_a_second_one_refused() {
        let read = |form: &str| pairs(form.as_bytes()).ok();
        let members = read("a=1&b=&c&&d=%3D").unwrap();
        assert_eq!(members.len(), 2);
        assert_eq!(members["d"], "=");
        for twice in ["a=1&a=1", "a=&a=1", "a=1&%61=2"] {
            assert!(read(twice).is_none(), "{twice}");
        }
    }

    #[test]
    fn one_type_in_utf_8_is_read() {
        let read = |types: &[&'static str]| {
            let mut headers = HeaderMap::new();
            for given in types {
                headers.append(CONTENT_TYPE, http::HeaderValue::from_static(given));
            }
            expect_type(&headers, "application/json").is_ok()
        };
        for good in [
            "application/json",
            "Application/JSON ; charset=UTF-8",
            "application/json;charset=\"utf-8\"",
        ] {
            assert!(read(&[good]), "{good}");
        }
        for bad in [
            &[][..],
            &["text/json"],
            &["application/json; charset=latin-1"],
            &["application/json", "application/json"],
            &["application/jsonx"],
        ] {
            assert!(!read(bad), "{bad:?}");
        }
    }
}
