//! Asking a server directly, past the adapters: the other route that checks compare with, and the
//! hand that changes things behind the adapters' back.

use std::path::PathBuf;
use std::time::Duration;

use quarterdeck::domain::settings::Tls;
use serde_json::{Value, json};

/// A plain HTTP client for one server.
#[derive(Clone)]
pub(crate) struct Raw {
    client: reqwest::Client,
    base: String,
    user: Option<(String, String)>,
    workspace: Option<String>,
}

/// Any answer, whatever its status.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) status: u16,
    pub(crate) text: String,
}

impl Said {
    /// The body as JSON, null if it is none.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_default()
    }
}

impl Raw {
    pub(crate) fn new(base: &str, user: Option<(String, String)>) -> Self {
        Self::behind(&Tls::default(), base, user)
    }

    /// A client for a server whose certificates the settings name.
    pub(crate) fn behind(tls: &Tls, base: &str, user: Option<(String, String)>) -> Self {
        // Refused when another test has installed the same one.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let pem = |file: &PathBuf| std::fs::read(file).expect("a certificate file");
        let authorities = tls.ca_file.as_ref().map_or_else(Vec::new, |file| {
            reqwest::Certificate::from_pem_bundle(&pem(file)).expect("an authority")
        });
        let mut builder = reqwest::Client::builder()
            .no_proxy()
            .tls_certs_only(authorities)
            .pool_idle_timeout(Duration::from_secs(3))
            .timeout(Duration::from_secs(60));
        if let Some(file) = &tls.client_cert {
            let identity = reqwest::Identity::from_pem(&pem(file)).expect("a client certificate");
            builder = builder.identity(identity);
        }
        Self {
            client: builder.build().expect("a client with good certificates"),
            base: base.trim_end_matches('/').to_owned(),
            user,
            workspace: None,
        }
    }

    /// The same server, asked about one workspace.
    pub(crate) fn within(mut self, workspace: &str) -> Self {
        self.workspace = Some(workspace.to_owned());
        self
    }

    async fn send(&self, request: reqwest::RequestBuilder) -> Result<Said, String> {
        let request = match &self.user {
            Some((user, password)) => request.basic_auth(user, Some(password)),
            None => request,
        };
        let request = match &self.workspace {
            Some(workspace) => request.header("X-MLFLOW-WORKSPACE", workspace),
            None => request,
        };
        let answer = request.send().await.map_err(|e| format!("direct: {e}"))?;
        let status = answer.status().as_u16();
        let text = answer.text().await.map_err(|e| format!("direct: {e}"))?;
        Ok(Said { status, text })
    }

    /// GET, any status.
    pub(crate) async fn ask(&self, path: &str, query: &[(&str, &str)]) -> Result<Said, String> {
        let url = format!("{}{path}", self.base);
        self.send(self.client.get(url).query(query)).await
    }

    /// POST, any status.
    pub(crate) async fn tell(&self, path: &str, body: &Value) -> Result<Said, String> {
        let url = format!("{}{path}", self.base);
        self.send(self.client.post(url).json(body)).await
    }

    /// DELETE without a body, any status.
    pub(crate) async fn end(&self, path: &str) -> Result<Said, String> {
        self.send(self.client.delete(format!("{}{path}", self.base)))
            .await
    }

    /// GET below the MLflow API, which must answer 200.
    pub(crate) async fn get(&self, call: &str, query: &[(&str, &str)]) -> Result<Value, String> {
        let said = self.ask(&api(call), query).await?;
        good(call, &said)
    }

    /// POST below the MLflow API, which must answer 200.
    pub(crate) async fn post(&self, call: &str, body: &Value) -> Result<Value, String> {
        let said = self.tell(&api(call), body).await?;
        good(call, &said)
    }

    /// PATCH below the MLflow API, which must answer 200.
    pub(crate) async fn patch(&self, call: &str, body: &Value) -> Result<Value, String> {
        let url = format!("{}{}", self.base, api(call));
        good(call, &self.send(self.client.patch(url).json(body)).await?)
    }

    /// DELETE below the MLflow API, any status.
    pub(crate) async fn erase(&self, call: &str, body: &Value) -> Result<Said, String> {
        let url = format!("{}{}", self.base, api(call));
        self.send(self.client.delete(url).json(body)).await
    }

