//! What `tillpost.toml` names, for commands that look at mapping files alone.
//!
//! In: a path. Out: its projects with their mapping files, and the names of its datasets, as far as
//! they can be read. Deliberately absent: every judgement. Whoever wants to know what is wrong with
//! the file loads it; here a project without keys still tells which table it has.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use toml::de::{DeTable, DeValue};

use super::World;
use crate::core::mapping::DatasetName;
use crate::core::money::Currency;

/// What a configuration names.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Outline {
    /// Those of its projects that name a mapping file.
    pub projects: Vec<OutlinedProject>,
    /// The datasets that it configures.
    pub datasets: BTreeSet<DatasetName>,
}

/// A project and its table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutlinedProject {
    /// Its name, or nothing where it has none.
    pub name: String,
    /// Its mapping file, from where the configuration stands.
    pub mapping: PathBuf,
    /// Its currency.
    pub currency: Option<Currency>,
}

/// The outline of the configuration at a path; nothing where it cannot be read.
#[must_use]
pub fn outline(path: &Path, world: &dyn World) -> Option<Outline> {
    let text = world.file(path).ok()?;
    let folder = path.parent().unwrap_or(Path::new(""));
    let (file, _) = DeTable::parse_recoverable(&text);
    let of = |key: &str| file.get_ref().get(key).map(toml::Spanned::get_ref);
    let projects = of("projects").and_then(DeValue::as_array).into_iter().flatten();
    let project = |table: &DeTable<'_>| {
        let text = |key: &str| table.get(key).and_then(|value| value.get_ref().as_str());
        Some(OutlinedProject {
            name: text("name").unwrap_or_default().to_owned(),
            mapping: folder.join(text("mapping")?),
            currency: text("currency").and_then(Currency::read),
        })
    };
    let datasets = of("datasets").and_then(DeValue::as_table).into_iter();
    Some(Outline {
        projects: projects.filter_map(|item| project(item.get_ref().as_table()?)).collect(),
        datasets: datasets
            .flat_map(|table| table.keys().filter_map(|key| DatasetName::read(key.get_ref())))
            .collect(),
    })
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    #[derive(Debug)]
    struct Text(&'static str);

    impl World for Text {
        fn file(&self, _: &Path) -> io::Result<String> {
            Ok(self.0.to_owned())
        }

        fn variable(&self, _: &str) -> Option<String> {
            None
        }
    }

    #[test]
    fn a_configuration_with_faults_still_tells_which_tables_it_names() {
        for (text, projects, datasets) in [
            ("", vec![], vec![]),
            ("projects = 5\ndatasets = []", vec![], vec![]),
            ("[[projects]]\nname = \"a\"", vec![], vec![]),
            ("[[projects]]\nmapping = \"m.toml\"", vec![("", "c/m.toml", None)], vec![]),
            (
                "[[projects]]\nname = \"a\"\nmapping = \"m.toml\"\ncurrency = \"INR\"\n[[projects]]\nname = \"b\"\nmapping = \"/n.toml\"\ncurrency = \"XX\"\n[datasets.x]\nid = 5",
                vec![("a", "c/m.toml", Some("INR")), ("b", "/n.toml", None)],
                vec!["x"],
            ),
            ("[[projects]]\nmapping = \"m.toml\"\nname = ", vec![("", "c/m.toml", None)], vec![]),
        ] {
            let found = outline(Path::new("c/tillpost.toml"), &Text(text)).expect("an outline");
            let named: Vec<(&str, &str, Option<&str>)> = found
                .projects
                .iter()
                .map(|project| {
                    let path = project.mapping.to_str().expect("UTF-8");
                    (project.name.as_str(), path, project.currency.map(Currency::code))
                })
                .collect();
            assert_eq!(named, projects, "{text}");
            let names: Vec<&str> = found.datasets.iter().map(DatasetName::as_str).collect();
            assert_eq!(names, datasets, "{text}");
        }
    }
}
