"""Meta's Python SDK as an oracle: what its UserData and CustomData would send.

Runs in the work folder's environment, and answers every line of its input. Called with `facts`, it
prints what ISO says, from the SDK's own dependency.
"""

import json
import sys

import pycountry
from facebook_business.adobjects.serverside.custom_data import CustomData
from facebook_business.adobjects.serverside.gender import Gender
from facebook_business.adobjects.serverside.normalize import Normalize
from facebook_business.adobjects.serverside.user_data import UserData


def facts():
    countries = list(pycountry.countries)
    others = [[country.alpha_2, getattr(country, kind, None)]
              for country in countries for kind in ("official_name", "common_name")]
    return {
        "alpha_2": [country.alpha_2 for country in countries],
        "alpha_3": [[country.alpha_3, country.alpha_2] for country in countries],
        "short_names": [[country.alpha_2, country.name] for country in countries],
        "other_names": [pair for pair in others if pair[1]],
        "currencies": [currency.alpha_3 for currency in pycountry.currencies],
    }


def answer(field, text):
    if field == "currency":
        return {"wire": CustomData(currency=text).normalize().get("currency")}
    if field == "external_id":
        return {"wire": first(UserData(external_id=text), field)}
    if field == "ge":
        # There is no other door: a gender that is not of the enum has no `value` to hash.
        return {"wire": first(UserData(gender=Gender(text)), field), "text": text}
    return {"wire": Normalize.normalize_field(field, text),
            "text": Normalize.normalize_field_skip_hashing(field, text)}


def first(user_data, field):
    return user_data.normalize().get(field, [None])[0]


def answered(field, text):
    try:
        found = answer(field, text)
    except Exception as error:  # any of them is an outcome
        return {"throws": type(error).__name__}
    return found if found["wire"] is not None else {"nothing": True}


def main():
    if sys.argv[1:] == ["facts"]:
        print(json.dumps(facts()))
        return
    for line in sys.stdin:
        question = json.loads(line)
        print(json.dumps(answered(question["field"], question["text"])))


main()
