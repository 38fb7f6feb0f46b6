// Runs the tests that the npm packages ship, with a stand-in for Jest, and collects their inputs.
//
// Out: one line for each text that a test hands to a normaliser, then a summary. The expectations
// are judged here, against the library itself; the inputs join the differential run, where the
// library's outcome, which is the expectation, is held against ours.
'use strict';

require('./clock.js');
const fs = require('fs');
const Module = require('module');
const path = require('path');
const { isDeepStrictEqual } = require('util');

// The parameter builder's normalisers and the fields they are for.
const BUILDER_FIELDS = {
  getNormalizedEmail: ['em'],
  getNormalizedPhone: ['ph'],
  getNormalizedName: ['fn', 'ln'],
  getNormalizedDOB: ['db'],
  getNormalizedGender: ['ge'],
  getNormalizedCity: ['ct'],
  getNormalizedState: ['st'],
  getNormalizedZipCode: ['zp'],
  getNormalizedCountry: ['country'],
  getNormalizedExternalID: ['external_id'],
};
const SDK_FIELDS = ['em', 'ph', 'fn', 'ln', 'db', 'ge', 'ct', 'st', 'zp', 'country'];
// Shipped, but about something else: it replaces every normaliser by a mock.
const NOT_ABOUT_VALUES = ['PIIUtil.test.js'];

const inputs = new Map();
const summary = {};
let suite = null;

function note(fields, text) {
  if (typeof text !== 'string') {
    return;
  }
  for (const field of fields) {
    inputs.set(JSON.stringify([field, text]), { field, text });
  }
}

function listened(exported) {
  const copy = { ...exported };
  for (const [name, fields] of Object.entries(BUILDER_FIELDS)) {
    if (typeof exported[name] === 'function') {
      copy[name] = (text) => {
        note(fields, text);
        return exported[name](text);
      };
    }
  }
  return copy;
}

function listenToBuilder() {
  const load = Module._load;
  Module._load = function (request, ...rest) {
    const exported = load.call(this, request, ...rest);
    return request.includes('../src/piiUtil/') ? listened(exported) : exported;
  };
}

function listenToSdk() {
  const { ServerSideUtils } = require('facebook-nodejs-business-sdk');
  const real = ServerSideUtils.normalizeAndHash;
  ServerSideUtils.normalizeAndHash = (text, field) => {
    if (SDK_FIELDS.includes(field)) {
      note([field], text);
    }
    return real(text, field);
  };
}

function held(matcher, actual, expected) {
  switch (matcher) {
    case 'toBe':
      return Object.is(actual, expected);
    case 'toEqual':
      return isDeepStrictEqual(actual, expected);
    case 'toBeNull':
      return actual === null;
    case 'toThrow':
      return throws(actual);
    default:
      throw new Error(`the stand-in for Jest does not know ${matcher}`);
  }
}

function throws(action) {
  try {
    action();
    return false;
  } catch {
    return true;
  }
}

function expect(actual) {
  const matchers = (wanted) =>
    new Proxy({}, {
      get: (_, matcher) => {
        if (matcher === 'not') {
          return matchers(!wanted);
        }
        return (expected) => {
          suite.expectations += 1;
          if (held(matcher, actual, expected) !== wanted) {
            suite.broken.push(`${suite.test}: ${JSON.stringify(actual)}, ${JSON.stringify(expected)}`);
          }
        };
      },
    });
  return matchers(true);
}

function test(name, body) {
  suite.test = name;
  try {
    body();
  } catch (error) {
    suite.broken.push(`${name}: ${error.message}`);
  }
}

function run(file) {
  if (fs.existsSync(file) && !NOT_ABOUT_VALUES.includes(path.basename(file))) {
    require(file);
  }
}

function runAll(name, folder, pattern, listen) {
  suite = { expectations: 0, broken: [], test: '' };
  const before = inputs.size;
  listen();
  const root = path.join(path.dirname(require.resolve(`${name}/package.json`)), folder);
  const files = fs.existsSync(root) ? fs.readdirSync(root).filter((file) => pattern.test(file)) : [];
  files.sort().forEach((file) => run(path.join(root, file)));
  const { expectations, broken } = suite;
  summary[name] = { files: files.length, inputs: inputs.size - before, expectations, broken };
}

Object.assign(globalThis, { expect, test, it: test, describe: (_, body) => body() });
console.error = () => {}; // the builder complains of every wrong kind that its tests hand it

runAll('capi-param-builder-nodejs', 'tests', /Util\.test\.js$/, listenToBuilder);
runAll('facebook-nodejs-business-sdk', '__tests__', /^(utils|user-data)\.test\.js$/, listenToSdk);
for (const input of inputs.values()) {
  process.stdout.write(JSON.stringify(input) + '\n');
}
process.stdout.write(JSON.stringify({ summary }) + '\n');
