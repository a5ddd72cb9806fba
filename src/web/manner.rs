//! How refusals are told: realm, form of the body, where a client finds out more.

use std::sync::Arc;

/// The form of a refusal's body.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Form {
    /// `application/json` with the names of RFC 6749 section 5.2 and RFC 6750 section 3:
    /// `{"error":"invalid_token","error_description":"token expired","code":"token.expired"}`.
    /// There is no `error` where the request carried no credential.
    #[default]
    OAuth,
    /// `application/problem+json` (RFC 9457), with `code` beside its own members.
    Problem,
    /// Wispr Flow's and FastAPI's `{"detail":"Token has expired"}`, in its documented words, save
    /// that every token which is not proven to be one of ours gets the same words.
    Wispr,
    /// The same with every documented word, for clients that depend on them. **It tells an unknown
    /// token from a forged one and from another client's**, which helps whoever tries tokens.
    WisprVerbatim,
}

/// How a server tells its refusals.
///
/// ```
/// use hallpass::web::{Form, Manner};
///
/// let manner = Manner::new()
///     .realm("api")
///     .form(Form::Problem)
///     .resource_metadata("https://api.example.com/.well-known/oauth-protected-resource");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manner {
    pub(super) realm: Arc<str>,
    pub(crate) form: Form,
    pub(super) resource_metadata: Option<Arc<str>>,
    pub(super) basic: bool,
    pub(super) retry_after_secs: u32,
}

impl Manner {
    /// Realm `hallpass`, [`Form::OAuth`], a challenge for `Bearer` alone, one second to a retry.
    #[must_use]
    pub fn new() -> Self {
        Self {
            realm: "hallpass".into(),
            form: Form::default(),
            resource_metadata: None,
            basic: false,
            retry_after_secs: 1,
        }
    }

    /// The realm of challenges (RFC 9110 section 11.5). Any text; what a quoted-string can't hold
    /// is written as `?`.
    #[must_use]
    pub fn realm(mut self, realm: &str) -> Self {
        self.realm = realm.into();
        self
    }

    /// The form of the body.
    #[must_use]
    pub fn form(mut self, form: Form) -> Self {
        self.form = form;
        self
    }

    /// The URL of the protected resource's metadata, named in each challenge of `Bearer` (RFC 9728
    /// section 5.1).
    #[must_use]
    pub fn resource_metadata(mut self, url: &str) -> Self {
        self.resource_metadata = Some(url.into());
        self
    }

    /// Also challenges for `Basic`, on a line of its own. Browsers then ask for a password.
    #[must_use]
    pub fn challenge_basic(mut self) -> Self {
        self.basic = true;
        self
    }

    /// After how many seconds a client may try again when the store is closed or a quota is
    /// reached: `Retry-After` with 503 and 429.
    #[must_use]
    pub fn retry_after_secs(mut self, secs: u32) -> Self {
        self.retry_after_secs = secs;
        self
    }
}

impl Default for Manner {
    fn default() -> Self {
        Self::new()
    }
}
