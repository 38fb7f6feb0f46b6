//! The catalogue: each id must be one of its ids, each price one of its prices.
//!
//! Only where the mapping file names a product feed. Meta takes the event either way; an id that
//! is not in the catalogue shows no product to anybody, so this is a warning that a mapping file may
//! make an error (`checks = { E244 = "block" }`). Neither profile blocks by itself: the feed may be
//! a day old, and a purchase that is measured is worth more than one that is matched.
//!
//! A price may differ by one minor unit, because a unit price is often an order's total divided by
//! its pieces. The sale price counts whenever the feed names one: when a sale begins and ends is
//! the feed's to say, and feeds are late.
//!
//! Source: Meta, "Advantage+ catalog ads", Product variants; Linkrunner, "Meta Commerce Manager",
//! rows `content_ids` and `item_price`.

use std::collections::BTreeSet;

use super::Evidence;
use crate::core::catalog::price::Price;
use crate::core::catalog::{Catalog, Prices};
use crate::core::finding::{Code, Finding};
use crate::core::json::shortened;
use crate::core::meta::{ContentItem, ContentType};
use crate::core::money::{Amount, Currency};

/// Most ids of one event that are named one by one. Ours: a wrong prefix spoils all of them, and
/// the first says how.
const NAMED_MAX: usize = 5;

pub(super) fn check(evidence: &Evidence<'_>) -> Vec<Finding> {
    let Some(catalog) = evidence.catalog else { return Vec::new() };
    let mut findings = ids(evidence, catalog);
    findings.extend(prices(evidence, catalog));
    findings
}

/// An id as the event has it, its kind, and where it stands in the body.
type PlacedId<'e> = (&'e str, Option<ContentType>, String);

/// Every id once. Where `content_ids` were made of `contents`, they stand there.
fn placed_ids<'e>(evidence: &Evidence<'e>) -> Vec<PlacedId<'e>> {
    let Evidence { sent, custom_data, .. } = *evidence;
    let kind = custom_data.content_type;
    let key = if sent.groups { "item_group_ids" } else { "content_ids" };
    let listed = custom_data.content_ids.iter().filter(|_| !sent.content_ids.is_empty());
    let listed = listed.map(|id| (&**id, kind, format!("/event_data/{key}")));
    // Where both kinds of ids came, the lines of the order may rightly name the other kind.
    let of_lines = if sent.groups && sent.both_kinds { None } else { kind };
    let exact = !sent.is_unreadable("contents");
    let lines = custom_data.contents.iter().enumerate().map(|(index, item)| {
        let place = if exact { format!("/{index}/id") } else { String::new() };
        (&*item.id, of_lines, format!("/event_data/contents{place}"))
    });
    let mut seen = BTreeSet::new();
    listed.chain(lines).filter(|(id, ..)| seen.insert(*id)).collect()
}

fn ids(evidence: &Evidence<'_>, catalog: &Catalog) -> Vec<Finding> {
    let all = placed_ids(evidence);
    let missing: Vec<PlacedId<'_>> =
        all.into_iter().filter(|(id, kind, _)| !catalog.has(*kind, id)).collect();
    let more = missing.len().saturating_sub(NAMED_MAX);
    let named = missing.iter().take(NAMED_MAX).map(|(id, kind, at)| {
        let finding = Finding::in_body(Code::IdNotInCatalog, at, not_known(id, *kind));
        finding.help(match catalog.suggestion(*kind, id) {
            Some(meant) => meant.help(),
            None => "send the id as the catalogue has it, or bring the feed up to date".to_owned(),
        })
    });
    let mut findings: Vec<Finding> = named.collect();
    if let Some((_, _, at)) = missing.get(NAMED_MAX) {
        let says = format!("{more} more ids of this event are not in the catalogue");
        findings.push(Finding::in_body(Code::IdNotInCatalog, at, says));
    }
    findings
}

fn not_known(id: &str, kind: Option<ContentType>) -> String {
    let id = shortened(id);
    match kind {
        Some(ContentType::Product) => format!("`{id}` is not the id of a product of the catalogue"),
        Some(ContentType::ProductGroup) => {
            format!("`{id}` is not the id of a group of variants of the catalogue")
        }
        None => format!("`{id}` is not an id of the catalogue"),
    }
}

