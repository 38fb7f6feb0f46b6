// Sends what express_bullmq.js queued: one job, one event, one request, as BullMQ without its paid
// edition does it; fifty at a time, as its page about concurrency has it.
'use strict';

const { Worker } = require('bullmq');
const { send } = require('./sending.js');

const connection = { host: '127.0.0.1', port: Number(process.env.REDIS_PORT) };
const one = (job) => send([{ payment: job.data, at: Math.floor(job.timestamp / 1000) }]);
const worker = new Worker('payments', one, { connection, concurrency: 50 });
worker.on('error', (error) => console.error(error.message));
