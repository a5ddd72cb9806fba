//! What the strict profile accepts in `Authorization` is written down again and read alike, and
//! every other profile that accepts the same text reads the same credential.
#![no_main]

use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hallpass::credential::{Credential, Profile, Request, Scheme, Scratch};
use libfuzzer_sys::fuzz_target;

#[derive(Debug, PartialEq)]
enum Read {
    Token(Vec<u8>),
    Pair(String, String),
}

fn read(profile: &Profile, value: &[u8]) -> Option<(Read, Scheme)> {
    let headers = [("authorization", value)];
    let mut scratch = Scratch::new();
    match profile.find(&Request::new(&headers), &mut scratch).ok()? {
        Credential::Token { text, scheme, .. } => Some((Read::Token(text.to_vec()), scheme)),
        Credential::Pair {
            id, secret, scheme, ..
        } => {
            let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("a pair is UTF-8");
            Some((Read::Pair(text(id), text(secret)), scheme))
        }
        _ => None,
    }
}

static STRICT: LazyLock<Profile> = LazyLock::new(Profile::strict);
static OTHERS: LazyLock<[Profile; 5]> = LazyLock::new(|| {
    [
        Profile::flipt(),
        Profile::flipt_jwt(),
        Profile::frontier(),
        Profile::frappe(),
        Profile::wispr(),
    ]
});

fuzz_target!(|value: &[u8]| {
    let Some((credential, scheme)) = read(&STRICT, value) else {
        return;
    };
    let canonical = match &credential {
        Read::Token(text) => [scheme.name().as_bytes(), b" ", text].concat(),
        Read::Pair(id, secret) if scheme == Scheme::Basic => {
            format!("Basic {}", STANDARD.encode(format!("{id}:{secret}"))).into_bytes()
        }
        Read::Pair(id, secret) => format!("token {id}:{secret}").into_bytes(),
    };
    let again = read(&STRICT, &canonical);
    assert_eq!(again.as_ref(), Some(&(credential, scheme)));
    for profile in &*OTHERS {
        if let Some(theirs) = read(profile, &canonical) {
            assert_eq!(Some(theirs), again, "{profile:?}");
        }
    }
});
