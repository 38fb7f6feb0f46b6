//! Feeds in lines: CSV and TSV.
//!
//! In: bytes, and what stands between the values. Out: rows for the [`Builder`]. The first line that
//! is no comment names the columns; capitals, blanks instead of `_` and a `g:` in front do not
//! matter. Lines that begin with `#` are comments: Meta's templates and metadata have them.
//!
//! # Source
//! Meta, "Reference - Catalog", Supported feed formats; "Metadata tags" for the comments.

use std::io::Read;

use csv::{ByteRecord, ReaderBuilder};

use super::FeedError;
use super::meter::Meter;
use crate::core::catalog::{Builder, Row};

pub(super) fn read(
    feed: impl Read,
    delimiter: u8,
    meter: &Meter,
    builder: &mut Builder,
) -> Result<(), FeedError> {
    let mut lines = ReaderBuilder::new()
        .delimiter(delimiter)
        .has_headers(false)
        .flexible(true)
        .comment(Some(b'#'))
        .from_reader(feed);
    let mut record = ByteRecord::new();
    let mut columns: Option<Columns> = None;
    while lines.read_byte_record(&mut record).map_err(FeedError::Table)? {
        meter.next_record();
        let line = record.position().map_or(0, csv::Position::line);
        match &columns {
            // A template's comments may be quoted.
            None if record.get(0).unwrap_or_default().trim_ascii().starts_with(b"#") => {}
            None => columns = Some(Columns::of(&record)),
            Some(_) if record.iter().all(|value| value.trim_ascii().is_empty()) => {}
            Some(columns) => match columns.row(&record) {
                Some(row) => builder.add(line, row),
                None => builder.unreadable(line),
            },
        }
    }
    Ok(())
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
        let names: Vec<String> = head.iter().map(column).collect();
        let find = |name: &str| names.iter().position(|column| column == name);
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
            std::str::from_utf8(value).ok()
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
    let name = String::from_utf8_lossy(name).trim().to_lowercase().replace(' ', "_");
    name.strip_prefix("g:").map(str::to_owned).unwrap_or(name)
}
