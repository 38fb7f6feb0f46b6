//! Counts what is read of a feed, and stops where it is too much.
//!
//! In: any reader. Out: the same bytes, until the whole or one record is larger than it may be. A
//! parser that collects a record without end is stopped by an error of its source.

use std::cell::Cell;
use std::io::{self, Read};
use std::rc::Rc;

/// What may still be read, shared between the reader and who finishes records.
#[derive(Debug, Clone)]
pub(super) struct Meter {
    whole: Rc<Cell<u64>>,
    record: Rc<Cell<u64>>,
    record_max: u64,
}

impl Meter {
    pub(super) fn new(whole: u64, record_max: u64) -> Self {
        Self {
            whole: Rc::new(Cell::new(whole)),
            record: Rc::new(Cell::new(record_max)),
            record_max,
        }
    }

    /// A record is read: the next one may be as large again.
    pub(super) fn next_record(&self) {
        self.record.set(self.record_max);
    }
}

/// A reader that counts.
pub(super) struct Metered {
    inner: Box<dyn Read>,
    meter: Meter,
}

impl Metered {
    pub(super) fn new(inner: Box<dyn Read>, meter: Meter) -> Self {
        Self { inner, meter }
    }
}

impl Read for Metered {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        let read = u64::try_from(count).unwrap_or(u64::MAX);
        for (left, what) in [
            (&self.meter.whole, "the feed is larger than 4 GiB"),
            (&self.meter.record, "one product of the feed is larger than 5 MiB"),
        ] {
            let rest = left.get().checked_sub(read);
            left.set(rest.ok_or_else(|| io::Error::new(io::ErrorKind::FileTooLarge, what))?);
        }
        Ok(count)
    }
}
