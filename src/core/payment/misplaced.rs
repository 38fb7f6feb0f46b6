//! Fields of a body that stand where they have no effect: beside `event_data` instead of in it,
//! beside `user_data` instead of in it, or almost a name that is known.
//!
//! In: the names of the body's fields. Out: a warning for each that was probably meant otherwise
//! (P206). What is almost `opt_out` is an error: a no that nobody hears would be taken for a yes. Fields of which we know nothing are passed over: the mobile SDKs send more than we read.

use crate::core::customer::Field;
use crate::core::finding::{Code, Finding, Severity};
use crate::core::json::{self, Json};
use crate::core::names::{Letters, suggestion};
use crate::core::payment::reader::BodyReader;
use crate::core::user_data::ClearField;

/// Every field of a body that has a meaning.
pub const KNOWN: [&str; 26] = [
    "user_id",
    "payment_id",
    "type",
    "status",
    "amount",
    "currency",
    "event_data",
    "user_data",
    "app_data",
    "device_data",
    "platform",
    "tracking",
    "client_ip_address",
    "client_user_agent",
    "fbc",
    "fbp",
    "event_source_url",
    "referrer_url",
    "opt_out",
    "data_processing_options",
    "data_processing_options_country",
    "data_processing_options_state",
    "original_event_data",
    "customer_segmentation",
    "messaging_channel",
    "occurred_at",
];

/// What the mobile SDKs send besides (reference/payment-apis.md 2.2).
const OF_SDKS: [&str; 11] = [
    "token",
    "data",
    "install_instance_id",
    "time_since_app_install",
    "link",
    "source",
    "event",
    "debug",
    "package_version",
    "app_version",
    "event_name",
];

/// Meta may count the event, and not use it for showing ads.
pub(super) const OPT_OUT: &str = "opt_out";

/// What a person does not allow.
const REFUSALS: [&str; 4] = [
    OPT_OUT,
    "data_processing_options",
    "data_processing_options_country",
    "data_processing_options_state",
];

/// Commerce details, which belong into `event_data`.
const OF_EVENT_DATA: [&str; 9] = [
    "content_ids",
    "contents",
    "content_type",
    "content_name",
    "num_items",
    "order_id",
    "value",
    "item_group_ids",
    "event_id",
];

/// Warns of what has no effect where it stands. An event's id stands beside its name, a payment's
/// event has it in `event_data`.
pub(super) fn check(reader: &mut BodyReader<'_, '_>, is_event: bool) {
    let fields = reader.fields();
    let says_nothing = |value: &Json<'_>| matches!(value, Json::Null) || json::is_blank(value);
    for (key, _) in fields.iter().filter(|(_, value)| !says_nothing(value)) {
        if let Some(meant) = refusal(key) {
            let says = format!("`{}` is not heard, and may be a refusal", json::shortened(key));
            let finding = Finding::in_body(Code::FieldMisplaced, reader.pointer(key), says);
            // The options of data processing block the event by themselves (E239).
            let severity = if meant == OPT_OUT { Severity::Error } else { Severity::Warning };
            reader.findings.push(finding.weighing(severity).help(format!("send `{meant}`")));
            continue;
        }
        let is_of_event = is_event && key == "event_id";
        if KNOWN.contains(&&**key) || OF_SDKS.contains(&&**key) || is_of_event {
            continue;
        }
        let is_persons = ["name", "fbclid", "fbclid_at"].contains(&&**key)
            || Field::from_key(key).is_some()
            || ClearField::read(key).is_some();
        let help = if OF_EVENT_DATA.contains(&&**key) {
            "move it into `event_data`".to_owned()
        } else if is_persons {
            "move it into `user_data`".to_owned()
        } else if let Some(near) = suggestion(key, KNOWN) {
            format!("did you mean `{near}`?")
        } else {
            continue;
        };
        let says = format!("`{}` has no effect where it stands", json::shortened(key));
        let finding = Finding::in_body(Code::FieldMisplaced, reader.pointer(key), says);
        reader.findings.push(finding.help(help));
    }
}

/// Other names of refusals, letters and digits alone.
const SYNONYMS: [(&str, &str); 7] = [
    ("optedout", OPT_OUT),
    ("useroptout", OPT_OUT),
    ("isoptout", OPT_OUT),
    ("isoptedout", OPT_OUT),
    ("ldu", "data_processing_options"),
    ("dpo", "data_processing_options"),
    ("limiteddatause", "data_processing_options"),
];

