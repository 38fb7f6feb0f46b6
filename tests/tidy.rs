//! The law of the house, as tests: layers, words, headers, lengths, pages, papers.
//!
//! ARCHITECTURE.md says what the rules are for. A rule that cannot be kept is changed here, with
//! its reason, in the commit that breaks it.

#![expect(clippy::expect_used, reason = "a failing test says what it expected")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use tillpost::core::finding::Code;

/// Which rooms each room may name. Its own name is always allowed.
const LAYERS: [(&str, &[&str]); 13] = [
    ("core", &[]),
    ("clock", &["core"]),
    ("telemetry", &["core"]),
    ("config", &["core"]),
    ("store", &["core"]),
    ("intake", &["core", "store", "clock", "config", "telemetry"]),
    ("forwarder", &["core", "store", "clock", "config", "telemetry"]),
    ("http", &["core", "store", "clock", "intake", "telemetry"]),
    // The second witness: it must not lean on what it is a witness of.
    ("sandbox", &[]),
    ("app", &["core", "store", "clock", "config", "telemetry", "intake", "forwarder", "http"]),
    ("cli", &["core", "store", "clock", "config", "telemetry", "intake", "sandbox", "app"]),
    ("lib", &[]),
    ("main", &[]),
];

/// What the pure core must not name.
const BANNED_IN_CORE: [&str; 16] = [
    "async ",
    ".await",
    "tokio",
    "std::fs",
    "std::env",
    "std::io",
    "std::process",
    "std::thread",
    "TcpStream",
    "SystemTime",
    "Instant::now",
    "Timestamp::now",
    "Zoned::now",
    "fastrand",
    "uuid::",
    "reqwest",
];

/// Longest file, tests apart. Tables of data are the only exception.
const LINES_MAX: usize = 400;

struct Source {
    /// From the root of the repository.
    path: String,
    text: String,
}

impl Source {
    /// The first folder or file below `src`.
    fn room(&self) -> &str {
        let inside = self.path.strip_prefix("src/").expect("a source file");
        inside.split(['/', '.']).next().expect("a name")
    }

    /// The lines that are neither comments nor the test module at the end.
    fn code(&self) -> Vec<&str> {
        if self.path.ends_with("/tests.rs") || self.path.ends_with("/cases.rs") {
            return Vec::new();
        }
        let test_module = self.text.find("\n#[cfg(test)]\nmod ").unwrap_or(self.text.len());
        let lines = self.text[..test_module].lines();
        lines.filter(|line| !line.trim_start().starts_with("//")).collect()
    }
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic_with(path, &error))
}

fn panic_with(path: &str, error: &dyn std::error::Error) -> String {
    unreachable!("{path} cannot be read: {error}")
}

fn sources(folder: &str) -> Vec<Source> {
    let mut found = Vec::new();
    let mut folders: Vec<PathBuf> = vec![root().join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|ending| ending == "rs") {
                let inside = path.strip_prefix(root()).expect("a path below the root");
                let path = inside.display().to_string();
                let text = read(&path);
                found.push(Source { path, text });
            }
        }
    }
    assert!(found.len() > 5, "{folder} has sources");
    found
}

#[test]
fn rooms_name_only_the_rooms_below_them() {
    for source in sources("src") {
        let room = source.room();
        let (_, below) = LAYERS
            .iter()
            .find(|(name, _)| *name == room)
            .expect("every room has its line in LAYERS");
        if matches!(room, "lib" | "main") {
            continue;
        }
        for line in source.code() {
            for named in line.split("crate::").skip(1) {
                let named: String =
                    named.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
                let allowed = named == room || below.contains(&named.as_str());
                assert!(allowed, "{}: `{room}` may not name `{named}`: {line}", source.path);
            }
        }
    }
}

#[test]
fn the_core_is_pure() {
    for source in sources("src/core") {
        for line in source.code() {
            for word in BANNED_IN_CORE {
                assert!(!line.contains(word), "{}: `{word}` in the pure core: {line}", source.path);
            }
        }
    }
}

#[test]
fn every_module_says_what_it_is_for() {
    for source in sources("src").iter().chain(&sources("tests")).chain(&sources_of_examples()) {
        let header = source.text.lines().take_while(|line| line.starts_with("//!")).count();
        assert!(header >= 1, "{} has no header", source.path);
        assert!(header <= 30, "{} has a header of {header} lines", source.path);
    }
}

fn sources_of_examples() -> Vec<Source> {
    let paths =
        ["benches/catalog.rs", "benches/check.rs", "benches/engine.rs", "examples/sender.rs"];
    paths.map(str::to_owned).into_iter().map(|path| Source { text: read(&path), path }).collect()
}

#[test]
fn files_stay_short() {
    for source in sources("src") {
        let is_data = source.path.ends_with("_table.rs");
        let lines = match source.code().len() {
            0 => 0,
            _ => source
                .text
                .find("\n#[cfg(test)]\nmod ")
                .map_or(source.text.lines().count(), |at| source.text[..at].lines().count()),
        };
        assert!(is_data || lines <= LINES_MAX, "{} has {lines} lines", source.path);
    }
}

