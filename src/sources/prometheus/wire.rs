//! Answers of the query routes: one envelope for vectors, matrices, scalars and strings. A row or point
//! of another form is counted and left out; numbers may be text, as Prometheus writes them.

use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

use crate::domain::text::Clean;

/// The most series of one answer that are kept.
pub(super) const MOST_SERIES: usize = 10_000;
/// The most remarks of one answer that are kept.
const MOST_NOTES: usize = 8;

/// Names and values of labels.
pub(super) type Labels = BTreeMap<String, String>;

/// One series: its labels, and seconds with values.
#[derive(Clone, PartialEq, Debug, Default)]
pub(super) struct Series {
    pub(super) labels: Labels,
    pub(super) points: Vec<(f64, f64)>,
}

/// An answer, read.
#[derive(Clone, PartialEq, Debug, Default)]
pub(super) struct Read {
    pub(super) series: Vec<Series>,
    /// Series beyond the most that are kept.
    pub(super) left_out: usize,
    /// Rows and points of another form: native histograms, nulls.
    pub(super) unread: usize,
    /// The server's warnings and infos.
    pub(super) notes: Vec<Clean>,
    /// The first warning that is not about the query: the answer may lack what a store that did not
    /// answer holds.
    pub(super) lacking: Option<Clean>,
    /// What the server says it could not do, where it says so with a good status.
    pub(super) refused: Option<String>,
}

/// The envelope.
#[derive(Deserialize)]
pub(super) struct Envelope {
    status: String,
    #[serde(default)]
    data: Option<Data>,
    #[serde(default)]
    error: Option<String>,
    #[serde(default)]
    warnings: Option<Vec<Option<String>>>,
    #[serde(default)]
    infos: Option<Vec<Option<String>>>,
    /// A `VictoriaMetrics` cluster says so in place of a warning.
    #[serde(default, rename = "isPartial")]
    is_partial: Option<bool>,
}

/// The first warning that tells of something left out. Remarks on the language begin with its name,
/// whichever list they are in (prometheus 2.53 keeps its infos among the warnings).
pub(super) fn lacking<'a>(mut warnings: impl Iterator<Item = &'a str>) -> Option<Clean> {
    let found = warnings.find(|text| !text.starts_with("PromQL "));
    found.map(|text| Clean::limited(text, 300))
}

#[derive(Deserialize, Default)]
struct Data {
    #[serde(default)]
    result: Rows,
}

impl Envelope {
    pub(super) fn read(self) -> Read {
        let refused = (self.status != "success").then(|| {
            let words = self.error.filter(|words| !words.is_empty());
            words.unwrap_or_else(|| format!("status {}", self.status))
        });
        let rows = self.data.unwrap_or_default().result;
        let warnings = self.warnings.iter().flatten().flatten();
        let mut lacking = lacking(warnings.map(String::as_str));
        if self.is_partial == Some(true) {
            let words = "the server says that its answer is partial";
            lacking.get_or_insert_with(|| Clean::text(words));
        }
        let notes = [self.warnings, self.infos].into_iter().flatten().flatten();
        Read {
            series: rows.series,
            left_out: rows.left_out,
            unread: rows.unread,
            notes: notes
                .flatten()
                .take(MOST_NOTES)
                .map(|text| Clean::limited(&text, 300))
                .collect(),
            lacking,
            refused,
        }
    }
}

/// The rows of a result, of whatever type.
#[derive(Default)]
struct Rows {
    series: Vec<Series>,
    left_out: usize,
    unread: usize,
}

impl<'de> Deserialize<'de> for Rows {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        struct Reader;
        impl<'de> Visitor<'de> for Reader {
            type Value = Rows;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of series")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Rows, A::Error> {
                let mut rows = Rows::default();
                let mut scalar = Vec::new();
                while let Some(part) = seq.next_element::<Part>()? {
                    match part {
                        Part::Number(n) => scalar.push(n),
                        Part::Row(_, _) if rows.series.len() >= MOST_SERIES => rows.left_out += 1,
                        Part::Row(series, unread) => {
                            rows.unread += unread;
                            rows.series.push(series);
                        }
                        Part::Other => rows.unread += 1,
                    }
                }
                // A scalar is one time and one value.
                match scalar[..] {
                    [at, value] if rows.series.is_empty() => rows.series.push(Series {
                        labels: Labels::new(),
                        points: vec![(at, value)],
                    }),
                    _ => rows.unread += scalar.len(),
                }
                Ok(rows)
            }

