//! Where a system's reading of a request is a hole, its profile refuses: each difference that the
//! rustdoc of the profiles names.

use hallpass::credential::{Outcome, Profile, QUERY_BYTES_MAX, Request, Scratch, Transport};
use hallpass::{Inactive, Oversize};

const PAT: &str = "Bearer fpt_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8";

/// What the request is, what its system makes of it, what we make of it.
struct Difference {
    profile: Profile,
    headers: &'static [(&'static str, &'static str)],
    original: &'static str,
    ours: (Outcome, Inactive),
}

#[test]
fn every_named_difference_is_refused() {
    let malformed = (Outcome::Malformed, Inactive::Malformed);
    let repeated = (Outcome::Malformed, Inactive::Ambiguous);
    let differences = [
        Difference {
            profile: Profile::frappe(),
            headers: &[("Authorization", "Basic YTp-_w==")],
            original: "drops the URL-safe characters and reads another credential, a:p",
            ours: malformed,
        },
        Difference {
            profile: Profile::frappe(),
            headers: &[("Authorization", "Basic YTpiYw==xyz")],
            original: "stops at the padding and reads a:bc",
            ours: malformed,
        },
        Difference {
            profile: Profile::frappe(),
            headers: &[("Authorization", "Basic YT*pi"), ("Cookie", "sid=x")],
            original: "skips the asterisk, reads a:b, and leaves the request to the session",
            ours: malformed,
        },
        Difference {
            profile: Profile::frappe(),
            headers: &[("Authorization", "token a:b"), ("Authorization", "c")],
            original: "joins them to the secret b,c",
            ours: repeated,
        },
        Difference {
            profile: Profile::frappe(),
            headers: &[("Cookie", "sid=%ff")],
            original: "puts a replacement character there, so that many ids are one",
            ours: malformed,
        },
        Difference {
            profile: Profile::frappe(),
            headers: &[("Cookie", "sid=x"), ("Cookie", "a=1")],
            original: "joins the lines and looks up x,a=1",
            ours: malformed,
        },
        Difference {
            profile: Profile::frontier(),
            headers: &[("Cookie", "sid=a; sid=b")],
            original: "takes the last that it can open",
            ours: repeated,
        },
        Difference {
            profile: Profile::frontier(),
            headers: &[("Authorization", "Basic /zpi")],
            original: "looks up bytes that are not text",
            ours: malformed,
        },
        Difference {
            profile: Profile::flipt(),
            headers: &[
                ("Authorization", "Bearer a"),
                ("Grpc-Metadata-Authorization", "Bearer b"),
            ],
            original: "takes either, from request to request",
            ours: repeated,
        },
    ];
    for Difference {
        profile,
        headers,
        original,
        ours,
    } in differences
    {
        let mut scratch = Scratch::new();
        let told = profile.explain(&Request::new(headers), &mut scratch);
        let got = (told.outcome(), told.inactive());
        assert_eq!(
            got,
            (ours.0, Some(ours.1)),
            "{headers:?}: the system {original}"
        );
    }
}

