//! The query of an admin page, read strictly: a misspelt filter that shows everything would be
//! believed.
//!
//! In: the query, the parameters that the page has, and what takes one. Out: every fault at once. A
//! parameter without a value is as good as absent. Deliberately absent: what a value means.

use crate::core::json::shortened;
use crate::core::names::{one_of, suggestion};

/// Hands each parameter that has a value to `take`, by the name under which the page knows it.
///
/// # Errors
/// Every parameter at fault: unknown, twice, or with a value that `take` refuses.
pub(super) fn each<const N: usize>(
    query: &str,
    known: [&'static str; N],
    mut take: impl FnMut(&'static str, &str) -> Result<(), String>,
) -> Result<(), Vec<String>> {
    let mut faults = Vec::new();
    let mut seen: Vec<String> = Vec::new();
    for (key, value) in form_urlencoded::parse(query.as_bytes()) {
        let value = value.trim();
        let taken = match known.into_iter().find(|name| *name == key) {
            _ if seen.iter().any(|former| *former == key) => {
                Err(format!("`{}` stands twice", shortened(&key)))
            }
            None => Err(unknown(&key, known)),
            Some(_) if value.is_empty() => Ok(()),
            Some(name) => take(name, value),
        };
        faults.extend(taken.err());
        seen.push(key.into_owned());
    }
    if faults.is_empty() { Ok(()) } else { Err(faults) }
}

fn unknown<const N: usize>(key: &str, known: [&'static str; N]) -> String {
    let help = match suggestion(key, known) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("there are {}", one_of(known)),
    };
    format!("`{}` is not a parameter; {help}", shortened(key))
}
