//! The pure core: everything that decides, as functions from values to values.
//!
//! In: bytes of a payment, a mapping file, what is known of a person, the time. Out: payments,
//! decisions, findings, frozen events, what to do after Meta's answer. Five doors need the same
//! judgement (HTTP, `check`/`decide`, import, replay, tests); only a pure core gives all of them
//! one function.
//!
//! Deliberately absent: any clock, network, file, environment variable, randomness or `async`.
//! `tests/tidy.rs` bans the words. Modules stand in the order in which a payment meets them.

pub mod json;
pub mod key;
pub mod names;

pub mod finding;
pub mod money;
pub mod time;

pub mod client;
pub mod customer;
pub mod device;
pub mod meta;
pub mod payment;
pub mod signup;
pub mod user;
pub mod user_data;

pub mod event_data;

pub mod catalog;
pub mod mapping;
pub mod schema;
pub mod toml_reader;

pub mod webhook;

pub mod check;
pub mod comparison;
pub mod decide;
pub mod dry_run;
pub mod trial;

pub mod batch;
pub mod dead_letter;
pub mod delivery;
