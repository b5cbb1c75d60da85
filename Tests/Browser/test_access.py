"""Every page for everybody: names, contrast, the order of focus, light and dark, wide and phone."""

import unittest

from playwright.sync_api import expect

from support import BrowserTest

# WCAG 2.2, 1.4.3: of each visible text the ratio of its colour to what is behind it. Backgrounds
# are flat here; where one is not opaque, what is below it shows through.
CONTRAST = """() => {
  const canvas = document.createElement('canvas').getContext('2d', {willReadFrequently: true});
  const rgba = (text) => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = text;
    canvas.fillRect(0, 0, 1, 1);
    const [r, g, b, a] = canvas.getImageData(0, 0, 1, 1).data;
    return [r, g, b, a / 255];
  };
  const over = (top, below) => [0, 1, 2].map((i) => top[i] * top[3] + below[i] * (1 - top[3])).concat(1);
  const behind = (node) => {
    const layers = [];
    for (let each = node; each; each = each.parentElement) {
      const colour = rgba(getComputedStyle(each).backgroundColor);
      layers.push(colour);
      if (colour[3] === 1) break;
    }
    return layers.reverse().reduce((below, top) => over(top, below), [255, 255, 255, 1]);
  };
  const light = ([r, g, b]) => {
    const linear = [r, g, b].map((n) => n / 255).map((n) => (n <= 0.04045 ? n / 12.92 : ((n + 0.055) / 1.055) ** 2.4));
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2];
  };
  const found = [];
  let count = 0;
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const node = walker.currentNode.parentElement;
    if (!walker.currentNode.data.trim() || !node.checkVisibility({visibilityProperty: true})) continue;
    if (node.closest('.visually-hidden, .skip, option, noscript')) continue;
    const style = getComputedStyle(node);
    const isDisabled = node.closest(':disabled');
    if (isDisabled) continue;
    count += 1;
    const ground = behind(node);
    const colour = over(rgba(node.closest('svg') ? style.fill : style.color), ground);
    const [a, b] = [light(colour), light(ground)].sort((x, y) => y - x);
    const ratio = (a + 0.05) / (b + 0.05);
    const size = parseFloat(style.fontSize);
    const needed = size >= 24 || (size >= 18.66 && style.fontWeight >= 700) ? 3 : 4.5;
    if (ratio < needed) found.push(`${ratio.toFixed(2)} ${node.className} "${walker.currentNode.data.trim().slice(0, 40)}"`);
  }
  return {found, count};
}"""

# What can have the focus, in the order of the document.
FOCUSABLE = """() => [...document.querySelectorAll(
    'a[href], button, input, select, textarea, summary, [tabindex]')]
  .filter((node) => node.tabIndex >= 0 && !node.disabled && node.checkVisibility({visibilityProperty: true}))
  .map((node) => { node.dataset.seen ??= String(window.lastSeen = (window.lastSeen ?? 0) + 1); return node.dataset.seen; })"""

FOCUSED = """() => {
  const node = document.activeElement;
  if (node === document.body) return null;
  const style = getComputedStyle(node);
  // A row shows the focus of its link.
  const row = node.closest('.row');
  const shown = style.outlineStyle !== 'none' || (row && getComputedStyle(row).boxShadow !== 'none');
  const box = node.getBoundingClientRect();
  return {seen: node.dataset.seen, shown: Boolean(shown), what: node.outerHTML.slice(0, 100),
    tall: node.matches('a, button') ? Math.min(box.width, box.height) : 99};
}"""

# What can be tapped and is lower than this. A box is as large as its label; the skip link is for keys.
SMALL = """(least) => [...document.querySelectorAll(
    least < 44 ? 'button, select, input' : 'a[href], button, select, input, summary')]
  .filter((node) => node.checkVisibility({visibilityProperty: true, contentVisibilityAuto: true}) && !node.matches('.skip, p a')
    && getComputedStyle(node).pointerEvents !== 'none')
  .map((node) => [node, node.type === 'checkbox' ? node.closest('label, .check') ?? node
    : node.closest('.row') ?? node])
  .filter(([, box]) => Math.round(box.getBoundingClientRect().height) < least)
  .map(([node, box]) => `${box.getBoundingClientRect().height} ${node.outerHTML.slice(0, 100)}`)"""

