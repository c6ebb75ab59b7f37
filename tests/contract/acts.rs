//! Checks of acts: looked at, carried out as the program does it, and seen in the server's own answer by
//! another route. Each is taken back where something takes it back.

use std::sync::Mutex;

use quarterdeck::domain::action::claims::{self, CLAIM_HOLDS, Intent};
use quarterdeck::domain::action::{
    Act, Actor, Consent, Delivery, Friction, How, IntentLog, Matcher, Mode, Outcome, Pin, Plan,
    PlanId, Record, Seen, Sighting, Step, Tagged, Ticket, Verb,
};
use quarterdeck::domain::fault::{Fault, FaultKind};
use quarterdeck::domain::key::{Key, ModelKey, SourceId, VersionKey};
use quarterdeck::domain::observation::Right;
use quarterdeck::domain::query::{Detail, Query, Texts};
use quarterdeck::domain::settings::Writes;
use quarterdeck::domain::text::Clean;
use quarterdeck::domain::time::{Millis, Now};
use quarterdeck::runtime::writes::{Ended, World, carry_out};
use serde_json::json;

use crate::door::Door;
use crate::ensure;
use crate::monitors::Monitor;
use crate::raw::text;
use crate::serving::Endpoint;
use crate::tracker::{Scratch, Tracker};
use crate::verdict::{Lack, Stop, Verdict};

/// One server, behind one door.
struct Behind<'a> {
    door: &'a Door,
}

impl World for Behind<'_> {
    async fn look(&self, _source: &SourceId, act: &Act) -> Result<Sighting, Fault> {
        self.door.look(act).await
    }

    async fn send(&self, _source: &SourceId, ticket: &Ticket) -> Delivery {
        self.door.execute(ticket).await
    }

    fn now(&self) -> Millis {
        Millis(1)
    }
}

/// A journal that is thrown away.
struct Away;

impl IntentLog for Away {
    fn write(&mut self, _record: &Record, _now: Millis) -> Result<(), Clean> {
        Ok(())
    }
}

/// A fresh identity, of a plan or a silence.
pub(crate) fn fresh() -> PlanId {
    static NEXT: Mutex<u64> = Mutex::new(0);
    let mut next = NEXT.lock().expect("unpoisoned");
    *next += 1;
    let clock = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let now = clock.map_or(0, |d| i64::try_from(d.as_nanos() / 1_000).unwrap_or(0));
    let mut random = [0; 10];
    random[..8].copy_from_slice(&next.to_be_bytes());
    PlanId::new(Millis(now), random)
}

/// Carries acts out one after another, as the steps of one confirmed plan.
pub(crate) async fn carry(door: &Door, acts: Vec<Act>) -> Result<Ended, Stop> {
    let source = SourceId::new("contract");
    let steps = acts.into_iter().map(|act| Step::required(&source, act));
    let plan = Plan {
        id: fresh(),
        verb: Verb::Edit,
        context: Clean::name("contract"),
        subject: Clean::name("contract"),
        model: None,
        summary: Clean::empty(),
        steps: steps.collect(),
        gates: Vec::new(),
        notes: Vec::new(),
        blocked: Vec::new(),
        wanting: Vec::new(),
        friction: Friction::Key,
        read_at: Millis(0),
        expires: std::time::Duration::from_secs(60),
        undo_until: None,
        undoes: None,
        passed: Vec::new(),
    };
    let mode = Mode {
        writes: Writes::Confirm,
        ..Mode::default()
    };
    let confirmed = plan
        .confirm(&mode, &Consent::default(), Now::default())
        .map_err(|refused| Stop::Broken(refused.1.to_string()))?;
    let world = Behind { door };
    let ended = carry_out(confirmed, &Actor::default(), &world, &mut Away).await;
    ended.map_err(|why| Stop::Broken(why.to_string()))
}

