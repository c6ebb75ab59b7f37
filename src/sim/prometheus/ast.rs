//! What a `PromQL` query says: expressions, selectors and their matchers.

use regex_lite::Regex;

use crate::sim::samples::labels::{Labels, NAME};

/// What an expression gives.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Shape {
    Scalar,
    Vector,
    Matrix,
    Text,
}

impl Shape {
    pub(super) fn words(self) -> &'static str {
        match self {
            Self::Scalar => "scalar",
            Self::Vector => "instant vector",
            Self::Matrix => "range vector",
            Self::Text => "string",
        }
    }
}

#[derive(Clone, Debug)]
pub(crate) enum Expr {
    Number(f64),
    Text(String),
    Select(Selector),
    /// A selector over so many milliseconds.
    Range(Selector, i64),
    Subquery {
        of: Box<Expr>,
        range: i64,
        /// Milliseconds; the default resolution where none is given.
        step: Option<i64>,
        offset: i64,
    },
    Negate(Box<Expr>),
    Binary {
        op: Op,
        /// Whether a comparison gives 0 and 1 instead of filtering.
        bool: bool,
        matching: Matching,
        left: Box<Expr>,
        right: Box<Expr>,
    },
    Aggregate {
        op: Aggregation,
        parameter: Option<Box<Expr>>,
        grouping: Grouping,
        of: Box<Expr>,
    },
    Call {
        function: &'static super::functions::Function,
        arguments: Vec<Expr>,
    },
}

impl Expr {
    pub(crate) fn shape(&self) -> Shape {
        match self {
            Self::Number(_) => Shape::Scalar,
            Self::Text(_) => Shape::Text,
            Self::Select(_) | Self::Aggregate { .. } => Shape::Vector,
            Self::Range(..) | Self::Subquery { .. } => Shape::Matrix,
            Self::Negate(of) => of.shape(),
            Self::Binary { left, right, .. } => match (left.shape(), right.shape()) {
                (Shape::Scalar, Shape::Scalar) => Shape::Scalar,
                _ => Shape::Vector,
            },
            Self::Call { function, .. } => function.gives,
        }
    }
}

/// Which series, and how long ago.
#[derive(Clone, Debug)]
pub(crate) struct Selector {
    pub(crate) matchers: Vec<Matcher>,
    /// Milliseconds back.
    pub(crate) offset: i64,
}

impl Selector {
    /// The one metric name it asks for, if it does.
    pub(crate) fn name(&self) -> Option<&str> {
        self.matchers
            .iter()
            .find_map(|matcher| match &matcher.test {
                Test::Equal(name) if matcher.label == NAME => Some(name.as_str()),
                _ => None,
            })
    }

    pub(crate) fn matches(&self, labels: &Labels) -> bool {
        self.matchers.iter().all(|matcher| matcher.matches(labels))
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Matcher {
    pub(crate) label: String,
    pub(crate) test: Test,
}

#[derive(Clone, Debug)]
pub(crate) enum Test {
    Equal(String),
    NotEqual(String),
    /// Anchored at both ends.
    Like(Regex),
    Unlike(Regex),
}

impl Matcher {
    /// A matcher from its sign; the regular expression's own words where it is broken.
    pub(crate) fn new(label: &str, sign: &str, value: &str) -> Result<Self, String> {
        let regex = || Regex::new(&format!("^(?s:{value})$")).map_err(|e| e.to_string());
        let test = match sign {
            "!=" => Test::NotEqual(value.to_owned()),
            "=~" => Test::Like(regex()?),
            "!~" => Test::Unlike(regex()?),
            _ => Test::Equal(value.to_owned()),
        };
        Ok(Self {
            label: label.to_owned(),
            test,
        })
    }

    pub(crate) fn accepts(&self, value: &str) -> bool {
        match &self.test {
            Test::Equal(wanted) => value == wanted,
            Test::NotEqual(other) => value != other,
            Test::Like(regex) => regex.is_match(value),
            Test::Unlike(regex) => !regex.is_match(value),
        }
    }

    pub(crate) fn matches(&self, labels: &Labels) -> bool {
        self.accepts(labels.get(&self.label))
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Op {
    Add,
    Subtract,
    Multiply,
    Divide,
    Modulo,
    Power,
    Equal,
    NotEqual,
    Greater,
    Less,
    AtLeast,
    AtMost,
    And,
    Or,
    Unless,
}

impl Op {
    pub(super) fn of(sign: &str) -> Option<Self> {
        Some(match sign {
            "+" => Self::Add,
            "-" => Self::Subtract,
            "*" => Self::Multiply,
            "/" => Self::Divide,
            "%" => Self::Modulo,
            "^" => Self::Power,
            "==" => Self::Equal,
            "!=" => Self::NotEqual,
            ">" => Self::Greater,
            "<" => Self::Less,
            ">=" => Self::AtLeast,
            "<=" => Self::AtMost,
            "and" => Self::And,
            "or" => Self::Or,
            "unless" => Self::Unless,
            _ => return None,
        })
    }

    /// How tightly it binds.
    pub(super) fn binding(self) -> u8 {
        match self {
            Self::Or => 1,
            Self::And | Self::Unless => 2,
            Self::Equal
            | Self::NotEqual
            | Self::Greater
            | Self::Less
            | Self::AtLeast
            | Self::AtMost => 3,
            Self::Add | Self::Subtract => 4,
            Self::Multiply | Self::Divide | Self::Modulo => 5,
            Self::Power => 6,
        }
    }

    pub(crate) fn compares(self) -> bool {
        self.binding() == 3
    }

    pub(crate) fn is_set(self) -> bool {
        self.binding() < 3
    }
}

/// Which rows of two vectors belong together.
#[derive(Clone, Debug, Default)]
pub(crate) struct Matching {
    /// `on` these labels, or `ignoring` them.
    pub(crate) on: bool,
    pub(crate) labels: Vec<String>,
    pub(crate) many: Many,
    /// Labels taken over from the one side.
    pub(crate) include: Vec<String>,
}

/// Which side may have several rows for one of the other.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) enum Many {
    #[default]
    Neither,
    Left,
    Right,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Aggregation {
    Sum,
    Average,
    Least,
    Most,
    Count,
    Group,
    Top,
    Bottom,
    Quantile,
}

impl Aggregation {
    pub(super) fn of(word: &str) -> Option<Self> {
        Some(match word {
            "sum" => Self::Sum,
            "avg" => Self::Average,
            "min" => Self::Least,
            "max" => Self::Most,
            "count" => Self::Count,
            "group" => Self::Group,
            "topk" => Self::Top,
            "bottomk" => Self::Bottom,
            "quantile" => Self::Quantile,
            _ => return None,
        })
    }

    pub(super) fn takes_parameter(self) -> bool {
        matches!(self, Self::Top | Self::Bottom | Self::Quantile)
    }
}

/// What an aggregation keeps apart.
#[derive(Clone, Debug, Default)]
pub(crate) struct Grouping {
    /// All but the labels, instead of only them.
    pub(crate) without: bool,
    pub(crate) labels: Vec<String>,
}
