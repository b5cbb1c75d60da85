"""Pictures of every page of a server that has something to show."""

import re
import sys
from pathlib import Path

from playwright.sync_api import expect, sync_playwright

from support import AGENT, CHROMIUM, Server

SIZES = {"wide": (1440, 900), "phone": (390, 844)}
WORK = """do: say \\x1b[1;34mReading\\x1b[0m TASK.md
do: say Found \\x1b[33msrc/buttons.js\\x1b[0m and \\x1b[33msrc/table.js\\x1b[0m
do: write src-export.js "use strict";\\n\\n/** The rows as CSV. */\\nfunction toCSV(rows) {\\n  return rows.map((row) => row.join(",")).join("\\\\n");\\n}\\n\\nmodule.exports = { toCSV };
do: say \\x1b[32m3 tests passed\\x1b[0m, used $0.42, 18250 tokens"""
# Says what it used, as most agents do.
AGENTS = f"""  writer:
    description: Writes what the task says
    command: [{sys.executable}, {AGENT}, "{{{{prompt}}}}"]
    prompt: argument
    usage: [{{text: "used ${{cost}}, {{input-tokens}} tokens"}}]
"""
TITLES = ["Add export button", "Sort the table by date", "Fix the total of an empty table",
          "Show amounts in the user's currency", "Remember the filter between visits"]


def wait_for(page, server, answer, state):
    page.goto("about:blank")
    page.goto(f"{server.url}#/delegations/{answer['id']}")
    expect(page.locator(".detail-line .badge")).to_have_text(re.compile(f"^{state}( \\(.*\\))?$"))


def converse(server, answer):
    """Changes that are asked for; @returns the follow-up that was pushed, and a failed one."""
    route = f"api/delegations/{answer['id']}/follow-ups"

    def ask(message, comments):
        status, found = server.api(route, "POST", {"message": message, "comments": comments, "queue": True})
        if status not in (201, 202):
            raise AssertionError(f"{status}: {found}")
        return found

    done = ask("Nearly there.\n\nKeep the old name as an alias.\ndo: write alias.js 1", [
        {"path": "src-export.js", "line": 4, "body": "Quote what holds a comma."}])
    return done, ask("Use the new library.\ndo: exit 1", [])


