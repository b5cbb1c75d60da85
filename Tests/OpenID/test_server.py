"""Sign-in on a server: from the page to the provider and back, and what must not work."""

import json
import socket
import subprocess
import sys
import time
import unittest
import urllib.error
import urllib.parse
import urllib.request
from http.cookies import SimpleCookie
from pathlib import Path

from provider import Provider
from support import callback, query_of, visit

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "PythonKit"))

from aipm_server import AIPM, AIPMServer  # noqa: E402

SECRET = "s3cret-of-the-client"


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


class Server(AIPMServer):
    """`aipm serve` whose people sign in with the provider."""

    def __init__(self, issuer, *groups, options=()):
        super().__init__("openid")
        self.folder.chmod(0o755)
        port = free_port()
        self.environment |= {
            "AIPM_DATA": str(self.folder / "data"), "HOME": str(self.folder),
            "AIPM_OPENID_CLIENT_SECRET": SECRET}
        sign_in = [
            "--openid-issuer", issuer, "--openid-client-id", "aipm", "--openid-group",
            *(groups or ["visitors=support", "platform=operator"])] if issuer else []
        self.url = self.launch(
            "--port", str(port), "--workers", "0", "--access", "token",
            "--public-url", f"http://127.0.0.1:{port}", *sign_in, *options)


class Browser:
    """Keeps cookies, and follows no redirects."""

    def __init__(self):
        self.cookies = {}
        self.fields = []

    def visit(self, url):
        header = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        status, headers, body = visit(url, headers={"Cookie": header} if header else {})
        self.fields = headers.get_all("Set-Cookie") or []
        for field in self.fields:
            for name, morsel in SimpleCookie(field).items():
                if morsel["max-age"] == "0":
                    self.cookies.pop(name, None)
                else:
                    self.cookies[name] = morsel.value
        return status, headers, body

    def me(self, server):
        status, _, body = self.visit(server.url + "/api/me")
        return json.loads(body) if status == 200 else status


