"""How quick the page is, with the figures that it is held to; the best of some tries, since other
tests run beside this one."""

import gzip
import os
import unittest
import urllib.request

from playwright.sync_api import expect

from support import ROOT, BrowserTest

# The envelope's time is the commit's, in milliseconds; the page's clock is the same machine's.
SEEN = """(code) => new Promise((resolve) => {
  const look = () => {
    const row = [...document.querySelectorAll('.rows .row')].find((each) => each.textContent.includes(code));
    if (row?.querySelector('.badge').textContent === 'Ready for review') resolve(performance.timeOrigin + performance.now());
    else requestAnimationFrame(look);
  };
  look();
})"""


LIMIT_MS = 250
NAVIGATION_MS = 100

# From the click on a link to the first frame with what the next page is for.
NAVIGATE = """([link, content]) => new Promise((resolve) => {
  const start = performance.now();
  document.querySelector(link).click();
  const look = () => {
    const found = document.querySelector(`main :is(${content})`);
    if (found?.checkVisibility({visibilityProperty: true}) && !document.querySelector('main [aria-busy=true]')) {
      requestAnimationFrame(() => resolve(performance.now() - start));
    } else requestAnimationFrame(look);
  };
  look();
})"""
# Each page with the link to it and what is there when it is usable.
NAVIGATIONS = {
    "a delegation": (".rows .row a", ".detail-line .badge"), "workers": (".nav a[href='#/workers']", ".worker"),
    "health": (".nav a[href='#/health']", ".chart path"),
    "usage": (".nav a[href='#/usage']", ".usage-table tfoot"), "audit": (".nav a[href='#/audit']", ".envelope"),
    "the form": ("#delegate", "form.delegate"), "delegations": (".nav a[href='#/delegations']", ".rows .row"),
}


class FigureTests(BrowserTest):
    def test_the_first_page_is_usable_within_250_ms(self):
        for _ in range(3):
            self.server.submit("A row")
        # Nothing that goes on is to be measured as well.
        self.open()
        while any(item["nextIntent"] or item["state"] != "Pushed"
                  for item in self.server.api("api/delegations")[1]["items"]):
            pass
        spent = []
        # Other programs may use the machine: one try that they leave alone is enough.
        while len(spent) < 30 and min(spent, default=LIMIT_MS) >= LIMIT_MS:
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
            sent = page.evaluate("""() => Object.fromEntries(performance.getEntriesByType('resource')
                .map(({name, requestStart}) => [name.slice(document.baseURI.length), requestStart]))""")
            context.close()
            rows = "api/tasks/by-need?limit=20"
            self.assertEqual([name for name in asked if "/api/tasks" in name], [self.server.url + rows])
            # The rows do not wait behind the code that shows them.
            self.assertLess(sent[rows], sent["delegations/page.js"])
        print(f"first page usable after {sorted(spent)} ms")
        if min(spent) >= LIMIT_MS and os.getloadavg()[0] > 2 * (os.cpu_count() or 1):
            self.skipTest("the machine is busy with other programs: that measures them")
        self.assertLess(min(spent), LIMIT_MS)

    def test_each_navigation_takes_less_than_100_ms(self):
        """Cold: the first time in this browser, with no data of that page. Warm: the next time."""
        for number in range(3):
            self.server.submit(f"To go to {number}", "do: count 200 line\ndo: write a.txt a")
        expect(self.open().locator(".row .badge").filter(has_text="Ready").nth(2)).to_be_visible()
        cold = {name: [] for name in NAVIGATIONS}
        warm = {name: [] for name in NAVIGATIONS}

        def best(spent):
            return min(spent, default=NAVIGATION_MS)

        for _ in range(8):
            if all(best(spent) < NAVIGATION_MS for spent in [*cold.values(), *warm.values()]):
                break
            context = self.new_context()
            page = self.open("", self.new_page(context))
            # Code is loaded while nobody clicks; how long that takes is no part of a click.
            page.wait_for_function("""() => document.querySelectorAll('link[rel=stylesheet]').length
              === [...document.styleSheets].filter(({href, disabled}) => href && !disabled).length""")
            for spent in (cold, warm):
                for name, (link, content) in NAVIGATIONS.items():
                    page.wait_for_timeout(300)
                    spent[name].append(round(page.evaluate(NAVIGATE, [link, content])))
            context.close()
        for title, all_spent in (("cold", cold), ("warm", warm)):
            print(f"navigation, {title}: " + ", ".join(f"{name} {sorted(spent)}" for name, spent in all_spent.items()))
        slow = {name: best(spent) for all_spent in (cold, warm) for name, spent in all_spent.items()
                if best(spent) >= NAVIGATION_MS}
        if slow and os.getloadavg()[0] > 2 * (os.cpu_count() or 1):
            self.skipTest(f"the machine is busy with other programs: that measures them ({slow})")
        self.assertEqual(slow, {})

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

    def test_all_files_are_under_150_kb_compressed(self):
        page = ROOT / "Sources" / "WebUI" / "page"
        files = [file.relative_to(page) for file in page.rglob("*") if file.is_file()]
        self.assertGreater(len(files), 20)
        total = 0
        for file in files:
            # As they are served, which leaves out what only their readers need.
            address = "" if str(file) == "index.html" else str(file)
            with urllib.request.urlopen(self.server.url + address) as answer:
                total += len(gzip.compress(answer.read(), 9))
        print(f"{len(files)} files, {total} bytes compressed")
        self.assertLess(total, 150_000)


if __name__ == "__main__":
    unittest.main()
