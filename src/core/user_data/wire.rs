//! A person's identifiers as JSON, written by hand since each payment pays for it.
//!
//! In: a [`UserData`]. Out: its object, as it stands in an event and in the store. What `Serialize`
//! says is what must stand here, and is asserted wherever debug assertions are on.

use serde::ser::{Serialize, SerializeMap as _, Serializer};

use super::UserData;
use crate::core::customer::Field;
use crate::core::json;

impl UserData {
    /// The JSON object, as it stands in an event and in the store.
    #[must_use]
    pub fn to_json(&self) -> String {
        let mut text = String::new();
        self.write(&mut text);
        text
    }

    /// Writes that object. What `Serialize` says is what must stand here.
    pub(crate) fn write(&self, text: &mut String) {
        let start = text.len();
        let mut before = r#"{""#;
        // Keys are words of Meta's, and no character of a digest needs an escape.
        let mut key = |key: &'static str, text: &mut String| {
            text.push_str(before);
            before = r#",""#;
            text.push_str(key);
            text.push_str(r#"":"#);
        };
        for (field, hashes) in self.by_field() {
            key(field.key(), text);
            let mut before = r#"[""#;
            for hash in hashes {
                text.push_str(before);
                text.push_str(hash.as_str());
                before = r#"",""#;
            }
            text.push_str(r#""]"#);
        }
        for (field, value) in &self.clear {
            key(field.as_str(), text);
            json::write_quoted(value, text);
        }
        if let Some(id) = &self.plain_external_id {
            key(Field::ExternalId.key(), text);
            json::write_quoted(id, text);
        }
        text.push_str(if text.len() == start { "{}" } else { "}" });
        debug_assert_eq!(serde_json::to_string(self).ok().as_deref(), Some(&text[start..]));
    }
}

/// In the documented order of the fields: equal people give equal bytes.
impl Serialize for UserData {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for (field, values) in self.by_field() {
            map.serialize_entry(field.key(), &values.collect::<Vec<_>>())?;
        }
        for (field, value) in &self.clear {
            map.serialize_entry(field.as_str(), value)?;
        }
        if let Some(id) = &self.plain_external_id {
            map.serialize_entry(Field::ExternalId.key(), id)?;
        }
        map.end()
    }
}
