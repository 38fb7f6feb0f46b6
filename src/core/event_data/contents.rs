//! Reads the lines of an order, `contents[]`.
//!
//! In: the list as sent. Out: the items that could be read, and findings with the index of the
//! item. Meta refuses a whole request for one unknown key in here, so a key it does not know is
//! an error with its place, not something to pass on.
//!
//! Source: Meta, "Conversions API / Parameters / Custom data", `contents`; errors 2804008, 2804019.

use std::borrow::Cow;

use super::properties::no_delivery;
use super::whole;
use crate::core::finding::{Code, Finding, Findings};
use crate::core::json::{self, Fields, Json};
use crate::core::meta::ContentItem;
use crate::core::meta::event::{CONTENT_TEXTS, DeliveryCategory};
use crate::core::money::Amount;
use crate::core::names::{one_of, suggestion};

/// How a list of contents looks.
pub(super) const HELP: &str = r#"send [{"id": "sku1", "quantity": 2, "item_price": 1000}]"#;

/// Reads every item; the unreadable ones are left out and named.
pub(super) fn read<'a>(items: &[Json<'a>]) -> (Vec<ContentItem<'a>>, Findings) {
    let mut findings = Findings::default();
    let mut read = Vec::with_capacity(items.len());
    for (index, item) in items.iter().enumerate() {
        let mut reader = ItemReader { index, findings: &mut findings };
        if let Some(fields) = json::fields(item) {
            read.extend(reader.item(fields));
        } else {
            let says = format!("an item of `contents` is {}, not an object", json::kind(item));
            reader.say(Code::ContentsShape, "", says, HELP);
        }
    }
    (read, findings)
}

/// Blank text means absent, as everywhere.
fn says_something(value: &Json<'_>) -> bool {
    !matches!(value, Json::Null) && !json::is_blank(value)
}

struct ItemReader<'f> {
    index: usize,
    findings: &'f mut Findings,
}

impl ItemReader<'_> {
    fn say(&mut self, code: Code, key: &str, says: String, help: &str) {
        let item = format!("/event_data/contents/{}", self.index);
        let pointer = if key.is_empty() { item } else { json::pointer(&item, key) };
        self.findings.push(Finding::in_body(code, pointer, says).help(help));
    }

    fn item<'a>(&mut self, fields: &Fields<'a>) -> Option<ContentItem<'a>> {
        let mut item = ContentItem::default();
        let (mut has_id, mut has_quantity) = (false, false);
        for (key, value) in fields.iter().filter(|(_, value)| says_something(value)) {
            match &**key {
                "id" => {
                    has_id = true;
                    item.id = self.id(value);
                }
                "quantity" => {
                    has_quantity = true;
                    item.quantity = self.quantity(value);
                }
                "item_price" => item.item_price = self.price(value),
                other => self.text(other, value, &mut item),
            }
        }
        if !has_id {
            self.say(Code::ContentsItem, "id", "an item of `contents` has no `id`".into(), HELP);
        }
        if !has_quantity {
            let says = "an item of `contents` has no `quantity`".into();
            self.say(Code::ContentsItem, "quantity", says, "send how many pieces: 1 or more");
        }
        (!item.id.is_empty()).then_some(item)
    }

    fn id<'a>(&mut self, value: &Json<'a>) -> Cow<'a, str> {
        if let Some(id) = super::id(value) {
            if matches!(value, Json::Number(_)) {
                let says = "`id` is a number; it was sent as text".into();
                self.say(Code::FieldCoerced, "id", says, "send the id in quotes");
            }
            return id;
        }
        let says = format!("`id` must be text, not {}", json::kind(value));
        self.say(Code::ContentsItem, "id", says, "send the id of the product in the catalogue");
        Cow::Borrowed("")
    }

    fn quantity(&mut self, value: &Json<'_>) -> Option<u64> {
        let count = self.number("quantity", value).and_then(whole);
        if count.is_none_or(|count| count == 0) {
            let says = "`quantity` must be a whole number of 1 or more".into();
            self.say(Code::ContentsItem, "quantity", says, "send how many pieces: 1 or more");
        }
        count.filter(|count| *count > 0)
    }

    fn price(&mut self, value: &Json<'_>) -> Option<Amount> {
        let Some(price) = self.number("item_price", value) else {
            let says = "`item_price` must be a plain number".into();
            self.say(Code::KindOfField, "item_price", says, "send the price of one piece: 1000");
            return None;
        };
        if price.is_negative() {
            let says = format!("`item_price` is {price}; Meta takes no negative prices");
            self.say(Code::ValueNegative, "item_price", says, "send what one piece cost");
            return None;
        }
        Some(price)
    }

    fn number(&mut self, key: &str, value: &Json<'_>) -> Option<Amount> {
        let amount = Amount::read(json::text_or_number(value)?.trim()).ok()?;
        if json::text(value).is_some() {
            let says = format!("`{key}` is text; it was sent as the number {amount}");
            self.say(Code::FieldCoerced, key, says, "send a JSON number, without quotes");
        }
        Some(amount)
    }

    fn text<'a>(&mut self, key: &str, value: &Json<'a>, item: &mut ContentItem<'a>) {
        let Some(known) = CONTENT_TEXTS.into_iter().find(|known| *known == key) else {
            let short = json::shortened(key);
            let says = format!("`{short}` is not a key that Meta takes in `contents`");
            let allowed = ["id", "quantity", "item_price"].into_iter().chain(CONTENT_TEXTS);
            let help = match suggestion(&short, allowed.clone()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("send only {}", one_of(allowed)),
            };
            self.say(Code::ContentsKey, key, says, &help);
            return;
        };
        match value {
            Json::String(word)
                if known == "delivery_category" && DeliveryCategory::read(word).is_none() =>
            {
                let (says, help) = no_delivery(word);
                self.say(Code::KindOfField, key, says, &help);
            }
            Json::String(text) => item.texts.push((known, text.clone())),
            Json::Null | Json::Bool(_) | Json::Number(_) | Json::Array(_) | Json::Object(_) => {
                let says = format!("`{key}` must be text, not {}", json::kind(value));
                self.say(Code::KindOfField, key, says, "send text, or leave it out");
            }
        }
    }
}
