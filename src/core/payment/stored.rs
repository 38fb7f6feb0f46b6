//! A payment as the store keeps it, written by hand since each payment pays for it.
//!
//! In: a [`Payment`]. Out: one JSON object, hashed, which `payment::read` understands: what is
//! written here is read by the one reader. What few payments have is left to serde.

use super::{Occasion, Payment};
use crate::core::json;

impl Payment<'_> {
    /// The payment as one JSON object that [`super::read`] understands: hashed, ready for the store.
    #[must_use]
    pub fn to_stored(&self) -> String {
        /// A payment of three lines has 750 bytes.
        const ROOM: usize = 1_024;
        let mut text = String::with_capacity(ROOM);
        match &self.occasion {
            Occasion::Payment(payment_type) => {
                text.push_str(r#"{"type":""#);
                text.push_str(payment_type.as_str());
                text.push_str(r#"","status":""#);
                text.push_str(self.status.as_str());
                text.push('"');
            }
            Occasion::Event(name) => {
                text.push_str(r#"{"event_name":"#);
                json::write_quoted(name, &mut text);
            }
        }
        text.push_str(r#","user_id":"#);
        json::write_quoted(self.user_id.as_str(), &mut text);
        if let Some(amount) = self.amount {
            text.push_str(r#","amount":"#);
            amount.write(&mut text);
        }
        if let Some(id) = &self.payment_id {
            let is_payment = self.occasion.is_payment();
            text.push_str(if is_payment { r#","payment_id":"# } else { r#","event_id":"# });
            json::write_quoted(id.as_str(), &mut text);
        }
        if let Some(currency) = self.currency {
            text.push_str(r#","currency":"#);
            json::write_quoted(currency.code(), &mut text);
        }
        if let Some(event_data) = &self.event_data {
            text.push_str(r#","event_data":"#);
            json::write(event_data, &mut text);
        }
        if !self.user_data.is_empty() {
            text.push_str(r#","user_data":"#);
            self.user_data.write(&mut text);
        }
        self.write_rest(&mut text);
        text.push('}');
        text
    }

    /// What few payments have.
    fn write_rest(&self, text: &mut String) {
        // Texts, numbers and lists of texts: there is nothing that could fail to serialise.
        if let Some(data) = self.app_data.as_ref().and_then(|it| serde_json::to_string(it).ok()) {
            text.push_str(r#","app_data":"#);
            text.push_str(&data);
        }
        if let Some(time) = self.occurred_at {
            text.push_str(r#","occurred_at":"#);
            json::write_quoted(&time.to_string(), text);
        }
        if let Some(said) = self.tracking {
            text.push_str(r#","tracking":"#);
            json::write_quoted(said.as_str(), text);
        }
        // Their members stand in the payment itself, as in an event.
        if let Some(choice) = &self.data_processing {
            json::write_members(choice, text);
        }
        if self.event_fields.keys().next().is_some() {
            json::write_members(&self.event_fields, text);
        }
    }
}
