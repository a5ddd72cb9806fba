//! The answer "no" as an HTTP response or a gRPC status, from one type, in legal grammar.

use std::borrow::Cow;
use std::fmt::{self, Write as _};

#[cfg(feature = "tower")]
use http::header::{self, HeaderName};
use http::header::{CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER, SET_COOKIE, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderValue, Response, StatusCode};

use super::body::FromText;
use super::fault::Fault;
use super::headers::Wire;
use super::manner::{Form, Manner};
use super::reason::Reason;
use crate::inactive::{ClientFault, Inactive};
use crate::public_answer::PublicAnswer;

/// A request that is not let through, and what its answer has to say.
///
/// Made of an [`Inactive`] by `?`. [`respond`](Self::respond) makes the response; with the feature
/// `axum` it is one.
#[derive(Clone, Debug)]
pub struct Refusal {
    reason: Reason,
    status: Option<u16>,
    retry_after_secs: Option<u32>,
    scope: Option<Cow<'static, str>>,
    detail: Option<Cow<'static, str>>,
    cookies: Vec<HeaderValue>,
    wire: Wire,
}

/// The fields that say something of a body, and nothing of another one.
#[cfg(feature = "tower")]
const OF_THE_BODY: &[HeaderName] = &[
    header::ACCEPT_RANGES,
    header::CONTENT_DISPOSITION,
    header::CONTENT_ENCODING,
    header::CONTENT_LANGUAGE,
    header::CONTENT_LENGTH,
    header::CONTENT_RANGE,
    header::CONTENT_TYPE,
    header::ETAG,
    header::LAST_MODIFIED,
    header::TRANSFER_ENCODING,
];

/// The other fields that a refusal writes.
#[cfg(feature = "tower")]
const OF_THE_REFUSAL: &[HeaderName] = &[CACHE_CONTROL, RETRY_AFTER, WWW_AUTHENTICATE];

/// Among a response's extensions: a handler's refusal, which the guard in front tells in its manner.
#[derive(Clone)]
#[cfg_attr(
    not(feature = "tower"),
    expect(dead_code, reason = "the layer reads it")
)]
pub(super) struct Unfinished(pub(super) Refusal);

/// Among a request's extensions: an optional guard let it pass as nobody.
#[cfg(feature = "tower")]
#[derive(Clone, Copy)]
pub(super) struct Anonymous;

impl Refusal {
    /// The refusal for this reason.
    #[must_use]
    pub fn new(reason: impl Into<Reason>) -> Self {
        Self {
            reason: reason.into(),
            status: None,
            retry_after_secs: None,
            scope: None,
            detail: None,
            cookies: Vec::new(),
            wire: Wire::Http,
        }
    }

    /// The token lacks `scope`: 403, and the challenge names it.
    #[must_use]
    pub fn needs_scope(scope: impl Into<Cow<'static, str>>) -> Self {
        let mut refusal = Self::new(Inactive::InsufficientScope);
        refusal.scope = Some(scope.into());
        refusal
    }

    /// Answers with this status in place of the reason's own, as
    /// [`Profile::http_status`](crate::credential::Profile::http_status) may have it.
    #[must_use]
    pub fn status(mut self, status: u16) -> Self {
        self.status = Some(status);
        self
    }

    /// After how many seconds the client may try again, in place of what the manner says; with 429
    /// and 503 only.
    #[must_use]
    pub fn retry_after_secs(mut self, secs: u32) -> Self {
        self.retry_after_secs = Some(secs);
        self
    }

    /// Says this in the body, in place of the reason's own sentence. Only for what the client may
    /// know: nothing of a credential, and nothing that it sent, which may be one. What a JSON string
    /// or an `error_description` (RFC 6749 section 5.2) can't hold is written as `?`.
    #[must_use]
    pub fn detail(mut self, detail: &str) -> Self {
        let plain = |c: char| match c {
            '"' | '`' => '\'',
            ' '..='~' if c != '\\' => c,
            _ => '?',
        };
        self.detail = Some(detail.chars().map(plain).collect());
        self
    }

    /// Also sends this `Set-Cookie`, to clear the cookie that did not log in.
    #[must_use]
    pub fn set_cookie(mut self, cookie: HeaderValue) -> Self {
        self.cookies.push(cookie);
        self
    }

    /// Why, for the log.
    #[must_use]
    pub fn reason(&self) -> Reason {
        self.reason
    }

    /// To be answered in this protocol.
    pub(super) fn on(mut self, wire: Wire) -> Self {
        self.wire = wire;
        self
    }

    /// The response, and an event of [`tracing`] with the reason. The reason is also among the
    /// response's extensions.
    #[must_use]
    pub fn respond<B: FromText>(&self, manner: &Manner) -> Response<B> {
        self.log();
        self.render(manner)
    }

    /// The response of a handler: told in the manner of the [`Guard`](super::Guard) that is the
    /// nearest layer around it, or in the default one if there is none.
    #[must_use]
    pub fn defer<B: FromText>(self) -> Response<B> {
        let mut response = self.respond(&Manner::new());
        response.extensions_mut().insert(Unfinished(self));
        response
    }

