//! The session cookie: how it is written and how it is cleared. Reading it is the profile's.

use http::HeaderValue;
use thiserror::Error;

use crate::credential::{NotAName, Profile};

/// When browsers send a cookie with requests from pages of other sites.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum SameSite {
    /// Never, not even when a link is followed.
    Strict,
    /// When a link is followed.
    #[default]
    Lax,
}

/// Writes the cookie that carries a token, and clears it.
///
/// Always `Secure`, `HttpOnly` and for the whole site (browsers take `Secure` cookies from
/// `http://localhost`). The default name starts with `__Host-`, so that no other host and no plain
/// HTTP can set it.
///
/// ```
/// use hallpass::credential::Profile;
/// use hallpass::web::SessionCookie;
///
/// let cookie = SessionCookie::new();
/// let profile = Profile::strict().cookie(SessionCookie::NAME)?;
/// let set = cookie.write("hp_x")?;
/// assert_eq!(set, "__Host-session=hp_x; Path=/; Secure; HttpOnly; SameSite=Lax");
/// // A system's own name, by its profile.
/// let flipt = SessionCookie::of_profile(&Profile::flipt()).unwrap();
/// assert!(flipt.clear().to_str()?.starts_with("flipt_client_token=; Max-Age=0;"));
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionCookie {
    name: Box<str>,
    same_site: SameSite,
    max_age_secs: Option<u64>,
}

/// A text that no cookie can carry: RFC 6265 section 4.1.1 has neither space, comma, semicolon,
/// quote nor backslash, and ASCII only. No token of this crate is one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("no cookie can carry this text")]
pub struct NotACookieValue;

impl SessionCookie {
    /// The default name.
    pub const NAME: &'static str = "__Host-session";

    /// A cookie of the default name, `SameSite=Lax`, until the browser is closed.
    #[must_use]
    pub fn new() -> Self {
        Self {
            name: Self::NAME.into(),
            same_site: SameSite::default(),
            max_age_secs: None,
        }
    }

    /// A cookie of this name.
    ///
    /// # Errors
    /// [`NotAName`] if no cookie can have it.
    pub fn named(name: &str) -> Result<Self, NotAName> {
        // A profile is who says what a name is.
        Profile::strict().cookie(name)?;
        Ok(Self::of_name(name))
    }

    /// The first cookie that this profile reads, if it reads any.
    #[must_use]
    pub fn of_profile(profile: &Profile) -> Option<Self> {
        profile.cookies().next().map(Self::of_name)
    }

    pub(crate) fn of_name(name: &str) -> Self {
        Self {
            name: name.into(),
            ..Self::new()
        }
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// When browsers send it with requests from other sites' pages.
    #[must_use]
    pub fn same_site(mut self, same_site: SameSite) -> Self {
        self.same_site = same_site;
        self
    }

    /// How long the browser keeps it, in seconds: as long as the token lives, best of all.
    #[must_use]
    pub fn max_age_secs(mut self, secs: u64) -> Self {
        self.max_age_secs = Some(secs);
        self
    }

    /// The value of `Set-Cookie` that gives the browser this token. It is marked sensitive: `Debug`
    /// of a header map does not show it.
    ///
    /// # Errors
    /// [`NotACookieValue`] if the text can't stand in a cookie.
    pub fn write(&self, token: &str) -> Result<HeaderValue, NotACookieValue> {
        let legal = |b: u8| b.is_ascii_graphic() && !b"\",;\\".contains(&b);
        if token.is_empty() || !token.bytes().all(legal) {
            return Err(NotACookieValue);
        }
        let max_age = self.max_age_secs.map(|secs| format!("; Max-Age={secs}"));
        let line = self.line(token, &max_age.unwrap_or_default());
        let mut value = HeaderValue::try_from(line).map_err(|_| NotACookieValue)?;
        value.set_sensitive(true);
        Ok(value)
    }

    /// The value of `Set-Cookie` that takes it away.
    #[must_use]
    pub fn clear(&self) -> HeaderValue {
        // A name is a token, and the rest is ours: always legal.
        HeaderValue::try_from(self.line("", "; Max-Age=0"))
            .unwrap_or_else(|_| HeaderValue::from_static(""))
    }

    fn line(&self, token: &str, max_age: &str) -> String {
        let same_site = match self.same_site {
            SameSite::Strict => "Strict",
            SameSite::Lax => "Lax",
        };
        let name = &self.name;
        format!("{name}={token}{max_age}; Path=/; Secure; HttpOnly; SameSite={same_site}")
    }
}

impl Default for SessionCookie {
    fn default() -> Self {
        Self::new()
    }
}
