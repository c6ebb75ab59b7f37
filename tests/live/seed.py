"""Seeds one MLflow server through its REST API. Only the standard library; used by `fleet`.

The content is the same for every release; what a release does not know is left out and named
in the facts that are returned. Values come from a fixed seed, times count back from now.
"""

import base64
import http.client
import json
import math
import random
import threading
import time
import urllib.parse
from concurrent.futures import ThreadPoolExecutor

ESC = "\u001b[31mred\u001b[0m"
UNICODE_MODEL = "Pr\u00e9vision de ventes \u6771\u4eac"
HOSTILE_MODEL = "sneaky\u001b[2Jmodel"
SMALL_MODELS = 250
# A version that was registered from outside: no run, and a store that the server cannot reach.
ELSEWHERE = "s3://models.invalid/exported/model"
HOUR = 3_600_000


class Refused(Exception):
    """The server answered something other than 200."""

    def __init__(self, method, path, status, text):
        super().__init__(f"{method} {path}: {status} {text[:300]}")
        self.status = status
        self.text = text


def connect(host, port, tls, timeout):
    """A connection; `tls` is an `ssl.SSLContext` for a server behind TLS."""
    if tls:
        return http.client.HTTPSConnection(host, port, timeout=timeout, context=tls)
    return http.client.HTTPConnection(host, port, timeout=timeout)


class Api:
    """JSON calls over one kept connection per thread."""

    def __init__(self, base, user=None, password=None, tls=None):
        self.tls = tls
        parts = urllib.parse.urlsplit(base)
        self.host, self.port, self.prefix = parts.hostname, parts.port, parts.path.rstrip("/")
        self.headers = {"Content-Type": "application/json"}
        if user:
            token = base64.b64encode(f"{user}:{password}".encode()).decode()
            self.headers["Authorization"] = f"Basic {token}"
        self.local = threading.local()

    def call(self, method, path, body=None, query=None):
        if not path.startswith("/"):
            path = "/api/2.0/mlflow/" + path
        target = self.prefix + path
        if query:
            target += "?" + urllib.parse.urlencode(query, doseq=True)
        data = None if body is None else json.dumps(body).encode()
        for again in (True, False):
            conn = getattr(self.local, "conn", None)
            if conn is None:
                conn = self.local.conn = connect(self.host, self.port, self.tls, 60)
            try:
                conn.request(method, target, body=data, headers=self.headers)
                answer = conn.getresponse()
                text = answer.read().decode("utf-8", "replace")
                break
            except (http.client.HTTPException, OSError):
                conn.close()
                self.local.conn = None
                if not again:
                    raise
        if answer.status not in (200, 201):
            raise Refused(method, path, answer.status, text)
        return json.loads(text) if text.strip().startswith("{") else text

    def post(self, path, **body):
        return self.call("POST", path, body)


def pairs(values):
    return [{"key": key, "value": str(value)} for key, value in values.items()]


def chunks(rows, size):
    return [rows[at : at + size] for at in range(0, len(rows), size)]


