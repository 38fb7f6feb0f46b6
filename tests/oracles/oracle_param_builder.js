// Meta's parameter builder as an oracle: its public door for personal fields.
'use strict';

require('./clock.js');
const { answerAll } = require('./lines.js');
const { ParamBuilder } = require('capi-param-builder-nodejs');
const { getNormalizedPII } = require('capi-param-builder-nodejs/src/piiUtil/PIIUtil');

// Its names for Meta's keys. It has nothing for currencies.
const TYPES = {
  em: 'email',
  ph: 'phone',
  fn: 'first_name',
  ln: 'last_name',
  db: 'date_of_birth',
  ge: 'gender',
  ct: 'city',
  st: 'state',
  zp: 'zip_code',
  country: 'country',
  external_id: 'external_id',
};
// What it appends tells its own version and nothing about the person.
const APPENDIX = /\.[A-Za-z0-9_-]{8}$/;

const builder = new ParamBuilder();

function answer(field, text) {
  const wire = builder.getNormalizedAndHashedPII(text, TYPES[field]);
  if (wire == null) {
    return null;
  }
  // A digest that came with a suffix is passed whole, and compared whole.
  const passed = wire === text.trim();
  return { wire: passed ? wire : wire.replace(APPENDIX, ''), text: getNormalizedPII(text, TYPES[field]) };
}

answerAll(answer);