def main(folder):
    server = Server(agents=AGENTS)

    def submit(title, objective, **fields):
        return server.submit(title, objective, workflow="personal-delegate", agent="writer", **fields)

    try:
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
            page = browser.new_page()
            for title in TITLES:
                done = submit(
                    title, f"User can export data\n{WORK}", constraints="Use existing button patterns",
                    acceptanceCriteria=["Button appears", "Export works"])
                wait_for(page, server, done, "Ready for review")
            answered, refused = converse(server, done)
            wait_for(page, server, answered, "Ready for review")
            wait_for(page, server, refused, "Failed")
            failed = submit("Upgrade the framework", "do: say \\x1b[31mnot found\\x1b[0m\ndo: exit 1")
            wait_for(page, server, failed, "Failed")
            live = submit("Translate the page", f"{WORK}\ndo: pace 3000 0.3")
            wait_for(page, server, live, "Working")
            expect(page.get_by_role("log")).to_contain_text("step 12")
            cancelled = submit("Rename the package", "do: pace 3000 0.3")
            wait_for(page, server, cancelled, "Working")
            server.api(f"api/delegations/{cancelled['id']}/cancel", "POST", {})
            wait_for(page, server, cancelled, "Cancelled")
            wait_for(page, server, submit("Write the release notes", "do: pace 3000 0.3"), "Working")
            queued = submit("Update the licence header", "do: write l.txt l")
            wait_for(page, server, queued, "Queued")
            # The README's picture of the list is of usual words.
            page.set_viewport_size(dict(zip(("width", "height"), SIZES["wide"])))
            page.goto(server.url)
            expect(page.locator(".rows .row").first).to_be_visible()
            picture(page, folder / "readme-delegations.png")
            for each in (queued, live):
                server.api(f"api/delegations/{each['id']}/cancel", "POST", {})
                wait_for(page, server, each, "Cancelled")
            foreign = submit("הוסף כפתור ייצוא", "צריך לייצא\ndo: say שלום\ndo: write r.txt שלום")
            wait_for(page, server, foreign, "Ready for review")
            long = submit("Longwithoutspace" * 12, "word " * 500 + "\ndo: write l.txt l")
            wait_for(page, server, long, "Ready for review")
            live = submit("Translate the page again", f"{WORK}\ndo: pace 3000 0.3")
            wait_for(page, server, live, "Working")
            queued = submit("Update the licence header", "do: write l.txt l")
            wait_for(page, server, queued, "Queued")
            # Each with what is there when all of it is.
            routes = {
                "delegations": ("", ".rows .row"), "days": ("#/delegations?since=2020-01-01&until=2020-01-02", ".list-message"),
                "cancelled": (f"#/delegations/{cancelled['id']}", ".next p"),
                "queued": (f"#/delegations/{queued['id']}", ".next p"),
                "foreign": (f"#/delegations/{foreign['id']}", ".diff-line"),
                "long": (f"#/delegations/{long['id']}", ".diff-line"),
                "no-delegation": ("#/delegations/PR1", ".list-message h1"), "delegate": ("#/delegate", ".delegate"),
                "live": (f"#/delegations/{live['id']}", ".output-block"),
                "pushed": (f"#/delegations/{done['id']}", ".diff-line"),
                "rounds": (f"#/delegations/{answered['id']}", ".round"),
                "failed": (f"#/delegations/{failed['id']}", ".output-block .c2"),
                "workers": ("#/workers", ".worker[data-state=busy] a"), "health": ("#/health", ".chart"),
                "usage": ("#/usage", ".usage-table tfoot"),
                "audit": ("#/audit", ".verified[data-kind=good]"),
            }
            for scheme in ("light", "dark"):
                for size, (width, height) in SIZES.items():
                    context = browser.new_context(
                        viewport={"width": width, "height": height}, color_scheme=scheme,
                        reduced_motion="reduce", device_scale_factor=1)
                    page = context.new_page()
                    for name, (route, whole) in routes.items():
                        page.goto("about:blank")
                        page.goto(server.url + route)
                        expect(page.locator("#link")).to_have_attribute("data-state", "live")
                        expect(page.locator("[aria-busy=true]")).to_have_count(0)
                        expect(page.locator(whole).first).to_be_visible()
                        if name == "audit":
                            expect(page.locator(".envelope").first).to_be_visible()
                        picture(page, folder / f"{name}-{size}-{scheme}.png")
                        if name == "rounds":
                            page.locator(".diff-number button").first.click()
                            page.keyboard.type("Why this name?")
                            picture(page, folder / f"comment-{size}-{scheme}.png")
                            page.get_by_role("button", name="To the form").click()
                            page.keyboard.type("Nearly there. Say in the README how to export.")
                            picture(page, folder / f"ask-{size}-{scheme}.png")
                    context.close()
            page = browser.new_page(viewport={"width": 1440, "height": 900}, color_scheme="light")
            page.goto(server.url + "#/delegate")
            page.get_by_role("main").get_by_role("button", name="Generate Code & PR").click()
            expect(page.locator("[data-fault]").first).to_be_visible()
            picture(page, folder / "faults-wide-light.png")
            page.goto(server.url)
            expect(page.locator("#link")).to_have_attribute("data-state", "live")
            server.kill()
            expect(page.locator("#notice")).to_contain_text("Connection lost")
            picture(page, folder / "offline-wide-light.png")
            server.start()
            browser.close()
    finally:
        server.close()


def picture(page, path):
    """After two frames, so that it is drawn."""
    page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
    page.screenshot(path=path)


if __name__ == "__main__":
    target = Path(sys.argv[1])
    target.mkdir(parents=True, exist_ok=True)
    main(target)
