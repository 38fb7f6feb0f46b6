//! Reads the sender's `event_data` into Meta's words.
//!
//! In: the object as sent. Out: [`EventData`], and a finding for everything of the wrong kind.
//! Reading repairs only what cannot be misunderstood (one id instead of a list of one, a number
//! as text) and says so; the rest is an error on that field, and the checks decide what follows.
//! Nothing here compares two fields with each other: that is `check`.
//!
//! Source: Meta, "Conversions API / Parameters / Custom data"; Linkrunner, "Meta Commerce
//! Manager", `event_data`.

mod contents;
mod properties;

use std::borrow::Cow;

use super::finding::{Code, Finding, Findings};
use super::json::{self, Fields, Json};
use super::meta::{ContentItem, ContentType};
use super::money::{Amount, Currency};
use super::names::{one_of, suggestion};

/// Most items of `contents` that one event may have. Ours: an order with more lines is data gone
/// wrong, and an event of this size still fits a request to Meta.
pub const CONTENTS_MAX: usize = 1_000;

/// What the sender said of a purchase, read.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct EventData<'a> {
    /// `content_ids`, else `item_group_ids`, else `product_id`.
    pub content_ids: Vec<Cow<'a, str>>,
    /// Whether the ids are ids of groups (`item_group_ids`).
    pub groups: bool,
    /// Whether ids of products and of groups were sent.
    pub both_kinds: bool,
    /// The lines of the order, as far as they could be read.
    pub contents: Vec<ContentItem<'a>>,
    /// What the ids are ids of.
    pub content_type: Option<ContentType>,
    /// The currency of `value`.
    pub currency: Option<Currency>,
    /// The worth of the event.
    pub value: Option<Amount>,
    /// How many pieces in all.
    pub num_items: Option<u64>,
    /// The shop's id of the order.
    pub order_id: Option<Cow<'a, str>>,
    /// The id of the copy that a browser or an app sends.
    pub event_id: Option<Cow<'a, str>>,
    /// Meta's other parameters and the sender's own, as their JSON text.
    pub properties: Vec<(Cow<'a, str>, String)>,
    /// Fields that were sent but could not be read: they are not "missing" as well.
    pub unreadable: Vec<&'static str>,
}

impl EventData<'_> {
    /// Whether a field was sent and could not be read.
    #[must_use]
    pub fn is_unreadable(&self, key: &str) -> bool {
        self.unreadable.contains(&key)
    }
}

/// Reads `event_data`. An absent one is an empty one.
#[must_use]
pub fn read<'a>(sent: Option<&Json<'a>>) -> (EventData<'a>, Findings) {
    let mut reader = Reader { data: EventData::default(), findings: Findings::default() };
    if let Some(fields) = sent.and_then(json::fields) {
        reader.ids(fields);
        reader.contents(fields);
        reader.content_type(fields);
        reader.money(fields);
        reader.num_items(fields);
        reader.data.order_id = reader.word("order_id", fields);
        reader.data.event_id = reader.word("event_id", fields);
        properties::read(fields, &mut reader);
    }
    (reader.data, reader.findings)
}

/// The value of a field that says something: neither `null` nor blank, and no empty list.
fn present<'j, 'a>(fields: &'j Fields<'a>, key: &str) -> Option<&'j Json<'a>> {
    let is_empty = |value: &Json<'_>| matches!(value, Json::Array(items) if items.is_empty());
    json::get(fields, key).filter(|value| !json::is_blank(value) && !is_empty(value))
}

/// The fields with a meaning of their own; all others are properties.
const KNOWN: [&str; 11] = [
    "content_ids",
    "item_group_ids",
    "product_id",
    "contents",
    "content_type",
    "currency",
    "value",
    "num_items",
    "order_id",
    "event_id",
    "amount",
];

struct Reader<'a> {
    data: EventData<'a>,
    findings: Findings,
}

impl<'a> Reader<'a> {
    fn say(&mut self, code: Code, key: &str, says: String) {
        self.findings.push(Finding::in_body(code, json::pointer("/event_data", key), says));
    }

