//! What one payment costs, step by step, on the payments that `tillpost bench` sends.
//!
//! `cargo bench --bench engine` prints the figures of docs/performance.md. All steps but the last
//! two are pure and run on one core; those two work on the disk of this folder, or of the folder in
//! `BENCH_FOLDER`: figures of a memory file system say nothing of a disk.

#![expect(clippy::expect_used, reason = "a benchmark that cannot begin says why")]
#![expect(clippy::disallowed_methods, reason = "the folder of the disk is the caller's to choose")]

#[path = "../src/cli/bench/stock.rs"]
#[allow(dead_code, reason = "the load uses more of it")]
mod stock;

use std::sync::Arc;

use divan::counter::{BytesCount, ItemsCount};
use divan::{Bencher, black_box};
use tempfile::TempDir;
use tillpost::core::batch;
use tillpost::core::customer::{self, Context, CountryCode, Field};
use tillpost::core::decide::{Case, Decision, FrozenEvent, Verdict, decide};
use tillpost::core::delivery::Delivery;
use tillpost::core::json;
use tillpost::core::mapping::{Datasets, Mapping, compile};
use tillpost::core::payment::{self, CaptureKind, Payment};
use tillpost::core::signup;
use tillpost::core::time::Timestamp;
use tillpost::core::user::User;
use tillpost::store::{DatasetKey, Entered, Entry, NewPayment, ProjectKey, Source, Store};

use stock::{Capture, Shape};

/// 2026-02-28T12:00:00Z
const NOW: i64 = 1_772_280_000;

const SHAPE: Shape = Shape { seed: 1, lines: 3, address: false };

/// Different payments, so that no branch is learnt by heart.
const CAPTURES: usize = 1_024;

/// As in the program.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() {
    divan::main();
}

/// Payments with their own ids, the shipped mapping, a known user.
struct Desk {
    bodies: Vec<Vec<u8>>,
    mapping: Mapping,
    user: User,
}

impl Desk {
    fn new(shape: Shape) -> Self {
        let numbered = |(number, capture): (u64, Capture)| {
            let mut body = capture.body.clone();
            capture.number(&mut body, 0, &stock::digits(shape.seed, number));
            body
        };
        let bodies = (0..).zip(stock::captures(shape, CAPTURES)).map(numbered).collect();
        let text = include_str!("../mappings/commerce.toml");
        let mapping = compile(text, Datasets::Any).0.expect("the shipped mapping");
        let signup = stock::signups(shape.seed).remove(0);
        let signup = json::read(signup.as_bytes()).expect("JSON");
        let signup = signup::read_signup(&signup, now());
        let user = signup.value.expect("a signup").user;
        assert_eq!(user.user_data.keys().count(), 8, "eight hashed fields");
        Self { bodies, mapping, user }
    }

    fn decide(&self, payment: &Payment<'_>) -> Decision {
        let user = Some(&self.user);
        let mapping = &self.mapping;
        decide(Case { mapping, payment, user, currency: None, record_id: "r", now: now() })
    }
}

fn read(body: &[u8]) -> Payment<'_> {
    let body = json::read(body).expect("JSON");
    payment::read_as(CaptureKind::Payment, body, now()).value.expect("a payment")
}

fn now() -> Timestamp {
    Timestamp::from_seconds(NOW)
}

/// Runs one step over all payments in turn.
fn each<T>(bencher: Bencher<'_, '_>, desk: &Desk, step: impl Fn(&[u8]) -> T + Sync) {
    let mut at = 0;
    let turn = move || {
        at = (at + 1) % CAPTURES;
        at
    };
    let bytes = BytesCount::new(desk.bodies[0].len());
    let bencher = bencher.counter(ItemsCount::new(1_usize)).counter(bytes);
    bencher.with_inputs(turn).bench_local_values(|at| step(black_box(&desk.bodies[at])));
}

#[divan::bench(args = [3, 50, 500])]
fn read_a_payment(bencher: Bencher<'_, '_>, lines: usize) {
    let desk = Desk::new(Shape { lines, ..SHAPE });
    each(bencher, &desk, |body| drop(black_box(read(body))));
}

#[divan::bench(args = [3, 50, 500])]
fn decide_bytes_to_frozen_event(bencher: Bencher<'_, '_>, lines: usize) {
    let desk = Desk::new(Shape { lines, ..SHAPE });
    let decision = desk.decide(&read(&desk.bodies[0]));
    assert_eq!(decision.verdict, Verdict::Forward);
    assert_eq!(decision.findings.iter().count(), 0, "nothing to say: {:?}", decision.findings);
    each(bencher, &desk, |body| desk.decide(&read(body)));
}

#[divan::bench]
fn normalise_and_hash_8_fields(bencher: Bencher<'_, '_>) {
    let fields = [
        (Field::Email, "Buyer.42@Example.com"),
        (Field::Phone, "+91 98765 43210"),
        (Field::FirstName, "José"),
        (Field::LastName, "García"),
        (Field::City, "New Delhi"),
        (Field::State, "DL"),
        (Field::Zip, "110001"),
        (Field::Country, "IN"),
    ];
    let context =
        Context { country: CountryCode::read("IN"), default_country: None, today: now().date() };
    bencher.counter(ItemsCount::new(1_usize)).bench_local(|| {
        black_box(fields).map(|(field, text)| {
            customer::hash(field, text, &context).expect("a right value").expect("a value")
        })
    });
}

