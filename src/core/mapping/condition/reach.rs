//! Which rules of a list can be reached, and which of them overlap: by trying, not by guessing.
//!
//! In: the conditions of the rules of one payment type, in order. Out: whether some payment fulfils
//! these and none of those. A condition tells values apart only where one of its words or numbers
//! stands, so a few values for each path speak for all there are: each word and number of the
//! conditions, a number between any two, a word that no condition names, both flags, and nothing at
//! all. A search that would take too long is given up, and then nothing is claimed: all that is
//! looked at in one file shares one [`Effort`].

use std::cell::Cell;
use std::collections::HashMap;

use rust_decimal::Decimal;

use super::{Literal, Part, Test, When};
use crate::core::json::Json;
use crate::core::mapping::path::{Found, Path, Root};
use crate::core::money::Amount;
use crate::core::payment::{PaymentStatus, PaymentType};

/// Most steps of one search: far more than a list of rules needs that a person wrote.
const STEPS_MAX: usize = 20_000;

/// Most comparisons of values with conditions that are made for one list of rules.
const COMPARISONS_MAX: usize = 100_000;

/// Most paths that the rules of one list may ask for. Ours: the search goes one call deeper for
/// each, and a list that asks for more is no list of cases.
const AXES_MAX: usize = 64;

/// Most steps for all rules of one file. Ours: some 20 ms, so that a file is checked while it is
/// being saved, whatever is in it.
const EFFORT_MAX: usize = 500_000;

/// What may still be done to look at the rules of a file. A step is 20 to 40 ns.
#[derive(Debug)]
pub struct Effort(Cell<usize>);

impl Default for Effort {
    fn default() -> Self {
        Self(Cell::new(EFFORT_MAX))
    }
}

impl Effort {
    /// Takes so many steps; nothing where they are not left, and then none are.
    #[must_use]
    pub fn spend(&self, steps: usize) -> Option<()> {
        let left = self.0.get().checked_sub(steps);
        self.0.set(left.unwrap_or(0));
        left.map(|_| ())
    }

    /// Whether nothing is left.
    #[must_use]
    pub fn is_spent(&self) -> bool {
        self.0.get() == 0
    }
}

/// The values that payments may have, as the conditions of one list of rules tell them apart.
#[derive(Debug)]
pub struct Reach<'r> {
    axes: Vec<Axis<'r>>,
}

#[derive(Debug)]
struct Axis<'r> {
    path: &'r Path,
    /// For each kind of value: for each rule, whether its condition on this path holds.
    kinds: Vec<Vec<bool>>,
}

/// A value that stands for all of its kind.
enum Sample {
    Absent,
    Word(String),
    Digits(String),
    Flag(Json<'static>),
}

impl Sample {
    fn found(&self) -> Option<Found<'_>> {
        match self {
            Self::Absent => None,
            Self::Word(word) => Some(Found::Text(word)),
            Self::Digits(digits) => Some(Found::Number(digits)),
            Self::Flag(flag) => Some(Found::Json(flag)),
        }
    }
}

impl<'r> Reach<'r> {
    /// What these conditions tell apart; nothing where that would be too much to look at. Rules of
    /// `[events]` have no payment type.
    #[must_use]
    pub fn of(
        payment_type: Option<PaymentType>,
        rules: &[&'r When],
        effort: &Effort,
    ) -> Option<Self> {
        let mut comparisons = 0;
        let mut axes = Vec::new();
        for (path, asking) in by_path(rules)? {
            let tests: Vec<&Test> = asking.iter().flat_map(|(_, part)| &part.tests).collect();
            let literals: usize = tests.iter().map(|test| 1 + test.literals().len()).sum();
            let samples = samples(path.root(), payment_type, &tests);
            let count = samples.len() * (literals + rules.len() / 8);
            comparisons += count;
            if comparisons > COMPARISONS_MAX {
                return None;
            }
            // Each reads a text as a number: twice as much as a step.
            effort.spend(2 * count)?;
            let holds = |sample: &Sample| {
                let mut holds = vec![true; rules.len()];
                for (rule, part) in &asking {
                    holds[*rule] &= part.tests.iter().all(|test| test.holds(sample.found()));
                }
                holds
            };
            let mut kinds: Vec<Vec<bool>> = samples.iter().map(holds).collect();
            kinds.sort_unstable();
            kinds.dedup();
            axes.push(Axis { path, kinds });
        }
        Some(Self { axes })
    }

    /// The path on which nothing fulfils a rule.
    #[must_use]
    pub fn impossible(&self, rule: usize) -> Option<&'r Path> {
        let empty = |axis: &&Axis<'r>| axis.kinds.iter().all(|holds| !holds[rule]);
        self.axes.iter().find(empty).map(|axis| axis.path)
    }

