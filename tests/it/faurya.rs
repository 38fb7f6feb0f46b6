//! Faurya's API, whole: payments of visitors, deletions, visitors, keys and limits. The rows of the
//! requirements (FA-1 to FA-21) stand beside what shows them.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::engine::{Answer, BEGINNING, Engine, KEY, Plan, purchase};

/// What `STORY_SITE_KEY` holds in the harness.
const SITE_KEY: &str = "story_site_key";

/// Faurya's own example.
const SAMPLE: &str = r#"{"faurya_visitor_id":"visitor_1","faurya_session_id":"session_1","transaction_id":"payment_456","amount":29.99,"metadata":{"plan":"starter","provider":"custom_checkout"}}"#;

/// A mapping for payments that name no product.
const MAPPING: &str = r#"
version = 1
[defaults]
dataset = "storefront"
profile = "plain"
action_source = "system_generated"
[payments]
DEFAULT = "Purchase"
"#;

fn site(more: &str) -> Plan {
    Plan::default()
        .mapping(MAPPING)
        .project(&format!("site_key = {{ env = \"STORY_SITE_KEY\" }}\n{more}"))
}

/// A second site with keys of its own, behind the lines of the first.
const OTHER_SITE: &str = r#"
[[projects]]
name = "other"
server_key = { env = "STORY_OTHER_SERVER_KEY" }
site_key = { env = "STORY_OTHER_SITE_KEY" }
mapping = "mapping.toml"
"#;

async fn call(engine: &Engine, method: &str, path: &str, (key, body): (&str, &str)) -> Answer {
    let request = engine.request(method, path).header("authorization", format!("Bearer {key}"));
    Answer::of(request.body(body.to_owned()).send().await.expect("an answer")).await
}

async fn pay(engine: &Engine, body: &str) -> Answer {
    call(engine, "POST", "/api/v1/payments", (SITE_KEY, body)).await
}

async fn delete(engine: &Engine, body: &str) -> Answer {
    call(engine, "DELETE", "/api/v1/payments", (SITE_KEY, body)).await
}

