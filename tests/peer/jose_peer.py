"""The other party: joserfc verifies what we sign and signs what we verify.

Reads {"signed": [{"jwk", "token"}], "now"} and writes {"read": [{"header", "claims", "kid"}],
"written": [{"alg", "jwk", "token", "kid"}]}. `kid` is the thumbprint as joserfc computes it.
"""

import json
import sys
import warnings

from joserfc import jwk, jwt

# RFC 9864 renames EdDSA; the name in tokens is still the old one.
warnings.simplefilter("ignore")

ALGORITHMS = {
    "HS256": ("oct", 256), "HS384": ("oct", 384), "HS512": ("oct", 512),
    "RS256": ("RSA", 2048), "RS384": ("RSA", 2048), "RS512": ("RSA", 3072),
    "PS256": ("RSA", 2048), "PS384": ("RSA", 2048), "PS512": ("RSA", 4096),
    "ES256": ("EC", "P-256"), "ES384": ("EC", "P-384"), "EdDSA": ("OKP", "Ed25519"),
}


def read(item):
    key = jwk.import_key(item["jwk"])
    token = jwt.decode(item["token"], key, algorithms=[item["jwk"]["alg"]])
    return {"header": token.header, "claims": token.claims, "kid": key.thumbprint()}


def write(alg, now):
    kind, size = ALGORITHMS[alg]
    key = jwk.generate_key(kind, size, private=True)
    header = {"alg": alg, "typ": "at+jwt", "kid": key.thumbprint()}
    claims = {"jti": "j", "client_id": "c", "aud": ["api", "other"], "exp": now + 60, "name": "é\u0000"}
    token = jwt.encode(header, claims, key, algorithms=[alg])
    public = key.as_dict(private=kind == "oct")
    return {"alg": alg, "jwk": public, "token": token, "kid": key.thumbprint()}


request = json.load(sys.stdin)
json.dump({
    "read": [read(item) for item in request["signed"]],
    "written": [write(alg, request["now"]) for alg in ALGORITHMS],
}, sys.stdout)
