"""What the tests of the package share: the packages, and a machine on which one is installed."""

import atexit
import functools
import json
import os
import subprocess
import tempfile
from pathlib import Path

from machine import PATIENCE, Machine

ROOT = Path(__file__).resolve().parents[2]
DATA = "/var/lib/aipm"
SERVER = "http://127.0.0.1:8080"

# An agent that waits for a file before it changes anything.
GATE = "/srv/gate"
WAITING_AGENT = f"""#!/bin/sh
set -eu
until [ -e {GATE}/open ]; do sleep 0.1; done
echo done >result.txt
"""


# An agent that prints the errors of system calls which the units' filter could refuse: ptrace(2),
# seccomp(2) and landlock_create_ruleset(2), with arguments that do nothing.
CALLING_AGENT = r"""#!/usr/bin/perl
use strict;
my %numbers = `uname -m` eq "x86_64\n" ? (ptrace => 101, seccomp => 317) : (ptrace => 117, seccomp => 277);
for my $call (["ptrace", -1, 0, 0, 0], ["seccomp", -1, 0, 0], ["landlock", -1, 0, 0]) {
  my ($name, @arguments) = @$call;
  $! = 0;
  syscall($numbers{$name} // 444, @arguments);
  print "$name: $!\n";
}
system("git", "init", "--quiet", "/tmp/repository") == 0 or die "git";
open(my $file, ">", "result.txt") or die "result.txt";
print $file "done\n";
"""


def output(*words):
    return subprocess.run(words, check=True, capture_output=True, text=True, timeout=600).stdout


@functools.cache
def folder():
    """Removed when the tests end."""
    made = tempfile.TemporaryDirectory(prefix="aipm-package-")
    atexit.register(made.cleanup)
    return Path(made.name)


@functools.cache
def package():
    """The package, as it is released."""
    built = os.environ["AIPM_RELEASE"]
    return Path(output(ROOT / "tools/package", "--from", built, "--output", folder()).strip())


@functools.cache
def newer():
    """The same programs as a newer package."""
    tree, file = folder() / "newer", folder() / "newer.deb"
    output("dpkg-deb", "--raw-extract", package(), tree)
    control = tree / "DEBIAN/control"
    control.write_text(control.read_text().replace(f"\nVersion: {version()}\n", f"\nVersion: {version()}+1\n"))
    output("dpkg-deb", "--root-owner-group", "-Zgzip", "-z1", "--build", tree, file)
    return file


@functools.cache
def version():
    return output("dpkg-deb", "--field", package(), "Version").strip()


class Installed(Machine):
    """A machine on which the package is installed and its service runs."""

    def __enter__(self):
        super().__enter__()
        try:
            self.before = self.changes()
            self.printed = self.install(package())
        except BaseException:
            self.close()
            raise
        return self

    def prepare(self):
        """What a new user does: a repository and a token."""
        self.as_service("aipm", "forge", "create", "acme/tools", "--root", f"{DATA}/forge")
        self.token = self.new_token("tests", "admin")

    def as_service(self, *words):
        return self.run("env", f"AIPM_DATA={DATA}", *words, user="aipm")

    def new_token(self, name, role):
        return self.as_service("aipm", "token", "create", name, "--role", role).strip()

    def aipm(self, *words):
        """A subcommand that asks the server."""
        return self.run("env", f"AIPM_TOKEN={self.token}", "aipm", *words)

    def submit(self, branch, agent="demo", wait=True):
        """Delegates something; returns the delegation."""
        words = ["--repo", "acme/tools", "--branch", branch, "--title", "A title", "--objective", "An objective",
                 "--pr-title", "feat: Something", "--agent", agent, *["--wait"] * wait]
        self.aipm("submit", *words)
        return json.loads(self.aipm("list", "--json", "--limit", "1"))["items"][0]

    def delegation(self, identifier):
        return json.loads(self.aipm("show", identifier, "--json"))

    def use_agent(self, program):
        """Adds an agent, which may read the gate, and restarts the server with it."""
        self.write("/usr/local/bin/the-agent", program, mode="755")
        self.run("mkdir", GATE)
        settings = self.run("cat", "/etc/aipm/aipm.yaml")
        self.write("/etc/aipm/aipm.yaml", f"{settings}  agent-command: the-agent\n  sandbox-readable: [{GATE}]\n")
        self.run("systemctl", "restart", "aipm")

    def use_waiting_agent(self):
        self.use_agent(WAITING_AGENT)

    def begin(self, branch):
        """Delegates something to the waiting agent; returns the delegation when the agent runs."""
        begun = self.submit(branch, agent="command", wait=False)
        self.event("delegation.generating", begun["id"])
        return begun

    def open_gate(self):
        self.run("touch", f"{GATE}/open")

    def close_gate(self):
        self.run("rm", f"{GATE}/open")

    def event(self, kind, identifier):
        """Waits for an event of a delegation in the server's stream."""
        words = ["curl", "--silent", "--no-buffer", "--max-time", PATIENCE, "--header",
                 f"Authorization: Bearer {self.token}", f"{SERVER}/api/events/stream?after=0"]
        with subprocess.Popen(self.command(*words), stdout=subprocess.PIPE, text=True) as stream:
            try:
                for line in stream.stdout:
                    if line.startswith("data:"):
                        event = json.loads(line[5:])
                        if (event["type"], event["stream"]) == (kind, f"delegation-{identifier}"):
                            return event
            finally:
                stream.kill()
        raise AssertionError(f"there was no {kind}\n{self.journal()}")

    def processes(self, user):
        """The processes of a user by number."""
        done = self.attempt("ps", "-o", "pid=,args=", "-u", user)
        return {int(line.split()[0]): line.split(None, 1)[1] for line in done.stdout.splitlines()}

    def workers(self, user="aipm"):
        return {number for number, words in self.processes(user).items() if words.startswith("/usr/bin/aipm worker")}
