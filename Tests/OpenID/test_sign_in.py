"""Sign-in with a provider that others wrote."""

import json
import time
import urllib.parse
import urllib.request

import flask
from authlib import jose
from provider import Provider, payload
from support import SignInCase, callback, query_of


class SignInTests(SignInCase):
    def test_a_person_signs_in(self):
        person = self.client("visitors=support", "platform=submit:acme/*,docs/*").complete()
        self.assertEqual(person, {
            "name": "jane@acme.example", "subject": "4711", "groups": ["staff", "platform"],
            "roles": ["submit"], "repositories": ["acme/*", "docs/*"]})
        self.assertEqual(self.provider.count("/.well-known/openid-configuration"), 1)

    def test_the_request_has_what_the_standards_require(self):
        client = self.client()
        one, two = (
            urllib.parse.parse_qs(query_of(client.begin()["url"]), strict_parsing=True)
            for _ in range(2))
        self.assertEqual(one["response_type"], ["code"])
        self.assertEqual(one["scope"], ["openid email profile"])
        self.assertEqual(one["code_challenge_method"], ["S256"])
        for name in ("state", "nonce", "code_challenge"):
            self.assertEqual(len(one[name][0]), 43)
            self.assertNotEqual(one[name], two[name])

    def test_other_names(self):
        client = self.client(name_claim="preferred_username")
        self.assertEqual(client.complete()["name"], "@jane")
        self.assert_refused(
            self.client().complete("4712"), "not verified your email address", "provider")
        self.assert_refused(
            self.client(name_claim="nickname").complete(), "has no nickname", "provider")

    def test_nobody_without_a_group(self):
        client = self.client("visitors=support", name_claim="sub")
        self.assertEqual(client.complete("4712")["name"], "@4712")
        self.assert_refused(client.complete(), "none of your groups may use AIPM", "person")

    def test_the_person_or_the_provider_declines(self):
        client = self.client()
        begun = client.begin()
        state = urllib.parse.parse_qs(query_of(begun["url"]))["state"][0]
        denied = query_of(callback(begun["url"], action="deny"))
        # The provider leaves the state out, which RFC 6749 requires; without it nothing is believed.
        self.assert_refused(client.finish(begun, denied), "not the sign-in that began", "request")
        self.assert_refused(client.finish(begun, f"{denied}&state={state}"), "did not let you in", "person")
        self.assert_refused(
            client.finish(begun, f"error=server_error&error_description=a%1bb&state={state}"),
            "server_error (a?b)", "provider")

    def test_callbacks_of_others(self):
        client = self.client()
        begun, other = client.begin(), client.begin()
        query = query_of(callback(begun["url"]))
        foreign = query_of(callback(other["url"]))
        state = urllib.parse.parse_qs(query)["state"][0]
        code = urllib.parse.parse_qs(foreign)["code"][0]
        self.assert_refused(client.finish(begun, foreign), "not the sign-in that began", "request")
        self.assert_refused(client.finish(begun, ""), "not the sign-in that began", "request")
        self.assert_refused(client.finish(begun, f"state={state}"), "sent no code", "request")
        self.assert_refused(client.finish(begun, f"{query}&state={state}"), "damaged", "request")
        self.assert_refused(
            client.finish(begun, f"{query}&iss=https%3A%2F%2Fevil.example"), "another provider", "request")
        # A code that was injected does not fit this sign-in's verifier.
        self.assert_refused(
            client.finish(begun, f"state={state}&code={code}"), "does not accept the code", "request")
        self.assertEqual(client.finish(begun, query)["subject"], "4711")
        # Once.
        self.assert_refused(client.finish(begun, query), "does not accept the code", "request")

    def test_a_sign_in_ends_after_ten_minutes(self):
        client = self.client()
        begun = client.begin()
        query = query_of(callback(begun["url"]))
        client.ask("forward 600")
        self.assert_refused(client.finish(begun, query), "more than 10 minutes", "request")

    def test_keys_are_fetched_when_they_change(self):
        client = self.client()
        self.provider.tamper_claims(lambda claims: None)
        self.assertIn("name", client.complete())
        self.assertIn("name", client.complete())
        self.assertEqual(self.provider.count("/jwks"), 1)
        client.ask("forward 10")
        self.provider.rotate()
        self.assertIn("name", client.complete())
        self.assertEqual(self.provider.count("/jwks"), 2)
        # Not again at once, whatever keys tokens name.
        self.provider.rotate()
        for _ in range(3):
            self.assert_refused(client.complete(), "does not publish the key", "provider")
        self.assertEqual(self.provider.count("/jwks"), 2)
        client.ask("forward 10")
        self.assertIn("name", client.complete())
        self.assertEqual(self.provider.count("/jwks"), 3)
        # Keys that the provider withdrew are forgotten after an hour.
        client.ask("forward 3700")
        self.assertEqual(self.provider.count("/.well-known/openid-configuration"), 1)
        self.assert_refused(client.complete(), "expired", "provider")
        self.assertEqual(self.provider.count("/.well-known/openid-configuration"), 2)
        self.assertEqual(self.provider.count("/jwks"), 4)

    def test_tokens_that_are_wrong(self):
        client = self.client()
        now = int(time.time())
        foreign = jose.RSAKey.generate_key(is_private=True)
        cases = [
            (lambda claims: claims.update(iss="https://other.example"), "claim iss"),
            (lambda claims: claims.update(aud="other"), "claim aud"),
            (lambda claims: claims.update(aud=["aipm", "other"]), "claim azp"),
            (lambda claims: claims.update(exp=now - 61), "expired"),
            (lambda claims: claims.update(iat=now + 90), "from the future"),
            (lambda claims: claims.update(nbf=now + 90), "from the future"),
            (lambda claims: claims.update(nonce="other"), "claim nonce"),
            (lambda claims: claims.pop("nonce"), "claim nonce"),
            (lambda claims: claims.pop("sub"), "claim sub"),
        ]
        self.assertIn("name", client.complete())
        for change, text in cases:
            self.provider.tamper_claims(change)
            self.assert_refused(client.complete(), text, "provider")
        self.provider.tamper_claims(lambda claims: None)
        self.assertIn("name", client.complete())
        kid = self.provider.storage.jwk.as_dict(add_kid=True)["kid"]
        self.provider.tamper_claims(lambda claims: None, key=foreign, kid=kid)
        self.assert_refused(client.complete(), "signature is wrong", "provider")
        # The public key, which everybody knows, as the secret of an HMAC; and no signature at all.
        self.provider.tampers["/oauth2/token"] = lambda answer: answer | {
            "id_token": self.provider.sign_with_public_key(payload(answer["id_token"]))}
        self.assert_refused(client.complete(), "another algorithm", "provider")
        self.provider.tamper_claims(lambda claims: None, alg="PS256")
        self.assert_refused(client.complete(), "another algorithm", "provider")

        def unsigned(answer):
            body = answer["id_token"].split(".")[1]
            return answer | {"id_token": f"eyJhbGciOiJub25lIn0.{body}."}
        self.provider.tampers["/oauth2/token"] = unsigned
        self.assert_refused(client.complete(), "another algorithm", "provider")
        self.provider.tampers["/oauth2/token"] = lambda answer: answer | {"id_token": 1}
        self.assert_refused(client.complete(), "no ID token", "provider")

    def test_es256(self):
        client = self.client()
        self.provider.use_es256()
        self.assertEqual(client.complete()["name"], "jane@acme.example")

    def test_new_keys_for_tokens_without_an_id(self):
        client = self.client()
        self.assertIn("name", client.complete())
        self.provider.rotate()
        self.assert_refused(client.complete(), "signature is wrong", "provider")
        client.ask("forward 10")
        self.assertIn("name", client.complete())


