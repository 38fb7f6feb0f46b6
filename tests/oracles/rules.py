"""Our rules for personal fields, restated with the departures of Meta's libraries as switches.

Only for explaining. Whether two sides agree is judged by what they sent, never by this file.
A difference is explained when the rule as it stands gives exactly what Tillpost sent, and the rule
with some departures of a library switched on gives exactly what that library sent. So a class
cannot cover more than it says: it has to arrive at the library's own digest.

Source: normalisation.md; for the departures, the libraries' code as described in meta-capi.md 3.6.
"""

import hashlib
import re
import string
import unicodedata
from dataclasses import dataclass, field

# Unicode White_Space, which normalisation.md trims together with U+FEFF.
WHITE_SPACE = frozenset(
    "\t\n\v\f\r \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
    "\u2028\u2029\u202f\u205f\u3000"
)
BYTE_ORDER_MARK = "\ufeff"
# What str.strip and \s of Python take for white space besides.
PYTHON_WHITE_SPACE = WHITE_SPACE | frozenset("\x1c\x1d\x1e\x1f")
# What trim and \s of JavaScript take for it: not the next-line character, but U+FEFF everywhere.
JAVASCRIPT_WHITE_SPACE = WHITE_SPACE - {"\x85"} | {BYTE_ORDER_MARK}

PLACEHOLDERS = frozenset(
    ["null", "(null)", "undefined", "[object object]", "none", "nil", "n/a", "#n/a", "-", "--",
     "unknown"]
)
DIGESTS_OF_NOTHING = frozenset([hashlib.sha256(b"").hexdigest(), hashlib.md5(b"").hexdigest()])
HEX_DIGEST = re.compile(r"[0-9A-Fa-f]{64}|[0-9A-Fa-f]{32}")
SUFFIXED_DIGEST = re.compile(r"([0-9A-Fa-f]{64})\.([0-9A-Za-z_-]{2}|[0-9A-Za-z_-]{8})")
# The parameter builder's two-letter suffixes, one for each of its languages.
BUILDER_SUFFIX = re.compile(r"([0-9A-Fa-f]{64}|[0-9A-Fa-f]{32})\.(A[Qgw]|B[AQg]|.{8})", re.DOTALL)

YEAR_NOW = 2026
PHONE_DIGITS = range(7, 17)

US_STATES = dict(pair.split(":") for pair in (
    "alabama:al alaska:ak arizona:az arkansas:ar california:ca colorado:co connecticut:ct "
    "delaware:de florida:fl georgia:ga hawaii:hi idaho:id illinois:il indiana:in iowa:ia kansas:ks "
    "kentucky:ky louisiana:la maine:me maryland:md massachusetts:ma michigan:mi minnesota:mn "
    "mississippi:ms missouri:mo montana:mt nebraska:ne nevada:nv newhampshire:nh newjersey:nj "
    "newmexico:nm newyork:ny northcarolina:nc northdakota:nd ohio:oh oklahoma:ok oregon:or "
    "pennsylvania:pa rhodeisland:ri southcarolina:sc southdakota:sd tennessee:tn texas:tx utah:ut "
    "vermont:vt virginia:va washington:wa westvirginia:wv wisconsin:wi wyoming:wy").split())
# Ours, and not the parameter builder's.
US_TERRITORIES = {"districtofcolumbia": "dc", "puertorico": "pr", "guam": "gu"}
CANADIAN_PROVINCES = dict(pair.split(":") for pair in (
    "ontario:on quebec:qc britishcolumbia:bc alberta:ab saskatchewan:sk manitoba:mb novascotia:ns "
    "newbrunswick:nb princeedwardisland:pe newfoundlandandlabrador:nl yukon:yt "
    "northwestterritories:nt nunavut:nu").split())

