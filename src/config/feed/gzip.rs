//! Unpacks gzip: members one after another, as one stream.
//!
//! In: packed bytes. Out: what was packed. Zeros behind the last member are passed over, because
//! tapes and some tools fill up with them; anything else there is a fault. Broken members are errors.
//!
//! # Source
//! RFC 1952, 2.2, for members; the manual of gzip, "Using gzip on tapes", for the zeros.

use std::io::{self, BufRead, BufReader, Read};

use flate2::bufread::GzDecoder;

type Packed = BufReader<Box<dyn Read>>;

/// A reader of what a gzip file holds.
pub(super) struct Unpacked {
    /// Nothing behind the last member.
    member: Option<GzDecoder<Packed>>,
}

impl Unpacked {
    pub(super) fn new(packed: Packed) -> Self {
        Self { member: Some(GzDecoder::new(packed)) }
    }
}

impl Read for Unpacked {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while let Some(member) = &mut self.member {
            let count = member.read(buffer)?;
            if count > 0 || buffer.is_empty() {
                return Ok(count);
            }
            let rest = self.member.take().map(GzDecoder::into_inner);
            self.member = rest.map(next_member).transpose()?.flatten();
        }
        Ok(0)
    }
}

fn next_member(mut packed: Packed) -> io::Result<Option<GzDecoder<Packed>>> {
    // Only zeros up to the end are padding: a member begins with other bytes.
    loop {
        let bytes = packed.fill_buf()?;
        let Some(first) = bytes.first() else { return Ok(None) };
        if *first != 0 {
            return Ok(Some(GzDecoder::new(packed)));
        }
        let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
        packed.consume(zeros);
    }
}
