"""No page breaks a rule of axe-core, in light and dark, on a phone, a tablet and a desk, whatever the
page has to show: much, nothing, a mistake, no server."""

import unittest
from importlib.resources import files

from playwright.sync_api import expect

from support import BrowserTest

AXE = files("axe_playwright_python").joinpath("axe.min.js").read_text()
WIDTHS = {"phone": (390, 844), "tablet": (768, 1024), "desk": (1440, 900)}
# What a rule of axe found, in few words.
RUN = """async () => {
  const {violations} = await axe.run(document, {resultTypes: ['violations']});
  return violations.flatMap(({id, nodes}) => nodes.map(({target, failureSummary}) =>
    `${id} at ${target.join(' ')}: ${failureSummary.replaceAll('\\n', ' ').slice(0, 300)}`));
}"""
# What can be tapped and is smaller than a finger. A checkbox is as large as its label, a link of a
# sentence as its line, and what is written into a row is tapped as the row. What stands at each line of
# code or output is as high as the line (WCAG 2.2, 2.5.8: its place is essential).
SMALL = """() => [...document.querySelectorAll('a[href], button, select, input, textarea, summary, [role=tab]')]
  .filter((node) => node.checkVisibility({visibilityProperty: true, contentVisibilityAuto: true})
    && !node.matches('.skip, p a, .visually-hidden *, .diff-number *, .output-line *, .output *') && getComputedStyle(node).pointerEvents !== 'none')
  .map((node) => [node, node.type === 'checkbox' ? node.closest('label, .check, .row-check') ?? node
    : node.closest('.row') ?? node])
  .filter(([, box]) => Math.round(box.getBoundingClientRect().height) < 44)
  .map(([node, box]) => `${Math.round(box.getBoundingClientRect().height)} ${node.outerHTML.slice(0, 120)}`)"""


