//! JSON as the sender wrote it: numbers keep their digits, strings are borrowed where they can be.
//!
//! In: the bytes of a request. Out: a [`Json`] tree or a [`NotJson`] with the place of the fault.
//! A float never appears: `25096.005`, `1e3` and `9007199254740993` stay text until somebody asks
//! for a decimal. Depth is limited here; size is limited by whoever read the bytes.
//!
//! Deliberately absent: turning JSON into types of ours. That is `payment`, `signup`, `event_data`.

mod quick;

use std::borrow::Cow;

use hifijson::token::Lex as _;
use hifijson::value::{Value, parse_bounded};

/// One JSON value. Numbers are their source text; object keys keep the sender's order.
pub type Json<'a> = Value<&'a str, Cow<'a, str>>;

/// One object, as the list of its fields in the sender's order.
pub type Fields<'a> = [(Cow<'a, str>, Json<'a>)];

/// Deepest nesting that is read. A payment needs four levels; the rest is room for custom data.
pub const DEPTH_MAX: usize = 32;

/// Why some bytes are not JSON that we read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{says} (line {line}, column {column})")]
pub struct NotJson {
    /// What is wrong, in the reader's words.
    pub says: String,
    /// Line of the fault, from 1.
    pub line: usize,
    /// Column of the fault in bytes, from 1.
    pub column: usize,
}

/// Reads exactly one JSON value.
///
/// # Errors
/// [`NotJson`] for anything else: a syntax fault, text after the value, invalid UTF-8, nesting
/// beyond [`DEPTH_MAX`], or an object that names one key twice (which of the two was meant is
/// not ours to guess).
pub fn read(bytes: &[u8]) -> Result<Json<'_>, NotJson> {
    match quick::read(bytes) {
        Some(json) => Ok(json),
        None => slow(bytes),
    }
}

/// The same, by hifijson: it says what is wrong, and where.
fn slow(bytes: &[u8]) -> Result<Json<'_>, NotJson> {
    let mut lexer = hifijson::SliceLexer::new(bytes);
    let parsed = lexer.exactly_one(hifijson::token::Lex::ws_peek, |next, lexer| {
        parse_bounded(DEPTH_MAX, next, lexer)
    });
    let offset = bytes.len() - lexer.as_slice().len();
    let json = parsed.map_err(|error| not_json(bytes, offset, error.to_string()))?;
    match repeated_key(&json) {
        Some(key) => {
            let says = format!("the key `{}` stands twice in one object", shortened(key));
            Err(not_json(bytes, 0, says))
        }
        None => Ok(json),
    }
}

/// The fields of an object, or nothing for any other value.
#[must_use]
pub fn fields<'j, 'a>(json: &'j Json<'a>) -> Option<&'j Fields<'a>> {
    match json {
        Value::Object(fields) => Some(fields),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            None
        }
    }
}

/// The value of `key`, where the object has one that is not `null`.
#[must_use]
pub fn get<'j, 'a>(fields: &'j Fields<'a>, key: &str) -> Option<&'j Json<'a>> {
    fields
        .iter()
        .find(|(name, _)| name == key)
        .map(|(_, value)| value)
        .filter(|value| !matches!(value, Value::Null))
}

/// The text of a string, or nothing for any other value.
#[must_use]
pub fn text<'j>(json: &'j Json<'_>) -> Option<&'j str> {
    match json {
        Value::String(text) => Some(text),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
            None
        }
    }
}