# English names that we read besides ISO's short ones: other orders of the words, names without
# their accents, common and former names. `the` and `and` are left out, as `name_key` does.
OTHER_NAMES = dict(pair.split(":") for pair in (
    "alandislands:ax saintbarthelemy:bl brunei:bn bolivia:bo plurinationalstateofbolivia:bo "
    "cocosislands:cc democraticrepublicofcongo:cd drcongo:cd republicofcongo:cg "
    "cotedivoire:ci ivorycoast:ci capeverde:cv curacao:cw czechrepublic:cz falklandislands:fk "
    "federatedstatesofmicronesia:fm micronesia:fm "
    "unitedkingdomofgreatbritainnorthernireland:gb greatbritain:gb iran:ir "
    "islamicrepublicofiran:ir northkorea:kp democraticpeoplesrepublicofkorea:kp southkorea:kr "
    "republicofkorea:kr laos:la moldova:md republicofmoldova:md saintmartin:mf burma:mm "
    "macau:mo netherlandskingdomof:nl kingdomofnetherlands:nl pitcairnislands:pn "
    "stateofpalestine:ps palestine:ps reunion:re russia:ru sainthelena:sh sãotomépríncipe:st "
    "sintmaarten:sx syria:sy swaziland:sz easttimor:tl turkiye:tr turkey:tr taiwan:tw "
    "tanzania:tz unitedrepublicoftanzania:tz unitedstatesofamerica:us holysee:va "
    "vaticancity:va venezuela:ve bolivarianrepublicofvenezuela:ve britishvirginislands:vg "
    "usvirginislands:vi").split())

GENDER_WORDS = {"f": "f", "female": "f", "m": "m", "male": "m"}
# ISO 4217 knows these, but not as money with a minor unit.
NOT_MONEY = frozenset("XAG XAU XBA XBB XBC XBD XDR XPD XPT XSU XTS XUA XXX".split())
# ISO withdrew these between 2021 and 2026; our list still has them, so that old payments pass.
WITHDRAWN = frozenset(["BGN", "CUC", "HRK", "SLL", "ZWL"])
# Valid, and refused by Meta all the same. Source: meta-capi.md 1.8, subcode 2804011.
NOT_TAKEN_BY_META = frozenset(["MRU"])


@dataclass(frozen=True)
class Case:
    """One input."""
    field: str
    text: str
    country: str | None = None


@dataclass(frozen=True)
class Facts:
    """What ISO says, as the Python SDK's own dependency prints it: a witness besides our tables."""
    alpha_2: frozenset = frozenset()
    alpha_3: dict = field(default_factory=dict)
    short_names: dict = field(default_factory=dict)
    names: dict = field(default_factory=dict)
    currencies: frozenset = frozenset()


@dataclass(frozen=True)
class Hints:
    """What ISO says, and what the library sent, for its few tables that are not repeated here."""
    facts: Facts
    theirs: str | None = None


def sha256(text):
    return hashlib.sha256(text.encode()).hexdigest()


def category(char):
    return unicodedata.category(char)


def is_letter(char):
    return category(char)[0] == "L"


def has_letter(text):
    return any(map(is_letter, text))


def has_letter_or_digit(text):
    return any(category(char)[0] in "LN" for char in text)


def keep(text, wanted):
    return "".join(filter(wanted, text))


def ascii_letters(text):
    return keep(text, lambda char: "a" <= char <= "z")


def ascii_capitals(text):
    return keep(text, lambda char: "A" <= char <= "Z")


def white_space(on):
    if "python-space" in on:
        return PYTHON_WHITE_SPACE
    return JAVASCRIPT_WHITE_SPACE if "javascript-space" in on else WHITE_SPACE


def trim(text, on):
    space = white_space(on)
    if "python-space" not in on:
        space = space | {BYTE_ORDER_MARK}
    return text.strip("".join(space))


def without_space(text, on):
    space = white_space(on)
    return keep(text, lambda char: char not in space)


def fold(text, on):
    """Composes and lower-cases. Composing comes twice: lower-casing can undo it (J with caron)."""
    if "not-composed" in on:
        return text.lower()
    lower = unicodedata.normalize("NFC", text).lower()
    return unicodedata.normalize("NFC", lower)


def says_nothing(case):
    """Whether a text may be left out without a word: it is blank, or a placeholder."""
    trimmed = trim(case.text, frozenset())
    return not trimmed or (trimmed.lower() in PLACEHOLDERS and trimmed.isascii())


