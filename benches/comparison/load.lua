-- The generator's script for wrk: posts the payments of a file, each under an id of its own.
--
--     wrk … -s load.lua http://127.0.0.1:PORT -- FILE PATH KEY PREFIX
--
-- Whole requests are prepared; one costs two ids in a row of strings. Ids come in no order, as a
-- shop's do: a generator of full period, so that none repeats. The last line is for compare.py.

local heads, middles, tails = {}, {}, {}
local prefix, scattered, turn = "", 0, 0

function init(arguments)
   local file, path, key = arguments[1], arguments[2], arguments[3]
   prefix = arguments[4]
   local id_length = #prefix + 8
   for line in io.lines(file) do
      local one, two, three = line:match("^(.-)@ID@(.-)@ID@(.*)$")
      local length = #one + #two + #three + 2 * id_length
      heads[#heads + 1] = "POST " .. path .. " HTTP/1.1\r\nHost: 127.0.0.1\r\nlinkrunner-key: " .. key
         .. "\r\nContent-Type: application/json\r\nContent-Length: " .. length .. "\r\n\r\n" .. one
      middles[#middles + 1] = two
      tails[#tails + 1] = three
   end
end

function request()
   scattered = (scattered * 1664525 + 1013904223) % 4294967296
   turn = turn % #heads + 1
   local id = prefix .. string.format("%08x", scattered)
   return table.concat({ heads[turn], id, middles[turn], id, tails[turn] })
end

function done(summary, latency)
   local errors = summary.errors
   io.write(string.format(
      '\n{"answers": %d, "seconds": %f, "refused": %d, "broken": %d, "p50_ms": %f, "p99_ms": %f, "max_ms": %f}\n',
      summary.requests, summary.duration / 1e6, errors.status,
      errors.connect + errors.read + errors.write + errors.timeout,
      latency:percentile(50) / 1e3, latency:percentile(99) / 1e3, latency.max / 1e3))
end
