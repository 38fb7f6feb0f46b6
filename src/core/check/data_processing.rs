//! Limited data use: a choice that Meta does not know must not become no choice at all.
//!
//! A sender that asks for limited data use acts for a person whose data may not be used freely.
//! Sent without a choice that Meta knows, the event would be used without limits, so it is blocked.
//!
//! Source: Meta, "Marketing API / Data processing options"; error 2804030.

use super::Evidence;
use crate::core::finding::{Code, Finding, Severity};
use crate::core::meta::DataProcessing;
use crate::core::user_data::ClearField;

pub(super) fn check(evidence: &Evidence<'_>) -> Vec<Finding> {
    let has_address = || {
        let key = ClearField::ClientIpAddress.as_str();
        evidence.user_data.keys().any(|known| known == key)
    };
    match evidence.data_processing {
        Some(DataProcessing::Unknown) => {}
        Some(DataProcessing::Limited(region)) if region.is_found_by_meta() && !has_address() => {
            let says = "limited data use without a state needs `client_ip_address`: Meta finds the state by it";
            let finding = Finding::in_body(Code::DataProcessingUnknown, "/client_ip_address", says);
            let help = "send the person's address, or name country 1 and the state";
            return vec![finding.weighing(Severity::Warning).help(help)];
        }
        Some(DataProcessing::Limited(_) | DataProcessing::Unrestricted) | None => {
            return Vec::new();
        }
    }
    let says = "the choice of data processing is not one that Meta knows";
    let finding = Finding::in_body(Code::DataProcessingUnknown, "/data_processing_options", says);
    vec![finding.help(
        r#"send ["LDU"] with country 0 and state 0, or country 1 and a state of Meta's list (1000 to 1013); [] for no limit"#,
    )]
}
