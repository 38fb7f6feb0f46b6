"""Nasty inputs for every field: fixed seeds, and seeds changed at random.

In: a seed and a number of inputs per field. Out: the same cases every time; no clock, no network.
The fixed seeds are all in, so that a class of difference is met whatever the seed; what random
changes find besides is a gain. Characters that this Python's Unicode does not know are left out:
the three languages come with different editions, and would differ about nothing of ours.
"""

import hashlib
import random
import unicodedata

from classes import FIELDS
from rules import CANADIAN_PROVINCES, US_STATES, US_TERRITORIES, Case

# White space of every kind, and what only looks like it (zero width, filler, BOM).
SPACES = (" ", "  ", "\t", "\n", "\r\n", "\v", "\f", "\x1c", "\x1f", "\x85", "\xa0", "\u1680",
          "\u2003", "\u2009", "\u2028", "\u2029", "\u202f", "\u205f", "\u3000", "\u200b", "\u180e",
          "\u3164", "\ufeff")
PUNCTUATION = tuple("!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~") + (
    "’", "‘", "“", "–", "—", "…", "·", "•", "¿", "«", "»", "،", "؟", "、", "。", "‐", "\u2011", "־",
    "׳", "´", "ʼ", "×", "／", "．", "－", "＋", "（", "）", "＃", "＠")
SYMBOLS = ("™", "€", "°", "©", "😀", "👩‍👩‍👧", "🇩🇪", "♥", "²", "½", "Ⅷ", "①", "𝟏", "𝒜")
CONTROLS = ("\0", "\x01", "\b", "\x1b", "\x7f", "\x9c")
INVISIBLE = ("\u200c", "\u200d", "\u200e", "\u202b", "\u202c", "\u2060", "\u00ad", "\u0301",
             "\u0308", "\u0327")
LETTERS = tuple("éÉßİıŞŁØÆœñÇḱǰΣσςΩжЯאשعمकषไท中한ｆＭKÅǅﬁſ") + ("e\u0301", "A\u030a", "J\u030c")
DIGITS = ("0", "1", "7", "00", "42", "٣", "۵", "६", "７", "๔")
DIGIT_ZEROS = (0x660, 0x6F0, 0x966, 0xE50, 0xFF10, 0x1D7CE)

PLACEHOLDERS = ("null", "NULL", "Null", "(null)", "undefined", "[object Object]", "None", "nil",
                "N/A", "n/a", "#N/A", "-", "--", "unknown", "Unknown", " null ", "nan", "na", "TBD",
                "nulla", "none.", "test")
SHA = hashlib.sha256(b"mary@example.com").hexdigest()
MD5 = hashlib.md5(b"mary@example.com").hexdigest()
NOTHING = hashlib.sha256(b"").hexdigest()
DIGESTS = (
    SHA, SHA.upper(), SHA.title(), f" {SHA}\n", f"\ufeff{SHA}", f"{SHA}\x85", f"\x1c{SHA}", MD5,
    MD5.upper(), f"\t{MD5} ",
    SHA[:63], SHA + "0", MD5[:31], "g" + SHA[1:], "abcdefghijabcdefghijabcdefghijzz",
    f"{SHA}.AQQCAQIB", f"{SHA}.BA", f"{SHA}.Ag", f"{SHA}.en", f"{SHA.upper()}.AQQCAQIB",
    f" {SHA}.AQQAAQMC ", f"{SHA}.e", f"{SHA}.eng", f"{SHA}.AQQCAQI", f"{SHA}.AQQCAQIBA",
    f"{SHA}.John Doe", f"{SHA}.éééééééé", f"{MD5}.AQQCAQIB", f"{MD5}.BA", f"{SHA}.-_",
    NOTHING, NOTHING.upper(), f" {NOTHING}", f"{NOTHING}.AQQCAQIB", hashlib.md5(b"").hexdigest(),
    "0" * 64, "0" * 32, f"sha256:{SHA}", f"0x{SHA}", "６" * 64, "{" + SHA + "}")