class AxeTests(BrowserTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        submit = cls.server.submit
        cls.failed = submit("It fails", "do: say \\x1b[31mred \\x1b[33myellow\ndo: write half.txt x\ndo: exit 1")
        cls.done = submit("It works", "do: write a/b.js const x = 1;\ndo: write c.txt c",
                          constraints="None", acceptanceCriteria=["One", "Two"])
        cls.asked = cls.server.api(f"api/delegations/{cls.done['id']}/follow-ups", "POST", {
            "message": "Say more.\n\nAnd less.\ndo: write b.txt b", "queue": True,
            "comments": [{"path": "a/b.js", "line": 1, "body": "Here."}]})[1]
        cls.foreign = submit("הוסף כפתור ייצוא", "צריך לייצא\ndo: say שלום\ndo: write r.txt שלום")
        cls.long = submit("Longwithoutspace" * 12, "word " * 500 + "\ndo: write l.txt l")
        cls.live = submit("It runs", "do: pace 3000 0.2")
        cls.cancelled = submit("It was cancelled", "do: pace 3000 0.2")
        cls.server.api(f"api/delegations/{cls.cancelled['id']}/cancel", "POST")

    def routes(self):
        """Each page and state, with what has to be there before it is looked at."""
        one = {name: f"#/delegations/{getattr(self, name)['id']}"
               for name in ("failed", "done", "asked", "foreign", "long", "live", "cancelled")}
        return {
            "list": ("", ".rows .row"), "none": ("#/delegations?q=nothing-like-this", ".list-message"),
            "days": ("#/delegations?agent=command&since=2020-01-01", ".rows .row"),
            "form": ("#/delegate", "form.delegate"), "workers": ("#/workers", ".worker"),
            "health": ("#/health", ".chart path"), "audit": ("#/audit", ".envelope"),
            "usage": ("#/usage", ".usage-table tfoot"),
            "usage-none": ("#/usage?since=2020-01-01&until=2020-01-02", ".usage-table .empty"),
            "audit-none": ("#/audit?q=code:PR1", ".list-message p"),
            "audit-wrong": ("#/audit?q=since:yesterdayish", "#audit-note[data-fault]"),
            "no-page": ("#/nothing", "h1"), "no-delegation": ("#/delegations/PR1", ".list-message h1"),
            **{name: (route, ".detail-line .badge") for name, route in one.items()},
        }

    def look(self, page, name):
        """What axe says of the page as it is now."""
        if not page.evaluate("'axe' in window"):
            # As the debugger does it: the page's own policy lets no script in.
            page.context.new_cdp_session(page).send("Runtime.evaluate", {"expression": AXE})
        with self.subTest(page=name):
            self.assertEqual(page.evaluate(RUN), [])

    def pages(self, size, scheme):
        width, height = WIDTHS[size]
        touch = {"has_touch": True, "is_mobile": True} if size == "phone" else {}
        context = self.new_context(width, height, color_scheme=scheme, **touch)
        self.addCleanup(context.close)
        page = self.new_page(context)
        for name, (route, whole) in self.routes().items():
            self.open(route, page)
            expect(page.locator(whole).first).to_be_visible()
            yield page, f"{name} {size} {scheme}"

    def check(self, size, scheme):
        for answer in (self.done, self.asked, self.failed):
            self.open_delegation(answer)
            expect(self.page.locator(".detail-line .badge")).to_have_text(["Failed", "Ready for review"][
                answer is not self.failed])
        for page, name in self.pages(size, scheme):
            self.look(page, name)
            self.assertLessEqual(page.evaluate("document.documentElement.scrollWidth"), WIDTHS[size][0], name)
            if size == "phone":
                with self.subTest(tapped=name):
                    self.assertEqual(page.evaluate(SMALL), [])
            if name.split()[0] in ("done", "failed"):
                for tab in ("Output", "Changes", "Task", "Events"):
                    page.get_by_role("tab", name=tab).click()
                    self.look(page, f"{name} {tab}")
                    if size == "phone":
                        with self.subTest(tapped=f"{name} {tab}"):
                            self.assertEqual(page.evaluate(SMALL), [])

    def test_desk_light(self):
        self.check("desk", "light")

    def test_desk_dark(self):
        self.check("desk", "dark")

    def test_tablet_light(self):
        self.check("tablet", "light")

    def test_tablet_dark(self):
        self.check("tablet", "dark")

    def test_phone_light(self):
        self.check("phone", "light")

    def test_phone_dark(self):
        self.check("phone", "dark")

    def test_what_is_opened_and_what_went_wrong(self):
        for scheme in ("light", "dark"):
            context = self.new_context(390, 844, color_scheme=scheme, has_touch=True, is_mobile=True)
            page = self.open("#/delegate", self.new_page(context))
            page.get_by_role("main").get_by_role("button", name="Generate Code & PR").click()
            expect(page.locator("[data-fault]").first).to_be_visible()
            for fold in page.locator("details.more > summary").all():
                fold.click()
            self.look(page, f"faults {scheme}")
            self.assertEqual(page.evaluate(SMALL), [])
            self.open("", page)
            page.keyboard.press("Control+k")
            expect(page.locator("dialog.palette")).to_be_visible()
            self.look(page, f"palette {scheme}")
            self.open("#/audit", page)
            page.get_by_role("button", name="Help").click()
            page.locator(".envelope summary").first.click()
            self.look(page, f"opened event {scheme}")
            context.close()

    def test_without_a_server(self):
        for scheme in ("light", "dark"):
            context = self.new_context(390, 844, color_scheme=scheme, has_touch=True, is_mobile=True)
            page = self.open(f"#/delegations/{self.done['id']}", self.new_page(context))
            self.server.kill()
            expect(page.locator("#link")).to_have_attribute("data-state", "lost")
            expect(page.get_by_text("Connection lost.")).to_be_visible()
            self.look(page, f"offline {scheme}")
            page.get_by_role("link", name="Health").click()
            expect(page.locator(".list-message p")).to_be_visible()
            self.look(page, f"offline health {scheme}")
            context.close()
            self.server.start()

    def test_the_bar_fits_with_all_that_can_be_in_it(self):
        for width in (360, 390, 768, 980, 1100):
            context = self.new_context(width, 900)
            page = self.open("", self.new_page(context))
            page.evaluate("""() => {
              document.querySelector('#who').hidden = false;
              document.querySelector('.who-name').textContent = 'a-rather-long.name@example.com';
              Object.assign(document.querySelector('#environment'), {hidden: false, textContent: 'production'});
              document.querySelector('#environment').dataset.name = 'production';
            }""")
            over = page.evaluate("""() => [...document.querySelectorAll('.bar > *')]
              .filter((node) => node.checkVisibility() && node.getBoundingClientRect().right > innerWidth + 0.5)
              .map((node) => node.className + node.id)""")
            with self.subTest(width=width):
                self.assertEqual(over, [])
                self.assertLessEqual(page.evaluate("document.documentElement.scrollWidth"), width)
            context.close()


if __name__ == "__main__":
    unittest.main()
