// How both Node workers send: Meta's Node SDK, pointed at the stand-in.
'use strict';

const { EventRequest, FacebookAdsApi } = require('facebook-nodejs-business-sdk');
const { eventOf } = require('./event.js');

const { META } = process.env;
Object.defineProperty(FacebookAdsApi, 'GRAPH', { get: () => META });

async function send(payments) {
  const now = Math.floor(Date.now() / 1000);
  const events = payments.map((payment) => eventOf(payment, now));
  const { events_received: received } = await new EventRequest('token', '1234567890', events).execute();
  if (received !== events.length) {
    throw new Error(`${received} of ${events.length} events were received`);
  }
}

module.exports = { send };