class Seed:
    def __init__(self, api, say=lambda text: None):
        self.api, self.say = api, say
        self.now = int(time.time() * 1000)
        self.facts = {"experiments": {}, "runs": {}, "left_out": []}

    def optional(self, what, work):
        """Runs what an older release may not know, and notes it instead of failing."""
        try:
            return work()
        except Refused as refused:
            self.facts["left_out"].append(f"{what}: {refused}")
            return None

    # Experiments and runs

    def experiment(self, name, tags=()):
        try:
            made = self.api.post("experiments/create", name=name, tags=pairs(dict(tags)))
            found = made["experiment_id"]
        except Refused as refused:
            if "RESOURCE_ALREADY_EXISTS" not in refused.text:
                raise
            got = self.api.call("GET", "experiments/get-by-name", query={"experiment_name": name})
            found = got["experiment"]["experiment_id"]
        self.facts["experiments"][name] = found
        return found

    def run(self, key, experiment, name, start, *, params=(), tags=(), metrics=(), end="FINISHED", minutes=20):
        """One run; `metrics` are rows for log-batch, `end` is the final status or None."""
        all_tags = {
            "mlflow.runName": name,
            "mlflow.user": "ana",
            "mlflow.source.type": "JOB",
            "mlflow.source.name": "train.py",
            "mlflow.source.git.commit": f"{random.Random(name).getrandbits(160):040x}",
            **dict(tags),
        }
        made = self.api.post(
            "runs/create",
            experiment_id=experiment,
            run_name=name,
            user_id="ana",
            start_time=start,
            tags=pairs(all_tags),
        )
        run_id = made["run"]["info"]["run_id"]
        if params:
            self.api.post("runs/log-batch", run_id=run_id, params=pairs(dict(params)))
        for part in chunks(list(metrics), 1000):
            self.api.post("runs/log-batch", run_id=run_id, metrics=part)
        if end:
            self.api.post("runs/update", run_id=run_id, status=end, end_time=start + minutes * 60_000)
        if key:
            self.facts["runs"][key] = run_id
        return run_id

    def dataset(self, run_id, name, context, digest):
        self.api.post(
            "runs/log-inputs",
            run_id=run_id,
            datasets=[
                {
                    "tags": [{"key": "mlflow.data.context", "value": context}],
                    "dataset": {
                        "name": name,
                        "digest": digest,
                        "source_type": "local",
                        "source": json.dumps({"uri": f"/data/{name}.parquet"}),
                        "schema": json.dumps({"mlflow_colspec": [{"type": "double", "name": "amount", "required": True}]}),
                        "profile": json.dumps({"num_rows": 120000}),
                    },
                }
            ],
        )

    @staticmethod
    def curve(key, points, start, best, noise, dice, every=15_000):
        rows = []
        for step in range(points):
            value = best * (1 - math.exp(-3 * (step + 1) / points)) + dice.uniform(-noise, noise)
            rows.append({"key": key, "value": round(value, 6), "timestamp": start + step * every, "step": step})
        return rows

    def plain_run(self, experiment, prefix, index):
        dice = random.Random(f"{prefix}{index}")
        start = self.now - (index + 2) * 5 * HOUR
        best = dice.uniform(0.78, 0.93)
        rows = self.curve("auc", 20, start, best, 0.01, dice)
        rows += self.curve("f1", 20, start, best - 0.1, 0.02, dice)
        rows += [
            {"key": "loss", "value": round(1 / (1 + step), 6), "timestamp": start + step * 15_000, "step": step}
            for step in range(20)
        ]
        params = {"lr": dice.choice([0.1, 0.03, 0.01]), "depth": dice.randint(3, 9), "seed": index, "features": "v12"}
        tags = {"team": "risk", "candidate": str(index % 7 == 0).lower()}
        run_id = self.run(f"{prefix}-{index}", experiment, f"{prefix}-{index}", start, params=params, tags=tags, metrics=rows)
        if index % 4 == 0:
            self.dataset(run_id, f"{prefix}-2026-{1 + index % 9:02d}", "training", f"{dice.getrandbits(32):08x}")

    def special_runs(self, fraud):
        now = self.now
        dice = random.Random(7)

        start = now - 40 * 60_000
        self.run("running", fraud, "live-training", start, end=None, params={"lr": 0.01},
                 metrics=self.curve("auc", 30, start, 0.9, 0.01, dice))

        self.run("failed", fraud, "out-of-memory", now - 30 * HOUR, end="FAILED", minutes=3,
                 params={"batch": 65536}, metrics=[{"key": "auc", "value": 0.5, "timestamp": now - 30 * HOUR, "step": 0}])

        start = now - 9 * HOUR
        resumed = self.run("resumed", fraud, "killed-then-resumed", start, end="KILLED",
                           metrics=self.curve("auc", 10, start, 0.8, 0.01, dice))
        self.api.post("runs/update", run_id=resumed, status="RUNNING")

        start = now - 50 * HOUR
        parent = self.run("parent", fraud, "sweep", start, minutes=90)
        for child in range(2):
            self.run(f"child-{child}", fraud, f"sweep-{child}", start + child * HOUR // 4,
                     tags={"mlflow.parentRunId": parent}, params={"depth": 3 + child},
                     metrics=self.curve("auc", 10, start, 0.85, 0.01, dice))

        start = now - 60 * HOUR
        odd = [("loss", 0, 1.5), ("loss", 1, "NaN"), ("loss", 2, 0.4), ("loss", 3, "NaN"),
               ("ceiling", 0, 1.0), ("ceiling", 1, "Infinity"), ("floor", 0, -1.0), ("floor", 1, "-Infinity"),
               ("tiny", 0, 5e-324), ("zero", 0, -0.0)]
        self.run("not-a-number", fraud, "diverged", start,
                 metrics=[{"key": key, "value": value, "timestamp": start + step * 1000, "step": step} for key, step, value in odd])

        start = now - 70 * HOUR
        rows = self.curve("loss", 5000, start, 0.3, 0.02, dice, every=1000)
        rows[3217]["value"] = 9.75
        self.run("long", fraud, "long-history", start, minutes=90, metrics=rows)

        start = now - 80 * HOUR
        self.run("hostile", fraud, f"name {ESC} \u202egnp.exe", start, params={"note": ESC, "long": "x" * 500},
                 tags={"note": f"line one\nline two\t{ESC}\u0007", "link": "\u001b]8;;http://evil.invalid\u0007click\u001b]8;;\u0007"},
                 metrics=[{"key": "auc val/micro.avg", "value": 0.5, "timestamp": start, "step": 0}])

        gone = self.run("deleted", fraud, "deleted-run", now - 90 * HOUR)
        self.api.post("runs/delete", run_id=gone)

    def experiments(self, pool):
        fraud = self.experiment("fraud-train", {"team": "risk", "mlflow.note.content": "Fraud scoring"})
        churn = self.experiment("churn-train", {"team": "growth"})
        eta = self.experiment("eta-train")
        self.experiment("Pr\u00e9vision \u6771\u4eac")
        self.experiment(f"experiment {ESC}", {"note": ESC})
        self.experiment("empty")
        old = self.experiment("retired")
        self.api.post("experiments/delete", experiment_id=old)
        jobs = [pool.submit(self.special_runs, fraud)]
        for experiment, prefix, count in ((fraud, "fraud", 30), (churn, "churn", 12), (eta, "eta", 10)):
            jobs += [pool.submit(self.plain_run, experiment, prefix, index) for index in range(count)]
        for job in jobs:
            job.result()

    # Registry

    def model(self, name, description="", tags=()):
        self.api.post("registered-models/create", name=name, description=description, tags=pairs(dict(tags)))

    def version(self, name, source, run_id="", description="", tags=(), model_id=None):
        body = {"name": name, "source": source, "run_id": run_id, "description": description, "tags": pairs(dict(tags))}
        if model_id:
            body["model_id"] = model_id
        return self.api.post("model-versions/create", **body)["model_version"]["version"]

    def alias(self, name, alias, version):
        self.api.post("registered-models/alias", name=name, alias=alias, version=version)

    def small_model(self, index):
        name = f"fleet-{index:03d}"
        self.model(name, tags={"owner": f"team-{index % 50:02d}"})
        if index % 10 == 0:
            self.version(name, ELSEWHERE)
            self.alias(name, "champion", "1")

    def of_run(self, prefix, index):
        """Source and run of a version whose artifacts were never written."""
        run_id = self.facts["runs"][f"{prefix}-{index}"]
        experiment = self.facts["experiments"][f"{prefix}-train"]
        return {"source": f"mlflow-artifacts:/{experiment}/{run_id}/artifacts/model", "run_id": run_id}

    def registry(self, logged):
        real = {"source": logged["source"], "run_id": logged["run_id"], "model_id": logged["model_id"]}

        self.model("fraud-detector", "Scores card payments.",
                   {"owner": "risk", "quarterdeck.owner": "risk", "quarterdeck.runbook": "https://wiki.invalid/fraud"})
        # The first version's artifacts do not exist: lineage that is broken, as in life.
        self.version("fraud-detector", description="first", **self.of_run("fraud", 9))
        self.version("fraud-detector", description="second", tags={"validation_status": "passed"}, **real)
        self.version("fraud-detector", description="third", tags={"validation_status": "pending"}, **real)
        self.version("fraud-detector", description="withdrawn", **real)
        self.alias("fraud-detector", "champion", "2")
        self.alias("fraud-detector", "challenger", "3")
        self.api.call("DELETE", "model-versions/delete", {"name": "fraud-detector", "version": "4"})

        self.model("churn", "Monthly churn.", {"owner": "growth"})
        for index in range(4):
            self.version("churn", **self.of_run("churn", index))
        self.alias("churn", "champion", "3")
        self.alias("churn", "Champion", "2")

        self.model("eta-city", "Arrival times; still promoted by stage.", {"owner": "routing"})
        for index in range(3):
            self.version("eta-city", **self.of_run("eta", index))
        for version, stage in (("1", "Production"), ("2", "Staging")):
            self.api.post("model-versions/transition-stage", name="eta-city", version=version, stage=stage,
                          archive_existing_versions=False)

        # Served as v5 by BentoML: promoted, never deployed.
        self.model("fraud_svc", "Served by BentoML.", {"owner": "risk"})
        for index in range(6):
            self.version("fraud_svc", **self.of_run("fraud", index), tags={"quarterdeck.serving_version": f"v{index + 1}"})
        self.alias("fraud_svc", "champion", "6")

        self.model(UNICODE_MODEL, "\u58f2\u4e0a\u4e88\u6e2c", {"owner": "\u00e9quipe ventes"})
        self.version(UNICODE_MODEL, ELSEWHERE)
        self.alias(UNICODE_MODEL, "champion", "1")

        self.model("escape-codes", f"description {ESC}", {"owner": ESC, "note": "\u001b]52;c;aGk=\u0007\u009b2J"})
        self.version("escape-codes", ELSEWHERE, description=f"version {ESC}", tags={"note": ESC})
        self.alias("escape-codes", "champion", "1")

        self.optional("model name with an escape sequence", lambda: self.model(HOSTILE_MODEL))
        self.model("empty-model", "No version yet.")
        self.optional("prompt", lambda: self.model("a-prompt", tags={"mlflow.prompt.is_prompt": "true"}))

    def everything(self, logged, small=SMALL_MODELS):
        """Seeds all; `logged` is a callable that waits for the model of log_model.py."""
        with ThreadPoolExecutor(4) as pool:
            self.experiments(pool)
            self.say("runs seeded")
            rest = [pool.submit(self.small_model, index) for index in range(small)]
            self.facts["logged"] = logged()
            self.experiment("fraud-release")
            self.registry(self.facts["logged"])
            for job in rest:
                job.result()
        return self.facts


