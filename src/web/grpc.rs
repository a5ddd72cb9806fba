//! tonic: the guard as an interceptor, refusals as statuses, and the client's side.

use std::fmt;

use http::{Method, Uri};
use thiserror::Error;
use tonic::metadata::{Ascii, MetadataValue};
use tonic::service::Interceptor;
use tonic::{Code, Request, Status};

use super::guard::Guard;
use super::reason::Reason;
use super::refusal::{Anonymous, Refusal};
use crate::auth::Auth;
use crate::credential::Transport;
use crate::inactive::Inactive;

/// Validates each call and puts an [`Auth`] among its extensions, for a service that is guarded
/// alone: `GreeterServer::with_interceptor(greeter, guard)`. For a whole server the guard is a
/// layer (feature `tower`): `Server::builder().layer(guard)`.
impl Interceptor for Guard {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        let (method, uri) = (Method::POST, Uri::default());
        let checked = self.check_by(Transport::Grpc, &method, &uri, request.metadata().as_ref());
        match checked {
            Ok(Some(auth)) => {
                // As the layer does: whoever prints the metadata prints no token.
                if let Some(value) = request.metadata_mut().get_mut("authorization") {
                    value.set_sensitive(true);
                }
                request.extensions_mut().insert(auth);
            }
            Ok(None) => {
                request.extensions_mut().remove::<Auth>();
                request.extensions_mut().insert(Anonymous);
            }
            Err(refusal) => {
                refusal.log();
                return Err(refusal.into());
            }
        }
        Ok(request)
    }
}

/// The code and the sentence that a client may be told.
impl From<Inactive> for Status {
    fn from(why: Inactive) -> Self {
        Reason::Inactive(why).into()
    }
}

/// The code and the sentence that a client may be told.
impl From<Reason> for Status {
    fn from(reason: Reason) -> Self {
        let public = reason.public();
        Status::new(Code::from_i32(public.grpc_code), public.message)
    }
}

/// The code and the sentence that a client may be told.
impl From<Refusal> for Status {
    fn from(refusal: Refusal) -> Self {
        refusal.reason().into()
    }
}

/// The client's side: attaches `authorization: Bearer <token>` to every call, marked sensitive, so
/// that `Debug` of the metadata does not show it.
///
/// ```
/// use hallpass::web::Bearer;
///
/// let bearer = Bearer::new("hp_x")?;
/// // GreeterClient::with_interceptor(channel, bearer)
/// # Ok::<_, hallpass::web::NotABearer>(())
/// ```
#[derive(Clone)]
pub struct Bearer(MetadataValue<Ascii>);

/// A text that can't be sent as a bearer token: metadata is visible ASCII.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("no bearer token: it is empty, or holds more than visible ASCII")]
pub struct NotABearer;

impl Bearer {
    /// Attaches this token.
    ///
    /// # Errors
    /// [`NotABearer`] if metadata can't carry it.
    pub fn new(token: &str) -> Result<Self, NotABearer> {
        if token.is_empty() || !token.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(NotABearer);
        }
        let value = MetadataValue::try_from(format!("Bearer {token}"));
        let mut value = value.map_err(|_| NotABearer)?;
        value.set_sensitive(true);
        Ok(Self(value))
    }
}

impl Interceptor for Bearer {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        request
            .metadata_mut()
            .insert("authorization", self.0.clone());
        Ok(request)
    }
}

impl fmt::Debug for Bearer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Bearer(***)")
    }
}
