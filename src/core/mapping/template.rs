//! Text with places for values of a payment: `{type}.{payment_id}`.
//!
//! In: the text of a mapping file, once. Out: a [`Template`]. Braces are the only signs with a
//! meaning; `{{` and `}}` are braces themselves. A template that is one place and nothing else
//! keeps the kind of what it finds: `{event_data.score}` stays a number.

use super::path::{NotAPath, Path, View};

/// A compiled template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template(Vec<Part>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(String),
    Place(Path),
}

impl Template {
    /// The template of this text.
    ///
    /// # Errors
    /// [`NotAPath`] for a place that no payment has, or a brace without its partner.
    pub fn read(text: &str) -> Result<Self, NotAPath> {
        let mut parts = Vec::new();
        let mut literal = String::new();
        let mut rest = text;
        while let Some(at) = rest.find(['{', '}']) {
            literal.push_str(&rest[..at]);
            let brace = &rest[at..];
            if brace.starts_with("{{") || brace.starts_with("}}") {
                literal.push_str(&brace[..1]);
                rest = &brace[2..];
                continue;
            }
            let place = brace.strip_prefix('{').and_then(|inner| inner.split_once('}'));
            let Some((place, after)) = place else { return Err(lonely(text)) };
            if !literal.is_empty() {
                parts.push(Part::Text(std::mem::take(&mut literal)));
            }
            parts.push(Part::Place(Path::read(place.trim())?));
            rest = after;
        }
        literal.push_str(rest);
        if !literal.is_empty() {
            parts.push(Part::Text(literal));
        }
        Ok(Self(parts))
    }

    /// The text of a template without places, its braces single.
    #[must_use]
    pub fn plain(&self) -> Option<&str> {
        match self.0.as_slice() {
            [] => Some(""),
            [Part::Text(text)] => Some(text),
            _ => None,
        }
    }

    /// The only place, where there is nothing else.
    #[must_use]
    pub fn only_place(&self) -> Option<&Path> {
        match self.0.as_slice() {
            [Part::Place(path)] => Some(path),
            _ => None,
        }
    }

    /// Every place.
    pub fn paths(&self) -> impl Iterator<Item = &Path> {
        self.0.iter().filter_map(|part| match part {
            Part::Place(path) => Some(path),
            Part::Text(_) => None,
        })
    }

    /// The text for a payment; nothing if a place is empty or holds no plain value.
    #[must_use]
    pub fn fill(&self, view: &View<'_>) -> Option<String> {
        self.0.iter().try_fold(String::new(), |mut text, part| {
            match part {
                Part::Text(literal) => text.push_str(literal),
                Part::Place(path) => {
                    text.push_str(path.find(view)?.text()?);
                }
            }
            Some(text)
        })
    }
}

/// As the mapping file writes it.
impl std::fmt::Display for Template {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.iter().try_for_each(|part| match part {
            Part::Text(text) => formatter.write_str(&text.replace('{', "{{").replace('}', "}}")),
            Part::Place(path) => write!(formatter, "{{{path}}}"),
        })
    }
}

fn lonely(text: &str) -> NotAPath {
    NotAPath {
        says: format!("a brace of `{text}` has no partner"),
        help: "write {event_data.plan} for a value, {{ and }} for braces".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::json;
    use crate::core::payment;
    use crate::core::time::Timestamp;

    #[test]
    fn places_are_filled_and_braces_are_doubled() {
        let body = r#"{"user_id":"u","payment_id":"p","amount":10.50,"event_data":{"plan":"a"}}"#;
        let json = json::read(body.as_bytes()).expect("JSON");
        let payment = payment::read(json, Timestamp::from_seconds(0)).value.expect("a payment");
        for (text, expected) in [
            ("{type}.{payment_id}", Some("DEFAULT.p")),
            ("plan {event_data.plan}!", Some("plan a!")),
            ("{ amount }", Some("10.50")),
            ("{{literal}}", Some("{literal}")),
            ("{event_data.none}", None),
            ("plain", Some("plain")),
            ("", Some("")),
        ] {
            let template = Template::read(text).expect(text);
            assert_eq!(template.fill(&View::of(&payment)).as_deref(), expected, "{text}");
            let again = Template::read(&template.to_string()).expect(text);
            assert_eq!(again, template, "{text}");
        }
    }

    #[test]
    fn a_template_that_names_nothing_is_refused() {
        for text in ["{", "}", "{type", "type}", "{}", "{evnt_data.x}", "{{type}", "{a{b}}"] {
            assert!(Template::read(text).is_err(), "{text}");
        }
    }
}
