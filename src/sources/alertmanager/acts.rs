//! Silences: whether one of ours is there, and how it is made and ended.

use super::{Alertmanager, wire};
use crate::domain::action::{Act, Delivery, Receipt, Seen, Sighting, Ticket};
use crate::domain::fault::{Fault, FaultKind};
use crate::domain::key::Key;
use crate::domain::text::Clean;
use crate::domain::time::Millis;
use crate::sources::http::{Call, Reply, Unsent};
use crate::sources::labels::instant;
use crate::sources::lenient::Message;
use crate::sources::routes::ReadRoute;
use crate::sources::unable;

impl Alertmanager {
    /// See [`crate::sources::Source::look`].
    pub(super) async fn look_at(&self, act: &Act) -> Result<Sighting, Fault> {
        match act {
            Act::Silence { nonce, ends, .. } => {
                let rows = self.silences().await?;
                Ok(made(&rows, nonce, *ends))
            }
            Act::ExpireSilence { id } => {
                let rows = self.silences().await?;
                Ok(ended(&rows, id))
            }
            _ => Err(unable(self.reader.source(), act)),
        }
    }

    /// See [`crate::sources::Source::execute`].
    pub(super) async fn send(&self, ticket: &Ticket) -> Delivery {
        match (self.http.write(ticket).await, ticket.act()) {
            (Ok(reply), Act::Silence { .. }) => match id(&reply) {
                Ok(receipt) => Delivery::Taken(receipt),
                Err(fault) => Delivery::Unclear(fault),
            },
            (Ok(_), _) => Delivery::Taken(Receipt::default()),
            // Unknown is gone, as 0.28 says with 404 and 0.25 with 500: looking tells.
            (Err(Unsent::Refused(fault)), Act::ExpireSilence { .. })
                if matches!(fault.kind, FaultKind::NotFound | FaultKind::NoRoute) =>
            {
                Delivery::Unclear(fault)
            }
            (Err(unsent), _) => unsent.into(),
        }
    }

    /// Every silence; expired ones stay listed for days.
    async fn silences(&self) -> Result<Vec<wire::SilenceRow>, Fault> {
        let route = ReadRoute::AlertmanagerSilences;
        let reply = self.http.read(&route, Call::default()).await?;
        Ok(reply.json::<wire::Rows<wire::SilenceRow>>()?.0)
    }
}

/// A silence that is to be made, found by the nonce in its comment. One that was changed is listed twice:
/// the one that holds counts.
fn made(rows: &[wire::SilenceRow], nonce: &Key, ends: Millis) -> Sighting {
    let mark = format!("[{}]", nonce.raw());
    let mut ours: Vec<_> = rows
        .iter()
        .filter(|row| row.comment.ends_with(&mark))
        .collect();
    ours.sort_by_key(|row| is_over(row));
    let Some(row) = ours.first() else {
        return Sighting::new(Seen::Before, "there is no such silence");
    };
    let until = instant(&row.ends_at);
    let at = until.map_or_else(String::new, |at| format!(" {}", at.rfc3339()));
    if !is_over(row) {
        return Sighting::new(Seen::After, &format!("silenced until{at}")).of(&row.id);
    }
    // Over because its time is, or because somebody ended it. The server keeps milliseconds, we seconds.
    if until.is_some_and(|until| until.0 / 1_000 >= ends.0 / 1_000) {
        return Sighting::new(Seen::After, &format!("was silenced until{at}")).of(&row.id);
    }
    Sighting::new(Seen::Other, &format!("the silence was ended{at}")).of(&row.id)
}

/// A silence that is to be ended.
fn ended(rows: &[wire::SilenceRow], id: &Key) -> Sighting {
    match rows.iter().find(|row| row.id == id.raw()) {
        // What has ended stays listed for days, longer than anything here refers to it.
        None => Sighting::new(Seen::Other, "there is no such silence"),
        Some(row) if is_over(row) => Sighting::new(Seen::After, "the silence is over"),
        Some(row) => {
            let by = Clean::name(&row.created_by);
            Sighting::new(Seen::Before, &format!("silenced by {by}"))
        }
    }
}

fn is_over(row: &wire::SilenceRow) -> bool {
    row.status.state == "expired"
}