    /// Whether some payment fulfils every rule of `holding` and none of `refuted`; nothing where
    /// the search was given up.
    #[must_use]
    pub fn some_payment(
        &self,
        holding: &[usize],
        refuted: &[usize],
        effort: &Effort,
    ) -> Option<bool> {
        effort.spend(1 + self.axes.len())?;
        let possible = |axis: &Axis<'_>| {
            axis.kinds.iter().any(|holds| holding.iter().all(|rule| holds[*rule]))
        };
        if !self.axes.iter().all(possible) {
            return Some(false);
        }
        let mut steps = 0;
        search(&self.axes, (holding, refuted), &mut |left| {
            steps += 1;
            effort.spend(1 + left / 16).filter(|()| steps <= STEPS_MAX)
        })
    }
}

/// The parts of conditions that ask for one path, each with its rule.
type Asking<'r> = Vec<(usize, &'r Part)>;

/// For each path the parts that ask for it; nothing where there are too many paths.
fn by_path<'r>(rules: &[&'r When]) -> Option<Vec<(&'r Path, Asking<'r>)>> {
    let mut places: HashMap<&Path, usize> = HashMap::new();
    let mut asked: Vec<(&Path, Asking<'_>)> = Vec::new();
    for (rule, when) in rules.iter().enumerate() {
        for part in &when.0 {
            let next = asked.len();
            let at = *places.entry(&part.path).or_insert(next);
            if at == next {
                if next == AXES_MAX {
                    return None;
                }
                asked.push((&part.path, Vec::new()));
            }
            asked[at].1.push((rule, part));
        }
    }
    Some(asked)
}

/// Goes through the kinds of values path by path; `left` are the rules that still have to fail, and
/// `spend` says of their number whether the search may go on. It goes [`AXES_MAX`] deep.
fn search(
    axes: &[Axis<'_>],
    (holding, left): (&[usize], &[usize]),
    spend: &mut impl FnMut(usize) -> Option<()>,
) -> Option<bool> {
    if left.is_empty() {
        return Some(true);
    }
    let Some((axis, rest)) = axes.split_first() else { return Some(false) };
    for holds in axis.kinds.iter().filter(|holds| holding.iter().all(|rule| holds[*rule])) {
        spend(left.len())?;
        let left: Vec<usize> = left.iter().copied().filter(|rule| holds[*rule]).collect();
        if search(rest, (holding, &left), spend)? {
            return Some(true);
        }
    }
    Some(false)
}

/// A value of every kind that these tests can tell apart at this place of a payment.
fn samples(root: Root, payment_type: Option<PaymentType>, tests: &[&Test]) -> Vec<Sample> {
    let words = || {
        let literals = tests.iter().flat_map(|test| test.literals());
        literals.filter_map(|literal| match literal {
            // A blank text counts as absent, so no payment has one.
            Literal::Text(word) => (!word.trim().is_empty()).then(|| Sample::Word(word.clone())),
            Literal::Number(_) | Literal::Flag(_) => None,
        })
    };
    let stranger = || Sample::Word("\u{1}".to_owned());
    // A text is compared as it stands and as a number: `5.0` is the number 5, and not the text.
    let as_words = || {
        let spellings = |number: Decimal| {
            let mut longer = number;
            longer.rescale(number.scale() + 1);
            [number, longer].map(|number| Sample::Word(number.to_string()))
        };
        numbers(tests).into_iter().flat_map(spellings)
    };
    match root {
        Root::Type => match payment_type {
            Some(only) => vec![Sample::Word(only.to_string())],
            // The type of an event is its name, and nobody says how senders call theirs.
            None => words().chain(as_words()).chain([stranger()]).collect(),
        },
        Root::Status => PaymentStatus::words().map(|word| Sample::Word(word.to_owned())).collect(),
        Root::Amount => {
            let paid = numbers(tests).into_iter().filter(|number| !number.is_sign_negative());
            let paid = paid.chain([Decimal::ZERO]);
            let paid = paid.map(|number| Sample::Digits(number.to_string()));
            // An event may be without one.
            paid.chain(payment_type.is_none().then_some(Sample::Absent)).collect()
        }
        Root::Currency => words().chain([Sample::Absent, stranger()]).collect(),
        Root::UserId => words().chain(as_words()).chain([stranger()]).collect(),
        Root::PaymentId | Root::EventSourceUrl => {
            words().chain(as_words()).chain([Sample::Absent, stranger()]).collect()
        }
        Root::EventData => {
            let digits = numbers(tests).into_iter().map(|n| Sample::Digits(n.to_string()));
            let flags = [true, false].map(|flag| Sample::Flag(Json::Bool(flag)));
            let others = flags.into_iter().chain([Sample::Absent, stranger()]);
            words().chain(digits).chain(others).collect()
        }
    }
}

/// Each number of the tests, one between any two, one below all and one above all.
fn numbers(tests: &[&Test]) -> Vec<Decimal> {
    let named = |literal: &Literal| match literal {
        Literal::Number(number) => Some(number.decimal()),
        Literal::Text(text) => Amount::read(text.trim()).ok().map(Amount::decimal),
        Literal::Flag(_) => None,
    };
    let mut numbers: Vec<Decimal> = tests
        .iter()
        .flat_map(|test| match test {
            Test::AtLeast(bound) | Test::AtMost(bound) => vec![bound.decimal()],
            Test::Equals(_) | Test::OneOf(_) | Test::Exists(_) => {
                test.literals().iter().filter_map(named).collect()
            }
        })
        .collect();
    numbers.sort_unstable();
    numbers.dedup();
    let half = |pair: &[Decimal]| Some(pair.first()?.checked_add(*pair.last()?)? / Decimal::TWO);
    let between: Vec<Decimal> = numbers.windows(2).filter_map(half).collect();
    let below = numbers.first().and_then(|least| least.checked_sub(Decimal::ONE));
    let above = numbers.last().and_then(|most| most.checked_add(Decimal::ONE));
    numbers.into_iter().chain(between).chain(below).chain(above).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(digits: &str) -> Literal {
        Literal::Number(Amount::read(digits).expect(digits))
    }

    fn least(digits: &str) -> Test {
        Test::AtLeast(Amount::read(digits).expect(digits))
    }

    fn most(digits: &str) -> Test {
        Test::AtMost(Amount::read(digits).expect(digits))
    }

    fn word(text: &str) -> Literal {
        Literal::Text(text.to_owned())
    }

    fn when(parts: Vec<(&str, Test)>) -> When {
        let part = |(path, test)| Part { path: Path::read(path).expect(path), tests: vec![test] };
        When(parts.into_iter().map(part).collect())
    }

    fn is(path: &str, literal: Literal) -> When {
        when(vec![(path, Test::Equals(literal))])
    }

    /// Whether the last rule is left something by those before it.
    fn last_is_reached(rules: &[When]) -> Option<bool> {
        let whens: Vec<&When> = rules.iter().collect();
        let effort = Effort::default();
        let reach = Reach::of(Some(PaymentType::Recurring), &whens, &effort).expect("few rules");
        let before: Vec<usize> = (0..rules.len() - 1).collect();
        reach.some_payment(&[rules.len() - 1], &before, &effort)
    }

    #[test]
    fn what_several_rules_take_together_leaves_nothing() {
        let amount = |test| when(vec![("amount", test)]);
        let flag = |flag| is("event_data.trial", Literal::Flag(flag));
        let there = |flag| when(vec![("event_data.trial", Test::Exists(flag))]);
        let all = When::default;
        let statuses = |words: &[&str]| {
            when(vec![("status", Test::OneOf(words.iter().map(|w| word(w)).collect()))])
        };
        for (rules, reached) in [
            (vec![amount(least("100")), amount(most("100")), all()], false),
            (vec![amount(least("100")), amount(most("99.99")), all()], true),
            // An amount is never negative.
            (vec![amount(least("0")), all()], false),
            (vec![there(true), there(false), all()], false),
            // A flag may be missing, or be no flag.
            (vec![flag(true), flag(false), all()], true),
            (vec![flag(true), flag(false), there(false), all()], true),
            (vec![flag(true), flag(false), there(false), flag(true)], false),
            (
                vec![
                    statuses(&["PAYMENT_INITIATED", "PAYMENT_COMPLETED"]),
                    statuses(&["PAYMENT_FAILED", "PAYMENT_CANCELLED"]),
                    all(),
                ],
                false,
            ),
            (vec![is("type", word("RECURRING")), all()], false),
            (vec![is("currency", word("INR")), all()], true),
            (vec![is("user_id", number("5")), is("user_id", word("5"))], false),
            (vec![is("user_id", word("5")), is("user_id", number("5"))], true),
            (
                vec![
                    when(vec![("amount", least("5")), ("event_data.a", Test::Exists(true))]),
                    when(vec![("amount", least("5")), ("event_data.a", Test::Exists(false))]),
                    amount(least("6")),
                ],
                false,
            ),
        ] {
            assert_eq!(last_is_reached(&rules), Some(reached), "{rules:?}");
        }
    }

    #[test]
    fn what_no_payment_has_is_impossible() {
        for (rule, impossible) in [
            (is("type", word("ONE_TIME")), true),
            (is("type", word("RECURRING")), false),
            (is("amount", word("100")), true),
            (is("amount", number("-1")), true),
            (when(vec![("amount", Test::Exists(false))]), true),
            (is("status", number("5")), true),
            (is("event_data.plan", word(" ")), true),
            (is("event_data.plan", word("gold")), false),
            (when(vec![("amount", least("5")), ("amount", most("4"))]), true),
            (
                when(vec![("event_data.n", Test::Equals(word("a"))), ("event_data.n", least("4"))]),
                true,
            ),
            (
                when(vec![("event_data.n", Test::Equals(word("5"))), ("event_data.n", least("4"))]),
                false,
            ),
        ] {
            let only = Some(PaymentType::Recurring);
            let reach = Reach::of(only, &[&rule], &Effort::default()).expect("one rule");
            assert_eq!(reach.impossible(0).is_some(), impossible, "{rule:?}");
        }
    }

    #[test]
    fn an_event_may_have_no_amount_and_any_name() {
        for (rule, impossible) in [
            (when(vec![("amount", Test::Exists(false))]), false),
            (when(vec![("amount", least("5"))]), false),
            (is("amount", number("-1")), true),
            (is("type", word("add_to_cart")), false),
            (is("type", word("RECURRING")), false),
            (is("type", number("5")), false),
            (when(vec![("type", Test::Exists(false))]), true),
        ] {
            let reach = Reach::of(None, &[&rule], &Effort::default()).expect("one rule");
            assert_eq!(reach.impossible(0).is_some(), impossible, "{rule:?}");
        }
    }

    #[test]
    fn a_rule_of_a_great_many_conditions_does_not_exhaust_a_threads_stack() {
        let asks = |count: usize| {
            let path = |n: usize| format!("event_data.p{n}");
            let parts: Vec<(String, Test)> =
                (0..count).map(|n| (path(n), Test::Exists(true))).collect();
            when(parts.iter().map(|(path, test)| (path.as_str(), test.clone())).collect())
        };
        let looks = move || {
            let (many, always) = (asks(12_000), When::default());
            let effort = Effort::default();
            let of = |count| Reach::of(None, &[&asks(count), &always], &effort).is_some();
            assert!(of(AXES_MAX), "at the limit");
            assert!(!of(AXES_MAX + 1), "one past it");
            let reach = Reach::of(None, &[&many, &always], &effort);
            reach.and_then(|reach| reach.some_payment(&[1], &[0], &effort))
        };
        // As large as that of a thread that does blocking work for the service.
        let thread = std::thread::Builder::new().stack_size(2 * 1024 * 1024).spawn(looks);
        assert_eq!(thread.expect("a thread").join().expect("no panic"), None);
    }

    #[test]
    fn an_effort_that_is_spent_claims_nothing() {
        let effort = Effort::default();
        assert_eq!(effort.spend(EFFORT_MAX - 100), Some(()));
        let (rule, always) = (is("event_data.plan", word("gold")), When::default());
        let reach = Reach::of(None, &[&rule, &always], &effort).expect("enough is left");
        assert_eq!(reach.some_payment(&[1], &[0], &effort), Some(true));
        assert_eq!((effort.spend(EFFORT_MAX), effort.is_spent()), (None, true));
        assert_eq!(reach.some_payment(&[1], &[0], &effort), None);
        assert!(Reach::of(None, &[&rule], &effort).is_none());
    }

    #[test]
    fn a_search_that_takes_too_long_claims_nothing() {
        // Twenty rules, each of which asks of two of twenty paths: a riddle, not a table.
        let path = |n: usize| format!("event_data.p{}", n % 20);
        let riddle = |n: usize, m: usize| {
            let flag = |n: usize| Test::Equals(Literal::Flag(n.is_multiple_of(2)));
            when(vec![(&path(n), flag(n)), (&path(m), flag(m))])
        };
        let mut rules: Vec<When> =
            (0..60).map(|n| riddle(n, n * 7 + 3)).filter(|when| when.0.len() == 2).collect();
        rules.push(When::default());
        assert_ne!(last_is_reached(&rules), Some(false), "some payment is always left");
        let many: Vec<When> =
            (0..600).map(|n| is("event_data.plan", word(&format!("p{n}")))).collect();
        let whens: Vec<&When> = many.iter().collect();
        assert!(Reach::of(None, &whens, &Effort::default()).is_none(), "too much to look at");
    }
}
