"""What the tests with real agents share: a real server whose workflow knows them."""

import json
import subprocess
import sys
import time
import unittest
import urllib.error
import urllib.request
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "PythonKit"))

from aipm_server import AIPM, ROOT, AIPMServer  # noqa: E402

ENVIRONMENT = ROOT / ".build" / "agents"
EXAMPLES = ENVIRONMENT / "source" / "examples"
HERE = Path(__file__).resolve().parent
OWNER, NAME = "acme", "tools"

# What the slowest machine needs; a test that passes waits for none of it.
PATIENCE_S = 60


class Server(AIPMServer):
    """`aipm serve` on a folder of its own, with one worker."""

    def __init__(self, agents):
        """`agents` is YAML, indented as in a workflow's `agents:`; {folder} is this one's."""
        super().__init__("agents")
        # Agents may be another user than the tests.
        self.folder.chmod(0o755)
        (self.folder / "workflows").mkdir()
        built_in = (ROOT / "workflows" / "personal-delegate.yaml").read_text()
        known = agents.replace("{folder}", str(self.folder))
        (self.folder / "workflows" / "mine.yaml").write_text(
            built_in.replace("\nagents:\n", "\nagents:\n" + known, 1))
        self.environment |= {
            "SHIPPED_KEY": "key-of-the-agents-0123456789", "HOME": str(self.folder / "home")}
        self.run("forge", "create", f"{OWNER}/{NAME}")
        self.url = self.launch(
            "--data", self.folder / "data", "--port", "0", "--workers", "1", "--attempts", "1",
            "--workflows", self.folder / "workflows")

    def run(self, *arguments):
        environment = self.environment | {"AIPM_DATA": str(self.folder / "data")}
        if hasattr(self, "url"):
            environment["AIPM_SERVER"] = self.url
        return subprocess.run(
            [AIPM, *arguments], env=environment, cwd=self.folder, check=True, capture_output=True,
            text=True, timeout=PATIENCE_S).stdout

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

    def follow_up(self, ref, message):
        """The id of a follow-up."""
        status, answer = self.api(f"api/delegations/{ref}/follow-ups", {"message": message})
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


def session_agent(name, script, more="", option=""):
    """A workflow's description of a Python script that speaks the Agent Client Protocol."""
    argument = f', "{option}"' if option else ""
    return f"""  {name}:
    protocol: agent-client-protocol
    command: ["{sys.executable}", "{script}"{argument}]
    environment: [SHIPPED_KEY]
    sandbox: {{readable: ["{ENVIRONMENT}", "{HERE}"]}}
{more}"""
