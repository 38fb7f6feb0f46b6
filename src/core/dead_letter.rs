//! What a dead letter most likely suffers from, and what a person can do about it.
//!
//! In: why it is dead and Meta's codes. Out: the finding codes whose pages describe such a refusal,
//! likeliest first, and the next step in words. Deliberately absent: a second decision. Meta's
//! words are never read, because they are translated; what is unknown stays unknown, because a
//! wrong hint costs a person more than none.

use super::delivery::DeathReason;
use super::finding::Code;

/// Why a delivery is dead.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Death {
    /// The reason; none where a newer program wrote one that this one does not know.
    pub reason: Option<DeathReason>,
    /// Meta's subcode.
    pub subcode: Option<i64>,
    /// Whether Meta would refuse it for its age by now.
    pub is_too_old: bool,
}

/// The subcode of an event that is too old.
///
/// # Source
/// "Event Timestamp Too Old", in the fixtures of rudder-transformer.
const TOO_OLD: i64 = 2_804_003;

/// The findings whose pages describe what Meta refuses with this subcode, likeliest first.
///
/// # Source
/// The Source lines of the pages: Meta's parameter pages, and reports of the codes in
/// facebook-nodejs-business-sdk#258, facebook-java-business-sdk#421,
/// ConversionsAPI-Tag-for-GoogleTagManager#37 and rudder-transformer.
#[must_use]
pub const fn likely(subcode: Option<i64>) -> &'static [Code] {
    match subcode {
        // A click id, a person's field that is not hashed, the id of a lead.
        Some(2_804_001 | 2_804_016 | 2_804_036) => &[Code::UserFieldRefused],
        Some(2_804_004) => &[Code::TimeInFuture],
        Some(2_804_008) => &[Code::ContentsShape],
        Some(2_804_009) => &[Code::ValueMissing],
        Some(2_804_010 | 2_804_023) => &[Code::CurrencyMissing],
        Some(2_804_011) => &[Code::CurrencyRefused, Code::CurrencyUnknown],
        Some(2_804_019) => &[Code::ContentsKey, Code::KindOfField],
        Some(2_804_030) => &[Code::DataProcessingUnknown],
        Some(2_804_043) => &[Code::DeviceRefused, Code::NoDevice],
        Some(2_804_050) => &[Code::UserDataThin],
        Some(2_804_066 | 2_804_072 | 2_804_087) => &[Code::MessagingIncomplete],
        Some(_) | None => &[],
    }
}

/// What to do next, in words for whoever looks after the events.
#[must_use]
pub fn next_step(death: Death) -> String {
    let too_old = "Meta takes no event of this age any more, and a retry would not be sent: \
                   drop it, so that the list holds only what can be helped";
    if death.is_too_old || death.subcode == Some(TOO_OLD) {
        return too_old.to_owned();
    }
    match (death.reason, likely(death.subcode).first()) {
        (Some(DeathReason::TooOld), _) => too_old.to_owned(),
        (Some(DeathReason::Panicked), _) => {
            "this is a fault of Tillpost's: report it with the lines of the log that name a panic, \
             and retry the letter with a version in which it is mended"
                .to_owned()
        }
        (Some(DeathReason::Refused), Some(code)) => format!(
            "read `tillpost explain {code}`, mend the mapping file or the sender, take the payment \
             back with remove-payment and capture it again; a retry sends the same bytes and helps \
             only if Meta has changed its mind"
        ),
        (Some(DeathReason::Refused) | None, _) => {
            "look up code and subcode in Meta's error reference, and ask Meta's support with the \
             trace id; retry once Meta's side is mended, else take the payment back with \
             remove-payment and capture it again, or drop the letter"
                .to_owned()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_finding_that_is_named_tells_of_the_refusal_on_its_page() {
        // reference: the subcodes that the pages quote in their own words.
        for (subcode, first) in [
            (2_804_001, "U301"),
            (2_804_004, "E230"),
            (2_804_008, "E223"),
            (2_804_009, "E202"),
            (2_804_010, "E203"),
            (2_804_011, "E242"),
            (2_804_016, "U301"),
            (2_804_019, "E224"),
            (2_804_023, "E203"),
            (2_804_030, "E239"),
            (2_804_036, "U301"),
            (2_804_043, "U306"),
            (2_804_050, "U303"),
            (2_804_066, "E241"),
        ] {
            let codes = likely(Some(subcode));
            assert_eq!(codes.first().map(|code| code.as_str()), Some(first), "{subcode}");
            // What a page quotes as Meta's subcode is what this table says of it.
            for code in Code::ALL.iter().filter(|code| code.as_str() != "M413") {
                let quotes = code.page().contains(&subcode.to_string());
                assert!(!quotes || codes.contains(code), "{code} quotes {subcode}");
            }
        }
        for unknown in [None, Some(33), Some(2_804_003), Some(2_804_999)] {
            assert_eq!(likely(unknown), [], "{unknown:?}");
        }
    }

    #[test]
    fn the_next_step_depends_on_age_reason_and_subcode() {
        let refused = Some(DeathReason::Refused);
        for (reason, subcode, is_too_old, part) in [
            (Some(DeathReason::TooOld), None, true, "drop it"),
            (Some(DeathReason::TooOld), None, false, "drop it"),
            (refused, Some(2_804_003), false, "drop it"),
            (refused, Some(2_804_011), true, "drop it"),
            (refused, Some(2_804_011), false, "`tillpost explain E242`"),
            (refused, Some(2_804_999), false, "Meta's error reference"),
            (refused, None, false, "Meta's error reference"),
            (None, None, false, "Meta's error reference"),
        ] {
            let said = next_step(Death { reason, subcode, is_too_old });
            assert!(said.contains(part), "{reason:?} {subcode:?} {is_too_old}: {said}");
            assert!(!said.ends_with('.'), "{said}");
        }
    }
}
