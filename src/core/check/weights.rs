//! What a mapping file says a finding weighs: `checks = { E207 = "block", E235 = "off" }`.
//!
//! In: findings at the severity of their codes. Out: the same at the severity the file wants, or
//! without those that are off.

use crate::core::finding::{Code, Finding, Findings, Severity};
use crate::core::names::closed_list;

closed_list! {
    /// What a mapping file may do with a code.
    pub enum Weight {
        /// The event is blocked.
        Block = "block",
        /// It is sent, and somebody should look.
        Warn = "warn",
        /// Nothing is said.
        Off = "off",
    }
}

/// What Meta refuses: fields of the wrong kind, required ones that are missing, times, thin user
/// data, what an action source demands, limited data use that it does not know.
const REFUSED_BY_META: [Code; 16] = [
    Code::ValueMissing,
    Code::SumImpossible,
    Code::CurrencyMissing,
    Code::KindOfField,
    Code::CurrencyUnknown,
    Code::ContentsShape,
    Code::ContentsKey,
    Code::ContentsItem,
    Code::ContentTypeUnknown,
    Code::ValueNegative,
    Code::TimeInFuture,
    Code::NoDevice,
    Code::PageMissing,
    Code::DataProcessingUnknown,
    Code::MessagingIncomplete,
    Code::UserDataThin,
];

/// The codes that a mapping file weighs itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Weights(Vec<(Code, Weight)>);

impl Weights {
    /// Sets the weight of a code.
    pub fn set(&mut self, code: Code, weight: Weight) {
        self.0.retain(|(known, _)| *known != code);
        self.0.push((code, weight));
    }

    /// The codes that are weighed, and how.
    pub fn iter(&self) -> impl Iterator<Item = (Code, Weight)> {
        self.0.iter().copied()
    }

    /// These weights, completed with those of `general` for codes that they do not name.
    #[must_use]
    pub fn completed_with(mut self, general: &Self) -> Self {
        let named =
            |code: Code, all: &[(Code, Weight)]| all.iter().any(|(known, _)| *known == code);
        let others: Vec<(Code, Weight)> =
            general.0.iter().copied().filter(|(code, _)| !named(*code, &self.0)).collect();
        self.0.extend(others);
        self
    }

    /// Whether a mapping file may weigh this code: what is found while an event is decided.
    #[must_use]
    pub fn may_name(code: Code) -> bool {
        code.as_str().starts_with('E')
            || matches!(code, Code::UserDataThin | Code::CurrenciesDisagree)
    }

    /// Whether Meta would refuse the event, and with it all others of its request: then the code
    /// always blocks (contract, section 8), and a file can make it no lighter.
    #[must_use]
    pub fn always_blocks(code: Code) -> bool {
        REFUSED_BY_META.contains(&code)
    }

    /// The findings at these weights.
    #[must_use]
    pub fn weigh(&self, findings: Findings) -> Findings {
        if self.0.is_empty() {
            return findings;
        }
        findings.into_iter().filter_map(|finding| self.weighed(finding)).collect()
    }

    fn weighed(&self, finding: Finding) -> Option<Finding> {
        let weight =
            self.0.iter().find(|(code, _)| *code == finding.code).map(|(_, weight)| *weight);
        match weight {
            None => Some(finding),
            Some(Weight::Block) => Some(finding.weighing(Severity::Error)),
            Some(Weight::Warn) => Some(finding.weighing(Severity::Warning)),
            Some(Weight::Off) => None,
        }
    }
}
