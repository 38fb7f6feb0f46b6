//! Reads a TOML table field by field, collecting every fault with its place in one pass.
//!
//! In: a parsed table with spans. Out: typed values, and findings that point at the very bytes. A
//! key that nobody asked for is a finding with the nearest key that somebody did: [`Table::finish`].
//! Mapping files and `tillpost.toml` are both read this way; each brings its own codes.

mod help;
mod syntax;

use std::ops::Range;

pub use help::leading_number;
pub use syntax::{parse, settled};

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::finding::{At, Code, Finding, Findings};
use super::names::{completion, one_of, suggestion};

/// Which codes a kind of file uses for the faults that every file can have.
#[derive(Debug, Clone, Copy)]
pub struct Codes {
    /// The file is not TOML.
    pub syntax: Code,
    /// A key is not known.
    pub key: Code,
    /// A value has the wrong kind.
    pub kind: Code,
    /// A required key is absent.
    pub missing: Code,
    /// A word is not one of the list.
    pub word: Code,
}

/// A value and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Placed<T> {
    /// The value.
    pub value: T,
    /// Its bytes in the file.
    pub span: Range<usize>,
}

/// One table while it is being read.
#[derive(Debug)]
pub struct Table<'t, 'i> {
    entries: &'t DeTable<'i>,
    span: Range<usize>,
    codes: Codes,
    asked: Vec<&'static str>,
}

impl<'t, 'i> Table<'t, 'i> {
    /// A reader of `table`, which stands at `span`.
    #[must_use]
    pub fn new(table: &'t DeTable<'i>, span: Range<usize>, codes: Codes) -> Self {
        Self { entries: table, span, codes, asked: Vec::new() }
    }

    /// Where the table stands.
    #[must_use]
    pub fn span(&self) -> Range<usize> {
        self.span.clone()
    }

    /// The entries as they are, for tables whose keys are data.
    pub fn entries(&self) -> impl Iterator<Item = (Placed<&'t str>, &'t Spanned<DeValue<'i>>)> {
        self.entries
            .iter()
            .map(|(key, value)| (Placed { value: &**key.get_ref(), span: key.span() }, value))
    }

    /// The value of a key, whatever its kind.
    pub fn get(&mut self, key: &'static str) -> Option<&'t Spanned<DeValue<'i>>> {
        if !self.asked.contains(&key) {
            self.asked.push(key);
        }
        self.entries.get(key)
    }

