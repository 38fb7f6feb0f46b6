//! `tillpost dead`: dead letters, the events that need a person.
//!
//! `list` and `show` read the database directly, beside a running service or without one. `retry`
//! and `drop` change the books: they go to the service that has them open, else to the books.

mod arguments;

use std::collections::BTreeMap;

use serde_json::Value;

use super::door::Door;
use super::{Ended, Format, setup, terminal, trace};
use crate::clock::Clock;
use crate::config::{Config, Onlooker};
use crate::core::names::counted;
use crate::intake::dead::{Asked, DeadLetter, DeadLetters, NotAnswered, PAGE_MAX};
use crate::store::{self, Ending, LetterEnd};
use arguments::{
    BooksArguments, Command, DropArguments, EndArguments, ListArguments, ShowArguments,
};

pub(super) use arguments::Arguments;

pub(super) fn run(arguments: &Arguments) -> Ended {
    let ended = match &arguments.command {
        Command::List(arguments) => list(arguments),
        Command::Show(arguments) => show(arguments),
        Command::Retry(arguments) => end(arguments, None, &Ending::Retry),
        Command::Drop(DropArguments { because, end: arguments }) => {
            end(arguments, because.as_deref(), &Ending::Drop { because: None })
        }
    };
    ended.unwrap_or_else(|ended| ended)
}

fn books(arguments: &BooksArguments) -> Result<Config, Ended> {
    let config = setup::config(&arguments.config, arguments.sandbox, &Onlooker)?;
    setup::books_exist(&config)?;
    Ok(config)
}

fn list(arguments: &ListArguments) -> Result<Ended, Ended> {
    let config = books(&arguments.books)?;
    let asked = arguments.filter.asked();
    let (which, _) = asked.letters().map_err(|faults| terminal::misused(&faults.join("; ")))?;
    let now = Clock::System.now();
    let (mut letters, mut after) = (Vec::new(), None);
    loop {
        let page = store::letters_of(&config.store, &which, after, PAGE_MAX);
        let page = page.map_err(|error| terminal::failed(&error))?;
        letters.extend(page.letters.into_iter().map(|letter| DeadLetter::of(letter, now)));
        match page.next {
            Some(next) => after = Some(next),
            None => break,
        }
    }
    match arguments.books.format {
        Format::Json => {
            let document = DeadLetters { dead_letters: letters, next: None };
            terminal::data(&serde_json::to_string(&document).unwrap_or_default());
        }
        Format::Text if letters.is_empty() => terminal::data("there is no dead letter that fits"),
        Format::Text => {
            terminal::data(&table(&letters));
            terminal::say("`tillpost dead show ID` tells what to do about each");
        }
    }
    Ok(Ended::Well)
}

/// The list as columns.
fn table(letters: &[DeadLetter]) -> String {
    let head = ["id", "dead since", "dataset", "event", "reason", "likely"].map(str::to_owned);
    let rows = letters.iter().map(|letter| {
        let likely: Vec<&str> = letter.likely.iter().map(|likely| likely.code).collect();
        [
            letter.id.to_string(),
            letter.since.to_string(),
            letter.dataset.clone(),
            format!("{} {}", letter.event_name, letter.event_id),
            reason(letter),
            likely.join(" "),
        ]
    });
    let rows: Vec<[String; 6]> = std::iter::once(head).chain(rows).collect();
    let width =
        |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..6).map(width).collect();
    let line = |row: &[String; 6]| {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    terminal::lined(&rows.iter().map(line).collect::<Vec<_>>())
}

/// `refused 100/2804011`, `too_old`.
fn reason(letter: &DeadLetter) -> String {
    match (letter.code, letter.subcode) {
        (Some(code), Some(subcode)) => format!("{} {code}/{subcode}", letter.reason),
        (Some(code), None) => format!("{} {code}", letter.reason),
        (None, _) => letter.reason.clone(),
    }
}

fn show(arguments: &ShowArguments) -> Result<Ended, Ended> {
    let config = books(&arguments.books)?;
    let found = store::letter_of(&config.store, arguments.id);
    let found = found.map_err(|error| terminal::failed(&error))?;
    let Some(found) = found else {
        terminal::say(&format!(
            "there is no dead letter {}; if there was one, its payment was removed or pruned",
            arguments.id
        ));
        return Ok(Ended::WithErrors);
    };
    let letter = DeadLetter::told(found, Clock::System.now());
    terminal::data(&match arguments.books.format {
        Format::Json => serde_json::to_string(&letter).unwrap_or_default(),
        Format::Text => told(&letter),
    });
    Ok(Ended::Well)
}

fn told(letter: &DeadLetter) -> String {
    let DeadLetter { id, event_name, event_id, dataset, fate, since, .. } = letter;
    let payment_id = letter.payment_id.as_deref().unwrap_or("without an id");
    let mut lines = vec![
        format!("dead letter {id}: {event_name} {event_id} to {dataset}, {fate}"),
        format!(
            "  payment {payment_id} ({}) of project {}, received {}",
            letter.r#type, letter.project, letter.received_at
        ),
        format!("  dead since {since}: {} ({})", reason(letter), letter.says),
        format!("  Meta takes it until {}", letter.sendable_until),
    ];
    if let Some(trace_id) = &letter.trace_id {
        lines.push(format!("  fbtrace_id {trace_id}"));
    }
    let attempts = letter.attempts.iter().flatten();
    let attempts = attempts.map(|attempt| (attempt.at, trace::attempted(dataset, attempt)));
    let ended = letter.ended.iter().flatten();
    let ended = ended.map(|letter| (letter.ended_at, trace::ended(dataset, letter)));
    let mut moments: Vec<_> = attempts.chain(ended).collect();
    moments.sort_by_key(|(at, _)| *at);
    lines.extend(moments.into_iter().map(|(_, line)| line));
    for likely in &letter.likely {
        let said = likely.said.as_ref().map(|said| format!("; found at its arrival: {said}"));
        lines.push(format!(
            "  likely {}: {}{}",
            likely.code,
            likely.title,
            said.unwrap_or_default()
        ));
    }
    lines.push(format!("  next: {}", letter.next_step));
    terminal::lined(&lines)
}

