// Stops the clock of a Node process, so that "the current year" is the same in every run.
'use strict';

const NOW = Date.parse('2026-11-21T00:00:00Z');
const RealDate = Date;

class StoppedDate extends RealDate {
  constructor(...given) {
    super(...(given.length === 0 ? [NOW] : given));
  }

  static now() {
    return NOW;
  }
}

globalThis.Date = StoppedDate;
