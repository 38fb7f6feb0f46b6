//! The operations of the server API: captures, batches of them, removals, signups.

use super::bodies::{self, RULES};
use super::operation::{Answer, Call, Family, Method, Operation};
use super::shapes::{closed, envelope, findings, or_null, part, refusals, text};
use crate::core::schema::Schema;
use crate::http::linkrunner::BATCH_MAX;
use crate::http::{BATCH_BYTES_MAX, BODY_BYTES_MAX};

/// The example that makes the person of the others known.
pub(super) const KNOWN: (&str, &str) = ("signUp", "A person with an e-mail address");

/// The example that others repeat or take back.
pub(super) const PURCHASE: (&str, &str) = ("capturePayment", "A purchase");

/// The operations.
pub(super) fn operations() -> Vec<Operation> {
    let all = [sign_up(), capture_payment(), capture_payments(), capture_event(), remove_payment()];
    all.into_iter().map(|operation| refusals(Family::Linkrunner, operation)).collect()
}

fn post(path: &'static str, id: &'static str) -> Operation {
    Operation::new(Family::Linkrunner, Method::Post, path, id)
}

fn capture_payment() -> Operation {
    let captured = envelope(201, part("Captured"));
    post("/api/v1/capture-payment", "capturePayment")
        .says(
            "Capture a payment",
            format!(
                "Records a payment and decides at once what becomes of it. A 201 means that the \
                 payment is on stable storage; `data.verdict` says whether an event goes to Meta, \
                 and `reason`, `because` and `findings` say why not. A call with a `payment_id` may \
                 be repeated: the second answer is the first record, with `duplicate` true. {RULES}"
            ),
        )
        .takes(bodies::payment(), BODY_BYTES_MAX)
        .answers(Answer::new(201, captured_says(), captured))
        .call(Call::new(PURCHASE.1, 201, A_PURCHASE).after(KNOWN.0, KNOWN.1))
        .call(
            Call::new("The same payment again, with another amount", 201, AGAIN)
                .after(KNOWN.0, KNOWN.1)
                .after(PURCHASE.0, PURCHASE.1),
        )
        .call(Call::new("Nobody has signed this person up yet", 201, UNKNOWN_USER))
        .call(
            Call::new("A fault inside event_data blocks the event, not the payment", 201, BLOCKED)
                .after(KNOWN.0, KNOWN.1),
        )
        .call(Call::new("No amount, and a misspelt type", 400, TWO_FAULTS))
        .call(Call::new("Not JSON", 400, r#"{"user_id": "666", "amount": 2000"#))
        .call(Call::new("Without a key", 401, A_PURCHASE).anonymous())
}

/// What a 201 of a capture means.
pub(super) fn captured_says() -> &'static str {
    "The capture is recorded or held, durably. `verdict` says what becomes of it."
}

const A_PURCHASE: &str = r#"{
  "user_id": "666",
  "payment_id": "ABC",
  "type": "FIRST_PAYMENT",
  "amount": 2000,
  "currency": "INR",
  "event_data": {
    "content_ids": ["whshct4mwc"],
    "contents": [{"id": "whshct4mwc", "quantity": 2, "item_price": 1000}],
    "content_type": "product",
    "currency": "INR",
    "value": 2000,
    "num_items": 2,
    "order_id": "ORDER-1"
  }
}"#;

const AGAIN: &str = r#"{
  "user_id": "666",
  "payment_id": "ABC",
  "type": "FIRST_PAYMENT",
  "amount": 1800,
  "currency": "INR"
}"#;

const UNKNOWN_USER: &str = r#"{
  "user_id": "new-customer",
  "payment_id": "DEF",
  "amount": 250.50,
  "currency": "INR"
}"#;

const BLOCKED: &str = r#"{
  "user_id": "666",
  "payment_id": "GHI",
  "amount": 2000,
  "event_data": {"contents": [{"id": "whshct4mwc", "quantity": "two"}]}
}"#;

const TWO_FAULTS: &str = r#"{
  "user_id": "666",
  "payment_id": "JKL",
  "type": "FIRST_PAYMNT"
}"#;

fn capture_payments() -> Operation {
    let one = |status: u16, data: &str| {
        closed([
            ("status", Schema::anything().with("const", status)),
            ("msg", Schema::text()),
            ("data", part(data)),
        ])
    };
    let results = Schema::list(Schema::any_of([
        one(201, "Captured"),
        one(400, "Errors"),
        one(500, "Errors"),
    ]))
    .with("maxItems", BATCH_MAX)
    .says("What became of each payment, in their order.");
    let list = Schema::list(Schema::anything()).with("maxItems", BATCH_MAX);
    post("/api/v1/capture-payments", "capturePayments")
        .says(
            "Capture many payments",
            format!(
                "Takes up to {BATCH_MAX} bodies of `capture-payment`, as an array or one object a \
                 line, in one transaction. One bad payment spoils no other: each has its own \
                 `status` in `data.results`. A call that broke off may be repeated as it is."
            ),
        )
        .takes_lines(list.says("Bodies of `capture-payment`."), BATCH_BYTES_MAX)
        .answers(Answer::new(
            200,
            "Every payment was looked at; each result says what became of it.",
            envelope(200, closed([("results", results)])),
        ))
        .call(
            Call::new("Two payments, one of them without an amount", 200, A_BATCH)
                .after(KNOWN.0, KNOWN.1),
        )
        .call(Call::new("Neither an array nor lines", 400, "   "))
}

