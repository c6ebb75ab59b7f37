//! What a candidate's signature changes for callers of the version before it.

use crate::domain::model::{Field, Signature};
use crate::domain::text::Clean;

/// One difference between two signatures.
#[derive(Clone, PartialEq, Eq, Debug, serde::Serialize)]
pub struct Difference {
    /// Whether a caller that worked before may fail now.
    pub breaking: bool,
    /// What differs: `input tenure removed`, `new optional input device_age`.
    pub text: Clean,
}

/// Compares two signatures: what is removed, retyped or newly required breaks callers; what is new and
/// optional does not. Breaking differences come first.
pub fn compare(old: &Signature, new: &Signature) -> Vec<Difference> {
    let mut all = Vec::new();
    side("input", &old.inputs, &new.inputs, true, &mut all);
    side("parameter", &old.params, &new.params, true, &mut all);
    side("output", &old.outputs, &new.outputs, false, &mut all);
    all.sort_by_key(|d| !d.breaking);
    all
}

/// `asked` says that callers give these fields; else they read them.
fn side(what: &str, old: &[Field], new: &[Field], asked: bool, all: &mut Vec<Difference>) {
    let mut add = |breaking, text: String| {
        all.push(Difference {
            breaking,
            text: Clean::text(&text),
        });
    };
    for (at, before) in old.iter().enumerate() {
        let name = called(before, at);
        let Some(after) = same(new, before, at) else {
            add(true, format!("{what} {name} removed"));
            continue;
        };
        if before.kind != after.kind {
            add(
                true,
                format!("{what} {name} {} → {}", before.kind, after.kind),
            );
        }
        if asked && !before.required && after.required {
            add(true, format!("{what} {name} now required"));
        }
    }
    for (at, after) in new.iter().enumerate() {
        if same(old, after, at).is_some() {
            continue;
        }
        let name = called(after, at);
        match (asked, after.required) {
            (true, true) => add(true, format!("new required {what} {name}")),
            (true, false) => add(false, format!("new optional {what} {name}")),
            (false, _) => add(false, format!("new {what} {name}")),
        }
    }
}

/// The field of the same name; unnamed tensors are told apart by their place.
fn same<'a>(all: &'a [Field], field: &Field, at: usize) -> Option<&'a Field> {
    if field.name.is_empty() {
        all.get(at).filter(|other| other.name.is_empty())
    } else {
        all.iter().find(|other| other.name == field.name)
    }
}

fn called(field: &Field, at: usize) -> String {
    if field.name.is_empty() {
        format!("#{}", at + 1)
    } else {
        field.name.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field(name: &str, kind: &str, required: bool) -> Field {
        Field {
            name: Clean::name(name),
            kind: Clean::name(kind),
            required,
        }
    }

    fn words(old: &Signature, new: &Signature) -> Vec<(bool, String)> {
        let all = compare(old, new);
        all.into_iter()
            .map(|d| (d.breaking, d.text.to_string()))
            .collect()
    }

    #[test]
    fn callers_break_on_what_is_removed_retyped_or_newly_required() {
        let old = Signature {
            inputs: vec![
                field("amount", "double", true),
                field("tenure", "long", true),
                field("note", "string", false),
            ],
            outputs: vec![field("p", "double", true)],
            params: Vec::new(),
        };
        let new = Signature {
            inputs: vec![
                field("device", "string", false),
                field("amount", "float", true),
                field("note", "string", true),
                field("country", "string", true),
            ],
            outputs: vec![field("p", "double", true), field("q", "double", true)],
            params: Vec::new(),
        };
        let want = [
            (true, "input amount double → float"),
            (true, "input tenure removed"),
            (true, "input note now required"),
            (true, "new required input country"),
            (false, "new optional input device"),
            (false, "new output q"),
        ];
        let want: Vec<_> = want.iter().map(|(b, t)| (*b, (*t).to_owned())).collect();
        assert_eq!(words(&old, &new), want);
        assert_eq!(words(&old, &old), []);
    }

    #[test]
    fn tensors_without_names_are_compared_by_place() {
        let of = |kinds: &[&str]| Signature {
            inputs: kinds.iter().map(|k| field("", k, true)).collect(),
            ..Signature::default()
        };
        let (old, new) = (of(&["tensor<float>[-1, 4]"]), of(&["tensor<float>[-1, 5]"]));
        assert_eq!(
            words(&old, &new),
            [(
                true,
                "input #1 tensor<float>[-1, 4] → tensor<float>[-1, 5]".to_owned()
            )]
        );
        assert_eq!(words(&new, &of(&[]))[0].1, "input #1 removed");
    }
}
