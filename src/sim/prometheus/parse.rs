//! The grammar of `PromQL`: from tokens to an expression, or to an error with its place.

use super::ast::{Aggregation, Expr, Grouping, Many, Matcher, Matching, Op, Selector, Shape, Test};
use super::functions;
use super::lex::{self, Kind, ParseError, Token};
use crate::sim::samples::labels::NAME;

/// Deeper nesting is refused: the parser calls itself.
const MAX_DEPTH: u32 = 100;

type Parsed<T> = Result<T, ParseError>;

/// Reads a whole query.
pub(crate) fn parse(text: &str) -> Parsed<Expr> {
    let mut parser = Parser::new(text)?;
    if parser.next().kind == Kind::End {
        return Err(ParseError {
            column: 0,
            message: "no expression found in input".to_owned(),
        });
    }
    let expr = parser.binary(1)?;
    parser.end()?;
    Ok(expr)
}

/// Reads a selector as `match[]` takes it.
pub(crate) fn selector(text: &str) -> Parsed<Selector> {
    match parse(text)? {
        Expr::Select(selector) => Ok(selector),
        _ => Err(ParseError {
            column: 0,
            message: "expected a vector selector".to_owned(),
        }),
    }
}

struct Parser {
    tokens: Vec<Token>,
    at: usize,
    depth: u32,
}

impl Parser {
    fn new(text: &str) -> Parsed<Self> {
        Ok(Self {
            tokens: lex::tokens(text)?,
            at: 0,
            depth: 0,
        })
    }

    fn next(&self) -> &Token {
        // The last token is the end, and nothing moves past it.
        &self.tokens[self.at.min(self.tokens.len() - 1)]
    }

    fn take(&mut self) -> Token {
        let token = self.next().clone();
        if token.kind != Kind::End {
            self.at += 1;
        }
        token
    }

    fn fail<T>(&self, message: impl Into<String>) -> Parsed<T> {
        Err(ParseError {
            column: self.next().at,
            message: message.into(),
        })
    }

    fn unexpected<T>(&self, context: &str) -> Parsed<T> {
        self.fail(format!("unexpected {} in {context}", self.next().kind))
    }

    fn is(&self, sign: &str) -> bool {
        matches!(&self.next().kind, Kind::Sign(known) if *known == sign)
    }

    fn eat(&mut self, sign: &str) -> bool {
        let found = self.is(sign);
        self.at += usize::from(found);
        found
    }

    fn expect(&mut self, sign: &str, context: &str) -> Parsed<()> {
        if self.eat(sign) {
            return Ok(());
        }
        if self.next().kind == Kind::End && sign == ")" {
            return self.fail("unclosed left parenthesis");
        }
        self.unexpected(context)
    }

    fn word(&mut self, words: &[&str]) -> Option<String> {
        match &self.next().kind {
            Kind::Word(word) if words.contains(&word.to_lowercase().as_str()) => {
                let word = word.to_lowercase();
                self.at += 1;
                Some(word)
            }
            _ => None,
        }
    }

    fn end(&self) -> Parsed<()> {
        match &self.next().kind {
            Kind::End => Ok(()),
            Kind::Sign(")") => self.fail("unexpected right parenthesis ')'"),
            other => self.fail(format!("unexpected {other}")),
        }
    }

    fn operator(&self) -> Option<Op> {
        match &self.next().kind {
            Kind::Sign(sign) => Op::of(sign),
            Kind::Word(word) if ["and", "or", "unless"].contains(&word.to_lowercase().as_str()) => {
                Op::of(&word.to_lowercase())
            }
            _ => None,
        }
    }

