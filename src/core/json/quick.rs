//! The quick way through JSON that is right, which nearly every body is.
//!
//! In: the bytes of a request. Out: the tree, or nothing. Nothing means that somebody else must look:
//! either this is no JSON that we read, and hifijson says why and where, or it is (no case is known).
//! So every refusal has one author, and whatever stands here may only be stricter, never laxer.
//!
//! Why: hifijson copies each text into a buffer, checks it and grows every list from nothing. Here the
//! UTF-8 of the whole body is checked once, texts are scanned eight bytes at a time and borrowed, and
//! keys are compared only where they could be equal.

use std::borrow::Cow;

use hifijson::num::Parts;

use super::{DEPTH_MAX, Json, repeated};

/// Room for the fields of an object where the first is read: hardly a line of an order has more.
const FIELDS: usize = 8;

/// Objects that get such room. A body of a hundred thousand objects with one field each must not take
/// twice the memory for it.
const ROOMY: usize = 1_000;

/// Up to here the keys of an object are compared one by one while they are read, beyond it at its end.
const FEW: usize = 24;

/// The value, if the bytes are exactly one that is read.
pub(super) fn read(bytes: &[u8]) -> Option<Json<'_>> {
    let text = std::str::from_utf8(bytes).ok()?;
    let mut reader = Reader { text, bytes, at: 0, roomy: ROOMY };
    let mut value = Json::Null;
    reader.value(DEPTH_MAX, &mut value)?;
    reader.peek().is_none().then_some(value)
}

struct Reader<'a> {
    text: &'a str,
    bytes: &'a [u8],
    at: usize,
    /// How many more objects get room.
    roomy: usize,
}

impl<'a> Reader<'a> {
    /// The next byte that is no white space; it stays.
    fn peek(&mut self) -> Option<u8> {
        loop {
            match self.bytes.get(self.at) {
                Some(b' ' | b'\t' | b'\r' | b'\n') => self.at += 1,
                other => return other.copied(),
            }
        }
    }

    /// The next byte that is no white space, taken.
    fn next(&mut self) -> Option<u8> {
        let byte = self.peek()?;
        self.at += 1;
        Some(byte)
    }

    /// Reads a value to where it will stay: handed up from call to call, it would be copied each time.
    fn value(&mut self, depth: usize, into: &mut Json<'a>) -> Option<()> {
        let depth = depth.checked_sub(1)?;
        *into = match self.peek()? {
            b'"' => {
                self.at += 1;
                Json::String(self.string()?)
            }
            b'-' | b'0'..=b'9' => self.number()?,
            b'{' => Json::Object(self.object(depth)?),
            b'[' => Json::Array(self.array(depth)?),
            b'n' => self.word("null", Json::Null)?,
            b't' => self.word("true", Json::Bool(true))?,
            b'f' => self.word("false", Json::Bool(false))?,
            _ => return None,
        };
        Some(())
    }

    fn word(&mut self, word: &str, value: Json<'a>) -> Option<Json<'a>> {
        let is_there = self.bytes[self.at..].starts_with(word.as_bytes());
        self.at += word.len();
        is_there.then_some(value)
    }

    fn array(&mut self, depth: usize) -> Option<Vec<Json<'a>>> {
        self.at += 1;
        let mut items = Vec::new();
        if self.peek()? == b']' {
            self.at += 1;
            return Some(items);
        }
        loop {
            items.push(Json::Null);
            self.value(depth, items.last_mut()?)?;
            match self.next()? {
                b',' => {}
                b']' => return Some(items),
                _ => return None,
            }
        }
    }

    fn object(&mut self, depth: usize) -> Option<Vec<(Cow<'a, str>, Json<'a>)>> {
        self.at += 1;
        if self.peek()? == b'}' {
            self.at += 1;
            return Some(Vec::new());
        }
        let room = if self.roomy > 0 { FIELDS } else { 0 };
        self.roomy = self.roomy.saturating_sub(1);
        let mut fields: Vec<(Cow<'a, str>, Json<'a>)> = Vec::with_capacity(room);
        let mut seen = 0_u64;
        loop {
            if self.next()? != b'"' {
                return None;
            }
            let key = self.string()?;
            let mark = mark(key.as_bytes());
            let may_be_known = seen & mark != 0 && fields.len() <= FEW;
            if may_be_known && fields.iter().any(|(known, _)| *known == key) {
                return None;
            }
            seen |= mark;
            if self.next()? != b':' {
                return None;
            }
            fields.push((key, Json::Null));
            self.value(depth, &mut fields.last_mut()?.1)?;
            match self.next()? {
                b',' => {}
                b'}' if fields.len() > FEW && repeated(&fields).is_some() => return None,
                b'}' => return Some(fields),
                _ => return None,
            }
        }
    }

