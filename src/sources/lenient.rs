//! Field decoders that accept what servers send in place of the documented type: numbers as text,
//! text as numbers, null for anything. A list where a name was expected stays an error.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{
    Deserialize, DeserializeOwned, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor,
};

use super::http::Reply;
use crate::domain::fault::Fault;

/// Sent for infinities by stores that cannot hold them.
const NEAR_INFINITY: f64 = 1.797_693_134_862_315_7e308;

/// Decodes an answer. Bare `NaN` and `Infinity`, which some routes write although JSON has no such
/// words, are tried as strings after strict JSON has failed.
pub(super) fn decode<T: DeserializeOwned>(mut reply: Reply) -> Result<T, Fault> {
    let strict = reply.json::<Message<T>>();
    if strict.is_err()
        && let Some(quoted) = quote_bare_numbers(&reply.body.whole())
    {
        reply.body = quoted.into();
        return reply.json::<Message<T>>().map(|m| m.0);
    }
    strict.map(|m| m.0)
}

struct Int;

impl Visitor<'_> for Int {
    type Value = Option<i64>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a whole number")
    }

    fn visit_i64<E: Error>(self, v: i64) -> Result<Self::Value, E> {
        Ok(Some(v))
    }

    fn visit_u64<E: Error>(self, v: u64) -> Result<Self::Value, E> {
        Ok(Some(i64::try_from(v).unwrap_or(i64::MAX)))
    }

    fn visit_f64<E: Error>(self, v: f64) -> Result<Self::Value, E> {
        // A cast from float saturates, and turns NaN into zero.
        Ok(v.is_finite().then_some(v as i64))
    }

    fn visit_str<E: Error>(self, v: &str) -> Result<Self::Value, E> {
        let v = v.trim();
        if v.is_empty() {
            return Ok(None);
        }
        v.parse::<i64>()
            .ok()
            .or_else(|| {
                v.parse::<f64>()
                    .ok()
                    .filter(|f| f.is_finite())
                    .map(|f| f as i64)
            })
            .map(Some)
            .ok_or_else(|| E::invalid_value(serde::de::Unexpected::Str(v), &self))
    }

    fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
        Ok(None)
    }
}

/// A whole number; zero for null and empty text.
pub(super) fn int<'de, D: Deserializer<'de>>(d: D) -> Result<i64, D::Error> {
    d.deserialize_any(Int).map(Option::unwrap_or_default)
}

/// A whole number that may be absent.
pub(super) fn count<'de, D: Deserializer<'de>>(d: D) -> Result<Option<i64>, D::Error> {
    d.deserialize_any(Int)
}

struct Float;

impl Visitor<'_> for Float {
    type Value = f64;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number")
    }

    fn visit_i64<E: Error>(self, v: i64) -> Result<f64, E> {
        Ok(v as f64)
    }

    fn visit_u64<E: Error>(self, v: u64) -> Result<f64, E> {
        Ok(v as f64)
    }

    fn visit_f64<E: Error>(self, v: f64) -> Result<f64, E> {
        Ok(if v >= NEAR_INFINITY {
            f64::INFINITY
        } else if v <= -NEAR_INFINITY {
            f64::NEG_INFINITY
        } else {
            v
        })
    }

    fn visit_str<E: Error>(self, v: &str) -> Result<f64, E> {
        v.trim()
            .parse::<f64>()
            .map_err(|_| E::invalid_value(serde::de::Unexpected::Str(v), &self))
            .and_then(|v| self.visit_f64(v))
    }

    fn visit_unit<E: Error>(self) -> Result<f64, E> {
        Ok(f64::NAN)
    }
}

/// A number, `NaN` and infinities as text or as the largest double; null is NaN, never zero.
pub(super) fn float<'de, D: Deserializer<'de>>(d: D) -> Result<f64, D::Error> {
    d.deserialize_any(Float)
}

struct Text;

impl Visitor<'_> for Text {
    type Value = String;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("text")
    }

    fn visit_str<E: Error>(self, v: &str) -> Result<String, E> {
        Ok(v.to_owned())
    }

    fn visit_string<E: Error>(self, v: String) -> Result<String, E> {
        Ok(v)
    }

    fn visit_i64<E: Error>(self, v: i64) -> Result<String, E> {
        Ok(v.to_string())
    }

    fn visit_u64<E: Error>(self, v: u64) -> Result<String, E> {
        Ok(v.to_string())
    }

    fn visit_f64<E: Error>(self, v: f64) -> Result<String, E> {
        Ok(v.to_string())
    }

    fn visit_bool<E: Error>(self, v: bool) -> Result<String, E> {
        Ok(v.to_string())
    }

    fn visit_unit<E: Error>(self) -> Result<String, E> {
        Ok(String::new())
    }
}

