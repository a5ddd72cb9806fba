//! A client that has not proven possession can't tell one refusal from another: status, every header
//! field and the body are the same bytes. The log can, from the response's extensions.

use hallpass::web::{Form, Manner, Reason, Refusal};
use hallpass::{ClientFault, Inactive, Oversize};
use http::Response;

/// Everything of a response that reaches a client.
fn bytes(why: Inactive, manner: &Manner) -> String {
    let response: Response<String> = Refusal::from(why).respond(manner);
    let mut fields: Vec<_> = response.headers().iter().collect();
    fields.sort_by_key(|(name, _)| name.as_str());
    format!("{} {fields:?} {}", response.status(), response.body())
}

fn manners() -> Vec<Manner> {
    [Form::OAuth, Form::Problem, Form::Wispr]
        .into_iter()
        .flat_map(|form| {
            let manner = Manner::new().form(form).realm("api");
            [
                manner.clone(),
                manner.resource_metadata("https://a/b").challenge_basic(),
            ]
        })
        .collect()
}

const UNPROVEN: [Inactive; 10] = [
    Inactive::Format,
    Inactive::FieldsMissing,
    Inactive::Signature,
    Inactive::Algorithm,
    Inactive::UnknownKey,
    Inactive::NotFound,
    Inactive::ClientMismatch,
    Inactive::Audience,
    Inactive::Issuer,
    Inactive::Kind,
];

const CLIENTS: [Inactive; 5] = [
    Inactive::ClientUnauthenticated(ClientFault::Unknown),
    Inactive::ClientUnauthenticated(ClientFault::Revoked),
    Inactive::ClientUnauthenticated(ClientFault::Expired),
    Inactive::ClientUnauthenticated(ClientFault::NotYetValid),
    Inactive::ClientUnauthenticated(ClientFault::Disabled),
];

#[test]
fn members_of_a_class_are_byte_identical() {
    for manner in manners() {
        for class in [&UNPROVEN[..], &CLIENTS] {
            for why in class {
                assert_eq!(bytes(*why, &manner), bytes(class[0], &manner), "{why:?}");
            }
        }
        let pairs = [
            (Inactive::Revoked, Inactive::ClientDisabled),
            (Inactive::Expired, Inactive::ExpiredSignature),
        ];
        for (one, other) in pairs {
            assert_eq!(bytes(one, &manner), bytes(other, &manner));
        }
        // What may be told is told.
        assert_ne!(
            bytes(Inactive::Revoked, &manner),
            bytes(Inactive::Expired, &manner)
        );
    }
}

#[test]
fn the_log_gets_the_reason() {
    for why in UNPROVEN.into_iter().chain(CLIENTS) {
        let response: Response<String> = Refusal::from(why).respond(&Manner::new());
        let reason = response.extensions().get::<Reason>();
        assert_eq!(reason, Some(&Reason::Inactive(why)));
    }
}

#[test]
fn statuses_are_told_apart_and_said_in_full() {
    let of = |refusal: Refusal| -> Response<String> {
        refusal.respond(&Manner::new().realm("a\"b").retry_after_secs(7))
    };
    let field = |response: &Response<String>, name: &str| {
        let values: Vec<_> = response.headers().get_all(name).iter().collect();
        values
            .iter()
            .map(|value| value.to_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    let cases = [
        (Refusal::from(Inactive::Missing), 401, true, false),
        (Refusal::from(Inactive::Expired), 401, true, false),
        (Refusal::from(Inactive::Ambiguous), 400, true, false),
        (Refusal::needs_scope("write"), 403, true, false),
        (Refusal::new(Reason::CrossSite), 403, false, false),
        (Refusal::new(Reason::TooMany), 429, false, true),
        (
            Inactive::TooLarge(Oversize::Field).into(),
            431,
            false,
            false,
        ),
        (
            Inactive::TooLarge(Oversize::Query).into(),
            400,
            false,
            false,
        ),
        (Refusal::from(Inactive::Unavailable), 503, false, true),
        (Refusal::from(Inactive::Forked), 500, false, false),
        (Refusal::new(Reason::Unguarded), 500, false, false),
    ];
    for (refusal, status, challenged, retry) in cases {
        let reason = refusal.reason();
        let response = of(refusal);
        assert_eq!(response.status(), status, "{reason}");
        assert_eq!(field(&response, "cache-control"), ["no-store"]);
        assert_eq!(
            field(&response, "www-authenticate").len() == 1,
            challenged,
            "{reason}"
        );
        assert_eq!(field(&response, "retry-after") == ["7"], retry, "{reason}");
    }
    let later = of(Refusal::new(Reason::TooMany).retry_after_secs(60));
    assert_eq!(field(&later, "retry-after"), ["60"]);
    let scope = of(Refusal::needs_scope("write"));
    assert_eq!(
        field(&scope, "www-authenticate"),
        [r#"Bearer realm="a\"b", error="insufficient_scope", scope="write""#]
    );
}

#[test]
fn each_scheme_has_a_line_of_its_own() {
    let manner = Manner::new()
        .realm("r")
        .challenge_basic()
        .resource_metadata("https://a.example/.well-known/oauth-protected-resource");
    let response: Response<String> = Refusal::from(Inactive::Missing).respond(&manner);
    let lines: Vec<_> = response
        .headers()
        .get_all("www-authenticate")
        .iter()
        .collect();
    assert_eq!(
        lines,
        [
            "Bearer realm=\"r\", \
             resource_metadata=\"https://a.example/.well-known/oauth-protected-resource\"",
            "Basic realm=\"r\", charset=\"UTF-8\"",
        ]
    );
}

#[test]
fn bodies_are_json_of_the_chosen_form() {
    let body = |why: Inactive, form: Form| -> serde_json::Value {
        let response: Response<String> = Refusal::from(why).respond(&Manner::new().form(form));
        let kind = &response.headers()["content-type"];
        assert_eq!(kind == "application/problem+json", form == Form::Problem);
        serde_json::from_str(response.body()).unwrap()
    };
    let json = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
    assert_eq!(
        body(Inactive::Expired, Form::OAuth),
        json(
            r#"{"error":"invalid_token","error_description":"token expired","code":"token.expired"}"#
        )
    );
    // RFC 6750 section 3.1: no error code where nothing was shown.
    assert_eq!(
        body(Inactive::Missing, Form::OAuth),
        json(r#"{"error_description":"authentication required","code":"credential.missing"}"#)
    );
    assert_eq!(
        body(Inactive::InsufficientScope, Form::Problem),
        json(
            r#"{"type":"about:blank","title":"Forbidden","status":403,
                "detail":"insufficient scope","code":"scope.insufficient"}"#
        )
    );
    let detail = |why, form| body(why, form)["detail"].as_str().unwrap().to_owned();
    assert_eq!(detail(Inactive::Expired, Form::Wispr), "Token has expired");
    assert_eq!(
        detail(Inactive::NotFound, Form::Wispr),
        "Invalid token format"
    );
    assert_eq!(
        detail(Inactive::NotFound, Form::WisprVerbatim),
        "Invalid token, token not found in database"
    );
}
