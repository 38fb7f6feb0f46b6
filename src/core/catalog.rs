//! The advertiser's catalogue as events meet it: which ids there are, and at which prices.
//!
//! In: the rows of a product feed ([`Builder`]). Out: a [`Catalog`] that answers in a microsecond
//! whether an id is known, what it costs, and which id was probably meant ([`near`]); and a
//! [`FeedReport`] of the rows that Meta would refuse. [`rate`] counts how many ids of the events
//! were known. Deliberately absent: files and formats; reading those is `config::feed`'s.
//!
//! # Source
//! Meta, "Advantage+ catalog ads", Product variants: `product` names the catalogue's `id`,
//! `product_group` its `item_group_id`, byte for byte; without a `content_type` every item of the
//! id matches.

mod builder;
pub mod near;
pub mod price;
pub mod rate;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::Arc;

pub use builder::{Builder, FIELDS, FeedReport, ID_CHARS_MAX, PRODUCTS_MAX, Problem, Row, Trouble};
use near::{Mend, Near, Suggestion};
use price::Price;

use super::meta::{ContentType, CustomData};
use super::names::closed_list;

closed_list! {
    /// How a feed is written.
    ///
    /// # Source
    /// Meta, "Reference - Catalog", Supported feed formats.
    pub enum FeedFormat {
        /// Comma-separated values, the names of the columns in the first line.
        Csv = "csv",
        /// Tab-separated values, the names of the columns in the first line.
        Tsv = "tsv",
        /// RSS 2.0, with the fields of products in the namespace `g:`.
        Rss = "rss",
        /// Atom, with the fields of products in the namespace `g:`.
        Atom = "atom",
    }
}

/// The `[catalog]` of a mapping file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Feed {
    /// Where the feed is, as it is written: relative to the folder of the mapping file.
    pub path: String,
    /// How it is written; told from its ending and its content where the file does not say.
    pub format: Option<FeedFormat>,
    /// Where the path stands in the mapping file.
    pub span: Range<usize>,
}

/// What a product costs, as far as the feed says.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Prices {
    /// `price`
    pub regular: Option<Price>,
    /// `sale_price`
    pub sale: Option<Price>,
}

/// A catalogue, ready for look-ups.
#[derive(Clone, PartialEq)]
pub struct Catalog {
    products: BTreeMap<Arc<str>, Prices>,
    groups: BTreeSet<Arc<str>>,
    near_products: Near,
    near_groups: Near,
}

/// Thousands of products would bury whatever else is printed.
impl std::fmt::Debug for Catalog {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut shown = formatter.debug_struct("Catalog");
        shown.field("products", &self.products()).field("groups", &self.groups()).finish()
    }
}

impl Catalog {
    fn of(products: BTreeMap<Arc<str>, Prices>, groups: BTreeSet<Arc<str>>) -> Self {
        let (near_products, near_groups) = (Near::of(products.keys()), Near::of(groups.iter()));
        Self { products, groups, near_products, near_groups }
    }

    /// How many products it has.
    #[must_use]
    pub fn products(&self) -> usize {
        self.products.len()
    }

    /// How many groups of variants it has.
    #[must_use]
    pub fn groups(&self) -> usize {
        self.groups.len()
    }

    /// Whether Meta would find this id, sent as an id of this kind.
    #[must_use]
    pub fn has(&self, kind: Option<ContentType>, id: &str) -> bool {
        match kind {
            Some(ContentType::Product) => self.products.contains_key(id),
            Some(ContentType::ProductGroup) => self.groups.contains(id),
            None => self.products.contains_key(id) || self.groups.contains(id),
        }
    }

    /// What the product of this id costs.
    #[must_use]
    pub fn prices(&self, id: &str) -> Option<&Prices> {
        self.products.get(id)
    }

    /// What was probably meant by an id that is not known as one of this kind.
    #[must_use]
    pub fn suggestion(&self, kind: Option<ContentType>, id: &str) -> Option<Suggestion> {
        let other = |kind| Suggestion { id: id.into(), mend: Mend::Kind(kind) };
        match kind {
            Some(ContentType::Product) if self.groups.contains(id) => {
                Some(other(ContentType::ProductGroup))
            }
            Some(ContentType::ProductGroup) if self.products.contains_key(id) => {
                Some(other(ContentType::Product))
            }
            Some(ContentType::Product) => self.near_product(id),
            Some(ContentType::ProductGroup) => self.near_group(id),
            None => self.near_product(id).or_else(|| self.near_group(id)),
        }
    }

    fn near_product(&self, id: &str) -> Option<Suggestion> {
        let known = |part: &str| self.products.get_key_value(part).map(|(known, _)| known);
        self.near_products.meant_by(id, known)
    }

    fn near_group(&self, id: &str) -> Option<Suggestion> {
        self.near_groups.meant_by(id, |part| self.groups.get(part))
    }

    /// Whether Meta would find each id of an event, every id once, in the event's order.
    #[must_use]
    pub fn look_up(&self, custom_data: &CustomData<'_>, both_kinds: bool) -> Vec<(String, bool)> {
        let kind = custom_data.content_type;
        let mut seen = BTreeSet::new();
        let listed = custom_data.content_ids.iter().map(|id| (&**id, kind));
        // Where both kinds of ids came, the lines of the order may rightly name the other kind.
        let of_lines = if both_kinds { None } else { kind };
        let lines = custom_data.contents.iter().map(|item| (&*item.id, of_lines));
        listed
            .chain(lines)
            .filter(|(id, _)| seen.insert(*id))
            .map(|(id, kind)| (id.to_owned(), self.has(kind, id)))
            .collect()
    }
}

#[cfg(test)]
mod tests;