BLANKS = ("", *SPACES, " \t\n", "\ufeff\ufeff", "\u200b\u200b", "\0")
ODD = tuple(PUNCTUATION) + SYMBOLS + CONTROLS + INVISIBLE + LETTERS + DIGITS + (
    "0", "1", "a", "é", "true", "{}", "[]", "\\", "\"quoted\"", "<b>x</b>", "' OR 1=1 --", "%00",
    "\\u0041", "&amp;", "a" * 300, "é" * 300, "9" * 300, "\u0301" * 40, "x😀" * 50, "a b " * 100,
    "\U0010fffd", "\ue000", "\ufffd", "مرحبا", "שלום", "สวัสดี", "नमस्ते", "你好", "안녕", "Привет")

NAMES = (
    "Mary", "MARY", "mary", "Mary-Jane", "O'Connor", "O’Connor", "D'Arcy", "van der Berg",
    "Smith Jr.", "Dr. Müller", "González", "Muñoz", "Ñandú", "Ångström", "Łukasz", "ŻÓŁĆ", "Şahin",
    "ŞAHİN", "ISIK", "Straße", "STRASSE", "ΠΑΠΑΔΟΠΟΥΛΟΣ", "ΝΙΚΟΣ ΓΑΛΗΣ", "Σ Α", "ΑΣ", "Ковалёв",
    "НАТАЛЬЯ", "李", "王小明", "정", "山田 太郎", "محمد", "محمد بن سلمان", "שרה", "नरेन्द्र", "สมชาย ใจดี",
    "Jose\u0301", "VALE\u0301RY", "Nguyễn Thị", "Nguye\u0302\u0303n", "J\u030c", "Éowyn", "œuvre",
    "Ana María López", "Ｍａｒｙ", "Mary2", "Louis XIV", "14", "III", "X Æ A-12", "Mary (Mimi)",
    "\"Mary\"", "Mary,", "Mary/Jane", "Mary_Jane", "Mary&John", "Mary+John", "~Mary~", "`Mary`",
    "Mary\\Jane", "mary@example.com", "M.", "J.R.R.", "- -", "'-'", "...", "Mary™", "😀 Mary",
    "Mary\u200d", "می\u200cخواهم", "Ma\0ry", "Ma\nry", "Ma\x1cry", "Ma\x85ry", "Ma\ufeffry",
    "Mary\ufeff", "\x85Mary", "Mary\x1f", "Mary\u3000Ann", "Mary\u200bAnn", "Sørensen", "De la Cruz",
    "Ni\u0300\u0301", "O‘Neil", "Jean–Luc", "M·A", "Al-‘Aziz", "Ὀδυσσεύς", "ﬁona", "Ǆ", "ẞ", "K",
    "A", "Z z", "Lt. Col. Smith", "Maria do Carmo e Silva", "Œ", "ΣΊΣΥΦΟΣ", "ΣΑΣ ΣΑΣ")
