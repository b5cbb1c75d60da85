"""Ten thousand delegations, and a hundred events a second for two minutes, with the list open: by
hand, since it takes minutes.

    tools/bench generate-log --events 121000 --data FOLDER
    AIPM_BINARY=.build/release/aipm tools/browser Tests/Browser/measure_crowd.py FOLDER [SECONDS]

The ten thousand stand in a log that was made; those that come on top are real ones up to their pull
request on the embedded forge. There is no worker, so they stay there. Each makes five events, so
twenty a second make a hundred."""

import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

from playwright.sync_api import expect, sync_playwright

from support import CHROMIUM, Server

PHASES = "queued,working,ready,merged,closed,failed,cancelled"

FRAMES = """() => {
  window.frames_ = {longest: 0, count: 0};
  let last = performance.now();
  const tick = (now) => {
    window.frames_.longest = Math.max(window.frames_.longest, now - last);
    window.frames_.count += 1;
    last = now;
    requestAnimationFrame(tick);
  };
  requestAnimationFrame(tick);
}"""


def submit(server, number):
    for _ in range(20):
        status, answer = server.api("api/personal-delegate", "POST", {
            "owner": "acme", "repo": "tools", "branchName": f"crowd/{number}",
            "taskTitle": f"Delegation {number}", "objective": "Be one of many", "prTitle": f"feat: {number}",
            "agent": "claude",
        }, {"Prefer": "respond-async"})
        if status == 202:
            return
        if status not in (429, 503):
            raise AssertionError(f"{status}: {answer}")
        time.sleep(0.2)
    raise AssertionError("the server takes no more")


def position(server):
    return server.api("api/health")[1]["position"]


def main(log, seconds):
    server = Server(workers=0, log=log)
    try:
        with sync_playwright() as playwright:
            measure(playwright, server, seconds)
    finally:
        server.close()


def measure(playwright, server, seconds):
    browser = playwright.chromium.launch(
        executable_path=CHROMIUM, args=["--no-sandbox", "--js-flags=--expose-gc"])
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    # One list of all of them: the overview shows few of each kind.
    page.goto(f"{server.url}#/delegations?phase={PHASES}")
    expect(page.locator(".rows .row").first).to_be_visible()
    # All rows are read before: the page is to hold them.
    while not page.evaluate("""() => {
      const scroller = document.querySelector('.scroller');
      scroller.scrollTop = scroller.scrollHeight;
      return /^\\d+$/.test(document.querySelector('.toolbar .count').textContent);
    }"""):
        page.wait_for_timeout(50)
    print("rows in the list:", page.locator(".toolbar .count").text_content(), flush=True)
    page.evaluate("() => { document.querySelector('.scroller').scrollTop = 0; }")
    client = page.context.new_cdp_session(page)
    client.send("Performance.enable")

    def memory():
        page.evaluate("() => { gc(); }")
        metrics = {each["name"]: each["value"] for each in client.send("Performance.getMetrics")["metrics"]}
        return round(metrics["JSHeapUsedSize"] / 1e6, 1), int(metrics["Nodes"])

    stop, asked = threading.Event(), []

    def crowd():
        number, due = 0, time.monotonic()
        with ThreadPoolExecutor(8) as pool:
            while not stop.is_set():
                asked.append(pool.submit(submit, server, number))
                number, due = number + 1, due + 0.05
                time.sleep(max(0, due - time.monotonic()))

    thread = threading.Thread(target=crowd)
    page.evaluate(FRAMES)
    first, begun = position(server), time.monotonic()
    print("at first: heap MB, nodes:", memory(), flush=True)
    thread.start()
    while time.monotonic() - begun < seconds:
        before = time.monotonic()
        page.keyboard.press("j")
        page.evaluate("() => new Promise(requestAnimationFrame)")
        key = (time.monotonic() - before) * 1000
        page.evaluate("() => { document.querySelector('.scroller').scrollTop += 3000; }")
        page.wait_for_timeout(5000)
        frames = page.evaluate("() => { const now = window.frames_; window.frames_ = {longest: 0, count: 0}; return now; }")
        print(f"after {time.monotonic() - begun:.0f} s: {(position(server) - first) / (time.monotonic() - begun):.0f} "
              f"events/s, key to frame {key:.0f} ms, longest frame {frames['longest']:.0f} ms, "
              f"heap MB and nodes {memory()}", flush=True)
    stop.set()
    thread.join()
    for one in asked:
        one.result()
    expected = server.api("api/delegations?limit=1")[1]["items"][0]["taskTitle"]
    page.evaluate("() => { document.querySelector('.scroller').scrollTop = 0; }")
    expect(page.locator(".rows .row .row-link").first).to_have_text(expected)
    print("rows at the end:", page.locator(".toolbar .count").text_content())
    browser.close()


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    main(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 120)
