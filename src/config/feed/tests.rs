//! Feeds as files: every format, as shops export them and as nobody should.
//!
//! Expected values are read off the texts. The shapes follow Meta's "Reference - Catalog" and its
//! sample feeds: comments in front, quoted fields, `g:` in XML.

use std::collections::HashMap;
use std::io::Write as _;
use std::path::PathBuf;

use super::*;
use crate::core::catalog::{FIELDS, Problem};
use crate::core::meta::ContentType;

#[derive(Debug)]
struct Files(HashMap<PathBuf, Vec<u8>>);

impl World for Files {
    fn file(&self, _: &Path) -> io::Result<String> {
        Err(io::ErrorKind::NotFound.into())
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn Read>> {
        let bytes = self.0.get(path).cloned().ok_or(io::ErrorKind::NotFound)?;
        Ok(Box::new(io::Cursor::new(bytes)))
    }

    fn variable(&self, _: &str) -> Option<String> {
        None
    }
}

fn read_as(
    name: &str,
    bytes: &[u8],
    format: Option<FeedFormat>,
) -> Result<(Catalog, FeedReport), FeedError> {
    let files = Files(HashMap::from([(name.into(), bytes.to_vec())]));
    read(Path::new(name), format, &files)
}

fn gzipped(bytes: &[u8]) -> Vec<u8> {
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(bytes).expect("memory");
    packed.finish().expect("memory")
}

const CSV: &str = "\u{feff}# ref_application_id 1\r\n\"# Required | The id\",\"# x\"\r\nID,Title,Item Group ID,Price,sale_price\r\n\
    sku1,\"A \"\"royal\"\" shirt,\r\nin red\",shirt,9.99 USD,\r\n,,,,\r\nsku2,Hat,,\"1,000.00 USD\",8 USD\r\n";

const RSS: &str = r#"<?xml version="1.0"?><!DOCTYPE rss [<!ENTITY lol "lol"><!ENTITY big "&lol;&lol;">]>
<rss xmlns:g="http://base.google.com/ns/1.0" version="2.0"><channel><title>Shop</title><link>https://x.io/?a=1&b=2</link>
<item><g:id>sku1</g:id><title>A &amp; B &big;</title><g:item_group_id><![CDATA[shirt]]></g:item_group_id>
<g:price>9.99 USD</g:price><g:shipping><g:price>1 USD</g:price></g:shipping></item>
<item><g:id> sku2 </g:id><g:price>1000 &#85;SD</g:price><g:sale_price>8 USD</g:sale_price><g:gtin/></item></channel></rss>"#;

const ATOM: &str = r#"<feed xmlns="http://www.w3.org/2005/Atom" xmlns:g="http://base.google.com/ns/1.0"><id>tag:shop</id>
<entry><id>https://shop.example/1</id><g:id>sku1</g:id><g:item_group_id>shirt</g:item_group_id><g:price>9.99 USD</g:price></entry>
<entry><g:id>sku2</g:id><id>https://shop.example/2</id><g:price>1000 USD</g:price><g:sale_price>8 USD</g:sale_price></entry></feed>"#;

#[test]
fn every_format_of_metas_gives_the_same_catalogue() {
    let tsv = CSV.replace("\"1,000.00 USD\"", "1000 USD").replace(",\r\nin red", " in red");
    let tsv = tsv.replace(',', "\t");
    let gz = gzipped(CSV.as_bytes());
    for (name, bytes, format) in [
        ("f.csv", CSV.as_bytes(), None),
        ("f.csv.gz", &gz, None),
        ("export", CSV.as_bytes(), Some(FeedFormat::Csv)),
        ("f.tsv", tsv.as_bytes(), None),
        ("export.txt", tsv.as_bytes(), None),
        ("f.csv", tsv.as_bytes(), Some(FeedFormat::Tsv)),
        ("f.xml", RSS.as_bytes(), None),
        ("f.csv", RSS.as_bytes(), Some(FeedFormat::Rss)),
        ("f.xml", ATOM.as_bytes(), None),
        ("f", ATOM.as_bytes(), Some(FeedFormat::Atom)),
    ] {
        let (catalog, report) = read_as(name, bytes, format).expect(name);
        assert_eq!((report.rows, report.products, report.groups), (2, 2, 1), "{name} {report:?}");
        assert!(report.troubles.is_empty(), "{name} {report:?}");
        assert_eq!(report.fields, FIELDS, "{name}");
        assert!(catalog.has(Some(ContentType::ProductGroup), "shirt"), "{name}");
        let price = |price: Option<crate::core::catalog::price::Price>| {
            price.map(|price| price.amount.decimal().normalize().to_string())
        };
        let first = catalog.prices("sku1").expect(name);
        assert_eq!((price(first.regular).as_deref(), price(first.sale)), (Some("9.99"), None));
        let second = catalog.prices("sku2").expect(name);
        assert_eq!(price(second.regular).as_deref(), Some("1000"), "{name}");
        assert_eq!(price(second.sale).as_deref(), Some("8"), "{name}");
    }
}

#[test]
fn a_feed_that_cannot_be_read_says_why() {
    let deep = "<a>".repeat(XML_DEPTH_MAX + 1);
    let cut = &RSS[..RSS.rfind("<item>").expect("an item")];
    for (name, bytes, expected) in [
        ("f.xml", deep.as_bytes(), "nested more than 64 deep"),
        ("f.xml", cut.as_bytes(), "ends in the middle"),
        ("f.xml", b"<rss><item></rss>".as_slice(), "near line 1"),
        ("f.csv", b"\xff\xfei\0d\0", "UTF-16"),
        ("f.csv.gz", b"\x1f\x8b\x08 broken", ""),
    ] {
        let error = read_as(name, bytes, None).expect_err(expected);
        assert!(error.to_string().contains(expected), "{expected}: {error}");
    }
    let error = read(Path::new("none"), None, &Files(HashMap::new())).expect_err("no file");
    assert!(matches!(error, FeedError::Io(_)), "{error}");
    // As deep as it may be is no error, but for its end.
    let deepest = format!("{}{}", "<a>".repeat(XML_DEPTH_MAX), "</a>".repeat(XML_DEPTH_MAX));
    assert_eq!(read_as("f.xml", deepest.as_bytes(), None).expect("XML").1.products, 0);
}

#[test]
fn what_is_no_text_costs_its_row() {
    let (_, report) = read_as("f.csv", b"id,price\na\xff,1 USD\nb,1 USD\n", None).expect("a table");
    assert_eq!((report.rows, report.products), (2, 1));
    assert_eq!(report.troubles[0].problem, Problem::NotText);
    assert_eq!(report.troubles[0].lines, [2]);
}

/// A record without end: a quote that is never closed, an element, a comment.
#[test]
fn a_record_without_end_does_not_fill_the_memory() {
    let max = usize::try_from(RECORD_BYTES_MAX).expect("a size");
    for (name, start, count) in [
        ("f.csv", "id,price\n\"", max + 65_536),
        ("f.xml", "<rss><item><g:id>", max + 65_536),
        ("f.xml", "<rss><!--", max + 65_536),
        ("f.xml", "<rss><x y=\"", max + 65_536),
    ] {
        // Packed, it is a small file.
        let text = format!("{start}{}", "x".repeat(count));
        let error = read_as(name, &gzipped(text.as_bytes()), None).expect_err(start);
        let chain = error.to_string();
        assert!(chain.contains("larger than 5 MiB"), "{start}: {chain}");
    }
    // A large record that ends is read.
    let text = format!("id,title\na,\"{}\"\nb,c\n", "x".repeat(max - 65_536));
    assert_eq!(read_as("f.csv", text.as_bytes(), None).expect("a table").1.products, 2);
}

#[test]
fn a_feed_may_be_as_large_as_its_maximum_and_not_a_byte_more() {
    for (whole, record, bytes, fault) in
        [(10, 10, 10, None), (10, 100, 11, Some("4 GiB")), (100, 10, 11, Some("5 MiB"))]
    {
        let source = Box::new(io::Cursor::new(vec![b'x'; bytes]));
        let read = Metered::new(source, Meter::new(whole, record)).read_to_end(&mut Vec::new());
        let said = read.err().map(|error| error.to_string());
        assert_eq!(said.is_some(), fault.is_some(), "{bytes}");
        assert!(said.unwrap_or_default().contains(fault.unwrap_or_default()), "{bytes}");
    }
    assert_eq!(FEED_BYTES_MAX >> 30, 4, "the sentence says so");
    assert_eq!(RECORD_BYTES_MAX >> 20, 5);
}

#[test]
fn a_quote_that_is_never_closed_does_not_swallow_the_feed() {
    let rows: Vec<String> = (3..100).map(|id| format!("{id},tv,2 USD\n")).collect();
    let rows = rows.concat();
    let closed_late = format!("id,title,price\n1,tv,2 USD\n2,\"5 inch tv,2 USD\n{rows}9,\",\n");
    for (text, line) in [
        (format!("id,title,price\n1,tv,2 USD\n2,\"5 inch tv,2 USD\n{rows}"), 3),
        (closed_late, 3),
        ("id,title\n1,\"tv".to_owned(), 2),
        ("# comment\n\nid,title\n1,\"tv\n".to_owned(), 4),
        ("\"id,title\n".to_owned(), 1),
    ] {
        let error = read_as("f.csv", text.as_bytes(), None).expect_err(&text);
        assert!(matches!(error, FeedError::QuoteNotClosed { line: at } if at == line), "{error}");
        // Between tabs it is a character.
        let text = text.replace(',', "\t");
        assert!(read_as("f.tsv", text.as_bytes(), None).is_ok());
    }
    let of_lines = |count: usize| format!("id,title\n1,\"{}\"\n2,x\n", "a\n".repeat(count));
    let max = usize::try_from(RECORD_LINES_MAX).expect("a size");
    let (_, report) = read_as("f.csv", of_lines(max - 1).as_bytes(), None).expect("at the limit");
    assert_eq!(report.products, 2);
    assert!(read_as("f.csv", of_lines(max).as_bytes(), None).is_err(), "one past it");
    let (_, report) =
        read_as("f.tsv", b"id\ttitle\n1\t\"5 inch tv\n\"2\"\tx\n", None).expect("a table");
    assert_eq!(report.products, 2);
}

#[test]
fn no_feed_makes_many_columns_or_long_names() {
    for (count, is_read) in [(COLUMNS_MAX, true), (COLUMNS_MAX + 1, false)] {
        let text = format!("id{}\na\n", ",".repeat(count - 1));
        assert_eq!(read_as("f.csv", text.as_bytes(), None).is_ok(), is_read, "{count}");
    }
    for (count, is_read) in [(NAME_BYTES_MAX, true), (NAME_BYTES_MAX + 1, false)] {
        let name = "x".repeat(count);
        let text = format!("<rss><{name}></{name}></rss>");
        assert_eq!(read_as("f.xml", text.as_bytes(), None).is_ok(), is_read, "{count}");
    }
}

#[test]
fn what_stands_before_and_behind_the_rows_is_no_product() {
    let large = usize::try_from(RECORD_BYTES_MAX).expect("a size") + 65_536;
    let comment = format!("#{}\n", "x".repeat(large));
    let rows = "id,title\na,b\n";
    for before in [comment, "\r\n".repeat(large / 2), "# x\n".repeat(large / 4)] {
        let text = format!("{before}{rows}");
        let (_, report) = read_as("f.csv", text.as_bytes(), None).expect("a table");
        assert_eq!(report.products, 1);
    }
}

#[test]
fn gzip_may_come_in_members_and_with_zeros_behind_them() {
    let (one, two) = CSV.as_bytes().split_at(2);
    let members = [gzipped(one), gzipped(b""), gzipped(two)].concat();
    let padded = [members.clone(), vec![0; 10_000]].concat();
    for bytes in [members.clone(), padded] {
        let (_, report) = read_as("f.csv.gz", &bytes, None).expect("a table");
        assert_eq!((report.products, report.troubles.len()), (2, 0), "{report:?}");
    }
    let spoilt = [members, b"more".to_vec()].concat();
    assert!(read_as("f.csv.gz", &spoilt, None).is_err());
}