/// Text; numbers and booleans as written, null as empty.
pub(super) fn text<'de, D: Deserializer<'de>>(d: D) -> Result<String, D::Error> {
    d.deserialize_any(Text)
}

struct Flag;

impl Visitor<'_> for Flag {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("true or false")
    }

    fn visit_bool<E: Error>(self, v: bool) -> Result<bool, E> {
        Ok(v)
    }

    fn visit_i64<E: Error>(self, v: i64) -> Result<bool, E> {
        Ok(v != 0)
    }

    fn visit_u64<E: Error>(self, v: u64) -> Result<bool, E> {
        Ok(v != 0)
    }

    fn visit_str<E: Error>(self, v: &str) -> Result<bool, E> {
        Ok(v.eq_ignore_ascii_case("true"))
    }

    fn visit_unit<E: Error>(self) -> Result<bool, E> {
        Ok(false)
    }
}

/// True or false, also as text; null is false.
pub(super) fn flag<'de, D: Deserializer<'de>>(d: D) -> Result<bool, D::Error> {
    d.deserialize_any(Flag)
}

/// A JSON object. Derived decoders would also take a list of its fields in their order of
/// declaration, which no server sends on purpose.
pub(super) struct Message<T>(pub(super) T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Message<T> {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        struct Object<T>(std::marker::PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for Object<T> {
            type Value = T;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<T, A::Error> {
                T::deserialize(serde::de::value::MapAccessDeserializer::new(map))
            }
        }

        d.deserialize_map(Object(std::marker::PhantomData))
            .map(Message)
    }
}

/// A list of messages; null is empty, and null items are left out.
pub(super) fn list<'de, D, T>(d: D) -> Result<Vec<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    struct Items<T>(std::marker::PhantomData<T>);

    impl<'de, T: Deserialize<'de>> Visitor<'de> for Items<T> {
        type Value = Vec<T>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a list")
        }

        fn visit_unit<E: Error>(self) -> Result<Vec<T>, E> {
            Ok(Vec::new())
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Vec<T>, A::Error> {
            // An empty message stands for an empty list in some encoders.
            match map.next_key::<IgnoredAny>()? {
                None => Ok(Vec::new()),
                Some(_) => Err(A::Error::invalid_type(serde::de::Unexpected::Map, &self)),
            }
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Vec<T>, A::Error> {
            let mut out = Vec::new();
            while let Some(item) = seq.next_element::<Option<Message<T>>>()? {
                out.extend(item.map(|m| m.0));
            }
            Ok(out)
        }
    }

    d.deserialize_any(Items(std::marker::PhantomData))
}

/// A message; null is its default.
pub(super) fn nested<'de, D, T>(d: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + Default,
{
    Option::<Message<T>>::deserialize(d).map(|m| m.map(|m| m.0).unwrap_or_default())
}

/// A map of texts: labels, annotations, metadata. Null is empty; numbers and booleans are as written,
/// values of any other kind are left out.
pub(super) fn texts<'de, D: Deserializer<'de>>(d: D) -> Result<BTreeMap<String, String>, D::Error> {
    let map = Option::<BTreeMap<String, serde_json::Value>>::deserialize(d)?.unwrap_or_default();
    let text = |value| match value {
        serde_json::Value::String(text) => Some(text),
        serde_json::Value::Number(number) => Some(number.to_string()),
        serde_json::Value::Bool(flag) => Some(flag.to_string()),
        _ => None,
    };
    Ok(map
        .into_iter()
        .filter_map(|(key, value)| Some((key, text(value)?)))
        .collect())
}

/// A list of texts; null is empty, and items that are no text are left out.
pub(super) fn words<'de, D: Deserializer<'de>>(d: D) -> Result<Vec<String>, D::Error> {
    let list = Option::<Vec<serde_json::Value>>::deserialize(d)?.unwrap_or_default();
    Ok(list
        .into_iter()
        .filter_map(|item| match item {
            serde_json::Value::String(text) => Some(text),
            _ => None,
        })
        .collect())
}

