//! `tillpost doctor --salvage`: what can still be read of a damaged database.

use std::path::Path;

use crate::cli::{Ended, Format, setup, terminal};
use crate::clock::Clock;
use crate::core::names::counted;
use crate::store::{self, Salvaged, SalvagedTable};

/// Salvages, and says what was lost.
pub(super) fn run(damaged: &Path, into: &Path, format: Format) -> Result<Ended, Ended> {
    let now = Clock::System.now();
    let salvaged = store::salvage(damaged, into, now).map_err(|error| terminal::failed(&error))?;
    let Salvaged { tables, withheld } = salvaged;
    let is_whole =
        |table: &SalvagedTable| table.unread.is_empty() && table.changed == 0 && !table.is_cut;
    match format {
        Format::Json => {
            let document =
                serde_json::json!({ "file": into, "tables": tables, "withheld": withheld });
            terminal::data(&document.to_string());
        }
        Format::Text => {
            for table in &tables {
                terminal::data(&told(table));
            }
            if withheld > 0 {
                let events = counted(usize::try_from(withheld).unwrap_or(usize::MAX), "event");
                terminal::data(&format!(
                    "{events} withheld: not delivered yet, and the payment is lost, so that nobody \
                     can tell whether it was taken back"
                ));
            }
            let (old, new) = (setup::shown(damaged), setup::shown(into));
            let (old, new) = (old.display(), new.display());
            terminal::say(&format!(
                "what can be read is in {new}. To go on with it: keep {old}, {old}-wal and {old}-shm \
                 elsewhere, and move {new} to {old}; docs/operations.md tells the whole way"
            ));
        }
    }
    Ok(if tables.iter().all(is_whole) { Ended::Well } else { Ended::WithErrors })
}

fn told(table: &SalvagedTable) -> String {
    let mut parts = vec![counted(usize::try_from(table.rows).unwrap_or(usize::MAX), "row")];
    for (first, last) in &table.unread {
        parts.push(match *last {
            i64::MAX if *first == i64::MIN => "nothing could be read".to_owned(),
            last if *first == i64::MIN => format!("nothing up to number {last}"),
            i64::MAX => format!("nothing from number {first} on"),
            last if last == *first => format!("not number {first}"),
            last => format!("not the numbers {first} to {last}"),
        });
    }
    if table.swept > 0 {
        let found = "of them found on pages that nothing led to any more";
        parts.push(format!("{} {found}", table.swept));
    }
    if table.changed > 0 {
        parts.push(format!("{} left out, because they are not what was stored", table.changed));
    }
    if table.is_cut {
        parts.push("a part of unknown size is missing".to_owned());
    }
    format!("{}: {}", table.table, parts.join("; "))
}
