//! `tillpost test`: the tests that mapping files bring along.

use std::path::PathBuf;

use serde::Serialize;

use super::{Ended, Format, check, setup, terminal};
use crate::clock::Clock;
use crate::core::finding::render;
use crate::core::mapping::TestCase;
use crate::core::trial::{self, Trial};

/// Runs the tests written inside mapping files.
///
/// A test is a table [[test]] with a name, a payment and what is expected of it. Nothing is sent or
/// stored. Without a path it runs the tests of the mapping files under mappings/.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "Example:\n  tillpost test mappings/commerce.toml --filter first")]
pub(super) struct Arguments {
    /// Mapping files or folders of them.
    #[arg(value_name = "PATH")]
    paths: Vec<PathBuf>,

    /// Runs only tests whose name contains this.
    #[arg(long, value_name = "TEXT")]
    filter: Option<String>,

    /// How results are printed.
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

/// One test, as `--format json` prints it, an object a line.
#[derive(Serialize)]
struct Tried<'t> {
    path: &'t str,
    line: usize,
    name: &'t str,
    passed: bool,
    #[serde(flatten)]
    trial: &'t Trial,
}

pub(super) fn run(arguments: &Arguments) -> Ended {
    tests(arguments).unwrap_or_else(|ended| ended)
}

fn tests(arguments: &Arguments) -> Result<Ended, Ended> {
    let paths = if arguments.paths.is_empty() && PathBuf::from("mappings").is_dir() {
        vec![PathBuf::from("mappings")]
    } else {
        arguments.paths.clone()
    };
    let (mut passed, mut failed, mut broken) = (0, 0, false);
    for path in check::files(&paths)? {
        let Some(mapping) = setup::usable_mapping(&path)? else {
            broken = true;
            continue;
        };
        let shown = path.display().to_string();
        let wanted = |test: &&TestCase| {
            arguments.filter.as_deref().is_none_or(|part| test.name.contains(part))
        };
        for test in mapping.tests().iter().filter(wanted) {
            let trial = trial::run(&mapping, test, Clock::System.now());
            if trial.passed() {
                passed += 1;
            } else {
                failed += 1;
            }
            print((&shown, test), &trial, arguments.format);
        }
    }
    if arguments.format == Format::Text {
        terminal::say(&format!("{passed} passed, {failed} failed"));
    }
    if passed + failed == 0 && !broken {
        return Err(terminal::misused(
            "there is no test here; write a table [[test]] into a mapping file",
        ));
    }
    Ok(if failed > 0 || broken { Ended::WithErrors } else { Ended::Well })
}

fn print((path, test): (&str, &TestCase), trial: &Trial, format: Format) {
    let TestCase { name, line, .. } = test;
    match format {
        Format::Json => {
            let printed = Tried { path, line: *line, name, passed: trial.passed(), trial };
            terminal::data(&serde_json::to_string(&printed).unwrap_or_default());
        }
        Format::Text if trial.passed() => terminal::data(&format!("ok      {path}:{line} {name}")),
        Format::Text => {
            terminal::data(&format!("FAILED  {path}:{line} {name}"));
            for found in &trial.differences {
                let key = &found.key;
                terminal::data(&format!(
                    "  - {key} = {}\n  + {key} = {}",
                    found.expected, found.got
                ));
            }
            let findings = render::in_body(&trial.findings, None);
            findings.lines().for_each(|line| terminal::data(&format!("    {line}")));
        }
    }
}
