//! Texts of a mapping file that can be read, but were probably meant as something else.
//!
//! In: a text with its place. Out: findings. A template with doubled braces and a word that is
//! nearly a path are texts as they stand, so they are warnings; a key of a list's items that no item
//! can have is an error.

use super::Placed;
use crate::core::finding::{At, Code, Finding, Severity};
use crate::core::mapping::path::{Path, Root};
use crate::core::names::suggestion;

/// What a template says that was probably not meant: `{{event_data.plan}}`, `${event_data.plan}`,
/// `event_dta.plan`.
pub(super) fn doubts(text: &Placed<&str>) -> Vec<Finding> {
    let warn = |says: String, help: String| {
        let finding = Finding::new(Code::MappingPath, At::Span(text.span.clone()), says);
        finding.weighing(Severity::Warning).help(help)
    };
    let mut doubts = Vec::new();
    for (opening, closing, what) in [
        ("{{", "}}", "two braces are text, and the value is not sent"),
        ("${", "}", "the `$` is sent as text before the value"),
    ] {
        let mut inner = text.value.split(opening).skip(1);
        let path = inner.find_map(|rest| {
            let place = rest.split_once(closing)?.0.trim();
            Path::read(place).ok().map(|_| place)
        });
        if let Some(path) = path {
            let says = format!("`{opening}{path}{closing}`: {what}");
            doubts.push(warn(says, format!("write {{{path}}}")));
        }
    }
    if let Some(meant) = nearly_a_path(text.value) {
        let says = format!("`{}` is sent as this very text: it is no path", text.value);
        doubts.push(warn(says, format!("did you mean `{meant}`?")));
    }
    doubts
}

/// The path that was probably meant by a text that has the looks of one: words with dots between,
/// of which the first is nearly `event_data`; or the name of a field that is no word of its own.
fn nearly_a_path(text: &str) -> Option<String> {
    let root = Root::EventData.as_str();
    if [Root::PaymentId.as_str(), Root::EventSourceUrl.as_str()].contains(&text) {
        return Some(format!("{{{text}}}"));
    }
    let (first, below) = text.split_once('.')?;
    let is_word = |step: &str| {
        !step.is_empty() && step.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '-'))
    };
    let looks = is_word(first) && below.split('.').all(is_word);
    let near = looks && first != root && suggestion(first, [root]).is_some();
    near.then(|| format!("{root}.{below}"))
}

/// A name that no item of a list can have: a template, or a path from the payment.
pub(super) fn no_key_of_a_line(
    key: &str,
    text: &Placed<&str>,
    each: Option<&Path>,
) -> Option<Finding> {
    let name = text.value.trim();
    let (says, meant) = if name.contains(['{', '}']) {
        let inner = name.trim_matches(['{', '}', ' ']);
        (format!("`{name}` names nothing: a key of each line stands without braces"), inner)
    } else if name.starts_with("event_data.") {
        let list = each.map(|path| format!("{path}."));
        let below = list.and_then(|list| name.strip_prefix(&list));
        let last = || name.rsplit('.').next().unwrap_or(key);
        let says = format!("`{name}` names nothing: the key is read from each line of the list");
        (says, below.unwrap_or_else(last))
    } else {
        return None;
    };
    let meant = meant.rsplit("event_data.").next().filter(|meant| !meant.is_empty()).unwrap_or(key);
    let finding = Finding::new(Code::MappingPath, At::Span(text.span.clone()), says);
    Some(finding.help(format!("write {key} = \"{meant}\"")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_looks_like_a_value_and_is_text_is_doubted() {
        for (text, help) in [
            ("{{event_data.plan}}", Some("write {event_data.plan}")),
            ("a {{ payment_id }} b", Some("write {payment_id}")),
            ("${event_data.plan}", Some("write {event_data.plan}")),
            ("${amount}", Some("write {amount}")),
            ("event_dta.box", Some("did you mean `event_data.box`?")),
            ("evnt_data.box.size", Some("did you mean `event_data.box.size`?")),
            ("event-data.x", Some("did you mean `event_data.x`?")),
            ("payment_id", Some("did you mean `{payment_id}`?")),
            ("{event_data.plan}", None),
            ("{{plan}}", None),
            ("$5", None),
            ("shop.example", None),
            ("event_dta.box is here", None),
            ("event_dta", None),
            ("amount", None),
        ] {
            let text = Placed { value: text, span: 0..text.len() };
            let found = doubts(&text);
            let helps: Vec<Option<&str>> =
                found.iter().map(|finding| finding.help.as_deref()).collect();
            let expected: Vec<Option<&str>> = help.into_iter().map(Some).collect();
            assert_eq!(helps, expected, "{}", text.value);
            assert!(found.iter().all(|finding| finding.severity == Severity::Warning));
        }
    }

    #[test]
    fn a_key_of_a_line_is_named_as_the_line_has_it() {
        let each = Path::read("event_data.lines").expect("a path");
        for (key, text, help) in [
            ("id", "sku", None),
            ("id", "product.sku", None),
            ("id", "{sku}", Some("write id = \"sku\"")),
            ("id", "{event_data.sku}", Some("write id = \"sku\"")),
            ("quantity", "event_data.lines.qty", Some("write quantity = \"qty\"")),
            ("quantity", "event_data.lines.of.qty", Some("write quantity = \"of.qty\"")),
            ("quantity", "event_data.qty", Some("write quantity = \"qty\"")),
            ("id", " ", None),
        ] {
            let placed = Placed { value: text, span: 0..text.len() };
            let found = no_key_of_a_line(key, &placed, Some(&each));
            let found = found.and_then(|finding| finding.help);
            assert_eq!(found.as_deref(), help, "{text}");
        }
    }
}
