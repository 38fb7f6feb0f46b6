#!/usr/bin/env bash
# Signs a customer up and sends one purchase, with bash and curl alone.
#
#     examples/curl.sh [ORDER]        TILLPOST_URL and TILLPOST_KEY, or those of `serve --sandbox`
#
# Exits with 0 if the payment is in the books and not blocked, also if it was there before.
set -euo pipefail

url=${TILLPOST_URL:-http://127.0.0.1:8080}
key=${TILLPOST_KEY:-sandbox-server-key}
order=${1:-order-1001}      # your order's id: made before the first try, and the same in each
customer=customer-1001      # your user's id

reply=$(mktemp)
trap 'rm -f "$reply"' EXIT

# Prints the status and leaves the answer in $reply. Waits 1, 2, 4, 8, 16 seconds after time-outs,
# refused connections, 429 and 503, or for as long as Retry-After says. Sending again is safe: the
# payment_id stays the same.
post() {
    curl -sS --max-time 10 --retry 5 --retry-connrefused -o "$reply" -w '%{http_code}' \
        "$url/api/v1/$1" -H "linkrunner-key: $key" -H 'content-type: application/json' -d "$2"
}

status=$(post signup '{"user_data":{"id":"'"$customer"'","email":"asha@example.com","phone":"+919876543210"}}')
if [ "$status" != 200 ]; then
    printf '%s: not signed up: %s %s\n' "$customer" "$status" "$(<"$reply")" >&2
    exit 1
fi

status=$(post capture-payment '{
    "user_id": "'"$customer"'", "payment_id": "'"$order"'", "amount": 2000, "currency": "INR",
    "event_data": {
        "content_ids": ["sku-1"], "contents": [{"id": "sku-1", "quantity": 2, "item_price": 1000}],
        "content_type": "product", "value": 2000, "num_items": 2, "order_id": "'"$order"'"
    }
}')
if [ "$status" != 201 ]; then
    printf '%s: refused with %s: %s\n' "$order" "$status" "$(<"$reply")" >&2
    exit 1
fi

# What there is to say. Where jq is at hand, `jq .data.findings "$reply"` is nicer.
grep -oE '"code":"[^"]*","severity":"[^"]*","says":"([^"\\]|\\.)*"' "$reply" | sed 's/^/  /' || true
verdict=$(grep -oE '"verdict":"[a-z]+"' "$reply" | cut -d'"' -f4)
seen=
! grep -q '"duplicate":true' "$reply" || seen=' (a duplicate: it was recorded before)'
printf '%s: %s%s\n' "$order" "$verdict" "$seen"
case $verdict in
    forward | skip) ;;
    *) printf '%s: not sent to Meta; `tillpost explain CODE` says more\n' "$order" >&2; exit 1 ;;
esac
