"""What attempts used, on a page of its own; and what a delegation waits for while a provider allows no
more."""

import re
import time
import unittest

from playwright.sync_api import expect

from support import REPOSITORY, BrowserTest

AGENTS = """  costly:
    command: [sh, -c, 'cat > /dev/null; echo made > made.txt; echo "cost 1.25 tokens 1200"']
    prompt: standard-input
    usage: [{text: "cost {cost} tokens {input-tokens}"}]
  free:
    command: [sh, -c, 'cat > /dev/null; echo made > made.txt']
    prompt: standard-input
  limited:
    command: [sh, -c, 'cat > /dev/null; echo "limit reached|$(($(date +%s) + 3000))"; exit 1']
    prompt: standard-input
    limit: [{text: "limit reached|{reset-at}"}]
"""


class UsageTests(BrowserTest):
    server_options = {"agents": AGENTS}

    def done(self, agent):
        self.open_delegation(self.server.submit(f"By {agent}", workflow="personal-delegate", agent=agent))
        self.expect_state("Pushed")

    def row(self, name):
        return self.page.get_by_role("row", name=name)

    def test_usage_by_repository_and_agent_in_the_days_that_are_asked_for(self):
        for agent in ("costly", "free"):
            self.done(agent)
        page = self.open("#/usage")
        # One of two attempts reported no cost, which is not zero.
        expect(self.row(REPOSITORY).get_by_role("cell")).to_have_text(
            ["$1.25+", "2", "0", "1,200", "–", "–", "–"])
        page.get_by_role("button", name="Agent").click()
        expect(self.row("costly").get_by_role("cell").first).to_have_text("$1.25")
        expect(self.row("free").get_by_role("cell").first).to_have_text("–")
        expect(self.row("Total").get_by_role("cell").first).to_have_text("$1.25+")
        # An address leads to the same.
        page.reload()
        expect(page.get_by_role("button", name="Agent")).to_have_attribute("aria-pressed", "true")
        expect(self.row("costly")).to_be_visible()

        page.get_by_label("Span").select_option(index=3)
        expect(page).to_have_url(re.compile(r"by=agent&since=\d{4}-\d\d-01&until=\d{4}-\d\d-(28|29|30|31)$"))
        expect(page.get_by_text("No attempt ended in these days.")).to_be_visible()
        page.get_by_label("First day").fill(time.strftime("%Y-%m-%d", time.gmtime()))
        page.get_by_label("Last day").fill("2999-12-31")
        expect(page.get_by_label("Span").locator(":checked")).to_have_text("Other days")
        expect(self.row("costly")).to_be_visible()
        page.get_by_label("Span").select_option("All days")
        expect(self.row("costly")).to_be_visible()
        expect(page.get_by_label("First day")).to_have_value("")

        # Health says what the last days cost, too, by repository and by agent.
        self.open("#/health")
        cost = page.locator(".figure").filter(has_text=re.compile("^Cost"))
        expect(cost.locator(".figure-value")).to_have_text("$1.25+")
        expect(cost).to_contain_text("in 7 days, $1.25+ today (UTC)")
        for part, name, known in (("By repository", REPOSITORY, "$1.25+"), ("By agent", "costly", "$1.25"),
                                  ("By agent", "free", "–")):
            row = page.get_by_role("region", name=part).get_by_role("row").filter(has_text=name)
            expect(row.get_by_role("cell").last).to_have_text(known)
        cost.get_by_role("link").click()
        expect(page.get_by_label("Span").locator(":checked")).to_have_text("Last 7 days")
        # What an agent did is a list.
        page.go_back()
        page.get_by_role("region", name="By agent").get_by_role("link", name="costly").click()
        expect(page.locator(".rows .row")).to_have_count(1)
        page.get_by_role("button", name="Agent: costly").click()
        expect(page.locator(".rows .row")).to_have_count(2)


class WithoutCommitTests(BrowserTest):
    server_options = {"agents": AGENTS}

    def test_a_cancelled_attempt_is_one_without_a_commit_and_no_failure(self):
        self.server.run("forge", "create", "acme/usage")
        answer = self.server.submit("Is cancelled", "do: pace 3000 0.1", repo="usage")
        page = self.open_delegation(answer)
        # An attempt counts once its agent has begun.
        expect(page.get_by_role("log")).to_contain_text("step 1")
        self.server.api(f"api/delegations/{answer['id']}/cancel", "POST", {})
        self.expect_state("Cancelled")
        self.open("#/usage")
        expect(page.get_by_role("row", name="acme/usage").get_by_role("cell").nth(2)).to_have_text("1")
        expect(page.get_by_role("columnheader", name="No commit")).to_be_visible()
        expect(page.get_by_role("columnheader", name="Failed")).to_have_count(0)
        expect(page.locator(".usage-table [data-kind=bad]")).to_have_count(0)

    def test_the_attempts_say_until_when_they_wait_for_a_provider(self):
        page = self.open_delegation(self.server.submit("Waits", workflow="personal-delegate", agent="limited"))
        words = re.compile(r"waits for limited until (\w+ \d+, )?\d+:\d\d")
        attempts = page.get_by_role("region", name="Attempts")
        expect(attempts).to_contain_text(words)
        expect(attempts).not_to_contain_text("waited for a worker")
        # It is a wait: nothing of it looks like a failure.
        expect(attempts).to_contain_text("provider's limit")
        expect(attempts.locator("[data-kind=failed], .mark.failed")).to_have_count(0)
        said = words.search(attempts.text_content())[0]
        # The list says the same.
        expect(self.open().locator(".row", has_text="Waits")).to_contain_text(said)
        queue = self.open("#/health").locator(".figure").filter(has_text=re.compile("^Queue"))
        expect(queue).to_contain_text("1 waits to be tried again")


if __name__ == "__main__":
    unittest.main()
