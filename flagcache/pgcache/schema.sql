-- One row for each scope. The lease is written every 3 seconds, the document
-- only when it changed: unchanged, it stays where it is out of line.
CREATE TABLE IF NOT EXISTS hogflags_definitions (
    scope              text PRIMARY KEY,
    token              text NOT NULL DEFAULT '',
    holder             text NOT NULL DEFAULT '',
    lease_epoch        bigint NOT NULL DEFAULT 0,
    lease_expires      timestamptz,
    epoch              bigint NOT NULL DEFAULT 0,
    seq                bigint NOT NULL DEFAULT 0,
    revision           bytea,
    etag               text NOT NULL DEFAULT '',
    fetched            timestamptz,
    checked            timestamptz,
    schema             integer NOT NULL DEFAULT 0,
    project            text NOT NULL DEFAULT '',
    host               text NOT NULL DEFAULT '',
    body               bytea,
    failure_epoch      bigint NOT NULL DEFAULT 0,
    failure_seq        bigint NOT NULL DEFAULT 0,
    failure_cause      text NOT NULL DEFAULT '',
    failure_count      integer NOT NULL DEFAULT 0,
    failure_not_before timestamptz,
    reload             timestamptz
) WITH (fillfactor = 50, autovacuum_vacuum_threshold = 1000);

ALTER TABLE hogflags_definitions ALTER COLUMN body SET STORAGE EXTERNAL;
