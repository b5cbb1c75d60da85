"""The description of the API against the real server: what others' programs make of it."""

import os
import subprocess
import sys
import time
import unittest
import urllib.error
import urllib.request

from openapi_spec_validator import OpenAPIV31SpecValidator

from support import ENVIRONMENT, HERE, NAME, OWNER, ServerCase


class DescriptionTests(ServerCase):
    def test_it_is_valid(self):
        OpenAPIV31SpecValidator(self.server.document()).validate()

    def test_it_is_sent_once(self):
        address = self.server.url + "/openapi.json"
        with urllib.request.urlopen(address, timeout=30) as response:
            tag = response.headers["ETag"]
        with self.assertRaises(urllib.error.HTTPError) as raised:
            urllib.request.urlopen(
                urllib.request.Request(address, headers={"If-None-Match": tag}), timeout=30)
        raised.exception.close()
        self.assertEqual(raised.exception.code, 304)

    def test_every_response_is_as_described(self):
        """schemathesis with all its checks: valid and invalid requests, and chains of them."""
        run = subprocess.run(
            [ENVIRONMENT / "bin" / "schemathesis", "--config-file", HERE / "schemathesis.toml",
             "run", self.server.url + "/openapi.json", "--url", self.server.url,
             "--header", f"Authorization: Bearer {self.server.token}"],
            cwd=self.server.folder, capture_output=True, text=True, timeout=600,
            env=os.environ | {"SCHEMATHESIS_HOOKS": "hooks", "PYTHONPATH": str(HERE)})
        self.assertEqual(run.returncode, 0, run.stdout + run.stderr + self.server.said())
        print(run.stdout[run.stdout.index("SUMMARY"):])


class GeneratedClientTests(ServerCase):
    """A client that openapi-python-client makes, as a user of the API would have it."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        subprocess.run(
            [ENVIRONMENT / "bin" / "openapi-python-client", "generate", "--url",
             cls.server.url + "/openapi.json", "--meta", "none", "--output-path",
             cls.server.folder / "aipm_client"],
            cwd=cls.server.folder, check=True, capture_output=True, text=True, timeout=120,
            env=os.environ | {"PATH": f"{ENVIRONMENT / 'bin'}:{os.environ['PATH']}"})
        sys.path.insert(0, str(cls.server.folder))
        cls.addClassCleanup(sys.path.remove, str(cls.server.folder))

    def test_it_submits_and_follows_a_delegation(self):
        from aipm_client import AuthenticatedClient, Client
        from aipm_client.api.delegations import get_delegation, list_delegation_events, submit
        from aipm_client.models import Delegation, Problem, Submission, Submitted

        client = AuthenticatedClient(base_url=self.server.url, token=self.server.token)
        submitted = submit.sync(
            client=client,
            body=Submission(
                owner=OWNER, repo=NAME, branch_name="feature/generated-client",
                task_title="Add import button", objective="User can import data",
                pr_title="feat: Add import button", acceptance_criteria=["Button appears"]))
        self.assertIsInstance(submitted, Submitted)
        deadline = time.monotonic() + 60
        while True:
            delegation = get_delegation.sync(str(submitted.id), client=client)
            self.assertIsInstance(delegation, Delegation)
            if delegation.state.value in ("Pushed", "Failed"):
                break
            self.assertLess(time.monotonic(), deadline, delegation.state)
            time.sleep(0.1)
        self.assertEqual(delegation.state.value, "Pushed", delegation)
        self.assertEqual(delegation.attempts[-1].commit_sha, delegation.commit_sha)
        events = list_delegation_events.sync(str(submitted.id), client=client)
        self.assertEqual(events.items[-1].type_.value, "delegation.pushed")
        stranger = Client(base_url=self.server.url)
        refused = get_delegation.sync(str(submitted.id), client=stranger)
        self.assertIsInstance(refused, Problem)
        self.assertEqual(refused.status, 401)
        missing = get_delegation.sync("PR1", client=client)
        self.assertIsInstance(missing, Problem)
        self.assertEqual(missing.status, 404)


if __name__ == "__main__":
    unittest.main()
