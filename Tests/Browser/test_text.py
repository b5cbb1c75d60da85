"""Text of users and agents is shown as text, whatever is in it."""

import re
import unittest

from playwright.sync_api import expect

from support import BrowserTest

HOSTILE = '<script>window.owned=1</script><img src=x onerror="window.owned=1">"\'&amp;{{7*7}}'
TURNED = "user\u202e\u2066// admin\u2069 \u202ddeus\u200bere"


class TextTests(BrowserTest):
    def expect_harmless(self, page):
        self.assertTrue(page.evaluate("window.owned === undefined"))
        self.assertEqual(page.locator("main script, main img, main iframe").count(), 0)

    def test_words_of_users(self):
        answer = self.server.submit(
            HOSTILE[:256], f"{HOSTILE}\n{TURNED}\ndo: write a.txt a",
            constraints=HOSTILE, acceptanceCriteria=[HOSTILE, TURNED])
        page = self.open()
        row = page.get_by_role("row").filter(has_text=answer["confirmationCode"])
        expect(row.locator(".row-link")).to_have_text(HOSTILE)
        self.expect_harmless(page)
        self.open_delegation(answer)
        self.expect_state("Pushed")
        expect(page.get_by_role("heading", level=1)).to_have_text(HOSTILE)
        page.get_by_role("tab", name="Task").click()
        expect(page.get_by_role("tabpanel")).to_contain_text(HOSTILE)
        expect(page.locator(".criteria li").nth(1)).to_have_text(TURNED)
        page.get_by_role("tab", name="Events").click()
        page.locator(".envelope summary").first.click()
        expect(page.locator(".envelope pre").first).to_contain_text("<script>window.owned=1</script>")
        # Marks that turn the text around them are shown as what they are.
        expect(page.locator(".envelope pre .unseen").first).to_have_text("U+202E")
        self.expect_harmless(page)

    def test_a_title_of_turning_marks_turns_nothing_else(self):
        self.server.submit("\u202ednE \u202e\u2067left")
        page = self.open()
        row = page.locator(".rows .row").first
        sides = row.evaluate("""(row) => {
          const at = (name) => row.querySelector(name).getBoundingClientRect().left;
          return [at('.c0'), at('.c1'), at('.c2'), at('.c5')];
        }""")
        self.assertEqual(sides, sorted(sides))
        direction = row.locator(".sub").evaluate("(node) => getComputedStyle(node).direction")
        self.assertEqual(direction, "ltr")
        answer = self.server.api("api/delegations?limit=1")[1]["items"][0]
        self.open_delegation(answer)
        self.expect_state("Pushed")

    def test_words_of_agents(self):
        said = [
            "do: say " + HOSTILE.replace("\\", ""),
            "do: say \\x1b]0;title\\x07\\x1b[2J\\x1b[31mred\\x1b[0m \\x1b]8;;javascript:alert(1)\\x1b\\\\link\\x1b]8;;\\x1b\\\\",
            "do: say progress 1%\\rprogress 100%",
            "do: say bell\\x07 null\\x00 form\\x0c unit\\x1f",
            "do: say " + "\\xe2\\x80\\xae".encode().decode() + "abc",
            "do: say a\\u202eb",
            "do: write page.html " + HOSTILE,
        ]
        answer = self.server.submit("Hostile output", "\n".join(said))
        page = self.open_delegation(answer)
        self.expect_state("Pushed")
        page.get_by_role("tab", name="Output").click()
        output = page.get_by_role("log")
        expect(output).to_contain_text(HOSTILE)
        expect(output).to_contain_text("red link")
        expect(output).to_contain_text("progress 100%")
        expect(output).not_to_contain_text("progress 1%")
        expect(output).to_contain_text("form␌ unit␟")
        expect(output.locator(".unseen").first).to_have_text("U+202E")
        self.assertEqual(output.locator("a:not(.output-number)").count(), 0)
        page.get_by_role("tab", name="Changes").click()
        expect(page.get_by_role("table", name="Change of page.html")).to_contain_text(HOSTILE)
        self.expect_harmless(page)

    def test_a_megabyte_is_shown_and_the_page_stays_quick(self):
        answer = self.server.submit(
            "A megabyte", "do: say begin\ndo: fill 40000 0123456789abcdefghijklmno\n"
            "do: fill 1000 line of text\\n\ndo: say the end\ndo: write big.txt big")
        page = self.open_delegation(answer)
        self.expect_state("Pushed")
        page.get_by_role("tab", name="Output").click()
        output = page.get_by_role("log")
        expect(output).to_contain_text("the end")
        self.assertGreater(output.evaluate("(node) => node.textContent.length"), 1_000_000)
        page.evaluate("""() => {
          window.longest = 0;
          new PerformanceObserver((list) => {
            for (const entry of list.getEntries()) window.longest = Math.max(window.longest, entry.duration);
          }).observe({type: 'longtask', buffered: true});
        }""")
        page.get_by_role("tab", name="Events").click()
        page.get_by_role("tab", name="Output").click()
        output.press("Home")
        output.press("End")
        page.wait_for_function("() => document.querySelector('.output').scrollTop > 0")
        self.assertLess(page.evaluate("window.longest"), 1000)
        expect(page.get_by_role("link", name="Download the output of attempt 1")).to_be_visible()

    def test_removed_words_have_the_same_words_in_their_place_everywhere(self):
        page = self.page
        answer = self.server.submit("A name that leaked")
        self.open_delegation(answer)
        self.expect_state("Pushed")
        request = self.server.api(f"api/delegations/{answer['id']}/events")[1]["items"][0]
        self.server.run("redact", str(request["position"]), "--reason", "a name", "--yes",
                        "--server", self.server.url)
        self.open_delegation(answer)
        expect(page.get_by_role("heading", level=1)).to_have_text("(its words were removed)")
        expect(page).to_have_title(re.compile(r"\(its words were removed\) · AIPM$"))
        self.open()
        row = page.locator(".rows .row", has_text=answer["confirmationCode"])
        expect(row.locator(".row-link")).to_have_text("(its words were removed)")
        shown = self.server.run("show", answer["confirmationCode"], "--server", self.server.url)
        self.assertIn("(its words were removed)", shown)
        self.assertNotIn("A name that leaked", shown + page.content())

    def test_a_refused_key_is_named_once_and_said_what_to_do_about(self):
        # As the agent reads it: the words of the task have no key in them.
        self.open_delegation(self.server.submit("Hold a key", "do: write key.txt \\x41KIAQZ7KD3XN5PLM2RTV"))
        self.expect_state("Failed")
        what = self.page.get_by_label("What happens")
        expect(what.locator("p")).to_have_text([
            "The change was refused: the change holds what looks like a credential: key.txt.",
            re.compile(r"^Take it out and revoke it\. One that is made up can say EXAMPLE, .*\. "
                       r"The change is not kept\.$"),
            "change-refused, during the agent's work"])


if __name__ == "__main__":
    unittest.main()
