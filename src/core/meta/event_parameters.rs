//! The table of standard events: what each of them should carry.
//!
//! In: a standard event. Out: its row, in the names of Meta's parameters. Three degrees: what Meta
//! refuses an event without, what the catalogue's ads need, and what makes an event worth more.
//! The checks read this table; a changed page at Meta is a changed row here.
//!
//! Source: Meta, "Meta Pixel / Reference" (object properties and required ones) and "/ Advantage+
//! catalog ads"; Linkrunner, "Meta Commerce Manager" (counts and order ids of commerce events).

use super::StandardEvent;

/// What one standard event should carry. A key stands in one list only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Parameters {
    /// Meta refuses the event without.
    pub required: &'static [&'static str],
    /// Advantage+ catalogue ads cannot use it without. `content_ids` stands for these or `contents`.
    pub catalog: &'static [&'static str],
    /// It counts without, and teaches Meta less.
    pub recommended: &'static [&'static str],
}

const fn row(
    required: &'static [&'static str],
    catalog: &'static [&'static str],
    recommended: &'static [&'static str],
) -> Parameters {
    Parameters { required, catalog, recommended }
}

impl StandardEvent {
    /// The event's row.
    #[must_use]
    pub const fn parameters(self) -> Parameters {
        match self {
            Self::Purchase => row(
                &["currency", "value"],
                &["content_ids", "contents", "content_type", "num_items", "order_id"],
                &[],
            ),
            Self::AddToCart => {
                row(&[], &["content_ids", "contents", "content_type", "num_items"], &[])
            }
            Self::ViewContent => row(&[], &["content_ids", "contents", "content_type"], &[]),
            Self::Search => row(&[], &["content_ids", "content_type"], &["search_string"]),
            Self::InitiateCheckout => row(&[], &[], &["content_ids", "num_items"]),
            Self::AddPaymentInfo | Self::AddToWishlist => row(&[], &[], &["content_ids"]),
            Self::StartTrial | Self::Subscribe => row(&[], &[], &["predicted_ltv"]),
            Self::CompleteRegistration
            | Self::Contact
            | Self::CustomizeProduct
            | Self::Donate
            | Self::FindLocation
            | Self::Lead
            | Self::PageView
            | Self::Schedule
            | Self::SubmitApplication => row(&[], &[], &[]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_stands_in_one_list() {
        for event in StandardEvent::ALL {
            let Parameters { required, catalog, recommended } = event.parameters();
            let mut keys = [required, catalog, recommended].concat();
            keys.sort_unstable();
            let count = keys.len();
            keys.dedup();
            assert_eq!(keys.len(), count, "{event}");
        }
    }

    #[test]
    fn metas_list_has_seventeen_and_the_page_view() {
        assert_eq!(StandardEvent::ALL.len(), 18);
    }
}
