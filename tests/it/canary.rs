//! Nothing leaks: planted e-mail addresses, phones, names, keys and tokens are searched for in
//! every file that the program leaves, its backups and what is salvaged among them, in its log at
//! trace level, in every answer, on every page for operators and in what its commands say.

use std::path::Path;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::program::{
    self, CLIENT_TOKEN, HOOK_SECRET, KEY, Program, SIGNING_SECRET, SITE_KEY, TOKEN,
};

/// What must not be found anywhere. Each is unmistakable.
const SECRETS: [&str; 16] = [
    "canary.signup@example.com",
    "canary.payment@example.com",
    "canary.cart@example.com",
    "canary.held@example.com",
    "canary.device@example.com",
    "canary.page@example.com",
    "4155550147",
    "Canaryfirst",
    "Canarylast",
    "canary.visitor@example.com",
    KEY,
    SITE_KEY,
    CLIENT_TOKEN,
    SIGNING_SECRET,
    HOOK_SECRET,
    TOKEN,
];

/// What is sent: people in every field there is, and refusals that must not quote them.
const BODIES: [(&str, &str); 17] = [
    (
        "signup",
        r#"{"user_data":{"id":"u1","name":"Canaryfirst Canarylast","email":" Canary.Signup@Example.com ","phone":"+1 (415) 555-0147"}}"#,
    ),
    (
        "capture-payment",
        r#"{"user_id":"u1","payment_id":"visible-1","amount":5,"user_data":{"em":"canary.payment@example.com","ph":"14155550147","fn":"Canaryfirst"},"event_data":{"value":5,"currency":"INR","content_ids":["s"],"contents":[{"id":"s","quantity":1,"item_price":5}],"content_type":"product","num_items":1,"order_id":"o","email":"canary.cart@example.com","note":"canary.cart@example.com","phone":"4155550147"}}"#,
    ),
    (
        "capture-payment",
        r#"{"user_id":"nobody-yet","payment_id":"visible-2","amount":5,"user_data":{"email":"canary.held@example.com","last_name":"Canarylast"}}"#,
    ),
    (
        "signup",
        r#"{"user_data":{"id":"u3"},"platform":"IOS","device_data":{"system_version":"17","device_name":"Canaryfirst's phone","device":"canary.device@example.com","language":"canary.device@example.com","country":"IN"}}"#,
    ),
    (
        "capture-payment",
        r#"{"user_id":"u3","payment_id":"visible-3","amount":5,"type":"canary.page@example.com","event_source_url":"https://shop.example/?email=canary.page@example.com","referrer_url":"https://canary.page@example.com@shop.example/","user_data":{"subscription_id":"canary.page@example.com 1","page_id":"canary.page@example.com"},"original_event_data":{"event_name":"Purchase","event_time":1772270000,"order_id":"canary.page@example.com"},"customer_segmentation":"canary.page@example.com"}"#,
    ),
    (
        "visitors",
        r#"{"faurya_visitor_id":"v1","user_data":{"email":"canary.visitor@example.com","phone":"+14155550147","last_name":"Canarylast"},"client_user_agent":"canary.visitor@example.com"}"#,
    ),
    (
        "payments",
        r#"{"faurya_visitor_id":"v1","transaction_id":"visible-4","amount":5,"currency":"canary.visitor@example.com","metadata":{"email":"canary.visitor@example.com","note":"canary.visitor@example.com","canary.visitor@example.com":1,"phone":"4155550147"}}"#,
    ),
    // What is refused must not be quoted.
    ("visitors", r#"{"faurya_visitor_id":["canary.visitor@example.com"]}"#),
    (
        "payments",
        r#"{"faurya_visitor_id":"v1","transaction_id":"x","amount":"canary.visitor@example.com","metadata":{"canary.visitor@example.com":["canary.visitor@example.com"]}}"#,
    ),
    ("payments", r#"{"canary.visitor@example.com":"canary.visitor@example.com""#),
    ("signup", r#"{"user_data":{"id":"u2","email":"canary.signup@example.com canary"}}"#),
    ("signup", r#"{"user_data":{"email":"canary.signup@example.com"}}"#),
    (
        "capture-payment",
        r#"{"user_id":"u1","amount":"x","user_data":{"em":"canary.payment@example.com"}}"#,
    ),
    ("capture-payment", r#"{"user_id":"u1","amount":1,"user_data":"canary.payment@example.com"}"#),
    (
        "capture-payment",
        r#"{"user_id":"u1","amount":1,"event_data":{"canary.cart@example.com":1}}"#,
    ),
    ("capture-payment", r#"{"canary.cart@example.com":"canary.cart@example.com""#),
    ("remove-payment", r#"{"payment_id":"visible-2"}"#),
];

/// How long the test waits for what the service does by itself: only a test that fails waits so long.
const PATIENCE: Duration = Duration::from_mins(1);

/// Pages for operators.
const PAGES: [&str; 6] = [
    "/metrics",
    "/admin/v1/books",
    "/admin/v1/payments",
    "/admin/v1/payments/visible-1",
    "/admin/v1/dead-letters",
    "/admin/v1/datasets",
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_clear_person_and_no_secret_in_any_file_log_or_answer() {
    let folder = TempDir::new().expect("a folder");
    let (sandbox, address) = program::oracle().await;
    Program::configure(folder.path(), address);
    let http = program::client();
    let mut program = Program::start_talkative(folder.path());
    let mut answers = String::new();
    for (path, body) in BODIES {
        let answer = http
            .post(format!("http://{}/api/v1/{path}", program.api))
            .header("linkrunner-key", KEY)
            .header("authorization", format!("Bearer {SITE_KEY}"))
            .body(body)
            .send()
            .await
            .expect("an answer");
        answers.push_str(&answer.text().await.expect("text"));
    }
    let started = Instant::now();
    while sandbox.received() == 0 {
        assert!(started.elapsed() < PATIENCE, "the event arrives");
        tokio::task::yield_now().await;
    }
    // The log of SQLite is cut off behind the removal, or behind one of the next groups if somebody
    // read from it just then. Whoever asks whether the service is ready makes a group.
    let started = Instant::now();
    let log_of_sqlite = |files: &[(String, Vec<u8>)]| {
        files.iter().any(|(place, bytes)| place.ends_with("-wal") && holds(bytes, "nobody-yet"))
    };
    while log_of_sqlite(&files(folder.path())) {
        assert!(started.elapsed() < PATIENCE, "the removed person leaves the log of SQLite");
        let ready = http.get(format!("http://{}/health/ready", program.api)).send().await;
        assert_eq!(ready.expect("an answer").status(), 200);
    }
    let wrong = http.post(format!("http://{}/api/v1/signup", program.api));
    let wrong = wrong.header("linkrunner-key", format!("{KEY}x")).send().await.expect("an answer");
    answers.push_str(&wrong.text().await.expect("text"));
    // A right token with a wrong signature, and a webhook that is not believed.
    for (path, header) in [
        ("api/client/trigger", ("x-signature", SIGNING_SECRET)),
        ("webhooks/stripe/shop", ("stripe-signature", HOOK_SECRET)),
    ] {
        let body = format!(r#"{{"token":"{CLIENT_TOKEN}","user_data":{{"id":"u4"}}}}"#);
        let call = http.post(format!("http://{}/{path}", program.api)).body(body);
        let answer = call.header(header.0, header.1).send().await.expect("an answer");
        assert!(matches!(answer.status().as_u16(), 400 | 401), "{path}");
        answers.push_str(&answer.text().await.expect("text"));
    }
    answers.push_str(&told_to_operators(folder.path(), &program, &http).await);
    search("the command line", &program.command_line());
    let before_stop = files(folder.path());
    assert_eq!(program.terminate(), Some(0));
    let salvage = program::run(folder.path(), &["doctor", "--salvage", "salvaged.db"]);
    answers.push_str(&program::printed(&salvage));
    let after_stop = files(folder.path());
    let sent: String = sandbox.events().iter().map(|event| event.raw.clone()).collect();

    for (place, bytes) in before_stop.iter().chain(&after_stop) {
        search(place, bytes);
    }
    // The person of a removed payment is in no file either, not even in SQLite's log.
    for (place, bytes) in before_stop.iter().chain(&after_stop) {
        assert!(!holds(bytes, "nobody-yet"), "a removed person stands in {place}");
    }
    search("the answers", answers.as_bytes());
    search("what Meta received", sent.as_bytes());
    // The search itself works, and it looked where the data is.
    let found =
        |files: &[(String, Vec<u8>)]| files.iter().any(|(_, bytes)| holds(bytes, "visible-1"));
    assert!(found(&before_stop) && found(&after_stop), "the payment id is in the database");
    let has_log = before_stop.iter().any(|(place, _)| place.ends_with("-wal"));
    assert!(has_log, "the log of SQLite was searched too");
    assert!(answers.contains("visible-1"));
    let log = after_stop.iter().find(|(place, _)| place.ends_with("log.txt")).expect("a log");
    assert!(holds(&log.1, "delivered 1 event to"), "the log is at debug level");
    assert!(holds(&log.1, "TRACE"), "and at trace level, that of the libraries included");
    copies_have_the_payment(&after_stop);
}

/// What operators see on every page and of every command. It leaves a backup behind.
async fn told_to_operators(folder: &Path, program: &Program, http: &reqwest::Client) -> String {
    let mut told = String::new();
    for path in PAGES {
        let page = http.get(format!("http://{}{path}", program.admin)).send().await;
        let page = page.expect("an answer");
        assert_eq!(page.status(), 200, "{path}");
        told.push_str(&page.text().await.expect("text"));
    }
    for arguments in [
        &["trace", "visible-1", "--format", "json"][..],
        &["backup", "backup.db"],
        &["doctor"],
        &["check", "--format", "json"],
    ] {
        told.push_str(&program::printed(&program::run(folder, arguments)));
    }
    told
}

/// The search looked at a backup, and at what was salvaged.
fn copies_have_the_payment(files: &[(String, Vec<u8>)]) {
    for made in ["backup.db", "salvaged.db"] {
        let file = files.iter().find(|(place, _)| place.ends_with(made)).expect(made);
        assert!(holds(&file.1, "visible-1"), "{made} has the payment");
    }
}

/// Every file of the folder, with its bytes, but for the configuration that a person wrote.
fn files(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let bytes = std::fs::read(&path).expect("a file");
                found.push((path.display().to_string(), bytes));
            }
        }
    }
    found
}

fn search(place: &str, bytes: &[u8]) {
    let lower = bytes.to_ascii_lowercase();
    for secret in SECRETS {
        assert!(!holds(&lower, &secret.to_ascii_lowercase()), "{secret} stands in {place}");
    }
}

fn holds(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}
