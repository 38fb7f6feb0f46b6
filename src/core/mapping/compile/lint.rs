//! What is wrong with a rule beside the others of its list, though each can be read.
//!
//! In: the rules of one payment type, in order. Out: findings for a rule that nothing can fulfil,
//! that nothing is left for, that is for a status nobody forwards, or that an earlier rule
//! contradicts. Nothing here changes a rule.
//!
//! Deliberately absent: a word about two rules that overlap. The first that holds counts, and lists
//! such as "trials, then what cost nothing, then the rest" are written to overlap.

use std::ops::Range;

use super::Compiler;
use crate::core::finding::Code;
use crate::core::mapping::condition::reach::{Effort, Reach};
use crate::core::mapping::condition::{Part, When};
use crate::core::mapping::path::{Path, Root};
use crate::core::mapping::{Action, Rule};
use crate::core::payment::{PaymentStatus, PaymentType};

/// A rule and where it stands.
pub(super) type PlacedRule = (Rule, Range<usize>);

impl Compiler<'_> {
    /// Looks at the rules of one payment type, or of one event.
    pub(super) fn lint(&mut self, payment_type: Option<PaymentType>, rules: &[PlacedRule]) {
        let whens: Vec<&When> = rules.iter().map(|(rule, _)| &rule.when).collect();
        let reach = Reach::of(payment_type, &whens, &self.effort);
        let list = List { rules, reach: reach.as_ref(), effort: &self.effort };
        let faults: Vec<(Range<usize>, FaultOfOrder)> = (0..rules.len())
            .filter_map(|index| Some((rules[index].1.clone(), list.fault(index, payment_type)?)))
            .collect();
        for (span, FaultOfOrder { code, says, help }) in faults {
            self.say(code, span, says, &help);
        }
    }
}

struct FaultOfOrder {
    code: Code,
    says: String,
    help: String,
}

fn fault(code: Code, says: String, help: impl Into<String>) -> FaultOfOrder {
    FaultOfOrder { code, says, help: help.into() }
}

struct List<'l, 'r> {
    rules: &'l [PlacedRule],
    /// Nothing where the list is too long to be looked at as a whole.
    reach: Option<&'l Reach<'r>>,
    effort: &'l Effort,
}

/// How many lines of rules a sentence names.
const LINES_SHOWN: usize = 8;

impl List<'_, '_> {
    fn fault(&self, index: usize, payment_type: Option<PaymentType>) -> Option<FaultOfOrder> {
        let rule = self.rule(index);
        let impossible = match self.reach {
            Some(reach) => reach.impossible(index),
            None => Reach::of(payment_type, &[&rule.when], self.effort)
                .and_then(|alone| alone.impossible(0)),
        };
        if let Some(path) = impossible {
            return Some(unfulfilled(&rule.when, path, payment_type));
        }
        self.unreached(index).or_else(|| not_forwarded(rule))
    }

    fn rule(&self, index: usize) -> &Rule {
        &self.rules[index].0
    }

    /// Whether nothing is left for a rule after these.
    fn takes_all(&self, earlier: &[usize], index: usize) -> bool {
        let search = |reach: &Reach<'_>| reach.some_payment(&[index], earlier, self.effort);
        let left = self.reach.and_then(search);
        left.map_or_else(|| earlier.iter().any(|at| self.implies(index, *at)), |left| !left)
    }

    /// Whether one rule alone leaves nothing for another; not claimed where looking costs too much.
    fn implies(&self, index: usize, earlier: usize) -> bool {
        let (own, other) = (&self.rule(index).when, &self.rule(earlier).when);
        let asks = |when: &When| when.0.iter().map(|part| part.tests.len()).sum::<usize>();
        let values = |when: &When| when.weight() - asks(when);
        let steps = 1 + asks(own) * asks(other) / 4 + values(own).min(values(other)) * asks(own);
        self.effort.spend(steps).is_some() && own.implies(other)
    }

