//! The envelope of a data frame: a Request that holds a begin, a point or an end.

use super::batch::{BeginView, EndView};
use super::point::{PointView, WireError};
use super::proto::Request;
use super::wire::{DEPTH, LENGTH_DELIMITED, Scanner};
use prost::Message;

/// What a data frame holds.
#[derive(Debug)]
pub(super) enum Data<'a> {
    Begin(BeginView<'a>),
    Point(PointView<'a>),
    End(EndView<'a>),
}

impl<'a> Data<'a> {
    /// An empty message with the number it has in a Request.
    fn new(number: u32) -> Option<Self> {
        match number {
            16 => Some(Self::Begin(BeginView::default())),
            17 => Some(Self::Point(PointView::default())),
            18 => Some(Self::End(EndView::default())),
            _ => None,
        }
    }

    fn number(&self) -> u32 {
        match self {
            Self::Begin(_) => 16,
            Self::Point(_) => 17,
            Self::End(_) => 18,
        }
    }

    fn merge(&mut self, scanner: &mut Scanner<'a>) -> Result<(), WireError> {
        match self {
            Self::Begin(begin) => begin.merge(scanner),
            Self::Point(point) => point.merge(scanner),
            Self::End(end) => end.merge(scanner),
        }
    }

    fn settle(&mut self) {
        match self {
            Self::Begin(begin) => begin.settle(),
            Self::Point(point) => point.settle(),
            Self::End(end) => end.settle(),
        }
    }
}

/// Reads a Request up to the end of what the scanner has open.
///
/// Kapacitor writes one field. Should there be several: of the messages the last one counts, and the same message again
/// is merged into the one before, as protobuf says.
pub(super) fn read<'a>(scanner: &mut Scanner<'a>) -> Result<Data<'a>, WireError> {
    let mut data: Option<Data<'a>> = None;
    while scanner.more() {
        let start = scanner.at();
        let (number, wire_type) = scanner.key()?;
        if let Some(empty) = Data::new(number) {
            scanner.expect(wire_type, LENGTH_DELIMITED)?;
            match &mut data {
                Some(before) if before.number() == number => before.merge(scanner)?,
                other => other.insert(empty).merge(scanner)?,
            }
            continue;
        }
        scanner.skip(number, wire_type, DEPTH)?;
        // A control message, which may yet be followed by another: it is nothing to us, but has to be valid.
        if (1..=5).contains(&number) {
            Request::decode(scanner.since(start))
                .map_err(|_| WireError { what: "broken control message", at: start })?;
            data = None;
        }
    }
    let mut data = data.ok_or_else(|| scanner.error("no begin, point or end"))?;
    data.settle();
    Ok(data)
}
