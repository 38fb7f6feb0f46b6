//! What a repeated payment says differently from its first record.
//!
//! In: the stored first record and the repetition. Out: a finding for each field that differs.
//! The first record stands; the sender learns what was ignored. Fields of a person are compared
//! by their hashes and never quoted; address and browser, which the first record loses once its
//! event is delivered, are not compared.

use super::{Payment, PaymentStatus};
use crate::core::finding::{Code, Finding};
use crate::core::json::{self, Json};
use crate::core::user_data::ClearField;

/// The fields that are compared, in the order in which a person would read them.
const COMPARED: [&str; 18] = [
    "type",
    "user_id",
    "status",
    "amount",
    "currency",
    "occurred_at",
    "event_source_url",
    "referrer_url",
    "opt_out",
    "data_processing_options",
    "data_processing_options_country",
    "data_processing_options_state",
    "original_event_data",
    "customer_segmentation",
    "messaging_channel",
    "event_data",
    "user_data",
    "app_data",
];

/// Compares field by field.
#[must_use]
pub fn differences(first: &str, again: &Payment<'_>) -> Vec<Finding> {
    let again = again.to_stored();
    let (Ok(first), Ok(again)) = (json::read(first.as_bytes()), json::read(again.as_bytes()))
    else {
        return Vec::new();
    };
    COMPARED
        .into_iter()
        .filter_map(|key| difference(key, field(&first, key).as_ref(), field(&again, key).as_ref()))
        .collect()
}

/// A field of a record, without what may have been erased from the first one: a repetition that
/// comes after the delivery must not look different for that, nor one that comes from elsewhere.
fn field<'j>(record: &'j Json<'_>, key: &str) -> Option<Json<'j>> {
    let value = json::get(json::fields(record)?, key)?;
    let Some(fields) = json::fields(value).filter(|_| key == "user_data") else {
        return Some(json::copy(value));
    };
    let mut kept = json::copy_fields(fields);
    kept.retain(|(key, _)| ClearField::PASSING.iter().all(|field| field.as_str() != key));
    (!kept.is_empty()).then_some(Json::Object(kept))
}

fn difference(key: &str, first: Option<&Json<'_>>, again: Option<&Json<'_>>) -> Option<Finding> {
    let says = match (first, again) {
        (None | Some(_), None) => return None,
        (Some(first), Some(again)) if json::same(first, again) => return None,
        (Some(first), Some(again)) => match key {
            "user_id" => "this payment is recorded for another user".to_owned(),
            "type" | "status" | "amount" | "currency" => {
                let (first, again) = (json::printed(first), json::printed(again));
                format!("`{key}` is recorded as {first}; {again} was ignored")
            }
            _ => format!("`{key}` differs from the first record and was ignored"),
        },
        (None, Some(_)) => format!("`{key}` is not in the first record and was ignored"),
    };
    let finding = Finding::in_body(Code::RepeatDiffers, format!("/{key}"), says);
    Some(match (key, first.and_then(json::text)) {
        ("status", Some(recorded)) if recorded == PaymentStatus::Initiated.as_str() => {
            finding.help("a status never moves on: send each payment once, in its final state")
        }
        _ => finding.help(
            "to correct it, take it back with remove-payment and capture it again; another payment needs a payment_id of its own",
        ),
    })
}

#[cfg(test)]
mod tests {
    use super::super::read;
    use super::*;
    use crate::core::time::Timestamp;

    fn payment(text: &str) -> Payment<'_> {
        let body = json::read(text.as_bytes()).expect(text);
        read(body, Timestamp::from_seconds(0)).value.expect(text)
    }

    #[test]
    fn every_difference_is_named_and_no_person_is_quoted() {
        let first = r#"{"user_id":"1","payment_id":"A","amount":5,"status":"PAYMENT_INITIATED",
            "event_data":{"value":5,"order_id":"o"},"user_data":{"em":"a@b.io"}}"#;
        let stored = payment(first).to_stored();
        for (again, expected) in [
            (first, vec![]),
            (
                r#"{"user_id":"1","payment_id":"A","amount":5.00,"status":"PAYMENT_INITIATED",
                "event_data":{"order_id":"o","value":5.0}}"#,
                vec![],
            ),
            (
                r#"{"user_id":"1","payment_id":"A","amount":5,"status":"PAYMENT_INITIATED",
                "user_data":{"em":"a@b.io","client_ip_address":"203.0.113.9",
                "client_user_agent":"Firefox"}}"#,
                vec![],
            ),
            (
                r#"{"user_id":"2","payment_id":"A","amount":6,"event_data":{"value":5},
                "user_data":{"em":"canary@b.io"},"currency":"INR","occurred_at":7,
                "event_source_url":"https://shop.example"}"#,
                vec![
                    "/user_id",
                    "/status",
                    "/amount",
                    "/currency",
                    "/occurred_at",
                    "/event_source_url",
                    "/event_data",
                    "/user_data",
                ],
            ),
            (
                r#"{"user_id":"1","payment_id":"A","amount":5,"type":"ONE_TIME","status":"PAYMENT_INITIATED"}"#,
                vec!["/type"],
            ),
        ] {
            let found = differences(&stored, &payment(again));
            let places: Vec<String> = found.iter().map(|f| format!("{:?}", f.at)).collect();
            let expected: Vec<String> =
                expected.iter().map(|at| format!("Pointer({at:?})")).collect();
            assert_eq!(places, expected, "{again}");
            assert!(!format!("{found:?}").contains("canary"), "{found:?}");
            assert!(found.iter().all(|finding| finding.code == Code::RepeatDiffers));
        }
    }
}
