// The plain service with a table as its queue: Express answers after SQLite has synced the payment.
// sqlite_worker.js sends.
'use strict';

const Database = require('better-sqlite3');
const express = require('express');
const { faultOf } = require('./plain.js');

const { PORT, DATABASE, KEY } = process.env;
const database = new Database(DATABASE);
database.pragma('journal_mode = WAL');
database.pragma('synchronous = FULL');
database.pragma('busy_timeout = 5000');
database.exec(`
  CREATE TABLE IF NOT EXISTS payments (
    number INTEGER PRIMARY KEY, type TEXT NOT NULL, payment_id TEXT NOT NULL, body TEXT NOT NULL,
    at INTEGER NOT NULL DEFAULT (unixepoch()),
    sent INTEGER NOT NULL DEFAULT 0, UNIQUE (type, payment_id));
  CREATE INDEX IF NOT EXISTS unsent ON payments (number) WHERE sent = 0;
`);
const insert = database.prepare(
  'INSERT INTO payments (type, payment_id, body) VALUES (?, ?, ?) ON CONFLICT DO NOTHING',
);

const app = express();
app.use(express.json({ limit: '1mb' }));

app.post('/capture-payment', (request, response) => {
  const fault = faultOf(request, KEY);
  if (fault) {
    response.status(fault.status).json(fault);
    return;
  }
  const { type = 'DEFAULT', payment_id: id } = request.body;
  const { changes } = insert.run(type, id, JSON.stringify(request.body));
  response.status(201).json({ msg: 'Payment captured', status: 201, duplicate: changes === 0 });
});

app.listen(Number(PORT), '127.0.0.1');
