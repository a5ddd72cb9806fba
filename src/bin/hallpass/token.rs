//! What subcommands about one token share: finding it, and telling of it.

use hallpass::{Store, TokenId, TokenInfo};

use crate::output::{Failure, expiry, facts, instant};
use crate::secret_input::TokenArgs;

/// The token with this id or text, if the store knows it. No token is as short as an id, so the
/// two are told apart by their form.
pub(crate) fn find(
    store: &Store,
    args: &TokenArgs,
    pair_id: Option<&str>,
) -> Result<TokenId, Failure> {
    let text = args.read()?;
    let known = match (pair_id, TokenId::from_text(&text)) {
        (Some(pair_id), _) => store.id_of_pair(pair_id, &*text),
        (None, Some(id)) => Some(id),
        (None, None) => store.id_of_text(&*text),
    };
    known.ok_or_else(Failure::unknown_token)
}

/// The words of a token's status, as JSON has them.
pub(crate) fn status(token: &TokenInfo) -> String {
    match serde_json::to_value(token.status) {
        Ok(serde_json::Value::String(status)) => status,
        _ => String::new(),
    }
}

/// All that the store knows of a token.
pub(crate) fn told(token: &TokenInfo) -> String {
    let some = |text: &Option<String>| text.clone().unwrap_or_default();
    let mut lines = vec![
        ("id", token.id.to_string()),
        ("status", status(token)),
        ("client", token.client_id.clone()),
        ("kind", token.kind.as_str().to_owned()),
        ("issued", instant(token.issued_at)),
        (
            "not before",
            token.not_before.map(instant).unwrap_or_default(),
        ),
        ("expires", expiry(token.expires_at)),
        ("scopes", token.scopes.join(" ")),
        (
            "last used",
            token.last_used_at.map(instant).unwrap_or_default(),
        ),
        (
            "uses",
            token.uses.map(|uses| uses.to_string()).unwrap_or_default(),
        ),
        ("revoked", token.revoked_at.map(instant).unwrap_or_default()),
        ("reason", some(&token.revoked_reason)),
        ("by", some(&token.revoked_by)),
    ];
    for (key, value) in &token.metadata {
        lines.push(("metadata", format!("{key}={value}")));
    }
    facts(&lines)
}