    /// A rule for which the earlier ones leave nothing.
    fn unreached(&self, index: usize) -> Option<FaultOfOrder> {
        let all: Vec<usize> = (0..index).collect();
        if !self.takes_all(&all, index) {
            return None;
        }
        let one = all.iter().copied().find(|at| self.takes_all(&[*at], index));
        let Some(earlier) = one else {
            // Leave out whoever is not needed, so that the sentence names the culprits alone.
            let mut needed = all;
            for at in 0..index {
                if self.effort.is_spent() {
                    break;
                }
                let without: Vec<usize> = needed.iter().copied().filter(|n| *n != at).collect();
                if self.takes_all(&without, index) {
                    needed = without;
                }
            }
            let lines = needed.iter().map(|at| self.rule(*at).line.to_string());
            let mut lines: Vec<String> = lines.take(LINES_SHOWN).collect();
            if needed.len() > LINES_SHOWN {
                lines.push(format!("{} others", needed.len() - LINES_SHOWN));
            }
            let says = format!(
                "this rule is never reached: those of lines {} take all that it would",
                lines.join(" and ")
            );
            return Some(fault(Code::MappingUnreachable, says, "leave out one of them"));
        };
        let line = self.rule(earlier).line;
        if self.takes_all(&[index], earlier) && self.rule(earlier).action != self.rule(index).action
        {
            let says = format!("this rule contradicts the one of line {line}: the same payments");
            let help = format!(
                "the first that holds counts: here payments are {}; keep the one that is meant",
                fate(&self.rule(earlier).action)
            );
            return Some(fault(Code::MappingContradiction, says, help));
        }
        let takes = if self.rule(earlier).when.is_always() {
            "takes every payment"
        } else {
            "takes all that it would"
        };
        let says = format!("this rule is never reached: the one of line {line} {takes}");
        let help = "put the narrower rule first, or leave one of the two out";
        Some(fault(Code::MappingUnreachable, says, help))
    }
}

/// What becomes of the payments of a rule.
fn fate(action: &Action) -> String {
    match action {
        Action::Forward(forward) => format!("sent as {}", forward.event.as_str()),
        Action::Withhold { .. } => "not sent".to_owned(),
    }
}

fn unfulfilled(when: &When, path: &Path, payment_type: Option<PaymentType>) -> FaultOfOrder {
    let parts: Vec<String> =
        when.0.iter().filter(|part| part.path == *path).map(Part::to_string).collect();
    let says = format!("nothing fulfils {}", parts.join(" and "));
    let help = match (path.root(), payment_type) {
        (Root::Type, Some(only)) => {
            format!("these are the rules of {only}: move the rule to the other type's")
        }
        (Root::Amount, _) => {
            "an amount is a number from 0; numbers stand without quotes".to_owned()
        }
        (
            Root::Type
            | Root::Status
            | Root::Currency
            | Root::PaymentId
            | Root::UserId
            | Root::EventSourceUrl
            | Root::EventData,
            _,
        ) => "mend the condition, or leave the rule out".to_owned(),
    };
    fault(Code::MappingUnreachable, says, help)
}

/// A rule for statuses of which none is forwarded.
fn not_forwarded(rule: &Rule) -> Option<FaultOfOrder> {
    let Action::Forward(forward) = &rule.action else { return None };
    // Words that could not be read have their own finding.
    if forward.statuses.is_empty() {
        return None;
    }
    let taken: Vec<PaymentStatus> =
        PaymentStatus::ALL.iter().copied().filter(|status| rule.when.takes(*status)).collect();
    if taken.iter().any(|status| forward.statuses.contains(status)) {
        return None;
    }
    let words: Vec<&str> = taken.iter().map(|status| status.as_str()).collect();
    let says =
        format!("this rule is for {}, which `statuses` does not forward", words.join(" and "));
    let help = format!(r#"add statuses = ["{}"] to the rule"#, words.join(r#"", ""#));
    Some(fault(Code::MappingUnreachable, says, help))
}
