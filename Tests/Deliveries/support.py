"""What the tests of deliveries share: a server that sends, and its delegations."""

import json
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "PythonKit"))

from aipm_server import AIPM, AIPMServer  # noqa: E402

SECRET = "hush-hush-4711"
TITLE = "Title-that-stays-here"


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


# Fails once, then works.
AGENT = """#!{python}
import json, pathlib, sys
sys.stdin.read()
marker = pathlib.Path({marker!r})
if marker.exists():
    marker.unlink()
    sys.exit(3)
pathlib.Path("traced.txt").write_text("traced")
print(json.dumps({{"type": "result", "usd": 0.25, "in": 1200, "out": 34}}))
"""

WORKFLOW = """name: traced
extends: personal-delegate
attempts: 1
on-failed: {{comment: "{{{{failureCode}}}}"}}
agents:
  traced:
    command: [{agent}]
    prompt: standard-input
    usage:
      - {{stream: output, json: {{type: result}},
         read: {{cost: usd, input-tokens: in, output-tokens: out}}}}
"""


class Server(AIPMServer):
    """`aipm serve` with the demo agent, and one that fails while the file `failing` is there."""

    def __init__(self, *arguments, workflow="", **variables):
        super().__init__("deliveries")
        self.folder.chmod(0o777)
        self.failing = self.folder / "shared" / "failing"
        self.failing.parent.mkdir()
        self.failing.parent.chmod(0o777)
        agent = self.folder / "agent.py"
        agent.write_text(AGENT.format(python=sys.executable, marker=str(self.failing)))
        agent.chmod(0o755)
        (self.folder / "workflows").mkdir()
        (self.folder / "workflows" / "traced.yaml").write_text(
            WORKFLOW.format(agent=agent) + workflow)
        self.environment = {
            name: value for name, value in self.environment.items() if not name.startswith("OTEL_")
        } | {"AIPM_DATA": str(self.folder / "data"), "HOME": str(self.folder)} | variables
        self.run("forge", "create", "acme/tools")
        self.start(*arguments)

    def start(self, *arguments):
        self.url = self.launch(
            "--port", "0", "--workflows", self.folder / "workflows", "--workers", "1",
            "--sandbox", "off", *arguments)

    def kill(self):
        """Kills the server as a crash would."""
        self.process.kill()
        self.process.wait(timeout=20)
        self.process.stdout.close()
        self.errors.close()

    def run(self, *arguments, check=True):
        environment = self.environment
        if hasattr(self, "url"):
            environment = environment | {"AIPM_SERVER": self.url}
        done = subprocess.run(
            [AIPM, *arguments], env=environment, cwd=self.folder, check=False,
            capture_output=True, text=True, timeout=60)
        assert not check or done.returncode == 0, done.stderr
        return done.stdout if check else done

    def send(self, method, path, body=None):
        request = urllib.request.Request(
            self.url + path, method=method, data=None if body is None else json.dumps(body).encode(),
            headers={"Content-Type": "application/json"})
        try:
            with urllib.request.urlopen(request, timeout=60) as response:
                return json.loads(response.read() or b"null")
        except urllib.error.HTTPError as error:
            with error:
                raise AssertionError(error.read()) from error

    def delegate(self, **fields):
        """Submits a delegation and waits for its end."""
        submitted = self.send("POST", "/api/personal-delegate", {
            "owner": "acme", "repo": "tools", "branchName": "feature/traced", "taskTitle": TITLE,
            "objective": "Objective-that-stays-here", "prTitle": "feat: Traced",
            "acceptanceCriteria": ["Criterion-that-stays-here"]} | fields)
        return self.end(submitted["id"])

    def end(self, id):
        deadline = time.monotonic() + 60
        while True:
            delegation = self.send("GET", f"/api/delegations/{id}")
            if delegation["state"] in ("Pushed", "Failed"):
                return delegation
            assert time.monotonic() < deadline, delegation
            time.sleep(0.05)

    def metric(self, name, **labels):
        with urllib.request.urlopen(self.url + "/metrics", timeout=30) as response:
            text = response.read().decode()
        wanted = name + "{" + ",".join(f'{key}="{value}"' for key, value in labels.items()) + "} "
        found = [line for line in text.splitlines() if line.startswith(wanted)]
        return float(found[0].split()[-1]) if found else None
