//! The settings that bring `event_data` into Meta's words: values, sums, lists, ids, parameters.
//!
//! In: the table of a rule or of `[defaults]`. Out: a [`Shape`]; findings at their places.

use toml::Spanned;
use toml::de::DeValue;

use super::{Placed, one_or_many, templates, when};
use crate::core::event_data;
use crate::core::finding::{At, Code, Finding, Findings, Severity};
use crate::core::json::{self, Json};
use crate::core::mapping::path::{Path, Root};
use crate::core::mapping::shape::{Fill, LetterCase, Lines, Rewrite, Shape, Source};
use crate::core::mapping::template::Template;
use crate::core::meta::ContentType;
use crate::core::meta::event::CONTENT_TEXTS;
use crate::core::money::Amount;
use crate::core::payment::personal::is_personal_name;
use crate::core::toml_reader::{Table, kind};

/// Reads everything that a rule changes about `event_data`, but for the currency.
pub(super) fn read(table: &mut Table<'_, '_>, findings: &mut Findings) -> Shape {
    let content_type = table.word("content_type", ContentType::ALL, ContentType::as_str, findings);
    Shape {
        value: sources(table, "value", "sum(contents)", findings),
        currency: Vec::new(),
        num_items: sources(table, "num_items", "count(contents)", findings),
        contents: lines(table, findings),
        content_id: rewrite(table, findings),
        content_type: content_type.map(|word| word.value),
        custom_data: custom_data(table, findings),
    }
}

/// `event_id = "{type}.{payment_id}"`.
pub(super) fn event_id(table: &mut Table<'_, '_>, findings: &mut Findings) -> Option<Template> {
    let text = table.text("event_id", findings)?;
    let template = template(&text, findings)?;
    let own = |path: &Path| matches!(path.root(), Root::PaymentId | Root::EventData);
    if !template.paths().any(own) {
        let says = "payments of one kind would all have this id, and Meta would keep the first";
        let finding = Finding::new(Code::MappingPath, At::Span(text.span), says);
        findings.push(finding.help("name what differs: \"{type}.{payment_id}\""));
        return None;
    }
    Some(template)
}

fn template(text: &Placed<&str>, findings: &mut Findings) -> Option<Template> {
    match Template::read(text.value) {
        Ok(template) => {
            findings.extend(templates::doubts(text));
            template.paths().for_each(|path| when::not_personal(path, &text.span, findings));
            Some(template)
        }
        Err(not) => {
            let at = At::Span(text.span.clone());
            findings.push(Finding::new(Code::MappingPath, at, not.says).help(not.help));
            None
        }
    }
}

/// A path, a number, the sum; or a list of these, of which the first that exists counts.
fn sources(
    table: &mut Table<'_, '_>,
    key: &'static str,
    of_contents: &str,
    findings: &mut Findings,
) -> Vec<Source> {
    let Some(value) = table.get(key) else { return Vec::new() };
    let mut read = Vec::new();
    for item in one_or_many(value) {
        if let Some(sure) = read.iter().find(|source| is_sure(source)) {
            let says = format!("this source is never asked: {sure} before it always counts");
            let finding = Finding::new(Code::MappingNoEffect, At::Span(item.span()), says);
            findings.push(finding.help("put it first, or leave it out"));
        }
        if let Some(digits) = when::digits(item.get_ref()) {
            refused_by_meta(key, &digits, item, findings);
            read.push(Source::Literal(digits));
        } else if let Some(text) = item.get_ref().as_str() {
            let text = Placed { value: text, span: item.span() };
            if text.value.replace(' ', "") == of_contents {
                read.push(Source::OfContents);
            } else if Amount::read(text.value.trim()).is_ok() {
                let says = format!("`{key}` is a path or a number, not text");
                let finding = Finding::new(Code::MappingKind, At::Span(text.span), says);
                findings.push(finding.help(format!("write {} without quotes", text.value.trim())));
            } else if text.value.contains('(') {
                let says = format!("`{}` is not known for `{key}`", text.value);
                let finding = Finding::new(Code::MappingPath, At::Span(text.span), says);
                findings.push(finding.help(format!("write \"{of_contents}\", a path or a number")));
            } else {
                read.extend(number_path(&text, key, findings).map(Source::Path));
            }
        } else {
            let says = format!("`{key}` is a path or a number, not {}", kind(item.get_ref()));
            findings.push(Finding::new(Code::MappingKind, At::Span(item.span()), says));
        }
    }
    read
}

