//! The registry of finding codes: fixed for ever, because they live in users' dashboards.
//!
//! Families: P the call and its payment, E the event for Meta, U the person's fields, M mapping
//! files, C `tillpost.toml`. A code is never renumbered and never reused. Each has a page under
//! `pages/`, printed by `tillpost explain`; `tests/tidy.rs` holds every code to its page and to a
//! test that names it.

use super::Severity;

macro_rules! codes {
    ($( $(#[$meta:meta])* $variant:ident = $code:literal $severity:ident $title:literal ),+ $(,)?) => {
        /// The stable name of a finding.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[expect(clippy::doc_markdown, reason = "the titles are for people, who see no backticks")]
        pub enum Code { $( #[doc = $title] $(#[$meta])* $variant ),+ }

        impl Code {
            /// Every code, by number.
            pub const ALL: &'static [Self] = &[ $( Self::$variant ),+ ];

            /// The printed form, `E207`.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $( Self::$variant => $code ),+ }
            }

            /// What it is called, in a few words.
            #[must_use]
            pub const fn title(self) -> &'static str {
                match self { $( Self::$variant => $title ),+ }
            }

            /// How much it weighs unless somebody decides otherwise.
            #[must_use]
            pub const fn severity(self) -> Severity {
                match self { $( Self::$variant => Severity::$severity ),+ }
            }

            /// Its page: what it catches, why it matters, wrong, right, source.
            #[must_use]
            pub const fn page(self) -> &'static str {
                match self { $( Self::$variant => include_str!(concat!("pages/", $code, ".md")) ),+ }
            }

            /// The code of this printed form, in either case.
            #[must_use]
            pub fn read(text: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|code| code.as_str().eq_ignore_ascii_case(text))
            }
        }
    };
}

