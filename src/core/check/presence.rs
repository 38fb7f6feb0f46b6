//! What an event must carry: a currency for Meta, and the rest for the catalogue.
//!
//! Meta takes `content_ids` or `contents`. Neither is an error under `profile = "catalog"`; ids
//! without `contents` only lose the prices, which is a warning for everybody.
//!
//! A field that was sent but could not be read is not reported as missing too: its own finding
//! says what is wrong with it.
//!
//! Source: Meta, "Meta Pixel / Reference", Purchase (currency and value required); Linkrunner,
//! "Meta Commerce Manager", required fields per event.

use super::Evidence;
use crate::core::finding::{Code, Finding};
use crate::core::meta::StandardEvent;

pub(super) fn check(evidence: Evidence<'_>) -> Vec<Finding> {
    currency(evidence).into_iter().chain(commerce(evidence)).collect()
}

/// No value without a currency. A value there always is: the payment's amount at the least.
fn currency(evidence: Evidence<'_>) -> Option<Finding> {
    let Evidence { event, sent, custom_data, .. } = evidence;
    let demanded = event.standard().is_some_and(StandardEvent::demands_value);
    let wanted = demanded || custom_data.value.is_some();
    if !wanted || custom_data.currency.is_some() || sent.is_unreadable("currency") {
        return None;
    }
    let says = format!("a {} with a value needs `currency`", event.as_str());
    Some(Finding::in_body(Code::CurrencyMissing, "/event_data/currency", says).help(
        "send three letters such as INR, or set `currency` under [defaults] of the mapping file",
    ))
}

/// What catalogue ads need of the three commerce events.
fn commerce(evidence: Evidence<'_>) -> Vec<Finding> {
    use StandardEvent::{AddToCart, Purchase, ViewContent};
    let Some(event @ (Purchase | AddToCart | ViewContent)) = evidence.event.standard() else {
        return Vec::new();
    };
    let Evidence { sent, custom_data, .. } = evidence;
    let counted = matches!(event, Purchase | AddToCart);
    let rows = [
        (
            custom_data.content_ids.is_empty(),
            ["content_ids", "item_group_ids", "product_id", "contents"].as_slice(),
            Code::IdsMissing,
            r#"send the catalogue's ids: ["sku1"]"#,
        ),
        (
            custom_data.contents.is_empty() && !custom_data.content_ids.is_empty(),
            &["contents"],
            Code::ContentsMissing,
            r#"send [{"id": "sku1", "quantity": 2, "item_price": 1000}]"#,
        ),
        (
            custom_data.content_type.is_none(),
            &["content_type"],
            Code::ContentTypeMissing,
            "send `product` with content_ids, `product_group` with item_group_ids",
        ),
        (
            counted && custom_data.num_items.is_none(),
            &["num_items"],
            Code::NumItemsMissing,
            "send the sum of the quantities",
        ),
        (
            event == Purchase && custom_data.order_id.is_none(),
            &["order_id"],
            Code::OrderIdMissing,
            "send the shop's id of the order",
        ),
    ];
    rows.into_iter()
        .filter(|(missing, keys, ..)| *missing && !keys.iter().any(|key| sent.is_unreadable(key)))
        .map(|(_, keys, code, help)| {
            let says = format!("a {} for the catalogue needs `{}`", event.as_str(), keys[0]);
            let finding = Finding::in_body(code, format!("/event_data/{}", keys[0]), says);
            finding.weighing(evidence.for_catalog(code)).help(help)
        })
        .collect()
}
