//! Stories: the real engine, its real store and the sandbox, over real sockets.
//!
//! One binary, so that everything links once. `engine` is the harness in one process with a clock
//! that a test moves; `program` runs the real binary, for what only a process can show.

#![expect(clippy::expect_used, clippy::panic, reason = "a failing test says what it expected")]
#![expect(clippy::disallowed_methods, reason = "a test of a process gives up after a minute")]
#![expect(clippy::print_stdout, reason = "figures for whoever runs a test with --nocapture")]

mod deciding;
mod engine;
mod program;

mod apps;
mod benching;
mod books;
mod canary;
mod capture;
mod catalog;
mod circuits;
mod commands;
mod dead;
mod fault;
mod faurya;
mod fields;
mod forwarding;
mod fuzzing;
mod hostile;
mod importing;
mod judging;
mod keeping;
mod lease;
mod limits;
mod listing;
mod mappings;
mod model;
mod mutated_mappings;
mod mutations;
mod openapi;
mod pages;
mod patience;
mod poison;
mod reloading;
mod removal;
mod replaying;
mod reporting;
mod rows;
mod schema;
mod stand_in;
mod webhooks;
mod witness;