/// The text of a string or the digits of a number: for fields where `666` means `"666"`.
#[must_use]
pub fn text_or_number<'j>(json: &'j Json<'_>) -> Option<&'j str> {
    match json {
        Value::Number((digits, _)) => Some(digits),
        Value::String(text) => Some(text),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

/// Whether two values mean the same: the order of keys and the spelling of numbers do not count.
#[must_use]
pub fn same(one: &Json<'_>, other: &Json<'_>) -> bool {
    match (one, other) {
        (Value::Object(one), Value::Object(other)) => {
            // In one order both, so that a large object costs a sort and not every pair.
            let (one, other) = (by_key(one), by_key(other));
            let equal = |((a, one), (b, other)): (&(&str, &Json<'_>), &(&str, &Json<'_>))| {
                a == b && same(one, other)
            };
            one.len() == other.len() && one.iter().zip(&other).all(equal)
        }
        (Value::Array(one), Value::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(a, b)| same(a, b))
        }
        (Value::Number((one, _)), Value::Number((other, _))) => {
            let number = |digits| super::money::Amount::read(digits).ok();
            one == other || number(one).is_some_and(|one| Some(one) == number(other))
        }
        _ => one == other,
    }
}

fn by_key<'j, 'a>(fields: &'j Fields<'a>) -> Vec<(&'j str, &'j Json<'a>)> {
    let mut sorted: Vec<_> = fields.iter().map(|(key, value)| (&**key, value)).collect();
    sorted.sort_unstable_by_key(|(key, _)| *key);
    sorted
}

/// What kind of value this is, as a person says it: "a list", "text", "a number".
#[must_use]
pub fn kind(json: &Json<'_>) -> &'static str {
    match json {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

/// The value over several lines, two blanks a level, digit by digit as it was sent.
#[must_use]
pub fn pretty(json: &Json<'_>) -> String {
    let mut text = String::new();
    write_pretty(json, 0, &mut text);
    text
}

fn write_pretty(json: &Json<'_>, depth: usize, text: &mut String) {
    let lines: Vec<(Option<&str>, &Json<'_>)> = match json {
        Value::Array(items) => items.iter().map(|item| (None, item)).collect(),
        Value::Object(fields) => fields.iter().map(|(key, value)| (Some(&**key), value)).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Vec::new(),
    };
    if lines.is_empty() {
        write(json, text);
        return;
    }
    let (open, close) = if matches!(json, Value::Array(_)) { ('[', ']') } else { ('{', '}') };
    text.push(open);
    for (index, (key, value)) in lines.iter().enumerate() {
        text.push_str(if index > 0 { ",\n" } else { "\n" });
        text.push_str(&"  ".repeat(depth + 1));
        if let Some(key) = key {
            text.push_str(&quoted(key));
            text.push_str(": ");
        }
        write_pretty(value, depth + 1, text);
    }
    text.push('\n');
    text.push_str(&"  ".repeat(depth));
    text.push(close);
}

/// A value as JSON on one line, numbers digit by digit as they were sent.
///
/// Not `to_string()`: what hifijson 0.5 prints holds the characters U+0014 to U+001F as they are,
/// and that is no JSON.
#[must_use]
pub fn printed(json: &Json<'_>) -> String {
    // A text is printed once for each property of a payment: its room is known.
    if let Value::String(text) = json {
        return quoted(text);
    }
    let mut text = String::new();
    write(json, &mut text);
    text
}

/// Writes a value as [`printed`] prints it.
pub(crate) fn write(json: &Json<'_>, text: &mut String) {
    match json {
        Value::Null => text.push_str("null"),
        Value::Bool(flag) => text.push_str(if *flag { "true" } else { "false" }),
        Value::Number((digits, _)) => text.push_str(digits),
        Value::String(string) => write_quoted(string, text),
        Value::Array(items) => {
            text.push('[');
            for (index, item) in items.iter().enumerate() {
                text.push_str(if index > 0 { "," } else { "" });
                write(item, text);
            }
            text.push(']');
        }
        Value::Object(fields) => {
            text.push('{');
            for (index, (key, value)) in fields.iter().enumerate() {
                text.push_str(if index > 0 { "," } else { "" });
                write_quoted(key, text);
                text.push(':');
                write(value, text);
            }
            text.push('}');
        }
    }
}

/// `text` as a JSON string, quotes included.
#[must_use]
pub fn quoted(text: &str) -> String {
    let mut written = String::with_capacity(text.len() + 2);
    write_quoted(text, &mut written);
    written
}

/// Writes `text` as a JSON string, quotes included. Almost no text needs an escape.
pub fn write_quoted(text: &str, into: &mut String) {
    if !quick::is_plain(text) {
        // A text is always a JSON string: there is nothing that could fail to serialise.
        into.push_str(&serde_json::to_string(text).unwrap_or_default());
        return;
    }
    into.push('"');
    into.push_str(text);
    into.push('"');
}

/// Whether a text has an `@`: every text of a payment is asked, and most have a few letters.
#[must_use]
pub fn has_at(text: &str) -> bool {
    quick::has_at(text)
}

/// Writes a whole number, without the machinery of `write!`.
pub fn write_whole(number: u64, into: &mut String) {
    into.push_str(itoa::Buffer::new().format(number));
}

/// Writes the members of what serialises as an object, each behind a comma; of an absent one nothing.
pub(crate) fn write_members(object: &impl serde::Serialize, into: &mut String) {
    // Text keys, and plain values of ours: there is nothing that could fail to serialise.
    let text = serde_json::to_string(object).unwrap_or_default();
    let inner = text.strip_prefix('{').and_then(|rest| rest.strip_suffix('}'));
    if let Some(inner) = inner.filter(|inner| !inner.is_empty()) {
        into.push(',');
        into.push_str(inner);
    }
}

/// Writes texts as a list.
pub(crate) fn write_texts<'t>(texts: impl IntoIterator<Item = &'t str>, into: &mut String) {
    into.push('[');
    for (index, text) in texts.into_iter().enumerate() {
        into.push_str(if index > 0 { "," } else { "" });
        write_quoted(text, into);
    }
    into.push(']');
}

/// The same value again, borrowing its texts.
#[must_use]
pub fn copy<'j>(json: &'j Json<'_>) -> Json<'j> {
    match json {
        Value::Null => Value::Null,
        Value::Bool(flag) => Value::Bool(*flag),
        Value::Number((digits, parts)) => {
            let hifijson::num::Parts { zero, dot, exp } = *parts;
            Value::Number((*digits, hifijson::num::Parts { zero, dot, exp }))
        }
        Value::String(text) => Value::String(Cow::Borrowed(text)),
        Value::Array(items) => Value::Array(items.iter().map(copy).collect()),
        Value::Object(fields) => Value::Object(copy_fields(fields)),
    }
}

/// The same fields again, borrowing their texts.
#[must_use]
pub fn copy_fields<'j>(fields: &'j Fields<'_>) -> Vec<(Cow<'j, str>, Json<'j>)> {
    fields.iter().map(|(key, value)| (Cow::Borrowed(&**key), copy(value))).collect()
}

/// `text` cut to what fits into a sentence; never in the middle of a character. What may be an
/// e-mail address is not repeated at all, nor is what a terminal would obey or turn around.
#[must_use]
pub fn shortened(text: &str) -> Cow<'_, str> {
    const CHARS: usize = 40;
    if text.contains('@') {
        return Cow::Borrowed("(a text with an @)");
    }
    if text.contains(is_unprintable) {
        return Cow::Owned(shortened(&text.replace(is_unprintable, "\u{fffd}")).into_owned());
    }
    match text.char_indices().nth(CHARS) {
        Some((end, _)) => Cow::Owned(format!("{}…", &text[..end])),
        None => Cow::Borrowed(text),
    }
}

/// Control characters, and the marks that turn the direction of text around.
#[must_use]
pub fn is_unprintable(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// The JSON pointer (RFC 6901) of the field `key` of the object at `base`. A sender's key is
/// escaped, and cut like every quotation.
#[must_use]
pub fn pointer(base: &str, key: &str) -> String {
    format!("{base}/{}", shortened(key).replace('~', "~0").replace('/', "~1"))
}

/// Whether a value is text that says nothing: `""`, or white space alone.
#[must_use]
pub fn is_blank(json: &Json<'_>) -> bool {
    // Nearly every text begins with what is plainly no white space.
    let is_blank = |text: &str| {
        !text.as_bytes().first().is_some_and(u8::is_ascii_graphic) && text.trim().is_empty()
    };
    text(json).is_some_and(is_blank)
}

fn not_json(bytes: &[u8], offset: usize, says: String) -> NotJson {
    let before = &bytes[..offset.min(bytes.len())];
    let line = before.split(|byte| *byte == b'\n').count();
    let column = before.iter().rev().take_while(|byte| **byte != b'\n').count() + 1;
    NotJson { says, line, column }
}

/// The first key that some object of the tree names twice.
fn repeated_key<'j>(json: &'j Json<'_>) -> Option<&'j str> {
    match json {
        Value::Array(items) => items.iter().find_map(repeated_key),
        Value::Object(fields) => {
            repeated(fields).or_else(|| fields.iter().find_map(|(_, value)| repeated_key(value)))
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => None,
    }
}

/// Small objects are compared pair by pair, large ones are sorted: a body of 100,000 keys must
/// not cost 5,000,000,000 comparisons.
fn repeated<'j>(fields: &'j Fields<'_>) -> Option<&'j str> {
    const SMALL: usize = 24;
    if fields.len() <= SMALL {
        let later = |index: usize| fields[index + 1..].iter();
        return (0..fields.len())
            .find(|&index| later(index).any(|(name, _)| *name == fields[index].0))
            .map(|index| &*fields[index].0);
    }
    let mut keys: Vec<&str> = fields.iter().map(|(name, _)| &**name).collect();
    keys.sort_unstable();
    keys.windows(2).find(|pair| pair[0] == pair[1]).map(|pair| pair[0])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_read_is_printed_back_digit_by_digit() {
        for text in [
            r#"{"amount":25096.005,"big":9007199254740993,"e":1e3,"zero":2000.0}"#,
            r#"["é","\n","\u0000","정"]"#,
            "-0.10",
            r#"{"a":{"b":[null,true,false]}}"#,
        ] {
            let printed = read(text.as_bytes()).map(|json| printed(&json));
            assert_eq!(printed.as_deref(), Ok(text), "{text}");
        }
    }

    #[test]
    fn every_control_character_is_printed_as_an_escape() {
        for code in 0..0x20_u32 {
            let character = char::from_u32(code).expect("a character");
            let text = format!("[\"\\u{code:04x}\",{{\"\\u{code:04x}\":1}}]");
            let json = read(text.as_bytes()).expect(&text);
            for written in [printed(&json), pretty(&json)] {
                assert!(!written.contains(character) || character == '\n', "{code:x}: {written:?}");
                assert_eq!(read(written.as_bytes()), Ok(read(text.as_bytes()).expect("JSON")));
            }
        }
    }

    #[test]
    fn pretty_print_changes_nothing_but_white_space() {
        let text = r#"{"b":[1.50,{"a":"\n"}],"e":{},"f":[],"g":1e400}"#;
        let json = read(text.as_bytes()).expect(text);
        let printed = pretty(&json);
        assert_eq!(self::printed(&read(printed.as_bytes()).expect("JSON")), text);
        assert!(printed.starts_with("{\n  \"b\": [\n    1.50,\n    {\n      \"a\""), "{printed}");
    }

    #[test]
    fn what_is_not_json_names_its_place() {
        for (text, line, column) in [
            ("", 1, 1),
            ("{", 1, 2),
            ("{\n\"a\": }", 2, 6),
            ("[1,]", 1, 4),
            ("01", 1, 2),
            ("NaN", 1, 1),
            ("{} {}", 1, 4),
            ("\u{feff}{}", 1, 1),
            (r#"{"a":1,"a":2}"#, 1, 1),
            (r#"["\ud800"]"#, 1, 9),
        ] {
            let fault = read(text.as_bytes()).expect_err(text);
            assert_eq!((fault.line, fault.column), (line, column), "{text}: {fault}");
        }
        assert!(read(b"\"\xff\"").is_err(), "invalid UTF-8");
    }

    #[test]
    fn a_senders_key_is_escaped_in_a_pointer() {
        // RFC 6901, section 5: `a/b` and `m~n`.
        for (key, expected) in [
            ("sku", "/o/sku"),
            ("a/b", "/o/a~1b"),
            ("m~n", "/o/m~0n"),
            ("~1", "/o/~01"),
            ("", "/o/"),
        ] {
            assert_eq!(pointer("/o", key), expected, "{key}");
        }
        assert_eq!(pointer("", &"k".repeat(99)).chars().count(), 1 + 40 + 1, "cut at 40");
    }

    #[test]
    fn depth_is_limited_on_both_sides_of_the_edge() {
        let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert!(read(nested(DEPTH_MAX).as_bytes()).is_ok());
        assert!(read(nested(DEPTH_MAX + 1).as_bytes()).is_err());
        assert!(read(nested(100_000).as_bytes()).is_err());
    }

    #[test]
    fn a_repeated_key_is_found_in_small_and_large_objects() {
        let object = |keys: usize, extra: &str| {
            let fields: Vec<String> = (0..keys).map(|key| format!("\"k{key}\":1")).collect();
            format!("{{{}{extra}}}", fields.join(","))
        };
        for keys in [1, 23, 24, 25, 5_000] {
            assert!(read(object(keys, "").as_bytes()).is_ok(), "{keys}");
            assert!(read(object(keys, ",\"k0\":2").as_bytes()).is_err(), "{keys}");
        }
    }
}
