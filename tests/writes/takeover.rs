//! A later plan takes the place of an earlier one: what runs is ended, and only then does it begin.

use std::sync::Arc;
use std::time::{Duration, Instant};

use quarterdeck::domain::action::{Act, How, Outcome, Step};
use quarterdeck::domain::key::{Key, SourceId};
use quarterdeck::domain::settings::{Hook, HookKind};
use quarterdeck::domain::text::Clean;
use quarterdeck::domain::time::Millis;
use quarterdeck::runtime::clock::Clock;
use quarterdeck::runtime::writes::{Servers, carry_out};

use crate::acts::{holder, move_alias};
use crate::stage::{Log, MODEL, SERVED, Stage, confirmed, nobody};

/// Leaves a line where it begins and where it ends, also when it is told to; until it finds a file, it goes on.
fn slow_hook(stage: &mut Stage) {
    let (file, traces) = (
        stage.hooks.path().join("slow"),
        stage.hooks.path().join("traces"),
    );
    let text = format!(
        "trap 'sleep 0.3; echo \"$VERSION stopped\" >> {0}; exit 143' TERM\n\
         echo \"$VERSION begins\" >> {0}\n\
         [ \"$VERSION\" = 6 ] && exit 0\n\
         sleep 60 & wait $!\n\
         echo \"$VERSION ends\" >> {0}\n",
        traces.display()
    );
    std::fs::write(&file, text).unwrap();
    let hook = Hook {
        kind: HookKind::Command(vec!["sh".to_owned(), file.display().to_string()]),
        timeout: Duration::from_secs(90),
    };
    let context = Arc::make_mut(&mut stage.context);
    context.hooks.insert("slow".to_owned(), hook);
}

fn hook(version: &str) -> Step {
    let act = Act::RunHook {
        hook: Key::new("slow"),
        model: Key::new(MODEL),
        version: Key::new(version),
        alias: Key::new("champion"),
    };
    Step::required(&SourceId::new("ana"), act)
}

fn servers(stage: &Stage) -> Arc<Servers> {
    let clock = Arc::new(Clock::from(Millis(stage.fleet.now_ms())));
    Arc::new(Servers::new(Arc::clone(&stage.context), clock))
}

/// Waits until hooks have left so many lines.
async fn lines(stage: &Stage, count: usize) -> Vec<String> {
    let path = stage.hooks.path().join("traces");
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        let text = std::fs::read_to_string(&path).unwrap_or_default();
        let lines: Vec<String> = text.lines().map(str::to_owned).collect();
        if lines.len() >= count {
            return lines;
        }
        assert!(Instant::now() < deadline, "{lines:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[test]
fn a_hook_is_ended_before_the_plan_that_takes_its_place_begins() {
    let mut stage = Stage::set();
    slow_hook(&mut stage);
    let stage = &stage;
    let registry = SourceId::new("mlflow");
    let alias = |from, to| Step::required(&registry, move_alias(stage, "champion", from, to));
    let forth = confirmed(vec![alias("7", "5"), hook("5"), alias("5", "4")]);
    let back = confirmed(vec![alias("5", "6"), hook("6")]);
    assert!(back.plan().contends(forth.plan()));
    let (log, mut later) = (&mut Log::default(), Log::default());
    let (first, second) = stage.block(async {
        let (one, two) = (servers(stage), servers(stage));
        let earlier = Arc::downgrade(&one);
        let first = async move {
            let actor = nobody();
            let ended = carry_out(forth, &actor, &*one, log).await;
            drop(one);
            ended.expect("journalled")
        };
        let second = async {
            lines(stage, 1).await;
            let by = Clean::text("champion v5 → v6 has taken its place");
            let earlier = earlier.upgrade().expect("it runs");
            two.after(vec![earlier.supersede(by)]);
            drop(earlier);
            carry_out(back, &nobody(), &*two, &mut later)
                .await
                .expect("journalled")
        };
        tokio::join!(first, second)
    });
    let hows: Vec<How> = first.steps.iter().map(|end| end.how).collect();
    assert_eq!(hows, [How::Done, How::Unknown, How::Skipped], "{first:?}");
    let words = first.words.as_str();
    assert!(
        words.contains("it was stopped: champion v5 → v6 has taken"),
        "{words}"
    );
    assert_eq!(second.outcome, Outcome::Done, "{second:?}");
    let lines = stage.block(lines(stage, 3));
    assert_eq!(lines, ["5 begins", "5 stopped", "6 begins"]);
    assert_eq!(holder(stage, MODEL, "champion").as_deref(), Some("6"));
}

#[test]
fn what_waits_to_be_served_is_no_longer_waited_for_at_once() {
    let stage = Stage::set();
    let deployment = stage.context.deployments[0].key();
    let waits = Act::AwaitServed {
        deployment,
        from: None,
        to: Key::new("15"),
    };
    let plan = confirmed(vec![Step::required(&SourceId::new(SERVED.0), waits)]);
    let mut log = Log::default();
    let (ended, took) = stage.block(async {
        let one = servers(&stage);
        let actor = nobody();
        let waiting = carry_out(plan, &actor, &*one, &mut log);
        let supersede = async {
            // By now it pauses for seconds between its looks.
            tokio::time::sleep(Duration::from_secs(4)).await;
            one.supersede(Clean::text("another has taken its place"));
            Instant::now()
        };
        let (ended, since) = tokio::join!(waiting, supersede);
        (ended.expect("journalled"), since.elapsed())
    });
    assert_eq!(ended.steps[0].how, How::NotSeen);
    assert_eq!(ended.words.as_str(), "another has taken its place");
    assert!(took < Duration::from_secs(1), "{took:?}");
}

/// A hook that goes on in a process of its own is ended with it, told or not: nobody attends it any more.
#[test]
fn a_hook_that_is_left_ends_with_everything_that_it_started() {
    for told in [true, false] {
        let mut stage = Stage::set();
        let traces = stage.hooks.path().join("traces");
        let text = format!(
            "(while :; do echo tick >> '{}'; sleep 0.05; done) & wait $!",
            traces.display()
        );
        let file = stage.hooks.path().join("slow");
        std::fs::write(&file, text).unwrap();
        let hook_of = Hook {
            kind: HookKind::Command(vec!["sh".to_owned(), file.display().to_string()]),
            timeout: Duration::from_secs(90),
        };
        let context = Arc::make_mut(&mut stage.context);
        context.hooks.insert("slow".to_owned(), hook_of);
        let stage = &stage;
        let mut log = Log::default();
        let ended = stage.block(async {
            let one = servers(stage);
            assert!(!one.end_hook(Clean::empty()), "none runs");
            let one = servers(stage);
            let actor = nobody();
            let running = carry_out(confirmed(vec![hook("5")]), &actor, &*one, &mut log);
            let leave = async {
                lines(stage, 3).await;
                if told {
                    assert!(one.end_hook(Clean::text("quarterdeck was left")));
                    tokio::time::sleep(Duration::from_secs(20)).await;
                }
            };
            tokio::select! {
                ended = running => Some(ended.expect("journalled")),
                () = leave => None,
            }
        });
        assert_eq!(ended.is_some(), told);
        if let Some(ended) = ended {
            assert_eq!(ended.outcome, Outcome::Unknown);
            assert!(
                ended.words.as_str().contains("quarterdeck was left"),
                "{ended:?}"
            );
        }
        let ticks = || std::fs::read_to_string(&traces).unwrap().len();
        std::thread::sleep(Duration::from_millis(300));
        let before = ticks();
        std::thread::sleep(Duration::from_millis(500));
        assert_eq!(ticks(), before, "told: {told}: it goes on");
    }
}
