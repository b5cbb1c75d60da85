"""What the tests of sign-in share: browsers, and a process that signs people in."""

import json
import os
import subprocess
import unittest
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

from provider import Provider

ROOT = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("AIPM_BINARY", ROOT / ".build" / "debug" / "aipm")).parent


class Still(urllib.request.HTTPRedirectHandler):
    """Redirects are results."""

    def redirect_request(self, *_):
        return None


def visit(url, form=None, headers=None):
    """Sends a request without following redirects; returns status, fields and body."""
    data = urllib.parse.urlencode(form).encode() if form is not None else None
    request = urllib.request.Request(url, data=data, headers=headers or {})
    opener = urllib.request.build_opener(Still, urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=30) as response:
            return response.status, response.headers, response.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.headers, error.read().decode()


def callback(url, subject="4711", action=None):
    """What a person does at the provider; returns the address that the provider then names."""
    form = {"sub": subject} | ({"action": action} if action else {})
    status, headers, body = visit(url, form)
    assert status == 302, (status, body)
    return headers["Location"]


def query_of(url):
    return urllib.parse.urlsplit(url).query


class SignIn:
    """`openid-sign-in`, which the Swift module does all the work of."""

    def __init__(self, issuer, *grants, name_claim="email", client="aipm", secret="s3cret"):
        environment = {name: value for name, value in os.environ.items() if name != "OPENID_SECRET"}
        if secret:
            environment["OPENID_SECRET"] = secret
        self.process = subprocess.Popen(
            [BUILD / "openid-sign-in", issuer, client, name_claim, *(grants or ["*=support"])],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment)

    def ask(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def begin(self):
        return self.ask("begin")

    def finish(self, begun, query):
        return self.ask(f"finish {begun['number']} {query}")

    def complete(self, subject="4711"):
        """A whole sign-in."""
        begun = self.begin()
        return self.finish(begun, query_of(callback(begun["url"], subject)))

    def close(self):
        self.process.stdin.close()
        assert self.process.wait(timeout=20) == 0
        self.process.stdout.close()


class SignInCase(unittest.TestCase):
    """A provider and a client of it for each test."""

    options = {}
    maxDiff = None

    def setUp(self):
        self.provider = Provider(**self.options)
        self.addCleanup(self.provider.close)

    def client(self, *arguments, **more):
        client = SignIn(self.provider.issuer, *arguments, **more)
        self.addCleanup(client.close)
        return client

    def assert_refused(self, answer, text, origin):
        self.assertIn(text, answer.get("fault", answer))
        self.assertEqual(answer["origin"], origin)
        for secret in ("s3cret", "eyJ"):
            self.assertNotIn(secret, answer["fault"])
