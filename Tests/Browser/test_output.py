"""The output of an agent: search in all of it, the first error, addresses of lines, times, and the steps
of agents that print JSON lines."""

import base64
import json
import re
import unittest

from playwright.sync_api import expect

from support import BrowserTest


def printed(*values):
    """Lines of JSON; a text is a line as it stands."""
    lines = "".join((each if isinstance(each, str) else json.dumps(each)) + "\n" for each in values)
    return f"do: print {base64.b64encode(lines.encode()).decode()}"


CLAUDE = [
    {"type": "system", "subtype": "init", "session_id": "s", "model": "opus"},
    {"type": "assistant", "message": {"content": [
        {"type": "thinking", "thinking": "What is asked?"}, {"type": "text", "text": "I look at <b>it</b>."},
        {"type": "tool_use", "id": "1", "name": "Bash", "input": {"command": "make test", "description": "Tests"}},
        {"type": "tool_use", "id": "2", "name": "Read", "input": {"file_path": "/src/a.js"}}]}},
    {"type": "user", "message": {"content": [
        {"type": "tool_result", "tool_use_id": "1", "content": "\x1b[31m2 failed\x1b[0m", "is_error": True}]}},
    {"type": "user", "message": {"content": [
        {"type": "tool_result", "tool_use_id": "2", "content": [{"type": "text", "text": "let a;"}]}]}},
    {"type": "assistant", "message": {"content": [{"type": "tool_use", "id": "3", "name": "Edit", "input": {}}]}},
    {"type": "result", "subtype": "success", "is_error": False, "num_turns": 3, "total_cost_usd": 0.25},
]
CODEX = [
    {"type": "thread.started", "thread_id": "t"}, {"type": "turn.started"},
    {"type": "error", "message": "Reconnecting... 1/5"},
    {"type": "item.started", "item": {"id": "i", "type": "command_execution", "command": "ls", "status": "in_progress"}},
    {"type": "item.completed", "item": {"id": "i", "type": "command_execution", "command": "ls",
                                        "aggregated_output": "a.js", "exit_code": 0, "status": "completed"}},
    {"type": "item.completed", "item": {"id": "j", "type": "file_change", "status": "completed",
                                        "changes": [{"path": "b.js", "kind": "add"}]}},
    {"type": "item.updated", "item": {"id": "k", "type": "todo_list", "items": [{"text": "one", "completed": True}]}},
    {"type": "item.completed", "item": {"id": "l", "type": "reasoning", "text": "So it is."}},
    {"type": "item.completed", "item": {"id": "m", "type": "agent_message", "text": "Done with codex."}},
    {"type": "turn.completed", "usage": {"input_tokens": 24763, "output_tokens": 122}},
]
GEMINI = [
    "Loaded cached credentials.",
    {"type": "init", "timestamp": "2026-01-01T00:00:00Z", "session_id": "s", "model": "pro"},
    {"type": "message", "role": "user", "content": "The prompt"},
    {"type": "message", "role": "assistant", "content": "In two ", "delta": True},
    {"type": "message", "role": "assistant", "content": "pieces.", "delta": True},
    {"type": "tool_use", "tool_name": "write_file", "tool_id": "w", "parameters": {"path": "c.js"}},
    {"type": "tool_result", "tool_id": "w", "status": "error", "output": "read only"},
    {"type": "error", "timestamp": "2026-01-01T00:00:00Z", "severity": "warning", "message": "Loop detected"},
    {"type": "result", "status": "success", "stats": {"input_tokens": 50, "output_tokens": 200}},
]
OPENCODE = [
    {"type": "step_start", "timestamp": 1, "sessionID": "ses_1", "part": {"type": "step-start"}},
    {"type": "text", "timestamp": 2, "sessionID": "ses_1", "part": {"type": "text", "text": "Here I go."}},
    {"type": "tool_use", "timestamp": 3, "sessionID": "ses_1", "part": {
        "type": "tool", "callID": "c", "tool": "edit",
        "state": {"status": "completed", "input": {"filePath": "d.js"}, "output": "edited"}}},
    {"type": "error", "timestamp": 4, "sessionID": "ses_1", "error": {
        "name": "APIError", "data": {"message": "ECONNRESET"}}},
    {"type": "step_finish", "timestamp": 5, "sessionID": "ses_1", "part": {
        "type": "step-finish", "reason": "stop", "cost": 0.01, "tokens": {"input": 100, "output": 20}}},
]