class ProviderFaultTests(SignInCase):
    """Providers that do not answer as they should."""

    def refuse(self, text):
        self.assert_refused(self.client().begin(), text, "provider")

    def test_documents(self):
        path = "/.well-known/openid-configuration"
        tampers = [
            (lambda answer: answer | {"issuer": answer["issuer"] + "/"}, "another issuer"),
            (lambda answer: answer | {"jwks_uri": "http://keys.example/"}, "no jwks_uri of https"),
            (lambda answer: answer | {"token_endpoint": None}, "no token_endpoint of https"),
            (lambda answer: answer | {"id_token_signing_alg_values_supported": ["HS256"]}, "neither with RS256"),
        ]
        for tamper, text in tampers:
            self.provider.tampers[path] = tamper
            self.refuse(text)
        for replacement, text in [
            (lambda: flask.redirect("/elsewhere"), "redirects are not followed"),
            (lambda: ("gone", 404), "status 404"), (lambda: ("[]", 200), "something else than a JSON object"),
            (lambda: (b"a" * (300 << 10), 200), "cannot be reached"), (lambda: ("{", 200), "JSON object"),
        ]:
            self.provider.replacements[path] = replacement
            self.refuse(text)

    def test_keys(self):
        for replacement, text in [
            (lambda: flask.redirect("/elsewhere"), "redirects are not followed"),
            (lambda: ({"keys": []}, 200), "no key"), (lambda: ({}, 200), "not a set"),
        ]:
            self.provider.replacements["/jwks"] = replacement
            self.assert_refused(self.client().complete(), text, "provider")

    def test_tokens(self):
        for replacement, text in [
            (lambda: ({"error": "invalid_scope"}, 400), "answered with invalid_scope"),
            (lambda: ({"error": "<b>"}, 400), "an unknown error"), (lambda: ("", 500), "status 500"),
            (lambda: flask.redirect("/elsewhere"), "status 302"), (lambda: ({}, 200), "no ID token"),
        ]:
            self.provider.replacements["/oauth2/token"] = replacement
            self.assert_refused(self.client().complete(), text, "provider")

    def test_no_provider(self):
        provider = Provider()
        provider.close()
        self.provider.issuer = provider.issuer
        self.refuse("cannot be reached")


class RegisteredClientTests(SignInCase):
    """A provider that knows its clients and their secrets."""

    options = {"require_client_registration": True}

    def register(self, method):
        body = {
            "redirect_uris": ["http://127.0.0.1/sign-in/openid/callback"],
            "token_endpoint_auth_method": method}
        request = urllib.request.Request(
            self.provider.issuer + "/oauth2/clients", data=json.dumps(body).encode(),
            headers={"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=30) as response:
            answer = json.load(response)
        return answer["client_id"], answer["client_secret"]

    def test_secrets(self):
        path = "/.well-known/openid-configuration"
        for method in ("client_secret_basic", "client_secret_post"):
            self.provider.tampers[path] = lambda answer, method=method: answer | {
                "token_endpoint_auth_methods_supported": [method]}
            client, secret = self.register(method)
            self.assertIn("name", self.client(client=client, secret=secret).complete())
            self.assert_refused(
                self.client(client=client, secret="other").complete(), "AIPM_OPENID_CLIENT_SECRET", "provider")

    def test_no_secret(self):
        client, _ = self.register("none")
        self.assertIn("name", self.client(client=client, secret=None).complete())
