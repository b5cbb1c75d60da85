"""The page beside its server: under a base path, and on another origin."""

import functools
import http.server
import re
import shutil
import tempfile
import threading
import unittest
from pathlib import Path

from playwright.sync_api import expect

from support import ROOT, BrowserTest, Server


class BasePathTests(BrowserTest):
    server_options = {"base_path": "/prod"}

    def test_the_page_works_under_a_base_path(self):
        page = self.open("#/delegate")
        self.fill_form("Under a path").click()
        self.created()
        self.expect_state("Pushed")
        # The address without the slash at its end is the same page.
        page.goto("about:blank")
        page.goto(self.server.url.rstrip("/") + "#/workers")
        expect(page.locator(".worker")).to_have_count(2)


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


class OtherOriginCase(BrowserTest):
    """The files of the page on a static host, the API on another origin and under a path."""

    more_options = {}

    @classmethod
    def setUpClass(cls):
        cls.folder = Path(tempfile.mkdtemp(prefix="aipm-page-"))
        cls.addClassCleanup(shutil.rmtree, cls.folder, ignore_errors=True)
        handler = functools.partial(Quiet, directory=cls.folder)
        host = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        cls.addClassCleanup(host.server_close)
        cls.addClassCleanup(host.shutdown)
        threading.Thread(target=host.serve_forever, daemon=True).start()
        cls.origin = f"http://127.0.0.1:{host.server_port}"
        cls.server_options = {"base_path": "/prod", "allow_origin": cls.origin} | cls.more_options
        super().setUpClass()
        cls.place(cls.server)

    @classmethod
    def place(cls, server):
        """Copies the page, and tells it where its API is."""
        page = ROOT / "Sources" / "WebUI" / "page"
        shutil.copytree(page, cls.folder, dirs_exist_ok=True)
        index = cls.folder / "index.html"
        text = index.read_text(encoding="utf-8")
        told = f'<meta name="aipm-api" content="{server.url.rstrip("/")}">'
        assert '<meta name="aipm-api" content="">' in text
        index.write_text(text.replace('<meta name="aipm-api" content="">', told), encoding="utf-8")

    @classmethod
    def address(cls):
        return cls.origin + "/"


class OtherOriginTests(OtherOriginCase):
    def test_from_the_form_to_a_pushed_pull_request(self):
        page = self.open("#/delegate")
        self.fill_form("From elsewhere", "do: say hello\ndo: write far.txt far").click()
        self.created()
        self.expect_state("Pushed")
        page.get_by_role("tab", name="Changes").click()
        expect(page.get_by_role("table", name="Change of far.txt")).to_contain_text("far")
        page.get_by_role("tab", name="Output").click()
        expect(page.get_by_role("log")).to_contain_text("hello")
        self.open("#/workers")
        expect(page.locator(".worker")).to_have_count(2)
        self.open("#/audit")
        with page.expect_download() as download:
            page.get_by_role("button", name="Export as jsonl").click()
        self.assertIn("delegation.pushed", download.value.path().read_text())

    def test_a_server_that_does_not_know_the_page_answers_nothing(self):
        # The browser says of each such answer why it keeps it from the page.
        self.allowed = re.compile("Failed to load resource|CORS policy")
        stranger = Server()
        try:
            self.place(stranger)
            self.page.goto(self.address())
            expect(self.page.locator("#link")).to_have_attribute("data-state", "lost")
            expect(self.page.locator(".rows .row")).to_have_count(0)
            expect(self.page.get_by_text(f"its allow-origin has to name {self.origin}.")).to_be_visible()
            expect(self.page.get_by_role("button", name="Try")).to_have_count(1)
        finally:
            self.place(self.server)
            stranger.close()


if __name__ == "__main__":
    unittest.main()
