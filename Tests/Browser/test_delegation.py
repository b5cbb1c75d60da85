"""One delegation: live output, changes, events, cancel, retry; the list, the workers, health, audit."""

import json
import re
import sqlite3
import unittest
import urllib.parse

from playwright.sync_api import expect

from support import REPOSITORY, BrowserTest

SLOW = "do: pace 600 0.1\ndo: write slow.txt slow"


class DelegationTests(BrowserTest):
    def test_output_comes_live_with_its_colours_and_pauses_when_scrolled(self):
        answer = self.server.submit("Live output", "do: say \\x1b[31mred\\x1b[0m plain\n" + SLOW)
        page = self.open_delegation(answer)
        self.expect_state("Generating")
        output = page.get_by_role("log")
        expect(output.locator(".c2")).to_have_text("red")
        expect(output).to_contain_text("step 5")
        expect(output).to_contain_text("step 60")
        at_end = "(node) => node.scrollHeight - node.scrollTop - node.clientHeight < 30"
        self.assertTrue(output.evaluate(at_end))
        output.hover()
        page.mouse.wheel(0, -400)
        follow = page.get_by_role("button", name="Follow")
        expect(follow).to_be_visible()
        top = output.evaluate("(node) => node.scrollTop")
        expect(output).to_contain_text("step 90")
        self.assertEqual(output.evaluate("(node) => node.scrollTop"), top)
        follow.click()
        expect(follow).to_be_hidden()
        self.assertTrue(output.evaluate(at_end))
        self.cancel(page)
        self.expect_state("Cancelled")

    def cancel(self, page):
        page.get_by_role("button", name="Cancel", exact=True).click()
        page.get_by_role("dialog").get_by_role("button", name="Cancel it").click()

    def test_cancel_and_retry(self):
        answer = self.server.submit("Cancelled", SLOW)
        page = self.open_delegation(answer)
        self.expect_state("Generating")
        expect(page.get_by_role("button", name="Retry")).to_be_hidden()
        page.get_by_role("button", name="Cancel", exact=True).click()
        dialog = page.get_by_role("dialog")
        expect(dialog).to_contain_text("The agent is ended.")
        dialog.get_by_role("button", name="Not now").click()
        self.assertIn(self.server.delegation(answer["id"])["state"], ("Dispatched", "Generating"))
        self.cancel(page)
        self.expect_state("Cancelled")
        happens = page.get_by_label("What happens")
        expect(happens).to_have_text(
            "Cancelled by local. Retry goes on with the same branch and pull request.")
        attempt = page.locator(".attempt")
        expect(attempt).to_have_attribute("data-kind", "cancelled")
        expect(attempt.locator(".attempt-outcome")).to_have_text("cancelled")
        expect(page.get_by_role("button", name="Cancel", exact=True)).to_be_hidden()
        page.get_by_role("button", name="Retry").click()
        self.expect_state("Generating")
        expect(page.get_by_label("Attempt", exact=True)).to_have_value("2")
        expect(page.get_by_role("log")).to_contain_text("step 2")
        steps = page.locator(".step[data-kind]:not([data-kind=later]) .step-word")
        self.assertEqual(steps.all_text_contents()[-3:], ["PRCreated", "Dispatched", "Generating"])
        self.cancel(page)
        self.expect_state("Cancelled")
        found = self.server.delegation(answer["id"])
        self.assertEqual(found["pullRequest"]["number"], answer["number"])

    def test_refused_hosts_stand_with_the_line_that_allows_them(self):
        answer = self.server.submit("Refused hosts", "do: exit 3")
        network = {
            "reached": 1, "refused": 2, "connections": 4, "bytesUp": 2048, "bytesDown": 3_000_000,
            "refusedHosts": [
                {"host": "pypi.org", "port": 443, "code": "host-unlisted"},
                {"host": "<b>x</b>.example.org", "port": 8443, "code": "name-unresolved"}],
            "line": "network: {allow: [pypi.org]}"}

        def with_network(route):
            response = route.fetch()
            detail = response.json()
            for attempt in detail["attempts"]:
                attempt["network"] = network
            route.fulfill(response=response, json=detail)

        self.page.route(re.compile(r"/api/delegations/[^/?]+$"), with_network)
        page = self.open_delegation(answer)
        self.expect_state("Failed")
        expect(page.get_by_label("What happens")).to_contain_text("was refused hosts, which may be why")
        part = page.get_by_role("region", name="Network of attempt 1", exact=True)
        expect(part).to_contain_text("Attempt 1: 1 host reached, 2 refused (2.0 kB sent, 3.0 MB received)")
        hosts = part.get_by_role("list", name="Hosts that attempt 1 was refused").get_by_role("listitem")
        expect(hosts).to_have_text([
            "pypi.org:443 not in the workflow's list",
            "<b>x</b>.example.org:8443 the name has no address"])
        expect(part).to_contain_text("To allow them, write in the workflow:network: {allow: [pypi.org]}")
        expect(part.get_by_role("button", name="Copy the line that allows them")).to_be_visible()

    def test_changes_and_events_of_a_pushed_one(self):
        answer = self.server.submit("Changes", "do: write src.txt one\\ntwo\ndo: say done")
        page = self.open_delegation(answer)
        self.expect_state("Pushed")
        expect(page.get_by_label("What happens")).to_contain_text("1 file, 2 added, 0 removed")
        page.get_by_role("tab", name="Changes").click()
        change = page.get_by_role("table", name="Change of src.txt")
        expect(change.get_by_role("row")).to_have_count(2)
        expect(change).to_contain_text("two")
        page.get_by_role("tab", name="Changes").press("ArrowRight")
        expect(page.get_by_role("tab", name="Task")).to_be_focused()
        expect(page.get_by_role("tabpanel", name="Task")).to_contain_text("do: write src.txt")
        page.keyboard.press("4")
        rows = page.locator(".envelope")
        events = self.server.api(f"api/delegations/{answer['id']}/events")[1]["items"]
        expect(rows).to_have_count(len(events))
        for index in range(len(events)):
            rows.nth(index).locator("summary").click()
            shown = rows.nth(index).locator("pre")
            expect(shown).to_be_visible()
            self.assertEqual(json.loads(shown.text_content()), events[index])
        spent = page.locator(".step .spent").all_text_contents()
        self.assertEqual(len(spent), 7)
        self.assertTrue(all(re.search(r"\d m?s", text) for text in spent[:-1]), spent)

    def test_a_failed_agent_is_explained(self):
        answer = self.server.submit("Broken agent", "do: say it broke\ndo: exit 3")
        page = self.open_delegation(answer)
        self.expect_state("Failed")
        happens = page.get_by_label("What happens")
        expect(happens.get_by_role("paragraph")).to_have_text([
            "The agent ended with exit code 3; it said: it broke.",
            "Read the end of its output; a retry starts another attempt on the same branch.",
            "agent-failed, during the agent's work"])
        expect(page.get_by_label("Attempt", exact=True)).to_have_value("2")
        page.get_by_label("Attempt", exact=True).select_option("1")
        expect(page.get_by_role("log")).to_contain_text("it broke")
        expect(page.locator(".step-note[data-kind=warn]").first).to_contain_text("agent failed")

    def test_what_is_not_there_is_told(self):
        page = self.page
        page.goto(self.server.url + "#/delegations/PR1733356800123")
        expect(page.get_by_role("heading", name="Not found")).to_be_visible()
        expect(page.get_by_role("link", name="To the delegations", exact=True)).to_be_visible()

    def test_the_list_is_live_and_goes_by_keys(self):
        page = self.open()
        answer = self.server.submit("Seen in the list")
        row = page.get_by_role("row").filter(has_text=answer["confirmationCode"])
        expect(row.locator(".badge")).to_have_text("Ready for review")
        page.locator("body").press("/")
        page.keyboard.type("seen in")
        expect(page.locator(".rows .row")).to_have_count(1)
        page.keyboard.press("Enter")
        page.keyboard.press("Enter")
        expect(page.get_by_role("heading", level=1)).to_have_text("Seen in the list")
        page.keyboard.press("u")
        expect(page.get_by_role("heading", level=1)).to_have_text("Delegations")
        page.keyboard.press("j")
        expect(page.locator(".row-link:focus")).to_have_count(1)
        page.keyboard.press("?")
        expect(page.get_by_role("dialog")).to_contain_text("Generate Code & PR")

    def test_workers_show_what_they_do(self):
        answer = self.server.submit("Worked on", SLOW)
        page = self.open("#/workers")
        cards = page.locator(".worker")
        expect(cards).to_have_count(2)
        busy = page.locator(".worker[data-state=busy]")
        expect(busy).to_have_count(1)
        expect(busy.get_by_role("link")).to_have_text("Worked on")
        expect(busy).to_contain_text("Last heartbeat")
        told = {item["id"]: item for item in self.server.api("api/workers")[1]["items"]}
        for index in range(2):
            name = cards.nth(index).locator("h2").text_content()
            expect(cards.nth(index)).to_contain_text(told[name]["version"])
            expect(cards.nth(index)).to_contain_text(told[name]["host"])
        idle = page.locator(".worker[data-state=idle]")
        name = idle.locator("h2").text_content()
        page.get_by_role("button", name=f"Drain {name}").click()
        page.get_by_role("dialog").get_by_role("button", name="Drain it").click()
        card = page.locator(".worker").filter(has=page.get_by_role("heading", name=name, exact=True))
        expect(card.locator(".badge")).to_have_text("stopped")
        page.get_by_role("button", name=f"Restart {name}").click()
        page.get_by_role("dialog").get_by_role("button", name="Restart it").click()
        expect(card.locator(".badge")).to_have_text("idle")
        busy.get_by_role("link").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("Worked on")
        self.cancel(page)
        self.expect_state("Cancelled")
        self.assertEqual(self.server.delegation(answer["id"])["failure"]["code"], "cancelled")

    def test_health_says_what_the_log_says(self):
        done = self.server.submit("Counted")
        page = self.open_delegation(done)
        self.expect_state("Pushed")
        self.open("#/health")
        items = self.server.api("api/delegations?limit=500")[1]["items"]
        pushed = sum(item["state"] == "Pushed" for item in items)
        failed = [item for item in items if item["state"] == "Failed"]
        judged = pushed + sum(item["failure"]["code"] != "cancelled" for item in failed)
        success = page.locator(".figure").filter(has_text="Success")
        expect(success).to_contain_text(f"{pushed} of {judged} since ")
        expect(success.locator(".figure-value")).to_have_text(re.compile(r"^\d+(\.\d)? %$"))
        expect(page.locator(".figure").filter(has_text="Forge calls left").locator(".figure-value")
               ).to_have_text(re.compile(r"^[\d,]+$"))
        table = page.get_by_role("table", name="Delegations that ended, by hour")
        hours = table.get_by_role("rowheader").all_text_contents()
        self.assertEqual(len(hours), 24)
        self.assertTrue(all(hour.endswith(":00") for hour in hours), hours)
        # An hour may just have ended.
        self.assertGreaterEqual(sum(int(cell.text_content()) for row in table.get_by_role("row").all()[-2:]
                                    for cell in row.get_by_role("cell").all()[:1]), 1)
        for part, name in (("By repository", REPOSITORY), ("By agent", "command")):
            row = page.get_by_role("region", name=part).get_by_role("row").filter(has_text=name)
            expect(row.get_by_role("cell").first).to_have_text(str(pushed))
        waited = page.locator(".figure").filter(has_text="Usual wait")
        expect(waited.locator(".figure-value")).to_have_text(re.compile(r"^\d"))
        # Durations of seconds are not on the baseline, and what the axis says is between whole units.
        axis = page.locator(".chart").nth(1).locator(".chart-name[text-anchor=end]").all_text_contents()
        self.assertTrue({"1 s", "10 s"} & set(axis), axis)

    def test_a_chart_keeps_its_size_on_a_phone(self):
        self.open_delegation(self.server.submit("For the chart"))
        self.expect_state("Pushed")
        context = self.new_context(390, 844, has_touch=True, is_mobile=True)
        self.addCleanup(context.close)
        page = self.open("#/health", self.new_page(context))
        expect(page.locator(".chart path").first).to_be_attached()
        for chart in page.locator(".chart").all():
            box = chart.bounding_box()
            self.assertGreater(box["height"], 150)
            self.assertGreater(box["width"], 280)
            self.assertEqual(chart.evaluate("(node) => getComputedStyle(node.querySelector('text')).fontSize"), "12px")
            self.assertEqual(chart.get_attribute("viewBox"), None)
        # A repository's name stands on one line.
        name = page.get_by_role("region", name="By repository").locator("tbody bdi").first
        self.assertEqual(name.evaluate("(node) => node.getClientRects().length"), 1)

    def test_audit(self):
        answer = self.server.submit("Audited")
        self.open_delegation(answer)
        self.expect_state("Pushed")
        page = self.open("#/audit?q=" + f"id:{answer['id']}")
        events = self.server.api(f"api/delegations/{answer['id']}/events")[1]["items"]
        rows = page.locator(".envelope")
        expect(rows).to_have_count(len(events))
        shown = [int(text) for text in page.locator(".envelope-position").all_text_contents()]
        self.assertEqual(shown, sorted((event["position"] for event in events), reverse=True))
        expect(rows.first.get_by_role("link", name="Audited")).to_have_attribute("href", f"#/delegations/{answer['id']}")
        expect(page.locator(".envelope-day").first).to_have_text(re.compile(r"^\w+day, .*20\d\d$"))
        # Nothing between a row's parts is wider than a line of words.
        boxes = [part.bounding_box() for part in rows.first.locator("summary > *").all()]
        self.assertLess(boxes[3]["x"] - boxes[2]["x"] - boxes[2]["width"], 40)
        rows.first.locator("summary").click()
        expect(rows.first.locator("pre")).to_contain_text(answer["id"])
        with page.expect_download() as download:
            page.get_by_role("button", name="Export as jsonl").click()
        lines = download.value.path().read_text().splitlines()
        self.assertEqual(
            {json.loads(line)["position"] for line in lines}, {event["position"] for event in events})
        question = page.get_by_label("Question to the log")
        question.fill("age:>never")
        question.press("Enter")
        expect(question).to_have_attribute("aria-invalid", "true")
        expect(page.locator("#audit-note")).not_to_be_empty()
        page.get_by_role("button", name="Help").click()
        expect(page.locator("#audit-help")).to_contain_text("state:Failed")
        below = page.locator(".examples").bounding_box()["y"]
        help_box = page.locator("#audit-help").bounding_box()
        self.assertGreaterEqual(below - help_box["y"] - help_box["height"], 4)
        # What the help and the examples say can be asked.
        told = page.locator("#audit-help dt").all_text_contents()
        told += page.locator(".examples button").all_text_contents()
        self.assertGreater(len(told), 12)
        for text in told:
            status, answer = self.server.api("api/audit?" + urllib.parse.urlencode({"q": text}))
            self.assertEqual(status, 200, answer)

    def test_audit_reads_on_by_pages(self):
        for number in range(12):
            last = self.server.submit(f"One of many {number}")
        self.open_delegation(last)
        self.expect_state("Pushed")
        page = self.open("#/audit")
        expect(page.locator(".envelope")).to_have_count(100)
        page.get_by_role("button", name="Older events").click()
        rows = page.locator(".envelope-position")
        expect(rows.nth(100)).to_be_visible()
        expect(page.locator(".envelope summary").nth(100)).to_be_focused()
        shown = [int(text) for text in rows.all_text_contents()]
        self.assertEqual(shown, list(range(shown[0], shown[0] - len(shown), -1)))

    def test_the_log_is_verified_and_a_changed_one_is_told(self):
        answer = self.server.submit("Evidence")
        self.open_delegation(answer)
        self.expect_state("Pushed")
        page = self.open("#/audit")
        mark = page.locator(".verified")
        expect(mark).to_contain_text("✓ Verified, head")
        head = self.server.api("api/verification")[1]["head"]
        expect(mark.locator("code")).to_have_text(head["hash"][:12])
        self.assertEqual(len(head["hash"]), 64)


class TamperingTests(BrowserTest):
    def test_an_event_that_was_changed_is_found(self):
        answer = self.server.submit("Evidence")
        self.open_delegation(answer)
        self.expect_state("Pushed")
        with sqlite3.connect(self.server.folder / "data" / "aipm.db", timeout=30) as log:
            log.execute("UPDATE payloads SET body = replace(body, 'Evidence', 'Evidense')")
        page = self.open("#/audit")
        expect(page.locator(".verified")).to_contain_text("✕ Not verified")
        position = self.server.api(f"api/delegations/{answer['id']}/events")[1]["items"][0]["position"]
        expect(page.get_by_role("alert")).to_contain_text(f"the text of event {position} was changed")


if __name__ == "__main__":
    unittest.main()
