//! gRPC: the interceptor and the layer read metadata and nothing else, and answer in gRPC's codes.

mod served;

use std::time::Duration;

use hallpass::credential::{Profile, Source};
use hallpass::web::{Bearer, Guard, Reason};
use hallpass::{Auth, ClientFault, Inactive, NewToken, Oversize, Store};
use served::{answer, field, request, store};
use tonic::metadata::MetadataValue;
use tonic::service::Interceptor;
use tonic::{Code, Request, Status};

fn token(store: &Store) -> String {
    let new = NewToken::new("amy").lifetime(Duration::from_secs(3600));
    store
        .issue(new.scopes(["read"]))
        .unwrap()
        .secret
        .expose()
        .to_owned()
}

#[test]
fn a_client_and_a_server_interceptor_understand_each_other() {
    let (_dir, store) = store();
    let text = token(&store);
    let mut client = Bearer::new(&text).unwrap();
    let mut server = Guard::new(store.validator(), Profile::strict());
    let sent = client.call(Request::new(())).unwrap();
    assert!(!format!("{client:?} {sent:?}").contains(&text));
    let received = server.call(sent).unwrap();
    let auth: &Auth = received.extensions().get().unwrap();
    assert_eq!(
        (auth.client_id(), auth.source()),
        ("amy", Some(Source::Metadata))
    );

    // Also of a client that did not mark it, the token is not printed behind the guard.
    let mut plain = Request::new(());
    let value = MetadataValue::try_from(format!("Bearer {text}")).unwrap();
    plain.metadata_mut().insert("authorization", value);
    assert!(format!("{plain:?}").contains(&text));
    let received = server.call(plain).unwrap();
    assert!(!format!("{received:?}").contains(&text));

    let mut scoped = server.clone().scope("write");
    let status = scoped
        .call(client.call(Request::new(())).unwrap())
        .unwrap_err();
    assert_eq!(status.code(), Code::PermissionDenied);
    for bad in ["", "a b", "a\nb", "\u{e9}", "a\0"] {
        assert!(Bearer::new(bad).is_err(), "{bad:?}");
    }
}

#[test]
fn only_one_credential_in_metadata_will_do() {
    let (_dir, store) = store();
    let text = token(&store);
    let profile = Profile::strict()
        .cookie("sid")
        .unwrap()
        .query("key")
        .unwrap();
    let mut guard = Guard::new(store.validator(), profile);
    let mut call = |fields: &[(&'static str, String)]| {
        let mut request = Request::new(());
        for (name, value) in fields {
            let value = MetadataValue::try_from(value.as_str()).unwrap();
            request.metadata_mut().append(*name, value);
        }
        guard
            .call(request)
            .map(drop)
            .map_err(|status| status.code())
    };
    let bearer = ("authorization", format!("Bearer {text}"));
    assert_eq!(call(std::slice::from_ref(&bearer)), Ok(()));
    let twice = call(&[bearer.clone(), bearer]);
    assert_eq!(twice, Err(Code::InvalidArgument));
    // A cookie is none of gRPC's.
    assert_eq!(
        call(&[("cookie", format!("sid={text}"))]),
        Err(Code::Unauthenticated)
    );
    assert_eq!(call(&[]), Err(Code::Unauthenticated));
    let giant = call(&[("authorization", format!("Bearer {}", "a".repeat(9000)))]);
    assert_eq!(giant, Err(Code::ResourceExhausted));
}

#[test]
fn an_optional_interceptor_passes_nobody_as_nobody() {
    let (_dir, store) = store();
    let mut guard = Guard::new(store.validator(), Profile::strict()).optional();
    let passed = guard.call(Request::new(())).unwrap();
    assert!(passed.extensions().get::<Auth>().is_none());
    let bad = Bearer::new("hp_x").unwrap().call(Request::new(())).unwrap();
    assert_eq!(guard.call(bad).unwrap_err().code(), Code::Unauthenticated);
}

#[test]
fn codes_are_grpcs_and_texts_are_the_public_ones() {
    let of = |reason: Reason| {
        let status = Status::from(reason);
        (status.code(), status.message().to_owned())
    };
    let cases = [
        (Inactive::Missing.into(), Code::Unauthenticated),
        (Inactive::Ambiguous.into(), Code::InvalidArgument),
        (
            Inactive::TooLarge(Oversize::Field).into(),
            Code::ResourceExhausted,
        ),
        (Inactive::Expired.into(), Code::Unauthenticated),
        (Inactive::InsufficientScope.into(), Code::PermissionDenied),
        (Inactive::Unavailable.into(), Code::Unavailable),
        (Inactive::Forked.into(), Code::Internal),
        (Reason::CrossSite, Code::PermissionDenied),
        (Reason::TooMany, Code::ResourceExhausted),
    ];
    for (reason, code) in cases {
        assert_eq!(of(reason), (code, reason.public().message.to_owned()));
    }
    for same in [
        Inactive::Signature,
        Inactive::ClientMismatch,
        Inactive::Format,
    ] {
        assert_eq!(of(same.into()), of(Inactive::NotFound.into()));
    }
    let client = |fault| of(Inactive::ClientUnauthenticated(fault).into());
    assert_eq!(client(ClientFault::Disabled), client(ClientFault::Unknown));
}

#[test]
fn the_layer_answers_grpc_in_grpc() {
    let (_dir, store) = store();
    let guard = Guard::new(store.validator(), Profile::strict());
    for (sent, answered) in [
        ("application/grpc", "application/grpc"),
        ("application/grpc+proto", "application/grpc"),
        ("application/grpc-web", "application/grpc-web+proto"),
        (
            "application/grpc-web-text+proto",
            "application/grpc-web-text+proto",
        ),
    ] {
        let response = answer(&guard, request("POST", "/a/b", &[("content-type", sent)]));
        assert_eq!(response.status(), 200);
        assert_eq!(field(&response, "content-type"), [answered]);
        assert_eq!(field(&response, "grpc-status"), ["16"]);
        assert_eq!(
            field(&response, "grpc-message"),
            ["authentication required"]
        );
        assert!(response.body().is_empty());
        let why = response.extensions().get::<Reason>();
        assert_eq!(why, Some(&Reason::Inactive(Inactive::Missing)));
    }
    let text = token(&store);
    let fields = [
        ("content-type", "application/grpc"),
        ("authorization", &format!("Bearer {text}")),
    ];
    let passed = answer(&guard, request("POST", "/a/b", &fields));
    assert_eq!(passed.body(), "amy by Some(Metadata)");
}
