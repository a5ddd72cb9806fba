"""Calls `hallpass serve` with Google's gRPC, by the `.proto` that the server hands out."""

import json
import os
import sys

import grpc

given = json.loads(os.environ["HALLPASS_GIVEN"])
sys.path.insert(0, given["folder"])
messages, services = grpc.protos_and_services("whoami.proto")


def call(*metadata):
    with grpc.insecure_channel(given["target"]) as channel:
        stub = services.WhoamiStub(channel)
        return stub.Whoami(messages.WhoamiRequest(), metadata=metadata, timeout=20)


def refused(*metadata):
    try:
        call(*metadata)
    except grpc.RpcError as error:
        return error.code(), error.details()
    raise AssertionError(f"passed: {metadata}")


def bearer(token):
    return ("authorization", f"Bearer {token}")


who = call(bearer(given["good"]))
assert (who.client_id, who.kind, who.source) == ("organisation", "token", "metadata"), who
assert not who.HasField("expires_at") and list(who.scopes) == [] and len(who.token_id) == 11, who
unauthenticated = grpc.StatusCode.UNAUTHENTICATED
assert refused() == (unauthenticated, "authentication required")
assert refused(bearer(given["dead"])) == (unauthenticated, "token revoked")
assert refused(bearer("hp_x")) == (unauthenticated, "invalid token")
twice = refused(bearer(given["good"]), bearer(given["good"]))
assert twice[0] == grpc.StatusCode.INVALID_ARGUMENT, twice