fn end(arguments: &EndArguments, because: Option<&str>, ending: &Ending) -> Result<Ended, Ended> {
    let mut asked = arguments.filter.asked();
    asked.all = arguments.all;
    asked.dry_run = arguments.dry_run;
    asked.because = because.map(str::to_owned);
    asked.limit = Some(PAGE_MAX);
    let config = books(&arguments.books)?;
    let ids = arguments.ids.clone();
    setup::runtime()?.block_on(end_all(&config, (asked, ids), arguments, ending))
}

/// Ends page after page, or part after part of the numbers.
async fn end_all(
    config: &Config,
    (mut asked, ids): (Asked, Vec<i64>),
    arguments: &EndArguments,
    ending: &Ending,
) -> Result<Ended, Ended> {
    let door = Door::open(config).await?;
    let mut parts = ids.chunks(PAGE_MAX);
    asked.ids = parts.next().unwrap_or_default().to_vec();
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    loop {
        let page = match page(&door, &asked, ending).await {
            Ok(page) => page,
            Err(ended) => {
                close(&door).await;
                return Err(ended);
            }
        };
        for letter in page["dead_letters"].as_array().into_iter().flatten() {
            count(letter, arguments, &mut counts);
        }
        match (page["next"].as_str(), parts.next()) {
            (Some(next), _) => asked.cursor = Some(next.to_owned()),
            (None, Some(part)) => asked.ids = part.to_vec(),
            (None, None) => break,
        }
    }
    close(&door).await;
    let done = |word: LetterEnd| counts.get(word.as_str()).copied().unwrap_or(0);
    let all: usize = counts.values().sum();
    if arguments.books.format == Format::Text {
        terminal::data(&summed(&counts, arguments.dry_run));
        if matches!(door, Door::Here(_)) && done(LetterEnd::Retried) > 0 && !arguments.dry_run {
            terminal::say("no service has the database open; `tillpost serve` will deliver");
        }
    }
    let good = done(LetterEnd::Retried) + done(LetterEnd::Dropped);
    Ok(if good == all { Ended::Well } else { Ended::WithErrors })
}

async fn close(door: &Door) {
    if let Door::Here(desk) = door {
        desk.store.close().await;
    }
}

async fn page(door: &Door, asked: &Asked, ending: &Ending) -> Result<Value, Ended> {
    let text = match door {
        Door::Service(service) => {
            let path = match ending {
                Ending::Retry => "/admin/v1/dead-letters/retry",
                Ending::Drop { .. } => "/admin/v1/dead-letters/drop",
            };
            service.post(path, serde_json::to_vec(asked).unwrap_or_default()).await?
        }
        Door::Here(desk) => match desk.intake.end_dead_letters(asked, ending.clone()).await {
            Ok(page) => serde_json::to_string(&page).unwrap_or_default(),
            Err(NotAnswered::Asked(faults)) => return Err(terminal::misused(&faults.join("; "))),
            Err(NotAnswered::Store(error)) => return Err(terminal::failed(&error)),
        },
    };
    serde_json::from_str(&text).map_err(|error| terminal::failed(&error))
}

/// Prints one letter: each as JSON, or in words what could not be done.
fn count(letter: &Value, arguments: &EndArguments, counts: &mut BTreeMap<String, usize>) {
    let result = letter["result"].as_str().unwrap_or_default();
    *counts.entry(result.to_owned()).or_default() += 1;
    if arguments.books.format == Format::Json {
        return terminal::data(&letter.to_string());
    }
    let why = match LetterEnd::read(result) {
        Some(LetterEnd::Retried | LetterEnd::Dropped) | None => return,
        Some(LetterEnd::TooOld) => "is too old for Meta by now, and stays a dead letter",
        Some(LetterEnd::Removed) => "has no bytes any more: its payment was removed",
        Some(LetterEnd::NotDead) => {
            "is no dead letter: `tillpost dead show` tells what became of it"
        }
    };
    terminal::data(&format!("{} {why}", letter["id"]));
}

fn summed(counts: &BTreeMap<String, usize>, dry_run: bool) -> String {
    if counts.is_empty() {
        return "there is no dead letter that fits".to_owned();
    }
    let parts = counts.iter().map(|(result, count)| {
        let count = counted(*count, "letter");
        match (LetterEnd::read(result), dry_run) {
            (Some(LetterEnd::Retried), false) => format!("{count} on the way again"),
            (Some(LetterEnd::Retried), true) => format!("{count} would be sent again"),
            (Some(LetterEnd::Dropped), false) => format!("{count} dropped"),
            (Some(LetterEnd::Dropped), true) => format!("{count} would be dropped"),
            (Some(LetterEnd::TooOld), _) => format!("{count} too old"),
            (Some(LetterEnd::Removed), _) => format!("{count} of removed payments"),
            (Some(LetterEnd::NotDead) | None, _) => format!("{count} not dead"),
        }
    });
    let changed = if dry_run { "; nothing was changed" } else { "" };
    format!("{}{changed}", parts.collect::<Vec<_>>().join(", "))
}
