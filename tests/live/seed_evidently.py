"""Fills a workspace of Evidently: run inside its venv, before the service starts.

    python seed_evidently.py WORKSPACE REPORTS

Writes three projects and a folder of reports as `Report.save_json` writes them, and prints the ids.
Times have no zone: they are the writer's local clock, and the fleet runs with TZ=UTC.
"""

import datetime
import json
import sys
from pathlib import Path

import numpy as np
import pandas as pd
from evidently import DataDefinition, Dataset, Report
from evidently.metrics import RowCount
from evidently.presets import DataDriftPreset
from evidently.ui.workspace import Workspace

NOW = datetime.datetime.now().replace(microsecond=0)
COLUMNS = DataDefinition(numerical_columns=["amount", "age_days", "hour"], categorical_columns=["country"])


def rows(count, shift=0.0, seed=1):
    draw = np.random.default_rng(seed)
    frame = pd.DataFrame({
        "amount": draw.gamma(2.0, 50.0, count) * (1 + shift),
        "age_days": draw.exponential(200.0, count),
        "hour": draw.integers(0, 24, count).astype(float),
        "country": draw.choice(["DE", "FR", "IT", "PL"], count, p=[0.4 + shift / 10, 0.3, 0.2, 0.1 - shift / 10]),
    })
    return Dataset.from_pandas(frame, data_definition=COLUMNS)


def run(shift, seed, count=600, reference=1200, method=None, tests=False, rows_counted=True, when=NOW, **about):
    metrics = [DataDriftPreset(method=method) if method else DataDriftPreset()]
    if rows_counted:
        metrics.append(RowCount())
    report = Report(metrics, include_tests=tests)
    return report.run(rows(count, shift, seed), rows(reference), timestamp=when, **about)


def main(workspace, reports):
    space = Workspace.create(workspace)
    facts = {}

    fraud = space.create_project("fraud monitoring")
    facts["fraud"] = str(fraud.id)
    # Not in the order of their times, and the last one by another method.
    plan = [(5, 0.0, None, False), (3, 0.02, None, False), (4, 0.0, None, True), (2, 0.4, None, True), (1, 0.6, None, True), (0, 0.7, "psi", False)]
    for age, shift, method, tests in plan:
        snapshot = run(shift, 10 + age, method=method, tests=tests, when=NOW - datetime.timedelta(days=age, hours=1),
                       metadata={"model": "fraud-detector", "version": "2" if age > 2 else "3"}, tags=["prod"])
        space.add_run(fraud.id, snapshot)
        if age in (1, 4):
            folder = Path(reports) / "fraud-detector" / ("3" if age == 1 else "2")
            folder.mkdir(parents=True, exist_ok=True)
            stamp = (NOW - datetime.timedelta(days=age, hours=1)).strftime("%Y-%m-%dT%H-%M-%S")
            snapshot.save_json(str(folder / f"report-{stamp}.json"))

    # No metadata: the project bears the model's name. A small reference, so p-values; no count of rows.
    churn = space.create_project("churn")
    facts["churn"] = str(churn.id)
    for age, shift in ((1, 0.0), (0, 0.5)):
        snapshot = run(shift, 20 + age, 300, 500, rows_counted=False, when=NOW - datetime.timedelta(hours=6 * age + 1))
        space.add_run(churn.id, snapshot)
    (Path(reports) / "churn").mkdir(parents=True, exist_ok=True)
    snapshot.save_json(str(Path(reports) / "churn" / "report.json"))

    facts["empty"] = str(space.create_project("nothing yet").id)
    print(json.dumps(facts))


if __name__ == "__main__":
    main(*sys.argv[1:])
