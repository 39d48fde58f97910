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
    signature          text NOT NULL DEFAULT '',
    schema             integer NOT NULL DEFAULT 0,
    project            text NOT NULL DEFAULT '',
    host               text NOT NULL DEFAULT '',
    body               bytea,
    failure_epoch      bigint NOT NULL DEFAULT 0,
    failure_seq        bigint NOT NULL DEFAULT 0,
    failure_cause      text NOT NULL DEFAULT '',
    failure_count      integer NOT NULL DEFAULT 0,
    failure_not_before timestamptz,
    reload             timestamptz,
    pin_number         bigint NOT NULL DEFAULT 0,
    pin_revision       bytea,
    pin_by             text NOT NULL DEFAULT '',
    pin_why            text NOT NULL DEFAULT '',
    pin_at             timestamptz,
    pin_signature      text NOT NULL DEFAULT ''
) WITH (fillfactor = 50, autovacuum_vacuum_threshold = 1000);

ALTER TABLE hogflags_definitions ALTER COLUMN body SET STORAGE EXTERNAL;

-- Documents beside the current one: the pinned one, and those that were current.
CREATE TABLE IF NOT EXISTS hogflags_documents (
    scope     text NOT NULL REFERENCES hogflags_definitions ON DELETE CASCADE,
    pinned    boolean NOT NULL,
    revision  bytea NOT NULL,
    epoch     bigint NOT NULL,
    seq       bigint NOT NULL,
    etag      text NOT NULL,
    fetched   timestamptz,
    checked   timestamptz,
    signature text NOT NULL,
    schema    integer NOT NULL,
    project   text NOT NULL,
    host      text NOT NULL,
    body      bytea NOT NULL,
    replaced  timestamptz,
    PRIMARY KEY (scope, pinned, revision)
);

ALTER TABLE hogflags_documents ALTER COLUMN body SET STORAGE EXTERNAL;
