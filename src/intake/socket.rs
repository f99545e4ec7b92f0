//! Socket files: taken with care, given the right owner, removed at the end.

use std::fs;
use std::io;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

/// Why a socket cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum SocketError {
    /// Somebody listens there.
    #[error("{path} is in use: something listens on it already")]
    InUse {
        /// The path.
        path: PathBuf,
    },
    /// Something else is there.
    #[error("{path} exists and is not a socket; remove it or choose another path")]
    NotASocket {
        /// The path.
        path: PathBuf,
    },
    /// The group is not known to this machine.
    #[error("there is no group {group:?} to give {path} to")]
    Group {
        /// The path.
        path: PathBuf,
        /// The group as configured.
        group: String,
    },
    /// The operating system refused.
    #[error("cannot {what} {path}")]
    Io {
        /// What was tried.
        what: &'static str,
        /// The path.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
}

/// A listening socket file of ours. Dropping it removes the file, if it is still ours.
#[derive(Debug)]
pub struct SocketFile {
    path: PathBuf,
    identity: (u64, u64),
    listener: tokio::net::UnixListener,
}

impl SocketFile {
    /// Binds the path. A stale file, one that nobody listens on, is removed first.
    ///
    /// # Errors
    /// When the path is taken, or the operating system refuses.
    pub fn bind(path: &Path, mode: u32, group: Option<&str>) -> Result<Self, SocketError> {
        let io = |what: &'static str| {
            let path = path.to_owned();
            move |source| SocketError::Io { what, path, source }
        };
        remove_stale(path)?;
        let group = group.map(|group| group_number(path, group)).transpose()?;
        let listener = std::os::unix::net::UnixListener::bind(path).map_err(io("listen on"))?;
        // From here on the file is ours to remove, also when a later step fails.
        let metadata = fs::metadata(path).map_err(io("look at"))?;
        listener.set_nonblocking(true).map_err(io("listen on"))?;
        let listener = tokio::net::UnixListener::from_std(listener).map_err(io("listen on"))?;
        let file = Self { path: path.to_owned(), identity: (metadata.dev(), metadata.ino()), listener };
        if let Some(group) = group {
            std::os::unix::fs::chown(path, None, Some(group)).map_err(io("change the group of"))?;
        }
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).map_err(io("set the mode of"))?;
        Ok(file)
    }

    /// The listener.
    #[must_use]
    pub const fn listener(&self) -> &tokio::net::UnixListener {
        &self.listener
    }

    /// The path.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        let ours = fs::symlink_metadata(&self.path).is_ok_and(|m| (m.dev(), m.ino()) == self.identity);
        if ours && let Err(error) = fs::remove_file(&self.path) {
            tracing::warn!(path = %self.path.display(), %error, "Cannot remove the socket file");
        }
    }
}

fn remove_stale(path: &Path) -> Result<(), SocketError> {
    let io = |what: &'static str| {
        let path = path.to_owned();
        move |source| SocketError::Io { what, path, source }
    };
    let metadata = match fs::symlink_metadata(path) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(io("look at")(error)),
    };
    if !metadata.file_type().is_socket() {
        return Err(SocketError::NotASocket { path: path.to_owned() });
    }
    match UnixStream::connect(path) {
        Ok(_) => Err(SocketError::InUse { path: path.to_owned() }),
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
            fs::remove_file(path).map_err(io("remove the stale socket"))
        }
        Err(error) => Err(io("find out whether something listens on")(error)),
    }
}

/// The number of a group given by number or by its name in the machine's group file.
fn group_number(path: &Path, group: &str) -> Result<u32, SocketError> {
    if let Ok(number) = group.parse() {
        return Ok(number);
    }
    let groups = fs::read_to_string("/etc/group").map_err(|source| SocketError::Io {
        what: "read",
        path: PathBuf::from("/etc/group"),
        source,
    })?;
    groups
        .lines()
        .find_map(|line| {
            let mut parts = line.split(':');
            (parts.next()? == group).then(|| parts.nth(1)?.parse().ok())?
        })
        .ok_or_else(|| SocketError::Group { path: path.to_owned(), group: group.to_owned() })
}

#[cfg(test)]
#[path = "socket_tests.rs"]
mod tests;