/// Carries one act out, which must end so.
pub(crate) async fn ends(door: &Door, act: &Act, how: How) -> Verdict {
    let ended = carry(door, vec![act.clone()]).await?;
    let step = &ended.steps[0];
    ensure!(
        step.how == how,
        "{}: {how:?} expected, {step:?}",
        act.words()
    );
    Ok(())
}

/// There, seen to be there already, and back again.
pub(crate) async fn there_and_back(door: &Door, act: &Act) -> Verdict {
    ends(door, act, How::Done).await?;
    ends(door, act, How::Already).await?;
    let back = act.inverse(None);
    let back = back.ok_or_else(|| format!("{} has no inverse", act.words()))?;
    ends(door, &back, How::Done).await
}

/// A model of the check's own as acts name it, with its two versions.
struct Ours {
    scratch: Scratch,
    model: ModelKey,
    pins: [Pin; 2],
}

impl Ours {
    fn version(&self, index: usize) -> VersionKey {
        VersionKey {
            model: self.model.clone(),
            version: self.pins[index].version.clone(),
        }
    }

    fn alias(&self, alias: &str, from: Option<usize>, to: usize) -> Act {
        Act::MoveAlias {
            model: self.model.clone(),
            alias: Key::new(alias),
            from: from.map(|index| self.pins[index].clone()),
            to: self.pins[to].clone(),
        }
    }
}

async fn on_ours<F>(t: &Tracker, check: F) -> Verdict
where
    F: AsyncFnOnce(&Tracker, &Ours) -> Verdict,
{
    t.need(Lack::MakingModels)?;
    let scratch = t.scratch().await?;
    let model = t.model(&scratch.name).await?.key;
    let mut pins = Vec::new();
    for version in &scratch.versions {
        let query = [("name", scratch.name.as_str()), ("version", version)];
        let row = t.raw.get("model-versions/get", &query).await?;
        let created = row["model_version"]["creation_timestamp"].as_i64();
        pins.push(Pin {
            version: Key::new(version),
            created: Millis(created.ok_or_else(|| "a version without a creation time".to_owned())?),
        });
    }
    let pins: [Pin; 2] = pins.try_into().map_err(|_| "two versions".to_owned())?;
    let ours = Ours {
        scratch,
        model,
        pins,
    };
    let outcome = check(t, &ours).await;
    ours.scratch.remove(t).await?;
    outcome
}

/// An alias is moved, moved back, made and taken away; the server itself says so.
pub(crate) async fn aliases_are_moved_and_moved_back(t: &Tracker) -> Verdict {
    on_ours(t, async |t, ours| {
        let door = &t.door;
        there_and_back(door, &ours.alias("champion", Some(0), 1)).await?;
        ends(door, &ours.alias("champion", Some(0), 1), How::Done).await?;
        let query = [("name", ours.scratch.name.as_str()), ("alias", "champion")];
        let held = t.raw.get("registered-models/alias", &query).await?;
        ensure!(
            text(&held["model_version"]["version"]) == ours.scratch.versions[1],
            "{held}"
        );
        // It is not where this plan expects it.
        ends(door, &ours.alias("champion", None, 0), How::Moved).await?;
        there_and_back(door, &ours.alias("first-ever", None, 0)).await?;
        ends(door, &ours.alias("first-ever", Some(0), 1), How::Moved).await
    })
    .await
}

