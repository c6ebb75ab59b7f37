//! Checks of the registry's side: models, versions, aliases, packages.

use std::collections::{BTreeMap, BTreeSet};

use quarterdeck::domain::fault::FaultKind;
use quarterdeck::domain::key::{Key, VersionKey};
use quarterdeck::domain::model::Field;
use quarterdeck::domain::observation::{Coverage, Feed, Rows};
use quarterdeck::domain::query::{Detail, Query};
use quarterdeck::domain::text::Clean;
use quarterdeck::sources::Focus;
use serde_json::{Value, json};

use crate::ensure;
use crate::raw::{list, text};
use crate::tracker::{Scratch, Tracker};
use crate::verdict::{Lack, Stop, Verdict};

/// The sweep lists every model exactly once, and no other.
pub(crate) async fn every_model_once(t: &Tracker) -> Verdict {
    let models = t.models().await?;
    let direct: BTreeMap<String, Value> = t
        .raw
        .models()
        .await?
        .into_iter()
        .map(|row| (text(&row["name"]).to_owned(), row))
        .collect();
    let names: BTreeSet<&str> = models.iter().map(|m| m.key.name.raw()).collect();
    ensure!(
        names.len() == models.len(),
        "{} rows for {} names",
        models.len(),
        names.len()
    );
    ensure!(
        names.len() == direct.len() && direct.keys().all(|name| names.contains(name.as_str())),
        "{} models by the adapter, {} by the server's own listing",
        names.len(),
        direct.len()
    );
    for model in &models {
        let row = &direct[model.key.name.raw()];
        ensure!(
            Some(model.key.created.0) == row["creation_timestamp"].as_i64(),
            "creation time of {:?}",
            model.key.name
        );
        ensure!(
            model.tags.len() == list(&row["tags"]).len(),
            "tags of {:?}",
            model.key.name
        );
    }
    Ok(())
}

/// The listing is longer than one page of any adapter: paging is really exercised.
pub(crate) async fn more_models_than_a_page(t: &Tracker) -> Verdict {
    let models = t.models().await?;
    ensure!(models.len() > 200, "only {} models", models.len());
    Ok(())
}

/// Aliases as listed with the model are those of the alias route.
pub(crate) async fn aliases_equal_the_alias_route(t: &Tracker) -> Verdict {
    let mut seen = 0;
    for model in t.models().await? {
        for alias in model.aliases.iter() {
            if seen == 40 {
                return Ok(());
            }
            let query = [
                ("name", model.key.name.raw()),
                ("alias", alias.name.key.raw()),
            ];
            let direct = t.raw.get("registered-models/alias", &query).await?;
            ensure!(
                text(&direct["model_version"]["version"]) == alias.version.raw(),
                "{:?} of {:?}",
                alias.name,
                model.key.name
            );
            seen += 1;
        }
    }
    ensure!(seen >= 5, "only {seen} aliases to compare");
    Ok(())
}

/// A move of an alias is seen by the next fast tick, and no timestamp told of it.
pub(crate) async fn alias_move_is_seen_by_the_fast_tick(t: &Tracker) -> Verdict {
    let scratch = t.scratch().await?;
    let outcome = alias_move(t, &scratch).await;
    scratch.remove(t).await?;
    outcome
}

async fn alias_move(t: &Tracker, scratch: &Scratch) -> Verdict {
    let key = t.model(&scratch.name).await?.key;
    let mut stamps = BTreeSet::new();
    for at in [0, 1, 0] {
        scratch.point(t, at).await?;
        let rows = t.watched(&key).await?;
        let model = rows.iter().find(|m| m.key == key);
        let Some(model) = model else {
            return Err(format!("{:?} is watched and was not told of", key.name).into());
        };
        ensure!(
            model.alias(&scratch.alias).map(Key::raw) == Some(&*scratch.versions[at]),
            "{} should be {}, the tick says {:?}",
            scratch.alias,
            scratch.versions[at],
            model.alias(&scratch.alias)
        );
        stamps.insert(model.updated);
    }
    ensure!(stamps.len() == 1, "a timestamp moved: {stamps:?}");
    Ok(())
}

/// A version that appears is told by the medium tick, and belongs to the model as listed.
pub(crate) async fn new_version_is_seen_by_the_medium_tick(t: &Tracker) -> Verdict {
    t.need(Lack::NewVersions)?;
    let scratch = t.scratch().await?;
    let outcome = new_version(t, &scratch).await;
    scratch.remove(t).await?;
    outcome
}

