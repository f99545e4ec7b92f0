//! The commands as processes: what they print where, what they send, and how they end.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking, helpers included")]

mod wait_support;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::net::UnixListener;
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread;
use std::time::{Duration, Instant};
use wait_support::wait_until;

/// How long anything may take before a test gives up.
const WATCHDOG: Duration = Duration::from_mins(1);

fn kaptap(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_kaptap"));
    command.args(arguments).env_clear().stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Runs to the end with this on standard input.
fn run(arguments: &[&str], input: &[u8]) -> Output {
    let mut child = kaptap(arguments).spawn().unwrap();
    // A command that does not read its input may be gone already.
    drop(child.stdin.take().unwrap().write_all(input));
    wait(child)
}

/// Waits for the end and reads what it printed meanwhile, as far as nobody else has taken it.
fn wait(mut child: Child) -> Output {
    let stdout = child.stdout.take().map(|mut pipe| thread::spawn(move || read_all(&mut pipe)));
    let stderr = child.stderr.take().map(|mut pipe| thread::spawn(move || read_all(&mut pipe)));
    // One that does not end is killed, so that what it said can be shown.
    let began = Instant::now();
    let status = wait_until("the end of the command", || {
        if began.elapsed() > WATCHDOG {
            child.kill().unwrap();
        }
        child.try_wait().unwrap()
    });
    let read = |pipe: Option<thread::JoinHandle<Vec<u8>>>| pipe.map(|pipe| pipe.join().unwrap()).unwrap_or_default();
    Output { status, stdout: read(stdout), stderr: read(stderr) }
}

fn read_all(pipe: &mut impl Read) -> Vec<u8> {
    let mut bytes = Vec::new();
    pipe.read_to_end(&mut bytes).unwrap();
    bytes
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// Checks exit code, standard output and standard error.
#[track_caller]
fn check_end(output: &Output, code: i32, stdout: &str, stderr: &str) {
    let (said, printed) = (text(&output.stderr), text(&output.stdout));
    assert_eq!((output.status.code(), printed.as_str(), said.as_str()), (Some(code), stdout, stderr));
}

/// What a server does with one connection once the request is read.
type Answer = Box<dyn FnOnce(&mut TcpStream) + Send>;

/// A server that answers one connection after another with what the script says, and hands out what was asked.
struct Server {
    url: String,
    requests: Receiver<(String, Vec<u8>)>,
}

impl Server {
    fn start(script: Vec<Answer>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (sender, requests) = sync_channel(16);
        thread::spawn(move || {
            for answer in script {
                let (mut stream, _) = listener.accept().unwrap();
                sender.send(read_request(&stream)).unwrap();
                answer(&mut stream);
            }
        });
        Self { url, requests }
    }

    fn answering(answer: &'static str) -> Self {
        Self::start(vec![Box::new(|stream| stream.write_all(answer.as_bytes()).unwrap())])
    }

    fn request(&self) -> (String, Vec<u8>) {
        self.requests.recv_timeout(WATCHDOG).unwrap()
    }
}

fn read_request(stream: &TcpStream) -> (String, Vec<u8>) {
    let mut reader = BufReader::new(stream);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        assert_ne!(reader.read_line(&mut head).unwrap(), 0, "{head}");
    }
    let lower = head.to_lowercase();
    let length = lower.lines().find_map(|line| line.strip_prefix("content-length: ")).map_or(0, |n| n.parse().unwrap());
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    (head, body)
}

fn chunk(text: &str) -> String {
    format!("{:x}\r\n{text}\r\n", text.len())
}

const STREAM_HEAD: &str = "HTTP/1.1 200 OK\r\nContent-Type: application/x-ndjson\r\nTransfer-Encoding: chunked\r\n\r\n";

fn point(seq: u64) -> String {
    format!(r#"{{"seq":{seq},"kind":"point","time":"2026-11-22T10:00:00Z","origin":{{"source":"s"}}}}"#) + "\n"
}

fn interrupt(child: &Child) {
    let status = Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(status.success());
}

#[test]
fn tail_prints_what_is_there_and_ends() {
    let server = Server::start(vec![Box::new(|stream| {
        let event = point(3);
        let (first, second) = event.split_at(20);
        let answer = [STREAM_HEAD, &chunk(first), &chunk(second), &chunk(&point(4)), "0\r\n\r\n"].concat();
        stream.write_all(answer.as_bytes()).unwrap();
    })]);
    let filter = "kind == \"point\"";
    let arguments = ["tail", "--json", "--no-follow", "--since", "10m", "--filter", filter, "--token", "t", "--url"];
    let output = run(&[&arguments[..], &[&server.url]].concat(), b"");
    check_end(&output, 0, &(point(3) + &point(4)), "");
    let (head, _) = server.request();
    assert!(head.starts_with("GET /v1/events?since=10m&filter=kind%20%3D%3D%20%22point%22 HTTP/1.1\r\n"), "{head}");
    assert!(head.to_lowercase().contains("\r\nauthorization: bearer t\r\n"), "{head}");
    assert!(head.to_lowercase().contains("\r\naccept: application/x-ndjson\r\n"), "{head}");
}

#[test]
fn tail_is_for_people_and_without_colour_in_a_pipe() {
    let server = Server::start(vec![Box::new(|stream| {
        let event = point(3).replace("\"s\"", "\"\\u001b[31m\"");
        stream.write_all([STREAM_HEAD, &chunk(&event), "0\r\n\r\n"].concat().as_bytes()).unwrap();
    })]);
    let mut command = kaptap(&["tail", "--no-follow", "--url", &server.url]);
    let output = wait(command.env("TZ", "UTC").spawn().unwrap());
    let printed = text(&output.stdout);
    let line = printed.lines().last().unwrap();
    assert_eq!(line, "10:00:00.000 POINT    \\u{1b}[31m");
    assert_eq!(output.status.code(), Some(0));
}

#[test]
fn tail_goes_on_where_it_left_off_until_interrupted() {
    let server = Server::start(vec![
        Box::new(|stream| stream.write_all([STREAM_HEAD, &chunk(&point(5))].concat().as_bytes()).unwrap()),
        Box::new(|stream| {
            stream.write_all(b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 5\r\n\r\nlater").unwrap();
        }),
        Box::new(|stream| {
            let gap = r#"{"gap":{"first_seq":6,"last_seq":8,"reason":"retention"}}"#.to_owned() + "\n";
            stream.write_all([STREAM_HEAD, &chunk(&gap), "0\r\n\r\n"].concat().as_bytes()).unwrap();
        }),
        Box::new(|stream| {
            // Server-sent events are what is asked for: a sign of life moves on, what is cut off does not.
            let head = STREAM_HEAD.replace("application/x-ndjson", "text/event-stream");
            let events = chunk(": still here\nid: 19\n\nid: 20\ndata: {\"cut");
            stream.write_all((head + &events).as_bytes()).unwrap();
        }),
        Box::new(|stream| {
            stream.write_all([STREAM_HEAD, &chunk(&point(20))].concat().as_bytes()).unwrap();
            // Held open until the other side goes.
            drop(stream.read(&mut [0]));
        }),
    ]);
    let mut child = kaptap(&["tail", "--json", "-n", "3", "--url", &server.url]).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let seen: Vec<String> = (0..3).map(|_| lines.next().unwrap().unwrap()).collect();
    assert!(seen[0].contains("\"seq\":5") && seen[1].contains("\"last_seq\":8") && seen[2].contains("\"seq\":20"));
    interrupt(&child);
    let output = wait(child);
    assert_eq!(output.status.code(), Some(0));
    let asked: Vec<String> = (0..5).map(|_| server.request().0.lines().next().unwrap().to_owned()).collect();
    assert_eq!(asked[0], "GET /v1/events?last=3&follow=1 HTTP/1.1");
    assert_eq!(asked[1], "GET /v1/events?since=6&follow=1 HTTP/1.1");
    assert_eq!(asked[2], asked[1]);
    assert_eq!(asked[3], "GET /v1/events?since=9&follow=1 HTTP/1.1");
    assert_eq!(asked[4], "GET /v1/events?since=20&follow=1 HTTP/1.1");
    let said = text(&output.stderr);
    assert_eq!(said.matches("; trying again\n").count(), 3, "{said}");
    assert_eq!(said.matches(&format!("connected to {} again\n", server.url)).count(), 3, "{said}");
}

#[test]
fn tail_says_what_the_server_refuses() {
    let refusal = "HTTP/1.1 400 Bad Request\r\nContent-Length: 17\r\n\r\nfilter: what?\n  ^";
    let server = Server::answering(refusal);
    let output = run(&["tail", "--url", &server.url], b"");
    check_end(&output, 2, "", &format!("kaptap: {} refuses this:\nfilter: what?\n  ^\n", server.url));
    let server = Server::answering("HTTP/1.1 401 Unauthorized\r\nContent-Length: 10\r\n\r\nno\u{1b}[2J you");
    let output = run(&["tail", "--url", &server.url], b"");
    let expected = format!("kaptap: {} answered 401 Unauthorized: no\\u{{1b}}[2J you\n", server.url);
    check_end(&output, 1, "", &expected);
}

#[test]
fn tail_without_a_server_fails_at_once() {
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let output = run(&["tail", "--listen", &free.to_string()], b"");
    let said = text(&output.stderr);
    let expected = format!("kaptap: cannot reach kaptap at http://{free}: ");
    assert!(said.starts_with(&expected) && said.ends_with(" (is it running?)\n"), "{said}");
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn a_closed_output_is_a_success() {
    let server = Server::start(vec![Box::new(|stream| {
        stream.write_all(STREAM_HEAD.as_bytes()).unwrap();
        // Until the other side has gone.
        while stream.write_all(chunk(&point(1)).as_bytes()).is_ok() {}
    })]);
    let mut child = kaptap(&["tail", "--json", "--url", &server.url]).spawn().unwrap();
    let mut reader = BufReader::new(child.stdout.take().unwrap());
    reader.read_line(&mut String::new()).unwrap();
    drop(reader);
    check_end(&wait(child), 0, "", "");
}

#[test]
fn send_posts_an_alert() {
    let server = Server::answering("HTTP/1.1 204 No Content\r\n\r\n");
    let arguments = ["send", "topic/cpu", "--task", "cpu_alert", "--topic", "cpü", "--url", &server.url];
    check_end(&run(&arguments, br#"{"id":"a"}"#), 0, "", "");
    let (head, body) = server.request();
    assert_eq!(body, br#"{"id":"a"}"#);
    assert!(head.starts_with("POST /v1/alerts/topic/cpu HTTP/1.1\r\n"), "{head}");
    for line in ["x-kaptap-lane: exec", "x-kapacitor-task: cpu_alert", "x-kapacitor-topic: cpü"] {
        assert!(head.to_lowercase().contains(&format!("\r\n{line}\r\n")), "{head}");
    }
}

#[test]
fn send_posts_rows() {
    let server = Server::answering("HTTP/1.1 204 No Content\r\n\r\n");
    check_end(&run(&["send", "--rows", "--url", &server.url], b"{}"), 0, "", "");
    let (head, _) = server.request();
    assert!(head.starts_with("POST /v1/rows/exec HTTP/1.1\r\n"), "{head}");
    assert!(!head.to_lowercase().contains("x-kaptap-lane"), "{head}");
}

#[test]
fn send_succeeds_only_when_it_is_kept() {
    let server = Server::answering("HTTP/1.1 413 Content Too Large\r\nContent-Length: 8\r\n\r\nshorter\n");
    let expected = format!("kaptap: {} answered 413 Payload Too Large: shorter\n", server.url);
    check_end(&run(&["send", "--url", &server.url], b"{}"), 1, "", &expected);
    let server = Server::answering("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    assert_eq!(run(&["send", "--url", &server.url], b"{}").status.code(), Some(1));
    // Rows that may have been taken are not sent twice.
    let server = Server::answering("");
    let output = run(&["send", "--rows", "--url", &server.url], b"{}");
    let said = text(&output.stderr);
    assert!(said.starts_with(&format!("kaptap: kaptap at {} was lost before it answered", server.url)), "{said}");
    assert_eq!((output.status.code(), said.lines().count()), (Some(1), 1), "{said}");
    let output = run(&["send", "--url", "http://127.0.0.1:1"], b"");
    check_end(&output, 1, "", "kaptap: there is nothing on standard input; it takes the JSON of one alert\n");
}

#[test]
fn send_tries_again_until_it_is_kept() {
    const NOT_NOW: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nContent-Length: 8\r\n\r\nnot now\n";
    let server = Server::start(vec![
        Box::new(|stream| stream.write_all(NOT_NOW).unwrap()),
        // Taken or not, nobody knows; of two equal alerts the second is marked.
        Box::new(|_| {}),
        Box::new(|stream| stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").unwrap()),
    ]);
    let begun = Instant::now();
    let output = run(&["send", "--url", &server.url], br#"{"id":"a"}"#);
    let expected = format!("kaptap: {} answered 503 Service Unavailable: not now; trying again for 1m\n", server.url);
    check_end(&output, 0, "", &expected);
    assert!(begun.elapsed() >= Duration::from_secs(1), "it was asked to wait for a second");
    for _ in 0..3 {
        assert_eq!(server.request().1, br#"{"id":"a"}"#);
    }
}

#[test]
fn send_waits_for_a_kaptap_that_is_being_started() {
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let mut child = kaptap(&["send", "--url", &format!("http://{address}")]).spawn().unwrap();
    child.stdin.take().unwrap().write_all(b"{}").unwrap();
    let mut talk = BufReader::new(child.stderr.take().unwrap());
    let mut said = String::new();
    talk.read_line(&mut said).unwrap();
    assert!(said.starts_with(&format!("kaptap: cannot reach kaptap at http://{address}: ")), "{said}");
    assert!(said.ends_with("; trying again for 1m\n"), "{said}");
    // Only now somebody listens there.
    let listener = TcpListener::bind(address).unwrap();
    let (mut stream, _) = listener.accept().unwrap();
    assert_eq!(read_request(&stream).1, b"{}");
    stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").unwrap();
    assert_eq!(wait(child).status.code(), Some(0));
}

#[test]
fn send_gives_up_in_the_end() {
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let output = run(&["send", "--timeout", "500ms", "--url", &format!("http://{free}")], b"{}");
    let said = text(&output.stderr);
    assert!(said.ends_with("; given up, it is not kept after 500ms\n"), "{said}");
    assert_eq!(output.status.code(), Some(1));
    // Asked to wait for longer than it may take, it does not wait at all.
    let answer = "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 61\r\nContent-Length: 8\r\n\r\nnot now\n";
    let server = Server::answering(answer);
    let output = run(&["send", "--url", &server.url], b"{}");
    let said = "answered 503 Service Unavailable: not now; given up, it is not kept after 1m";
    check_end(&output, 1, "", &format!("kaptap: {} {said}\n", server.url));
}

#[test]
fn tail_leaves_duplicates_to_those_who_ask() {
    for (flags, expected) in [
        (&[][..], "GET /v1/events?filter=%21%28duplicate_of%20%3E%200%29 HTTP/1.1\r\n"),
        (&["--duplicates"], "GET /v1/events? HTTP/1.1\r\n"),
        (&["--json"], "GET /v1/events? HTTP/1.1\r\n"),
    ] {
        let server = Server::answering("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
        let output = run(&[&["tail", "--no-follow", "--url", &server.url], flags].concat(), b"");
        check_end(&output, 0, "", "");
        let (head, _) = server.request();
        assert!(head.starts_with(expected), "{head}");
    }
}

#[test]
fn alerts_and_streams_are_asked_for() {
    let answer = "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n[]\n";
    for (arguments, path, printed, said) in [
        (&["alerts"][..], "/v1/alerts", "", "kaptap: no alert is open\n"),
        (&["alerts", "--all"], "/v1/alerts?all=1", "", "kaptap: no alert is known\n"),
        (&["alerts", "--json"], "/v1/alerts", "[]\n", ""),
        (&["streams", "--json", "--token", "t"], "/v1/streams", "[]\n", ""),
    ] {
        let server = Server::answering(answer);
        check_end(&run(&[arguments, &["--url", &server.url]].concat(), b""), 0, printed, said);
        let (head, _) = server.request();
        assert!(head.starts_with(&format!("GET {path} HTTP/1.1\r\n")), "{head}");
        let has_token = head.to_lowercase().contains("\r\nauthorization: bearer t\r\n");
        assert_eq!(has_token, arguments.contains(&"--token"), "{head}");
    }
    let server = Server::answering("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nhi\n");
    let output = run(&["streams", "--url", &server.url], b"");
    assert!(text(&output.stderr).starts_with("kaptap: what answered is not a kaptap"), "{}", text(&output.stderr));
    assert_eq!((output.status.code(), output.stdout.len()), (Some(1), 0));
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let output = run(&["alerts", "--listen", &free.to_string()], b"");
    assert!(text(&output.stderr).ends_with(" (is it running?)\n"), "{}", text(&output.stderr));
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn udf_passes_bytes_both_ways_at_once() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("stream.sock");
    let listener = UnixListener::bind(&path).unwrap();
    let daemon = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut ask = [0; 3];
        stream.read_exact(&mut ask).unwrap();
        stream.write_all(b"\x00no line end").unwrap();
        let mut rest = Vec::new();
        stream.read_to_end(&mut rest).unwrap();
        stream.write_all(&rest).unwrap();
        ask
    });
    let data_dir = directory.path().to_str().unwrap();
    let mut child = kaptap(&["udf", "--data-dir", data_dir]).spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    let mut output = child.stdout.take().unwrap();
    input.write_all(b"\xff\x00\n").unwrap();
    let mut answer = [0; 12];
    output.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"\x00no line end");
    let long: Vec<u8> = (0..1_000_000_u32).flat_map(u32::to_le_bytes).collect();
    input.write_all(&long).unwrap();
    drop(input);
    let mut echoed = Vec::new();
    output.read_to_end(&mut echoed).unwrap();
    assert!(echoed == long, "{} bytes of {}", echoed.len(), long.len());
    assert_eq!(&daemon.join().unwrap(), b"\xff\x00\n");
    check_end(&wait(child), 0, "", "");
}

#[test]
fn udf_ends_when_the_socket_ends() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("batch.sock");
    let listener = UnixListener::bind(&path).unwrap();
    let daemon = thread::spawn(move || drop(listener.accept().unwrap()));
    let mut child = kaptap(&["udf", "--batch", "--data-dir", directory.path().to_str().unwrap()]).spawn().unwrap();
    let held_open = child.stdin.take();
    let output = wait(child);
    daemon.join().unwrap();
    drop(held_open);
    check_end(&output, 1, "", "kaptap: kaptap ended the connection; Kapacitor has to start the task again\n");
}

#[test]
fn udf_without_a_daemon_says_one_sentence() {
    let output = run(&["udf", "--socket", "/nowhere/s"], b"");
    check_end(
        &output,
        1,
        "",
        "kaptap: cannot reach kaptap at /nowhere/s (is it running?): No such file or directory (os error 2)\n",
    );
}

#[test]
fn check_says_whether_a_configuration_is_good() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("kaptap.toml");
    let name = path.to_str().unwrap();
    let data = format!("data_dir = {:?}\n", directory.path().join("data"));
    std::fs::write(&path, format!("{data}[http]\ntokens = [\"hunter2\"]\n")).unwrap();
    let output = run(&["check", "--config", name], b"");
    let printed = text(&output.stdout);
    assert!(printed.starts_with(&format!("{name} is good\n")), "{printed}");
    assert!(printed.contains("1 for posting and reading") && !printed.contains("hunter2"), "{printed}");
    assert!(
        printed.ends_with("\ndirectories, sockets and group can be used from here; ports were not tried\n"),
        "{printed}"
    );
    // The file is good, whatever this machine lacks.
    std::fs::write(&path, format!("{data}[udf]\ngroup = \"no such group\"\n")).unwrap();
    let output = run(&["check", "--config", name], b"");
    let printed = text(&output.stdout);
    let lacking = "what this user on this machine would lack now (ports were not tried):\n  \
                   there is no group \"no such group\" in /etc/group\n";
    assert!(printed.ends_with(lacking), "{printed}");
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(output.status.code(), Some(0));

    std::fs::write(&path, "scope = 1\nx = 2\n").unwrap();
    let expected = format!(
        "kaptap: {name}:1: scope: is the number 1; write a name\n\
         kaptap: {name}:2: x: no such key; remove it, or see docs/configuration.md for the keys there are\n"
    );
    check_end(&run(&["check", "--config", name], b""), 1, "", &expected);
    let output = wait(kaptap(&["check"]).env("KAPTAP_CONFIG", name).spawn().unwrap());
    check_end(&output, 1, "", &expected);
    let output = run(&["check", "--config", "/nowhere/k"], b"");
    check_end(&output, 1, "", "kaptap: cannot read /nowhere/k: No such file or directory (os error 2)\n");
}

#[test]
fn filters_are_checked_before_anybody_is_asked() {
    let output = run(&["check", "--filter", "kind == \"alert\" && alert.level in [\"WARNING\", \"CRITICAL\"]"], b"");
    check_end(&output, 0, "the filter is good\n", "");
    for arguments in
        [&["tail", "--url", "http://127.0.0.1:1", "--filter", "kind == =="][..], &["check", "--filter", "kind =="]]
    {
        let output = run(arguments, b"");
        let said = text(&output.stderr);
        assert!(said.starts_with("kaptap: ") && said.contains('^') && said.contains("kind =="), "{said}");
        assert!(output.stdout.is_empty() && !output.status.success(), "{arguments:?}");
    }
}

#[test]
fn wrong_usage_is_exit_code_2() {
    for arguments in [&["nonsense"][..], &["tail", "--since", "yesterday"], &["tail", "--url", "https://a"], &["--x"]] {
        let output = run(arguments, b"");
        assert_eq!((output.status.code(), text(&output.stdout)), (Some(2), String::new()), "{arguments:?}");
        assert!(!output.stderr.is_empty(), "{arguments:?}");
    }
}

#[test]
fn help_version_and_completions_are_data() {
    for arguments in [&["--help"][..], &["--version"], &["completions", "bash"], &["journal", "--help"]] {
        let output = run(arguments, b"");
        assert_eq!((output.status.code(), text(&output.stderr)), (Some(0), String::new()), "{arguments:?}");
        assert!(!output.stdout.is_empty(), "{arguments:?}");
    }
}