/// What is picked deterministically is picked as the system does it, but only in its profile.
#[test]
fn the_strict_profile_never_picks() {
    let strict = Profile::strict()
        .cookie("sid")
        .unwrap()
        .query("sid")
        .unwrap();
    let strict = strict.api_key_header("X-API-Key").unwrap();
    let repeated = (Outcome::Malformed, Some(Inactive::Ambiguous));
    let ambiguous = (Outcome::Ambiguous, Some(Inactive::Ambiguous));
    for (headers, query, want) in [
        (
            &[("authorization", PAT), ("Authorization", PAT)][..],
            "",
            repeated,
        ),
        (&[("cookie", "sid=a"), ("cookie", "sid=a")], "", repeated),
        (&[("cookie", "sid=a; sid=a")], "", repeated),
        (&[("x-api-key", "a"), ("x-api-key", "a")], "", repeated),
        (&[], "sid=Bearer%20a&sid=Bearer%20a", repeated),
        (
            &[("authorization", PAT), ("cookie", "sid=a")],
            "",
            ambiguous,
        ),
        (&[("authorization", PAT), ("x-api-key", "a")], "", ambiguous),
        (&[("cookie", "sid=a")], "sid=Bearer%20a", ambiguous),
        // A broken second credential does not make the first one the only one.
        (
            &[("authorization", PAT), ("cookie", "sid=\"")],
            "",
            ambiguous,
        ),
        (&[("authorization", PAT)], "sid=%", ambiguous),
    ] {
        let mut scratch = Scratch::new();
        let request = Request::new(headers).query(query);
        let told = strict.explain(&request, &mut scratch);
        assert_eq!(
            (told.outcome(), told.inactive()),
            want,
            "{headers:?} {query}"
        );
    }
}

/// Why a request is refused, if it is.
fn refused(profile: &Profile, headers: &[(&str, &str)], query: &str) -> Option<Inactive> {
    let request = Request::new(headers).query(query);
    let request = request.transport(Transport::WebSocket);
    profile.find(&request, &mut Scratch::new()).err()
}

#[test]
fn what_is_too_long_is_refused_unread() {
    // Frappe's server counts the name of the field and the end of the line.
    for (profile, bytes_max) in [(Profile::flipt(), 8192), (Profile::frappe(), 8190 - 17)] {
        for (bytes, want) in [
            (bytes_max, None),
            (bytes_max + 1, Some(Inactive::TooLarge(Oversize::Field))),
            (2 * bytes_max, Some(Inactive::TooLarge(Oversize::Field))),
        ] {
            let value = format!("Bearer {}", "a".repeat(bytes - 7));
            let headers = [("authorization", value.as_str())];
            assert_eq!(refused(&profile, &headers, ""), want, "{profile:?} {bytes}");
        }
    }
    for (profile, query) in [
        (Profile::frappe(), "sid=a&b="),
        (Profile::wispr(), "api_key=fl-a&b="),
    ] {
        for (bytes, want) in [
            (QUERY_BYTES_MAX, None),
            (
                QUERY_BYTES_MAX + 1,
                Some(Inactive::TooLarge(Oversize::Query)),
            ),
            (
                2 * QUERY_BYTES_MAX,
                Some(Inactive::TooLarge(Oversize::Query)),
            ),
        ] {
            let query = format!("{query}{}", "a".repeat(bytes - query.len()));
            assert_eq!(refused(&profile, &[], &query), want, "{profile:?} {bytes}");
        }
    }
}

#[test]
fn a_profile_without_cookies_reads_none_by_another_name_either() {
    let profile = Profile::flipt_jwt().cookie("sid").unwrap();
    let headers = [("cookie", "sid=a")];
    assert_eq!(refused(&profile, &headers, ""), Some(Inactive::Missing));
}

#[test]
fn a_personal_access_token_is_base64url_of_a_possible_length() {
    for (digits, want) in [
        (6, None),
        (8, None),
        (9, Some(Inactive::Malformed)),
        (11, None),
    ] {
        let value = format!("Bearer fpt_{}", "A".repeat(digits));
        let headers = [("authorization", value.as_str())];
        assert_eq!(
            refused(&Profile::frontier(), &headers, ""),
            want,
            "{digits}"
        );
    }
}

#[test]
fn a_client_key_has_both_of_its_claims() {
    // {"client_id":"a"}, {"token_id":"a"}
    for payload in ["eyJjbGllbnRfaWQiOiJhIn0", "eyJ0b2tlbl9pZCI6ImEifQ"] {
        let query = format!("client_key=Bearer%20e30.{payload}.c2ln");
        let refused = refused(&Profile::wispr(), &[], &query);
        assert_eq!(refused, Some(Inactive::FieldsMissing), "{payload}");
    }
}
