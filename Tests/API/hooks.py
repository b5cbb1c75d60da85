"""What schemathesis cannot know: what exists on the server under test. No check is changed."""

import hashlib
import hmac
import itertools

import schemathesis
from requests.auth import AuthBase
from schemathesis.core.parameters import ParameterLocation

from support import NAME, OWNER, SECRET

keys = itertools.count(1)


class Signature(AuthBase):
    """Signs the body as the forge does."""

    def __call__(self, request):
        code = hmac.new(SECRET.encode(), request.body or b"", hashlib.sha256).hexdigest()
        request.headers["X-Hub-Signature-256"] = "sha256=" + code
        return request


def is_valid(case, location):
    return case.meta is not None and not case.meta.is_negative_at(location)


@schemathesis.hook
def before_call(context, case, kwargs):
    """A valid request names what there is, has a key of its own, and a signature that is right.

    What the description says of others (502 for a repository that does not exist, 422 for a key of
    another body, 401 for a wrong signature) has tests of its own.
    """
    path = case.operation.path
    if path == "/api/personal-delegate" and is_valid(case, ParameterLocation.BODY):
        case.body["owner"], case.body["repo"] = OWNER, NAME
        if case.body.get("baseBranch") is not None:
            case.body["baseBranch"] = "main"
    if is_valid(case, ParameterLocation.HEADER):
        for name in [name for name in case.headers or {} if name.lower() == "idempotency-key"]:
            case.headers[name] = f"key-{next(keys)}"
        if path == "/webhooks/github":
            kwargs["auth"] = Signature()