/// What was deleted and made again under the same name is another thing.
pub(crate) async fn what_was_made_again_is_not_moved_to(t: &Tracker) -> Verdict {
    on_ours(t, async |t, ours| {
        let door = &t.door;
        let mut act = ours.alias("champion", Some(0), 1);
        if let Act::MoveAlias { to, .. } = &mut act {
            to.created = Millis(to.created.0 - 1);
        }
        ends(door, &act, How::Moved).await?;
        if let Act::MoveAlias { to, .. } = &mut act {
            to.version = Key::new("999");
        }
        ends(door, &act, How::Moved).await?;
        let mut act = ours.alias("champion", Some(0), 1);
        if let Act::MoveAlias { model, .. } = &mut act {
            model.created = Millis(model.created.0 - 1);
        }
        ends(door, &act, How::Moved).await?;
        let tag = Act::SetTag {
            created: None,
            of: Tagged::Version(VersionKey {
                version: Key::new("999"),
                ..ours.version(0)
            }),
            key: Key::new("quarterdeck.by"),
            from: None,
            to: Key::new("x"),
        };
        ends(door, &tag, How::Moved).await?;
        // Its number was used again since.
        let tag = Act::SetTag {
            of: Tagged::Version(ours.version(0)),
            created: Some(Millis(ours.pins[0].created.0 - 1)),
            key: Key::new("quarterdeck.by"),
            from: None,
            to: Key::new("x"),
        };
        ends(door, &tag, How::Moved).await
    })
    .await
}

/// Tags and descriptions of models and of versions, and stages where the server has them.
pub(crate) async fn tags_texts_and_stages_are_set_and_set_back(t: &Tracker) -> Verdict {
    on_ours(t, async |t, ours| {
        let door = &t.door;
        let key = Key::new;
        let things = [
            Tagged::Model(ours.model.clone()),
            Tagged::Version(ours.version(0)),
        ];
        for of in things {
            let tag = |from: Option<&str>, to: &str| Act::SetTag {
                created: Some(ours.pins[0].created),
                of: of.clone(),
                key: key("quarterdeck.reason"),
                from: from.map(key),
                to: key(to),
            };
            let long = "ana: \"Q4 data\"\nsecond line, é";
            there_and_back(door, &tag(None, long)).await?;
            ends(door, &tag(None, long), How::Done).await?;
            let written = texts(door, &of).await?;
            let tagged = written
                .tags
                .iter()
                .find(|(name, _)| name.raw() == "quarterdeck.reason");
            ensure!(
                tagged.is_some_and(|(_, value)| value.raw() == long),
                "{written:?}"
            );
            ensure!(written.description.raw().is_empty(), "{written:?}");
            there_and_back(door, &tag(Some(long), "")).await?;
            ends(door, &tag(None, "other"), How::Moved).await?;
            let text = Act::Describe {
                created: Some(ours.pins[0].created),
                of: of.clone(),
                from: key(""),
                to: key("# For people\n\nof *all* kinds"),
            };
            there_and_back(door, &text).await?;
            ends(door, &text, How::Done).await?;
            let written = texts(door, &of).await?.description;
            ensure!(
                written.raw() == "# For people\n\nof *all* kinds",
                "{written:?}"
            );
        }
        let stage = Act::SetStage {
            created: Some(ours.pins[0].created),
            version: ours.version(0),
            from: key("None"),
            to: key("Staging"),
            archive: false,
        };
        there_and_back(door, &stage).await?;
        let stage = |version: usize, from, to| Act::SetStage {
            created: Some(ours.pins[version].created),
            version: ours.version(version),
            from: key(from),
            to: key(to),
            archive: true,
        };
        ends(door, &stage(0, "None", "Production"), How::Done).await?;
        ends(door, &stage(1, "None", "Production"), How::Done).await?;
        ends(door, &stage(0, "Production", "Staging"), How::Moved).await?;
        let woken = Act::SetStage {
            created: Some(ours.pins[0].created),
            version: ours.version(0),
            from: key("Archived"),
            to: key("None"),
            archive: false,
        };
        ends(door, &woken, How::Done).await
    })
    .await
}

/// What is written on a model or a version.
async fn texts(door: &Door, of: &Tagged) -> Result<Texts, Stop> {
    match door.fetch(Query::Texts(of.clone())).await? {
        Detail::Texts(texts) => Ok(*texts),
        other => Err(format!("texts: {other:?}").into()),
    }
}

/// The book of a model's claims, as it is read for a plan.
async fn book(door: &Door, model: &ModelKey) -> Result<claims::Book, Stop> {
    match door.fetch(Query::Claims(model.clone())).await? {
        Detail::Claims(book) => Ok(book),
        other => Err(format!("claims: {other:?}").into()),
    }
}

