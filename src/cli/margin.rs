//! An event with notes in its margin: where each value came from.
//!
//! In: pretty JSON and the origins of its fields. Out: its lines, each field's first line with its
//! note. What is copied without the notes is the event.

use crate::core::decide::Origin;

/// Notes stand in this column, unless a line is longer.
const COLUMN: usize = 44;

/// The lines of an event with their notes.
pub(super) fn noted(pretty: &str, origins: &[Origin]) -> Vec<String> {
    let mut path: Vec<&str> = Vec::new();
    let mut lines = Vec::new();
    for line in pretty.lines() {
        let depth = (line.len() - line.trim_start().len()) / 2;
        let key = line.trim_start().strip_prefix('"').and_then(|rest| rest.split_once("\":"));
        let note = key.and_then(|(key, _)| {
            path.truncate(depth.saturating_sub(1));
            path.push(key);
            let field = path.join(".");
            origins.iter().find(|origin| origin.field == field)
        });
        lines.push(match note {
            Some(origin) => {
                // Dim, where somebody sees colours.
                let gap = COLUMN.saturating_sub(line.chars().count());
                format!("{line}{:gap$}  \u{1b}[2m← {}\u{1b}[0m", "", origin.from)
            }
            None => line.to_owned(),
        });
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_line_of_a_field_has_its_note() {
        let origin = |field: &str, from: &str| Origin { field: field.into(), from: from.into() };
        let origins = [origin("a", "one"), origin("b.c", "two"), origin("b.list", "three")];
        let pretty = "{\n  \"a\": 1,\n  \"b\": {\n    \"c\": \"x\",\n    \"list\": [\n      \"a\"\n    ]\n  },\n  \"c\": 2\n}";
        let notes: Vec<Option<String>> = noted(pretty, &origins)
            .into_iter()
            .map(|line| line.split_once("← ").map(|(_, note)| note.replace("\u{1b}[0m", "")))
            .collect();
        let expected =
            [None, Some("one"), None, Some("two"), Some("three"), None, None, None, None, None];
        assert_eq!(notes, expected.map(|note| note.map(str::to_owned)));
    }
}
