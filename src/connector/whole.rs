//! Files that remember something over a restart.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

/// Writes a file so that it is the old or the new one, whenever the power goes.
pub(super) fn write_whole(file: &Path, bytes: &[u8]) -> io::Result<()> {
    let fresh = file.with_extension("json.new");
    let mut written = File::create(&fresh)?;
    written.write_all(bytes)?;
    written.sync_all()?;
    std::fs::rename(&fresh, file)?;
    file.parent().map_or(Ok(()), |directory| File::open(directory)?.sync_all())
}
