//! Meta's payload faults: the subcode under code 100 and the title people see.
//!
//! A table of constants; the rules point at them. Deliberately absent: the sentence, which each
//! rule writes itself, and codes other than 100. Source: meta-capi.md 1.8 and 9. Titles marked
//! "own wording" are not published anywhere we know; branch on subcodes, never on titles.

use crate::sandbox::answer::Refusal;

/// What Meta answers when a rule about an event is broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Complaint {
    /// `error_subcode`.
    pub subcode: u32,
    /// `error_user_title`, in English.
    pub title: &'static str,
}

impl Complaint {
    /// The answer to a request with an event that breaks `rule`.
    pub(crate) fn refusal(&self, says: String, rule: &'static str) -> Refusal {
        Refusal {
            subcode: Some(self.subcode),
            transient: Some(false),
            title: Some(self.title),
            says: Some(says),
            rule: Some(rule),
            ..Refusal::new(400, 100, "Invalid parameter")
        }
    }
}

const fn complaint(subcode: u32, title: &'static str) -> Complaint {
    Complaint { subcode, title }
}

pub(crate) const TOO_OLD: Complaint = complaint(2_804_003, "Event Timestamp Too Old");
/// Own wording; that the subcode means the future is reported once.
pub(crate) const IN_THE_FUTURE: Complaint = complaint(2_804_004, "Event Timestamp In The Future");
pub(crate) const CONTENTS: Complaint = complaint(2_804_008, "Invalid Contents Parameter");
pub(crate) const NO_VALUE: Complaint = complaint(2_804_009, "Missing Value for Purchase Event");
pub(crate) const NO_CURRENCY: Complaint =
    complaint(2_804_010, "Missing Currency for Purchase Event");
pub(crate) const BAD_CURRENCY: Complaint =
    complaint(2_804_011, "Invalid Currency For Purchase Event");
pub(crate) const NOT_HASHED: Complaint = complaint(2_804_016, "User Parameter Not Hashed");
pub(crate) const SCHEMA: Complaint = complaint(2_804_019, "Server Side Api Parameter Error");
/// Own wording.
pub(crate) const VALUE_ALONE: Complaint = complaint(2_804_023, "Missing Currency for Value");
/// Own wording.
pub(crate) const LEAD_ID: Complaint = complaint(2_804_036, "Invalid Lead ID");
/// Title from facebook-nodejs-business-sdk#251; the subcode is not in the thread and assumed.
pub(crate) const NO_TRACKING_FLAG: Complaint =
    complaint(2_804_043, "Missing Advertiser Tracking Enabled Flag");
/// Own wording.
pub(crate) const EXTINFO: Complaint = complaint(2_804_043, "Invalid Extinfo Parameter");
/// Put into English from the Danish answer in Setono/meta-conversions-api-php-sdk.
pub(crate) const TOO_BROAD: Complaint = complaint(
    2_804_050,
    "You Haven't Added Sufficient Customer Information Parameter Data For This Event",
);
pub(crate) const MESSAGING_EVENT: Complaint =
    complaint(2_804_066, "Messaging Event Invalid Event Type");
