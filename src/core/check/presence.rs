//! What an event must carry: a currency for Meta, the rest for the catalogue; and what it should.
//!
//! Which event needs what is the table of standard events, `meta::event_parameters`.
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
use crate::core::names::with_article;

pub(super) fn check(evidence: &Evidence<'_>) -> Vec<Finding> {
    let money = value(evidence).into_iter().chain(currency(evidence));
    let lacks = money.chain(refused_currency(evidence)).chain(commerce(evidence));
    lacks.chain(recommended(evidence)).collect()
}

/// An event that Meta refuses without a value has one: the payment's amount, unless the rule says
/// where the value is and nothing is there.
fn value(evidence: &Evidence<'_>) -> Option<Finding> {
    let Evidence { event, sent, custom_data, .. } = *evidence;
    let required = event.standard().map_or(&[][..], |event| event.parameters().required);
    let wanted = required.contains(&"value") && !sent.is_unreadable("value");
    if !wanted || custom_data.value.is_some() {
        return None;
    }
    let says = format!(
        "{} needs a value, and the sources of the rule have none",
        with_article(event.as_str())
    );
    let finding = Finding::in_body(Code::ValueMissing, "/event_data/value", says);
    Some(finding.help(r#"add "amount" to the sources of `value` in the mapping file"#))
}

/// No value without a currency.
fn currency(evidence: &Evidence<'_>) -> Option<Finding> {
    let Evidence { event, sent, custom_data, .. } = *evidence;
    let required = event.standard().map_or(&[][..], |event| event.parameters().required);
    let wanted = required.contains(&"currency") || custom_data.value.is_some();
    if !wanted || custom_data.currency.is_some() || sent.is_unreadable("currency") {
        return None;
    }
    let says = format!("{} with a value needs `currency`", with_article(event.as_str()));
    Some(Finding::in_body(Code::CurrencyMissing, "/event_data/currency", says).help(
        "send three letters such as INR, or set `currency` under [defaults] of the mapping file",
    ))
}

/// Currencies of ISO 4217 that Meta was seen to refuse.
///
/// # Source
/// A report of error 2804011 for MRU (reference/meta-capi.md 1.8).
const REFUSED: [&str; 1] = ["MRU"];

fn refused_currency(evidence: &Evidence<'_>) -> Option<Finding> {
    let currency = evidence.custom_data.currency?;
    if !REFUSED.contains(&currency.code()) {
        return None;
    }
    let says = format!("Meta takes no {}", currency.code());
    let inner = evidence.sent.currency == Some(currency);
    let at = if inner { "/event_data/currency" } else { "/currency" };
    let finding = Finding::in_body(Code::CurrencyRefused, at, says);
    Some(finding.help("send the value in a currency that Meta takes"))
}

/// One parameter that an event for the catalogue may lack.
struct Lack {
    /// As in the table of standard events.
    key: &'static str,
    /// The fields that would have given it: unreadable ones are not missing too.
    sources: &'static [&'static str],
    code: Code,
    help: &'static str,
}

/// Every parameter of the catalogue, in the order in which a person would mend them.
const LACKS: [Lack; 5] = [
    Lack {
        key: "content_ids",
        sources: &["content_ids", "item_group_ids", "product_id", "contents"],
        code: Code::IdsMissing,
        help: r#"send the catalogue's ids: ["sku1"], or name the list of products in the rule: contents = { each = "event_data.lines", id = "sku" }"#,
    },
    Lack {
        key: "contents",
        sources: &["contents"],
        code: Code::ContentsMissing,
        help: r#"send [{"id": "sku1", "quantity": 2, "item_price": 1000}]"#,
    },
    Lack {
        key: "content_type",
        sources: &["content_type"],
        code: Code::ContentTypeMissing,
        help: r#"send `product` with content_ids, `product_group` with item_group_ids, or set content_type = "product" in the rule"#,
    },
    Lack {
        key: "num_items",
        sources: &["num_items"],
        code: Code::NumItemsMissing,
        help: r#"send the sum of the quantities, or set num_items = "count(contents)" in the rule"#,
    },
    Lack {
        key: "order_id",
        sources: &["order_id"],
        code: Code::OrderIdMissing,
        help: r#"send the shop's id of the order, or set custom_data = { order_id = "{payment_id}" } in the rule"#,
    },
];

/// What catalogue ads need of the event.
fn commerce(evidence: &Evidence<'_>) -> Vec<Finding> {
    let Some(event) = evidence.event.standard() else { return Vec::new() };
    let wanted = event.parameters().catalog;
    let lacks =
        LACKS.iter().filter(|lack| wanted.contains(&lack.key) && is_absent(evidence, lack.key));
    lacks
        .filter(|lack| !lack.sources.iter().any(|key| evidence.sent.is_unreadable(key)))
        .map(|lack| {
            let event = with_article(event.as_str());
            let says = format!("{event} for the catalogue needs `{}`", lack.key);
            let finding = Finding::in_body(lack.code, format!("/event_data/{}", lack.key), says);
            finding.weighing(evidence.for_catalog(lack.code)).help(lack.help)
        })
        .collect()
}

/// What makes the event worth more, in one note.
fn recommended(evidence: &Evidence<'_>) -> Option<Finding> {
    let event = evidence.event.standard()?;
    let all = event.parameters().recommended.iter().copied();
    let absent: Vec<&str> =
        all.filter(|key| is_absent(evidence, key) && !evidence.sent.is_unreadable(key)).collect();
    let first = absent.first()?;
    let says = format!("{event} teaches Meta more with `{}`", absent.join("` and `"));
    let finding = Finding::in_body(Code::Recommended, format!("/event_data/{first}"), says);
    Some(finding.help("send it in `event_data`, or silence this note with `checks` in the mapping"))
}

/// Whether the event lacks a parameter of Meta's. Prices are missed only beside ids.
fn is_absent(evidence: &Evidence<'_>, key: &str) -> bool {
    let custom_data = evidence.custom_data;
    match key {
        "content_ids" => custom_data.content_ids.is_empty(),
        "contents" => custom_data.contents.is_empty() && !custom_data.content_ids.is_empty(),
        "content_type" => custom_data.content_type.is_none(),
        "num_items" => custom_data.num_items.is_none(),
        "order_id" => custom_data.order_id.is_none(),
        other => custom_data.properties.iter().all(|(name, _)| name != other),
    }
}
