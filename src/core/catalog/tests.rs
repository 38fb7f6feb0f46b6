//! The catalogue as tables: ids as shops send them, and what is made of them.
//!
//! Expected values: the shapes of ids that the issues named in `near` report, and Meta's rule that
//! ids are compared byte for byte.

use super::near::Mend;
use super::rate::{GOOD_PERCENT, Lookup, MatchRate, TRACKED_MAX};
use super::*;
use crate::core::mapping::DatasetName;
use crate::core::mapping::shape::Rewrite;

fn catalog(rows: &[(&str, &str)]) -> Catalog {
    let mut builder = Builder::default();
    for (line, (id, group)) in (2..).zip(rows) {
        builder.add(line, Row { id, group, ..Row::default() });
    }
    builder.finish().0
}

fn product(catalog: &Catalog, id: &str) -> Option<(String, Option<String>)> {
    let meant = catalog.suggestion(Some(ContentType::Product), id)?;
    if let Mend::Rewrite(rewrite) = &meant.mend {
        assert_ne!(*rewrite, Rewrite::default(), "{id}");
        assert_eq!(rewrite.apply(id.into()), *meant.id, "the line does what it promises: {id}");
    }
    Some((meant.id.to_string(), meant.mend.line()))
}

#[test]
fn the_id_that_was_meant_is_found_and_the_line_that_mends_it() {
    let bare =
        catalog(&[("123", ""), ("456", "g1"), ("00789", ""), ("Red-Shirt-M", ""), ("ab12", "")]);
    let prefixed =
        catalog(&[("wc_post_id_123", ""), ("wc_post_id_124", ""), ("shopify_IN_5_77", "")]);
    for (catalog, sent, id, line) in [
        (&bare, "wc_post_id_123", "123", Some(r#"content_id = { strip_prefix = "wc_post_id_" }"#)),
        (&bare, "123-IN", "123", Some(r#"content_id = { strip_suffix = "-IN" }"#)),
        (
            &bare,
            "shopify_IN_9_456",
            "456",
            Some(r#"content_id = { strip_prefix = "shopify_IN_9_" }"#),
        ),
        (
            &bare,
            "shopify_IN_123_9",
            "123",
            Some(r#"content_id = { strip_prefix = "shopify_IN_", strip_suffix = "_9" }"#),
        ),
        (&bare, "AB12", "ab12", Some(r#"content_id = { case = "lower" }"#)),
        (
            &bare,
            "SKU_AB12",
            "ab12",
            Some(r#"content_id = { case = "lower", strip_prefix = "sku_" }"#),
        ),
        (&bare, "red-shirt-m", "Red-Shirt-M", None),
        (&bare, "789", "00789", None),
        (&bare, "000123", "123", Some(r#"content_id = { strip_prefix = "000" }"#)),
        (&bare, " 123 ", "123", None),
        (&prefixed, "123", "wc_post_id_123", Some(r#"content_id = { prefix = "wc_post_id_" }"#)),
        (&prefixed, "77", "shopify_IN_5_77", Some(r#"content_id = { prefix = "shopify_IN_5_" }"#)),
        (&prefixed, "WC_POST_ID_124", "wc_post_id_124", Some(r#"content_id = { case = "lower" }"#)),
    ] {
        let found = product(catalog, sent);
        assert_eq!(found, Some((id.to_owned(), line.map(str::to_owned))), "{sent}");
    }
}

#[test]
fn a_wrong_hint_is_worse_than_none() {
    let shop = catalog(&[
        ("IN_5", ""),
        ("US_5", ""),
        ("shirt-red", ""),
        ("hat-red", ""),
        ("7", ""),
        ("ABC", ""),
        ("abc", ""),
    ]);
    for sent in ["5", "red", "2024_7", "Abc", "999", "", " ", "_", "mary@7", &"x_".repeat(500)] {
        assert_eq!(product(&shop, sent), None, "{sent}");
    }
    assert_eq!(product(&shop, "wc_post_id_7").map(|found| found.0).as_deref(), Some("7"));
}

#[test]
fn an_id_of_the_other_kind_needs_another_content_type() {
    let shop = catalog(&[("shirt-s", "shirt"), ("shirt-m", "shirt"), ("hat", "")]);
    let line = |kind, id| shop.suggestion(Some(kind), id).and_then(|meant| meant.mend.line());
    let group = Some("content_type = \"product_group\"".to_owned());
    assert_eq!(line(ContentType::Product, "shirt"), group);
    let product = Some("content_type = \"product\"".to_owned());
    assert_eq!(line(ContentType::ProductGroup, "shirt-s"), product);
    for (kind, id, known) in [
        (Some(ContentType::Product), "shirt-s", true),
        (Some(ContentType::Product), "shirt", false),
        (Some(ContentType::Product), "Hat", false),
        (Some(ContentType::ProductGroup), "shirt", true),
        (Some(ContentType::ProductGroup), "hat", false),
        (None, "shirt", true),
        (None, "hat", true),
    ] {
        assert_eq!(shop.has(kind, id), known, "{kind:?} {id}");
    }
}

#[test]
fn rows_that_cannot_be_used_are_summed_up_with_their_lines() {
    let longest = "é".repeat(ID_CHARS_MAX);
    let too_long = format!("{longest}x");
    let mut builder = Builder::default();
    for (line, id, group, price) in [
        (2, "a", "g", "9.99 USD"),
        (3, "", "", "9.99 USD"),
        (4, "a", "", "9.99 USD"),
        (5, &*longest, "", ""),
        (6, &*too_long, "", "1 USD"),
        (7, "b", &*too_long, "$1"),
        (8, " a ", "", "1 USD"),
    ] {
        builder.add(line, Row { id, group, price: Some(price), sale_price: "" });
    }
    builder.unreadable(9);
    let (catalog, report) = builder.finish();
    assert_eq!((report.rows, catalog.products(), catalog.groups()), (8, 3, 1));
    let troubles: Vec<_> = report.troubles.iter().map(|t| (t.problem, t.lines.clone())).collect();
    let expected = vec![
        (Problem::IdMissing, vec![3]),
        (Problem::IdTooLong, vec![6]),
        (Problem::IdTwice, vec![4, 8]),
        (Problem::GroupTooLong, vec![7]),
        (Problem::Price, vec![5, 7]),
        (Problem::NotText, vec![9]),
    ];
    assert_eq!(troubles, expected);
}

#[test]
fn a_feed_keeps_so_many_products_and_no_more() {
    let mut builder = Builder::default();
    for line in 0..=PRODUCTS_MAX {
        builder.add(line as u64, Row { id: &line.to_string(), ..Row::default() });
    }
    let (catalog, report) = builder.finish();
    assert_eq!(catalog.products(), PRODUCTS_MAX);
    assert_eq!(report.troubles[0].problem, Problem::TooMany);
    assert_eq!(report.troubles[0].rows, 1);
    assert!(Problem::TooMany.says().contains(&PRODUCTS_MAX.to_string()));
}

fn lookup(ids: &[(&str, bool)]) -> Lookup {
    let ids = ids.iter().map(|(id, found)| ((*id).to_owned(), *found)).collect();
    let dataset = DatasetName::read("shop").expect("a name");
    Lookup { datasets: vec![dataset], kind: Some(ContentType::Product), ids }
}

#[test]
fn a_rate_is_good_from_ninety_percent_on() {
    for (matched, seen, percent, good) in [
        (90, 100, "90.0", true),
        (89, 100, "89.0", false),
        (899, 1_000, "89.9", false),
        (1, 1, "100.0", true),
    ] {
        let mut rate = MatchRate::default();
        for at in 0..seen {
            rate.note(&lookup(&[("a", at < matched)]));
        }
        let report = rate.report(None, 3);
        assert_eq!(report.rate_percent.map(|p| p.to_string()).as_deref(), Some(percent));
        assert_eq!(report.good, Some(good), "{matched} of {seen}");
    }
    assert_eq!(GOOD_PERCENT, 90);
    let mut none = MatchRate::default();
    none.note(&lookup(&[]));
    let report = none.report(None, 3);
    assert_eq!((report.events, report.rate_percent, report.good), (0, None, None));
}

#[test]
fn a_line_is_proposed_for_what_it_does_to_all_ids() {
    let shop = catalog(&[("123", "shirt"), ("124", ""), ("ab", "")]);
    for (ids, line) in [
        (&[("wc_123", false), ("124", true)][..], Some("content_id = { strip_prefix = \"wc_\" }")),
        // It would mend one and break two.
        (&[("shirt", false), ("123", true), ("124", true)][..], None),
        (&[("shirt", false), ("9", false)][..], Some("content_type = \"product_group\"")),
    ] {
        let mut rate = MatchRate::default();
        rate.note(&lookup(ids));
        let mends = rate.report(Some(&shop), 3).mends;
        assert_eq!(mends.first().map(|mended| &*mended.line), line, "{ids:?}");
    }
}

#[test]
fn letters_that_no_rule_can_mend_are_named_as_such() {
    let shop = catalog(&[("Red-Shirt", "")]);
    let meant = shop.suggestion(Some(ContentType::Product), "red-shirt").expect("a hint");
    let help =
        "did you mean `Red-Shirt`? the feed writes it in other letters; ids are case-sensitive";
    assert_eq!(meant.help(), help);
}

#[test]
fn frequent_ids_are_never_missed_however_many_others_fail() {
    let shop = catalog(&[("123", "")]);
    let mut rate = MatchRate::default();
    for at in 0..5 * TRACKED_MAX {
        let other = format!("other{at}");
        rate.note(&lookup(&[("wc_123", false), (&other, false), ("123", true)]));
    }
    let report = rate.report(Some(&shop), 2);
    assert_eq!((report.seen, report.matched), (15_000, 5_000));
    assert_eq!((&*report.worst[0].id, report.worst[0].times), ("wc_123", 5_000));
    assert_eq!(report.worst[0].did_you_mean.as_deref(), Some("123"));
    assert_eq!(report.mends[0].line, r#"content_id = { strip_prefix = "wc_" }"#);
    let first = &report.mends[0];
    assert_eq!((first.ids, first.breaks), (5_000, 0));
    assert_eq!(first.rate_percent.to_string(), "66.6");
    assert_eq!(report.worst.len(), 2);
}

#[test]
fn a_tail_that_many_ids_share_is_no_hint_and_does_not_hide_one() {
    let ids: Vec<String> = (0..1_000)
        .flat_map(|sku| ["S", "M", "L"].map(|size| format!("SKU{sku}-RED-{size}")))
        .chain(["hat_xl".to_owned()])
        .collect();
    let rows: Vec<(&str, &str)> = ids.iter().map(|id| (id.as_str(), "")).collect();
    let shop = catalog(&rows);
    let line = |line: &str| Some(line.to_owned());
    for (sent, meant) in [
        ("M", None),
        ("RED-M", None),
        ("SKU5", None),
        ("SKU5-RED", None),
        ("xl", Some(("hat_xl", line(r#"content_id = { prefix = "hat_" }"#)))),
        ("in_SKU7-RED-M", Some(("SKU7-RED-M", line(r#"content_id = { strip_prefix = "in_" }"#)))),
        ("HAT_XL", Some(("hat_xl", line(r#"content_id = { case = "lower" }"#)))),
    ] {
        let meant = meant.map(|(id, line)| (id.to_owned(), line));
        assert_eq!(product(&shop, sent), meant, "{sent}");
    }
}

#[test]
fn an_id_that_the_feed_has_got_since_is_no_longer_among_the_worst() {
    let mut rate = MatchRate::default();
    rate.note(&lookup(&[("sku1", false), ("sku2", false)]));
    let worst = |catalog: &Catalog| -> Vec<String> {
        rate.report(Some(catalog), 5).worst.into_iter().map(|missed| missed.id).collect()
    };
    assert_eq!(worst(&catalog(&[])), ["sku1", "sku2"]);
    assert_eq!(worst(&catalog(&[("sku1", "")])), ["sku2"]);
}

#[test]
fn the_count_of_an_id_is_never_too_low() {
    let mut rate = MatchRate::default();
    let times = |rate: &MatchRate, id: &str| {
        let worst = rate.report(None, usize::MAX).worst;
        worst.into_iter().find(|missed| missed.id == id).map(|missed| missed.times)
    };
    for round in 0..10_u64 {
        for at in 0..TRACKED_MAX as u64 {
            rate.note(&lookup(&[(&format!("{round}-{at}"), false), ("often", false)]));
        }
        assert!(times(&rate, "often") >= Some((round + 1) * TRACKED_MAX as u64), "{round}");
    }
    rate.note(&lookup(&[("late", false)]));
    // Ten thousand others were seen once each: it may have been left out so often before.
    let late = times(&rate, "late").expect("the last");
    assert!((1..=11).contains(&late), "{late}");
    assert!(rate.report(None, usize::MAX).worst.len() <= 2 * TRACKED_MAX);
}
