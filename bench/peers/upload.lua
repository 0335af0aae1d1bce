-- Sends a body of so many bytes with each request.
function init(args)
  wrk.method = "PUT"
  wrk.headers["Content-Type"] = "application/octet-stream"
  wrk.body = string.rep("x", tonumber(args[1]))
  message = wrk.format()
end

function request()
  return message
end
