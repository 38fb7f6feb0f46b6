//! `tillpost import`: bulk loading under the rules of the API.
//!
//! A database has one writer. If a service has it open, the lines go to that service's admin
//! listener, and are delivered at once; if nobody has, this process opens it, and the next
//! `tillpost serve` delivers. Either way an interrupted import is simply run again.

use std::collections::BTreeMap;
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};

use indicatif::{ProgressBar, ProgressStyle};
use serde::{Deserialize, Serialize};

use super::door::Door;
use super::{ConfigArgument, Ended, setup, terminal};
use crate::config::Onlooker;
use crate::core::decide::Verdict;
use crate::intake::import::{self, LineOutcome};

/// Loads signups and payments from a file.
///
/// One JSON object a line: the body of a signup or of a capture. The same rules as the API, but
/// that each payment needs a `payment_id`: so a second import of the same file changes nothing, and
/// an interrupted one is simply run again. Give signups of users whom you have already their
/// `user_created_at`, or `"is_first_time_user": false`: where the mapping file binds `signup`, Meta is
/// told of each new one.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "Example:\n  tillpost import payments.ndjson")]
pub(super) struct Arguments {
    /// The file; `-` reads standard input.
    file: PathBuf,

    /// The project, where there is more than one.
    #[arg(long, value_name = "NAME")]
    project: Option<String>,

    /// How the file is written.
    #[arg(long, value_enum, default_value = "ndjson")]
    format: InputFormat,

    /// Prints the sums as one JSON document.
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    config: ConfigArgument,

    /// The books of `serve --sandbox`, where there is a tillpost.toml as well.
    #[arg(long)]
    sandbox: bool,
}

/// How the file is written. CSV is to come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum InputFormat {
    /// One JSON object a line.
    Ndjson,
}

/// Lines and bytes that are handed over at once.
const CHUNK_LINES: usize = 1_000;
const CHUNK_BYTES: usize = 4 * 1024 * 1024;

/// How many refused lines are shown; the rest is counted.
const SHOWN_MAX: u64 = 20;

/// How many remarks on lines that were taken are shown; the rest is counted.
const REMARKS_MAX: u64 = 3;

/// One line and what became of it, from whichever door.
#[derive(Deserialize)]
struct Line {
    outcome: String,
    #[serde(default)]
    verdict: Option<String>,
    #[serde(default)]
    reason: Option<String>,
    #[serde(default)]
    findings: Vec<Why>,
}

/// Why a line was refused, as far as it is shown.
#[derive(Deserialize)]
struct Why {
    code: String,
    says: String,
}

#[derive(Deserialize)]
struct Answer {
    lines: Vec<Line>,
}

pub(super) fn run(arguments: &Arguments) -> Ended {
    let imported = setup::runtime().and_then(|runtime| runtime.block_on(import(arguments)));
    imported.unwrap_or_else(|ended| ended)
}

async fn import(arguments: &Arguments) -> Result<Ended, Ended> {
    let InputFormat::Ndjson = arguments.format;
    let config = setup::config(&arguments.config, arguments.sandbox, &Onlooker)?;
    let (input, size) = open(&arguments.file)?;
    let door = Door::open(&config).await?;
    let bar = progress(size);
    let mut tally = Tally::default();
    let mut reader = BufReader::new(input);
    loop {
        let (chunk, lines) = chunk(&mut reader).map_err(|error| terminal::failed(&error))?;
        if lines == 0 {
            break;
        }
        let answers = hand_over(&door, chunk.clone(), arguments.project.as_deref()).await?;
        tally.count(&chunk, lines, &answers);
        bar.inc(chunk.len() as u64);
    }
    bar.finish_and_clear();
    if let Door::Here(desk) = &door {
        desk.store.close().await;
        terminal::say("no service has the database open; `tillpost serve` will deliver");
    }
    Ok(tally.print(arguments.json))
}

/// The input and its size, where it has one.
fn open(path: &Path) -> Result<(Box<dyn Read>, Option<u64>), Ended> {
    if path == Path::new("-") {
        return Ok((Box::new(std::io::stdin()), None));
    }
    let failed = |error| terminal::misused(&format!("cannot read {}: {error}", path.display()));
    let file = std::fs::File::open(path).map_err(failed)?;
    let size = file.metadata().map_err(failed)?.len();
    Ok((Box::new(file), Some(size)))
}

fn progress(size: Option<u64>) -> ProgressBar {
    let Some(size) = size else { return ProgressBar::new_spinner() };
    let bar = ProgressBar::new(size);
    let template = "{bar:40} {percent}%  {bytes} of {total_bytes}, {eta} left";
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    bar
}

/// The next lines, and how many there are.
fn chunk(reader: &mut impl std::io::BufRead) -> std::io::Result<(Vec<u8>, usize)> {
    let mut chunk = Vec::new();
    let mut lines = 0;
    while lines < CHUNK_LINES && chunk.len() < CHUNK_BYTES {
        if reader.read_until(b'\n', &mut chunk)? == 0 {
            break;
        }
        lines += 1;
    }
    Ok((chunk, lines))
}

