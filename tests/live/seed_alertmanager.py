"""Gives an Alertmanager its content: alerts of every state, two silences, an inhibition.

Alerts carry an end far ahead, as a Prometheus that keeps sending them would; the configuration that
goes with them is CONFIG.
"""

import json
import time
import urllib.request

CONFIG = """\
route:
  receiver: on-call
  group_by: [alertname, model]
  group_wait: 1s
  group_interval: 1s
  routes:
    - receiver: tickets
      matchers: ['severity="ticket"']
receivers:
  - name: on-call
  - name: tickets
inhibit_rules:
  - source_matchers: ['alertname="ModelServerDown"']
    target_matchers: ['severity="warning"']
    equal: [model]
"""

HOSTILE = "sneaky\x1b[2J\x1b]0;owned\x07 model"


def stamp(ahead):
    return time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime(time.time() + ahead))


def alert(name, since, labels, annotations, ends=6 * 3600):
    return {
        "labels": {"alertname": name, **labels},
        "annotations": annotations,
        "startsAt": stamp(-since),
        "endsAt": stamp(ends),
        "generatorURL": "http://prometheus.example.com/graph?g0.expr=up&g0.tab=1",
    }


ALERTS = [
    alert("ModelErrorBudgetBurn", 600, {"model": "fraud-detector", "version": "2", "severity": "page", "team": "risk"},
          {"summary": "4.8 % of requests fail", "description": "The budget of 30 days is gone in 4 hours.",
           "runbook_url": "https://runbooks.example.com/error-budget", "dashboard_url": "https://grafana.example.com/d/fraud"}),
    alert("FeatureDrift", 7200, {"model": "fraud-detector", "feature": "amount", "severity": "ticket"}, {"description": "amount drifts, summary left out"}),
    alert("FeatureDrift", 7300, {"model": "churn", "feature": "tenure", "severity": "warning"}, {"summary": "tenure drifts"}),
    alert("ModelServerDown", 300, {"model": "eta-city", "severity": "critical"}, {"summary": "no replica answers"}),
    alert("HighLatency", 280, {"model": "eta-city", "severity": "warning"}, {"summary": "p95 over 1 s"}),
    alert("DiskFull", 60, {"instance": "bastion", "severity": "loud"}, {"summary": "no model of ours"}),
    alert("Escapes", 60, {"model": HOSTILE, "severity": "info"},
          {"summary": "\x1b[31mred\u202e text", "runbook_url": "javascript:alert(1)"}),
]


class Api:
    def __init__(self, base):
        self.base = base

    def __call__(self, method, path, body=None):
        request = urllib.request.Request(self.base + path, method=method, headers={"Content-Type": "application/json"},
                                         data=None if body is None else json.dumps(body).encode())
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=10) as answer:
            text = answer.read()
        return json.loads(text) if text.strip() else None


def matcher(name, value, regex=False):
    return {"name": name, "value": value, "isRegex": regex, "isEqual": True}


def seed(base):
    """Posts everything and waits until each alert stands where it belongs; answers the silences' ids."""
    api = Api(base)
    silences = {}
    for name, matchers, author, comment, hours in (
        ("active", [matcher("model", "churn|ranker", True)], "alice", "INC-42: upstream is being fixed", 2),
        ("expired", [matcher("model", "gone")], "bob", "over", 2),
        ("pending", [matcher("model", "fraud-detector")], "carol", "planned work", 30),
    ):
        begins = 3600 * 24 if name == "pending" else 0
        body = {"matchers": matchers, "startsAt": stamp(begins), "endsAt": stamp(hours * 3600), "createdBy": author, "comment": comment}
        silences[name] = api("POST", "/api/v2/silences", body)["silenceID"]
    api("DELETE", f"/api/v2/silence/{silences['expired']}")
    api("POST", "/api/v2/alerts", ALERTS)
    until = time.monotonic() + 30
    while time.monotonic() < until:
        states = [row["status"]["state"] for row in api("GET", "/api/v2/alerts")]
        if len(states) == len(ALERTS) and states.count("suppressed") == 2 and "unprocessed" not in states:
            return silences
        time.sleep(0.2)
    raise RuntimeError(f"the alerts are {sorted(states)} after 30 s")
