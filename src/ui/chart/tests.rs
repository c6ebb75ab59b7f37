use super::*;
use crate::ui::paint::span;
use crate::ui::series::sample;
use crate::ui::symbols::Symbols;
use crate::ui::testing::{look, look_of, runs, screen};
use crate::ui::theme::{Depth, Role};

fn curve(f: impl Fn(f64) -> f64) -> Vec<Sample> {
    (0..=60)
        .map(|i| sample(f64::from(i), f(f64::from(i))))
        .collect()
}

fn draw(chart: &Chart<'_>, look: &Look) -> (Buffer, Drawn) {
    let mut buf = Buffer::empty(Rect::new(0, 0, look.columns, look.rows));
    let area = buf.area;
    let drawn = chart.draw(&mut buf, look, area);
    (buf, drawn)
}

#[test]
fn one_series_with_threshold_marker_and_gap() {
    let points = curve(|x| {
        if (25.0..30.0).contains(&x) {
            f64::NAN
        } else {
            0.3 + x / 100.0
        }
    });
    let chart = Chart {
        title: "errors",
        unit: "%",
        series: &[Series {
            name: "a",
            points: &points,
        }],
        threshold: Some(0.8),
        markers: &[Marker {
            x: 40.0,
            label: "v14",
        }],
        ..Chart::default()
    };
    let (buf, _) = draw(&chart, &look(60, 10));
    insta::assert_snapshot!(screen(&buf), @r"
    errors %  0.900                                   ╌ line 0.8
        │                                    ┊            ⢀⣀⣀⡠⠤⠒
    0.8 ┤╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌⢀⣀⣀⠤⠤⠒⠒⠊⠉⠁╌╌╌╌╌
        │                               ⢀⣀⣀⠤⠤⠒⠒⠊⠉⠁
    0.6 ┤                           ⠠⠒⠊⠉⠁    ┊
        │              ⣀⣀⠤⠤⠔⠒⠊⠉⠁             ┊
    0.4 ┤     ⣀⣀⠤⠤⠔⠒⠊⠉⠉                      ┊
        │⠔⠒⠊⠉⠉                               ┊
                                             ▲v14
         step 0                    30                         60
    ");
    insta::assert_snapshot!(runs(&buf, 0), @r#"
    text.strong "errors"
    text.dim " %"
    chart.1 "  0.900"
    - "                                   "
    fresh.down "╌ "
    text.dim "line 0.8"
    "#);
}

#[test]
fn two_series_have_a_legend_and_end_marks() {
    let (a, b) = (curve(f64::sqrt), curve(|x| x / 10.0));
    let series = [
        Series {
            name: "run-a",
            points: &a,
        },
        Series {
            name: "run-b",
            points: &b,
        },
    ];
    let chart = Chart {
        title: "loss",
        series: &series,
        cursor: Some(30.0),
        ..Chart::default()
    };
    let (buf, drawn) = draw(&chart, &look(60, 9));
    insta::assert_snapshot!(screen(&buf), @r"
    loss   ● run-a 5.48   ■ run-b 3                        at 30
        │                           │                   ⣀⣀⣀⡠⠤⠤⠤●
        │                           │    ⢀⣀⣀⠤⠤⠤⠔⠒⠒⠒⠊⠉⠉⠉⠉       ■
      5 ┤                    ⢀⣀⣀⠤⠤⠤⠒⠒⠊⠉⠉⠉⠁          ⣀⣀⣀⠤⠤⠔⠒⠒⠊⠉⠉
        │           ⢀⣀⠤⠤⠒⠒⠒⠉⠉⠁      │   ⢀⣀⣀⣀⠤⠤⠔⠒⠒⠊⠉⠉
        │     ⣀⠤⠤⠒⠊⠉⠁        ⢀⣀⣀⠤⠤⠤⠒⠒⠊⠉⠉⠁
        │ ⢀⠔⠉⠉    ⢀⣀⣀⡠⠤⠤⠒⠒⠒⠉⠉⠁      │
      0 ┤⣰⡡⠤⠤⠒⠒⠒⠉⠉⠁                 │
         step 0                    30                         60
    ");
    assert_eq!(drawn.x_at(drawn.plot.x), Some(0.0));
    assert_eq!(drawn.x_at(drawn.plot.right() - 1), Some(60.0));
    assert_eq!(drawn.x_at(0), None);
}

#[test]
fn a_cursor_before_the_first_sample_finds_no_data() {
    let (a, b) = (curve(f64::sqrt), curve(|x| x / 10.0));
    let series = [
        Series {
            name: "v15",
            points: &a,
        },
        Series {
            name: "v16",
            points: &b[40..],
        },
    ];
    let at = |x| {
        let chart = Chart {
            series: &series,
            cursor: Some(x),
            ..Chart::default()
        };
        screen(&draw(&chart, &look(60, 9)).0)
    };
    assert!(
        at(50.0).trim_start().starts_with("● v15 7.07   ■ v16 5 "),
        "{}",
        at(50.0)
    );
    assert!(
        at(9.0).trim_start().starts_with("● v15 3   ■ v16 no data"),
        "{}",
        at(9.0)
    );
}

#[test]
fn a_line_near_by_is_drawn_and_one_far_off_says_where_it_is() {
    let points = curve(|x| 0.032 + x / 10_000.0);
    let series = [Series {
        name: "a",
        points: &points,
    }];
    let title = |threshold, floor| {
        let chart = Chart {
            title: "drift",
            series: &series,
            threshold: Some(threshold),
            floor: Some(floor),
            ..Chart::default()
        };
        screen(&draw(&chart, &look(70, 9)).0)
    };
    let near = title(0.1, 0.011);
    assert!(near.starts_with("drift  0.038"), "{near}");
    assert!(near.contains("╌ line 0.1  · noise 0.011\n"), "{near}");
    assert!(near.contains("╌╌╌╌╌╌"), "{near}");
    let far = title(1.0, 0.2);
    assert!(far.contains("╌ line 1 above  · noise 0.2 above\n"), "{far}");
    assert!(!far.contains("╌╌"), "{far}");
}

#[test]
fn what_only_repeats_has_a_mark_of_its_own_and_no_end_mark() {
    let live = curve(|x| if x <= 30.0 { x } else { f64::NAN });
    let stale = curve(|x| if x >= 30.0 { 30.0 } else { f64::NAN });
    let series = [Series {
        name: "a",
        points: &live,
    }];
    let now = [span(Role::Stale, "30 stale")];
    let stale: [&[Sample]; 1] = [&stale];
    let chart = |cursor| Chart {
        title: "drift",
        series: &series,
        stale: &stale,
        now: &now,
        cursor,
        ..Chart::default()
    };
    insta::assert_snapshot!(screen(&draw(&chart(None), &look(60, 9)).0), @r"
    drift  30 stale                                      ~ stale
        │                         ⣀⠤⠤~ ~ ~ ~ ~ ~ ~ ~ ~ ~ ~ ~ ~ ~
        │                    ⢀⣀⡠⠒⠉
     20 ┤                 ⣀⠔⠊⠁
        │            ⢀⠤⠒⠒⠉
        │        ⣀⡠⠔⠊⠁
        │    ⣀⠤⠒⠉
      0 ┤⡠⠔⠊⠉
         step 0                    30                         60
    ");
    let read = screen(&draw(&chart(Some(45.0)), &look(60, 9)).0);
    assert!(read.starts_with("drift  30 stale"), "{read}");
    let ascii = look_of("mono", Depth::Mono, &Symbols::ASCII, 60, 9);
    assert!(screen(&draw(&chart(None), &ascii).0).contains("~ ~ ~"));
}

#[test]
fn ascii_draws_with_letters() {
    let (a, b) = (curve(|x| x), curve(|x| 60.0 - x));
    let series = [
        Series {
            name: "up",
            points: &a,
        },
        Series {
            name: "down",
            points: &b,
        },
    ];
    let chart = Chart {
        title: "t",
        series: &series,
        threshold: Some(30.0),
        ..Chart::default()
    };
    let (buf, _) = draw(
        &chart,
        &look_of("mono", Depth::Mono, &Symbols::ASCII, 40, 8),
    );
    assert!(screen(&buf).is_ascii(), "{}", screen(&buf));
    insta::assert_snapshot!(screen(&buf), @r"
    t   o up 60   x down 0         - line 30
        |xx                               oo
     50 +  xxxxxxxx                ooooooo
        |         xxxxxxxx oooooooo
        |-----------oooooxxxxxxxx-----------
        |    oooooooo           xxxxxxxx
      0 +oooo                           xxxx
         step 0                           60
    ");
}

#[test]
fn logarithmic_scale_leaves_out_what_has_no_logarithm() {
    let points = curve(|x| if x < 10.0 { 0.0 } else { 10_f64.powf(x / 20.0) });
    let series = [Series {
        name: "a",
        points: &points,
    }];
    let chart = Chart {
        title: "grad norm",
        series: &series,
        log: true,
        ..Chart::default()
    };
    let (buf, _) = draw(&chart, &look(50, 9));
    insta::assert_snapshot!(screen(&buf), @r"
    grad norm  1.00k                               log
    1000 ┤                                        ⢀⣀⠤⠔
         │                                  ⢀⣀⠤⠔⠒⠉⠁
     100 ┤                             ⣀⠤⠔⠒⠉⠁
         │                      ⢀⡠⠤⠤⠒⠊⠉
         │                ⢀⣀⠤⠔⠒⠉⠁
      10 ┤          ⢀⣀⠤⠔⠒⠉⠁
         │       ⠠⠒⠉⠁
          step 0                                    60
    ");
}

#[test]
fn a_label_without_room_on_either_side_leaves_its_mark_alone() {
    let points = curve(|x| x);
    let chart = Chart {
        series: &[Series {
            name: "a",
            points: &points,
        }],
        markers: &[
            Marker {
                x: 2.0,
                label: "monitoring jobs",
            },
            Marker {
                x: 9.0,
                label: "v16",
            },
        ],
        ..Chart::default()
    };
    let (buf, _) = draw(&chart, &look(40, 9));
    let shown = screen(&buf);
    let marks = shown.lines().nth(7).unwrap();
    assert_eq!(marks.trim(), "▲   ▲v16");
}

#[test]
fn odd_series_do_no_harm() {
    for points in [
        vec![],
        vec![sample(0.0, f64::NAN)],
        vec![sample(5.0, 1.0)],
        vec![
            sample(0.0, 0.0),
            sample(1.0, f64::INFINITY),
            sample(2.0, 0.0),
        ],
        vec![sample(0.0, -1e308), sample(1.0, 1e308)],
        vec![sample(0.0, 1e-320), sample(1.0, 2e-320)],
    ] {
        for log in [false, true] {
            for (w, h) in [(0, 0), (1, 1), (16, 3), (17, 4), (40, 8)] {
                let series = [Series {
                    name: "a",
                    points: &points,
                }];
                let chart = Chart {
                    series: &series,
                    log,
                    threshold: Some(1.0),
                    cursor: Some(0.5),
                    window: Some((-1.0, 3.0)),
                    markers: &[
                        Marker { x: 0.1, label: "m" },
                        Marker {
                            x: 9.0,
                            label: "out",
                        },
                    ],
                    ..Chart::default()
                };
                draw(&chart, &look(w, h));
            }
        }
    }
}
