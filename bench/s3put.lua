-- wrk: PUTs of a body of SIZE bytes to keys of their own below /lake/.
local size = tonumber(os.getenv("SIZE") or "1024")
local body = string.rep("x", size)
local thread_count = 0
local count = 0
function setup(thread)
    thread:set("number", thread_count)
    thread_count = thread_count + 1
end
function request()
    count = count + 1
    return wrk.format("PUT", "/lake/put/" .. number .. "/" .. (count % 5000), nil, body)
end