EMAILS = (
    "mary@example.com", "John_Smith@gmail.com", "  Foo.Bar+tag@Example.COM\t",
    "mary.o'neil@example.co.uk", "a@b.co", "A@B.CO", "!#$%&'*+/=?^_`{|}~-@example.com",
    "`a@example.com", "a`b@example.com", "x@1-2.3com", "x@example.3com", "x@example.c", "x@b.c1",
    "x@127.0.0.1", "x@example.123", "x@xn--mnchen-3ya.de", "x@example.xn--p1ai",
    "x@exa--mple.com", "x@exa-.com", "x@exa-.b.com", "x@-exa.com", "x@example.c-m", "x@example.c--m",
    "user@localhost", "not-an-email", "foo@@bar.com", "a@b@example.com", "a b@example.com",
    "a@b .com", ".a@example.com", "a..b@example.com", "a.@example.com", "a:.b@example.com",
    "a:b@example.com", "@example.com", "a@", "a@.com", "a@example.com.", "a@example..com",
    "user@münchen.de", "josé@example.com", "josé@e\u0301xample.com", "MARY@EXAMPLE.COM",
    "\"a b\"@example.com", "a@[192.0.2.1]", "<mary@example.com>", "Mary <mary@example.com>",
    "mary@example.com, john@example.com", "mailto:mary@example.com", "mary@example.com;",
    "mary@exam_ple.com", "ma\0ry@example.com", "mary@example.com\0", "mary\n@example.com",
    "mary@example.com\x85", "\x1cmary@example.com", "mary@example.com\ufeff", "\xa0mary@example.com",
    "ｍary@example.com", "mary＠example.com", "KATE@example.com", "İ@example.com",
    "a" * 64 + "@example.com", "a" * 65 + "@example.com", "a@" + "b" * 63 + ".com",
    "a@" + "b" * 64 + ".com", "a@" + ".".join(["b" * 61] * 4) + ".com", "a@b",
    "a" * 64 + "@" + ".".join(["b" * 60] * 3) + ".com", "a@b.c.d.e.f", "1@2.34", "1@2.co", "_@_.co",
    "mary@example.com?subject=x", "mary%40example.com", "mary at example dot com", "😀@example.com")
PHONES = (
    "+1 (650) 555-1212", "1 (650) 555-1212", "(650)555-1212", "650.555.1212", "650-555-1212",
    "6505551212", "16505551212", "+16505551212", "+1 650.555.1212", "001-650-555-1212",
    "+001 (616) 954-78 88", "01(650)123-4567", "0044 20 7946 0958", "+44 (0)20 7946 0958",
    "+44 20 7946 0958", "07700 900123", "09876543210", "+91 98765 43210", "0091 98765 43210",
    "000000016505551212", "0000 16505551212", "00000 442079460958", "+33 1 42 86 83 26",
    "+81-3-5843-2301", "+61 2 9374 4000", "+49 30 12345678", "+49/30/12345678", "+5511987654321",
    "44-12390821300A", "1-800-FLOWERS", "+1-650-555-1212 ext. 123", "+16505551212;ext=123",
    "+1 650 555 1212 extension 5", "16505551212x123", "16505551212 x. 1", "16505551212#12",
    "16505551212 ＃12", "16505551212 x٣", "16505551212 x", "tel:+1-650-555-1212",
    "(+1)6505551212", "++16505551212", "+0016505551212", "+ 1 650 555 1212", "1+6505551212",
    "٠٠٩٧١٥٠١٢٣٤٥٦٧", "+٩٧١٥٠١٢٣٤٥٦٧", "＋８１　３　５８４３　２３０１", "８１３５８４３２３０１", "९१९८७६५४३२१०",
    "1234567", "123456", "0123456", "12345", "1234567890123456", "12345678901234567",
    "9" * 20, "00000000", "0", "+", "call me", "911", "+1", "16505551212\0", "1650\x005551212",
    "\u202b+97250 123 4567\u202c", "+1\xa0650\xa0555\xa01212", "+1\u2011650\u20115551212",
    "1\t650\t5551212", "1650555\n1212", "\x1c16505551212", "16505551212\x85", "\ufeff16505551212",
    "16505551212😀", "16505551212²", "1,650,555,1212", "1_650_555_1212", "1*650*555", "1'650'555'1212",
    "<16505551212>", "[1] 650 555 1212", "+1 (650) 555-1212 / +1 (650) 555-1213", "1.6505551212e10",
    "16505551212.0", "-16505551212", "'+16505551212", "+1‐650‐555‐1212", "0x16505551212",
    "0 650 555 1212", "00 650 555 12", "011 44 20 7946 0958", "1 0650 555 121", "20794609 58",
    "+44 (0)e\u0301 20 7946 0958", "0120 123 456", "+39 06 6982", "+358 9 123 45", "+354 545 9500", "+247 12345")
