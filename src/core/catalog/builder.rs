//! Builds a catalogue row by row, and keeps account of the rows that cannot be used.
//!
//! In: [`Row`]s, the texts of four fields. Out: a [`Catalog`] and a [`FeedReport`]. What a feed may
//! hold is bounded, so that no feed can fill the memory: [`PRODUCTS_MAX`], [`ID_CHARS_MAX`].

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::price::Price;
use super::{Catalog, Prices};
use crate::core::names::closed_list;

/// Most products that are kept of a feed. Ours: some 200 MB in memory; beyond, what is looked up
/// would be a part of the catalogue, and the report says so.
pub const PRODUCTS_MAX: usize = 500_000;

/// Longest id.
///
/// # Source
/// Meta, "Catalog fields", `id` and `item_group_id`: at most 100 characters.
pub const ID_CHARS_MAX: usize = 100;

/// The fields that are read of a feed.
pub const FIELDS: [&str; 4] = ["id", "item_group_id", "price", "sale_price"];

/// How many lines a report names of each trouble.
const LINES_SHOWN: usize = 3;

closed_list! {
    /// What may be wrong with a row.
    pub enum Problem {
        /// It has no id.
        IdMissing = "id_missing",
        /// Its id is too long.
        IdTooLong = "id_too_long",
        /// An earlier row has its id.
        IdTwice = "id_twice",
        /// The id of its group is too long.
        GroupTooLong = "group_id_too_long",
        /// Its price cannot be read.
        Price = "price_unreadable",
        /// Its sale price cannot be read.
        SalePrice = "sale_price_unreadable",
        /// It is not UTF-8.
        NotText = "not_utf_8",
        /// It is one too many.
        TooMany = "too_many",
    }
}

impl Problem {
    /// The trouble of so many rows, as a sentence about rows ends.
    #[must_use]
    pub const fn says(self) -> &'static str {
        match self {
            Self::IdMissing => "have no `id`",
            Self::IdTooLong => "have an `id` of more than 100 characters",
            Self::IdTwice => "have an `id` that an earlier row has",
            Self::GroupTooLong => "have an `item_group_id` of more than 100 characters",
            Self::Price => "have a `price` that cannot be read",
            Self::SalePrice => "have a `sale_price` that cannot be read",
            Self::NotText => "are not UTF-8 text",
            Self::TooMany => "are beyond the 500000 products that are kept",
        }
    }

    /// What to do about it.
    #[must_use]
    pub const fn help(self) -> &'static str {
        match self {
            Self::IdMissing => "give every product an id; the row is left out",
            Self::IdTooLong => "shorten it; Meta refuses the row, and it is left out here",
            Self::IdTwice => "give every product an id of its own; the first row counts here",
            Self::GroupTooLong => "shorten it; the product is kept without its group",
            Self::Price | Self::SalePrice => {
                "write a number with a point, a blank and the currency: \"9.99 USD\""
            }
            Self::NotText => "save the feed as UTF-8; the row is left out",
            Self::TooMany => "name a feed with the products that this file sells",
        }
    }
}

/// The texts of one product; empty where the feed has none.
#[derive(Debug, Clone, Copy, Default)]
pub struct Row<'r> {
    /// `id`
    pub id: &'r str,
    /// `item_group_id`
    pub group: &'r str,
    /// `price`; none where the feed has no such field, so that it is not missed in each row.
    pub price: Option<&'r str>,
    /// `sale_price`
    pub sale_price: &'r str,
}

/// One kind of trouble, summed up.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Trouble {
    /// What it is.
    pub problem: Problem,
    /// How many rows have it.
    pub rows: u64,
    /// The lines of the first of them.
    pub lines: Vec<u64>,
}

/// What there is to say of a feed.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
pub struct FeedReport {
    /// How many rows it has.
    pub rows: u64,
    /// How many products were read.
    pub products: usize,
    /// How many groups of variants.
    pub groups: usize,
    /// Which of [`FIELDS`] it has: its columns, or the elements of its products.
    pub fields: Vec<&'static str>,
    /// What is wrong with rows, in the order of [`Problem`].
    pub troubles: Vec<Trouble>,
}

/// A catalogue that is being read.
#[derive(Debug, Default)]
pub struct Builder {
    products: BTreeMap<Arc<str>, Prices>,
    groups: BTreeSet<Arc<str>>,
    rows: u64,
    has_field: [bool; FIELDS.len()],
    troubles: BTreeMap<Problem, Trouble>,
}

impl Builder {
    /// Takes the row at this line.
    pub fn add(&mut self, line: u64, row: Row<'_>) {
        self.rows += 1;
        let id = row.id.trim();
        if id.is_empty() {
            return self.note(Problem::IdMissing, line);
        }
        if is_too_long(id) {
            return self.note(Problem::IdTooLong, line);
        }
        if self.products.contains_key(id) {
            return self.note(Problem::IdTwice, line);
        }
        if self.products.len() == PRODUCTS_MAX {
            return self.note(Problem::TooMany, line);
        }
        let regular = row.price.and_then(|text| self.price(Problem::Price, text, line));
        let sale = Some(row.sale_price).filter(|text| !text.trim().is_empty());
        let sale = sale.and_then(|text| self.price(Problem::SalePrice, text, line));
        self.products.insert(id.into(), Prices { regular, sale });
        self.group(line, row.group.trim());
    }

    /// Takes note of which of [`FIELDS`] a head or a product has.
    pub fn has_fields(&mut self, has: [bool; FIELDS.len()]) {
        for (known, has) in self.has_field.iter_mut().zip(has) {
            *known |= has;
        }
    }

    /// Counts a row that cannot even be read.
    pub fn unreadable(&mut self, line: u64) {
        self.rows += 1;
        self.note(Problem::NotText, line);
    }

    /// The catalogue, and what there is to say of its feed.
    #[must_use]
    pub fn finish(self) -> (Catalog, FeedReport) {
        let catalog = Catalog::of(self.products, self.groups);
        let fields = FIELDS.into_iter().zip(self.has_field);
        let report = FeedReport {
            rows: self.rows,
            fields: fields.filter_map(|(field, has)| has.then_some(field)).collect(),
            products: catalog.products(),
            groups: catalog.groups(),
            troubles: self.troubles.into_values().collect(),
        };
        (catalog, report)
    }

    fn group(&mut self, line: u64, group: &str) {
        if is_too_long(group) {
            self.note(Problem::GroupTooLong, line);
        } else if !group.is_empty() && !self.groups.contains(group) {
            self.groups.insert(group.into());
        }
    }

    fn price(&mut self, problem: Problem, text: &str, line: u64) -> Option<Price> {
        let price = Price::read(text);
        if price.is_none() {
            self.note(problem, line);
        }
        price
    }

    fn note(&mut self, problem: Problem, line: u64) {
        let trouble = self.troubles.entry(problem);
        let trouble = trouble.or_insert_with(|| Trouble { problem, rows: 0, lines: Vec::new() });
        trouble.rows += 1;
        if trouble.lines.len() < LINES_SHOWN {
            trouble.lines.push(line);
        }
    }
}

fn is_too_long(id: &str) -> bool {
    id.chars().nth(ID_CHARS_MAX).is_some()
}
