//! Files that are replaced as a whole, and the calls that can fail on a full or broken disk.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

/// End of the name of a file that is being written.
pub(super) const NEW: &str = ".new";

/// The calls that can fail; tests put others in their place.
#[derive(Debug, Clone, Copy)]
pub(super) struct Calls {
    /// Writes all of it at an offset.
    pub(super) write: fn(&File, &[u8], u64) -> io::Result<()>,
    /// Makes what was written durable.
    pub(super) sync: fn(&File) -> io::Result<()>,
}

impl Default for Calls {
    fn default() -> Self {
        Self { write: |file, text, at| file.write_all_at(text, at), sync: File::sync_all }
    }
}

/// Replaces a file by this text: written beside it, synced, renamed, and the directory synced. The directory is made if
/// need be. Blocking.
///
/// # Errors
/// When the disk fails; the file is then as it was.
pub fn replace(path: &Path, text: &[u8]) -> io::Result<()> {
    replace_by(path, text, Calls::default())
}

pub(super) fn replace_by(path: &Path, text: &[u8], calls: Calls) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    let beside = beside(path);
    let file = File::create(&beside)?;
    (calls.write)(&file, text, 0)?;
    (calls.sync)(&file)?;
    fs::rename(&beside, path)?;
    File::open(folder)?.sync_all()
}

/// Where a file is written that is to take the place of this one.
pub(super) fn beside(path: &Path) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(NEW);
    name.into()
}
