//! Fields of a body that stand where they have no effect: beside `event_data` instead of in it,
//! beside `user_data` instead of in it, or almost a name that is known.
//!
//! In: the names of the body's fields. Out: a warning for each that was probably meant otherwise
//! (P206). Fields of which we know nothing are passed over: the mobile SDKs send more than we read.

use crate::core::customer::Field;
use crate::core::finding::{Code, Finding};
use crate::core::json;
use crate::core::names::suggestion;
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
    for (key, _) in fields.iter().filter(|(_, value)| !json::is_blank(value)) {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::json::Json;

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
}