def wire(case, on, hints):
    """What is sent of a case: a digest, for currencies a code, or None."""
    if case.field == "currency":
        return currency(case.text, on, hints)
    if "sent-as-given" in on:
        return case.text
    if "enum-only" in on:
        return sha256(case.text) if case.text in ("f", "m") else None
    trimmed = trim(case.text, on)
    if not trimmed:
        return sha256("") if "hashes-blank" in on and case.text else None
    if trimmed.lower() in PLACEHOLDERS and trimmed.isascii() and "placeholders" not in on:
        return None
    digest = already_hashed(trimmed, on)
    if digest:
        of_nothing = digest.split(".")[0].lower() in DIGESTS_OF_NOTHING
        return digest if "passes-nothing" in on or not of_nothing else None
    return hashed(FIELDS[case.field](trimmed, case.country, on, hints), on)


def already_hashed(trimmed, on):
    if HEX_DIGEST.fullmatch(trimmed):
        return trimmed.lower()
    if "no-suffix" in on:
        return None
    known = BUILDER_SUFFIX if "other-suffixes" in on else SUFFIXED_DIGEST
    return trimmed if known.fullmatch(trimmed) else None


def hashed(clear, on):
    if clear is None or (clear == "" and "hashes-nothing" not in on):
        return None
    if "control" not in on and any(category(char) == "Cc" for char in clear):
        return None
    return sha256(clear)


def email(text, _country, on, _hints):
    text = fold(text, on)
    if "email-loose" in on:
        return text if re.match(r".+@.+\..+", text) else None
    return text if is_address(text, on) else None


ATOM = r"[a-z0-9!#$%&'*+/=?^_`{|}~-]+"
LABEL = r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?"


def is_address(text, on):
    local, at, domain = text.rpartition("@") if "\n" not in text else ("", "", "")
    colon = ":?" if "email-colon" in on else ""
    if not at or not re.fullmatch(rf"{ATOM}(?:{colon}\.{ATOM})*", local, re.ASCII):
        return False
    if "email-backtick" in on and local.startswith("`"):
        return False
    return is_domain(domain, on) and ("email-length" in on or is_short(text, local, domain))


def is_domain(domain, on):
    head, dot, last = domain.rpartition(".")
    if not dot or not last_label_counts(last, on):
        return False
    label = LABEL
    if "email-hyphen" in on:  # all but the last label before the top-level domain
        head = re.sub(r"(?<=[a-z0-9])-+(?=\.)", "", head)
    return all(re.fullmatch(label, part) for part in head.split("."))


def last_label_counts(last, on):
    if "email-last-letter" in on:
        return bool(re.fullmatch(r"[a-z](?:-?[a-z0-9])+", last))
    if not re.fullmatch(LABEL, last):
        return False
    return "email-last-any" in on or (len(last) >= 2 and not last.isdigit())


def is_short(text, local, domain):
    labels = domain.split(".")
    return len(text) <= 254 and len(local) <= 64 and all(len(label) <= 63 for label in labels)


def phone(text, _country, on, _hints):
    text = fold(text, on)
    if "phone-extension" not in on and has_extension(text):
        return None
    if "phone-not-folded" not in on:
        text = "".join(ascii_digit(char) for char in text)
    text = phone_digits(text, on)
    if text is None:
        return None
    text = without_zeros(text, on)
    return text if phone_length_counts(text, on) else None


def ascii_digit(char):
    return str(unicodedata.decimal(char)) if category(char) == "Nd" else char


def has_extension(text):
    if "ext" in text or "#" in text or "\uff03" in text:
        return True
    parts = re.split("[x\uff58]", text)[1:]
    return any(begins_with_digit(part) for part in parts)


def begins_with_digit(text):
    first = next((char for char in text if category(char)[0] in "LN"), "")
    return first != "" and category(first) == "Nd"


def phone_digits(text, on):
    if "phone-python" in on:
        text = keep(without_space(text, on), lambda char: char not in "-()")
        text = re.sub(r"^\+?(0{0,2})\+?", r"\1", text)
        return text if all(category(char) == "Nd" for char in text) else None
    if "phone-node" in on:
        return keep(text, lambda char: char not in "-@#<>'\",; ()+" + string.ascii_lowercase)
    return keep(text, lambda char: "0" <= char <= "9")


