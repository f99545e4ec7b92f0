//! Runs of records as bytes, and back.

use super::{Content, Note, Record, Stream};

/// Why bytes from the journal are not a run or a stream.
#[derive(Debug, thiserror::Error)]
pub enum CodingError {
    /// Written by a newer version.
    #[error("format {0} is not known to this version")]
    Version(u8),
    /// Cut short or otherwise broken.
    #[error("not a whole record: {0}")]
    Broken(&'static str),
}

impl Stream {
    /// The bytes to keep as the journal's context of this stream.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        Vec::new()
    }

    /// Reads a stream back.
    ///
    /// # Errors
    /// When the bytes are not a stream.
    pub fn decode(_bytes: &[u8]) -> Result<Self, CodingError> {
        Err(CodingError::Broken("stream"))
    }
}

/// Head of a run of point frames. The payload is this, then the frames with their length prefixes as received.
#[must_use]
pub fn frames_header(_first_n: u64) -> [u8; 10] {
    [0; 10]
}

/// Head of a run of one record of any content. The payload is this, then the raw bytes.
#[must_use]
pub fn single_header(_content: Content, _n: u64, _note: &Note) -> Vec<u8> {
    Vec::new()
}

/// The records of one run.
#[derive(Debug)]
pub struct Records<'a> {
    rest: &'a [u8],
}

/// Opens a run.
///
/// # Errors
/// When the head is not one of ours.
pub fn records(payload: &[u8], _first_seq: u64, _count: u32, _observed: i64) -> Result<Records<'_>, CodingError> {
    Ok(Records { rest: payload })
}

impl<'a> Iterator for Records<'a> {
    type Item = Result<Record<'a>, CodingError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() { None } else { Some(Err(CodingError::Broken("run"))) }
    }
}
