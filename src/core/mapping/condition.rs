//! When a rule holds: `when = { "event_data.trial" = true, amount = { at_least = 100 } }`.
//!
//! In: a payment. Out: yes or no, and for the story which part said no. All parts must hold. There
//! is deliberately no "or": a list of rules says it better.

pub mod reach;

use std::collections::HashSet;

use super::path::{Found, Path, Root, View};
use crate::core::json::Json;
use crate::core::money::Amount;
use crate::core::payment::PaymentStatus;

/// Most conditions of one rule. Ours: a rule that asks more is one that nobody reads.
pub const CONDITIONS_MAX: usize = 64;

/// Most values of one `one_of`. Ours: each payment is compared with all of them.
pub const WORDS_MAX: usize = 1_000;

/// All that must hold for a rule.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct When(pub Vec<Part>);

/// One part of a condition: a value, and what is asked of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Part {
    /// Where the value is.
    pub path: Path,
    /// What is asked. All tests must hold.
    pub tests: Vec<Test>,
}

/// One question about a value.
#[derive(Debug, Clone, PartialEq)]
pub enum Test {
    /// It is this.
    Equals(Literal),
    /// It is one of these.
    OneOf(Vec<Literal>),
    /// It is a number, this or more.
    AtLeast(Amount),
    /// It is a number, this or less.
    AtMost(Amount),
    /// It is there, or it is not.
    Exists(bool),
}

/// A value written in a mapping file.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Literal {
    /// Text, compared exactly.
    Text(String),
    /// A number, compared by its worth: 1 is 1.0.
    Number(Amount),
    /// True or false.
    Flag(bool),
}

impl When {
    /// The first part that does not hold; none if the rule holds.
    #[must_use]
    pub fn refuted_by(&self, view: &View<'_>) -> Option<&Part> {
        self.0.iter().find(|part| !part.holds(view))
    }

    /// Whether there is no condition.
    #[must_use]
    pub fn is_always(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether everything for which `self` holds is something for which `other` holds: so that a
    /// rule after `other` with the condition `self` is never reached.
    #[must_use]
    pub fn implies(&self, other: &Self) -> bool {
        other.0.iter().all(|wanted| {
            wanted
                .tests
                .iter()
                .all(|test| self.0.iter().any(|own| own.path == wanted.path && own.implies(test)))
        })
    }

    /// About how many comparisons [`Self::implies`] makes with it.
    pub(super) fn weight(&self) -> usize {
        let tests = self.0.iter().flat_map(|part| &part.tests);
        tests.map(|test| 1 + test.literals().len()).sum()
    }

    /// Whether the condition leaves payments of this status.
    #[must_use]
    pub fn takes(&self, status: PaymentStatus) -> bool {
        let mut parts = self.0.iter().filter(|part| part.path.root() == Root::Status);
        let found = Some(Found::Text(status.as_str()));
        parts.all(|part| part.tests.iter().all(|test| test.holds(found)))
    }
}

impl Part {
    fn holds(&self, view: &View<'_>) -> bool {
        let found = self.path.find(view);
        self.tests.iter().all(|test| test.holds(found))
    }

    /// Whether these tests together imply `wanted`.
    fn implies(&self, wanted: &Test) -> bool {
        self.tests.iter().any(|test| test.implies(wanted))
    }
}

impl Test {
    /// The values that are named.
    #[must_use]
    pub fn literals(&self) -> &[Literal] {
        match self {
            Self::Equals(literal) => std::slice::from_ref(literal),
            Self::OneOf(literals) => literals,
            Self::AtLeast(_) | Self::AtMost(_) | Self::Exists(_) => &[],
        }
    }

    fn holds(&self, found: Option<Found<'_>>) -> bool {
        let Some(found) = found else { return *self == Self::Exists(false) };
        let number = || Amount::read(found.text()?.trim()).ok();
        match self {
            Self::Equals(literal) => literal.is(found),
            Self::OneOf(literals) => literals.iter().any(|literal| literal.is(found)),
            Self::AtLeast(least) => number().is_some_and(|n| n.decimal() >= least.decimal()),
            Self::AtMost(most) => number().is_some_and(|n| n.decimal() <= most.decimal()),
            Self::Exists(wanted) => *wanted,
        }
    }

