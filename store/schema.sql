-- A site's replica: the log, and what this device is. What is folded from the log stands in folded.sql.

CREATE TABLE identity (
    only          INTEGER PRIMARY KEY CHECK (only = 1),
    device        BLOB NOT NULL CHECK (length(device) = 16),
    incarnation   INTEGER NOT NULL,
    stream        BLOB NOT NULL CHECK (length(stream) = 16),
    organisation  BLOB NOT NULL CHECK (length(organisation) = 16),
    endpoint      TEXT NOT NULL,
    site_name     TEXT NOT NULL,
    key           BLOB NOT NULL,             -- PKCS#8; readable only through the vault
    certificate   BLOB NOT NULL,
    ca            BLOB NOT NULL
) STRICT;

-- The key of an enrolment that has not ended, for another try with the same code, of which a hash is kept.
CREATE TABLE enrolment_try (
    only  INTEGER PRIMARY KEY CHECK (only = 1),
    code  BLOB NOT NULL CHECK (length(code) = 32),
    key   BLOB NOT NULL,                     -- PKCS#8; readable only through the vault
    pin   BLOB NOT NULL CHECK (length(pin) = 10) -- of the authority, from the code: for an answer that comes by file
) STRICT;

-- Who writes: one row a device's incarnation, with the newest link of its chain and the newest one it signed.
CREATE TABLE author (
    id           INTEGER PRIMARY KEY,        -- local number; never leaves this replica
    device       BLOB NOT NULL CHECK (length(device) = 16),
    incarnation  INTEGER NOT NULL,
    writer       INTEGER NOT NULL CHECK (writer IN (1, 2)), -- 1 organisation, 2 centre
    certificate  BLOB NOT NULL,
    newest_seq   INTEGER NOT NULL,
    newest_link  BLOB NOT NULL CHECK (length(newest_link) = 32),
    signed_seq   INTEGER NOT NULL DEFAULT 0,
    signature    BLOB,
    centre_seq   INTEGER NOT NULL DEFAULT 0, -- so far the centre's stream, read from its beginning, gave it
    tree_seq     INTEGER NOT NULL DEFAULT 0, -- its ops up to here stand in the centre's tree at positions up to the cursor
    newest_hlc   INTEGER NOT NULL DEFAULT 0, -- this replica's logical clock when the row was last written: no time after it was given out
    UNIQUE (device, incarnation)
) STRICT;

-- Of others, lacking at the centre, given back to it and not taken from there.
CREATE TABLE declined (
    author  INTEGER PRIMARY KEY,
    seq     INTEGER NOT NULL,                -- the first that was not taken
    reason  TEXT NOT NULL,
    at      INTEGER NOT NULL
) STRICT;

-- Every signature over a link that this replica took or made: between an op and the next of them lie few others.
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

-- The log. id = author << 40 | seq. salt NULL: from the block's seed. body NULL: erased.
-- Guard rails 3 and 5: what only the centre may write (appointments 8, decisions 9, programme packs 29) and what only the organisation may write
-- (placements 4 to capacity 7, reviews 11 to doubts 27 but for messages 20) cannot stand in the log unless it is quarantined; volunteers have no kind at all.
-- Its CHECK has no list of three or more kinds: SQLite would make a table of one for each row.
CREATE TABLE op (
    id           INTEGER PRIMARY KEY,
    kind         INTEGER NOT NULL,
    writer       INTEGER NOT NULL,
    subject      BLOB NOT NULL,
    header       BLOB NOT NULL,
    salt         BLOB,
    body         BLOB,
    quarantine   TEXT,
    received_at  INTEGER NOT NULL,
    CHECK (quarantine IS NOT NULL OR (writer = 2 AND kind NOT BETWEEN 4 AND 7 AND kind NOT BETWEEN 11 AND 19 AND kind NOT BETWEEN 21 AND 27)
           OR (writer = 1 AND kind NOT BETWEEN 8 AND 9 AND kind <> 29))
) STRICT;
CREATE INDEX op_subject ON op (subject) WHERE kind <> 5;
CREATE INDEX op_quarantined ON op (id) WHERE quarantine IS NOT NULL;

