//! Who it was: Meta refuses an event that says too little about the person.
//!
//! Four sets of fields are too broad to find anybody; an event whose fields all lie within one of
//! them is refused (2804050), and the whole request with it.
//!
//! Source: Meta, "Conversions API / Parameters / Customer information parameters", combinations
//! that are not valid.

use super::Evidence;
use crate::core::finding::{Code, Finding};

/// The four sets of fields that are too broad.
const TOO_BROAD: [&[&str]; 4] = [
    &["ct", "country", "st", "zp", "ge", "client_user_agent"],
    &["db", "client_user_agent"],
    &["fn", "ge"],
    &["ln", "ge"],
];

pub(super) fn check(evidence: &Evidence<'_>) -> Vec<Finding> {
    let within = |set: &[&str]| evidence.user_data.keys().all(|key| set.contains(&key));
    if !TOO_BROAD.iter().any(|set| within(set)) {
        return Vec::new();
    }
    let keys: Vec<&str> = evidence.user_data.keys().collect();
    let says = if keys.is_empty() {
        "nothing is known about the person".to_owned()
    } else {
        format!("`{}` alone could be anybody", keys.join("`, `"))
    };
    let finding = Finding::in_body(Code::UserDataThin, "/user_data", says);
    vec![finding.help(
        "sign the user up with an e-mail address or a phone number, or send one in `user_data`",
    )]
}
