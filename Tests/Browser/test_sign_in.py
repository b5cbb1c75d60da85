"""A page whose server requires a token."""

import unittest

from playwright.sync_api import expect

from support import BrowserTest
from test_origin import OtherOriginCase


def sign_in(page, token):
    page.get_by_label("Token").fill(token)
    page.get_by_role("button", name="Sign in").click()


class SignInTests(BrowserTest):
    server_options = {"access": "token"}

    def token(self, name, role):
        return self.server.run("token", "create", name, "--role", role).strip()

    def test_a_person_signs_in_submits_and_signs_out(self):
        page = self.page
        page.goto(self.server.url)
        expect(page.get_by_role("heading", level=1)).to_have_text("Sign in")
        expect(page.get_by_label("Token")).to_be_focused()
        sign_in(page, "aipm_nonsense")
        expect(page.get_by_role("alert")).to_contain_text("unknown, mistyped, revoked or expired")
        sign_in(page, self.token("ann", "submit"))
        expect(page.locator("#link")).to_have_attribute("data-state", "live")
        expect(page.locator(".who-name")).to_have_text("ann")
        # What the role does not permit is not offered.
        expect(page.get_by_role("link", name="Audit")).to_be_hidden()
        page.get_by_role("button", name="Generate Code & PR").click()
        self.fill_form("Asked by name").click()
        self.created()
        self.expect_state("Pushed")
        expect(page.locator("main")).to_contain_text("ann")

        cookie, = self.context.cookies()
        self.assertTrue(cookie["httpOnly"])
        self.assertEqual(cookie["sameSite"], "Strict")
        self.assertEqual(page.evaluate("document.cookie"), "")
        self.assertNotIn("aipm_", page.evaluate("JSON.stringify({...localStorage, ...sessionStorage})"))
        page.get_by_role("button", name="Sign out").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("Sign in")
        page.reload()
        expect(page.get_by_role("heading", level=1)).to_have_text("Sign in")
        self.assertEqual(self.context.cookies(), [])

    def test_a_revoked_token_ends_what_is_open(self):
        page = self.page
        page.goto(self.server.url)
        sign_in(page, self.token("sue", "support"))
        expect(page.locator("#link")).to_have_attribute("data-state", "live")
        expect(page.get_by_role("link", name="Audit")).to_be_visible()
        self.server.run("token", "revoke", "sue")
        expect(page.get_by_role("heading", level=1)).to_have_text("Sign in")
        sign_in(page, self.token("olga", "operator"))
        expect(page.locator("#link")).to_have_attribute("data-state", "live")
        expect(page.locator(".who-name")).to_have_text("olga")


class OtherOriginSignInTests(OtherOriginCase):
    """The page on another origin keeps the token in memory."""

    more_options = {"access": "token"}

    def test_the_token_stays_in_memory(self):
        token = self.server.run("token", "create", "ann", "--role", "submit").strip()
        page = self.page
        page.goto(self.address())
        sign_in(page, token)
        expect(page.locator("#link")).to_have_attribute("data-state", "live")
        expect(page.locator(".who-name")).to_have_text("ann")
        self.assertEqual(self.context.cookies(), [])
        self.assertNotIn("aipm_", page.evaluate("JSON.stringify({...localStorage, ...sessionStorage})"))
        page.reload()
        expect(page.get_by_role("heading", level=1)).to_have_text("Sign in")


if __name__ == "__main__":
    unittest.main()
