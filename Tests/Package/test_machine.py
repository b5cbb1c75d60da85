"""The package on a machine: installed, used, upgraded and removed."""

import hashlib
import hmac
import json
import re
import unittest

from support import CALLING_AGENT, DATA, GATE, SERVER, Installed, newer, version

# The exposure of the units by `systemd-analyze security`, in tenths. What remains is what agents and
# their sandbox need: namespaces, mounts, the network.
EXPOSURE_MAX = {"aipm.service": 33, "aipm-worker@builder-1.service": 33}


class InstallationTests(unittest.TestCase):
    def test_units(self):
        with Installed() as machine:
            for unit, bound in EXPOSURE_MAX.items():
                verified = machine.attempt("systemd-analyze", "verify", unit)
                self.assertEqual((verified.returncode, verified.stderr), (0, ""), unit)
                judged = machine.run("systemd-analyze", "security", "--no-pager", "--offline=true", unit)
                score = re.search(r"Overall exposure level for \S+: ([0-9.]+)", judged)[1]
                print(f"exposure of {unit}: {score}")
                self.assertLessEqual(round(float(score) * 10), bound, judged)

    def test_a_new_user(self):
        with Installed() as machine:
            self.assertIn("aipm token create NAME --role admin", machine.printed)
            self.assertEqual(machine.run("systemctl", "is-enabled", "aipm").strip(), "enabled")
            self.assertEqual(machine.property("aipm", "StatusText"), f"Listening on {SERVER}")
            # The service runs as its own user, and others see nothing of it.
            number = machine.property("aipm", "MainPID")
            self.assertEqual(machine.run("ps", "-o", "user=", "-p", number).strip(), "aipm")
            self.assertEqual(machine.run("stat", "-c", "%U %a", DATA).strip(), "aipm 700")
            status = machine.run("cat", f"/proc/{number}/status")
            for line in ("NoNewPrivs:\t1", "Seccomp:\t2", "CapBnd:\t0000000000000000"):
                self.assertIn(line, status)
            # Without a token nobody has access; with one, a delegation runs in the sandbox.
            refused = machine.attempt("aipm", "list")
            self.assertEqual(refused.returncode, 5, refused.stderr)
            machine.prepare()
            self.assertEqual(machine.submit("feature/first")["state"], "Pushed")
            doctor = json.loads(machine.as_service("aipm", "doctor", "--json"))
            self.assertTrue(doctor["ok"], doctor)
            # A stop is orderly and ends every process.
            machine.run("systemctl", "stop", "aipm")
            self.assertEqual(machine.property("aipm", "Result"), "success")
            self.assertEqual(machine.property("aipm", "ExecMainStatus"), "0")

    def test_the_filter_of_system_calls_leaves_agents_theirs(self):
        with Installed() as machine:
            machine.prepare()
            machine.use_agent(CALLING_AGENT)
            done = machine.submit("feature/calls", agent="command")
            self.assertEqual(done["state"], "Pushed")
            expected = machine.run("env", "--chdir=/tmp", "the-agent")
            self.assertIn("ptrace: No such process", expected)
            self.assertEqual(machine.aipm("logs", done["id"]), expected)

    def test_secrets_are_credentials(self):
        with Installed() as machine:
            machine.prepare()

            def deliver(secret):
                body = json.dumps({"zen": "Keep it logically awesome."})
                sign = hmac.new(secret.encode(), body.encode(), hashlib.sha256).hexdigest()
                return machine.run(
                    "curl", "--silent", "--output", "/dev/null", "--write-out", "%{http_code}", "--header",
                    "X-GitHub-Event: ping", "--header", f"X-Hub-Signature-256: sha256={sign}", "--header",
                    "X-GitHub-Delivery: 1", "--header", "Content-Type: application/json", "--data", body,
                    f"{SERVER}/webhooks/github")

            self.assertNotIn(deliver("s3cret"), ("200", "202", "204"))
            machine.write("/etc/aipm/credentials/webhook-secret", "s3cret\n", mode="600")
            machine.run("systemctl", "restart", "aipm")
            self.assertIn(deliver("s3cret"), ("200", "202", "204"))
            self.assertEqual(deliver("another"), "401")

    def test_settings_that_are_invalid(self):
        with Installed() as machine:
            machine.write("/etc/aipm/aipm.yaml", "production:\n  prot: 8080\n")
            self.assertNotEqual(machine.attempt("systemctl", "restart", "aipm").returncode, 0)
            # It is not started again and again, and the journal has the reason.
            self.assertEqual(machine.property("aipm", "ActiveState"), "failed")
            self.assertIn('did you mean "port"?', machine.journal("aipm"))