    fn binary(&mut self, least: u8) -> Parsed<Expr> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return self.fail("expression is nested too deeply");
        }
        let mut left = self.unary()?;
        while let Some(op) = self.operator() {
            if op.binding() < least {
                break;
            }
            let place = self.take().at;
            let bool = self.word(&["bool"]).is_some();
            let matching = self.matching(op)?;
            // Powers bind to the right, everything else to the left.
            let tighter = op.binding() + u8::from(op != Op::Power);
            let right = self.binary(tighter)?;
            left = combine(place, op, bool, matching, left, right)?;
        }
        self.depth -= 1;
        Ok(left)
    }

    fn matching(&mut self, op: Op) -> Parsed<Matching> {
        let mut matching = Matching::default();
        let Some(word) = self.word(&["on", "ignoring"]) else {
            return Ok(matching);
        };
        matching.on = word == "on";
        matching.labels = self.labels()?;
        let Some(word) = self.word(&["group_left", "group_right"]) else {
            return Ok(matching);
        };
        if op.is_set() {
            return self.fail("no grouping allowed for set operators");
        }
        matching.many = if word == "group_left" {
            Many::Left
        } else {
            Many::Right
        };
        if self.is("(") {
            matching.include = self.labels()?;
        }
        Ok(matching)
    }

    fn labels(&mut self) -> Parsed<Vec<String>> {
        self.expect("(", "grouping opts")?;
        let mut labels = Vec::new();
        while !self.eat(")") {
            match self.take().kind {
                Kind::Word(label) if !label.contains(':') => labels.push(label),
                other => {
                    self.at -= usize::from(other != Kind::End);
                    return self.fail(format!(
                        "unexpected {other} in grouping opts, expected label"
                    ));
                }
            }
            if !self.eat(",") && !self.is(")") {
                return self.unexpected("grouping opts, expected \",\" or \")\"");
            }
        }
        Ok(labels)
    }

    fn unary(&mut self) -> Parsed<Expr> {
        if self.is("-") || self.is("+") {
            let sign = self.take();
            // A sign binds looser than a power and tighter than a product.
            let of = self.binary(Op::Power.binding())?;
            return match (sign.kind, of.shape()) {
                (_, Shape::Matrix | Shape::Text) => Err(ParseError {
                    column: sign.at,
                    message: format!(
                        "unary expression only allowed on expressions of type scalar or instant \
                         vector, got {:?}",
                        of.shape().words()
                    ),
                }),
                (Kind::Sign("-"), _) => Ok(match of {
                    Expr::Number(number) => Expr::Number(-number),
                    of => Expr::Negate(Box::new(of)),
                }),
                _ => Ok(of),
            };
        }
        let mut expr = self.atom()?;
        loop {
            if self.eat("[") {
                expr = self.range(expr)?;
            } else if self.word(&["offset"]).is_some() {
                self.offset(&mut expr)?;
            } else {
                return Ok(expr);
            }
        }
    }

    fn atom(&mut self) -> Parsed<Expr> {
        let token = self.take();
        match token.kind {
            Kind::Number(number) => Ok(Expr::Number(number)),
            Kind::Text(text) => Ok(Expr::Text(text)),
            Kind::Sign("(") => {
                let expr = self.binary(1)?;
                self.expect(")", "paren expression")?;
                Ok(expr)
            }
            Kind::Sign("{") => self.select(None),
            Kind::Word(word) => self.named(token.at, &word),
            other => {
                self.at -= usize::from(other != Kind::End);
                self.fail(format!("unexpected {other}"))
            }
        }
    }

    fn named(&mut self, at: usize, word: &str) -> Parsed<Expr> {
        let grouped = |parser: &Self| {
            parser.is("(")
                || matches!(&parser.next().kind, Kind::Word(w) if w == "by" || w == "without")
        };
        if let Some(op) = Aggregation::of(&word.to_lowercase())
            && grouped(self)
        {
            return self.aggregate(op);
        }
        if self.is("(") {
            return self.call(at, word);
        }
        match word.to_lowercase().as_str() {
            "inf" => return Ok(Expr::Number(f64::INFINITY)),
            "nan" => return Ok(Expr::Number(f64::NAN)),
            _ => {}
        }
        let name = Matcher {
            label: NAME.to_owned(),
            test: Test::Equal(word.to_owned()),
        };
        if self.eat("{") {
            self.select(Some(name))
        } else {
            Ok(Expr::Select(Selector {
                matchers: vec![name],
                offset: 0,
            }))
        }
    }

    fn select(&mut self, name: Option<Matcher>) -> Parsed<Expr> {
        let mut matchers: Vec<Matcher> = name.into_iter().collect();
        let begin = self.next().at;
        while !self.eat("}") {
            let label = match self.take().kind {
                Kind::Word(label) => label,
                other => {
                    self.at -= usize::from(other != Kind::End);
                    return self.fail(format!(
                        "unexpected {other} in label matching, expected identifier or \"}}\""
                    ));
                }
            };
            let sign = match self.take().kind {
                Kind::Sign(sign @ ("=" | "!=" | "=~" | "!~")) => sign,
                other => {
                    self.at -= usize::from(other != Kind::End);
                    return self.fail(format!(
                        "unexpected {other} in label matching, expected label matching operator"
                    ));
                }
            };
            let Kind::Text(value) = self.next().kind.clone() else {
                return self.unexpected("label matching, expected string");
            };
            match Matcher::new(&label, sign, &value) {
                Ok(matcher) => matchers.push(matcher),
                Err(message) => return self.fail(format!("error parsing regexp: {message}")),
            }
            self.take();
            if !self.eat(",") && !self.is("}") {
                return self.unexpected("label matching, expected \",\" or \"}\"");
            }
        }
        if matchers.iter().all(|matcher| matcher.accepts("")) {
            return Err(ParseError {
                column: begin.saturating_sub(1),
                message: "vector selector must contain at least one non-empty matcher".to_owned(),
            });
        }
        Ok(Expr::Select(Selector {
            matchers,
            offset: 0,
        }))
    }

    fn range(&mut self, of: Expr) -> Parsed<Expr> {
        let range = self.duration("subquery or range selector")?;
        if range == 0 {
            return self.fail("duration must be greater than 0");
        }
        if self.eat(":") {
            let step = if self.is("]") {
                None
            } else {
                Some(self.duration("subquery selector")?)
            };
            self.expect("]", "subquery selector, expected \"]\"")?;
            if of.shape() != Shape::Vector {
                return self.fail(format!(
                    "subquery is only allowed on instant vector, got {} instead",
                    of.shape().words()
                ));
            }
            return Ok(Expr::Subquery {
                of: Box::new(of),
                range,
                step,
                offset: 0,
            });
        }
        self.expect("]", "subquery or range selector, expected \"]\"")?;
        match of {
            Expr::Select(selector) if selector.offset == 0 => Ok(Expr::Range(selector, range)),
            Expr::Select(_) => self.fail("no offset modifiers allowed before range"),
            _ => self.fail("ranges only allowed for vector selectors"),
        }
    }

    fn offset(&mut self, expr: &mut Expr) -> Parsed<()> {
        let sign = if self.eat("-") { -1 } else { 1 };
        let back = sign * self.duration("offset")?;
        match expr {
            Expr::Select(selector) | Expr::Range(selector, _) if selector.offset == 0 => {
                selector.offset = back;
                Ok(())
            }
            Expr::Subquery { offset, .. } if *offset == 0 => {
                *offset = back;
                Ok(())
            }
            Expr::Select(_) | Expr::Range(..) | Expr::Subquery { .. } => {
                self.fail("offset may not be set multiple times")
            }
            _ => self.fail(
                "offset modifier must be preceded by an instant vector selector or range vector \
                 selector or a subquery",
            ),
        }
    }

    fn duration(&mut self, context: &str) -> Parsed<i64> {
        match self.next().kind {
            Kind::Duration(ms) => {
                self.take();
                Ok(ms)
            }
            _ => self.unexpected(&format!("{context}, expected duration")),
        }
    }

    fn grouping(&mut self) -> Parsed<Option<Grouping>> {
        let Some(word) = self.word(&["by", "without"]) else {
            return Ok(None);
        };
        Ok(Some(Grouping {
            without: word == "without",
            labels: self.labels()?,
        }))
    }

    fn aggregate(&mut self, op: Aggregation) -> Parsed<Expr> {
        let before = self.grouping()?;
        let at = self.next().at;
        let mut arguments = self.arguments("aggregation")?;
        let grouping = match before {
            Some(grouping) => grouping,
            None => self.grouping()?.unwrap_or_default(),
        };
        let wanted = 1 + usize::from(op.takes_parameter());
        if arguments.len() != wanted {
            return Err(ParseError {
                column: at,
                message: format!(
                    "wrong number of arguments for aggregate expression provided, expected \
                     {wanted}, got {}",
                    arguments.len()
                ),
            });
        }
        let of = Box::new(arguments.remove(wanted - 1));
        expect_shape(at, &of, Shape::Vector, "aggregation expression")?;
        let parameter = arguments.pop().map(Box::new);
        if let Some(parameter) = &parameter {
            expect_shape(at, parameter, Shape::Scalar, "aggregation parameter")?;
        }
        Ok(Expr::Aggregate {
            op,
            parameter,
            grouping,
            of,
        })
    }

    fn arguments(&mut self, context: &str) -> Parsed<Vec<Expr>> {
        self.expect("(", context)?;
        let mut arguments = Vec::new();
        while !self.eat(")") {
            arguments.push(self.binary(1)?);
            if !self.eat(",") && !self.is(")") {
                self.expect(")", context)?;
            }
        }
        Ok(arguments)
    }

    fn call(&mut self, at: usize, word: &str) -> Parsed<Expr> {
        let Some(function) = functions::named(word) else {
            return Err(ParseError {
                column: at,
                message: format!("unknown function with name {word:?}"),
            });
        };
        let arguments = self.arguments("function call")?;
        let most = function.takes.len();
        let least = most - function.optional;
        if !(least..=most).contains(&arguments.len()) {
            return Err(ParseError {
                column: at,
                message: format!(
                    "expected {}{least} argument(s) in call to {word:?}, got {}",
                    if function.optional > 0 {
                        "at least "
                    } else {
                        ""
                    },
                    arguments.len()
                ),
            });
        }
        for (argument, shape) in arguments.iter().zip(function.takes) {
            expect_shape(at, argument, *shape, &format!("call to function {word:?}"))?;
        }
        Ok(Expr::Call {
            function,
            arguments,
        })
    }
}

