//! The house rules: who may use whom, how long a file may be, and documents that agree with the program.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking, helpers included"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Longest file of the product; longer ones are rooms in which nothing can be found.
const MAX_LINES: usize = 400;
/// Longest file of tests.
const MAX_TEST_LINES: usize = 600;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// A Rust file: its path from the root, and its text.
struct Source {
    path: String,
    text: String,
}

impl Source {
    /// Whether it holds tests only.
    fn is_test(&self) -> bool {
        let name = self.path.rsplit('/').next().unwrap();
        self.path.starts_with("tests/")
            || self.path.contains("/tests/")
            || name == "tests.rs"
            || name.ends_with("_tests.rs")
    }

    /// Its lines without comments and without what follows `#[cfg(test)]` at the end of a file, with their numbers.
    fn code(&self) -> impl Iterator<Item = (usize, &str)> {
        let inline = self.text.find("\n#[cfg(test)]\nmod tests {").unwrap_or(self.text.len());
        let lines = self.text[..inline].lines().enumerate();
        lines.map(|(index, line)| (index + 1, line)).filter(|(_, line)| !line.trim_start().starts_with("//"))
    }
}

/// All Rust files of the project.
fn sources() -> Vec<Source> {
    let mut found = Vec::new();
    for folder in ["src", "tests", "benches", "examples", "fuzz/fuzz_targets"] {
        walk(&root().join(folder), &mut found);
    }
    found.push(root().join("build.rs"));
    found.retain(|path| path.extension().is_some_and(|extension| extension == "rs"));
    found.sort();
    assert!(found.len() > 50, "only {} files found", found.len());
    let source = |path: PathBuf| Source {
        text: std::fs::read_to_string(&path).unwrap(),
        path: path.strip_prefix(root()).unwrap().to_str().unwrap().to_owned(),
    };
    found.into_iter().map(source).collect()
}

fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display())) {
        let path = entry.unwrap().path();
        if path.is_dir() { walk(&path, found) } else { found.push(path) }
    }
}

/// Whether a path has one of these extensions.
fn ends(path: &str, extensions: &[&str]) -> bool {
    Path::new(path).extension().is_some_and(|extension| extensions.iter().any(|known| extension == *known))
}

/// Fails with all complaints at once.
#[track_caller]
fn check_none(rule: &str, complaints: &[String]) {
    assert!(complaints.is_empty(), "{rule}:\n  {}\n", complaints.join("\n  "));
}

/// The rooms of ARCHITECTURE.md: what each may use; `None` is everything.
fn rooms() -> BTreeMap<String, Option<BTreeSet<String>>> {
    let text = read("ARCHITECTURE.md");
    let table = text.split("| room | holds | may use |").nth(1).expect("ARCHITECTURE.md has the table of rooms");
    let rows = table.lines().skip(2).take_while(|line| line.starts_with('|'));
    let room = |row: &str| {
        let cells: Vec<_> = row.trim_matches('|').split('|').map(str::trim).collect();
        let used = match cells[2] {
            "all" => None,
            "–" => Some(BTreeSet::new()),
            rooms => Some(rooms.split(", ").map(str::to_owned).collect()),
        };
        (cells[0].trim_matches('`').to_owned(), used)
    };
    rows.map(room).collect()
}

/// The room of a file of `src/`.
fn room_of(path: &str) -> Option<&str> {
    let inside = path.strip_prefix("src/")?;
    Some(inside.split('/').next().unwrap().trim_end_matches(".rs"))
}

/// Rooms that a line of code names by `crate::room` or `crate::{room, …}`.
fn named(line: &str) -> Vec<&str> {
    let is_word = |character: char| character.is_ascii_alphanumeric() || character == '_';
    let mut found = Vec::new();
    for (at, _) in line.match_indices("crate::") {
        if line[..at].ends_with(is_word) {
            continue;
        }
        let rest = &line[at + "crate::".len()..];
        match rest.strip_prefix('{') {
            Some(list) => found.extend(list.split(['{', '}', ',']).map(|item| item.trim().split("::").next().unwrap())),
            None => found.push(rest.split(|character| !is_word(character)).next().unwrap()),
        }
    }
    found.retain(|name| name.starts_with(|character: char| character.is_ascii_lowercase()));
    found
}

