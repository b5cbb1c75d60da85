"""A page that stays open while its server dies and comes back."""

import unittest

from playwright.sync_api import expect

from support import BrowserTest


class ConnectionTests(BrowserTest):
    def test_a_killed_server_is_told_and_caught_up_with(self):
        first = self.server.submit("Before the crash")
        page = self.open()
        asked = []
        page.on("request", lambda each: asked.append(each) if "events/stream" in each.url else None)
        expect(page.locator(".rows .row")).to_have_count(1)
        expect(page.locator(".rows .row .badge")).to_have_text("Ready for review")
        second = self.new_page(self.context)
        slow = self.server.submit("Through the crash", "do: pace 40 0.1\ndo: write a.txt a")
        self.open_delegation(slow, second)
        self.expect_state("Generating", second)
        expect(second.get_by_role("log")).to_contain_text("step 2")

        seen = self.server.api("api/health")[1]["position"]
        self.server.kill()
        for each in (page, second):
            expect(each.locator("#link")).to_have_attribute("data-state", "lost")
            expect(each.locator("#notice")).to_contain_text("Connection lost. What you see is as of")
        # What was read stays readable.
        expect(page.get_by_role("row").filter(has_text=first["confirmationCode"])).to_be_visible()

        self.server.start()
        missed = self.server.submit("While it was away")
        for each in (page, second):
            expect(each.locator("#link")).to_have_attribute("data-state", "live")
            expect(each.locator("#notice")).to_contain_text("Connected again.")
        # It went on from what it had seen, and asked for nothing twice.
        self.assertEqual({each.headers.get("last-event-id") for each in asked}, {str(seen)})
        row = page.get_by_role("row").filter(has_text=missed["confirmationCode"])
        expect(row.locator(".badge")).to_have_text("Ready for review")
        expect(page.get_by_role("row").filter(has_text=slow["confirmationCode"])
               .locator(".badge")).to_have_text("Ready for review")
        self.expect_state("Pushed", second)
        output = second.get_by_role("log")
        second.get_by_role("tab", name="Output").click()
        expect(output).to_contain_text("step 40")
        lines = [line for line in output.inner_text().splitlines() if line]
        self.assertEqual(lines, [f"step {n}" for n in range(1, 41)])
        second.get_by_role("tab", name="Events").click()
        told = self.server.api(f"api/delegations/{slow['id']}/events")[1]["items"]
        expect(second.locator(".envelope")).to_have_count(len(told))
        self.assertEqual(
            second.locator(".envelope-position").all_text_contents(),
            [str(event["position"]) for event in told])

    def test_a_page_that_could_not_be_loaded_is_loaded_when_the_server_is_back(self):
        # It would be loaded while nothing else is to be done.
        self.page.route("**/audit/page.js", lambda route: route.abort())
        page = self.open()
        self.server.kill()
        expect(page.locator("#link")).to_have_attribute("data-state", "lost")
        page.get_by_role("link", name="Audit").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("Not loaded yet")
        page.unroute("**/audit/page.js")
        self.server.start()
        expect(page.get_by_role("heading", level=1)).to_have_text("Audit")

    def test_what_was_typed_survives_a_dead_server(self):
        page = self.open("#/delegate")
        button = self.fill_form("Typed while it lived")
        self.server.kill()
        expect(page.locator("#link")).to_have_attribute("data-state", "lost")
        button.click()
        expect(page.locator(".form-result")).to_contain_text("The server does not answer.")
        expect(page.get_by_text("Connection lost.")).to_be_visible()
        self.server.start()
        expect(page.locator("#link")).to_have_attribute("data-state", "live")
        expect(page.locator(".form-result")).to_have_text("")
        button.click()
        self.created()
        found = self.server.api("api/delegations?q=Typed+while")[1]["items"]
        self.assertEqual(len(found), 1)


if __name__ == "__main__":
    unittest.main()
