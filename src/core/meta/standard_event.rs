//! Meta's standard events, and names that are not one of them.
//!
//! In: a name from a mapping file. Out: an [`EventName`], or why it cannot be one. Names are
//! case-sensitive at Meta: `purchase` is a custom event there, silently. We say so.
//!
//! Source: Meta, "Meta Pixel / Reference", standard events.

use crate::core::names::{closed_list, suggestion};

closed_list! {
    /// The 17 standard events, and the page view that every pixel sends.
    pub enum StandardEvent {
        /// Payment details were entered during checkout.
        AddPaymentInfo = "AddPaymentInfo",
        /// A product was put into the cart.
        AddToCart = "AddToCart",
        /// A product was put onto the wish list.
        AddToWishlist = "AddToWishlist",
        /// A registration form was completed.
        CompleteRegistration = "CompleteRegistration",
        /// A person got in touch.
        Contact = "Contact",
        /// A product was customised.
        CustomizeProduct = "CustomizeProduct",
        /// A donation was made.
        Donate = "Donate",
        /// A location was searched for, with the intention to visit.
        FindLocation = "FindLocation",
        /// A checkout was begun.
        InitiateCheckout = "InitiateCheckout",
        /// A person showed interest.
        Lead = "Lead",
        /// A page was seen.
        PageView = "PageView",
        /// A purchase was completed.
        Purchase = "Purchase",
        /// An appointment was booked.
        Schedule = "Schedule",
        /// A search was made.
        Search = "Search",
        /// A trial was begun.
        StartTrial = "StartTrial",
        /// An application was submitted.
        SubmitApplication = "SubmitApplication",
        /// A paid subscription was begun.
        Subscribe = "Subscribe",
        /// A product page was seen.
        ViewContent = "ViewContent",
    }
}

/// What an event is called at Meta.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EventName {
    /// One of Meta's own.
    Standard(StandardEvent),
    /// A name of the advertiser's.
    Custom(String),
}

/// Longest custom event name, in characters.
///
/// # Source
/// Meta's conversion-tracking page as restated in Segment's documentation: 50 for the web.
pub const CUSTOM_NAME_CHARS_MAX: usize = 50;

/// Names that Meta keeps for itself: reports of attribution and of value, and installs.
///
/// # Source
/// Meta, "Conversions API / Append attribution" and "/ App events"; `AppendValue` stands in
/// constants of Segment's.
pub const RESERVED: [&str; 3] = ["AppendAttribution", "AppendValue", "MobileAppInstall"];

/// What Meta's app SDKs call the standard events.
///
/// # Source
/// `AppEventsConstants` of Meta's Android SDK.
const APP_NAMES: [(&str, StandardEvent); 8] = [
    ("fb_mobile_add_payment_info", StandardEvent::AddPaymentInfo),
    ("fb_mobile_add_to_cart", StandardEvent::AddToCart),
    ("fb_mobile_add_to_wishlist", StandardEvent::AddToWishlist),
    ("fb_mobile_complete_registration", StandardEvent::CompleteRegistration),
    ("fb_mobile_initiated_checkout", StandardEvent::InitiateCheckout),
    ("fb_mobile_purchase", StandardEvent::Purchase),
    ("fb_mobile_search", StandardEvent::Search),
    ("fb_mobile_content_view", StandardEvent::ViewContent),
];