#[test]
fn rooms_use_only_what_they_may() {
    let rooms = rooms();
    let mut complaints = Vec::new();
    let mut seen = BTreeSet::new();
    for source in sources() {
        let Some(room) = room_of(&source.path).filter(|&room| room != "lib") else { continue };
        seen.insert(room.to_owned());
        let Some(allowed) = rooms.get(room) else {
            complaints.push(format!("{}: the room {room} is not in ARCHITECTURE.md", source.path));
            continue;
        };
        let Some(allowed) = allowed else { continue };
        if source.is_test() {
            continue;
        }
        for (number, line) in source.code() {
            for used in named(line) {
                if used != room && rooms.contains_key(used) && !allowed.contains(used) {
                    complaints.push(format!("{}:{number}: {room} may not use {used}", source.path));
                }
            }
        }
    }
    for room in rooms.keys().filter(|room| !seen.contains(*room)) {
        complaints.push(format!("ARCHITECTURE.md names {room}, which is not there"));
    }
    check_none("Rooms, see ARCHITECTURE.md", &complaints);
}

#[test]
fn the_table_of_rooms_is_read_right() {
    let rooms = rooms();
    assert_eq!(rooms["journal"], Some(BTreeSet::new()));
    assert_eq!(rooms["app"], None);
    assert!(rooms["interpret"].as_ref().unwrap().contains("record"));
    assert_eq!(named("use crate::{event::Event, words};"), ["event", "words"]);
    assert_eq!(named("let x = crate::record::records(crate::words::Lane::Udf);"), ["record", "words"]);
    assert_eq!(named("use my_crate::journal; pub(crate) fn x() {}"), Vec::<&str>::new());
}

#[test]
fn files_are_short_and_say_what_they_are() {
    let mut complaints = Vec::new();
    for Source { path, text } in &sources() {
        let source = Source { path: path.clone(), text: String::new() };
        let (lines, most) = (text.lines().count(), if source.is_test() { MAX_TEST_LINES } else { MAX_LINES });
        if lines > most {
            complaints.push(format!("{path}: {lines} lines, at most {most}"));
        }
        let first = text.lines().find(|line| !line.starts_with("#!"));
        if !first.is_some_and(|line| line.starts_with("//! ")) {
            complaints.push(format!("{path}: does not begin by saying what it is (`//! …`)"));
        }
    }
    check_none("Files", &complaints);
}

#[test]
fn nothing_is_left_undone_or_unbounded() {
    // Written so that this file does not find itself.
    let banned = [
        (concat!("todo", "!("), "a stub"),
        (concat!("unimplemented", "!("), "a stub"),
        (concat!("#[", "ignore"), "a test that does not run"),
        (concat!("unbounded", "_channel("), "a buffer without a bound"),
        (concat!("mpsc::", "channel()"), "a buffer without a bound"),
        (concat!("/ho", "me/"), "a path of one machine"),
        (concat!("/ro", "ot/"), "a path of one machine"),
        (concat!("/Use", "rs/"), "a path of one machine"),
    ];
    let mut complaints = Vec::new();
    for source in sources() {
        for (number, line) in source.text.lines().enumerate() {
            for (text, what) in banned.iter().filter(|(text, _)| line.contains(text)) {
                complaints.push(format!("{}:{}: {what}: {text}", source.path, number + 1));
            }
        }
    }
    for document in ["README.md", "ARCHITECTURE.md", "CHANGELOG.md", ".ci/run"] {
        for (text, what) in banned.iter().filter(|(text, _)| text.starts_with('/') && read(document).contains(text)) {
            complaints.push(format!("{document}: {what}: {text}"));
        }
    }
    check_none("Left undone", &complaints);
}

#[test]
fn links_in_documents_lead_somewhere() {
    let mut documents = vec!["README.md".to_owned(), "ARCHITECTURE.md".to_owned(), "CHANGELOG.md".to_owned()];
    let mut found = Vec::new();
    walk(&root().join("docs"), &mut found);
    let inside = |path: PathBuf| path.strip_prefix(root()).unwrap().to_str().unwrap().to_owned();
    documents.extend(found.into_iter().map(inside).filter(|path| ends(path, &["md"])));
    let mut complaints = Vec::new();
    for document in documents {
        let folder = root().join(&document).parent().unwrap().to_owned();
        for link in read(&document).split("](").skip(1).map(|rest| rest.split(')').next().unwrap()) {
            let target = link.split('#').next().unwrap();
            if !link.contains("://") && !target.is_empty() && !folder.join(target).exists() {
                complaints.push(format!("{document}: {target} is not there"));
            }
        }
    }
    check_none("Links", &complaints);
}

