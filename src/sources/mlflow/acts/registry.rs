//! Looking at what the registry holds of a model: where an alias points, stages, tags, descriptions.

use super::super::{Mlflow, requests, wire};
use crate::domain::action::{AliasMove, Pin, Seen, Sighting, Tagged};
use crate::domain::fault::{Fault, FaultKind};
use crate::domain::gate::approval::Approval;
use crate::domain::key::{Key, ModelKey, VersionKey};
use crate::domain::mark::{self, Mark, Marked};
use crate::domain::query::Texts;
use crate::domain::text::Clean;
use crate::domain::time::Millis;
use crate::domain::wiring::version_text;

/// How much of a tag's value is said.
const VALUE: usize = 80;

/// What was asked for, or what stands in its place.
type Found<T> = Result<T, Sighting>;

/// What is written on a model or a version.
struct Written {
    tags: Vec<wire::Pair>,
    description: String,
    /// The tag of a freeze of the model.
    freeze: Option<Clean>,
}

impl Mlflow {
    /// Where an alias points: `None` is nowhere, before and after.
    pub(super) async fn alias(&self, moved: &AliasMove<'_>) -> Result<Sighting, Fault> {
        let AliasMove {
            model,
            alias,
            from,
            to,
        } = *moved;
        let row = match self.standing(model).await? {
            Ok(row) => row,
            Err(gone) => return Ok(gone),
        };
        let held = requests::alias(&self.http, &row.name, alias.raw()).await?;
        if held.is_none() && row.aliases.iter().any(|row| row.alias == alias.raw()) {
            // Not an absent alias: a refusal of the question, or one that was deleted just now.
            let detail = "the alias is listed and cannot be read";
            return Err(Fault::new(FaultKind::Refused, self.http.base(), detail));
        }
        let words = match &held {
            Some(held) => format!("{} is {}", alias.clean(), shown(&held.version)),
            None => format!("{} names no version", alias.clean()),
        };
        if is_at(held.as_ref(), to) {
            return Ok(Sighting::new(Seen::After, &words));
        }
        if !is_at(held.as_ref(), from) {
            let same = |pin: &&Pin| {
                held.as_ref()
                    .is_some_and(|row| row.version == pin.version.raw())
            };
            let words = match from.into_iter().chain(to).find(same) {
                Some(_) => format!("{words}, which was registered anew"),
                None => words,
            };
            return Ok(Sighting::new(Seen::Other, &words));
        }
        let Some(to) = to else {
            return Ok(Sighting::new(Seen::Before, &words).beside(freeze(&row)));
        };
        let target = requests::version(&self.http, &row.name, to.version.raw()).await?;
        let wrong = match target {
            None => "is no longer there".to_owned(),
            Some(row) if row.creation_timestamp != to.created.0 => {
                "was deleted and registered anew".to_owned()
            }
            Some(row) if !matches!(row.status.as_str(), "READY" | "") => {
                format!("is {}: not ready", Clean::limited(&row.status, VALUE))
            }
            Some(_) => return Ok(Sighting::new(Seen::Before, &words).beside(freeze(&row))),
        };
        let words = format!("{} {wrong}", version_text(&to.version));
        Ok(Sighting::new(Seen::Other, &words))
    }

    /// The stage of a version, in the registry's word.
    pub(super) async fn stage(
        &self,
        (version, created): (&VersionKey, Option<Millis>),
        from: &Key,
        to: &Key,
    ) -> Result<Sighting, Fault> {
        let (model, row) = match self.version_standing(version, created).await? {
            Ok(rows) => rows,
            Err(gone) => return Ok(gone),
        };
        // Servers that no longer have stages leave the word out.
        let is = match row.current_stage.as_str() {
            "" => "None",
            stage => stage,
        };
        let words = format!(
            "{} is in stage {}",
            shown(&row.version),
            Clean::limited(is, VALUE)
        );
        let seen = between(Some(is), Some(from.raw()), Some(to.raw()));
        Ok(Sighting::new(seen, &words).beside(freeze(&model)))
    }

    /// The value of a tag: `None` is no such tag, before and after.
    pub(super) async fn tag(
        &self,
        (of, created): (&Tagged, Option<Millis>),
        key: &Key,
        from: Option<&Key>,
        to: Option<&Key>,
    ) -> Result<Sighting, Fault> {
        let texts = match self.texts_of(of, created).await? {
            Ok(texts) => texts,
            Err(gone) => return Ok(gone),
        };
        let tag = texts.tags.iter().find(|tag| tag.key == key.raw());
        let is = tag.map(|tag| tag.value.as_str());
        let words = match is {
            Some(value) => match told(key, value) {
                Some(words) => format!("{}: {words}", of.words()),
                None => format!(
                    "{} of {} is \"{}\"",
                    key.clean(),
                    of.words(),
                    Clean::limited(value, VALUE)
                ),
            },
            None => format!("{} has no tag {}", of.words(), key.clean()),
        };
        let seen = between(is, from.map(Key::raw), to.map(Key::raw));
        Ok(Sighting::new(seen, &words).beside(texts.freeze))
    }