/// Hands lines over, to a service or to the books.
async fn hand_over(door: &Door, chunk: Vec<u8>, project: Option<&str>) -> Result<Vec<Line>, Ended> {
    let text = match door {
        Door::Here(desk) => {
            let project = import::project(&desk.projects, project, "--project")
                .map_err(|says| terminal::misused(&says))?;
            let lines: Vec<&[u8]> = import::lines(&chunk).collect();
            let lines = import::lines_in(&desk.intake, project, &lines).await;
            let lines = lines.map_err(|error| terminal::failed(&error))?;
            serde_json::to_string(&Imported { lines }).unwrap_or_default()
        }
        Door::Service(service) => {
            let mut query = form_urlencoded::Serializer::new(String::new());
            query.extend_pairs(project.map(|name| ("project", name)));
            service.post(&format!("/admin/v1/import?{}", query.finish()), chunk).await?
        }
    };
    let answer: Answer = serde_json::from_str(&text).map_err(|error| terminal::failed(&error))?;
    Ok(answer.lines)
}

/// As a service answers it.
#[derive(Serialize)]
struct Imported {
    lines: Vec<import::Imported>,
}

/// What became of all lines.
#[derive(Default)]
struct Tally {
    /// Lines of the file so far, blank ones included: what an editor counts.
    lines: usize,
    outcomes: BTreeMap<String, u64>,
    /// New payments that are not sent: how many, by verdict and reason.
    unsent: BTreeMap<(String, Option<String>), u64>,
    /// Lines that were taken, with something to say about them.
    remarks: u64,
}

impl Tally {
    fn count(&mut self, chunk: &[u8], lines: usize, answers: &[Line]) {
        let numbered = chunk.split(|byte| *byte == b'\n').zip(self.lines + 1..);
        let numbers = numbered.filter(|(line, _)| !line.trim_ascii().is_empty());
        for ((_, number), line) in numbers.zip(answers) {
            self.note(line);
            let count = self.outcomes.entry(line.outcome.clone()).or_default();
            *count += 1;
            let is_refused = line.outcome == LineOutcome::Refused.as_str();
            let why = line.findings.first().map(|why| format!("{} [{}]", why.says, why.code));
            if is_refused && *count <= SHOWN_MAX {
                let line = format!("line {number} is refused: {}", why.unwrap_or_default());
                terminal::say(&terminal::escaped(&line));
            } else if let (false, Some(why)) = (is_refused, why) {
                self.remarks += 1;
                if self.remarks <= REMARKS_MAX {
                    let line = format!("line {number}: {why}");
                    terminal::say(&terminal::escaped(&line));
                }
            }
        }
        self.lines += lines;
    }

    /// Counts why a new payment is not sent.
    fn note(&mut self, line: &Line) {
        let is_new = line.outcome != LineOutcome::Duplicate.as_str();
        if let Some(verdict) = line.verdict.as_deref().filter(|_| is_new)
            && verdict != Verdict::Forward.as_str()
        {
            let key = (verdict.to_owned(), line.reason.clone());
            *self.unsent.entry(key).or_default() += 1;
        }
    }

    /// Says why payments wait or are not sent, and what to do.
    fn say_unsent(&self) {
        for ((verdict, reason), count) in &self.unsent {
            let reason = reason.as_deref();
            let does = match (verdict.as_str(), reason) {
                ("hold", _) => "a signup of their users releases them",
                ("block", _) => "`tillpost decide` with the same file says why",
                (_, Some("no_mapping")) => "the mapping file does not name their type",
                (_, Some("too_old")) => "Meta takes no event that old",
                (_, Some("status")) => "`statuses` of the mapping file does not name theirs",
                _ => "the mapping file says so",
            };
            let words: Vec<&str> = [Some(verdict.as_str()), reason].into_iter().flatten().collect();
            terminal::say(&format!("not sent: {count} × {}: {does}", words.join(" ")));
        }
    }

    fn print(&self, json: bool) -> Ended {
        self.say_unsent();
        if self.remarks > REMARKS_MAX {
            terminal::say(&format!("… and {} lines more like these", self.remarks - REMARKS_MAX));
        }
        let count = |outcome: &LineOutcome| {
            (outcome.as_str(), self.outcomes.get(outcome.as_str()).copied().unwrap_or(0))
        };
        let counts = LineOutcome::ALL.iter().map(count);
        if json {
            let fields: Vec<String> =
                counts.map(|(outcome, count)| format!(r#""{outcome}":{count}"#)).collect();
            terminal::data(&format!("{{{}}}", fields.join(",")));
        } else {
            let words: Vec<String> = counts
                .filter(|(_, count)| *count > 0)
                .map(|(outcome, count)| format!("{count} {}", outcome.replace('_', " ")))
                .collect();
            let words =
                if words.is_empty() { "nothing to load".to_owned() } else { words.join(", ") };
            terminal::data(&words);
        }
        let refused = self.outcomes.contains_key(LineOutcome::Refused.as_str());
        if refused { Ended::WithErrors } else { Ended::Well }
    }
}
