//! The operations of the admin listener that read back.

use super::bodies::moment as time;
use super::operation::{Answer, Call, Family, Method, Operation};
use super::shapes::{
    because, closed, count, failure, moment, or_null, part, reason, refusals, text, verdict,
    version, words,
};
use super::{admin_work, letters};
use crate::core::decide::Verdict;
use crate::core::delivery::DeathReason;
use crate::core::finding::{Code, Severity};
use crate::core::payment::{PaymentStatus, PaymentType};
use crate::core::schema::{Key, Schema, meanings};
use crate::http::payments::{PAGE, PAGE_MAX, PARAMETERS};
use crate::store::{Fate, LetterEnd, PaymentState};

/// The examples of the server API that these look at.
pub(super) const KNOWN: (&str, &str) = super::linkrunner::KNOWN;
const WAITS: (&str, &str) = ("capturePayment", "Nobody has signed this person up yet");
pub(super) const BLOCKED: (&str, &str) =
    ("capturePayment", "A fault inside event_data blocks the event, not the payment");

/// The operations.
pub(super) fn operations() -> Vec<Operation> {
    let all = [
        list(),
        story(),
        books(),
        datasets(),
        mapping(),
        catalog(),
        admin_work::decide(),
        admin_work::import(),
        admin_work::replay(),
        metrics(),
    ];
    let (reading, doing) = all.split_at(2);
    let all = [reading, &letters::operations(), doing].concat();
    all.into_iter().map(|operation| refusals(Family::Admin, operation)).collect()
}

pub(super) fn get(path: &'static str, id: &'static str) -> Operation {
    Operation::new(Family::Admin, Method::Get, path, id)
}

pub(super) fn post(path: &'static str, id: &'static str) -> Operation {
    Operation::new(Family::Admin, Method::Post, path, id)
}

/// 400 of a call that is no body's fault.
pub(super) fn bad(says: &str) -> Answer {
    Answer::new(400, says, failure(Family::Admin, 400))
}

pub(super) fn null_text(says: &str) -> Schema {
    or_null(Schema::text()).says(says)
}

fn null_moment(says: &str) -> Schema {
    or_null(moment(says))
}

/// The type in the books: of a payment, or the name of an event.
pub(super) fn kind() -> Schema {
    text("Its type; of an event `event:` and its name.")
}

pub(super) fn project() -> Schema {
    text("Which project; may be left out where there is only one.")
}

fn parameter(name: &str) -> Schema {
    match name {
        "payment_id" => text("Only with this id of yours."),
        "type" => words("Only of this type.", meanings!(PaymentType)),
        "user_id" => text("Only of this person."),
        "verdict" => words("Only about which this was decided.", meanings!(Verdict)),
        "status" => words("Only of this status.", meanings!(PaymentStatus)),
        "since" => time("Only what arrived then or later."),
        "until" => time("Only what arrived before."),
        "limit" => Schema::whole(1, u64::try_from(PAGE_MAX).unwrap_or_default())
            .default(PAGE)
            .says("Most payments of the page."),
        "cursor" => text("Where the page before ended: its `next`.").matching(r"^\d+-\d+-\d+$"),
        // A parameter without its sentence fails the test below.
        _ => Schema::anything(),
    }
}

fn list() -> Operation {
    let event = closed([
        ("event_name", text("Its name at Meta.")),
        ("event_id", text("Its id.")),
        ("dataset", text("Where it goes.")),
        ("fate", or_null(words("Where it stands.", meanings!(Fate)))),
        ("because", null_text("Why it is dead or dropped.")),
        ("due_at", null_moment("When it will be sent again.")),
    ]);
    let payment = closed([
        ("project", text("Whose books.")),
        ("payment_id", null_text("Your id.")),
        ("type", kind()),
        ("state", words("Where it stands.", meanings!(PaymentState))),
        ("status", null_text("How far it got; null once it is removed.")),
        ("user_id", null_text("Whose it is; null once it is removed.")),
        ("amount", or_null(Schema::number()).says("How much; null once it is removed.")),
        ("currency", null_text("In which currency.")),
        ("received_at", moment("When it arrived.")),
        ("verdict", or_null(verdict())),
        ("reason", reason()),
        ("because", because()),
        ("events", Schema::list(event).says("Its events, each with what became of it.")),
    ]);
    let page = closed([
        ("payments", Schema::list(payment).says("Newest first.")),
        ("next", null_text("The `cursor` of the next page; null behind the last.")),
    ]);
    let operation = get("/admin/v1/payments", "payments").says(
        "List payments",
        "Payments, newest first, a page at a time. A misspelt parameter is a 400 that names it: a \
         filter that is passed over would be believed.",
    );
    let operation =
        PARAMETERS.into_iter().fold(operation, |all, name| all.query(name, parameter(name)));
    operation
        .answers(Answer::new(200, "A page.", page))
        .answers(bad("A parameter is at fault; all of them are named."))
        .call(
            Call::new("What was blocked", 200, "")
                .with("verdict", "block")
                .after(KNOWN.0, KNOWN.1)
                .after(BLOCKED.0, BLOCKED.1),
        )
        .call(Call::new("A misspelt type", 400, "").with("type", "FIRST_PAYMNT"))
}

