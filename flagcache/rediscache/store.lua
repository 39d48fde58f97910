-- The steps of a store, each atomic, on Redis's own clock.
-- KEYS: the entry, the lease, the pin, and for steps that touch them the former
-- entries. ARGV: the channel, the step, its arguments.
-- Numbers travel as decimal strings and stay below 2^53, where doubles are exact.

local entry, lease, pin = KEYS[1], KEYS[2], KEYS[3]
local channel, step = ARGV[1], ARGV[2]

local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]

local function int(n) return string.format('%.0f', n) end
local function num(v) return tonumber(v or '') or 0 end

-- The lease key also keeps the failure and the reload request, which outlive it.
local function lease_now()
  local v = redis.call('HMGET', lease, 'token', 'holder', 'epoch', 'expires',
    'failure_epoch', 'failure_seq', 'failure_cause', 'failure_count', 'failure_not_before', 'reload')
  return {token = v[1] or '', holder = v[2] or '', epoch = num(v[3]), expires = num(v[4]),
    failure_epoch = num(v[5]), failure_seq = num(v[6]), failure_cause = v[7] or '',
    failure_count = num(v[8]), failure_not_before = num(v[9]), reload = num(v[10])}
end

local function entry_now()
  local v = redis.call('HMGET', entry, 'epoch', 'seq', 'revision', 'etag', 'fetched', 'checked', 'signature')
  return {epoch = num(v[1]), seq = num(v[2]), revision = v[3] or '', etag = v[4] or '',
    fetched = num(v[5]), checked = num(v[6]), signature = v[7] or ''}
end

-- The number and the revision of the decision, and what people want to know of it.
local function pin_now()
  local v = redis.call('HMGET', pin, 'number', 'pinned', 'by', 'why', 'at', 'pin_signature')
  return {number = num(v[1]), revision = v[2] or '', by = v[3] or '', why = v[4] or '', at = num(v[5]), signature = v[6] or ''}
end

local L, E = lease_now(), entry_now()

local function reply(code)
  local l, e, p = lease_now(), entry_now(), pin_now()
  return {code, int(now), l.holder, int(l.epoch), int(l.expires),
    int(e.epoch), int(e.seq), e.revision, e.etag, int(e.fetched), int(e.checked), e.signature,
    int(l.failure_epoch), int(l.failure_seq), l.failure_cause, int(l.failure_count), int(l.failure_not_before),
    int(l.reload), int(p.number), p.revision, p.by, p.why, int(p.at), p.signature}
end

local function changed(code)
  redis.call('PUBLISH', channel, step)
  return reply(code)
end

-- A lease that would run for more than a minute was granted before the clock
-- was set back.
local function live() return L.expires > now and L.expires <= now + 60000000 end

local function holds(token, epoch)
  return token ~= '' and L.token == token and L.epoch == num(epoch) and live()
end

-- newer compares (epoch, seq) pairs.
local function newer(epoch, seq, than_epoch, than_seq)
  return epoch > than_epoch or epoch == than_epoch and seq > than_seq
end

-- admit says why a write of this observation is not to be made; nil if it is.
local function admit(token, claimed, epoch, seq, revision)
  if not holds(token, claimed) then return 'not held' end
  epoch, seq = num(epoch), num(seq)
  if epoch == E.epoch and seq == E.seq and revision == E.revision then return 'ok' end
  if epoch ~= num(claimed) or not newer(epoch, seq, E.epoch, E.seq) then return 'stale' end
end

local function forgive(epoch, seq)
  if not newer(L.failure_epoch, L.failure_seq, num(epoch), num(seq)) then
    redis.call('HDEL', lease, 'failure_epoch', 'failure_seq', 'failure_cause', 'failure_count', 'failure_not_before')
  end
end

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

local steps = {}

function steps.record() return reply('ok') end

function steps.acquire(token, holder, seen, salt, ttl)
  if live() and L.token ~= token and L.epoch >= num(seen) then return reply('held') end
  local epoch = math.max(L.epoch, E.epoch, num(seen), now) + 1 + num(salt)
  redis.call('HSET', lease, 'token', token, 'holder', holder, 'epoch', int(epoch), 'expires', int(now + num(ttl)))
  return changed('ok')
end

function steps.renew(token, epoch, ttl)
  if not holds(token, epoch) then return reply('not held') end
  redis.call('HSET', lease, 'expires', int(now + num(ttl)))
  return reply('ok')
end

function steps.release(token, epoch)
  if num(epoch) == 0 then epoch = L.epoch end
  if not holds(token, epoch) then return reply('not held') end
  redis.call('HDEL', lease, 'token', 'expires')
  return changed('ok')
end

function steps.save(token, claimed, epoch, seq, revision, etag, fetched, checked, signature, schema, project, host, body)
  local refusal = admit(token, claimed, epoch, seq, revision)
  if refusal then return reply(refusal) end
  replace(revision)
  redis.call('HSET', entry, 'epoch', epoch, 'seq', seq, 'revision', revision, 'etag', etag,
    'fetched', fetched, 'checked', checked, 'signature', signature, 'schema', schema, 'project', project, 'host', host, 'body', body)
  forgive(epoch, seq)
  return changed('ok')
end

function steps.confirm(token, claimed, epoch, seq, revision, etag, fetched, checked, signature)
  local refusal = admit(token, claimed, epoch, seq, revision)
  if refusal then return reply(refusal) end
  if E.epoch == 0 or E.revision ~= revision then return reply('body needed') end
  redis.call('HSET', entry, 'epoch', epoch, 'seq', seq, 'etag', etag, 'fetched', fetched, 'checked', checked, 'signature', signature)
  forgive(epoch, seq)
  return changed('ok')
end

function steps.fail(token, claimed, epoch, seq, cause, count, not_before)
  if not holds(token, claimed) then return reply('not held') end
  local e, s = num(epoch), num(seq)
  if not newer(e, s, E.epoch, E.seq) or newer(L.failure_epoch, L.failure_seq, e, s) then return reply('stale') end
  redis.call('HSET', lease, 'failure_epoch', epoch, 'failure_seq', seq, 'failure_cause', cause,
    'failure_count', count, 'failure_not_before', not_before)
  return changed('ok')
end

function steps.reload()
  redis.call('HSET', lease, 'reload', int(now))
  return changed('ok')
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

return steps[step](unpack(ARGV, 3))