/// The claim, with its ledger, and the move of a plan.
fn claimed_move(
    ours: &Ours,
    number: u32,
    now: Millis,
    (from, to): (usize, usize),
) -> (Intent, Vec<Act>) {
    let alias = Key::new("champion");
    let (old, new) = (&ours.pins[from].version, &ours.pins[to].version);
    let (owner, reason) = (Clean::name("contract"), Clean::text("a \"check\""));
    let intent = Intent::new(
        &fresh(),
        &owner,
        (Some(old), Some(new)),
        now,
        CLAIM_HOLDS,
        &reason,
    );
    let source = SourceId::new("contract");
    let steps = claims::steps(&source, &ours.model, &alias, number, &intent);
    let mut acts: Vec<Act> = steps.into_iter().map(|step| step.act).collect();
    acts.push(ours.alias("champion", Some(from), to));
    (intent, acts)
}

/// Of consoles that claim the same move at once, at most one goes on; its move supersedes its claim.
pub(crate) async fn of_two_that_claim_a_move_one_is_refused(t: &Tracker) -> Verdict {
    on_ours(t, async |t, ours| {
        let alias = Key::new("champion");
        let (one, two) = (&ours.pins[0].version, &ours.pins[1].version);
        let before = book(&t.door, &ours.model).await?;
        ensure!(before.next(&alias, Some(one)) == Ok(1), "{before:?}");
        // The ledger's clock, or before there is a ledger any clock near it.
        let clock = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        let clock = Millis(clock.map_or(0, |d| i64::try_from(d.as_millis()).unwrap_or(0)));
        let now = before.now.unwrap_or(clock);
        let ledger = claimed_move(ours, 1, now, (0, 1)).1;
        let made = carry(&t.door, ledger[..2].to_vec()).await?;
        ensure!(made.outcome == Outcome::Done, "{made:?}");

        let others = t.reopened(|_| {});
        let claim = |number, from, to| claimed_move(ours, number, now, (from, to)).1;
        let (first, second) = tokio::join!(
            carry(&t.door, claim(1, 0, 1)[..3].to_vec()),
            carry(&others, claim(1, 0, 1)[..3].to_vec())
        );
        let (first, second) = (first?, second?);
        let outcomes = [first.outcome, second.outcome];
        let won = outcomes.iter().filter(|o| **o == Outcome::Done).count();
        ensure!(won == 1, "{first:?}\n{second:?}");
        let lost = if first.outcome == Outcome::Done {
            second
        } else {
            first
        };
        ensure!(
            lost.moved() && lost.words.as_str().contains("is claimed by contract (v"),
            "{lost:?}"
        );

        // Whoever plans now is told; whoever comes with a later number too.
        let held = book(&t.door, &ours.model).await?;
        ensure!(held.now.is_some(), "the registry tells no time");
        ensure!(held.next(&alias, Some(one)).is_err(), "{held:?}");
        let late = carry(&others, claim(2, 0, 1)[..3].to_vec()).await?;
        ensure!(late.moved(), "{late:?}");
        // The move is seen: the claim is done with, and the next number is free.
        ensure!(held.next(&alias, Some(two)) == Ok(2), "{held:?}");
        ends(&t.door, &ours.alias("champion", Some(0), 1), How::Done).await?;
        let back = carry(&others, claim(2, 1, 0)).await?;
        ensure!(back.outcome == Outcome::Done, "{back:?}");
        // A claim without its move is ended by its owner, and holds nobody off.
        let (intent, mut acts) = claimed_move(ours, 3, now, (0, 1));
        acts.truncate(3);
        let source = SourceId::new("contract");
        acts.push(claims::ending(&source, &ours.model, &alias, 3, &intent).act);
        let ended = carry(&t.door, acts).await?;
        ensure!(ended.steps[3].how == How::Done, "{ended:?}");
        let free = book(&t.door, &ours.model).await?;
        ensure!(free.next(&alias, Some(one)) == Ok(4), "{free:?}");
        Ok(())
    })
    .await
}

