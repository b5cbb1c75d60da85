"""What the tests of the API's description share: a real server with the demo agent."""

import json
import re
import subprocess
import sys
import unittest
import urllib.request
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "PythonKit"))

from aipm_server import AIPM, ROOT, AIPMServer  # noqa: E402

ENVIRONMENT = ROOT / ".build" / "api"
HERE = Path(__file__).resolve().parent
OWNER, NAME = "acme", "tools"
SECRET = "secret-of-the-webhook"


class Server(AIPMServer):
    """`aipm serve` on a folder of its own, with the embedded forge and one repository."""

    def __init__(self, *arguments):
        super().__init__("api")
        # Agents may be another user than the tests.
        self.folder.chmod(0o755)
        # Every agent that the description names can be asked for.
        (self.folder / "workflows").mkdir()
        built_in = (ROOT / "workflows" / "personal-delegate.yaml").read_text()
        (self.folder / "workflows" / "mine.yaml").write_text(only_demo(built_in))
        self.environment |= {
            "AIPM_DATA": str(self.folder / "data"), "HOME": str(self.folder),
            "AIPM_WEBHOOK_SECRET": SECRET}
        self.run("forge", "create", f"{OWNER}/{NAME}")
        self.token = self.run("token", "create", "tests", "--role", "admin").strip()
        self.url = self.launch(
            "--port", "0", "--access", "token", "--agent", "demo", "--workflows", self.folder / "workflows", *arguments)

    def run(self, *arguments):
        return subprocess.run(
            [AIPM, *arguments], env=self.environment, cwd=self.folder, check=True,
            capture_output=True, text=True, timeout=60).stdout

    def document(self):
        with urllib.request.urlopen(self.url + "/openapi.json", timeout=30) as response:
            return json.load(response)


def only_demo(workflow):
    """The workflow without the agents that this machine may not have."""
    head, rest = re.split(r"^agents:\n", workflow, maxsplit=1, flags=re.MULTILINE)
    after = re.search(r"^\S", rest, flags=re.MULTILINE)
    head = re.sub(r"^agent-preference: .*$", "agent-preference: [demo]", head, flags=re.MULTILINE)
    return head + (rest[after.start():] if after else "")


class ServerCase(unittest.TestCase):
    """One server for the tests of one class."""

    arguments = ()

    @classmethod
    def setUpClass(cls):
        cls.server = Server(*cls.arguments)
        cls.addClassCleanup(cls.server.close)