    /// DELETE below the MLflow API, which must answer 200.
    pub(crate) async fn delete(&self, call: &str, body: &Value) -> Result<Value, String> {
        good(call, &self.erase(call, body).await?)
    }

    /// Every row of a GET search.
    pub(crate) async fn rows(
        &self,
        call: &str,
        field: &str,
        query: &[(&str, &str)],
    ) -> Result<Vec<Value>, String> {
        let mut rows = Vec::new();
        let mut token = String::new();
        loop {
            let mut query = query.to_vec();
            if !token.is_empty() {
                query.push(("page_token", &token));
            }
            let mut page = self.get(call, &query).await?;
            rows.extend(
                page[field]
                    .as_array_mut()
                    .map(std::mem::take)
                    .unwrap_or_default(),
            );
            match page["next_page_token"].as_str() {
                Some(next) if !next.is_empty() && next != token => token = next.to_owned(),
                _ => return Ok(rows),
            }
        }
    }

    /// Every run of an experiment, in one answer.
    pub(crate) async fn runs(&self, experiment: &str) -> Result<Vec<Value>, String> {
        let body = json!({"experiment_ids": [experiment], "max_results": 50_000});
        let mut page = self.post("runs/search", &body).await?;
        Ok(page["runs"]
            .as_array_mut()
            .map(std::mem::take)
            .unwrap_or_default())
    }

    /// Every active experiment.
    pub(crate) async fn experiments(&self) -> Result<Vec<Value>, String> {
        let body = json!({"max_results": 50_000, "view_type": "ACTIVE_ONLY"});
        let mut page = self.post("experiments/search", &body).await?;
        Ok(page["experiments"]
            .as_array_mut()
            .map(std::mem::take)
            .unwrap_or_default())
    }

    /// Every registered model, in pages of a size that the adapter does not use.
    pub(crate) async fn models(&self) -> Result<Vec<Value>, String> {
        let rows = self
            .rows(
                "registered-models/search",
                "registered_models",
                &[("max_results", "61")],
            )
            .await?;
        // Old releases list prompts among the models; new ones leave them out.
        let prompt = |row: &Value| {
            list(&row["tags"])
                .iter()
                .any(|tag| tag["key"] == "mlflow.prompt.is_prompt" && tag["value"] == "true")
        };
        Ok(rows.into_iter().filter(|row| !prompt(row)).collect())
    }

    /// Every version of a model.
    pub(crate) async fn versions(&self, model: &str) -> Result<Vec<Value>, String> {
        let filter = format!("name = '{}'", model.replace('\'', "''"));
        self.rows(
            "model-versions/search",
            "model_versions",
            &[("filter", &filter)],
        )
        .await
    }

    /// The `MLmodel` file of a version, where the server can read it.
    pub(crate) async fn package(
        &self,
        model: &str,
        version: &str,
    ) -> Result<Option<String>, String> {
        let query = [("name", model), ("version", version), ("path", "MLmodel")];
        let said = self.ask("/model-versions/get-artifact", &query).await?;
        Ok((said.status == 200).then_some(said.text))
    }
}

fn api(call: &str) -> String {
    format!("/api/2.0/mlflow/{call}")
}

fn good(call: &str, said: &Said) -> Result<Value, String> {
    if said.status == 200 {
        Ok(said.json())
    } else {
        let words: String = said.text.chars().take(200).collect();
        Err(format!("direct: {call}: {} {words}", said.status))
    }
}

/// A list, empty if it is none.
pub(crate) fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

/// A text, empty if it is none.
pub(crate) fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// A metric's value, which may be a word. The stores of real servers keep an infinity as the largest
/// number they have.
pub(crate) fn float(value: &Value) -> f64 {
    match value {
        Value::Number(number) if number.as_f64() == Some(f64::MAX) => f64::INFINITY,
        Value::Number(number) if number.as_f64() == Some(f64::MIN) => f64::NEG_INFINITY,
        Value::String(word) => word.parse().unwrap_or(f64::NAN),
        other => other.as_f64().unwrap_or(f64::NAN),
    }
}
