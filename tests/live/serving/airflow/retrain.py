"""The DAGs of the live fleet: for Airflow 2 and 3, with nothing that either of them lacks."""

import time

try:
    from airflow.sdk import DAG, Param, task
except ImportError:
    from airflow.decorators import task
    from airflow.models.dag import DAG
    from airflow.models.param import Param

PARAMS = {
    "model": Param("fraud-detector", type="string", description="The registered model to train again."),
    "epochs": Param(3, type="integer", minimum=1, maximum=50, description="How often the data are gone through."),
    "learning_rate": Param(0.1, type="number", exclusiveMinimum=0, maximum=1),
    "window": Param("30d", type="string", enum=["7d", "30d", "90d"], description="The training window."),
    "since": Param(None, type=["null", "string"], maxLength=40),
    "warm_start": Param(False, type="boolean"),
    "features": Param(["amount", "hour"], type="array"),
    "fail_at": Param("", type="string"),
    "seconds": Param(0, type="integer", minimum=0, maximum=600),
}


def step(name, context):
    params = context["params"]
    print(f"{name}: model {params['model']}, epochs {params['epochs']}")
    if params["fail_at"] == name:
        raise ValueError(f"{name} was told to fail: val_auc 0.62 < 0.80")


with DAG("retrain_fraud", schedule=None, params=PARAMS, tags=["mlops", "fraud"], max_active_runs=2,
         description="Trains the fraud detector again."):

    @task
    def prepare(**context):
        step("prepare", context)

    @task
    def train(**context):
        step("train", context)
        for second in range(context["params"]["seconds"]):
            print(f"epoch {second}: loss {1 / (second + 1):.4f}")
            time.sleep(1)

    @task
    def evaluate(**context):
        step("evaluate", context)

    @task
    def register(**context):
        step("register", context)
        return {"model": context["params"]["model"], "version": "7"}

    prepare() >> train() >> evaluate() >> register()

with DAG("retrain_paused", schedule=None, is_paused_upon_creation=True, tags=["mlops"]):

    @task
    def never():
        print("this does not run")

    never()

with DAG("sweep", schedule="0 3 * * *", catchup=False, start_date=__import__("datetime").datetime(2026, 1, 1),
         is_paused_upon_creation=True, tags=["mlops"]):

    @task
    def fold(index):
        print(f"fold {index}")

    fold.expand(index=[0, 1, 2])
