//! Acts against scripted servers: what a look makes of each state, and what an answer to a write means.

use std::sync::Arc;

use serde_json::{Value, json};

use super::scripted::{Asked, fixed, scripted, source};
use crate::domain::action::{Act, Delivery, Pin, Seen, Tagged};
use crate::domain::fault::FaultKind;
use crate::domain::key::{Key, ModelKey, RegistryKey, VersionKey};
use crate::domain::time::Millis;
use crate::sources::Source as _;
use crate::sources::mlflow::Mlflow;
use crate::sources::testing::ticket;

fn churn(source: &Mlflow) -> ModelKey {
    ModelKey {
        registry: Arc::clone(&source.registry),
        name: Key::new("churn"),
        created: Millis(100),
    }
}

/// When the version that is edited was registered.
const CREATED: Option<Millis> = Some(Millis(107));

fn pin(version: &str, created: i64) -> Pin {
    Pin {
        version: Key::new(version),
        created: Millis(created),
    }
}

fn champion(model: ModelKey, from: Option<Pin>, to: Pin) -> Act {
    Act::MoveAlias {
        model,
        alias: Key::new("champion"),
        from,
        to,
    }
}

/// What a registry holds, as far as acts read it.
#[derive(Clone)]
struct Held {
    model: Value,
    alias: Result<Value, (u16, &'static str)>,
    version: Result<Value, (u16, &'static str)>,
}

const MISSING: (u16, &str) = (404, "not found");

fn row(version: &str, created: i64) -> Value {
    json!({"name": "churn", "version": version, "creation_timestamp": created, "status": "READY",
        "current_stage": "Staging", "description": "good", "tags": [{"key": "owner", "value": "risk"}]})
}

impl Held {
    fn usual() -> Self {
        Self {
            model: json!({"name": "churn", "creation_timestamp": 100, "tags": []}),
            alias: Ok(row("6", 106)),
            version: Ok(row("7", 107)),
        }
    }

    async fn served(self) -> Mlflow {
        let answer = move |asked: &Asked, _nth: usize| match asked.route.as_str() {
            "registered-models/get" if self.model.is_null() => Err(MISSING),
            "registered-models/get" => Ok(json!({"registered_model": self.model})),
            "registered-models/alias" => {
                self.alias.clone().map(|row| json!({"model_version": row}))
            }
            "model-versions/get" => self
                .version
                .clone()
                .map(|row| json!({"model_version": row})),
            other => panic!("{other} was asked"),
        };
        scripted(answer).await.0
    }
}

#[tokio::test]
#[expect(clippy::too_many_lines, reason = "a table: one line a state")]
async fn a_look_at_an_alias_says_which_state_it_is_in() {
    let gone = json!({"name": "churn", "creation_timestamp": 900});
    let listed = json!({"name": "churn", "creation_timestamp": 100,
        "aliases": [{"alias": "champion", "version": "6"}]});
    let pending = {
        let mut pending = row("7", 107);
        pending["status"] = json!("PENDING_REGISTRATION");
        pending
    };
    let usual = Held::usual();
    let none = Held {
        alias: Err((400, "Registered model alias champion not found.")),
        ..usual.clone()
    };
    let with = |change: fn(&mut Held, Value), value: Value| {
        let mut held = Held::usual();
        change(&mut held, value);
        held
    };
    let alias: fn(&mut Held, Value) = |held, value| held.alias = Ok(value);
    let model: fn(&mut Held, Value) = |held, value| held.model = value;
    let version: fn(&mut Held, Value) = |held, value| held.version = Ok(value);
    let six = Some(pin("6", 106));
    for (held, from, seen, words) in [
        (usual.clone(), six.clone(), Seen::Before, "champion is v6"),
        (
            with(alias, row("7", 107)),
            six.clone(),
            Seen::After,
            "champion is v7",
        ),
        (
            with(alias, row("5", 105)),
            six.clone(),
            Seen::Other,
            "champion is v5",
        ),
        // The same number, and another version.
        (
            with(alias, row("6", 300)),
            six.clone(),
            Seen::Other,
            "champion is v6, which was registered anew",
        ),
        (
            with(alias, row("7", 300)),
            six.clone(),
            Seen::Other,
            "champion is v7, which was registered anew",
        ),
        (
            none.clone(),
            six.clone(),
            Seen::Other,
            "champion names no version",
        ),
        (
            none.clone(),
            None,
            Seen::Before,
            "champion names no version",
        ),
        (usual.clone(), None, Seen::Other, "champion is v6"),
        (
            with(model, gone),
            six.clone(),
            Seen::Other,
            "churn was deleted and registered anew",
        ),
        (
            with(model, Value::Null),
            six.clone(),
            Seen::Other,
            "churn is no longer registered",
        ),
        (
            with(version, row("7", 300)),
            six.clone(),
            Seen::Other,
            "v7 was deleted and registered anew",
        ),
        (
            with(version, pending),
            six.clone(),
            Seen::Other,
            "v7 is PENDING_REGISTRATION: not ready",
        ),
        (
            Held {
                version: Err(MISSING),
                ..usual.clone()
            },
            six.clone(),
            Seen::Other,
            "v7 is no longer there",
        ),
    ] {
        let source = held.served().await;
        let act = champion(churn(&source), from, pin("7", 107));
        let sighting = source.look(&act).await.expect("a sighting");
        assert_eq!((sighting.seen, sighting.words.as_str()), (seen, words));
    }
    // A refusal that is none of an absent alias.
    let source = Held {
        model: listed,
        ..none.clone()
    }
    .served()
    .await;
    let act = champion(churn(&source), None, pin("7", 107));
    assert!(
        source
            .look(&act)
            .await
            .is_err_and(|f| f.kind == FaultKind::Refused)
    );

    for (held, seen) in [(usual, Seen::Before), (none, Seen::After)] {
        let source = held.served().await;
        let act = Act::DeleteAlias {
            model: churn(&source),
            alias: Key::new("champion"),
            from: pin("6", 106),
        };
        assert_eq!(source.look(&act).await.expect("a sighting").seen, seen);
    }
}

#[tokio::test]
#[expect(clippy::too_many_lines, reason = "a table: one line a state")]
async fn stages_tags_and_descriptions_are_compared_with_what_was_read() {
    let source = Held::usual().served().await;
    let version = VersionKey {
        model: churn(&source),
        version: Key::new("7"),
    };
    let of = Tagged::Version(version.clone());
    let key = |raw: &str| Key::new(raw);
    let stage = |from: &str, to: &str| Act::SetStage {
        created: CREATED,
        version: version.clone(),
        from: key(from),
        to: key(to),
        archive: true,
    };
    let tag = |name: &str, from: Option<&str>, to: &str| Act::SetTag {
        created: CREATED,
        of: of.clone(),
        key: key(name),
        from: from.map(key),
        to: key(to),
    };
    let untag = |of: Tagged, name: &str, from: &str| Act::DeleteTag {
        created: CREATED,
        of,
        key: key(name),
        from: key(from),
    };
    let describe = |of: Tagged, from: &str, to: &str| Act::Describe {
        created: CREATED,
        of,
        from: key(from),
        to: key(to),
    };
    let model = Tagged::Model(churn(&source));
    let (before, after, other) = (Seen::Before, Seen::After, Seen::Other);
    for (act, seen, words) in [
        (
            stage("Staging", "Production"),
            before,
            "v7 is in stage Staging",
        ),
        (stage("None", "Staging"), after, "v7 is in stage Staging"),
        (stage("None", "Production"), other, "v7 is in stage Staging"),
        (
            tag("owner", Some("risk"), "ml"),
            before,
            "owner of churn v7 is \"risk\"",
        ),
        (
            tag("owner", None, "risk"),
            after,
            "owner of churn v7 is \"risk\"",
        ),
        (
            tag("owner", None, "ml"),
            other,
            "owner of churn v7 is \"risk\"",
        ),
        (tag("note", None, "ml"), before, "churn v7 has no tag note"),
        (
            tag("note", Some("x"), "ml"),
            other,
            "churn v7 has no tag note",
        ),
        (
            untag(of.clone(), "owner", "risk"),
            before,
            "owner of churn v7 is \"risk\"",
        ),
        (
            untag(of.clone(), "owner", "ml"),
            other,
            "owner of churn v7 is \"risk\"",
        ),
        (
            untag(model.clone(), "owner", "ml"),
            after,
            "churn has no tag owner",
        ),
        (
            describe(of.clone(), "good", "better"),
            before,
            "the description of churn v7 is as it was read",
        ),
        (
            describe(of.clone(), "", "good"),
            after,
            "the description of churn v7 is as wanted",
        ),
        (
            describe(of.clone(), "", "better"),
            other,
            "the description of churn v7 was changed by somebody else",
        ),
        (
            describe(model, "", "new"),
            before,
            "the description of churn is empty",
        ),
    ] {
        let sighting = source.look(&act).await.expect("a sighting");
        assert_eq!(
            (sighting.seen, sighting.words.as_str()),
            (seen, words),
            "{act:?}"
        );
    }
}

#[tokio::test]
async fn nothing_is_done_to_a_version_that_was_registered_anew_under_its_number() {
    let anew = Held {
        version: Ok(row("7", 900)),
        ..Held::usual()
    };
    let source = anew.served().await;
    let version = VersionKey {
        model: churn(&source),
        version: Key::new("7"),
    };
    let of = || Tagged::Version(version.clone());
    let key = |raw: &str| Key::new(raw);
    let acts = |created| {
        [
            Act::SetStage {
                version: version.clone(),
                created,
                from: key("Staging"),
                to: key("Production"),
                archive: false,
            },
            Act::SetTag {
                of: of(),
                created,
                key: key("owner"),
                from: Some(key("risk")),
                to: key("ml"),
            },
            Act::DeleteTag {
                of: of(),
                created,
                key: key("owner"),
                from: key("risk"),
            },
            Act::Describe {
                of: of(),
                created,
                from: key("good"),
                to: key("better"),
            },
        ]
    };
    for act in acts(CREATED) {
        let sighting = source.look(&act).await.expect("a sighting");
        assert_eq!(sighting.seen, Seen::Other, "{act:?}");
        assert_eq!(
            sighting.words, "churn v7 was deleted and registered anew",
            "{act:?}"
        );
    }
    // A plan that was written down before they said so.
    for act in acts(None) {
        let sighting = source.look(&act).await.expect("a sighting");
        assert_eq!(sighting.seen, Seen::Before, "{act:?}");
        let read: Act =
            serde_json::from_value(serde_json::to_value(&act).expect("JSON")).expect("an act");
        assert_eq!(read, act);
    }
}

#[tokio::test]
async fn an_act_about_another_registry_is_neither_looked_at_nor_sent() {
    let (source, log) = scripted(|_, _| Ok(json!({}))).await;
    let mut model = churn(&source);
    model.registry = Arc::new(RegistryKey {
        base: Key::new("http://other.test"),
        workspace: Key::new("team-a"),
    });
    let act = champion(model, None, pin("7", 107));
    let fault = source.look(&act).await.expect_err("a fault");
    assert!(
        fault
            .line()
            .contains("http://other.test (workspace team-a)"),
        "{fault}"
    );
    let sent = source.execute(&ticket(&act)).await;
    assert!(matches!(sent, Delivery::Refused(f) if f.kind == FaultKind::Config));
    assert!(log.lock().expect("log").is_empty());
}

#[tokio::test]
async fn only_a_clean_refusal_means_that_nothing_has_changed() {
    let bad_request = r#"{"error_code":"BAD_REQUEST","message":"(sqlite3.IntegrityError) UNIQUE constraint failed"}"#;
    let invalid = r#"{"error_code":"INVALID_PARAMETER_VALUE","message":"no"}"#;
    let busy = r#"{"error_code":"TEMPORARILY_UNAVAILABLE","message":"database is locked"}"#;
    let json = "application/json";
    for (status, kind, body, word) in [
        (200, json, "{}", "taken"),
        (200, json, "", "unclear"),
        (
            200,
            "text/html",
            "<html><body>Welcome</body></html>",
            "unclear",
        ),
        (302, "text/html", "", "unclear"),
        (400, json, invalid, "refused"),
        (400, json, bad_request, "unclear"),
        (403, "text/plain", "Permission denied", "refused"),
        (404, "text/html", "<html>no</html>", "refused"),
        (408, json, "{}", "unclear"),
        (429, json, "{}", "refused"),
        (500, json, "{}", "unclear"),
        (503, json, busy, "unclear"),
    ] {
        let source = source(&fixed(status, kind, body).await);
        let act = champion(churn(&source), None, pin("7", 107));
        let said = match source.execute(&ticket(&act)).await {
            Delivery::Taken(_) => "taken",
            Delivery::Refused(_) => "refused",
            Delivery::Unclear(_) => "unclear",
        };
        assert_eq!(said, word, "{status} {body}");
    }
    let nobody = source("http://127.0.0.1:9");
    let act = champion(churn(&nobody), None, pin("7", 107));
    let sent = nobody.execute(&ticket(&act)).await;
    assert!(matches!(sent, Delivery::Refused(f) if f.kind == FaultKind::Unreachable));
}
