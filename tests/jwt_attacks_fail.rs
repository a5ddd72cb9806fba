//! Promise: the known attacks on JWTs fail, each for the reason it should (RFC 8725 section 2).
#![cfg(feature = "jwt")]
#![allow(
    clippy::unwrap_used,
    reason = "a helper of a test fails as the test does"
)]

use std::time::Instant;

use hallpass::Inactive;
use hallpass::jwt::{Algorithm, Expect, KeySet, SigningKey, VerifyingKey, verify};
use jsonwebtoken::EncodingKey;
use jsonwebtoken::crypto::rust_crypto::DEFAULT_PROVIDER;
use proptest::prelude::*;

const NOW: u64 = 1_800_000_000;
const SECRET: [u8; 32] = *b"a secret of exactly 32 bytes....";
const CLAIMS: &str = r#"{"exp":1800000001}"#;

fn base64url(octets: &[u8]) -> String {
    use base64::Engine;
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(octets)
}

/// A token with any header, signed with HS256 by any secret: what an attacker can write.
fn signed(secret: &[u8], header: &str, payload: &[u8]) -> String {
    let input = format!("{}.{}", base64url(header.as_bytes()), base64url(payload));
    let key = EncodingKey::from_secret(secret);
    let signer = (DEFAULT_PROVIDER.signer_factory)(&jsonwebtoken::Algorithm::HS256, &key).unwrap();
    format!("{input}.{}", base64url(&signer.sign(input.as_bytes())))
}

fn hs256() -> KeySet {
    let key = VerifyingKey::from_secret(Algorithm::Hs256, &SECRET).unwrap();
    KeySet::from(key.with_kid("k").unwrap())
}

fn judge(token: &str) -> Option<Inactive> {
    verify(token.as_bytes(), &hs256(), &Expect::new(), NOW).err()
}

/// The verdict on a token that is good but for its header.
fn judge_header(header: &str) -> Option<Inactive> {
    judge(&signed(&SECRET, header, CLAIMS.as_bytes()))
}

