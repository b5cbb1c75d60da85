"""What the tests of the API's description share: a real server with the demo agent."""

import json
import os
import re
import shutil
import signal
import subprocess
import tempfile
import unittest
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
AIPM = Path(os.environ.get("AIPM_BINARY", ROOT / ".build" / "debug" / "aipm"))
ENVIRONMENT = ROOT / ".build" / "api"
HERE = Path(__file__).resolve().parent
OWNER, NAME = "acme", "tools"
SECRET = "secret-of-the-webhook"


class Server:
    """`aipm serve` on a folder of its own, with the embedded forge and one repository."""

    def __init__(self, *arguments):
        self.folder = Path(tempfile.mkdtemp(prefix="aipm-api-"))
        # Agents may be another user than the tests.
        self.folder.chmod(0o755)
        # Every agent that the description names can be asked for.
        (self.folder / "workflows").mkdir()
        built_in = (ROOT / "workflows" / "personal-delegate.yaml").read_text()
        (self.folder / "workflows" / "mine.yaml").write_text(only_demo(built_in))
        self.environment = {
            name: value for name, value in os.environ.items() if not name.startswith(("AIPM_", "GIT_"))
        } | {"AIPM_DATA": str(self.folder / "data"), "HOME": str(self.folder),
            "AIPM_WEBHOOK_SECRET": SECRET}
        self.run("forge", "create", f"{OWNER}/{NAME}")
        self.errors = open(self.folder / "server.log", "a", encoding="utf-8")
        self.process = subprocess.Popen(
            [AIPM, "serve", "--port", "0", "--forge", "local", "--agent", "demo", "--stop-workers",
             "--workflows", self.folder / "workflows", *arguments],
            env=self.environment, cwd=self.folder, stdout=subprocess.PIPE, stderr=self.errors,
            text=True)
        for line in self.process.stdout:
            found = re.match(r"aipm: listening on (http://\S+)", line)
            if found:
                self.url = found[1]
                return
        raise AssertionError(self.said())

    def said(self):
        return (self.folder / "server.log").read_text(encoding="utf-8")

    def run(self, *arguments):
        return subprocess.run(
            [AIPM, *arguments], env=self.environment, cwd=self.folder, check=True,
            capture_output=True, text=True, timeout=60).stdout

    def document(self):
        with urllib.request.urlopen(self.url + "/openapi.json", timeout=30) as response:
            return json.load(response)

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
