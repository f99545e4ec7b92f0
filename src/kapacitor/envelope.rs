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

/// Reads a Request up to the end of what the scanner has open.
///
/// Kapacitor writes one field. Should there be several: of the messages the last one counts, and the same message again
/// is merged into the one before, as protobuf says.
pub(super) fn read<'a>(scanner: &mut Scanner<'a>) -> Result<Data<'a>, WireError> {
    let mut data = None;
    while scanner.more() {
        let start = scanner.at();
        let (number, wire_type) = scanner.key()?;
        if matches!(number, 16..=18) {
            scanner.expect(wire_type, LENGTH_DELIMITED)?;
        }
        data = match (number, data.take()) {
            (16, Some(Data::Begin(before))) => Some(Data::Begin(before.merge(scanner)?)),
            (16, _) => Some(Data::Begin(BeginView::default().merge(scanner)?)),
            (17, Some(Data::Point(before))) => Some(Data::Point(before.merge(scanner)?)),
            (17, _) => Some(Data::Point(PointView::default().merge(scanner)?)),
            (18, Some(Data::End(before))) => Some(Data::End(before.merge(scanner)?)),
            (18, _) => Some(Data::End(EndView::default().merge(scanner)?)),
            // A control message, which may yet be followed by another: it is nothing to us, but has to be valid.
            (1..=5, _) => {
                scanner.skip(number, wire_type, DEPTH)?;
                Request::decode(scanner.since(start))
                    .map_err(|_| WireError { what: "broken control message", at: start })?;
                None
            }
            (_, before) => {
                scanner.skip(number, wire_type, DEPTH)?;
                before
            }
        };
    }
    match data {
        Some(Data::Begin(begin)) => Ok(Data::Begin(begin.settle())),
        Some(Data::Point(point)) => Ok(Data::Point(point.settle())),
        Some(Data::End(end)) => Ok(Data::End(end.settle())),
        None => Err(scanner.error("no begin, point or end")),
    }
}
