//! `kaptap journal export`: the events of the journal, one JSON object a line, as `GET /v1/events` writes them.

use crate::cli::arguments::ExportArguments;
use crate::cli::failure::{Failure, chain, say};
use crate::cli::output::Output;
use crate::cli::position::Position;
use crate::filter::Filter;
use crate::intake::clock;
use crate::journal::ReadError;
use crate::journal::inspect::Inspection;
use crate::serve::page::{Form, Page};
use crate::serve::scan::{Scan, Step, Times};

pub(super) fn run(inspection: &Inspection, arguments: &ExportArguments) -> Result<(), Failure> {
    let filter = arguments.filter.as_deref().map(Filter::compile).transpose();
    let filter = filter.map_err(|error| Failure::Usage(format!("the filter is not good:\n{error}")))?;
    let (first, last, times) = stretch(inspection, arguments)?;
    let mut scan = Scan::over(inspection.reader(first), first, last, times, filter);
    let mut page = Page::new(Form::Lines, arguments.raw, None);
    let mut output = Output::new();
    let mut gaps = 0;
    loop {
        let step = scan.step(|found| page.take(&found)).map_err(|error| unreadable(&error))?;
        let (bytes, more_gaps) = page.send();
        gaps += more_gaps;
        output.bytes(&bytes)?;
        if step != Step::More {
            break;
        }
    }
    output.flush()?;
    if gaps > 0 {
        say(&format!("{gaps} gaps: stretches that are not in the journal stand as lines with \"gap\""));
    }
    Ok(())
}

/// First and last seq, and the times between.
fn stretch(inspection: &Inspection, arguments: &ExportArguments) -> Result<(u64, u64, Times), Failure> {
    let now = clock::now();
    let mut times = Times { since: None, since_up_to: u64::MAX, until: None };
    // Retention has removed what is older; that is not a gap in what is there.
    let oldest = inspection.segments().first().map_or(1, |segment| segment.first_seq);
    let first = match arguments.since {
        None => oldest,
        Some(Position::Seq(seq)) => seq.max(1),
        Some(other) => {
            let time = time(other, now);
            times.since = Some(time);
            inspection.seek_time(time).map_err(|error| unreadable(&error))?.max(oldest)
        }
    };
    let last = match arguments.until {
        Some(Position::Seq(seq)) => seq,
        Some(other) => {
            times.until = Some(time(other, now));
            u64::MAX
        }
        None => u64::MAX,
    };
    Ok((first, last, times))
}

fn time(position: Position, now: i64) -> i64 {
    match position {
        Position::Time(time) => time,
        Position::Age(age) => now.saturating_sub(i64::try_from(age.as_nanos()).unwrap_or(i64::MAX)),
        Position::Seq(_) => 0,
    }
}

fn unreadable(error: &ReadError) -> Failure {
    Failure::because(format!("cannot read the journal: {}", chain(error)))
}
