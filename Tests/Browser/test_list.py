"""Many delegations: the list, its filters and its keys, and an audit of more than one answer holds."""

import json
import re
import unittest
from concurrent.futures import ThreadPoolExecutor

from playwright.sync_api import expect

from support import REPOSITORY, BrowserTest

COUNT = 260
OTHER = "acme/site"


class ListTests(BrowserTest):
    # Nothing ends, so nothing moves but what a test does.
    server_options = {"workers": 0}

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.server.run("forge", "create", OTHER)
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(cls.submit, range(COUNT)))
        while any(state != "PRCreated" for state in cls.states()):
            pass

    @classmethod
    def submit(cls, number):
        owner, repo = (OTHER if number % 13 == 0 else REPOSITORY).split("/")
        return cls.server.submit(f"One of many n{number}", owner=owner, repo=repo)

    @classmethod
    def states(cls):
        return cls.server.api("api/health")[1]["queue"]["states"]

    def all(self, query="&need=queued"):
        items = self.server.api(f"api/tasks?limit=500{query}")[1]["items"]
        return [item["delegation"] for item in items]

    def count(self):
        return self.page.locator(".toolbar .count")

    def rows(self):
        return self.page.locator(".rows .row")

    def scroll(self, top):
        self.page.locator(".scroller").evaluate(f"(node) => {{ node.scrollTop = {top}; }}")

    def test_days_are_a_filter_with_an_address(self):
        page = self.open("#/delegations?need=queued")
        page.get_by_label("Requested").select_option("Last 24 hours")
        expect(page).to_have_url(re.compile(r"\?need=queued&since=24h$"))
        expect(self.rows().first).to_be_visible()
        page.get_by_label("Requested").select_option("Between days")
        expect(self.rows().first).to_be_visible()
        page.get_by_label("First day").fill("2001-02-03")
        expect(self.rows().first).to_be_visible()
        page.get_by_label("Last day").fill("2001-02-04")
        expect(page.get_by_text("No task is like that.")).to_be_visible()
        expect(page).to_have_url(re.compile(r"\?need=queued&since=2001-02-03&until=2001-02-04$"))
        # A new one is not of these days; another page of the same log has it.
        other = self.open("", self.new_page(self.context))
        title = "Later than those days"
        self.server.submit(title)
        expect(other.get_by_role("link", name=title)).to_be_visible()
        expect(page.get_by_role("link", name=title)).to_have_count(0)
        page.reload()
        expect(page.get_by_label("Requested").locator(":checked")).to_have_text("Between days")
        expect(page.get_by_label("First day")).to_have_value("2001-02-03")
        expect(page.get_by_text("No task is like that.")).to_be_visible()
        page.get_by_label("Last day").fill("2999-12-31")
        expect(page.get_by_role("link", name=title)).to_be_visible()
        for wrong in ("since=yesterday", "until=2001-02-31"):
            status, problem = self.server.api(f"api/tasks?{wrong}")
            self.assertEqual((status, problem["errors"][0]["field"]), (422, wrong.split("=")[0]))

    def test_all_are_there_and_few_are_in_the_page(self):
        page = self.open("#/delegations?need=queued")
        wanted = [item["confirmationCode"] for item in self.all()]
        expect(self.rows().first).to_contain_text(wanted[0])
        while self.count().text_content().endswith("+"):
            self.scroll("node.scrollHeight")
        expect(self.count()).to_have_text(str(len(wanted)))
        self.scroll("node.scrollHeight")
        expect(self.rows().last).to_contain_text(wanted[-1])
        self.assertLess(self.rows().count(), 60)
        shown = page.locator(".rows .code").all_text_contents()
        self.assertEqual(shown, wanted[-len(shown):])
        index = self.rows().last.get_attribute("aria-rowindex")
        self.assertEqual(int(index), len(wanted) + 1)

    def test_what_is_new_comes_on_top_and_moves_nothing_that_is_read(self):
        page = self.open("#/delegations?need=queued")
        self.scroll(600)
        expect(self.rows().first).not_to_have_attribute("aria-rowindex", "2")
        read = page.locator(".rows .row").nth(12)
        code = read.locator(".code").text_content()
        same = self.rows().filter(has_text=code)
        before = same.bounding_box()["y"]
        new = self.server.submit("The newest")
        fresh = page.get_by_role("button", name="1 new above")
        expect(fresh).to_be_visible()
        self.assertEqual(same.bounding_box()["y"], before)
        fresh.click()
        expect(self.rows().first).to_contain_text(new["confirmationCode"])
        expect(fresh).to_be_hidden()

    def test_what_comes_between_the_rows_and_the_stream_is_not_missed(self):
        page = self.page
        held = []
        page.route("**/api/events/stream*", lambda route: held.append(route), times=1)
        page.goto(self.address() + "#/delegations?need=queued")
        expect(self.rows().first).to_be_visible()
        new = self.server.submit("Between the two")
        expect(self.rows().first).not_to_contain_text(new["confirmationCode"])
        held[0].continue_()
        expect(self.rows().first).to_contain_text(new["confirmationCode"])
        expect(page.locator("#link")).to_have_attribute("data-state", "live")

    def test_it_is_filtered_by_state_repository_and_words_and_stays_live(self):
        page = self.open("#/delegations?need=queued")
        page.get_by_label("Repository", exact=True).fill("SITE")
        wanted = self.all(f"&repo={OTHER.replace('/', '%2F')}")
        expect(self.count()).to_have_text(str(len(wanted)))
        self.assertIn("SITE", page.url)
        page.get_by_label("Status", exact=True).select_option("queued")
        expect(self.count()).to_have_text(str(len(wanted)))
        page.get_by_label("Search delegations").fill("many n130")
        expect(self.count()).to_have_text("1")
        expect(self.rows()).to_have_count(1)
        expect(self.rows()).to_contain_text("One of many n130")
        page.get_by_label("Search delegations").fill("leaves the filter")
        expect(page.get_by_text("No task is like that.")).to_be_visible()
        # Of what comes, only what is looked for is shown, and only as long as it is that.
        self.server.submit("Stays away")
        owner, repo = OTHER.split("/")
        answer = self.server.submit("It leaves the filter", owner=owner, repo=repo)
        expect(self.rows()).to_have_count(1)
        expect(self.rows()).to_contain_text(answer["confirmationCode"])
        self.server.api(f"api/delegations/{answer['id']}/cancel", "POST", {})
        expect(self.rows()).to_have_count(0)
        page.get_by_label("Status", exact=True).select_option("cancelled")
        expect(self.rows()).to_have_count(1)
        page.reload()
        expect(page.get_by_label("Search delegations")).to_have_value("leaves the filter")
        expect(page.get_by_label("Status", exact=True)).to_have_value("cancelled")
        expect(self.rows()).to_have_count(1)
        page.get_by_label("Search delegations").fill("nothing at all")
        page.get_by_role("button", name="Show all").click()
        expect(page.get_by_role("heading", name="Queued")).to_be_visible()
        expect(page.get_by_role("link", name=re.compile(r"Show all \d{3}"))).to_be_visible()

    def test_keys_go_down_the_list_and_come_back_to_where_it_was(self):
        page = self.open("#/delegations?need=queued")
        wanted = [item["taskTitle"] for item in self.all()]
        for _ in range(40):
            page.keyboard.press("j")
        expect(page.locator(".row-link:focus")).to_have_text(wanted[39])
        expect(page.locator(".row-link:focus")).to_be_in_viewport()
        page.keyboard.press("k")
        expect(page.locator(".row-link:focus")).to_have_text(wanted[38])
        page.keyboard.press("Enter")
        expect(page.get_by_role("heading", level=1)).to_have_text(wanted[38])
        page.keyboard.press("u")
        # A key that is pressed before is the delegation's.
        expect(page.get_by_role("row").nth(1)).to_be_visible()
        page.keyboard.press("j")
        expect(page.locator(".row-link:focus")).to_have_text(wanted[39])
        expect(page.locator(".row-link:focus")).to_be_in_viewport()

    def test_an_audit_is_exported_whole(self):
        page = self.open("#/audit?q=nobody-said-this")
        expect(page.get_by_text("No event is like that.")).to_be_visible()
        expect(page.get_by_role("button", name="Export as jsonl")).to_be_hidden()
        page = self.open("#/audit?q=repo:" + REPOSITORY)
        events, cursor = [], ""
        while cursor is not None:
            more = self.server.api(f"api/audit?q=repo:{REPOSITORY}&limit=1000&cursor={cursor}"
                                   .removesuffix("&cursor="))[1]
            events, cursor = events + more["items"], more["next"]
        self.assertGreater(len(events), 1000)
        self.assertEqual(json.loads(self.export("json")), {"items": events, "next": None})
        lines = self.export("jsonl").splitlines()
        self.assertEqual([json.loads(line) for line in lines], events)
        table = self.export("csv").removesuffix("\r\n").split("\r\n")
        self.assertTrue(table[0].startswith("position,time,"))
        self.assertEqual([line.split(",")[0] for line in table[1:]],
                         [str(event["position"]) for event in events])
        expect(page.locator("#audit-note")).to_have_text("The newest 100 events")

    def export(self, format_name):
        with self.page.expect_download() as download:
            self.page.get_by_role("button", name=f"Export as {format_name}", exact=True).click()
        self.assertEqual(download.value.suggested_filename, f"aipm-audit.{format_name}")
        return download.value.path().read_bytes().decode()


if __name__ == "__main__":
    unittest.main()
