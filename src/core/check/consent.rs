//! Limited data use: a choice that Meta does not know must not become no choice at all.
//!
//! A sender that asks for limited data use acts for a person whose data may not be used freely.
//! Sent without a choice that Meta knows, the event would be used without limits, so it is blocked.
//!
//! Source: Meta, "Marketing API / Data processing options"; error 2804030.

use super::Evidence;
use crate::core::finding::{Code, Finding};
use crate::core::meta::DataProcessing;

pub(super) fn check(evidence: Evidence<'_>) -> Vec<Finding> {
    if evidence.data_processing != Some(DataProcessing::Unknown) {
        return Vec::new();
    }
    let says = "the choice of data processing is not one that Meta knows";
    let finding = Finding::in_body(Code::DataProcessingUnknown, "/data_processing_options", says);
    vec![finding.help(
        r#"send ["LDU"] with country 0 and state 0, or country 1 and a state of Meta's list (1000 to 1013); [] for no limit"#,
    )]
}
