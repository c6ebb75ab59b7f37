//! Annotations: whether one of ours is there, and how it is made.

use std::time::Duration;

use super::{Grafana, wire};
use crate::domain::action::{Act, Delivery, Receipt, Seen, Sighting, Ticket};
use crate::domain::fault::Fault;
use crate::domain::key::Key;
use crate::domain::text::Clean;
use crate::sources::http::Call;
use crate::sources::lenient::Message;
use crate::sources::routes::ReadRoute;
use crate::sources::unable;

/// How far around its time an annotation is looked for.
const AROUND: Duration = Duration::from_secs(60);

impl Grafana {
    /// See [`crate::sources::Source::look`].
    pub(super) async fn look_at(&self, act: &Act) -> Result<Sighting, Fault> {
        let Act::Annotate { at, nonce, .. } = act else {
            return Err(unable(self.reader.source(), act));
        };
        let query = vec![
            ("from", at.minus(AROUND).0.to_string()),
            ("to", at.plus(AROUND).0.to_string()),
            ("tags", nonce.raw().to_owned()),
        ];
        let call = Call { query, body: None };
        let route = ReadRoute::GrafanaAnnotations;
        let reply = self.http.read(&route, call).await?;
        let rows: wire::Rows<wire::AnnotationRow> = reply.json()?;
        let is_ours = |row: &&wire::AnnotationRow| row.tags.iter().any(|tag| tag == nonce.raw());
        Ok(match rows.0.iter().find(is_ours) {
            Some(row) => Sighting::new(Seen::After, "the annotation is there").of(&row.id),
            None => Sighting::new(Seen::Before, "there is no such annotation"),
        })
    }

    /// See [`crate::sources::Source::execute`].
    pub(super) async fn send(&self, ticket: &Ticket) -> Delivery {
        let reply = match self.http.write(ticket).await {
            Ok(reply) => reply,
            Err(unsent) => return unsent.into(),
        };
        match reply.json::<Message<wire::Made>>() {
            Ok(made) => Delivery::Taken(Receipt {
                id: Some(Key::new(&made.0.id)).filter(|id| !id.raw().is_empty()),
                words: Clean::empty(),
            }),
            Err(fault) => Delivery::Unclear(fault),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::domain::fault::FaultKind;
    use crate::domain::settings::{SourceKind, SourceSettings};
    use crate::domain::time::Millis;
    use crate::sources::Source as _;
    use crate::sources::testing::{Stage, ticket};

    const NOTES: &str = "GET /api/annotations";
    const NOTE: &str = "POST /api/annotations";

    fn annotate() -> Act {
        Act::Annotate {
            at: Millis(1_795_435_200_000),
            text: Clean::text("champion v6 → v7"),
            tags: vec![Key::new("model:churn")],
            nonce: Key::new("qd:01ABC"),
        }
    }

    #[tokio::test]
    async fn an_annotation_is_found_by_its_tag_and_made_once() {
        let stage = Stage::start().await;
        let settings = SourceSettings::new("grafana", SourceKind::Grafana, &stage.url);
        let source = Grafana::new(&settings).unwrap();
        let other = json!({"id": 3, "tags": ["model:churn"], "text": "champion v6 → v7"});
        let ours = json!({"id": 4, "tags": ["model:churn", "qd:01ABC"]});
        for (rows, seen, id) in [
            (json!([]), Seen::Before, None),
            (json!(null), Seen::Before, None),
            // A server that does not know the filter sends what it has.
            (json!([other]), Seen::Before, None),
            (json!([other, ours]), Seen::After, Some("4")),
        ] {
            stage.json(NOTES, &rows);
            let sighting = source.look(&annotate()).await.unwrap();
            let found = sighting.id.as_ref().map(Key::raw);
            assert_eq!((sighting.seen, found), (seen, id), "{rows}");
        }
        let asked = stage.requests();
        assert!(asked[0].contains("tags=qd%3A01ABC"), "{asked:?}");

        stage.json(NOTE, &json!({"message": "Annotation added", "id": 1}));
        let sent = source.execute(&ticket(&annotate())).await;
        assert!(matches!(sent, Delivery::Taken(r) if r.id == Some(Key::new("1"))));
        stage.set(
            NOTE,
            403,
            "application/json",
            r#"{"message":"Access denied"}"#,
        );
        let sent = source.execute(&ticket(&annotate())).await;
        assert!(matches!(sent, Delivery::Refused(f) if f.kind == FaultKind::Forbidden));
        stage.set(NOTE, 200, "text/html", "<html>Welcome</html>");
        let sent = source.execute(&ticket(&annotate())).await;
        assert!(matches!(sent, Delivery::Unclear(_)), "{sent:?}");
    }
}