async fn new_version(t: &Tracker, scratch: &Scratch) -> Verdict {
    let model = t.model(&scratch.name).await?;
    t.door.poll(Feed::NewestVersions, &Focus::default()).await?;
    let version = t.register(&scratch.name).await?;
    let answer = t.door.poll(Feed::NewestVersions, &Focus::default()).await?;
    ensure!(
        !matches!(answer.coverage, Coverage::Full(_)),
        "the newest versions are not all versions"
    );
    let Rows::Versions(rows) = answer.rows else {
        return Err("rows of another type".to_owned().into());
    };
    let found = rows
        .iter()
        .find(|v| v.key.model.name.raw() == scratch.name && v.key.version.raw() == version);
    let Some(found) = found else {
        return Err(format!("version {version} of {} is not among them", scratch.name).into());
    };
    ensure!(
        found.key.model == model.key,
        "the version belongs to {:?}, the model is {:?}",
        found.key.model,
        model.key
    );
    Ok(())
}

/// A deleted version is gone from the full sweep, and its sisters are not.
pub(crate) async fn deleted_version_is_gone_from_the_sweep(t: &Tracker) -> Verdict {
    t.need(Lack::MakingModels)?;
    let scratch = t.scratch().await?;
    let outcome = deleted_version(t, &scratch).await;
    scratch.remove(t).await?;
    outcome
}

async fn deleted_version(t: &Tracker, scratch: &Scratch) -> Verdict {
    let of_scratch = |rows: Vec<quarterdeck::domain::model::ModelVersion>| {
        let mut found: Vec<String> = rows
            .iter()
            .filter(|v| v.key.model.name.raw() == scratch.name)
            .map(|v| v.key.version.raw().to_owned())
            .collect();
        found.sort();
        found
    };
    let before = of_scratch(t.versions().await?);
    ensure!(before == scratch.versions, "before: {before:?}");
    let body = json!({"name": scratch.name, "version": scratch.versions[1]});
    t.raw.delete("model-versions/delete", &body).await?;
    let after = of_scratch(t.versions().await?);
    ensure!(after == scratch.versions[..1], "after: {after:?}");
    Ok(())
}

/// The sweep of versions lists each once, under a model that the sweep of models lists, with the
/// registry's own facts.
pub(crate) async fn every_version_once(t: &Tracker) -> Verdict {
    let models = t.models().await?;
    let versions = t.versions().await?;
    let keys: BTreeSet<&VersionKey> = versions.iter().map(|v| &v.key).collect();
    ensure!(
        keys.len() == versions.len(),
        "{} rows for {} versions",
        versions.len(),
        keys.len()
    );
    let known: BTreeSet<_> = models.iter().map(|m| &m.key).collect();
    for key in &keys {
        ensure!(
            known.contains(&key.model),
            "version {:?} belongs to {:?}, which is not listed",
            key.version,
            key.model
        );
    }
    for model in models.iter().take(12) {
        let direct = t.raw.versions(model.key.name.raw()).await?;
        let mine: Vec<_> = versions
            .iter()
            .filter(|v| v.key.model == model.key)
            .collect();
        ensure!(
            mine.len() == direct.len(),
            "{:?}: {} versions by the adapter, {} by the server",
            model.key.name,
            mine.len(),
            direct.len()
        );
        for row in &direct {
            let Some(version) = mine
                .iter()
                .find(|v| v.key.version.raw() == text(&row["version"]))
            else {
                return Err(format!("{:?}: no version {row}", model.key.name).into());
            };
            let stage = Some(text(&row["current_stage"])).filter(|s| !s.is_empty() && *s != "None");
            let run = Some(text(&row["run_id"])).filter(|id| !id.is_empty());
            ensure!(
                Some(version.created.0) == row["creation_timestamp"].as_i64()
                    && version.stage.as_ref().map(Clean::as_str) == stage
                    && version.run.as_ref().map(|r| r.id.raw()) == run
                    && version.tags.len() == list(&row["tags"]).len(),
                "{version:?} is not {row}"
            );
        }
        let detail = t.door.fetch(Query::Versions(model.key.clone())).await?;
        let Detail::Versions(asked) = detail else {
            return Err("an answer of another type".to_owned().into());
        };
        let asked: BTreeSet<_> = asked.into_iter().map(|v| v.key).collect();
        ensure!(
            asked == mine.iter().map(|v| v.key.clone()).collect(),
            "{:?}: asked for its versions, it has others",
            model.key.name
        );
    }
    Ok(())
}

