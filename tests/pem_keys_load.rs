//! Promise: keys as openssl writes them are read, and every key we can't vouch for is refused.
//!
//! The files under `cases/pem` were made by openssl for these tests and protect nothing.
#![cfg(feature = "jwt")]
#![allow(
    clippy::unwrap_used,
    reason = "a helper of a test fails as the test does"
)]

use hallpass::jwt::{Algorithm, KeyError, KeySet, SigningKey, VerifyingKey, verify_jws};

macro_rules! pem {
    ($name:literal) => {
        include_str!(concat!("cases/pem/", $name))
    };
}

fn load(text: &str, algorithm: Algorithm) -> Result<VerifyingKey, KeyError> {
    VerifyingKey::from_pem(text, algorithm)
}

#[test]
fn three_forms_of_an_rsa_key_are_one_key() {
    let forms = [pem!("rsa.spki.pem"), pem!("rsa.pkcs1.pem"), pem!("rsa.crt")];
    let thumbprints = forms.map(|form| load(form, Algorithm::Rs256).unwrap().thumbprint().unwrap());
    assert_eq!(thumbprints[0], thumbprints[1]);
    assert_eq!(thumbprints[0], thumbprints[2]);
    assert!(load(forms[0], Algorithm::Ps512).is_ok());
}

#[test]
fn keys_on_curves_load_for_their_algorithm_only() {
    let p256 = load(pem!("prime256v1.pem"), Algorithm::Es256).unwrap();
    assert_eq!(
        p256.thumbprint(),
        load(pem!("ec.crt"), Algorithm::Es256).unwrap().thumbprint()
    );
    assert!(load(pem!("secp384r1.pem"), Algorithm::Es384).is_ok());
    assert!(load(pem!("ed.pem"), Algorithm::EdDsa).is_ok());
    let fits = [
        (pem!("prime256v1.pem"), Algorithm::Es256),
        (pem!("secp384r1.pem"), Algorithm::Es384),
        (pem!("ed.pem"), Algorithm::EdDsa),
    ];
    for (text, own) in fits {
        for algorithm in Algorithm::ALL
            .into_iter()
            .filter(|&algorithm| algorithm != own)
        {
            let refused = load(text, algorithm).unwrap_err();
            assert_eq!(
                refused,
                KeyError::Algorithm { algorithm },
                "{own} for {algorithm}"
            );
        }
    }
}

#[test]
fn a_public_rsa_key_is_never_a_secret() {
    for algorithm in [Algorithm::Hs256, Algorithm::Hs384, Algorithm::Hs512] {
        for form in [pem!("rsa.spki.pem"), pem!("rsa.pkcs1.pem"), pem!("rsa.crt")] {
            assert_eq!(
                load(form, algorithm).unwrap_err(),
                KeyError::Algorithm { algorithm }
            );
        }
    }
}

#[test]
fn weak_foreign_private_and_damaged_files_are_refused() {
    let weak = load(pem!("rsa1024.pem"), Algorithm::Rs256).unwrap_err();
    assert_eq!(
        weak,
        KeyError::WeakRsa {
            why: "fewer than 2048 bits"
        }
    );
    assert_eq!(
        load(pem!("ed448.pem"), Algorithm::EdDsa).unwrap_err(),
        KeyError::Unsupported
    );
    assert!(load(pem!("k1.pem"), Algorithm::Es256).is_err());
    let unreadable = KeyError::Unreadable { what: "PEM" };
    let good = pem!("rsa.spki.pem");
    for bad in [
        String::new(),
        "-----BEGIN PUBLIC KEY----------END PUBLIC KEY-----".to_owned(),
        good.replace("PUBLIC", "PRIVATE"),
        good.replacen("PUBLIC", "RSA PUBLIC", 1),
        good.replace("-----END", "----END"),
        good.replacen('M', "*", 2),
        format!("{good}{good}"),
        format!("{good}x"),
        pem!("ed.key").to_owned(),
    ] {
        assert_eq!(
            load(&bad, Algorithm::Rs256).unwrap_err(),
            unreadable,
            "{bad}"
        );
    }
    for place in 0..good.len() {
        let _ = load(&good[..place], Algorithm::Rs256);
        let mut bytes = good.as_bytes().to_vec();
        bytes[place] = bytes[place].wrapping_add(1) & 0x7f;
        let _ = load(core::str::from_utf8(&bytes).unwrap(), Algorithm::Rs256);
    }
}

#[test]
fn private_keys_of_openssl_sign() {
    for (private, public) in [
        (pem!("prime256v1.key"), pem!("prime256v1.pem")),
        (pem!("ed.key"), pem!("ed.pem")),
    ] {
        let key = SigningKey::from_pem(private).unwrap();
        let verifying = load(public, key.algorithm()).unwrap();
        assert_eq!(verifying.thumbprint().as_deref(), Some(key.kid()));
        let token = key.sign_payload("JWT", b"anything").unwrap();
        // A PEM has no name, and the token names one.
        let unnamed = KeySet::from(verifying.clone());
        assert!(verify_jws(token.as_bytes(), &unnamed).is_err());
        let any = KeySet::from(verifying.for_any_kid());
        assert_eq!(
            verify_jws(token.as_bytes(), &any).unwrap().as_bytes(),
            b"anything"
        );
        assert_eq!(
            key.into_pem().unwrap().expose().lines().next(),
            private.lines().next()
        );
    }
    assert!(SigningKey::from_pem(pem!("rsa.spki.pem")).is_err());
}
