// Meta's Node SDK as an oracle: what its UserData and CustomData would send.
'use strict';

require('./clock.js');
const { answerAll } = require('./lines.js');
const { CustomData, ServerSideUtils, UserData } = require('facebook-nodejs-business-sdk');

// The SDK hashes at once. Listening at the hash shows the clear text, which explains a difference.
let clear = null;
const hash = ServerSideUtils.toSHA256;
ServerSideUtils.toSHA256 = (text) => {
  clear = text;
  return hash(text);
};

function answer(field, text) {
  clear = null;
  const wire = sent(field, text);
  return wire == null ? null : { wire, text: clear };
}

function sent(field, text) {
  if (field === 'currency') {
    return new CustomData().setCurrency(text).normalize().currency;
  }
  if (field === 'external_id') {
    return new UserData().setExternalId(text).normalize().external_id[0];
  }
  return ServerSideUtils.normalizeAndHash(text, field);
}

answerAll(answer);
