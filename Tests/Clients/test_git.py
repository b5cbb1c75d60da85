"""git itself, as anybody has it installed, against the forge's addresses."""

import os
import subprocess
import tempfile
import unittest
from pathlib import Path

from support import NAME, OWNER, TOKEN, ForgeCase


class Git(ForgeCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory(prefix="aipm-git-")
        self.addCleanup(self.folder.cleanup)
        askpass = Path(self.folder.name) / "askpass"
        askpass.write_text('#!/bin/sh\ncase "$1" in User*) echo x-access-token ;; *) echo "$SECRET" ;; esac\n')
        askpass.chmod(0o700)
        self.askpass = str(askpass)
        self.url = f"{self.forge.url}/{OWNER}/{NAME}.git"

    def git(self, *arguments, directory=None, token=TOKEN, succeeds=True):
        environment = {
            "PATH": os.environ["PATH"], "HOME": self.folder.name, "GIT_TERMINAL_PROMPT": "0",
            "GIT_ASKPASS": self.askpass, "SECRET": token, "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_AUTHOR_NAME": "A", "GIT_AUTHOR_EMAIL": "a@b", "GIT_COMMITTER_NAME": "A",
            "GIT_COMMITTER_EMAIL": "a@b", "LC_ALL": "C",
        }
        result = subprocess.run(
            ["git", *arguments], cwd=directory or self.folder.name, env=environment, text=True,
            capture_output=True, timeout=60)
        self.assertEqual(result.returncode == 0, succeeds, result.stderr)
        return result.stdout.strip() if succeeds else result.stderr

    def clone(self, name="tree"):
        self.git("clone", "--quiet", self.url, name)
        return Path(self.folder.name) / name

    def commit(self, tree, text):
        (tree / "a.txt").write_text(text)
        self.git("add", "a.txt", directory=tree)
        self.git("commit", "--quiet", "-m", text, directory=tree)
        return self.git("rev-parse", "HEAD", directory=tree)

    def test_clone_fetch_and_push(self):
        one, other = self.clone("one"), self.clone("other")
        self.git("switch", "--quiet", "-c", "git/push", directory=one)
        made = self.commit(one, "one")
        self.git("push", "--quiet", "origin", "git/push", directory=one)
        self.git("fetch", "--quiet", "origin", directory=other)
        self.assertEqual(self.git("rev-parse", "origin/git/push", directory=other), made)
        self.assertIn(made, self.git("ls-remote", self.url, "refs/heads/git/push"))

    def test_nothing_without_the_token(self):
        for token in ("", "wrong"):
            self.assertIn("Authentication failed", self.git("ls-remote", self.url, token=token, succeeds=False))
        tree = self.clone()
        self.commit(tree, "x")
        words = self.git("push", "origin", "HEAD:refs/heads/git/no", directory=tree, token="wrong", succeeds=False)
        self.assertIn("Authentication failed", words)

    def test_a_stale_lease_is_refused(self):
        tree = self.clone()
        base = self.git("rev-parse", "HEAD", directory=tree)
        branch = "refs/heads/git/lease"
        first = self.commit(tree, "first")
        self.git("push", "--quiet", "origin", f"HEAD:{branch}", directory=tree)
        self.git("reset", "--quiet", "--hard", base, directory=tree)
        second = self.commit(tree, "second")
        stale = ("push", f"--force-with-lease={branch}:{base}", "origin", f"HEAD:{branch}")
        self.assertIn("stale info", self.git(*stale, directory=tree, succeeds=False))
        self.assertIn(first, self.git("ls-remote", self.url, branch))
        self.git("push", "--quiet", f"--force-with-lease={branch}:{first}", "origin", f"HEAD:{branch}", directory=tree)
        self.assertIn(second, self.git("ls-remote", self.url, branch))

    def test_what_is_not_there(self):
        words = self.git("ls-remote", f"{self.forge.url}/{OWNER}/missing.git", succeeds=False)
        self.assertIn("not found", words)


if __name__ == "__main__":
    unittest.main()