DATES = (
    "19970216", "1997-02-16", "1997-2-3", "1997/16/02", "1997.02.16", "2/16/1997", "02-16-1997",
    "16.02.1997", "16/02/1997", "02/03/2001", "12/01/2001", "13/01/2001", "03/03/2001", "31-12-1999",
    "32-12-1999", "97-02-16", "2/16/97", "02161997", "16021997", "1997年2月16日", "１９９７－０２－１６",
    "١٩٩٧/٠٢/١٦", "١٩٩٧٠٢١٦", "1900-01-01", "1899-12-31", "1800-01-01", "1799-12-31", "2026-12-31",
    "2027-01-01", "2028-01-01", "2/30/1997", "29.02.2000", "29.02.1900", "19970230", "19000229",
    "99999999", "00000000", "1997-00-16", "1997-02-00", "13/13/1997", "1997-02-9999", "1997-02",
    "1997", "1997-02-16T00:00:00Z", "1997-02-16 12:30", "1997-02-16 05", "February 16, 1997",
    "16 Feb 1997", "Feb 16 97", "1997021", "199702160", "856051200000", "856051200", "01997-02-16",
    "1997-02-016", "1997-00002-16", "00001997-02-16", "2-1997-16", "16-1997-02", "2 45 1990",
    "birthday", "1997,02,16", "{1997, 02, 16}", "year:1997 month:02 day:16", "02\n16\n1997",
    "1997\x0002\x0016", "\x851997-02-16", "1997 02 16\ufeff", "1997–02–16", "31/31/1997", "31/04/1997",
    "1997-04-31", "4/31/1850", "0001-01-01", "1/1/1", "123456", "20260101", "20270101", "19691231",
    "1/2/3/1997", "1997/02/16/5", "12.31.1999", "3.1415", "1e3", "+1997-02-16", "1997-02-16Z", "NaN",
    "e\u0301t\u00e9 1997")
GENDERS = (
    "f", "F", "m", "M", "female", "Female", "FEMALE", "male", "Male", "f.", "(m)", "fe male",
    "m\u00e4nnlich", "weiblich", "woman", "man", "Man", "girl", "boy", "mr", "Mr.", "mrs", "Ms.",
    "she", "he", "him", "her", "ma'am", "god", "count", "king", "x", "X", "d", "divers", "other",
    "non-binary", "male/female", "mf", "fm", "0", "1", "2", "m1", "f😀", "ｆ", "ｍale", "fé", "éf",
    "mÅ", "m\u0301", "\"m\"", "male.", "male\0", "male\x85", "female\ufeff", "\x1cm", "m\u200b",
    "Fémale", "мужской", "女", "masculin", "hombre", "mâle", "femalee", "ffemale", "m m", "f-m",
    "1male", "male1", "transfemale", "femme")
CITIES = (
    "Paris", "London", "New York", "Menlo Park", "Washington D.C", "Washington, D.C.", "San José",
    "San Jose\u0301", "São Paulo", "Zürich", "ZÜRICH", "L'Aquila", "L’Aquila", "Москва", "МОСКВА",
    "北京", "東京都", "서울", "القاهرة", "תל אביב", "दिल्ली", "กรุงเทพ", "Seattle-98121", "Stanley Park 1234",
    "1770", "29 Palms", "98121 Seattle", "Sainte-Anne-d'Auray", "Aïn Oussera", "Kraków", "Łódź",
    "İstanbul", "ISTANBUL", "Iğdır", "ΑΘΗΝΑΣ", "ΝΕΟΣ ΚΟΣΜΟΣ", "Köln (Deutz)", "Halle/Saale",
    "Frankfurt a. M.", "St. Louis", "Coeur d'Alene", "Ho Chi Minh City", "Thành phố", "Reykjavík",
    "Paris 13e", "Paris, Texas", "Québec", "Ｐａｒｉｓ", "Par\0is", "Pa\x1cris", "Paris\x85",
    "\ufeffParis", "Pa\ufeffris", "Pa\u200dris", "Paris😀", "Paris™", "‘s-Hertogenbosch", "Å", "Ö",
    "Y", "U", "6th of October City", "'s-Gravenhage", "Ciudad_de_México", "New+York", "N.Y.C.", "123",
    "(123)", "...", "!!", "Ⅷ District", "٣ مدينة", "¡Hola!", "Straßburg", "KÖLN", "Kyiv", "K",
    "\u212bngelholm", "Winchester-on-the-Severn", "A1", "1A", "Nuku\u02bbalofa", "Ḩalab")
