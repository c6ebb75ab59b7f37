//! HTTP under the simulated servers: listening, keeping connections as long as the real ones do,
//! and sending answers whole or broken.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::body::{Body, Bytes, to_bytes};
use axum::http::Response;
use futures::stream;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use super::airflow::{self, AirflowOptions};
use super::clock::Running;
use super::faults::{self, FaultControl, Sending};
use super::mlflow::{self, MlflowOptions};
use super::monitoring::{Look, Monitoring};
use super::reply::{self, Reply, Request};
use super::samples::Playing;
use super::serving;
use super::world::World;
use super::world::script::Scenario;
use super::writes::{self, WriteFault, Writes};
use super::{alertmanager, evidently, grafana, prometheus};

/// The real servers close a connection that has been idle for five seconds.
const IDLE: Duration = Duration::from_secs(5);
/// Nothing the fleet reads is larger.
const MAX_BODY: usize = 8 << 20;

/// What all servers of a fleet share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) world: Mutex<World>,
    pub(crate) clock: Running,
    pub(crate) speed: f64,
    pub(crate) scenario: Scenario,
    pub(crate) faults: FaultControl,
    pub(crate) writes: Writes,
    pub(crate) mlflow: MlflowOptions,
    pub(crate) airflow: Option<AirflowOptions>,
    pub(crate) monitoring: Monitoring,
}

impl Shared {
    /// Runs something on the world as it is now.
    pub(crate) fn with<T>(&self, run: impl FnOnce(&mut World) -> T) -> T {
        let mut world = self.world.lock().unwrap_or_else(PoisonError::into_inner);
        let script = super::world::script::script(self.scenario);
        world.advance(self.clock.elapsed_ms(), self.speed, script);
        run(&mut world)
    }

    /// What monitoring systems see now.
    pub(crate) fn look(&self) -> Look {
        self.with(|world| {
            let playing = Playing {
                scenario: self.scenario,
                speed: self.speed,
            };
            self.monitoring.look(world, playing)
        })
    }
}

/// Which server of the fleet a listener is.
#[derive(Clone, Debug)]
pub(crate) enum Role {
    Mlflow,
    /// The endpoint at an index of the world's list.
    Endpoint(usize),
    Prometheus,
    Alertmanager,
    Evidently,
    Grafana,
    Airflow,
}

/// A free port on loopback.
pub(crate) async fn listen() -> io::Result<(TcpListener, SocketAddr)> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    let address = listener.local_addr()?;
    Ok((listener, address))
}

/// Serves until dropped; its connections end with it.
pub(crate) async fn serve(listener: TcpListener, name: String, role: Role, shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    connections.spawn(connection(stream, name.clone(), role.clone(), Arc::clone(&shared)));
                }
                // Out of file descriptors, most likely: let some connections end.
                Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
            },
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn connection(stream: TcpStream, name: String, role: Role, shared: Arc<Shared>) {
    // Without this each answer of two writes waits for the client's delayed acknowledgement.
    let _ = stream.set_nodelay(true);
    if shared.faults.resets(&name) {
        let _ = stream.set_zero_linger();
        return;
    }
    let service = service_fn(|request| one(request, &name, &role, &shared));
    // An error here is the client going away, or a fault that ends the connection.
    let _ = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(IDLE)
        .auto_date_header(false)
        .serve_connection(TokioIo::new(stream), service)
        .await;
}

async fn one(
    request: hyper::Request<Incoming>,
    name: &str,
    role: &Role,
    shared: &Arc<Shared>,
) -> io::Result<Response<Body>> {
    let (head, body) = request.into_parts();
    let body = to_bytes(Body::new(body), MAX_BODY)
        .await
        .map_err(io::Error::other)?;
    let mut request = Request {
        path: reply::decode(head.uri.path(), false),
        query: reply::parse_query(head.uri.query().unwrap_or_default()),
        method: head.method,
        headers: head.headers,
        body: body.to_vec(),
    };
    let (fault, count) = shared.faults.next(name, &request.path);
    if let Some(fault) = &fault {
        faults::before(fault, &mut request);
    }
    let (path, head_only) = (request.path.clone(), request.method == "HEAD");
    let (mut answer, now) = if writes::changes(&request) {
        written(name, role, shared, &request).await?
    } else {
        let told = request.again();
        let answer = answered(role, shared, request).await?;
        if let Some(rival) = shared.writes.read(name, &path) {
            shared.with(|world| rival.act(world, &told));
        }
        answer
    };
    if shared.clock.passes() {
        answer.delay += answer.hold;
    }
    if !answer.delay.is_zero() {
        tokio::time::sleep(answer.delay).await;
    }
    let sending = match &fault {
        Some(fault) => faults::after(fault, &path, count, answer),
        None => Sending::Whole(answer),
    };
    match sending {
        Sending::Never => std::future::pending().await,
        Sending::Reset => Err(io::ErrorKind::ConnectionReset.into()),
        Sending::Whole(reply) => {
            let bytes = reply.render();
            let length = bytes.len();
            let body = if head_only { Vec::new() } else { bytes };
            response(&reply, now, Some(length), Body::from(body))
        }
        Sending::Cut(reply) => {
            let bytes = reply.render();
            let half = Bytes::copy_from_slice(&bytes[..bytes.len() / 2]);
            let parts = stream::unfold(Some(half), |half| async move {
                if let Some(half) = half {
                    return Some((Ok(half), None));
                }
                // The half has to leave before the connection ends.
                tokio::time::sleep(Duration::from_millis(20)).await;
                Some((Err(io::Error::from(io::ErrorKind::BrokenPipe)), None))
            });
            let body = Body::from_stream(parts);
            response(&reply, now, Some(bytes.len()), body)
        }
        Sending::Slow(reply) => {
            let bytes = Bytes::from(reply.render());
            let length = bytes.len();
            let drops = stream::unfold((bytes, 0), |(bytes, at)| async move {
                if at >= bytes.len() {
                    return None;
                }
                if at > 0 {
                    tokio::time::sleep(Duration::from_millis(200)).await;
                }
                let drop = bytes.slice(at..=at);
                Some((Ok::<_, io::Error>(drop), (bytes, at + 1)))
            });
            response(&reply, now, Some(length), Body::from_stream(drops))
        }
        Sending::Filler(reply) => {
            let chunks = stream::iter(faults::filler().map(Ok::<_, io::Error>));
            response(&reply, now, None, Body::from_stream(chunks))
        }
    }
}

