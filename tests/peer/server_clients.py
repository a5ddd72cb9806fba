"""Talks to `hallpass serve` as clients of the field do: `requests` as the documents of Flipt and
Frappe show it, Authlib for OAuth 2.0. What to talk to comes as JSON on standard input."""

import base64
import json
import sys

import requests
from authlib.integrations.requests_client import OAuth2Session

given = json.load(sys.stdin)
url, key = given["url"], given["api_key"]
organisation = {"Authorization": f"Bearer {key}"}


def manage(path, body):
    answer = requests.post(url + path, json=body, headers=organisation, timeout=20)
    assert answer.status_code == 200, (path, answer.status_code, answer.text)
    return answer.json()


# Wispr Flow: generate, use, revoke one, revoke all.
wispr = {"client_id": "client123", "duration_secs": 3600, "metadata": {"company": "Acme Corp"}}
tokens = [manage("/generate_access_token", wispr)["access_token"] for _ in range(2)]


def whoami(token):
    headers = {"Authorization": f"Bearer {token}"}
    return requests.get(url + "/whoami", headers=headers, timeout=20)


assert whoami(tokens[0]).json()["client_id"] == "client123"
manage("/revoke_token", {"access_token": tokens[0]})
assert whoami(tokens[0]).status_code == 401
assert whoami(tokens[1]).status_code == 200
manage("/revoke_client_tokens", {"client_id": "client123"})
assert whoami(tokens[1]).status_code == 401
assert whoami("").status_code in (400, 401)

# Flipt: the calls of its document, by header and by cookie.
made = manage("/auth/v1/method/token", {"name": "ci"})
token = made["clientToken"]
headers = {"Authorization": f"Bearer {token}"}
own = requests.get(url + "/auth/v1/self", headers=headers, timeout=20)
assert own.json()["id"] == made["authentication"]["id"], own.text
headers = {"Cookie": f"flipt_client_token={token}"}
assert requests.get(url + "/auth/v1/self", headers=headers, timeout=20).status_code == 200
# A cookie alone changes nothing: no page of this site asked.
expire = requests.put(url + "/auth/v1/self/expire", headers=headers, timeout=20)
assert expire.status_code == 403, expire.text

# Frappe: the calls of its document.
path = "/api/method/frappe.core.doctype.user.user.generate_keys"
pair = manage(path, {"user": "amy@example.com"})["message"]
api_key, api_secret = pair["api_key"], pair["api_secret"]
logged_user = url + "/api/method/frappe.auth.get_logged_user"
headers = {"Authorization": f"token {api_key}:{api_secret}"}
answer = requests.request("GET", logged_user, headers=headers, timeout=20)
assert answer.json()["message"] == "amy@example.com", answer.text
encoded = base64.b64encode(f"{api_key}:{api_secret}".encode()).decode()
headers = {"Authorization": f"Basic {encoded}"}
answer = requests.request("GET", logged_user, headers=headers, timeout=20)
assert answer.json()["message"] == "amy@example.com", answer.text
assert requests.get(logged_user, timeout=20).status_code == 403

# Frontier's service user as an OAuth client: Authlib gets a token, asks about it, and revokes it.
user = manage("/v1beta1/serviceusers", {"body": {"title": "Order Service"}})["serviceuser"]
secret = manage(f"/v1beta1/serviceusers/{user['id']}/secrets", {"title": "first"})["secret"]
for method in ["client_secret_basic", "client_secret_post"]:
    session = OAuth2Session(secret["id"], secret["secret"], token_endpoint_auth_method=method)
    token = session.fetch_token(url + "/oauth/token", grant_type="client_credentials")
    assert token["token_type"] == "Bearer" and token["expires_in"] == 3600
    assert session.get(url + "/whoami", timeout=20).json()["client_id"] == user["id"]
    about = session.introspect_token(url + "/oauth/introspect", token["access_token"])
    assert about.json()["active"] is True and about.json()["client_id"] == user["id"]
    gone = session.revoke_token(url + "/oauth/revoke", token["access_token"])
    assert gone.status_code == 200, gone.text
    about = session.introspect_token(url + "/oauth/introspect", token["access_token"])
    assert about.json() == {"active": False}, about.text

if given["jwt"]:
    import time
    import uuid

    import jwt

    token = manage("/generate_access_token", wispr)["access_token"]
    keys = jwt.PyJWKClient(url + "/.well-known/jwks.json")
    public = keys.get_signing_key_from_jwt(token)
    claims = jwt.decode(token, public, algorithms=["EdDSA"])
    assert claims["client_id"] == "client123" and claims["metadata"]["company"] == "Acme Corp"

    made = manage(f"/v1beta1/serviceusers/{user['id']}/keys", {"title": "laptop"})["key"]
    # What was signed in the second in which a server started may have been taken before it did; and
    # its clock, which is read at the kernel's tick, may be a little behind.
    time.sleep(2)
    now = int(time.time()) - 1
    assertion = jwt.encode(
        {
            "iss": user["id"],
            "sub": user["id"],
            "aud": given["public_url"] + "/oauth/token",
            "iat": now,
            "exp": now + 60,
            "jti": str(uuid.uuid4()),
        },
        made["private_key"],
        algorithm="ES256",
        headers={"kid": made["kid"]},
    )
    form = {
        "grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer",
        "assertion": assertion,
    }
    granted = requests.post(url + "/oauth/token", data=form, timeout=20)
    assert granted.status_code == 200, granted.text
    assert whoami(granted.json()["access_token"]).json()["client_id"] == user["id"]
    assert requests.post(url + "/oauth/token", data=form, timeout=20).status_code == 400

print("talked")