    /// `-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?`
    fn number(&mut self) -> Option<Json<'a>> {
        let start = self.at;
        let mut parts = Parts::default();
        if self.bytes[self.at] == b'-' {
            self.at += 1;
        }
        parts.zero = self.bytes.get(self.at) == Some(&b'0');
        if parts.zero {
            self.at += 1;
        } else {
            self.digits()?;
        }
        parts.dot = self.bytes.get(self.at) == Some(&b'.');
        if parts.dot {
            self.at += 1;
            self.digits()?;
        }
        parts.exp = matches!(self.bytes.get(self.at), Some(b'e' | b'E'));
        if parts.exp {
            self.at += 1;
            if matches!(self.bytes.get(self.at), Some(b'+' | b'-')) {
                self.at += 1;
            }
            self.digits()?;
        }
        Some(Json::Number((&self.text[start..self.at], parts)))
    }

    /// One digit or more.
    fn digits(&mut self) -> Option<()> {
        let start = self.at;
        while self.bytes.get(self.at).is_some_and(u8::is_ascii_digit) {
            self.at += 1;
        }
        (self.at > start).then_some(())
    }

    /// The text whose opening quote was taken.
    #[inline]
    fn string(&mut self) -> Option<Cow<'a, str>> {
        match self.borrowed() {
            Some(text) => Some(Cow::Borrowed(text)),
            None => self.escaped().map(Cow::Owned),
        }
    }

    /// The text whose opening quote was taken, if nothing in it is escaped; else nothing is taken. It
    /// comes in two registers, where a `Cow` would be written to memory and copied from there.
    #[inline]
    fn borrowed(&mut self) -> Option<&'a str> {
        let start = self.at;
        let end = start + plain(&self.bytes[start..]);
        if self.bytes.get(end) != Some(&b'"') {
            return None;
        }
        self.at = end + 1;
        Some(&self.text[start..end])
    }

    /// The text whose opening quote was taken, with something escaped in it.
    fn escaped(&mut self) -> Option<String> {
        let mut text = String::new();
        loop {
            match self.bytes.get(self.at)? {
                b'"' => {
                    self.at += 1;
                    return Some(text);
                }
                b'\\' => {
                    self.at += 1;
                    text.push(self.escape()?);
                }
                _ => {
                    let start = self.at;
                    self.at += plain(&self.bytes[start..]);
                    if self.at == start {
                        return None;
                    }
                    text.push_str(&self.text[start..self.at]);
                }
            }
        }
    }

    /// The character of an escape whose backslash was taken.
    fn escape(&mut self) -> Option<char> {
        let letter = *self.bytes.get(self.at)?;
        self.at += 1;
        Some(match letter {
            b'"' | b'\\' | b'/' => char::from(letter),
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => {
                let high = self.unit()?;
                if !(0xD800..0xDC00).contains(&high) {
                    // The second half of a pair alone is no character.
                    return char::from_u32(high);
                }
                let is_pair = self.bytes[self.at..].starts_with(b"\\u");
                self.at += 2;
                let low = if is_pair { self.unit()? } else { 0 };
                let low = low.checked_sub(0xDC00).filter(|low| *low < 0x400)?;
                return char::from_u32(0x1_0000 + (high - 0xD800) * 0x400 + low);
            }
            _ => return None,
        })
    }

    /// Four hexadecimal digits.
    fn unit(&mut self) -> Option<u32> {
        let digits = self.bytes.get(self.at..self.at + 4)?;
        self.at += 4;
        digits.iter().try_fold(0, |unit, digit| Some(unit * 16 + char::from(*digit).to_digit(16)?))
    }
}

/// One of 64 bits; equal keys have the same.
fn mark(key: &[u8]) -> u64 {
    let (first, last) = (key.first().copied(), key.last().copied());
    let mixed =
        key.len() + 5 * usize::from(first.unwrap_or(0)) + 11 * usize::from(last.unwrap_or(0));
    1 << (mixed % 64)
}

/// How many bytes come before the first that ends plain text: a quote, a backslash or a control
/// character.
fn plain(bytes: &[u8]) -> usize {
    let (words, rest) = bytes.as_chunks::<8>();
    for (index, word) in words.iter().enumerate() {
        let ends = ends(u64::from_le_bytes(*word));
        if ends != 0 {
            return 8 * index + ends.trailing_zeros() as usize / 8;
        }
    }
    let is_end = |byte: &u8| *byte < b' ' || *byte == b'"' || *byte == b'\\';
    8 * words.len() + rest.iter().position(is_end).unwrap_or(rest.len())
}

/// The lowest and the highest bit of each of eight bytes.
const ONES: u64 = u64::from_le_bytes([1; 8]);
const HIGH: u64 = ONES << 7;