def without_zeros(text, on):
    zeros = len(text) - len(text.lstrip("0"))
    if "zeros-python" in on:
        return text[min(zeros, 4):]
    if "zeros-node" in on:
        cut = text[min(zeros, 2):]
        us_or_other = r"1[0-9]{10}|[2-9][0-9]{6,}"
        return cut if re.fullmatch(us_or_other, cut) else text
    return text[zeros:]


def phone_length_counts(text, on):
    if "zeros-python" in on and text.startswith("0"):
        return False
    length = utf16_length(text)
    if "phone-any-length" in on:
        return length > 0
    if "phone-long" in on:
        return len(text) >= PHONE_DIGITS.start
    return length in PHONE_DIGITS


def utf16_length(text):
    return len(text.encode("utf-16-le")) // 2


def name(text, _country, on, _hints):
    if "lower-last" in on:
        text = fold(name_kept(text, on), on)
    else:
        text = name_kept(fold(text, on), on)
    return text if "no-letters" in on or has_letter_or_digit(text) else None


def name_kept(text, on):
    if "name-whole" in on:
        return text
    text = without_space(text, on)
    if "name-ascii" in on:
        return keep(text, lambda char: char not in string.punctuation)
    return keep(text, lambda char: char not in string.punctuation and category(char)[0] != "P")


def birth_date(text, _country, on, _hints):
    if "date-as-text" in on:
        return fold(text, on)
    groups = digit_groups(text, on)
    if len(groups) == 1 and len(groups[0]) == 8:
        whole = groups[0]
        parts = int(whole[:4]), int(whole[4:6]), int(whole[6:])
        return whole if "date-eight" in on or day_exists(parts, on) else None
    if len(groups) < 3 or (len(groups) > 3 and "date-more-groups" not in on):
        return None
    if "date-long-groups" not in on and any(len(group) > 4 for group in groups):
        return None
    parts = date_parts(*(int(group) for group in groups[:3]), on)
    return "%04d%02d%02d" % parts if day_exists(parts, on) else None


def digit_groups(text, on):
    if "ascii-digits" not in on:
        text = "".join(ascii_digit(char) for char in text)
    return re.findall(r"[0-9]+", text)


def date_parts(first, second, third, on):
    if first > 31:
        return (first, third, second) if second > 12 else (first, second, third)
    if second > 31 and "date-year-second" in on:
        return (second, first, third) if third > 12 else (second, third, first)
    return (third, second, first) if first > 12 else (third, first, second)


def day_exists(parts, on):
    year, month, day = parts
    years = range(1800, YEAR_NOW + 2) if "date-years" in on else range(1900, YEAR_NOW + 1)
    if year not in years or not 1 <= month <= 12:
        return False
    return 1 <= day <= (31 if "date-no-calendar" in on else days_of(year, month))


def days_of(year, month):
    if month == 2:
        return 29 if year % 4 == 0 and (year % 100 or year % 400 == 0) else 28
    return 30 if month in (4, 6, 9, 11) else 31


def gender(text, _country, on, hints):
    text = fold(text, on)
    letters = ascii_letters(text) if "gender-ascii" in on else keep(text, is_letter)
    word = text if "gender-whole" in on else letters
    if word in GENDER_WORDS:
        return GENDER_WORDS[word]
    # The library's list of words is not repeated: a word is plain letters that mean nothing to us.
    is_word = re.fullmatch(r"[a-z']+", word) and letters not in GENDER_WORDS
    theirs = next((letter for letter in "fm" if sha256(letter) == hints.theirs), None)
    return theirs if "gender-words" in on and is_word else None


def city(text, _country, on, _hints):
    if "city-ascii" in on:
        text = keep(text, str.isascii)
    text = city_kept(fold(text, on), on)
    if "city-first-letter" in on:
        return text if text and text[0] in string.ascii_lowercase else None
    return text if "no-letters" in on or has_letter(text) else None


def city_kept(text, on):
    if "city-symbols" in on:
        return keep(without_space(text, on), lambda char: char not in "0123456789.-()")
    kinds = "LMN" if "city-digits" in on else "LM"
    return keep(text, lambda char: category(char)[0] in kinds)


