//! What this machine knows: socket files, and who kapacitord runs as.

use super::facts::{Account, Directory, Owned, SocketFacts, SocketState};
use std::fs;
use std::io;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::os::unix::net::UnixStream;
use std::path::Path;

/// Most processes that are looked at.
const PROCESSES: usize = 100_000;

/// Looks at a socket and the directories above it.
pub(super) fn socket(path: &Path) -> SocketFacts {
    let owned =
        |metadata: &fs::Metadata| Owned { mode: metadata.mode() & 0o7777, user: metadata.uid(), group: metadata.gid() };
    let state = match fs::metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => SocketState::Missing,
        Err(error) => SocketState::Unseen(error.to_string()),
        Ok(metadata) if !metadata.file_type().is_socket() => SocketState::NotASocket,
        // An immediate end is how Kapacitor asks nothing: it leaves no trace.
        Ok(metadata) => SocketState::There {
            owned: owned(&metadata),
            listening: match UnixStream::connect(path) {
                Ok(_) => Some(true),
                Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => Some(false),
                Err(_) => None,
            },
        },
    };
    let above = path.ancestors().skip(1).filter(|above| !above.as_os_str().is_empty());
    // One that cannot be looked at cannot be judged; that the socket is not seen through it is said by `state`.
    let above = above.filter_map(|above| {
        let metadata = fs::metadata(above).ok()?;
        Some(Directory { path: above.to_owned(), owned: owned(&metadata) })
    });
    SocketFacts { path: path.to_owned(), state, above: above.collect() }
}

/// Who kapacitord runs as: that of a process that runs here, otherwise the user `kapacitor` of its packages. `None` where
/// files that would tell cannot be read either: then nothing is said about who may use the sockets.
pub(super) fn account() -> Option<Account> {
    running().or_else(|| {
        let users = fs::read_to_string("/etc/passwd").ok()?;
        let groups = fs::read_to_string("/etc/group").ok()?;
        packaged(&users, &groups)
    })
}

fn running() -> Option<Account> {
    let processes = fs::read_dir("/proc").ok()?.take(PROCESSES).flatten();
    let mut ours = processes.filter(|process| {
        fs::read_to_string(process.path().join("comm")).is_ok_and(|name| name.trim_end() == "kapacitord")
    });
    let status = ours.find_map(|process| fs::read_to_string(process.path().join("status")).ok())?;
    of_status(&status)
}

/// The account of `/proc/<pid>/status`: the effective user and group, and all others.
pub(super) fn of_status(status: &str) -> Option<Account> {
    let line = |name: &str| status.lines().find_map(|line| line.strip_prefix(name));
    let numbers = |text: &str| text.split_whitespace().filter_map(|number| number.parse().ok()).collect::<Vec<u32>>();
    let user = *numbers(line("Uid:")?).get(1)?;
    let mut groups = numbers(line("Groups:").unwrap_or_default());
    groups.extend(numbers(line("Gid:")?).get(1));
    Some(Account { name: format!("kapacitord (user {user})"), user, groups })
}

/// The account of the user `kapacitor`, by the texts of `/etc/passwd` and `/etc/group`.
pub(super) fn packaged(users: &str, groups: &str) -> Option<Account> {
    let user = users
        .lines()
        .map(|line| line.split(':').collect::<Vec<_>>())
        .find(|user| user.first() == Some(&"kapacitor"))?;
    let (number, group) = (user.get(2)?.parse().ok()?, user.get(3)?.parse().ok()?);
    let member = |line: &str| {
        let fields: Vec<&str> = line.split(':').collect();
        let is_member = fields.get(3)?.split(',').any(|name| name.trim() == "kapacitor");
        if is_member { fields.get(2)?.parse().ok() } else { None }
    };
    let groups = std::iter::once(group).chain(groups.lines().filter_map(member)).collect();
    Some(Account { name: "user kapacitor".to_owned(), user: number, groups })
}