fn null_code(says: &str) -> Schema {
    or_null(Schema::anything().with("type", "integer")).says(says)
}

/// A request that carried an event.
pub(super) fn attempt() -> Schema {
    closed([
        ("at", moment("When it was sent.")),
        ("millis", count("How long the answer took, in milliseconds.")),
        ("events", count("How many events it carried.")),
        ("outcome", text("What it met.")),
        ("status", or_null(count("The status of HTTP."))),
        ("code", null_code("Meta's code.")),
        ("subcode", null_code("Meta's subcode.")),
        ("says", text("Meta's words.")),
        ("trace_id", null_text("Meta's id of the request.")),
    ])
}

/// A dead letter that a person ended.
pub(super) fn ended() -> Schema {
    let how = [LetterEnd::Retried, LetterEnd::Dropped].map(|end| (end.as_str(), end.meaning()));
    closed([
        ("at", moment("Since when it was dead.")),
        ("reason", words("Why it was.", meanings!(DeathReason))),
        ("code", null_code("Meta's code.")),
        ("subcode", null_code("Meta's subcode.")),
        ("says", text("Meta's words, or ours.")),
        ("trace_id", null_text("Meta's id of the request.")),
        ("ended_at", moment("When a person decided.")),
        ("how", words("What was decided.", how)),
        ("because", null_text("Why it was dropped, in the words of whoever did.")),
    ])
}

fn story() -> Operation {
    let delivery = [
        ("dataset", text("Where it goes.")),
        ("fate", words("Where it stands.", meanings!(Fate))),
        ("because", null_text("Why it is dead or dropped.")),
        ("due_at", null_moment("When it will be sent again.")),
        ("attempts", Schema::list(attempt()).says("The requests that carried it, in order.")),
    ];
    let names = delivery.clone().map(|(name, _)| name);
    let ended = Schema::list(ended())
        .says("What persons decided about it as a dead letter, in order; absent if nothing.");
    let delivery = Schema::table(delivery.into_iter().chain([("ended", ended)])).required(&names);
    let former = closed([
        ("until", moment("Until when it stood.")),
        ("decision", or_null(part("Decision"))),
    ]);
    let story = closed([
        ("project", text("Whose books.")),
        ("payment_id", null_text("Your id.")),
        ("state", words("Where it stands.", meanings!(PaymentState))),
        ("type", kind()),
        ("received_at", moment("When it arrived.")),
        (
            "until",
            null_moment(
                "When it was removed, when its waiting ends, or since when its user is known.",
            ),
        ),
        (
            "capture",
            or_null(Schema::open_table([])).says(
                "The payment as understood, its personal fields hashed; null once it is removed.",
            ),
        ),
        ("decision", or_null(part("Decision")).says("The decision; null while it is held.")),
        ("former", Schema::list(former).says("What was decided before, oldest first.")),
        ("deliveries", Schema::list(delivery).says("Its events on their way, in order.")),
    ]);
    let stories = || closed([("payments", Schema::list(story.clone()))]);
    get("/admin/v1/payments/{payment_id}", "paymentStory")
        .says(
            "The story of a payment",
            "Everything that happened to the payments with this id, in every project; if there are \
             none, to those whose event has it.",
        )
        .at("payment_id", text("Your id of the payment, or the id of its event."))
        .query("type", text("Only of this type."))
        .answers(Answer::new(200, "The stories.", stories()))
        .answers(Answer::new(404, "No payment has this id.", stories()))
        .answers(bad("The id or the query cannot be read."))
        .call(
            Call::new("A payment that waits for its user", 200, "")
                .with("payment_id", "DEF")
                .after(WAITS.0, WAITS.1),
        )
        .call(Call::new("A payment that nobody knows", 404, "").with("payment_id", "NEVER"))
}

fn books() -> Operation {
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

fn datasets() -> Operation {
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

fn mapping() -> Operation {
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

fn catalog() -> Operation {
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

fn metrics() -> Operation {
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
    fn every_parameter_of_the_list_is_described() {
        for name in PARAMETERS {
            assert!(parameter(name).value()["description"].is_string(), "{name} has no sentence");
        }
    }

    #[test]
    fn every_state_of_a_dataset_is_described() {
        assert_eq!(STATES.map(|(word, _)| word), crate::http::datasets::STATES);
    }
}
