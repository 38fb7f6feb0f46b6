// Stands in for Meta: counts the events of each request and answers as Meta does when all is well.
// GET gives the counts so far. It judges nothing; `tillpost sandbox` is for that.
'use strict';

const http = require('http');

// Every event has this name once, in JSON as in the Python SDK's form, and nothing else has it.
const MARK = Buffer.from('event_name');

let events = 0;
let requests = 0;

function marksIn(body) {
  let found = 0;
  for (let at = body.indexOf(MARK); at !== -1; at = body.indexOf(MARK, at + MARK.length)) {
    found += 1;
  }
  return found;
}

const server = http.createServer((request, response) => {
  const chunks = [];
  request.on('data', (chunk) => chunks.push(chunk));
  request.on('end', () => {
    let answer = { events, requests };
    if (request.method === 'POST') {
      const received = marksIn(Buffer.concat(chunks));
      events += received;
      requests += 1;
      answer = { events_received: received, messages: [], fbtrace_id: 'comparison' };
    }
    response.writeHead(200, { 'content-type': 'application/json' });
    response.end(JSON.stringify(answer));
  });
});

server.listen(Number(process.env.PORT), '127.0.0.1');