#[test]
fn the_token_that_the_attacks_vary_is_good() {
    assert_eq!(judge_header(r#"{"alg":"HS256","kid":"k"}"#), None);
    assert_eq!(judge_header(r#"{"alg":"HS256"}"#), None);
}

#[test]
fn none_in_any_spelling_is_no_algorithm() {
    for bits in 0..16_u32 {
        let spelling: String = "none"
            .chars()
            .enumerate()
            .map(|(place, letter)| {
                if bits >> place & 1 == 1 {
                    letter.to_ascii_uppercase()
                } else {
                    letter
                }
            })
            .collect();
        let header = format!(r#"{{"alg":"{spelling}","kid":"k"}}"#);
        assert_eq!(
            judge_header(&header),
            Some(Inactive::Algorithm),
            "{spelling}"
        );
        let head = base64url(header.as_bytes());
        let bare = format!("{head}.{}.", base64url(CLAIMS.as_bytes()));
        assert_eq!(judge(&bare), Some(Inactive::Algorithm));
    }
    let head = base64url(br#"{"alg":"HS256"}"#);
    let bare = format!("{head}.{}.", base64url(CLAIMS.as_bytes()));
    assert_eq!(judge(&bare), Some(Inactive::Signature));
}

#[test]
fn a_public_key_is_no_hmac_secret() {
    let pem = include_str!("cases/pem/rsa.spki.pem");
    let key = VerifyingKey::from_pem(pem, Algorithm::Rs256).unwrap();
    let keys = KeySet::from(key.with_kid("k").unwrap());
    let body: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
    for secret in [pem.as_bytes(), pem.trim_end().as_bytes(), body.as_bytes()] {
        for header in [r#"{"alg":"HS256","kid":"k"}"#, r#"{"alg":"HS256"}"#] {
            let token = signed(secret, header, CLAIMS.as_bytes());
            let answer = verify(token.as_bytes(), &keys, &Expect::new(), NOW);
            assert_eq!(answer.err(), Some(Inactive::Algorithm));
        }
        let token = signed(secret, r#"{"alg":"RS256","kid":"k"}"#, CLAIMS.as_bytes());
        let answer = verify(token.as_bytes(), &keys, &Expect::new(), NOW);
        assert_eq!(answer.err(), Some(Inactive::Signature));
    }
}

#[test]
fn an_algorithm_is_pinned_to_its_key() {
    for name in [
        "HS384",
        "HS512",
        "RS256",
        "ES256",
        "EdDSA",
        "hs256",
        "HS256 ",
        "",
        "HS\\u0000256",
    ] {
        let header = format!(r#"{{"alg":"{name}","kid":"k"}}"#);
        assert_eq!(judge_header(&header), Some(Inactive::Algorithm), "{name}");
    }
    assert_eq!(
        judge_header(r#"{"alg":"\u0048S256","kid":"k"}"#),
        None,
        "the same string in JSON"
    );
    for alg in ["1", "null", r#"["HS256"]"#, r#"{"HS256":null}"#] {
        assert_eq!(
            judge_header(&format!(r#"{{"alg":{alg}}}"#)),
            Some(Inactive::Format),
            "{alg}"
        );
    }
}

#[test]
fn a_token_brings_no_key() {
    let (own, jwk) = (
        [7; 32],
        r#"{"kty":"oct","k":"BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc"}"#,
    );
    for member in [
        format!(r#""jwk":{jwk}"#),
        r#""jku":"https://attacker.example/jwks.json""#.to_owned(),
        r#""x5u":"file:///etc/passwd""#.to_owned(),
        r#""x5c":["MIIB"]"#.to_owned(),
    ] {
        for secret in [&SECRET, &own] {
            let header = format!(r#"{{"alg":"HS256","kid":"k",{member}}}"#);
            let token = signed(secret, &header, CLAIMS.as_bytes());
            assert_eq!(judge(&token), Some(Inactive::Algorithm), "{member}");
        }
    }
}

#[test]
fn a_kid_is_a_name_and_nothing_else() {
    for kid in [
        "../../../../dev/null",
        "/dev/null",
        "k' OR '1'='1",
        "k; touch /tmp/x",
        "K",
        "k ",
        "http://attacker.example/k",
        "${jndi:ldap://x}",
    ] {
        let header = format!(r#"{{"alg":"HS256","kid":"{kid}"}}"#);
        // An empty file as the key is what a path in the kid is after.
        for secret in [&SECRET[..], b""] {
            let token = signed(secret, &header, CLAIMS.as_bytes());
            assert_eq!(judge(&token), Some(Inactive::UnknownKey), "{kid}");
        }
    }
}

#[test]
fn extensions_compression_encryption_and_nesting_are_refused() {
    for member in [
        r#""crit":["exp"],"exp":1"#,
        r#""crit":[]"#,
        r#""b64":true"#,
        r#""b64":false,"crit":["b64"]"#,
        r#""zip":"DEF""#,
        r#""enc":"A256GCM""#,
        r#""cty":"JWT""#,
    ] {
        let header = format!(r#"{{"alg":"HS256","kid":"k",{member}}}"#);
        assert_eq!(judge_header(&header), Some(Inactive::Algorithm), "{member}");
    }
}

#[test]
fn one_signed_text_has_one_reading() {
    let header = r#"{"alg":"HS256","kid":"k"}"#;
    for payload in [
        &br#"{"exp":1800000001,"exp":1}"#[..],
        br#"{"exp":1800000001,"\u0065xp":1}"#,
        br#"{"exp":1800000001,"sub":"a","SUB":"b"}"#,
        br#"{"exp":1800000001,"x":{"y":1,"y":2}}"#,
        br#"{"exp":1800000001} {}"#,
        br#"{"exp":1800000001}x"#,
        b"\xef\xbb\xbf{\"exp\":1800000001}",
        b"{\"exp\":1800000001,\"x\":\"\xc0\xaf\"}",
        br#"{"exp":"1800000001"}"#,
        br#"{"exp":1800000001,"nbf":"0"}"#,
        br#"{"exp":1800000001,"aud":null}"#,
        br#"{"exp":1800000001,"iss":["a"]}"#,
        br#"[{"exp":1800000001}]"#,
        br#""exp""#,
        b"",
    ] {
        let token = signed(&SECRET, header, payload);
        let shown = String::from_utf8_lossy(payload);
        assert_eq!(judge(&token), Some(Inactive::Format), "{shown}");
    }
    let deep = format!(
        r#"{{"exp":1800000001,"x":{}1{}}}"#,
        "[".repeat(16),
        "]".repeat(16)
    );
    assert_eq!(
        judge(&signed(&SECRET, header, deep.as_bytes())),
        Some(Inactive::Format)
    );
}

#[test]
fn a_token_has_one_text() {
    let good = signed(&SECRET, r#"{"alg":"HS256"}"#, CLAIMS.as_bytes());
    for bad in [
        format!(" {good}"),
        format!("{good} "),
        format!("{good}\n"),
        format!("{good}="),
        format!("{good}."),
        format!(".{good}"),
        good.replacen('.', "=.", 1),
        good.replacen('.', ". ", 1),
        good.replacen('.', "..", 1),
        good.replace('.', "%2E"),
        format!("{good}\0"),
    ] {
        assert_eq!(judge(&bad), Some(Inactive::Format), "{bad:?}");
    }
}

#[test]
fn a_forged_token_of_400_kib_costs_only_the_length_check() {
    let forged = format!("{}.{}.AA", "A".repeat(200 * 1024), "A".repeat(200 * 1024));
    let keys = hs256();
    let expect = Expect::new();
    let start = Instant::now();
    for _ in 0..1000 {
        let answer = verify(forged.as_bytes(), &keys, &expect, NOW);
        assert!(matches!(answer, Err(Inactive::TooLarge(_))));
    }
    // One look at every byte would take a thousand times as long as this allows.
    assert!(start.elapsed().as_millis() < 50, "{:?}", start.elapsed());
}

#[test]
fn names_are_unique_and_secrets_stand_apart() {
    let x = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";
    let okp = |kid: &str| format!(r#"{{"kty":"OKP","crv":"Ed25519","x":"{x}","kid":"{kid}"}}"#);
    let oct = format!(r#"{{"kty":"oct","k":"{x}","kid":"o"}}"#);
    let set = |keys: &[&str]| format!(r#"{{"keys":[{}]}}"#, keys.join(","));
    let load = |text: String| KeySet::from_jwks(text.as_bytes(), None);
    assert!(load(set(&[&okp("a"), &okp("b")])).is_ok());
    assert!(load(set(&[&oct])).is_ok());
    assert!(load(set(&[&okp("a"), &okp("a")])).is_err());
    assert!(load(set(&[&okp("a"), &oct])).is_err());
    assert!(load(set(&[])).is_err());
    assert!(load(r#"{"keys":{}}"#.to_owned()).is_err());
    assert!(load("{}".to_owned()).is_err());
    let many: Vec<String> = (0..65).map(|number| okp(&number.to_string())).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    assert!(load(set(&many[..64])).is_ok());
    assert!(load(set(&many)).is_err());
    assert!(load(format!("{}{}", set(&[&oct]), " ".repeat(64 * 1024))).is_err());
    // One that others mean for encryption is passed over, and told, if that was asked for.
    let encryption = okp("e").replace(r#""kid""#, r#""use":"enc","kid""#);
    let text = set(&[&okp("a"), &encryption, r#"{"kty":"new"}"#, "1"]);
    assert_eq!(load(text.clone()).unwrap_err().index, Some(1));
    let (keys, refused) = KeySet::from_foreign_jwks(text.as_bytes(), None).unwrap();
    assert_eq!(keys.keys().len(), 1);
    let indexes: Vec<Option<usize>> = refused.iter().map(|refused| refused.index).collect();
    assert_eq!(indexes, [Some(1), Some(2), Some(3)]);
}

#[test]
fn a_token_without_a_kid_gets_the_only_key_of_its_algorithm() {
    let (a, b) = (
        SigningKey::generate(Algorithm::EdDsa).unwrap(),
        VerifyingKey::from_secret(Algorithm::Hs256, &SECRET).unwrap(),
    );
    let token = signed(&SECRET, r#"{"alg":"HS256"}"#, CLAIMS.as_bytes());
    let judge = |keys: Vec<VerifyingKey>| {
        verify(
            token.as_bytes(),
            &KeySet::new(keys).unwrap(),
            &Expect::new(),
            NOW,
        )
        .err()
    };
    assert_eq!(judge(vec![a.verifying_key().clone(), b.clone()]), None);
    assert_eq!(judge(vec![b.clone(), b]), Some(Inactive::UnknownKey));
    assert_eq!(
        judge(vec![a.verifying_key().clone()]),
        Some(Inactive::Algorithm)
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_is_signed_verifies_and_one_changed_bit_is_refused(
        which in 0..3_usize,
        payload in "[ -~]{0,60}",
        place in any::<prop::sample::Index>(),
        bit in 0..8_u32,
    ) {
        let algorithm = [Algorithm::Hs256, Algorithm::Es256, Algorithm::EdDsa][which];
        let key = SigningKey::from_secret_bytes(algorithm, &[42; 32]).unwrap();
        let keys = KeySet::from(key.verifying_key().clone());
        let claims = serde_json::json!({"exp": NOW + 1, "x": payload}).to_string();
        let mut token = key.sign_payload("JWT", claims.as_bytes()).unwrap().into_bytes();
        let verified = verify(&token, &keys, &Expect::new(), NOW).unwrap();
        prop_assert_eq!(verified.extra()["x"].as_str(), Some(&payload[..]));
        let place = place.index(token.len());
        token[place] ^= 1 << bit;
        prop_assert!(verify(&token, &keys, &Expect::new(), NOW).is_err());
    }

    #[test]
    fn nothing_panics_on_any_text(
        text in prop::collection::vec(any::<u8>(), 0..300),
        json in "[\\[\\]{}\",:a-z0-9\\\\ .eE+-]{0,80}",
    ) {
        let _ = verify(&text, &hs256(), &Expect::new(), NOW);
        let _ = judge_header(&json);
        let _ = judge(&signed(&SECRET, r#"{"alg":"HS256"}"#, &text));
        let _ = judge(&signed(&SECRET, r#"{"alg":"HS256"}"#, json.as_bytes()));
        let _ = KeySet::from_jwks(&text, None);
        let _ = KeySet::from_jwks(json.as_bytes(), None);
        let _ = hallpass::jwt::embedded_id(&text);
    }

    /// Whatever we take, the upstream decoder takes too: we are stricter, never laxer.
    #[test]
    fn what_we_accept_jsonwebtoken_accepts(
        alg in prop::sample::select(&["HS256", "HS384", "none", "hs256", "RS256"][..]),
        more in prop::sample::select(&["", r#","typ":"JWT""#, r#","typ":"x""#, r#","kid":"k""#,
            r#","kid":"j""#, r#","crit":["x"]"#, r#","alg":"HS256""#][..]),
        payload in prop::sample::select(&[
            r#"{"exp":1800000001}"#, r#"{"exp":1.8e10}"#, r#"{"exp":-1}"#, r#"{"exp":"x"}"#,
            r#"{"exp":1800000001,"exp":1800000001}"#, r#"{}"#, r#"{"exp":1800000001,"aud":"a"}"#,
            r#"{"exp":1e400}"#, "[]", "x", r#"{"exp":1800000001,"nbf":1,"x":[[{}]]}"#][..]),
        spoil in prop::option::of(0..40_usize),
    ) {
        let header = format!(r#"{{"alg":"{alg}"{more}}}"#);
        let mut token = signed(&SECRET, &header, payload.as_bytes()).into_bytes();
        if let Some(spoil) = spoil {
            let place = spoil * token.len() / 40;
            token[place] = b'A';
        }
        if verify(&token, &hs256(), &Expect::new(), NOW).is_ok() {
            // With two backends compiled in there is no default until one is chosen.
            let _ = DEFAULT_PROVIDER.install_default();
            let mut rules = jsonwebtoken::Validation::new(jsonwebtoken::Algorithm::HS256);
            rules.validate_exp = false;
            let key = jsonwebtoken::DecodingKey::from_secret(&SECRET);
            let theirs = jsonwebtoken::decode::<serde_json::Value>(&token, &key, &rules);
            prop_assert!(theirs.is_ok(), "{theirs:?}");
        }
    }
}
