//! Reads what is left of `event_data`: Meta's other parameters, and the sender's own.
//!
//! In: the fields. Out: plain JSON values, as their text. Meta's own parameters must have the kind
//! that Meta documents, because it refuses a request for `content_category: 5`; a property of the
//! sender's own may be any plain value.
//!
//! Source: Meta, "Conversions API / Parameters / Custom data"; error 2804019.

use super::{KNOWN, Reader};
use crate::core::finding::{Code, Finding};
use crate::core::json::{self, Fields, Json};
use crate::core::meta::event::DeliveryCategory;
use crate::core::money::Amount;
use crate::core::names::{one_of, suggestion};

/// What Meta documents a parameter to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standard {
    /// Text.
    Text,
    /// The text of an id, where a number means its digits.
    Id,
    /// A number.
    Number,
    /// Text, or true and false: the pages differ.
    Status,
    /// One of three words.
    Delivery,
    /// An object of three ids of a shop.
    Store,
}

/// The ids of a shop.
///
/// # Source
/// Meta, "Conversions API / Offline events", `store_data`.
const STORE: [&str; 3] = ["store_page_id", "brand_page_id", "store_code"];

/// Meta's parameters that have no field of their own in [`super::EventData`].
///
/// # Source
/// Meta, "Conversions API / Parameters / Custom data".
const STANDARD: [(&str, Standard); 12] = [
    ("content_category", Standard::Text),
    ("content_name", Standard::Text),
    ("search_string", Standard::Text),
    ("lead_event_source", Standard::Text),
    ("event_source", Standard::Text),
    ("item_number", Standard::Id),
    ("product_catalog_id", Standard::Id),
    ("predicted_ltv", Standard::Number),
    ("net_revenue", Standard::Number),
    ("status", Standard::Status),
    ("delivery_category", Standard::Delivery),
    ("store_data", Standard::Store),
];

/// What others call the lines of an order.
const FOREIGN_LISTS: [&str; 5] = ["items", "products", "lines", "line_items", "cart"];

/// Reads every field that is not one of [`KNOWN`].
pub(super) fn read<'a>(fields: &Fields<'a>, reader: &mut Reader<'a>) {
    for (key, value) in fields.iter().filter(|(key, _)| !KNOWN.contains(&&**key)) {
        let standard = STANDARD.iter().find(|(name, _)| name == key);
        let text = match (standard, value) {
            (_, Json::Null) => None,
            (Some(_), value) if json::is_blank(value) => None,
            (Some((name, kind)), value) => reader.standard(name, *kind, value),
            (None, value) => reader.own(key, value),
        };
        reader.data.properties.extend(text.map(|text| (key.clone(), text)));
    }
}

impl<'a> Reader<'a> {
    fn standard(&mut self, key: &'static str, kind: Standard, value: &Json<'a>) -> Option<String> {
        match kind {
            Standard::Id => self.quoted_word(key, value),
            Standard::Store => self.store(key, value),
            Standard::Number => self.number(key, value).map(|number| number.to_string()),
            Standard::Status if matches!(value, Json::Bool(_)) => Some(json::printed(value)),
            Standard::Text | Standard::Status | Standard::Delivery => {
                let Some(text) = json::text(value) else {
                    let says = format!("`{key}` must be text, not {}", json::kind(value));
                    self.unreadable(Code::KindOfField, key, says, "send one text");
                    return None;
                };
                if kind == Standard::Delivery && DeliveryCategory::read(text).is_none() {
                    let (says, help) = no_delivery(text);
                    self.unreadable(Code::KindOfField, key, says, &help);
                    return None;
                }
                Some(json::printed(value))
            }
        }
    }

    /// The ids of a shop, as one object of texts.
    fn store(&mut self, key: &'static str, value: &Json<'a>) -> Option<String> {
        let fields = json::fields(value).filter(|fields| {
            let known = |name: &str| STORE.contains(&name);
            fields.iter().all(|(name, id)| known(name) && json::text_or_number(id).is_some())
        });
        let Some(fields) = fields else {
            let says = format!("`{key}` must be an object of {}", one_of(STORE));
            self.unreadable(Code::KindOfField, key, says, r#"send {"store_code": "…"}"#);
            return None;
        };
        let member = |(name, id): &(std::borrow::Cow<'_, str>, Json<'_>)| {
            let id = json::text_or_number(id).unwrap_or_default();
            format!("{}:{}", json::quoted(name), json::quoted(id))
        };
        Some(format!("{{{}}}", fields.iter().map(member).collect::<Vec<_>>().join(",")))
    }

    fn quoted_word(&mut self, key: &'static str, value: &Json<'a>) -> Option<String> {
        let word = self.word_of(key, value)?;
        Some(json::quoted(&word))
    }

    fn own(&mut self, key: &str, value: &Json<'a>) -> Option<String> {
        let says = match value {
            Json::Number((digits, _)) => match Amount::read(digits) {
                Ok(_) => return Some(json::printed(value)),
                Err(reason) => format!("`{}` {reason}; it was not sent", json::shortened(key)),
            },
            Json::Null | Json::Bool(_) | Json::String(_) => return Some(json::printed(value)),
            Json::Array(_) | Json::Object(_) => {
                let (key, kind) = (json::shortened(key), json::kind(value));
                format!("`{key}` is {kind}; Meta takes plain values")
            }
        };
        let finding =
            Finding::in_body(Code::PropertyLeftOut, json::pointer("/event_data", key), says);
        let meant = FOREIGN_LISTS.contains(&key).then_some(
            "for a list of products send `contents` with `id`, `quantity` and `item_price`, or name this one under `contents` in the mapping file",
        );
        self.findings.push(match meant {
            Some(help) => finding.help(help),
            None => finding,
        });
        None
    }
}

/// What there is to say about a word that is no way of delivery.
pub(super) fn no_delivery(word: &str) -> (String, String) {
    let says = format!("`delivery_category` is `{}`", json::shortened(word));
    let help = match suggestion(word, DeliveryCategory::words()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("send {}", one_of(DeliveryCategory::words())),
    };
    (says, help)
}