/// Whether nothing behind this source is ever asked.
fn is_sure(source: &Source) -> bool {
    match source {
        Source::Path(path) => path.root() == Root::Amount,
        Source::Literal(_) | Source::OfContents => true,
    }
}

/// A path at which a number may stand.
fn number_path(text: &Placed<&str>, key: &str, findings: &mut Findings) -> Option<Path> {
    let path = when::path(text, findings)?;
    if matches!(path.root(), Root::Amount | Root::EventData) {
        return Some(path);
    }
    let says = format!("`{path}` of a payment is no number for `{key}`");
    let finding = Finding::new(Code::MappingPath, At::Span(text.span.clone()), says);
    findings.push(finding.help("write \"amount\" or a path such as \"event_data.total\""));
    None
}

/// A value of the file that Meta takes from no event: each event of the rule would be blocked.
fn refused_by_meta(
    key: &str,
    literal: &str,
    value: &Spanned<DeValue<'_>>,
    findings: &mut Findings,
) {
    let Ok(json) = json::read(literal.as_bytes()) else { return };
    let (_, found) = event_data::read(Some(&Json::Object(vec![(key.into(), json)])));
    for refusal in found.iter().filter(|finding| finding.severity == Severity::Error) {
        let says = format!("every event of this rule would be refused: {}", refusal.says);
        let finding = Finding::new(Code::MappingUnsendable, At::Span(value.span()), says);
        findings.push(match &refusal.help {
            Some(help) => finding.help(help),
            None => finding.help("write what Meta takes for this parameter"),
        });
    }
}

/// `contents = { each = "event_data.lines", id = "sku", quantity = "qty", item_price = "price" }`.
fn lines(table: &mut Table<'_, '_>, findings: &mut Findings) -> Option<Lines> {
    let mut inner = table.table("contents", findings)?;
    if inner.get("each").is_none() {
        inner.missing("each", "write each = \"event_data.lines\"", findings);
    }
    let each = inner.text("each", findings).and_then(|text| {
        let path = when::path(&text, findings)?;
        if path.root() != Root::EventData {
            let says = format!("`{path}` is no list");
            let finding = Finding::new(Code::MappingPath, At::Span(text.span), says);
            findings.push(finding.help("write the path of a list: \"event_data.lines\""));
            return None;
        }
        Some(path)
    });
    let mut keys = Vec::new();
    for key in ["id", "quantity", "item_price"].into_iter().chain(CONTENT_TEXTS) {
        let named = inner.text(key, findings).map(|text| {
            findings.extend(templates::no_key_of_a_line(key, &text, each.as_ref()));
            text.value.to_owned()
        });
        let steps = named.unwrap_or_else(|| key.to_owned());
        keys.push((key, steps.split('.').map(str::to_owned).collect()));
    }
    inner.finish(findings);
    Some(Lines { each: each?, keys })
}

