"""How quick the page is, with the figures that it is held to; the best of some tries, since other
tests run beside this one."""

import gzip
import os
import unittest
from pathlib import Path

from playwright.sync_api import expect

from support import ROOT, BrowserTest

# The envelope's time is the commit's, in milliseconds; the page's clock is the same machine's.
SEEN = """(code) => new Promise((resolve) => {
  const look = () => {
    const row = [...document.querySelectorAll('.rows .row')].find((each) => each.textContent.includes(code));
    if (row?.dataset.state === 'Pushed') resolve(performance.timeOrigin + performance.now());
    else requestAnimationFrame(look);
  };
  look();
})"""


LIMIT_MS = 300


class FigureTests(BrowserTest):
    def test_the_first_page_is_usable_within_300_ms(self):
        for _ in range(3):
            self.server.submit("A row")
        # Nothing that goes on is to be measured as well.
        expect(self.open().locator(".row[data-state=Pushed]")).to_have_count(3)
        spent = []
        # Other programs may use the machine: one try that they leave alone is enough.
        while len(spent) < 12 and min(spent, default=LIMIT_MS) >= LIMIT_MS:
            # Nothing of the page is kept by this context. Another address of the server first: what
            # a browser needs for a site that is new to it is no part of the page.
            context = self.new_context()
            page = self.new_page(context)
            page.goto(self.server.url + "healthz")
            page.add_init_script("""
              new MutationObserver((_, observer) => {
                if (!document.querySelector('.rows .row')) return;
                observer.disconnect();
                requestAnimationFrame(() => { window.usable = performance.now(); });
              }).observe(document, {childList: true, subtree: true});""")
            page.goto(self.server.url)
            page.wait_for_function("() => window.usable")
            spent.append(round(page.evaluate("window.usable")))
            # What is asked for later on is news: a comment on a pull request may still be made.
            asked = page.evaluate("""() => performance.getEntriesByType('resource')
                .filter(({startTime}) => startTime < window.usable).map(({name}) => name)""")
            context.close()
            self.assertEqual([name for name in asked if "/api/delegations" in name],
                             [self.server.url + "api/delegations?limit=60"])
        print(f"first page usable after {sorted(spent)} ms")
        if min(spent) >= LIMIT_MS and os.getloadavg()[0] > 2 * (os.cpu_count() or 1):
            self.skipTest("the machine is busy with other programs: that measures them")
        self.assertLess(min(spent), LIMIT_MS)

    def test_an_event_is_on_the_page_within_100_ms_of_its_commit(self):
        page = self.open()
        spent = []
        for number in range(3):
            answer = self.server.submit(f"Timed {number}")
            seen = page.evaluate(SEEN, answer["confirmationCode"])
            events = self.server.api(f"api/delegations/{answer['id']}/events")[1]["items"]
            self.assertEqual(events[-1]["type"], "delegation.pushed")
            committed = page.evaluate("(text) => Date.parse(text)", events[-1]["time"])
            spent.append(round(seen - committed))
        print(f"event on the page {sorted(spent)} ms after its commit")
        self.assertLess(min(spent), 100)

    def test_all_files_are_under_100_kb_compressed(self):
        files = [file for file in (ROOT / "Sources" / "WebUI" / "page").rglob("*") if file.is_file()]
        self.assertGreater(len(files), 20)
        total = sum(len(gzip.compress(file.read_bytes(), 9)) for file in files)
        print(f"{len(files)} files, {total} bytes compressed")
        self.assertLess(total, 100_000)


if __name__ == "__main__":
    unittest.main()
