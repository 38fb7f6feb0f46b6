//! The operations of the admin listener that show how things stand: books, datasets, mapping files,
//! catalogues, metrics.

use super::admin::{WAITS, get, null_text};
use super::operation::{Answer, Call, Operation};
use super::shapes::{closed, count, moment, or_null, text, version, words};
use crate::core::finding::{Code, Severity};
use crate::core::schema::{Key, Schema, meanings};

pub(super) fn books() -> Operation {
    let pruned = closed([
        ("payments", count("Recorded payments.")),
        ("removed", count("Removed payments.")),
        ("expired", count("Payments that had waited in vain.")),
        ("delivered", count("Events that Meta had taken.")),
        ("dead", count("Events that nobody had looked after in time.")),
        ("dropped", count("Events that a person had dropped.")),
        ("withheld", count("Events of removed payments.")),
    ]);
    let sums: [Key; 12] = [
        ("recorded", count("Payments recorded and not removed.")),
        ("removed", count("Payments removed.")),
        ("held", count("Payments that wait for their user.")),
        ("expired", count("Payments that have waited for their user in vain.")),
        ("deliveries", count("Events to be delivered.")),
        ("delivered", count("Of these: Meta took them.")),
        ("pending", count("Of these: they wait for their turn.")),
        ("retrying", count("Of these: they will be sent again.")),
        ("dead", count("Of these: they need a person.")),
        ("dropped", count("Of these: a person decided that they are never sent.")),
        ("withheld", count("Of these: their payment was removed before they were sent.")),
        ("pruned", pruned.says("What was pruned for its age since the books were begun.")),
    ];
    get("/admin/v1/books", "books")
        .says(
            "The sums of the books",
            "Every payment and every delivery is in exactly one of them; what was pruned for its \
             age is counted apart.",
        )
        .answers(Answer::new(200, "The sums.", closed(sums)))
        .call(Call::new("A look", 200, "").after(WAITS.0, WAITS.1))
}

/// The states of a dataset, with their meanings.
const STATES: [(&str, &str); 5] = [
    ("flowing", "Events go to it."),
    ("waiting", "Meta is in trouble or cannot be reached; it is tried again with growing pauses."),
    ("slowed", "Meta's budget is nearly used up; requests wait before Meta blocks them."),
    ("throttled", "Meta throttles; nothing is sent before the time that it stated."),
    ("paused", "Token, permission or dataset: a person has to act; nothing is lost meanwhile."),
];

pub(super) fn datasets() -> Operation {
    let stopped = [
        ("since", moment("Since when.")),
        ("next_request", moment("When the next request goes.")),
        ("failures", count("How many requests failed in a row.")),
        ("says", text("Meta's words, or ours.")),
        ("what", text("What is wrong.")),
        ("help", text("What to do.")),
    ];
    let names = stopped.clone().map(|(name, _)| name);
    let codes = [
        ("code", Schema::anything().with("type", "integer").says("Meta's code.")),
        ("subcode", Schema::anything().with("type", "integer").says("Meta's subcode.")),
    ];
    let stopped = Schema::table(stopped.into_iter().chain(codes)).required(&names);
    let dataset = [
        ("name", text("Its name in the configuration.")),
        ("state", words("Whether events flow.", STATES)),
        ("pending", count("Events that no request has finished yet.")),
        ("retrying", count("Events that left the order and will be sent again.")),
        ("dead", count("Events that need a person.")),
    ];
    let names = dataset.clone().map(|(name, _)| name);
    let sometimes = [
        (
            "oldest_pending",
            moment(
                "When the payment of the oldest unfinished event arrived; absent if there is none.",
            ),
        ),
        ("stopped", stopped.says("Why nothing is sent; absent while events flow.")),
    ];
    let dataset = Schema::table(dataset.into_iter().chain(sometimes)).required(&names);
    get("/admin/v1/datasets", "datasets")
        .says(
            "Do events flow",
            "Each dataset of the configuration: whether events go to it, how many wait, and if \
             nothing is sent, why, until when, and what to do.",
        )
        .answers(Answer::new(200, "The datasets.", closed([("datasets", Schema::list(dataset))])))
        .call(Call::new("A look", 200, ""))
}

