//! JSON Schemas of the files that people write, so that editors complete, explain and underline.
//!
//! In: what a file may say, put together from the closed lists, limits and defaults that its reader
//! uses. Out: the text of a schema of draft-07, which both engines of TOML editors read: Taplo (of
//! Even Better TOML) and Tombi. `tests/it/schema.rs` holds each schema to its reader, key by key.
//! Deliberately absent: what only the reader can see, such as rules that are never reached; a
//! schema refuses nothing that its reader takes.
//!
//! Some habits come from the editors. Taplo does not see what stands beside a `$ref`, so every
//! description is inside. It reads the meaning of an `enum`'s words in `x-taplo`; for others it
//! follows the description.

use serde_json::{Map, Value, json};

/// The dialect.
const DRAFT: &str = "http://json-schema.org/draft-07/schema#";

/// A schema, or a part of one.
#[derive(Debug, Clone, PartialEq)]
pub struct Schema(Map<String, Value>);

/// A key of a table, and what may stand there.
pub type Key = (&'static str, Schema);

impl Schema {
    /// Whatever TOML can say.
    #[must_use]
    pub fn anything() -> Self {
        Self(Map::new())
    }

    /// Text.
    #[must_use]
    pub fn text() -> Self {
        Self::of_type("string")
    }

    /// True or false.
    #[must_use]
    pub fn flag() -> Self {
        Self::of_type("boolean")
    }

    /// A number, with or without a fraction.
    #[must_use]
    pub fn number() -> Self {
        Self::of_type("number")
    }

    /// A whole number in these limits.
    #[must_use]
    pub fn whole(least: u64, most: u64) -> Self {
        Self::of_type("integer").with("minimum", least).with("maximum", most)
    }

    /// One of several words, each with its meaning.
    #[must_use]
    pub fn words<W: Into<String>>(words: impl IntoIterator<Item = (&'static str, W)>) -> Self {
        let (words, meanings): (Vec<&str>, Vec<String>) =
            words.into_iter().map(|(word, meaning)| (word, meaning.into())).unzip();
        Self::text().with("enum", words).with("x-taplo", json!({"docs": {"enumValues": meanings}}))
    }

    /// A table of these keys and no others.
    #[must_use]
    pub fn table(keys: impl IntoIterator<Item = Key>) -> Self {
        Self::open_table(keys).with("additionalProperties", false)
    }

    /// A table of these keys and whatever else.
    #[must_use]
    pub fn open_table(keys: impl IntoIterator<Item = Key>) -> Self {
        let keys: Map<String, Value> =
            keys.into_iter().map(|(key, schema)| (key.to_owned(), schema.value())).collect();
        // Said, although it is the default: Tombi takes silence for a closed table.
        Self::of_type("object").with("properties", keys).with("additionalProperties", true)
    }

    /// A list of these.
    #[must_use]
    pub fn list(item: Self) -> Self {
        Self::of_type("array").with("items", item.value())
    }

    /// What any of these allows.
    #[must_use]
    pub fn any_of(choices: impl IntoIterator<Item = Self>) -> Self {
        Self::anything().with("anyOf", values(choices))
    }

    /// One of these, or a list of them.
    #[must_use]
    pub fn one_or_many(one: Self) -> Self {
        Self::any_of([one.clone(), Self::list(one)])
    }

    /// What stands under this name among the definitions of the file.
    #[must_use]
    pub fn defined(name: &str) -> Self {
        Self::anything().with("$ref", format!("#/definitions/{name}"))
    }

    /// With a sentence for whoever writes it; the words of a short list follow with their meanings,
    /// for editors that show nothing else.
    #[must_use]
    pub fn says(self, sentence: impl Into<String>) -> Self {
        let mut says = sentence.into();
        let words = self.0.get("enum").and_then(Value::as_array).into_iter().flatten();
        let meanings = self.0.get("x-taplo").map(|meta| &meta["docs"]["enumValues"]);
        let meanings = meanings.and_then(Value::as_array).into_iter().flatten();
        for (index, (word, meaning)) in words.zip(meanings).enumerate() {
            let gap = if index == 0 { "\n\n" } else { "\n" };
            let line = [word, meaning].map(|text| text.as_str().unwrap_or_default());
            says.extend([gap, "- `", line[0], "`: ", line[1]]);
        }
        self.with("description", says)
    }

    /// With the value that holds where nothing is written.
    #[must_use]
    pub fn default(self, value: impl Into<Value>) -> Self {
        self.with("default", value)
    }

    /// With values that are right.
    #[must_use]
    pub fn examples(self, values: impl Into<Vec<Value>>) -> Self {
        self.with("examples", values.into())
    }

    /// With the keys that must be there.
    #[must_use]
    pub fn required(self, keys: &[&str]) -> Self {
        self.with("required", keys)
    }

    /// With a regular expression that the text must match.
    #[must_use]
    pub fn matching(self, pattern: impl Into<String>) -> Self {
        self.with("pattern", pattern.into())
    }

    /// Never empty: a list of one item at least, a table of one key.
    #[must_use]
    pub fn not_empty(self) -> Self {
        let of_list = self.0.get("type").is_some_and(|kind| kind == "array");
        self.with(if of_list { "minItems" } else { "minProperties" }, 1)
    }

    /// With what keys that are not named must be.
    #[must_use]
    pub fn others(self, schema: &Self) -> Self {
        self.with("additionalProperties", schema.clone().value())
    }

    /// With any other word of the schema language.
    #[must_use]
    pub fn with(mut self, word: &str, value: impl Into<Value>) -> Self {
        self.0.insert(word.to_owned(), value.into());
        self
    }

    /// The schema as JSON.
    #[must_use]
    pub fn value(self) -> Value {
        Value::Object(self.0)
    }

    /// The text of a schema file: this is the whole file, with what its parts refer to.
    #[must_use]
    pub fn document(self, title: &str, definitions: impl IntoIterator<Item = Key>) -> String {
        let definitions: Map<String, Value> = definitions
            .into_iter()
            .map(|(name, schema)| (name.to_owned(), schema.value()))
            .collect();
        let mut document = self.with("$schema", DRAFT).with("title", title);
        if !definitions.is_empty() {
            document = document.with("definitions", definitions);
        }
        format!("{:#}\n", document.value())
    }

    fn of_type(name: &str) -> Self {
        Self::anything().with("type", name)
    }
}

impl From<Schema> for Value {
    fn from(schema: Schema) -> Self {
        schema.value()
    }
}

fn values(schemas: impl IntoIterator<Item = Schema>) -> Vec<Value> {
    schemas.into_iter().map(Schema::value).collect()
}

/// The words of a closed list with their meanings, for [`Schema::words`].
macro_rules! meanings {
    ($list:ty) => {
        <$list>::ALL.iter().map(|word| (word.as_str(), word.meaning()))
    };
}
pub(crate) use meanings;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_says_its_dialect_and_its_parts() {
        let text = Schema::table([("a", Schema::defined("part")), ("b", Schema::whole(1, 9))])
            .required(&["a"])
            .document("A file", [("part", Schema::list(Schema::text()).not_empty().says("Some."))]);
        let read: Value = serde_json::from_str(&text).expect("JSON");
        let expected = json!({
            "$schema": "http://json-schema.org/draft-07/schema#",
            "title": "A file",
            "type": "object",
            "properties": {
                "a": {"$ref": "#/definitions/part"},
                "b": {"type": "integer", "minimum": 1, "maximum": 9},
            },
            "required": ["a"],
            "additionalProperties": false,
            "definitions": {
                "part": {
                    "type": "array",
                    "items": {"type": "string"},
                    "minItems": 1,
                    "description": "Some.",
                },
            },
        });
        assert_eq!(read, expected);
    }

    #[test]
    fn words_come_with_their_meanings() {
        use crate::core::check::Weight;
        let words = Schema::words(meanings!(Weight)).value();
        assert_eq!(words["enum"], json!(["block", "warn", "off"]));
        assert_eq!(words["x-taplo"]["docs"]["enumValues"][2], "Nothing is said.");
    }
}
