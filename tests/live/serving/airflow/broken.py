"""A DAG of Airflow that cannot be loaded."""

raise ImportError("no module named features_v2")
