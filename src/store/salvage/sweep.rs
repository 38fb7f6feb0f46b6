//! Rows on the leaves of a damaged database, whatever led to them.
//!
//! In: a file. Out: every row that can be decoded of a page that is a table's leaf. A damaged inner
//! page hides whole leaves below it; here each page is looked at for itself. Deliberately absent:
//! whose rows they are, and whether they are true; who asks has a checksum that proves it.
//!
//! # Source
//! `SQLite`, "Database File Format": 1.6 B-tree pages, 1.5 cell payload overflow pages, 2.1 record
//! format.

use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use rusqlite::Connection;
use rusqlite::types::Value;

use crate::store::{StoreError, schema};

/// The lengths that pages may have: what a new file gets, and what `SQLite` gave those of former
/// versions.
const PAGE_BYTES: [usize; 2] = [schema::PAGE_BYTES, 4_096];

/// What a file begins with.
const MAGIC: &[u8; 16] = b"SQLite format 3\0";

/// The head of the file, before the first page's own.
const FILE_HEAD_BYTES: usize = 100;

/// Where the head of the file says how many pages there are.
const PAGE_COUNT_AT: u64 = 28;

/// The first byte of a page that is a table's leaf.
const TABLE_LEAF: u8 = 0x0d;

/// Longest record that is believed. Ours: sixteen times the largest body.
const RECORD_BYTES_MAX: usize = 16 * 1024 * 1024;

/// A copy of a database with its write-ahead log folded in, which is gone when this is dropped.
///
/// The log must be in it: without it a page may still hold what was erased since.
#[derive(Debug)]
pub(super) struct Pages(PathBuf);

impl Pages {
    /// Copies the database at `path` to `aside`.
    pub(super) fn copy(path: &Path, aside: PathBuf) -> Result<Self, StoreError> {
        let failed = |source: std::io::Error| StoreError::Open {
            path: aside.clone(),
            source: std::sync::Arc::new(source),
        };
        std::fs::copy(path, &aside).map_err(failed)?;
        let log = |path: &Path| with(path, "-wal");
        if log(path).exists() {
            std::fs::copy(log(path), log(&aside)).map_err(failed)?;
            // Where that does not work, the file as it is remains; each row is proven by itself.
            let folded = Connection::open(&aside).and_then(|copy| {
                copy.pragma_update_and_check(None, "wal_checkpoint", "TRUNCATE", |_| Ok(()))
            });
            drop(folded);
        }
        Ok(Self(aside))
    }

    /// Fills what was cut off with zeros, up to the length that the head of the file names: `SQLite`
    /// does not open a file that is shorter, whatever is left of it.
    pub(super) fn complete(&self) -> std::io::Result<&Path> {
        let file = std::fs::OpenOptions::new().read(true).write(true).open(&self.0)?;
        let mut pages = [0; 4];
        file.read_exact_at(&mut pages, PAGE_COUNT_AT)?;
        let length = u64::from(u32::from_be_bytes(pages)) * lengths(&file)[0] as u64;
        if length > file.metadata()?.len() {
            file.set_len(length)?;
        }
        Ok(&self.0)
    }

    /// Hands every row on to `found`, with its number.
    pub(super) fn rows(
        &self,
        mut found: impl FnMut(i64, Vec<Value>) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let failed = |source: std::io::Error| StoreError::Open {
            path: self.0.clone(),
            source: std::sync::Arc::new(source),
        };
        let file = File::open(&self.0).map_err(failed)?;
        let bytes = file.metadata().map_err(failed)?.len();
        for length in lengths(&file) {
            for number in 1..=bytes / length as u64 {
                let page = page(&file, number, length);
                page.map_or(Ok(()), |page| leaf(&file, (number, &page), &mut found))?;
            }
        }
        Ok(())
    }
}

/// The lengths by which a file may be divided into pages, that which its head names first. The head
/// may be damaged as well, and where the length is wrong, hardly anything is a row.
fn lengths(file: &File) -> [usize; 2] {
    let mut head = [0; 18];
    let read = file.read_exact_at(&mut head, 0);
    let named = read.ok().filter(|()| head.starts_with(MAGIC)).and(short(&head, 16));
    let [new, former] = PAGE_BYTES;
    if named == Some(former) { [former, new] } else { PAGE_BYTES }
}