/// Runs the program; its exit code, standard output and standard error.
fn kaptap(arguments: &[&str]) -> (Option<i32>, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_kaptap")).args(arguments).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

/// Commands that a help text lists.
fn commands(help: &str) -> BTreeSet<String> {
    let list = help.split("Commands:\n").nth(1).unwrap_or_default();
    let rows = list.lines().take_while(|line| line.starts_with("  "));
    rows.filter_map(|row| row.split_whitespace().next()).map(str::to_owned).collect()
}

/// What the README (and what is beside it) has people type: the words after `kaptap` in code.
fn typed(text: &str) -> Vec<Vec<&str>> {
    let mut found = Vec::new();
    let mut in_block = false;
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            in_block = !in_block;
            continue;
        }
        let code: Vec<&str> = if in_block { vec![line] } else { line.split('`').skip(1).step_by(2).collect() };
        for code in code {
            for command in code.split("&&").map(str::trim) {
                let command = command.strip_prefix("sudo ").unwrap_or(command);
                if let Some(rest) = command.strip_prefix("kaptap ") {
                    found.push(rest.split_whitespace().take_while(|word| !word.starts_with('#')).collect());
                }
            }
        }
    }
    found
}

#[test]
fn commands_in_documents_exist() {
    let (code, help, _) = kaptap(&["--help"]);
    assert_eq!(code, Some(0));
    let known = commands(&help);
    assert!(known.contains("run") && known.contains("tail"), "{known:?}");
    let mut complaints = Vec::new();
    let mut seen = 0;
    for document in ["README.md", "docs/kapacitor.md", "ARCHITECTURE.md"] {
        let text = read(document);
        for words in typed(&text) {
            let Some(&command) = words.first().filter(|word| word.starts_with(|c: char| c.is_ascii_lowercase())) else {
                continue;
            };
            seen += 1;
            if !known.contains(command) {
                complaints.push(format!("{document}: there is no `kaptap {command}`"));
                continue;
            }
            let (_, help, _) = kaptap(&[command, "--help"]);
            let inner = commands(&help);
            for word in &words[1..] {
                let flag = word.split('=').next().unwrap();
                if flag.starts_with("--") && !help.contains(flag) {
                    complaints.push(format!("{document}: `kaptap {command}` has no {flag}"));
                }
            }
            if let Some(word) = words.get(1).filter(|word| !inner.is_empty() && !inner.contains(**word)) {
                complaints.push(format!("{document}: there is no `kaptap {command} {word}`"));
            }
        }
    }
    assert!(seen > 15, "{seen} commands found");
    check_none("Commands", &complaints);
}

#[test]
fn sample_configurations_are_valid() {
    for path in ["docs/kaptap.toml", "examples/kaptap.toml"] {
        let (code, _, talk) = kaptap(&["check", "--config", root().join(path).to_str().unwrap()]);
        assert_eq!(code, Some(0), "{path}: {talk}");
    }
}

#[test]
fn filters_in_the_readme_are_filters() {
    let text = read("README.md");
    let block = text.split("see [`docs/filters.md`](docs/filters.md):\n\n```text\n").nth(1).expect("filters in README");
    let mut filters: Vec<_> = block.lines().take_while(|line| !line.starts_with("```")).collect();
    assert!(filters.len() >= 3);
    filters.extend(text.split("--filter '").skip(1).map(|rest| rest.split('\'').next().unwrap()));
    filters.push("!(duplicate_of > 0)");
    assert!(text.contains("`!(duplicate_of > 0)`"));
    for filter in filters {
        let compiled = kaptap::filter::Filter::compile(filter);
        assert!(compiled.is_ok(), "{}", compiled.unwrap_err());
    }
}

#[test]
fn the_readme_names_every_script() {
    let readme = read("README.md");
    let guide = read("docs/kapacitor.md");
    for entry in std::fs::read_dir(root().join("examples/kapacitor")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        assert!(readme.contains(&name) || guide.contains(&name), "nothing speaks of examples/kapacitor/{name}");
    }
    for word in readme.split(['`', ' ', '(']).filter(|word| ends(word, &["tick", "yaml"])) {
        let yours = word == "cpu_points.tick";
        assert!(yours || root().join("examples/kapacitor").join(word).exists(), "README names {word}");
    }
}
