//! A JSON tree that borrows from the request, made for judging an event once and throwing it away.
//!
//! In: the text of one event. Out: a [`Json`] whose strings point into that text wherever no
//! escape stands in the way, and whose objects keep their keys in the order they were sent.
//! Deliberately absent: writing, changing, indexing by path. What is remembered of an event is
//! its text, never this tree.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};

/// One JSON value.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Json<'a> {
    Null,
    Bool(bool),
    /// A number written without point and exponent.
    Whole(i128),
    Fraction(f64),
    Text(Cow<'a, str>),
    List(Vec<Json<'a>>),
    Object(Object<'a>),
}

/// The members of a JSON object, in the order they were sent.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Object<'a>(Vec<(Cow<'a, str>, Json<'a>)>);

impl<'a> Json<'a> {
    /// Reads one value; `None` where the text is not JSON.
    pub(crate) fn read(text: &'a str) -> Option<Self> {
        serde_json::from_str(text).ok()
    }

    pub(crate) fn text(&self) -> Option<&str> {
        if let Self::Text(text) = self { Some(text) } else { None }
    }

    pub(crate) fn whole(&self) -> Option<i128> {
        if let Self::Whole(number) = self { Some(*number) } else { None }
    }

    pub(crate) fn list(&self) -> Option<&[Self]> {
        if let Self::List(items) = self { Some(items) } else { None }
    }

    pub(crate) fn object(&self) -> Option<&Object<'a>> {
        if let Self::Object(members) = self { Some(members) } else { None }
    }

    /// The value under `key` of an object, taken out of it.
    pub(crate) fn into_member(self, key: &str) -> Option<Self> {
        let Self::Object(Object(members)) = self else { return None };
        members.into_iter().rev().find(|(name, _)| name == key).map(|(_, value)| value)
    }

    /// Whether nothing is said: `null`, `""`, or a list of nothing else.
    pub(crate) fn is_blank(&self) -> bool {
        match self {
            Self::Null => true,
            Self::Text(text) => text.is_empty(),
            Self::List(items) => items.iter().all(Self::is_blank),
            Self::Bool(_) | Self::Whole(_) | Self::Fraction(_) | Self::Object(_) => false,
        }
    }
}

impl<'a> Object<'a> {
    /// The value under `key`, the last one where it is repeated. `null` counts as absent.
    pub(crate) fn get(&self, key: &str) -> Option<&Json<'a>> {
        let found = self.0.iter().rev().find(|(name, _)| name == key);
        found.map(|(_, value)| value).filter(|value| **value != Json::Null)
    }

    /// Like [`Object::get`], with blank text and blank lists absent too.
    pub(crate) fn given(&self, key: &str) -> Option<&Json<'a>> {
        self.get(key).filter(|value| !value.is_blank())
    }

    pub(crate) fn keys(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(name, _)| name.as_ref())
    }

    /// Keys with a value that says something; see [`Json::is_blank`].
    pub(crate) fn members(&self) -> impl Iterator<Item = (&str, &Json<'a>)> {
        self.0.iter().filter(|(_, value)| !value.is_blank()).map(|(name, value)| (&**name, value))
    }
}

impl<'de> Deserialize<'de> for Json<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Tree)
    }
}

struct Tree;

impl<'de> Visitor<'de> for Tree {
    type Value = Json<'de>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a JSON value")
    }

    fn visit_unit<E: Error>(self) -> Result<Json<'de>, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Json<'de>, E> {
        Ok(Json::Bool(value))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Json<'de>, E> {
        Ok(Json::Whole(value.into()))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Json<'de>, E> {
        Ok(Json::Whole(value.into()))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Json<'de>, E> {
        Ok(Json::Fraction(value))
    }

    fn visit_borrowed_str<E: Error>(self, value: &'de str) -> Result<Json<'de>, E> {
        Ok(Json::Text(Cow::Borrowed(value)))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Json<'de>, E> {
        Ok(Json::Text(Cow::Owned(value.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Json<'de>, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Json::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Json<'de>, A::Error> {
        let mut members = Vec::new();
        while let Some(Name(name)) = map.next_key()? {
            members.push((name, map.next_value()?));
        }
        Ok(Json::Object(Object(members)))
    }
}

/// A key, borrowed where it can be.
struct Name<'a>(Cow<'a, str>);

impl<'de> Deserialize<'de> for Name<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(NameVisitor)
    }
}

struct NameVisitor;

impl<'de> Visitor<'de> for NameVisitor {
    type Value = Name<'de>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a key")
    }

    fn visit_borrowed_str<E: Error>(self, value: &'de str) -> Result<Name<'de>, E> {
        Ok(Name(Cow::Borrowed(value)))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Name<'de>, E> {
        Ok(Name(Cow::Owned(value.to_owned())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Json<'_> {
        Json::read(text).unwrap()
    }

    #[test]
    fn every_kind_of_value_is_read() {
        for (text, expect) in [
            ("null", Json::Null),
            ("true", Json::Bool(true)),
            ("-7", Json::Whole(-7)),
            ("18446744073709551615", Json::Whole(18_446_744_073_709_551_615)),
            ("1.5", Json::Fraction(1.5)),
            ("1e2", Json::Fraction(100.0)),
            ("\"a\\n\"", Json::Text("a\n".into())),
            ("[1,[]]", Json::List(vec![Json::Whole(1), Json::List(vec![])])),
        ] {
            assert_eq!(read(text), expect, "{text}");
        }
    }

    #[test]
    fn plain_text_is_borrowed_and_escaped_text_is_not() {
        let tree = read(r#"{"plain":"x","esc\u0061ped":"\u0061"}"#);
        let members = &tree.object().unwrap().0;
        assert!(matches!(members[0], (Cow::Borrowed("plain"), Json::Text(Cow::Borrowed("x")))));
        assert!(matches!(members[1], (Cow::Owned(_), Json::Text(Cow::Owned(_)))));
        assert_eq!(tree.object().unwrap().get("escaped").unwrap().text(), Some("a"));
    }

    #[test]
    fn the_last_of_repeated_keys_counts_and_null_is_absent() {
        let tree = read(r#"{"a":1,"a":2,"n":null,"b":"","l":["",null],"z":0}"#);
        let object = tree.object().unwrap();
        assert_eq!(object.get("a"), Some(&Json::Whole(2)));
        assert_eq!(object.get("n"), None);
        assert!(object.get("b").is_some() && object.given("b").is_none());
        assert!(object.given("l").is_none() && object.given("z").is_some());
        assert_eq!(object.members().map(|(key, _)| key).collect::<Vec<_>>(), ["a", "a", "z"]);
    }

    #[test]
    fn what_is_not_json_is_none() {
        let deep = "[".repeat(200) + &"]".repeat(200);
        for text in ["", "{", "{'a':1}", "1e999", "{\"a\":1}x", &deep] {
            assert_eq!(Json::read(text), None, "{text}");
        }
    }
}
