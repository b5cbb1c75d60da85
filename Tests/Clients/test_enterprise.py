"""AIPM on a GitHub Enterprise: address, proxy, authority, app. The app's signature is checked by
PyJWT, and everything between AIPM and the forge is not AIPM's."""

import json
import os
import re
import subprocess
import tempfile
import unittest
from pathlib import Path

from enterprise import APP, HOST, INSTALLATION, Enterprise, Proxy
from support import AIPM, NAME, OWNER, ForgeCase


class OnEnterprise(ForgeCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="aipm-enterprise-")
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.enterprise = Enterprise(self.forge, self.folder)
        self.addCleanup(self.enterprise.stop)
        self.proxy = Proxy(self.enterprise.server.server_address[1])
        self.addCleanup(self.proxy.stop)
        self.environment = {
            "PATH": os.environ["PATH"], "HOME": str(self.folder), "HTTPS_PROXY": self.proxy.url,
            "AIPM_GITHUB_API_URL": f"https://{HOST}/api/v3", "AIPM_CA_FILE": str(self.enterprise.certificate),
            "AIPM_GITHUB_APP_ID": APP, "AIPM_GITHUB_APP_INSTALLATION_ID": INSTALLATION,
            "AIPM_GITHUB_APP_KEY_FILE": str(self.enterprise.app_key),
        }

    def aipm(self, *arguments, **more):
        return subprocess.run(
            [AIPM, *arguments], env=self.environment | more, cwd=self.folder, capture_output=True, text=True,
            timeout=120)

    def doctor(self, **more):
        result = self.aipm("doctor", "--json", "--repo", f"{OWNER}/{NAME}", **more)
        found = json.loads(result.stdout)
        self.assertEqual(found["ok"], result.returncode == 0)
        return {check["check"]: check for check in found["checks"]}

    def test_doctor(self):
        well = self.doctor()
        self.assertEqual(well["credential"]["state"], "ok", well)
        self.assertNotIn("checks", well)
        self.assertEqual(well[f"{OWNER}/{NAME}"]["state"], "ok", well)
        self.assertGreater(self.proxy.connects, 0)
        # Past the proxy there is no such host.
        past = self.doctor(NO_PROXY=HOST)
        self.assertIn("resolve", past["forge"]["detail"])
        self.assertIn("NO_PROXY", past["forge"]["hint"])
        # The system's authorities do not know this one.
        environment = self.environment.copy()
        self.environment.pop("AIPM_CA_FILE")
        self.assertIn("certificate", self.doctor()["forge"]["detail"].lower())
        self.environment = environment
        wrong = self.doctor(AIPM_GITHUB_APP_ID="1")
        self.assertIn("AIPM_GITHUB_APP_KEY_FILE", wrong["forge"]["hint"])

    def test_a_delegation(self):
        with open(self.folder / "log", "w", encoding="utf-8") as log:
            server = subprocess.Popen(
                [AIPM, "serve", "--data", "data", "--port", "0", "--agent", "demo", "--workers", "1",
                 "--stop-workers"],
                env=self.environment, cwd=self.folder, stdout=subprocess.PIPE, stderr=log, text=True)
        try:
            found = re.match(r"aipm: listening on (\S+)", server.stdout.readline())
            self.assertTrue(found, (self.folder / "log").read_text())
            for number in range(3):
                done = self.aipm(
                    "submit", "--repo", f"{OWNER}/{NAME}", "--branch", f"enterprise-{number}", "--title", "T",
                    "--objective", "O", "--pr-title", "P", "--accept", "works", "--wait", "--json",
                    AIPM_SERVER=found[1])
                self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
                ended = json.loads(done.stdout)
                self.assertEqual(ended["state"], "Pushed")
                self.assertTrue(ended["pullRequest"]["html_url"].startswith(f"https://{HOST}/"))
        finally:
            server.terminate()
            server.wait(timeout=60)
            server.stdout.close()
        self.assertEqual(self.enterprise.refusals, [])
        self.assertGreater(len(self.enterprise.tokens), 1, "no token was renewed")
        # What was shown to the forge stands nowhere in the folder.
        for path in (self.folder / "data").rglob("*"):
            if path.is_file():
                content = path.read_bytes()
                for token in self.enterprise.tokens:
                    self.assertNotIn(token.encode(), content, path)


if __name__ == "__main__":
    unittest.main()
