//! The disk as far as the journal needs it: the seam at which tests put a disk that fails.

use super::OpenError;
use std::ffi::OsString;
use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

/// What files are filled with, written so much at a time.
static ZEROS: [u8; 16 << 10] = [0; 16 << 10];

/// The disk, as far as the journal needs it; [`super::faulty::FaultyDisk`] is one that fails on command.
///
/// Any call may block for long, and any thread may call. The journal holds no lock while it does.
pub trait Storage: Send + std::marker::Sync + 'static {
    /// Creates a directory and what leads to it, durably; fine when it is there.
    ///
    /// # Errors
    /// As the disk says.
    fn create_directory(&self, path: &Path) -> io::Result<()>;

    /// The plain files of a directory, in any order.
    ///
    /// # Errors
    /// As the disk says.
    fn list(&self, directory: &Path) -> io::Result<Vec<Listed>>;

    /// Creates a file to write to, empty; one of that name is emptied.
    ///
    /// # Errors
    /// As the disk says.
    fn create(&self, path: &Path) -> io::Result<Box<dyn StorageFile>>;

    /// Opens a file to read.
    ///
    /// # Errors
    /// As the disk says; [`io::ErrorKind::NotFound`] when it is not there.
    fn open(&self, path: &Path) -> io::Result<Box<dyn StorageFile>>;

    /// Cuts a file to a length and makes that durable.
    ///
    /// # Errors
    /// As the disk says.
    fn truncate(&self, path: &Path, length: u64) -> io::Result<()>;

    /// Gives a file another name, in one step; a file that had the name is gone.
    ///
    /// # Errors
    /// As the disk says.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Removes a file. Who has it open can go on reading it.
    ///
    /// # Errors
    /// As the disk says.
    fn remove(&self, path: &Path) -> io::Result<()>;

    /// Makes created, renamed and removed names of a directory durable.
    ///
    /// # Errors
    /// As the disk says.
    fn sync_directory(&self, directory: &Path) -> io::Result<()>;

    /// A number that differs between boots of the machine, that is, whenever written bytes that were not synced may
    /// have been lost. 0 when it cannot be known.
    fn boot(&self) -> u64;
}

/// One open file.
pub trait StorageFile: Send + 'static {
    /// Writes all bytes from an offset on, over what stands there and beyond the end.
    ///
    /// # Errors
    /// As the disk says; a part may have been written.
    fn write_at(&mut self, bytes: &[u8], offset: u64) -> io::Result<()>;

    /// Writes so many zeros from an offset on: real ones, which take up space, so that what is written over them later
    /// changes nothing but bytes.
    ///
    /// # Errors
    /// As the disk says; a part may have been written. What stands before the offset is as it was.
    fn fill(&mut self, offset: u64, length: u64) -> io::Result<()>;

    /// Cuts off all that is behind a length. Not durable before the next sync.
    ///
    /// # Errors
    /// As the disk says.
    fn cut(&mut self, length: u64) -> io::Result<()>;

    /// Makes its bytes and its length durable (fdatasync).
    ///
    /// # Errors
    /// As the disk says. After one, nothing is known about what was written since the last success.
    fn sync_data(&self) -> io::Result<()>;

    /// Reads until the buffer is full or the file ends; returns the bytes read.
    ///
    /// # Errors
    /// As the disk says.
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize>;

    /// Its length now.
    ///
    /// # Errors
    /// As the disk says.
    fn length(&self) -> io::Result<u64>;
}

/// A plain file in a directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Its name, without the directory.
    pub name: OsString,
    /// Its length in bytes.
    pub length: u64,
}

/// The real disk.
#[derive(Debug, Default)]
pub struct Disk {}

impl Storage for Disk {
    fn create_directory(&self, path: &Path) -> io::Result<()> {
        let missing: Vec<_> =
            path.ancestors().take_while(|path| !path.as_os_str().is_empty() && !path.is_dir()).collect();
        std::fs::create_dir_all(path)?;
        for parent in missing.into_iter().filter_map(Path::parent) {
            let parent = if parent.as_os_str().is_empty() { Path::new(".") } else { parent };
            self.sync_directory(parent)?;
        }
        Ok(())
    }

    fn list(&self, directory: &Path) -> io::Result<Vec<Listed>> {
        let mut files = Vec::new();
        for entry in std::fs::read_dir(directory)? {
            let entry = entry?;
            // A file may be removed while the directory is read, by retention of another process that writes.
            match entry.metadata() {
                Ok(metadata) if metadata.is_file() => {
                    files.push(Listed { name: entry.file_name(), length: metadata.len() });
                }
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        Ok(files)
    }

    fn create(&self, path: &Path) -> io::Result<Box<dyn StorageFile>> {
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(true).open(path)?;
        Ok(Box::new(DiskFile(file)))
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn StorageFile>> {
        Ok(Box::new(DiskFile(File::open(path)?)))
    }

    fn truncate(&self, path: &Path, length: u64) -> io::Result<()> {
        let file = OpenOptions::new().write(true).open(path)?;
        file.set_len(length)?;
        file.sync_all()
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        std::fs::rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        std::fs::remove_file(path)
    }

    fn sync_directory(&self, directory: &Path) -> io::Result<()> {
        File::open(directory)?.sync_all()
    }

    fn boot(&self) -> u64 {
        std::fs::read("/proc/sys/kernel/random/boot_id").map_or(0, |id| xxhash_rust::xxh3::xxh3_64(id.trim_ascii()))
    }
}

struct DiskFile(File);

impl StorageFile for DiskFile {
    fn write_at(&mut self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.0.write_all_at(bytes, offset)
    }

    fn fill(&mut self, offset: u64, length: u64) -> io::Result<()> {
        let end = offset.saturating_add(length);
        let mut at = offset;
        while at < end {
            let piece = usize::try_from(end - at).map_or(&ZEROS[..], |left| ZEROS.get(..left).unwrap_or(&ZEROS));
            self.0.write_all_at(piece, at)?;
            at += piece.len() as u64;
        }
        Ok(())
    }

    fn cut(&mut self, length: u64) -> io::Result<()> {
        self.0.set_len(length)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.0.sync_data()
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let mut done = 0;
        while let Some(rest) = buffer.get_mut(done..).filter(|rest| !rest.is_empty()) {
            match self.0.read_at(rest, offset + done as u64) {
                Ok(0) => break,
                Ok(read) => done += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(done)
    }

    fn length(&self) -> io::Result<u64> {
        Ok(self.0.metadata()?.len())
    }
}

/// Takes the directory for this process, for as long as the file lives. Always on the real disk.
pub(super) fn lock(directory: &Path) -> Result<File, OpenError> {
    let path = directory.join("lock");
    let io = |source| OpenError::Io { path: path.clone(), source };
    let file = OpenOptions::new().create(true).truncate(false).write(true).open(&path).map_err(io)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(OpenError::Locked { path: directory.to_owned() }),
        Err(TryLockError::Error(error)) => Err(io(error)),
    }
}
