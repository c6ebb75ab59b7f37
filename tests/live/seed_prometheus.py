"""The configuration that gives a Prometheus its content: every series is a recording rule's, written each second.

So nothing has to be scraped or filled in backwards. One alert fires, one is pending, one never can, because NaN is over
no line; a store behind it that cannot be reached turns questions for `job="archive"` into warnings.
"""

import json
import time
import urllib.parse
import urllib.request

CONFIG = """\
global:
  evaluation_interval: 1s
rule_files: [rules.yml]
remote_read:
  - url: http://127.0.0.1:9/read
    remote_timeout: 1s
    required_matchers: {job: archive}
"""

RULES = r"""
groups:
  - name: requests
    rules:
      - {record: model_infer_request_success_total, expr: "vector(time() % 1e8 * 4)", labels: {model: fraud-detector, version: "2"}}
      - {record: model_infer_request_success_total, expr: "vector(time() % 1e8)", labels: {model: fraud-detector, version: "3"}}
      - {record: model_infer_request_success_total, expr: "vector(7)", labels: {model: quiet, version: "1"}}
      - {record: model_infer_request_failure_total, expr: "vector(time() % 1e8)", labels: {model: fraud-detector, version: "2"}}
  - name: drift
    rules:
      - {record: ml_feature_drift_score, expr: "vector(0.31)", labels: {model: fraud-detector, feature: amount, method: PSI}}
      - {record: ml_feature_drift_score, expr: "vector(0.02)", labels: {model: fraud-detector, feature: age, method: K-S p_value}}
      - {record: ml_feature_drift_score, expr: "vector(0) / 0", labels: {model: churn, feature: tenure, method: PSI}}
      - {record: ml_feature_drift_score, expr: "vector(1) / 0", labels: {model: churn, feature: plan, method: PSI}}
      - {record: ml_feature_drift_score, expr: "vector(0.1)", labels: {model: "sneaky\x1b[2J\x1b]0;owned\x07 model", feature: x, method: PSI}}
      - {record: ml_feature_drift_threshold, expr: "vector(0.2)", labels: {model: fraud-detector, feature: amount, method: PSI}}
      - {record: ml_drift_samples, expr: "vector(212)", labels: {model: fraud-detector, window: current}}
      - {record: ml_drift_samples, expr: "vector(20000)", labels: {model: fraud-detector, window: reference}}
      - {record: ml_drift_last_run_timestamp_seconds, expr: "vector(1.7956e9)", labels: {model: fraud-detector}}
  - name: alerts
    rules:
      - alert: FeatureDrift
        expr: ml_feature_drift_score{method="PSI",model!="churn"} > 0.2
        labels: {severity: warning}
        annotations: {summary: "{{ $labels.feature }} drifts, {{ $value }}", runbook_url: "https://runbooks.example.com/drift"}
      - alert: ErrorRatio
        expr: model_infer_request_failure_total / model_infer_request_success_total > 0.05
        for: 10h
        labels: {severity: page}
        annotations: {summary: "many requests fail"}
      - alert: NeverOverNaN
        expr: ml_feature_drift_score{model="churn",feature="tenure"} > 0.2
        labels: {severity: page}
"""


def seed(base, limit=30):
    """Waits until the rules have written for some seconds and both alerts stand."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def ask(path):
        with opener.open(base + path, timeout=10) as answer:
            return json.loads(answer.read())["data"]

    counted = urllib.parse.quote("min(count_over_time(ml_feature_drift_score[1m]))")
    for _ in range(limit):
        states = {alert["state"] for alert in ask("/api/v1/alerts")["alerts"]}
        written = ask(f"/api/v1/query?query={counted}")["result"]
        if states == {"firing", "pending"} and written and float(written[0]["value"][1]) >= 8:
            return
        time.sleep(1)
    raise RuntimeError("its rules wrote nothing")