class UpgradeTests(unittest.TestCase):
    def test_upgrade_with_a_delegation_in_flight(self):
        with Installed() as machine:
            machine.prepare()
            machine.use_waiting_agent()
            begun = machine.begin("feature/slow")
            server, workers = machine.property("aipm", "MainPID"), machine.workers()

            machine.install(newer())
            self.assertEqual(machine.run("dpkg-query", "-W", "-f", "${Version}", "aipm"), f"{version()}+1")
            self.assertNotEqual(machine.property("aipm", "MainPID"), server)
            self.assertEqual(machine.property("aipm", "ActiveState"), "active")
            # A changed configuration file is kept; the worker goes on, and its agent.
            self.assertIn("agent-command", machine.run("cat", "/etc/aipm/aipm.yaml"))
            self.assertEqual(len(machine.workers() & workers), 1)
            self.assertEqual(machine.delegation(begun["id"])["state"], "Generating")

            machine.open_gate()
            machine.event("delegation.pushed", begun["id"])
            events = json.loads(machine.aipm("audit", f"id:{begun['id']}", "--json"))["items"]
            kinds = [event["type"] for event in events]
            for kind in ("delegation.generating", "delegation.generated", "delegation.pushed"):
                self.assertEqual(kinds.count(kind), 1, kinds)
            self.assertNotIn("delegation.released", kinds)
            repository = f"{DATA}/forge/acme/tools.git"
            subjects = machine.as_service(
                "git", f"--git-dir={repository}", "log", "--format=%(trailers:key=Aipm-Attempt,valueonly)",
                f"main..{begun['branchName']}")
            # The commit with the task has no attempt, the generated one has.
            self.assertEqual(subjects.split(), ["1"])
            machine.as_service("aipm", "verify")
            # The new server's workers take the next one.
            self.assertEqual(machine.submit("feature/next")["state"], "Pushed")

    def test_a_crash_with_a_delegation_in_flight(self):
        with Installed() as machine:
            machine.prepare()
            machine.use_waiting_agent()
            begun = machine.begin("feature/slow")
            machine.run("systemctl", "kill", "--kill-whom=main", "--signal=KILL", "aipm")
            machine.open_gate()
            # systemd starts it again by itself.
            machine.run("curl", "--silent", "--retry", "60", "--retry-delay", "1", "--retry-connrefused",
                        "--output", "/dev/null", f"{SERVER}/readyz")
            machine.event("delegation.pushed", begun["id"])
            self.assertEqual(machine.delegation(begun["id"])["attempt"], 1)


class WorkerTests(unittest.TestCase):
    UNIT = "aipm-worker@builder-1"

    def add_worker(self, machine):
        """Leaves the work to a worker of the template."""
        machine.run("sed", "-i", "s/  workers: 2/  workers: 0/", "/etc/aipm/aipm.yaml")
        machine.use_waiting_agent()
        self.assertEqual(machine.workers(), set())
        machine.write(
            "/etc/aipm/worker-builder-1.env",
            f"AIPM_SERVER={SERVER}\nAIPM_WORKER_FLAGS=--allow-network --sandbox-readable {GATE}\n", mode="600")
        token = machine.new_token("builder-1", "worker")
        machine.write("/etc/aipm/credentials/worker-builder-1.token", token + "\n", mode="600")
        machine.run("systemctl", "start", self.UNIT)

    def test_without_a_token(self):
        with Installed() as machine:
            machine.write("/etc/aipm/worker-builder-1.env", f"AIPM_SERVER={SERVER}\n")
            machine.attempt("systemctl", "start", "--wait", self.UNIT)
            # It is not started again and again, and the journal has the reason.
            self.assertEqual(machine.property(self.UNIT, "ExecMainStatus"), "2")
            self.assertEqual(machine.property(self.UNIT, "NRestarts"), "0")
            self.assertIn("set AIPM_TOKEN to a worker's token", machine.journal(self.UNIT))

    def test_upgrade_and_removal_of_a_busy_worker(self):
        with Installed() as machine:
            machine.prepare()
            self.add_worker(machine)
            first = machine.begin("feature/first")
            before = machine.workers("aipm-worker")
            self.assertEqual(len(before), 1)

            # It finishes with the old program, and then there is one with the new program.
            machine.install(newer())
            self.assertEqual(machine.workers("aipm-worker"), before)
            machine.open_gate()
            machine.event("delegation.pushed", first["id"])
            shown = machine.delegation(first["id"])
            self.assertEqual((shown["worker"], shown["attempt"]), ("builder-1", 1))
            second = machine.submit("feature/second", agent="command")
            self.assertEqual((second["state"], second["worker"]), ("Pushed", "builder-1"))
            self.assertTrue(machine.workers("aipm-worker").isdisjoint(before))

            # A removal does not wait for agents.
            machine.close_gate()
            machine.begin("feature/third")
            machine.run("apt-get", "remove", "-y", "aipm")
            self.assertEqual(machine.processes("aipm-worker"), {})


class RemovalTests(unittest.TestCase):
    # What dpkg and systemd keep of every package: lists, logs, caches, users and their last passwords.
    OTHERS = re.compile(
        r"/var/(log|cache|lib/(dpkg|apt|systemd|PackageKit))/|/etc/(passwd|group|shadow|gshadow)-?$|/etc/\.pwd\.lock$")

    def test_removal_with_a_delegation_in_flight(self):
        with Installed() as machine:
            machine.prepare()
            machine.use_waiting_agent()
            machine.write("/etc/aipm/credentials/webhook-secret", "s3cret\n", mode="600")
            begun = machine.begin("feature/slow")
            self.assertGreater(len(machine.processes("aipm")), 2)

            machine.run("apt-get", "remove", "-y", "aipm")
            self.assertEqual(machine.processes("aipm"), {})
            self.assertEqual(machine.attempt("systemctl", "is-active", "aipm").stdout.strip(), "inactive")
            # The data and the settings stay, and an installation goes on with them.
            machine.install(newer())
            machine.open_gate()
            machine.event("delegation.pushed", begun["id"])
            machine.as_service("aipm", "verify")

            machine.run("apt-get", "purge", "-y", "aipm")
            self.assertEqual(machine.processes("aipm"), {})
            machine.run("rm", "-r", GATE)
            left = {name for name in machine.changes() - machine.before if not self.OTHERS.match(name)}
            self.assertEqual(left, set())
            self.assertEqual(machine.attempt("systemctl", "cat", "aipm").returncode, 1)
            # The users stay, without a password and a shell.
            for user in ("aipm", "aipm-worker"):
                self.assertTrue(machine.run("getent", "passwd", user).strip().endswith("/nologin"))