/// What the server says that we may, we may; what we may not is refused, and told apart.
pub(crate) async fn acts_end_as_the_rights_say(t: &Tracker) -> Verdict {
    let model = t.model("fraud-detector").await?.key;
    let abilities = t.door.probe().await?;
    // A tag of a name that nobody has, so that what it was before need not be read.
    let key = Key::new(&format!("quarterdeck.{}", fresh()));
    let value = Key::new("x");
    let version = VersionKey {
        model: model.clone(),
        version: Key::new("1"),
    };
    for of in [Tagged::Model(model.clone()), Tagged::Version(version)] {
        let set = Act::SetTag {
            created: None,
            of: of.clone(),
            key: key.clone(),
            from: None,
            to: value.clone(),
        };
        let unset = Act::DeleteTag {
            created: None,
            of,
            key: key.clone(),
            from: value.clone(),
        };
        for act in [set, unset] {
            let may = abilities.may(&act);
            let tried = carry(&t.door, vec![act.clone()]).await?;
            let did = tried.outcome == Outcome::Done;
            let refused = tried.steps[0].forbidden && tried.steps[0].how == How::Refused;
            let words = format!("{}: {may:?}: {tried:?}", act.words());
            ensure!(did || refused, "{words}");
            ensure!(may != Right::Allowed || did, "{words}");
            ensure!(may != Right::Denied || refused, "{words}");
            if refused {
                break;
            }
        }
    }
    Ok(())
}

/// The version that the endpoint itself reports is the one that is seen; where it reports none, what is
/// declared is said to be declared, and without that nothing is.
pub(crate) async fn the_version_that_answers_is_awaited(e: &Endpoint) -> Verdict {
    let awaited = |to: &str| Act::AwaitServed {
        deployment: e.deployment.key(),
        from: None,
        to: Key::new(to),
    };
    let door = e.door(|_| {});
    if e.serves.is_empty() {
        let sighting = door.look(&awaited("7")).await;
        ensure!(
            sighting
                .as_ref()
                .is_err_and(|f| f.kind == FaultKind::Unsupported),
            "{sighting:?}"
        );
        let door = e.door(|d| d.declared_version = Some("7".to_owned()));
        for (to, seen) in [("7", Seen::After), ("8", Seen::Before)] {
            let sighting = door.look(&awaited(to)).await?;
            ensure!(
                sighting.seen == seen && sighting.words.as_str().contains("declared"),
                "{sighting:?}"
            );
        }
        return Ok(());
    }
    let answers = e.default.or(e.serves.last().copied()).unwrap_or_default();
    ends(&door, &awaited(answers), How::Done).await?;
    for to in e
        .serves
        .iter()
        .copied()
        .filter(|to| *to != answers)
        .chain(["999"])
    {
        let sighting = door.look(&awaited(to)).await?;
        ensure!(sighting.seen == Seen::Before, "{to}: {sighting:?}");
    }
    // Another address is another endpoint.
    let mut elsewhere = e.deployment.key();
    elsewhere.base = Key::new("http://elsewhere.invalid");
    let act = Act::AwaitServed {
        deployment: elsewhere,
        from: None,
        to: Key::new(answers),
    };
    let sighting = door.look(&act).await;
    ensure!(
        sighting
            .as_ref()
            .is_err_and(|f| f.kind == FaultKind::Config),
        "{sighting:?}"
    );
    Ok(())
}