            fn visit_unit<E: Error>(self) -> Result<Rows, E> {
                Ok(Rows::default())
            }
        }
        d.deserialize_any(Reader)
    }
}

/// One element of a result.
enum Part {
    Row(Series, usize),
    Number(f64),
    Other,
}

impl<'de> Deserialize<'de> for Part {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        struct Reader;
        impl<'de> Visitor<'de> for Reader {
            type Value = Part;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a series or a number")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Part, A::Error> {
                let mut series = Series::default();
                let mut unread = 0;
                while let Some(key) = map.next_key::<String>()? {
                    match key.as_str() {
                        "metric" => series.labels = map.next_value::<Texts>()?.0,
                        "value" => match map.next_value::<Point>()?.0 {
                            Some(point) => series.points.push(point),
                            None => unread += 1,
                        },
                        "values" => {
                            let (points, bad) = map.next_value::<Points>()?.0;
                            series.points.extend(points);
                            unread += bad;
                        }
                        // A native histogram is no number.
                        "histogram" | "histograms" => {
                            map.next_value::<IgnoredAny>()?;
                            unread += 1;
                        }
                        _ => {
                            map.next_value::<IgnoredAny>()?;
                        }
                    }
                }
                Ok(Part::Row(series, unread))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Part, A::Error> {
                while seq.next_element::<IgnoredAny>()?.is_some() {}
                Ok(Part::Other)
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Part, E> {
                Ok(text.parse().map_or(Part::Other, Part::Number))
            }

            fn visit_f64<E: Error>(self, n: f64) -> Result<Part, E> {
                Ok(Part::Number(n))
            }

            fn visit_u64<E: Error>(self, n: u64) -> Result<Part, E> {
                Ok(Part::Number(n as f64))
            }

            fn visit_i64<E: Error>(self, n: i64) -> Result<Part, E> {
                Ok(Part::Number(n as f64))
            }

            fn visit_bool<E: Error>(self, _: bool) -> Result<Part, E> {
                Ok(Part::Other)
            }

            fn visit_unit<E: Error>(self) -> Result<Part, E> {
                Ok(Part::Other)
            }
        }
        d.deserialize_any(Reader)
    }
}

/// A time and a value; `None` for anything else.
struct Point(Option<(f64, f64)>);

impl<'de> Deserialize<'de> for Point {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        struct Reader;
        impl<'de> Visitor<'de> for Reader {
            type Value = Point;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a time and a value")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Point, A::Error> {
                let mut numbers = [None; 2];
                let mut more = false;
                let mut at = 0;
                while let Some(part) = seq.next_element::<Part>()? {
                    match (numbers.get_mut(at), part) {
                        (Some(slot), Part::Number(n)) => *slot = Some(n),
                        (Some(_), _) => {}
                        (None, _) => more = true,
                    }
                    at += 1;
                }
                Ok(Point(match numbers {
                    [Some(time), Some(value)] if !more && time.is_finite() => Some((time, value)),
                    _ => None,
                }))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Point, A::Error> {
                while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                Ok(Point(None))
            }

            fn visit_str<E: Error>(self, _: &str) -> Result<Point, E> {
                Ok(Point(None))
            }

            fn visit_f64<E: Error>(self, _: f64) -> Result<Point, E> {
                Ok(Point(None))
            }

            fn visit_u64<E: Error>(self, _: u64) -> Result<Point, E> {
                Ok(Point(None))
            }

            fn visit_i64<E: Error>(self, _: i64) -> Result<Point, E> {
                Ok(Point(None))
            }

            fn visit_bool<E: Error>(self, _: bool) -> Result<Point, E> {
                Ok(Point(None))
            }

            fn visit_unit<E: Error>(self) -> Result<Point, E> {
                Ok(Point(None))
            }
        }
        d.deserialize_any(Reader)
    }
}

/// Points, and how many were none.
struct Points((Vec<(f64, f64)>, usize));

impl<'de> Deserialize<'de> for Points {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let points = Option::<Vec<Point>>::deserialize(d)?.unwrap_or_default();
        let all = points.len();
        let good: Vec<_> = points.into_iter().filter_map(|p| p.0).collect();
        let bad = all - good.len();
        Ok(Self((good, bad)))
    }
}

/// Labels; a value that is no text is left out.
struct Texts(Labels);

