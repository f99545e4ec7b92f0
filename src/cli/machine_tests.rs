//! Tests of what is looked at without starting.

use super::*;
use crate::config::{Flags, load};
use std::os::unix::fs::{MetadataExt, PermissionsExt};

#[track_caller]
fn check_obstacles(text: &str, expected: &[&str]) {
    let config = load(Some(text), "test.toml", &[], &Flags { data_dir: None, listen: None }).unwrap();
    assert_eq!(obstacles(&config), expected, "{text}");
}

#[test]
fn what_stands_in_the_way() {
    let directory = tempfile::tempdir().unwrap();
    let here = directory.path().display();
    fs::write(directory.path().join("file"), "").unwrap();
    fs::create_dir(directory.path().join("run")).unwrap();

    // Everything is made where it can be, and nothing was made by looking.
    check_obstacles(&format!("data_dir = \"{here}/a/b\""), &[]);
    check_obstacles(&format!("data_dir = \"{here}/a/b\"\n[udf]\nstream_socket = \"{here}/a/s\""), &[]);
    assert!(!directory.path().join("a").exists());

    check_obstacles(
        &format!(
            "data_dir = \"{here}/file/data\"\n[udf]\nstream_socket = \"{here}/run/s\"\nbatch_socket = \"{here}/run/b\""
        ),
        &[&format!("{here}/file/data cannot be made: {here}/file is not a directory")],
    );
    check_obstacles(
        &format!(
            "data_dir = \"{here}\"\n[udf]\nstream_socket = \"{here}/no/s\"\nbatch_socket = \"{here}/no/b\"\ngroup = \"no such group\""
        ),
        &[
            "there is no group \"no such group\" in /etc/group",
            &format!(
                "the directory {here}/no is not there, and kaptap does not make it (systemd can: RuntimeDirectory=)"
            ),
        ],
    );
    check_obstacles(
        &format!("data_dir = \"{here}\"\n[udf]\nstream_socket = \"{here}/file\"\ngroup = \"7\""),
        &[&format!("{here}/file exists and is not a socket")],
    );
    let file = |path: &str| {
        format!("data_dir = \"{here}\"\n[[sink]]\nname = \"a\"\ntype = \"file\"\npath = \"{here}/{path}\"")
    };
    check_obstacles(&file("run/events.ndjson"), &[]);
    check_obstacles(&file("file/events.ndjson"), &[&format!("sink a: {here}/file is not a directory")]);
    let missing = format!("sink a: the directory {here}/no is not there, and kaptap does not make it");
    check_obstacles(&file("no/events.ndjson"), &[&missing]);
}

#[test]
fn relative_paths_are_of_this_directory() {
    assert_eq!(socket_directory(Path::new("s.sock"), Path::new("kaptap-data")), None);
    assert_eq!(directory_to_make(Path::new("no-such-directory/data")), None);
}

#[test]
fn groups_are_known_by_name_or_number() {
    let groups = "root:x:0:\nkapacitor:x:997:kaptap\n";
    let trouble = |group: &str| group_trouble(group, || Ok(groups.to_owned()));
    assert_eq!(["kapacitor", "997", "12"].map(trouble), [None, None, None]);
    for group in ["kapa", "x"] {
        assert_eq!(trouble(group), Some(format!("there is no group {group:?} in /etc/group")));
    }
    let unreadable = || Err(std::io::ErrorKind::PermissionDenied.into());
    assert_eq!(group_trouble("12", unreadable), None);
    let said = group_trouble("kapacitor", unreadable).unwrap();
    assert!(said.starts_with("/etc/group cannot be read, so the group \"kapacitor\""), "{said}");
}

#[test]
fn a_directory_may_be_closed_to_this_user() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path();
    assert_eq!(unusable(path), None);
    fs::set_permissions(path, fs::Permissions::from_mode(0o500)).unwrap();
    // Whoever owns everything may write everywhere.
    let expected = match fs::metadata("/proc/self").unwrap().uid() {
        0 => None,
        _ => Some(format!("this user may not write in {}", path.display())),
    };
    assert_eq!(unusable(path), expected);
    let nowhere = path.join("file");
    assert_eq!(unusable(&nowhere), Some(format!("{} is not a directory", nowhere.display())));
}