#[divan::bench]
fn serialise_for_the_books(bencher: Bencher<'_, '_>) {
    let desk = Desk::new(SHAPE);
    let payments: Vec<_> = desk.bodies.iter().map(|body| read(body)).collect();
    let mut at = 0;
    bencher.counter(ItemsCount::new(1_usize)).bench_local(|| {
        at = (at + 1) % CAPTURES;
        black_box(&payments[at]).to_stored()
    });
}

#[divan::bench]
fn body_of_1000_events(bencher: Bencher<'_, '_>) {
    let desk = Desk::new(SHAPE);
    let frozen = |(seq, body): (i64, &Vec<u8>)| {
        let event = desk.decide(&read(body)).events.remove(0);
        Delivery { seq, expires_at: event.expires_at, body: event.body.into(), tries: 0 }
    };
    let deliveries: Vec<Delivery> = (0..1_000).zip(&desk.bodies).map(frozen).collect();
    let bytes = batch::join(&deliveries, None).len();
    let bencher = bencher.counter(ItemsCount::new(1_000_usize)).counter(BytesCount::new(bytes));
    bencher.bench_local(|| batch::join(black_box(&deliveries), None));
}

/// The store on a real disk, and payments that it has not seen.
struct Books {
    desk: Desk,
    store: Store,
    project: ProjectKey,
    dataset: DatasetKey,
    runtime: tokio::runtime::Runtime,
    next: u64,
    _folder: TempDir,
}

impl Books {
    fn open() -> Self {
        let beside = std::env::var("BENCH_FOLDER").unwrap_or_else(|_| ".".to_owned());
        let folder = tempfile::Builder::new().prefix("bench-").tempdir_in(beside);
        let folder = folder.expect("a folder");
        let store = Store::open(&folder.path().join("books.db")).expect("a database");
        let runtime = tokio::runtime::Runtime::new().expect("a runtime");
        let project = runtime.block_on(store.project("shop")).expect("a project");
        let dataset = runtime.block_on(store.dataset("storefront")).expect("a dataset");
        let desk = Desk::new(SHAPE);
        Self { desk, store, project, dataset, runtime, next: 0, _folder: folder }
    }

    /// The next payments, decided.
    fn entries(&mut self, count: usize) -> Vec<Entry> {
        let mut entries = Vec::with_capacity(count);
        for _ in 0..count {
            self.next += 1;
            let body = &self.desk.bodies[usize::try_from(self.next).expect("few") % CAPTURES];
            let payment = read(body);
            let decision = self.desk.decide(&payment);
            let dataset = self.dataset;
            let delivery = |event: FrozenEvent| (dataset, event.expires_at, event.body.into());
            let id = stock::digits(0, self.next);
            let id = String::from_utf8_lossy(&id);
            entries.push(Entry::Record(NewPayment {
                project: self.project,
                payment_type: payment.occasion.key(),
                payment_id: Some(format!("pay_{id}")),
                user_id: payment.user_id.as_str().to_owned(),
                source: Source::Sender,
                received_at: now(),
                capture: payment.to_stored(),
                decision: r#"{"verdict":"forward","events":[],"findings":[]}"#.to_owned(),
                deliveries: decision.events.into_iter().map(delivery).collect(),
            }));
        }
        entries
    }

    fn enter(&self, entries: Vec<Entry>) {
        let entered = self.runtime.block_on(self.store.enter(entries)).expect("entered");
        assert!(entered.iter().all(|one| *one == Entered::New), "all are new");
    }
}

/// One transaction and one sync: what a group of waiting requests pays together.
#[divan::bench(args = [1, 10, 100, 1_000], sample_size = 1, sample_count = 50)]
fn store_record_in_groups(bencher: Bencher<'_, '_>, group: usize) {
    let books = std::cell::RefCell::new(Books::open());
    bencher
        .counter(ItemsCount::new(group))
        .with_inputs(|| books.borrow_mut().entries(group))
        .bench_local_values(|entries| books.borrow().enter(entries));
}

/// What goes before each request to Meta of a thousand events.
#[divan::bench(sample_size = 1, sample_count = 50)]
fn store_claim_1000(bencher: Bencher<'_, '_>) {
    let mut books = Books::open();
    let entries = books.entries(1_000);
    books.enter(entries);
    let limits = batch::BatchLimits { events: 1_000, bytes: usize::MAX };
    let log = books.store.log(books.dataset, 0, limits);
    let run = books.runtime.block_on(log).expect("the log");
    let run: Arc<[i64]> = run.deliveries.iter().map(|delivery| delivery.seq).collect();
    assert_eq!(run.len(), 1_000);
    bencher.counter(ItemsCount::new(1_000_usize)).bench_local(|| {
        let claim = books.store.claim(books.dataset, run.to_vec());
        books.runtime.block_on(claim).expect("claimed")
    });
}