/// A model that was taken out of service is loaded again from the repository.
pub(crate) async fn a_model_is_loaded_from_the_repository(e: &Endpoint) -> Verdict {
    let door = e.door(|_| {});
    let deployment = e.deployment.key();
    let to = Key::new(e.default.unwrap_or_default());
    let load = |to: &Key| Act::LoadModel {
        deployment: deployment.clone(),
        from: None,
        to: to.clone(),
    };
    ends(&door, &load(&to), How::Already).await?;
    let path = format!("/v2/repository/models/{}/unload", deployment.name.segment());
    let said = e.raw.tell(&path, &json!({})).await?;
    ensure!(said.status == 200, "{said:?}");
    let sighting = door.look(&load(&to)).await?;
    ensure!(sighting.seen == Seen::Before, "{sighting:?}");
    ends(&door, &load(&to), How::Done).await?;
    let strange = e.door(|d| d.served_name = Some("no-such-model".to_owned()));
    let act = Act::LoadModel {
        deployment: quarterdeck::domain::key::DeploymentKey {
            name: Key::new("no-such-model"),
            ..deployment.clone()
        },
        from: None,
        to,
    };
    ends(&strange, &act, How::Refused).await
}

/// A silence is found by its nonce, ends when it is told to, and one that nobody knows has ended.
pub(crate) async fn silences_are_made_found_and_ended(m: &Monitor) -> Verdict {
    let door = m.door();
    let clock = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let now = Millis(clock.map_or(0, |d| i64::try_from(d.as_millis()).unwrap_or(0)));
    let nonce = fresh();
    let matcher = |name: &str, value: &str, regex, equal| Matcher {
        name: Key::new(name),
        value: Key::new(value),
        regex,
        equal,
    };
    let silence = Act::Silence {
        matchers: vec![
            matcher("model", "no-such-model|nor-this", true, true),
            matcher("severity", "page", false, false),
        ],
        starts: now,
        ends: now.plus(std::time::Duration::from_secs(3_600)),
        by: Clean::name("contract"),
        comment: Clean::text("INC-42: \"é\""),
        nonce: nonce.key(),
    };
    let ended = carry(&door, vec![silence.clone()]).await?;
    ensure!(ended.steps[0].how == How::Done, "{ended:?}");
    let sighting = door.look(&silence).await?;
    let id = sighting.id.clone().unwrap_or_else(|| Key::new(""));
    let row = m
        .get(&format!("/api/v2/silence/{}", id.segment()), &[])
        .await?;
    ensure!(
        row["createdBy"] == "contract"
            && row["status"]["state"] == "active"
            && text(&row["comment"]).starts_with("INC-42: \"é\" [")
            && crate::raw::list(&row["matchers"]).len() == 2,
        "{row}"
    );
    ends(&door, &silence, How::Already).await?;
    let expire = Act::ExpireSilence { id };
    ends(&door, &expire, How::Done).await?;
    ends(&door, &expire, How::Already).await?;
    let sighting = door.look(&silence).await?;
    ensure!(sighting.seen == Seen::Other, "{sighting:?}");
    let unknown = Key::new("00000000-0000-4000-8000-000000000000");
    let unknown = Act::ExpireSilence { id: unknown };
    ends(&door, &unknown, How::Moved).await
}

/// An annotation is found by the tag that is its nonce, and is not made twice.
pub(crate) async fn annotations_are_made_and_found(m: &Monitor) -> Verdict {
    let door = m.door();
    let clock = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let now = Millis(clock.map_or(0, |d| i64::try_from(d.as_millis()).unwrap_or(0)));
    let nonce = fresh();
    let annotate = Act::Annotate {
        at: now,
        text: Clean::text("champion v6 → v7 by \"ana\""),
        tags: vec![Key::new("model:churn"), Key::new("promote")],
        nonce: nonce.key(),
    };
    ends(&door, &annotate, How::Done).await?;
    ends(&door, &annotate, How::Already).await?;
    let rows = m
        .get("/api/annotations", &[("tags", nonce.as_str())])
        .await?;
    ensure!(crate::raw::list(&rows).len() == 1, "{rows}");
    ensure!(
        text(&rows[0]["text"]) == "champion v6 → v7 by \"ana\"",
        "{rows}"
    );
    Ok(())
}
