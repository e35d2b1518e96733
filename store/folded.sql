-- The tables that are folded from the log (fold.c). They can be made again from it at any time, so an upgrade drops them and does that.
-- A replica whose tables another text of this file made has them made again when it is opened (refold.c): who changes
-- how they are filled, and nothing else here, raises this number: 1.

CREATE TABLE participant (
    id BLOB PRIMARY KEY, ref TEXT, name TEXT, address TEXT, phone TEXT, restricted INTEGER, note TEXT
) STRICT, WITHOUT ROWID;
CREATE INDEX participant_ref ON participant (ref);

-- voluntary, here and of a placement: any record of it ever said so; where the centre said of a referral what it is, any of the centre's.
-- centre_received_on: the day as the centre says it, which no organisation makes earlier.
CREATE TABLE referral (
    id BLOB PRIMARY KEY, ref TEXT, participant BLOB, route TEXT, basis TEXT, received_on INTEGER, source TEXT,
    weekly_minutes INTEGER, note TEXT, needs TEXT, restrictions TEXT, contract BLOB, from_centre INTEGER NOT NULL, status TEXT NOT NULL, status_on INTEGER,
    policy INTEGER NOT NULL, voluntary INTEGER NOT NULL, centre_received_on INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX referral_ref ON referral (ref);
CREATE INDEX referral_status ON referral (status, received_on);
CREATE INDEX referral_received ON referral (received_on, route);
CREATE INDEX referral_participant ON referral (participant);

-- Days on which a referral was not in force (fold_force.c); idle_from: the first on which nobody is expected.
CREATE TABLE referral_out (
    referral BLOB NOT NULL, starts_on INTEGER NOT NULL, idle_from INTEGER NOT NULL, ends_on INTEGER NOT NULL,
    PRIMARY KEY (referral, starts_on)
) STRICT, WITHOUT ROWID;

-- Days of those that a later record took away, and when (said_min: version_said_min, fold_parts.h).
CREATE TABLE referral_out_before (
    referral BLOB NOT NULL, starts_on INTEGER NOT NULL, ends_on INTEGER NOT NULL, said_min INTEGER NOT NULL,
    PRIMARY KEY (referral, starts_on, ends_on, said_min)
) STRICT, WITHOUT ROWID;

-- Days on which it was in force until a record put it out, and when that was said.
CREATE TABLE referral_in_before (
    referral BLOB NOT NULL, starts_on INTEGER NOT NULL, ends_on INTEGER NOT NULL, said_min INTEGER NOT NULL,
    PRIMARY KEY (referral, starts_on, ends_on, said_min)
) STRICT, WITHOUT ROWID;

CREATE TABLE placement (
    id BLOB PRIMARY KEY, ref TEXT, participant BLOB, referral BLOB, host TEXT, role TEXT, basis TEXT, calendar TEXT,
    starts_on INTEGER, ends_on INTEGER, pattern TEXT, weekly_minutes INTEGER, reduced_hours_reason TEXT,
    sequence INTEGER, note TEXT, opportunity BLOB, job_search_minutes INTEGER, voluntary INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX placement_ref ON placement (ref);
CREATE INDEX placement_participant ON placement (participant);
CREATE INDEX placement_referral ON placement (referral);
CREATE INDEX placement_opportunity ON placement (opportunity) WHERE opportunity IS NOT NULL;
CREATE INDEX placement_ends ON placement (ends_on, starts_on);

-- Referrals that a placement named besides the one that it answers.
CREATE TABLE former_referral (
    placement BLOB NOT NULL, referral BLOB NOT NULL, PRIMARY KEY (placement, referral)
) STRICT, WITHOUT ROWID;
CREATE INDEX former_referral_referral ON former_referral (referral);

-- People whom a record of a placement named besides the one whose it is.
CREATE TABLE former_participant (
    placement BLOB NOT NULL, participant BLOB NOT NULL, PRIMARY KEY (placement, participant)
) STRICT, WITHOUT ROWID;

-- Every assertion about a session. `op` is this replica's number of it; outcome 0: what it said is erased; repeats: the
-- op of which it is the same statement under another number, and which stands for both (said_again.h);
-- said_min, of all but attended: when it was recorded, as the civil minute in London by the centre's clock.
CREATE TABLE attendance (
    placement BLOB NOT NULL, day INTEGER NOT NULL, slot INTEGER NOT NULL, op INTEGER NOT NULL,
    outcome INTEGER NOT NULL CHECK (outcome BETWEEN 0 AND 7), minutes INTEGER, reason TEXT, hlc INTEGER NOT NULL,
    head INTEGER NOT NULL, note_hints INTEGER NOT NULL, repeats INTEGER, said_min INTEGER,
    PRIMARY KEY (placement, day, slot, op)
) STRICT, WITHOUT ROWID;
CREATE INDEX attendance_repeats ON attendance (op) WHERE repeats IS NOT NULL;

CREATE TABLE attendance_supersedes (
    placement BLOB NOT NULL, day INTEGER NOT NULL, slot INTEGER NOT NULL,
    device BLOB NOT NULL, incarnation INTEGER NOT NULL, seq INTEGER NOT NULL, by_op INTEGER NOT NULL,
    PRIMARY KEY (placement, day, slot, device, incarnation, seq, by_op)
) STRICT, WITHOUT ROWID;

-- note_hints: words of the note name one of the usual factors of good reason (the programme pack's lists).
-- early: what stands was recorded before the session began, by all who said it: nobody knew yet how it would go.
-- standing: 0 unrecorded, 1 recorded, 2 disputed, 3 excused (store/rows.h)
CREATE TABLE session (
    placement BLOB NOT NULL, day INTEGER NOT NULL, slot INTEGER NOT NULL,
    starts_min INTEGER, ends_min INTEGER, expected INTEGER NOT NULL,
    standing INTEGER NOT NULL, outcome INTEGER NOT NULL, minutes INTEGER, reason TEXT, heads INTEGER NOT NULL,
    jcp_starts_min INTEGER, jcp_ends_min INTEGER, jcp_purpose TEXT, note_hints INTEGER NOT NULL,
    early INTEGER NOT NULL,
    PRIMARY KEY (placement, day, slot)
) STRICT, WITHOUT ROWID;
-- A day's others are found through the placements that run on it: an index of every session by day would be as large as the table,
-- and a placement laid out would write to as many of its pages as it has days.
CREATE INDEX session_unexpected ON session (day) WHERE expected = 0;
CREATE INDEX session_disputed ON session (placement) WHERE standing = 2;
CREATE INDEX session_clash ON session (placement) WHERE jcp_purpose IS NOT NULL;

-- Hours at which a placement expected somebody until a record said otherwise, of days that had begun by then (fold_then.c); day -1000000000:
-- of any.
CREATE TABLE session_before (
    placement BLOB NOT NULL, day INTEGER NOT NULL, starts_min INTEGER NOT NULL, ends_min INTEGER NOT NULL,
    PRIMARY KEY (placement, day, starts_min, ends_min)
) STRICT, WITHOUT ROWID;

CREATE TABLE notice (
    id BLOB PRIMARY KEY, placement BLOB, served_on INTEGER, served_by TEXT, received_on INTEGER, says_what INTEGER,
    says_when INTEGER, says_where INTEGER, says_mandatory INTEGER, says_evidence INTEGER, says_consequences INTEGER,
    note TEXT, deemed_received_on INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX notice_placement ON notice (placement, deemed_received_on);

CREATE TABLE capacity_statement (
    id BLOB PRIMARY KEY, places INTEGER, stated_on INTEGER, supervisor_minutes INTEGER, note TEXT, hlc INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX capacity_newest ON capacity_statement (stated_on, hlc);

CREATE TABLE appointment (
    id BLOB PRIMARY KEY, participant BLOB, day INTEGER, starts_min INTEGER, ends_min INTEGER, purpose TEXT,
    cancelled INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX appointment_day ON appointment (participant, day);

-- What an appointment was before a later record cancelled or moved it, and when that was said (said_min: version_said_min, fold_parts.h).
CREATE TABLE appointment_before (
    id BLOB NOT NULL, participant BLOB NOT NULL, day INTEGER NOT NULL, starts_min INTEGER NOT NULL, ends_min INTEGER NOT NULL,
    said_min INTEGER NOT NULL, PRIMARY KEY (id, participant, day, starts_min, ends_min, said_min)
) STRICT, WITHOUT ROWID;
CREATE INDEX appointment_before_day ON appointment_before (participant, day);

CREATE TABLE decision (
    id BLOB PRIMARY KEY, participant BLOB, failure_on INTEGER, decided_on INTEGER, outcome TEXT, note TEXT,
    doubt BLOB, weeks INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX decision_participant ON decision (participant);
CREATE INDEX decision_doubt ON decision (doubt) WHERE doubt IS NOT NULL;

-- Records that are merged field by field and stand as they are (fold_plain.c): the columns are the kind's fields, then who said the newest of
-- it, and when.
CREATE TABLE host (
    id BLOB PRIMARY KEY, ref TEXT, name TEXT, quota INTEGER, contact TEXT, address TEXT, note TEXT, said_by TEXT NOT
    NULL, said_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX host_ref ON host (ref);

CREATE TABLE opportunity (
    id BLOB PRIMARY KEY, ref TEXT, host BLOB, title TEXT, places INTEGER, supervisor_minutes INTEGER,
    people_per_supervisor INTEGER, pattern TEXT, community_benefit TEXT, additionality TEXT, assessed_by TEXT,
    assessed_on INTEGER, volunteers_too INTEGER, closed_on INTEGER, note TEXT, said_by TEXT NOT NULL, said_at
    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX opportunity_ref ON opportunity (ref);
CREATE INDEX opportunity_host ON opportunity (host);

-- hlc: since when it has said of whom and of which day it is. A doubt rests on nothing that was said after it was confirmed.
CREATE TABLE contact_attempt (
    id BLOB PRIMARY KEY, participant BLOB, placement BLOB, day INTEGER, at_min INTEGER, means TEXT, outcome TEXT,
    about_day INTEGER, note TEXT, said_by TEXT NOT NULL, said_at INTEGER NOT NULL, hlc INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX contact_attempt_participant ON contact_attempt (participant);
CREATE INDEX contact_attempt_placement ON contact_attempt (placement);

CREATE TABLE circumstance_change (
    id BLOB PRIMARY KEY, participant BLOB, starts_on INTEGER, ends_on INTEGER, what TEXT, placement BLOB,
    told_jcp_on INTEGER, note TEXT, said_by TEXT NOT NULL, said_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX circumstance_change_participant ON circumstance_change (participant);
CREATE INDEX circumstance_change_placement ON circumstance_change (placement);

CREATE TABLE job_search (
    id BLOB PRIMARY KEY, placement BLOB, week INTEGER, minutes INTEGER, note TEXT, said_by TEXT NOT NULL, said_at
    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX job_search_placement ON job_search (placement, week);

CREATE TABLE placement_break (
    id BLOB PRIMARY KEY, placement BLOB, starts_on INTEGER, ends_on INTEGER, reason TEXT, note TEXT, said_by TEXT
    NOT NULL, said_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX placement_break_placement ON placement_break (placement);

-- What a break was before a later record changed it, and when that was said (said_min: version_said_min, fold_parts.h).
CREATE TABLE break_before (
    id BLOB NOT NULL, placement BLOB NOT NULL, starts_on INTEGER NOT NULL, ends_on INTEGER NOT NULL, said_min INTEGER NOT NULL,
    PRIMARY KEY (id, placement, starts_on, ends_on, said_min)
) STRICT, WITHOUT ROWID;
CREATE INDEX break_before_placement ON break_before (placement);

-- hlc: since when it has said of which session it is, what was found and what was answered. answered: each answer says
-- something (answers.h).
CREATE TABLE flag_review (
    id BLOB PRIMARY KEY, flag TEXT, placement BLOB, day INTEGER, slot INTEGER, outcome TEXT, answers TEXT,
    look_again_on INTEGER, note TEXT, said_by TEXT NOT NULL, said_at INTEGER NOT NULL, hlc INTEGER NOT NULL,
    answered INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX flag_review_placement ON flag_review (placement);

CREATE TABLE redress (
    id BLOB PRIMARY KEY, participant BLOB, form TEXT, decision BLOB, referral BLOB, made_on INTEGER, outcome TEXT,
    outcome_on INTEGER, helped_by TEXT, note TEXT, said_by TEXT NOT NULL, said_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX redress_participant ON redress (participant);
CREATE INDEX redress_referral ON redress (referral);
CREATE INDEX redress_decision ON redress (decision);

CREATE TABLE message (
    id BLOB PRIMARY KEY, body TEXT, sent_on INTEGER, participant BLOB, referral BLOB, reply_to BLOB, about TEXT,
    said_by TEXT NOT NULL, said_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX message_participant ON message (participant);
CREATE INDEX message_referral ON message (referral);

CREATE TABLE policy_decision (
    id BLOB PRIMARY KEY, ref TEXT, title TEXT, decision TEXT, decided_by TEXT, decided_on INTEGER, reason TEXT,
    route TEXT, contract BLOB, review_on INTEGER, note TEXT, said_by TEXT NOT NULL, said_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX policy_decision_ref ON policy_decision (ref);
CREATE INDEX policy_decision_contract ON policy_decision (contract);

CREATE TABLE contract (
    id BLOB PRIMARY KEY, ref TEXT, prime TEXT, form TEXT, route TEXT, starts_on INTEGER, ends_on INTEGER, units
    INTEGER, unit TEXT, price_pence INTEGER, share_permille INTEGER, cost_pence INTEGER, fixed_cost_pence INTEGER,
    note TEXT, said_by TEXT NOT NULL, said_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX contract_ref ON contract (ref);

CREATE TABLE milestone (
    id BLOB PRIMARY KEY, placement BLOB, payment_trigger TEXT, reached_on INTEGER, contract BLOB, evidence TEXT,
    note TEXT, said_by TEXT NOT NULL, said_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX milestone_placement ON milestone (placement);
CREATE INDEX milestone_contract ON milestone (contract);

CREATE TABLE claim (
    id BLOB PRIMARY KEY, contract BLOB, placement BLOB, payment_trigger TEXT, amount_pence INTEGER, claimed_on
    INTEGER, paid_pence INTEGER, paid_on INTEGER, refused_on INTEGER, reason TEXT, invoice TEXT, note TEXT, said_by
    TEXT NOT NULL, said_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX claim_placement ON claim (placement);
CREATE INDEX claim_contract ON claim (contract);
CREATE INDEX claim_open ON claim (claimed_on) WHERE refused_on IS NULL AND (paid_on IS NULL OR paid_pence < amount_pence);

CREATE TABLE service_use (
    id BLOB PRIMARY KEY, contract BLOB, referral BLOB, day INTEGER, units INTEGER, what TEXT, note TEXT, said_by
    TEXT NOT NULL, said_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX service_use_referral ON service_use (referral);
CREATE INDEX service_use_contract ON service_use (contract);

-- said_by and said_at are of the newest record; linked_by and linked_at (a device) of the newest that says who is whom. sure: somebody else, at
-- another machine, confirmed that very link (fold_person.c).
CREATE TABLE same_person (
    id BLOB PRIMARY KEY, participant BLOB, undone INTEGER, decided_by TEXT, reason TEXT, confirms BLOB,
    confirmed_by TEXT, confirmed_how TEXT, said_by TEXT NOT NULL, said_at INTEGER NOT NULL, linked_by TEXT NOT NULL,
    linked_at BLOB NOT NULL, sure INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX same_person_participant ON same_person (participant);

-- Programme packs from the centre; `pack` is the JSON as one zstd frame (packs.c).
CREATE TABLE programme_pack (
    id BLOB PRIMARY KEY, name TEXT, version INTEGER, in_force_from INTEGER, sha256 TEXT, pack BLOB, said_by TEXT NOT NULL,
    said_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- What the record of a duplicate stands for, at the end of its links (fold_person.c). A record that stands for itself has no row.
CREATE TABLE same_as (participant BLOB PRIMARY KEY, person BLOB NOT NULL) STRICT, WITHOUT ROWID;
CREATE INDEX same_as_person ON same_as (person);
-- By the links that are sure.
CREATE TABLE surely_as (participant BLOB PRIMARY KEY, person BLOB NOT NULL) STRICT, WITHOUT ROWID;
CREATE INDEX surely_as_person ON surely_as (person);

-- What erasures cover (record.h). `op` is this replica's number of the erasure; seq NULL: everything about the subject.
CREATE TABLE erasure (
    op INTEGER PRIMARY KEY, subject BLOB NOT NULL, kind INTEGER NOT NULL, writer INTEGER NOT NULL, hlc INTEGER NOT NULL,
    device BLOB, incarnation INTEGER, seq INTEGER
) STRICT;
CREATE INDEX erasure_subject ON erasure (subject);

-- said_min: said_at as the civil minute in London, by the centre's clock as it was measured. Guard rails 1 to 4 for the only way into the sanction path (fold_doubt.c). status: standing, suspended (wants says what lacks), withdrawn,
-- returned, decided (no list: schema.sql, op). A doubt can only be written as standing when doubt_wants has nothing about it.
CREATE TABLE compliance_doubt (
    id BLOB PRIMARY KEY, placement BLOB, day INTEGER, slot INTEGER, reviewer TEXT, review BLOB, notice BLOB,
    exposure_weeks INTEGER, earlier_decision BLOB, answers TEXT, confirmed INTEGER, evidence TEXT, note TEXT,
    programme TEXT, programme_version INTEGER, programme_sha256 TEXT, said_by TEXT NOT NULL, said_at INTEGER NOT NULL, hlc INTEGER NOT NULL,
    status TEXT NOT NULL CHECK (status = 'standing' OR status = 'suspended' OR status = 'withdrawn' OR status = 'returned' OR status = 'decided'),
    wants TEXT NOT NULL, status_on INTEGER, status_by TEXT NOT NULL, status_reason TEXT NOT NULL, received_on INTEGER,
    decision BLOB, said_min INTEGER NOT NULL,
    CHECK (status <> 'standing' OR (wants = '' AND confirmed IS 1 AND length(reviewer) > 0))
) STRICT, WITHOUT ROWID;
CREATE INDEX doubt_session ON compliance_doubt (placement, day, slot, hlc) WHERE status NOT IN ('withdrawn', 'returned');
CREATE INDEX doubt_decided ON compliance_doubt (placement, day, slot) WHERE status = 'decided';
CREATE INDEX doubt_open ON compliance_doubt (placement) WHERE status IN ('standing', 'suspended');
CREATE INDEX doubt_review ON compliance_doubt (review);
CREATE INDEX doubt_notice ON compliance_doubt (notice);
CREATE INDEX doubt_earlier ON compliance_doubt (earlier_decision);

-- Doubts whose rows are to be made before the transaction ends.
CREATE TABLE doubt_due (id BLOB PRIMARY KEY) STRICT, WITHOUT ROWID;

-- Every record of the person of a placement: the one that it stands for, and all that stand for that. One SELECT, so that SQLite looks
-- for a placement's alone.
DROP VIEW IF EXISTS placement_person;
CREATE VIEW placement_person (placement, participant) AS
SELECT p.id, iif(k.linked, a.participant, ifnull(m.person, p.participant))
FROM placement p LEFT JOIN same_as m ON m.participant = p.participant
CROSS JOIN (SELECT 0 AS linked UNION ALL SELECT 1) k
LEFT JOIN same_as a ON k.linked AND a.person = ifnull(m.person, p.participant)
WHERE k.linked = 0 OR a.participant IS NOT NULL;

-- Those that are surely of the person: what counts against somebody is taken from these alone.
DROP VIEW IF EXISTS placement_sure_person;
CREATE VIEW placement_sure_person (placement, participant) AS
SELECT p.id, iif(k.linked, a.participant, ifnull(m.person, p.participant))
FROM placement p LEFT JOIN surely_as m ON m.participant = p.participant
CROSS JOIN (SELECT 0 AS linked UNION ALL SELECT 1) k
LEFT JOIN surely_as a ON k.linked AND a.person = ifnull(m.person, p.participant)
WHERE k.linked = 0 OR a.participant IS NOT NULL;

-- Placements of a person who has more than anybody has: they may have been anywhere, and what else is on record of them is not read.
DROP VIEW IF EXISTS placement_of_crowd;
CREATE VIEW placement_of_crowd (placement) AS
SELECT p.id FROM placement p WHERE 50 < (SELECT count(*) FROM (SELECT 1 FROM placement q WHERE q.participant IN (
        SELECT a.participant FROM same_as a
        WHERE a.person = ifnull((SELECT m.person FROM same_as m WHERE m.participant = p.participant), p.participant)
        UNION ALL SELECT ifnull((SELECT m.person FROM same_as m WHERE m.participant = p.participant), p.participant)) LIMIT 51));

-- Records that count, and of which nobody knows any more what they said (STORE.md, Erasure).
DROP VIEW IF EXISTS erased_record;
CREATE VIEW erased_record (subject, kind) AS
SELECT subject, kind FROM op WHERE kind <> 5 AND body IS NULL AND quarantine IS NULL;

-- What a doubt needs and lacks, a row each (doubts.c has the words). What only the programme pack can tell comes on top.
DROP VIEW IF EXISTS doubt_wants;
CREATE VIEW doubt_wants (id, code) AS
SELECT d.id, 'no_placement' FROM compliance_doubt d
WHERE NOT EXISTS (SELECT 1 FROM placement p WHERE p.id = d.placement)
UNION ALL
SELECT d.id, 'not_mandatory' FROM compliance_doubt d JOIN placement p ON p.id = d.placement
WHERE p.basis IS NOT 'mandatory' OR p.voluntary <> 0 OR EXISTS (
    SELECT 1 FROM referral r WHERE r.voluntary <> 0
    AND (r.id = p.referral OR r.id IN (SELECT f.referral FROM former_referral f WHERE f.placement = p.id)))
OR (p.referral IS NULL
    AND EXISTS (SELECT 1 FROM placement_person a JOIN referral r ON r.participant = a.participant
                WHERE a.placement = p.id AND r.voluntary <> 0)
    AND NOT EXISTS (SELECT 1 FROM placement_sure_person a JOIN referral r ON r.participant = a.participant
                    WHERE a.placement = p.id AND r.voluntary = 0 AND r.basis = 'mandatory'))
UNION ALL
SELECT d.id, 'maybe_voluntary' FROM compliance_doubt d JOIN placement p ON p.id = d.placement
WHERE EXISTS (SELECT 1 FROM erased_record x WHERE x.subject = p.id AND x.kind = 4)
OR EXISTS (SELECT 1 FROM erased_record x WHERE x.subject = p.referral AND x.kind = 2)
OR EXISTS (SELECT 1 FROM former_referral f CROSS JOIN erased_record x ON x.subject = f.referral AND x.kind = 2
           WHERE f.placement = p.id)
OR (NOT EXISTS (SELECT 1 FROM referral r WHERE r.id = p.referral AND r.from_centre <> 0)
    AND EXISTS (SELECT 1 FROM placement_person a CROSS JOIN referral r ON r.participant = a.participant
                CROSS JOIN erased_record x ON x.subject = r.id AND x.kind = 2 WHERE a.placement = p.id))
UNION ALL
SELECT d.id, 'maybe_not_in_force' FROM compliance_doubt d JOIN placement p ON p.id = d.placement
WHERE EXISTS (SELECT 1 FROM erased_record x WHERE x.subject = p.referral AND x.kind = 3)
UNION ALL
SELECT d.id, 'record_erased' FROM compliance_doubt d
WHERE EXISTS (SELECT 1 FROM erased_record x WHERE x.subject = d.id AND x.kind = 27)
OR EXISTS (SELECT 1 FROM erased_record x WHERE x.subject = d.notice AND x.kind = 6)
OR EXISTS (SELECT 1 FROM placement_break b CROSS JOIN erased_record x ON x.subject = b.id AND x.kind = 17
           WHERE b.placement = d.placement)
OR EXISTS (SELECT 1 FROM break_before b CROSS JOIN erased_record x ON x.subject = b.id AND x.kind = 17
           WHERE b.placement = d.placement)
OR EXISTS (SELECT 1 FROM flag_review v CROSS JOIN erased_record x ON x.subject = v.id AND x.kind = 18
           WHERE v.placement = d.placement)
OR EXISTS (SELECT 1 FROM erased_record x WHERE x.kind IN (17, 18)
           AND x.subject BETWEEN substr(d.placement, 1, 8) AND CAST(substr(d.placement, 1, 8) || x'ffffffffffffffff' AS BLOB))
OR EXISTS (SELECT 1 FROM placement_person a WHERE a.placement = d.placement AND (
    EXISTS (SELECT 1 FROM appointment j CROSS JOIN erased_record x ON x.subject = j.id AND x.kind = 8
            WHERE j.participant = a.participant)
    OR EXISTS (SELECT 1 FROM decision e CROSS JOIN erased_record x ON x.subject = e.id AND x.kind = 9
               WHERE e.participant = a.participant)
    OR EXISTS (SELECT 1 FROM decision e CROSS JOIN erased_record x ON x.subject = e.doubt AND x.kind = 27
               WHERE e.participant = a.participant AND e.failure_on = d.day)
    OR EXISTS (SELECT 1 FROM contact_attempt c CROSS JOIN erased_record x ON x.subject = c.id AND x.kind = 14
               WHERE c.participant = a.participant AND c.day >= d.day AND ifnull(c.about_day, d.day) = d.day)
    OR EXISTS (SELECT 1 FROM erasure e WHERE e.subject = a.participant AND e.kind = 1 AND e.seq IS NULL
               AND (e.hlc >> 16) / 86400000 >= d.day)))
UNION ALL
SELECT d.id, 'record_erased' FROM compliance_doubt d JOIN placement p ON p.id = d.placement
WHERE NOT EXISTS (SELECT 1 FROM placement_of_crowd c WHERE c.placement = d.placement)
AND EXISTS (
    SELECT 1 FROM placement q WHERE q.id <> p.id AND q.participant IN (
        SELECT a.participant FROM same_as a
        WHERE a.person = ifnull((SELECT m.person FROM same_as m WHERE m.participant = p.participant), p.participant)
        UNION ALL SELECT ifnull((SELECT m.person FROM same_as m WHERE m.participant = p.participant), p.participant))
    AND (EXISTS (SELECT 1 FROM erased_record x WHERE x.subject BETWEEN substr(q.id, 1, 8)
                AND CAST(substr(q.id, 1, 8) || x'ffffffffffffffff' AS BLOB) AND (x.kind = 17 OR (x.kind = 4 AND x.subject = q.id)))
         OR EXISTS (SELECT 1 FROM erased_record x WHERE x.subject = q.referral AND x.kind = 3)
         OR EXISTS (SELECT 1 FROM placement_break b CROSS JOIN erased_record x ON x.subject = b.id AND x.kind = 17 WHERE b.placement = q.id)
         OR EXISTS (SELECT 1 FROM break_before b CROSS JOIN erased_record x ON x.subject = b.id AND x.kind = 17 WHERE b.placement = q.id)))
UNION ALL
SELECT d.id, 'person_contested' FROM compliance_doubt d
WHERE EXISTS (SELECT 1 FROM former_participant f WHERE f.placement = d.placement AND NOT EXISTS (
                  SELECT 1 FROM placement_sure_person a WHERE a.placement = d.placement AND a.participant = f.participant))
UNION ALL
SELECT d.id, 'referral_not_in_force' FROM compliance_doubt d JOIN placement p ON p.id = d.placement
JOIN referral_out o ON o.referral = p.referral AND d.day BETWEEN o.starts_on AND o.ends_on
UNION ALL
SELECT d.id, 'referral_not_in_force' FROM compliance_doubt d JOIN placement p ON p.id = d.placement
JOIN referral r ON r.id = p.referral AND (r.received_on > d.day OR r.centre_received_on > d.day)
UNION ALL
SELECT d.id, 'no_referral' FROM compliance_doubt d JOIN placement p ON p.id = d.placement WHERE p.referral IS NULL
UNION ALL
SELECT d.id, 'referral_of_another' FROM compliance_doubt d JOIN placement p ON p.id = d.placement
WHERE p.referral IS NOT NULL AND NOT EXISTS (
    SELECT 1 FROM referral r WHERE r.id = p.referral AND r.participant IN (
        SELECT a.participant FROM surely_as a
        WHERE a.person = ifnull((SELECT m.person FROM surely_as m WHERE m.participant = p.participant), p.participant)
        UNION ALL SELECT ifnull((SELECT m.person FROM surely_as m WHERE m.participant = p.participant), p.participant)))
UNION ALL
SELECT d.id, 'not_mandatory' FROM compliance_doubt d JOIN placement p ON p.id = d.placement
JOIN referral r ON r.id = p.referral AND r.participant IS NOT NULL AND r.basis IS NOT 'mandatory'
UNION ALL
SELECT d.id, 'centre_says_voluntary' FROM compliance_doubt d JOIN placement p ON p.id = d.placement
JOIN referral r ON r.id = p.referral AND r.from_centre = 0
WHERE EXISTS (SELECT 1 FROM placement_person a JOIN referral v ON v.participant = a.participant
              WHERE a.placement = p.id AND v.from_centre <> 0 AND v.voluntary <> 0)
AND NOT EXISTS (SELECT 1 FROM placement_sure_person a JOIN referral m ON m.participant = a.participant
                WHERE a.placement = p.id AND m.from_centre <> 0 AND m.voluntary = 0 AND m.basis = 'mandatory')
UNION ALL
SELECT d.id, 'other_placement' FROM compliance_doubt d JOIN placement_of_crowd c ON c.placement = d.placement
UNION ALL
SELECT d.id, 'other_placement' FROM compliance_doubt d JOIN placement p ON p.id = d.placement
WHERE NOT EXISTS (SELECT 1 FROM placement_of_crowd c WHERE c.placement = d.placement)
AND EXISTS (
    SELECT 1 FROM placement q WHERE q.id <> p.id AND q.participant IN (
        SELECT a.participant FROM same_as a
        WHERE a.person = ifnull((SELECT m.person FROM same_as m WHERE m.participant = p.participant), p.participant)
        UNION ALL SELECT ifnull((SELECT m.person FROM same_as m WHERE m.participant = p.participant), p.participant))
    AND (EXISTS (SELECT 1 FROM placement_break b WHERE b.placement = q.id AND d.day BETWEEN b.starts_on AND b.ends_on)
         OR EXISTS (SELECT 1 FROM session o LEFT JOIN session s ON s.placement = d.placement AND s.day = d.day AND s.slot = d.slot
                    WHERE o.placement = q.id AND o.day = d.day
                    AND (o.expected <> 0 OR o.standing <> 1 OR o.outcome <> 5 OR ifnull(o.reason, '') <> '')
                    AND (s.starts_min IS NULL OR o.starts_min IS NULL OR (o.starts_min < s.ends_min AND o.ends_min > s.starts_min)))
         OR EXISTS (SELECT 1 FROM session_before o LEFT JOIN session s ON s.placement = d.placement AND s.day = d.day AND s.slot = d.slot
                    WHERE o.placement = q.id AND o.day IN (d.day, -1000000000)
                    AND (s.starts_min IS NULL OR (o.starts_min < s.ends_min AND o.ends_min > s.starts_min))
                    AND NOT EXISTS (SELECT 1 FROM referral_out u WHERE u.referral = q.referral AND d.day BETWEEN u.idle_from AND u.ends_on
                                    AND NOT EXISTS (SELECT 1 FROM referral_in_before i WHERE i.referral = u.referral
                                                    AND d.day BETWEEN i.starts_on AND i.ends_on AND i.said_min >= d.day * 1440)))
         OR EXISTS (SELECT 1 FROM break_before b WHERE b.placement = q.id AND d.day BETWEEN b.starts_on AND b.ends_on
                    AND b.said_min >= d.day * 1440)
         OR EXISTS (SELECT 1 FROM referral_in_before i WHERE i.referral = q.referral AND d.day BETWEEN i.starts_on AND i.ends_on
                    AND i.said_min >= d.day * 1440 AND d.day BETWEEN q.starts_on AND q.ends_on)))
UNION ALL
SELECT d.id, 'not_yet' FROM compliance_doubt d
LEFT JOIN session s ON s.placement = d.placement AND s.day = d.day AND s.slot = d.slot
WHERE d.said_min < d.day * 1440 + ifnull(s.ends_min, 1440)
UNION ALL
SELECT d.id, 'unrecorded' FROM compliance_doubt d
WHERE NOT EXISTS (SELECT 1 FROM session s WHERE s.placement = d.placement AND s.day = d.day AND s.slot = d.slot AND s.standing <> 0)
UNION ALL
SELECT d.id, CASE s.standing WHEN 2 THEN 'disputed' WHEN 3 THEN 'excused' ELSE 'not_absent' END
FROM compliance_doubt d JOIN session s ON s.placement = d.placement AND s.day = d.day AND s.slot = d.slot
WHERE s.standing IN (2, 3) OR (s.standing = 1 AND s.outcome <> 5)
UNION ALL
SELECT d.id, 'said_early'
FROM compliance_doubt d JOIN session s ON s.placement = d.placement AND s.day = d.day AND s.slot = d.slot
WHERE s.standing = 1 AND s.early <> 0
UNION ALL
SELECT d.id, 'excused_then'
FROM compliance_doubt d JOIN session s ON s.placement = d.placement AND s.day = d.day AND s.slot = d.slot
WHERE s.standing = 1 AND s.outcome = 5 AND EXISTS (
    SELECT 1 FROM attendance a WHERE a.placement = d.placement AND a.day = d.day AND a.slot = d.slot
    AND a.outcome IN (0, 4, 6, 7) AND a.said_min < d.day * 1440 + ifnull(s.starts_min, 0))
UNION ALL
SELECT d.id, 'not_expected'
FROM compliance_doubt d JOIN session s ON s.placement = d.placement AND s.day = d.day AND s.slot = d.slot WHERE s.expected = 0
UNION ALL
SELECT d.id, 'overlaps_jcp'
FROM compliance_doubt d JOIN session s ON s.placement = d.placement AND s.day = d.day AND s.slot = d.slot WHERE s.jcp_purpose IS NOT NULL
UNION ALL
SELECT d.id, 'jcp_undone' FROM compliance_doubt d
LEFT JOIN session s ON s.placement = d.placement AND s.day = d.day AND s.slot = d.slot
WHERE s.jcp_purpose IS NULL AND EXISTS (
    SELECT 1 FROM placement_person a JOIN appointment_before j ON j.participant = a.participant
    WHERE a.placement = d.placement AND j.day = d.day AND j.said_min >= d.day * 1440
    AND (s.starts_min IS NULL OR (j.starts_min < s.ends_min AND j.ends_min > s.starts_min)))
UNION ALL
SELECT d.id, 'paperwork'
FROM compliance_doubt d JOIN session s ON s.placement = d.placement AND s.day = d.day AND s.slot = d.slot
WHERE s.reason = 'paperwork_not_signed'
UNION ALL
SELECT d.id, 'on_break' FROM compliance_doubt d
WHERE EXISTS (SELECT 1 FROM placement_break b WHERE b.placement = d.placement AND d.day BETWEEN b.starts_on AND b.ends_on)
UNION ALL
SELECT d.id, 'break_undone' FROM compliance_doubt d
WHERE EXISTS (SELECT 1 FROM break_before b WHERE b.placement = d.placement AND d.day BETWEEN b.starts_on AND b.ends_on
              AND b.said_min >= d.day * 1440
              AND NOT EXISTS (SELECT 1 FROM placement_break c WHERE c.id = b.id AND c.placement = b.placement
                              AND d.day BETWEEN c.starts_on AND c.ends_on))
UNION ALL
SELECT d.id, 'referral_back_late' FROM compliance_doubt d JOIN placement p ON p.id = d.placement
JOIN referral_out_before b ON b.referral = p.referral AND d.day BETWEEN b.starts_on AND b.ends_on AND b.said_min >= d.day * 1440
WHERE NOT EXISTS (SELECT 1 FROM referral_out o WHERE o.referral = b.referral AND d.day BETWEEN o.starts_on AND o.ends_on)
UNION ALL
SELECT d.id, 'no_notice' FROM compliance_doubt d
WHERE NOT EXISTS (SELECT 1 FROM notice n WHERE n.id = d.notice AND n.placement = d.placement)
UNION ALL
SELECT d.id, 'notice_incomplete' FROM compliance_doubt d JOIN notice n ON n.id = d.notice
WHERE n.says_what IS NOT 1 OR n.says_when IS NOT 1 OR n.says_where IS NOT 1 OR n.says_mandatory IS NOT 1
   OR n.says_evidence IS NOT 1 OR n.says_consequences IS NOT 1
UNION ALL
SELECT d.id, 'notice_late' FROM compliance_doubt d JOIN notice n ON n.id = d.notice
WHERE n.deemed_received_on IS NULL OR n.deemed_received_on >= d.day OR n.served_on IS NULL OR n.served_on >= d.day
UNION ALL
SELECT d.id, 'no_review' FROM compliance_doubt d
WHERE NOT EXISTS (SELECT 1 FROM flag_review v WHERE v.id = d.review AND v.placement = d.placement AND v.day = d.day
                  AND ifnull(v.slot, 0) = d.slot AND v.outcome = 'doubt' AND v.answered AND v.hlc <= d.hlc)
UNION ALL
SELECT d.id, 'reviewed_again' FROM compliance_doubt d JOIN flag_review v ON v.id = d.review
WHERE EXISTS (SELECT 1 FROM flag_review w WHERE w.placement = d.placement AND w.day = d.day AND ifnull(w.slot, 0) = d.slot
              AND w.hlc > v.hlc AND w.outcome <> 'doubt')
UNION ALL
SELECT d.id, iif(EXISTS (SELECT 1 FROM placement_person p JOIN contact_attempt c ON c.participant = p.participant
                         WHERE p.placement = d.placement AND c.hlc <= d.hlc
                         AND c.day BETWEEN d.day AND d.said_min / 1440 + 1 AND ifnull(c.about_day, d.day) = d.day),
                 'contact_unconfirmed', 'no_contact') FROM compliance_doubt d
WHERE NOT EXISTS (SELECT 1 FROM placement_sure_person p JOIN contact_attempt c ON c.participant = p.participant
                  WHERE p.placement = d.placement AND c.hlc <= d.hlc
                  AND c.day BETWEEN d.day AND d.said_min / 1440 + 1 AND ifnull(c.about_day, d.day) = d.day)
UNION ALL
SELECT d.id, iif(EXISTS (SELECT 1 FROM placement_person p JOIN decision e ON e.participant = p.participant
                         WHERE p.placement = d.placement AND e.id = d.earlier_decision)
                 AND NOT EXISTS (SELECT 1 FROM placement_sure_person p JOIN decision e ON e.participant = p.participant
                                 WHERE p.placement = d.placement AND e.id = d.earlier_decision),
                 'exposure_unconfirmed', 'exposure_unfounded') FROM compliance_doubt d
WHERE d.earlier_decision IS NOT NULL AND NOT EXISTS (
    SELECT 1 FROM placement_sure_person p JOIN decision e ON e.participant = p.participant
    WHERE p.placement = d.placement AND e.id = d.earlier_decision AND e.outcome = 'adverse' AND e.failure_on < d.day
    AND NOT EXISTS (SELECT 1 FROM placement_person q JOIN decision o ON o.participant = q.participant
                    WHERE q.placement = d.placement AND o.failure_on = e.failure_on
                    AND o.decided_on >= e.decided_on AND o.outcome <> 'adverse'))
UNION ALL
SELECT d.id, 'raised_already' FROM compliance_doubt d
WHERE EXISTS (SELECT 1 FROM compliance_doubt o INDEXED BY doubt_session WHERE o.placement = d.placement AND o.day = d.day AND o.slot = d.slot
              AND o.status NOT IN ('withdrawn', 'returned') AND o.hlc <= d.hlc AND (o.hlc < d.hlc OR o.id < d.id))
UNION ALL
SELECT d.id, 'raised_already' FROM compliance_doubt d
WHERE EXISTS (SELECT 1 FROM compliance_doubt o INDEXED BY doubt_decided WHERE o.placement = d.placement AND o.day = d.day AND o.slot = d.slot
              AND o.status = 'decided' AND o.id <> d.id);

CREATE TRIGGER doubt_is_made_whole AFTER INSERT ON compliance_doubt
WHEN NEW.status = 'standing' AND EXISTS (SELECT 1 FROM doubt_wants WHERE id = NEW.id)
BEGIN SELECT RAISE(ABORT, 'no compliance doubt: what it needs is not there'); END;
CREATE TRIGGER doubt_stands_whole AFTER UPDATE ON compliance_doubt
WHEN NEW.status = 'standing' AND EXISTS (SELECT 1 FROM doubt_wants WHERE id = NEW.id)
BEGIN SELECT RAISE(ABORT, 'no compliance doubt: what it needs is not there'); END;