class OutputTests(BrowserTest):
    def output_of(self, title, *does):
        answer = self.server.submit(title, "\n".join(["Do it", *does, "do: write made.txt made"]))
        page = self.open(f"#/delegations/{answer['id']}?tab=output")
        self.expect_state("Pushed")
        expect(page.locator(".output-view .view-bar [role=status]").first).to_contain_text("It has ended.")
        return page, answer

    def steps_of(self, *values):
        page, _ = self.output_of("Steps", printed(*values))
        return page.locator(".agent-step")

    def test_the_search_finds_what_the_page_has_dropped(self):
        page, answer = self.output_of(
            "Long output", f"do: count 500 early line {'x' * 40}", "do: say a Needle early", "do: count 80000 padding of the output",
            "do: say \\x1b[31mneedle\\x1b[0m late")
        # By selectors: roles of so many nodes take long to compute.
        log = page.locator(".output")
        page.keyboard.press("/")
        search = page.locator(".output-search input")
        expect(search).to_be_focused()
        page.keyboard.type("needle")
        status = page.locator(".output-search .hint")
        expect(status).to_have_text("1 of 2 lines")
        target = log.locator(".output-line[data-target]")
        expect(target).to_contain_text("a Needle early")
        expect(target.locator("a")).to_have_attribute("data-line", "501")
        expect(target).to_be_in_viewport()
        self.assertEqual(page.evaluate("[...CSS.highlights.get('found')].map(String)"), ["Needle"])
        page.keyboard.press("Enter")
        expect(status).to_have_text("2 of 2 lines")
        expect(target).to_have_text(re.compile("^needle late"))
        expect(target.locator("a")).to_have_attribute("data-line", "80502")
        expect(target).to_be_in_viewport()
        page.keyboard.press("Enter")
        expect(status).to_have_text("1 of 2 lines")
        page.keyboard.press("Shift+Enter")
        expect(status).to_have_text("2 of 2 lines")
        search.fill("not there")
        expect(status).to_have_text("Not found")
        search.fill("padding")
        expect(status).to_have_text("1 of 1000+ lines")
        # Every line has an address, and the numbers are those of the whole output.
        self.open(f"#/delegations/{answer['id']}?tab=output&attempt=1&line=40501")
        expect(target).to_have_text(re.compile("^padding of the output 40000\n$"))
        target.locator("a").click()
        expect(page).to_have_url(re.compile(r"attempt=1&line=40501$"))

    def test_a_hundred_thousand_lines_are_shown_without_drawing_them_all(self):
        _, answer = self.output_of(
            "Very many lines", "do: count 60000 before", "do: say \\x1b[31merror\\x1b[0m: here it is",
            "do: count 40000 after")
        page = self.open("#/delegations")
        page.evaluate("(id) => { location.hash = `#/delegations/${id}?tab=output`; }", answer["id"])
        note = page.locator(".output-view .view-bar [role=status]").first
        expect(note).to_have_text("It has ended. 100,001 lines.")
        lines = page.locator(".output-line")
        expect(lines.last).to_have_text("after 40000\n")
        # The numbers are those of the whole output, and what is kept has no gap.
        numbers = page.evaluate("[...document.querySelectorAll('.output-line a')].map((a) => +a.dataset.line)")
        self.assertEqual(numbers, list(range(numbers[0], 100_002)))
        self.assertLessEqual(len(numbers), 20_201)
        page.get_by_role("button", name="First error").click()
        target = page.locator(".output-line[data-target]")
        expect(target).to_have_text("error: here it is\n")
        expect(target.locator("a")).to_have_attribute("data-line", "60001")
        # It may be asked for before it came.
        self.open("#/delegations")
        page.evaluate("""(id) => {
          new MutationObserver((_, observer) => {
            const button = document.querySelector(".output-tools button:not([hidden])");
            if (!button || !document.querySelector(".output-line")) return;
            observer.disconnect();
            button.click();
          }).observe(document.body, {childList: true, subtree: true, attributes: true});
          location.hash = `#/delegations/${id}?tab=output`;
        }""", answer["id"])
        expect(note).to_have_text("It has ended. 100,001 lines.")
        expect(target).to_have_text("error: here it is\n")
        expect(target.locator("a")).to_have_attribute("data-line", "60001")

    def test_a_line_that_was_asked_for_stays_on_the_screen_when_more_comes(self):
        answer = self.server.submit("Error at the end", "\n".join([
            "Do it", "do: pace 1 3", "do: count 300 before", "do: say error: here it is", "do: pace 1 3",
            "do: count 40000 after", "do: write made.txt made"]))
        # It is the last line on the screen when it comes.
        page = self.open(f"#/delegations/{answer['id']}?tab=output&attempt=1&line=302")
        target = page.locator(".output-line[data-target]")
        expect(target).to_have_text("error: here it is\n")
        expect(page.locator(".output-view .view-bar [role=status]").first).to_have_text("It has ended. 40,303 lines.")
        expect(target).to_have_text("error: here it is\n")
        expect(target).to_be_in_viewport()

    def test_lines_that_would_be_dropped_at_once_are_counted_and_not_drawn(self):
        page = self.open()
        shown = page.evaluate(r"""async () => {
          const {LineList} = await import("./delegation/lines.js");
          const list = new LineList((line) => `#${line}`);
          const shown = [];
          const see = (passed) => shown.push([passed, list.first, list.last, list.length,
            [...list.node.querySelectorAll(".output-line")].map(({textContent, firstElementChild, dataset}) =>
              `${firstElementChild.dataset.line} ${textContent.trimEnd()} ${dataset.time.slice(-3)}`)]);
          const add = (from, to, text = "") => {
            for (let n = from; n <= to; n += 1) {
              text += `2026-01-01T00:00:00.${String(n).padStart(3, "0")}Z \x1b[3${n % 7}mline\x1b[0m ${n}\n`;
            }
            list.add(text);
          };
          add(1, 3);
          see(list.draw(3));
          // A line that is begun belongs to those that are passed over.
          list.add("2026-01-01T00:00:00.004Z beg");
          see(list.draw(3));
          add(5, 9, "un\n");
          see(list.draw(3));
          add(10, 11);
          see(list.draw(3));
          list.add("- no time\n- none\n- at all\n- here");
          list.end();
          see(list.draw(1));
          return shown;
        }""")
        self.assertEqual(shown, [
            [False, 1, 3, 21, ["1 line 1 001", "2 line 2 002", "3 line 3 003"]],
            [False, 1, 4, 21, ["1 line 1 001", "2 line 2 002", "3 line 3 003", "4 beg 004"]],
            [True, 7, 9, 21, ["7 line 7 007", "8 line 8 008", "9 line 9 009"]],
            [False, 7, 11, 37, ["7 line 7 007", "8 line 8 008", "9 line 9 009", "10 line 10 010", "11 line 11 011"]],
            [True, 14, 15, 15, ["14 - at all ", "15 - here "]],
        ])

    def test_dropped_lines_are_read_again(self):
        page, answer = self.output_of("Very long", f"do: count 60000 {'wide ' * 12}")
        expect(page.get_by_text("The page keeps the newest part of this output.")).to_be_visible()
        page.get_by_role("button", name="Show the beginning").click()
        target = page.locator(".output-line[data-target]")
        expect(target).to_have_text(re.compile(r"wide +1\n$"))
        expect(page.get_by_text("Lines 1 to 400, read again.")).to_be_visible()
        page.get_by_role("button", name="Back to the newest").click()
        expect(page.locator(".output-line").last).to_have_text(re.compile(r"wide +60000\n$"))
        expect(page.locator(".output-line").last).to_be_in_viewport()
        self.open(f"#/delegations/{answer['id']}?tab=output&attempt=1&line=777")
        expect(target).to_have_text(re.compile(r"wide +777\n$"))
        expect(target.locator("a")).to_have_attribute("data-line", "777")

    def test_the_first_error_is_found_among_words_like_it(self):
        page, _ = self.output_of(
            "Errors", "do: say 0 errors, no failures", "do: say terror and errors_total", "do: count 400 fine",
            "do: say src/a.c:3: Error: it is missing", "do: say another error")
        page.get_by_role("button", name="First error").click()
        expect(page.locator(".output-line[data-target]")).to_have_text("src/a.c:3: Error: it is missing\n")
        page, _ = self.output_of("No errors", "do: say fine")
        page.get_by_role("button", name="First error").click()
        expect(page.get_by_text("No line looks like an error.")).to_be_visible()

    def test_times_and_long_lines(self):
        page, answer = self.output_of("Times", f"do: say {'long ' * 200}", "do: pace 3 0.3")
        lines = page.locator(".output-line")
        page.get_by_label("Times").check()
        expect(lines).to_have_count(4)
        times = lines.evaluate_all("(nodes) => nodes.map((node) => node.dataset.time)")
        self.assertEqual(len(times), 4)
        self.assertEqual(times, sorted(times))
        # They are those that the server has: to the tenth of a second, a line's time is its own.
        told = self.server.api(f"api/delegations/{answer['id']}/output?timestamps=1")[1].splitlines()
        shown = page.evaluate("(all) => all.map((text) => new Date(text).toTimeString().slice(0, 8) + text.slice(19, 23))",
                              [line.split(" ")[0] for line in told])
        self.assertEqual(times, shown)
        log = page.get_by_role("log")
        self.assertFalse(log.evaluate("(node) => node.scrollWidth > node.clientWidth"))
        page.get_by_label("Wrap").uncheck()
        self.assertTrue(log.evaluate("(node) => node.scrollWidth > node.clientWidth"))
        self.open(f"#/delegations/{answer['id']}?tab=output")
        expect(page.get_by_label("Wrap")).not_to_be_checked()

    def test_steps_of_claude(self):
        steps = self.steps_of(*CLAUDE)
        page = self.page
        expect(steps).to_have_count(7)
        expect(steps.nth(0)).to_have_text("Session began with opus")
        expect(steps.nth(1).locator("summary")).to_have_text("Thinking")
        expect(steps.nth(2)).to_have_text("I look at <b>it</b>.")
        expect(steps.nth(3).locator("summary")).to_have_text("✕Bash make test")
        expect(steps.nth(4).locator("summary")).to_have_text("✓Read /src/a.js")
        expect(steps.nth(5).get_by_role("img", name="not ended")).to_be_visible()
        expect(steps.nth(6)).to_have_text("Done · 3 turns · $0.25")
        expect(steps.nth(3).locator("pre").last).to_be_hidden()
        # The first error is a step, which opens; its result has the terminal's colours.
        page.get_by_role("button", name="First error").click()
        expect(steps.nth(3)).to_have_attribute("data-target", "")
        expect(steps.nth(3).locator("pre .c2")).to_have_text("2 failed")
        # A hit leads to the step of its line.
        page.get_by_label("Search the output").fill("let a;")
        expect(steps.nth(4).locator("pre").last).to_have_text("let a;")
        expect(steps.nth(4)).to_have_attribute("data-target", "")
        page.get_by_role("button", name="Raw").click()
        expect(page.locator(".output-line").first).to_contain_text('{"type": "system"')
        expect(steps.first).to_be_hidden()
        page.reload()
        expect(page.locator(".output-line").first).to_contain_text('{"type": "system"')
        page.get_by_role("button", name="Steps").click()
        expect(steps.first).to_be_visible()

    def test_steps_of_codex(self):
        steps = self.steps_of(*CODEX)
        expect(steps).to_have_text([
            "Session began", "Reconnecting... 1/5", re.compile("^✓Command ls"), re.compile("^✓Change b.js"),
            "Plan✓one", re.compile("^ThinkingSo it is.$"), "Done with codex.", "Done · 24,763 tokens in, 122 out"])

    def test_steps_of_gemini(self):
        steps = self.steps_of(*GEMINI)
        expect(steps).to_have_text([
            "Loaded cached credentials.", "Session began with pro", re.compile("^PromptThe prompt"), "In two pieces.",
            re.compile("^✕write_file c.js"), "Loop detected", "Done · 50 tokens in, 200 out"])

    def test_steps_of_opencode(self):
        steps = self.steps_of(*OPENCODE)
        expect(steps).to_have_text([
            "Here I go.", re.compile("^✓edit d.js"), "ECONNRESET", "Done · 100 tokens in, 20 out · $0.01"])

    def test_lines_that_only_look_like_steps_do_no_harm(self):
        hostile = [
            {"type": "assistant", "message": {"content": "plain <i>text</i>"}}, {"type": "assistant", "message": {"content": [None, 7, {"type": "tool_use"}]}},
            {"type": "user", "message": {"content": [{"type": "tool_result", "tool_use_id": {"a": 1}, "content": {"b": [1]}}]}},
            {"type": "item.completed"}, {"type": "item.completed", "item": {"type": "new_kind", "x": "<script>"}},
            {"type": "result", "subtype": ["x"]}, {"type": "constructor"}, {"type": "__proto__", "message": {}}, [1], "{not json", "null",
        ]
        steps = self.steps_of(*hostile)
        expect(steps.first).to_have_text("plain <i>text</i>")
        expect(steps.filter(has_text="new_kind").locator("summary")).to_have_text("new_kind")
        expect(steps.last).to_contain_text("{not json")
        self.assertEqual(self.page.locator("main script, main i").count(), 0)

    def test_an_output_without_steps_has_no_such_choice(self):
        page, _ = self.output_of("Plain", "do: say {\"type\": 1}", "do: say hello")
        expect(page.get_by_role("log")).to_contain_text("hello")
        expect(page.get_by_role("button", name="Raw")).to_be_hidden()


if __name__ == "__main__":
    unittest.main()