/// The identity of a silence that was made.
fn id(reply: &Reply) -> Result<Receipt, Fault> {
    let made: Message<wire::Made> = reply.json()?;
    Ok(Receipt {
        id: Some(Key::new(&made.0.silence_id)).filter(|id| !id.raw().is_empty()),
        words: Clean::empty(),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::domain::settings::{SourceKind, SourceSettings};
    use crate::sources::Source as _;
    use crate::sources::testing::{Stage, ticket};

    const LIST: &str = "GET /api/v2/silences";
    const ENDS: Millis = Millis(1_795_435_200_789);

    fn silence() -> Act {
        Act::Silence {
            matchers: Vec::new(),
            starts: Millis(1_795_431_600_000),
            ends: ENDS,
            by: Clean::name("ana"),
            comment: Clean::text("INC-42"),
            nonce: Key::new("01ABC"),
        }
    }

    fn row(id: &str, comment: &str, ends: &str, state: &str) -> Value {
        json!({"id": id, "createdBy": "ana\u{1b}[1m", "comment": comment, "endsAt": ends,
            "status": {"state": state}})
    }

    async fn source(rows: Value) -> (Stage, Alertmanager) {
        let stage = Stage::start().await;
        stage.json(LIST, &rows);
        let settings = SourceSettings::new("am", SourceKind::Alertmanager, &stage.url);
        let source = Alertmanager::new(&settings).unwrap();
        (stage, source)
    }

    #[tokio::test]
    async fn a_silence_is_found_by_its_nonce_alone() {
        let on_time = "2026-11-23T12:00:00.789Z";
        let early = "2026-11-23T11:30:00Z";
        let ours = "INC-42 [01ABC]";
        let one = |comment, ends, state| json!([row("a", comment, ends, state)]);
        let changed = json!([
            row("a", ours, early, "expired"),
            row("b", ours, early, "active")
        ]);
        for (rows, seen, id) in [
            (json!([]), Seen::Before, None),
            (json!(null), Seen::Before, None),
            (
                one("[01ABC] and more", on_time, "active"),
                Seen::Before,
                None,
            ),
            (
                one("INC-42 [01ABCD]", on_time, "active"),
                Seen::Before,
                None,
            ),
            (one(ours, on_time, "active"), Seen::After, Some("a")),
            (one(ours, on_time, "pending"), Seen::After, Some("a")),
            // Its time is over.
            (one(ours, on_time, "expired"), Seen::After, Some("a")),
            // Somebody has ended it, or changed it.
            (one(ours, early, "expired"), Seen::Other, Some("a")),
            (changed, Seen::After, Some("b")),
            // A state of a later release, and an end that is none.
            (one(ours, "soon", "resting"), Seen::After, Some("a")),
            (json!([{"id": 7, "comment": null}]), Seen::Before, None),
        ] {
            let (_stage, source) = source(rows.clone()).await;
            let sighting = source.look(&silence()).await.unwrap();
            let found = sighting.id.as_ref().map(Key::raw);
            assert_eq!((sighting.seen, found), (seen, id), "{rows}");
        }
        let (stage, source) = source(json!([])).await;
        stage.set(LIST, 200, "text/html", "<html>Welcome</html>");
        assert!(source.look(&silence()).await.is_err());
    }

    #[tokio::test]
    async fn what_is_over_needs_no_ending_and_what_is_unknown_has_none() {
        let at = "2026-11-23T12:00:00Z";
        let rows = json!([row("a", "x", at, "active"), row("b", "x", at, "expired")]);
        let (stage, source) = source(rows).await;
        let expire = |id: &str| Act::ExpireSilence { id: Key::new(id) };
        for (id, seen) in [("a", Seen::Before), ("b", Seen::After), ("c", Seen::Other)] {
            let sighting = source.look(&expire(id)).await.unwrap();
            assert_eq!(sighting.seen, seen, "{id}");
        }
        let gone = "\"silence not found\"";
        for (status, body, clear) in [
            (200, "", true),
            (404, gone, false),
            (404, "", false),
            (500, gone, false),
        ] {
            stage.set("DELETE /api/v2/silence/a", status, "application/json", body);
            let sent = source.execute(&ticket(&expire("a"))).await;
            assert_eq!(matches!(sent, Delivery::Taken(_)), clear, "{status}");
            assert!(!matches!(sent, Delivery::Refused(_)), "{status}");
        }
    }

    #[tokio::test]
    async fn an_answer_without_an_identity_is_not_believed_to_have_one() {
        let (stage, source) = source(json!([])).await;
        let line = "POST /api/v2/silences";
        for (body, id) in [
            (r#"{"silenceID":"s1"}"#, Some("s1")),
            ("{}", None),
            (r#"{"silenceID":null}"#, None),
        ] {
            stage.set(line, 200, "application/json", body);
            match source.execute(&ticket(&silence())).await {
                Delivery::Taken(receipt) => assert_eq!(receipt.id, id.map(Key::new), "{body}"),
                other => panic!("{other:?}"),
            }
        }
        stage.set(line, 200, "text/plain", "ok");
        let sent = source.execute(&ticket(&silence())).await;
        assert!(matches!(sent, Delivery::Unclear(_)), "{sent:?}");
        let past = r#""start time must be before end time""#;
        stage.set(line, 400, "application/json", past);
        let sent = source.execute(&ticket(&silence())).await;
        let told = |f: &Fault| f.line().contains("before end time");
        assert!(matches!(&sent, Delivery::Refused(f) if told(f)), "{sent:?}");
    }
}