/// `content_id = { strip_prefix = "wc_post_id_", case = "lower" }`.
fn rewrite(table: &mut Table<'_, '_>, findings: &mut Findings) -> Rewrite {
    let Some(mut inner) = table.table("content_id", findings) else { return Rewrite::default() };
    let mut text = |key: &'static str| {
        inner.text(key, findings).map(|text| text.value.to_owned()).unwrap_or_default()
    };
    let [strip_prefix, strip_suffix] = ["strip_prefix", "strip_suffix"].map(&mut text);
    let [prefix, suffix] = ["prefix", "suffix"].map(&mut text);
    let case = inner.word("case", LetterCase::ALL, LetterCase::as_str, findings);
    let case_first = |strip: &str| match case.as_ref().map(|word| word.value) {
        Some(LetterCase::Lower) => strip != strip.to_lowercase(),
        Some(LetterCase::Upper) => strip != strip.to_uppercase(),
        None => false,
    };
    for (key, strip) in [("strip_prefix", &strip_prefix), ("strip_suffix", &strip_suffix)] {
        let Some(setting) = inner.get(key).filter(|_| case_first(strip)) else { continue };
        let says = format!("`{key}` never applies: `case` changes the letters of an id first");
        let finding = Finding::new(Code::MappingNoEffect, At::Span(setting.span()), says);
        findings.push(finding.help("write it in the letters that `case` leaves"));
    }
    inner.finish(findings);
    let case = case.map(|word| word.value);
    Rewrite { strip_prefix, strip_suffix, prefix, suffix, case }
}

/// Keys that a rule sets by settings of their own.
pub(in crate::core::mapping) const OWN_SETTINGS: [&str; 5] =
    ["value", "currency", "num_items", "contents", "event_id"];

/// `custom_data = { plan = "{event_data.plan}", channel = "app", score = 5 }`.
fn custom_data(table: &mut Table<'_, '_>, findings: &mut Findings) -> Vec<(String, Fill)> {
    let Some(inner) = table.table("custom_data", findings) else { return Vec::new() };
    let mut read = Vec::new();
    for (key, value) in inner.entries() {
        if OWN_SETTINGS.contains(&key.value) {
            let says = format!("`{}` is a setting of the rule itself", key.value);
            let finding = Finding::new(Code::MappingKey, At::Span(key.span), says);
            findings.push(finding.help(format!("write `{}` beside `custom_data`", key.value)));
            continue;
        }
        let fill = fill(value, findings);
        match &fill {
            Some(Fill::Literal(literal)) => refused_by_meta(key.value, literal, value, findings),
            Some(Fill::Path(_) | Fill::Template(_)) if is_personal_name(key.value) => {
                let says = format!("`{}` would send a person's data in clear", key.value);
                let finding = Finding::new(Code::MappingPersonal, At::Span(key.span), says);
                findings.push(finding.help("leave it out; what `user_data` says is sent hashed"));
                continue;
            }
            Some(Fill::Path(_) | Fill::Template(_)) | None => {}
        }
        read.extend(fill.map(|fill| (key.value.to_owned(), fill)));
    }
    read
}

/// A literal, a path, or a template. Text is a path only if it begins with `event_data.`: any
/// other word may be meant as it stands.
fn fill(value: &Spanned<DeValue<'_>>, findings: &mut Findings) -> Option<Fill> {
    match value.get_ref() {
        DeValue::String(text) => {
            let text = Placed { value: &**text, span: value.span() };
            // A brace with its partner is a place of a template; alone it is a slip.
            let is_template = text.value.contains('{') && text.value.contains('}');
            if text.value.starts_with("event_data.") && !is_template {
                return when::path(&text, findings).map(Fill::Path);
            }
            let template = template(&text, findings)?;
            Some(match (template.plain(), template.only_place()) {
                (Some(plain), _) => Fill::Literal(json::quoted(plain)),
                (None, Some(path)) => Fill::Path(path.clone()),
                (None, None) => Fill::Template(template),
            })
        }
        DeValue::Boolean(flag) => Some(Fill::Literal(flag.to_string())),
        number @ (DeValue::Integer(_) | DeValue::Float(_)) => {
            when::digits(number).map(Fill::Literal)
        }
        other @ (DeValue::Datetime(_) | DeValue::Array(_) | DeValue::Table(_)) => {
            let says = format!("a parameter is text, a number or a flag, not {}", kind(other));
            let finding = Finding::new(Code::MappingKind, At::Span(value.span()), says);
            findings
                .push(finding.help("write a path for a list of the payment: \"event_data.skus\""));
            None
        }
    }
}
