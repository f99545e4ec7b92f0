//! The file sink's files, rotated ones and compressed ones included, read in their order.

use super::books::Book;
use flate2::read::MultiGzDecoder;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

/// Reads what a file sink wrote in a directory of its own.
pub(crate) fn read(directory: &Path) -> Book {
    let mut files: Vec<PathBuf> = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    // Rotated ones have their time in their names; the one without is the last.
    files.sort_by_key(|path| {
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        (name == "events.ndjson", name)
    });
    let mut book = Book::default();
    for path in &files {
        let file = File::open(path).unwrap();
        let name = path.display();
        let extension = path.extension().unwrap_or_default();
        // Not whole yet, and what it is made of is still there.
        if extension == "part" {
            continue;
        }
        let reader: Box<dyn Read> =
            if extension == "gz" { Box::new(MultiGzDecoder::new(file)) } else { Box::new(file) };
        for line in BufReader::new(reader).split(b'\n') {
            book.take(&line.unwrap_or_else(|error| panic!("{name}: {error}")));
        }
    }
    book
}
