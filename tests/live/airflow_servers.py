"""Starting Airflow 3, over a PostgreSQL of its own, and Airflow 2, over sqlite.

Airflow 3 on sqlite ends its scheduler as soon as two requests write at once; Airflow 2 does not.
"""

import json
import os
import pwd
import secrets
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

import seed_airflow
from processes import HERE, STATE, CannotRun, free_port, last_line, launch, say, until_ready

DATABASE = "airflow"


def postgres():
    """PostgreSQL's folder of programs: on the PATH, or where Debian puts them."""
    found = shutil.which("initdb")
    folders = [Path(found).resolve().parent] if found else []
    folders += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    for folder in folders:
        if (folder / "postgres").exists():
            return folder
    raise CannotRun("PostgreSQL is not installed: run tests/live/install")


def database(name):
    """A PostgreSQL for one start, which syncs nothing to disk; its port. It refuses to be run by root."""
    programs, user = postgres(), None
    home = STATE / f"{name}-postgres"
    if os.geteuid() == 0:
        try:
            pwd.getpwnam("postgres")
        except KeyError:
            raise CannotRun("PostgreSQL does not run as root, and there is no user 'postgres'") from None
        user = "postgres"
    home.mkdir(parents=True)
    if user:
        shutil.chown(home, user)
        reach = subprocess.run(["/bin/ls", str(home)], user=user, capture_output=True, check=False)
        if reach.returncode != 0:
            # A tree below a private home: its files go where the user may reach them.
            for old in Path(tempfile.gettempdir()).glob("quarterdeck-postgres-*"):
                shutil.rmtree(old, ignore_errors=True)
            home = Path(tempfile.mkdtemp(prefix="quarterdeck-postgres-"))
            shutil.chown(home, user)
    home.chmod(0o700)
    data = home / "data"
    made = launch(name, "", [str(programs / "initdb"), "-D", str(data), "-A", "trust", "-U", DATABASE, "-N",
                             "--no-instructions", "-E", "UTF8", "--locale", "C"], cwd=home, log=f"{name}-postgres", user=user)
    if made.wait(60) != 0:
        raise CannotRun(f"initdb failed: {last_line(f'{name}-postgres')}")
    port = free_port()
    options = {"listen_addresses": "127.0.0.1", "port": port, "unix_socket_directories": "", "fsync": "off",
               "synchronous_commit": "off", "full_page_writes": "off", "max_connections": "60"}
    settings = [part for key, value in options.items() for part in ("-c", f"{key}={value}")]
    launch(name, "", [str(programs / "postgres"), "-D", str(data), *settings], cwd=home, log=f"{name}-postgres", user=user)
    create = [str(programs / "createdb"), "-h", "127.0.0.1", "-p", str(port), "-U", DATABASE, DATABASE]
    for _ in range(60):
        if launch(name, "", create, cwd=home, log=f"{name}-postgres").wait(30) == 0:
            return port
        time.sleep(0.5)
    raise CannotRun(f"no database could be made: {last_line(f'{name}-postgres')}")


def home_of(name):
    home = STATE / name
    shutil.rmtree(home, ignore_errors=True)
    (home / "dags").mkdir(parents=True)
    for dag in (HERE / "serving" / "airflow").glob("*.py"):
        shutil.copy(dag, home / "dags")
    return home


def shared(home):
    return {
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__DAGS_FOLDER": str(home / "dags"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
        "AIRFLOW__CORE__PARALLELISM": "2",
        # Titles of processes are written over their environment, where the mark of the fleet is.
        "SPT_NOENV": "1",
        "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
        "AIRFLOW__SCHEDULER__SCHEDULER_HEARTBEAT_SEC": "2",
    }


def done(name, argv, extra, cwd):
    child = launch(name, name, argv, extra, cwd=cwd)
    if child.wait(180) != 0:
        raise CannotRun(f"{' '.join(argv[:3])} failed: {last_line(name)}")


