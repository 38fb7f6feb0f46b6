//! Feeds in XML: RSS 2.0 and Atom, with their fields in the namespace `g:` or without it.
//!
//! In: bytes. Out: rows for the [`Builder`]. A field with a prefix counts before one without, because
//! Atom has an `id` of its own. Entities are never looked up or expanded: the five of XML and
//! numbers become characters, any other stays as it is written.
//!
//! # Source
//! Meta, "Reference - Catalog", RSS XML and ATOM XML.

use std::io::BufRead;

use quick_xml::Reader;
use quick_xml::escape::resolve_predefined_entity;
use quick_xml::events::{BytesRef, Event};

use super::meter::Meter;
use super::{FeedError, NAME_BYTES_MAX, XML_DEPTH_MAX};
use crate::core::catalog::{Builder, FIELDS, Row};

/// Longest text that is kept of a field, in bytes: longer ones are too long for what they are.
const TEXT_BYTES_MAX: usize = 1_000;

pub(super) fn read(
    feed: impl BufRead,
    element: Option<&'static str>,
    meter: &Meter,
    builder: &mut Builder,
) -> Result<(), FeedError> {
    let mut reader = Reader::from_reader(feed);
    // Many feeds have a bare `&` in their addresses.
    reader.config_mut().allow_dangling_amp = true;
    let mut walk = Walk { element, depth: 0, line: 1, item: None };
    let mut buffer = Vec::new();
    loop {
        buffer.clear();
        let event = reader.read_event_into(&mut buffer);
        let event = event.map_err(|cause| FeedError::Xml { line: walk.line, cause })?;
        meter.next_record();
        if matches!(event, Event::Eof) {
            return if walk.depth == 0 { Ok(()) } else { Err(FeedError::CutOff) };
        }
        walk.take(&event, builder)?;
        drop(event);
        let breaks = buffer.split(|byte| *byte == b'\n').count() - 1;
        walk.line += u64::try_from(breaks).unwrap_or(0);
    }
}

/// Where in the tree we are.
struct Walk {
    element: Option<&'static str>,
    depth: usize,
    line: u64,
    item: Option<Item>,
}

/// A product that is being read.
struct Item {
    line: u64,
    /// How deep its element is.
    depth: usize,
    /// The field that is open, and whether its name has a prefix.
    open: Option<(usize, bool)>,
    /// For each of [`FIELDS`] its text, and whether its name has a prefix.
    texts: [Option<(String, bool)>; FIELDS.len()],
}

impl Walk {
    fn take(&mut self, event: &Event<'_>, builder: &mut Builder) -> Result<(), FeedError> {
        match event {
            Event::Start(start) => {
                self.depth += 1;
                if self.depth > XML_DEPTH_MAX {
                    return Err(FeedError::TooDeep);
                }
                let name = start.name();
                if AsRef::<str>::as_ref(&name).len() > NAME_BYTES_MAX {
                    return Err(FeedError::NameTooLong { line: self.line });
                }
                self.start(name.as_ref());
            }
            Event::End(_) => self.end(builder),
            Event::Empty(empty) => {
                self.depth += 1;
                self.start(empty.name().as_ref());
                self.end(builder);
            }
            Event::Text(text) => self.text(text),
            Event::CData(data) => self.text(data),
            Event::GeneralRef(reference) => self.text(&character(reference)),
            Event::Comment(_) | Event::Decl(_) | Event::PI(_) | Event::DocType(_) | Event::Eof => {}
        }
        Ok(())
    }

    fn start(&mut self, name: &str) {
        let (prefix, local) = name.split_once(':').map_or((None, name), |(p, l)| (Some(p), l));
        match &mut self.item {
            None => {
                let is_product = match self.element {
                    Some(element) => local == element,
                    None => matches!(local, "item" | "entry"),
                };
                if is_product {
                    let (line, depth) = (self.line, self.depth);
                    self.item = Some(Item { line, depth, open: None, texts: Default::default() });
                }
            }
            Some(item) if self.depth == item.depth + 1 => {
                let field = FIELDS.iter().position(|field| local.eq_ignore_ascii_case(field));
                item.open = field.map(|field| (field, prefix.is_some()));
                if let Some((field, prefixed)) = item.open {
                    item.begin(field, prefixed);
                }
            }
            Some(_) => {}
        }
    }

    fn end(&mut self, builder: &mut Builder) {
        if let Some(item) = &mut self.item {
            if self.depth == item.depth + 1 {
                item.open = None;
            }
            if self.depth == item.depth {
                item.hand_over(builder);
                self.item = None;
            }
        }
        self.depth -= self.depth.min(1);
    }

    fn text(&mut self, text: &str) {
        let Some(item) = &mut self.item else { return };
        // What stands in an element within a field is not the field's own.
        if self.depth != item.depth + 1 {
            return;
        }
        if let Some((field, prefixed)) = item.open
            && let Some((known, known_prefixed)) = &mut item.texts[field]
            && *known_prefixed == prefixed
        {
            let room = TEXT_BYTES_MAX.saturating_sub(known.len());
            known.extend(text.char_indices().take_while(|(at, _)| *at < room).map(|(_, c)| c));
        }
    }
}

impl Item {
    /// A field with a prefix replaces one without, and never the other way round.
    fn begin(&mut self, field: usize, prefixed: bool) {
        let known = &mut self.texts[field];
        if known.as_ref().is_none_or(|(_, known_prefixed)| prefixed || !known_prefixed) {
            *known = Some((String::new(), prefixed));
        }
    }

    fn hand_over(&mut self, builder: &mut Builder) {
        builder.has_fields(self.texts.each_ref().map(Option::is_some));
        let [id, group, price, sale_price] = &self.texts;
        let text = |field: &'_ Option<(String, bool)>| {
            field.as_ref().map(|(text, _)| text.clone()).unwrap_or_default()
        };
        let (id, group, sale_price) = (text(id), text(group), text(sale_price));
        let price = price.as_ref().map(|(text, _)| text.as_str());
        builder.add(self.line, Row { id: &id, group: &group, price, sale_price: &sale_price });
    }
}

/// The character of a reference, or the reference itself.
fn character(reference: &BytesRef<'_>) -> String {
    if let Ok(Some(character)) = reference.resolve_char_ref() {
        return character.to_string();
    }
    let name: &str = reference;
    resolve_predefined_entity(name).map_or_else(|| format!("&{name};"), str::to_owned)
}
