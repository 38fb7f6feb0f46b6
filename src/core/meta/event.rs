//! One event as Meta receives it: the server event and its `custom_data`.
//!
//! In: values that were checked. Out: JSON, through `Serialize`, with numbers as plain JSON
//! numbers and absent fields left out. The order of the fields is fixed, so that one decision
//! always gives the same bytes.
//!
//! Source: Meta, "Conversions API / Parameters / Server event" and "/ Custom data".

use std::borrow::Cow;

use rust_decimal::Decimal;
use serde::ser::{Serialize, SerializeMap as _, Serializer};
use serde_json::value::RawValue;

use super::{
    AGE_MAX_IN_STORE_MILLIS, AGE_MAX_MILLIS, AppData, DataProcessing, EventFields, EventName,
};
use crate::core::json::{write_members, write_quoted, write_texts, write_whole};
use crate::core::money::{Amount, Currency};
use crate::core::names::closed_list;
use crate::core::user_data::UserData;

closed_list! {
    /// Where a conversion happened.
    pub enum ActionSource {
        /// By e-mail.
        Email = "email",
        /// On a website.
        Website = "website",
        /// In a mobile app.
        App = "app",
        /// By telephone.
        PhoneCall = "phone_call",
        /// In a chat.
        Chat = "chat",
        /// In a shop.
        PhysicalStore = "physical_store",
        /// By itself: a renewal, a standing order.
        SystemGenerated = "system_generated",
        /// In a business's messages.
        BusinessMessaging = "business_messaging",
        /// Somewhere else.
        Other = "other",
    }
}

impl ActionSource {
    /// Oldest event of this source that Meta takes, in milliseconds before it arrives.
    ///
    /// # Source
    /// Meta, "Conversions API / Parameters / Server event", `event_time`; "/ Offline events".
    #[must_use]
    pub const fn age_max_millis(self) -> i64 {
        match self {
            Self::PhysicalStore => AGE_MAX_IN_STORE_MILLIS,
            Self::Email
            | Self::Website
            | Self::App
            | Self::PhoneCall
            | Self::Chat
            | Self::SystemGenerated
            | Self::BusinessMessaging
            | Self::Other => AGE_MAX_MILLIS,
        }
    }
}

closed_list! {
    /// What the ids of an event are ids of.
    pub enum ContentType {
        /// Of products: the catalogue's `id`.
        Product = "product",
        /// Of groups of variants: the catalogue's `item_group_id`.
        ProductGroup = "product_group",
    }
}

closed_list! {
    /// How the goods reach the buyer.
    ///
    /// # Source
    /// Meta, "Conversions API / Parameters / Custom data", `delivery_category`.
    pub enum DeliveryCategory {
        /// The buyer comes into the shop.
        InStore = "in_store",
        /// The buyer picks them up outside.
        Curbside = "curbside",
        /// They are brought.
        HomeDelivery = "home_delivery",
    }
}

/// The id by which Meta and we recognise copies of one event.
#[derive(Debug, Clone, PartialEq, Eq, Hash, serde::Serialize)]
pub struct EventId(String);

impl EventId {
    /// An id of this text.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// One line of an order. The keys are all that Meta allows.
#[derive(Debug, Clone, PartialEq, Default, serde::Serialize)]
pub struct ContentItem<'a> {
    /// The catalogue's id of the product.
    pub id: Cow<'a, str>,
    /// How many.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quantity: Option<u64>,
    /// The price of one, in the event's currency.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub item_price: Option<Amount>,
    /// Title, description, brand, category and delivery category, where given.
    #[serde(flatten, serialize_with = "texts")]
    pub texts: Vec<(&'static str, Cow<'a, str>)>,
}

/// The optional texts of a content item that Meta allows.
///
/// # Source
/// The `Content` class of Meta's official SDKs; any other key is refused with 2804019.
pub const CONTENT_TEXTS: [&str; 5] =
    ["title", "description", "brand", "category", "delivery_category"];