/// Hands the rows of a page on, if it is a leaf.
fn leaf(
    file: &File,
    (number, page): (u64, &[u8]),
    found: &mut impl FnMut(i64, Vec<Value>) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    let head = if number == 1 { FILE_HEAD_BYTES } else { 0 };
    if page.get(head) != Some(&TABLE_LEAF) {
        return Ok(());
    }
    for cell in 0..short(page, head + 3).unwrap_or(0) {
        let row = short(page, head + 8 + 2 * cell).and_then(|at| row(file, page, at));
        if let Some((number, values)) = row {
            found(number, values)?;
        }
    }
    Ok(())
}

impl Drop for Pages {
    fn drop(&mut self) {
        for ending in ["", "-wal", "-shm"] {
            drop(std::fs::remove_file(with(&self.0, ending)));
        }
    }
}

fn with(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    PathBuf::from(name)
}

fn page(file: &File, number: u64, length: usize) -> Option<Vec<u8>> {
    let mut page = vec![0; length];
    let at = number.checked_sub(1)?.checked_mul(length as u64)?;
    file.read_exact_at(&mut page, at).ok()?;
    Some(page)
}

/// The row of the cell at this place: its number and its values.
fn row(file: &File, page: &[u8], at: usize) -> Option<(i64, Vec<Value>)> {
    let (length, at) = varint(page, at)?;
    let (number, at) = varint(page, at)?;
    let length = usize::try_from(length).ok().filter(|length| *length <= RECORD_BYTES_MAX)?;
    let here = bytes_on_leaf(length, page.len());
    let mut record = page.get(at..at + here)?.to_vec();
    let mut next = page.get(at + here..at + here + 4).map(long);
    while record.len() < length {
        let more = self::page(file, next?, page.len())?;
        let wanted = (length - record.len()).min(page.len() - 4);
        record.extend_from_slice(more.get(4..4 + wanted)?);
        next = more.get(..4).map(long);
    }
    Some((number, values(&record)?))
}

/// How much of a record stands on the leaf itself.
fn bytes_on_leaf(length: usize, page: usize) -> usize {
    let (most, least) = (page - 35, (page - 12) * 32 / 255 - 23);
    if length <= most {
        return length;
    }
    let filled = least + (length - least) % (page - 4);
    if filled <= most { filled } else { least }
}

/// The values of a record.
fn values(record: &[u8]) -> Option<Vec<Value>> {
    let (head, mut at) = varint(record, 0)?;
    let head = usize::try_from(head).ok()?;
    let (mut values, mut rest) = (Vec::new(), record.get(head..)?);
    while at < head {
        let (kind, next) = varint(record, at)?;
        at = next;
        let kind = usize::try_from(kind).ok()?;
        let length = match kind {
            0 | 8 | 9 => 0,
            1..=4 => kind,
            5 => 6,
            6 | 7 => 8,
            10 | 11 => return None,
            text_or_blob => (text_or_blob - 12) / 2,
        };
        let (bytes, after) = rest.split_at_checked(length)?;
        rest = after;
        values.push(match kind {
            0 => Value::Null,
            1..=6 => Value::Integer(integer(bytes)),
            7 => Value::Real(f64::from_bits(u64::from_ne_bytes(integer(bytes).to_ne_bytes()))),
            8 => Value::Integer(0),
            9 => Value::Integer(1),
            _ if kind % 2 == 0 => Value::Blob(bytes.to_vec()),
            _ => Value::Text(String::from_utf8(bytes.to_vec()).ok()?),
        });
    }
    rest.is_empty().then_some(values)
}

/// Big-endian, with a sign.
fn integer(bytes: &[u8]) -> i64 {
    let sign = if bytes.first().is_some_and(|first| first & 0x80 != 0) { -1 } else { 0 };
    bytes.iter().fold(sign, |number, byte| (number << 8) | i64::from(*byte))
}

