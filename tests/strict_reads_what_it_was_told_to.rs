//! The strict profile looks where it was told to, in the order it was told, within its limits.

use hallpass::credential::{
    COOKIE_BYTES_MAX, CREDENTIAL_BYTES_MAX, Credential, Headers, NotAName, Profile,
    QUERY_BYTES_MAX, Request, Scheme, Scratch, Source, Transport,
};
use hallpass::{Inactive, Oversize};

/// What was found, as text, with where and how it stood.
fn read<H: Headers>(
    profile: &Profile,
    request: Request<'_, H>,
) -> Result<(String, Scheme, Source), Inactive> {
    let mut scratch = Scratch::new();
    let found = profile.find(&request, &mut scratch)?;
    let text = match found {
        Credential::Token { text, .. } => String::from_utf8_lossy(text).into_owned(),
        Credential::Pair { id, secret, .. } => {
            String::from_utf8([id, b" ", secret].concat()).expect("a pair is UTF-8")
        }
        _ => String::new(),
    };
    Ok((text, found.scheme(), found.source()))
}

fn named() -> Result<Profile, NotAName> {
    Profile::strict()
        .cookie("sid")?
        .query("key")?
        .api_key_header("X-API-Key")?
        .scheme("DPoP")
}

#[test]
fn every_place_is_read() -> Result<(), NotAName> {
    let profile = named()?.subprotocol(true);
    assert!(profile.cookies().eq(["sid"]) && profile.api_key_headers().eq(["x-api-key"]));
    let none: [(&str, &str); 0] = [];
    let ok = |text: &str, scheme, source| Ok((text.to_owned(), scheme, source));
    let field = |name, value| [(name, value)];
    let bearer = field("authorization", "Bearer a");
    assert_eq!(
        read(&profile, Request::new(&bearer)),
        ok("a", Scheme::Bearer, Source::Header)
    );
    let grpc = Request::new(&bearer).transport(Transport::Grpc);
    assert_eq!(
        read(&profile, grpc),
        ok("a", Scheme::Bearer, Source::Metadata)
    );
    let extra = field("authorization", "dpop a");
    assert_eq!(
        read(&profile, Request::new(&extra)),
        ok("a", Scheme::Extra(0), Source::Header)
    );
    let pair = field("authorization", "token a:b");
    assert_eq!(
        read(&profile, Request::new(&pair)),
        ok("a b", Scheme::Token, Source::Header)
    );
    let key = field("x-api-key", " a ");
    assert_eq!(
        read(&profile, Request::new(&key)),
        ok("a", Scheme::Bare, Source::Header)
    );
    let cookie = field("cookie", "a=b; sid=a");
    assert_eq!(
        read(&profile, Request::new(&cookie)),
        ok("a", Scheme::Bare, Source::Cookie)
    );
    let query = Request::new(&none).query("key=Bearer%20a");
    assert_eq!(
        read(&profile, query),
        ok("a", Scheme::Bearer, Source::Query)
    );
    let bare = Request::new(&none).query("key=a");
    assert_eq!(read(&profile, bare), Err(Inactive::Malformed));
    assert_eq!(
        read(&profile.clone().query_bare(true), bare),
        ok("a", Scheme::Bare, Source::Query)
    );
    let offer = field("sec-websocket-protocol", "bearer, a");
    let socket = Request::new(&offer).transport(Transport::WebSocket);
    assert_eq!(
        read(&profile, socket),
        ok("a", Scheme::Bearer, Source::Subprotocol)
    );
    assert_eq!(read(&profile, Request::new(&offer)), Err(Inactive::Missing));
    Ok(())
}

/// RFC 9110 section 11.4 has `1*SP` behind a scheme, and section 5.5 blanks around a field. Who reads a
/// field the short way, when nothing is to be passed over, must not see these.
#[test]
fn blanks_that_are_not_needed_are_passed_over() -> Result<(), NotAName> {
    let profile = named()?;
    for scheme in ["Bearer", "JWT", "Basic", "token", "DPoP"] {
        let credential = if scheme == "token" { "a:b" } else { "YTpi" };
        let field = |value: String| {
            let fields = [("authorization", value)];
            let found = read(&profile, Request::new(&fields));
            let mut scratch = Scratch::new();
            let explained = profile.explain(&Request::new(&fields), &mut scratch);
            assert_eq!(found.is_ok(), explained.credential().is_some(), "{scheme}");
            found
        };
        let usual = field(format!("{scheme} {credential}"));
        assert!(usual.is_ok(), "{scheme}");
        for (between, before, after) in [
            ("  ", "", ""),
            ("   ", " ", "\t"),
            (" ", "\t", " "),
            (" ", "", "\t"),
        ] {
            let blank = field(format!("{before}{scheme}{between}{credential}{after}"));
            assert_eq!(blank, usual, "{scheme}{between:?}{before:?}{after:?}");
        }
        let tab = field(format!("{scheme} \t{credential}"));
        assert_eq!(tab, Err(Inactive::Malformed), "{scheme}");
    }
    Ok(())
}

