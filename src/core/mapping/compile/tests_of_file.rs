//! `[[test]]` tables: a payment, and what must become of it.
//!
//! In: the file's list of tests. Out: [`TestCase`]s, with payment and expectations as JSON;
//! findings for a test without a name, without a payment, or that expects what nobody knows.

use std::collections::BTreeSet;

use toml::de::DeValue;

use super::expectations::{EXPECTABLE, Made};
use super::{CODES, Compiler, when};
use crate::core::finding::Code;
use crate::core::json;
use crate::core::mapping::{Rule, TestCase};
use crate::core::toml_reader::{Table, kind};

impl Compiler<'_> {
    /// The tests, looked at beside what the rules of the file make.
    pub(super) fn tests<'r>(
        &mut self,
        file: &mut Table<'_, '_>,
        rules: impl Iterator<Item = &'r Rule>,
    ) -> Vec<TestCase> {
        // Where a rule could not be read, nobody knows what it would make.
        let made = if self.findings.has_error() { Made::default() } else { Made::by(rules) };
        let Some(value) = file.get("test") else { return Vec::new() };
        let Some(items) = value.get_ref().as_array() else {
            let says = format!("`test` must be a list of tables, not {}", kind(value.get_ref()));
            self.say(Code::MappingKind, value.span(), says, "begin each test with [[test]]");
            return Vec::new();
        };
        let (mut tests, mut names) = (Vec::new(), BTreeSet::new());
        for item in items {
            let Some(table) = item.get_ref().as_table() else {
                let says = format!("a test is a table, not {}", kind(item.get_ref()));
                self.say(Code::MappingKind, item.span(), says, "begin each test with [[test]]");
                continue;
            };
            let line = self.line(&item.span());
            if let Some(name) = table.get("name")
                && let Some(text) = name.get_ref().as_str()
                && !names.insert(text)
            {
                let says = "another test has this name".to_owned();
                self.never(name.span(), says, "say what this one shows");
            }
            tests.extend(self.test(Table::new(table, item.span(), CODES), line, &made));
        }
        tests
    }

    fn test(&mut self, mut table: Table<'_, '_>, line: usize, made: &Made<'_>) -> Option<TestCase> {
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
        table.table("payment", &mut self.findings);
        let payment = table.get("payment").and_then(|value| {
            let fields = value.get_ref().as_table()?;
            let text = json_of(value.get_ref());
            let expected = expected_codes(&mut table);
            self.payment_of_test((&text, fields), &value.span(), &expected);
            Some(text)
        });
        let expect = table.table("expect", &mut self.findings).map(|mut inner| {
            for key in EXPECTABLE {
                let _ = inner.get(key);
            }
            let read = inner
                .entries()
                .map(|(key, value)| (key.value.to_owned(), json_of(value.get_ref())));
            let read: Vec<(String, String)> = read.collect();
            self.expectations(&mut inner, made);
            inner.finish(&mut self.findings);
            read
        });
        table.finish(&mut self.findings);
        Some(TestCase { name: name?.value.to_owned(), payment: payment?, expect: expect?, line })
    }
}

/// The codes of findings that a test expects.
fn expected_codes<'t>(table: &mut Table<'t, '_>) -> Vec<&'t str> {
    let expect = table.get("expect").and_then(|value| value.get_ref().as_table());
    let codes = expect.and_then(|expect| expect.get("findings"));
    let codes = codes.and_then(|codes| codes.get_ref().as_array());
    codes.into_iter().flatten().filter_map(|code| code.get_ref().as_str()).collect()
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
