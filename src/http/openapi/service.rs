//! The operations that nobody needs a key for: health, and the description itself.

use super::operation::{Answer, Call, Family, Method, Operation};
use super::shapes::{refusals, text};
use crate::core::schema::Schema;

/// The operations.
pub(super) fn operations() -> Vec<Operation> {
    [live(), ready(), described(), page()]
        .into_iter()
        .map(|operation| {
            let with_store = operation.id == "ready";
            let mut operation = refusals(Family::Service, operation);
            // Only one of them asks the store.
            operation.answers.retain(|answer| with_store || answer.status != 503);
            operation
        })
        .collect()
}

fn get(path: &'static str, id: &'static str) -> Operation {
    Operation::new(Family::Service, Method::Get, path, id)
}

fn live() -> Operation {
    let health = Schema::table([("status", Schema::text().with("const", "live"))]);
    get("/health/live", "live")
        .says("Does the process live", "Answers as long as the process does. It asks nothing else.")
        .answers(Answer::new(200, "It lives.", health.required(&["status"])))
        .call(Call::new("A look", 200, ""))
}

fn ready() -> Operation {
    let warnings = Schema::list(Schema::text())
        .says("What works and should be looked at all the same; absent if there is nothing.");
    let status = Schema::text().with("const", "ready");
    let health = Schema::table([("status", status), ("warnings", warnings)]);
    get("/health/ready", "ready")
        .says(
            "Would a payment be taken",
            "Asks the writer of the store. A refused mapping file does not make the service \
             unready: it goes on with the one before, and `warnings` says so.",
        )
        .answers(Answer::new(200, "Payments are taken.", health.required(&["status"])))
        .call(Call::new("A look", 200, ""))
}

fn described() -> Operation {
    let document = Schema::open_table([("openapi", Schema::text().matching(r"^3\.1\."))]);
    get("/openapi.json", "openapi")
        .says(
            "This description, for programs",
            "OpenAPI 3.1, the same as `tillpost schema openapi`.",
        )
        .answers(Answer::new(200, "The document.", document.required(&["openapi", "paths"])))
        .call(Call::new("A look", 200, ""))
}

fn page() -> Operation {
    let html = text("The page.");
    get("/docs", "docs")
        .says("This description, for people", "One page without scripts, made of the same values.")
        .answers(Answer::new(200, "The page.", html).media("text/html"))
        .call(Call::new("A look", 200, ""))
}
