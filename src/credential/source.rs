//! Where in a request a credential stood; knows no grammar.

/// How a request reached the server, which decides what may carry a credential.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Transport {
    /// HTTP of any version.
    #[default]
    Http,
    /// gRPC: metadata only, neither cookies nor a query.
    Grpc,
    /// The HTTP request that opens a WebSocket: browsers can't set header fields on it.
    WebSocket,
}

/// Where a credential was found.
///
/// Match on it: what came in a [`Cookie`](Self::Cookie) was sent by the browser whoever made it
/// ask, so state-changing requests need a defence against CSRF; what came in a
/// [`Query`](Self::Query) is in the access log of every proxy on the way.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Source {
    /// A header field: `Authorization`, or one that was named in the profile.
    Header,
    /// A cookie.
    Cookie,
    /// A query parameter.
    Query,
    /// gRPC metadata.
    Metadata,
    /// `Sec-WebSocket-Protocol`.
    Subprotocol,
}

/// The exact place, as an explanation names it; an index counts the names of the profile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Authorization,
    ApiKey(u8),
    Cookie,
    Query,
    Subprotocol,
}

impl Place {
    pub(super) fn source(self, transport: Transport) -> Source {
        match self {
            Self::Authorization | Self::ApiKey(_) if transport == Transport::Grpc => {
                Source::Metadata
            }
            Self::Authorization | Self::ApiKey(_) => Source::Header,
            Self::Cookie => Source::Cookie,
            Self::Query => Source::Query,
            Self::Subprotocol => Source::Subprotocol,
        }
    }
}
