// Builds events with Meta's Node SDK and posts them, one request a line of the input.
//
// The first argument stands in for Meta's address. Each line out is what the SDK told its caller:
// `received`, or the codes of its own error class.
'use strict';

const fs = require('fs');
const {
  AppData, Content, CustomData, EventRequest, ExtendedDeviceInfo, FacebookAdsApi, ServerEvent, UserData,
} = require('facebook-nodejs-business-sdk');

const NESTED = { user_data: UserData, custom_data: CustomData, app_data: AppData, extinfo: ExtendedDeviceInfo };

function built(Kind, fields) {
  const made = new Kind();
  for (const [key, value] of Object.entries(fields)) {
    made[setter(key)](argument(key, value));
  }
  return made;
}

function setter(key) {
  return 'set' + key.split('_').map((word) => word[0].toUpperCase() + word.slice(1)).join('');
}

function argument(key, value) {
  if (key in NESTED) {
    return built(NESTED[key], value);
  }
  return key === 'contents' ? value.map((one) => built(Content, one)) : value;
}

function event({ fields, patch }) {
  const made = built(ServerEvent, fields);
  const plain = made.normalize.bind(made);
  made.normalize = () => patched(plain(), patch);
  return made;
}

function patched(payload, patch) {
  for (const [pointer, value] of Object.entries(patch)) {
    const way = pointer.split('/').slice(1);
    const last = way.pop();
    const target = way.reduce((inside, step) => inside[step], payload);
    if (value === null) {
      delete target[last];
    } else {
      target[last] = value;
    }
  }
  return payload;
}

async function sent({ token, dataset, events }) {
  try {
    const response = await new EventRequest(token, dataset, events.map(event)).execute();
    return { received: response.events_received };
  } catch (error) {
    if (error.name !== 'FacebookRequestError' || error.response === null) {
      throw error;
    }
    const { code, error_subcode: subcode } = error.response;
    return { code, subcode, status: error.status, body: error.response };
  }
}

async function main() {
  const [, , address] = process.argv;
  Object.defineProperty(FacebookAdsApi, 'GRAPH', { get: () => address });
  for (const line of fs.readFileSync(0, 'utf8').split('\n').filter((text) => text !== '')) {
    process.stdout.write(JSON.stringify(await sent(JSON.parse(line))) + '\n');
  }
}

main().catch((error) => {
  console.error(error);
  process.exitCode = 1;
});
