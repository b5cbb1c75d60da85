"""A task that is the address of an issue, and the repositories that are offered for one."""

import json
import unittest
import urllib.request

from playwright.sync_api import expect

from support import REPOSITORY, BrowserTest

# A repository that AIPM knows from the forge alone.
UNUSED = "acme/never-used"


class IssueTests(BrowserTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.server.run("forge", "create", UNUSED)

    def forge(self, route, method="GET", body=None):
        """A call of the embedded forge with its own token."""
        data = self.server.folder / "data"
        request = urllib.request.Request(
            f"{self.server.api('api/choices')[1]['forge']}/repos/{REPOSITORY}/{route}", method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": f"Bearer {(data / 'secrets' / 'forge-token').read_text().strip()}",
                     "Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=30) as response:
            return json.load(response)

    def test_an_issue_fills_the_form_and_is_closed_by_its_pull_request(self):
        issue = self.forge("issues", "POST", {
            "title": "Export the table", "body": "People want a file.\r\n\ndo: write table.csv a"})
        page = self.open("#/delegate")
        box = page.get_by_label("What should be done?")
        box.fill(f"  {issue['html_url']}\n")
        expect(box).to_have_value("Export the table\n\nPeople want a file.\n\ndo: write table.csv a")
        expect(page.get_by_label("Repository")).to_have_value(REPOSITORY)
        name = f"{REPOSITORY}#{issue['number']}"
        line = page.locator("#field-objective-line")
        expect(line).to_contain_text(f"From the issue {name}. The pull request will be linked to it.")
        expect(line.get_by_role("link")).to_have_attribute("href", issue["html_url"])
        self.unfold("Title, branch")
        expect(page.get_by_label("Task title")).to_have_value("Export the table")
        # A draft keeps it.
        page.reload()
        expect(line).to_contain_text(f"From the issue {name}")
        page.get_by_role("main").get_by_role("button", name="Generate Code & PR").click()
        found = self.server.delegation(self.created())
        self.assertEqual(found["issue"], {"name": f"#{issue['number']}", "html_url": issue["html_url"]})
        expect(page.locator(".facts").get_by_role("link", name=f"#{issue['number']}", exact=True)).to_have_attribute(
            "href", issue["html_url"])
        self.expect_state("Pushed")
        number = found["pullRequest"]["number"]
        self.assertTrue(self.forge(f"pulls/{number}")["body"].startswith(f"Closes #{issue['number']}\n"))
        requested = self.server.api(f"api/delegations/{found['id']}/events")[1]["items"][0]
        self.assertEqual(requested["data"]["issue"], name)
        self.forge(f"pulls/{number}/merge", "PUT", {})
        self.assertEqual(self.forge(f"issues/{issue['number']}")["state"], "closed")

    def test_an_issue_need_not_be_linked(self):
        issue = self.forge("issues", "POST", {"title": "Print the table", "body": ""})
        page = self.open("#/delegate")
        box = page.get_by_label("What should be done?")
        box.press_sequentially(f"{REPOSITORY}#{issue['number']}")
        expect(box).to_have_value("Print the table")
        page.get_by_role("button", name="Do not link").click()
        expect(page.locator("#field-objective-line")).to_contain_text("In your own words")
        page.get_by_role("main").get_by_role("button", name="Generate Code & PR").click()
        self.assertNotIn("issue", self.server.delegation(self.created()))

    def test_an_issue_that_cannot_be_read_is_told_at_its_field(self):
        page = self.open("#/delegate")
        box = page.get_by_label("What should be done?")
        forge = self.server.api("api/choices")[1]["forge"]
        line = page.locator("#field-objective-line[data-fault]")
        for text, told in (
            (f"{forge}/{REPOSITORY}/issues/999", f"The forge shows AIPM no issue {REPOSITORY}#999."),
            ("https://github.com/acme/tools/issues/1", f"Is not on this server's forge; write one below {forge}/"),
        ):
            box.fill(text)
            expect(line).to_contain_text(told)
            expect(box).to_have_attribute("aria-invalid", "true")
            page.get_by_role("main").get_by_role("button", name="Generate Code & PR").click()
            expect(box).to_be_focused()
        box.fill("In my own words")
        expect(line).to_have_count(0)
        status, answer = self.server.api("api/personal-delegate", "POST", {
            "owner": "acme", "repo": "tools", "branchName": "x", "taskTitle": "x", "objective": "x",
            "prTitle": "x", "issue": "https://evil.example/acme/tools/issues/1"})
        self.assertEqual((status, answer["errors"][0]["field"]), (422, "issue"))

    def test_repositories_that_aipm_may_use_are_offered(self):
        page = self.open("#/delegate")
        for name in (REPOSITORY, UNUSED):
            expect(page.locator(f"#delegate-repositories option[value='{name}']")).to_have_count(1)
        status, found = self.server.api("api/repositories")
        self.assertEqual((status, found["complete"], sorted(found["items"])), (200, True, [UNUSED, REPOSITORY]))


if __name__ == "__main__":
    unittest.main()
