// Reads questions, one JSON object a line, and writes an answer for each.
'use strict';

const fs = require('fs');

/**
 * `answer` gets a field and a text, and returns `{wire, text}`, or null where the library gives
 * nothing. What it throws is an answer, too: `{throws}`.
 */
function answerAll(answer) {
  const questions = fs.readFileSync(0, 'utf8').split('\n').filter((line) => line !== '');
  const answers = questions.map((line) => {
    const { field, text } = JSON.parse(line);
    return JSON.stringify(answered(answer, field, text));
  });
  process.stdout.write(answers.join('\n') + '\n');
}

function answered(answer, field, text) {
  try {
    return answer(field, text) ?? { nothing: true };
  } catch (error) {
    return { throws: error.name };
  }
}

module.exports = { answerAll };