-- A branch of a device's history whose place another one took: it is evidence and stays as it was. This device's own are issued
-- again at once; those of others only give way when a person has accepted the centre's history.
CREATE TABLE fork (
    id             INTEGER PRIMARY KEY,
    author         INTEGER NOT NULL,
    first_seq      INTEGER NOT NULL,
    last_seq       INTEGER NOT NULL,
    before_link    BLOB NOT NULL CHECK (length(before_link) = 32),
    last_link      BLOB NOT NULL CHECK (length(last_link) = 32),
    signed_seq     INTEGER NOT NULL,         -- 0: nothing of the branch was signed
    signature      BLOB,
    noticed_at     INTEGER NOT NULL
) STRICT;

-- Issued again: as op issued_seq of this device's issued_incarnation. NULL: not, it was another device's.
CREATE TABLE forked_op (
    fork                INTEGER NOT NULL REFERENCES fork (id),
    seq                 INTEGER NOT NULL,
    header              BLOB NOT NULL,
    salt                BLOB,                -- NULL, as the body: erased
    body                BLOB,
    quarantine          TEXT,
    received_at         INTEGER NOT NULL,
    issued_incarnation  INTEGER,
    issued_seq          INTEGER,
    PRIMARY KEY (fork, seq)
) STRICT, WITHOUT ROWID;

-- Guard rail 6: evidence is append-only. A body may be erased; nothing else of an op changes, and no op goes but into a fork.
CREATE TRIGGER op_is_append_only BEFORE DELETE ON op
WHEN NOT EXISTS (SELECT 1 FROM fork f JOIN forked_op x ON x.fork = f.id AND x.seq = (OLD.id & 1099511627775)
                 WHERE f.author = OLD.id >> 40 AND x.header = OLD.header AND x.body IS OLD.body)
BEGIN SELECT RAISE(ABORT, 'evidence is append-only: a record cannot be deleted'); END;
CREATE TRIGGER op_never_changes BEFORE UPDATE OF id, kind, writer, subject, header, received_at ON op
BEGIN SELECT RAISE(ABORT, 'evidence is append-only: a record cannot be changed'); END;
CREATE TRIGGER op_body_is_only_erased BEFORE UPDATE OF body ON op WHEN NEW.body IS NOT NULL
BEGIN SELECT RAISE(ABORT, 'evidence is append-only: a body can only be erased'); END;
CREATE TRIGGER forked_op_stays BEFORE DELETE ON forked_op
BEGIN SELECT RAISE(ABORT, 'evidence is append-only: a record cannot be deleted'); END;
CREATE TRIGGER forked_op_never_changes BEFORE UPDATE OF fork, seq, header, received_at ON forked_op
BEGIN SELECT RAISE(ABORT, 'evidence is append-only: a record cannot be changed'); END;
CREATE TRIGGER forked_body_is_only_erased BEFORE UPDATE OF body ON forked_op WHEN NEW.body IS NOT NULL
BEGIN SELECT RAISE(ABORT, 'evidence is append-only: a body can only be erased'); END;
CREATE TRIGGER fork_stays BEFORE DELETE ON fork
BEGIN SELECT RAISE(ABORT, 'evidence is append-only: a branch cannot be deleted'); END;

-- Who had this replica take the centre's branches in place of its own, and when that was done with.
CREATE TABLE history_accepted (
    id        INTEGER PRIMARY KEY,
    actor     TEXT NOT NULL,
    at        INTEGER NOT NULL,
    ended_at  INTEGER                        -- NULL: the stream is being read from its beginning
) STRICT;
CREATE TRIGGER history_accepted_stays BEFORE DELETE ON history_accepted
BEGIN SELECT RAISE(ABORT, 'evidence is append-only: who accepted a history cannot be deleted'); END;

-- This device's own chains, of which the centre holds so much. New ops are made in the identity's; the others are retired.
CREATE TABLE own_chain (
    author       INTEGER PRIMARY KEY,
    acked_seq    INTEGER NOT NULL,
    acked_link   BLOB,
    asks         INTEGER NOT NULL            -- 1: to be compared with what the centre holds, whether or not there is anything to send
) STRICT;