def three(fleet, name):
    """Airflow 3: API server, scheduler and DAG processor, with users that log in."""
    fleet.installed(name)
    home = home_of(name)
    port = free_port()
    passwords = home / "passwords.json"
    passwords.write_text(json.dumps(dict([seed_airflow.ADMIN, seed_airflow.VIEWER])))
    extra = {
        **shared(home),
        "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": f"{seed_airflow.ADMIN[0]}:admin,{seed_airflow.VIEWER[0]}:viewer",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(passwords),
        "AIRFLOW__API__HOST": "127.0.0.1",
        "AIRFLOW__API__PORT": str(port),
        "AIRFLOW__API__WORKERS": "1",
        "AIRFLOW__API__SECRET_KEY": "only-for-the-live-suite",
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"http://127.0.0.1:{port}/execution/",
        "AIRFLOW__API_AUTH__JWT_SECRET": secrets.token_hex(40),
        # So short that a suite sees tokens expire.
        "AIRFLOW__API_AUTH__JWT_EXPIRATION_TIME": "20",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"postgresql+psycopg2://{DATABASE}@127.0.0.1:{database(name)}/{DATABASE}",
    }
    done(name, ["airflow", "db", "migrate"], extra, home)
    server = launch(name, name, ["airflow", "api-server"], extra, home)
    launch(name, name, ["airflow", "scheduler", "--skip-serve-logs"], extra, home, log=f"{name}-scheduler")
    launch(name, name, ["airflow", "dag-processor"], extra, home, log=f"{name}-processor")
    until_ready(name, server, port, "/api/v2/version")
    say(f"{name} ready on {port}")
    finish(fleet, name, port, 2)


def two(fleet, name):
    """Airflow 2: web server and scheduler, with basic authentication."""
    fleet.installed(name)
    home = home_of(name)
    port = free_port()
    extra = {
        **shared(home),
        "AIRFLOW__API__AUTH_BACKENDS": "airflow.api.auth.backend.basic_auth",
        "AIRFLOW__WEBSERVER__SECRET_KEY": "only-for-the-live-suite",
        "AIRFLOW__WEBSERVER__WORKERS": "1",
        # It knows its workers by titles that are cut short here, and would give up waiting for them.
        "AIRFLOW__WEBSERVER__WEB_SERVER_MASTER_TIMEOUT": "0",
        "AIRFLOW__WEBSERVER__WEB_SERVER_HOST": "127.0.0.1",
        "AIRFLOW__WEBSERVER__WEB_SERVER_PORT": str(port),
        "AIRFLOW__LOGGING__WORKER_LOG_SERVER_PORT": str(free_port()),
    }
    done(name, ["airflow", "db", "migrate"], extra, home)
    server = launch(name, name, ["airflow", "webserver"], extra, home)
    launch(name, name, ["airflow", "scheduler"], extra, home, log=f"{name}-scheduler")
    until_ready(name, server, port, "/api/v1/version")
    say(f"{name} ready on {port}")
    # The roles are there once the web server is.
    users = [launch(name, name, ["airflow", "users", "create", "--username", user, "--password", password, "--role", role,
                                 "--firstname", user, "--lastname", user, "--email", f"{user}@airflow.test"], extra, home)
             for (user, password), role in ((seed_airflow.ADMIN, "Admin"), (seed_airflow.VIEWER, "Viewer"))]
    if any(child.wait(120) != 0 for child in users):
        raise CannotRun(f"no user could be made: {last_line(name)}")
    finish(fleet, name, port, 1)


def finish(fleet, name, port, version):
    seed_airflow.seed(port, version)
    fleet.seeded(name, {})
    key = name.upper()
    fleet.publish(key, f"http://127.0.0.1:{port}")
    for role, (user, password) in (("ADMIN", seed_airflow.ADMIN), ("VIEWER", seed_airflow.VIEWER)):
        fleet.publish(f"{key}_{role}_USER", user)
        fleet.publish(f"{key}_{role}_PASSWORD", password)
