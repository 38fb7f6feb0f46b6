//! The limits of numbers in `tillpost.toml`: one place for its reader and its schema.
//!
//! All are ours but the events of a request: wide enough for whoever knows why, narrow enough to
//! catch a zero too many.

use std::ops::RangeInclusive;

use crate::core::meta::BATCH_EVENTS_MAX;

/// How long the books are kept: up to ten years.
pub(super) const RETENTION_DAYS: RangeInclusive<u64> = 1..=3_650;

/// How long they are kept unless somebody says otherwise: longer than Meta takes any event.
pub(super) const RETENTION_DAYS_DEFAULT: u64 = 90;

/// How long a payment waits for its user.
pub(super) const HOLD_DAYS: RangeInclusive<u64> = 1..=90;

/// Requests or events in a second.
pub(super) const PER_SECOND: RangeInclusive<u64> = 1..=1_000_000;

/// Payments in a month.
pub(super) const PER_MONTH: RangeInclusive<u64> = 1..=1_000_000_000;

/// Events in a request.
pub(super) const BATCH_EVENTS: RangeInclusive<u64> = 1..=BATCH_EVENTS_MAX as u64;

/// Bytes in a request.
pub(super) const BATCH_BYTES: RangeInclusive<u64> = 10_000..=16 * 1024 * 1024;

/// How long a request waits to fill.
pub(super) const BATCH_WAIT_MS: RangeInclusive<u64> = 0..=60_000;

/// Requests under way at once.
pub(super) const IN_FLIGHT: RangeInclusive<u64> = 1..=64;

/// How long an answer may take.
pub(super) const TIMEOUT_MS: RangeInclusive<u64> = 100..=120_000;
