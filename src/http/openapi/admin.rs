//! The operations of the admin listener that read back.

use super::bodies::moment as time;
use super::operation::{Answer, Call, Family, Method, Operation};
use super::shapes::{
    because, closed, count, failure, moment, or_null, part, reason, refusals, text, verdict, words,
};
use super::{admin_state, admin_work, letters};
use crate::core::decide::Verdict;
use crate::core::delivery::DeathReason;
use crate::core::payment::{PaymentStatus, PaymentType};
use crate::core::schema::{Schema, meanings};
use crate::http::payments::{PAGE, PAGE_MAX, PARAMETERS};
use crate::store::{Fate, LetterEnd, PaymentState};

/// The examples of the server API that these look at.
pub(super) const KNOWN: (&str, &str) = super::linkrunner::KNOWN;
pub(super) const WAITS: (&str, &str) = ("capturePayment", "Nobody has signed this person up yet");
pub(super) const BLOCKED: (&str, &str) =
    ("capturePayment", "A fault inside event_data blocks the event, not the payment");

/// The operations.
pub(super) fn operations() -> Vec<Operation> {
    let all = [
        list(),
        story(),
        admin_state::books(),
        admin_state::datasets(),
        admin_state::mapping(),
        admin_state::catalog(),
        admin_work::decide(),
        admin_work::import(),
        admin_work::replay(),
        admin_state::metrics(),
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
        ("because", null_text("Why it is dead or dropped, or why nothing is sent while it waits.")),
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
    let story = [
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
    ];
    let names = story.clone().map(|(name, _)| name);
    let rival = text(
        "What becomes of it while another payment has, or waits under, the same key; absent if none does.",
    );
    let story = Schema::table(story.into_iter().chain([("because", rival)])).required(&names);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_parameter_of_the_list_is_described() {
        for name in PARAMETERS {
            assert!(parameter(name).value()["description"].is_string(), "{name} has no sentence");
        }
    }
}
