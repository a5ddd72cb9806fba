//! How the claims of a foreign token become a client id and metadata here.

use std::collections::BTreeMap;

use serde_json::Value;

use super::verify::Verified;
use crate::Inactive;
use crate::client_id::ClientId;

/// The metadata keys of Flipt and the claims they are taken from.
const FLIPT: [(&str, &str); 6] = [
    ("io.flipt.auth.jwt.issuer", "/iss"),
    ("io.flipt.auth.jwt.email", "/user/email"),
    ("io.flipt.auth.jwt.sub", "/user/sub"),
    ("io.flipt.auth.jwt.picture", "/user/image"),
    ("io.flipt.auth.jwt.name", "/user/name"),
    ("io.flipt.auth.jwt.role", "/user/role"),
];

/// Flipt keeps every claim under this name as metadata.
const FLIPT_PREFIX: &str = "io.flipt.auth";

/// All claims as JSON; set last, so that a claim of this name can't forge it.
const FLIPT_CLAIMS: &str = "io.flipt.auth.claims";

/// Which claims become the client id and the metadata. Claims are named by JSON Pointer (RFC 6901).
#[derive(Clone, Debug)]
pub struct ClaimsMapping {
    client: String,
    scopes: Option<String>,
    metadata: Vec<(String, String)>,
    flipt: bool,
}

/// Who a foreign token speaks for.
#[derive(Clone, Debug)]
pub struct ForeignClient {
    /// The client id: a [`ClientId`](crate::ClientId), or it could be neither disabled nor revoked.
    pub client_id: String,
    /// What it may do here, sorted: none unless the mapping says where it stands
    /// ([`ClaimsMapping::scopes_from`]).
    pub scopes: Vec<Box<str>>,
    /// The metadata.
    pub metadata: BTreeMap<String, String>,
}

impl ClaimsMapping {
    /// The client id stands in the claim at `pointer`: `/sub`, `/client_id`, `/azp`.
    pub fn client_from(pointer: &str) -> Self {
        Self {
            client: pointer.to_owned(),
            scopes: None,
            metadata: Vec::new(),
            flipt: false,
        }
    }

    /// As Flipt: the client is the subject; claims called `io.flipt.auth*`, the issuer, and
    /// `user.{email,sub,image,name,role}` become metadata; so does the whole claim set.
    pub fn flipt() -> Self {
        Self {
            flipt: true,
            ..Self::client_from("/sub")
        }
    }

    /// The scopes stand in the claim at `pointer`, as one text with spaces between them (`/scope`, RFC
    /// 9068 section 2.2.3) or as an array of texts. Without this, a foreign token has none: its issuer
    /// says who somebody is, and not what they may do here.
    pub fn scopes_from(mut self, pointer: &str) -> Self {
        self.scopes = Some(pointer.to_owned());
        self
    }

    /// The claim at `pointer` becomes the metadata `key`, in place of what the mapping had for it.
    pub fn metadata(mut self, key: &str, pointer: &str) -> Self {
        self.metadata.push((key.to_owned(), pointer.to_owned()));
        self
    }

    /// A token without the client claim is of no client, and one whose client could not be named here
    /// (128 bytes without control characters) or whose scopes are none is refused. Claims that are missing give no metadata;
    /// what is not a string is kept as JSON.
    pub(crate) fn apply(&self, verified: &Verified) -> Result<ForeignClient, Inactive> {
        let claims = verified.to_json();
        let client_id = match claims.pointer(&self.client) {
            Some(Value::String(client_id)) if !client_id.is_empty() => client_id.clone(),
            _ => return Err(Inactive::FieldsMissing),
        };
        if ClientId::new(&client_id).is_err() {
            return Err(Inactive::Format);
        }
        let claimed = self.scopes.as_ref().and_then(|at| claims.pointer(at));
        let mut scopes = claimed.map_or(Ok(Vec::new()), scopes)?;
        scopes.sort_unstable();
        scopes.dedup();
        let mut metadata = BTreeMap::new();
        if self.flipt {
            let named = |(name, _): &(&String, &Value)| name.starts_with(FLIPT_PREFIX);
            for (name, value) in verified.extra().iter().filter(named) {
                metadata.insert(name.clone(), text(value));
            }
        }
        let built_in = FLIPT.iter().copied().filter(|_| self.flipt);
        let configured = self
            .metadata
            .iter()
            .map(|(key, pointer)| (&key[..], &pointer[..]));
        for (key, pointer) in built_in.chain(configured) {
            if let Some(value) = claims.pointer(pointer) {
                metadata.insert(key.to_owned(), text(value));
            }
        }
        if self.flipt {
            metadata.insert(FLIPT_CLAIMS.to_owned(), claims.to_string());
        }
        Ok(ForeignClient {
            client_id,
            scopes,
            metadata,
        })
    }
}

/// Each is a scope-token of RFC 6749 section 3.3, but for characters that no scope here could be
/// equal to.
fn scopes(claimed: &Value) -> Result<Vec<Box<str>>, Inactive> {
    let one = |value: &Value| match value.as_str() {
        Some(scope) if !scope.is_empty() && !scope.contains(' ') => Ok(scope.into()),
        _ => Err(Inactive::Format),
    };
    match claimed {
        Value::String(text) => Ok(text.split_ascii_whitespace().map(Box::from).collect()),
        Value::Array(values) => values.iter().map(one).collect(),
        _ => Err(Inactive::Format),
    }
}

fn text(value: &Value) -> String {
    value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_owned)
}
