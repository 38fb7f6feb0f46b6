//! A person's identifiers as JSON, written by hand since each payment pays for it.
//!
//! In: a [`UserData`]. Out: its object, as it stands in an event and in the store. What `Serialize`
//! says is what must stand here, and is asserted wherever debug assertions are on.

use serde::ser::{Serialize, SerializeMap as _, Serializer};

use super::UserData;
use crate::core::customer::{Field, Hashed};
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
        let mut before = "{";
        let mut key = |key: &str, text: &mut String| {
            text.push_str(before);
            before = ",";
            json::write_quoted(key, text);
            text.push(':');
        };
        for (field, values) in &self.hashed {
            key(field.key(), text);
            json::write_texts(values.iter().map(Hashed::as_str), text);
        }
        for (field, value) in &self.clear {
            key(field.as_str(), text);
            json::write_quoted(value, text);
        }
        if let Some(id) = &self.plain_external_id {
            key(Field::ExternalId.key(), text);
            json::write_quoted(id, text);
        }
        text.push_str(if before == "{" { "{}" } else { "}" });
        debug_assert_eq!(serde_json::to_string(self).ok().as_deref(), Some(&text[start..]));
    }
}

/// In the documented order of the fields: equal people give equal bytes.
impl Serialize for UserData {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for (field, values) in &self.hashed {
            map.serialize_entry(field.key(), values)?;
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
