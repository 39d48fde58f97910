-- The steps of a store, each atomic, on Redis's own clock. A layout follows, which
-- says where things are kept, and runs the step.
-- ARGV: the channel, the step, and what the layout takes.
-- Numbers travel as decimal strings and stay below 2^53, where doubles are exact.

local channel, step = ARGV[1], ARGV[2]

local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]

local function int(n) return string.format('%.0f', n) end
local function num(v) return tonumber(v or '') or 0 end

-- What a layout defines.
local lease                     -- the hash of the lease, the failure and the reload request, which outlive it
local lease_now, entry_now      -- what is there
local pin_now                   -- the decision about what is served
local grant, prolong, free      -- the lease
local put                       -- the document and its head; false if it is older than what was there once
local touch                     -- the head alone; false if the layout has no room for it

local L, E                      -- lease and entry as the step found them

-- kept is what the hash has.
local function kept()
  local v = redis.call('HMGET', lease, 'token', 'holder', 'epoch', 'expires',
    'failure_epoch', 'failure_seq', 'failure_cause', 'failure_count', 'failure_not_before', 'reload')
  return {token = v[1] or '', holder = v[2] or '', epoch = num(v[3]), expires = num(v[4]),
    failure_epoch = num(v[5]), failure_seq = num(v[6]), failure_cause = v[7] or '',
    failure_count = num(v[8]), failure_not_before = num(v[9]), reload = num(v[10])}
end

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

local steps = {}

function steps.record() return reply('ok') end

function steps.acquire(token, holder, seen, salt, ttl)
  if live() and L.token ~= token and L.epoch >= num(seen) then return reply('held') end
  local epoch = math.max(L.epoch, E.epoch, num(seen), now) + 1 + num(salt)
  grant(token, holder, int(epoch), int(now + num(ttl)))
  return changed('ok')
end

function steps.renew(token, epoch, ttl)
  if not holds(token, epoch) then return reply('not held') end
  prolong(int(now + num(ttl)))
  return reply('ok')
end

function steps.release(token, epoch)
  if num(epoch) == 0 then epoch = L.epoch end
  if not holds(token, epoch) then return reply('not held') end
  free()
  return changed('ok')
end

function steps.save(token, claimed, epoch, seq, revision, ...)
  local refusal = admit(token, claimed, epoch, seq, revision)
  if refusal then return reply(refusal) end
  if not put(epoch, seq, revision, ...) then return reply('stale') end
  forgive(epoch, seq)
  return changed('ok')
end

function steps.confirm(token, claimed, epoch, seq, revision, ...)
  local refusal = admit(token, claimed, epoch, seq, revision)
  if refusal then return reply(refusal) end
  if E.epoch == 0 or E.revision ~= revision or not touch(epoch, seq, ...) then return reply('body needed') end
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

-- run takes the step with the arguments from there on.
local function run(first)
  E = entry_now()
  L = lease_now()
  return steps[step](unpack(ARGV, first))
end
