"""The attempts of a delegation: their times, their outputs and changes, and two of them compared."""

import re
import unittest

from playwright.sync_api import expect

from support import BrowserTest


class AttemptTests(BrowserTest):
    server_options = {"agent_timeout": "3s"}

    def opened(self, title, *does):
        answer = self.server.submit(title, "\n".join(does))
        page = self.open_delegation(answer)
        return page, answer

    def attempt(self, number):
        return self.page.locator(f".attempt[data-number='{number}']")

    def test_an_attempt_has_its_times_its_output_and_its_change(self):
        page, answer = self.opened("Pushed at once", "do: say hello", "do: write made.txt made")
        self.expect_state("Pushed")
        attempt = self.attempt(1)
        expect(attempt.locator(".attempt-outcome")).to_have_text("pushed")
        # They are the log's: together, from the pull request to the push.
        events = self.server.api(f"api/delegations/{answer['id']}/events")[1]["items"]
        whole = page.evaluate("""async ([url, events]) => {
          const { attemptsOf } = await import(url);
          const [attempt] = attemptsOf(events, []).attempts;
          const at = (type) => Date.parse(events.find((event) => event.type === `delegation.${type}`).time);
          return [attempt.queued === at("pr-created"), attempt.dispatched === at("dispatched"),
            attempt.started === at("generating"), attempt.ended === at("generated"), attempt.pushed === at("pushed"),
            attempt.started <= attempt.agentEnded && attempt.agentEnded <= attempt.ended];
        }""", [self.server.url + "delegation/attempts.js", events])
        self.assertEqual(whole, [True] * 6)
        # A hand-in that took no millisecond is left out.
        has_hand_in = page.evaluate("""(events) => {
          const of = (type) => events.find((event) => event.type === `delegation.${type}`);
          const [from, to] = [of("generating"), of("generated")];
          return Date.parse(to.time) - Date.parse(from.time) > to.data.durationMs;
        }""", events)
        expect(attempt.locator("dt")).to_have_text(
            ["In the queue", "Set-up", "Agent and checks", *(["Hand-in"] if has_hand_in else []), "Push"])
        expect(attempt).to_contain_text("1 file, +1 −0")
        expect(attempt).to_contain_text("Its cost is unknown.")
        attempt.get_by_role("link", name="Output of attempt 1").click()
        expect(page.get_by_role("log")).to_contain_text("hello")
        expect(attempt).to_have_attribute("aria-current", "true")
        attempt.get_by_role("link", name="Change of attempt 1").click()
        expect(page.locator(".diff-file", has_text="made.txt")).to_be_visible()
        attempt.get_by_text("Plan and tool calls").click()
        expect(attempt).to_contain_text("This agent told no plan and no tool call")
        expect(page.locator(".compare")).to_be_hidden()

    def test_what_was_made_until_the_limit_is_kept_for_each_attempt(self):
        page, _ = self.opened("Out of time", "do: write half.txt half", "do: pace 300 0.1")
        self.expect_state("Failed")
        for number in (1, 2):
            expect(self.attempt(number).locator(".attempt-outcome")).to_have_text("agent timed out")
            expect(self.attempt(number).locator("dt").filter(has_text="Agent and checks")).to_be_visible()
        # The last one's is shown without asking for it.
        page.get_by_role("tab", name="Changes").click()
        status = page.locator(".diff-view .view-bar [role=status]")
        expect(status).to_contain_text("What attempt 2 had made, which was not handed in: 1 file")
        self.attempt(1).get_by_role("link", name="Change of attempt 1").click()
        expect(status).to_contain_text("What attempt 1 had made")
        page.locator(".diff-file a[data-now='1']").click()
        expect(page).to_have_url(re.compile(r"\?change=1&file=half\.txt&line=1$"))
        page.reload()
        expect(status).to_contain_text("What attempt 1 had made")
        expect(page.locator(".diff-line[data-target]")).to_contain_text("half")
        # Only a commit can be commented on.
        expect(page.locator(".diff-number button")).to_have_count(0)

    def test_what_a_failed_agent_had_made_is_kept_too(self):
        page, _ = self.opened("Breaks", "do: write half.txt half", "do: exit 3")
        self.expect_state("Failed")
        page.get_by_role("tab", name="Changes").click()
        expect(page.locator(".diff-view .view-bar [role=status]")).to_contain_text("What attempt 2 had made")
        expect(page.locator(".diff-file", has_text="half.txt")).to_be_visible()

    def test_what_was_refused_as_too_large_is_kept_too(self):
        page, _ = self.opened("Refused", "do: many 2100 1")
        self.expect_state("Failed")
        expect(self.attempt(1).locator(".attempt-outcome")).to_contain_text("change refused")
        page.get_by_role("tab", name="Changes").click()
        expect(page.locator(".diff-view .view-bar [role=status]")).to_contain_text("What attempt 1 had made")
        expect(page.locator(".diff-file")).to_have_count(2100)

    def test_two_attempts_are_compared(self):
        page, _ = self.opened("Fails twice", "do: say it broke", "do: exit 3")
        self.expect_state("Failed")
        expect(self.attempt(2).locator(".attempt-outcome")).to_have_text("agent failed")
        # The newest is first, and one that failed looks so.
        self.assertEqual(page.locator(".attempt").evaluate_all("(all) => all.map((node) => node.dataset.number)"), ["2", "1"])
        expect(self.attempt(1).locator(".mark.failed")).to_be_visible()
        page.get_by_text("Compare attempts").click()
        table = page.locator(".compare-table")
        expect(table.get_by_role("columnheader")).to_have_text(["What", "Attempt 1", "Attempt 2"])
        expect(table.get_by_role("row", name=re.compile("^Ended")).get_by_role("cell")).to_have_text(["agent failed", "agent failed"])
        expect(table.get_by_role("row", name=re.compile("^Used")).get_by_role("cell")).to_have_text(["unknown", "unknown"])
        expect(table.get_by_role("row", name=re.compile("^Said"))).to_contain_text("exit code 3")
        page.get_by_label("First attempt to compare").select_option("2")
        expect(table.get_by_role("columnheader")).to_have_text(["What", "Attempt 2", "Attempt 2"])
        # The timeline does not show the first attempt as done.
        page.locator(".timeline-part summary").first.click()
        expect(page.locator(".step", has_text="attempt 1").filter(has_text="Generating")).to_have_attribute("data-kind", "failed")

    def test_times_from_events(self):
        self.open()

        def event(type, second, **data):
            return {"type": f"delegation.{type}", "time": f"2026-11-23T12:00:{second:02}Z", "data": data}

        found = self.page.evaluate("""async ([url, events]) => {
          const { attemptsOf } = await import(url);
          const { attempts, queued } = attemptsOf(events, [{number: 1, outcome: "worker-lost"}]);
          const second = (ms) => (ms === null ? null : new Date(ms).getUTCSeconds());
          return [attempts.map((a) => [a.number, a.outcome ?? "", ...["queued", "dispatched", "started", "agentEnded", "ended",
            "pushed"].map((name) => second(a[name]))]), second(queued)];
        }""", [self.server.url + "delegation/attempts.js", [
            event("pr-created", 1), event("dispatched", 3, attempt=1), event("generating", 4, attempt=1),
            event("released", 9, attempt=1, code="worker-lost"), event("dispatched", 12, attempt=2),
            event("generating", 13, attempt=2), event("generated", 20, attempt=2, durationMs=5000),
            event("pushed", 22), event("released", 23, attempt=2)]])
        self.assertEqual(found, [
            [[1, "worker-lost", 1, 3, 4, 9, 9, None], [2, "", 9, 12, 13, 18, 20, 22]], 23])


if __name__ == "__main__":
    unittest.main()