-- What the centre said it holds of an own chain, in its own signature: the first time that it said so of each link. Evidence that
-- stays: of a branch that was set aside too (fork; 0: of the chain as it is).
CREATE TABLE receipt (
    author       INTEGER NOT NULL,
    fork         INTEGER NOT NULL,
    seq          INTEGER NOT NULL,
    at           INTEGER NOT NULL,           -- by the centre's clock
    signature    BLOB NOT NULL,
    certificate  INTEGER NOT NULL REFERENCES receipt_certificate (id),
    PRIMARY KEY (author, fork, seq)
) STRICT, WITHOUT ROWID;
CREATE TABLE receipt_certificate (id INTEGER PRIMARY KEY, certificate BLOB NOT NULL UNIQUE) STRICT;
CREATE TRIGGER receipt_stays BEFORE DELETE ON receipt
BEGIN SELECT RAISE(ABORT, 'evidence is append-only: a receipt cannot be deleted'); END;
CREATE TRIGGER receipt_never_changes BEFORE UPDATE OF author, seq, at, signature, certificate ON receipt
BEGIN SELECT RAISE(ABORT, 'evidence is append-only: a receipt cannot be changed'); END;
CREATE TRIGGER receipt_certificate_stays BEFORE DELETE ON receipt_certificate
BEGIN SELECT RAISE(ABORT, 'evidence is append-only: a certificate cannot be deleted'); END;

CREATE TABLE sync_state (
    only           INTEGER PRIMARY KEY CHECK (only = 1),
    cursor         INTEGER NOT NULL,
    clock_offset   INTEGER,                  -- ms, NULL: never measured
    dirty_site     INTEGER NOT NULL,
    refold         INTEGER NOT NULL DEFAULT 0, -- the folded tables are not there, or of an older schema: make them
    settled        INTEGER NOT NULL DEFAULT 0, -- the whole stream was held at once since this copy was last found to be older
    older_copy_at  INTEGER,                  -- when it was last found to be older, and what came of it
    came_back      INTEGER NOT NULL DEFAULT 0,
    issued_again   INTEGER NOT NULL DEFAULT 0,
    twin_at        INTEGER,                  -- when something last came that another machine made as this device
    twin_ops       INTEGER NOT NULL DEFAULT 0,
    stale_at       INTEGER,                  -- when the centre last said that it had seen newer files of this device
    tree           BLOB NOT NULL DEFAULT x'', -- peaks of the Merkle tree over the headers at positions 1 to cursor
    tree_differs   INTEGER NOT NULL DEFAULT 0, -- 1: where it had the size of the verified checkpoint, it had another root
    heard_at       INTEGER NOT NULL DEFAULT 0, -- the newest word of the centre, by its clock: an older one may still come, on a stick
    scrub          INTEGER NOT NULL DEFAULT 0, -- bodies were erased since the file was last made anew
    rules          INTEGER NOT NULL DEFAULT 0, -- of record_admit, by which what is set aside was last judged
    read_to_end    INTEGER NOT NULL DEFAULT 0, -- 1: the stream was read to its end since position 0: what it did not give, the centre lacks
    assertions_most INTEGER NOT NULL DEFAULT 0, -- no session has more rows in attendance; it may have had
    folded_by      TEXT NOT NULL DEFAULT ''  -- SHA-256 of the programme pack by which the folded tables were made
) STRICT;
INSERT INTO sync_state (only, cursor, dirty_site, refold) VALUES (1, 0, 1, 1);

-- Exchange by files: the centre's certificate, to seal to it, and when one was last written and taken.
CREATE TABLE bundle_state (
    only         INTEGER PRIMARY KEY CHECK (only = 1),
    certificate  BLOB,                         -- DER; NULL: nothing was heard of the centre yet
    written_at   INTEGER,
    taken_at     INTEGER,
    made_at      INTEGER,                      -- of the one taken last, by the centre's clock
    authority    BLOB                          -- that issues now, as the newest one said: the first 8 bytes of its hash; NULL: the device's own
) STRICT;
INSERT INTO bundle_state (only) VALUES (1);

-- The order of the stream: ops first_seq and on of an author stand at consecutive positions from first_position on.
CREATE TABLE tree_run (
    first_position  INTEGER PRIMARY KEY,
    author          INTEGER NOT NULL,
    first_seq       INTEGER NOT NULL,
    count           INTEGER NOT NULL
) STRICT;
CREATE INDEX tree_run_author ON tree_run (author, first_seq);

