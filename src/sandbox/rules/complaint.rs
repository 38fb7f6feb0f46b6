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
    /// `error_user_msg` where no rule has a better one: a sentence that names no event.
    pub says: &'static str,
}

impl Complaint {
    /// The answer to a request with an event that breaks `rule`.
    pub(crate) fn refusal(&self, says: String, rule: &'static str) -> Refusal {
        Refusal { says: Some(says.into()), rule: Some(rule), ..self.usual() }
    }

    /// The answer without a rule, as a fault script orders it.
    pub(crate) fn usual(&self) -> Refusal {
        Refusal {
            subcode: Some(self.subcode),
            transient: Some(false),
            title: Some(self.title.into()),
            says: Some(self.says.into()),
            ..Refusal::new(400, 100, "Invalid parameter")
        }
    }
}

/// The complaint of a subcode; of two with the same subcode the first.
pub(crate) fn known(subcode: u32) -> Option<&'static Complaint> {
    KNOWN.into_iter().find(|complaint| complaint.subcode == subcode)
}

const fn complaint(subcode: u32, title: &'static str, says: &'static str) -> Complaint {
    Complaint { subcode, title, says }
}

/// Own wording; what the subcode means is in peers.md, "Meta's answers seen in the wild".
pub(crate) const CLICK_ID: Complaint = complaint(
    2_804_001,
    "Invalid Click ID",
    "The fbc parameter isn't a click ID. It reads fb.1.1554763741205.AbCdEfGh",
);
pub(crate) const TOO_OLD: Complaint = complaint(
    2_804_003,
    "Event Timestamp Too Old",
    "The timestamp for this event is too far in the past. Events need to be sent from your server \
     within 7 days of when they occurred.",
);
/// Own wording; that the subcode means the future is reported once.
pub(crate) const IN_THE_FUTURE: Complaint = complaint(
    2_804_004,
    "Event Timestamp In The Future",
    "The timestamp for this event is in the future. Enter a timestamp in seconds that has already \
     occurred.",
);
pub(crate) const CONTENTS: Complaint = complaint(
    2_804_008,
    "Invalid Contents Parameter",
    "The contents parameter doesn't contain a list of JSON objects",
);
pub(crate) const NO_VALUE: Complaint =
    complaint(2_804_009, "Missing Value for Purchase Event", "Enter a value. For example: 1.99");
pub(crate) const NO_CURRENCY: Complaint = complaint(
    2_804_010,
    "Missing Currency for Purchase Event",
    "Enter a currency parameter. For example: USD",
);
pub(crate) const BAD_CURRENCY: Complaint = complaint(
    2_804_011,
    "Invalid Currency For Purchase Event",
    "Enter a valid ISO 4217 currency code. For example: USD",
);
pub(crate) const NOT_HASHED: Complaint = complaint(
    2_804_016,
    "User Parameter Not Hashed",
    "A user parameter isn't hashed. Hash all user parameters as SHA256, except for client user \
     agent, click ID, and browser ID",
);
/// The sentence is our own; Meta's always has a path.
pub(crate) const SCHEMA: Complaint = complaint(
    2_804_019,
    "Server Side Api Parameter Error",
    "One of the events has a parameter of the wrong kind or an unexpected key",
);
/// Own wording.
pub(crate) const VALUE_ALONE: Complaint = complaint(
    2_804_023,
    "Missing Currency for Value",
    "An event with a value needs a currency. For example: USD",
);
/// The sentence is our own. No rule refuses this: the choice was asked for in 2020.
const LIMITED_DATA_USE: Complaint = complaint(
    2_804_030,
    "Limited Data Use Selection Required",
    "Say whether the data of these events is to be used in a limited way",
);
/// Own wording.
pub(crate) const LEAD_ID: Complaint = complaint(
    2_804_036,
    "Invalid Lead ID",
    "The lead_id parameter must be a number of 15 to 17 digits",
);
/// Title from facebook-nodejs-business-sdk#251; the subcode is not in the thread and assumed.
pub(crate) const NO_TRACKING_FLAG: Complaint = complaint(
    2_804_043,
    "Missing Advertiser Tracking Enabled Flag",
    "The parameter 'advertiser_tracking_enabled' is required for the event with the action source \
     'app' (each set to either 0 or 1)",
);
/// Own wording.
pub(crate) const EXTINFO: Complaint = complaint(
    2_804_043,
    "Invalid Extinfo Parameter",
    "The extinfo parameter must hold the OS version at index 4",
);
/// Put into English from the Danish answer in Setono/meta-conversions-api-php-sdk.
pub(crate) const TOO_BROAD: Complaint = complaint(
    2_804_050,
    "You Haven't Added Sufficient Customer Information Parameter Data For This Event",
    "This event doesn't have any customer information parameters or has a combination of customer \
     information parameters that is too broad to be effective for matching",
);
pub(crate) const MESSAGING_EVENT: Complaint = complaint(
    2_804_066,
    "Messaging Event Invalid Event Type",
    "The event name is not one of those that messaging events may have",
);
/// Own wording.
const MESSAGING_PAGE: Complaint = complaint(
    2_804_072,
    "Messaging Event Invalid Page",
    "The page_id parameter isn't the page of the ad that was clicked",
);
/// Own wording.
const MESSAGING_CLICK: Complaint =
    complaint(2_804_087, "Messaging Event Invalid Click ID", "The ctwa_clid parameter is invalid");
/// Own wording.
const MESSAGING_ACCOUNT: Complaint = complaint(
    2_804_132,
    "Messaging Event Invalid Account",
    "The dataset is not tied to the WhatsApp business account",
);

const KNOWN: [&Complaint; 18] = [
    &CLICK_ID,
    &TOO_OLD,
    &IN_THE_FUTURE,
    &CONTENTS,
    &NO_VALUE,
    &NO_CURRENCY,
    &BAD_CURRENCY,
    &NOT_HASHED,
    &SCHEMA,
    &VALUE_ALONE,
    &LIMITED_DATA_USE,
    &LEAD_ID,
    &EXTINFO,
    &TOO_BROAD,
    &MESSAGING_EVENT,
    &MESSAGING_PAGE,
    &MESSAGING_CLICK,
    &MESSAGING_ACCOUNT,
];