const A_BATCH: &str = r#"[
  {"user_id": "666", "payment_id": "B-1", "amount": 2000, "currency": "INR"},
  {"user_id": "666", "payment_id": "B-2"}
]"#;

fn capture_event() -> Operation {
    let received = closed([
        ("msg", text("That it was received.")),
        (
            "status",
            Schema::anything()
                .with("const", 200)
                .says("200, where HTTP says 201: as the original has it."),
        ),
        (
            "data",
            or_null(part("Captured")).says(
                "Null where the event is new and goes to Meta, and there is nothing else to say.",
            ),
        ),
    ]);
    post("/api/v1/capture-event", "captureEvent")
        .says(
            "Capture an event that is no payment",
            format!(
                "Records what a person did, under a name of your own. `[events]` of the mapping \
                 file says which event of Meta's it becomes; a name that is not bound is recorded \
                 and skipped, and `data` says so. {RULES}"
            ),
        )
        .takes(bodies::event(), BODY_BYTES_MAX)
        .answers(Answer::new(201, captured_says(), received))
        .call(Call::new("Something put into the cart", 201, A_CART).after(KNOWN.0, KNOWN.1))
        .call(
            Call::new("A name that the mapping file does not bind", 201, UNBOUND)
                .after(KNOWN.0, KNOWN.1),
        )
        .call(Call::new("Without a name", 400, r#"{"user_id": "666"}"#))
}

const A_CART: &str = r#"{
  "user_id": "666",
  "event_name": "add_to_cart",
  "event_id": "cart-17",
  "event_data": {
    "content_ids": ["whshct4mwc"],
    "contents": [{"id": "whshct4mwc", "quantity": 1, "item_price": 1000}],
    "content_type": "product",
    "num_items": 1,
    "value": 1000,
    "currency": "INR"
  }
}"#;

const UNBOUND: &str = r#"{
  "user_id": "666",
  "event_name": "video_watched"
}"#;

fn remove_payment() -> Operation {
    post("/api/v1/remove-payment", "removePayment")
        .says(
            "Take payments back",
            "Removes the payments with this id, or all of a person, or those that match both, \
             recorded or held, and every personal field of them. Events that were not sent yet \
             never will be; what Meta has already received stays there, and the answer counts it. \
             Where nothing matches the answer is a 400.",
        )
        .takes(bodies::removal(), BODY_BYTES_MAX)
        .answers(removed())
        .call(
            Call::new("A payment", 200, r#"{"payment_id": "ABC"}"#)
                .after(KNOWN.0, KNOWN.1)
                .after(PURCHASE.0, PURCHASE.1),
        )
        .call(Call::new("A payment that nobody knows", 400, r#"{"payment_id": "NEVER"}"#))
        .call(Call::new("Neither a payment nor a person", 400, "{}"))
}

fn sign_up() -> Operation {
    post("/api/v1/signup", "signUp")
        .says(
            "Make a person known",
            format!(
                "Says who stands behind a `user_id`. Names, addresses and numbers are normalised \
                 and hashed while they are read; nothing of them is stored in clear. A second \
                 signup corrects the fields that it names and keeps the rest. Payments that waited \
                 for this person are released, with the time at which they happened. What cannot be \
                 used of a field costs that field only, and `findings` says why. {RULES}"
            ),
        )
        .takes(bodies::signup(), BODY_BYTES_MAX)
        .answers(Answer::new(200, "The person is known.", envelope(200, signed_up())))
        .call(Call::new(KNOWN.1, 200, A_PERSON))
        .call(
            Call::new("A person whose payment waits", 200, r#"{"user_data": {"id": "new-customer", "phone": "+91 98765 43211"}}"#)
                .after("capturePayment", "Nobody has signed this person up yet"),
        )
        .call(Call::new("Without an id", 400, r#"{"user_data": {"email": "mary@shop.example"}}"#))
}

/// What a signup is answered.
pub(super) fn signed_up() -> Schema {
    let common = [
        ("user_id", text("Who is known now.")),
        ("released", Schema::list(part("Captured")).says("The payments that waited for that.")),
        ("findings", findings("What could not be used of the person's fields.")),
    ];
    let names = common.clone().map(|(name, _)| name);
    let signup = Schema::any_of([part("Captured")]).says(
        "The event of a first signup, where `[events]` of the mapping file binds `signup`; else \
         absent.",
    );
    Schema::table(common.into_iter().chain([("signup", signup)])).required(&names)
}

/// What a removal is answered, by whatever route.
pub(super) fn removed() -> Answer {
    Answer::new(200, "At least one payment was removed.", envelope(200, part("Removed")))
}

const A_PERSON: &str = r#"{
  "user_data": {
    "id": "666",
    "name": "Mary Smith",
    "email": "mary@shop.example",
    "phone": "+91 98765 43210",
    "country": "IN"
  }
}"#;
