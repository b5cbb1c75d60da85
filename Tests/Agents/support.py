"""What the tests with real agents share: a real server whose workflow knows them."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest
import urllib.error
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
AIPM = Path(os.environ.get("AIPM_BINARY", ROOT / ".build" / "debug" / "aipm"))
ENVIRONMENT = ROOT / ".build" / "agents"
EXAMPLES = ENVIRONMENT / "source" / "examples"
HERE = Path(__file__).resolve().parent
OWNER, NAME = "acme", "tools"

# What the slowest machine needs; a test that passes waits for none of it.
PATIENCE_S = 60


class Server:
    """`aipm serve` on a folder of its own, with one worker."""

    def __init__(self, agents):
        """`agents` is YAML, indented as in a workflow's `agents:`; {folder} is this one's."""
        self.folder = Path(tempfile.mkdtemp(prefix="aipm-agents-"))
        # Agents may be another user than the tests.
        self.folder.chmod(0o755)
        (self.folder / "workflows").mkdir()
        built_in = (ROOT / "workflows" / "personal-delegate.yaml").read_text()
        known = agents.replace("{folder}", str(self.folder))
        (self.folder / "workflows" / "mine.yaml").write_text(
            built_in.replace("\nagents:\n", "\nagents:\n" + known, 1))
        self.environment = {
            name: value for name, value in os.environ.items() if not name.startswith(("AIPM_", "GIT_"))
        } | {
            "SHIPPED_KEY": "key-of-the-agents-0123456789", "HOME": str(self.folder / "home")}
        self.run("forge", "create", f"{OWNER}/{NAME}")
        self.errors = open(self.folder / "server.log", "a", encoding="utf-8")
        self.process = subprocess.Popen(
            [AIPM, "serve", "--data", self.folder / "data", "--port", "0", "--forge", "local",
             "--workers", "1", "--stop-workers", "--attempts", "1", "--workflows",
             self.folder / "workflows"],
            env=self.environment, cwd=self.folder, stdout=subprocess.PIPE, stderr=self.errors,
            text=True)
        for line in self.process.stdout:
            found = re.match(r"aipm: listening on (http://\S+)", line)
            if found:
                self.url = found[1]
                return
        raise AssertionError((self.folder / "server.log").read_text())

    def run(self, *arguments):
        environment = self.environment | {"AIPM_DATA": str(self.folder / "data")}
        if hasattr(self, "url"):
            environment["AIPM_SERVER"] = self.url
        return subprocess.run(
            [AIPM, *arguments], env=environment, cwd=self.folder, check=True, capture_output=True,
            text=True, timeout=PATIENCE_S).stdout

    def close(self):
        for sign in (signal.SIGTERM, signal.SIGKILL):
            self.process.send_signal(sign)
            try:
                self.process.wait(timeout=20)
                break
            except subprocess.TimeoutExpired:
                continue
        self.process.stdout.close()
        self.errors.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def api(self, route, body=None):
        request = urllib.request.Request(
            f"{self.url}/{route}", data=None if body is None else json.dumps(body).encode(),
            method="GET" if body is None else "POST", headers={"Content-Type": "application/json"})
        try:
            with urllib.request.urlopen(request, timeout=PATIENCE_S) as answer:
                status, raw = answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            status, raw = error.code, error.read().decode()
        try:
            return status, json.loads(raw)
        except ValueError:
            return status, raw

    def ask(self, agent, objective):
        return self.api("api/personal-delegate", {
            "owner": OWNER, "repo": NAME, "branchName": "feature/x", "taskTitle": "A task",
            "objective": objective, "prTitle": "feat: a task", "agent": agent})

    def submit(self, agent, objective):
        """The id of a new delegation."""
        status, answer = self.ask(agent, objective)
        if status not in (201, 202):
            raise AssertionError(f"{status}: {answer}")
        return answer["id"]

    def delegation(self, ref):
        return self.api(f"api/delegations/{ref}")[1]

    def events(self, ref):
        return self.api(f"api/delegations/{ref}/events")[1]["items"]

    def end(self, ref):
        """The delegation, when it has ended."""
        return until(lambda: (found := self.delegation(ref))["state"] in ("Pushed", "Failed") and found)

    def output(self, ref):
        return self.api(f"api/delegations/{ref}/output")[1]

    def records(self, ref):
        return self.api(f"api/delegations/{ref}/records")[1]["items"]

    def file(self, branch, path):
        repository = next((self.folder / "data").rglob(f"{NAME}.git"))
        return subprocess.run(
            ["git", "--git-dir", repository, "show", f"{branch}:{path}"], check=True,
            capture_output=True, text=True).stdout


def until(condition):
    """What `condition` gives, once that is something."""
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end:
        found = condition()
        if found:
            return found
        time.sleep(0.02)
    raise AssertionError("waited in vain")


def processes(script):
    """The processes that run a script."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            words = (folder / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        # Not the sandbox around it, whose words hold the same.
        if b"python" in words[0] and str(script).encode() in words:
            found.append(int(folder.name))
    return found


class AgentCase(unittest.TestCase):
    """A server for the tests of one class."""

    agents = ""

    @classmethod
    def setUpClass(cls):
        cls.server = Server(cls.agents)
        cls.addClassCleanup(cls.server.close)
        # A worker looks for the agents before it registers.
        until(lambda: cls.server.api("api/workers")[1]["items"])


def session_agent(name, script, more=""):
    """A workflow's description of a Python script that speaks the Agent Client Protocol."""
    return f"""  {name}:
    protocol: agent-client-protocol
    command: ["{sys.executable}", "{script}"]
    environment: [SHIPPED_KEY]
    sandbox: {{readable: ["{ENVIRONMENT}", "{HERE}"]}}
{more}"""