    fn implies(&self, wanted: &Self) -> bool {
        let values = |test: &Self| match test {
            Self::Equals(_) | Self::OneOf(_) => true,
            Self::AtLeast(_) | Self::AtMost(_) | Self::Exists(_) => false,
        };
        match (self, wanted) {
            (own, wanted) if own == wanted => true,
            (Self::Exists(false), _) => false,
            (_, Self::Exists(true)) => true,
            (Self::AtLeast(own), Self::AtLeast(least)) => own.decimal() >= least.decimal(),
            (Self::AtMost(own), Self::AtMost(most)) => own.decimal() <= most.decimal(),
            (own, Self::AtLeast(_) | Self::AtMost(_)) => {
                values(own)
                    && own.literals().iter().all(|literal| match (literal, wanted) {
                        (Literal::Number(n), Self::AtLeast(least)) => {
                            n.decimal() >= least.decimal()
                        }
                        (Literal::Number(n), Self::AtMost(most)) => n.decimal() <= most.decimal(),
                        _ => false,
                    })
            }
            (own, wanted) => {
                values(own) && values(wanted) && contains(wanted.literals(), own.literals())
            }
        }
    }
}

/// Whether `all` has each of these; long lists are not gone through for each.
fn contains(all: &[Literal], these: &[Literal]) -> bool {
    const FEW: usize = 8;
    if all.len() <= FEW {
        return these.iter().all(|literal| all.contains(literal));
    }
    let all: HashSet<&Literal> = all.iter().collect();
    these.iter().all(|literal| all.contains(literal))
}

impl Literal {
    fn is(&self, found: Found<'_>) -> bool {
        match self {
            Self::Flag(flag) => matches!(found, Found::Json(Json::Bool(is)) if is == flag),
            Self::Text(text) => {
                let is_text = !matches!(found, Found::Json(Json::Number(_)) | Found::Number(_));
                is_text && found.text().is_some_and(|is| is == text.as_str())
            }
            Self::Number(number) => found
                .text()
                .and_then(|is| Amount::read(is.trim()).ok())
                .is_some_and(|is| is.decimal() == number.decimal()),
        }
    }
}

/// As a person would say it: `event_data.trial` is not true.
impl std::fmt::Display for Part {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (index, test) in self.tests.iter().enumerate() {
            let and = if index > 0 { " and " } else { "" };
            write!(formatter, "{and}`{}` {test}", self.path)?;
        }
        Ok(())
    }
}

impl std::fmt::Display for Test {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Equals(literal) => write!(formatter, "is {literal}"),
            Self::OneOf(literals) => {
                let words: Vec<String> = literals.iter().map(ToString::to_string).collect();
                write!(formatter, "is one of {}", words.join(", "))
            }
            Self::AtLeast(least) => write!(formatter, "is at least {least}"),
            Self::AtMost(most) => write!(formatter, "is at most {most}"),
            Self::Exists(true) => formatter.write_str("is there"),
            Self::Exists(false) => formatter.write_str("is not there"),
        }
    }
}

impl std::fmt::Display for Literal {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Text(text) => write!(formatter, "{text:?}"),
            Self::Number(number) => write!(formatter, "{number}"),
            Self::Flag(flag) => write!(formatter, "{flag}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::json;
    use crate::core::payment;
    use crate::core::time::Timestamp;

    fn number(digits: &str) -> Amount {
        Amount::read(digits).expect(digits)
    }

    fn part(path: &str, tests: Vec<Test>) -> Part {
        Part { path: Path::read(path).expect(path), tests }
    }

    #[test]
    fn each_test_against_a_payment() {
        let body = r#"{"user_id":"u","amount":100,"event_data":
            {"trial":true,"plan":"a","n":"5","score":7.0,"none":null}}"#;
        let json = json::read(body.as_bytes()).expect("JSON");
        let payment = payment::read(json, Timestamp::from_seconds(0)).value.expect("a payment");
        let text = |text: &str| Literal::Text(text.to_owned());
        for (path, test, holds) in [
            ("event_data.trial", Test::Equals(Literal::Flag(true)), true),
            ("event_data.trial", Test::Equals(Literal::Flag(false)), false),
            ("event_data.trial", Test::Equals(text("true")), true),
            ("event_data.plan", Test::Equals(text("a")), true),
            ("event_data.plan", Test::Equals(text("A")), false),
            ("event_data.plan", Test::OneOf(vec![text("b"), text("a")]), true),
            ("event_data.score", Test::Equals(Literal::Number(number("7"))), true),
            ("event_data.score", Test::Equals(text("7.0")), false),
            ("event_data.n", Test::Equals(Literal::Number(number("5"))), true),
            ("amount", Test::AtLeast(number("100")), true),
            ("amount", Test::AtLeast(number("100.01")), false),
            ("amount", Test::AtMost(number("100.00")), true),
            ("event_data.plan", Test::AtLeast(number("0")), false),
            ("event_data.none", Test::Exists(true), false),
            ("event_data.none", Test::Exists(false), true),
            ("event_data.none", Test::AtMost(number("5")), false),
            ("event_data.plan", Test::Exists(true), true),
            ("type", Test::Equals(text("DEFAULT")), true),
        ] {
            let when = When(vec![part(path, vec![test.clone()])]);
            assert_eq!(when.refuted_by(&View::of(&payment)).is_none(), holds, "{path} {test}");
        }
    }

    #[test]
    fn a_narrower_condition_implies_a_wider_one() {
        let amount = |tests| When(vec![part("amount", tests)]);
        let least = |digits| Test::AtLeast(number(digits));
        let most = |digits| Test::AtMost(number(digits));
        let is = |digits| Test::Equals(Literal::Number(number(digits)));
        for (narrow, wide, implied) in [
            (amount(vec![least("100")]), When::default(), true),
            (When::default(), amount(vec![least("100")]), false),
            (amount(vec![least("100")]), amount(vec![least("50")]), true),
            (amount(vec![least("50")]), amount(vec![least("100")]), false),
            (amount(vec![most("5")]), amount(vec![most("9")]), true),
            (amount(vec![is("7")]), amount(vec![least("5"), most("9")]), true),
            (amount(vec![is("7")]), amount(vec![Test::Exists(true)]), true),
            (amount(vec![Test::Exists(true)]), amount(vec![is("7")]), false),
            (amount(vec![is("7")]), When(vec![part("status", vec![Test::Exists(true)])]), false),
        ] {
            assert_eq!(narrow.implies(&wide), implied, "{narrow:?} {wide:?}");
        }
    }
}
