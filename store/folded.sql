-- The tables that are folded from the log (fold.c). They can be made again from it at any time, so an upgrade drops them and does that.

CREATE TABLE participant (
    id BLOB PRIMARY KEY, ref TEXT, name TEXT, address TEXT, phone TEXT, restricted INTEGER, note TEXT
) STRICT, WITHOUT ROWID;
CREATE INDEX participant_ref ON participant (ref);

CREATE TABLE referral (
    id BLOB PRIMARY KEY, ref TEXT, participant BLOB, route TEXT, basis TEXT, received_on INTEGER, source TEXT,
    weekly_minutes INTEGER, note TEXT, needs TEXT, restrictions TEXT, contract BLOB, from_centre INTEGER NOT NULL, status TEXT NOT NULL, status_on INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX referral_ref ON referral (ref);
CREATE INDEX referral_status ON referral (status, received_on);
CREATE INDEX referral_received ON referral (received_on, route);

CREATE TABLE placement (
    id BLOB PRIMARY KEY, ref TEXT, participant BLOB, referral BLOB, host TEXT, role TEXT, basis TEXT, calendar TEXT,
    starts_on INTEGER, ends_on INTEGER, pattern TEXT, weekly_minutes INTEGER, reduced_hours_reason TEXT,
    sequence INTEGER, note TEXT, opportunity BLOB, job_search_minutes INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX placement_ref ON placement (ref);
CREATE INDEX placement_participant ON placement (participant);
CREATE INDEX placement_referral ON placement (referral);
CREATE INDEX placement_opportunity ON placement (opportunity) WHERE opportunity IS NOT NULL;
CREATE INDEX placement_ends ON placement (ends_on, starts_on);

-- Every assertion about a session. `op` is this replica's number of it; outcome 0: what it said is erased.
CREATE TABLE attendance (
    placement BLOB NOT NULL, day INTEGER NOT NULL, slot INTEGER NOT NULL, op INTEGER NOT NULL,
    outcome INTEGER NOT NULL CHECK (outcome BETWEEN 0 AND 7), minutes INTEGER, reason TEXT, hlc INTEGER NOT NULL,
    head INTEGER NOT NULL,
    PRIMARY KEY (placement, day, slot, op)
) STRICT, WITHOUT ROWID;

CREATE TABLE attendance_supersedes (
    placement BLOB NOT NULL, day INTEGER NOT NULL, slot INTEGER NOT NULL,
    device BLOB NOT NULL, incarnation INTEGER NOT NULL, seq INTEGER NOT NULL, by_op INTEGER NOT NULL,
    PRIMARY KEY (placement, day, slot, device, incarnation, seq, by_op)
) STRICT, WITHOUT ROWID;

-- standing: 0 unrecorded, 1 recorded, 2 disputed, 3 excused (store/rows.h)
CREATE TABLE session (
    placement BLOB NOT NULL, day INTEGER NOT NULL, slot INTEGER NOT NULL,
    starts_min INTEGER, ends_min INTEGER, expected INTEGER NOT NULL,
    standing INTEGER NOT NULL, outcome INTEGER NOT NULL, minutes INTEGER, reason TEXT, heads INTEGER NOT NULL,
    jcp_starts_min INTEGER, jcp_ends_min INTEGER, jcp_purpose TEXT,
    PRIMARY KEY (placement, day, slot)
) STRICT, WITHOUT ROWID;
-- A day's others are found through the placements that run on it: an index of every session by day would be as large as the table,
-- and a placement laid out would write to as many of its pages as it has days.
CREATE INDEX session_unexpected ON session (day) WHERE expected = 0;
CREATE INDEX session_disputed ON session (placement) WHERE standing = 2;

CREATE TABLE notice (
    id BLOB PRIMARY KEY, placement BLOB, served_on INTEGER, served_by TEXT, received_on INTEGER, says_what INTEGER,
    says_when INTEGER, says_where INTEGER, says_mandatory INTEGER, says_evidence INTEGER, says_consequences INTEGER,
    note TEXT, deemed_received_on INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX notice_placement ON notice (placement);

CREATE TABLE capacity_statement (
    id BLOB PRIMARY KEY, places INTEGER, stated_on INTEGER, supervisor_minutes INTEGER, note TEXT, hlc INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX capacity_newest ON capacity_statement (stated_on, hlc);

CREATE TABLE appointment (
    id BLOB PRIMARY KEY, participant BLOB, day INTEGER, starts_min INTEGER, ends_min INTEGER, purpose TEXT,
    cancelled INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX appointment_day ON appointment (participant, day);

CREATE TABLE decision (
    id BLOB PRIMARY KEY, participant BLOB, failure_on INTEGER, decided_on INTEGER, outcome TEXT, note TEXT,
    doubt BLOB, weeks INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX decision_participant ON decision (participant);

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

CREATE TABLE contact_attempt (
    id BLOB PRIMARY KEY, participant BLOB, placement BLOB, day INTEGER, at_min INTEGER, means TEXT, outcome TEXT,
    about_day INTEGER, note TEXT, said_by TEXT NOT NULL, said_at INTEGER NOT NULL
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
CREATE INDEX job_search_placement ON job_search (placement);

CREATE TABLE placement_break (
    id BLOB PRIMARY KEY, placement BLOB, starts_on INTEGER, ends_on INTEGER, reason TEXT, note TEXT, said_by TEXT
    NOT NULL, said_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX placement_break_placement ON placement_break (placement);

CREATE TABLE flag_review (
    id BLOB PRIMARY KEY, flag TEXT, placement BLOB, day INTEGER, slot INTEGER, outcome TEXT, answers TEXT,
    look_again_on INTEGER, note TEXT, said_by TEXT NOT NULL, said_at INTEGER NOT NULL
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

CREATE TABLE same_person (
    id BLOB PRIMARY KEY, participant BLOB, undone INTEGER, decided_by TEXT, reason TEXT, said_by TEXT NOT NULL,
    said_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX same_person_participant ON same_person (participant);

-- What erasures cover (record.h). `op` is this replica's number of the erasure; seq NULL: everything about the subject.
CREATE TABLE erasure (
    op INTEGER PRIMARY KEY, subject BLOB NOT NULL, kind INTEGER NOT NULL, writer INTEGER NOT NULL, hlc INTEGER NOT NULL,
    device BLOB, incarnation INTEGER, seq INTEGER
) STRICT;
CREATE INDEX erasure_subject ON erasure (subject);

-- Guard rails 1, 2 and 3 for the only way into the sanction path. A doubt names its reviewer and stands on one session that is
-- recorded as an absence (not unrecorded, disputed or excused, not on top of JCP's own appointment), in a mandatory placement,
-- after a complete written notice was received.
CREATE TABLE compliance_doubt (
    id BLOB PRIMARY KEY, placement BLOB NOT NULL, day INTEGER NOT NULL, slot INTEGER NOT NULL,
    reviewer TEXT NOT NULL CHECK (length(reviewer) > 0)
) STRICT, WITHOUT ROWID;
CREATE TRIGGER doubt_needs_a_mandatory_placement BEFORE INSERT ON compliance_doubt
WHEN NOT EXISTS (SELECT 1 FROM placement p WHERE p.id = NEW.placement AND p.basis = 'mandatory')
BEGIN SELECT RAISE(ABORT, 'no compliance doubt: the placement is not mandatory'); END;
CREATE TRIGGER doubt_needs_a_recorded_absence BEFORE INSERT ON compliance_doubt
WHEN NOT EXISTS (SELECT 1 FROM session s WHERE s.placement = NEW.placement AND s.day = NEW.day AND s.slot = NEW.slot
                 AND s.standing = 1 AND s.outcome = 5)
BEGIN SELECT RAISE(ABORT, 'no compliance doubt: the session is not recorded as an unexcused absence'); END;
CREATE TRIGGER doubt_never_over_jcps_own_appointment BEFORE INSERT ON compliance_doubt
WHEN EXISTS (SELECT 1 FROM session s WHERE s.placement = NEW.placement AND s.day = NEW.day AND s.slot = NEW.slot
             AND s.jcp_purpose IS NOT NULL)
BEGIN SELECT RAISE(ABORT, 'no compliance doubt: the session overlaps an appointment of the Jobcentre'); END;
CREATE TRIGGER doubt_needs_a_complete_notice BEFORE INSERT ON compliance_doubt
WHEN NOT EXISTS (SELECT 1 FROM notice n WHERE n.placement = NEW.placement AND n.deemed_received_on < NEW.day
                 AND n.says_what = 1 AND n.says_when = 1 AND n.says_where = 1 AND n.says_mandatory = 1
                 AND n.says_evidence = 1 AND n.says_consequences = 1)
BEGIN SELECT RAISE(ABORT, 'no compliance doubt: no complete written notice was received before the day'); END;
