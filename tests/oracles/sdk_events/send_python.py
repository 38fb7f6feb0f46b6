"""Builds events with Meta's Python SDK and posts them, one request a line of the input.

Runs in the work folder's environment. The first argument stands in for Meta's address. Each line out
is what the SDK told its caller: `received`, or the codes of its own error class.
"""

import json
import sys

from facebook_business.adobjects.serverside.action_source import ActionSource
from facebook_business.adobjects.serverside.app_data import AppData
from facebook_business.adobjects.serverside.content import Content
from facebook_business.adobjects.serverside.custom_data import CustomData
from facebook_business.adobjects.serverside.delivery_category import DeliveryCategory
from facebook_business.adobjects.serverside.event import Event
from facebook_business.adobjects.serverside.event_request import EventRequest
from facebook_business.adobjects.serverside.extended_device_info import ExtendedDeviceInfo
from facebook_business.adobjects.serverside.gender import Gender
from facebook_business.adobjects.serverside.messaging_channel import MessagingChannel
from facebook_business.adobjects.serverside.user_data import UserData
from facebook_business.api import FacebookAdsApi, FacebookSession
from facebook_business.exceptions import FacebookRequestError

NESTED = {"user_data": UserData, "custom_data": CustomData, "app_data": AppData,
          "extinfo": ExtendedDeviceInfo}
ENUMS = {"action_source": ActionSource, "gender": Gender, "delivery_category": DeliveryCategory,
         "messaging_channel": MessagingChannel}
# Where this SDK's names are not the ones of the cases.
NAMES = {UserData: {"zip": "zip_code", "country": "country_code"}, Content: {"id": "product_id"}}


def built(kind, fields):
    names = NAMES.get(kind, {})
    return kind(**{names.get(key, key): argument(key, value) for key, value in fields.items()})


def argument(key, value):
    if key in NESTED:
        return built(NESTED[key], value)
    if key in ENUMS:
        return ENUMS[key](value)
    return [built(Content, one) for one in value] if key == "contents" else value


def event(described):
    made = built(Event, described["fields"])
    plain = made.normalize
    made.normalize = lambda: patched(plain(), described["patch"])
    return made


def patched(payload, patch):
    for pointer, value in patch.items():
        *way, last = pointer.lstrip("/").split("/")
        target = payload
        for step in way:
            target = target[int(step) if isinstance(target, list) else step]
        if value is None:
            target.pop(last, None)
        else:
            target[last] = value
    return payload


def sent(request):
    # Without its reporter of crashes: that one would write to Meta.
    FacebookAdsApi.init(access_token=request["token"], crash_log=False)
    events = [event(described) for described in request["events"]]
    try:
        response = EventRequest(pixel_id=request["dataset"], events=events).execute()
    except FacebookRequestError as error:
        return {"code": error.api_error_code(), "subcode": error.api_error_subcode(),
                "status": error.http_status(), "body": error.body()}
    return {"received": response.events_received}


def main():
    FacebookSession.GRAPH = sys.argv[1]
    for line in sys.stdin:
        print(json.dumps(sent(json.loads(line))))


main()