async fn visit(engine: &Engine, id: &str) {
    let body = format!(r#"{{"faurya_visitor_id":"{id}"}}"#);
    let answer = call(engine, "POST", "/api/v1/visitors", (SITE_KEY, &body)).await;
    assert_eq!(answer.body, json!({"status": "success", "data": {"visitorId": id}}));
}

fn payment(visitor: &str, transaction: &str) -> String {
    format!(
        r#"{{"faurya_visitor_id":"{visitor}","transaction_id":"{transaction}","amount":29.99,"currency":"USD"}}"#
    )
}

/// A refusal in Faurya's shape, with nothing else in it.
fn assert_refused(answer: &Answer, status: u16, names: &str) {
    assert_eq!(answer.status, status, "{}", answer.body);
    let message = answer.body["error"]["message"].as_str().unwrap_or_default();
    assert!(message.contains(names), "`{names}` in {}", answer.body);
    let shape = json!({"status": "error", "error": {"code": status, "message": message}});
    assert_eq!(answer.body, shape);
}

/// Shows FA-1, FA-8, FA-13, FA-14.
#[tokio::test]
async fn the_documents_sample_is_recorded_and_its_answer_is_exact() {
    let engine = site("").start().await;
    visit(&engine, "visitor_1").await;
    // FA-1, FA-14: an unknown session does not matter.
    let answer = pay(&engine, SAMPLE).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    let exact =
        json!({"message": "Payment recorded successfully", "transaction_id": "payment_456"});
    assert_eq!(answer.body, exact);
    assert_eq!(answer.headers["tillpost-verdict"], "forward");
    let story = engine.admin("/admin/v1/payments/payment_456").await;
    let story = &story.body["payments"][0];
    assert_eq!(story["type"], "DEFAULT");
    // FA-8, FA-13: metadata is stored, the amount keeps its digits.
    let capture = story.to_string();
    for part in ["29.99", "starter", "custom_checkout", "visitor_1"] {
        assert!(capture.contains(part), "{part} in {capture}");
    }
    assert!(!capture.contains("session_1"));
}

/// Shows FA-14, FA-18, FA-19.
#[tokio::test]
async fn a_payment_reaches_meta_with_what_is_known_of_its_visitor() {
    let engine = site("").start().await;
    // FA-18, FA-19.
    let visitor = r#"{"faurya_visitor_id":"visitor_1","user_data":{"email":"mary@example.com"},"fbc":"fb.1.1772200000000.AbCdEf","fbp":"fb.1.1772200000000.1234567890","client_ip_address":"203.0.113.9","client_user_agent":"Mozilla/5.0 (X11)"}"#;
    let made = call(&engine, "POST", "/api/v1/visitors", (SITE_KEY, visitor)).await;
    assert_eq!(made.status, 200, "{}", made.body);
    let body = r#"{"faurya_visitor_id":"visitor_1","transaction_id":"payment_456","amount":29.99,"currency":"usd","metadata":{"plan":"starter"}}"#;
    assert_eq!(pay(&engine, body).await.status, 200);
    engine.drain().await;
    let events = engine.sandbox.events();
    assert_eq!(events.len(), 1);
    let event: Value = serde_json::from_str(&events[0].raw).expect("JSON");
    // printf visitor_1 | sha256sum; printf mary@example.com | sha256sum
    let expected = json!({
        "em": ["f1904cf1a9d73a55fa5de0ac823c4403ded71afd4c3248d00bdcd0866552bb79"],
        "external_id": ["fd7b417f9ccf6774cc5772213b5a08babd0a0d0a309a335daa1fe934f4880771"],
        "client_ip_address": "203.0.113.9",
        "client_user_agent": "Mozilla/5.0 (X11)",
        "fbc": "fb.1.1772200000000.AbCdEf",
        "fbp": "fb.1.1772200000000.1234567890",
    });
    assert_eq!(event["user_data"], expected);
    assert_eq!(event["event_name"], "Purchase");
    // The event id follows the mapping, as for every payment; the order has the transaction's.
    assert_eq!(event["event_id"], "DEFAULT.payment_456");
    let custom =
        json!({"currency": "USD", "value": 29.99, "order_id": "payment_456", "plan": "starter"});
    assert_eq!(event["custom_data"], custom);
}

/// Shows FA-2.
#[tokio::test]
async fn a_key_is_asked_for_before_anything_else() {
    let engine = site("").start().await;
    // FA-2: before the body is looked at, and a server's key is not a site's.
    for (method, path) in [
        ("POST", "/api/v1/payments"),
        ("DELETE", "/api/v1/payments"),
        ("POST", "/api/v1/visitors"),
        ("GET", "/api/v1/visitors/visitor_1"),
        ("POST", "/api/v1/goals"),
        ("DELETE", "/api/v1/goals"),
        ("GET", "/api/v1/analytics/pages"),
    ] {
        for (header, value, says) in [
            ("x-none", String::new(), "API key missing"),
            ("authorization", SITE_KEY.to_owned(), "API key missing"),
            ("authorization", format!("Basic {SITE_KEY}"), "API key missing"),
            ("authorization", "Bearer ".to_owned(), "API key missing"),
            ("authorization", format!("Bearer {SITE_KEY}x"), "API key invalid"),
            ("authorization", format!("Bearer {KEY}"), "API key invalid"),
            ("linkrunner-key", KEY.to_owned(), "API key missing"),
        ] {
            let request = engine.request(method, path).header(header, &value).body("no JSON");
            let answer = Answer::of(request.send().await.expect("an answer")).await;
            assert_refused(&answer, 401, says);
        }
    }
    let capture = [("linkrunner-key", SITE_KEY)];
    let answer = engine.post_with("/api/v1/capture-payment", "{}", &capture).await;
    assert_eq!(answer.status, 401, "a site's key is not a server's");
    visit(&engine, "visitor_1").await;
    let request = engine.request("POST", "/api/v1/payments");
    let request = request.header("authorization", format!("bearer {SITE_KEY}")).body(SAMPLE);
    assert_eq!(request.send().await.expect("an answer").status(), 200, "the scheme in any case");
}

/// Shows FA-3, FA-4, FA-5, FA-6, FA-9, FA-12.
#[tokio::test]
async fn refusals_have_their_shape_and_leave_nothing_behind() {
    let engine = site("").start().await;
    visit(&engine, "visitor_1").await;
    let large = format!(r#"{{"x":"{}"}}"#, "x".repeat(1024 * 1024));
    for (body, status, says) in [
        // FA-3, FA-4, FA-5, FA-6, FA-7: all values of all fields stand in the core's table.
        ("", 400, "not JSON"),
        ("[]", 400, "must be a JSON object"),
        (r#"{"faurya_visitor_id":"visitor_1","amount":1}"#, 400, "transaction_id is required"),
        (
            r#"{"faurya_visitor_id":"visitor_1","transaction_id":"payment_456","amount":"29.99"}"#,
            400,
            "amount must be a number",
        ),
        (
            r#"{"faurya_visitor_id":"visitor_1","transaction_id":"payment_456","amount":0}"#,
            400,
            "amount must be greater than 0",
        ),
        (
            r#"{"faurya_visitor_id":"visitor_1","transaction_id":"payment_456","amount":NaN}"#,
            400,
            "not JSON",
        ),
        (
            r#"{"faurya_visitor_id":"visitor_1","transaction_id":"payment_456","amount":1,"metadata":{"a":{}}}"#,
            400,
            "metadata.a",
        ),
        // A bad body comes before an unknown visitor.
        (
            r#"{"faurya_visitor_id":"nobody","transaction_id":"payment_456","amount":-1}"#,
            400,
            "amount",
        ),
        // FA-9: unknown, and nothing is held.
        (
            r#"{"faurya_visitor_id":"nobody","transaction_id":"payment_456","amount":1}"#,
            404,
            "Visitor not found",
        ),
        (&large, 413, "larger than 1 MB"),
    ] {
        assert_refused(&pay(&engine, body).await, status, says);
        let books = engine.books().await;
        assert_eq!((books.recorded, books.held), (0, 0), "{body}");
    }
    assert_refused(&delete(&engine, &large).await, 413, "larger than 1 MB");
    let made = call(&engine, "POST", "/api/v1/visitors", (SITE_KEY, &large)).await;
    assert_refused(&made, 413, "larger than 1 MB");
    // FA-12: the id is as free as before.
    assert_eq!(pay(&engine, SAMPLE).await.status, 200);
}

#[tokio::test]
async fn an_unknown_visitor_is_unknown_where_everybody_counts_too() {
    let engine = site("users = \"open\"").start().await;
    assert_refused(&pay(&engine, SAMPLE).await, 404, "Visitor not found");
    let visitor = call(&engine, "GET", "/api/v1/visitors/visitor_1", (SITE_KEY, "")).await;
    assert_refused(&visitor, 404, "Visitor not found");
}

/// Shows FA-10.
#[tokio::test]
async fn a_repetition_is_refused_in_a_way_that_programs_recognise() {
    let engine = site("").start().await;
    visit(&engine, "visitor_1").await;
    assert_eq!(pay(&engine, SAMPLE).await.status, 200);
    let again = pay(&engine, SAMPLE).await;
    // FA-10.
    assert_eq!(again.status, 400);
    let exact = json!({
        "status": "error",
        "error": {"code": 400, "message": "duplicate transaction"},
        "code": "duplicate_transaction",
        "transaction_id": "payment_456",
    });
    assert_eq!(again.body, exact);
    // One space of deduplication with the captures of the project, in both directions.
    engine.purchase("visitor_1", "captured").await;
    let captured = pay(&engine, &payment("visitor_1", "captured")).await;
    assert_eq!(captured.body["code"], "duplicate_transaction");
    let capture = engine.capture(&purchase("visitor_1", "payment_456")).await;
    assert_eq!(capture.body["data"]["duplicate"], true);
    assert_eq!(engine.books().await.recorded, 2);
}

/// Shows FA-10.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_equal_payments_at_once_one_is_recorded() {
    const SENDERS: usize = 32;
    let engine = Arc::new(site("max_payments_per_month = 5").start().await);
    visit(&engine, "visitor_1").await;
    let mut senders = tokio::task::JoinSet::new();
    for _ in 0..SENDERS {
        let engine = Arc::clone(&engine);
        senders.spawn(async move { pay(&engine, SAMPLE).await });
    }
    let answers = senders.join_all().await;
    let recorded = answers.iter().filter(|answer| answer.status == 200).count();
    let repeated =
        answers.iter().filter(|answer| answer.body["code"] == "duplicate_transaction").count();
    assert_eq!((recorded, repeated), (1, SENDERS - 1));
    assert_eq!(engine.books().await.recorded, 1);
}

/// Shows FA-9, FA-11.
#[tokio::test]
async fn an_id_is_unique_for_its_site_alone() {
    let engine = site(OTHER_SITE).start().await;
    visit(&engine, "visitor_1").await;
    assert_eq!(pay(&engine, SAMPLE).await.status, 200);
    // FA-9: the visitor of another site is nobody's here.
    let other = "story_other_site_key";
    let answer = call(&engine, "POST", "/api/v1/payments", (other, SAMPLE)).await;
    assert_refused(&answer, 404, "Visitor not found");
    let body = r#"{"faurya_visitor_id":"visitor_1"}"#;
    call(&engine, "POST", "/api/v1/visitors", (other, body)).await;
    // FA-11.
    let answer = call(&engine, "POST", "/api/v1/payments", (other, SAMPLE)).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
}

/// Shows FA-12, FA-15.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_limit_of_a_month_holds_under_any_race_and_after_a_restart() {
    let plan = site("max_payments_per_month = 3");
    let engine = Arc::new(site("max_payments_per_month = 3").start().await);
    visit(&engine, "visitor_1").await;
    // Payments of every door count, also those from before anybody asked.
    engine.purchase("visitor_1", "captured").await;
    let mut senders = tokio::task::JoinSet::new();
    for sender in 0..12 {
        let engine = Arc::clone(&engine);
        let body = payment("visitor_1", &format!("race-{sender}"));
        senders.spawn(async move { pay(&engine, &body).await.status });
    }
    let statuses = senders.join_all().await;
    let with = |wanted: u16| statuses.iter().filter(|status| **status == wanted).count();
    // FA-15.
    assert_eq!((with(200), with(429)), (2, 10), "{statuses:?}");
    let engine = Arc::into_inner(engine).expect("the senders are gone").restart(&plan).await;
    let refused = pay(&engine, SAMPLE).await;
    assert_refused(&refused, 429, "Account event limit reached");
    // A repetition is told as one, and a deletion gives nothing back.
    let repeated = pay(&engine, &payment("visitor_1", "captured")).await;
    assert_eq!(repeated.body["code"], "duplicate_transaction");
    assert_eq!(delete(&engine, r#"{"tx_id":"captured"}"#).await.status, 200);
    let full = pay(&engine, SAMPLE).await;
    assert_eq!(full.status, 429);
    let wait = full.headers.get("retry-after").and_then(|wait| wait.to_str().ok()?.parse().ok());
    assert!(wait.is_some_and(|wait: u64| (1..=31 * 86_400).contains(&wait)), "{wait:?}");
    // FA-12: March has room, and the id was not used up.
    engine.clock.advance(std::time::Duration::from_hours(24));
    assert_eq!(pay(&engine, SAMPLE).await.status, 200);
}

/// Shows FA-16.
#[tokio::test]
async fn a_site_that_is_gone_is_not_found() {
    let engine = site("closed = true").start().await;
    // FA-16: the key is right. A wrong one is 401 all the same, and a bad body 400.
    let visitor = r#"{"faurya_visitor_id":"visitor_1"}"#;
    for (method, path, body) in [
        ("POST", "/api/v1/payments", SAMPLE),
        ("DELETE", "/api/v1/payments", r#"{"tx_id":"payment_456"}"#),
        ("POST", "/api/v1/visitors", visitor),
        ("GET", "/api/v1/visitors/visitor_1", ""),
        ("POST", "/api/v1/goals", "{}"),
    ] {
        assert_refused(&call(&engine, method, path, (SITE_KEY, body)).await, 404, "Site not found");
        assert_refused(&call(&engine, method, path, ("wrong", body)).await, 401, "API key invalid");
    }
    assert_refused(&pay(&engine, "{}").await, 400, "faurya_visitor_id is required");
    let capture = engine.capture(&purchase("visitor_1", "captured")).await;
    assert_eq!((capture.status, &capture.body["msg"]), (401, &json!("Server key invalid!")));
}

/// Shows FA-17.
#[tokio::test]
async fn deletions_take_one_payment_or_a_range() {
    let engine = site("").start().await;
    for visitor in ["a", "b"] {
        visit(&engine, visitor).await;
    }
    for (visitor, id) in [("a", "a1"), ("a", "a2"), ("b", "b1")] {
        assert_eq!(pay(&engine, &payment(visitor, id)).await.status, 200);
    }
    engine.drain().await;
    // FA-17: the id wins over the visitor, who is another.
    let answer = delete(&engine, r#"{"tx_id":"a1","faurya_visitor_id":"b"}"#).await;
    let exact = json!({
        "status": "success", "message": "Payment event deleted", "deleted": 1,
        "transaction_id": "a1", "already_sent": 1,
    });
    assert_eq!((answer.status, answer.body), (200, exact));
    assert_refused(&delete(&engine, r#"{"tx_id":"a1"}"#).await, 404, "No payment matches");
    for (body, says) in [
        ("{}", "transaction_id, faurya_visitor_id, startAt or endAt is required"),
        (r#"{"startAt":"2026-03-01","endAt":"2026-02-01"}"#, "ends before it starts"),
        // A blank id must not become "everything of this visitor".
        (r#"{"transaction_id":"","faurya_visitor_id":"a"}"#, "transaction_id is blank"),
        (r#"{"transaction_id":null,"faurya_visitor_id":"a"}"#, "transaction_id is blank"),
    ] {
        assert_refused(&delete(&engine, body).await, 400, says);
    }
    // Deleted ids may be recorded again; the range begins with its first moment.
    engine.clock.advance(std::time::Duration::from_hours(1));
    assert_eq!(pay(&engine, &payment("a", "a1")).await.status, 200);
    let late = engine.clock_seconds();
    let before = format!(r#"{{"faurya_visitor_id":"a","endAt":{}}}"#, BEGINNING - 1);
    assert_eq!(delete(&engine, &before).await.status, 404, "the story had not begun");
    let until =
        format!(r#"{{"faurya_visitor_id":"a","startAt":{BEGINNING},"endAt":{}}}"#, late - 60);
    let answer = delete(&engine, &until).await;
    assert_eq!(answer.body["deleted"], 1, "{}", answer.body);
    assert_eq!(answer.body["message"], "1 payment event(s) deleted");
    assert_eq!(answer.body["timeRange"]["startAt"], "2026-02-28T12:00:00Z");
    // Everything since the beginning: `a1` anew and `b1`.
    let answer = delete(&engine, r#"{"startDate":"2026-02-28"}"#).await;
    assert_eq!(answer.body["deleted"], 2, "{}", answer.body);
    let books = engine.books().await;
    assert_eq!((books.recorded, books.removed), (0, 4));
}

#[tokio::test]
async fn what_a_range_takes_back_before_it_was_sent_is_never_sent() {
    let plan = site("");
    let engine = site("").start().await;
    engine.faults(r#"{"faults":[{"do":"token_revoked"}]}"#);
    visit(&engine, "a").await;
    pay(&engine, &payment("a", "tried")).await;
    engine.until(|_| !engine.sandbox.requests().is_empty()).await;
    pay(&engine, &payment("a", "waiting")).await;
    // Payments that wait for their user are found too.
    engine.capture(&purchase("stranger", "held")).await;
    let answer = delete(&engine, r#"{"startDate":"2026-02-28"}"#).await;
    assert_eq!(
        (&answer.body["deleted"], &answer.body["already_sent"]),
        (&json!(3), &json!(0)),
        "{}",
        answer.body
    );
    let engine = engine.restart(&plan).await;
    engine.faults(r#"{"faults":[]}"#);
    visit(&engine, "stranger").await;
    let books = engine.drain().await;
    assert_eq!((books.delivered, books.withheld, books.held), (0, 2, 0));
    assert_eq!(engine.arrived(), Vec::<String>::new());
}

/// Shows FA-18, FA-20.
#[tokio::test]
async fn visitors_are_users_of_the_project() {
    let engine = site("").start().await;
    // FA-18: an id is made where none is given, and can be used at once.
    let made = call(&engine, "POST", "/api/v1/visitors", (SITE_KEY, "{}")).await;
    let id = made.body["data"]["visitorId"].as_str().expect("an id").to_owned();
    assert_eq!(pay(&engine, &payment(&id, "t1")).await.status, 200);
    // What cannot be used is said, and never repeated.
    let body = r#"{"faurya_visitor_id":"v","user_data":{"email":"canary nonsense"}}"#;
    let made = call(&engine, "POST", "/api/v1/visitors", (SITE_KEY, body)).await;
    assert_eq!(made.body["data"]["findings"][0]["code"], "U301", "{}", made.body);
    assert!(!made.body.to_string().contains("canary"));
    // A payment that waited for a user is released by the visitor of that id.
    engine.capture(&purchase("late", "held")).await;
    assert_eq!(engine.books().await.held, 1);
    visit(&engine, "late").await;
    assert_eq!((engine.books().await.held, engine.books().await.recorded), (0, 2));
    // A signup makes a visitor.
    engine.sign_up("signed-up").await;
    let found = call(&engine, "GET", "/api/v1/visitors/signed-up", (SITE_KEY, "")).await;
    // FA-20.
    insta::assert_snapshot!(found.printed(), @r#"
    200
    {
      "data": {
        "activity": {
          "firstVisitAt": "2026-02-28T12:00:00Z"
        },
        "identity": {
          "fields": [
            "em",
            "ph",
            "fn",
            "ln"
          ]
        },
        "visitorId": "signed-up"
      },
      "status": "success"
    }
    "#);
    let found = call(&engine, "GET", "/api/v1/visitors/nobody", (SITE_KEY, "")).await;
    assert_refused(&found, 404, "Visitor not found");
}

/// Shows FA-20, FA-21.
#[tokio::test]
async fn other_methods_and_routes_are_refused_in_faurya_s_shape() {
    let engine = site("").start().await;
    for (method, path) in [
        ("GET", "/api/v1/payments"),
        ("PUT", "/api/v1/payments"),
        ("OPTIONS", "/api/v1/payments"),
        ("GET", "/api/v1/visitors"),
        ("DELETE", "/api/v1/visitors/visitor_1"),
        ("OPTIONS", "/api/v1/visitors"),
    ] {
        let request = engine.request(method, path).header("origin", "https://shop.example");
        let request = request.header("access-control-request-method", "POST");
        let answer = Answer::of(request.send().await.expect("an answer")).await;
        assert_refused(&answer, 405, &format!("{method} is not allowed"));
        assert!(answer.headers.contains_key("allow"), "{method} {path}");
        // FA-21: no page of another origin may call with a key.
        assert!(!answer.headers.keys().any(|name| name.as_str().starts_with("access-control")));
    }
    for (method, path) in [
        ("POST", "/api/v1/goals"),
        ("DELETE", "/api/v1/goals"),
        ("GET", "/api/v1/analytics/timeseries"),
    ] {
        let answer = call(&engine, method, path, (SITE_KEY, "{}")).await;
        assert_refused(&answer, 501, "no goals and no analytics");
    }
}

#[tokio::test]
async fn a_key_that_is_used_too_often_waits() {
    let engine = site("max_requests_per_second = 2").start().await;
    let mut last = 0;
    for _ in 0..3 {
        let answer = pay(&engine, SAMPLE).await;
        last = answer.status;
        if last == 429 {
            assert_refused(&answer, 429, "Rate limit exceeded");
            assert!(answer.headers.contains_key("retry-after"));
        }
    }
    assert_eq!(last, 429);
    // The project's other key has a rate of its own.
    assert_eq!(engine.capture("{}").await.status, 400);
}

/// Shows FA-13.
#[tokio::test]
async fn a_currency_that_is_none_is_recorded_and_not_sent_as_another() {
    let engine = site("").start().await;
    visit(&engine, "visitor_1").await;
    let body =
        r#"{"faurya_visitor_id":"visitor_1","transaction_id":"t1","amount":5,"currency":"coins"}"#;
    let answer = pay(&engine, body).await;
    // FA-13: any text is taken. The project's INR would be a wrong sum at Meta.
    assert_eq!(
        (answer.status, &answer.headers["tillpost-verdict"]),
        (200, &"block".parse().expect("text"))
    );
}
