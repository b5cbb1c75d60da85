"""Home: tasks by what they wait for, with their figures; several at once; filters, and the palette."""

import re
import unittest
from datetime import datetime, timedelta, timezone

from playwright.sync_api import expect

from support import BrowserTest

LONG = "do: pace 3000 0.2"


class HomeTests(BrowserTest):
    # One works, the others wait behind it.
    server_options = {"workers": 1}

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.server.run("forge", "create", "acme/web-shop")
        cls.ready = cls.ended("Add export button", "do: write export.txt one\\ntwo")
        cls.failed = cls.ended("Upgrade the framework", "do: exit 3")
        cls.shop = cls.ended("Sort the table", "do: write sort.txt x", repo="web-shop")
        cls.live = cls.server.submit("Translate the page", LONG)
        cls.wait(cls.live, "Generating")
        cls.queued = [cls.server.submit(f"Queue item {n}", LONG) for n in range(3)]
        for each in cls.queued:
            cls.wait(each, "PRCreated")

    @classmethod
    def ended(cls, title, objective, **fields):
        answer = cls.server.submit(title, objective, **fields)
        cls.wait(answer, "Pushed", "Failed")
        return answer

    @classmethod
    def wait(cls, answer, *states):
        while cls.server.delegation(answer["id"])["state"] not in states:
            pass

    def section(self, name):
        """The titles of the rows below a heading, up to the next one."""
        return self.page.evaluate("""(name) => {
          const titles = [];
          let here = false;
          for (const node of document.querySelectorAll(".rows > *")) {
            if (node.matches(".section-head")) here = node.querySelector("h2").textContent === name;
            else if (here) titles.push(node.querySelector(".row-link").textContent);
          }
          return titles;
        }""", name)

    def row(self, title):
        return self.page.locator(".rows .row").filter(has=self.page.get_by_role("link", name=title, exact=True))

    def test_tasks_stand_by_what_they_wait_for_with_their_figures(self):
        page = self.open()
        expect(self.row("Queue item 2")).to_contain_text("Queuedthird")
        self.assertEqual(sorted(self.section("Needs you")), ["Add export button", "Sort the table", "Upgrade the framework"])
        self.assertEqual(self.section("Working"), ["Translate the page"])
        self.assertEqual(self.section("Queued"), ["Queue item 0", "Queue item 1", "Queue item 2"])
        ready = self.row("Add export button")
        expect(ready.locator(".badge")).to_have_text("Ready for review")
        expect(ready).to_contain_text("+2")
        expect(ready.get_by_role("link", name=re.compile("^#1$"))).to_have_attribute(
            "href", re.compile("/acme/tools/pull/1$"))
        expect(ready).to_contain_text("command")
        expect(self.row("Upgrade the framework").locator(".note")).to_have_text("agent failed")
        needs = page.get_by_role("navigation", name="What they wait for")
        expect(needs.get_by_role("link", name="Needs you 3")).to_be_visible()
        needs.get_by_role("link", name="Working 1").click()
        expect(page.locator(".rows .row")).to_have_count(1)
        self.assertTrue(page.url.endswith("#/delegations?need=working"))
        page.reload()
        expect(self.row("Translate the page")).to_be_visible()

    def test_a_follow_up_is_a_round_of_its_task(self):
        page = self.open("#/delegations?need=you")
        expect(self.row("Add export button").locator(".round-note")).to_be_hidden()
        # It waits for the one worker, and the task waits with it.
        answer = self.server.api(f"api/delegations/{self.ready['id']}/follow-ups", "POST",
                                 {"message": "Quote the commas."})[1]
        expect(self.row("Add export button")).to_have_count(0)
        self.open("#/delegations?need=queued")
        row = self.row("Add export button")
        expect(row).to_contain_text("Round 2: Quote the commas.")
        self.server.api(f"api/delegations/{answer['id']}/cancel", "POST", {})
        expect(row).to_have_count(0)
        # What was pushed before is still to be reviewed.
        self.open("#/delegations?need=you")
        expect(row.locator(".badge")).to_have_text("Ready for review")
        row.get_by_role("link", name="Add export button").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("Quote the commas.")
        expect(page.get_by_role("navigation", name="Where it stands").get_by_role("link")).to_have_text(
            ["Delegations", "acme/tools"])

    def test_several_are_cancelled_and_retried_at_once(self):
        mine = [self.server.submit(f"Together {n}", LONG) for n in range(3)]
        for each in mine:
            self.wait(each, "PRCreated")
        page = self.open("#/delegations?q=together")
        page.get_by_label("Select Together 0").check()
        page.get_by_label("Select Together 2").click(modifiers=["Shift"])
        bulk = page.get_by_role("region", name="Selected tasks")
        expect(bulk).to_contain_text("3 selected")
        bulk.get_by_role("button", name="Cancel 3").click()
        page.get_by_role("dialog").get_by_role("button", name="Cancel them").click()
        expect(bulk).to_contain_text("3 of 3 cancelled.")
        # The answer says that the cancel is recorded; the end follows it.
        for each in mine:
            self.wait(each, "Failed")
        self.assertEqual({self.server.delegation(each["id"])["phase"] for each in mine}, {"cancelled"})
        expect(page.get_by_role("heading", name="Done")).to_be_visible()
        page.get_by_label("Select all that are shown of Done").check()
        bulk.get_by_role("button", name="Retry 3").click()
        expect(bulk).to_contain_text("3 of 3 retried.")
        expect(page.get_by_role("heading", name="Queued")).to_be_visible()
        # Somebody else was faster with one of them.
        page.get_by_label("Select all that are shown of Queued").check()
        page.route(f"**/api/delegations/{mine[1]['id']}/cancel", lambda route: route.fulfill(
            status=409, content_type="application/problem+json", body='{"detail": "It has ended."}'))
        bulk.get_by_role("button", name="Cancel 3").click()
        page.get_by_role("dialog").get_by_role("button", name="Cancel them").click()
        expect(bulk).to_contain_text("2 of 3 cancelled. Together 1: It has ended.")
        expect(bulk).to_contain_text("1 selected")
        self.server.api(f"api/delegations/{mine[1]['id']}/cancel", "POST", {})

    def test_all_of_a_list_are_selected_and_one_is_cancelled_in_words_of_one(self):
        mine = [self.server.submit(f"Whole {n}", LONG) for n in range(2)]
        for each in mine:
            self.wait(each, "PRCreated")
        for width in (1280, 360):
            context = self.new_context(width, 740)
            self.addCleanup(context.close)
            page = self.open("#/delegations?phase=queued&q=whole", self.new_page(context))
            # A list of one state has no such part as the overview.
            expect(page.locator(".needs [aria-current]")).to_have_count(0)
            everything = page.get_by_label("Select all that are shown", exact=True)
            everything.check()
            bulk = page.get_by_role("region", name="Selected tasks")
            expect(bulk).to_contain_text("2 selected")
            page.get_by_label("Select Whole 0").uncheck()
            expect(everything).not_to_be_checked()
            bulk.get_by_role("button", name="Cancel 1").click()
            dialog = page.get_by_role("dialog")
            expect(dialog).to_contain_text("The branch and the pull request stay as they are.")
            expect(dialog.get_by_role("button", name="Cancel it")).to_be_visible()
            dialog.get_by_role("button", name="Not now").click()
            # The overview's parts have boxes of their own.
            self.open("#/delegations?q=whole", page)
            expect(everything).to_be_hidden()
        for each in mine:
            self.server.api(f"api/delegations/{each['id']}/cancel", "POST", {})

    def test_a_year_that_is_typed_has_four_digits(self):
        page = self.open("#/delegations?since=2020-01-01&until=2020-01-02")
        for name, typed in (("First day", "11232026"), ("Last day", "11292026")):
            page.get_by_label(name).focus()
            page.keyboard.type(typed)
            expect(page.get_by_label(name)).to_have_attribute("max", "9999-12-31")
        expect(page).to_have_url(re.compile("since=2026-11-23&until=2026-11-29$"))

    def test_a_filter_is_saved_with_its_address(self):
        page = self.open()
        page.get_by_label("Search delegations").fill('"queue item" 1')
        expect(page.locator(".rows .row")).to_have_count(1)
        page.get_by_role("button", name="Save this filter").click()
        page.get_by_label("Name").fill("Mine to watch")
        page.keyboard.press("Enter")
        self.open()
        page.get_by_role("link", name="Mine to watch").click()
        expect(page.locator(".rows .row")).to_have_count(1)
        expect(page.get_by_label("Search delegations")).to_have_value('"queue item" 1')
        page.get_by_role("button", name="Forget this filter").click()
        expect(page.get_by_role("link", name="Mine to watch")).to_have_count(0)

    def test_a_repository_has_a_page(self):
        page = self.open("#/repositories/acme/web-shop")
        expect(page.get_by_role("heading", level=1)).to_have_text("acme/web-shop")
        expect(page.locator(".rows .row")).to_have_count(1)
        page.get_by_label("Status", exact=True).select_option("failed")
        expect(page.get_by_text("No task is like that.")).to_be_visible()
        self.assertTrue(page.url.endswith("#/repositories/acme/web-shop?phase=failed"))
        page.get_by_role("button", name="Show all").click()
        expect(self.row("Sort the table")).to_be_visible()

    def test_on_a_phone_the_filters_are_folded_until_they_are_needed(self):
        context = self.new_context(360, 740, has_touch=True, is_mobile=True)
        self.addCleanup(context.close)
        page = self.open("", self.new_page(context))
        more = page.get_by_role("button", name=re.compile("^Filters"))
        fields = page.locator("#filters")
        small = """() => [...document.querySelectorAll(".bar, .toolbar, .filter-bar")].flatMap((part) =>
          [...part.querySelectorAll("a, button, input, select")])
            .filter((node) => node.checkVisibility() && node.getBoundingClientRect().height < 43.5)
            .map((node) => node.outerHTML.slice(0, 100))"""

        def folded():
            expect(fields).to_be_hidden()
            expect(more).to_have_attribute("aria-expanded", "false")

        def unfolded():
            expect(fields).to_be_visible()
            expect(more).to_have_attribute("aria-expanded", "true")
            self.assertEqual(page.evaluate(small), [])
            self.assertLessEqual(page.evaluate("document.documentElement.scrollWidth"), 360)

        folded()
        self.assertEqual(page.evaluate(small), [])
        # All that is above the pages is one line.
        self.assertLess(page.get_by_role("button", name="Generate Code & PR").bounding_box()["y"],
                        page.locator(".brand").bounding_box()["y"] + 44)
        more.tap()
        unfolded()
        # What stands alone in its line takes all of it.
        self.assertGreater(page.get_by_label("Repository", exact=True).bounding_box()["width"], 300)
        more.tap()
        folded()
        more.tap()
        page.get_by_label("Status", exact=True).select_option("failed")
        page.get_by_label("Requested", exact=True).select_option("days")
        expect(more).to_have_text("Filters2")
        unfolded()
        # Folded again it stays so while words are typed, and says that there are filters.
        more.tap()
        folded()
        page.get_by_label("Search delegations").fill("framework")
        expect(page).to_have_url(re.compile("q=framework"))
        folded()
        expect(more).to_have_text("Filters2")
        # An address with a filter shows it.
        page.reload()
        unfolded()
        self.open("#/delegations?q=framework", page)
        folded()
        self.open("#/repositories/acme/web-shop", page)
        folded()

    def test_the_palette_goes_everywhere(self):
        page = self.open()
        page.keyboard.press("Control+k")
        box = page.get_by_role("combobox", name="Go to or do")
        expect(box).to_be_focused()
        page.keyboard.type("translate")
        expect(page.locator(".palette-item[aria-selected=true]")).to_contain_text("Translate the page")
        page.keyboard.press("Enter")
        expect(page.get_by_role("heading", level=1)).to_have_text("Translate the page")
        page.keyboard.press("Control+k")
        page.keyboard.type("web-shop")
        expect(page.locator(".palette-item").first).to_contain_text("acme/web-shop")
        page.keyboard.press("Enter")
        expect(page.get_by_role("heading", level=1)).to_have_text("acme/web-shop")
        page.get_by_role("button", name="Go to or do (Ctrl-K)").click()
        page.keyboard.type("nothing is called so")
        expect(page.get_by_text("Nothing is like that.")).to_be_visible()
        page.keyboard.press("Escape")
        expect(box).to_have_count(0)

    def test_a_place_in_the_queue_follows_what_happens(self):
        page = self.open(f"#/delegations/{self.queued[1]['id']}")
        self.expect_state("Queued")
        expect(page.locator(".detail-line .badge")).to_have_text("Queued (second)")
        first = self.server.submit("Before all", LONG, priority=9)
        expect(page.locator(".detail-line .badge")).to_have_text("Queued (third)")
        expect(page.get_by_label("What happens")).to_contain_text("It is the third in the queue.")
        self.server.api(f"api/delegations/{first['id']}/cancel", "POST", {})
        expect(page.locator(".detail-line .badge")).to_have_text("Queued (second)")

    def test_when_a_worker_is_expected_is_on_the_page_and_in_the_list(self):
        starts = (datetime.now(timezone.utc) + timedelta(seconds=130)).isoformat()

        def expected(route):
            answer = route.fetch()
            route.fulfill(json={"items": [{**item, "startsAt": starts} for item in answer.json()["items"]]})

        self.page.route("**/api/queue", expected)
        page = self.open(f"#/delegations/{self.queued[1]['id']}")
        expect(page.locator(".detail-line .badge")).to_have_text("Queued (second, about 2 min)")
        expect(page.get_by_label("What happens")).to_contain_text(
            "It is the second in the queue. A worker is expected in about 2 min.")
        self.open()
        expect(self.row("Queue item 1").locator(".note")).to_have_text("second, about 2 min")


if __name__ == "__main__":
    unittest.main()
