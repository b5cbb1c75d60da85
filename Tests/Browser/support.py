"""What the browser tests share: a real server with its embedded forge and workers, a real browser,
and a page that no script of a stranger may ever run in."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import unittest
import urllib.error
import urllib.request
from pathlib import Path

from playwright.sync_api import expect, sync_playwright

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "PythonKit"))

from aipm_server import AIPM, ROOT, AIPMServer  # noqa: E402

AGENT = Path(__file__).resolve().parent / "agent.py"
CHROMIUM = os.environ.get("AIPM_CHROMIUM", "/usr/bin/chromium")
REPOSITORY = "acme/tools"

# What people call the log's states.
WORDS = {
    "Requested": "Queued", "PRCreated": "Queued", "Dispatched": "Working", "Generating": "Working",
    "Pushed": "Ready for review",
}

# What the slowest machine needs; a test that passes waits for none of it.
PATIENCE_MS = 30_000
expect.set_options(timeout=PATIENCE_MS)


class Server(AIPMServer):
    """`aipm serve` on a folder of its own. It can be killed and started again on the same port."""

    def __init__(
        self, agent_timeout="10m", base_path=None, workers=2, allow_origin=None, agents=None, log=None,
        access=None, gather=None
    ):
        """@param log: a data folder to begin with. @param gather: how long a round waits for more."""
        super().__init__("browser")
        self.port = 0
        self.base_path = base_path or ""
        self.options = ["--agent-timeout", agent_timeout, "--workers", str(workers)]
        if base_path:
            self.options += ["--base-path", base_path]
        if allow_origin:
            self.options += ["--allow-origin", allow_origin]
        if access:
            self.options += ["--access", access]
        if agents or gather:
            # A workflow with these, as YAML.
            built_in = (ROOT / "workflows" / "personal-delegate.yaml").read_text()
            (self.folder / "workflows").mkdir()
            built_in = built_in.replace("\nagents:\n", "\nagents:\n" + (agents or ""), 1)
            if gather:
                built_in = re.sub(r"(?m)^  gather: .*", f"  gather: {gather}", built_in, count=1)
            (self.folder / "workflows" / "mine.yaml").write_text(built_in)
            self.options += ["--workflows", str(self.folder / "workflows")]
        self.process = None
        if log:
            shutil.copytree(log, self.folder / "data")
        self.run("forge", "create", REPOSITORY)
        self.start()

    def run(self, *arguments):
        return subprocess.run(
            [AIPM, *arguments], env=self.environment | {"AIPM_DATA": str(self.folder / "data")},
            cwd=self.folder, check=True, capture_output=True, text=True, timeout=60).stdout

    def start(self):
        address = self.launch(
            "--data", self.folder / "data", "--port", str(self.port), "--agent", "command",
            "--agent-command", f"{sys.executable} {AGENT}", *self.options)
        self.port = int(re.match(r"http://[^:]+:(\d+)", address)[1])

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}{self.base_path}/"

    def kill(self):
        """Ends it as a power cut would; its workers live on."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        self.process.stdout.close()
        self.errors.close()

    def api(self, route, method="GET", body=None, headers=None):
        """The status and the body of a call, as JSON where it is that."""
        request = urllib.request.Request(
            self.url + route, method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Content-Type": "application/json", **(headers or {})})
        try:
            with urllib.request.urlopen(request, timeout=30) as response:
                status, raw = response.status, response.read().decode()
        except urllib.error.HTTPError as error:
            status, raw = error.code, error.read().decode()
        try:
            return status, json.loads(raw)
        except ValueError:
            return status, raw

    def submit(self, title="Add export button", objective="", **fields):
        """A delegation; @returns what the API answered."""
        owner, repo = REPOSITORY.split("/")
        status, answer = self.api("api/personal-delegate", "POST", {
            "owner": owner, "repo": repo, "branchName": "feature/add-export", "taskTitle": title,
            "objective": objective or "do: write export.txt exported", "prTitle": f"feat: {title}"[:256],
            **fields})
        if status not in (201, 202):
            raise AssertionError(f"{status}: {answer}")
        return answer

    def delegation(self, ref):
        return self.api(f"api/delegations/{ref}")[1]


class BrowserTest(unittest.TestCase):
    """A test with a page. Whatever the page's console complains of fails it."""

    server_options = {}

    @classmethod
    def address(cls):
        """Where the page stands."""
        return cls.server.url

    @classmethod
    def setUpClass(cls):
        cls.playwright = sync_playwright().start()
        cls.addClassCleanup(cls.playwright.stop)
        cls.browser = cls.playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        cls.addClassCleanup(cls.browser.close)
        cls.server = Server(**cls.server_options)
        cls.addClassCleanup(cls.server.close)

    def setUp(self):
        self.complaints = []
        # Failures of the network are what some tests are about; their own words are checked there.
        self.allowed = re.compile(r"Failed to load resource")
        self.context = self.new_context()
        self.page = self.new_page(self.context)

    def tearDown(self):
        self.context.close()
        self.assertEqual(self.complaints, [])

    def new_context(self, width=1280, height=900, **options):
        options = {"color_scheme": "light", "reduced_motion": "reduce", **options}
        context = self.browser.new_context(viewport={"width": width, "height": height}, **options)
        context.add_init_script(
            "addEventListener('securitypolicyviolation', (e) => "
            "console.error('policy: ' + e.violatedDirective + ' ' + e.sample));")
        return context

    def new_page(self, context):
        page = context.new_page()
        page.set_default_timeout(PATIENCE_MS)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("console", lambda message: self._heard(message))
        page.on("dialog", lambda dialog: (self.complaints.append(dialog.message), dialog.dismiss()))
        return page

    def _heard(self, message):
        if message.type in ("error", "warning") and not self.allowed.search(message.text):
            self.complaints.append(message.text)

    def open(self, route="", page=None):
        page = page or self.page
        # Another part of the page that is open is no navigation of its own.
        page.goto("about:blank")
        page.goto(self.address() + route)
        expect(page.locator("#link")).to_have_attribute("data-state", "live")
        expect(page.locator("[aria-busy=true]")).to_have_count(0)
        return page

    def open_delegation(self, answer, page=None):
        return self.open(f"#/delegations/{answer['id']}", page)

    def expect_state(self, state, page=None):
        """The page shows this condition; of the log's states, what people call it."""
        words = WORDS.get(state, state)
        expect((page or self.page).locator(".detail-line .badge")).to_have_text(
            re.compile(rf"^{re.escape(words)}( \(.*\))?$"))

    def unfold(self, name):
        """Opens a part of the form that is folded."""
        part = self.page.locator("details.more").filter(has=self.page.locator("summary", has_text=name))
        if part.get_attribute("open") is None:
            part.locator("summary").click()

    def created(self):
        """The confirmation code of the task that was just created, on its own page."""
        told = self.page.get_by_text("Task created. Confirmation:")
        expect(told).to_have_text(re.compile(r"^Task created\. Confirmation: PR\d{13}$"))
        return told.locator("code").text_content()

    def fill_form(self, title="Add export button", objective="do: write export.txt exported"):
        page = self.page
        expect(page.locator("form.delegate")).to_be_visible()
        page.get_by_label("What should be done?").fill(objective)
        page.get_by_label("Repository").fill(REPOSITORY)
        self.unfold("Title, branch")
        page.get_by_label("Task title").fill(title)
        return page.get_by_role("main").get_by_role("button", name="Generate Code & PR")
