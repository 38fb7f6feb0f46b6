//! Meta's words: what an event is called, what it is made of, and what Meta answers.
//!
//! In: values of the core. Out: the JSON that Meta receives, and [`answer`]'s reading of what it
//! sent back. Spelling on the wire stands here and nowhere else. Deliberately absent: rules about
//! what is right (`check`), sending (`forwarder`).
//!
//! Source: Meta, "Conversions API / Parameters".

pub mod answer;
pub mod app_data;
pub mod data_processing;
pub mod event;
pub mod event_fields;
pub mod event_parameters;
pub mod standard_event;
pub mod usage;

pub use app_data::AppData;
pub use data_processing::DataProcessing;
pub use event::{ActionSource, ContentItem, ContentType, CustomData, EventId, ServerEvent};
pub use event_fields::EventFields;
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
pub const AGE_MAX_MILLIS: i64 = 7 * DAY_MILLIS;

/// The same for events of a physical store: 62 days.
///
/// # Source
/// Meta, "Conversions API / Offline events".
pub const AGE_MAX_IN_STORE_MILLIS: i64 = 62 * DAY_MILLIS;

const DAY_MILLIS: i64 = 24 * 3_600 * 1_000;
