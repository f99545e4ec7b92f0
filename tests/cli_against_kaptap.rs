//! The commands against a kaptap that runs: send, tail, udf and the journal commands together.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking, helpers included")]

mod support;
mod wait_support;

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use support::Process;

fn kaptap(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_kaptap"));
    command.args(arguments).env_clear().env("TZ", "UTC");
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn run(arguments: &[&str], input: &str) -> Output {
    let mut child = kaptap(arguments).spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    child.wait_with_output().unwrap()
}

/// Runs to the end, checks the exit code and gives the lines of standard output.
#[track_caller]
fn check_run(arguments: &[&str], input: &str, code: i32) -> Vec<String> {
    let output = run(arguments, input);
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
}

fn alert(level: &str, time: &str, duration: u64) -> String {
    format!(
        r#"{{"id":"cpu:a","message":"cpu is {level}","details":"","time":"{time}","duration":{duration},"level":"{level}",
        "previousLevel":"OK","data":{{"series":[{{"name":"cpu","tags":{{"host":"a"}},"columns":["time","v"],
        "values":[["{time}",3.5]]}}]}},"recoverable":true}}"#
    )
}

/// The one segment of a journal.
fn segment(data_dir: &Path) -> PathBuf {
    let files = std::fs::read_dir(data_dir.join("journal")).unwrap().map(|file| file.unwrap().path());
    let mut segments: Vec<PathBuf> = files.filter(|path| path.extension().is_some_and(|end| end == "kseg")).collect();
    assert_eq!(segments.len(), 1, "{segments:?}");
    segments.remove(0)
}

