//! `tillpost decide --diff`: what an edit of a mapping file does, before it is live.

use serde::Serialize;

use super::decide::tried_out;
use super::payments::Body;
use super::{Ended, Format, terminal};
use crate::core::comparison::{Change, Comparison, Sums};
use crate::core::dry_run::Ruling;

/// One of the two tables that are compared.
pub(super) struct Side<'r> {
    /// What it is called.
    pub(super) name: String,
    pub(super) ruling: Ruling<'r>,
}

/// How many changed payments are shown one by one; the rest is in the sums.
const SHOWN_MAX: u64 = 50;

/// One payment, as `--format json` prints it, an object a line; the sums are the last.
#[derive(Serialize)]
#[serde(untagged)]
enum Line<'l> {
    Payment { payment_id: Option<&'l str>, changes: &'l [Change] },
    Sum { sum: &'l Comparison },
}

/// Prints what is different for these payments. It ends with errors if something that was sent
/// would no longer be.
pub(super) fn print(
    bodies: &[Body],
    (before, after): (Side<'_>, Side<'_>),
    format: Format,
) -> Ended {
    let mut sum = Comparison::default();
    for body in bodies {
        let (old, new) = (tried_out(body, before.ruling), tried_out(body, after.ruling));
        let changes = sum.add(&old, &new);
        let payment_id = new.payment_id.as_deref();
        match format {
            Format::Json => json(&Line::Payment { payment_id, changes: &changes }),
            Format::Text if changes.is_empty() || sum.changed > SHOWN_MAX => {}
            Format::Text => payment(payment_id.unwrap_or(&body.place), &changes),
        }
    }
    match format {
        Format::Json => json(&Line::Sum { sum: &sum }),
        Format::Text => total(&sum, (&before.name, &after.name)),
    }
    if sum.lost > 0 { Ended::WithErrors } else { Ended::Well }
}

fn json(line: &Line<'_>) {
    terminal::data(&serde_json::to_string(line).unwrap_or_default());
}

fn payment(name: &str, changes: &[Change]) {
    terminal::data(&terminal::escaped(name));
    let width = changes.iter().map(|change| change.field.chars().count()).max().unwrap_or(0);
    for Change { field, before, after } in changes {
        let value = |value: &Option<String>| {
            value
                .as_deref()
                .map_or_else(|| "nothing".to_owned(), |value| shortened(&terminal::escaped(value)))
        };
        terminal::data(&format!("  {field:<width$}  {} → {}", value(before), value(after)));
    }
}

/// Long values are lists of products; what matters of them is that they differ.
fn shortened(value: &str) -> String {
    const CHARS_MAX: usize = 60;
    if value.chars().count() <= CHARS_MAX {
        return value.to_owned();
    }
    value.chars().take(CHARS_MAX).chain(" …".chars()).collect()
}

fn total(sum: &Comparison, (old, new): (&str, &str)) {
    if sum.changed > SHOWN_MAX {
        terminal::data(&format!("… and {} more that change", sum.changed - SHOWN_MAX));
    }
    let Comparison { payments, changed, lost, .. } = sum;
    if *changed > 0 {
        terminal::data("");
    }
    let payments =
        if *payments == 1 { "1 payment".to_owned() } else { format!("{payments} payments") };
    let change = if *changed == 1 { "changes" } else { "change" };
    terminal::data(&format!("{payments}, {changed} of them {change} from {old} to {new}"));
    if *lost > 0 {
        terminal::data(&format!("{lost} would no longer be sent"));
    }
    for (field, count) in &sum.fields {
        terminal::data(&format!("  {field} differs in {count}"));
    }
    if *changed > 0 {
        terminal::data(&format!("before  {}", sums(&sum.before)));
        terminal::data(&format!("after   {}", sums(&sum.after)));
    }
}

/// `40 forward, 2 skip; 40 Purchase; 2000.50 INR`
fn sums(sums: &Sums) -> String {
    let payments = sums.payments.iter().map(|(verdict, count)| format!("{count} {verdict}"));
    let events = sums.events.iter().map(|(name, count)| format!("{count} {name}"));
    let value = sums.value.iter().map(|(currency, sum)| format!("{sum} {currency}"));
    let all = [payments.collect::<Vec<_>>(), events.collect(), value.collect()];
    let all: Vec<String> =
        all.into_iter().filter(|part| !part.is_empty()).map(|part| part.join(", ")).collect();
    all.join("; ")
}
