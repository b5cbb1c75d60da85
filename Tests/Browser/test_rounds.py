"""A pull request as a conversation: comments on the forge's page, changes asked for on AIPM's page,
and what became of each."""

import re
import unittest

from playwright.sync_api import expect

from support import BrowserTest

TASK = "do: write export.txt one\\ntwo\\nthree"


class RoundsTests(BrowserTest):
    server_options = {"gather": "1s"}

    def pushed(self, title="Add export button", objective=TASK, **fields):
        answer = self.server.submit(title, objective, **fields)
        page = self.open_delegation(answer)
        self.expect_state("Pushed")
        page.get_by_role("tab", name="Changes").click()
        expect(page.locator(".diff-line[data-kind='+']")).to_have_count(3)
        return page, answer

    def forge_page(self, answer):
        page = self.new_page(self.context)
        page.goto(self.server.delegation(answer["id"])["pullRequest"]["html_url"])
        return page

    def rounds(self, page=None):
        return (page or self.page).get_by_role("region", name="Rounds")

    def form(self, page=None):
        return (page or self.page).get_by_role("region", name="Ask for changes")

    def pull_request(self, answer):
        return self.server.api(f"api/pull-requests/{answer['id']}")[1]

    def ask_button(self):
        return self.page.locator(".detail-title").get_by_role("button", name="Ask for changes")

    def test_the_whole_conversation_from_the_task_to_the_merge(self):
        page = self.open("#/delegate")
        # Other tests' changes must not be on the base branch.
        self.fill_form(objective=TASK.replace("export", "first")).click()
        self.created()
        self.expect_state("Pushed")
        first = {"id": page.url.rsplit("/", 1)[1]}
        expect(self.rounds()).to_be_hidden()

        # A review with a comment on a line, on the forge's page.
        forge = self.forge_page(first)
        file = forge.locator("details.file", has_text="first.txt")
        file.get_by_role("link", name="2", exact=True).click()
        forge.get_by_label("Comment on line 2").fill("Say more here.\ndo: write more.txt more")
        forge.get_by_role("button", name="Start a review").click()
        expect(forge.locator("#review")).to_contain_text("1 pending comment")
        forge.get_by_role("button", name="Submit review").click()
        expect(forge.locator("body")).to_contain_text("reviewed")

        # AIPM's page shows it at once, and then the commit that answers it.
        rounds = self.rounds()
        expect(rounds).to_contain_text("Say more here.")
        expect(rounds.locator("code", has_text="first.txt:2")).to_be_visible()
        expect(rounds).to_contain_text(re.compile(r"answered by round 2 in commit [0-9a-f]{7}"))
        found = self.pull_request(first)
        self.assertEqual([each["state"] for each in found["rounds"]], ["Pushed", "Pushed"])
        commit = found["rounds"][1]["commitSHA"]
        expect(rounds.locator(".round").nth(1)).to_contain_text(commit[:7])
        expect(page.locator(".timeline")).to_contain_text("a round began for 1 comment")
        rounds.get_by_role("link", name="Say more here.").click()
        expect(page.locator(".facts:not(.phase-list)")).to_contain_text(found["rounds"][0]["confirmationCode"])
        expect(page.locator(".diff-file", has_text="more.txt")).to_be_visible()

        # Changes asked for on AIPM's page, with a comment on a line.
        page.locator(".diff-file", has_text="more.txt").get_by_role(
            "button", name="Comment on line 1").click()
        box = page.locator(".diff-comment").get_by_label("Comment on more.txt:1", exact=True)
        expect(box).to_be_focused()
        page.keyboard.type("Make it less.\ndo: write less.txt less")
        form = self.form()
        expect(form.get_by_label("Comment on more.txt:1", exact=True)).to_have_value(
            "Make it less.\ndo: write less.txt less")
        form.get_by_label("Message").fill("Nearly there.")
        form.get_by_role("button", name="Ask for changes").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("Answer 2 comments")
        self.expect_state("Pushed")
        page.get_by_role("tab", name="Changes").click()
        expect(page.locator(".diff-file", has_text="less.txt")).to_be_visible()
        rounds = self.rounds()
        expect(rounds.locator(".round")).to_have_count(3)
        expect(rounds.locator(".round").nth(2)).to_contain_text("Nearly there.")
        expect(rounds.locator(".round").nth(2)).to_contain_text("more.txt:1")
        expect(self.ask_button()).to_be_visible()
        expect(page.locator(".diff-number button").first).to_be_visible()

        # The merge ends it.
        forge.reload()
        forge.get_by_role("button", name="Merge").click()
        expect(forge.locator(".state.merged")).to_be_visible()
        expect(page.locator(".where")).to_contain_text("merged")
        expect(page.get_by_label("What happens")).to_contain_text("The pull request is merged.")
        expect(self.ask_button()).to_be_hidden()
        expect(page.locator(".diff-number button")).to_have_count(0)

    def test_a_failed_follow_up_is_asked_again_in_other_words(self):
        page, first = self.pushed()
        status, failed = self.server.api(f"api/delegations/{first['id']}/follow-ups", "POST", {
            "message": "Wrong words.\ndo: exit 3",
            "comments": [{"path": "export.txt", "line": 2, "body": "Here."},
                         {"path": "export.txt", "body": "The whole file."}]})
        self.assertIn(status, (201, 202), failed)
        self.open_delegation(failed)
        self.expect_state("Failed")
        expect(page.get_by_label("What happens")).to_contain_text("Or retry with edited words.")
        expect(self.rounds().locator(".round").nth(1)).to_contain_text("not answered: round 2 failed")
        expect(self.rounds()).to_contain_text("The agent ended with exit code 3.")
        # The round before it still has the commit that is to be reviewed.
        expect(self.rounds().locator(".round .badge")).to_have_text(["Ready for review", "Failed"])
        page.get_by_role("button", name="Retry with edited words").click()
        form = self.form()
        message = form.get_by_label("Message")
        expect(message).to_be_focused()
        expect(message).to_have_value("Wrong words.\ndo: exit 3")
        expect(form.get_by_label("Comment on export.txt:2", exact=True)).to_have_value("Here.")
        expect(form.get_by_label("Comment on export.txt", exact=True)).to_have_value("The whole file.")
        message.fill("Right words.\ndo: write right.txt right")
        form.get_by_label("Comment on export.txt", exact=True).fill("")
        page.keyboard.press("Control+Enter")
        expect(page.get_by_role("heading", level=1)).to_have_text("Answer 2 comments")
        self.expect_state("Pushed")
        # In the list the rounds are one task, which is found by the words of its last one.
        self.open("#/delegations")
        row = page.locator(".rows .row", has_text="Round 3: Answer 2 comments")
        expect(row.locator(".badge")).to_have_text("Ready for review")
        expect(page.locator(".rows .row", has_text="Answer 3 comments")).to_have_count(0)
        self.open("#/delegations?q=Answer+2")
        expect(row).to_have_count(1)

    def test_words_are_kept_faults_stand_at_their_fields_and_a_double_click_asks_once(self):
        page, first = self.pushed()
        self.ask_button().click()
        form = self.form()
        submit = form.get_by_role("button", name="Ask for changes")
        submit.click()
        expect(form.locator("#field-message-line")).to_contain_text("what is to be changed")
        expect(form.get_by_label("Message")).to_be_focused()
        form.get_by_label("Message").fill("Better.\ndo: write better.txt better")
        form.get_by_label("Agent").fill("nobody")
        page.get_by_role("button", name="Comment on line 3").click()
        line = page.locator(".diff-comment").get_by_label("Comment on export.txt:3", exact=True)
        line.fill("bell\u0007")
        box = form.get_by_label("Comment on export.txt:3", exact=True)
        expect(box).to_have_value("bell\u0007")
        submit.click()
        expect(box).to_have_attribute("aria-invalid", "true")
        expect(form.locator(f"#{box.get_attribute('aria-describedby')}")).to_contain_text("control character")
        box.fill("A bell.")
        expect(line).to_have_value("A bell.")
        submit.click()
        expect(form.locator("#field-agent-line")).to_contain_text("Is not known")
        expect(form.get_by_label("Agent")).to_be_focused()
        form.get_by_label("Agent").fill("")
        # Elsewhere and back, and with a new page: nothing is lost.
        self.open("#/workers")
        self.open_delegation(first)
        expect(form.get_by_label("Message")).to_have_value("Better.\ndo: write better.txt better")
        expect(line).to_have_value("A bell.")
        form.get_by_role("button", name="Clear").click()
        expect(line).to_have_count(0)
        form.get_by_role("button", name="Undo").click()
        expect(line).to_have_value("A bell.")
        # Two clicks, and a page that was closed before the answer came: one follow-up.
        page.route("**/follow-ups", lambda route: (route.fetch(), route.abort()))
        submit.dblclick()
        expect(form.get_by_role("alert")).to_contain_text("trying again asks once")
        page.unroute("**/follow-ups")
        self.open_delegation(first)
        form.get_by_role("button", name="Ask for changes").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("Answer 2 comments")
        self.expect_state("Pushed")
        found = self.pull_request(first)
        self.assertEqual(len(found["rounds"]), 2)
        self.assertEqual([item["body"].split("\n")[0] for item in found["feedback"]], ["Better.", "A bell."])
        self.assertEqual(page.evaluate("Object.keys(localStorage).filter((n) => n.startsWith('aipm.ask-'))"), [])

    def test_with_the_keyboard_alone(self):
        page, _ = self.pushed()
        page.get_by_role("tab", name="Changes").focus()
        # Past what is above the files, and past the head of the file, to one of its lines.
        page.get_by_role("link", name="export.txt").focus()
        page.keyboard.press("Tab")
        page.keyboard.press("Tab")
        expect(page.get_by_role("button", name="Comment on line 1")).to_be_focused()
        page.keyboard.press("ArrowDown")
        page.keyboard.press("End")
        expect(page.get_by_role("button", name="Comment on line 3")).to_be_focused()
        page.keyboard.press("Enter")
        page.keyboard.type("Why three?")
        page.keyboard.press("Shift+Tab")
        page.keyboard.press("Shift+Tab")
        page.keyboard.press("Enter")
        form = self.form()
        expect(form.get_by_label("Message")).to_be_focused()
        form.get_by_role("button", name="Close").press("Enter")
        expect(form).to_be_hidden()
        expect(self.ask_button()).to_be_focused()
        page.locator("h1").focus()
        page.keyboard.press("a")
        expect(form.get_by_label("Message")).to_be_focused()
        expect(form.get_by_label("Comment on export.txt:3", exact=True)).to_have_value("Why three?")
        page.keyboard.type("do: write four.txt four")
        page.keyboard.press("Control+Enter")
        expect(page.get_by_role("heading", level=1)).to_have_text("Answer 2 comments")
        self.expect_state("Pushed")

    def test_another_one_waits_where_that_is_chosen(self):
        page, first = self.pushed()
        self.ask_button().click()
        self.form().get_by_label("Message").fill("Slow.\ndo: pace 600 0.1\ndo: write slow.txt slow")
        self.form().get_by_role("button", name="Ask for changes").click()
        self.expect_state("Generating")
        expect(self.rounds()).to_contain_text("round 2 is at work on it")
        slow = page.url.rsplit("/", 1)[1]
        self.ask_button().click()
        form = self.form()
        form.get_by_label("Message").fill("Second.\ndo: write second.txt second")
        form.get_by_role("button", name="Ask for changes").click()
        expect(form.get_by_role("alert")).to_contain_text("choose to wait")
        form.get_by_label("If another delegation is at work").check()
        form.get_by_role("button", name="Ask for changes").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("Second.")
        self.expect_state("Requested")
        expect(self.rounds()).to_contain_text("1 at work, 1 queued")
        expect(self.rounds()).to_contain_text("round 3 is queued for it")
        self.server.api(f"api/delegations/{slow}/cancel", "POST", {})
        self.expect_state("Pushed")
        expect(self.rounds().locator(".round").nth(1)).to_contain_text("Cancelled")
        self.assertEqual(len(self.pull_request(first)["rounds"]), 3)

    def test_a_task_leads_to_what_was_pushed_before_a_cancelled_round(self):
        page, first = self.pushed()
        status, follow_up = self.server.api(f"api/delegations/{first['id']}/follow-ups", "POST", {
            "message": "Not wanted.\ndo: pace 600 0.1", "comments": []})
        self.assertIn(status, (201, 202), follow_up)
        page = self.open_delegation(follow_up)
        self.expect_state("Generating")
        self.server.api(f"api/delegations/{follow_up['id']}/cancel", "POST", {})
        self.expect_state("Cancelled")
        # The task still needs a review, and its row leads to one.
        self.open()
        row = page.locator(".rows .row", has_text=first["confirmationCode"]).or_(
            page.locator(".rows .row", has_text=follow_up["confirmationCode"]))
        expect(row.locator(".badge")).to_have_text("Ready for review")
        row.locator(".row-link").click()
        what = page.get_by_label("What happens")
        expect(what).to_contain_text("What was pushed before is ready for review.")
        expect(what.get_by_role("link", name="review the pull request")).to_be_visible()
        what.get_by_role("link", name="its changes").click()
        self.expect_state("Pushed")
        expect(page.locator(".diff-file", has_text="export.txt")).to_be_visible()

    def test_hostile_words_are_words_and_phones_are_wide_enough(self):
        page, first = self.pushed()
        text = "<img src=x onerror=alert(1)>\u202eevil" + "x" * 300
        self.server.api(f"api/delegations/{first['id']}/follow-ups", "POST", {
            "message": text + "\ndo: write x.txt x",
            "comments": [{"path": "a/<b>" + "y" * 200, "line": 1, "body": text}]})
        expect(self.rounds().locator(".said-item")).to_have_count(2)
        expect(self.rounds()).to_contain_text("<img src=x onerror=alert(1)>")
        context = self.new_context(width=360, height=740)
        phone = self.open_delegation(first, self.new_page(context))
        expect(self.rounds(phone).locator(".said-item")).to_have_count(2)
        phone.get_by_role("button", name="Ask for changes").first.click()
        self.assertLessEqual(phone.evaluate("document.documentElement.scrollWidth"), 360)
        context.close()

    def test_what_waits_what_is_ignored_and_what_it_cost_is_in_words(self):
        page, _ = self.pushed()

        def round_of(number, **fields):
            return {"id": f"r{number}", "state": "Pushed", "taskTitle": f"Task {number}", "requester": "ann",
                    "commitSHA": f"{number:040}", "failure": None, "requestedAt": "2026-11-23T12:00:00Z",
                    "attempts": [], **fields}

        def said(author, **fields):
            return {"id": f"comment/{author}", "source": "comment", "author": author, "bot": False,
                    "path": None, "line": None, "body": "Words.", "standing": "counts", "reason": None,
                    "round": None, "commitSHA": None, **fields}

        known = {"endedAt": "2026-11-23T12:00:00Z", "usage": {"inputTokens": 1000, "costMicrodollars": 250000}}
        unknown = {"endedAt": "2026-11-23T12:00:00Z", "usage": None}
        running = {"endedAt": None, "usage": None}

        def shown(rounds, feedback):
            return page.evaluate("""async ([url, value]) => {
              const { RoundsPart } = await import(url);
              const part = new RoundsPart();
              part.update(value, "r1");
              return part.node.hidden ? null : part.node.textContent;
            }""", [self.server.url + "conversation/rounds.js",
                   {"state": "open", "rounds": rounds, "feedback": feedback}])

        self.assertIsNone(shown([round_of(1)], []))
        text = shown(
            [round_of(1, attempts=[known, unknown]), round_of(2, attempts=[known, running])],
            [said("bob", round="r2", path="a.js", line=3), said("eve", standing="ignored", reason="no-permission"),
             said("kim", standing="examined"), said("lee"), said("max", standing="ignored", reason="new-reason"),
             said("zoe", round="r2", body=None)])
        for words in [
            "Cost so far: 2,000 tokens in, $0.50 and what 1 of 3 attempts did not report.",
            "2 delegations, 6 comments, 2 answered, 2 waiting, 2 without a round.",
            "bob commented on a.js:3: Words.", "answered by round 2 in commit 0000000",
            "led to no round: its author may not push to the repository", "led to no round: new-reason",
            "waits: the forge is asked whether its author may push", "waits for the next round",
            "its words were removed", "2. Task 2for bob, zoe",
        ]:
            self.assertIn(words, text)
        text = shown([round_of(1, attempts=[unknown]), round_of(2)], [])
        self.assertIn("Cost so far: unknown, as no agent reported its usage.", text)
        self.assertNotIn("$0", text)
        self.assertIn("26 earlier rounds", shown([round_of(n) for n in range(1, 31)], []))


if __name__ == "__main__":
    unittest.main()