/// What a write is answered, on record and with what the script spoils.
async fn written(
    name: &str,
    role: &Role,
    shared: &Arc<Shared>,
    request: &Request,
) -> io::Result<(Reply, i64)> {
    let (place, spoilt) = shared.writes.arrives(name, request);
    match spoilt {
        Some(WriteFault::LostBefore) => return Err(io::ErrorKind::ConnectionReset.into()),
        Some(WriteFault::HangBefore) => return std::future::pending().await,
        Some(WriteFault::Slow(time)) => tokio::time::sleep(time).await,
        Some(WriteFault::After(ref rival)) => shared.with(|world| rival.act(world, request)),
        _ => {}
    }
    let instead = spoilt.as_ref().and_then(|fault| fault.reply(name));
    let commits = !matches!(
        spoilt,
        Some(
            WriteFault::Forbidden
                | WriteFault::Conflict
                | WriteFault::ErrorBefore
                | WriteFault::Collision
        )
    );
    let mut answer = match (commits, instead) {
        (false, Some(reply)) => (reply, shared.with(|world| world.now)),
        (_, instead) => {
            let request = request.again();
            let (reply, now) = answered(role, shared, request).await?;
            shared.writes.answered(place, reply.status);
            (instead.unwrap_or(reply), now)
        }
    };
    match spoilt {
        Some(WriteFault::LostAfter) => return Err(io::ErrorKind::ConnectionReset.into()),
        Some(WriteFault::LostWithServer(fault)) => {
            shared.faults.set(name, fault);
            return Err(io::ErrorKind::ConnectionReset.into());
        }
        Some(WriteFault::HangAfter) => return std::future::pending().await,
        Some(WriteFault::SlowAnswer(time)) => answer.0.delay += time,
        Some(WriteFault::Before(ref rival)) => shared.with(|world| rival.act(world, request)),
        _ => {}
    }
    Ok(answer)
}

/// What the server itself answers, and the time it was then.
async fn answered(role: &Role, shared: &Arc<Shared>, request: Request) -> io::Result<(Reply, i64)> {
    Ok(match role {
        Role::Mlflow => {
            shared.with(|world| (mlflow::handle(world, &shared.mlflow, &request), world.now))
        }
        Role::Airflow => {
            let options = shared.airflow.clone().unwrap_or_default();
            shared.with(|world| (airflow::handle(world, &options, &request), world.now))
        }
        Role::Endpoint(index) => {
            shared.with(|world| (serving::handle(world, *index, &request), world.now))
        }
        Role::Prometheus | Role::Alertmanager | Role::Evidently | Role::Grafana => {
            // Nobody else waits for a long evaluation: neither for the world nor for a thread.
            let (shared, role) = (Arc::clone(shared), role.clone());
            let monitor = move || {
                let (look, monitoring) = (shared.look(), &shared.monitoring);
                let answer = match role {
                    Role::Alertmanager => alertmanager::handle(&look, monitoring, &request),
                    Role::Evidently => evidently::handle(&look, &request),
                    Role::Grafana => grafana::handle(&look, monitoring, &request),
                    _ => prometheus::handle(&look, monitoring, &request),
                };
                (answer, look.now)
            };
            let answered = tokio::task::spawn_blocking(monitor).await;
            answered.map_err(io::Error::other)?
        }
    })
}

fn response(
    reply: &Reply,
    now: i64,
    length: Option<usize>,
    body: Body,
) -> io::Result<Response<Body>> {
    let mut response = Response::builder().status(reply.status);
    if !reply.headers.iter().any(|(name, _)| *name == "date") {
        let date = chrono::DateTime::from_timestamp_millis(now).unwrap_or_default();
        response = response.header("date", date.format("%a, %d %b %Y %H:%M:%S GMT").to_string());
    }
    for (name, value) in &reply.headers {
        response = response.header(*name, value);
    }
    if let Some(length) = length {
        response = response.header("content-length", length);
    }
    response.body(body).map_err(io::Error::other)
}