def state(text, country_code, on, hints):
    if "state-ascii" in on:
        text = ascii_letters(fold(text, on))
    text = city(text, None, on, hints)
    if text is None or len(text.encode()) <= 2 or "state-names" in on:
        return text
    names = state_names(country_code, on)
    if text in names:
        return names[text]
    inside = next((code for known, code in names.items() if known in text), None)
    if "state-inside" in on and inside:
        return inside
    return text[:2] if "state-cut" in on else text


def state_names(country_code, on):
    """In the parameter builder's order: the first name found inside a text counts."""
    names = dict(CANADIAN_PROVINCES) if "state-provinces" in on else {}
    if country_code in (None, "us") or "state-any-country" in on:
        names |= US_STATES
        if "state-no-territories" not in on:
            names |= US_TERRITORIES
    return names


def postal_code(text, country_code, on, _hints):
    text = fold(text, on)
    if "zip-space" in on:
        text = trim(text.split("-")[0], on)
    else:
        text = without_space(text, on).split("-")[0]
    if "zip-plus-4" not in on and country_code == "us" and re.fullmatch(r"[0-9]{9}", text):
        text = text[:5]
    length = utf16_length(text) if "zip-utf16" in on else len(text)
    if length < 2 and "zip-any-length" not in on:
        return None
    return text if "no-letters" in on or has_letter_or_digit(text) else None


def country(text, _country, on, hints):
    facts, folded = hints.facts, fold(text, on)
    if "country-as-typed" in on:
        known = folded.upper().lower() if "country-upper" in on else folded
        return folded if known in facts.alpha_2 else None
    letters = ascii_letters(folded) if "country-ascii" in on else keep(folded, is_letter)
    if "country-alpha-2" in on:
        return letters if letters in facts.alpha_2 else None
    if "country-two-letters" in on and len(letters) == 2:
        return letters
    ours = country_read(folded, letters, facts)
    theirs = country_of(hints.theirs, letters, facts)
    if "country-cut" in on and theirs and theirs == letters[:2]:
        return theirs
    if "country-names" in on and theirs in facts.alpha_2 and len(letters) > 2:
        known_names = (*facts.names.items(), *facts.alpha_3.items())
        inside = any(code == theirs and known in letters for known, code in known_names)
        return theirs if ours is None or inside else ours
    return ours


def country_read(folded, letters, facts):
    if len(letters) == 2:
        code = "gb" if letters == "uk" else letters
        return code if code in facts.alpha_2 else None
    if len(letters) == 3:
        return facts.alpha_3.get(letters)
    key = name_key(folded)
    return facts.short_names.get(key) or OTHER_NAMES.get(key)


def name_key(folded):
    words = "".join(char if is_letter(char) else " " for char in folded).split()
    words = ("saint" if word == "st" else word for word in words)
    return "".join(word for word in words if word not in ("the", "and"))


def country_of(digest, letters, facts):
    """The country behind a digest: there are few enough to try them all."""
    candidates = facts.alpha_2 | {letters[:2]}
    return next((code for code in candidates if sha256(code) == digest), None) if digest else None


def external_id(text, _country, on, _hints):
    if "lower-last" in on:
        return fold(without_space(text, on), on)
    return without_space(fold(text, on), on)


def currency(text, on, hints):
    if "currency-ascii" in on:
        python = "currency-lower" in on
        letters = ascii_letters(text.lower()).upper() if python else ascii_capitals(text.upper())
    else:
        letters = keep(text, str.isalpha)
        letters = letters.upper() if letters.isascii() else ""
    counts = len(letters) == 3 and (
        ("currency-any" in on and letters not in NOT_TAKEN_BY_META)
        or currency_counts(letters, on, hints))
    if not counts:
        return None
    return letters.lower() if "currency-lower" in on else letters


def currency_counts(code, on, hints):
    if "currency-list" in on and code not in NOT_TAKEN_BY_META:
        return code == hints.theirs
    if code in NOT_MONEY or (code in NOT_TAKEN_BY_META and "currency-not-taken" not in on):
        return False
    return code in hints.facts.currencies or code in WITHDRAWN


FIELDS = {
    "em": email, "ph": phone, "fn": name, "ln": name, "db": birth_date, "ge": gender, "ct": city,
    "st": state, "zp": postal_code, "country": country, "external_id": external_id,
}
