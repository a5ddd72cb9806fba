//! The limits that are checked before any other work is done on a request.

/// The longest field value, cookie or query parameter that is read as a credential, in bytes.
///
/// A JWT of 40 claims takes 2 KiB, and servers in the field refuse fields of more than 8 KiB.
pub const CREDENTIAL_BYTES_MAX: usize = 8 * 1024;

/// The most that all `Cookie` fields of a request may hold, in bytes.
pub const COOKIE_BYTES_MAX: usize = 16 * 1024;

/// The most cookies in a request; browsers keep some 50 to a site.
pub const COOKIE_PAIRS_MAX: usize = 64;

/// The longest query, in bytes.
pub const QUERY_BYTES_MAX: usize = 8 * 1024;

/// The longest name of a DocType in `Frappe-Authorization-Source`, in bytes: Frappe's own column.
pub(super) const DOCTYPE_BYTES_MAX: usize = 140;
