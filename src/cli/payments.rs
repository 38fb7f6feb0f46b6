//! Payments from a file, for commands that look at them: one object, a list, or one a line.
//!
//! In: the bytes and the name of a file. Out: the body of each payment and its place, so that what
//! is wrong with one can be found again. What is no JSON is handed on as it is, whole or by lines:
//! reading it says what is wrong.

use std::path::Path;

use super::{Ended, check, terminal};
use crate::core::json::{self, Json, NotJson};

/// One payment of a file.
pub(super) struct Body {
    /// The capture body.
    pub(super) bytes: Vec<u8>,
    /// Where it stands: `payments.ndjson:2`.
    pub(super) place: String,
    /// The line of the file at which it begins, from 1.
    line: usize,
}

impl Body {
    /// Why the body is no JSON, by its place in the file.
    pub(super) fn fault(&self) -> Option<NotJson> {
        let fault = json::read(&self.bytes).err()?;
        Some(NotJson { line: fault.line + self.line - 1, ..fault })
    }
}

/// The payments of a file.
pub(super) fn bodies(path: &Path, bytes: &[u8]) -> Result<Vec<Body>, Ended> {
    let name = if path == Path::new("-") {
        "(standard input)".to_owned()
    } else {
        path.display().to_string()
    };
    let bodies = split(&name, bytes);
    if bodies.is_empty() {
        return Err(terminal::misused("there is no payment in the input"));
    }
    let text = || std::str::from_utf8(bytes).ok();
    if let (Some(_), Some(kind)) =
        (bodies[0].fault(), text().and_then(|text| check::tables(path, text)))
    {
        let (what, option) = match kind {
            check::Tables::Configuration => ("a configuration", "--config"),
            check::Tables::Mapping => ("a mapping file", "--mapping"),
        };
        return Err(terminal::misused(&format!(
            "{name} is {what}, not payments: write `{option} {name}`, and behind it a file of payments"
        )));
    }
    Ok(bodies)
}

fn split(name: &str, bytes: &[u8]) -> Vec<Body> {
    let whole = || vec![Body { bytes: bytes.to_vec(), place: name.to_owned(), line: 1 }];
    let lines = || bytes.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii_end);
    let said = || lines().filter(|line| !line.trim_ascii_start().is_empty());
    match json::read(bytes) {
        Ok(Json::Array(items)) => {
            let item = |(index, item): (usize, &Json<'_>)| Body {
                bytes: json::printed(item).into_bytes(),
                place: format!("{name}, item {}", index + 1),
                line: 1,
            };
            items.iter().enumerate().map(item).collect()
        }
        Ok(_) => whole(),
        Err(_) => {
            // One object a line, of which some may be broken; or one document over many lines.
            let is_object = |line: &&[u8]| {
                let line = line.trim_ascii_start();
                line.starts_with(b"{") && line.ends_with(b"}")
            };
            let (objects, all) = (said().filter(is_object).count(), said().count());
            if all > 0 && objects * 2 < all {
                return whole();
            }
            let numbered = lines().enumerate().map(|(index, line)| Body {
                bytes: line.to_vec(),
                place: format!("{name}:{}", index + 1),
                line: index + 1,
            });
            numbered.filter(|body| !body.bytes.trim_ascii_start().is_empty()).collect()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_broken_document_is_one_fault_and_a_broken_line_costs_only_itself() {
        for (text, expected) in [
            ("", vec![]),
            (" \n ", vec![]),
            ("{\"a\":1}", vec![("f", None)]),
            ("[{\"a\":1},5]", vec![("f, item 1", None), ("f, item 2", None)]),
            ("{\"a\":1}\n\n{\"a\":2}\n", vec![("f:1", None), ("f:3", None)]),
            ("{\"a\":1}\n{\"a\":}\n", vec![("f:1", None), ("f:2", Some((2, 6)))]),
            (
                "{\"a\":1}\nnonsense\n{\"a\":2}",
                vec![("f:1", None), ("f:2", Some((2, 2))), ("f:3", None)],
            ),
            (
                "{\n  \"a\": 1,\n  \"b\": [\n    {\"c\": 1}\n  ]\n  \"d\": 2\n}\n",
                vec![("f", Some((6, 3)))],
            ),
            ("nonsense", vec![("f", Some((1, 2)))]),
        ] {
            let found = split("f", text.as_bytes());
            let found: Vec<(&str, Option<(usize, usize)>)> = found
                .iter()
                .map(|body| {
                    (body.place.as_str(), body.fault().map(|fault| (fault.line, fault.column)))
                })
                .collect();
            assert_eq!(found, expected, "{text}");
        }
    }
}
