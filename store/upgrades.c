/*
 * From older tables to those of schema.sql. A step that changes what is folded sets sync_state.refold, and the tables
 * are made again from the log before anything else reads them.
 */
#include "store/replica.h"

/* Own chains of their own, branches set aside, erased assertions as heads. */
static const char from_1_to_2[] =
    "CREATE TABLE fork (id INTEGER PRIMARY KEY, author INTEGER NOT NULL, first_seq INTEGER NOT NULL, "
    "last_seq INTEGER NOT NULL, before_link BLOB NOT NULL CHECK (length(before_link) = 32), last_link BLOB NOT NULL "
    "CHECK (length(last_link) = 32), signed_seq INTEGER NOT NULL, "
    "signature BLOB, noticed_at INTEGER NOT NULL) STRICT;"
    "CREATE TABLE forked_op (fork INTEGER NOT NULL REFERENCES fork (id), seq INTEGER NOT NULL, header BLOB NOT NULL, "
    "salt BLOB, body BLOB, quarantine TEXT, received_at INTEGER NOT NULL, issued_incarnation INTEGER, "
    "issued_seq INTEGER, PRIMARY KEY (fork, seq)) "
    "STRICT, WITHOUT ROWID;"
    "DROP TRIGGER op_is_append_only;"
    "CREATE TRIGGER op_is_append_only BEFORE DELETE ON op "
    "WHEN NOT EXISTS (SELECT 1 FROM fork f JOIN forked_op x ON x.fork = f.id AND x.seq = (OLD.id & 1099511627775) "
    "WHERE f.author = OLD.id >> 40 AND x.header = OLD.header AND x.body IS OLD.body) "
    "BEGIN SELECT RAISE(ABORT, 'evidence is append-only: a record cannot be deleted'); END;"
    "CREATE TRIGGER forked_op_stays BEFORE DELETE ON forked_op "
    "BEGIN SELECT RAISE(ABORT, 'evidence is append-only: a record cannot be deleted'); END;"
    "CREATE TRIGGER forked_op_never_changes BEFORE UPDATE OF fork, seq, header, received_at ON forked_op "
    "BEGIN SELECT RAISE(ABORT, 'evidence is append-only: a record cannot be changed'); END;"
    "CREATE TRIGGER forked_body_is_only_erased BEFORE UPDATE OF body ON forked_op WHEN NEW.body IS NOT NULL "
    "BEGIN SELECT RAISE(ABORT, 'evidence is append-only: a body can only be erased'); END;"
    "CREATE TRIGGER fork_stays BEFORE DELETE ON fork "
    "BEGIN SELECT RAISE(ABORT, 'evidence is append-only: a branch cannot be deleted'); END;"

    "CREATE TABLE own_chain (author INTEGER PRIMARY KEY, acked_seq INTEGER NOT NULL, acked_link BLOB, "
    "receipt_seq INTEGER NOT NULL, receipt BLOB, asks INTEGER NOT NULL) STRICT;"
    "INSERT INTO own_chain SELECT a.id, s.acked_seq, s.acked_link, s.receipt_seq, s.receipt, 0 FROM identity i "
    "JOIN author a ON a.device = i.device AND a.incarnation = i.incarnation JOIN sync_state s;"

    "ALTER TABLE sync_state DROP COLUMN acked_seq;"
    "ALTER TABLE sync_state DROP COLUMN acked_link;"
    "ALTER TABLE sync_state DROP COLUMN receipt_seq;"
    "ALTER TABLE sync_state DROP COLUMN receipt;"
    "ALTER TABLE sync_state ADD COLUMN refold INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE sync_state ADD COLUMN settled INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE sync_state ADD COLUMN older_copy_at INTEGER;"
    "ALTER TABLE sync_state ADD COLUMN came_back INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE sync_state ADD COLUMN issued_again INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE sync_state ADD COLUMN twin_at INTEGER;"
    "ALTER TABLE sync_state ADD COLUMN twin_ops INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE sync_state ADD COLUMN stale_at INTEGER;"
    "ALTER TABLE sync_state ADD COLUMN mark INTEGER;"

    "DROP TABLE attendance;"
    "CREATE TABLE attendance (placement BLOB NOT NULL, day INTEGER NOT NULL, slot INTEGER NOT NULL, "
    "op INTEGER NOT NULL, outcome INTEGER NOT NULL CHECK (outcome BETWEEN 0 AND 7), minutes INTEGER, reason TEXT, "
    "hlc INTEGER NOT NULL, head INTEGER NOT NULL, PRIMARY KEY (placement, day, slot, op)) STRICT, WITHOUT ROWID;"
    "UPDATE sync_state SET refold = 1;";

/* Every signature is kept, not only the newest. */
static const char from_2_to_3[] =
    "CREATE TABLE signed_link (author INTEGER NOT NULL, seq INTEGER NOT NULL, signature BLOB NOT NULL, "
    "PRIMARY KEY (author, seq)) STRICT, WITHOUT ROWID;"
    "INSERT INTO signed_link SELECT id, signed_seq, signature FROM author WHERE signature IS NOT NULL;"
    "CREATE INDEX referral_received ON referral (received_on, route);"
    "CREATE INDEX session_disputed ON session (placement) WHERE standing = 2;"
    "CREATE TABLE bundle_state (only INTEGER PRIMARY KEY CHECK (only = 1), certificate BLOB, "
    "written_at INTEGER, taken_at INTEGER, made_at INTEGER) STRICT;"
    "INSERT INTO bundle_state (only) VALUES (1);"
    "ALTER TABLE sync_state ADD COLUMN heard_at INTEGER NOT NULL DEFAULT 0;"
    "CREATE TABLE erasure (op INTEGER PRIMARY KEY, subject BLOB NOT NULL, kind INTEGER NOT NULL, writer INTEGER NOT "
    "NULL, "
    "hlc INTEGER NOT NULL, device BLOB, incarnation INTEGER, seq INTEGER) STRICT;"
    "CREATE INDEX erasure_subject ON erasure (subject);"
    "ALTER TABLE sync_state ADD COLUMN scrub INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE sync_state ADD COLUMN rules INTEGER NOT NULL DEFAULT 0;"
    "CREATE TABLE enrolment_try (only INTEGER PRIMARY KEY CHECK (only = 1), code BLOB NOT NULL "
    "CHECK (length(code) = 32), key BLOB NOT NULL) STRICT;"

    "ALTER TABLE author ADD COLUMN centre_seq INTEGER NOT NULL DEFAULT 0;"
    "UPDATE author SET centre_seq = newest_seq;"
    "CREATE TABLE declined (author INTEGER PRIMARY KEY, seq INTEGER NOT NULL, reason TEXT NOT NULL, "
    "at INTEGER NOT NULL) STRICT;";

const char *const replica_upgrades[] = { from_1_to_2, from_2_to_3 };
