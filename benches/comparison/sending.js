// How both Node workers send: Meta's Node SDK, pointed at the stand-in.
'use strict';

const { EventRequest, FacebookAdsApi } = require('facebook-nodejs-business-sdk');
const { eventOf } = require('./event.js');

const { META } = process.env;
Object.defineProperty(FacebookAdsApi, 'GRAPH', { get: () => META });

// Each payment with the second at which it arrived.
async function send(arrived) {
  const events = arrived.map(({ payment, at }) => eventOf(payment, at));
  const { events_received: received } = await new EventRequest('token', '1234567890', events).execute();
  if (received !== events.length) {
    throw new Error(`${received} of ${events.length} events were received`);
  }
}

module.exports = { send };
