"""What `aipm doctor` says about a provider."""

import json
import os
import subprocess
import tempfile
import unittest

from provider import Provider
from support import BUILD


class DoctorTests(unittest.TestCase):
    def finding(self, issuer):
        environment = {
            name: value for name, value in os.environ.items() if not name.startswith("AIPM_")}
        environment |= {
            "AIPM_OPENID_ISSUER": issuer, "AIPM_OPENID_CLIENT_ID": "aipm",
            "AIPM_OPENID_GROUP": "web=submit:acme/*,docs/*", "AIPM_PUBLIC_URL": "https://aipm.example",
            "AIPM_ACCESS": "token"}
        with tempfile.TemporaryDirectory() as folder:
            result = subprocess.run(
                [BUILD / "aipm", "doctor", "--json"], env=environment, cwd=folder,
                capture_output=True, text=True, timeout=120)
        found = [item for item in json.loads(result.stdout)["checks"] if item["check"] == "sign-in"]
        self.assertEqual(len(found), 1, result.stdout)
        return found[0]

    def test_provider(self):
        provider = Provider()
        self.addCleanup(provider.close)
        finding = self.finding(provider.issuer)
        self.assertEqual(finding["state"], "ok")
        self.assertIn("with 1 key", finding["detail"])
        finding = self.finding(provider.issuer + "/")
        self.assertEqual(finding["state"], "fault")
        self.assertIn("another issuer", finding["detail"])

    def test_no_provider(self):
        provider = Provider()
        provider.close()
        finding = self.finding(provider.issuer)
        self.assertEqual(finding["state"], "fault")
        self.assertIn("cannot be reached", finding["detail"])
