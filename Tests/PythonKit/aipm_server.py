"""What the servers of all tests in Python share: a folder, an environment, the start and the end."""

import os
import re
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
AIPM = Path(os.environ.get("AIPM_BINARY", ROOT / ".build" / "debug" / "aipm"))


class AIPMServer:
    """`aipm serve` on a folder of its own, with the embedded forge."""

    def __init__(self, purpose):
        self.folder = Path(tempfile.mkdtemp(prefix=f"aipm-{purpose}-"))
        self.environment = {
            name: value for name, value in os.environ.items() if not name.startswith(("AIPM_", "GIT_"))
        }

    def launch(self, *arguments):
        """Starts the server; returns its address."""
        self.errors = open(self.folder / "server.log", "a", encoding="utf-8")
        self.process = subprocess.Popen(
            [AIPM, "serve", "--forge", "local", "--stop-workers", *arguments], env=self.environment,
            cwd=self.folder, stdout=subprocess.PIPE, stderr=self.errors, text=True)
        for line in self.process.stdout:
            found = re.match(r"aipm: listening on (http://\S+)", line)
            if found:
                return found[1]
        raise AssertionError(self.said())

    def said(self):
        """What the server wrote to standard error."""
        return (self.folder / "server.log").read_text(encoding="utf-8")

    def close(self):
        """Ends the server and removes its folder."""
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def stop(self):
        """Ends the server. The second signal ends it at once."""
        for sign in (signal.SIGTERM, signal.SIGKILL):
            self.process.send_signal(sign)
            try:
                self.process.wait(timeout=20)
                break
            except subprocess.TimeoutExpired:
                continue
        self.process.stdout.close()
        self.errors.close()
