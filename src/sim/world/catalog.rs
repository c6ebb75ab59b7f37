//! The demo's models: their trades, owners, features and gaps, as one table.

/// What the demo knows of one registered model.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) name: &'static str,
    pub(crate) experiment: &'static str,
    pub(crate) description: &'static str,
    pub(crate) owner: &'static str,
    pub(crate) user: &'static str,
    pub(crate) flavour: Flavour,
    pub(crate) dataset: &'static str,
    /// The quality metric that counts, what a good run reaches, and where training starts.
    pub(crate) quality: (&'static str, f64, f64),
    pub(crate) loss: &'static str,
    /// Input columns as MLflow names their types; a leading `?` marks an optional one that
    /// newer versions added.
    pub(crate) inputs: &'static [(&'static str, &'static str)],
    pub(crate) versions: u32,
    pub(crate) champion: Option<u32>,
    pub(crate) challenger: Option<u32>,
    pub(crate) stages: &'static [(u32, &'static str)],
    pub(crate) gap: Gap,
    pub(crate) serving: Option<Serving>,
}

/// The framework a model is written in: decides its files and its parameters.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Flavour {
    Sklearn,
    Xgboost,
    Pytorch,
    Tensorflow,
}

/// What is missing for the model to be made again.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Gap {
    None,
    /// No `mlflow.source.git.commit` on its runs.
    NoGit,
    /// No dataset among its runs' inputs.
    NoDataset,
    /// No environment file beside the model, no image tag on the run.
    NoEnvironment,
    /// No signature was logged with the model.
    NoSignature,
    /// Versions registered by hand: `run_id` is empty.
    NoRun,
    /// The champion's run was deleted after registration.
    RunDeleted,
}

/// Where a model is served, and as which version at the start.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Serving {
    pub(crate) endpoint: &'static str,
    pub(crate) kind: Kind,
    /// Versions loaded at the start, the default one last.
    pub(crate) versions: &'static [u32],
    /// Milliseconds an answer takes.
    pub(crate) delay: u64,
}

/// The server programs of the demo's endpoints.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    /// `MLServer` speaking the V2 protocol.
    MlServer,
    /// Triton speaking the V2 protocol, which reports states version by version.
    Triton,
    TfServing,
    Bento,
    MlflowServe,
}

const fn on(endpoint: &'static str, kind: Kind, versions: &'static [u32], delay: u64) -> Serving {
    Serving {
        endpoint,
        kind,
        versions,
        delay,
    }
}