/// The first line whose price is none of its product's.
fn prices(evidence: &Evidence<'_>, catalog: &Catalog) -> Option<Finding> {
    let Evidence { sent, custom_data, .. } = *evidence;
    // A list that could be read only in part has lost its places.
    let currency = custom_data.currency.filter(|_| !sent.is_unreadable("contents"))?;
    let differing: Vec<(usize, Amount, &Prices)> = custom_data
        .contents
        .iter()
        .enumerate()
        .filter_map(|(index, item)| {
            let (price, prices) = differing(item, currency, catalog)?;
            Some((index, price, prices))
        })
        .collect();
    let (index, price, prices) = differing.first()?;
    let known: Vec<String> = of_feed(prices, currency).map(|known| known.to_string()).collect();
    let more = match differing.len() {
        1 => String::new(),
        count => format!("; so do {} more lines", count - 1),
    };
    let code = currency.code();
    let says =
        format!("`item_price` is {price}, the catalogue says {} {code}{more}", known.join(" or "));
    let at = format!("/event_data/contents/{index}/item_price");
    let finding = Finding::in_body(Code::PriceDiffers, at, says);
    Some(finding.help("send the price of one piece as the shop shows it, or bring the feed up to date; discounts belong into `value`"))
}

fn differing<'c>(
    item: &ContentItem<'_>,
    currency: Currency,
    catalog: &'c Catalog,
) -> Option<(Amount, &'c Prices)> {
    let price = item.item_price?;
    let prices = catalog.prices(&item.id)?;
    let minor_unit = Amount::new(1, currency.minor_digits()).decimal();
    let mut known = of_feed(prices, currency).peekable();
    known.peek()?;
    let is_one = known.any(|known| {
        known.decimal().checked_sub(price.decimal()).is_some_and(|off| off.abs() <= minor_unit)
    });
    (!is_one).then_some((price, prices))
}

