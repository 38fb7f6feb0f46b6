//! How a rule makes Meta's words of the sender's own: other names, sums, other ids.
//!
//! In: a payment. Out: its `event_data` as [`crate::core::event_data`] reads it, and afterwards the
//! sums and rewritten ids. A rule without any of these leaves `event_data` as it is, unread and
//! uncopied. Findings point at the place where the sender put the value ([`Moves`]).

use std::borrow::Cow;

use super::path::{Found, Path, View};
use super::template::Template;
use crate::core::event_data::EventData;
use crate::core::finding::{At, Code, Finding, Findings};
use crate::core::json::{self, Json};
use crate::core::meta::ContentType;
use crate::core::meta::event::{pieces, total};
use crate::core::money::Amount;
use crate::core::names::closed_list;

/// Everything a rule changes about `event_data`.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Shape {
    /// Where `value` is, the first that exists; empty: `event_data.value`, else `amount`.
    pub value: Vec<Source>,
    /// Where the currency is, the first that exists.
    pub currency: Vec<Path>,
    /// Where the number of pieces is, the first that exists.
    pub num_items: Vec<Source>,
    /// Which list becomes `contents`.
    pub contents: Option<Lines>,
    /// How ids are rewritten to the catalogue's form.
    pub content_id: Rewrite,
    /// What the ids are ids of, whatever was sent.
    pub content_type: Option<ContentType>,
    /// Parameters that are set, in the file's order.
    pub custom_data: Vec<(String, Fill)>,
}

/// Where a number comes from.
#[derive(Debug, Clone, PartialEq)]
pub enum Source {
    /// A place in the payment.
    Path(Path),
    /// A number of the mapping file, as its digits.
    Literal(String),
    /// `sum(contents)` or `count(contents)`.
    OfContents,
}

impl Source {
    /// The first that exists. Sources behind a sum are not asked: it is made, or it is a fault.
    #[must_use]
    pub fn first<'s>(sources: &'s [Self], view: &View<'_>) -> Option<&'s Self> {
        sources.iter().find(|source| match source {
            Self::Path(path) => path.find(view).is_some(),
            Self::Literal(_) | Self::OfContents => true,
        })
    }
}

/// As a mapping file writes it, in backticks.
impl std::fmt::Display for Source {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Path(path) => write!(formatter, "`{path}`"),
            Self::Literal(digits) => write!(formatter, "`{digits}`"),
            Self::OfContents => formatter.write_str("what is made of `contents`"),
        }
    }
}

/// What a parameter is set to.
#[derive(Debug, Clone, PartialEq)]
pub enum Fill {
    /// A value of the mapping file, as JSON.
    Literal(String),
    /// A value of the payment, of its own kind.
    Path(Path),
    /// Text with places.
    Template(Template),
}

/// `contents = { each = "event_data.lines", id = "sku", … }`: a list under other names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lines {
    /// Where the list is.
    pub each: Path,
    /// For each key of an item of Meta's, the steps to its value within an item of the list.
    pub keys: Vec<(&'static str, Vec<String>)>,
}

closed_list! {
    /// Which letters ids are written with.
    pub enum LetterCase {
        /// Small ones.
        Lower = "lower",
        /// Capitals.
        Upper = "upper",
    }
}

/// How an id becomes the catalogue's.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rewrite {
    /// Taken from the front, where it stands there.
    pub strip_prefix: String,
    /// Taken from the end, where it stands there.
    pub strip_suffix: String,
    /// Put before.
    pub prefix: String,
    /// Put behind.
    pub suffix: String,
    /// Changed to these letters, first of all.
    pub case: Option<LetterCase>,
}

/// Where findings point, for values that the sender keeps elsewhere: from, to.
#[derive(Debug, Default)]
pub struct Moves(Vec<(String, String)>);

impl Rewrite {
    /// The id in the catalogue's form.
    #[must_use]
    pub fn apply<'a>(&self, id: Cow<'a, str>) -> Cow<'a, str> {
        if *self == Self::default() {
            return id;
        }
        let id = match self.case {
            Some(LetterCase::Lower) => id.to_lowercase(),
            Some(LetterCase::Upper) => id.to_uppercase(),
            None => id.into_owned(),
        };
        let bare = id.strip_prefix(&*self.strip_prefix).unwrap_or(&id);
        let bare = bare.strip_suffix(&*self.strip_suffix).unwrap_or(bare);
        Cow::Owned(format!("{}{bare}{}", self.prefix, self.suffix))
    }
}

