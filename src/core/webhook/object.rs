//! Walks through a provider's objects: a path in, a value out, where there is one.
//!
//! `null`, blanks and other kinds than the wanted one mean "absent": a provider's object has
//! hundreds of members, and a newer version may write some of them otherwise.

use crate::core::json::{self, Json};
use crate::core::time::Timestamp;

/// One object of a provider's, or whatever stands in its place.
#[derive(Debug, Clone, Copy)]
pub(super) struct Object<'j, 'a>(&'j Json<'a>);

impl<'j, 'a> Object<'j, 'a> {
    pub(super) fn new(json: &'j Json<'a>) -> Self {
        Self(json)
    }

    /// The value at a path such as `customer_details/address/city`.
    pub(super) fn at(self, path: &str) -> Option<Self> {
        path.split('/')
            .try_fold(self, |object, key| json::get(json::fields(object.0)?, key).map(Self))
    }

    /// The text, or the digits of the number, at a path; neither blank nor with blanks around it.
    pub(super) fn text(self, path: &str) -> Option<&'j str> {
        let text = json::text_or_number(self.at(path)?.0)?.trim();
        (!text.is_empty()).then_some(text)
    }

    /// The whole number at a path.
    pub(super) fn whole(self, path: &str) -> Option<i64> {
        match self.at(path)?.0 {
            Json::Number((digits, _)) => digits.parse().ok(),
            Json::Null | Json::Bool(_) | Json::String(_) | Json::Array(_) | Json::Object(_) => None,
        }
    }

    /// Whether `true` stands at a path.
    pub(super) fn is_true(self, path: &str) -> bool {
        matches!(self.at(path), Some(Self(Json::Bool(true))))
    }

    /// The moment at a path: Unix seconds or RFC 3339.
    pub(super) fn time(self, path: &str) -> Option<Timestamp> {
        Timestamp::read(self.text(path)?).ok()
    }

    /// The id at a path, or of the object there: Stripe puts one in the other's place on demand.
    pub(super) fn id(self, path: &str) -> Option<&'j str> {
        self.text(path).or_else(|| self.at(path)?.text("id"))
    }

    /// The items of the list at a path.
    pub(super) fn items(self, path: &str) -> Vec<Self> {
        match self.at(path).map(|object| object.0) {
            Some(Json::Array(items)) => items.iter().map(Object).collect(),
            Some(
                Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) | Json::Object(_),
            )
            | None => Vec::new(),
        }
    }
}