    pub(super) fn render<B: FromText>(&self, manner: &Manner) -> Response<B> {
        let public = self.reason.public();
        if self.wire != Wire::Http {
            return self.render_grpc(public);
        }
        let status = StatusCode::from_u16(self.status.unwrap_or(public.http_status))
            .unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = Response::new(B::from_text(self.body(public, status, manner.form)));
        *response.status_mut() = status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, content_type(manner.form));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        self.write_challenges(public, status, manner, headers);
        if matches!(status.as_u16(), 429 | 503) {
            let secs = self.retry_after_secs.unwrap_or(manner.retry_after_secs);
            headers.insert(RETRY_AFTER, HeaderValue::from(secs));
        }
        for cookie in &self.cookies {
            headers.append(SET_COOKIE, cookie.clone());
        }
        response.extensions_mut().insert(self.reason);
        response
    }

    /// Tells a handler's refusal anew: status, body and the fields that go with them. What layers on
    /// the way have added stays.
    #[cfg(feature = "tower")]
    pub(super) fn retell<B: FromText>(&self, manner: &Manner, response: &mut Response<B>) {
        let (mut parts, body) = self.render(manner).into_parts();
        *response.body_mut() = body;
        *response.status_mut() = parts.status;
        let headers = response.headers_mut();
        for name in OF_THE_BODY.iter().chain(OF_THE_REFUSAL) {
            headers.remove(name);
        }
        // Its cookies stand there already.
        parts.headers.remove(SET_COOKIE);
        headers.extend(parts.headers);
    }

    /// A gRPC response of trailers only: status and message stand among the header fields.
    fn render_grpc<B: FromText>(&self, public: PublicAnswer) -> Response<B> {
        let mut response = Response::new(B::from_text(String::new()));
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, self.wire.content_type());
        headers.insert("grpc-status", HeaderValue::from(public.grpc_code));
        // Plain ASCII without "%", so that there is nothing to percent-encode.
        headers.insert("grpc-message", HeaderValue::from_static(public.message));
        response.extensions_mut().insert(self.reason);
        response
    }

    /// One line a scheme: clients that split a line at its commas have been found to be wrong.
    fn write_challenges(
        &self,
        public: PublicAnswer,
        status: StatusCode,
        manner: &Manner,
        headers: &mut HeaderMap,
    ) {
        let mut challenge = public.challenge(&manner.realm);
        if let Some(scope) = &self.scope {
            challenge = challenge.scope(scope);
        }
        if let Some(url) = &manner.resource_metadata {
            challenge = challenge.resource_metadata(url);
        }
        let mut add = |line: String| {
            // Legal by construction: visible ASCII and spaces.
            if let Ok(value) = HeaderValue::try_from(line) {
                headers.append(WWW_AUTHENTICATE, value);
            }
        };
        if !challenge.is_empty() {
            add(challenge.to_string());
        }
        let basic = Inactive::ClientUnauthenticated(ClientFault::Unknown).challenge(&manner.realm);
        let challenged = public.oauth_error != Some("invalid_client") && !challenge.is_empty();
        if manner.basic && status == StatusCode::UNAUTHORIZED && challenged {
            add(basic.to_string());
        }
    }

    /// Every text in it is ours, or was made plain, and needs no escape.
    fn body(&self, public: PublicAnswer, status: StatusCode, form: Form) -> String {
        let mut body = String::with_capacity(128);
        let message = self.detail.as_deref().unwrap_or(public.message);
        let code = public.code;
        // Writing to a string does not fail.
        let _ = match form {
            Form::OAuth => {
                body.push('{');
                if let Some(error) = public.oauth_error {
                    let _ = write!(body, "\"error\":\"{error}\",");
                }
                write!(
                    body,
                    "\"error_description\":\"{message}\",\"code\":\"{code}\"}}"
                )
            }
            Form::Problem => {
                let title = status.canonical_reason().unwrap_or("Refused");
                let status = status.as_u16();
                write!(
                    body,
                    "{{\"type\":\"about:blank\",\"title\":\"{title}\",\"status\":{status},\
                     \"detail\":\"{message}\",\"code\":\"{code}\"}}"
                )
            }
            Form::Wispr | Form::WisprVerbatim => {
                let detail = match self.reason {
                    Reason::Inactive(why) if form == Form::WisprVerbatim => why.wispr_message(),
                    Reason::Inactive(why) => wispr_class(why),
                    _ => message,
                };
                write!(body, "{{\"detail\":\"{detail}\"}}")
            }
        };
        body
    }

    /// Tells the log what the client may not know. Nothing here comes from the request.
    pub(super) fn log(&self) {
        let (code, num) = (self.reason.code(), self.reason.num());
        if self.reason.public().http_status >= 500 {
            tracing::error!(target: "hallpass", code, num, "request refused: this server's fault");
        } else if self.reason.is_alarming() {
            tracing::warn!(target: "hallpass", code, num, "request refused");
        } else {
            tracing::debug!(target: "hallpass", code, num, "request refused");
        }
    }
}

impl From<Inactive> for Refusal {
    fn from(why: Inactive) -> Self {
        Self::new(why)
    }
}

impl From<Fault> for Refusal {
    fn from(fault: Fault) -> Self {
        Self::new(fault)
    }
}

impl From<Reason> for Refusal {
    fn from(reason: Reason) -> Self {
        Self::new(reason)
    }
}

/// Shows the reason's code.
impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.reason.fmt(f)
    }
}

impl std::error::Error for Refusal {}

fn content_type(form: Form) -> HeaderValue {
    HeaderValue::from_static(match form {
        Form::Problem => "application/problem+json",
        _ => "application/json",
    })
}

/// Wispr's words for the class of answers that `why` is of, one text a class.
fn wispr_class(why: Inactive) -> &'static str {
    match why.public() {
        public if public == Inactive::Format.public() => Inactive::Format.wispr_message(),
        _ => why.wispr_message(),
    }
}
