"""Runs that a fresh Airflow is given: one that ends well, two that fail at the same task, one that waits."""

import base64
import json
import time

import seed as seeding

ADMIN = ("admin", "admin-password-1")
VIEWER = ("viewer", "viewer-password-1")
LIMIT = 180


class Api:
    """Airflow's REST API, in the one of its two forms that the server has."""

    def __init__(self, port, version):
        self.port, self.version = port, version
        pair = base64.b64encode(":".join(ADMIN).encode()).decode()
        self.head = {"Authorization": f"Basic {pair}"}

    def login(self):
        self.head = {}
        token = self("POST", "/auth/token", {"username": ADMIN[0], "password": ADMIN[1]})["access_token"]
        self.head = {"Authorization": f"Bearer {token}"}

    def __call__(self, method, path, body=None):
        conn = seeding.connect("127.0.0.1", self.port, None, 30)
        try:
            head = {"Content-Type": "application/json", **self.head}
            conn.request(method, path, None if body is None else json.dumps(body), head)
            answer = conn.getresponse()
            text = answer.read()
            if answer.status >= 300:
                raise seeding.Refused(method, path, answer.status, text.decode(errors="replace"))
            return json.loads(text)
        finally:
            conn.close()

    def api(self, method, path, body=None):
        if self.version == 2:
            # The tokens of this fleet expire within seconds.
            self.login()
        return self(method, f"/api/v{self.version}{path}", body)

    def trigger(self, dag, run, conf):
        body = {"dag_run_id": run, "conf": conf, "note": "by the live suite"}
        if self.version == 2:
            body["logical_date"] = None
        return self.api("POST", f"/dags/{dag}/dagRuns", body)

    def until(self, what, test):
        end = time.monotonic() + LIMIT
        while True:
            try:
                value = test()
            except (OSError, seeding.Refused):
                value = None
            if value:
                return value
            if time.monotonic() > end:
                raise TimeoutError(f"no {what} within {LIMIT} s")
            time.sleep(0.5)


def seed(port, version):
    api = Api(port, version)
    for dag in ("retrain_fraud", "retrain_paused", "sweep"):
        api.until(f"DAG {dag}", lambda dag=dag: api.api("GET", f"/dags/{dag}"))
    if api.api("GET", "/dags/retrain_fraud")["is_paused"]:
        api.api("PATCH", "/dags/retrain_fraud", {"is_paused": False})
    api.trigger("retrain_fraud", "seed-good", {"epochs": 2})
    for run in ("seed-bad-1", "seed-bad-2"):
        api.trigger("retrain_fraud", run, {"fail_at": "evaluate"})
    api.trigger("retrain_paused", "seed-waits", {})
    ended = ("success", "failed")
    for run in ("seed-good", "seed-bad-1", "seed-bad-2"):
        path = f"/dags/retrain_fraud/dagRuns/{run}"
        api.until(f"end of {run}", lambda path=path: api.api("GET", path)["state"] in ended)