STATES = tuple(US_STATES) + tuple(US_TERRITORIES) + tuple(CANADIAN_PROVINCES) + (
    "California", "CALIFORNIA", "CA", "ca", "Ca.", "C.A.", "N.Y.", "New York", "new  york",
    "North Carolina", "Rhode Island", "District of Columbia", "Washington DC", "Washington, D.C.",
    "Puerto Rico", "Guam", "U.S. Virgin Islands", "American Samoa", "Ontario", "ON", "Quebec",
    "Québec", "British Columbia", "Newfoundland and Labrador", "Yukon", "Karnataka", "KA",
    "Maharashtra", "New South Wales", "NSW", "Île-de-France", "Bayern", "Nordrhein-Westfalen",
    "Baden-Württemberg", "São Paulo", "SP", "Sa\u0303o Paulo", "Москва", "東京都", "القاهرة", "Jalisco",
    "Baja California", "California Sur", "State of California", "California State", "West Virginia",
    "Virginia Beach", "Arkansas", "Kansas City", "Indiana", "Indian", "Oregon Trail", "Ca4lifornia",
    "cali", "Calif", "Calif.", "C", "Ca1", "New-York", "NewYork", "New\xa0York", "New York!",
    "California 94035", "CA 94035", "US-CA", "Georgia", "Sakartvelo", "Mainz", "Utahe", "Île", "Ö",
    "É", "ÉA", "Aé", "ｃａ", "Ｃalifornia", "ΑΤΤΙΚΗΣ", "İzmir", "Cal\0ifornia", "California\x85",
    "\x1fTexas", "\ufeffTexas", "Te\ufeffxas", "Te\u200dxas", "Texas😀", "12", "...", "T'exas", "Texas,",
    "Texas (TX)", "Iowa/Ohio", "AA", "AE", "AP", "XX", "Ａ", "K", "Ḱa")
ZIPS = (
    "94035", "12345-67890", "12345-6789", "123456789", "98 121-9431", "981219431", "98121 9431",
    "98121–9431", "641041-ABC-XYZ", "560001", "560 001", "NR9 5AL", "nr9 5al", "M1 1AE", "SW1A 1AA",
    "SW1A\xa01AA", "K1A 0A6", "100-0001", "1000001", "〒100-0001", "D-10115", "F-75001", "LV-1010",
    "01310-100", "00-950", "1234 AB", "1234AB", "1010", "101", "12", "1", "1 ", "1 2", "0", "00000",
    "00501", "-10115", "--", "1-", "12-", "１２３４５", "１", "٩٤٠٣٥", "9403５", "94035\0", "94\x1b035",
    "94035\x85", "\x1c94035", "9\x1c4035", "94035\ufeff", "94\ufeff035", "\u200b94035", "𝟏", "𝟏𝟐", "é1",
    "E\u0301", "É1 2", "zip: 94035", "94035 Menlo Park", "94035.0", "9.4035e4", "94,035", "'94035",
    "\"94035\"", "A", "AB", "A1", "😀", "😀😀", "!!", "..", "BT1 5GS ", "GIR 0AA", "D02 X285", "H-1051",
    "CH-8001", "AD500", "110 00", "SE-111 22", "1050 BE", "9 4 0 3 5", "1 - 2", "12 - 345", "𝒜",
    "9403512345", "94035123", "94035123A", "९४०३५", "94035-", " 94035 - 1234 ", "ΑΣ 1", "İ1", "K1")
