//! Tests against pipes.

use super::*;
use std::io::Read;
use std::os::fd::OwnedFd;

fn over(end: impl Into<OwnedFd>) -> Descriptor {
    Descriptor { file: Some(File::from(end.into())), torn: false }
}

#[test]
fn lines_go_out_at_once() {
    let (mut reader, writer) = io::pipe().unwrap();
    let mut output = over(writer);
    for line in ["a\n", "b\n"] {
        output.append(line.as_bytes()).unwrap();
        let mut read = [0; 2];
        reader.read_exact(&mut read).unwrap();
        assert_eq!(read, line.as_bytes());
    }
}

#[test]
fn a_closed_pipe_is_an_error_and_the_next_reader_begins_with_a_whole_line() {
    let (reader, writer) = io::pipe().unwrap();
    let mut output = over(writer);
    drop(reader);
    for _ in 0..2 {
        assert_eq!(output.append(b"a\n").unwrap_err(), "standard output is closed");
    }
    let (mut reader, writer) = io::pipe().unwrap();
    output.file = Some(File::from(OwnedFd::from(writer)));
    output.append(b"a\n").unwrap();
    output.append(b"b\n").unwrap();
    drop(output);
    let mut read = String::new();
    reader.read_to_string(&mut read).unwrap();
    assert_eq!(read, "\na\nb\n");
}

#[test]
fn other_errors_say_what_they_are() {
    let mut output = over(File::open("/dev/null").unwrap());
    let error = output.append(b"a\n").unwrap_err();
    assert!(error.starts_with("cannot write to standard output: "), "{error}");
}
