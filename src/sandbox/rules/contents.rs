//! Rules about `custom_data.contents`: a list of objects with a closed set of keys.
//!
//! In: an [`Event`]. Out: 2804008 where it is no such list, else the schema fault naming the
//! item. Deliberately absent: sums, and the catalogue. Source: CAPI/parameters/custom-data,
//! the SDKs' class `Content`, meta-capi.md 4.2.

use super::complaint::{CONTENTS, SCHEMA};
use super::custom_data::{DELIVERIES, is_id};
use super::view::{Kind, is_one_of, must_be, must_be_one_of, required, unexpected};
use super::{Event, Rule, Strength};
use crate::sandbox::json::{Json, Object};

const KEYS: [&str; 8] = [
    "id",
    "quantity",
    "item_price",
    "title",
    "description",
    "brand",
    "category",
    "delivery_category",
];

/// One object of the list, and where it stands.
struct Item<'a> {
    object: &'a Object<'a>,
    event: &'a Event<'a>,
    number: usize,
}

pub(crate) const RULES: &[Rule] = &[
    Rule {
        name: "contents.list",
        strength: Strength::Known,
        answers: &CONTENTS,
        source: "ConversionsAPI-Tag-for-GoogleTagManager#37 [R]",
        check: contents_are_objects,
    },
    Rule {
        name: "contents.unknown_key",
        strength: Strength::Known,
        answers: &SCHEMA,
        source: "facebook-nodejs-business-sdk#258, community.stape.io/t/1753 [R]; SDK `Content` [S]",
        check: |event| each(event, Item::unknown_key),
    },
    Rule {
        name: "contents.id",
        strength: Strength::Known,
        answers: &SCHEMA,
        source: "CAPI/parameters/custom-data [D]; subcode [A]",
        check: |event| each(event, Item::id),
    },
    Rule {
        name: "contents.quantity",
        strength: Strength::Assumed,
        answers: &SCHEMA,
        source: "CAPI/parameters/custom-data [D]: integer; at least 1 [A]",
        check: |event| each(event, Item::quantity),
    },
    Rule {
        name: "contents.item_price",
        strength: Strength::Assumed,
        answers: &SCHEMA,
        source: "CAPI/parameters/custom-data [D]: number per unit; subcode [A]",
        check: |event| each(event, |item| item.demands("item_price", Kind::Number)),
    },
    Rule {
        name: "contents.text",
        strength: Strength::Assumed,
        answers: &SCHEMA,
        source: "SDK `Content` [S]; that Meta refuses other kinds [A]",
        check: |event| {
            let keys = ["title", "description", "brand", "category"];
            each(event, |item| keys.into_iter().find_map(|key| item.demands(key, Kind::Text)))
        },
    },
    Rule {
        name: "contents.delivery_category",
        strength: Strength::Assumed,
        answers: &SCHEMA,
        source: "CAPI/parameters/custom-data [D]; the SDKs refuse other words [S]",
        check: |event| each(event, Item::delivery_category),
    },
];

fn contents_are_objects(event: &Event<'_>) -> Option<String> {
    let contents = event.custom?.get("contents")?;
    let is_object = |item: &Json<'_>| item.object().is_some();
    let right = contents.list().is_some_and(|items| items.iter().all(is_object));
    (!right).then(|| CONTENTS.says.to_owned())
}

