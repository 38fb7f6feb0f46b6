//! Tillpost: payments in, Meta conversions out.
//!
//! The map, in reading order. `core` decides and touches nothing; the doors beside it touch one
//! thing each; the rooms above connect them; `app` wires the rooms; `cli` is for people.
//! ARCHITECTURE.md tells the way of one payment through them.

pub mod core;

pub mod clock;
pub mod config;
pub mod store;
pub mod telemetry;

pub mod intake;

pub mod forwarder;
pub mod http;
pub mod sandbox;

pub mod app;

pub mod cli;