impl<'de> Deserialize<'de> for Texts {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Value {
            Text(String),
            Other(IgnoredAny),
        }
        let all = Option::<BTreeMap<String, Value>>::deserialize(d)?.unwrap_or_default();
        let text = |(name, value)| match value {
            Value::Text(text) => Some((name, text)),
            Value::Other(_) => None,
        };
        Ok(Self(all.into_iter().filter_map(text).collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Read {
        serde_json::from_str::<Envelope>(text).expect(text).read()
    }

    #[test]
    fn every_kind_of_result_is_read() {
        let vector = read(
            r#"{"status":"success","data":{"resultType":"vector","result":[
                {"metric":{"model":"a"},"value":[1.5,"NaN"]},
                {"metric":{"model":"b"},"value":[1,"+Inf"]},
                {"metric":{"model":"c"},"value":[1,"-Inf"]},
                {"metric":{"model":"d"},"value":[1,"2.4e-01"]}]},
               "warnings":["PromQL info: x\u001b[31m"],"infos":["y"]}"#,
        );
        let values: Vec<f64> = vector.series.iter().map(|s| s.points[0].1).collect();
        assert!(values[0].is_nan());
        assert_eq!(values[1..], [f64::INFINITY, f64::NEG_INFINITY, 0.24]);
        assert_eq!(vector.notes.len(), 2);
        assert!(!vector.notes[0].as_str().contains('\u{1b}'));
        let matrix = read(
            r#"{"status":"success","data":{"resultType":"matrix","result":[
                {"metric":{},"values":[[60,"1"],[180,"2"]]}]}}"#,
        );
        assert_eq!(matrix.series[0].points, [(60.0, 1.0), (180.0, 2.0)]);
        let scalar = r#"{"status":"success","data":{"resultType":"scalar","result":[5,"7"]}}"#;
        assert_eq!(read(scalar).series[0].points, [(5.0, 7.0)]);
        let string = r#"{"status":"success","data":{"resultType":"string","result":[5,"hello"]}}"#;
        assert_eq!((read(string).series.len(), read(string).unread), (0, 2));
        for empty in [
            r#"{"status":"success","data":{"resultType":"vector","result":[]}}"#,
            r#"{"status":"success","data":{"result":null}}"#,
            r#"{"status":"success","data":null}"#,
            r#"{"status":"success"}"#,
        ] {
            assert_eq!(read(empty), Read::default(), "{empty}");
        }
        let refused = read(r#"{"status":"error","errorType":"bad_data","error":"no"}"#);
        assert_eq!(refused.refused.as_deref(), Some("no"));
    }

    #[test]
    fn a_warning_that_is_not_about_the_query_says_that_something_is_lacking() {
        let lacking = |rest: &str| {
            let text = format!(r#"{{"status":"success","data":{{"result":[]}}{rest}}}"#);
            read(&text).lacking.map(|words| words.to_string())
        };
        assert_eq!(lacking(""), None);
        assert_eq!(
            lacking(r#","warnings":null,"infos":["PromQL info: x"]"#),
            None
        );
        let language = r#","warnings":["PromQL info: x","PromQL warning: y"]"#;
        assert_eq!(lacking(language), None);
        let store = r#","warnings":["PromQL info: x",null,"store eu: no answer"]"#;
        assert_eq!(lacking(store).as_deref(), Some("store eu: no answer"));
        assert!(lacking(r#","isPartial":true"#).is_some());
        assert_eq!(lacking(r#","isPartial":false"#), None);
    }

    #[test]
    fn what_is_no_row_or_point_is_counted_and_left_out() {
        let odd = read(
            r#"{"status":"success","data":{"result":[null,5,[1],true,
                {"metric":null,"value":null},
                {"metric":{"a":1,"b":"x"},"value":[1,null]},
                {"metric":{"a":"h"},"histogram":[1,{"count":"3"}]},
                {"metric":{"a":"v"},"value":"2"},
                {"metric":{"a":"w"},"values":[[1,"2"],null,[1],["x","y"],[2,3,4],{}]}]}}"#,
        );
        assert_eq!(odd.unread, 4 + 1 + 1 + 1 + 1 + 5);
        assert_eq!(odd.series.len(), 5);
        assert_eq!(odd.series[1].labels.len(), 1);
        assert_eq!(odd.series[4].points, [(1.0, 2.0)]);
    }

    #[test]
    fn more_series_than_are_kept_are_counted() {
        let row = r#"{"metric":{},"value":[1,"1"]}"#;
        let rows = vec![row; MOST_SERIES + 3].join(",");
        let all = read(&format!(
            r#"{{"status":"success","data":{{"result":[{rows}]}}}}"#
        ));
        assert_eq!((all.series.len(), all.left_out), (MOST_SERIES, 3));
    }
}