/// A number of one to nine bytes, and where it ends.
fn varint(bytes: &[u8], at: usize) -> Option<(i64, usize)> {
    let mut number = 0_i64;
    for place in 0..9 {
        let byte = *bytes.get(at + place)?;
        if place == 8 {
            return Some(((number << 8) | i64::from(byte), at + 9));
        }
        number = (number << 7) | i64::from(byte & 0x7f);
        if byte & 0x80 == 0 {
            return Some((number, at + place + 1));
        }
    }
    None
}

fn short(page: &[u8], at: usize) -> Option<usize> {
    let bytes = page.get(at..at + 2)?;
    Some(usize::from(bytes[0]) << 8 | usize::from(bytes[1]))
}

fn long(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0, |number, byte| (number << 8) | u64::from(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_that_sqlite_wrote_is_read_as_it_was() {
        for length in PAGE_BYTES {
            rows_are_read_as_they_were(length, |_| {});
            // Without its head nobody knows how long the pages are.
            rows_are_read_as_they_were(length, |bytes| bytes[..FILE_HEAD_BYTES].fill(0));
            // Two bits may make it another one that is known.
            rows_are_read_as_they_were(length, |bytes| bytes[16] ^= 0x30);
        }
    }

    fn rows_are_read_as_they_were(page: usize, damage: fn(&mut [u8])) {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("books.db");
        let books = Connection::open(&path).expect("a database");
        books.pragma_update(None, "page_size", page).expect("a length");
        books.execute_batch("CREATE TABLE t (n INTEGER PRIMARY KEY, a, b, c)").expect("a table");
        let numbers = [0, 1, -1, 127, -129, 40_000, -8_000_000, 1 << 40, i64::MIN, i64::MAX];
        let mut written = Vec::new();
        // Bodies around each limit at which SQLite changes how it stores them, and over pages.
        for (index, length) in
            [0, 1, 100, 4_030, 4_060, 4_100, 8_120, 8_150, 8_200, 50_000].into_iter().enumerate()
        {
            let number = i64::try_from(index * 3).expect("a number");
            let row = vec![
                Value::Null,
                Value::Integer(numbers[index]),
                Value::Text("é".repeat(length / 2)),
                if index % 2 == 0 { Value::Null } else { Value::Real(0.5) },
            ];
            let insert = "INSERT INTO t VALUES (?1, ?2, ?3, ?4)";
            let values = rusqlite::params![number, row[1], row[2], row[3]];
            books.execute(insert, values).expect("a row");
            written.push((number, row));
        }
        drop(books);
        let mut bytes = std::fs::read(&path).expect("a file");
        damage(&mut bytes);
        std::fs::write(&path, bytes).expect("a file");
        let mut read = Vec::new();
        let pages = Pages::copy(&path, folder.path().join("aside")).expect("a copy");
        pages
            .rows(|number, values| {
                read.push((number, values));
                Ok(())
            })
            .expect("rows");
        // The first page is a leaf as well: of the schema.
        read.retain(|(_, values)| values.len() == 4);
        read.sort_by_key(|(number, _)| *number);
        // By the wrong length a page may show a part of its rows, which are there anyway.
        read.dedup();
        assert_eq!(read, written, "pages of {page} bytes");
        drop(pages);
        assert!(!folder.path().join("aside").exists(), "nothing is left behind");
    }

    #[test]
    fn damaged_bytes_end_in_nothing_and_not_in_a_panic() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("noise.db");
        let mut random = fastrand::Rng::with_seed(7);
        for _ in 0..200 {
            let mut bytes: Vec<u8> = (0..3 * PAGE_BYTES[0]).map(|_| random.u8(..)).collect();
            bytes[PAGE_BYTES[0]] = TABLE_LEAF;
            std::fs::write(&path, bytes).expect("a file");
            let pages = Pages::copy(&path, folder.path().join("aside")).expect("a copy");
            pages.rows(|_, _| Ok(())).expect("a look");
        }
    }
}
