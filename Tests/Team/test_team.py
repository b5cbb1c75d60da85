"""The package on a machine that a team uses: people sign in with a provider and submit, a worker does the
work through nginx with TLS, support looks into it, Prometheus reads the figures, and the log proves it."""

import json
import re
import shutil
import subprocess
import sys
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "Tests/Package"))

from support import DATA, PATIENCE, Installed  # noqa: E402

PAGE = "https://localhost:8443"
CERTIFICATE = "/etc/ssl/team.pem"

# The provider of Tests/OpenID, until it is killed.
PROVIDER = """
import sys, threading
sys.path.insert(0, sys.argv[1])
import provider
print(provider.Provider().issuer, flush=True)
threading.Event().wait()
"""

# A person with a browser: signs in, submits, and prints the answers.
PERSON = """
import http.cookiejar, json, ssl, sys, urllib.error, urllib.parse, urllib.request
page, certificate, subject, repositories = sys.argv[1:4] + [sys.argv[4:]]
opener = urllib.request.build_opener(
    urllib.request.HTTPSHandler(context=ssl.create_default_context(cafile=certificate)),
    urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar()), urllib.request.ProxyHandler({}))

def answer(path, body=None, fields={}):
    request = urllib.request.Request(
        page + path, json.dumps(body).encode() if body else None,
        {"Content-Type": "application/json", "Origin": page} | fields)
    try:
        with opener.open(request, timeout=30) as response:
            return response.status, json.load(response)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)

with opener.open(page + "/sign-in/openid", timeout=30) as response:
    form = response.geturl()
opener.open(form, urllib.parse.urlencode({"sub": subject}).encode(), timeout=30).close()
answers = [answer("/api/me")]
for repository in repositories:
    owner, name = repository.split("/")
    answers.append(answer("/api/personal-delegate", {
        "owner": owner, "repo": name, "branchName": "feature/x", "taskTitle": "A title",
        "objective": "An objective", "prTitle": "feat: Something", "agent": "demo", "constraints": "",
        "acceptanceCriteria": []}, {"Prefer": "respond-async"}))
print(json.dumps(answers))
"""


class TeamTests(unittest.TestCase):
    def test_a_team_at_work(self):
        with Installed() as machine:
            machine.prepare()
            machine.as_service("aipm", "forge", "create", "web/site", "--root", f"{DATA}/forge")
            self.begin_proxy(machine)
            with self.provider(machine) as provider:
                issuer = provider.stdout.readline().strip()
                self.configure(machine, issuer)
                self.add_worker(machine)
                jane = self.person(machine, "4711", "@jane", "acme/tools", "web/site")
                john = self.person(machine, "4712", "@john", "web/site", "acme/tools")
                provider.kill()
            for name, mine, others in (("@jane", *jane), ("@john", *john)):
                self.assertEqual((mine[0], others[0]), (202, 403), (mine, others))
                machine.event("delegation.pushed", mine[1]["id"])
                shown = machine.delegation(mine[1]["id"])
                self.assertEqual((shown["requester"], shown["worker"]), (name, "builder-1"))
            self.support_finds_it(machine, jane[0][1]["id"])
            machine.as_service("aipm", "verify")

    def begin_proxy(self, machine):
        """nginx as the guide has it."""
        machine.run(
            "openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost",
            "-addext", "subjectAltName=DNS:localhost", "-keyout", "/etc/ssl/team.key", "-out", CERTIFICATE)
        guide = (ROOT / "Sources/AIPM.docc/Access.md").read_text(encoding="utf-8")
        server = re.search(r"```nginx\n(.*?)```", guide, re.S)[1]
        for setting, value in (
                ("listen", "127.0.0.1:8443 ssl"), ("server_name", "localhost"), ("ssl_certificate", CERTIFICATE),
                ("ssl_certificate_key", "/etc/ssl/team.key")):
            server, count = re.subn(rf"\b{setting}\s[^;]*;", f"{setting} {value};", server)
            self.assertEqual(count, 1, setting)
        machine.write("/etc/team.conf", f"events {{}}\nhttp {{\n{server}}}\n")
        machine.run("systemd-run", "--unit=team-proxy", "--property=Type=forking", "/usr/sbin/nginx", "-c",
                    "/etc/team.conf")

    def provider(self, machine):
        # The project's folder may be on a file system that the machine does not have.
        exchange, there = machine.folder / "exchange", "/run/host/exchange"
        shutil.copytree(ROOT / ".build/openid", exchange / "openid", symlinks=True)
        shutil.copy(ROOT / "Tests/OpenID/provider.py", exchange)
        return subprocess.Popen(
            machine.command(f"{there}/openid/bin/python", "-W", "ignore", "-c", PROVIDER, there),
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)

    def configure(self, machine, issuer):
        settings = machine.run("cat", "/etc/aipm/aipm.yaml")
        settings = settings.replace("\n  workers: 2\n", "\n  workers: 0\n")
        machine.write(
            "/etc/aipm/aipm.yaml",
            f"{settings}  public-url: {PAGE}\n  openid-issuer: {issuer}\n  openid-client-id: aipm\n"
            "  openid-name-claim: preferred_username\n"
            "  openid-group: ['platform=submit:acme/*', 'visitors=submit:web/*']\n")
        machine.write("/etc/aipm/credentials/openid-client-secret", "s3cret-of-the-client\n", mode="600")
        machine.run("systemctl", "restart", "aipm")

    def add_worker(self, machine):
        token = machine.new_token("builder-1", "worker")
        machine.write("/etc/aipm/credentials/worker-builder-1.token", f"{token}\n", mode="600")
        machine.write(
            "/etc/aipm/worker-builder-1.env", f"AIPM_SERVER={PAGE}\nAIPM_CA_FILE={CERTIFICATE}\n", mode="600")
        machine.run("systemctl", "start", "aipm-worker@builder-1")

    def person(self, machine, subject, name, *repositories):
        """Signs in and submits; returns the answers to the submissions."""
        said = machine.run("python3", "-c", PERSON, PAGE, CERTIFICATE, subject, *repositories)
        me, *answers = json.loads(said)
        self.assertEqual((me[0], me[1]["name"], me[1]["environment"]), (200, name, "production"))
        return answers

    def support_finds_it(self, machine, identifier):
        token = machine.new_token("sue", "support")
        words = ["env", f"AIPM_TOKEN={token}", f"AIPM_SERVER={PAGE}", f"AIPM_CA_FILE={CERTIFICATE}", "aipm"]
        found = json.loads(machine.run(*words, "audit", "actor:@jane", "--json"))["items"]
        self.assertEqual({event["stream"] for event in found}, {f"delegation-{identifier}"})
        refused = machine.attempt(*words, "cancel", identifier)
        self.assertEqual(refused.returncode, 5, refused.stderr)
        figures = machine.run(
            "curl", "--silent", "--fail", "--max-time", PATIENCE, "--cacert", CERTIFICATE, "--header",
            f"Authorization: Bearer {token}", f"{PAGE}/metrics")
        self.assertIn('aipm_delegations_ended_total{result="pushed"} 2', figures)


if __name__ == "__main__":
    unittest.main()