CONTROLS = {"button", "link", "textbox", "searchbox", "combobox", "checkbox", "tab", "DisclosureTriangle"}


class AccessTests(BrowserTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.failed = cls.server.submit("It fails", "do: say \\x1b[31mred \\x1b[33myellow \\x1b[2mdim\ndo: exit 1")
        cls.done = cls.server.submit("It works", "do: write a.txt a")
        cls.asked = cls.server.api(f"api/delegations/{cls.done['id']}/follow-ups", "POST", {
            "message": "Say more.\n\nAnd less.\ndo: write b.txt b", "queue": True,
            "comments": [{"path": "a.txt", "line": 1, "body": "Here."}]})[1]
        cls.live = cls.server.submit("It runs", "do: pace 3000 0.2")

    def pages(self):
        return {
            "list": "", "form": "#/delegate", "failed": f"#/delegations/{self.failed['id']}",
            "done": f"#/delegations/{self.done['id']}", "asked": f"#/delegations/{self.asked['id']}",
            "live": f"#/delegations/{self.live['id']}",
            "workers": "#/workers", "health": "#/health", "audit": "#/audit", "absent": "#/nothing",
        }

    def settle(self, page, name):
        """Waits until a page of this name shows all that it will."""
        if name == "failed":
            self.expect_state("Failed", page)
            expect(page.locator(".view-bar .hint").first).to_contain_text("It has ended.")
        elif name == "done":
            self.expect_state("Pushed", page)
            page.get_by_role("tab", name="Changes").click()
            expect(page.locator(".diff-line")).not_to_have_count(0)
            expect(page.locator(".round")).to_have_count(2)
        elif name == "asked":
            self.expect_state("Pushed", page)
            page.get_by_role("tab", name="Changes").click()
            page.get_by_role("button", name="Comment on line 1").click()
            page.keyboard.type("Why?")
            page.locator(".detail-title").get_by_role("button", name="Ask for changes").click()
            expect(page.get_by_role("region", name="Ask for changes")).to_be_visible()
            expect(page.locator("#ask-agents option")).not_to_have_count(0)
        elif name == "live":
            self.expect_state("Generating", page)
            expect(page.get_by_role("log")).to_contain_text("step 2")
        elif name == "workers":
            expect(page.locator(".worker[data-state=busy] a")).to_have_text("It runs")
        elif name == "health":
            expect(page.locator(".chart")).to_have_count(2)
        elif name == "audit":
            expect(page.locator(".envelope").first).to_be_visible()
            expect(page.locator(".verified")).to_contain_text("✓ Verified")
        elif name == "form":
            expect(page.locator("#delegate-repositories option")).not_to_have_count(0)
        elif name == "list":
            # A follow-up is a round of its task.
            expect(page.locator(".rows .row")).to_have_count(3)

    def test_contrast_in_light_and_dark(self):
        for scheme in ("light", "dark"):
            context = self.new_context(color_scheme=scheme)
            page = self.new_page(context)
            for name, route in self.pages().items():
                with self.subTest(page=name, scheme=scheme):
                    self.open(route, page)
                    self.settle(page, name)
                    self.check_contrast(page)
                    if name == "form":
                        page.locator("form button[type=submit]").click()
                        self.check_contrast(page)
                    if name in ("done", "failed"):
                        for tab in ("Output", "Task", "Events"):
                            page.get_by_role("tab", name=tab).click()
                            self.check_contrast(page)
            context.close()

    def check_contrast(self, page):
        told = page.evaluate(CONTRAST)
        self.assertGreater(told["count"], 5)
        self.assertEqual(told["found"], [])

    def test_every_control_has_a_name(self):
        for name, route in self.pages().items():
            with self.subTest(page=name):
                self.open(route)
                self.settle(self.page, name)
                tree = self.context.new_cdp_session(self.page).send("Accessibility.getFullAXTree")
                controls = [node for node in tree["nodes"]
                            if not node["ignored"] and node["role"]["value"] in CONTROLS]
                self.assertGreater(len(controls), 5)
                unnamed = [node for node in controls if not node.get("name", {}).get("value", "").strip()]
                self.assertEqual(unnamed, [])
                headings = [node for node in tree["nodes"]
                            if not node["ignored"] and node["role"]["value"] == "heading"]
                levels = [next(each["value"]["value"] for each in node["properties"]
                               if each["name"] == "level") for node in headings]
                self.assertEqual(levels[:1], [1])
                self.assertEqual(levels.count(1), 1)

    def test_the_focus_goes_through_every_control_in_order_and_is_seen(self):
        for name, route in self.pages().items():
            with self.subTest(page=name):
                page = self.open(route)
                self.settle(page, name)
                # A click also moves where the focus goes on from.
                page.evaluate("""() => {
                  document.body.tabIndex = -1;
                  document.body.focus();
                  document.body.removeAttribute('tabindex');
                }""")
                wanted = page.evaluate(FOCUSABLE)
                reached = []
                for _ in range(len(wanted) + 5):
                    page.keyboard.press("Tab")
                    focused = page.evaluate(FOCUSED)
                    if focused is None or focused["seen"] is None or focused["seen"] in reached:
                        break
                    self.assertTrue(focused["shown"], focused)
                    reached.append(focused["seen"])
                self.assertEqual(reached, wanted)

    def test_no_page_is_wider_than_a_phone(self):
        context = self.new_context(360, 740, has_touch=True, is_mobile=True)
        page = self.new_page(context)
        for name, route in self.pages().items():
            with self.subTest(page=name):
                self.open(route, page)
                self.settle(page, name)
                width = page.evaluate("document.documentElement.scrollWidth")
                self.assertLessEqual(width, 360)
                least = 44 if name in ("list", "form") else 24
                self.assertEqual(page.evaluate(SMALL, least), [])
        context.close()

    def test_the_theme_is_the_systems_until_one_is_chosen(self):
        context = self.new_context(color_scheme="dark")
        page = self.open("", self.new_page(context))
        ground = "getComputedStyle(document.documentElement).backgroundColor"
        dark = page.evaluate(ground)
        page.get_by_role("button", name="Theme: as the system").click()
        light = page.evaluate(ground)
        self.assertNotEqual(dark, light)
        page.reload()
        expect(page.get_by_role("button", name="Theme: light")).to_be_visible()
        self.assertEqual(page.evaluate(ground), light)
        page.get_by_role("button", name="Theme: light").click()
        self.assertEqual(page.evaluate(ground), dark)
        context.close()

    def test_nothing_moves_for_who_wants_no_motion(self):
        for name, route in self.pages().items():
            with self.subTest(page=name):
                page = self.open(route)
                self.settle(page, name)
                running = page.evaluate("""() => document.getAnimations()
                  .map((each) => each.animationName ?? each.transitionProperty)""")
                self.assertEqual(running, [])

    def watched(self):
        """A page that adds up how far its content jumps. 0.1 is what Core Web Vitals call good."""
        context = self.new_context()
        self.addCleanup(context.close)
        context.add_init_script("""
          window.jumped = 0;
          new PerformanceObserver((list) => {
            for (const entry of list.getEntries()) if (!entry.hadRecentInput) window.jumped += entry.value;
          }).observe({type: 'layout-shift', buffered: true});""")
        return self.new_page(context)

    def test_pages_do_not_jump_while_they_load(self):
        # What happens to a delegation meanwhile is news, which has its place.
        self.open_delegation(self.live)
        self.settle(self.page, "live")
        for name, route in self.pages().items():
            with self.subTest(page=name):
                page = self.watched()
                self.open(route, page)
                self.settle(page, name)
                self.assertLess(page.evaluate("window.jumped"), 0.1)

    def test_rounds_that_come_late_move_nothing(self):
        self.open_delegation(self.done)
        self.settle(self.page, "done")
        page = self.watched()
        held = []
        page.route("**/api/pull-requests/*", lambda route: held.append(route))
        page.goto(self.address() + f"#/delegations/{self.done['id']}")
        # The page waits for a second, and no longer.
        expect(page.locator(".detail-line .badge")).to_be_visible()
        self.expect_state("Pushed", page)
        expect(page.locator(".attempt")).to_have_count(1)
        expect(page.locator(".diff-line")).not_to_have_count(0)
        before = page.locator(".detail-grid").bounding_box()
        for route in held:
            route.continue_()
        expect(page.locator(".round")).to_have_count(2)
        self.assertEqual(page.locator(".detail-grid").bounding_box(), before)
        self.assertLess(page.evaluate("window.jumped"), 0.1)


if __name__ == "__main__":
    unittest.main()
