//! Reads a product feed: a CSV, TSV, RSS or Atom file, as it is or with gzip.
//!
//! In: a path, and a [`World`] to open it in. Out: a [`Catalog`] and what there is to say of its rows.
//! A feed is read in one pass and never held in memory, whatever is in it: a file, a record and an
//! XML tree have named maxima, and no entity is looked up or expanded.
//!
//! # Source
//! Meta, "Reference - Catalog", Supported feed formats.

mod gzip;
mod meter;
mod table;
mod xml;

use std::io::{self, BufRead as _, BufReader, Read};
use std::path::Path;

use super::World;
use crate::core::catalog::{Builder, Catalog, FeedFormat, FeedReport};
use gzip::Unpacked;
use meter::{Meter, Metered};

/// Largest feed, in bytes once it is unpacked. Ours: ten times what 500,000 products usually need.
pub const FEED_BYTES_MAX: u64 = 4 * 1024 * 1024 * 1024;

/// Largest record of a feed, in bytes.
///
/// # Source
/// Meta, "Reference - Catalog", RSS XML: a line has at most 5,242,880 bytes.
pub const RECORD_BYTES_MAX: u64 = 5_242_880;

/// Deepest XML of a feed. Ours: `rss/channel/item/g:shipping/g:price` is five deep.
pub const XML_DEPTH_MAX: usize = 64;

/// Longest name of an XML element, in bytes. Ours: `g:additional_variant_attribute` has 30. Those of
/// open elements are kept.
pub const NAME_BYTES_MAX: usize = 1_000;

/// Most columns of a table. Ours: Meta knows some hundred fields.
pub const COLUMNS_MAX: usize = 10_000;

/// Most lines of one record. Ours: far more than a description between quotes has.
pub const RECORD_LINES_MAX: u64 = 50;

/// How much of a feed is looked at before it is known what it is, in bytes.
const START_BYTES: u64 = 8_192;

/// Why a feed cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum FeedError {
    /// The file system says so, or the gzip is broken.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// It is no table, or one record of it is too large.
    #[error("{0}")]
    Table(csv::Error),
    /// It is no XML, or one product of it is too large.
    #[error("near line {line}: {cause}")]
    Xml {
        /// Where.
        line: u64,
        /// Why.
        cause: quick_xml::Error,
    },
    /// Its elements are nested too deep.
    #[error("its XML is nested more than {XML_DEPTH_MAX} deep")]
    TooDeep,
    /// Somebody is still writing it, or broke off.
    #[error("its XML ends in the middle; is it being written just now?")]
    CutOff,
    /// The name of an element is too long.
    #[error("near line {line}: the name of an element has more than {NAME_BYTES_MAX} bytes")]
    NameTooLong {
        /// Where.
        line: u64,
    },
    /// It has too many columns.
    #[error("line {line} has more than {COLUMNS_MAX} columns")]
    TooManyColumns {
        /// Where.
        line: u64,
    },
    /// A quoted value swallows the rows after it.
    #[error("a quotation mark that opens a value in line {line} is not closed")]
    QuoteNotClosed {
        /// Where the row begins.
        line: u64,
    },
    /// It is in an encoding that Meta's formats do not have.
    #[error("it is not UTF-8 text but UTF-16")]
    Utf16,
}

/// Reads the feed at a path.
///
/// # Errors
/// [`FeedError`] if it cannot be read to its end. Rows that cannot be used are in the report.
pub fn read(
    path: &Path,
    format: Option<FeedFormat>,
    world: &dyn World,
) -> Result<(Catalog, FeedReport), FeedError> {
    let mut packed = BufReader::new(world.open(path)?);
    let is_packed = packed.fill_buf()?.starts_with(&[0x1f, 0x8b]);
    let plain: Box<dyn Read> =
        if is_packed { Box::new(Unpacked::new(packed)) } else { Box::new(packed) };
    let meter = Meter::new(FEED_BYTES_MAX, RECORD_BYTES_MAX);
    let mut rest = Metered::new(plain, meter.clone());
    let start = start(&mut rest)?;
    let format = Shape::of(format, path, &start);
    let feed = BufReader::new(io::Cursor::new(start).chain(rest));
    let mut builder = Builder::default();
    match format {
        Shape::Table(delimiter) => table::read(feed, delimiter, &meter, &mut builder)?,
        Shape::Xml(element) => xml::read(feed, element, &meter, &mut builder)?,
    }
    Ok(builder.finish())
}

/// The start of the feed, without the mark that some programs write before UTF-8. A packed feed may
/// come in pieces of any size.
fn start(feed: &mut Metered) -> Result<Vec<u8>, FeedError> {
    let mut start = Vec::new();
    feed.take(START_BYTES).read_to_end(&mut start)?;
    if start.starts_with(&[0xff, 0xfe]) || start.starts_with(&[0xfe, 0xff]) {
        return Err(FeedError::Utf16);
    }
    if start.starts_with(&[0xef, 0xbb, 0xbf]) {
        start.drain(..3);
    }
    Ok(start)
}

/// How the feed is to be taken apart.
enum Shape {
    /// Lines, and what stands between the values.
    Table(u8),
    /// XML, and what a product is called; either name where nobody says.
    Xml(Option<&'static str>),
}

impl Shape {
    /// By what the mapping file says, else by what the feed begins with, else by its ending.
    fn of(format: Option<FeedFormat>, path: &Path, start: &[u8]) -> Self {
        match format {
            Some(FeedFormat::Csv) => return Self::Table(b','),
            Some(FeedFormat::Tsv) => return Self::Table(b'\t'),
            Some(FeedFormat::Rss) => return Self::Xml(Some("item")),
            Some(FeedFormat::Atom) => return Self::Xml(Some("entry")),
            None => {}
        }
        if start.trim_ascii_start().starts_with(b"<") {
            return Self::Xml(None);
        }
        let name = path.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
        let name = name.strip_suffix(".gz").unwrap_or(&name);
        let lines = start.split(|byte| *byte == b'\n');
        let head = lines.into_iter().find(|line| !line.starts_with(b"#")).unwrap_or_default();
        let tabs = match name.rsplit('.').next() {
            Some("csv") => false,
            Some("tsv") => true,
            Some(_) | None => head.contains(&b'\t'),
        };
        Self::Table(if tabs { b'\t' } else { b',' })
    }
}

#[cfg(test)]
mod tests;
