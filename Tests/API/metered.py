"""A server whose figures are known, and the scrapes of it."""

import json
import sys
import time
import urllib.error
import urllib.request

from prometheus_client.openmetrics.parser import (
    text_string_to_metric_families as parse_openmetrics)
from prometheus_client.parser import text_string_to_metric_families as parse_text

from support import NAME, OWNER, Server

BRANCH = "feature/measured"

# Prints what it used as a service would, without the number of cached tokens.
AGENT = """#!{python}
import json, pathlib, sys
sys.stdin.read()
pathlib.Path("measured.txt").write_text("measured")
print(json.dumps({{"type": "result", "usd": 0.25, "in": 1200, "out": 34}}))
"""

WORKFLOW = """name: metered
extends: personal-delegate
agents:
  metered:
    command: [{agent}]
    prompt: standard-input
    usage:
      - {{stream: output, json: {{type: result}},
         read: {{cost: usd, input-tokens: in, output-tokens: out}}}}
"""


class Scrape:
    """One answer of /metrics, in the text format unless `openmetrics`."""

    def __init__(self, url, token, openmetrics=False):
        accept = "application/openmetrics-text; version=1.0.0" if openmetrics else "text/plain"
        request = urllib.request.Request(
            url + "/metrics", headers={"Accept": accept, "Authorization": f"Bearer {token}"})
        with urllib.request.urlopen(request, timeout=30) as response:
            self.type = response.headers["Content-Type"]
            self.text = response.read().decode()
        self.families = list((parse_openmetrics if openmetrics else parse_text)(self.text))

    def samples(self):
        return [sample for family in self.families for sample in family.samples]

    def value(self, name, **labels):
        """The value of a series; 0 if it does not exist yet."""
        found = [one.value for one in self.samples() if (one.name, one.labels) == (name, labels)]
        return found[0] if found else 0

    def sum(self, name, **labels):
        """The sum of all series that have these labels."""
        return sum(
            one.value for one in self.samples()
            if one.name == name and labels.items() <= one.labels.items())


class MeteredServer(Server):
    """A server with the demo agent, and one that reports what it used."""

    def launch(self, *arguments):
        agent = self.folder / "agent.py"
        agent.write_text(AGENT.format(python=sys.executable))
        agent.chmod(0o755)
        (self.folder / "workflows" / "metered.yaml").write_text(WORKFLOW.format(agent=agent))
        if not hasattr(self, "reader"):
            self.reader = self.run("token", "create", "prometheus", "--role", "support").strip()
        return super().launch(*arguments)

    def send(self, method, path, body=None):
        """The status and the JSON of an answer."""
        request = urllib.request.Request(
            self.url + path, method=method, data=None if body is None else json.dumps(body).encode(),
            headers={"Content-Type": "application/json", "Authorization": f"Bearer {self.token}"})
        try:
            with urllib.request.urlopen(request, timeout=60) as response:
                status, text = response.status, response.read()
        except urllib.error.HTTPError as error:
            with error:
                status, text = error.code, error.read()
        return status, json.loads(text or b"null")

    def submit(self, **fields):
        """The status and the JSON of the answer to a submission."""
        return self.send("POST", "/api/personal-delegate", {
            "owner": OWNER, "repo": NAME, "branchName": BRANCH, "taskTitle": "Measure",
            "objective": "Figures move", "prTitle": "feat: Measure",
            "acceptanceCriteria": ["Figures move"]} | fields)

    def delegate(self, **fields):
        """Submits a delegation and waits for its end."""
        status, submitted = self.submit(**fields)
        assert status == 201, submitted
        deadline = time.monotonic() + 60
        while True:
            delegation = self.send("GET", f"/api/delegations/{submitted['id']}")[1]
            if delegation["state"] in ("Pushed", "Failed"):
                return delegation
            assert time.monotonic() < deadline, delegation
            time.sleep(0.05)

    def scrape(self, openmetrics=False):
        return Scrape(self.url, self.reader, openmetrics)