/// Puts quotes around bare `NaN`, `Infinity` and `-Infinity` outside strings. `None` if there are none.
pub(super) fn quote_bare_numbers(body: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(body.len() + 64);
    let mut found = false;
    let mut in_text = false;
    let mut at = 0;
    while at < body.len() {
        let byte = body[at];
        if in_text {
            out.push(byte);
            at += 1;
            if byte == b'\\' && at < body.len() {
                out.push(body[at]);
                at += 1;
            } else if byte == b'"' {
                in_text = false;
            }
            continue;
        }
        let word = [&b"NaN"[..], b"-Infinity", b"Infinity"]
            .into_iter()
            .find(|word| body[at..].starts_with(word));
        if let Some(word) = word {
            found = true;
            out.push(b'"');
            out.extend_from_slice(word);
            out.push(b'"');
            at += word.len();
        } else {
            in_text = byte == b'"';
            out.push(byte);
            at += 1;
        }
    }
    found.then_some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(serde::Deserialize, Default, Debug)]
    #[serde(default)]
    struct Item {
        #[serde(deserialize_with = "int")]
        i: i64,
    }

    #[derive(serde::Deserialize, Default, Debug)]
    #[serde(default)]
    struct Probe {
        #[serde(deserialize_with = "int")]
        i: i64,
        #[serde(deserialize_with = "float")]
        f: f64,
        #[serde(deserialize_with = "text")]
        t: String,
        #[serde(deserialize_with = "list")]
        l: Vec<Item>,
        #[serde(deserialize_with = "flag")]
        b: bool,
    }

    fn probe(json: &str) -> Result<Probe, serde_json::Error> {
        serde_json::from_str(json)
    }

    #[test]
    fn numbers_come_as_numbers_or_text() {
        for (json, want) in [
            (r#"{"i":"17"}"#, 17),
            (r#"{"i":17.0}"#, 17),
            (r#"{"i":null}"#, 0),
            (r#"{"i":""}"#, 0),
            (r#"{"i":1e300}"#, i64::MAX),
            (r#"{"i":18446744073709551615}"#, i64::MAX),
            ("{}", 0),
        ] {
            assert_eq!(probe(json).expect(json).i, want, "{json}");
        }
        assert!(probe(r#"{"i":"soon"}"#).is_err());
        assert!(probe(r#"{"i":[]}"#).is_err());
    }

    #[test]
    fn not_a_number_is_never_zero() {
        for json in [r#"{"f":"NaN"}"#, r#"{"f":null}"#, r#"{"f":"nan"}"#] {
            assert!(probe(json).expect(json).f.is_nan(), "{json}");
        }
        for (json, want) in [
            (r#"{"f":"Infinity"}"#, f64::INFINITY),
            (r#"{"f":"-Infinity"}"#, f64::NEG_INFINITY),
            (r#"{"f":1.7976931348623157e308}"#, f64::INFINITY),
            (r#"{"f":-1.7976931348623157e308}"#, f64::NEG_INFINITY),
            (r#"{"f":"0.5"}"#, 0.5),
            (r#"{"f":3}"#, 3.0),
        ] {
            assert_eq!(
                probe(json).expect(json).f.to_bits(),
                want.to_bits(),
                "{json}"
            );
        }
    }

    #[test]
    fn null_stands_for_anything() {
        let p = probe(r#"{"i":null,"f":null,"t":null,"l":null,"b":null}"#).expect("nulls");
        assert_eq!((p.t.as_str(), p.l.len(), p.b), ("", 0, false));
        let items = probe(r#"{"l":[{"i":1},null,{"i":2}]}"#).expect("items").l;
        assert_eq!(items.iter().map(|i| i.i).collect::<Vec<_>>(), [1, 2]);
        assert!(probe(r#"{"l":[[1]]}"#).is_err(), "a list is no message");
        assert_eq!(probe(r#"{"t":7}"#).expect("number").t, "7");
        assert!(probe(r#"{"t":["a"]}"#).is_err());
    }

    #[test]
    fn bare_words_are_quoted_outside_strings_only() {
        let raw = br#"{"a":NaN,"b":-Infinity,"c":"NaN \" NaN","d":[Infinity]}"#;
        let quoted = quote_bare_numbers(raw).expect("found");
        assert_eq!(
            String::from_utf8(quoted).expect("utf8"),
            r#"{"a":"NaN","b":"-Infinity","c":"NaN \" NaN","d":["Infinity"]}"#
        );
        assert!(quote_bare_numbers(br#"{"a":"NaN"}"#).is_none());
    }
}
