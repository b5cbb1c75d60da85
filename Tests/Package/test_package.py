"""What is in the package."""

import gzip
import json
import re
import subprocess
import unittest

from support import ROOT, folder, output, package, version


class PackageTests(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.tree = folder() / "contents"
        output("dpkg-deb", "--extract", package(), cls.tree)

    def subcommands(self, *words):
        """The names in a help text's lists of subcommands, each without its aliases ("repositories, repos")."""
        inside = False
        for line in output(self.tree / "usr/bin/aipm", *words, "--help").splitlines():
            if line.endswith("SUBCOMMANDS:"):
                inside = True
            elif not line:
                inside = False
            elif inside and line.startswith("  ") and line[2] != " ":
                yield line.split()[0].removesuffix(",")

    def test_fields(self):
        def field(name):
            return output("dpkg-deb", "--field", package(), name).strip()

        self.assertEqual(version(), output(self.tree / "usr/bin/aipm", "--version").strip())
        self.assertEqual(field("Architecture"), output("dpkg", "--print-architecture").strip())
        depends = [entry.split()[0] for entry in field("Depends").split(", ")]
        for name in ["libc6", "libcurl4", "libsqlite3-0", "libssl3", "git", "bubblewrap", "util-linux"]:
            self.assertIn(name, depends)

    def test_programs_need_no_toolchain(self):
        for program in ("aipm", "aipm-replay"):
            libraries = output("ldd", self.tree / "usr/bin" / program)
            self.assertIn("libsqlite3.so", libraries)
            self.assertNotRegex(libraries, "swift|Foundation|not found")

    def test_each_subcommand_has_a_manual_page(self):
        pages = {file.name for file in (self.tree / "usr/share/man/man1").iterdir()}
        expected = {"aipm.1.gz", "aipm-replay.1.gz"}
        for name in self.subcommands():
            expected.add(f"aipm-{name}.1.gz")
            expected |= {f"aipm-{name}-{sub}.1.gz" for sub in self.subcommands(name)}
        self.assertGreater(len(expected), 30)
        self.assertEqual(pages, expected)

    def test_manual_pages_have_the_help_texts(self):
        for file in sorted((self.tree / "usr/share/man/man1").iterdir()):
            shown = subprocess.run(
                ["man", "--warnings", "--encoding=UTF-8", "--local-file", file], capture_output=True, text=True,
                timeout=60, env={"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "MANWIDTH": "200"})
            self.assertEqual((shown.returncode, shown.stderr), (0, ""), file)
            text = gzip.decompress(file.read_bytes()).decode()
            self.assertIn(".SH SYNOPSIS", text)
            if file.name == "aipm-serve.1.gz":
                # Options, text, and an example with quotes.
                self.assertIn("--openid-group group=role", shown.stdout)
                self.assertIn("aipm serve --agent command --agent-command 'my-agent --fast'", shown.stdout)

    def test_completions(self):
        share = self.tree / "usr/share"
        for program in ("aipm", "aipm-replay"):
            output("bash", "-n", share / "bash-completion/completions" / program)
            zsh = (share / "zsh/vendor-completions" / f"_{program}").read_text()
            self.assertTrue(zsh.startswith(f"#compdef {program}\n"))
            fish = (share / "fish/vendor_completions.d" / f"{program}.fish").read_text()
            self.assertIn(f"complete -c '{program}'", fish)

    def test_each_setting_in_a_comment_is_valid(self):
        settings = (self.tree / "etc/aipm/aipm.yaml").read_text()
        settings, count = re.subn(r"(?m)^  # ([a-z-]+: )", r"  \1", settings.replace("forge: local", "forge: github"))
        self.assertGreater(count, 8)
        (folder() / "aipm.yaml").write_text(settings)
        credentials = folder() / "credentials"
        credentials.mkdir()
        output("openssl", "genrsa", "-out", credentials / "github-app-key", "2048")
        shown = subprocess.run(
            [self.tree / "usr/bin/aipm", "config", "show", "--json", "--config", folder() / "aipm.yaml", "--env",
             "production"], capture_output=True, text=True, timeout=60,
            env={"PATH": "/usr/bin:/bin", "CREDENTIALS_DIRECTORY": str(credentials)})
        self.assertEqual((shown.returncode, shown.stderr), (0, ""))
        rows = {row["name"]: row for row in json.loads(shown.stdout)["settings"]}
        self.assertEqual((rows["data"]["value"], rows["access"]["value"]), ("/var/lib/aipm", "token"))
        self.assertEqual(rows["github-app-key-file"]["source"], "credential")
        self.assertEqual(rows["forge"]["value"], "github")

    def test_documents(self):
        docs = self.tree / "usr/share/doc/aipm"
        pages = {page.name for page in (ROOT / "Sources/AIPM.docc").glob("*.md")}
        self.assertEqual({page.name for page in (docs / "guide").iterdir()}, pages)
        licenses = (docs / "copyright").read_text()
        for name in ("hummingbird", "swift-nio", "Yams"):
            self.assertRegex(licenses, f"(?m)^{name} LICENSE")
        self.assertIn(f"aipm ({version()})", gzip.decompress((docs / "changelog.gz").read_bytes()).decode())