-- Every key that a centre signed checkpoints with, and the certificate that vouches for it: evidence is checked years later.
CREATE TABLE checkpoint_key (
    id           INTEGER PRIMARY KEY,
    key          BLOB NOT NULL CHECK (length(key) = 32),
    vouch        BLOB NOT NULL,
    certificate  BLOB NOT NULL,
    accepted_at  INTEGER NOT NULL,
    UNIQUE (key, certificate)
) STRICT;

-- The newest checkpoint of the centre that fits what is held here.
CREATE TABLE checkpoint (
    only         INTEGER PRIMARY KEY CHECK (only = 1),
    size         INTEGER NOT NULL,
    root         BLOB NOT NULL CHECK (length(root) = 32),
    signature    BLOB NOT NULL CHECK (length(signature) = 64),
    key          INTEGER NOT NULL REFERENCES checkpoint_key (id),
    verified_at  INTEGER NOT NULL
) STRICT;

-- Two checkpoints that the centre signed and of which one does not continue the other. held_size 0: it gave something else than it signed.
CREATE TABLE centre_violation (
    id               INTEGER PRIMARY KEY,
    noticed_at       INTEGER NOT NULL,
    held_size        INTEGER NOT NULL,
    held_root        BLOB NOT NULL,
    held_signature   BLOB NOT NULL,
    held_key         INTEGER,
    held_at          INTEGER,
    told_size        INTEGER NOT NULL,
    told_root        BLOB NOT NULL,
    told_signature   BLOB NOT NULL,
    told_key         INTEGER NOT NULL,
    brought          INTEGER NOT NULL DEFAULT 0, -- 1: a person brought the second one
    acknowledged_at  INTEGER,                    -- NULL again when it is noticed again
    UNIQUE (held_size, held_root, told_size, told_root)
) STRICT;
CREATE TRIGGER violation_stays BEFORE DELETE ON centre_violation
BEGIN SELECT RAISE(ABORT, 'evidence is append-only: a violation cannot be deleted'); END;
CREATE TRIGGER violation_never_changes
BEFORE UPDATE OF id, noticed_at, held_size, held_root, held_signature, held_key, held_at, told_size, told_root, told_signature, told_key, brought
ON centre_violation
BEGIN SELECT RAISE(ABORT, 'evidence is append-only: a violation cannot be changed'); END;
CREATE TABLE violation_acknowledged (
    id         INTEGER PRIMARY KEY,
    violation  INTEGER NOT NULL REFERENCES centre_violation (id),
    actor      TEXT NOT NULL,
    at         INTEGER NOT NULL
) STRICT;
CREATE TRIGGER acknowledgement_stays BEFORE DELETE ON violation_acknowledged
BEGIN SELECT RAISE(ABORT, 'evidence is append-only: an acknowledgement cannot be deleted'); END;
CREATE TRIGGER acknowledgement_never_changes BEFORE UPDATE ON violation_acknowledged
BEGIN SELECT RAISE(ABORT, 'evidence is append-only: an acknowledgement cannot be changed'); END;
CREATE TRIGGER checkpoint_key_stays BEFORE DELETE ON checkpoint_key
BEGIN SELECT RAISE(ABORT, 'evidence is append-only: a key cannot be deleted'); END;

CREATE TABLE dirty_placement (placement BLOB PRIMARY KEY) STRICT, WITHOUT ROWID;

-- Messages of the centre that somebody looked at on this machine.
CREATE TABLE message_seen (id BLOB PRIMARY KEY) STRICT, WITHOUT ROWID;

-- Raised by the rules; a cleared one stays as history.
CREATE TABLE flag (
    id           INTEGER PRIMARY KEY,
    key          TEXT NOT NULL,
    code         TEXT NOT NULL,
    severity     INTEGER NOT NULL,
    subject      INTEGER NOT NULL,
    subject_ref  TEXT NOT NULL,
    subject_id   BLOB NOT NULL,
    since        INTEGER NOT NULL,
    facts        TEXT NOT NULL,
    next_step    TEXT NOT NULL,
    rule         TEXT NOT NULL,
    raised_at    INTEGER NOT NULL,
    cleared_at   INTEGER
) STRICT;
CREATE UNIQUE INDEX flag_standing ON flag (key) WHERE cleared_at IS NULL;
CREATE INDEX flag_of_subject ON flag (subject_id) WHERE cleared_at IS NULL;
CREATE INDEX flag_of_site ON flag (subject) WHERE cleared_at IS NULL AND subject IN (0, 3); -- no placement's

