// Turns payments into Meta's JSON with the Node SDK, and says how fast: bytes in, bytes out, no network.
//
//     transform.js FILE SECONDS NOW            prints one line: events, wall_s, cpu_s
//     transform.js FILE 0 NOW                  prints the events themselves
'use strict';

const fs = require('fs');
const { eventOf } = require('./event.js');

function transformed(line, now) {
  return JSON.stringify(eventOf(JSON.parse(line), now).normalize());
}

// Whole seconds of processor time, those of the garbage collector's threads included.
function cpuSeconds() {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
}

function measured(lines, seconds, now) {
  const [began, cpu] = [performance.now(), cpuSeconds()];
  let events = 0;
  while (performance.now() - began < seconds * 1000) {
    for (let turn = 0; turn < 500; turn += 1) {
      transformed(lines[events % lines.length], now);
      events += 1;
    }
  }
  return { events, wall_s: (performance.now() - began) / 1000, cpu_s: cpuSeconds() - cpu };
}

function main() {
  const [, , path, seconds, now] = process.argv;
  const lines = fs.readFileSync(path, 'utf8').trimEnd().split('\n');
  if (Number(seconds) === 0) {
    process.stdout.write(lines.map((line) => transformed(line, Number(now)) + '\n').join(''));
    return;
  }
  measured(lines, 0.7, Number(now));
  console.log(JSON.stringify(measured(lines, Number(seconds), Number(now))));
}

main();
