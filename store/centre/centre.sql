-- The centre's database: who may take part, and each site's log in the order it arrived.

-- The authority's, the signing and the server's keys and certificates; readable only through the vault.
CREATE TABLE material (name TEXT PRIMARY KEY, value BLOB NOT NULL) STRICT, WITHOUT ROWID;

CREATE TABLE organisation (
    id          INTEGER PRIMARY KEY,
    public_id   BLOB NOT NULL UNIQUE CHECK (length(public_id) = 16),
    name        TEXT NOT NULL UNIQUE,
    created_at  INTEGER NOT NULL
) STRICT;

CREATE TABLE site (
    id            INTEGER PRIMARY KEY,
    stream        BLOB NOT NULL UNIQUE CHECK (length(stream) = 16),
    organisation  INTEGER NOT NULL REFERENCES organisation (id),
    name          TEXT NOT NULL,
    head          INTEGER NOT NULL DEFAULT 0,      -- the newest position
    newest_hlc    INTEGER NOT NULL DEFAULT 0,
    created_at    INTEGER NOT NULL,
    tree          BLOB NOT NULL DEFAULT x'',       -- peaks of the Merkle tree over the headers at positions 1 to head
    attendance_read  INTEGER NOT NULL DEFAULT 0,   -- up to this position attendance_of holds what there is
    UNIQUE (organisation, name)
) STRICT;

-- A one-time code: only a hash of its secret is kept.
CREATE TABLE enrolment_code (
    hash        BLOB PRIMARY KEY CHECK (length(hash) = 32),
    site        INTEGER NOT NULL REFERENCES site (id),
    label       TEXT NOT NULL,                     -- the operator's name for the device to come
    created_at  INTEGER NOT NULL,
    expires_at  INTEGER NOT NULL,
    used_at     INTEGER,
    device      BLOB
) STRICT, WITHOUT ROWID;

CREATE TABLE device (
    id            INTEGER PRIMARY KEY,
    device        BLOB NOT NULL UNIQUE CHECK (length(device) = 16),
    site          INTEGER NOT NULL REFERENCES site (id),
    label         TEXT NOT NULL,
    certificate   BLOB NOT NULL,
    valid_until   INTEGER NOT NULL,
    enrolled_at   INTEGER NOT NULL,
    last_seen_at  INTEGER,
    revoked_at    INTEGER
) STRICT;
CREATE INDEX device_site ON device (site);

-- Who wrote in a site's log: one row a device's incarnation, the centre's own among them.
CREATE TABLE author (
    id           INTEGER PRIMARY KEY,
    site         INTEGER NOT NULL REFERENCES site (id),
    device       BLOB NOT NULL CHECK (length(device) = 16),
    incarnation  INTEGER NOT NULL,
    writer       INTEGER NOT NULL CHECK (writer IN (1, 2)), -- 1 organisation, 2 centre
    certificate  BLOB NOT NULL,
    newest_seq   INTEGER NOT NULL,
    newest_link  BLOB NOT NULL CHECK (length(newest_link) = 32),
    UNIQUE (site, device, incarnation)
) STRICT;

-- A site's log. id = site << 40 | position. salt NULL: from the block's seed. body NULL: erased.
CREATE TABLE op (
    id           INTEGER PRIMARY KEY,
    author       INTEGER NOT NULL,
    seq          INTEGER NOT NULL,
    kind         INTEGER NOT NULL,
    writer       INTEGER NOT NULL,
    header       BLOB NOT NULL,
    salt         BLOB,
    body         BLOB,
    quarantine   TEXT,
    received_at  INTEGER NOT NULL,
    -- guard rails 3 and 5, as in a site's own replica: what only one side may write (store/record_kinds.c)
    CHECK (quarantine IS NOT NULL OR (writer = 2 AND kind NOT BETWEEN 4 AND 7 AND kind NOT BETWEEN 11 AND 19 AND kind NOT BETWEEN 21 AND 27)
           OR (writer = 1 AND kind NOT BETWEEN 8 AND 9 AND kind <> 29))
) STRICT;
CREATE INDEX op_quarantined ON op (author, seq) WHERE quarantine IS NOT NULL;
CREATE INDEX op_kind ON op (kind) WHERE kind <> 5; -- all but attendance, which is nearly all of a log

-- The assertions about a placement's sessions. Made when somebody asks for a site's doubts, or erases there, and of such sites alone:
-- taking a record pays nothing for it.
CREATE TABLE attendance_of (
    placement  BLOB NOT NULL CHECK (length(placement) = 16),
    op         INTEGER NOT NULL,
    PRIMARY KEY (placement, op)
) STRICT, WITHOUT ROWID;

-- Ops first_seq to last_seq of an author stand at consecutive ids from first_op on: where a seq is, without an index row an op.
CREATE TABLE run (
    author     INTEGER NOT NULL,
    first_seq  INTEGER NOT NULL,
    last_seq   INTEGER NOT NULL,
    first_op   INTEGER NOT NULL,
    PRIMARY KEY (author, first_seq)
) STRICT, WITHOUT ROWID;

-- Each link that an author signed: one signature covers every op before it.
CREATE TABLE signed_link (
    author     INTEGER NOT NULL,
    seq        INTEGER NOT NULL,
    signature  BLOB NOT NULL,
    PRIMARY KEY (author, seq)
) STRICT, WITHOUT ROWID;

