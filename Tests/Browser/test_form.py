"""The form: from what somebody types to a pushed pull request."""

import re
import unittest
import urllib.request

from playwright.sync_api import expect

from support import REPOSITORY, BrowserTest

# When the answer was there, and when the page said so: both by the page's own clock.
WATCH = """
window.told = null;
new MutationObserver(() => {
  if (window.told === null && /Confirmation: PR/.test(document.querySelector('.created')?.textContent ?? ''))
    requestAnimationFrame(() => { window.told ??= performance.now(); });
}).observe(document.documentElement, {childList: true, subtree: true, characterData: true});
"""
ANSWERED = """() => performance.getEntriesByType('resource')
  .filter((entry) => entry.name.endsWith('/personal-delegate')).at(-1).responseEnd"""


class FormTests(BrowserTest):
    def all(self):
        return self.server.api("api/delegations?limit=500")[1]["items"]

    def test_from_the_form_to_a_pushed_pull_request(self):
        page = self.open()
        page.get_by_role("button", name="Generate Code & PR").click()
        button = self.fill_form()
        expect(page.get_by_label("Repository")).to_have_value(REPOSITORY)
        expect(page.get_by_label("Pull request title")).to_have_value("feat: Add export button")
        expect(page.get_by_label("Branch name")).to_have_value("feature/add-export-button")
        expect(page.locator("#field-branchName-line")).to_contain_text(
            re.compile(r"Will be feature/add-export-button-\d+…"))
        self.unfold("More")
        page.get_by_label("Acceptance criterion 1").fill("Button appears")
        label = page.get_by_role("group", name="Acceptance criteria").locator("legend").bounding_box()
        box = page.get_by_label("Acceptance criterion 1").bounding_box()
        self.assertGreaterEqual(box["y"] - label["y"] - label["height"], 3)
        page.keyboard.press("Enter")
        page.keyboard.type("Export works")
        button.click()
        # Its own page follows, at its own address.
        code = self.created()
        heading = page.get_by_role("heading", level=1)
        expect(heading).to_have_text("Add export button")
        expect(heading).to_be_focused()
        self.assertIn(f"#/delegations/{self.server.delegation(code)['id']}", page.url)
        with page.context.expect_page() as opened:
            page.get_by_role("link", name=re.compile(r"Pull request #\d+")).click()
        expect(opened.value.locator("h1")).to_contain_text("feat: Add export button")
        opened.value.close()
        self.expect_state("Pushed")
        found = self.server.delegation(code)
        self.assertEqual(found["acceptanceCriteria"], ["Button appears", "Export works"])
        self.assertEqual(found["branchName"], f"feature/add-export-button-{code[2:]}")
        with urllib.request.urlopen(found["pullRequest"]["html_url"], timeout=30) as response:
            self.assertIn("export.txt", response.read().decode())
        self.assertIsNone(page.evaluate("localStorage.getItem('aipm.draft')"))

    def test_success_is_told_within_50_ms_of_the_answer(self):
        spent = []
        for _ in range(3):
            page = self.open("#/delegate")
            page.evaluate(WATCH)
            self.fill_form().click()
            page.wait_for_function("() => window.told !== null")
            spent.append(page.evaluate("window.told") - page.evaluate(ANSWERED))
        self.assertLess(min(spent), 50, spent)

    def test_faults_stand_beside_their_fields_and_nothing_is_sent(self):
        page = self.open("#/delegate")
        before = len(self.all())
        self.page.get_by_role("main").get_by_role("button", name="Generate Code & PR").click()
        told = page.locator(".form-result")
        expect(told).to_contain_text("2 fields have errors")
        expect(page.get_by_label("What should be done?")).to_be_focused()
        # What follows from the words of the task is missing with them.
        expect(page.get_by_label("Task title")).not_to_have_attribute("aria-invalid", "true")
        for label in ["Repository", "What should be done?"]:
            field = page.get_by_label(label)
            expect(field).to_have_attribute("aria-invalid", "true")
            line = page.locator(f"#{field.get_attribute('aria-describedby')}")
            expect(line).to_contain_text("Is empty; write")
        # The count goes down as they are put right, and then nothing is said.
        page.get_by_label("What should be done?").fill("Sort the table by date. It is long.")
        expect(told).to_have_text("One field has an error; nothing was sent.")
        expect(page.get_by_label("Task title")).to_have_value("Sort the table by date")
        page.get_by_label("Repository").fill(REPOSITORY)
        expect(told).to_have_text("")
        self.unfold("Title, branch")
        page.get_by_label("Branch name").fill("feature/a b")
        expect(page.locator("#field-branchName-line")).to_have_text(
            "Holds a space, which no branch may; write - in its place.")
        page.get_by_label("Branch name").fill("feature/a-b")
        expect(page.get_by_label("Branch name")).not_to_have_attribute("aria-invalid", "true")
        page.get_by_label("Repository").fill("just-a-name")
        expect(page.locator("#field-repository-line")).to_contain_text("Is not owner/repo")
        self.assertEqual(len(self.all()), before)

    def test_the_page_checks_as_the_server_does(self):
        page = self.open("#/delegate")
        good = {"owner": "acme", "repo": "tools", "branchName": "feature/x", "taskTitle": "T",
                "objective": "O", "prTitle": "P", "constraints": "", "acceptanceCriteria": []}
        wrong = [
            {"owner": ""}, {"owner": "--"}, {"owner": "a.b"}, {"owner": "a" * 40}, {"owner": "_"},
            {"repo": " "}, {"repo": "a b"}, {"repo": "x.git"}, {"repo": "x.Wiki"}, {"repo": ".."}, {"repo": "r" * 101},
            {"branchName": "a b"}, {"branchName": "a~b"}, {"branchName": "a..b"}, {"branchName": "/a"},
            {"branchName": "a/"}, {"branchName": "a//b"}, {"branchName": ".a"}, {"branchName": "a/.b"},
            {"branchName": "a.lock"}, {"branchName": "a."}, {"branchName": "-a"}, {"branchName": "@"},
            {"branchName": "HEAD"}, {"branchName": "refs/heads/a"}, {"branchName": "a@{b"},
            {"branchName": "ä" * 116}, {"branchName": "a\u0007b"}, {"branchName": "a\\b"},
            {"taskTitle": ""}, {"taskTitle": " \u2003 "}, {"taskTitle": "x" * 257}, {"taskTitle": "a\nb"},
            {"taskTitle": "a\u2028b"}, {"taskTitle": "👩‍💻" * 100},
            {"objective": "x" * 20_001}, {"objective": "🙂a\u0000"},
            {"prTitle": "\t"}, {"prTitle": "a\tb"}, {"constraints": "x" * 20_001},
            {"constraints": "\u0085"}, {"acceptanceCriteria": ["x" * 2001, "", "ok", "a\u0001"]},
            {"acceptanceCriteria": ["x"] * 101}, {"baseBranch": ""}, {"baseBranch": "a b"},
            {"baseBranch": "b" * 245}, {"owner": "", "repo": "", "branchName": "", "taskTitle": ""},
        ]
        faults_of = "async ([url, body]) => (await import(url)).faultsOf(body)"
        for change in wrong:
            body = good | change
            status, answer = self.server.api("api/personal-delegate", "POST", body)
            self.assertEqual(status, 422, change)
            here = page.evaluate(faults_of, [self.server.url + "delegate/check.js", body])
            self.assertEqual(
                [[fault["field"], f"{fault['field']} {fault['message']}"] for fault in here],
                [[fault["field"], fault["message"]] for fault in answer["errors"]], change)
        self.assertEqual(page.evaluate(faults_of, [self.server.url + "delegate/check.js", good]), [])

    def test_what_is_pasted_is_taken_as_the_server_takes_it(self):
        page = self.open("#/delegate")
        good = {"owner": "acme", "repo": "tools", "branchName": "feature/x", "taskTitle": "T",
                "objective": "O", "prTitle": "P", "constraints": "", "acceptanceCriteria": []}
        # The same texts as in PastedTextTests.swift, and some that are part of nothing.
        texts = [
            "one\r\ntwo", "one\rtwo", "one\r\r\ntwo\r", "\u001b[31mFAIL\u001b[0m a.test.js",
            "\u001b[1;38;5;208mbold\u001b[m", "\u001b[2K\u001b[1Gdone", "\u009b31mred\u009b0m",
            "\u001b(Bascii", "\u001b=keys\u001b>", "\u001b]0;title\u0007text",
            "\u001b]8;;https://x.y\u001b\\link\u001b]8;;\u001b\\", "\u001bPq\u001b\\after",
            "\u001b]0;a\rb\u0007c", "a\u001b", "\u001b[31", "\u001b]0;no end",
            "\u001b]0;a\nb\u0007", "\u009b", "\u0007", "\u001b[31m", "\u001b[0m\r\n",
            "\u001b\u001b[31mx", "\u001b[1\u001b[2m", "\u001b([x", "\u001b é", "x" * 255 + "\r\n",
        ]
        faults_of = "async ([url, body]) => (await import(url)).faultsOf(body)"
        for text in texts:
            # An owner that is missing keeps the server from taking it.
            body = good | {"owner": "", "taskTitle": text, "objective": text, "prTitle": text,
                           "constraints": text, "acceptanceCriteria": [text]}
            status, answer = self.server.api("api/personal-delegate", "POST", body)
            self.assertEqual(status, 422, repr(text))
            here = page.evaluate(faults_of, [self.server.url + "delegate/check.js", body])
            self.assertEqual(
                [[fault["field"], f"{fault['field']} {fault['message']}"] for fault in here],
                [[fault["field"], fault["message"]] for fault in answer["errors"]], repr(text))
        button = self.fill_form("\u001b[1mPasted\u001b[0m", "\u001b[31mFAIL\u001b[0m a.test.js")
        button.click()
        self.created()

    def test_what_only_the_server_knows_is_told_beside_the_field_too(self):
        page = self.open("#/delegate")
        button = self.fill_form()
        self.unfold("More")
        page.get_by_label("Base branch").fill("nowhere")
        button.click()
        expect(page.locator("#field-baseBranch-line")).to_contain_text("nowhere")
        field = page.get_by_label("Base branch")
        expect(field).to_be_focused()
        expect(field).to_be_in_viewport()
        # What an older server would refuse stands at its field too.
        page.route("**/api/personal-delegate", lambda route: route.fulfill(
            status=422, content_type="application/problem+json",
            body='{"errors": [{"field": "agent", "message": "agent is not known"}]}'), times=1)
        field.fill("")
        button.click()
        expect(page.locator("#field-agent-line")).to_have_text("Is not known.")

    def test_a_workflow_offers_its_own_agents_with_their_readiness(self):
        def with_workflows(route):
            response = route.fetch()
            choices = response.json()
            agents = [{"name": name, "description": f"What {name} does", "found": name == "claude",
                       "reason": None if name == "claude" else f"{name} is not installed"}
                      for name in ("claude", "codex", "aider")]
            route.fulfill(response=response, json=choices | {
                "agents": agents, "workflow": "personal-delegate", "workflows": [
                    {"name": "personal-delegate", "description": "As ever", "agents": ["aider", "claude"],
                     "agent": "claude"},
                    {"name": "team-review", "description": "With a review", "agents": ["codex"], "agent": "codex"}]})

        self.page.route("**/api/choices", with_workflows)
        page = self.open("#/delegate")
        agent = page.get_by_label("Agent (optional)")
        expect(agent.locator("option")).to_have_text(
            ["The workflow's: claude", "claude (ready)", "aider (not ready)"])
        expect(page.locator("#field-agent-line")).to_have_text("What claude does")
        agent.select_option("aider")
        expect(page.locator("#field-agent-line")).to_have_text("No worker has it: aider is not installed.")
        page.get_by_label("Workflow (optional)").select_option("team-review")
        expect(agent.locator("option")).to_have_text(["The workflow's: codex", "codex (not ready)"])
        expect(page.locator("#field-workflow-line")).to_have_text("With a review")
        page.reload()
        expect(page.get_by_label("Workflow (optional)")).to_have_value("team-review")

    def test_a_forge_that_refuses_is_told_and_the_words_are_kept(self):
        page = self.open("#/delegate")
        button = self.fill_form()
        page.get_by_label("Repository").fill("acme/absent")
        button.click()
        alert = page.locator(".form-result")
        expect(alert.get_by_role("link", name="What happened")).to_be_visible()
        expect(page.locator("#field-repository-line")).to_have_text(re.compile(r"acme/absent was not found\.$"))
        expect(alert.locator("code")).to_have_text(re.compile(r"^aipm forge create .*acme/absent$"))
        expect(alert).to_have_text(re.compile(r"of this machine\. What happened$"))
        expect(page.get_by_label("Repository")).to_be_focused()
        expect(page.get_by_label("Task title")).to_have_value("Add export button")
        page.get_by_label("Repository").fill(REPOSITORY)
        button.click()
        self.created()

    def test_two_clicks_make_one(self):
        page = self.open("#/delegate")
        before = len(self.all())
        button = self.fill_form("Clicked twice")
        button.dblclick()
        page.keyboard.press("Control+Enter")
        self.created()
        self.assertEqual(len(self.all()), before + 1)

    def test_an_answer_that_was_lost_is_asked_for_again_and_makes_one(self):
        page = self.open("#/delegate")
        before = len(self.all())

        def swallow(route):
            route.fetch()
            route.abort()

        page.route("**/api/personal-delegate", swallow, times=1)
        button = self.fill_form("Sent twice")
        button.click()
        expect(page.locator(".form-result")).to_contain_text("makes one pull request, not two")
        page.reload()
        expect(page.get_by_label("Task title")).to_have_value("Sent twice")
        page.get_by_role("main").get_by_role("button", name="Generate Code & PR").click()
        code = self.created()
        found = self.all()
        self.assertEqual(len(found), before + 1)
        self.assertEqual(found[0]["confirmationCode"], code)

    def test_a_draft_outlives_the_page(self):
        page = self.open("#/delegate")
        self.fill_form("Half written", "Some words\nin two lines")
        self.unfold("More")
        page.get_by_label("Acceptance criterion 1").fill("One")
        page.get_by_role("button", name="Add criterion").click()
        page.keyboard.type("Two")
        page.reload()
        expect(page.get_by_label("Task title")).to_have_value("Half written")
        expect(page.get_by_label("What should be done?")).to_have_value("Some words\nin two lines")
        expect(page.get_by_label("Acceptance criterion 2")).to_have_value("Two")
        page.get_by_role("button", name="Clear").click()
        expect(page.get_by_label("Task title")).to_have_value("")
        page.get_by_role("button", name="Undo").click()
        expect(page.get_by_label("Task title")).to_have_value("Half written")
        expect(page.get_by_label("Acceptance criterion 2")).to_have_value("Two")
        page.get_by_role("button", name="Remove criterion 2").click()
        expect(page.get_by_label("Acceptance criterion 2")).to_have_count(0)

    def test_a_repository_is_suggested_and_remembered(self):
        self.server.submit("So that it is known")
        page = self.open("#/delegate")
        names = page.locator("#delegate-repositories option")
        expect(names.first).to_have_attribute("value", REPOSITORY)
        self.fill_form().click()
        self.created()
        page.get_by_role("button", name="Generate Code & PR").click()
        expect(page.get_by_label("Repository")).to_have_value(REPOSITORY)
        expect(page.get_by_label("Task title")).to_have_value("")
        self.open("#/delegate")
        expect(page.get_by_label("Repository")).to_have_value(REPOSITORY)

    def test_accepted_without_a_pull_request_yet_is_followed(self):
        page = self.open("#/delegate")
        headers = {"Prefer": "respond-async"}
        page.route("**/api/personal-delegate",
                   lambda route: route.continue_(headers=route.request.headers | headers))
        self.fill_form("Slow forge").click()
        self.created()
        expect(page.get_by_role("link", name=re.compile(r"Pull request #\d+"))).to_be_visible()
        self.expect_state("Ready for review")


class PhoneTests(BrowserTest):
    def new_context(self, width=360, height=740, **options):
        return super().new_context(width, height, has_touch=True, is_mobile=True, **options)

    def test_from_the_form_to_a_pushed_pull_request_by_touch(self):
        page = self.open()
        page.get_by_role("link", name="Delegate the first").tap()
        button = self.fill_form("By thumb", "do: say by thumb\ndo: write thumb.txt up")
        self.unfold("More")
        page.get_by_role("button", name="Add criterion").tap()
        page.get_by_label("Acceptance criterion 2").fill("It works")
        button.tap()
        self.created()
        self.expect_state("Pushed")
        page.get_by_role("tab", name="Output").tap()
        expect(page.get_by_role("log")).to_contain_text("by thumb")
        page.get_by_role("navigation", name="Pages").get_by_role("link", name="Delegations").tap()
        row = page.locator(".rows .row")
        expect(row).to_have_count(1)
        expect(row.locator(".badge")).to_have_text("Ready for review")
        row.get_by_role("link", name="By thumb").tap()
        expect(page.get_by_role("heading", level=1)).to_have_text("By thumb")


if __name__ == "__main__":
    unittest.main()
