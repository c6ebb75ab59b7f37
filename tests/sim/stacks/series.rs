//! The samples: metrics and labels as the exporters of each stack name them.

/// A series: its metric, its labels, and by how much it rises in a second. One that does not rise is a
/// gauge, or a counter that stands still, at `at`.
pub(super) struct Series(
    pub(super) &'static str,
    pub(super) &'static [(&'static str, &'static str)],
    pub(super) f64,
    pub(super) f64,
);

/// A counter that has counted before the first scrape, so that rates are exact.
const fn counter(
    name: &'static str,
    labels: &'static [(&'static str, &'static str)],
    rise: f64,
) -> Series {
    Series(name, labels, rise, 1_000_000.0)
}

const fn gauge(
    name: &'static str,
    labels: &'static [(&'static str, &'static str)],
    at: f64,
) -> Series {
    Series(name, labels, 0.0, at)
}

/// Every series of every stack.
pub(super) const SERIES: &[Series] = &[
    // Triton: version 2 has not failed yet, so that it has no failure series.
    counter(
        "nv_inference_request_success",
        &[("model", "triton-busy"), ("version", "1")],
        4.0,
    ),
    counter(
        "nv_inference_request_failure",
        &[
            ("model", "triton-busy"),
            ("version", "1"),
            ("reason", "OTHER"),
        ],
        1.0,
    ),
    counter(
        "nv_inference_request_duration_us",
        &[("model", "triton-busy"), ("version", "1")],
        80_000.0,
    ),
    counter(
        "nv_inference_request_success",
        &[("model", "triton-busy"), ("version", "2")],
        5.0,
    ),
    counter(
        "nv_inference_request_duration_us",
        &[("model", "triton-busy"), ("version", "2")],
        50_000.0,
    ),
    gauge(
        "nv_inference_pending_request_count",
        &[("model", "triton-busy"), ("version", "1")],
        2.0,
    ),
    gauge(
        "nv_inference_pending_request_count",
        &[("model", "triton-busy"), ("version", "2")],
        1.0,
    ),
    counter(
        "nv_inference_request_success",
        &[("model", "triton-idle"), ("version", "1")],
        0.0,
    ),
    counter(
        "nv_inference_request_duration_us",
        &[("model", "triton-idle"), ("version", "1")],
        0.0,
    ),
    counter(
        "nv_inference_request_failure",
        &[("model", "triton-broken"), ("version", "1")],
        2.0,
    ),
    // TorchServe, in Prometheus mode.
    counter(
        "ts_inference_requests_total",
        &[
            ("model_name", "torch-busy"),
            ("model_version", "1.0"),
            ("hostname", "a"),
        ],
        2.0,
    ),
    counter(
        "ts_inference_latency_microseconds",
        &[
            ("model_name", "torch-busy"),
            ("model_version", "1.0"),
            ("hostname", "a"),
        ],
        60_000.0,
    ),
    counter(
        "ts_inference_requests_total",
        &[
            ("model_name", "torch-busy"),
            ("model_version", "2.0"),
            ("hostname", "a"),
        ],
        2.0,
    ),
    counter(
        "ts_inference_latency_microseconds",
        &[
            ("model_name", "torch-busy"),
            ("model_version", "2.0"),
            ("hostname", "a"),
        ],
        100_000.0,
    ),
    counter(
        "ts_inference_requests_total",
        &[
            ("model_name", "torch-idle"),
            ("model_version", "1.0"),
            ("hostname", "a"),
        ],
        0.0,
    ),
    counter(
        "ts_inference_latency_microseconds",
        &[
            ("model_name", "torch-idle"),
            ("model_version", "1.0"),
            ("hostname", "a"),
        ],
        0.0,
    ),
    // Ray Serve: two replicas of one deployment, and one deployment that never failed.
    counter(
        "ray_serve_deployment_request_counter_total",
        &[
            ("application", "app"),
            ("deployment", "ray-busy"),
            ("replica", "a"),
            ("route", "/"),
        ],
        5.0,
    ),
    counter(
        "ray_serve_deployment_request_counter_total",
        &[
            ("application", "app"),
            ("deployment", "ray-busy"),
            ("replica", "b"),
            ("route", "/"),
        ],
        3.0,
    ),
    counter(
        "ray_serve_deployment_error_counter_total",
        &[
            ("application", "app"),
            ("deployment", "ray-busy"),
            ("replica", "a"),
            ("route", "/"),
            ("exception", "ValueError"),
        ],
        0.4,
    ),
    counter(
        "ray_serve_deployment_processing_latency_ms_bucket",
        &[
            ("application", "app"),
            ("deployment", "ray-busy"),
            ("le", "10"),
        ],
        2.0,
    ),
    counter(
        "ray_serve_deployment_processing_latency_ms_bucket",
        &[
            ("application", "app"),
            ("deployment", "ray-busy"),
            ("le", "100"),
        ],
        7.2,
    ),
    counter(
        "ray_serve_deployment_processing_latency_ms_bucket",
        &[
            ("application", "app"),
            ("deployment", "ray-busy"),
            ("le", "1000"),
        ],
        8.0,
    ),
    counter(
        "ray_serve_deployment_processing_latency_ms_bucket",
        &[
            ("application", "app"),
            ("deployment", "ray-busy"),
            ("le", "+Inf"),
        ],
        8.0,
    ),
    gauge(
        "ray_serve_deployment_queued_queries",
        &[("application", "app"), ("deployment", "ray-busy")],
        4.0,
    ),
    counter(
        "ray_serve_deployment_request_counter_total",
        &[
            ("application", "app"),
            ("deployment", "ray-well"),
            ("replica", "a"),
            ("route", "/"),
        ],
        1.0,
    ),
    gauge(
        "ray_serve_router_num_queued_requests",
        &[("application", "app"), ("deployment", "ray-well")],
        0.0,
    ),
    // vLLM.
    counter(
        "vllm:request_success_total",
        &[
            ("model_name", "vllm-busy"),
            ("engine", "0"),
            ("finished_reason", "stop"),
        ],
        3.0,
    ),
    counter(
        "vllm:request_success_total",
        &[
            ("model_name", "vllm-busy"),
            ("engine", "0"),
            ("finished_reason", "length"),
        ],
        1.0,
    ),
    counter(
        "vllm:e2e_request_latency_seconds_bucket",
        &[("model_name", "vllm-busy"), ("engine", "0"), ("le", "0.01")],
        1.0,
    ),
    counter(
        "vllm:e2e_request_latency_seconds_bucket",
        &[("model_name", "vllm-busy"), ("engine", "0"), ("le", "0.1")],
        3.6,
    ),
    counter(
        "vllm:e2e_request_latency_seconds_bucket",
        &[("model_name", "vllm-busy"), ("engine", "0"), ("le", "1.0")],
        4.0,
    ),
    counter(
        "vllm:e2e_request_latency_seconds_bucket",
        &[("model_name", "vllm-busy"), ("engine", "0"), ("le", "+Inf")],
        4.0,
    ),
    gauge(
        "vllm:num_requests_waiting",
        &[("model_name", "vllm-busy"), ("engine", "0")],
        7.0,
    ),
    gauge(
        "vllm:kv_cache_usage_perc",
        &[("model_name", "vllm-busy"), ("engine", "0")],
        0.85,
    ),
    counter(
        "vllm:request_success_total",
        &[("model_name", "vllm-old"), ("finished_reason", "stop")],
        0.0,
    ),
    gauge(
        "vllm:gpu_cache_usage_perc",
        &[("model_name", "vllm-old")],
        0.4,
    ),
    // Seldon Core 2: codes of HTTP and of gRPC.
    counter(
        "seldon_model_infer_total",
        &[
            ("model", "seldon-busy"),
            ("model_internal", "seldon-busy_1"),
            ("server", "mlserver"),
            ("server_replica", "0"),
            ("method_type", "rest"),
            ("code", "200"),
        ],
        6.0,
    ),
    counter(
        "seldon_model_infer_total",
        &[
            ("model", "seldon-busy"),
            ("model_internal", "seldon-busy_1"),
            ("server", "mlserver"),
            ("server_replica", "0"),
            ("method_type", "grpc"),
            ("code", "OK"),
        ],
        2.0,
    ),
    counter(
        "seldon_model_infer_total",
        &[
            ("model", "seldon-busy"),
            ("model_internal", "seldon-busy_1"),
            ("server", "mlserver"),
            ("server_replica", "0"),
            ("method_type", "grpc"),
            ("code", "Unavailable"),
        ],
        1.5,
    ),
    counter(
        "seldon_model_infer_total",
        &[
            ("model", "seldon-busy"),
            ("model_internal", "seldon-busy_1"),
            ("server", "mlserver"),
            ("server_replica", "0"),
            ("method_type", "rest"),
            ("code", "500"),
        ],
        0.5,
    ),
    counter(
        "seldon_model_infer_api_seconds_bucket",
        &[("model", "seldon-busy"), ("le", "0.01")],
        2.5,
    ),
    counter(
        "seldon_model_infer_api_seconds_bucket",
        &[("model", "seldon-busy"), ("le", "0.1")],
        9.0,
    ),
    counter(
        "seldon_model_infer_api_seconds_bucket",
        &[("model", "seldon-busy"), ("le", "1")],
        10.0,
    ),
    counter(
        "seldon_model_infer_api_seconds_bucket",
        &[("model", "seldon-busy"), ("le", "+Inf")],
        10.0,
    ),
    // Knative: a canary of two revisions, times in milliseconds.
    counter(
        "revision_request_count",
        &[
            ("configuration_name", "knative-busy"),
            ("revision_name", "knative-busy-00001"),
            ("response_code", "200"),
            ("response_code_class", "2xx"),
        ],
        7.0,
    ),
    counter(
        "revision_request_count",
        &[
            ("configuration_name", "knative-busy"),
            ("revision_name", "knative-busy-00002"),
            ("response_code", "200"),
            ("response_code_class", "2xx"),
        ],
        2.0,
    ),
    counter(
        "revision_request_count",
        &[
            ("configuration_name", "knative-busy"),
            ("revision_name", "knative-busy-00002"),
            ("response_code", "503"),
            ("response_code_class", "5xx"),
        ],
        1.0,
    ),
    counter(
        "revision_request_latencies_bucket",
        &[
            ("configuration_name", "knative-busy"),
            ("revision_name", "knative-busy-00001"),
            ("le", "10"),
        ],
        2.5,
    ),
    counter(
        "revision_request_latencies_bucket",
        &[
            ("configuration_name", "knative-busy"),
            ("revision_name", "knative-busy-00001"),
            ("le", "100"),
        ],
        9.0,
    ),
    counter(
        "revision_request_latencies_bucket",
        &[
            ("configuration_name", "knative-busy"),
            ("revision_name", "knative-busy-00001"),
            ("le", "1000"),
        ],
        10.0,
    ),
    counter(
        "revision_request_latencies_bucket",
        &[
            ("configuration_name", "knative-busy"),
            ("revision_name", "knative-busy-00001"),
            ("le", "+Inf"),
        ],
        10.0,
    ),
    // KServe's Python servers.
    counter(
        "request_predict_seconds_count",
        &[("model_name", "kserve-busy")],
        4.0,
    ),
    counter(
        "request_predict_seconds_bucket",
        &[("model_name", "kserve-busy"), ("le", "0.01")],
        1.0,
    ),
    counter(
        "request_predict_seconds_bucket",
        &[("model_name", "kserve-busy"), ("le", "0.1")],
        3.6,
    ),
    counter(
        "request_predict_seconds_bucket",
        &[("model_name", "kserve-busy"), ("le", "1.0")],
        4.0,
    ),
    counter(
        "request_predict_seconds_bucket",
        &[("model_name", "kserve-busy"), ("le", "+Inf")],
        4.0,
    ),
    counter(
        "request_predict_seconds_count",
        &[("model_name", "kserve-idle")],
        0.0,
    ),
    counter(
        "request_predict_seconds_bucket",
        &[("model_name", "kserve-idle"), ("le", "+Inf")],
        0.0,
    ),
    // MLServer: a summary without quantiles.
    counter(
        "model_infer_request_success_total",
        &[("model", "mlserver-busy"), ("version", "1")],
        3.0,
    ),
    counter(
        "model_infer_request_failure_total",
        &[("model", "mlserver-busy"), ("version", "1")],
        1.0,
    ),
    counter(
        "model_infer_request_duration_sum",
        &[("model", "mlserver-busy"), ("version", "1")],
        0.2,
    ),
    counter(
        "model_infer_request_duration_count",
        &[("model", "mlserver-busy"), ("version", "1")],
        4.0,
    ),
    // BentoML from 1.2 on.
    counter(
        "bentoml_service_request_total",
        &[
            ("service_name", "bento-busy"),
            ("service_version", "v1"),
            ("endpoint", "predict"),
            ("http_response_code", "200"),
        ],
        3.0,
    ),
    counter(
        "bentoml_service_request_total",
        &[
            ("service_name", "bento-busy"),
            ("service_version", "v2"),
            ("endpoint", "predict"),
            ("http_response_code", "500"),
        ],
        1.0,
    ),
    counter(
        "bentoml_service_request_duration_seconds_bucket",
        &[
            ("service_name", "bento-busy"),
            ("service_version", "v1"),
            ("le", "0.01"),
        ],
        1.0,
    ),
    counter(
        "bentoml_service_request_duration_seconds_bucket",
        &[
            ("service_name", "bento-busy"),
            ("service_version", "v1"),
            ("le", "0.1"),
        ],
        3.6,
    ),
    counter(
        "bentoml_service_request_duration_seconds_bucket",
        &[
            ("service_name", "bento-busy"),
            ("service_version", "v1"),
            ("le", "1.0"),
        ],
        4.0,
    ),
    counter(
        "bentoml_service_request_duration_seconds_bucket",
        &[
            ("service_name", "bento-busy"),
            ("service_version", "v1"),
            ("le", "+Inf"),
        ],
        4.0,
    ),
    // TensorFlow Serving: times in microseconds.
    counter(
        ":tensorflow:serving:request_count",
        &[("model_name", "tf-busy"), ("status", "OK")],
        4.0,
    ),
    counter(
        ":tensorflow:serving:request_count",
        &[("model_name", "tf-busy"), ("status", "INVALID_ARGUMENT")],
        1.0,
    ),
    counter(
        ":tensorflow:serving:request_latency_bucket",
        &[("model_name", "tf-busy"), ("le", "10000")],
        1.0,
    ),
    counter(
        ":tensorflow:serving:request_latency_bucket",
        &[("model_name", "tf-busy"), ("le", "100000")],
        3.6,
    ),
    counter(
        ":tensorflow:serving:request_latency_bucket",
        &[("model_name", "tf-busy"), ("le", "1000000")],
        4.0,
    ),
    counter(
        ":tensorflow:serving:request_latency_bucket",
        &[("model_name", "tf-busy"), ("le", "+Inf")],
        4.0,
    ),
    // The gauges of Evidently's Grafana example: p-values, one of which could not be computed.
    gauge(
        "evidently:data_drift:p_value",
        &[
            ("dataset_name", "evidently-set"),
            ("feature", "age"),
            ("feature_type", "num"),
        ],
        0.01,
    ),
    gauge(
        "evidently:data_drift:p_value",
        &[
            ("dataset_name", "evidently-set"),
            ("feature", "city"),
            ("feature_type", "cat"),
        ],
        f64::NAN,
    ),
    gauge(
        "evidently:data_drift:share_drifted_features",
        &[("dataset_name", "evidently-set")],
        0.5,
    ),
    // What of Quarterdeck's own convention the fleet's jobs do not export.
    gauge(
        "ml_prediction_positive_ratio",
        &[("model", "convention"), ("version", "1")],
        0.3,
    ),
    gauge(
        "ml_target_drift_score",
        &[("model", "convention"), ("version", "1"), ("method", "PSI")],
        0.2,
    ),
    gauge(
        "ml_drifted_features_ratio",
        &[("model", "convention"), ("version", "1")],
        0.25,
    ),
];