COUNTRIES = (
    "US", "us", "Us", " us ", "us!", "U.S.", "U.S.A.", "USA", "usa", "United States",
    "United States of America", "The United States", "America", "UK", "uk", "GB", "GBR",
    "United Kingdom", "Great Britain", "England", "Scotland", "DE", "DEU", "Germany", "Deutschland",
    "GERMANY", "Österreich", "Austria", "AUT", "AU", "AUS", "Australia", "IN", "IND", "India", "Bharat",
    "NA", "NAM", "Namibia", "NO", "Norway", "none", "XX", "XK", "Kosovo", "EU", "ZZ", "AA", "840", "276",
    "FR", "FRA", "France", "España", "ES", "Spain", "BR", "Brasil", "Brazil", "CI", "Côte d'Ivoire",
    "Cote d'Ivoire", "CÔTE D’IVOIRE", "Co\u0302te d'Ivoire", "Ivory Coast", "TR", "Türkiye", "Turkey",
    "TÜRKİYE", "Korea", "South Korea", "Republic of Korea", "Korea, Republic of",
    "Korea (the Republic of)", "North Korea", "KR", "KOR", "Viet Nam", "Vietnam", "VN", "Russia",
    "Russian Federation", "Россия", "RU", "China", "中国", "CN", "Taiwan", "Taiwan, Province of China",
    "Hong Kong", "Macao", "Macau", "Czechia", "Czech Republic", "Netherlands", "The Netherlands",
    "Holland", "NL", "Bosnia and Herzegovina", "Bosnia & Herzegovina", "Trinidad & Tobago", "AND",
    "Andorra", "Congo", "Democratic Republic of the Congo", "Congo, The Democratic Republic of the",
    "DR Congo", "COD", "Guinea", "Guinea-Bissau", "Equatorial Guinea", "Papua New Guinea", "Niger",
    "Nigeria", "Republic of Niger", "Oman", "Sultanate of Oman", "Romania", "Dominica",
    "Dominican Republic", "Saint Kitts and Nevis", "St. Kitts & Nevis", "St Lucia", "Curaçao",
    "Curacao", "Réunion", "Reunion", "Åland Islands", "Aland Islands", "Virgin Islands (U.S.)",
    "US Virgin Islands", "Puerto Rico", "Guam", "Swaziland", "Eswatini", "Macedonia",
    "North Macedonia", "Cape Verde", "Cabo Verde", "Burma", "Myanmar", "Vatican", "Holy See",
    "Palestine", "Syria", "Iran", "Laos", "Moldova", "Bolivia", "Venezuela", "Tanzania", "Brunei",
    "Micronesia", "Georgia", "Jersey", "Mexico", "México", "MX", "MEX", "Japan", "日本", "JP", "u", "u s",
    "u-s", "1us", "us1", "usé", "éus", "üs", "fré", "ｕｓ", "Ｕnited States", "us\0", "us\x85", "us\ufeff",
    "\x1cus", "u\u200bs", "us🇺🇸", "🇺🇸", "United", "States", "United States!", "united_states", "KE",
    "Kenya", "u\u0308s", "İN", "İran", "sſ", "USA/Canada", "Germany (DE)", "en_US", "en-GB")
EXTERNAL_IDS = (
    "user-123", "USER 123", "User_123", "42", "007", "1.0", "1e5", "a@b.co", "a b\tc", "a\xa0b",
    "550e8400-e29b-41d4-a716-446655440000", "550E8400-E29B-41D4-A716-446655440000",
    "{550e8400-e29b-41d4-a716-446655440000}", "ABC/def+ghi=", "é", "e\u0301", "É", "ΑΣ ΒΣ", "ΑΣ", "İD",
    "user\0", "user\x9c1", "us\x1cer", "us\x85er", "user\ufeff", "us\ufeffer", "\u200buser", "user😀",
    "用户 1", "مستخدم", "x" * 500, "_/+=é😀", "' id '", "\"id\"", "id;", "null-1", "0", "-1", "true",
    "K1", "STRASSE", "straße", "cus_NffrFeUfNV2Hib", "auth0|5f7c8ec7c33c6c004bbafe82", "𝒜")
