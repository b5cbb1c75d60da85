"""What an agent tells beside its words: plan, tool calls, usage, and when it said what."""

import shutil
import sys
import tempfile
import unittest
from pathlib import Path

from playwright.sync_api import expect

from support import BrowserTest

GATES = Path(tempfile.mkdtemp(prefix="aipm-gates-"))
# Agents may be another user than the tests.
GATES.chmod(0o755)
SESSION = Path(__file__).resolve().parent / "session.py"


class ActivityTests(BrowserTest):
    server_options = {"agents": f"""  talker:
    protocol: agent-client-protocol
    command: ["{sys.executable}", "{SESSION}"]
    sandbox: {{readable: ["{GATES}"]}}
"""}

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(GATES, ignore_errors=True)

    def test_plan_tools_and_usage_are_live(self):
        gate = GATES / "gate"
        answer = self.server.submit("Talks", f"gate:{gate}", agent="talker")
        page = self.open_delegation(answer)
        self.expect_state("Generating")
        plan = page.get_by_role("region", name="Plan").get_by_role("listitem")
        # The agent's words are text, whatever stands in them.
        expect(plan.nth(0)).to_contain_text("look <b>around</b>")
        expect(plan.nth(0).get_by_role("img", name="done")).to_be_visible()
        expect(plan.nth(1).get_by_role("img", name="under way")).to_be_visible()
        calls = page.get_by_role("tabpanel", name="Output").locator(".tool-part")
        calls.locator("summary").click()
        expect(calls.get_by_role("listitem")).to_have_text("◐Write <i>made.txt</i> edit made.txt")
        expect(page.get_by_role("tabpanel", name="Output").locator(".used")).to_have_text("Used so far: $0.2500")
        expect(page.get_by_role("log")).to_contain_text("waiting")
        gate.touch()
        self.expect_state("Pushed")
        page.get_by_role("tab", name="Output").click()
        expect(plan.nth(1).get_by_role("img", name="done")).to_be_visible()
        expect(calls.get_by_role("listitem").nth(0).get_by_role("img", name="done")).to_be_visible()
        expect(calls.get_by_role("listitem").nth(1).get_by_role("img", name="not ended")).to_be_visible()
        expect(page.get_by_role("tabpanel", name="Output").locator(".used")).to_have_text("Used: $0.2500")
        line = page.locator(".output-line", has_text="waiting")
        shown = "(node) => getComputedStyle(node, '::before').content"
        self.assertEqual(line.evaluate(shown), "none")
        page.get_by_label("Times").check()
        self.assertRegex(line.evaluate(shown), r"\d\d:\d\d:\d\d\.\d{3}")
        # What is there after a reload is the same.
        self.open_delegation(answer)
        page.get_by_role("tab", name="Output").click()
        expect(plan).to_have_count(2)
        expect(page.get_by_role("tabpanel", name="Output").locator(".used")).to_have_text("Used: $0.2500")

    def test_an_agent_that_tells_nothing_has_no_such_part(self):
        answer = self.server.submit("Plain", "do: say hello\ndo: write a.txt a")
        page = self.open_delegation(answer)
        self.expect_state("Pushed")
        page.get_by_role("tab", name="Output").click()
        expect(page.get_by_role("log")).to_contain_text("hello")
        expect(page.get_by_role("tabpanel", name="Output").locator(".activity")).to_be_hidden()


if __name__ == "__main__":
    unittest.main()