class ServerTests(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.provider = Provider()
        cls.addClassCleanup(cls.provider.close)
        cls.server = Server(cls.provider.issuer)
        cls.addClassCleanup(cls.server.close)

    def setUp(self):
        self.provider.tampers.clear()

    def begin(self, browser=None, query=""):
        """Goes to the provider; returns the browser, and the address that it must go to there."""
        browser = browser or Browser()
        # The server limits how many one address may begin.
        for _ in range(60):
            status, headers, _ = browser.visit(f"{self.server.url}/sign-in/openid{query}")
            if status != 429:
                break
            time.sleep(float(headers["Retry-After"]))
        self.assertEqual(status, 303)
        return browser, headers["Location"]

    def assert_failed(self, browser, url, status, text):
        found, headers, body = browser.visit(url)
        self.assertEqual(found, status, body)
        self.assertIn(text, body)
        self.assertNotIn(SECRET, body)
        self.assertTrue(headers["Content-Type"].startswith("text/html"))
        self.assertIn("default-src 'none'", headers["Content-Security-Policy"])
        self.assertNotIn("aipm_session", browser.cookies)
        self.assertEqual(browser.me(self.server), 401)

    def test_a_person_signs_in(self):
        browser, url = self.begin()
        self.assertTrue(url.startswith(self.provider.issuer + "/oauth2/authorize?"))
        field = browser.fields[0]
        for part in ("HttpOnly", "SameSite=Lax", "Max-Age=600", "Path=/sign-in/openid"):
            self.assertIn(part, field)
        status, headers, _ = browser.visit(callback(url))
        self.assertEqual((status, headers["Location"]), (303, self.server.url + "/"))
        self.assertEqual(headers["Cache-Control"], "no-store")
        self.assertEqual(list(browser.cookies), ["aipm_session"])
        me = browser.me(self.server)
        self.assertEqual((me["name"], me["roles"]), ("jane@acme.example", ["operator"]))
        self.assertEqual(Browser().me(self.server), 401)

    def test_who_may_push(self):
        claim = ["--openid-forge-user-claim", "preferred_username"]
        server = Server(self.provider.issuer, "*=submit", options=claim)
        self.addCleanup(server.close)
        root = server.folder / "data" / "forge"
        for name in ("jane/tools", "acme/tools"):
            made = subprocess.run(
                [AIPM, "forge", "create", "--root", root, name], capture_output=True, text=True,
                env=server.environment, timeout=60, check=False)
            self.assertEqual(made.returncode, 0, made.stderr)
        browser = Browser()
        _, headers, _ = browser.visit(f"{server.url}/sign-in/openid")
        self.assertEqual(browser.visit(callback(headers["Location"]))[0], 303)
        cookie = "; ".join(f"{name}={value}" for name, value in browser.cookies.items())

        def submit(owner):
            body = {
                "owner": owner, "repo": "tools", "branchName": "feature/x", "taskTitle": "T",
                "objective": "O", "prTitle": "P", "constraints": "", "acceptanceCriteria": []}
            request = urllib.request.Request(
                server.url + "/api/personal-delegate", json.dumps(body).encode(), {
                    "Content-Type": "application/json", "Cookie": cookie, "Origin": server.url,
                    "Prefer": "respond-async"})
            try:
                with urllib.request.urlopen(request, timeout=30) as response:
                    return response.status, json.load(response)
            except urllib.error.HTTPError as error:
                with error:
                    return error.code, json.load(error)

        self.assertEqual(submit("jane")[0], 202)
        # The second answer comes from memory.
        for _ in range(2):
            status, problem = submit("acme")
            self.assertEqual((status, problem["code"]), (403, "not-permitted"))
            self.assertIn("jane may not push to acme/tools", problem["detail"])

    def test_declined(self):
        browser, url = self.begin()
        state = urllib.parse.parse_qs(query_of(url))["state"][0]
        back = callback(url, action="deny")
        self.assert_failed(browser, f"{back}&state={state}", 403, "did not let you in")

    def test_text_of_others_is_no_markup(self):
        browser, url = self.begin()
        state = urllib.parse.parse_qs(query_of(url))["state"][0]
        back = f"{self.server.url}/sign-in/openid/callback?state={state}&error=x_y"
        _, _, body = browser.visit(back + "&error_description=%3Cscript%3E%22")
        self.assertIn("x_y (&lt;script&gt;&quot;)", body)

    def test_another_state(self):
        browser, url = self.begin()
        back = callback(url)
        wrong = back.replace("state=", "state=A")
        self.assert_failed(browser, wrong, 400, "not the sign-in that began")
        # Each sign-in has one try.
        self.assert_failed(browser, back, 400, "No sign-in began in this browser")

    def test_another_browser(self):
        browser, url = self.begin()
        back = callback(url)
        self.assert_failed(Browser(), back, 400, "No sign-in began in this browser")
        other, _ = self.begin()
        self.assert_failed(other, back, 400, "not the sign-in that began")
        self.assertEqual(browser.visit(back)[0], 303)

    def test_a_callback_counts_once(self):
        browser, url = self.begin()
        kept = dict(browser.cookies)
        back = callback(url)
        self.assertEqual(browser.visit(back)[0], 303)
        again = Browser()
        again.cookies = kept
        self.assert_failed(again, back, 400, "No sign-in began in this browser")
        # The code in a new sign-in.
        other, url = self.begin()
        state = urllib.parse.parse_qs(query_of(url))["state"][0]
        code = urllib.parse.parse_qs(query_of(back))["code"][0]
        self.assert_failed(
            other, f"{self.server.url}/sign-in/openid/callback?state={state}&code={code}", 400,
            "does not accept the code")

    def test_nobody_chooses_the_session(self):
        fixed = "a" * 64
        browser = Browser()
        browser.cookies["aipm_session"] = fixed
        browser, url = self.begin(browser)
        self.assertEqual(browser.visit(callback(url))[0], 303)
        self.assertNotEqual(browser.cookies["aipm_session"], fixed)
        other = Browser()
        other.cookies["aipm_session"] = fixed
        self.assertEqual(other.me(self.server), 401)

    def test_only_the_page_comes_after_it(self):
        evil = urllib.parse.quote("https://evil.example/", safe="")
        names = ("to", "next", "return_to", "redirect_uri", "url", "state")
        browser, url = self.begin(query="?" + "&".join(f"{name}={evil}" for name in names))
        self.assertNotIn("evil", url)
        back = callback(url) + "".join(f"&{name}={evil}" for name in names[:-1])
        status, headers, _ = browser.visit(back)
        self.assertEqual((status, headers["Location"]), (303, self.server.url + "/"))

    def test_another_issuer(self):
        browser, url = self.begin()
        self.assert_failed(
            browser, callback(url) + "&iss=https%3A%2F%2Fevil.example", 400, "another provider")
        self.provider.tamper_claims(lambda claims: claims.update(iss="https://evil.example"))
        browser, url = self.begin()
        self.assert_failed(browser, callback(url), 502, "claim iss")

    def test_an_expired_token(self):
        self.provider.tamper_claims(lambda claims: claims.update(exp=int(time.time()) - 61))
        browser, url = self.begin()
        self.assert_failed(browser, callback(url), 502, "expired")
        self.assertIn("sign-in failed", self.server.said())
        self.assertNotIn(SECRET, self.server.said())

    def test_rate(self):
        answers = {visit(self.server.url + "/sign-in/openid")[0] for _ in range(40)}
        self.assertEqual(answers, {303, 429})


class OtherServerTests(unittest.TestCase):
    def test_without_a_provider_there_is_no_route(self):
        server = Server(None)
        self.addCleanup(server.close)
        self.assertEqual(visit(server.url + "/sign-in/openid")[0], 404)
        self.assertEqual(visit(server.url + "/sign-in/openid/callback?state=a&code=b")[0], 404)

    def test_a_provider_that_does_not_answer(self):
        provider = Provider()
        provider.close()
        server = Server(provider.issuer)
        self.addCleanup(server.close)
        status, _, body = visit(server.url + "/sign-in/openid")
        self.assertEqual(status, 502)
        self.assertIn("cannot be reached", body)