    fn unreadable(&mut self, code: Code, key: &'static str, says: String, help: &str) {
        let finding = Finding::in_body(code, format!("/event_data/{key}"), says).help(help);
        self.findings.push(finding);
        self.data.unreadable.push(key);
    }

    /// Both kinds of ids at once: `content_type` decides, and products win where it is silent.
    fn ids(&mut self, fields: &Fields<'a>) {
        let groups_meant = present(fields, "content_type").and_then(json::text)
            == Some(ContentType::ProductGroup.as_str());
        let products = ["content_ids", "product_id"];
        let order = if groups_meant {
            ["item_group_ids", products[0], products[1]]
        } else {
            [products[0], products[1], "item_group_ids"]
        };
        let Some(key) = order.into_iter().find(|key| present(fields, key).is_some()) else {
            return;
        };
        self.data.content_ids = self.id_list(key, fields);
        self.data.groups = key == "item_group_ids";
        let has = |key: &str| present(fields, key).is_some();
        self.data.both_kinds = has("item_group_ids") && products.into_iter().any(has);
    }

    fn id_list(&mut self, key: &'static str, fields: &Fields<'a>) -> Vec<Cow<'a, str>> {
        const HELP: &str = r#"send a list of texts: ["sku1", "sku2"]"#;
        let sent = match present(fields, key) {
            Some(Json::Array(items)) => items.as_slice(),
            Some(single @ (Json::String(_) | Json::Number(_))) => {
                if key != "product_id" {
                    let says = format!("`{key}` is not a list; it was read as a list of one id");
                    self.say(Code::FieldCoerced, key, says);
                }
                std::slice::from_ref(single)
            }
            Some(other) => {
                let says = format!("`{key}` must be a list of texts, not {}", json::kind(other));
                self.unreadable(Code::KindOfField, key, says, HELP);
                return Vec::new();
            }
            None => return Vec::new(),
        };
        let ids: Vec<Option<Cow<'a, str>>> = sent.iter().map(id).collect();
        if let Some(at) = ids.iter().position(Option::is_none) {
            let found = if json::is_blank(&sent[at]) { "a blank" } else { json::kind(&sent[at]) };
            let says = format!("`{key}` holds {found} where an id belongs");
            self.unreadable(Code::KindOfField, key, says, HELP);
        }
        if sent.iter().any(|item| matches!(item, Json::Number(_))) {
            let says = format!("`{key}` holds numbers; they were sent as texts");
            self.say(Code::FieldCoerced, key, says);
        }
        ids.into_iter().flatten().collect()
    }

    fn contents(&mut self, fields: &Fields<'a>) {
        let Some(sent) = present(fields, "contents") else { return };
        let Json::Array(items) = sent else {
            let says = format!("`contents` must be a list of objects, not {}", json::kind(sent));
            self.unreadable(Code::ContentsShape, "contents", says, contents::HELP);
            return;
        };
        if items.len() > CONTENTS_MAX {
            let says = format!("`contents` has {} items, more than {CONTENTS_MAX}", items.len());
            self.unreadable(Code::TooManyContents, "contents", says, "split the order");
            return;
        }
        let (read, findings) = contents::read(items);
        if findings.has_error() {
            self.data.unreadable.push("contents");
        }
        self.data.contents = read;
        self.findings.extend(findings);
    }

    fn content_type(&mut self, fields: &Fields<'a>) {
        let Some(sent) = present(fields, "content_type") else { return };
        let Some(word) = self.text_of("content_type", sent) else { return };
        self.data.content_type = ContentType::read(word);
        if self.data.content_type.is_none() {
            let says = format!("`content_type` is `{}`", json::shortened(word));
            let help = match suggestion(word, ContentType::words()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("send {}", one_of(ContentType::words())),
            };
            self.unreadable(Code::ContentTypeUnknown, "content_type", says, &help);
        }
    }

    fn money(&mut self, fields: &Fields<'a>) {
        if let Some(sent) = present(fields, "value") {
            match self.number("value", sent) {
                Some(value) if value.is_negative() => {
                    let says = format!("`value` is {value}; Meta takes no negative values");
                    let help = "send what was paid; take a payment back with remove-payment";
                    self.unreadable(Code::ValueNegative, "value", says, help);
                }
                Some(value) => self.data.value = Some(value),
                None => {}
            }
        }
        if let Some(sent) = present(fields, "currency") {
            let Some(code) = self.text_of("currency", sent) else { return };
            self.data.currency = Currency::read(code);
            if self.data.currency.is_none() {
                let short = json::shortened(code);
                let says = format!("`currency` is `{short}`, which is not an ISO 4217 code");
                let help = "send three letters such as INR or USD";
                self.unreadable(Code::CurrencyUnknown, "currency", says, help);
            }
        }
    }

    fn number(&mut self, key: &'static str, sent: &Json<'a>) -> Option<Amount> {
        let help = "send a JSON number without symbols or separators: 2000.50";
        let Some(text) = json::text_or_number(sent) else {
            let says = format!("`{key}` must be a number, not {}", json::kind(sent));
            self.unreadable(Code::KindOfField, key, says, help);
            return None;
        };
        match Amount::read(text.trim()) {
            Ok(amount) => {
                if json::text(sent).is_some() {
                    let says = format!("`{key}` is text; it was sent as the number {amount}");
                    self.say(Code::FieldCoerced, key, says);
                }
                Some(amount)
            }
            Err(reason) => {
                self.unreadable(Code::KindOfField, key, format!("`{key}` {reason}"), help);
                None
            }
        }
    }

    fn num_items(&mut self, fields: &Fields<'a>) {
        let Some(sent) = present(fields, "num_items") else { return };
        let Some(number) = self.number("num_items", sent) else { return };
        self.data.num_items = whole(number);
        if self.data.num_items.is_none() {
            let says = format!("`num_items` is {number}, not a whole number");
            let help = "send the sum of the quantities";
            self.unreadable(Code::KindOfField, "num_items", says, help);
        }
    }

    /// A field that is text and nothing else.
    fn text_of<'j>(&mut self, key: &'static str, sent: &'j Json<'a>) -> Option<&'j str> {
        let text = json::text(sent);
        if text.is_none() {
            let says = format!("`{key}` must be text, not {}", json::kind(sent));
            self.unreadable(Code::KindOfField, key, says, "send one text");
        }
        text
    }

    /// A text field; a number is taken by its digits.
    fn word(&mut self, key: &'static str, fields: &Fields<'a>) -> Option<Cow<'a, str>> {
        self.word_of(key, present(fields, key)?)
    }

    fn word_of(&mut self, key: &'static str, sent: &Json<'a>) -> Option<Cow<'a, str>> {
        let word = id(sent);
        if matches!(sent, Json::Number(_)) {
            let says = format!("`{key}` is a number; it was sent as text");
            self.say(Code::FieldCoerced, key, says);
        } else if word.is_none() {
            let says = format!("`{key}` must be text, not {}", json::kind(sent));
            self.unreadable(Code::KindOfField, key, says, "send one text");
        }
        word
    }
}

/// The text of an id: text that is not blank, or the digits of a number.
fn id<'a>(value: &Json<'a>) -> Option<Cow<'a, str>> {
    match value {
        Json::String(text) if !text.trim().is_empty() => Some(text.clone()),
        Json::Number((digits, _)) => Some(Cow::Borrowed(digits)),
        Json::Null | Json::Bool(_) | Json::String(_) | Json::Array(_) | Json::Object(_) => None,
    }
}

/// A number without a fraction, as a count.
fn whole(number: Amount) -> Option<u64> {
    let plain = number.decimal().normalize();
    (plain.scale() == 0).then(|| u64::try_from(plain).ok()).flatten()
}

#[cfg(test)]
mod tests;