impl Moves {
    /// The findings, pointing at where the sender put what they are about.
    #[must_use]
    pub fn follow(&self, findings: Findings) -> Findings {
        if self.0.is_empty() {
            return findings;
        }
        findings.into_iter().map(|finding| self.moved(finding)).collect()
    }

    fn moved(&self, mut finding: Finding) -> Finding {
        let At::Pointer(pointer) = &finding.at else { return finding };
        let hit = self.0.iter().find_map(|(from, to)| Some((to, below(pointer, from)?)));
        if let Some((to, rest)) = hit {
            finding.at = At::Pointer(to.replacen('*', &rest.index, 1) + rest.tail);
        }
        finding
    }
}

/// What of a pointer lies below `from`, whose `*` stands for one index.
struct Below<'p> {
    index: String,
    tail: &'p str,
}

fn below<'p>(pointer: &'p str, from: &str) -> Option<Below<'p>> {
    let (head, after) = from.split_once('*').unwrap_or((from, ""));
    let rest = pointer.strip_prefix(head)?;
    let end = if from.contains('*') { rest.find('/').unwrap_or(rest.len()) } else { 0 };
    let (index, rest) = rest.split_at(end);
    let tail = rest.strip_prefix(after)?;
    (tail.is_empty() || tail.starts_with('/')).then(|| Below { index: index.to_owned(), tail })
}

impl Shape {
    /// This shape, with what `general` sets and this one does not.
    #[must_use]
    pub fn completed_with(mut self, general: &Self) -> Self {
        let Self { value, currency, num_items, contents, content_id, content_type, custom_data } =
            general.clone();
        let either = |own: Vec<Source>, other| if own.is_empty() { other } else { own };
        self.value = either(self.value, value);
        self.num_items = either(self.num_items, num_items);
        if self.currency.is_empty() {
            self.currency = currency;
        }
        if self.content_id == Rewrite::default() {
            self.content_id = content_id;
        }
        self.contents = self.contents.or(contents);
        self.content_type = self.content_type.or(content_type);
        // A parameter of the rule's own replaces the general one of the same name.
        let named = |key: &str| self.custom_data.iter().any(|(own, _)| own == key);
        let others: Vec<_> = custom_data.into_iter().filter(|(key, _)| !named(key)).collect();
        self.custom_data.extend(others);
        self
    }

    /// Whether `event_data` can be read as it was sent.
    fn leaves_as_sent(&self) -> bool {
        let Self { value, currency, num_items, contents, custom_data, .. } = self;
        let nothing = value.is_empty() && currency.is_empty() && num_items.is_empty();
        nothing && contents.is_none() && custom_data.is_empty()
    }

    /// `event_data` in Meta's words; `None` where it is read as it was sent.
    #[must_use]
    pub fn before<'v>(&'v self, view: &'v View<'_>) -> Option<(Json<'v>, Moves)> {
        if self.leaves_as_sent() {
            return None;
        }
        let sent = view.payment.event_data.as_ref().and_then(json::fields).unwrap_or_default();
        let mut shaped = Shaped { fields: json::copy_fields(sent), moves: Moves::default() };
        if let Some(lines) = &self.contents {
            shaped.lines(lines, view);
        }
        shaped.number("value", &self.value, view);
        shaped.number("num_items", &self.num_items, view);
        if let Some((path, found)) =
            self.currency.iter().find_map(|path| Some((path, path.find(view)?)))
        {
            shaped.set("currency", found.json(), Some(path));
        }
        for (key, fill) in &self.custom_data {
            match fill {
                Fill::Literal(text) => {
                    shaped.set(key, json::read(text.as_bytes()).unwrap_or(Json::Null), None);
                }
                Fill::Path(path) => {
                    let found = path.find(view).map_or(Json::Null, Found::json);
                    shaped.set(key, found, Some(path));
                }
                Fill::Template(template) => {
                    let text = template.fill(view);
                    shaped.set(
                        key,
                        text.map_or(Json::Null, |text| Json::String(text.into())),
                        None,
                    );
                }
            }
        }
        Some((Json::Object(shaped.fields), shaped.moves))
    }

    /// What can be said only after reading: ids in the catalogue's form, sums and counts.
    pub fn after(&self, read: &mut EventData<'_>, findings: &mut Findings) {
        if self.content_id != Rewrite::default() {
            let ids = std::mem::take(&mut read.content_ids);
            read.content_ids = ids.into_iter().map(|id| self.content_id.apply(id)).collect();
            for item in &mut read.contents {
                item.id = self.content_id.apply(std::mem::take(&mut item.id));
            }
        }
        read.content_type = self.content_type.or(read.content_type);
        // A first source that exists has filled the field already.
        let is_free = |key: &str, is_none: bool| is_none && !read.is_unreadable(key);
        let sums =
            is_free("value", read.value.is_none()) && self.value.contains(&Source::OfContents);
        let counts = is_free("num_items", read.num_items.is_none())
            && self.num_items.contains(&Source::OfContents);
        if sums {
            read.value = total(&read.contents).and_then(|sum| Amount::read(&sum.to_string()).ok());
            let says = "`sum(contents)` needs a quantity and an `item_price` in every item";
            lacking("value", read.value.is_none(), says, (read, findings));
        }
        if counts {
            read.num_items = pieces(&read.contents);
            let says = "`count(contents)` needs a quantity in every item";
            lacking("num_items", read.num_items.is_none(), says, (read, findings));
        }
    }
}

