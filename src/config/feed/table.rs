//! Feeds in lines: CSV and TSV.
//!
//! In: bytes, and what stands between the values. Out: rows for the [`Builder`]. The first line that
//! is no comment names the columns; capitals, blanks instead of `_` and a `g:` in front do not
//! matter. Lines that begin with `#` are comments: Meta's templates and metadata have them. Between
//! tabs a quotation mark is a character like any other; between commas one that is never closed would
//! swallow the rest, and the feed is refused.
//!
//! # Source
//! Meta, "Reference - Catalog", Supported feed formats; "Metadata tags" for the comments.

use std::io::{BufRead, Read as _};

use csv::{ByteRecord, ReaderBuilder};

use super::meter::Meter;
use super::{COLUMNS_MAX, FeedError, RECORD_LINES_MAX};
use crate::core::catalog::{Builder, Row};

/// A line of our own behind the feed. A feed that ends within quotes swallows it.
const END: &[u8] = b"(end of the feed)";

pub(super) fn read(
    mut feed: impl BufRead,
    delimiter: u8,
    meter: &Meter,
    builder: &mut Builder,
) -> Result<(), FeedError> {
    let skipped = skip_comments(&mut feed, meter)?;
    let mut lines = ReaderBuilder::new()
        .delimiter(delimiter)
        // Programs that write tabs between values write quotation marks as they are.
        .quoting(delimiter != b'\t')
        .has_headers(false)
        .flexible(true)
        .comment(Some(b'#'))
        .from_reader(feed.chain(b"\n".as_slice()).chain(END));
    let mut record = ByteRecord::new();
    let mut columns: Option<Columns> = None;
    let mut last = (0, false);
    while lines.read_byte_record(&mut record).map_err(FeedError::Table)? {
        meter.next_record();
        let line = skipped + record.position().map_or(0, csv::Position::line);
        last = (line, record.len() == 1 && &record[0] == END);
        if last.1 {
            continue;
        }
        if skipped + lines.position().line() > line + RECORD_LINES_MAX {
            return Err(FeedError::QuoteNotClosed { line });
        }
        if record.len() > COLUMNS_MAX {
            return Err(FeedError::TooManyColumns { line });
        }
        match &columns {
            // A template's comments may be quoted.
            None if bare(record.get(0).unwrap_or_default()).starts_with(b"#") => {}
            None => {
                let found = Columns::of(&record);
                let Columns { id, group, price, sale_price } = &found;
                builder.has_fields([id, group, price, sale_price].map(Option::is_some));
                columns = Some(found);
            }
            Some(_) if record.iter().all(|value| value.trim_ascii().is_empty()) => {}
            Some(columns) => match columns.row(&record) {
                Some(row) => builder.add(line, row),
                None => builder.unreadable(line),
            },
        }
    }
    let (line, is_end) = last;
    if is_end { Ok(()) } else { Err(FeedError::QuoteNotClosed { line }) }
}

/// Passes over the comments and blank lines before the names of the columns: they are no record that
/// could be too large. Says how many lines they are.
fn skip_comments(feed: &mut impl BufRead, meter: &Meter) -> Result<u64, FeedError> {
    let mut lines = 0;
    loop {
        let start = feed.fill_buf()?;
        match start.first() {
            Some(b'#') => {
                while !skip_to_break(feed, meter)? {}
                lines += 1;
            }
            Some(b'\n') => {
                feed.consume(1);
                lines += 1;
            }
            Some(b'\r') => feed.consume(1),
            Some(_) | None => return Ok(lines),
        }
        meter.next_record();
    }
}

/// Passes over bytes, at most to the end of the line; says whether it was met.
fn skip_to_break(feed: &mut impl BufRead, meter: &Meter) -> Result<bool, FeedError> {
    let bytes = feed.fill_buf()?;
    let at = bytes.iter().position(|byte| *byte == b'\n');
    let (count, is_met) = (at.map_or(bytes.len(), |at| at + 1), at.is_some() || bytes.is_empty());
    feed.consume(count);
    meter.next_record();
    Ok(is_met)
}

/// A value without the quotation marks around it, which spreadsheets write even between tabs.
fn bare(value: &[u8]) -> &[u8] {
    let value = value.trim_ascii();
    value.strip_prefix(b"\"").and_then(|rest| rest.strip_suffix(b"\"")).unwrap_or(value)
}

/// Which column has what.
struct Columns {
    id: Option<usize>,
    group: Option<usize>,
    price: Option<usize>,
    sale_price: Option<usize>,
}

impl Columns {
    fn of(head: &ByteRecord) -> Self {
        let find = |name: &str| head.iter().position(|text| column(text) == name);
        Self {
            id: find("id"),
            group: find("item_group_id"),
            price: find("price"),
            sale_price: find("sale_price"),
        }
    }

    /// The row, if what we need of it is text.
    fn row<'r>(&self, record: &'r ByteRecord) -> Option<Row<'r>> {
        let text = |column: Option<usize>| {
            let value = column.and_then(|column| record.get(column)).unwrap_or_default();
            std::str::from_utf8(bare(value)).ok()
        };
        Some(Row {
            id: text(self.id)?,
            group: text(self.group)?,
            price: match self.price {
                Some(_) => Some(text(self.price)?),
                None => None,
            },
            sale_price: text(self.sale_price)?,
        })
    }
}

/// The name of a column as Meta writes it.
fn column(name: &[u8]) -> String {
    let name = String::from_utf8_lossy(bare(name)).trim().to_lowercase().replace(' ', "_");
    name.strip_prefix("g:").map(str::to_owned).unwrap_or(name)
}
