//! What a response body must be able to do so that a refusal fits in it: be made of a text.

/// A response body that can be made of a text.
///
/// Implemented for the bodies of axum, tonic and hyper's users. Implement it for one of your own by
/// whatever makes it of a `String`; a gRPC refusal has no text.
pub trait FromText {
    /// The body that is this text.
    fn from_text(text: String) -> Self;
}

impl FromText for String {
    fn from_text(text: String) -> Self {
        text
    }
}

impl FromText for Vec<u8> {
    fn from_text(text: String) -> Self {
        text.into()
    }
}

impl<D: bytes::Buf + From<String>> FromText for http_body_util::Full<D> {
    fn from_text(text: String) -> Self {
        Self::new(text.into())
    }
}

impl<D, E> FromText for http_body_util::combinators::BoxBody<D, E>
where
    D: bytes::Buf + From<String> + Send + Sync + 'static,
    E: 'static,
{
    fn from_text(text: String) -> Self {
        let body = http_body_util::Full::new(D::from(text));
        Self::new(http_body_util::BodyExt::map_err(
            body,
            |never| match never {},
        ))
    }
}

impl<D, E> FromText for http_body_util::combinators::UnsyncBoxBody<D, E>
where
    D: bytes::Buf + From<String> + Send + 'static,
    E: 'static,
{
    fn from_text(text: String) -> Self {
        let body = http_body_util::Full::new(D::from(text));
        Self::new(http_body_util::BodyExt::map_err(
            body,
            |never| match never {},
        ))
    }
}

#[cfg(feature = "axum")]
impl FromText for axum_core::body::Body {
    fn from_text(text: String) -> Self {
        text.into()
    }
}

#[cfg(feature = "tonic")]
impl FromText for tonic::body::Body {
    fn from_text(text: String) -> Self {
        Self::new(http_body_util::Full::<bytes::Bytes>::from_text(text))
    }
}