#[test]
fn lints_are_only_switched_off_with_a_reason() {
    for source in sources("src").iter().chain(&sources("tests")) {
        if source.path == "tests/tidy.rs" {
            continue;
        }
        let text = &source.text;
        for (at, _) in text.match_indices("#[allow(").chain(text.match_indices("#[expect(")) {
            let attribute = &text[at..text[at..].find(")]").map_or(text.len(), |end| at + end)];
            assert!(attribute.contains("reason ="), "{}: {attribute}", source.path);
        }
        for word in ["todo!(", "unimplemented!(", "dbg!(", "FIXME", "XXX "] {
            assert!(!text.contains(word), "{}: {word}", source.path);
        }
    }
}

#[test]
fn every_code_has_a_page_of_the_one_shape() {
    for code in Code::ALL {
        let page = code.page();
        let headline = format!("# {code} {} ({})", code.title(), code.severity());
        assert!(page.starts_with(&headline), "{code}: the page begins with `{headline}`");
        let mut last = 0;
        for part in ["**Catches**", "**Why it matters**", "**Wrong**", "**Right**", "**Source**"] {
            let at = page.find(part).unwrap_or(0);
            assert!(at > last, "{code}: {part} is missing or out of order");
            last = at;
        }
        assert!(page.lines().count() <= 40, "{code}: one screen");
    }
    let pages = fs::read_dir(root().join("src/core/finding/pages")).expect("the pages").count();
    assert_eq!(pages, Code::ALL.len(), "a page without a code");
}

#[test]
fn every_code_is_tested_by_name() {
    let tests: String = sources("src")
        .iter()
        .chain(&sources("tests"))
        .filter(|source| source.path != "tests/tidy.rs")
        .map(|source| {
            let all = source.code().is_empty() || source.path.starts_with("tests");
            let at = source.text.find("\n#[cfg(test)]\nmod ").unwrap_or(source.text.len());
            source.text[if all { 0 } else { at }..].to_owned()
        })
        .collect();
    let untested: Vec<String> = Code::ALL
        .iter()
        .filter(|code| {
            let variant = format!("{code:?}");
            let named = |text: &str| tests.contains(text);
            !named(&format!("Code::{variant}"))
                && !named(code.as_str())
                && !named(&format!(" {variant}"))
        })
        .map(|code| format!("{code} {code:?}"))
        .collect();
    assert_eq!(untested, Vec::<String>::new());
}

/// The acceptance rows: what the hosted services' clients, and the issue, may rely on. A family and
/// the first and last number of its rows.
const ROWS: [(&str, std::ops::RangeInclusive<u32>); 4] =
    [("LR", 1..=41), ("FA", 1..=21), ("SDK", 1..=8), ("MX", 26..=26)];

#[test]
fn every_acceptance_row_is_shown_by_a_test() {
    let mut shown = BTreeSet::new();
    for source in sources("src").iter().chain(&sources("tests")) {
        let mut lines = source.text.lines().map(str::trim);
        while let Some(line) = lines.next() {
            let Some(rows) = line.strip_prefix("/// Shows ") else { continue };
            if !ROWS.iter().any(|(family, _)| rows.starts_with(&format!("{family}-"))) {
                continue;
            }
            let next = lines.next().unwrap_or_default();
            let is_test = next.starts_with("#[test]") || next.starts_with("#[tokio::test");
            assert!(is_test, "{}: only a test shows something: {line}", source.path);
            shown.extend(rows.trim_end_matches('.').split(", ").map(str::to_owned));
        }
    }
    let row = |family: &'static str| move |number: u32| format!("{family}-{number}");
    let rows: BTreeSet<String> =
        ROWS.into_iter().flat_map(|(family, numbers)| numbers.map(row(family))).collect();
    let (missing, unknown) = (rows.difference(&shown), shown.difference(&rows));
    assert_eq!(missing.collect::<Vec<_>>(), Vec::<&String>::new(), "no test shows these rows");
    assert_eq!(unknown.collect::<Vec<_>>(), Vec::<&String>::new(), "there are no such rows");
}

#[test]
fn every_dependency_has_its_line() {
    let manifest = read("Cargo.toml");
    let architecture = read("ARCHITECTURE.md");
    let section = manifest.split("[dependencies]").nth(1).expect("dependencies");
    let section = section.split("\n[").next().expect("its end");
    for line in section.lines().filter(|line| line.contains(" = ")) {
        let name = line.split(' ').next().expect("a name");
        assert!(
            architecture.contains(&format!("`{name}`")),
            "ARCHITECTURE.md: `{name}` has no line"
        );
    }
}

#[test]
fn the_readme_names_only_commands_that_exist() {
    let readme = read("README.md");
    let commands: Vec<String> = sources("src/cli")
        .iter()
        .filter_map(|source| Path::new(&source.path).file_stem()?.to_str().map(str::to_owned))
        .collect();
    for row in readme.lines().filter_map(|line| line.strip_prefix("| `tillpost ")) {
        let command: String = row.chars().take_while(char::is_ascii_lowercase).collect();
        assert!(commands.contains(&command), "README.md: there is no `tillpost {command}`");
    }
    for command in ["cargo run --release -- serve --sandbox", "./test"] {
        assert!(readme.contains(&format!("```sh\n{command}\n```")), "README.md: {command}");
    }
}

#[test]
fn papers_keep_their_length() {
    // A third of it is one line per dependency.
    assert!(read("ARCHITECTURE.md").lines().count() <= 280);
}
