"""Starting and ending the processes of the live fleet, and the ports that they are given. Knows no server."""

import http.client
import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import seed as seeding

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
LIVE = Path(os.environ.get("QUARTERDECK_LIVE_DIR", ROOT / "target" / "live"))
STATE = LIVE / "state"
LOGS = LIVE / "logs"
ENV_FILE = LIVE / "fleet.env"
PIDS = LIVE / "fleet.pids"
READY_LIMIT = 120
MARK = "QUARTERDECK_LIVE_FLEET"

BEGIN = time.monotonic()
LOCK = threading.Lock()
ENDING = threading.Event()


def say(text):
    with LOCK:
        print(f"{time.monotonic() - BEGIN:6.1f} s  {text}", flush=True)


class CannotRun(Exception):
    """A server that will not run in this fleet, with the reason in words."""


def environment(venv, extra):
    """The caller's environment without settings that would change the servers."""
    env = {k: v for k, v in os.environ.items() if not k.upper().startswith(("MLFLOW_", "_MLFLOW", "BENTOML_", "MLSERVER_", "AIRFLOW", "PG", "PYTHON"))}
    home = STATE / "home"
    home.mkdir(parents=True, exist_ok=True)
    env.update(
        HOME=str(home),
        PATH=f"{LIVE / venv / 'bin'}{os.pathsep}{env.get('PATH', '')}",
        VIRTUAL_ENV=str(LIVE / venv),
        NO_PROXY="127.0.0.1,localhost",
        no_proxy="127.0.0.1,localhost",
        PYTHONUNBUFFERED="1",
        PYTHONDONTWRITEBYTECODE="1",
        MLFLOW_DISABLE_TELEMETRY="true",
        MLFLOW_SERVER_ENABLE_JOB_EXECUTION="false",
        BENTOML_DO_NOT_TRACK="True",
        DO_NOT_TRACK="1",
        GIT_PYTHON_REFRESH="quiet",
        OMP_NUM_THREADS="1",
    )
    env[MARK] = str(LIVE)
    env.update(extra)
    return env


def launch(name, venv, argv, extra=None, cwd=None, log=None, stdout=None, user=None):
    """Starts a program in its own process group, as a user, and notes the group before anything else."""
    with LOCK, (LOGS / f"{log or name}.log").open("ab") as out, PIDS.open("a") as pids:
        # Nothing is started behind the back of a stop that is under way.
        if ENDING.is_set():
            raise CannotRun("the fleet is being stopped")
        child = subprocess.Popen(
            [str(LIVE / venv / "bin" / argv[0]), *argv[1:]],
            env=environment(venv, extra or {}),
            cwd=cwd or STATE,
            stdin=subprocess.DEVNULL,
            stdout=stdout or out,
            stderr=out,
            start_new_session=True,
            user=user,
        )
        pids.write(f"{child.pid} {name}\n")
    return child


def ours(pid):
    """True for a live process that carries the mark of this fleet."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
        if stat.rpartition(")")[2].split()[0] == "Z":
            return False
        return f"{MARK}={LIVE}".encode() in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except OSError:
        return False


def members():
    """Every process of this fleet by group id. A recycled number does not carry the mark."""
    groups = {}
    for entry in Path("/proc").iterdir() if Path("/proc").is_dir() else ():
        if entry.name.isdigit() and ours(entry.name):
            try:
                groups.setdefault(os.getpgid(int(entry.name)), []).append(int(entry.name))
            except ProcessLookupError:
                pass
    return groups


def recorded():
    if not PIDS.exists():
        return {}
    rows = (line.split() for line in PIDS.read_text().splitlines())
    return {int(pid): name for pid, name in rows}


def end_groups(groups):
    """Asks the groups to end, then ends them; answers those that are still there."""
    left = set(groups)
    for sign, wait in ((signal.SIGTERM, 8), (signal.SIGKILL, 5)):
        # Without /proc (macOS) the recorded groups are all that is known.
        left = left & set(members()) if Path("/proc").is_dir() else left
        for group in left:
            try:
                os.killpg(group, sign)
            except (ProcessLookupError, PermissionError):
                pass
        until = time.monotonic() + wait
        while left & set(members()) and time.monotonic() < until:
            time.sleep(0.1)
    return left & set(members())


def stop(quiet=False):
    # The marked ones too: a start that was killed may not have noted its last child.
    left = end_groups(set(recorded()) | set(members()))
    if left:
        print(f"fleet: process groups {sorted(left)} did not end", file=sys.stderr)
        return 1
    PIDS.unlink(missing_ok=True)
    ENV_FILE.unlink(missing_ok=True)
    if not quiet:
        print("stopped")
    return 0


# HTTP


def get(port, path, tls=None, timeout=3):
    conn = seeding.connect("127.0.0.1", port, tls, timeout)
    try:
        conn.request("GET", path)
        answer = conn.getresponse()
        return answer.status, answer.read()
    finally:
        conn.close()


# Below the ports that systems give to outgoing connections: none of those can take one meanwhile.
PORTS = range(20000, 32000)
TAKEN = set()


def free_port():
    """A port that is free and that no other server of this fleet has been given."""
    for _ in range(1000):
        port = random.choice(PORTS)
        with LOCK, socket.socket() as sock:
            if port in TAKEN:
                continue
            try:
                sock.bind(("127.0.0.1", port))
            except OSError:
                continue
            TAKEN.add(port)
            return port
    raise CannotRun("no free port was found")


def listens(port):
    """Whether a process of this fleet holds the port, as far as the system tells: another program that was
    quicker to take it would answer in the place of ours."""
    try:
        rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    except OSError:
        return True
    sockets = {f"socket:[{row[9]}]" for row in rows if row[3] == "0A" and int(row[1].rpartition(":")[2], 16) == port}
    for pid in (pid for group in members().values() for pid in group):
        try:
            if any(os.readlink(fd) in sockets for fd in Path(f"/proc/{pid}/fd").iterdir()):
                return True
        except OSError:
            pass
    return False


def last_line(name):
    lines = [line.strip() for line in (LOGS / f"{name}.log").read_text(errors="replace").splitlines() if line.strip()]
    return lines[-1][:160] if lines else "no output"


def until_ready(name, child, port, path, tls=None):
    limit = time.monotonic() + READY_LIMIT
    while time.monotonic() < limit:
        if child.poll() is not None:
            raise CannotRun(f"ended with status {child.returncode}: {last_line(name)}")
        try:
            if get(port, path, tls)[0] == 200 and listens(port):
                return
        except (OSError, http.client.HTTPException):
            pass
        time.sleep(0.1)
    raise CannotRun(f"not ready after {READY_LIMIT} s: {last_line(name)}")


def serve(name, venv, argv, ready, extra=None, cwd=None, tls=None):
    """Starts one server on a free port, at most twice; `argv` and `extra` are made from the ports."""
    for attempt in (1, 2):
        ports = [free_port() for _ in range(3)]
        child = launch(name, venv, argv(ports), extra(ports) if extra else None, cwd)
        try:
            until_ready(name, child, ports[0], ready, tls)
            say(f"{name} ready on {ports[0]}")
            return ports
        except CannotRun as reason:
            end_groups([child.pid])
            if attempt == 2:
                raise
            say(f"{name}: {reason}; trying once more")
