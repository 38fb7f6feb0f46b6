"""A payment as an event of Meta's Python SDK: what a team writes by hand in place of a mapping file."""

from facebook_business.adobjects.serverside.action_source import ActionSource
from facebook_business.adobjects.serverside.content import Content
from facebook_business.adobjects.serverside.custom_data import CustomData
from facebook_business.adobjects.serverside.event import Event
from facebook_business.adobjects.serverside.user_data import UserData


def event_of(payment, now):
    person, order = payment["user_data"], payment["event_data"]
    return Event(
        event_name="Purchase", event_time=now, event_id=f"{payment['type']}.{payment['payment_id']}",
        action_source=ActionSource.SYSTEM_GENERATED,
        user_data=UserData(
            email=person["email"], phone=person["phone"], first_name=person["first_name"],
            last_name=person["last_name"], city=person["city"], state=person["state"],
            zip_code=person["zip"], country_code=person["country"], external_id=payment["user_id"]),
        custom_data=CustomData(
            value=order["value"], currency=order["currency"], content_ids=order["content_ids"],
            contents=[Content(product_id=one["id"], quantity=one["quantity"], item_price=one["item_price"])
                      for one in order["contents"]],
            content_type=order["content_type"], num_items=order["num_items"], order_id=order["order_id"]),
    )
