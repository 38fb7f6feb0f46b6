//! The parameter `data`, cut into events without reading them.
//!
//! In: JSON, as the body's member or as a form's text. Out: the text of each element, a slice of
//! what was sent. Anything that is no list is told apart from what is no JSON. Deliberately absent:
//! the events' insides. Source: CAPI/using-the-api, facebook-python-business-sdk (JSON in JSON).

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use crate::sandbox::answer::Refusal;

/// `data` as sent: the raw text of each element, or something that is no list.
pub(crate) enum Data<'a> {
    List(Vec<&'a RawValue>),
    Other,
}

impl<'a> Data<'a> {
    /// The text of each event. An element that is a string is taken for JSON inside JSON, which is
    /// how the Python SDK sends events.
    ///
    /// # Errors
    /// Meta's answer to `data` that is no list.
    pub(crate) fn events(self) -> Result<Vec<Cow<'a, str>>, Refusal> {
        let Self::List(items) = self else {
            return Err(Refusal::of_request("param data must be an array."));
        };
        Ok(items.into_iter().map(|item| event_text(item.get())).collect())
    }
}

fn event_text(raw: &str) -> Cow<'_, str> {
    let decoded = raw.starts_with('"').then(|| serde_json::from_str(raw).ok()).flatten();
    decoded.map_or(Cow::Borrowed(raw), Cow::Owned)
}

impl<'de: 'a, 'a> Deserialize<'de> for Data<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(DataVisitor)
    }
}

struct DataVisitor;

impl<'de> Visitor<'de> for DataVisitor {
    type Value = Data<'de>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a list of events")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Data<'de>, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Data::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Data<'de>, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Data::Other)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Data<'de>, E> {
        Ok(Data::Other)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Data<'de>, E> {
        Ok(Data::Other)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Data<'de>, E> {
        Ok(Data::Other)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Data<'de>, E> {
        Ok(Data::Other)
    }

    fn visit_str<E>(self, _: &str) -> Result<Data<'de>, E> {
        Ok(Data::Other)
    }

    fn visit_unit<E>(self) -> Result<Data<'de>, E> {
        Ok(Data::Other)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_are_cut_out_as_sent() {
        let cut = |text| serde_json::from_str::<Data<'_>>(text).unwrap().events().unwrap();
        assert_eq!(cut(r#"[ {"a": 1} , "{\"b\":2}" ]"#), [r#"{"a": 1}"#, r#"{"b":2}"#]);
        assert!(matches!(cut(r#"["{}", {}]"#)[..], [Cow::Owned(_), Cow::Borrowed("{}")]));
        assert!(cut("[]").is_empty());
    }

    #[test]
    fn what_is_no_list_is_told_so() {
        for text in ["{\"a\":[1]}", "7", "-7", "1.5", "\"[]\"", "\"\\n\"", "true", "null"] {
            let data = serde_json::from_str::<Data<'_>>(text).unwrap();
            assert_eq!(data.events().unwrap_err().message, "(#100) param data must be an array.");
        }
    }
}