CURRENCIES = (
    "USD", "usd", "Usd", " usd ", "us d", "U.S.D", "$USD", "USD$", "₹INR", "INR", "inr", "EUR", "€",
    "EURO", "GBP", "JPY", "KWD", "CLP", "ABC", "XXX", "XTS", "XAU", "XAG", "XDR", "XBT", "BTC", "USDT",
    "HRK", "SLL", "SLE", "VEF", "VES", "VED", "ZWL", "ZWG", "ANG", "XCG", "CUC", "CUP", "MRO", "MRU",
    "STD", "STN", "BYR", "BYN", "BGN", "EEK", "LTL", "CNH", "RMB", "CHE", "CHW", "CLF", "COU", "UYI",
    "UYW", "USN", "USS", "BOV", "MXV", "XOF", "XAF", "XPF", "XCD", "GGP", "IMP", "TVD", "840", "U S D",
    "us-d", "us1d", "usd1", "éusd", "usdé", "uśd", "ＵＳＤ", "uſd", "USD", "HKD", "us\0d", "usd\x85",
    "\ufeffusd", "usd\x1c", "dollar", "US Dollar", "u", "", " ", "!!", "PLN", "zł", "SEK", "kr", "CHF",
    "ßd", "uﬁ", "UⅧSD", "usd/eur", "USD EUR", "AED", "AFN", "NGN", "TRY", "TRL", "RUB", "RUR", "UAH")

SEEDS = {"em": EMAILS, "ph": PHONES, "fn": NAMES, "ln": NAMES, "db": DATES, "ge": GENDERS,
         "ct": CITIES, "st": STATES, "zp": ZIPS, "country": COUNTRIES, "external_id": EXTERNAL_IDS,
         "currency": CURRENCIES}
COMMON = (*BLANKS, *PLACEHOLDERS, *DIGESTS, *ODD)
# A changed text does not grow beyond this: longer ones show nothing new and cost time.
LENGTH_MAX = 2500
# The fields whose rule depends on the person's country, and the countries tried with each seed.
WITH_COUNTRY = ("st", "zp")
COUNTRY_CODES = (None, "us", "mx", "in", "gb", "jp")


def cases(seed, per_field, given):
    """All cases: fixed seeds, the `given` pairs of field and text, changed seeds up to `per_field`."""
    found = {}
    for field in FIELDS:
        of_field = dict.fromkeys(fixed(field))
        of_field |= dict.fromkeys(Case(field, text) for known, text in given if known == field)
        chance = random.Random(f"{seed}/{field}")
        while len(of_field) < per_field:
            of_field[changed(field, chance)] = None
        found |= of_field
    return [case for case in found if is_known_text(case.text)]


def of_iso(stated):
    """Every country and currency that ISO knows, as pairs of field and text."""
    countries = stated["alpha_2"] + [three for three, _ in stated["alpha_3"]]
    countries += [name for _, name in stated["short_names"] + stated["other_names"]]
    return ([("country", text) for text in countries]
            + [("currency", code) for code in stated["currencies"]])


def fixed(field):
    # The Python SDK passes a digest as a currency; nobody sends one.
    common = [text for text in COMMON if field != "currency" or text not in DIGESTS]
    for text in dict.fromkeys((*SEEDS[field], *common)):
        for country in COUNTRY_CODES[:3] if field in WITH_COUNTRY else (None,):
            yield Case(field, text, country)


def changed(field, chance):
    text = made(field, chance) if chance.random() < 0.3 else chance.choice(SEEDS[field])
    for _ in range(chance.choice((1, 1, 2, 2, 3))):
        text = chance.choice(CHANGES)(text, chance)
    country = chance.choice(COUNTRY_CODES) if field in WITH_COUNTRY else None
    return Case(field, text, country)


