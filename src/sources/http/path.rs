//! Where a decoder of JSON gave up: the path to the value at a position of the text. It goes through the
//! text once more and knows nothing of types, so that no type is decoded by two sets of code.

/// A step from a value to one that it holds.
enum Step<'a> {
    Item(usize),
    /// A name as it is written, with its quotes; none before the first one is read.
    Member(Option<&'a [u8]>),
}

/// The path to the value at a position, as `runs[2].name`, empty for the whole text: the value that
/// begins there, that holds it or that has ended there. `None` where the whole value has ended before it.
/// Line and column are those of [`serde_json::Error`]: the column counts the bytes before the position.
pub(super) fn at(text: &[u8], line: usize, column: usize) -> Option<String> {
    let mut before = text.split_inclusive(|b| *b == b'\n');
    let lines = before.by_ref().take(line.saturating_sub(1));
    let upto = lines.map(<[u8]>::len).sum::<usize>() + column;
    let mut walk = Walk {
        text,
        at: 0,
        steps: Vec::new(),
    };
    walk.to(upto).then(|| path(&walk.steps))
}

struct Walk<'a> {
    text: &'a [u8],
    at: usize,
    steps: Vec<Step<'a>>,
}

impl Walk<'_> {
    /// Goes on until the present step leads to the value at a position; whether there is one.
    fn to(&mut self, upto: usize) -> bool {
        loop {
            // Here begins a value, or what stands in its place.
            let Some(first) = self.next().filter(|_| self.at < upto) else {
                return true;
            };
            let open = match first {
                b'{' => Some(Step::Member(None)),
                b'[' => Some(Step::Item(0)),
                _ => None,
            };
            match open {
                Some(step) => {
                    self.at += 1;
                    self.steps.push(step);
                    let Some(next) = self.next().filter(|_| self.at < upto) else {
                        self.steps.pop();
                        return true;
                    };
                    if !matches!(next, b'}' | b']') {
                        if self.name(upto) {
                            return true;
                        }
                        continue;
                    }
                    self.steps.pop();
                    self.at += 1;
                }
                None => self.scalar(first),
            }
            // A value has ended, and then perhaps what holds it.
            loop {
                let Some(next) = self.next().filter(|_| self.at < upto) else {
                    return true;
                };
                self.at += 1;
                match (next, self.steps.last_mut()) {
                    (_, None) => return false,
                    (b',', Some(step)) => {
                        match step {
                            Step::Item(index) => *index += 1,
                            Step::Member(name) => *name = None,
                        }
                        if self.name(upto) {
                            return true;
                        }
                        break;
                    }
                    (b'}' | b']', Some(_)) => {
                        self.steps.pop();
                    }
                    // Nothing of the kind may stand here: this is as far as any decoder comes.
                    _ => return true,
                }
            }
        }
    }

    /// Reads the name of the next member, if one is due; whether the position is before its value.
    fn name(&mut self, upto: usize) -> bool {
        if !matches!(self.steps.last(), Some(Step::Member(_))) {
            return false;
        }
        let first = self.next();
        let from = self.at;
        if first == Some(b'"') {
            self.string();
        }
        let read = self.text.get(from..self.at).unwrap_or_default();
        if self.at >= upto || self.next() != Some(b':') {
            return true;
        }
        self.at += 1;
        if let Some(Step::Member(name)) = self.steps.last_mut() {
            *name = Some(read);
        }
        false
    }

    /// The next byte that is no space.
    fn next(&mut self) -> Option<u8> {
        let rest = self.text.get(self.at..)?;
        let spaces = rest.iter().take_while(|b| b.is_ascii_whitespace());
        self.at += spaces.count();
        self.text.get(self.at).copied()
    }

    fn scalar(&mut self, first: u8) {
        if first == b'"' {
            return self.string();
        }
        let rest = self.text.get(self.at + 1..).unwrap_or_default();
        let ends = |b: &u8| b.is_ascii_whitespace() || b",:[]{}\"".contains(b);
        self.at += 1 + rest.iter().position(ends).unwrap_or(rest.len());
    }

    /// To the end of the string that begins here.
    fn string(&mut self) {
        self.at += 1;
        while let Some(byte) = self.text.get(self.at) {
            self.at += 1;
            match byte {
                b'"' => return,
                b'\\' => self.at += 1,
                _ => {}
            }
        }
        self.at = self.text.len();
    }
}

