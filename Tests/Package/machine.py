"""A machine for the tests of the package: a copy of this system with systemd as its first process, in
namespaces of its own. Its changes are in memory and end with it. It has no network but its loopback."""

import os
import select
import shutil
import signal
import socket
import subprocess
import tempfile
from pathlib import Path

# How long anything may take that is waited for.
PATIENCE = 120

# The first process of the namespaces: makes the file system and becomes systemd. User namespaces can
# only be made in a root that pivot_root(2) made.
BOOT = r"""
set -eu
folder=$1 toolchain=$2
umask 022
mount -t tmpfs -o size=1g tmpfs "$folder/disk"
mkdir "$folder/disk/changes" "$folder/disk/work" "$folder/disk/root"
mount -t overlay overlay "$folder/disk/root" \
  -o "lowerdir=/,upperdir=$folder/disk/changes,workdir=$folder/disk/work"
cd "$folder/disk/root"
mount -t proc proc proc
mount -t sysfs -o ro sysfs sys
mount -t cgroup2 cgroup2 sys/fs/cgroup
mount -t tmpfs -o mode=755 tmpfs dev
for device in null zero full random urandom tty; do
  mknod -m 666 "dev/$device" c $((0x$(stat -c %t "/dev/$device"))) $((0x$(stat -c %T "/dev/$device")))
done
mkdir dev/pts dev/shm
mount -t devpts -o newinstance,ptmxmode=0666 devpts dev/pts
ln -s pts/ptmx dev/ptmx
ln -s /proc/self/fd dev/fd
mount -t tmpfs -o mode=1777 tmpfs dev/shm
mount -t tmpfs -o mode=755 tmpfs run
mount -t tmpfs -o mode=1777 tmpfs tmp
# What is installed beside Debian's packages must not be needed.
mount -t tmpfs -o mode=755 tmpfs usr/local
mkdir usr/local/bin
if [ -n "$toolchain" ]; then mount -t tmpfs -o mode=755 tmpfs ".$toolchain"; fi
# Images for containers have these, so that packages start no services and have no manual pages.
rm -f usr/sbin/policy-rc.d etc/dpkg/dpkg.cfg.d/*
# The kernel's settings are this machine's.
ln -sf /dev/null etc/systemd/system/systemd-sysctl.service
mkdir -p run/host/exchange run/host/changes
mount --bind "$folder/exchange" run/host/exchange
mount --bind "$folder/disk/changes" run/host/changes
pivot_root . .
umount -l .
# As systemd does where it is not in a container.
mount --make-rshared /
exec env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin container=aipm-test \
  NOTIFY_SOCKET=/run/host/exchange/booted /lib/systemd/systemd --log-target=null --show-status=no \
  --unit=basic.target </dev/null >/dev/null 2>&1
"""


class Machine:
    """Runs from `with Machine() as machine` to the end of the block."""

    def __enter__(self):
        self.folder = Path(tempfile.mkdtemp(prefix="aipm-machine-"))
        for name in ("disk", "exchange"):
            (self.folder / name).mkdir()
        # A group of its own, which is the root of the groups that the machine sees.
        self.group = control_groups() / self.folder.name
        self.group.mkdir()
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as booted:
                booted.bind(str(self.folder / "exchange" / "booted"))
                booted.settimeout(PATIENCE)
                self.start(booted)
        except BaseException:
            self.close()
            raise
        return self

    def start(self, booted):
        # It ends with the tests, however they end.
        join = f'echo $$ >"{self.group}/cgroup.procs" && exec setpriv --pdeathsig KILL -- "$@"'
        spaces = ["--mount", "--pid", "--ipc", "--uts", "--net", "--cgroup"]
        self.process = subprocess.Popen(
            ["bash", "-c", join, "join", "unshare", *spaces, "--fork", "--kill-child",
             "bash", "-c", BOOT, "boot", self.folder, toolchain()])
        while True:
            if self.process.poll() is not None:
                raise AssertionError("the machine did not start")
            if "READY=1" in booted.recv(4096).decode().split("\n"):
                break
        self.first = child(self.process.pid)

    def __exit__(self, *_):
        self.close()

    def close(self):
        process = getattr(self, "process", None)
        if process:
            # It takes the first process with it, and the kernel then ends all others.
            process.send_signal(signal.SIGKILL)
            process.wait(timeout=PATIENCE)
        (self.group / "cgroup.kill").write_text("1")
        for folder, _, _ in os.walk(self.group, topdown=False):
            remove_group(folder)
        shutil.rmtree(self.folder)

    # Commands

    def command(self, *words, user=None):
        spaces = ["--mount", "--pid", "--ipc", "--uts", "--net", "--cgroup", "--root", "--wd"]
        as_user = ["runuser", "-u", user, "--"] if user else []
        return ["nsenter", "--target", str(self.first), *spaces, "env", "-i", "LC_ALL=C.UTF-8",
                "PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", *as_user, *map(str, words)]

    def attempt(self, *words, user=None, text=None):
        """Runs a command; returns its exit code, output and errors."""
        return subprocess.run(self.command(*words, user=user), input=text, capture_output=True,
                              text=True, timeout=PATIENCE)

    def run(self, *words, user=None, text=None):
        """Runs a command that must succeed; returns its output."""
        done = self.attempt(*words, user=user, text=text)
        if done.returncode:
            raise AssertionError(f"{words}: exit code {done.returncode}\n{done.stdout}{done.stderr}"
                                 f"\n{self.journal()}")
        return done.stdout

    def journal(self, unit=None):
        """The newest messages, of one unit or of all."""
        self.attempt("journalctl", "--sync")
        of_unit = ["--unit", unit] if unit else []
        return self.attempt("journalctl", "--no-pager", "-o", "cat", "-n", "60", *of_unit).stdout

    def write(self, path, text, mode="644"):
        self.run("install", "-D", "-m", mode, "/dev/stdin", path, text=text)

    def install(self, package):
        """Installs a package of this machine with apt; returns what it printed."""
        shutil.copy(package, self.folder / "exchange")
        name = f"/run/host/exchange/{Path(package).name}"
        options = ["-y", "--no-install-recommends", "-o", "Dpkg::Options::=--force-confold"]
        return self.run("env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "install", *options, name)

    def changes(self):
        """The files that differ from those of this machine, and removed ones."""
        return set(self.run("find", "/run/host/changes", "!", "-type", "d", "-printf", "/%P\n").split("\n"))

    def property(self, unit, name):
        return self.run("systemctl", "show", "--value", "-p", name, unit).strip()


def control_groups():
    """Where this machine has its control groups of version 2."""
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        fields, _, kind = line.partition(" - ")
        if kind.startswith("cgroup2 "):
            return Path(fields.split(" ")[4])
    raise AssertionError("the tests of the package need control groups of version 2")


def remove_group(folder):
    """Removes a group. Its processes have been killed; the kernel reports when they are gone."""
    with open(f"{folder}/cgroup.events", "rb", buffering=0) as events:
        watch = select.poll()
        watch.register(events, select.POLLPRI)
        while b"populated 1" in events.read():
            if not watch.poll(PATIENCE * 1000):
                raise AssertionError(f"processes remain in {folder}")
            events.seek(0)
    os.rmdir(folder)


def toolchain():
    """The folder of the Swift toolchain; empty if it is part of the system."""
    swift = shutil.which("swift")
    folder = Path(swift).resolve().parents[2] if swift else Path("/")
    return "" if folder == Path("/") else str(folder)


def child(process):
    """The only child process of another one."""
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            if fields[1] == str(process):
                return int(entry.name)
    raise AssertionError(f"{process} has no child process")