/// Σ quantity × `item_price`, if there are lines, each has both, and the sum can be held.
#[must_use]
pub fn total(contents: &[ContentItem<'_>]) -> Option<Decimal> {
    let sum = contents.iter().try_fold(Decimal::ZERO, |sum, item| {
        let line = item.item_price?.decimal().checked_mul(Decimal::from(item.quantity?))?;
        sum.checked_add(line)
    });
    sum.filter(|_| !contents.is_empty())
}

/// Σ quantity, if there are lines and each has one.
#[must_use]
pub fn pieces(contents: &[ContentItem<'_>]) -> Option<u64> {
    let sum = contents.iter().try_fold(0_u64, |sum, item| sum.checked_add(item.quantity?));
    sum.filter(|_| !contents.is_empty())
}

/// What was bought, in Meta's words.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct CustomData<'a> {
    /// The worth of the event.
    pub value: Option<Amount>,
    /// The currency of `value`.
    pub currency: Option<Currency>,
    /// The catalogue's ids.
    pub content_ids: Vec<Cow<'a, str>>,
    /// The lines of the order.
    pub contents: Vec<ContentItem<'a>>,
    /// What the ids are ids of.
    pub content_type: Option<ContentType>,
    /// How many pieces in all.
    pub num_items: Option<u64>,
    /// The shop's id of the order.
    pub order_id: Option<Cow<'a, str>>,
    /// The sender's own properties: plain JSON scalars, as their text.
    pub properties: Vec<(Cow<'a, str>, String)>,
}

/// One event, ready for the wire.
#[derive(Debug, PartialEq, serde::Serialize)]
pub struct ServerEvent<'a> {
    /// Its name.
    pub event_name: &'a EventName,
    /// When it happened, in Unix seconds.
    pub event_time: i64,
    /// Its id.
    pub event_id: &'a EventId,
    /// Where it happened.
    pub action_source: ActionSource,
    /// Pages, opting out, an earlier event.
    #[serde(flatten)]
    pub fields: &'a EventFields,
    /// What Meta may do with it.
    #[serde(flatten)]
    pub data_processing: Option<DataProcessing>,
    /// Whose it is.
    pub user_data: &'a UserData,
    /// On which device, for apps.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub app_data: Option<&'a AppData>,
    /// What was bought.
    pub custom_data: &'a CustomData<'a>,
}

impl ServerEvent<'_> {
    /// The bytes that are stored once and sent on every attempt.
    ///
    /// Written by hand, since each payment pays for it. What `Serialize` says is what must stand here,
    /// and is asserted wherever debug assertions are on.
    #[must_use]
    pub fn freeze(&self) -> String {
        /// An event of three lines with eight hashed fields has 1,500 bytes.
        const ROOM: usize = 1_792;
        let mut text = String::with_capacity(ROOM);
        text.push_str(r#"{"event_name":"#);
        write_quoted(self.event_name.as_str(), &mut text);
        text.push_str(r#","event_time":"#);
        text.push_str(if self.event_time < 0 { "-" } else { "" });
        write_whole(self.event_time.unsigned_abs(), &mut text);
        text.push_str(r#","event_id":"#);
        write_quoted(self.event_id.as_str(), &mut text);
        text.push_str(r#","action_source":""#);
        text.push_str(self.action_source.as_str());
        text.push('"');
        if self.fields.keys().next().is_some() {
            write_members(self.fields, &mut text);
        }
        if let Some(choice) = &self.data_processing {
            write_members(choice, &mut text);
        }
        text.push_str(r#","user_data":"#);
        self.user_data.write(&mut text);
        if let Some(app_data) = self.app_data {
            text.push_str(r#","app_data":"#);
            // Texts, lists of texts and digits: there is nothing that could fail to serialise.
            text.push_str(&serde_json::to_string(app_data).unwrap_or_default());
        }
        text.push_str(r#","custom_data":{"#);
        self.custom_data.write(&mut text);
        text.push_str("}}");
        debug_assert_eq!(serde_json::to_string(self).ok().as_ref(), Some(&text));
        text
    }
}

impl CustomData<'_> {
    /// Writes the members, which stand at the beginning of their object.
    fn write(&self, text: &mut String) {
        let start = text.len();
        if let Some(value) = self.value {
            text.push_str(r#","value":"#);
            value.write(text);
        }
        if let Some(currency) = self.currency {
            text.push_str(r#","currency":"#);
            write_quoted(currency.code(), text);
        }
        if !self.content_ids.is_empty() {
            text.push_str(r#","content_ids":"#);
            write_texts(self.content_ids.iter().map(|id| &**id), text);
        }
        for (index, item) in self.contents.iter().enumerate() {
            text.push_str(if index > 0 { "," } else { r#","contents":["# });
            item.write(text);
        }
        text.push_str(if self.contents.is_empty() { "" } else { "]" });
        if let Some(content_type) = self.content_type {
            text.push_str(r#","content_type":"#);
            write_quoted(content_type.as_str(), text);
        }
        if let Some(num_items) = self.num_items {
            text.push_str(r#","num_items":"#);
            write_whole(num_items, text);
        }
        if let Some(order_id) = &self.order_id {
            text.push_str(r#","order_id":"#);
            write_quoted(order_id, text);
        }
        for (key, value) in &self.properties {
            text.push(',');
            write_quoted(key, text);
            text.push(':');
            text.push_str(value);
        }
        // The first member needs no comma before it.
        if text.len() > start {
            text.remove(start);
        }
    }
}

impl ContentItem<'_> {
    fn write(&self, text: &mut String) {
        text.push_str(r#"{"id":"#);
        write_quoted(&self.id, text);
        if let Some(quantity) = self.quantity {
            text.push_str(r#","quantity":"#);
            write_whole(quantity, text);
        }
        if let Some(price) = self.item_price {
            text.push_str(r#","item_price":"#);
            price.write(text);
        }
        for (key, value) in &self.texts {
            text.push(',');
            write_quoted(key, text);
            text.push(':');
            write_quoted(value, text);
        }
        text.push('}');
    }
}

impl Serialize for CustomData<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        if let Some(value) = &self.value {
            map.serialize_entry("value", value)?;
        }
        if let Some(currency) = &self.currency {
            map.serialize_entry("currency", currency)?;
        }
        if !self.content_ids.is_empty() {
            map.serialize_entry("content_ids", &self.content_ids)?;
        }
        if !self.contents.is_empty() {
            map.serialize_entry("contents", &self.contents)?;
        }
        if let Some(content_type) = &self.content_type {
            map.serialize_entry("content_type", content_type)?;
        }
        if let Some(num_items) = &self.num_items {
            map.serialize_entry("num_items", num_items)?;
        }
        if let Some(order_id) = &self.order_id {
            map.serialize_entry("order_id", order_id)?;
        }
        for (key, value) in &self.properties {
            map.serialize_entry(key, &raw(value).map_err(serde::ser::Error::custom)?)?;
        }
        map.end()
    }
}

/// A property's value, digit by digit as sent.
fn raw(text: &str) -> Result<Box<RawValue>, serde_json::Error> {
    RawValue::from_string(text.to_owned())
}

fn texts<S: Serializer>(
    texts: &[(&'static str, Cow<'_, str>)],
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_map(texts.iter().map(|(key, text)| (key, text)))
}

#[cfg(test)]
mod tests {
    use super::super::StandardEvent;
    use super::*;

    #[test]
    fn an_event_freezes_in_a_fixed_order_with_plain_numbers() {
        let custom_data = CustomData {
            value: Amount::read("2000.0").ok(),
            currency: Currency::read("INR"),
            content_ids: vec!["whshct4mwc".into()],
            contents: vec![ContentItem {
                id: "whshct4mwc".into(),
                quantity: Some(2),
                item_price: Amount::read("1000").ok(),
                texts: vec![("brand", "Ÿ\"".into())],
            }],
            content_type: Some(ContentType::Product),
            num_items: Some(2),
            order_id: Some("order_id_1234".into()),
            properties: vec![("score".into(), "1.50".to_owned())],
        };
        let event = ServerEvent {
            event_name: &EventName::Standard(StandardEvent::Purchase),
            event_time: 1_772_280_000,
            event_id: &EventId::new("DEFAULT.ABC"),
            action_source: ActionSource::SystemGenerated,
            fields: &EventFields::default(),
            data_processing: None,
            user_data: &UserData::default(),
            app_data: None,
            custom_data: &custom_data,
        };
        assert_eq!(
            event.freeze(),
            concat!(
                r#"{"event_name":"Purchase","event_time":1772280000,"event_id":"DEFAULT.ABC","#,
                r#""action_source":"system_generated","user_data":{},"custom_data":{"#,
                r#""value":2000.0,"currency":"INR","content_ids":["whshct4mwc"],"#,
                r#""contents":[{"id":"whshct4mwc","quantity":2,"item_price":1000,"brand":"Ÿ\""}],"#,
                r#""content_type":"product","num_items":2,"order_id":"order_id_1234","score":1.50}}"#,
            )
        );
    }

    #[test]
    fn limited_data_use_is_three_members_of_the_event() {
        use super::super::data_processing::Region;
        let event = |choice| {
            let event = ServerEvent {
                event_name: &EventName::Standard(StandardEvent::Lead),
                event_time: 1,
                event_id: &EventId::new("a"),
                action_source: ActionSource::Other,
                fields: &EventFields { opt_out: Some(true), ..EventFields::default() },
                data_processing: choice,
                user_data: &UserData::default(),
                app_data: None,
                custom_data: &CustomData::default(),
            };
            event.freeze()
        };
        let head = r#"{"event_name":"Lead","event_time":1,"event_id":"a","action_source":"other","opt_out":true"#;
        let tail = r#","user_data":{},"custom_data":{}}"#;
        for (choice, members) in [
            (None, ""),
            (Some(DataProcessing::Unrestricted), r#","data_processing_options":[]"#),
            (
                Some(DataProcessing::limited(Region::read(1, 1_000))),
                r#","data_processing_options":["LDU"],"data_processing_options_country":1,"data_processing_options_state":1000"#,
            ),
        ] {
            assert_eq!(event(choice), format!("{head}{members}{tail}"));
        }
    }
}
