-- The layout of hogflags's own.
-- KEYS: the entry, the lease, the pin, and for steps that touch them the former
-- entries. ARGV from 3: the arguments of the step.

local entry, pin = KEYS[1], KEYS[3]
lease = KEYS[2]

lease_now = kept

function entry_now()
  local v = redis.call('HMGET', entry, 'epoch', 'seq', 'revision', 'etag', 'fetched', 'checked', 'signature')
  return {epoch = num(v[1]), seq = num(v[2]), revision = v[3] or '', etag = v[4] or '',
    fetched = num(v[5]), checked = num(v[6]), signature = v[7] or ''}
end

-- The number and the revision of the decision, and what people want to know of it.
function pin_now()
  local v = redis.call('HMGET', pin, 'number', 'pinned', 'by', 'why', 'at', 'pin_signature')
  return {number = num(v[1]), revision = v[2] or '', by = v[3] or '', why = v[4] or '', at = num(v[5]), signature = v[6] or ''}
end

function grant(token, holder, epoch, expires)
  redis.call('HSET', lease, 'token', token, 'holder', holder, 'epoch', epoch, 'expires', expires)
end

function prolong(expires) redis.call('HSET', lease, 'expires', expires) end

function free() redis.call('HDEL', lease, 'token', 'expires') end

-- replace moves the entry to where a former one may be overwritten: an empty
-- place, one with the same document, else the oldest. The place of the document
-- that becomes current is emptied.
local function replace(revision)
  if E.revision == revision then return end
  local place, oldest
  for i = 4, #KEYS do
    local v = redis.call('HMGET', KEYS[i], 'revision', 'epoch', 'seq')
    local former, epoch, seq = v[1], num(v[2]), num(v[3])
    if former == revision then
      redis.call('DEL', KEYS[i])
      former, epoch, seq = false, 0, 0
    elseif former == E.revision then
      epoch, seq = -1, 0
    end
    if not oldest or newer(oldest[1], oldest[2], epoch, seq) then place, oldest = KEYS[i], {epoch, seq} end
  end
  if E.epoch ~= 0 then
    redis.call('RENAME', entry, place)
    redis.call('HSET', place, 'replaced', int(now))
  end
end

function put(epoch, seq, revision, etag, fetched, checked, signature, schema, project, host, body)
  replace(revision)
  redis.call('HSET', entry, 'epoch', epoch, 'seq', seq, 'revision', revision, 'etag', etag,
    'fetched', fetched, 'checked', checked, 'signature', signature, 'schema', schema, 'project', project, 'host', host, 'body', body)
  return true
end

function touch(epoch, seq, etag, fetched, checked, signature)
  redis.call('HSET', entry, 'epoch', epoch, 'seq', seq, 'etag', etag, 'fetched', fetched, 'checked', checked, 'signature', signature)
  return true
end

function steps.pin(number, revision, by, why, at, signature, ...)
  local p = pin_now()
  if p.number == num(number) and p.revision == revision then return reply('ok') end
  if p.number >= num(number) then return reply('stale') end
  redis.call('DEL', pin)
  redis.call('HSET', pin, 'number', number, 'pinned', revision, 'by', by, 'why', why, 'at', at, 'pin_signature', signature, ...)
  return changed('ok')
end

-- history lists the heads of the entry and of the former ones, in no order.
function steps.history()
  local list = {}
  for i = 1, #KEYS do
    if i ~= 2 and i ~= 3 then
      local v = redis.call('HMGET', KEYS[i], 'epoch', 'seq', 'revision', 'etag', 'fetched', 'checked', 'signature', 'replaced')
      for field = 1, 8 do table.insert(list, v[field] or '') end
      table.insert(list, int(redis.call('HSTRLEN', KEYS[i], 'body')))
    end
  end
  return list
end

return run(3)
