"""What needs a person: a count in the tab's title and icon, and notifications of what they asked for."""

import re
import unittest

from playwright.sync_api import expect

from support import BrowserTest

# The browser's own, without a screen: what would be shown is kept.
RECORD = """
window.shown_ = [];
window.Notification = class extends EventTarget {
  static permission = "default";
  static async requestPermission() { return (this.permission = "granted"); }
  constructor(title, options) {
    super();
    window.shown_.push({title, body: options.body, tag: options.tag});
    window.last_ = this;
  }
  close() {}
};
window.focus = () => {};
"""


class NoticeTests(BrowserTest):
    def new_context(self, *arguments, **options):
        context = super().new_context(*arguments, **options)
        context.add_init_script(RECORD)
        return context

    def shown(self):
        return self.page.evaluate("window.shown_")

    def look_away(self, isAway=True):
        self.page.evaluate("(isAway) => { document.hasFocus = () => !isAway; }", isAway)

    def ended(self, title, objective):
        answer = self.server.submit(title, objective)
        while self.server.delegation(answer["id"])["state"] not in ("Pushed", "Failed"):
            pass
        return answer

    def test_the_tab_counts_what_needs_its_person(self):
        page = self.open()
        count = self.server.api("api/tasks/by-need?requester=local&limit=1")[1]["needs"]["you"]["count"]
        self.ended("Counted in the tab", "do: exit 1")
        expect(page).to_have_title(f"({count + 1}) Delegations · AIPM")
        icon = page.locator("link[rel=icon]")
        expect(icon).to_have_attribute("href", f"icons/{count + 1}.svg")
        found = page.evaluate("(name) => fetch(name).then((answer) => answer.headers.get('content-type'))",
                              f"icons/{count + 1}.svg")
        self.assertIn("image/svg+xml", found)
        page.get_by_role("link", name="Workers").click()
        expect(page).to_have_title(f"({count + 1}) Workers · AIPM")

    def test_notifications_are_shown_when_they_are_wanted(self):
        page = self.open()
        self.look_away()
        self.ended("Before they are on", "do: write a.txt a")
        button = page.get_by_role("button", name="Notifications")
        expect(button).to_have_attribute("aria-pressed", "false")
        button.click()
        expect(button).to_have_attribute("aria-pressed", "true")
        done = self.ended("Wanted", "do: write b.txt b")
        page.wait_for_function("() => window.shown_.length === 1")
        failed = self.ended("It breaks", "do: exit 3")
        page.wait_for_function("() => window.shown_.length === 2")
        self.assertEqual(self.shown(), [
            {"title": "Wanted", "body": "Ready for review.", "tag": done["id"]},
            {"title": "It breaks", "body": "Failed. The agent ended with exit code 3.", "tag": failed["id"]}])
        page.evaluate("() => window.last_.dispatchEvent(new Event('click'))")
        expect(page.get_by_role("heading", level=1)).to_have_text("It breaks")
        # What somebody looks at needs no notification, nor does a cancellation.
        self.look_away(False)
        self.ended("Seen", "do: write c.txt c")
        self.look_away()
        slow = self.server.submit("Cancelled", "do: pace 600 0.1")
        self.server.api(f"api/delegations/{slow['id']}/cancel", "POST", {})
        last = self.ended("The last", "do: write d.txt d")
        page.wait_for_function("() => window.shown_.length === 3")
        self.assertEqual(self.shown()[2]["tag"], last["id"])
        page.get_by_role("button", name="Notifications").click()
        expect(page.get_by_role("button", name="Notifications")).to_have_attribute("aria-pressed", "false")

    def test_what_others_asked_for_is_not_shown(self):
        page = self.open()
        self.look_away()
        page.get_by_role("button", name="Notifications").click()
        page.route(re.compile(r"/task$"), self.from_somebody_else)
        with page.expect_response(re.compile(r"/task$")):
            self.ended("Of somebody else", "do: write e.txt e")
        page.unroute_all(behavior="wait")
        mine = self.ended("Of mine", "do: write f.txt f")
        page.wait_for_function("() => window.shown_.length > 0")
        self.assertEqual([each["tag"] for each in self.shown()], [mine["id"]])

    def from_somebody_else(self, route):
        response = route.fetch()
        route.fulfill(response=response, json=response.json() | {"requester": "ann"})


if __name__ == "__main__":
    unittest.main()
