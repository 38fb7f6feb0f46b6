//! `tillpost test`: the tests that mapping files bring along.

mod junit;

use std::path::{Path, PathBuf};

use clap::ValueEnum;
use serde::Serialize;

use super::{Ended, check, decide, setup, terminal};
use crate::clock::Clock;
use crate::config::FileReport;
use crate::core::finding::{Code, Finding, Findings, Severity, render};
use crate::core::mapping::{Mapping, TestCase};
use crate::core::names::counted;
use crate::core::time::Timestamp;
use crate::core::trial::{self, Difference, Trial};

/// Runs the tests written inside mapping files.
///
/// A test is a table [[test]] with a name, a payment and what is expected of it. Nothing is sent or
/// stored. Without a path it runs the tests of the mapping files under mappings/, or else of those
/// that tillpost.toml names.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Examples:
  tillpost test mappings/commerce.toml --filter first
  tillpost test --format junit > tests.xml")]
pub(super) struct Arguments {
    /// Mapping files or folders of them; `-` reads one from standard input.
    #[arg(value_name = "PATH")]
    paths: Vec<PathBuf>,

    /// Runs only tests whose name contains this, in capital or small letters.
    #[arg(long, value_name = "TEXT")]
    filter: Option<String>,

    /// How results are printed.
    #[arg(long, value_enum, default_value = "text")]
    format: TestFormat,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum TestFormat {
    /// For people: each test, and where one fails what came instead.
    Text,
    /// For programs: one object a line.
    Json,
    /// For CI: one XML document as JUnit writes it.
    Junit,
}

/// One test, as `--format json` prints it, an object a line.
#[derive(Serialize)]
struct Printed<'t> {
    path: &'t str,
    line: usize,
    name: &'t str,
    passed: bool,
    #[serde(flatten)]
    trial: &'t Trial,
}

/// A mapping file, and what came of its tests.
struct Suite {
    path: String,
    file: FileReport,
    /// The file cannot be used; then there are no tests.
    is_broken: bool,
    tried: Vec<Tried>,
}

/// A test, and what came of it.
struct Tried {
    name: String,
    line: usize,
    trial: Trial,
}

pub(super) fn run(arguments: &Arguments) -> Ended {
    tests(arguments).unwrap_or_else(|ended| ended)
}

fn tests(arguments: &Arguments) -> Result<Ended, Ended> {
    let paths = if arguments.paths.is_empty() && Path::new("mappings").is_dir() {
        vec![PathBuf::from("mappings")]
    } else {
        arguments.paths.clone()
    };
    let now = Clock::System.now();
    let mut suites = Vec::new();
    let named: Result<Vec<_>, Ended> =
        check::files(&paths)?.into_iter().map(check::mapping_files).collect();
    for path in named?.into_iter().flatten() {
        let (mapping, file) = setup::mapping(&path)?;
        let suite = suite(mapping.as_ref(), file, arguments.filter.as_deref(), now);
        setup::say_findings(&suite.file);
        print(&suite, arguments.format);
        suites.push(suite);
    }
    if arguments.format == TestFormat::Junit {
        terminal::data(&junit::document(&suites).map_err(|error| terminal::failed(&error))?);
    }
    let tried = || suites.iter().flat_map(|suite| &suite.tried);
    let passed = tried().filter(|tried| tried.trial.passed()).count();
    let failed = tried().count() - passed;
    let broken = suites.iter().filter(|suite| suite.is_broken).count();
    if arguments.format == TestFormat::Text {
        let files = counted(broken, "file");
        let broken = if broken == 0 { String::new() } else { format!("; {files} cannot be used") };
        terminal::say(&format!("{passed} passed, {failed} failed{broken}"));
    }
    if passed + failed + broken == 0 {
        return Err(terminal::misused(&match &arguments.filter {
            Some(part) => format!("no test has `{part}` in its name"),
            None => "there is no test here; write a table [[test]] into a mapping file".to_owned(),
        }));
    }
    Ok(if failed + broken > 0 { Ended::WithErrors } else { Ended::Well })
}

fn suite(
    mapping: Option<&Mapping>,
    file: FileReport,
    filter: Option<&str>,
    now: Timestamp,
) -> Suite {
    let part = filter.map(str::to_lowercase).unwrap_or_default();
    let wanted = |test: &&TestCase| test.name.to_lowercase().contains(&part);
    let tried = |mapping: &Mapping| {
        let tried = |test: &TestCase| Tried {
            name: test.name.clone(),
            line: test.line,
            trial: trial::run(mapping, test, now),
        };
        mapping.tests().iter().filter(wanted).map(tried).collect()
    };
    Suite {
        path: file.path.display().to_string(),
        is_broken: mapping.is_none(),
        tried: mapping.map(tried).unwrap_or_default(),
        file,
    }
}

fn print(suite: &Suite, format: TestFormat) {
    for Tried { name, line, trial } in &suite.tried {
        let (path, line, passed) = (suite.path.as_str(), *line, trial.passed());
        match format {
            TestFormat::Json => {
                let printed = Printed { path, line, name, passed, trial };
                terminal::data(&serde_json::to_string(&printed).unwrap_or_default());
            }
            TestFormat::Text if passed => {
                terminal::data(&format!("{GREEN}ok{PLAIN}      {path}:{line} {name}"));
            }
            TestFormat::Text => {
                terminal::data(&format!("{RED}FAILED{PLAIN}  {path}:{line} {name}"));
                terminal::data(&told(trial));
            }
            TestFormat::Junit => {}
        }
    }
}

const RED: &str = "\u{1b}[1;31m";
const GREEN: &str = "\u{1b}[32m";
const PLAIN: &str = "\u{1b}[0m";

/// What a failed test expected and what came, and what was said of its payment.
fn told(trial: &Trial) -> String {
    let width = trial.differences.iter().map(|found| found.key.chars().count()).max().unwrap_or(0);
    let differences = trial.differences.iter().map(|found| difference(found, width));
    let rules = trial.rules.iter().map(decide::tried);
    // A note is no reason why a test fails, unless it is one that was expected or came too much.
    let told = |finding: &&Finding| {
        let code = finding.code.as_str();
        let is_named =
            |found: &Difference| found.expected.contains(code) || found.got.contains(code);
        finding.severity != Severity::Note || trial.differences.iter().any(is_named)
    };
    let findings: Findings = trial.findings.iter().filter(told).cloned().collect();
    let findings = render::in_body(&findings, None);
    let findings = findings.lines().map(|line| format!("    {line}"));
    differences.chain(rules).chain(findings).collect::<Vec<String>>().join("\n")
}

/// Expected and got under each other; of findings also which are too many or missing, by name.
fn difference(Difference { key, expected, got }: &Difference, width: usize) -> String {
    let mut lines = vec![
        format!("  {key:<width$}  expected  {GREEN}{expected}{PLAIN}"),
        format!("  {:<width$}  got       {RED}{got}{PLAIN}", ""),
    ];
    let codes = |text: &str| serde_json::from_str::<Vec<String>>(text).unwrap_or_default();
    if key == "findings" {
        let (expected, got) = (codes(expected), codes(got));
        let only = |word: &str, own: &[String], other: &[String]| {
            let only = own.iter().filter(|code| !other.contains(code)).map(|code| {
                let title = Code::read(code).map_or("there is no such code", Code::title);
                format!("  {:<width$}  {word:<8}  {code} {title}", "")
            });
            only.collect::<Vec<String>>()
        };
        lines.extend(only("too many", &got, &expected));
        lines.extend(only("missing", &expected, &got));
    }
    lines.join("\n")
}