/// The models, in the order their experiments were made.
pub(crate) const MODELS: &[Entry] = &[
    Entry {
        name: "fraud-detector",
        experiment: "fraud-train",
        description: "Card fraud at authorisation time",
        owner: "risk-ml",
        user: "ana",
        flavour: Flavour::Xgboost,
        dataset: "card_transactions",
        quality: ("val_auc", 0.962, 0.71),
        loss: "val_logloss",
        inputs: &[
            ("amount", "double"),
            ("merchant_category", "string"),
            ("hour", "integer"),
            ("card_age_days", "long"),
            ("distance_km", "double"),
            ("txn_count_1h", "integer"),
            ("country", "string"),
            ("?device_score", "double"),
        ],
        versions: 14,
        champion: Some(13),
        challenger: Some(14),
        stages: &[],
        gap: Gap::None,
        serving: Some(on("fraud-prod", Kind::Triton, &[13], 6)),
    },
    Entry {
        name: "churn",
        experiment: "churn-train",
        description: "Subscribers likely to leave in the next 30 days",
        owner: "growth-ml",
        user: "bob",
        flavour: Flavour::Sklearn,
        dataset: "subscriptions",
        quality: ("val_auc", 0.914, 0.62),
        loss: "val_logloss",
        inputs: &[
            ("tenure", "long"),
            ("plan", "string"),
            ("monthly_fee", "double"),
            ("payments_7d", "integer"),
            ("support_calls", "integer"),
            ("?tenure_b", "double"),
        ],
        versions: 7,
        champion: Some(7),
        challenger: None,
        stages: &[],
        gap: Gap::None,
        serving: Some(on("churn-prod", Kind::Bento, &[7], 9)),
    },
    Entry {
        name: "eta-city",
        experiment: "eta-train",
        description: "Courier arrival time within a city",
        owner: "logistics-ml",
        user: "chen",
        flavour: Flavour::Tensorflow,
        dataset: "courier_trips",
        quality: ("val_mae_s", 74.0, 310.0),
        loss: "loss",
        inputs: &[
            ("lat", "double"),
            ("lon", "double"),
            ("weekday", "integer"),
            ("rain_mm", "double"),
            ("stops_ahead", "integer"),
        ],
        versions: 20,
        champion: Some(19),
        challenger: Some(20),
        stages: &[],
        gap: Gap::NoEnvironment,
        serving: Some(on("eta-prod", Kind::TfServing, &[19], 5)),
    },
    Entry {
        name: "ranker-eu",
        experiment: "ranker-eu-train",
        description: "Search ranking for the European shops",
        owner: "search",
        user: "dora",
        flavour: Flavour::Xgboost,
        dataset: "clicks_eu",
        quality: ("ndcg_10", 0.483, 0.29),
        loss: "pairwise_loss",
        inputs: &[
            ("query_len", "integer"),
            ("bm25", "double"),
            ("price_rank", "double"),
            ("ctr_30d", "double"),
            ("?stock_level", "integer"),
        ],
        versions: 6,
        champion: Some(6),
        challenger: None,
        stages: &[],
        gap: Gap::None,
        serving: Some(on("ranker-eu-prod", Kind::MlServer, &[5, 6], 7)),
    },
    Entry {
        name: "credit-score",
        experiment: "credit-train",
        description: "Probability of default for consumer loans",
        owner: "underwriting",
        user: "eve",
        flavour: Flavour::Sklearn,
        dataset: "loan_book",
        quality: ("val_gini", 0.612, 0.33),
        loss: "val_logloss",
        inputs: &[
            ("income", "double"),
            ("age", "integer"),
            ("employment_months", "integer"),
            ("debt_ratio", "double"),
        ],
        versions: 9,
        champion: Some(8),
        challenger: Some(9),
        stages: &[(8, "Production"), (9, "Staging"), (7, "Archived")],
        gap: Gap::NoDataset,
        serving: Some(on("credit-prod", Kind::MlflowServe, &[8], 11)),
    },
    Entry {
        name: "demand-forecast",
        experiment: "demand-train",
        description: "Units per store and day, 14 days ahead",
        owner: "supply-ml",
        user: "farid",
        flavour: Flavour::Tensorflow,
        dataset: "store_sales",
        quality: ("val_smape", 11.8, 38.0),
        loss: "loss",
        inputs: &[
            ("store", "long"),
            ("sku", "long"),
            ("promo", "boolean"),
            ("price", "double"),
            ("?weather_index", "double"),
        ],
        versions: 12,
        champion: Some(12),
        challenger: None,
        stages: &[(12, "Production"), (11, "Archived"), (10, "Archived")],
        gap: Gap::None,
        serving: Some(on("demand-prod", Kind::TfServing, &[12], 8)),
    },
    Entry {
        name: "image-moderation",
        experiment: "moderation-train",
        description: "Flags unsafe pictures before they are shown",
        owner: "trust-safety",
        user: "gita",
        flavour: Flavour::Pytorch,
        dataset: "moderation_labels",
        quality: ("val_f1", 0.887, 0.41),
        loss: "val_loss",
        inputs: &[("image", "binary")],
        versions: 5,
        champion: Some(5),
        challenger: None,
        stages: &[],
        gap: Gap::NoSignature,
        serving: Some(on("moderation-prod", Kind::MlServer, &[5], 15)),
    },
    Entry {
        name: "search-embeddings",
        experiment: "embeddings-train",
        description: "Query and item vectors for semantic search",
        owner: "search",
        user: "dora",
        flavour: Flavour::Pytorch,
        dataset: "query_item_pairs",
        quality: ("recall_100", 0.791, 0.35),
        loss: "contrastive_loss",
        inputs: &[("text", "string")],
        versions: 8,
        champion: Some(8),
        challenger: None,
        stages: &[],
        gap: Gap::NoGit,
        // The slow one, throughout.
        serving: Some(on("embeddings-prod", Kind::MlServer, &[8], 900)),
    },
    Entry {
        name: "Prévision énergie",
        experiment: "prévision-énergie",
        description: "Consommation électrique du réseau, à 48 h",
        owner: "énergie",
        user: "hélène",
        flavour: Flavour::Sklearn,
        dataset: "courbes_de_charge",
        quality: ("val_mape", 2.9, 12.0),
        loss: "val_rmse",
        inputs: &[
            ("température", "double"),
            ("jour_férié", "boolean"),
            ("charge_j7", "double"),
        ],
        versions: 4,
        champion: Some(4),
        challenger: None,
        stages: &[],
        gap: Gap::None,
        serving: Some(on("energie-prod", Kind::Bento, &[4], 12)),
    },
    Entry {
        name: "support-triage",
        experiment: "triage-train",
        description: "Routes support tickets to a queue",
        owner: "care-platform",
        user: "ivan",
        flavour: Flavour::Pytorch,
        dataset: "tickets",
        quality: ("val_macro_f1", 0.842, 0.22),
        loss: "eval_loss",
        inputs: &[
            ("subject", "string"),
            ("body", "string"),
            ("?locale", "string"),
        ],
        versions: 10,
        champion: Some(10),
        challenger: None,
        stages: &[],
        gap: Gap::RunDeleted,
        serving: Some(on("triage-prod", Kind::MlflowServe, &[10], 20)),
    },
    Entry {
        name: "ad-ctr",
        experiment: "ad-ctr-train",
        description: "Click probability of a sponsored result",
        owner: "ads-ml",
        user: "jo",
        flavour: Flavour::Xgboost,
        dataset: "ad_impressions",
        quality: ("val_auc", 0.803, 0.61),
        loss: "val_logloss",
        inputs: &[
            ("position", "integer"),
            ("campaign", "string"),
            ("hour", "integer"),
            ("bid", "double"),
        ],
        versions: 16,
        champion: Some(16),
        challenger: None,
        stages: &[],
        gap: Gap::None,
        serving: Some(on("ad-ctr-prod", Kind::MlServer, &[16], 6)),
    },
    Entry {
        // The one without an endpoint.
        name: "price-elasticity",
        experiment: "elasticity-train",
        description: "How demand moves with price, for the pricing team's notebooks",
        owner: "pricing",
        user: "kim",
        flavour: Flavour::Sklearn,
        dataset: "price_tests",
        quality: ("val_r2", 0.58, 0.1),
        loss: "val_rmse",
        inputs: &[("price", "double"), ("segment", "string")],
        versions: 3,
        champion: Some(2),
        challenger: None,
        stages: &[],
        gap: Gap::NoRun,
        serving: None,
    },
];
