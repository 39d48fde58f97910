-- The steps of a store, each atomic, on Redis's own clock.
-- KEYS: the entry, the lease. ARGV: the channel, the step, its arguments.
-- Numbers travel as decimal strings and stay below 2^53, where doubles are exact.

local entry, lease = KEYS[1], KEYS[2]
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
  local v = redis.call('HMGET', entry, 'epoch', 'seq', 'revision', 'etag', 'fetched', 'checked')
  return {epoch = num(v[1]), seq = num(v[2]), revision = v[3] or '', etag = v[4] or '',
    fetched = num(v[5]), checked = num(v[6])}
end

local L, E = lease_now(), entry_now()

local function reply(code)
  local l, e = lease_now(), entry_now()
  return {code, int(now), l.holder, int(l.epoch), int(l.expires),
    int(e.epoch), int(e.seq), e.revision, e.etag, int(e.fetched), int(e.checked),
    int(l.failure_epoch), int(l.failure_seq), l.failure_cause, int(l.failure_count), int(l.failure_not_before),
    int(l.reload)}
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

function steps.save(token, claimed, epoch, seq, revision, etag, fetched, checked, schema, project, host, body)
  local refusal = admit(token, claimed, epoch, seq, revision)
  if refusal then return reply(refusal) end
  redis.call('HSET', entry, 'epoch', epoch, 'seq', seq, 'revision', revision, 'etag', etag,
    'fetched', fetched, 'checked', checked, 'schema', schema, 'project', project, 'host', host, 'body', body)
  forgive(epoch, seq)
  return changed('ok')
end

function steps.confirm(token, claimed, epoch, seq, revision, etag, fetched, checked)
  local refusal = admit(token, claimed, epoch, seq, revision)
  if refusal then return reply(refusal) end
  if E.epoch == 0 or E.revision ~= revision then return reply('body needed') end
  redis.call('HSET', entry, 'epoch', epoch, 'seq', seq, 'etag', etag, 'fetched', fetched, 'checked', checked)
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

return steps[step](unpack(ARGV, 3))