/// What other tools and plain words call the standard events, in small letters and digits alone.
///
/// # Source
/// Google, "Recommended events" of Analytics 4 (`begin_checkout`, `view_item`, `sign_up` …) and
/// Segment, "Ecommerce Spec" (`Order Completed`, `Product Added` …). The plain words are ours.
const SYNONYMS: [(StandardEvent, &[&str]); 16] = [
    (StandardEvent::AddPaymentInfo, &["paymentinfo", "paymentinfoentered", "addcard"]),
    (
        StandardEvent::AddToCart,
        &["cart", "basket", "addtobasket", "addtobag", "productadded", "itemadded"],
    ),
    (
        StandardEvent::AddToWishlist,
        &["wishlist", "favorite", "favourite", "productaddedtowishlist"],
    ),
    (
        StandardEvent::CompleteRegistration,
        &["signup", "signedup", "register", "registered", "registration", "accountcreated"],
    ),
    (StandardEvent::Contact, &["contactus", "contacted"]),
    (StandardEvent::Donate, &["donation", "donated"]),
    (StandardEvent::FindLocation, &["storelocator", "findstore"]),
    (
        StandardEvent::InitiateCheckout,
        &["checkout", "begincheckout", "startcheckout", "checkoutstarted"],
    ),
    (StandardEvent::Lead, &["generatelead", "prospect"]),
    (StandardEvent::PageView, &["page", "viewpage", "pageviewed"]),
    (
        StandardEvent::Purchase,
        &[
            "order",
            "ordered",
            "ordercompleted",
            "orderplaced",
            "placeorder",
            "sale",
            "sold",
            "buy",
            "bought",
            "payment",
            "paid",
            "transaction",
        ],
    ),
    (StandardEvent::Schedule, &["booking", "book", "appointment"]),
    (StandardEvent::StartTrial, &["trial", "freetrial", "trialstarted"]),
    (StandardEvent::SubmitApplication, &["application", "apply", "applied"]),
    (StandardEvent::Subscribe, &["subscription", "subscribed", "newsubscription"]),
    (
        StandardEvent::ViewContent,
        &["view", "viewitem", "viewproduct", "productview", "productviewed", "itemviewed"],
    ),
];

impl StandardEvent {
    /// The standard event that other tools, or plain words, call so: `checkout`, `Sign up`.
    #[must_use]
    pub fn known_elsewhere_as(name: &str) -> Option<Self> {
        let letters = name.chars().filter(|c| c.is_alphanumeric());
        let word: String = letters.flat_map(char::to_lowercase).collect();
        let found = SYNONYMS.iter().find(|(_, words)| words.contains(&word.as_str()));
        found.map(|(event, _)| *event)
    }

    /// The standard event that `name` was probably meant to be: the same but for a few letters, or
    /// its name in the app SDKs. Through the Conversions API, Meta's samples use the web's names.
    #[must_use]
    pub fn meant_by(name: &str) -> Option<Self> {
        let app = APP_NAMES.iter().find(|(app, _)| *app == name).map(|(_, event)| *event);
        app.or_else(|| suggestion(name, Self::words()).and_then(Self::read))
    }
}

impl EventName {
    /// The name on the wire.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Standard(event) => event.as_str(),
            Self::Custom(name) => name,
        }
    }

    /// The standard event, if it is one.
    #[must_use]
    pub const fn standard(&self) -> Option<StandardEvent> {
        match self {
            Self::Standard(event) => Some(*event),
            Self::Custom(_) => None,
        }
    }
}

impl serde::Serialize for EventName {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_others_call_an_event_is_known() {
        for (name, expected) in [
            ("checkout", Some(StandardEvent::InitiateCheckout)),
            ("begin_checkout", Some(StandardEvent::InitiateCheckout)),
            ("sign up", Some(StandardEvent::CompleteRegistration)),
            ("Sign-Up", Some(StandardEvent::CompleteRegistration)),
            ("order", Some(StandardEvent::Purchase)),
            ("Order Completed", Some(StandardEvent::Purchase)),
            ("view_item", Some(StandardEvent::ViewContent)),
            ("WalletTopup", None),
            ("", None),
            ("…", None),
        ] {
            assert_eq!(StandardEvent::known_elsewhere_as(name), expected, "{name}");
        }
        for name in ["add to cart", "add_to_cart", "initiate checkout", "complete registration"] {
            let meant = StandardEvent::meant_by(name).expect(name);
            let spelt = name.replace([' ', '_'], "");
            assert_eq!(meant.as_str().to_lowercase(), spelt, "{name}");
        }
    }

    #[test]
    fn no_word_means_two_events_or_is_spelt_as_one() {
        let words: Vec<&str> = SYNONYMS.iter().flat_map(|(_, words)| *words).copied().collect();
        for (at, word) in words.iter().enumerate() {
            assert!(!words[..at].contains(word), "{word}");
            assert!(word.chars().all(|c| c.is_ascii_lowercase()), "{word}");
            let named = StandardEvent::words().find(|name| name.to_lowercase() == *word);
            assert_eq!(named, None, "{word}");
        }
    }
}