/// Whether one of eight bytes ends plain text: the lowest bit that is set belongs to the first that
/// does. A byte is zero if taking one from it borrows; a borrow only ever comes from a byte below
/// that is an end itself, so the lowest is right whatever stands above it.
pub(super) const fn ends(word: u64) -> u64 {
    let quote = word ^ (ONES * b'"' as u64);
    let backslash = word ^ (ONES * b'\\' as u64);
    let is_quote = quote.wrapping_sub(ONES) & !quote;
    let is_backslash = backslash.wrapping_sub(ONES) & !backslash;
    let is_control = word.wrapping_sub(ONES * b' ' as u64) & !word;
    (is_quote | is_backslash | is_control) & HIGH
}

/// Whether a text is a JSON string without an escape.
pub(super) fn is_plain(text: &str) -> bool {
    !any_eight(text, ends)
}

/// Whether a text has an `@`.
pub(super) fn has_at(text: &str) -> bool {
    any_eight(text, |word| {
        let at = word ^ (ONES * u64::from(b'@'));
        at.wrapping_sub(ONES) & !at & HIGH
    })
}

/// Whether something is found in eight bytes of a text. Its last eight are looked at together, some
/// of them for the second time; what is shorter is filled up with blanks.
#[inline]
fn any_eight(text: &str, found: impl Fn(u64) -> u64) -> bool {
    const BLANKS: u64 = ONES * b' ' as u64;
    let bytes = text.as_bytes();
    let Some(last) = bytes.last_chunk::<8>() else {
        let word = bytes.iter().fold(BLANKS, |word, byte| word << 8 | u64::from(*byte));
        return found(word) != 0;
    };
    let (words, _) = bytes.as_chunks::<8>();
    found(u64::from_le_bytes(*last)) != 0
        || words.iter().any(|word| found(u64::from_le_bytes(*word)) != 0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::{printed, slow};
    use super::*;

    /// Both ways must agree: what is read, and that it is read at all.
    fn agree(bytes: &[u8]) {
        let slow = slow(bytes);
        match (read(bytes), &slow) {
            (Some(quick), Ok(slow)) => assert_eq!(quick, *slow),
            (None, Err(_)) => {}
            (quick, slow) => panic!("{quick:?} is not {slow:?}: {}", bytes.escape_ascii()),
        }
    }

    /// Each byte at each place of texts of which some fill whole words and some do not.
    #[test]
    fn what_is_looked_for_is_found_wherever_it_stands() {
        for length in 1..=20_usize {
            for at in 0..length {
                for byte in 0..128_u8 {
                    let mut text = vec![b'x'; length];
                    text[at] = byte;
                    let text = String::from_utf8(text).expect("ASCII");
                    let is_plain_text = byte >= 0x20 && byte != b'"' && byte != b'\\';
                    assert_eq!(is_plain(&text), is_plain_text, "{text:?}");
                    assert_eq!(has_at(&text), byte == b'@', "{text:?}");
                }
            }
        }
        assert!(is_plain("") && !has_at(""));
        assert!(is_plain("pl\u{e4}tzchen \u{1f36a}") && !has_at("pl\u{e4}tzchen \u{1f36a}"));
    }

    #[test]
    fn many_small_objects_get_no_room_that_they_do_not_need() {
        let many = format!("[{}{{}}]", "{\"a\":1},".repeat(2 * ROOMY));
        let Some(Json::Array(items)) = read(many.as_bytes()) else { panic!("an array") };
        let room = |item: &Json<'_>| {
            let Json::Object(fields) = item else { panic!("an object") };
            fields.capacity()
        };
        assert_eq!(room(&items[0]), FIELDS);
        assert!(room(&items[ROOMY]) < FIELDS);
    }

    const EDGES: &[&str] = &[
        "",
        " ",
        "{}",
        "[]",
        " { } ",
        "[1,]",
        "[,1]",
        "{,}",
        "{\"a\":1,}",
        "{\"a\"}",
        "{\"a\" : 1 }",
        "{\"a\":1 \"b\":2}",
        "{\"a\":1,\"a\":2}",
        "{\"a\":{\"b\":1,\"b\":2}}",
        "{1:2}",
        "[1 2]",
        "{} {}",
        "nul",
        "null",
        "nullx",
        "true",
        "false",
        "falsey",
        "\u{feff}{}",
        "\u{a0}1",
        "\x0c1",
        "\x0b1",
        "0",
        "-0",
        "00",
        "01",
        "-",
        "-a",
        "1.",
        "1.5",
        ".5",
        "1.e5",
        "1e",
        "1e5",
        "1E+5",
        "1e-05",
        "1e+",
        "1.5E",
        "0.0e0",
        "-0.10",
        "+1",
        "1e5.5",
        "0x1",
        "9007199254740993",
        "1e400",
        "NaN",
        "Infinity",
        "\"",
        "\"a",
        "\"a\"b",
        "\"\\",
        "\"\\\"",
        "\"\\\"\"",
        "\"\\x\"",
        "\"\\u12\"",
        "\"\\u123g\"",
        "\"\\u+123\"",
        "\"\\u0000\"",
        "\"\\uD834\\uDD1E\"",
        "\"\\ud800\"",
        "\"\\udc00\"",
        "\"\\ud800\\ud800\"",
        "\"\\ud800x\"",
        "\"\\ud800\\n\"",
        "\"\\uD83D\\uDE00 \\u00e9 \\/\\b\\f\\n\\r\\t\"",
        "\"\u{7f}\u{80}é정😀\"",
        "\"tab\there\"",
        "\"a\nb\"",
        "\"\\ud800\\u\"",
        "\"\\ud83d\\u00zz\"",
        "'a'",
        "{\"\":0,\"\":1}",
        "{\"a\":0,\"\\u0061\":1}",
        "// x\n1",
    ];

    #[test]
    fn the_edges_of_the_language_are_those_of_hifijson() {
        for text in EDGES {
            agree(text.as_bytes());
        }
        for byte in 0..=u8::MAX {
            for at in 0..20 {
                let mut text = b"\"abcdefghijklmnopqrs\"".to_vec();
                text[at + 1] = byte;
                agree(&text);
            }
            agree(&[byte]);
            agree(&[b'[', byte, b']']);
            agree(&[b'"', 0xc3, byte, b'"']);
        }
    }

    #[test]
    fn depth_and_repeated_keys_are_refused_by_both() {
        for depth in [1, DEPTH_MAX - 1, DEPTH_MAX, DEPTH_MAX + 1, 10_000] {
            agree(format!("{}{}", "[".repeat(depth), "]".repeat(depth)).as_bytes());
            agree(format!("{}1{}", "{\"a\":".repeat(depth), "}".repeat(depth)).as_bytes());
        }
        for keys in [1, 2, FEW - 1, FEW, FEW + 1, FEW + 2, 300] {
            for twice in [0, 1, keys / 2, keys - 1, keys] {
                let fields: Vec<String> = (0..keys).map(|key| format!("\"k{key}\":1")).collect();
                agree(format!("{{{},\"k{twice}\":2}}", fields.join(",")).as_bytes());
            }
        }
    }

    /// Text that is nearly JSON: made of its pieces.
    fn pieces() -> impl Strategy<Value = String> {
        let piece = prop_oneof![
            Just("{".to_owned()),
            Just("}".to_owned()),
            Just("[".to_owned()),
            Just("]".to_owned()),
            Just(",".to_owned()),
            Just(":".to_owned()),
            Just("\"".to_owned()),
            Just("\\".to_owned()),
            Just("\"a\":".to_owned()),
            Just("\"b\"".to_owned()),
            Just("null".to_owned()),
            Just("\\u00e9".to_owned()),
            Just("\\ud83d\\ude00".to_owned()),
            Just(" ".to_owned()),
            "-?[0-9]{1,3}(\\.[0-9]{1,2})?([eE][+-]?[0-9])?",
            ".{0,3}",
        ];
        proptest::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #[test]
        fn pieces_of_json_are_read_alike(text in pieces()) {
            agree(text.as_bytes());
            agree(format!("[{text}]").as_bytes());
            agree(format!("{{\"k\":\"{text}\"}}").as_bytes());
        }

        #[test]
        fn bytes_are_read_alike(bytes in proptest::collection::vec(any::<u8>(), 0..24)) {
            agree(&bytes);
            let text = [&b"[\""[..], &bytes, b"\"]"].concat();
            agree(&text);
        }

        /// What serde_json writes is read, and is printed as it was written.
        #[test]
        fn every_text_comes_back(key in ".*", text in any::<String>(), number in any::<i64>()) {
            let written = serde_json::json!([{ key: text }, number, text, [null, true, {}]]).to_string();
            agree(written.as_bytes());
            let read = read(written.as_bytes()).expect("JSON");
            let back: serde_json::Value = serde_json::from_str(&printed(&read)).expect("JSON");
            prop_assert_eq!(back, serde_json::from_str::<serde_json::Value>(&written).expect("JSON"));
        }

        #[test]
        fn plain_text_needs_no_escape(text in any::<String>()) {
            let escaped = serde_json::to_string(&text).expect("text");
            prop_assert_eq!(is_plain(&text), escaped.len() == text.len() + 2);
            prop_assert_eq!(has_at(&text), text.contains('@'));
            prop_assert_eq!(super::super::quoted(&text), escaped);
        }
    }
}
