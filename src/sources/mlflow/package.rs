//! The `MLmodel` file of a version: signature, flavors and environment, from YAML with JSON inside.

use serde_json::Value;

use super::wire::{Mlmodel, MlmodelSignature};
use crate::domain::fault::{Fault, FaultKind};
use crate::domain::model::{Field, Package, Signature};
use crate::domain::text::Clean;

/// The largest `MLmodel` that is read, in bytes. Real ones take one to a few kilobytes, wide tables
/// some tens.
const SIZE_LIMIT: usize = 512 * 1024;
/// The deepest nesting that is read.
const DEPTH_LIMIT: usize = 32;
/// The most fields kept of one side of a signature.
const FIELD_LIMIT: usize = 5_000;
/// The longest type that is spelled out.
const KIND_LIMIT: usize = 200;

/// Reads an `MLmodel` file.
///
/// # Errors
/// [`FaultKind::TooLarge`] and [`FaultKind::Decode`]. A signature that cannot be read does not make
/// the rest unreadable: it is left out.
pub(super) fn read(yaml: &str, place: &str) -> Result<Package, Fault> {
    if yaml.len() > SIZE_LIMIT {
        let limit = SIZE_LIMIT as u64;
        return Err(Fault::new(
            FaultKind::TooLarge { limit },
            place,
            "the MLmodel file",
        ));
    }
    let options = serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_depth: DEPTH_LIMIT,
            max_events: 50_000,
            max_aliases: 100,
            max_anchors: 100,
        },
    };
    let file: Mlmodel = serde_saphyr::from_str_with_options(yaml, options).map_err(|e| {
        let text = e.to_string();
        let first = text.lines().next().unwrap_or_default();
        Fault::new(
            FaultKind::Decode {
                path: Clean::name("MLmodel"),
            },
            place,
            first,
        )
    })?;
    let flavors = file.flavors.unwrap_or_default();
    let mut environment = Vec::new();
    let mut named = Vec::new();
    for (flavor, fields) in flavors {
        let fields = fields.unwrap_or_default();
        let version = fields
            .iter()
            .filter(|(key, _)| key.ends_with("_version"))
            .find_map(|(key, value)| Some((key, scalar(value)?)));
        named.push(match version {
            Some((key, version)) if key == "python_version" => {
                Clean::name(&format!("{flavor} (python {version})"))
            }
            Some((_, version)) => Clean::name(&format!("{flavor} {version}")),
            None => Clean::name(&flavor),
        });
        for key in ["env", "docker_image", "docker_context"] {
            texts(fields.get(key), &mut environment);
        }
    }
    Ok(Package {
        signature: file.signature.and_then(|s| signature(&s)),
        flavors: named,
        written_by: file
            .mlflow_version
            .as_ref()
            .and_then(scalar)
            .map_or_else(Clean::empty, |v| Clean::name(&format!("mlflow {v}"))),
        environment,
        size: file.model_size_bytes.as_ref().and_then(Value::as_u64),
    })
}

/// Every text in a value, cleaned, each once.
fn texts(value: Option<&Value>, out: &mut Vec<Clean>) {
    match value {
        Some(Value::String(text)) => {
            let clean = Clean::name(text);
            if !clean.is_empty() && !out.contains(&clean) {
                out.push(clean);
            }
        }
        Some(Value::Object(map)) => map.values().for_each(|v| texts(Some(v), out)),
        _ => {}
    }
}

fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) if !text.is_empty() => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// The three sides; `None` when none of them says anything.
fn signature(sides: &MlmodelSignature) -> Option<Signature> {
    let read = Signature {
        inputs: fields(sides.inputs.as_ref(), true),
        outputs: fields(sides.outputs.as_ref(), true),
        params: fields(sides.params.as_ref(), false),
    };
    (read != Signature::default()).then_some(read)
}

fn fields(side: Option<&Value>, required: bool) -> Vec<Field> {
    let parsed = match side {
        Some(Value::String(text)) => serde_json::from_str(text).unwrap_or(Value::Null),
        Some(value) => value.clone(),
        None => Value::Null,
    };
    let Value::Array(items) = parsed else {
        return Vec::new();
    };
    items
        .iter()
        .filter(|item| item.is_object())
        .take(FIELD_LIMIT)
        .map(|item| Field {
            name: Clean::name(item.get("name").and_then(Value::as_str).unwrap_or_default()),
            kind: Clean::limited(&kind(item, 0), KIND_LIMIT),
            required: match (item.get("required"), item.get("optional")) {
                (Some(Value::Bool(said)), _) => *said,
                (_, Some(Value::Bool(optional))) => !optional,
                _ => required,
            },
        })
        .collect()
}

