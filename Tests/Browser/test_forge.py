"""The embedded forge's page of a pull request, in a browser without scripts."""

import base64
import json
import re
import threading
import unittest
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from playwright.sync_api import expect

from support import REPOSITORY, BrowserTest


class Trap(BaseHTTPRequestHandler):
    """A page of a stranger, whose form comments on a pull request."""

    target = ""

    def do_GET(self):
        body = (f'<form method="post" action="{self.target}"><input name="body" value="from elsewhere">'
                '<button>Win a prize</button></form>').encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class ForgePageTests(BrowserTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        data = cls.server.folder / "data"
        cls.forge = f"http://127.0.0.1:{(data / 'forge' / 'port').read_text().strip()}"
        cls.token = (data / "secrets" / "forge-token").read_text().strip()

    def call(self, method, path, body=None):
        request = urllib.request.Request(
            f"{self.forge}/repos/{REPOSITORY}{path}", method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": f"Bearer {self.token}", "User-Agent": "a test"})
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.loads(answer.read())

    def pull(self, name):
        base = self.call("GET", "/git/ref/heads/main")["object"]["sha"]
        self.call("POST", "/git/refs", {"ref": f"refs/heads/{name}", "sha": base})
        text = "".join(f"value {number} of a line that is rather long, so that it wraps\n" for number in range(40))
        self.call("PUT", f"/contents/{name}.txt", {
            "message": "m", "branch": name, "content": base64.b64encode(text.encode()).decode()})
        return self.call("POST", "/pulls", {"title": name, "head": name, "base": "main"})["number"]

    def open_pull(self, number, **options):
        page = self.new_page(self.new_context(java_script_enabled=False, **options))
        self.addCleanup(page.context.close)
        page.goto(f"{self.forge}/{REPOSITORY}/pull/{number}")
        return page

    def test_a_conversation_to_its_merge(self):
        number = self.pull("talk")
        page = self.open_pull(number)
        page.get_by_role("textbox", name="Comment", exact=True).fill("In general.\nTwo lines.")
        page.get_by_role("button", name="Comment", exact=True).click()
        expect(page).to_have_url(re.compile("#issuecomment-"))
        page.locator("td.n a", has_text=re.compile("^3$")).click()
        page.get_by_label("Comment on line 3").fill("This line.")
        page.get_by_role("button", name="Start a review").click()
        expect(page.locator("#review")).to_contain_text("1 pending comment")
        page.locator("td.n a", has_text=re.compile("^5$")).click()
        page.get_by_label("Comment on line 5").fill("And this.")
        page.get_by_role("button", name="Add to review").click()
        page.get_by_label("Review", exact=True).fill("Please change both.")
        page.get_by_label("Request changes").check()
        page.get_by_role("button", name="Submit review").click()
        expect(page.get_by_text("requested changes")).to_be_visible()
        thread = page.locator(".thread", has_text="This line.")
        thread.locator("summary").click()
        thread.get_by_label("Reply").fill("Done.")
        thread.get_by_role("button", name="Reply").click()
        expect(page.locator(".thread", has_text="This line.")).to_contain_text("Done.")
        page.get_by_role("button", name="Close").click()
        expect(page.locator(".state")).to_have_text("Closed")
        page.get_by_role("button", name="Reopen").click()
        page.get_by_role("button", name="Merge").click()
        expect(page.locator(".state")).to_have_text("Merged")
        self.assertTrue(self.call("GET", f"/pulls/{number}")["merged"])
        comments = self.call("GET", f"/pulls/{number}/comments")
        self.assertEqual([(one["line"], one["body"]) for one in comments], [(3, "This line."), (5, "And this."), (3, "Done.")])
        self.assertEqual({one["user"]["login"] for one in comments}, {"demo"})

    def test_a_form_of_another_page_is_refused(self):
        number = self.pull("trap")
        Trap.target = f"{self.forge}/{REPOSITORY}/pull/{number}/comment"
        host = ThreadingHTTPServer(("127.0.0.1", 0), Trap)
        self.addCleanup(host.server_close)
        self.addCleanup(host.shutdown)
        threading.Thread(target=host.serve_forever, daemon=True).start()
        # The page was open before, so a cookie or the like would be there.
        page = self.open_pull(number)
        page.goto(f"http://127.0.0.1:{host.server_port}/")
        page.get_by_role("button").click()
        expect(page.get_by_role("heading")).to_have_text("Not done")
        self.assertEqual(self.call("GET", f"/issues/{number}/comments"), [])

    def test_it_fits_a_phone(self):
        number = self.pull("phone")
        for scheme in ("light", "dark"):
            page = self.new_page(self.new_context(width=360, color_scheme=scheme))
            self.addCleanup(page.context.close)
            page.goto(f"{self.forge}/{REPOSITORY}/pull/{number}?f=0&l=R8#new")
            expect(page.get_by_label("Comment on line 8")).to_be_visible()
            self.assertLessEqual(page.evaluate("document.documentElement.scrollWidth"), 360)


if __name__ == "__main__":
    unittest.main()