fn path(steps: &[Step<'_>]) -> String {
    let mut path = String::new();
    for step in steps {
        match step {
            Step::Item(index) => {
                path.push('[');
                path.push_str(&index.to_string());
                path.push(']');
            }
            Step::Member(None) => {}
            Step::Member(Some(written)) => {
                if !path.is_empty() {
                    path.push('.');
                }
                match serde_json::from_slice::<String>(written) {
                    Ok(name) => path.push_str(&name),
                    Err(_) => path.push_str(&String::from_utf8_lossy(written)),
                }
            }
        }
    }
    path
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Deserialize, Debug)]
    #[expect(dead_code, reason = "only where its decoding ends is tested")]
    struct Page {
        runs: Vec<Run>,
        #[serde(default)]
        next: Option<String>,
    }

    #[derive(Deserialize, Debug)]
    #[expect(dead_code, reason = "only where its decoding ends is tested")]
    struct Run {
        id: String,
        #[serde(default)]
        steps: Vec<u8>,
        #[serde(default)]
        tags: std::collections::BTreeMap<String, f64>,
        #[serde(default)]
        kind: Kind,
    }

    #[derive(Deserialize, Debug, Default)]
    #[serde(rename_all = "lowercase")]
    enum Kind {
        #[default]
        Plain,
    }

    /// Where the decoder gave up, as it is found here and as a decoder finds it that keeps its path.
    fn both(text: &str) -> (Option<String>, String) {
        let error = serde_json::from_str::<Page>(text).expect_err(text);
        let found = at(text.as_bytes(), error.line(), error.column());
        let mut decoder = serde_json::Deserializer::from_str(text);
        let tracked = serde_path_to_error::deserialize::<_, Page>(&mut decoder);
        let tracked = match tracked {
            Ok(_) => String::new(),
            Err(error) => error.path().to_string(),
        };
        (
            found,
            if tracked == "." {
                String::new()
            } else {
                tracked
            },
        )
    }

    #[test]
    fn the_path_is_that_of_a_decoder_that_keeps_it() {
        let wrong = [
            r#"{"runs":[{"id":"a"},{"id":7}]}"#,
            r#"{"runs":[{"id":"a","steps":[1,2,300]}]}"#,
            r#"{"runs":[{"id":"a","steps":[1,{}]}]}"#,
            r#"{"runs":[{"id":"a","steps":{"b":1}}]}"#,
            r#"{"runs":[{"id":"a","tags":{"x":1,"a.b\"c":"no"}}]}"#,
            r#"{"runs":[{"id":"a","kind":"other"}]}"#,
            "{\n  \"runs\": [\n    {\"id\": \"a\"},\n    {\"steps\": [1, 2]}\n  ]\n}",
            "{ \"runs\" : [ { \"id\" : null } ] }",
            r#"{"runs":{}}"#,
            r#"{"runs":7,"next":"x"}"#,
            r#"{"next":"x"}"#,
            "[]",
            "7",
        ];
        for text in wrong {
            let (found, tracked) = both(text);
            assert_eq!(found, Some(tracked), "{text}");
        }
    }

    #[test]
    fn text_that_is_no_json_ends_where_it_breaks() {
        for (text, path) in [
            ("", Some("")),
            ("   ", Some("")),
            ("{", Some("")),
            (r#"{"runs":[{"id":"a"},"#, Some("runs[1]")),
            (r#"{"runs":NaN}"#, Some("runs")),
            (r#"{"runs":[{"id":"a" "steps":[]}]}"#, Some("runs[0].id")),
            (r#"{"runs":[]} more"#, None),
        ] {
            assert_eq!(both(text).0.as_deref(), path, "{text}");
        }
    }

    proptest::proptest! {
        /// Whatever the text and the position: an end, and no step too many.
        #[test]
        fn any_text_is_gone_through(text in r#"[\[\]{}:,"\\ \na1]{0,40}"#, upto in 0_usize..50) {
            let found = at(text.as_bytes(), 1, upto);
            let most = text.len() * 12;
            proptest::prop_assert!(found.is_none_or(|path| path.len() <= most));
        }
    }
}
