// The plain service: Express takes a payment and puts it into a BullMQ queue in Redis. bullmq_worker.js sends.
'use strict';

const express = require('express');
const { Queue } = require('bullmq');
const { faultOf } = require('./plain.js');

const { PORT, REDIS_PORT, KEY } = process.env;
const queue = new Queue('payments', {
  connection: { host: '127.0.0.1', port: Number(REDIS_PORT) },
  // A finished job is kept for a day: as long as it is there, its id refuses a repetition.
  defaultJobOptions: {
    attempts: 10,
    backoff: { type: 'exponential', delay: 1000 },
    removeOnComplete: { age: 24 * 3600 },
  },
});

const app = express();
app.use(express.json({ limit: '1mb' }));

app.post('/capture-payment', async (request, response) => {
  const fault = faultOf(request, KEY);
  if (fault) {
    response.status(fault.status).json(fault);
    return;
  }
  const payment = request.body;
  await queue.add('payment', payment, { jobId: `${payment.type}-${payment.payment_id}` });
  response.status(201).json({ msg: 'Payment captured', status: 201 });
});

app.get('/count', async (request, response) => {
  const counts = await queue.getJobCounts();
  response.json(Object.values(counts).reduce((sum, one) => sum + one, 0));
});

app.listen(Number(PORT), '127.0.0.1');
