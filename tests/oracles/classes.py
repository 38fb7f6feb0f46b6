"""The named classes of difference: how each library departs from our rules, and why we do not follow.

A class is a departure of one or more libraries, for some fields. `rules` knows each key as a switch.
A class that explains no difference at all is dead and fails the run: it would only hide mistakes.
"""

from dataclasses import dataclass

PYTHON = "python-sdk"
NODE = "node-sdk"
BUILDER = "param-builder"
ORACLES = (PYTHON, NODE, BUILDER)

FIELDS = ("em", "ph", "fn", "ln", "db", "ge", "ct", "st", "zp", "country", "external_id",
          "currency")


@dataclass(frozen=True)
class Class:
    """One departure."""
    key: str
    title: str
    where: dict
    reason: str
    rule: str

    def holds_for(self, oracle, field):
        return field in self.where.get(oracle, "").split()


def row(field):
    return f"normalisation.md, row `{field}`"


CLASSES = (
    # What holds for every field.
    Class("placeholders", "hashes placeholders",
          {PYTHON: "fn ln db ct st zp country", NODE: "fn ln db ct st zp",
           BUILDER: "fn ln ct st zp country external_id"},
          "`null` or `n/a` says nothing; its digest would match everybody without a value",
          row("all")),
    Class("hashes-blank", "hashes a blank text",
          {PYTHON: "fn ln db ct st zp"},
          "the digest of an empty text is never sent", row("all")),
    Class("hashes-nothing", "hashes what its own rule left empty",
          {PYTHON: "ct st zp", NODE: "ct st"},
          "the digest of an empty text is never sent", row("all")),
    Class("passes-nothing", "passes the digest of an empty text",
          {PYTHON: "em ph fn ln db ct st zp country", NODE: "em ph fn ln db ge ct st zp country",
           BUILDER: "em ph fn ln db ge ct st zp country external_id"},
          "the digest of an empty text is never sent", "normalisation.md, above the table"),
    Class("no-suffix", "does not know its sister's digest with a suffix",
          {PYTHON: "em ph fn ln db ct st zp country", NODE: "em ph fn ln db ge ct st zp country"},
          "what Meta's parameter builder made is passed as it is", row("all")),
    Class("other-suffixes", "passes suffixes of any 8 characters, of MD5 too",
          {BUILDER: "em ph fn ln db ge ct st zp country external_id"},
          "only the suffixes that the parameter builder makes are passed", row("all")),
    Class("not-composed", "does not compose letters (NFC)",
          {PYTHON: "em fn ln db ct st zp country", NODE: "ph fn ln db ge ct st zp",
           BUILDER: "fn ln st zp country external_id"},
          "Meta prints the digest of `valéry` with the composed letter", row("all")),
    Class("python-space", "Python's white space: U+001C to U+001F, not U+FEFF",
          {PYTHON: "em ph fn ln db ct st zp country"},
          "Unicode White_Space and U+FEFF are trimmed, and nothing else", row("all")),
    Class("javascript-space", "JavaScript's white space: U+FEFF, not U+0085",
          {NODE: "em ph fn ln db ge ct st zp country",
           BUILDER: "em ph fn ln db ge ct st zp country external_id"},
          "Unicode White_Space and U+FEFF are trimmed, and nothing else", row("all")),
    Class("control", "hashes control characters",
          {PYTHON: "em fn ln db ct st zp", NODE: "ph fn ln db ct st zp",
           BUILDER: "fn ln zp external_id"},
          "a control character in a name is damage, no letter of it; the field is refused (ours)",
          row("all") + " does not say; src/core/customer.rs does"),
    # em
    Class("email-loose", "takes anything@anything.anything for an address",
          {PYTHON: "em"}, "an address is ASCII local@domain of legal parts", row("em")),
    Class("email-last-letter", "refuses a last label such as `xn--p1ai` or `3com`",
          {NODE: "em"}, "every top-level domain that exists is legal", row("em")),
    Class("email-hyphen", "lets inner labels end in hyphens",
          {NODE: "em"}, "no hyphen at an end of a label", row("em")),
    Class("email-backtick", "refuses a backtick in the first place",
          {NODE: "em"}, "an atom may begin with any of its characters", row("em")),
    Class("email-last-any", "accepts a last label of one character or of digits",
          {BUILDER: "em"}, "the last label has 2 characters and is not all digits", row("em")),
    Class("email-length", "accepts addresses of any length",
          {BUILDER: "em"}, "64, 63 and 254 characters are the limits", row("em")),
    Class("email-colon", "accepts a colon before a dot",
          {BUILDER: "em"}, "a colon is no character of an atom (a slip in its pattern)", row("em")),
    # ph
    Class("phone-extension", "glues an extension to the number, or drops its mark",
          {NODE: "ph", BUILDER: "ph"}, "an extension is refused: with it the number is another",
          row("ph")),
    Class("phone-not-folded", "does not read the digits of other scripts",
          {PYTHON: "ph", NODE: "ph", BUILDER: "ph"}, "Unicode digits are folded to ASCII",
          row("ph")),
    Class("phone-python", "throws on anything but digits, white space, - ( ) and a leading +",
          {PYTHON: "ph"}, "everything but digits is dropped", row("ph")),
    Class("phone-node", "keeps dots, slashes and whatever its list does not name",
          {NODE: "ph"}, "digits only", row("ph")),
    Class("zeros-python", "drops four leading zeros, throws on a fifth",
          {PYTHON: "ph"}, "all leading zeros are dropped", row("ph")),
    Class("zeros-node", "drops two leading zeros, and only of what it takes for international",
          {NODE: "ph"}, "all leading zeros are dropped", row("ph")),
    Class("phone-long", "has no upper limit",
          {PYTHON: "ph"}, "7 to 16 digits", row("ph")),
    Class("phone-any-length", "has no limit of length",
          {BUILDER: "ph"}, "7 to 16 digits", row("ph")),
    # fn, ln
    Class("name-whole", "keeps white space and punctuation in names",
          {PYTHON: "fn ln", NODE: "fn ln"}, "white space and punctuation are removed", row("fn")),
    Class("name-ascii", "removes ASCII punctuation only",
          {BUILDER: "fn ln"}, "punctuation of every script is removed", row("fn")),
    Class("lower-last", "lower-cases after removing: a final sigma becomes an inner one",
          {BUILDER: "fn ln external_id"}, "lower-casing comes before removing", row("all")),
    Class("no-letters", "hashes a text without a letter",
          {PYTHON: "fn ln ct st zp", NODE: "fn ln ct st zp", BUILDER: "fn ln zp"},
          "where no letter (or digit) is left, nothing is left to match (ours)",
          "normalisation.md, above the table"),
    # db
    Class("date-as-text", "hashes a date as it is written",
          {PYTHON: "db", NODE: "db"}, "Meta's page prints `2/16/1997` as 19970216", row("db")),
    Class("ascii-digits", "reads ASCII digits only",
          {BUILDER: "db"}, "digits of every script are digits", row("db")),
    Class("date-more-groups", "reads the first three of more groups",
          {BUILDER: "db"}, "a date has three groups, or one of 8 digits", row("db")),
    Class("date-long-groups", "reads groups of more than four digits",
          {BUILDER: "db"}, "no part of a date has five digits", row("db")),
    Class("date-year-second", "takes the second group for a year",
          {BUILDER: "db"}, "the year is the first or the third group", row("db")),
    Class("date-years", "accepts the years 1800 to 1899 and the next one",
          {BUILDER: "db"}, "1900 to the current year", row("db")),
    Class("date-no-calendar", "accepts February 31",
          {BUILDER: "db"}, "a day that exists", row("db")),
    Class("date-eight", "passes any 8 digits",
          {BUILDER: "db"}, "a day that exists", row("db")),
    # ge
    Class("enum-only", "takes a gender from its enum only",
          {PYTHON: "ge"}, "`male` and `female` are read", row("ge")),
    Class("gender-ascii", "drops letters that are not ASCII",
          {NODE: "ge"}, "never cut letters out of a value in silence", row("ge")),
    Class("gender-whole", "wants the word alone, without a dot or a bracket",
          {BUILDER: "ge"}, "letters only", row("ge")),
    Class("gender-words", "knows some 70 words more",
          {BUILDER: "ge"}, "four words; `count` or `god` is no gender", row("ge")),
    # ct
    Class("city-symbols", "keeps apostrophes, commas and other symbols",
          {PYTHON: "ct st", NODE: "ct st"}, "letters and marks only", row("ct")),
    Class("city-ascii", "deletes letters that are not ASCII",
          {BUILDER: "ct"}, "never cut letters out of a value in silence", row("ct")),
    Class("city-digits", "keeps digits",
          {BUILDER: "ct"}, "the five SDKs drop digits", row("ct")),
    Class("city-first-letter", "refuses a city that begins with a digit",
          {BUILDER: "ct"}, "digits are dropped", row("ct")),
    # st
    Class("state-names", "does not abbreviate states of the U.S.",
          {PYTHON: "st", NODE: "st"}, "Meta's page wants the two-letter code", row("st")),
    Class("state-ascii", "deletes letters that are not ASCII",
          {BUILDER: "st"}, "never cut letters out of a value in silence", row("st")),
    Class("state-provinces", "abbreviates provinces of Canada",
          {BUILDER: "st"}, "outside the U.S. Meta's page wants the full name", row("st")),
    Class("state-any-country", "abbreviates states of the U.S. in every country",
          {BUILDER: "st"}, "only where the country is `us` or unknown", row("st")),
    Class("state-inside", "finds a state inside a longer name",
          {BUILDER: "st"}, "never search inside a longer name", row("st")),
    Class("state-cut", "cuts a state to two letters",
          {BUILDER: "st"}, "never cut to two letters", row("st")),
    Class("state-no-territories", "does not know Puerto Rico and the District of Columbia",
          {BUILDER: "st"}, "50 states, District of Columbia, Puerto Rico, Guam", row("st")),
    # zp
    Class("zip-plus-4", "keeps nine digits of the U.S.",
          {PYTHON: "zp", NODE: "zp", BUILDER: "zp"}, "the first five, Meta's page says", row("zp")),
    Class("zip-space", "keeps white space inside",
          {BUILDER: "zp"}, "white space is removed, Meta's page says", row("zp")),
    Class("zip-any-length", "accepts one character or none",
          {PYTHON: "zp"}, "fewer than 2 characters are refused", row("zp")),
    Class("zip-utf16", "counts characters beyond U+FFFF twice",
          {NODE: "zp", BUILDER: "zp"}, "fewer than 2 characters are refused", row("zp")),
    # country
    Class("country-alpha-2", "throws on names, on alpha-3 codes and on `uk`",
          {PYTHON: "country"}, "names and alpha-3 codes are read, `uk` is `gb`", row("country")),
    Class("country-as-typed", "throws on anything but an alpha-2 code alone",
          {NODE: "country"}, "names and alpha-3 codes are read; letters only", row("country")),
    Class("country-upper", "upper-cases before it looks: `ß` is `SS`, South Sudan",
          {NODE: "country"}, "ISO 3166-1 only", row("country")),
    Class("country-ascii", "deletes letters that are not ASCII",
          {PYTHON: "country", BUILDER: "country"}, "never cut letters out of a value in silence",
          row("country")),
    Class("country-two-letters", "passes any two letters, `uk` too",
          {BUILDER: "country"}, "ISO 3166-1 only; `uk` is `gb`", row("country")),
    Class("country-cut", "cuts a country to two letters",
          {BUILDER: "country"}, "what is no code and no name is refused", row("country")),
    Class("country-names", "finds names inside a longer text, or names that are not ISO's",
          {BUILDER: "country"}, "the English short name, whole", row("country")),
    # external_id
    Class("sent-as-given", "sends the id as given, unhashed",
          {PYTHON: "external_id", NODE: "external_id"},
          "hashed, unless the mapping says `plain`", row("external_id")),
    # currency
    Class("currency-lower", "writes lower case",
          {PYTHON: "currency"}, "Meta's samples use both; ISO writes capitals", row("currency")),
    Class("currency-any", "accepts any three letters",
          {PYTHON: "currency"}, "ISO 4217 or the event is blocked", row("currency")),
    Class("currency-ascii", "deletes letters that are not ASCII",
          {PYTHON: "currency", NODE: "currency"}, "never cut letters out of a value in silence",
          row("currency")),
    Class("currency-not-taken", "sends MRU, which Meta refuses",
          {PYTHON: "currency", NODE: "currency"}, "it would cost the whole request",
          "meta-capi.md 1.8, 2804011"),
    Class("currency-list", "has another edition of ISO 4217, or counts gold as money",
          {NODE: "currency"}, "ISO 4217 with its minor unit", row("currency")),
)


def classes_of(oracle, field):
    return tuple(known for known in CLASSES if known.holds_for(oracle, field))