#[test]
fn an_alert_goes_in_and_comes_out() {
    let directory = tempfile::tempdir().unwrap();
    let daemon = Process::start(directory.path(), None);
    let url = format!("http://{}", daemon.http);
    let data_dir = daemon.stream_socket().parent().unwrap().to_owned();
    let data = data_dir.to_str().unwrap();

    let mut following: Child = kaptap(&["tail", "--url", &url, "--since", "0"]).spawn().unwrap();
    let mut lines = BufReader::new(following.stdout.take().unwrap()).lines();
    let firing = alert("CRITICAL", "2026-11-22T10:00:00.5Z", 0);
    let resolved = alert("OK", "2026-11-22T10:01:35.5Z", 95_000_000_000);
    check_run(&["send", "--url", &url, "--task", "cpu_alert"], &firing, 0);
    check_run(&["send", "--url", &url, "--task", "cpu_alert"], &resolved, 0);
    check_run(&["send", "--url", &url, "--rows", "cpu"], r#"{"series":[]}"#, 0);

    let mut shown =
        lines.by_ref().map(Result::unwrap).filter(|line| !line.starts_with("──") && !line.contains(" SYSTEM "));
    assert_eq!(shown.next().unwrap(), "10:00:00.500 CRITICAL cpu_alert  cpu:a  opened  cpu is CRITICAL  v=3.5");
    assert_eq!(shown.next().unwrap(), "10:01:35.500 OK       cpu_alert  cpu:a  resolved after 1m35s  cpu is OK  v=3.5");
    following.kill().unwrap();
    following.wait().unwrap();

    let tail = ["tail", "--url", &url, "--json", "--no-follow"];
    let all = check_run(&[&tail[..], &["--since", "0"]].concat(), "", 0);
    assert_eq!(all.len(), 4, "its start, two alerts, a row: {all:?}");
    assert_eq!(check_run(&[&tail[..], &["-n", "1"]].concat(), "", 0), all[3..]);
    let filtered = check_run(&[&tail[..], &["--filter", "kind == \"alert\" && alert.level == \"OK\""]].concat(), "", 0);
    assert_eq!(filtered, all[2..3]);

    // The journal is looked into while kaptap writes it, and says the same.
    let journal = ["--data-dir", data, "journal"];
    assert_eq!(check_run(&[&journal[..], &["export"]].concat(), "", 0), all);
    assert_eq!(check_run(&[&journal[..], &["export", "--since", "2", "--until", "2"]].concat(), "", 0), all[1..2]);
    assert_eq!(check_run(&[&journal[..], &["export", "--since", "1h"]].concat(), "", 0), all);
    assert!(check_run(&[&journal[..], &["export", "--until", "1h"]].concat(), "", 0).is_empty());
    let raw = check_run(&[&journal[..], &["export", "--raw", "--filter", "kind == \"row\""]].concat(), "", 0);
    assert!(
        raw.len() == 1 && raw[0].contains(r#""raw":{"media":"application/json","data":"{\"series\":[]}"}"#),
        "{raw:?}"
    );
    let table = check_run(&[&journal[..], &["ls"]].concat(), "", 0);
    assert!(table[1].contains(".kseg") && table[2].starts_with("1 segment, 4 records, "), "{table:?}");
    check_run(&[&journal[..], &["verify"]].concat(), "", 0);

    daemon.kill();
    let path = segment(&data_dir);
    let mut bytes = std::fs::read(&path).unwrap();
    let at = bytes.windows(4).position(|window| window == b"cpu:").unwrap();
    bytes[at] ^= 1;
    std::fs::write(&path, bytes).unwrap();
    let findings = check_run(&[&journal[..], &["verify"]].concat(), "", 1);
    assert!(findings[0].contains("damaged at byte "), "{findings:?}");
    let exported = check_run(&[&journal[..], &["export"]].concat(), "", 0);
    assert!(exported[1].contains("\"gap\"") && exported.last() == all.last(), "{exported:?}");
}

#[test]
fn what_is_so_now_and_what_came_twice() {
    let directory = tempfile::tempdir().unwrap();
    let daemon = Process::start(directory.path(), None);
    let url = format!("http://{}", daemon.http);
    let firing = alert("CRITICAL", "2026-11-20T10:00:00.5Z", 0);
    for _ in 0..2 {
        check_run(&["send", "--url", &url, "--task", "cpu_alert"], &firing, 0);
    }
    check_run(&["send", "--url", &url, "--rows", "cpu"], r#"{"series":[]}"#, 0);

    let table = check_run(&["alerts", "--url", &url], "", 0);
    assert_eq!(table.len(), 2, "{table:?}");
    let head: Vec<&str> = table[0].split_whitespace().collect();
    assert_eq!(head, ["LEVEL", "SINCE", "(UTC)", "FOR", "TASK", "ID", "MESSAGE"]);
    assert!(table[1].starts_with("CRITICAL  2026-11-20 10:00:00  "), "{table:?}");
    assert!(table[1].ends_with("  cpu_alert  cpu:a  cpu is CRITICAL"), "{table:?}");
    let (_, body) = support::get(daemon.http, "/v1/alerts").unwrap();
    assert_eq!(check_run(&["alerts", "--url", &url, "--json"], "", 0).join("\n").as_bytes(), body.trim_ascii_end());

    let table = check_run(&["streams", "--url", &url], "", 0);
    let words: Vec<Vec<&str>> = table.iter().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(words[0], ["LANE", "SOURCE", "TASK", "NODE", "RECEIVED", "KEPT", "LAST"]);
    // Its own notices are a stream too.
    let others: Vec<_> = words[1..].iter().filter(|row| row[0] != "self").collect();
    assert_eq!(others[0][..6], ["exec", "exec", "-", "-", "2", "2"]);
    assert_eq!(others[1][..6], ["row", "cpu", "-", "-", "1", "1"]);
    assert_eq!((others.len(), others[1][7]), (2, "ago"));

    // A person sees each alert once; the day comes first, because it is long ago.
    let tail = ["tail", "--url", &url, "--no-follow", "--since", "0"];
    let seen = |more: &[&str]| check_run(&[&tail[..], more].concat(), "", 0);
    let once = seen(&["--filter", "kind == \"alert\""]);
    assert_eq!(once[0], "── Friday, 20 November 2026, UTC ──");
    assert_eq!(once[1..], ["10:00:00.500 CRITICAL cpu_alert  cpu:a  opened  cpu is CRITICAL  v=3.5"]);
    let twice = seen(&["--filter", "kind == \"alert\"", "--duplicates"]);
    assert_eq!(twice.len(), 3, "{twice:?}");
    assert!(twice[2].ends_with("  duplicate of 2"), "{twice:?}");
    assert_eq!(seen(&["--filter", "duplicate_of > 0"])[1..], twice[2..]);
    assert_eq!(seen(&["--json"]).len(), 4, "its start, twice the alert, a row");
}

#[test]
fn a_udf_process_is_a_udf() {
    let directory = tempfile::tempdir().unwrap();
    let daemon = Process::start(directory.path(), None);
    let socket = daemon.stream_socket();
    let recordings = support::recordings().join("udf");
    let request = std::fs::read(recordings.join("info-only.request.bin")).unwrap();
    let mut child = kaptap(&["udf", "--socket", socket.to_str().unwrap()]).spawn().unwrap();
    child.stdin.take().unwrap().write_all(&request).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), output.stderr), (Some(0), Vec::new()));
    assert!(output.stdout.len() > 10, "{:?}", output.stdout);
}

#[test]
fn a_journal_that_is_not_there_is_said() {
    let directory = tempfile::tempdir().unwrap();
    let data_dir = directory.path().to_str().unwrap();
    for command in ["ls", "verify", "export"] {
        let output = run(&["journal", command, "--data-dir", data_dir], "");
        let said = format!("kaptap: there is no journal in {data_dir}/journal\n");
        assert_eq!((output.status.code(), String::from_utf8(output.stderr).unwrap()), (Some(1), said));
    }
}
