use super::*;
use crate::ui::series::sample;
use crate::ui::symbols::Symbols;
use crate::ui::testing::{look, look_of, runs, screen};
use crate::ui::theme::Depth;

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
    t                              - line 30
    o up 60   x down 0
        |xxx                             ooo
     50 +   xxxxxxxxx           ooooooooo
        |------------xxxxxxxxxoo------------
        |     ooooooooo       xxxxxxxxx
      0 +ooooo                         xxxxx
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
