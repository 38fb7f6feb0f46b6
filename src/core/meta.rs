//! Meta's words: what an event is called, what it is made of, and what Meta answers.
//!
//! In: values of the core. Out: the JSON that Meta receives, and [`answer`]'s reading of what it
//! sent back. Spelling on the wire stands here and nowhere else. Deliberately absent: rules about
//! what is right (`check`), sending (`forwarder`).
//!
//! Source: Meta, "Conversions API / Parameters".

pub mod answer;
pub mod event;
pub mod standard_event;

pub use event::{ActionSource, ContentItem, ContentType, CustomData, EventId, ServerEvent};
pub use standard_event::{EventName, StandardEvent};

/// Most events one request may carry.
///
/// # Source
/// Meta, "Conversions API / Using the API", Batch requests.
pub const BATCH_EVENTS_MAX: usize = 1_000;

/// Oldest event that Meta takes, in milliseconds before the request arrives: seven days.
///
/// # Source
/// Meta, "Conversions API / Parameters / Server event", `event_time`.
pub const AGE_MAX_MILLIS: i64 = 7 * 24 * 3_600 * 1_000;
