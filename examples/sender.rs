//! Signs a customer up and sends one purchase, with reqwest and tokio.
//!
//!     cargo run --example sender -- [ORDER]
//!
//! `TILLPOST_URL` and `TILLPOST_KEY` say where to, else it is `tillpost serve --sandbox`. Exits with 0
//! if the payment is in the books and not blocked, also if it was there before.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program for the command line")]
#![expect(
    clippy::disallowed_methods,
    reason = "a sender has no clock and no configuration of ours"
)]

use std::error::Error;
use std::process::ExitCode;
use std::time::Duration;

use serde_json::{Value, json};

/// How often one call is tried.
const TRIES: u32 = 6;

/// Where Tillpost is.
struct Sender {
    http: reqwest::Client,
    url: String,
    key: String,
}

impl Sender {
    fn new() -> Result<Self, reqwest::Error> {
        // Reqwest is built without a provider of TLS here; your own build may bring one along.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let set = |name: &str, otherwise: &str| {
            std::env::var(name).unwrap_or_else(|_| otherwise.to_owned())
        };
        Ok(Self {
            http: reqwest::Client::builder().timeout(Duration::from_secs(10)).build()?,
            url: set("TILLPOST_URL", "http://127.0.0.1:8080"),
            key: set("TILLPOST_KEY", "sandbox-server-key"),
        })
    }

    /// Status and answer. Waits and sends the same bytes again where that may help.
    async fn post(&self, path: &str, body: &Value) -> Result<(u16, Value), Box<dyn Error>> {
        let body = body.to_string();
        for attempt in 0..TRIES {
            // 1, 2, 4, 8, 16 seconds, or what Retry-After says.
            let mut wait = 1 << attempt;
            match self.try_once(path, &body).await {
                Ok((429 | 503, retry_after, _)) => wait = retry_after.unwrap_or(wait),
                Ok((status, _, text)) => return Ok((status, serde_json::from_str(&text)?)),
                // A time-out, no connection, half an answer: nobody knows whether it arrived.
                Err(error) => eprintln!("{path}: {error}"),
            }
            if attempt + 1 < TRIES {
                eprintln!("{path}: again in {wait} s");
                tokio::time::sleep(Duration::from_secs(wait)).await;
            }
        }
        Err(format!("{path}: given up").into())
    }

    /// Status, `Retry-After` and body of one try.
    async fn try_once(
        &self,
        path: &str,
        body: &str,
    ) -> Result<(u16, Option<u64>, String), reqwest::Error> {
        let request = self.http.post(format!("{}/api/v1/{path}", self.url));
        let request = request.header("linkrunner-key", &self.key);
        let request = request.header("content-type", "application/json");
        let response = request.body(body.to_owned()).send().await?;
        let status = response.status().as_u16();
        let retry_after = response.headers().get("retry-after");
        let retry_after = retry_after.and_then(|value| value.to_str().ok()?.parse().ok());
        Ok((status, retry_after, response.text().await?))
    }
}

async fn run() -> Result<(), Box<dyn Error>> {
    // Both ids are yours. The order's is made before the first try and is the same in each.
    let order = std::env::args().nth(1).unwrap_or_else(|| "order-1001".to_owned());
    let customer = "customer-1001";
    let sender = Sender::new()?;

    let person = json!({"id": customer, "email": "asha@example.com", "phone": "+919876543210"});
    let (status, answer) = sender.post("signup", &json!({ "user_data": person })).await?;
    if status != 200 {
        return Err(format!("{customer}: not signed up: {}", answer["msg"]).into());
    }

    let payment = json!({
        "user_id": customer, "payment_id": order, "amount": 2000, "currency": "INR",
        "event_data": {
            "content_ids": ["sku-1"],
            "contents": [{"id": "sku-1", "quantity": 2, "item_price": 1000}],
            "content_type": "product", "value": 2000, "num_items": 2, "order_id": order,
        },
    });
    let (status, answer) = sender.post("capture-payment", &payment).await?;
    let data = &answer["data"];
    for list in ["findings", "errors"] {
        for finding in data[list].as_array().into_iter().flatten() {
            let text = |key: &str| finding[key].as_str().unwrap_or_default();
            println!("  {} {}: {}", text("severity"), text("code"), text("says"));
            if finding["help"].is_string() {
                println!("    help: {}", text("help"));
            }
        }
    }
    if status != 201 {
        return Err(format!("{order}: refused with {status}: {}", answer["msg"]).into());
    }
    let verdict = data["verdict"].as_str().unwrap_or_default();
    let because = data["because"].as_str().map(|text| format!(": {text}")).unwrap_or_default();
    let is_duplicate = data["duplicate"] == true;
    let seen = if is_duplicate { " (a duplicate: it was recorded before)" } else { "" };
    println!("{order}: {verdict}{because}{seen}");
    if data["recorded"] != true || verdict == "block" {
        let says = format!("{order}: not sent to Meta; `tillpost explain CODE` says more");
        return Err(says.into());
    }
    Ok(())
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