    /// The description; an absent one is empty.
    pub(super) async fn description(
        &self,
        (of, created): (&Tagged, Option<Millis>),
        from: &Key,
        to: &Key,
    ) -> Result<Sighting, Fault> {
        let texts = match self.texts_of(of, created).await? {
            Ok(texts) => texts,
            Err(gone) => return Ok(gone),
        };
        let is = texts.description;
        let seen = between(Some(&is), Some(from.raw()), Some(to.raw()));
        let what = match (seen, is.is_empty()) {
            (Seen::After, _) => "is as wanted",
            (_, true) => "is empty",
            (Seen::Before, _) => "is as it was read",
            _ => "was changed by somebody else",
        };
        let words = format!("the description of {} {what}", of.words());
        Ok(Sighting::new(seen, &words).beside(texts.freeze))
    }

    /// Tags and description as they are written.
    pub(in super::super) async fn texts(&self, of: &Tagged) -> Result<Texts, Fault> {
        let found = self.texts_of(of, None).await?.map_err(|gone| {
            Fault::new(FaultKind::Refused, self.http.base(), gone.words.as_str())
        })?;
        let tags = found.tags.iter();
        let tags = tags.map(|tag| (Key::new(&tag.key), Key::new(&tag.value)));
        Ok(Texts {
            tags: tags.collect(),
            description: Key::new(&found.description),
        })
    }

    async fn texts_of(
        &self,
        of: &Tagged,
        created: Option<Millis>,
    ) -> Result<Found<Written>, Fault> {
        Ok(match of {
            Tagged::Model(model) => self.standing(model).await?.map(|row| Written {
                freeze: freeze(&row),
                tags: row.tags,
                description: row.description,
            }),
            Tagged::Version(version) => {
                let rows = self.version_standing(version, created).await?;
                rows.map(|(model, row)| Written {
                    freeze: freeze(&model),
                    tags: row.tags,
                    description: row.description,
                })
            }
        })
    }

    /// The model as it stands, if it is still the one that is meant.
    async fn standing(&self, model: &ModelKey) -> Result<Found<wire::ModelRow>, Fault> {
        let name = model.name.clean();
        let row = requests::model(&self.http, model.name.raw()).await?;
        Ok(match row {
            Some(row) if row.creation_timestamp == model.created.0 => Ok(row),
            Some(_) => {
                let words = format!("{name} was deleted and registered anew");
                Err(Sighting::new(Seen::Other, &words))
            }
            None => {
                let words = format!("{name} is no longer registered");
                Err(Sighting::new(Seen::Other, &words))
            }
        })
    }

    /// The version as it stands, if it is still the one that is meant, of the model that is meant, and
    /// that model.
    async fn version_standing(
        &self,
        version: &VersionKey,
        created: Option<Millis>,
    ) -> Result<Found<(wire::ModelRow, wire::VersionRow)>, Fault> {
        let model = match self.standing(&version.model).await? {
            Ok(row) => row,
            Err(gone) => return Ok(Err(gone)),
        };
        let row = requests::version(&self.http, &model.name, version.version.raw()).await?;
        let is_meant = |row: &wire::VersionRow| {
            created.is_none_or(|created| row.creation_timestamp == created.0)
        };
        let why = match row {
            Some(row) if is_meant(&row) => return Ok(Ok((model, row))),
            Some(_) => "was deleted and registered anew",
            None => "is no longer there",
        };
        let of = Tagged::Version(version.clone());
        let words = format!("{} {why}", of.words());
        Ok(Err(Sighting::new(Seen::Other, &words)))
    }
}

/// The tag of a freeze, which stands on the model and holds for its versions too.
fn freeze(model: &wire::ModelRow) -> Option<Clean> {
    let tag = model.tags.iter().find(|tag| tag.key == mark::FREEZE)?;
    Some(Clean::text(&tag.value))
}

/// Whether what an alias holds is what is pinned.
fn is_at(held: Option<&wire::VersionRow>, pin: Option<&Pin>) -> bool {
    match (held, pin) {
        (None, None) => true,
        (Some(row), Some(pin)) => {
            row.version == pin.version.raw() && row.creation_timestamp == pin.created.0
        }
        _ => false,
    }
}

/// What our own tags say, in words: their values are JSON.
fn told(key: &Key, value: &str) -> Option<String> {
    let name = key.raw().strip_prefix("quarterdeck.")?;
    if mark::is_mark(key.raw()) {
        let mark = Mark::read(value).ok()?;
        // One that ended before it began is how a mark is taken away.
        return Some(if mark.until <= mark.at {
            format!("{name} ended by {}", mark.by)
        } else {
            format!("{name} {}", Marked::Holds(mark).words())
        });
    }
    let alias = name.strip_prefix("approval.")?;
    let approval = Approval::read(value).ok()?;
    Some(format!(
        "approval for {} by {} until {}",
        Clean::name(alias),
        approval.by,
        approval.until.day_minute()
    ))
}

/// Which of the two states a value is in. One that is both is as wanted: nothing has to be sent.
fn between(is: Option<&str>, from: Option<&str>, to: Option<&str>) -> Seen {
    if is == to {
        Seen::After
    } else if is == from {
        Seen::Before
    } else {
        Seen::Other
    }
}

fn shown(version: &str) -> Clean {
    version_text(&Key::new(version))
}
