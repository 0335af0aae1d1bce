-- Asks with tokens of a file, each time another one at random.
function init(args)
  secrets = {}
  for line in io.lines(args[1]) do secrets[#secrets + 1] = line end
  math.randomseed(1)
end

function request()
  wrk.headers["Authorization"] = "SSWS " .. secrets[math.random(#secrets)]
  return wrk.format()
end