impl Item<'_> {
    fn unknown_key(&self) -> Option<String> {
        let unknown = self.object.keys().find(|key| !KEYS.contains(key))?;
        Some(unexpected(unknown, &self.path()))
    }

    fn id(&self) -> Option<String> {
        match self.object.given("id") {
            Some(id) if is_id(id) => None,
            Some(_) => Some(must_be(&self.at("id"), "a string")),
            None => Some(required(&self.at("id"))),
        }
    }

    fn quantity(&self) -> Option<String> {
        let right = self.object.get("quantity")?.whole().is_some_and(|quantity| quantity >= 1);
        (!right).then(|| must_be(&self.at("quantity"), "an integer of at least 1"))
    }

    fn delivery_category(&self) -> Option<String> {
        let right = is_one_of(self.object.get("delivery_category")?, &DELIVERIES);
        (!right).then(|| must_be_one_of(&self.at("delivery_category"), &DELIVERIES))
    }

    fn demands(&self, key: &str, kind: Kind) -> Option<String> {
        let value = self.object.get(key)?;
        (!kind.fits(value)).then(|| must_be(&self.at(key), kind.says()))
    }

    fn path(&self) -> String {
        format!("{}[{}]", self.event.at(&["custom_data", "contents"]), self.number)
    }

    fn at(&self, key: &str) -> String {
        format!("{}['{key}']", self.path())
    }
}

/// The first complaint about an item of `contents`.
fn each<'a>(event: &'a Event<'a>, check: impl Fn(&Item<'a>) -> Option<String>) -> Option<String> {
    let items = event.custom?.get("contents")?.list()?;
    items.iter().enumerate().find_map(|(number, item)| {
        let object = item.object()?;
        check(&Item { object, event, number })
    })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::sandbox::rules::cases::{assert_all, right, says, with};

    #[test]
    fn contents_is_a_list_of_objects() {
        let rows = [
            ("/custom_data/contents", json!([]), ""),
            ("/custom_data/contents", json!([{"id": "a"}]), ""),
            ("/custom_data/contents", json!("[{\"id\":\"a\"}]"), "contents.list"),
            ("/custom_data/contents", json!({"id": "a"}), "contents.list"),
            ("/custom_data/contents", json!(["{\"id\":\"a\"}"]), "contents.list"),
            ("/custom_data/contents", json!([{"id": "a"}, null]), "contents.list"),
        ];
        assert_all(&right("other"), &rows);
    }

    #[test]
    fn items_are_closed_and_typed() {
        let whole = json!({
            "id": 7, "quantity": 2, "item_price": 10.5, "title": "t", "description": "d",
            "brand": "b", "category": "c", "delivery_category": "in_store",
        });
        let base = with(right("other"), "/custom_data/contents", json!([{"id": "x"}, whole]));
        let rows: [(&str, Value, &str); 15] = [
            ("/custom_data/contents/1/id", json!("sku-1"), ""),
            ("/custom_data/contents/1/id", json!(""), "contents.id"),
            ("/custom_data/contents/1/id", json!(null), "contents.id"),
            ("/custom_data/contents/1/id", json!(["a"]), "contents.id"),
            ("/custom_data/contents/1/id", json!(1.5), "contents.id"),
            ("/custom_data/contents/1/quantity", json!(1), ""),
            ("/custom_data/contents/1/quantity", json!(0), "contents.quantity"),
            ("/custom_data/contents/1/quantity", json!(1.5), "contents.quantity"),
            ("/custom_data/contents/1/quantity", json!("2"), "contents.quantity"),
            ("/custom_data/contents/1/item_price", json!("10.50"), ""),
            ("/custom_data/contents/1/item_price", json!([]), "contents.item_price"),
            ("/custom_data/contents/1/item_name", json!("GA4"), "contents.unknown_key"),
            ("/custom_data/contents/1/category", json!(["c"]), "contents.text"),
            ("/custom_data/contents/1/delivery_category", json!("home_delivery"), ""),
            ("/custom_data/contents/1/delivery_category", json!(1), "contents.delivery_category"),
        ];
        assert_all(&base, &rows);
    }

    #[test]
    fn the_sentence_names_the_item() {
        let items = json!([{"id": "a"}, {"id": "b", "index": 1}]);
        assert_eq!(
            says(&with(right("other"), "/custom_data/contents", items)),
            r#"Unexpected key "index" on param "$['data'][0]['custom_data']['contents'][1]""#
        );
    }
}
