// Sends what express_sqlite.js stored: up to a thousand events a request, then marks them.
'use strict';

const Database = require('better-sqlite3');
const { send } = require('./sending.js');

const PAUSE_MS = 50;

const database = new Database(process.env.DATABASE);
database.pragma('synchronous = FULL');
database.pragma('busy_timeout = 5000');
const unsent = database.prepare(
  'SELECT number, body, at FROM payments WHERE sent = 0 ORDER BY number LIMIT 1000',
);
const mark = database.prepare('UPDATE payments SET sent = 1 WHERE number = ?');
const markAll = database.transaction((rows) => rows.forEach(({ number }) => mark.run(number)));

async function turn() {
  const rows = unsent.all();
  if (rows.length === 0) {
    setTimeout(turn, PAUSE_MS);
    return;
  }
  try {
    await send(rows.map(({ body, at }) => ({ payment: JSON.parse(body), at })));
    markAll(rows);
    setImmediate(turn);
  } catch (error) {
    console.error(error.message);
    setTimeout(turn, 1000);
  }
}

turn();