CREATE TABLE salt_seed (
    author  INTEGER NOT NULL,
    block   INTEGER NOT NULL,
    seed    BLOB NOT NULL CHECK (length(seed) = 16),
    PRIMARY KEY (author, block)
) STRICT, WITHOUT ROWID;

-- How new the files are that a device was last seen to record with, for each of its incarnations.
CREATE TABLE freshness (
    device       BLOB NOT NULL CHECK (length(device) = 16),
    incarnation  INTEGER NOT NULL,
    counter      INTEGER NOT NULL,
    hash         BLOB NOT NULL CHECK (length(hash) = 8),
    PRIMARY KEY (device, incarnation)
) STRICT, WITHOUT ROWID;

-- Logical times too far ahead to pull a site's clock along: the centre's own records about the same subject come after them.
CREATE TABLE hlc_ahead (
    site     INTEGER NOT NULL,
    kind     INTEGER NOT NULL,
    subject  BLOB NOT NULL,
    hlc      INTEGER NOT NULL,
    PRIMARY KEY (site, kind, subject)
) STRICT, WITHOUT ROWID;

-- What the bundle of a device that was taken last asked, for each of its incarnations: the next bundle for it answers that.
CREATE TABLE bundle_question (
    device       INTEGER NOT NULL REFERENCES device (id),
    incarnation  INTEGER NOT NULL,
    made_at      INTEGER NOT NULL,                  -- by the device's clock
    question     BLOB NOT NULL,                     -- a request of an exchange, without records
    PRIMARY KEY (device, incarnation)
) STRICT, WITHOUT ROWID;

-- What erasures cover (store/record.h). op: the row of the erasure; seq NULL: everything about the subject. walked: the row of op up to which
-- bodies were taken that had come before it; NULL: all of them were.
CREATE TABLE erasure (
    op INTEGER PRIMARY KEY, site INTEGER NOT NULL, subject BLOB NOT NULL, kind INTEGER NOT NULL, writer INTEGER NOT NULL,
    hlc INTEGER NOT NULL, device BLOB, incarnation INTEGER, seq INTEGER, walked INTEGER
) STRICT;
CREATE INDEX erasure_subject ON erasure (site, subject);
CREATE INDEX erasure_walked ON erasure (walked) WHERE walked IS NOT NULL;

-- Programme packs that every site gets, also one that is added later: the JSON as one zstd frame.
CREATE TABLE standing_pack (version INTEGER PRIMARY KEY, in_force_from INTEGER NOT NULL, pack BLOB NOT NULL) STRICT;

-- By which rules of record_admit what is held was last looked at.
CREATE TABLE judged (only INTEGER PRIMARY KEY CHECK (only = 1), rules INTEGER NOT NULL) STRICT;
INSERT INTO judged VALUES (1, 0);

-- What the operator has to look at: a device whose history does not fit what is held.
CREATE TABLE incident (
    id           INTEGER PRIMARY KEY,
    at           INTEGER NOT NULL,
    site         INTEGER NOT NULL,
    device       BLOB NOT NULL,
    incarnation  INTEGER NOT NULL,
    seq          INTEGER NOT NULL,
    what         TEXT NOT NULL,
    offered      BLOB                               -- the header that does not fit
) STRICT;
CREATE UNIQUE INDEX incident_once ON incident (site, device, incarnation, seq, what);

-- Guard rail 6: evidence is append-only. A body may be erased, and what was set aside may be taken after all; nothing else of an op
-- changes, and no op goes.
CREATE TRIGGER op_is_append_only BEFORE DELETE ON op
BEGIN SELECT RAISE(ABORT, 'evidence is append-only: a record cannot be deleted'); END;
CREATE TRIGGER op_never_changes
BEFORE UPDATE OF id, author, seq, kind, writer, header, received_at ON op
BEGIN SELECT RAISE(ABORT, 'evidence is append-only: a record cannot be changed'); END;
CREATE TRIGGER op_taken_stays BEFORE UPDATE OF quarantine ON op WHEN OLD.quarantine IS NULL
BEGIN SELECT RAISE(ABORT, 'evidence is append-only: a record that was taken cannot be set aside'); END;
CREATE TRIGGER op_body_is_only_erased BEFORE UPDATE OF body ON op WHEN NEW.body IS NOT NULL
BEGIN SELECT RAISE(ABORT, 'evidence is append-only: a body can only be erased'); END;
CREATE TRIGGER signed_link_stays BEFORE DELETE ON signed_link
BEGIN SELECT RAISE(ABORT, 'evidence is append-only: a signature cannot be deleted'); END;
CREATE TRIGGER signed_link_never_changes BEFORE UPDATE ON signed_link
BEGIN SELECT RAISE(ABORT, 'evidence is append-only: a signature cannot be changed'); END;
CREATE TRIGGER run_stays BEFORE DELETE ON run
BEGIN SELECT RAISE(ABORT, 'evidence is append-only: a run cannot be deleted'); END;
CREATE TRIGGER code_is_used_once BEFORE UPDATE OF used_at ON enrolment_code WHEN OLD.used_at IS NOT NULL
BEGIN SELECT RAISE(ABORT, 'an enrolment code is used once'); END;