codes! {
    NotJson = "P101" Error "the body is not a JSON object",
    FieldMissing = "P102" Error "a required field is missing",
    FieldKind = "P103" Error "a field has the wrong kind of value",
    AmountUnreadable = "P104" Error "the amount is not an exact number",
    AmountNegative = "P105" Error "the amount is negative",
    TypeUnknown = "P106" Error "the payment type is not one of the nine",
    StatusUnknown = "P107" Error "the payment status is not one of the four",
    TimeUnreadable = "P108" Error "a time cannot be read",
    FieldTooLong = "P109" Error "a field is longer than its limit",
    CurrencyOfPayment = "P110" Error "the payment's currency is not in ISO 4217",

    AmountAsText = "P201" Warning "a number was sent as text",
    RepeatDiffers = "P202" Warning "a repeated payment differs from its first record",
    PersonalData = "P203" Warning "personal data in event_data was left out",
    CurrenciesDisagree = "P204" Warning "two currencies were given",
    EventFieldRefused = "P205" Warning "a field of the event cannot be used",
    FieldMisplaced = "P206" Warning "a field stands where it has no effect",

    IdsMissing = "E201" Error "an event for the catalogue names no product",
    ValueMissing = "E202" Error "the event has no value",
    CurrencyMissing = "E203" Error "a value has no currency",
    ContentTypeMissing = "E204" Error "content_type is missing",
    ContentsMissing = "E205" Warning "contents is missing",
    NumItemsMissing = "E206" Error "num_items is missing",
    ValueDiffers = "E207" Warning "value differs from the sum of contents",
    OrderIdMissing = "E208" Error "order_id is missing",
    NumItemsDiffers = "E209" Warning "num_items differs from the quantities in contents",
    AmountDiffers = "E210" Warning "amount and event_data.value differ",
    IdsDisagree = "E211" Warning "content_ids and contents name different products",
    GroupIds = "E212" Note "item_group_ids were sent as content_ids",
    IdsFromContents = "E213" Note "the ids of contents were sent as content_ids",
    GroupsAsProducts = "E214" Warning "ids of groups were called products",
    KindOfField = "E221" Error "a commerce field has the wrong kind of value",
    CurrencyUnknown = "E222" Error "the currency is not in ISO 4217",
    ContentsShape = "E223" Error "contents is not a list of objects",
    ContentsKey = "E224" Error "an item of contents has a key that Meta refuses",
    ContentsItem = "E225" Error "an item of contents has no usable id or quantity",
    ContentTypeUnknown = "E226" Error "content_type is neither product nor product_group",
    FieldCoerced = "E227" Warning "a commerce field was sent in another form and was converted",
    ValueNegative = "E228" Error "value or item_price is negative",
    TooManyContents = "E229" Error "contents has too many items",
    TimeInFuture = "E230" Error "the payment lies in the future",
    TimeTakenAsNow = "E231" Note "the payment lies a moment in the future and was dated now",
    PropertyLeftOut = "E232" Note "a field of event_data is not sent to Meta",
    NoDevice = "E233" Error "an app event has no device data",
    PageMissing = "E234" Error "a website event names no page",
    Recommended = "E235" Note "a recommended parameter is missing",
    TooManyDecimals = "E236" Warning "a number has more decimals than its currency",
    NumberUnlikely = "E237" Warning "a number is out of its ordinary range",
    AgentMissing = "E238" Warning "a website event names no browser",
    DataProcessingUnknown = "E239" Error "limited data use is chosen in a way Meta does not know",
    IdLooksLikeList = "E240" Warning "an id looks like a list of ids",
    MessagingIncomplete = "E241" Error "an event of business messages is incomplete",
    CurrencyRefused = "E242" Error "Meta was seen to refuse the currency",
    SumImpossible = "E243" Error "a sum of contents cannot be made",
    IdNotInCatalog = "E244" Warning "an id is not in the catalogue",
    PriceDiffers = "E245" Warning "a price differs from the catalogue",

    UserFieldRefused = "U301" Warning "a field of the person cannot be used",
    UserFieldCaution = "U302" Warning "a field of the person was used with a doubt",
    UserDataThin = "U303" Error "the event would say too little about the person",
    UserFieldUnknown = "U304" Warning "a field of user_data is not known",
    UserFieldsDisagree = "U305" Warning "two values for one field of the person disagree",
    DeviceRefused = "U306" Warning "device data cannot be used",

    MappingSyntax = "M401" Error "the file is not TOML",
    MappingKey = "M402" Error "a key is not known here",
    MappingKind = "M403" Error "a value has the wrong kind",
    MappingType = "M404" Error "the payment type is not one of the nine",
    MappingEvent = "M405" Error "the event name cannot be used",
    MappingWord = "M406" Error "the word is not one of the list",
    MappingMissing = "M407" Error "a required setting is missing",
    MappingVersionUnknown = "M408" Error "the version of the mapping language is not known",
    MappingDataset = "M409" Error "the dataset is not configured",
    MappingEventNear = "M410" Warning "a custom event is named almost like a standard one",
    MappingPath = "M411" Error "a path or template names nothing in a payment",
    MappingUnreachable = "M412" Error "a rule can never be reached",
    MappingUnsendable = "M413" Error "the event of a rule would always be refused",
    MappingContradiction = "M414" Error "two rules contradict each other",
    MappingNoEffect = "M415" Warning "a setting has no effect",
    FeedUnreadable = "M416" Error "the product feed cannot be read",
    FeedRows = "M417" Warning "rows of the product feed cannot be used",
    FeedEmpty = "M418" Error "the product feed has no usable product",
    MappingTest = "M420" Warning "a test of the file can never be met, or shows nothing",
    MappingPersonal = "M421" Error "a rule reads or names a person's field",

    ConfigSyntax = "C501" Error "tillpost.toml is not TOML",
    ConfigKey = "C502" Error "a key is not known here",
    ConfigKind = "C503" Error "a value has the wrong kind",
    ConfigMissing = "C504" Error "a required setting is missing",
    ConfigRange = "C505" Error "a value is not allowed here",
    ConfigSecret = "C506" Error "a secret cannot be found",
    ConfigFile = "C507" Error "a file cannot be read",
    ConfigTwice = "C508" Error "two settings contradict each other",
    ConfigKeyWeak = "C509" Warning "a key can be guessed",
    ConfigKeyShared = "C510" Error "one key opens two doors",
}

impl std::fmt::Display for Code {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.pad(self.as_str())
    }
}
