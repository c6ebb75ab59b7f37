//! Whether a version could be made again: git commit, data, model package, environment.

use crate::domain::model::{ModelVersion, Package, VersionStatus};
use crate::domain::run::Run;
use crate::domain::text::Clean;

/// How true a claim is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Truth {
    /// Checked against its source.
    Verified,
    /// Written down, not checked.
    Claimed,
    /// Not written down.
    Missing,
    /// Written down, and it cannot be right.
    Broken,
}

impl Truth {
    /// The word on screen and in JSON.
    pub fn word(self) -> &'static str {
        match self {
            Self::Verified => "verified",
            Self::Claimed => "claimed",
            Self::Missing => "missing",
            Self::Broken => "broken",
        }
    }
}

/// The four claims, in the order of [`judge`].
pub const PARTS: [&str; 4] = ["git", "data", "model", "environment"];

/// One of the four claims.
#[derive(Clone, PartialEq, Eq, Debug, serde::Serialize)]
pub struct Claim {
    /// `git`, `data`, `model`, `environment`.
    pub what: &'static str,
    /// How true.
    pub truth: Truth,
    /// The evidence, or what is missing.
    pub text: Clean,
}

/// What is known of where a version came from.
#[derive(Clone, Copy, Debug, Default)]
pub struct Origins<'a> {
    /// The run, if it was found.
    pub run: Option<&'a Run>,
    /// Whether the run was looked for and is not there.
    pub run_gone: bool,
    /// The package, if it was read.
    pub package: Option<&'a Package>,
    /// Whether reading the package was refused or failed.
    pub package_unreadable: bool,
}

/// Judges the four claims of a version, in the order git, data, model, environment.
pub fn judge(version: &ModelVersion, from: Origins<'_>) -> [Claim; 4] {
    [
        git(version, from),
        data(from),
        model(version, from),
        environment(version, from),
    ]
}

fn claim(what: &'static str, truth: Truth, text: &str) -> Claim {
    Claim {
        what,
        truth,
        text: Clean::text(text),
    }
}

fn without_run(what: &'static str, from: Origins<'_>) -> Claim {
    if from.run_gone {
        claim(
            what,
            Truth::Broken,
            "the version names a run that the tracker does not hold",
        )
    } else {
        claim(what, Truth::Missing, "no run is known")
    }
}

fn git(version: &ModelVersion, from: Origins<'_>) -> Claim {
    let tagged = version
        .tag("git_commit")
        .or_else(|| version.tag("mlflow.source.git.commit"));
    let commit = tagged.or_else(|| from.run.and_then(|r| r.tag("mlflow.source.git.commit")));
    match commit {
        Some(commit) if is_commit(commit.as_str()) => {
            let dirty = from
                .run
                .and_then(|r| r.tag("mlflow.source.git.dirty"))
                .is_some_and(|d| d.as_str().eq_ignore_ascii_case("true"));
            if dirty {
                let text = format!("{} with uncommitted changes", short(commit.as_str()));
                claim("git", Truth::Broken, &text)
            } else {
                claim(
                    "git",
                    Truth::Claimed,
                    &format!("commit {}", short(commit.as_str())),
                )
            }
        }
        Some(word) => claim("git", Truth::Broken, &format!("{word} is no commit")),
        None if from.run.is_none() => without_run("git", from),
        None => claim(
            "git",
            Truth::Missing,
            "the run has no mlflow.source.git.commit tag",
        ),
    }
}

fn data(from: Origins<'_>) -> Claim {
    let Some(run) = from.run else {
        return without_run("data", from);
    };
    let named = run
        .datasets
        .iter()
        .find(|d| d.context == "training")
        .or(run.datasets.first());
    match (
        named,
        run.tag("dvc.revision").or_else(|| run.tag("data_version")),
    ) {
        (Some(set), _) if !set.digest.is_empty() => claim(
            "data",
            Truth::Claimed,
            &format!("{} digest {}", set.name, set.digest),
        ),
        (_, Some(version)) => claim("data", Truth::Claimed, &format!("data version {version}")),
        (Some(set), None) => claim(
            "data",
            Truth::Missing,
            &format!("{} was logged without a digest", set.name),
        ),
        (None, None) => claim("data", Truth::Missing, "the run logged no dataset"),
    }
}

fn model(version: &ModelVersion, from: Origins<'_>) -> Claim {
    match (&version.status, from.package) {
        (VersionStatus::Failed, _) => claim(
            "model",
            Truth::Broken,
            &format!("registration failed: {}", version.status_message),
        ),
        (_, Some(package)) => {
            let flavors: Vec<_> = package.flavors.iter().map(Clean::as_str).take(2).collect();
            claim(
                "model",
                Truth::Verified,
                &format!("package read: {}", flavors.join(", ")),
            )
        }
        (_, None) if from.package_unreadable => {
            claim("model", Truth::Broken, "the package cannot be read")
        }
        (_, None) if version.source.is_empty() => {
            claim("model", Truth::Missing, "the version names no source")
        }
        (_, None) => claim("model", Truth::Claimed, version.source.as_str()),
    }
}

fn environment(version: &ModelVersion, from: Origins<'_>) -> Claim {
    let image = version
        .tag("docker_image")
        .or_else(|| from.run.and_then(|r| r.tag("mlflow.docker.image.id")))
        .or_else(|| from.run.and_then(|r| r.tag("docker_image")));
    match (image, from.package) {
        (Some(image), _) if image.as_str().contains("@sha256:") => {
            claim("environment", Truth::Claimed, &format!("image {image}"))
        }
        (_, Some(package)) if !package.environment.is_empty() => {
            let files: Vec<_> = package.environment.iter().map(Clean::as_str).collect();
            claim("environment", Truth::Verified, &files.join(", "))
        }
        (Some(image), _) => claim(
            "environment",
            Truth::Claimed,
            &format!("image {image} without a digest"),
        ),
        (None, Some(_)) => claim(
            "environment",
            Truth::Missing,
            "the package names no environment file",
        ),
        (None, None) => claim(
            "environment",
            Truth::Missing,
            "no image and no package is known",
        ),
    }
}

fn is_commit(text: &str) -> bool {
    (7..=64).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_hexdigit())
}

fn short(commit: &str) -> &str {
    commit.get(..10).unwrap_or(commit)
}
