//! The fields of a server event that are neither its name, its person nor its goods.
//!
//! In: values that were read from a payment. Out: JSON members of the event, absent ones left out.
//! Deliberately absent: limited data use, which a mapping file may decide as well; see
//! `data_processing`.
//!
//! Source: Meta, "Conversions API / Parameters / Server event" and "/ Original event data".

use serde::Serialize;

use crate::core::names::closed_list;

closed_list! {
    /// Whether a customer is new, and to what.
    ///
    /// # Source
    /// Meta, "Conversions API / Parameters / Server event", `customer_segmentation`. Meta's table
    /// puts it into the event, its sample into `custom_data`; we follow the table.
    pub enum CustomerSegmentation {
        /// New to the business.
        NewToBusiness = "new_customer_to_business",
        /// New to a line of the business.
        NewToBusinessLine = "new_customer_to_business_line",
        /// New to an area of products.
        NewToProductArea = "new_customer_to_product_area",
        /// New to a medium.
        NewToMedium = "new_customer_to_medium",
        /// Known to the business.
        ExistingToBusiness = "existing_customer_to_business",
        /// Known to a line of the business.
        ExistingToBusinessLine = "existing_customer_to_business_line",
        /// Known to an area of products.
        ExistingToProductArea = "existing_customer_to_product_area",
        /// Known to a medium.
        ExistingToMedium = "existing_customer_to_medium",
        /// Member of a loyalty programme.
        InLoyaltyProgram = "customer_in_loyalty_program",
    }
}

closed_list! {
    /// In which messages a conversion happened.
    ///
    /// # Source
    /// Meta, "Conversions API / Business messaging".
    pub enum MessagingChannel {
        /// Messenger.
        Messenger = "messenger",
        /// `WhatsApp`.
        Whatsapp = "whatsapp",
        /// Instagram.
        Instagram = "instagram",
    }
}

/// The earlier event that this one adds to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct OriginalEvent {
    /// Its name.
    pub event_name: String,
    /// When it happened, in Unix seconds.
    pub event_time: i64,
    /// Its order.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub order_id: Option<String>,
    /// Its id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub event_id: Option<String>,
}

/// What a sender may say of an event besides.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct EventFields {
    /// On which page, for websites.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub event_source_url: Option<String>,
    /// The page before it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub referrer_url: Option<String>,
    /// Whether it counts for attribution only, not for the delivery of ads.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub opt_out: Option<bool>,
    /// The earlier event that this one adds to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub original_event_data: Option<OriginalEvent>,
    /// Whether the customer is new.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub customer_segmentation: Option<CustomerSegmentation>,
    /// In which messages it happened.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub messaging_channel: Option<MessagingChannel>,
}

impl EventFields {
    /// The names on the wire of the fields that are there.
    pub fn keys(&self) -> impl Iterator<Item = &'static str> {
        let Self {
            event_source_url,
            referrer_url,
            opt_out,
            original_event_data,
            customer_segmentation,
            messaging_channel,
        } = self;
        let all = [
            ("event_source_url", event_source_url.is_some()),
            ("referrer_url", referrer_url.is_some()),
            ("opt_out", opt_out.is_some()),
            ("original_event_data", original_event_data.is_some()),
            ("customer_segmentation", customer_segmentation.is_some()),
            ("messaging_channel", messaging_channel.is_some()),
        ];
        all.into_iter().filter_map(|(key, is_there)| is_there.then_some(key))
    }
}
