"""Breaks a description in four ways that a fuzzer must see: the negative control of `run`."""

import json
import sys

path = sys.argv[1]
with open(path, encoding="utf-8") as file:
    document = json.load(file)

capture = document["paths"]["/api/v1/capture-payment"]["post"]
# A status that is answered is not described.
del capture["responses"]["201"]
# A member that is always there is another one.
schema = document["components"]["schemas"]["Removed"]
schema["required"].append("nobody")
# A method that is not there.
document["paths"]["/health/live"]["put"] = document["paths"]["/health/live"].pop("get")
# A field that is needed is not.
signup = document["paths"]["/api/v1/signup"]["post"]["requestBody"]["content"]
signup["application/json"]["schema"] = {"type": "object"}

with open(path, "w", encoding="utf-8") as file:
    json.dump(document, file)