    /// A text.
    pub fn text(&mut self, key: &'static str, findings: &mut Findings) -> Option<Placed<&'t str>> {
        let value = self.get(key)?;
        let text = value.get_ref().as_str();
        self.or_kind(key, "text", value, text, findings)
    }

    /// True or false.
    pub fn boolean(&mut self, key: &'static str, findings: &mut Findings) -> Option<Placed<bool>> {
        let value = self.get(key)?;
        let truth = value.get_ref().as_bool();
        self.or_kind(key, "true or false", value, truth, findings)
    }

    /// A whole number that is not negative.
    pub fn whole(&mut self, key: &'static str, findings: &mut Findings) -> Option<Placed<u64>> {
        let value = self.get(key)?;
        let written = value.get_ref().as_integer();
        let number = written.and_then(|n| u64::from_str_radix(n.as_str(), n.radix()).ok());
        if let (Some(written), None) = (written, number) {
            let says = format!("`{key}` must be a whole number from 0, not {written}");
            findings.push(Finding::new(self.codes.kind, At::Span(value.span()), says));
            return None;
        }
        self.or_kind(key, "a whole number", value, number, findings)
    }

    /// A table.
    pub fn table(&mut self, key: &'static str, findings: &mut Findings) -> Option<Table<'t, 'i>> {
        let value = self.get(key)?;
        let inner = value.get_ref().as_table();
        let inner = self.or_kind(key, "a table", value, inner, findings)?;
        Some(Table::new(inner.value, inner.span, self.codes))
    }

    /// The same, of a file whose tables are `known`: a table whose name is nearly this one is read
    /// as if it had it, so that one slip is one finding and not one for all that follows.
    pub fn nearly(
        &mut self,
        key: &'static str,
        known: &[&'static str],
        findings: &mut Findings,
    ) -> Option<Table<'t, 'i>> {
        if let Some(table) = self.table(key, findings) {
            return Some(table);
        }
        let (_, value) = self.entries().find(|(name, value)| {
            let is_near = || suggestion(name.value, known.iter().copied()) == Some(key);
            value.get_ref().is_table() && !known.contains(&name.value) && is_near()
        })?;
        Some(Table::new(value.get_ref().as_table()?, value.span(), self.codes))
    }

    /// One text, or a list of texts.
    pub fn texts(
        &mut self,
        key: &'static str,
        findings: &mut Findings,
    ) -> Option<Vec<Placed<&'t str>>> {
        let value = self.get(key)?;
        let one = |value: &'t Spanned<DeValue<'i>>| {
            value.get_ref().as_str().map(|text| Placed { value: text, span: value.span() })
        };
        let read = match value.get_ref().as_array() {
            Some(items) => items.iter().map(one).collect::<Option<Vec<_>>>(),
            None => one(value).map(|text| vec![text]),
        };
        self.or_kind(key, "text or a list of texts", value, read, findings).map(|texts| texts.value)
    }

    /// One word of a closed list.
    pub fn word<T: Copy>(
        &mut self,
        key: &'static str,
        list: &[T],
        spelling: fn(T) -> &'static str,
        findings: &mut Findings,
    ) -> Option<Placed<T>> {
        let text = self.text(key, findings)?;
        self.one_word(key, &text, (list, spelling), findings)
    }

    /// One or several words of a closed list.
    pub fn words<T: Copy>(
        &mut self,
        key: &'static str,
        list: &[T],
        spelling: fn(T) -> &'static str,
        findings: &mut Findings,
    ) -> Option<Vec<T>> {
        let texts = self.texts(key, findings)?;
        let read =
            texts.iter().filter_map(|text| self.one_word(key, text, (list, spelling), findings));
        Some(read.map(|word| word.value).collect())
    }

    /// Notes that a required key is absent.
    pub fn missing(&self, key: &str, help: &str, findings: &mut Findings) {
        let says = format!("`{key}` is missing");
        let finding = Finding::new(self.codes.missing, At::Span(self.span.clone()), says);
        findings.push(finding.help(help));
    }

    /// The keys of the table that somebody has asked for.
    pub fn known(&self) -> impl Iterator<Item = Placed<&'t str>> {
        self.entries().map(|(key, _)| key).filter(|key| self.asked.contains(&key.value))
    }

    /// Ends the reading: every key that nobody asked for is a finding.
    pub fn finish(self, findings: &mut Findings) {
        for (key, _) in self.entries().filter(|(key, _)| !self.asked.contains(&key.value)) {
            let says = format!("`{}` is not known here", key.value);
            let help = help::for_key(key.value, &self.asked, self.codes)
                .unwrap_or_else(|| format!("known here: {}", one_of(self.asked.iter().copied())));
            findings.push(Finding::new(self.codes.key, At::Span(key.span), says).help(help));
        }
    }

    fn one_word<T: Copy>(
        &self,
        key: &str,
        text: &Placed<&str>,
        (list, spelling): (&[T], fn(T) -> &'static str),
        findings: &mut Findings,
    ) -> Option<Placed<T>> {
        let found = list.iter().copied().find(|word| spelling(*word) == text.value);
        if found.is_none() {
            let words = || list.iter().map(|word| spelling(*word));
            let says = format!("`{}` is not one of the words for `{key}`", text.value);
            let near = suggestion(text.value, words());
            let help = match near.or_else(|| completion(text.value, words())) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("write {}", one_of(words())),
            };
            let at = At::Span(text.span.clone());
            findings.push(Finding::new(self.codes.word, at, says).help(help));
        }
        found.map(|value| Placed { value, span: text.span.clone() })
    }

    fn or_kind<T>(
        &self,
        key: &str,
        wanted: &str,
        value: &Spanned<DeValue<'_>>,
        read: Option<T>,
        findings: &mut Findings,
    ) -> Option<Placed<T>> {
        if read.is_none() {
            let says = format!("`{key}` must be {wanted}, not {}", kind(value.get_ref()));
            let finding = Finding::new(self.codes.kind, At::Span(value.span()), says);
            findings.push(match help::for_kind(key, wanted, value.get_ref()) {
                Some(help) => finding.help(help),
                None => finding,
            });
        }
        read.map(|read| Placed { value: read, span: value.span() })
    }
}

/// What kind of value this is, as a person says it.
#[must_use]
pub fn kind(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "text",
        DeValue::Integer(_) => "a whole number",
        DeValue::Float(_) => "a decimal number",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}