def is_known_text(text):
    return all(unicodedata.category(char) not in ("Cn", "Cs") for char in text)


def made(field, chance):
    """A value built from parts, where a list of seeds would be too short."""
    if field == "ph":
        return made_phone(chance)
    if field == "db":
        return made_date(chance)
    if field == "em":
        return made_email(chance)
    if field == "zp":
        return "".join(chance.choice("0123456789 -AB") for _ in range(chance.randint(1, 11)))
    if field == "currency":
        return "".join(chance.choice("ACDEGINRSUXYZ ") for _ in range(chance.randint(2, 4)))
    first, second = chance.choice(SEEDS[field]), chance.choice(SEEDS[field])
    return first + chance.choice((" ", "-", "", ", ")) + second


def made_phone(chance):
    prefix = chance.choice(("", "+", "00", "0", "000", "00000", "+0", "+00", "(+", "011 "))
    groups = [str(chance.randint(0, 10 ** chance.randint(1, 5)))
              for _ in range(chance.randint(1, 5))]
    number = chance.choice((" ", "-", "", ".", "/", ")(")).join(groups)
    return prefix + number + chance.choice(("", "", "", "", " x12", " ext 3", "#4", "x"))


def made_date(chance):
    year, month, day = chance.randint(1780, 2040), chance.randint(0, 14), chance.randint(0, 33)
    parts = chance.choice(((year, month, day), (month, day, year), (day, month, year),
                           (year % 100, month, day), (month, year, day), (day, year, month)))
    form = chance.choice(("%d{0}%d{0}%d", "%02d{0}%02d{0}%02d", "%04d{0}%04d{0}%04d"))
    return form.format(chance.choice(("-", "/", ".", " ", ", ", "", "年"))) % parts


def made_email(chance):
    local = "".join(chance.choice("abZ09._+-'`:") for _ in range(chance.randint(1, 8)))
    labels = ["".join(chance.choice("abZ09-") for _ in range(chance.randint(1, 5)))
              for _ in range(chance.randint(1, 4))]
    return local + "@" + ".".join(labels)


def wrapped(text, chance):
    return chance.choice(SPACES) + text + chance.choice(SPACES)


def inserting(parts):
    def insert(text, chance):
        at = chance.randint(0, len(text))
        return text[:at] + chance.choice(parts) + text[at:]
    return insert


def other_digits(text, chance):
    zero = chance.choice(DIGIT_ZEROS)
    return "".join(chr(zero + int(char)) if char in "0123456789" else char for char in text)


def full_width(text, _chance):
    return "".join(chr(ord(char) + 0xFEE0) if "!" <= char <= "~" else char for char in text)


def mixed_case(text, chance):
    return "".join(chance.choice((char.upper(), char.lower())) for char in text)


def shortened(text, chance):
    return text[: chance.randint(1, 4)]


def without_one(text, chance):
    at = chance.randint(0, len(text))
    return text[:at] + text[at + 1:]


def quoted(text, chance):
    return chance.choice(("\"%s\"", "'%s'", "(%s)", "<%s>", "%s.", "%s,", "«%s»")) % text


def normal_form(text, chance):
    return unicodedata.normalize(chance.choice(("NFD", "NFC", "NFKC", "NFKD")), text)


CHANGES = (
    wrapped, inserting(SPACES), inserting(PUNCTUATION), inserting(PUNCTUATION), inserting(SYMBOLS),
    inserting(CONTROLS), inserting(INVISIBLE), inserting(LETTERS), inserting(DIGITS), other_digits,
    full_width, mixed_case, shortened, without_one, quoted, normal_form,
    lambda text, _chance: text.upper(), lambda text, _chance: text.lower(),
    lambda text, _chance: text.title(), lambda text, _chance: text[::-1],
    lambda text, chance: (text * chance.choice((2, 40)))[:LENGTH_MAX])