#[test]
fn a_place_alone_is_read_and_never_picked() -> Result<(), NotAName> {
    let strict = Profile::strict;
    for profile in [
        strict().cookie("sid")?,
        strict().query("key")?,
        strict().api_key_header("X-API-Key")?,
        strict().subprotocol(true),
    ] {
        let mut headers = vec![
            ("cookie", "sid=a"),
            ("x-api-key", "a"),
            ("sec-websocket-protocol", "bearer, a"),
        ];
        let of = |headers: &Vec<_>| {
            let request = Request::new(headers).query("key=Bearer%20a");
            read(&profile, request.transport(Transport::WebSocket)).map(|(text, ..)| text)
        };
        assert_eq!(of(&headers).as_deref(), Ok("a"), "{profile:?}");
        headers.push(("authorization", "Bearer b"));
        assert_eq!(of(&headers), Err(Inactive::Ambiguous), "{profile:?}");
    }
    Ok(())
}

#[test]
fn nothing_else_is_read() {
    let headers = [
        ("cookie", "sid=a"),
        ("x-api-key", "a"),
        ("x-user-token", "a"),
    ];
    let request = Request::new(&headers).query("key=Bearer%20a");
    assert_eq!(read(&Profile::strict(), request), Err(Inactive::Missing));
}

#[test]
fn a_name_that_others_read_as_ours_is_no_name_of_another() -> Result<(), NotAName> {
    let profile = named()?;
    let of = |line: &str| read(&profile, Request::new(&[("cookie", line)])).map(|found| found.0);
    // En quad, next line, no-break space: what `strip` and `trim` cut by Unicode's rules.
    for space in ["\u{2000}", "\u{85}", "\u{a0} \u{a0}"] {
        for name in [format!("{space}sid"), format!("sid{space}")] {
            let twice = of(&format!("sid=a; {name}=b"));
            assert_eq!(twice, Err(Inactive::Ambiguous));
            assert_eq!(of(&format!("{name}=b")), Err(Inactive::Malformed));
        }
        assert_eq!(of(&format!("sid=a; {space}sidx=b")), Ok("a".to_owned()));
    }
    assert_eq!(of("sid=a; b=\u{e9}"), Ok("a".to_owned()));
    Ok(())
}

#[test]
fn grpc_has_neither_cookies_nor_a_query() -> Result<(), NotAName> {
    let headers = [("cookie", "sid=a")];
    let request = Request::new(&headers)
        .query("key=Bearer%20a")
        .transport(Transport::Grpc);
    assert_eq!(read(&named()?, request), Err(Inactive::Missing));
    Ok(())
}

#[test]
fn the_order_decides_between_places() -> Result<(), NotAName> {
    let headers = [("cookie", "sid=c"), ("authorization", "Bearer h")];
    let both = Request::new(&headers).query("key=Bearer%20q");
    let with = |order: &[Source]| named().map(|profile| profile.prefer(order));
    let text = |read: Result<(String, _, _), Inactive>| read.map(|(text, ..)| text);
    assert_eq!(text(read(&named()?, both)), Err(Inactive::Ambiguous));
    for (order, want) in [
        (&[Source::Header, Source::Cookie][..], "h"),
        (&[Source::Cookie, Source::Header], "c"),
        (&[Source::Metadata, Source::Query], "q"),
    ] {
        assert_eq!(text(read(&with(order)?, both)).as_deref(), Ok(want));
    }
    assert_eq!(
        text(read(&with(&[Source::Subprotocol])?, both)),
        Err(Inactive::Missing)
    );
    // Metadata is what header fields are called in gRPC, and only there.
    for (source, transport, want) in [
        (Source::Header, Transport::Http, Ok("h")),
        (Source::Header, Transport::Grpc, Err(Inactive::Missing)),
        (Source::Metadata, Transport::Grpc, Ok("h")),
        (Source::Cookie, Transport::Http, Err(Inactive::Missing)),
    ] {
        let profile = Profile::strict().prefer(&[source]);
        let found = text(read(&profile, both.transport(transport)));
        assert_eq!(found.as_deref().map_err(|no| *no), want, "{source:?}");
    }
    // The preferred one is read though it is broken: it is not skipped for another.
    let headers = [("cookie", "sid=c"), ("authorization", "Bearer")];
    let broken = read(
        &with(&[Source::Header, Source::Cookie])?,
        Request::new(&headers),
    );
    assert_eq!(text(broken), Err(Inactive::Malformed));
    Ok(())
}

