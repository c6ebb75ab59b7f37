"""Logs one real scikit-learn model with its signature; run by the venv of the MLflow release.

Usage: log_model.py TRACKING_URI EXPERIMENT. Prints one JSON line: run_id, model_id or null, source.
"""

import json
import sys
import time
import urllib.error
import urllib.request

import mlflow
import mlflow.sklearn
import numpy as np
import pandas as pd
from mlflow.models import infer_signature
from sklearn.linear_model import LogisticRegression

uri, experiment = sys.argv[1:3]

# The imports above take as long as the server's start, so both run side by side.
for _ in range(1200):
    try:
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(uri + "/health", timeout=2):
            break
    except (OSError, urllib.error.URLError):
        time.sleep(0.1)

mlflow.set_tracking_uri(uri)
mlflow.set_experiment(experiment)
rng = np.random.default_rng(7)
x = pd.DataFrame({"amount": rng.gamma(2.0, 60.0, 200), "age_days": rng.integers(0, 3000, 200).astype("float64")})
y = (x["amount"] > 150).astype("int64")

with mlflow.start_run(run_name="release-2026-11") as run:
    model = LogisticRegression(C=0.5).fit(x, y)
    mlflow.log_params({"C": 0.5, "solver": model.solver})
    mlflow.log_metric("auc", 0.91)
    mlflow.set_tag("mlflow.source.git.commit", "5f1c0b7d9a3e4c2188f60d2b7a9e1c3d5f708192")
    mlflow.log_text("first plot\n", "plots/roc.txt")
    given = {
        "signature": infer_signature(x, model.predict(x)),
        "input_example": x.head(2),
        # Fixed, because working the requirements out imports the model once more in a child.
        "pip_requirements": ["scikit-learn"],
    }
    if mlflow.__version__.startswith("2."):
        logged = mlflow.sklearn.log_model(model, artifact_path="model", **given)
        source, model_id = run.info.artifact_uri + "/model", None
    else:
        # The default format of recent releases cannot be loaded by plain `models serve` everywhere.
        logged = mlflow.sklearn.log_model(model, name="model", serialization_format="cloudpickle", **given)
        model_id = logged.model_id
        source = f"models:/{model_id}"

print(json.dumps({"run_id": run.info.run_id, "model_id": model_id, "source": source}))
