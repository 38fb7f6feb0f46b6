//! `tillpost check`: lints configurations and mapping files.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use clap::ValueEnum;
use serde::Serialize;

use super::{Ended, setup, terminal};
use crate::config::{self, FileReport, Onlooker, Report};
use crate::core::finding::render::Colour;
use crate::core::finding::{Placed, Severity, placed};
use crate::core::mapping::{DatasetName, Datasets};
use crate::core::names::counted;

/// Checks tillpost.toml and mapping files.
///
/// Every finding of every file in one pass, with its place and what to do. Without a path it
/// checks tillpost.toml and the mapping files it names, or else those under mappings/.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "Example:\n  tillpost check mappings/commerce.toml")]
pub(super) struct Arguments {
    /// Files or folders; `-` reads a mapping file from standard input.
    #[arg(value_name = "PATH")]
    paths: Vec<PathBuf>,

    /// How findings are printed.
    #[arg(long, value_enum, default_value = "text")]
    format: CheckFormat,

    /// Warnings fail as well.
    #[arg(long)]
    strict: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum CheckFormat {
    /// For people: each finding under its line.
    Text,
    /// For programs: one JSON document.
    Json,
    /// For GitHub Actions: one annotation a line.
    Github,
}

#[derive(Serialize)]
struct Checked {
    files: Vec<CheckedFile>,
    errors: usize,
    warnings: usize,
}

#[derive(Serialize)]
struct CheckedFile {
    path: String,
    findings: Vec<Placed>,
}

pub(super) fn run(arguments: &Arguments) -> Ended {
    let files = match files(&arguments.paths) {
        Ok(files) => files,
        Err(ended) => return ended,
    };
    let mut report = Report::default();
    for path in files {
        match check(&path) {
            Ok(found) => report.files.extend(found),
            Err(ended) => return ended,
        }
    }
    match arguments.format {
        CheckFormat::Text => text(&report),
        CheckFormat::Json => json(&report),
        CheckFormat::Github => github(&report),
    }
    let failed = report.has_error() || arguments.strict && report.count(Severity::Warning) > 0;
    if failed { Ended::WithErrors } else { Ended::Well }
}

/// The files that the paths mean.
pub(super) fn files(paths: &[PathBuf]) -> Result<Vec<PathBuf>, Ended> {
    let paths: Vec<PathBuf> = match paths {
        [] if Path::new("tillpost.toml").exists() => vec!["tillpost.toml".into()],
        [] if Path::new("mappings").is_dir() => vec!["mappings".into()],
        [] => {
            return Err(terminal::misused(
                "there is neither a tillpost.toml nor a folder mappings here; name a file to check",
            ));
        }
        given => given.to_vec(),
    };
    let mut files = Vec::new();
    for path in &paths {
        if !path.is_dir() {
            files.push(path.clone());
            continue;
        }
        let failed = |error: std::io::Error| {
            terminal::misused(&format!("cannot read {}: {error}", path.display()))
        };
        let entries = std::fs::read_dir(path).map_err(failed)?;
        let mut inside: Vec<PathBuf> = entries
            .filter_map(|entry| Some(entry.ok()?.path()))
            .filter(|file| file.extension().is_some_and(|ending| ending == "toml"))
            .collect();
        inside.sort();
        files.extend(inside);
    }
    if files.is_empty() {
        let empty: Vec<String> = paths.iter().map(|path| path.display().to_string()).collect();
        let says = format!("there is no .toml file in {}", empty.join(" or "));
        return Err(terminal::misused(&says));
    }
    Ok(files)
}

/// A configuration brings the mapping files it names; anything else is a mapping file.
fn check(path: &Path) -> Result<Vec<FileReport>, Ended> {
    let bytes = setup::input(path)?;
    let Ok(text) = String::from_utf8(bytes) else {
        return Err(terminal::misused(&format!(
            "{} is not UTF-8 text; save it as UTF-8",
            path.display()
        )));
    };
    if is_config(path, &text) {
        return Ok(config::load_strictly(path, &Onlooker).1.files);
    }
    let configured = configured_for(path);
    let path = if path == Path::new("-") { Path::new("(standard input)") } else { path };
    let datasets = match &configured {
        Some(names) => Datasets::Known(names),
        None => Datasets::Any,
    };
    if configured.is_none() {
        let path = path.display();
        terminal::say(&format!(
            "{path}: datasets were not compared: no tillpost.toml names this file"
        ));
    }
    Ok(vec![config::compiled(path, text, datasets).1])
}

/// The datasets of the configuration that names this mapping file, if one stands where such files
/// stand: here, beside the file, or above its folder.
fn configured_for(path: &Path) -> Option<BTreeSet<DatasetName>> {
    let file = path.canonicalize().ok()?;
    let beside = file.parent()?;
    let folders = [Some(Path::new("")), Some(beside), beside.parent()];
    folders.into_iter().flatten().find_map(|folder| {
        let outline = config::outline(&folder.join(setup::DEFAULT_CONFIG), &Onlooker)?;
        let is_named = outline
            .projects
            .iter()
            .any(|project| project.mapping.canonicalize().is_ok_and(|named| named == file));
        is_named.then_some(outline.datasets)
    })
}

/// The mapping files that a path means: the file itself, or those that a configuration names.
pub(super) fn mapping_files(path: PathBuf) -> Result<Vec<PathBuf>, Ended> {
    let text = std::fs::read_to_string(&path).unwrap_or_default();
    if path == Path::new("-") || !is_config(&path, &text) {
        return Ok(vec![path]);
    }
    let named = config::load_strictly(&path, &Onlooker).1.files;
    let named: Vec<PathBuf> = named.into_iter().skip(1).map(|file| file.path).collect();
    if named.is_empty() {
        let path = path.display();
        return Err(terminal::misused(&format!(
            "{path} names no mapping file that can be read; `tillpost check {path}` says why"
        )));
    }
    Ok(named)
}

fn is_config(path: &Path, text: &str) -> bool {
    tables(path, text) == Some(Tables::Configuration)
}

/// Which of our files a text is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tables {
    Configuration,
    Mapping,
}

