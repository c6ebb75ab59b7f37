//! The small text files beside a model, in the shapes MLflow writes them.

use std::fmt::Write as _;

use super::catalog::{Entry, Flavour, Gap};

/// What decides a version's files.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Recipe {
    pub(crate) entry: &'static Entry,
    pub(crate) number: u32,
    /// Versions the model started with: optional inputs came in its second half.
    pub(crate) of: u32,
}

impl Flavour {
    fn module(self) -> &'static str {
        match self {
            Self::Sklearn => "mlflow.sklearn",
            Self::Xgboost => "mlflow.xgboost",
            Self::Pytorch => "mlflow.pytorch",
            Self::Tensorflow => "mlflow.tensorflow",
        }
    }

    fn requirement(self) -> &'static str {
        match self {
            Self::Sklearn => "scikit-learn==1.7.2",
            Self::Xgboost => "xgboost==3.0.5",
            Self::Pytorch => "torch==2.8.0",
            Self::Tensorflow => "tensorflow==2.20.0",
        }
    }

    fn data(self) -> &'static str {
        match self {
            Self::Sklearn => "model.pkl",
            Self::Xgboost => "model.ubj",
            Self::Pytorch => "data/model.pth",
            Self::Tensorflow => "data/model.keras",
        }
    }
}

impl Recipe {
    /// The version's input columns: name, MLflow type, required.
    pub(crate) fn inputs(&self) -> Vec<(&'static str, &'static str, bool)> {
        self.entry
            .inputs
            .iter()
            .filter_map(|(name, kind)| match name.strip_prefix('?') {
                None => Some((*name, *kind, true)),
                Some(optional) => {
                    let newer = self.number * 2 > self.of || self.number == self.of;
                    newer.then_some((optional, *kind, false))
                }
            })
            .collect()
    }

    fn signature(&self) -> String {
        if self.entry.gap == Gap::NoSignature {
            // A model without one has none of the keys that belong to it.
            return String::new();
        }
        let columns: Vec<String> = self
            .inputs()
            .iter()
            .map(|(name, kind, required)| {
                format!(
                    r#"{{"type": "{kind}", "name": "{}", "required": {required}}}"#,
                    ascii(name)
                )
            })
            .collect();
        let inputs = folded("  inputs", &format!("[{}]", columns.join(", ")));
        let outputs = folded(
            "  outputs",
            r#"[{"type": "tensor", "tensor-spec": {"dtype": "float64", "shape": [-1]}}]"#,
        );
        format!("signature:\n{inputs}{outputs}  params: null\ntype_hint_from_example: false\n")
    }

    /// The `MLmodel` file.
    pub(crate) fn mlmodel(&self, run: &str, logged: Option<&str>, created: i64) -> String {
        let flavour = self.entry.flavour;
        let mut text = String::new();
        let path = match logged {
            Some(id) => format!("mlflow-artifacts:/models/{id}/artifacts"),
            None => "model".to_owned(),
        };
        let when = chrono::DateTime::from_timestamp_millis(created)
            .unwrap_or_default()
            .format("%Y-%m-%d %H:%M:%S%.6f");
        // Writing to a String cannot fail.
        let _ = write!(
            text,
            "artifact_path: {path}\nflavors:\n  python_function:\n"
        );
        if self.entry.gap != Gap::NoEnvironment {
            text.push_str("    env:\n      conda: conda.yaml\n      virtualenv: python_env.yaml\n");
        }
        let _ = write!(
            text,
            "    loader_module: {module}\n    model_path: {data}\n    predict_fn: predict\n    \
             python_version: 3.11.9\n{hint}mlflow_version: 3.17.2\n",
            module = flavour.module(),
            data = flavour.data(),
            hint = if self.entry.gap == Gap::NoSignature {
                ""
            } else {
                "is_signature_from_type_hint: false\n"
            },
        );
        if let Some(id) = logged {
            let _ = writeln!(text, "model_id: {id}");
        }
        let _ = writeln!(text, "model_size_bytes: {}", 40_000 + 913 * self.number);
        let _ = writeln!(text, "model_uuid: {}", logged.unwrap_or(run));
        text.push_str("prompts: null\n");
        if !run.is_empty() {
            let _ = writeln!(text, "run_id: {run}");
        }
        text.push_str(&self.signature());
        let _ = writeln!(text, "utc_time_created: '{when}'");
        text
    }