def one_model(seed, names, champion="1"):
    """A small content for the servers that are about access: one run, and a version of each model."""
    experiment = seed.experiment("fraud-train")
    run_id = seed.run("only", experiment, "only-run", seed.now - HOUR,
                      metrics=[{"key": "auc", "value": 0.9, "timestamp": seed.now, "step": 0}])
    uri = seed.api.call("GET", "runs/get", query={"run_id": run_id})["run"]["info"]["artifact_uri"]
    for name in names:
        seed.model(name, tags={"owner": "risk"})
        for _ in range(int(champion)):
            seed.version(name, f"{uri}/model", run_id)
        seed.alias(name, "champion", champion)


def grant(api, user, model, permission):
    api.post("/api/3.0/mlflow/users/permissions/grant", username=user, resource_type="registered_model",
             resource_id=model, permission=permission)


def grant2(api, user, model, permission):
    """As MLflow 2 does it, which has another word for no right at all."""
    permission = {"DENY": "NO_PERMISSIONS"}.get(permission, permission)
    api.post("registered-models/permissions/create", name=model, username=user, permission=permission)


def seed_auth(api, granting=grant):
    """A basic-auth server: four users, one of whom may not see one of the two models."""
    seed = Seed(api)
    for name in ("reader", "editor", "nobody"):
        api.post("users/create", username=name, password=f"{name}-password-1")
    one_model(seed, ("fraud-detector", "hidden"))
    for user, model, permission in (("editor", "fraud-detector", "EDIT"), ("nobody", "hidden", "DENY")):
        seed.optional(
            f"grant {permission} on {model}",
            lambda user=user, model=model, permission=permission: granting(api, user, model, permission),
        )
    return seed.facts


def seed_tls(api):
    """A server that is about its certificates: one model."""
    seed = Seed(api)
    one_model(seed, ("fraud-detector",), "2")
    return seed.facts


def seed_prefix(api):
    """The server behind a path: the same model in two workspaces, with different champions."""
    seed = Seed(api)
    one_model(seed, ("fraud-detector",), "1")
    api.post("/api/3.0/mlflow/workspaces", name="team-a")
    api.headers["X-MLFLOW-WORKSPACE"] = "team-a"
    other = Seed(api)
    one_model(other, ("fraud-detector", "only-in-team-a"), "2")
    return seed.facts
