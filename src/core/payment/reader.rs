//! Reads the fields of a JSON body, collecting everything that is wrong with them in one pass.
//!
//! In: the fields of an object. Out: typed values, and findings that name the field. The rules
//! that hold for every body stand here once: `null`, `""` and blanks mean "absent" (the Android
//! SDK sends `""`, iOS sends `null`), a number where an id is wanted means its digits, lengths
//! are limited.

use crate::core::finding::{Code, Finding, Findings, Severity};
use crate::core::json::{self, Fields, Json};
use crate::core::money::Amount;
use crate::core::names::suggestion;
use crate::core::payment::{ID_CHARS_MAX, Reading};
use crate::core::time::Timestamp;

/// Longest text of a field that is not an id, in characters: a URL or a user agent fits.
pub const TEXT_CHARS_MAX: usize = 2_048;

/// A reader over one object of a body.
#[derive(Debug)]
pub struct BodyReader<'f, 'a> {
    fields: &'f Fields<'a>,
    /// Pointer of the object within the body: empty for the body itself.
    base: &'static str,
    /// What was found so far.
    pub findings: Findings,
}

impl<'f, 'a> BodyReader<'f, 'a> {
    /// A reader of the body's own fields.
    #[must_use]
    pub fn new(fields: &'f Fields<'a>) -> Self {
        Self { fields, base: "", findings: Findings::default() }
    }

    /// A reader of the fields of an object at `base` (`/user_data`).
    #[must_use]
    pub fn at(base: &'static str, fields: &'f Fields<'a>) -> Self {
        Self { fields, base, findings: Findings::default() }
    }

    /// What there is to say about a body that is not an object.
    #[must_use]
    pub fn not_an_object<T>(body: &Json<'_>) -> Reading<T> {
        let says = format!("the body must be a JSON object, not {}", json::kind(body));
        let finding = Finding::in_body(Code::NotJson, "", says);
        Reading { value: None, findings: Findings::from_iter([finding]) }
    }

    /// The pointer of a field: `/user_data/email`.
    #[must_use]
    pub fn pointer(&self, key: &str) -> String {
        json::pointer(self.base, key)
    }

    /// The pointer of the object itself: empty for the body.
    #[must_use]
    pub fn base(&self) -> &'static str {
        self.base
    }

    /// The fields as sent.
    #[must_use]
    pub fn fields(&self) -> &'f Fields<'a> {
        self.fields
    }

    /// The value of a field that is neither absent nor null.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&'f Json<'a>> {
        json::get(self.fields, key)
    }

    /// An id that must be there: text, or a number read as its digits.
    pub fn required_id(&mut self, key: &str) -> Option<&'f str> {
        if self.get(key).is_none_or(json::is_blank) {
            self.missing(key, "");
            return None;
        }
        self.optional_id(key)
    }

    /// An id that may be absent. Blank means absent.
    pub fn optional_id(&mut self, key: &str) -> Option<&'f str> {
        self.text(key, ID_CHARS_MAX, json::text_or_number)
    }

    /// A text that may be absent. Blank means absent.
    pub fn optional_text(&mut self, key: &str) -> Option<&'f str> {
        self.text(key, TEXT_CHARS_MAX, json::text)
    }

    /// An amount: a number, or the same as text, with a warning.
    pub fn amount(&mut self, key: &str) -> Option<Amount> {
        let value = self.get(key)?;
        let Some(text) = json::text_or_number(value) else {
            self.kind(key, "a number", value);
            return None;
        };
        match Amount::read(text.trim()) {
            Ok(amount) => {
                if json::text(value).is_some() {
                    let says =
                        format!("{key} was sent as text; it was read as the number {amount}");
                    let finding = Finding::in_body(Code::AmountAsText, self.pointer(key), says)
                        .help("send a JSON number, without quotes");
                    self.findings.push(finding);
                }
                Some(amount)
            }
            Err(reason) => {
                let finding = Finding::in_body(
                    Code::AmountUnreadable,
                    self.pointer(key),
                    format!("{key} {reason}"),
                )
                .help("send a plain number such as 250.50, without symbols or separators");
                self.findings.push(finding);
                None
            }
        }
    }

    /// A time that may be absent: RFC 3339 or Unix seconds.
    pub fn time(&mut self, key: &str) -> Option<Timestamp> {
        let value = self.get(key)?;
        if json::text_or_number(value).is_none() {
            self.kind(key, "a time (RFC 3339 text or Unix seconds)", value);
            return None;
        }
        let text = self.text(key, TEXT_CHARS_MAX, json::text_or_number)?;
        match Timestamp::read(text) {
            Ok(time) => Some(time),
            Err(reason) => {
                let says = format!("{key} {reason}");
                let finding = Finding::in_body(Code::TimeUnreadable, self.pointer(key), says);
                self.findings.push(finding);
                None
            }
        }
    }

    /// Notes that a field is required; `help` may be empty.
    pub fn missing(&mut self, key: &str, help: &str) {
        let pointer = self.pointer(key);
        let says = format!("{} is required", pointer.trim_start_matches('/').replace('/', "."));
        let finding = Finding::in_body(Code::FieldMissing, pointer, says);
        let helped = if help.is_empty() { finding } else { finding.help(help) };
        self.findings.push(helped);
    }

    /// Notes every field that is not among these as an error, whatever its value: for bodies of
    /// which a field that is passed over would make more than was meant.
    pub fn nothing_but(&mut self, known: &[&'static str], passed_over: &[&str], help: &str) {
        for (key, _) in self.fields {
            if known.contains(&&**key) || passed_over.contains(&&**key) {
                continue;
            }
            let help = match suggestion(key, known.iter().copied()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => help.to_owned(),
            };
            let says = format!("`{}` is no field of this body", json::shortened(key));
            let finding = Finding::in_body(Code::FieldMisplaced, self.pointer(key), says);
            self.findings.push(finding.weighing(Severity::Error).help(help));
        }
    }

    /// Notes that a field has the wrong kind of value.
    pub fn kind(&mut self, key: &str, wanted: &str, value: &Json<'_>) {
        let says = format!("{key} must be {wanted}, not {}", json::kind(value));
        self.findings.push(Finding::in_body(Code::FieldKind, self.pointer(key), says));
    }

    fn text(
        &mut self,
        key: &str,
        chars_max: usize,
        read: fn(&'f Json<'a>) -> Option<&'f str>,
    ) -> Option<&'f str> {
        let value = self.get(key)?;
        let Some(text) = read(value) else {
            self.kind(key, "text", value);
            return None;
        };
        let text = text.trim();
        // A text has no more characters than bytes.
        if text.len() > chars_max && text.chars().nth(chars_max).is_some() {
            let says = format!("{key} has more than {chars_max} characters");
            self.findings.push(Finding::in_body(Code::FieldTooLong, self.pointer(key), says));
            return None;
        }
        (!text.is_empty()).then_some(text)
    }
}