#[test]
fn limits_are_exact() -> Result<(), NotAName> {
    let all = [CREDENTIAL_BYTES_MAX, COOKIE_BYTES_MAX, QUERY_BYTES_MAX];
    assert_eq!(all, [8192, 16384, 8192]);
    let profile = named()?;
    let too_large = Err(Inactive::TooLarge(Oversize::Field));
    let of = |name: &str, value: &str| {
        read(&profile, Request::new(&[(name, value)])).map(|(text, ..)| text.len())
    };
    let bearer = |n: usize| format!("Bearer {}", "a".repeat(n - 7));
    assert_eq!(
        of("authorization", &bearer(CREDENTIAL_BYTES_MAX)),
        Ok(CREDENTIAL_BYTES_MAX - 7)
    );
    assert_eq!(
        of("authorization", &bearer(CREDENTIAL_BYTES_MAX + 1)),
        too_large
    );
    assert!(of("x-api-key", &"a".repeat(CREDENTIAL_BYTES_MAX)).is_ok());
    assert_eq!(
        of("x-api-key", &"a".repeat(CREDENTIAL_BYTES_MAX + 1)),
        too_large
    );
    let cookie = |n: usize| format!("sid=a; b={}", "a".repeat(n - 9));
    assert_eq!(of("cookie", &cookie(COOKIE_BYTES_MAX)), Ok(1));
    assert_eq!(of("cookie", &cookie(COOKIE_BYTES_MAX + 1)), too_large);
    assert_eq!(
        of(
            "cookie",
            &format!("sid={}", "a".repeat(CREDENTIAL_BYTES_MAX + 1))
        ),
        too_large
    );
    assert_eq!(of("cookie", &format!("sid=a{}", "; b=c".repeat(63))), Ok(1));
    assert_eq!(
        of("cookie", &format!("sid=a{}", "; b=c".repeat(64))),
        too_large
    );
    let pair = |n: usize| format!("token a:{}", "b".repeat(n - 8));
    assert!(of("authorization", &pair(CREDENTIAL_BYTES_MAX)).is_ok());
    assert_eq!(
        of("authorization", &pair(CREDENTIAL_BYTES_MAX + 1)),
        too_large
    );
    for (n, want) in [
        (CREDENTIAL_BYTES_MAX, Ok(1)),
        (CREDENTIAL_BYTES_MAX + 1, too_large),
        (2 * CREDENTIAL_BYTES_MAX, too_large),
    ] {
        let list = format!("bearer, a, {}", "b".repeat(n - 11));
        let headers = [("sec-websocket-protocol", list)];
        let request = Request::new(&headers).transport(Transport::WebSocket);
        let profile = Profile::strict().subprotocol(true);
        assert_eq!(read(&profile, request).map(|(text, ..)| text.len()), want);
    }
    // A query that nobody asked for is not looked at.
    let headers = [("cookie", "sid=a")];
    let query = " ".repeat(QUERY_BYTES_MAX + 1);
    let cookie = Profile::strict().cookie("sid")?;
    assert!(read(&cookie, Request::new(&headers).query(&query)).is_ok());
    let none: [(&str, &str); 0] = [];
    for (n, want) in [(0, Ok(1)), (1, Err(Inactive::TooLarge(Oversize::Query)))] {
        let query = format!("key=Bearer%20a&b={}", "a".repeat(QUERY_BYTES_MAX - 17 + n));
        let got = read(&profile, Request::new(&none).query(&query));
        assert_eq!(got.map(|(text, ..)| text.len()), want);
    }
    Ok(())
}

#[test]
fn a_bare_plus_in_our_parameter_is_refused() -> Result<(), NotAName> {
    let none: [(&str, &str); 0] = [];
    let of = |query: &str| {
        read(&named()?, Request::new(&none).query(query))
            .map_err(|_| NotAName)
            .map(|(text, ..)| text)
    };
    assert_eq!(of("key=Bearer%20a+b"), Err(NotAName));
    assert_eq!(of("key=Bearer+a"), Err(NotAName));
    assert_eq!(of("a=b+c&key=Bearer%20a%2Bb").as_deref(), Ok("a+b"));
    Ok(())
}

#[test]
fn names_are_names() {
    for bad in [
        "", "a b", "a=b", "a;b", "a\r\nb", "\u{e9}", "a%20b", "a:b", "\"a\"",
    ] {
        assert!(Profile::strict().cookie(bad).is_err(), "{bad:?}");
        assert!(Profile::strict().query(bad).is_err(), "{bad:?}");
        assert!(Profile::strict().api_key_header(bad).is_err(), "{bad:?}");
        assert!(Profile::strict().scheme(bad).is_err(), "{bad:?}");
    }
}

#[test]
fn debug_does_not_leak_what_was_found() {
    let headers = [("authorization", "Bearer hunter2")];
    let profile = Profile::strict();
    let mut scratch = Scratch::new();
    let request = Request::new(&headers);
    let told = profile.explain(&request, &mut scratch);
    let printed = format!("{told:?} {:?} {request:?}", told.credential());
    assert!(told.token().as_deref() == Some("hunter2") && !printed.contains("hunter2"));
    for name in ["Explanation {", "Some(Token {", "Request {"] {
        assert!(printed.contains(name), "{printed}");
    }
}
