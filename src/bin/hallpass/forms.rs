//! The ways in which clients show a credential, as text of real requests, each with the profile
//! that reads it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hallpass::credential::{NotAName, Profile, Request, Scratch, Transport};
use hallpass::{Active, Inactive, Validator};
use zeroize::Zeroizing;

/// What a client has been given.
pub(crate) struct Shown {
    /// For a client secret: the id shown with it.
    pub(crate) pair_id: String,
    /// The plaintext.
    pub(crate) secret: Zeroizing<String>,
}

/// One way to show it.
pub(crate) struct Form {
    /// What the text begins with.
    name: &'static str,
    /// The name of the profile.
    pub(crate) profile_name: &'static str,
    profile: Profile,
    transport: Transport,
    place: Place,
    /// Whether it shows an id with the secret.
    pub(crate) is_pair: bool,
    write: fn(&Shown) -> Zeroizing<String>,
}

#[derive(Clone, Copy)]
enum Place {
    Field(&'static str),
    Query,
}

impl Form {
    /// All forms.
    pub(crate) fn all() -> Result<Vec<Self>, NotAName> {
        let token = |name, profile_name, profile, place, write| Self {
            name,
            profile_name,
            profile,
            transport: Transport::Http,
            place,
            is_pair: false,
            write,
        };
        let authorization = Place::Field("authorization");
        Ok(vec![
            token(
                "Authorization: Bearer <token>",
                "strict",
                Profile::strict(),
                authorization,
                bearer,
            ),
            token(
                "Cookie: theme=dark; flipt_client_token=<token>",
                "flipt",
                Profile::flipt(),
                Place::Field("cookie"),
                |shown| text(&["theme=dark; flipt_client_token=", &shown.secret]),
            ),
            Self {
                transport: Transport::WebSocket,
                ..token(
                    "?lang=en&client_key=Bearer%20<token>",
                    "wispr",
                    Profile::wispr().token_prefix("hp_")?,
                    Place::Query,
                    |shown| text(&["lang=en&client_key=Bearer%20", &shown.secret]),
                )
            },
            Self {
                transport: Transport::Grpc,
                ..token(
                    "metadata authorization: Bearer <token>",
                    "strict",
                    Profile::strict(),
                    authorization,
                    bearer,
                )
            },
            Self {
                is_pair: true,
                ..token(
                    "Authorization: Basic base64(<id>:<secret>)",
                    "frontier",
                    Profile::frontier(),
                    authorization,
                    basic,
                )
            },
            Self {
                is_pair: true,
                ..token(
                    "Authorization: token <id>:<secret>",
                    "frappe",
                    Profile::frappe(),
                    authorization,
                    |shown| text(&["token ", &shown.pair_id, ":", &shown.secret]),
                )
            },
        ])
    }

    /// The text of the request that carries it.
    pub(crate) fn write(&self, shown: &Shown) -> Zeroizing<String> {
        (self.write)(shown)
    }

    /// Reads and validates a request that carries `text`.
    pub(crate) fn validate<'v>(
        &self,
        validator: &'v Validator,
        text: &str,
        scratch: &mut Scratch,
    ) -> Result<Active<'v>, Inactive> {
        match self.place {
            Place::Field(name) => {
                let headers = [("user-agent", "demo"), (name, text)];
                let request = Request::new(&headers).transport(self.transport);
                validator.validate_request(&self.profile, &request, scratch)
            }
            Place::Query => {
                let headers = [("user-agent", "demo")];
                let request = Request::new(&headers).query(text).transport(self.transport);
                validator.validate_request(&self.profile, &request, scratch)
            }
        }
    }

    /// The form as a person reads it, without a secret.
    pub(crate) fn name(&self) -> &'static str {
        self.name
    }
}

fn bearer(shown: &Shown) -> Zeroizing<String> {
    text(&["Bearer ", &shown.secret])
}

fn basic(shown: &Shown) -> Zeroizing<String> {
    let pair = text(&[&shown.pair_id, ":", &shown.secret]);
    let mut encoded = Zeroizing::new(vec![0; pair.len().div_ceil(3) * 4]);
    // The buffer has the length of the canonical encoding, and base64 is ASCII.
    let written = STANDARD
        .encode_slice(pair.as_bytes(), &mut encoded)
        .unwrap_or_default();
    let encoded = std::str::from_utf8(&encoded[..written]).unwrap_or_default();
    text(&["Basic ", encoded])
}

fn text(parts: &[&str]) -> Zeroizing<String> {
    Zeroizing::new(parts.concat())
}