/// The type in the signature's own words: `double`, `tensor<int64>[-1, 4]`, `array<string>`.
fn kind(item: &Value, depth: usize) -> String {
    let word = item.get("type").and_then(Value::as_str).unwrap_or("?");
    if depth > 8 {
        return "…".to_owned();
    }
    let inner = |key: &str| item.get(key).map(|i| kind(i, depth + 1));
    match word {
        "tensor" => {
            let spec = item.get("tensor-spec");
            let dtype = spec
                .and_then(|s| s.get("dtype"))
                .and_then(Value::as_str)
                .unwrap_or("?");
            format!(
                "tensor<{dtype}>{}",
                shape(spec.and_then(|s| s.get("shape")))
            )
        }
        "array" => format!("array<{}>", inner("items").unwrap_or_default()),
        "map" => format!("map<{}>", inner("values").unwrap_or_default()),
        _ => format!("{word}{}", shape(item.get("shape"))),
    }
}

fn shape(value: Option<&Value>) -> String {
    match value {
        Some(Value::Array(dims)) => {
            let dims: Vec<String> = dims.iter().take(16).map(ToString::to_string).collect();
            format!("[{}]", dims.join(", "))
        }
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const REAL: &str = r#"
artifact_path: mlflow-artifacts:/1/models/m-62/artifacts
flavors:
  python_function:
    env:
      conda: conda.yaml
      virtualenv: python_env.yaml
    loader_module: mlflow.sklearn
    python_version: 3.11.9
  sklearn:
    code: null
    pickled_model: model.pkl
    sklearn_version: 1.5.2
mlflow_version: 3.17.2
model_size_bytes: 1046
model_id: m-62712a7d5cb74d5f8c48e0df0104abc5
signature:
  inputs: '[{"type": "double", "name": "amount", "required": true}, {"type": "string",
    "name": "country", "required": false}]'
  outputs: '[{"type": "tensor", "tensor-spec": {"dtype": "int64", "shape": [-1]}}]'
  params: '[{"name": "threshold", "type": "double", "default": 0.5, "shape": null}]'
utc_time_created: '2026-11-23 04:16:21.6'
"#;

    #[test]
    fn a_real_package_is_read() {
        let package = read(REAL, "").expect("package");
        let signature = package.signature.expect("signature");
        let shown = |fields: &[Field]| -> Vec<String> {
            fields
                .iter()
                .map(|f| format!("{} {} {}", f.name, f.kind, f.required))
                .collect()
        };
        assert_eq!(
            shown(&signature.inputs),
            ["amount double true", "country string false"]
        );
        assert_eq!(shown(&signature.outputs), [" tensor<int64>[-1] true"]);
        assert_eq!(shown(&signature.params), ["threshold double false"]);
        assert_eq!(
            package.flavors,
            ["python_function (python 3.11.9)", "sklearn 1.5.2"]
        );
        assert_eq!(package.environment, ["conda.yaml", "python_env.yaml"]);
        assert_eq!(package.written_by, "mlflow 3.17.2");
        assert_eq!(package.size, Some(1046));
    }

    #[test]
    fn a_broken_signature_leaves_the_rest() {
        for yaml in [
            "flavors: {sklearn: null}\nsignature: {inputs: 'not json', outputs: 7}",
            "flavors: {sklearn: {}}\nsignature: null",
            "flavors: {sklearn: {}}",
        ] {
            let package = read(yaml, "").expect(yaml);
            assert_eq!(package.flavors, ["sklearn"], "{yaml}");
            assert_eq!(package.signature, None, "{yaml}");
        }
    }

    #[test]
    fn bombs_and_other_files_are_faults() {
        let deep = format!("flavors: {}", "[".repeat(5_000));
        let mut laughs = "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n".to_owned();
        for n in 1..9 {
            let before = format!("*a{}", n - 1);
            let line = format!("a{n}: &a{n} [{}]\n", [before.as_str(); 10].join(","));
            laughs.push_str(&line);
        }
        laughs.push_str("flavors: {x: {env: *a8}}");
        for yaml in [
            deep.as_str(),
            laughs.as_str(),
            "<!doctype html><html><body>login</body></html>",
            "[1, 2]",
            "flavors: {x: [",
        ] {
            let fault = read(yaml, "GET http://ml.test").expect_err("fault");
            assert!(matches!(fault.kind, FaultKind::Decode { .. }), "{fault}");
        }
        let big = "x".repeat(SIZE_LIMIT + 1);
        let fault = read(&big, "").expect_err("size");
        assert!(matches!(fault.kind, FaultKind::TooLarge { .. }));
    }

    #[test]
    fn nested_types_are_spelled_out() {
        let item = serde_json::json!({"type": "array", "items": {"type": "map", "values": {"type": "long"}}});
        assert_eq!(kind(&item, 0), "array<map<long>>");
    }
}
