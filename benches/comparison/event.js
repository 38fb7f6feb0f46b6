// A payment as an event of Meta's Node SDK: what a team writes by hand in place of a mapping file.
'use strict';

const { Content, CustomData, ServerEvent, UserData } = require('facebook-nodejs-business-sdk');

function eventOf(payment, now) {
  const { user_data: person, event_data: order } = payment;
  return new ServerEvent()
    .setEventName('Purchase')
    .setEventTime(now)
    .setEventId(`${payment.type}.${payment.payment_id}`)
    .setActionSource('system_generated')
    .setUserData(
      new UserData()
        .setEmail(person.email)
        .setPhone(person.phone)
        .setFirstName(person.first_name)
        .setLastName(person.last_name)
        .setCity(person.city)
        .setState(person.state)
        .setZip(person.zip)
        .setCountry(person.country)
        .setExternalId(payment.user_id),
    )
    .setCustomData(
      new CustomData()
        .setValue(order.value)
        .setCurrency(order.currency)
        .setContentIds(order.content_ids)
        .setContents(
          order.contents.map((one) =>
            new Content().setId(one.id).setQuantity(one.quantity).setItemPrice(one.item_price)),
        )
        .setContentType(order.content_type)
        .setNumItems(order.num_items)
        .setOrderId(order.order_id),
    );
}

module.exports = { eventOf };