/// A version's package is what its `MLmodel` file says.
pub(crate) async fn package_is_what_was_logged(t: &Tracker) -> Verdict {
    let mut with_signature = 0;
    let mut refused = false;
    for version in t.versions().await?.iter().take(60) {
        if with_signature >= 4 && refused {
            break;
        }
        let (name, number) = (version.key.model.name.raw(), version.key.version.raw());
        let direct = t.raw.package(name, number).await?;
        let answer = t.door.fetch(Query::Package(version.key.clone())).await;
        let Some(direct) = direct else {
            ensure!(
                answer.is_err(),
                "{name} {number}: the server cannot read the package and the adapter can"
            );
            refused = true;
            continue;
        };
        let Detail::Package(package) = answer? else {
            return Err("an answer of another type".to_owned().into());
        };
        let yaml: Value = serde_saphyr::from_str(&direct)
            .map_err(|e| format!("{name} {number}: MLmodel: {e}"))?;
        for flavor in yaml["flavors"].as_object().into_iter().flatten() {
            ensure!(
                package
                    .flavors
                    .iter()
                    .any(|f| f.as_str().contains(flavor.0.as_str())),
                "{name} {number}: flavor {} is not among {:?}",
                flavor.0,
                package.flavors
            );
        }
        let Some(signature) = &package.signature else {
            ensure!(
                yaml["signature"].is_null(),
                "{name} {number}: the signature is lost"
            );
            continue;
        };
        same_fields(&signature.inputs, &yaml["signature"]["inputs"])?;
        same_fields(&signature.outputs, &yaml["signature"]["outputs"])?;
        ensure!(!signature.inputs.is_empty(), "{name} {number}: no inputs");
        with_signature += 1;
    }
    ensure!(with_signature > 0, "no version with a signature was found");
    Ok(())
}

fn same_fields(fields: &[Field], direct: &Value) -> Verdict {
    let rows: Value = serde_json::from_str(text(direct)).unwrap_or_default();
    let rows = list(&rows);
    ensure!(
        fields.len() == rows.len(),
        "{} fields for {direct}",
        fields.len()
    );
    for (field, row) in fields.iter().zip(rows) {
        let kind = match text(&row["type"]) {
            "tensor" => text(&row["tensor-spec"]["dtype"]),
            plain => plain,
        };
        ensure!(
            field.name == text(&row["name"])
                && field.kind.as_str().contains(kind)
                && field.required == row["required"].as_bool().unwrap_or(true),
            "{field:?} is not {row}"
        );
    }
    Ok(())
}

/// The files of a logged model are listed, its `MLmodel` among them.
pub(crate) async fn logged_model_has_its_files(t: &Tracker) -> Verdict {
    t.need(Lack::LoggedModels)?;
    for version in t.versions().await? {
        let Some(model) = version.logged_model else {
            continue;
        };
        let query = Query::LoggedModelArtifacts {
            model,
            path: Key::new(""),
        };
        let Detail::Artifacts(files) = t.door.fetch(query).await? else {
            return Err("an answer of another type".to_owned().into());
        };
        let paths: Vec<_> = files.iter().map(|f| f.path.key.raw()).collect();
        ensure!(paths.contains(&"MLmodel"), "files: {paths:?}");
        return Ok(());
    }
    Err("no version knows its logged model".to_owned().into())
}

/// What is not there is said to be not there.
pub(crate) async fn unknown_version_is_not_found(t: &Tracker) -> Verdict {
    let versions = t.versions().await?;
    let Some(known) = versions.first() else {
        return Err("no version is listed".to_owned().into());
    };
    let unknown = VersionKey {
        version: Key::new("987654"),
        ..known.key.clone()
    };
    let Err(fault) = t.door.fetch(Query::Package(unknown)).await else {
        return Err("a version that does not exist has a package"
            .to_owned()
            .into());
    };
    ensure!(fault.kind == FaultKind::NotFound, "{}", fault.line());
    Ok(())
}

/// A fast tick with nothing to watch tells nothing and claims nothing.
pub(crate) async fn watching_nothing_tells_nothing(t: &Tracker) -> Verdict {
    let answer = t.door.poll(Feed::WatchedModels, &Focus::default()).await?;
    ensure!(answer.rows.is_empty(), "{} rows", answer.rows.len());
    ensure!(
        !matches!(answer.coverage, Coverage::Full(_)),
        "nothing would count as everything gone"
    );
    Ok(())
}

/// A watched model that was deleted is not told of, and does not hide the others.
pub(crate) async fn watched_model_that_is_gone_hides_nobody(t: &Tracker) -> Verdict {
    let models = t.models().await?;
    let Some(kept) = models.first() else {
        return Err("no model is listed".to_owned().into());
    };
    let mut gone = kept.key.clone();
    gone.name = Key::new("it's gone");
    let focus = Focus {
        models: [kept.key.clone(), gone].into(),
        ..Focus::default()
    };
    let answer = t.door.poll(Feed::WatchedModels, &focus).await?;
    let Rows::Models(rows) = answer.rows else {
        return Err("rows of another type".to_owned().into());
    };
    let keys: Vec<_> = rows.iter().map(|m| &m.key).collect();
    ensure!(keys == [&kept.key], "told of {keys:?}");
    Ok::<(), Stop>(())
}