/// By its tables, or by its name where it has none of ours.
pub(super) fn tables(path: &Path, text: &str) -> Option<Tables> {
    let (table, _) = toml::de::DeTable::parse_recoverable(text);
    let keys: BTreeSet<&str> = table.get_ref().keys().map(|key| &**key.get_ref()).collect();
    let has = |known: &[&str]| known.iter().any(|key| keys.contains(key));
    if has(&["payments", "version"]) {
        return Some(Tables::Mapping);
    }
    let is_named = path.file_name().is_some_and(|name| name == setup::DEFAULT_CONFIG);
    if is_named || has(&["http", "store", "projects", "datasets"]) {
        return Some(Tables::Configuration);
    }
    has(&["defaults", "events", "catalog", "test"]).then_some(Tables::Mapping)
}

fn text(report: &Report) {
    let drawn = report.draw(Colour::Always);
    if !drawn.is_empty() {
        terminal::data(&drawn);
    }
    let files = report.files.len();
    let files = counted(files, "file");
    match setup::counted(report) {
        None => terminal::say(&format!("checked {files}: nothing to mend")),
        Some(found) => {
            terminal::say(&format!("checked {files}: {found}; `tillpost explain CODE` tells more"));
        }
    }
}

fn json(report: &Report) {
    let files = report.files.iter().map(|file| CheckedFile {
        path: file.path.display().to_string(),
        findings: placed(&file.findings, &file.text),
    });
    let checked = Checked {
        files: files.collect(),
        errors: report.count(Severity::Error),
        warnings: report.count(Severity::Warning),
    };
    terminal::data(&serde_json::to_string(&checked).unwrap_or_default());
}

/// `::error file=…,line=…,col=…,title=…::…`, with the escapes that GitHub asks for.
fn github(report: &Report) {
    for file in &report.files {
        for Placed { code, severity, says, line, column, help } in
            placed(&file.findings, &file.text)
        {
            let command = match severity {
                Severity::Note => "notice",
                Severity::Error | Severity::Warning => severity.as_str(),
            };
            let path = property(&file.path.display().to_string());
            let help = help.map(|help| format!("\nhelp: {help}")).unwrap_or_default();
            let message = escaped(&format!("{says}{help}"));
            terminal::data(&format!(
                "::{command} file={path},line={line},col={column},title={code}::{message}"
            ));
        }
    }
}

fn escaped(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

fn property(text: &str) -> String {
    escaped(text).replace(':', "%3A").replace(',', "%2C")
}
