//! The table that payments are decided with when nothing is sent: `decide` and `catalog`.
//!
//! In: what the arguments name. Out: a mapping, the currency of its project, and one line on stderr
//! that says which file it is; an edit that is tried on another file than one thinks teaches the
//! wrong thing. Deliberately absent: whether datasets are configured. That is `check`'s.

use std::path::{Path, PathBuf};

use super::{Ended, setup, terminal};
use crate::config::{self, Onlooker, OutlinedProject};
use crate::core::finding::render::Colour;
use crate::core::mapping::Mapping;
use crate::core::money::Currency;

/// What the arguments of a command name.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asked<'a> {
    pub(super) mapping: Option<&'a Path>,
    pub(super) config: Option<&'a Path>,
    pub(super) project: Option<&'a str>,
}

/// What payments are decided with.
pub(super) struct Table {
    pub(super) mapping: Mapping,
    pub(super) currency: Option<Currency>,
    /// What the table is called in messages.
    pub(super) name: String,
}

/// The table of the file that is named; else of the configuration in this folder, else of this
/// folder's mappings/commerce.toml, else the shipped one.
pub(super) fn table(asked: Asked<'_>) -> Result<Table, Ended> {
    if let Some(path) = asked.config {
        return configured(path, asked.project);
    }
    if let Some(path) = asked.mapping {
        return of_file(path, None, "");
    }
    let here = Path::new(setup::DEFAULT_CONFIG);
    let named = config::outline(here, &Onlooker).map(|outline| outline.projects);
    if let Some(projects) = named.filter(|projects| !projects.is_empty()) {
        let project = chosen(&projects, asked.project)?;
        return of_file(&project.mapping, project.currency, " (named in tillpost.toml)");
    }
    if let Some(name) = asked.project {
        let says = format!("there is no tillpost.toml here that has the project `{name}`");
        return Err(terminal::misused(&says));
    }
    let path = Path::new(setup::SHIPPED_MAPPING_PATH);
    if path.exists() {
        return of_file(path, None, " (of this folder)");
    }
    let mapping = setup::shipped_mapping().ok_or(Ended::Misused)?;
    Ok(said(mapping, None, (path, " (shipped with tillpost)")))
}

fn of_file(path: &Path, currency: Option<Currency>, why: &str) -> Result<Table, Ended> {
    let mapping = setup::usable_mapping(path)?.ok_or(Ended::Misused)?;
    Ok(said(mapping, currency, (path, why)))
}

fn said(mapping: Mapping, currency: Option<Currency>, (path, why): (&Path, &str)) -> Table {
    let name = format!("{}{why}", setup::shown(path).display());
    terminal::say(&format!("mapping: {name}"));
    Table { mapping, currency, name }
}

/// The project that is meant: the one that is named, or any where all have one table.
fn chosen<'p>(
    projects: &'p [OutlinedProject],
    name: Option<&str>,
) -> Result<&'p OutlinedProject, Ended> {
    let same = |one: &OutlinedProject, other: &OutlinedProject| {
        (&one.mapping, one.currency) == (&other.mapping, other.currency)
    };
    let found = match (name, projects) {
        (Some(name), projects) => projects.iter().find(|project| project.name == name),
        (None, [first, rest @ ..]) => rest.iter().all(|other| same(first, other)).then_some(first),
        (None, []) => None,
    };
    found.ok_or_else(|| unnamed(projects.iter().map(|project| project.name.as_str())))
}

fn unnamed<'n>(names: impl Iterator<Item = &'n str>) -> Ended {
    let names: Vec<&str> = names.collect();
    terminal::misused(&format!(
        "name one of the configuration's projects with --project: {}",
        names.join(", ")
    ))
}

/// The table of a configuration that was named: it must be without faults.
fn configured(path: &Path, name: Option<&str>) -> Result<Table, Ended> {
    let (config, report) = config::load_strictly(path, &Onlooker);
    if report.has_error() {
        terminal::say(&report.draw(Colour::Always));
    }
    let config = config.ok_or(Ended::Misused)?;
    let project = match (name, config.projects.as_slice()) {
        (None, [only]) => Some(only),
        (name, projects) => projects.iter().find(|project| Some(project.name.as_str()) == name),
    };
    let Some(project) = project else {
        return Err(unnamed(config.projects.iter().map(|project| project.name.as_str())));
    };
    let why = format!(" (named in {})", path.display());
    let file: PathBuf = project.mapping_path.clone();
    Ok(said(project.mapping.clone(), project.currency, (&file, &why)))
}