/// A sum that cannot be made is a fault of `contents`, not a field that is missing as well.
fn lacking(
    key: &'static str,
    is_lacking: bool,
    says: &str,
    (read, findings): (&mut EventData<'_>, &mut Findings),
) {
    if !is_lacking {
        return;
    }
    if !read.is_unreadable("contents") {
        let finding = Finding::in_body(Code::SumImpossible, "/event_data/contents", says);
        findings.push(finding.help("send the lines of the order, each with quantity and price"));
    }
    read.unreadable.push(key);
}

/// `event_data` while it is brought into Meta's words.
struct Shaped<'v> {
    fields: Vec<(Cow<'v, str>, Json<'v>)>,
    moves: Moves,
}

impl<'v> Shaped<'v> {
    /// Sets a field, or takes it away where there is nothing to set.
    fn set(&mut self, key: &'v str, value: Json<'v>, from: Option<&Path>) {
        self.fields.retain(|(name, _)| name != key);
        self.fields.push((Cow::Borrowed(key), value));
        if let Some(path) = from {
            self.moves.0.push((json::pointer("/event_data", key), path.pointer()));
        }
    }

    /// The first source that exists. Where sources are named and none exists, there is no number:
    /// taking another one would be a guess.
    fn number(&mut self, key: &'static str, sources: &'v [Source], view: &'v View<'_>) {
        if sources.is_empty() {
            return;
        }
        let (value, from) = match Source::first(sources, view) {
            Some(Source::Path(path)) => (path.find(view).map(Found::json), Some(path)),
            Some(Source::Literal(digits)) => (json::read(digits.as_bytes()).ok(), None),
            // Sums are made after reading.
            Some(Source::OfContents) | None => (None, None),
        };
        self.set(key, value.unwrap_or(Json::Null), from);
    }

    /// Turns a list under other names into `contents`.
    fn lines(&mut self, lines: &'v Lines, view: &'v View<'_>) {
        let Some(Found::Json(Json::Array(items))) = lines.each.find(view) else {
            return;
        };
        // A list that has become `contents` is not a property of the sender's own as well.
        if let [only] = lines.each.steps() {
            self.fields.retain(|(name, _)| name != only);
        }
        let read = items.iter().map(|item| lines.item(item)).collect();
        self.set("contents", Json::Array(read), None);
        let pointer = lines.each.pointer();
        for (key, steps) in &lines.keys {
            let own =
                steps.iter().fold(format!("{pointer}/*"), |at, step| json::pointer(&at, step));
            self.moves.0.push((format!("/event_data/contents/*/{key}"), own));
        }
        self.moves.0.push(("/event_data/contents".to_owned(), pointer));
    }
}

impl Lines {
    /// An item in Meta's words. What is no object stays what it is, and is found as that.
    fn item<'v>(&'v self, item: &'v Json<'v>) -> Json<'v> {
        let Some(fields) = json::fields(item) else { return json::copy(item) };
        let value = |steps: &[String]| {
            let (first, rest) = steps.split_first()?;
            rest.iter()
                .try_fold(json::get(fields, first)?, |at, step| json::get(json::fields(at)?, step))
        };
        let member = |(key, steps): &'v (&'static str, Vec<String>)| {
            Some((Cow::Borrowed(*key), json::copy(value(steps)?)))
        };
        Json::Object(self.keys.iter().filter_map(member).collect())
    }
}