-- ---- of this machine alone: never in the log, so never exchanged; a rebuild leaves them as they are ----

-- Guard rail 3: the charity's own volunteers. name_key is the name as it is compared (store/volunteers.c).
CREATE TABLE volunteer (
    id           INTEGER PRIMARY KEY,
    ref          TEXT NOT NULL UNIQUE,
    name         TEXT NOT NULL,
    name_key     TEXT NOT NULL,
    participant  BLOB,                       -- the same person, as somebody entered it
    place        TEXT NOT NULL,
    note         TEXT NOT NULL,
    starts_on    INTEGER,
    ends_on      INTEGER,
    said_by      TEXT NOT NULL,
    said_at      INTEGER NOT NULL
) STRICT;
CREATE INDEX volunteer_name ON volunteer (name_key);
CREATE INDEX volunteer_participant ON volunteer (participant) WHERE participant IS NOT NULL;

CREATE TABLE volunteer_shift (
    volunteer       INTEGER NOT NULL REFERENCES volunteer (id),
    day             INTEGER NOT NULL,
    starts_min      INTEGER NOT NULL,
    ends_min        INTEGER NOT NULL,
    worked_minutes  INTEGER,                 -- NULL: not said yet
    place           TEXT NOT NULL,           -- '': the volunteer's
    what            TEXT NOT NULL,
    said_by         TEXT NOT NULL,
    said_at         INTEGER NOT NULL,
    PRIMARY KEY (volunteer, day, starts_min)
) STRICT, WITHOUT ROWID;
CREATE INDEX volunteer_shift_day ON volunteer_shift (day);

-- What somebody found who looked into a flag that rests on volunteers (store/kept_reviews.h). body: as that of a flag_review.
-- hlc: an erasure with a greater one takes it.
CREATE TABLE kept_review (
    number         INTEGER PRIMARY KEY,
    id             BLOB NOT NULL,
    flag           TEXT NOT NULL,
    placement      BLOB NOT NULL,
    outcome        TEXT NOT NULL,
    look_again_on  INTEGER,
    body           BLOB NOT NULL,
    hlc            INTEGER NOT NULL,
    said_by        TEXT NOT NULL,
    said_at        INTEGER NOT NULL
) STRICT;

-- Who works with this machine (store/people.h). hash: what scrypt makes of the passphrase; NULL: the user of the system is enough.
CREATE TABLE person (
    id       INTEGER PRIMARY KEY,
    name     TEXT NOT NULL UNIQUE CHECK (length(name) > 0),
    roles    INTEGER NOT NULL CHECK (roles BETWEEN 1 AND 31),
    os_user  TEXT UNIQUE,
    salt     BLOB,
    log2n    INTEGER,
    r        INTEGER,
    p        INTEGER,
    hash     BLOB CHECK (hash IS NULL OR length(hash) = 32),
    said_by  TEXT NOT NULL,
    said_at  INTEGER NOT NULL
) STRICT;

-- Who read what (store/audit.h).
CREATE TABLE audit (
    id       INTEGER PRIMARY KEY,
    at       INTEGER NOT NULL,
    person   TEXT NOT NULL,
    action   TEXT NOT NULL,
    call     TEXT NOT NULL,
    kind     TEXT NOT NULL,
    subject  BLOB NOT NULL,
    about    BLOB,
    fields   TEXT NOT NULL,
    hash     BLOB NOT NULL CHECK (length(hash) = 32)
) STRICT;
CREATE INDEX audit_about ON audit (about) WHERE about IS NOT NULL;
CREATE INDEX audit_at ON audit (at);
CREATE TRIGGER audit_stays BEFORE DELETE ON audit
BEGIN SELECT RAISE(ABORT, 'the audit log is append-only: an entry cannot be deleted'); END;
CREATE TRIGGER audit_never_changes BEFORE UPDATE ON audit
BEGIN SELECT RAISE(ABORT, 'the audit log is append-only: an entry cannot be changed'); END;
