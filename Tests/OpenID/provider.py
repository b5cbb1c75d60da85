"""A provider of OpenID Connect: oidc-provider-mock, with PKCE (RFC 7636) by Authlib's functions, and with
faults on demand."""

import base64
import copy
import hmac
import json
import logging
import threading
import urllib.parse
import warnings

warnings.filterwarnings("ignore", category=DeprecationWarning)

import flask  # noqa: E402
import oidc_provider_mock  # noqa: E402
import oidc_provider_mock._app  # noqa: E402
import werkzeug.serving  # noqa: E402
from authlib import jose  # noqa: E402
from authlib.oauth2.rfc7636 import create_s256_code_challenge  # noqa: E402

logging.getLogger("oidc_provider_mock").setLevel(logging.ERROR)

JANE = oidc_provider_mock.User(
    sub="4711", claims={
        "email": "jane@acme.example", "email_verified": True, "preferred_username": "jane",
        "groups": ["staff", "platform"]})
JOHN = oidc_provider_mock.User(
    sub="4712", claims={
        "email": "john@acme.example", "email_verified": False, "preferred_username": "john",
        "groups": "visitors"})


class Quiet(werkzeug.serving.WSGIRequestHandler):
    """Logs no requests."""

    def log(self, *_):
        pass


# Authlib permits clients without a secret, and the provider does not ask it to.
oidc_provider_mock._app.AuthorizationCodeGrant.TOKEN_ENDPOINT_AUTH_METHODS = [
    "client_secret_basic", "client_secret_post", "none"]


class Provider:
    """Serves on a free port of 127.0.0.1 until it is closed."""

    def __init__(self, **options):
        app = oidc_provider_mock.app(user_claims=[JANE, JOHN], **options)
        app.debug = False
        self.challenges = {}
        self.requests = []
        # By path: changes the JSON of a response.
        self.tampers = {}
        # By path: replaces a response.
        self.replacements = {}
        app.before_request(self.before)
        app.after_request(self.after)
        # The provider has its storage in the context of requests only.
        with app.test_client() as client:
            client.get("/")
        self.requests.clear()
        oidc_provider_mock._app._JWS_ALG = "RS256"
        self.server = werkzeug.serving.make_server(
            "127.0.0.1", 0, app, threaded=True, request_handler=Quiet)
        self.issuer = f"http://127.0.0.1:{self.server.server_port}"
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()

    def close(self):
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()

    def count(self, path):
        return self.requests.count(path)

    # PKCE

    def before(self):
        request = flask.request
        self.storage = flask.g.oidc_provider_mock_storage
        self.requests.append(request.path)
        if request.path in self.replacements:
            return self.replacements[request.path]()
        if request.path == "/oauth2/authorize":
            challenge = request.args.get("code_challenge", "")
            if request.args.get("code_challenge_method") != "S256" or len(challenge) != 43:
                return {"error": "invalid_request"}, 400
        if request.path == "/oauth2/token":
            verifier = request.form.get("code_verifier", "")
            challenge = self.challenges.pop(request.form.get("code"), None)
            if challenge is None or challenge != create_s256_code_challenge(verifier):
                return {"error": "invalid_grant"}, 400
        return None

    def after(self, response):
        request = flask.request
        if request.path == "/oauth2/authorize" and "Location" in response.headers:
            query = urllib.parse.urlsplit(response.headers["Location"]).query
            code = urllib.parse.parse_qs(query).get("code")
            if code:
                self.challenges[code[0]] = request.args["code_challenge"]
        tamper = self.tampers.get(request.path)
        if tamper and response.is_json:
            response.set_data(json.dumps(tamper(copy.deepcopy(response.json))))
        return response

    # Keys and tokens

    def use_es256(self):
        """Signs with ES256 from now on. The provider itself knows RS256 only."""
        self.storage.jwk = jose.ECKey.generate_key("P-256", is_private=True)
        oidc_provider_mock._app._JWS_ALG = "ES256"

    def rotate(self):
        """Replaces the key."""
        self.storage.jwk = jose.RSAKey.generate_key(is_private=True)

    def sign(self, claims, key=None, **header):
        """A token with these claims, signed as the provider does."""
        key = key or self.storage.jwk
        header = {"alg": "RS256", "kid": key.as_dict(add_kid=True)["kid"]} | header
        return jose.JsonWebSignature(algorithms=[header["alg"]]).serialize_compact(
            header, json.dumps(claims).encode(), key).decode()

    def sign_with_public_key(self, claims):
        """A token whose HMAC has the public key as its secret, which everybody knows."""
        parts = ({"alg": "HS256"}, claims)
        signed = ".".join(encode(json.dumps(part).encode()) for part in parts)
        secret = self.storage.jwk.as_pem(is_private=False)
        return f"{signed}.{encode(hmac.digest(secret, signed.encode(), 'sha256'))}"

    def tamper_claims(self, change, **signing):
        """Signs ID tokens again after a change of their claims."""
        def tamper(answer):
            claims = payload(answer["id_token"])
            change(claims)
            answer["id_token"] = self.sign(claims, **signing)
            return answer
        self.tampers["/oauth2/token"] = tamper


def encode(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def payload(token):
    """The claims of a token, unchecked."""
    part = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
