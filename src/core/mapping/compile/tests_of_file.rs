//! `[[test]]` tables: a payment, and what must become of it.
//!
//! In: the file's list of tests. Out: [`TestCase`]s, with payment and expectations as JSON;
//! findings for a test without a name, without a payment, or that expects what nobody knows.

use toml::de::DeValue;

use super::{CODES, Compiler, when};
use crate::core::finding::Code;
use crate::core::json;
use crate::core::mapping::TestCase;
use crate::core::toml_reader::{Table, kind};

/// What a test may expect.
pub(super) const EXPECTABLE: [&str; 11] = [
    "verdict",
    "reason",
    "event",
    "event_id",
    "dataset",
    "action_source",
    "value",
    "currency",
    "findings",
    "custom_data",
    "user_data",
];

impl Compiler<'_> {
    pub(super) fn tests(&mut self, file: &mut Table<'_, '_>) -> Vec<TestCase> {
        let Some(value) = file.get("test") else { return Vec::new() };
        let Some(items) = value.get_ref().as_array() else {
            let says = format!("`test` must be a list of tables, not {}", kind(value.get_ref()));
            self.say(Code::MappingKind, value.span(), says, "begin each test with [[test]]");
            return Vec::new();
        };
        let mut tests = Vec::new();
        for item in items {
            let Some(table) = item.get_ref().as_table() else {
                let says = format!("a test is a table, not {}", kind(item.get_ref()));
                self.say(Code::MappingKind, item.span(), says, "begin each test with [[test]]");
                continue;
            };
            let line = self.line(&item.span());
            tests.extend(self.test(Table::new(table, item.span(), CODES), line));
        }
        tests
    }

    fn test(&mut self, mut table: Table<'_, '_>, line: usize) -> Option<TestCase> {
        for (key, help) in [
            ("name", r#"say what it shows: name = "a first payment becomes a Purchase""#),
            (
                "payment",
                "write payment = { payment_id = \"ABC\", amount = 2000, user_id = \"666\" }",
            ),
            ("expect", r#"write expect = { verdict = "forward", event = "Purchase" }"#),
        ] {
            if table.get(key).is_none() {
                table.missing(key, help, &mut self.findings);
            }
        }
        let name = table.text("name", &mut self.findings);
        let payment = table.table("payment", &mut self.findings).map(|_| ());
        let payment = payment.and_then(|()| Some(json_of(table.get("payment")?.get_ref())));
        let expect = table.table("expect", &mut self.findings).map(|mut inner| {
            for key in EXPECTABLE {
                let _ = inner.get(key);
            }
            let read = inner
                .entries()
                .map(|(key, value)| (key.value.to_owned(), json_of(value.get_ref())));
            let read: Vec<(String, String)> = read.collect();
            inner.finish(&mut self.findings);
            read
        });
        table.finish(&mut self.findings);
        Some(TestCase { name: name?.value.to_owned(), payment: payment?, expect: expect?, line })
    }
}

/// A value of the file as JSON.
fn json_of(value: &DeValue<'_>) -> String {
    match value {
        DeValue::String(text) => json::quoted(text),
        DeValue::Integer(_) | DeValue::Float(_) => {
            when::digits(value).unwrap_or_else(|| "null".to_owned())
        }
        DeValue::Boolean(flag) => flag.to_string(),
        DeValue::Datetime(time) => json::quoted(&time.to_string()),
        DeValue::Array(items) => {
            let items: Vec<String> = items.iter().map(|item| json_of(item.get_ref())).collect();
            format!("[{}]", items.join(","))
        }
        DeValue::Table(table) => {
            let member = |(key, value): (&toml::Spanned<_>, &toml::Spanned<DeValue<'_>>)| {
                let key: &std::borrow::Cow<'_, str> = key.get_ref();
                format!("{}:{}", json::quoted(key), json_of(value.get_ref()))
            };
            let members: Vec<String> = table.iter().map(member).collect();
            format!("{{{}}}", members.join(","))
        }
    }
}
