"""What the tests of strange clients share: a real embedded forge, as a process of its own."""

import json
import os
import re
import shutil
import subprocess
import tempfile
import unittest
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
AIPM = Path(os.environ.get("AIPM_BINARY", ROOT / ".build" / "debug" / "aipm"))
TOKEN = "t0ken-of-the-strange-clients"
OWNER, NAME = "acme", "tools"
# Further accounts with their tokens.
ACCOUNTS = {"ann": "t0ken-of-ann", "checks[bot]": "t0ken-of-a-bot", "stranger": "t0ken-of-a-stranger"}


class Forge:
    """`aipm forge serve` on a folder of its own, with one repository."""

    def __init__(self):
        self.root = Path(tempfile.mkdtemp(prefix="aipm-clients-"))
        self.environment = {
            name: value for name, value in os.environ.items() if not name.startswith(("AIPM_", "GIT_"))
        } | {"AIPM_FORGE_TOKEN": TOKEN}
        self.run("forge", "create", f"{OWNER}/{NAME}", "--root", str(self.root))
        accounts = self.root / "accounts.json"
        accounts.write_text(json.dumps(ACCOUNTS), encoding="utf-8")
        self.errors = open(self.root / "forge.log", "w", encoding="utf-8")
        self.process = subprocess.Popen(
            [AIPM, "forge", "serve", "--root", str(self.root), "--port", "0",
             "--accounts", str(accounts)], env=self.environment,
            stdout=subprocess.PIPE, stderr=self.errors, text=True)
        line = self.process.stdout.readline()
        found = re.match(r"aipm: embedded forge on (http://\S+)", line)
        if not found:
            raise RuntimeError(f"the forge said {line!r}: {(self.root / 'forge.log').read_text()}")
        self.url = found[1]

    def run(self, *arguments):
        return subprocess.run(
            [AIPM, *arguments], env=self.environment, check=True, capture_output=True, text=True,
            timeout=60).stdout

    def page(self, url):
        with urllib.request.urlopen(url, timeout=30) as answer:
            return answer.read().decode()

    def stop(self):
        self.process.terminate()
        self.process.wait(timeout=30)
        self.process.stdout.close()
        self.errors.close()
        shutil.rmtree(self.root, ignore_errors=True)


class ForgeCase(unittest.TestCase):
    """A forge for the tests of one class; each test has a branch of its own."""

    @classmethod
    def setUpClass(cls):
        cls.forge = Forge()

    @classmethod
    def tearDownClass(cls):
        cls.forge.stop()