fn expect_shape(column: usize, expr: &Expr, wanted: Shape, context: &str) -> Parsed<()> {
    if expr.shape() == wanted {
        return Ok(());
    }
    Err(ParseError {
        column,
        message: format!(
            "expected type {} in {context}, got {}",
            wanted.words(),
            expr.shape().words()
        ),
    })
}

fn combine(
    column: usize,
    op: Op,
    bool: bool,
    matching: Matching,
    left: Expr,
    right: Expr,
) -> Parsed<Expr> {
    let fail = |message: &str| {
        Err(ParseError {
            column,
            message: message.to_owned(),
        })
    };
    let shapes = [left.shape(), right.shape()];
    let vectors = shapes == [Shape::Vector; 2];
    if shapes.contains(&Shape::Matrix) || shapes.contains(&Shape::Text) {
        return fail("binary expression must contain only scalar and instant vector types");
    }
    if bool && !op.compares() {
        return fail("bool modifier can only be used on comparison operators");
    }
    if op.compares() && !bool && shapes == [Shape::Scalar; 2] {
        return fail("comparisons between scalars must use BOOL modifier");
    }
    if op.is_set() && !vectors {
        return fail("set operator not allowed in binary scalar expression");
    }
    if (matching.on || !matching.labels.is_empty()) && !vectors {
        return fail("vector matching only allowed between instant vectors");
    }
    Ok(Expr::Binary {
        op,
        bool,
        matching,
        left: Box::new(left),
        right: Box::new(right),
    })
}
