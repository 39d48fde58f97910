-- The layout of PostHog's own examples: a document and a lock. What those have no
-- place for is in a hash beside them.
-- KEYS: the document, the lock, the hash. ARGV: 3, a name for the scope; from 4,
-- the arguments of the step.

local value, lock = KEYS[1], KEYS[2]
local scope = ARGV[3]
lease = KEYS[3]

-- The lock is "hogflags:EPOCH:TOKEN", or another SDK's token, which says nothing.
function lease_now()
  local l = kept()
  local held = redis.call('GET', lock)
  local function left()
    local ms = redis.call('PTTL', lock)
    if ms < 0 or ms > 60000 then ms = 60000 end
    return now + ms * 1000
  end
  if not held then
    if l.expires > now then l.token, l.expires = '', 0 end -- another SDK deleted it
    return l
  end
  local epoch, token = string.match(held, '^hogflags:(%d+):(.+)$')
  if not epoch then
    l.foreign, l.token, l.holder, l.expires = true, '', 'another SDK', left()
  elseif num(epoch) ~= l.epoch or token ~= l.token then -- the hash was lost
    l.token, l.holder, l.epoch, l.expires = token, '', num(epoch), left()
  end
  return l
end

function grant(token, holder, epoch, expires)
  redis.call('HSET', lease, 'token', token, 'holder', holder, 'epoch', epoch, 'expires', expires)
  -- A millisecond longer than the lease, which therefore ends first.
  redis.call('SET', lock, 'hogflags:' .. epoch .. ':' .. token, 'PX', int(math.ceil((expires - now) / 1000) + 1))
end

function prolong(expires) grant(L.token, L.holder, int(L.epoch), expires) end

function free()
  redis.call('HDEL', lease, 'token', 'expires')
  redis.call('DEL', lock)
end

-- member reads the last member of the document, if hogflags wrote it: where it
-- is, and what it says. A copy of other length is not what hogflags wrote.
local function member(size)
  local tail = redis.call('GETRANGE', value, -4096, -1)
  local from, at = nil, 1
  repeat
    local found = string.find(tail, '"_hogflags":{', at, true)
    if found then from, at = found, found + 1 end
  until not found
  if not from then return nil end
  local ok, m = pcall(cjson.decode, '{' .. string.sub(tail, from))
  m = ok and m._hogflags
  if type(m) ~= 'table' or m.size ~= size then return nil end
  for field, kind in pairs({scope = 'string', revision = 'string', etag = 'string',
    epoch = 'number', seq = 'number', fetched = 'number', checked = 'number'}) do
    if type(m[field]) ~= kind then return nil end
  end
  if redis.call('HGET', lease, 'disowned') == m.revision then return nil end
  m.from = size - #tail + string.find(tail, '"epoch":', from, true) - 1
  m.room = size - #string.match(tail, '}%s*$') - m.from
  return m
end

-- foreign numbers a document of another SDK's. It is taken by who has nothing; by
-- all, under an epoch of its own, once no lease of hogflags's is in force.
--
-- It is hashed to see whether it is still the same one, until its length and its
-- time of expiry can tell that: a value that is set later expires later, if it
-- was looked at long enough after these were first seen.
local function foreign(size)
  local v = redis.call('HMGET', lease, 'foreign_size', 'foreign_until', 'foreign_since', 'foreign_settled',
    'foreign_digest', 'foreign_epoch', 'foreign_seq')
  local ms = redis.call('PTTL', value)
  local expiry = ms > 0 and now / 1000 + ms or 0
  local same = expiry > 0 and num(v[1]) == size and math.abs(num(v[2]) - expiry) < 50
  local since = same and num(v[3]) or now / 1000
  local settled, digest, epoch, seq = same and v[4] == '1', v[5], num(v[6]), num(v[7])
  local known = settled
  if not known then
    digest = redis.sha1hex(redis.call('GET', value))
    if digest ~= v[5] then since = now / 1000 end -- another one, though it expires almost when the last one did
    settled = same and now / 1000 - since >= 200
  end
  if digest ~= v[5] then epoch, seq = 1, seq + 1 end
  local l = lease_now()
  if epoch <= 1 and (l.foreign or not (l.expires > now and l.expires <= now + 60000000)) then
    epoch = math.max(l.epoch, now) + 1
    redis.call('HSET', lease, 'epoch', int(epoch))
    redis.call('HDEL', lease, 'failure_epoch', 'failure_seq', 'failure_cause', 'failure_count', 'failure_not_before')
  end
  if digest ~= v[5] or epoch ~= num(v[6]) or expiry > 0 and not (same and settled == known) then
    redis.call('HSET', lease, 'foreign_size', int(size), 'foreign_until', int(expiry), 'foreign_since', int(since),
      'foreign_settled', settled and '1' or '0', 'foreign_digest', digest, 'foreign_epoch', int(epoch), 'foreign_seq', int(seq))
  end
  return {epoch = epoch, seq = seq, revision = digest .. string.rep('0', 24), etag = '', fetched = 0, checked = 0, signature = '', foreign = true}
end

function entry_now()
  local size = redis.call('STRLEN', value)
  if size == 0 then return {epoch = 0, seq = 0, revision = '', etag = '', fetched = 0, checked = 0, signature = ''} end
  local m = member(size)
  if not m then return foreign(size) end
  if m.scope ~= scope then error('service key in use') end
  return {epoch = m.epoch, seq = m.seq, revision = m.revision, etag = m.etag, fetched = m.fetched, checked = m.checked,
    signature = '', from = m.from, room = m.room}
end

function pin_now() return {number = 0, revision = '', by = '', why = '', at = 0, signature = ''} end

-- The number of what another SDK has overwritten is kept: a late save from before
-- must not come back over it.
local function note(epoch, seq) redis.call('HSET', lease, 'top_epoch', epoch, 'top_seq', seq) end

function put(epoch, seq, _, _, _, _, _, document)
  if E.foreign then
    local top = redis.call('HMGET', lease, 'top_epoch', 'top_seq')
    if newer(num(top[1]), num(top[2]), num(epoch), num(seq)) then return false end
  end
  redis.call('SET', value, document)
  -- Should the other SDK store the same again, it is a later one: flags are reverted.
  redis.call('HDEL', lease, 'disowned', 'foreign_settled', 'foreign_digest', 'foreign_epoch')
  note(epoch, seq)
  return true
end

-- touch overwrites the end of the member in place.
function touch(epoch, seq, _, _, _, _, head)
  if #head > E.room then return false end
  redis.call('SETRANGE', value, E.from, head .. string.rep(' ', E.room - #head))
  note(epoch, seq)
  return true
end

local acquire, reload = steps.acquire, steps.reload

-- Another SDK's lock is never taken. That it knows no epoch must not look like a
-- lower one, which is outbid.
function steps.acquire(token, holder, seen, ...)
  if not L.foreign then return acquire(token, holder, seen, ...) end
  redis.call('HSET', lease, 'epoch', int(math.max(L.epoch, num(seen))))
  return reply('held')
end

function steps.reload()
  if L.foreign then return reply('foreign') end
  return reload()
end

-- load answers as record does, with the document and whether it is another SDK's.
function steps.load()
  return {reply('ok'), redis.call('GET', value) or '', E.foreign and 'foreign' or ''}
end

-- disown says that the document under a member is not what the member says.
function steps.disown(revision)
  if E.revision == revision then redis.call('HSET', lease, 'disowned', revision) end
  return changed('ok')
end

return run(4)