pub(super) fn mapping() -> Operation {
    let finding = closed([
        (
            "code",
            Schema::text()
                .with("enum", Code::ALL.iter().map(|code| code.as_str()).collect::<Vec<_>>()),
        ),
        ("severity", words("How much it weighs.", meanings!(Severity))),
        ("says", text("One sentence.")),
        ("line", count("From 1.")),
        ("column", count("From 1, in characters.")),
        ("help", null_text("What to do.")),
    ]);
    let refused = closed([
        ("version", or_null(version())),
        ("at", moment("When it was looked at.")),
        ("findings", Schema::list(finding)),
    ]);
    let rule = Schema::open_table([("line", count("Where it stands in the file."))])
        .required(&["line", "when"]);
    let rules = Schema::list(rule.clone())
        .says("The rules, in the order in which they are tried, every default filled in.");
    let one = closed([
        ("project", text("Whose table.")),
        ("file", text("Where it stands.")),
        ("version", version()),
        ("in_force_since", moment("Since when it is in force.")),
        ("reloads", count("How often a changed file was taken since the start.")),
        ("refused", or_null(refused).says("What stands in the file instead, if it was refused.")),
        ("default_country", null_text("Completes phone numbers in national form.")),
        ("payments", Schema::open_table([]).others(&rules)),
        ("events", Schema::open_table([]).others(&rule)),
        ("tests", count("How many tests the file has.")),
    ]);
    get("/admin/v1/mapping", "mapping")
        .says(
            "The mapping in force",
            "The table of each project, and what stands in a file that was refused.",
        )
        .answers(Answer::new(200, "The tables.", closed([("projects", Schema::list(one))])))
        .call(Call::new("A look", 200, ""))
}

pub(super) fn catalog() -> Operation {
    let missed = closed([
        ("id", text("An id that the feed has not.")),
        ("times", count("How often it was seen.")),
        ("did_you_mean", null_text("The id that was meant.")),
        ("help", null_text("What to do.")),
    ]);
    let mend = closed([
        ("line", text("A line for the mapping file.")),
        ("ids", count("How many ids it would mend.")),
        ("breaks", count("How many it would break.")),
        ("rate_percent", Schema::number().says("The match rate that it would give.")),
    ]);
    let report = closed([
        ("project", text("Whose events.")),
        ("dataset", text("Where they go.")),
        ("feed", text("The feed, as the mapping file names it.")),
        ("loaded", Schema::flag().says("Whether it could be read.")),
        ("products", count("How many products it has.")),
        ("groups", count("How many groups it has.")),
        ("events", count("How many events were looked at since the start.")),
        ("seen", count("How many ids they had.")),
        ("matched", count("How many of these the feed has.")),
        (
            "rate_percent",
            or_null(Schema::number()).says("The match rate; null before the first id."),
        ),
        ("good", or_null(Schema::flag()).says("Whether it is as good as Meta wants it.")),
        ("worst", Schema::list(missed).says("The ids that were missed most often.")),
        ("mends", Schema::list(mend).says("Lines that would mend some.")),
    ]);
    get("/admin/v1/catalog", "catalog")
        .says(
            "How well the ids match",
            "How many ids of the events the product feeds have, since the start.",
        )
        .answers(Answer::new(
            200,
            "One report for each project, dataset and feed.",
            closed([("datasets", Schema::list(report))]),
        ))
        .call(Call::new("A look", 200, ""))
}

pub(super) fn metrics() -> Operation {
    get("/metrics", "metrics")
        .says(
            "Numbers for Prometheus",
            "The books, the datasets, the mapping files and the webhooks, as Prometheus reads them.",
        )
        .answers(
            Answer::new(200, "The numbers.", Schema::text()).media("application/openmetrics-text"),
        )
        .call(Call::new("A look", 200, ""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_state_of_a_dataset_is_described() {
        assert_eq!(STATES.map(|(word, _)| word), crate::http::datasets::STATES);
    }
}