/// The prices of a product in this currency. One without a currency is in the catalogue's own,
/// which the feed does not name, so it is not compared.
fn of_feed(prices: &Prices, currency: Currency) -> impl Iterator<Item = Amount> {
    let Prices { regular, sale } = *prices;
    let known = [regular, sale].into_iter().flatten();
    known.filter(move |price: &Price| price.currency == Some(currency)).map(|price| price.amount)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use crate::core::catalog::{Builder, Row};
    use crate::core::decide::{Case, Verdict, decide};
    use crate::core::finding::Code;
    use crate::core::mapping::{Datasets, compile};
    use crate::core::time::Timestamp;
    use crate::core::user::User;
    use crate::core::{json, payment};

    /// What is said of the ids and prices of a purchase: code, place, help.
    fn said(rule: &str, event_data: &str) -> (Verdict, Vec<(Code, String, String)>) {
        let source = format!(
            "version = 1\n[defaults]\ndataset = \"shop\"\n[payments]\nDEFAULT = {{ event = \"Purchase\", {rule} }}\n"
        );
        let mut builder = Builder::default();
        for (id, group, price, sale_price) in [
            ("123", "shirt", "1000 INR", "800 INR"),
            ("124", "shirt", "9.99 USD", ""),
            ("125", "", "0.01", ""),
        ] {
            builder.add(2, Row { id, group, price: Some(price), sale_price });
        }
        let catalog = Arc::new(builder.finish().0);
        let mapping = compile(&source, Datasets::Any).0.expect(&source).with_catalog(catalog);
        let body =
            format!(r#"{{"user_id":"1","amount":5,"currency":"INR","event_data":{event_data}}}"#);
        let now = Timestamp::from_seconds(1_772_280_000);
        let payment = payment::read(json::read(body.as_bytes()).expect(&body), now).value;
        let decision = decide(Case {
            mapping: &mapping,
            payment: &payment.expect(&body),
            user: Some(&User::default()),
            currency: None,
            record_id: "r1",
            now,
        });
        let ours = |code| matches!(code, Code::IdNotInCatalog | Code::PriceDiffers);
        let found = decision.findings.iter().filter(|finding| ours(finding.code));
        let found =
            found.map(|f| (f.code, format!("{:?}", f.at), f.help.clone().unwrap_or_default()));
        (decision.verdict, found.collect())
    }

    #[test]
    fn each_id_is_looked_up_as_what_it_is_sent_as() {
        let strip = r#"content_id = { strip_prefix = "wc_" }"#;
        for (rule, event_data, expected) in [
            ("", r#"{"content_ids":["123","124"],"content_type":"product"}"#, vec![]),
            (
                "",
                r#"{"content_ids":["wc_123"]}"#,
                vec![("/event_data/content_ids", "strip_prefix")],
            ),
            (strip, r#"{"content_ids":["wc_123"]}"#, vec![]),
            (
                "",
                r#"{"contents":[{"id":"123","quantity":1},{"id":"9","quantity":1}]}"#,
                vec![("/event_data/contents/1/id", "bring the feed up to date")],
            ),
            (
                "",
                r#"{"content_ids":["shirt"],"content_type":"product"}"#,
                vec![("/event_data/content_ids", "product_group")],
            ),
            (r#"content_type = "product_group""#, r#"{"content_ids":["shirt"]}"#, vec![]),
            ("", r#"{"item_group_ids":["shirt"]}"#, vec![]),
            (
                "",
                r#"{"item_group_ids":["124"]}"#,
                vec![("/event_data/item_group_ids", "product\"")],
            ),
            (
                "",
                r#"{"item_group_ids":["shirt"],"content_ids":["x"],"content_type":"product_group","contents":[{"id":"123","quantity":1}]}"#,
                vec![],
            ),
            ("", "{}", vec![]),
        ] {
            let (verdict, found) = said(rule, event_data);
            assert_eq!(verdict, Verdict::Forward, "Meta takes it: {event_data}");
            assert_eq!(found.len(), expected.len(), "{event_data}: {found:?}");
            for ((code, at, help), (place, part)) in found.iter().zip(expected) {
                assert_eq!(*code, Code::IdNotInCatalog);
                assert!(at.contains(&format!("\"{place}\"")), "{event_data}: {at}");
                assert!(help.contains(part), "{event_data}: {help}");
            }
        }
    }

    #[test]
    fn a_mapping_file_may_block_what_the_catalogue_lacks() {
        let rule = r#"checks = { E244 = "block" }"#;
        assert_eq!(said(rule, r#"{"content_ids":["9"]}"#).0, Verdict::Block);
        assert_eq!(said(rule, r#"{"content_ids":["123"]}"#).0, Verdict::Forward);
        let many: Vec<String> = (1_000..2_000).map(|id| format!("\"{id}\"")).collect();
        let (_, found) = said("", &format!(r#"{{"content_ids":[{}]}}"#, many.join(",")));
        assert_eq!(found.len(), super::NAMED_MAX + 1, "the rest is summed up");
    }

    #[test]
    fn a_price_is_one_of_the_catalogues_give_or_take_a_minor_unit() {
        for (id, price, currency, differs) in [
            ("123", "1000", "INR", false),
            ("123", "1000.01", "INR", false),
            ("123", "1000.02", "INR", true),
            ("123", "800", "INR", false),
            ("123", "900", "INR", true),
            ("123", "100000", "INR", true),
            ("123", "900", "USD", false),
            ("124", "9.98", "USD", false),
            ("124", "9.97", "USD", true),
            ("125", "77", "USD", false),
            ("999", "77", "USD", false),
        ] {
            let event_data = format!(
                r#"{{"value":5,"currency":"{currency}","contents":[{{"id":"{id}","quantity":1,"item_price":{price}}}]}}"#
            );
            let (_, found) = said("", &event_data);
            let at = |found: &(Code, String, String)| {
                found.0 == Code::PriceDiffers
                    && found.1.contains("/event_data/contents/0/item_price")
            };
            assert_eq!(found.iter().any(at), differs, "{event_data}: {found:?}");
        }
    }
}
