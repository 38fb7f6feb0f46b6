//! The operations of the client API: the server API's, with the token in the body.

use serde_json::{Value, json};

use super::bodies::{self, of_app};
use super::linkrunner::{captured_says, removed, signed_up};
use super::operation::{Answer, Call, Family, Method, Operation};
use super::shapes::{closed, envelope, nothing, or_null, part, refusals, text};
use crate::core::client::signature::{HEADERS, TOLERANCE_MILLIS};
use crate::core::schema::Schema;
use crate::http::BODY_BYTES_MAX;

/// The example that names the person of an installation.
const NAMED: (&str, &str) = ("clientTrigger", "A person signs up in the app");

/// The operations.
pub(super) fn operations() -> Vec<Operation> {
    let all = [
        init(),
        trigger("/api/client/trigger", "clientTrigger", "Sign a person up"),
        trigger("/api/client/set-user-data", "clientSetUserData", "Tell more of a person"),
        capture_payment(),
        capture_event(),
        remove(),
    ];
    all.into_iter().map(|operation| refusals(Family::Client, operation)).collect()
}

/// The headers of a signed request, as security schemes. All of them are needed at once.
pub(super) fn schemes() -> [(&'static str, Value); 3] {
    let minutes = TOLERANCE_MILLIS / 60_000;
    let [id, time, signature] = HEADERS;
    let scheme = |header: &str, says: String| json!({"type": "apiKey", "in": "header", "name": header, "description": says});
    [
        (
            "appKeyId",
            scheme(id, "The name of the secret: `key_id` in `client_signing` of the project. Needed where the project has some.".to_owned()),
        ),
        (
            "appTime",
            scheme(time, format!("When it was signed, in Unix milliseconds; at most {minutes} minutes from the server's clock.")),
        ),
        (
            "appSignature",
            scheme(signature, "Base64 of HMAC-SHA-256 with the secret, over `x-timestamp`, a line feed and Base64 of the body's SHA-256.".to_owned()),
        ),
    ]
}

fn post(path: &'static str, id: &'static str) -> Operation {
    Operation::new(Family::Client, Method::Post, path, id)
}

fn init() -> Operation {
    let campaign = closed([
        ("id", Schema::text()),
        ("name", Schema::text()),
        ("type", Schema::text().with("const", "ORGANIC")),
        ("ad_network", nothing()),
    ]);
    let data = closed([
        ("deeplink", nothing()),
        ("root_domain", Schema::flag().with("const", false)),
        ("ip_location_data", nothing()),
        ("campaign_data", campaign.says("No campaign is attributed here: always the same.")),
    ]);
    let body = Schema::open_table([]);
    post("/api/client/init", "clientInit")
        .says(
            "An app was opened",
            "What the SDKs call first. Where `[events]` of the mapping file binds `first_open`, the \
             first call of an installation is recorded as that event; else nothing happens.",
        )
        .takes(of_app(body, false), BODY_BYTES_MAX)
        .answers(Answer::new(200, "The SDK may go on.", envelope(200, data)))
        .call(Call::new("An app starts", 200, r#"{
  "token": "YOUR_CLIENT_TOKEN",
  "install_instance_id": "install-1",
  "platform": "ANDROID"
}"#))
        .call(Call::new("A token that is nobody's", 401, r#"{"token": "a-wrong-one"}"#))
}

fn trigger(path: &'static str, id: &'static str, summary: &'static str) -> Operation {
    let operation = post(path, id)
        .says(
            summary,
            "The same as `POST /api/v1/signup`, with the device under `data.device_data`. Captures \
             of the installation that came before are released for this person.",
        )
        .takes(of_app(bodies::signup(), false), BODY_BYTES_MAX)
        .answers(Answer::new(200, "The person is known.", envelope(200, signed_up())));
    match id {
        "clientTrigger" => operation.call(Call::new(NAMED.1, 200, A_SIGNUP)).call(Call::new(
            "Without user_data",
            400,
            r#"{"token": "YOUR_CLIENT_TOKEN"}"#,
        )),
        _ => operation
            .call(Call::new("A phone number, later", 200, MORE).after(NAMED.0, NAMED.1))
            .call(Call::new("Without a token", 401, r#"{"user_data": {"id": "777"}}"#)),
    }
}

const A_SIGNUP: &str = r#"{
  "token": "YOUR_CLIENT_TOKEN",
  "user_data": {"id": "777", "name": "Asha Rao", "email": "asha@shop.example"},
  "platform": "ANDROID",
  "data": {"device_data": {"gaid": "38400000-8cf0-11bd-b23e-10b96e40000d", "system_version": "14", "bundle_id": "com.shop"}},
  "install_instance_id": "install-1"
}"#;

const MORE: &str = r#"{
  "token": "YOUR_CLIENT_TOKEN",
  "user_data": {"id": "777", "phone": "+91 98765 43212"}
}"#;

fn capture_payment() -> Operation {
    post("/api/client/capture-payment", "clientCapturePayment")
        .says(
            "Capture a payment",
            "The same as `POST /api/v1/capture-payment`, in one space of payment ids with it: told \
             by the app and by the backend, a payment is one. Without a `user_id` the installation \
             stands for the person, and the payment waits until a signup names both.",
        )
        .takes(of_app(bodies::payment(), true), BODY_BYTES_MAX)
        .answers(Answer::new(201, captured_says(), envelope(201, part("Captured"))))
        .call(Call::new("A purchase in the app", 201, A_PURCHASE).after(NAMED.0, NAMED.1))
        .call(Call::new("Of an installation that nobody has named", 201, OF_INSTALL))
        .call(Call::new("Of nobody", 400, r#"{"token": "YOUR_CLIENT_TOKEN", "amount": 500}"#))
}

const A_PURCHASE: &str = r#"{
  "token": "YOUR_CLIENT_TOKEN",
  "user_id": "777",
  "payment_id": "APP-1",
  "type": "ONE_TIME",
  "amount": 500,
  "currency": "INR",
  "event_data": {
    "content_ids": ["whshct4mwc"],
    "contents": [{"id": "whshct4mwc", "quantity": 1, "item_price": 500}],
    "content_type": "product",
    "num_items": 1,
    "order_id": "APP-1"
  },
  "platform": "ANDROID",
  "install_instance_id": "install-1"
}"#;

const OF_INSTALL: &str = r#"{
  "token": "YOUR_CLIENT_TOKEN",
  "user_id": "",
  "payment_id": "APP-2",
  "amount": 500,
  "currency": "INR",
  "install_instance_id": "install-2"
}"#;

fn capture_event() -> Operation {
    let received = closed([
        ("msg", text("That it was received.")),
        ("status", Schema::anything().with("const", 200)),
        ("data", or_null(part("Captured"))),
    ]);
    post("/api/client/capture-event", "clientCaptureEvent")
        .says(
            "Capture an event",
            "The same as `POST /api/v1/capture-event`; without a `user_id` the installation stands \
             for the person.",
        )
        .takes(of_app(bodies::event(), true), BODY_BYTES_MAX)
        .answers(Answer::new(201, captured_says(), received))
        .call(Call::new("Something put into the cart", 201, A_CART).after(NAMED.0, NAMED.1))
        .call(Call::new(
            "Without a name",
            400,
            r#"{"token": "YOUR_CLIENT_TOKEN", "user_id": "777"}"#,
        ))
}

const A_CART: &str = r#"{
  "token": "YOUR_CLIENT_TOKEN",
  "event_name": "add_to_cart",
  "event_id": "app-cart-1",
  "event_data": {"content_ids": ["whshct4mwc"]},
  "install_instance_id": "install-1"
}"#;

fn remove() -> Operation {
    post("/api/client/remove-captured-payment", "clientRemovePayment")
        .says(
            "Take payments back",
            "The same as `POST /api/v1/remove-payment`. The SDKs send both keys, and the one that \
             they do not mean blank.",
        )
        .takes(of_app(bodies::removal(), false), BODY_BYTES_MAX)
        .answers(removed())
        .call(
            Call::new(
                "A payment of the app",
                200,
                r#"{
  "token": "YOUR_CLIENT_TOKEN",
  "payment_id": "APP-1",
  "user_id": ""
}"#,
            )
            .after(NAMED.0, NAMED.1)
            .after("clientCapturePayment", "A purchase in the app"),
        )
        .call(Call::new(
            "A payment that nobody knows",
            400,
            r#"{"token": "YOUR_CLIENT_TOKEN", "payment_id": "NEVER"}"#,
        ))
}
