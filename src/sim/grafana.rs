//! A simulated Grafana: health, dashboards by tag, annotations of other people and one's own, and its
//! data source as a way to Prometheus.

use std::sync::PoisonError;

use serde_json::{Value, json};

use super::monitoring::{Look, Monitoring, Watched};
use super::prometheus;
use super::reply::{Reply, Request};
use super::samples::incidents;

/// The data source's uid.
const DATA_SOURCE: &str = "/api/datasources/proxy/uid/prom";

/// Answers one request.
pub(crate) fn handle(look: &Look, monitoring: &Monitoring, request: &Request) -> Reply {
    if let Some(path) = request.path.strip_prefix(DATA_SOURCE) {
        let request = Request {
            path: path.to_owned(),
            method: request.method.clone(),
            query: request.query.clone(),
            headers: request.headers.clone(),
            body: request.body.clone(),
        };
        return prometheus::handle(look, monitoring, &request);
    }
    if request.path == "/api/annotations" && request.method == "POST" {
        return annotate(look, monitoring, request);
    }
    let answer = match request.path.as_str() {
        "/api/health" => json!({"commit": "03f502a94d17", "database": "ok", "version": "11.2.0"}),
        "/api/search" => search(look, request),
        "/api/annotations" => annotations(look, monitoring, request),
        _ => return Reply::go(404, json!({"message": "Not found"})),
    };
    if request.method == "GET" {
        Reply::go(200, answer)
    } else {
        Reply::go(404, json!({"message": "Not found"}))
    }
}

fn limit(request: &Request, usual: usize) -> usize {
    let limit = request.query("limit").and_then(|limit| limit.parse().ok());
    limit.filter(|limit| *limit > 0).unwrap_or(usual)
}

/// The tags a request asks for, under a parameter that may repeat.
fn tags<'a>(request: &'a Request, name: &'a str) -> impl Iterator<Item = &'a str> {
    let named = request.query.iter().filter(move |(known, _)| known == name);
    named.map(|(_, value)| value.as_str())
}

/// One dashboard a team's model, and one of all serving.
fn search(look: &Look, request: &Request) -> Value {
    let query = request.query("query").unwrap_or_default().to_lowercase();
    let row = |id: usize, uid: &str, title: &str, own: Option<&str>| {
        let mut tags = vec!["mlops".to_owned()];
        tags.extend(own.map(|model| format!("model:{model}")));
        let slug = title.to_lowercase().replace(' ', "-");
        json!({
            "id": id, "uid": uid, "title": title, "uri": format!("db/{slug}"),
            "url": format!("/d/{uid}/{slug}"), "slug": "", "type": "dash-db", "tags": tags,
            "isStarred": false, "folderId": 2, "folderUid": "models", "folderTitle": "Models",
            "folderUrl": "/dashboards/f/models/models", "sortMeta": 0,
        })
    };
    let mut rows = vec![row(1, "serving", "All serving", None)];
    rows.extend(look.facts.models.iter().enumerate().map(|(index, model)| {
        let title = format!("{} in production", model.name);
        row(
            index + 2,
            &format!("model-{index:02}"),
            &title,
            Some(&model.name),
        )
    }));
    rows.retain(|row| {
        let title = row["title"].as_str().unwrap_or_default().to_lowercase();
        let carries = |tag: &str| {
            let mut tags = row["tags"].as_array().into_iter().flatten();
            tags.any(|known| known == tag)
        };
        title.contains(&query) && tags(request, "tag").all(carries)
    });
    rows.truncate(limit(request, 1_000));
    Value::from(rows)
}

/// A mark on the time line.
#[derive(Clone, Debug)]
pub(crate) struct Mark {
    id: usize,
    at: i64,
    until: i64,
    by: &'static str,
    text: String,
    tags: Vec<String>,
}

/// Marks that were made over HTTP are numbered from here.
const OURS: usize = 1_001;