/// Whether a key may be a refusal, by its letters and its length: every field of every capture is
/// asked, and hardly one may.
fn may_refuse(key: &str) -> bool {
    const NEAR: [Letters; 4] = [
        Letters::of(REFUSALS[0]),
        Letters::of(REFUSALS[1]),
        Letters::of(REFUSALS[2]),
        Letters::of(REFUSALS[3]),
    ];
    /// The letters that all synonyms of a refusal have.
    const OPT_OUT_LETTERS: u64 = letters_of("optu");
    const SYNONYM_LETTERS: [u64; 3] =
        [letters_of("ldu"), letters_of("dpo"), letters_of("limiteddatause")];
    let letters = Letters::of(key);
    letters.which & OPT_OUT_LETTERS == OPT_OUT_LETTERS
        || SYNONYM_LETTERS.contains(&(letters.which & LETTERS))
        || !key.is_ascii()
        || NEAR.iter().any(|word| letters.may_mean(*word))
}

const fn letters_of(text: &str) -> u64 {
    Letters::of(text).which
}

/// The bits of letters and digits.
const LETTERS: u64 = letters_of("abcdefghijklmnopqrstuvwxyz0123456789");

/// Which refusal a field is meant for that has none of their names.
pub(super) fn refusal(key: &str) -> Option<&'static str> {
    if !may_refuse(key) || KNOWN.contains(&key) {
        return None;
    }
    let letters: String = key.chars().filter(char::is_ascii_alphanumeric).collect();
    let synonym = SYNONYMS.iter().find(|(word, _)| letters.eq_ignore_ascii_case(word));
    // Hardly a field is near one; what is may still be nearer to another name.
    let near = || {
        suggestion(key, REFUSALS)
            .and_then(|_| suggestion(key, KNOWN))
            .filter(|near| REFUSALS.contains(near))
    };
    synonym.map(|(_, meant)| *meant).or_else(near)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_meant_otherwise_is_said_and_strangers_are_passed_over() {
        for (body, expected) in [
            (r#"{"content_ids":["a"]}"#, Some("move it into `event_data`")),
            (r#"{"email":"canary@shop.example"}"#, Some("move it into `user_data`")),
            (r#"{"fbclid":"x"}"#, Some("move it into `user_data`")),
            (r#"{"userId":"1"}"#, Some("did you mean `user_id`?")),
            (r#"{"paymentId":"1"}"#, Some("did you mean `payment_id`?")),
            (r#"{"eventData":{}}"#, Some("did you mean `event_data`?")),
            (r#"{"install_instance_id":"x","token":"t","data":{}}"#, None),
            (r#"{"warehouse":"north"}"#, None),
            (r#"{"user_id":"1","occurred_at":7}"#, None),
            (r#"{"order_id":""}"#, None),
        ] {
            let Ok(Json::Object(fields)) = json::read(body.as_bytes()) else {
                unreachable!("the rows are objects: {body}")
            };
            let mut reader = BodyReader::new(&fields);
            check(&mut reader, false);
            let found: Vec<_> =
                reader.findings.iter().map(|f| (f.code, f.help.as_deref())).collect();
            let expected: Vec<_> =
                expected.map(|help| (Code::FieldMisplaced, Some(help))).into_iter().collect();
            assert_eq!(found, expected, "{body}");
            assert!(!format!("{:?}", reader.findings).contains("canary"), "{body}");
        }
    }
    #[test]
    fn what_is_almost_a_refusal_is_named_and_an_error_unless_it_blocks_the_event_itself() {
        for (key, meant) in [
            ("optOut", "opt_out"),
            ("optout", "opt_out"),
            ("opt-out", "opt_out"),
            ("opted_out", "opt_out"),
            ("dataProcessingOptions", "data_processing_options"),
            ("data_processing_option", "data_processing_options"),
            ("dataProcessingOptionsState", "data_processing_options_state"),
            ("data_processing_options_contry", "data_processing_options_country"),
            ("limitedDataUse", "data_processing_options"),
            ("limited.data.use", "data_processing_options"),
            ("l-d-u", "data_processing_options"),
            ("d-p_o", "data_processing_options"),
            ("DPO!", "data_processing_options"),
            ("data_procss\u{130}g_opt\u{130}ns", "data_processing_options"),
        ] {
            let body = format!(r#"{{"{key}":true}}"#);
            let Ok(Json::Object(fields)) = json::read(body.as_bytes()) else {
                unreachable!("an object: {body}")
            };
            let mut reader = BodyReader::new(&fields);
            check(&mut reader, false);
            let found: Vec<_> = reader.findings.iter().map(|f| (f.code, f.severity)).collect();
            let is_opt_out = meant == OPT_OUT;
            let severity = if is_opt_out { Severity::Error } else { Severity::Warning };
            assert_eq!(found, [(Code::FieldMisplaced, severity)], "{key}");
            let help = reader.findings.iter().find_map(|finding| finding.help.clone());
            assert_eq!(help, Some(format!("send `{meant}`")), "{key}");
        }
    }
}
