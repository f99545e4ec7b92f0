//! What a configuration needs of this machine, as far as it can be seen without starting and without changing anything.

use crate::config::Config;
use crate::sinks::options::Peer;
use std::fs;
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// What stands in the way of this configuration here, for the user who asks: one sentence each.
pub(super) fn obstacles(config: &Config) -> Vec<String> {
    let intake = &config.intake;
    let mut found = Vec::new();
    if let Some(group) = &intake.group {
        // As the daemon does: by number, or by name from this file.
        let groups = || fs::read_to_string("/etc/group");
        found.extend(group_trouble(group, groups));
    }
    found.extend(directory_to_make(&config.data_dir));
    for socket in [&intake.stream_socket, &intake.batch_socket] {
        let trouble = socket_directory(socket, &config.data_dir).or_else(|| {
            let is_other = fs::symlink_metadata(socket).is_ok_and(|metadata| !metadata.file_type().is_socket());
            is_other.then(|| format!("{} exists and is not a socket", socket.display()))
        });
        // Both sockets are mostly in one directory: it is said once.
        found.extend(trouble.filter(|trouble| !found.contains(trouble)));
    }
    for sink in &config.sinks {
        if let Peer::File(file) = &sink.peer {
            let directory = or_here(file.path.parent().unwrap_or(Path::new("")));
            let trouble = if fs::symlink_metadata(&directory).is_ok() {
                unusable(&directory)
            } else {
                Some(format!("the directory {} is not there, and kaptap does not make it", directory.display()))
            };
            found.extend(trouble.map(|trouble| format!("sink {}: {trouble}", sink.options.name)));
        }
    }
    found
}

/// Trouble with a group, which is a number, or a name in the file of groups.
fn group_trouble(group: &str, groups: impl FnOnce() -> std::io::Result<String>) -> Option<String> {
    if group.parse::<u32>().is_ok() {
        return None;
    }
    match groups() {
        Ok(groups) if groups.lines().any(|line| line.split(':').next() == Some(group)) => None,
        Ok(_) => Some(format!("there is no group {group:?} in /etc/group")),
        Err(error) => Some(format!("/etc/group cannot be read, so the group {group:?} cannot be found: {error}")),
    }
}

/// Trouble with a directory that kaptap makes if need be.
fn directory_to_make(path: &Path) -> Option<String> {
    let existing = path.ancestors().map(or_here).find(|ancestor| fs::symlink_metadata(ancestor).is_ok())?;
    let trouble = unusable(&existing)?;
    Some(if existing == path { trouble } else { format!("{} cannot be made: {trouble}", path.display()) })
}

/// Trouble with the directory of a socket, which kaptap makes only where it is that of the data, or above it.
fn socket_directory(socket: &Path, data_dir: &Path) -> Option<String> {
    let directory = or_here(socket.parent()?);
    if fs::symlink_metadata(&directory).is_ok() {
        return unusable(&directory);
    }
    (!data_dir.starts_with(&directory)).then(|| {
        format!(
            "the directory {} is not there, and kaptap does not make it (systemd can: RuntimeDirectory=)",
            directory.display()
        )
    })
}

/// Why nothing can be made in a directory that is there.
fn unusable(directory: &Path) -> Option<String> {
    if !fs::metadata(directory).is_ok_and(|metadata| metadata.is_dir()) {
        return Some(format!("{} is not a directory", directory.display()));
    }
    (!may_write(directory)).then(|| format!("this user may not write in {}", directory.display()))
}

/// Whether this user may make files in a directory. Asks `test`: the standard library has no call that knows access
/// lists and file systems that are read-only. What cannot be asked is no trouble.
fn may_write(directory: &Path) -> bool {
    let asked = |flag: &str| {
        let mut test = Command::new("test");
        test.arg(flag).arg(directory).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        test.status().map_or(true, |status| status.code() != Some(1))
    };
    asked("-w") && asked("-x")
}

/// The directory itself, written out where a relative path leaves it empty.
fn or_here(path: &Path) -> PathBuf {
    if path.as_os_str().is_empty() { PathBuf::from(".") } else { path.to_owned() }
}

#[cfg(test)]
#[path = "machine_tests.rs"]
mod tests;