    /// Every file of the version, by path.
    pub(crate) fn files(
        &self,
        run: &str,
        logged: Option<&str>,
        created: i64,
    ) -> Vec<(String, String)> {
        let requirement = self.entry.flavour.requirement();
        let mut files = vec![("MLmodel".to_owned(), self.mlmodel(run, logged, created))];
        if self.entry.gap != Gap::NoEnvironment {
            files.push((
                "conda.yaml".to_owned(),
                format!(
                    "channels:\n- conda-forge\ndependencies:\n- python=3.11.9\n- pip<=25.2\n- pip:\n  \
                     - mlflow==3.17.2\n  - {requirement}\n  - pandas==2.3.3\nname: mlflow-env\n"
                ),
            ));
        }
        files.push((
            self.entry.flavour.data().to_owned(),
            format!("weights of version {}\n", self.number),
        ));
        if self.entry.gap != Gap::NoEnvironment {
            files.push((
                "python_env.yaml".to_owned(),
                "python: 3.11.9\nbuild_dependencies:\n- pip==25.2\n- setuptools\n- wheel\n\
                 dependencies:\n- -r requirements.txt\n"
                    .to_owned(),
            ));
            files.push((
                "requirements.txt".to_owned(),
                format!("mlflow==3.17.2\n{requirement}\npandas==2.3.3"),
            ));
        }
        files
    }
}

/// JSON inside the signature is ASCII.
fn ascii(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        if c.is_ascii() {
            out.push(c);
        } else {
            let _ = write!(out, "\\u{:04x}", u32::from(c));
        }
    }
    out
}

/// A single-quoted YAML scalar folded at 80 columns, as `PyYAML` writes it.
fn folded(key: &str, text: &str) -> String {
    let mut out = format!("{key}: '");
    let mut column = out.len();
    for (index, word) in text.replace('\'', "''").split(' ').enumerate() {
        if index > 0 {
            if column > 80 {
                out.push_str("\n    ");
                column = 4;
            } else {
                out.push(' ');
                column += 1;
            }
        }
        out.push_str(word);
        column += word.len();
    }
    out.push_str("'\n");
    out
}

/// One directory level of a list of files: `(path, Some(size))` for a file, `None` for a folder.
pub(crate) fn listing(files: &[(String, String)], under: &str) -> Vec<(String, Option<usize>)> {
    let prefix = match under.trim_matches('/') {
        "" => String::new(),
        folder => format!("{folder}/"),
    };
    let mut rows: Vec<(String, Option<usize>)> = Vec::new();
    for (path, text) in files {
        let Some(rest) = path.strip_prefix(&prefix) else {
            continue;
        };
        let row = match rest.split_once('/') {
            Some((folder, _)) => (format!("{prefix}{folder}"), None),
            None => (path.clone(), Some(text.len())),
        };
        if !rows.contains(&row) {
            rows.push(row);
        }
    }
    rows.sort();
    rows
}

#[cfg(test)]
mod tests {
    use super::super::catalog::MODELS;
    use super::*;

    fn recipe(model: &str, number: u32) -> Recipe {
        let entry = MODELS.iter().find(|entry| entry.name == model).unwrap();
        Recipe {
            entry,
            number,
            of: entry.versions,
        }
    }

    #[test]
    fn long_signatures_fold_after_the_eightieth_column_and_escape_names() {
        let text = recipe("fraud-detector", 14).mlmodel("r", Some("m-1"), 0);
        let line = text
            .lines()
            .find(|line| line.starts_with("  inputs"))
            .unwrap();
        assert!((80..110).contains(&line.len()), "{line}");
        assert!(
            recipe("Prévision énergie", 4)
                .mlmodel("r", None, 0)
                .is_ascii()
        );
    }

    #[test]
    fn what_is_missing_leaves_no_trace() {
        let text = recipe("image-moderation", 5).mlmodel("r", Some("m-1"), 0);
        assert!(
            !text.contains("signature") && !text.contains("type_hint"),
            "{text}"
        );
        let bare = recipe("eta-city", 19).files("r", Some("m-1"), 0);
        assert!(
            bare.iter().all(|(path, _)| !path.ends_with("yaml")),
            "{bare:?}"
        );
    }

    #[test]
    fn listings_show_one_level_with_folders() {
        let files = [("MLmodel", "abc"), ("data/a", ""), ("data/b", "x")]
            .map(|(path, text)| (path.to_owned(), text.to_owned()));
        let top = listing(&files, "");
        assert_eq!(top, [("MLmodel".into(), Some(3)), ("data".into(), None)]);
        assert_eq!(listing(&files, "data/").len(), 2);
        assert_eq!(listing(&files, "nope"), []);
    }
}
