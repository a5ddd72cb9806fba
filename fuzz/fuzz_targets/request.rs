//! A whole request under every profile: finding and explaining agree, nothing that is printed
//! holds a secret, and a credential is never longer than what was sent.
#![no_main]

use std::sync::LazyLock;

use hallpass::credential::{Credential, Outcome, Profile, Request, Scratch, Source, Transport};
use libfuzzer_sys::fuzz_target;

const NAMES: [&str; 8] = [
    "authorization",
    "cookie",
    "x-user-token",
    "x-api-key",
    "sec-websocket-protocol",
    "grpc-metadata-authorization",
    "grpcgateway-cookie",
    "frappe-authorization-source",
];

fn profiles() -> [Profile; 8] {
    let strict = Profile::strict()
        .cookie("sid")
        .and_then(|p| p.query("sid"))
        .and_then(|p| p.api_key_header("X-API-Key"))
        .and_then(|p| p.scheme("DPoP"))
        .unwrap()
        .subprotocol(true);
    let order = [
        Source::Header,
        Source::Metadata,
        Source::Cookie,
        Source::Query,
    ];
    [
        strict.clone().prefer(&order),
        strict,
        Profile::flipt(),
        Profile::flipt_jwt(),
        Profile::frontier(),
        Profile::frappe(),
        Profile::wispr(),
        Profile::wispr_client(),
    ]
}

static PROFILES: LazyLock<[Profile; 8]> = LazyLock::new(profiles);

// Lines: the first byte of each says what it is, the rest is its value.
fuzz_target!(|data: &[u8]| {
    let mut headers: Vec<(&str, &[u8])> = Vec::new();
    let mut query = None;
    let mut transport = Transport::Http;
    for line in data.split(|&b| b == b'\n') {
        match line {
            [n @ b'0'..=b'7', value @ ..] => headers.push((NAMES[usize::from(n - b'0')], value)),
            [b'?', value @ ..] => query = Some(value),
            [b'g', ..] => transport = Transport::Grpc,
            [b'w', ..] => transport = Transport::WebSocket,
            _ => {}
        }
    }
    let mut request = Request::new(&headers)
        .transport(transport)
        .at(1_780_000_000);
    if let Some(query) = query {
        request = request.query(query);
    }
    for profile in &*PROFILES {
        let (mut one, mut two) = (Scratch::new(), Scratch::new());
        let told = profile.explain(&request, &mut one);
        let found = profile.find(&request, &mut two);
        assert_eq!(told.inactive(), found.err());
        assert_eq!(told.outcome() == Outcome::Credential, found.is_ok());
        assert!(
            told.http_status()
                .is_none_or(|status| (400..=431).contains(&status))
        );
        let _ = (told.scheme(), told.token(), told.client_id(), told.source());
        match found {
            Ok(Credential::Token { text, source, .. }) => {
                assert!(text.len() <= data.len());
                let grpc = transport == Transport::Grpc;
                assert!(
                    !grpc || matches!(source, Source::Metadata | Source::Cookie | Source::Query)
                );
            }
            Ok(Credential::Pair { id, secret, .. }) => {
                // Frappe reads a field as Latin-1, which takes up to two bytes an octet in UTF-8.
                assert!(id.len() + secret.len() <= 2 * data.len());
            }
            Ok(_) | Err(_) => {}
        }
    }
});