/// `POST /api/annotations`, without a dashboard: a mark of the whole organisation.
fn annotate(look: &Look, monitoring: &Monitoring, request: &Request) -> Reply {
    let Ok(body) = serde_json::from_slice::<Value>(&request.body) else {
        return Reply::go(400, json!({"message": "bad request data"}));
    };
    let text = body["text"].as_str().unwrap_or_default();
    if text.is_empty() {
        return Reply::go(
            400,
            json!({"message": "Failed to save annotation", "error": "text field should not be empty"}),
        );
    }
    let at = body["time"]
        .as_i64()
        .filter(|at| *at > 0)
        .unwrap_or(look.now);
    let tags = body["tags"].as_array().into_iter().flatten();
    let mut marks = monitoring
        .marks
        .lock()
        .unwrap_or_else(PoisonError::into_inner);
    let id = OURS + marks.len();
    marks.push(Mark {
        id,
        at,
        until: body["timeEnd"]
            .as_i64()
            .filter(|end| *end > at)
            .unwrap_or(at),
        by: "sa-quarterdeck",
        text: text.to_owned(),
        tags: tags
            .filter_map(|tag| tag.as_str().map(str::to_owned))
            .collect(),
    });
    Reply::go(200, json!({"id": id, "message": "Annotation added"}))
}

/// Rollouts by the deployment tool, what people noted, and what was made over HTTP.
fn marks(look: &Look, monitoring: &Monitoring) -> Vec<Mark> {
    let mut marks: Vec<Mark> = look.facts.models.iter().flat_map(rollouts).collect();
    let playing = look.facts.playing;
    for incident in incidents::of(playing.scenario) {
        let Some(note) = incident.note else { continue };
        let begins = incident.begins - note.before;
        // Before the start nothing plays faster, and a note stays on its side of it.
        let at = if incident.begins < 0 {
            begins
        } else {
            begins.max(0)
        };
        let at = incidents::onset(look.facts.epoch, at, playing.speed);
        marks.push(Mark {
            id: 0,
            at,
            until: at,
            by: note.by,
            text: note.text.to_owned(),
            tags: vec![format!("model:{}", incident.model), note.tag.to_owned()],
        });
    }
    marks.sort_by_key(|mark| mark.at);
    for (mark, id) in marks.iter_mut().zip(1..) {
        mark.id = id;
    }
    let ours = monitoring
        .marks
        .lock()
        .unwrap_or_else(PoisonError::into_inner);
    marks.extend(ours.iter().cloned());
    marks.sort_by_key(|mark| mark.at);
    marks
}

fn rollouts(model: &Watched) -> impl Iterator<Item = Mark> {
    let endpoint = model.endpoint.clone().unwrap_or_default();
    model.spans.windows(2).map(move |spans| Mark {
        id: 0,
        at: spans[1].from,
        until: spans[1].from,
        by: "argocd",
        text: format!("{endpoint}: v{} to v{}", spans[0].version, spans[1].version),
        tags: vec![format!("model:{}", model.name), "deploy".to_owned()],
    })
}

fn annotations(look: &Look, monitoring: &Monitoring, request: &Request) -> Value {
    let time = |name: &str| request.query(name).and_then(|ms| ms.parse::<i64>().ok());
    let from = time("from").unwrap_or(i64::MIN);
    let to = time("to").unwrap_or(look.now).min(look.now);
    let any = request.query("matchAny") == Some("true");
    let wanted: Vec<&str> = tags(request, "tags").collect();
    let mut rows: Vec<Value> = marks(look, monitoring)
        .into_iter()
        .filter(|mark| (from..=to).contains(&mark.at))
        .filter(|mark| {
            let carries = |tag: &&str| mark.tags.iter().any(|known| known == tag);
            let mut wanted = wanted.iter();
            if any && wanted.len() > 0 {
                wanted.any(carries)
            } else {
                wanted.all(carries)
            }
        })
        .map(|mark| {
            json!({
                "id": mark.id, "alertId": 0, "alertName": "", "dashboardId": 0, "dashboardUID": null,
                "panelId": 0, "userId": 3, "userName": "", "newState": "", "prevState": "",
                "created": mark.at, "updated": mark.at, "time": mark.at, "timeEnd": mark.until,
                "text": mark.text, "tags": mark.tags, "login": mark.by,
                "email": format!("{}@example.com", mark.by), "avatarUrl": "/avatar/0", "data": {},
            })
        })
        .collect();
    // The newest first, as the server sends them.
    rows.reverse();
    rows.truncate(limit(request, 100));
    Value::from(rows)
}
