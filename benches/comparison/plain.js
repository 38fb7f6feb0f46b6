// What both Express services look at before they take a payment.
'use strict';

function faultOf(request, key) {
  if (request.get('linkrunner-key') !== key) {
    return { msg: 'wrong key', status: 401 };
  }
  const { user_id: user, payment_id: id, amount } = request.body ?? {};
  if (typeof user !== 'string' || typeof id !== 'string' || typeof amount !== 'number' || amount < 0) {
    return { msg: 'user_id, payment_id and amount are required', status: 400 };
  }
  return null;
}

module.exports = { faultOf };
