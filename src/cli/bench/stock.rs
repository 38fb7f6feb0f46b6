//! Users and payments of realistic size, from a seed: what the load and the benchmarks work with.
//!
//! In: a seed and how large a payment is. Out: bodies of signups and of captures, written once; a
//! capture gets its own payment id in place, so that making the next one costs nothing. Names
//! nothing else of the program, because `benches/` includes this file too.

use std::fmt::Write as _;

use fastrand::Rng;

/// Users who are signed up. All of them fit into the service's memory of users of late, as the
/// buyers of one day do.
pub(super) const USERS: usize = 1_000;

/// How large payments are.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shape {
    /// Where chance begins.
    pub(super) seed: u64,
    /// `contents` of each payment.
    pub(super) lines: usize,
    /// Whether a payment carries the address and the browser, which are erased after delivery.
    pub(super) address: bool,
}

/// The body of a capture, with room for its id.
#[derive(Debug, Clone)]
pub(super) struct Capture {
    /// The JSON.
    pub(super) body: Vec<u8>,
    /// Where its digits go: as payment id and as order id.
    pub(super) ids: [usize; 2],
}

/// Digits of a payment id, behind `pay_`.
pub(super) const ID_DIGITS: usize = 16;

/// What is sold: id, title, category, brand, price in halves of a rupee.
const PRODUCTS: [(&str, &str, &str, &str, u64); 6] = [
    ("whshct4mwc", "Hard-shell case, 55 cm", "Luggage > Cabin", "Plain", 8_598),
    ("bk-20841", "A history of paper", "Books > History", "Folio", 999),
    ("tee-m-black", "Cotton shirt, black, M", "Apparel > Shirts", "Loom", 1_200),
    ("kettle-15", "Kettle, 1.5 litres", "Kitchen > Kettles", "Kupfer", 3_499),
    ("run-42-blue", "Running shoes, 42", "Shoes > Running", "Stride", 11_998),
    ("tea-assam-500", "Assam tea, 500 g", "Food > Tea", "Garden", 750),
];

const FIRST_NAMES: [&str; 6] = ["Mary", "José", "Anjali", "Wei", "Zoë", "Ravi"];
const LAST_NAMES: [&str; 5] = ["Smith", "García", "Iyer", "Müller", "Khan"];
const CITIES: [(&str, &str, &str); 4] = [
    ("Bengaluru", "KA", "560001"),
    ("Mumbai", "MH", "400001"),
    ("Chennai", "TN", "600001"),
    ("New Delhi", "DL", "110001"),
];

/// The bodies of signups: eight fields each that are normalised and hashed.
pub(super) fn signups(seed: u64) -> Vec<String> {
    let mut rng = Rng::with_seed(seed);
    (0..USERS).map(|number| signup(number, &mut rng)).collect()
}

fn signup(number: usize, rng: &mut Rng) -> String {
    let (first, last) =
        (FIRST_NAMES[rng.usize(..FIRST_NAMES.len())], LAST_NAMES[rng.usize(..LAST_NAMES.len())]);
    let (city, state, zip) = CITIES[rng.usize(..CITIES.len())];
    let phone = 9_000_000_000 + rng.u64(..1_000_000_000);
    format!(
        r#"{{"user_data":{{"id":"{}","email":"Buyer.{number}@Example.com","phone":"+91 {phone}","first_name":"{first}","last_name":"{last}","city":"{city}","state":"{state}","zip":"{zip}","country":"IN","is_first_time_user":false}}}}"#,
        user_id(number)
    )
}

fn user_id(number: usize) -> String {
    format!("customer-{number:06}")
}

/// So many captures, each of some user's. Ids are all alike until [`Capture::number`] writes them.
pub(super) fn captures(shape: Shape, count: usize) -> Vec<Capture> {
    let mut rng = Rng::with_seed(shape.seed ^ 0x7061_7973);
    (0..count).map(|_| capture(shape, &mut rng)).collect()
}

fn capture(shape: Shape, rng: &mut Rng) -> Capture {
    let blank = "0".repeat(ID_DIGITS);
    let mut lines = Vec::with_capacity(shape.lines);
    let mut ids = Vec::with_capacity(shape.lines);
    let (mut halves, mut pieces) = (0, 0);
    for line in 0..shape.lines {
        let (id, title, category, brand, price) = PRODUCTS[rng.usize(..PRODUCTS.len())];
        let quantity = 1 + rng.u64(..3);
        halves += price * quantity;
        pieces += quantity;
        ids.push(format!("\"{id}-{line}\""));
        lines.push(format!(
            r#"{{"id":"{id}-{line}","quantity":{quantity},"item_price":{},"title":"{title}","category":"{category}","brand":"{brand}"}}"#,
            rupees(price)
        ));
    }
    let (value, user) = (rupees(halves), user_id(rng.usize(..USERS)));
    let mut text = format!(r#"{{"user_id":"{user}","payment_id":"pay_{blank}","#);
    let first = text.len() - 2 - ID_DIGITS;
    // Writing to a String cannot fail.
    let _ = write!(
        text,
        r#""amount":{value},"currency":"INR","type":"DEFAULT","status":"PAYMENT_COMPLETED",{}"event_data":{{"content_ids":[{}],"contents":[{}],"content_type":"product","currency":"INR","value":{value},"num_items":{pieces},"coupon":"FESTIVE10","channel":"app","order_id":"pay_{blank}"#,
        if shape.address { ADDRESS } else { "" },
        ids.join(","),
        lines.join(",")
    );
    let second = text.len() - ID_DIGITS;
    text.push_str("\"}}");
    Capture { body: text.into_bytes(), ids: [first, second] }
}

const ADDRESS: &str = r#""client_ip_address":"203.0.113.77","client_user_agent":"Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Mobile Safari/537.36","#;

fn rupees(halves: u64) -> String {
    let half = if halves % 2 == 1 { ".5" } else { "" };
    format!("{}{half}", halves / 2)
}

/// The digits of one payment's id. Real ids come in no order: neighbours are scattered, and no two
/// numbers meet, because every step can be undone.
pub(super) fn digits(seed: u64, number: u64) -> [u8; ID_DIGITS] {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    let mut mixed = number.wrapping_add(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^= mixed >> 31;
    let mut digits = [0; ID_DIGITS];
    for digit in digits.iter_mut().rev() {
        *digit = HEX[usize::from(mixed.to_le_bytes()[0] & 15)];
        mixed >>= 4;
    }
    digits
}

impl Capture {
    /// Writes the digits of its id into a copy that begins at `at` of `bytes`.
    pub(super) fn number(&self, bytes: &mut [u8], at: usize, digits: &[u8; ID_DIGITS]) {
        for id in self.ids {
            bytes[at + id..at + id + ID_DIGITS].copy_from_slice(digits);
        }
    }
}
