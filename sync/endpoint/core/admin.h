/*
 * sync/endpoint/core/admin - the operator's operations: a table of names, arguments and what runs. Not for other rooms.
 */
#ifndef SYNC_ENDPOINT_CORE_ADMIN_H
#define SYNC_ENDPOINT_CORE_ADMIN_H

#include "base/clock.h"
#include "sync/endpoint/core/private.h"

#define ADMIN_ARGUMENTS_MAX 12

enum argument_type { ARGUMENT_TEXT, ARGUMENT_INTEGER, ARGUMENT_NUMBER, ARGUMENT_BOOL, ARGUMENT_DATE, ARGUMENT_TIME };

struct argument {
    const char *name; /* NULL ends the list */
    enum argument_type type;
    bool required;
};

struct admin_call {
    struct centre *centre;
    const json_t *arguments; /* checked against the operation's list */
    int64_t now_ms;
    json_t *answer; /* set by the operation */
    struct error *err;
};

struct operation {
    const char *name;
    enum err_code (*run)(struct admin_call *call);
    struct argument arguments[ADMIN_ARGUMENTS_MAX];
};

/* NULL, 0 or the stated day when the argument was left out. */
const char *argument_text(const struct admin_call *call, const char *name);
int64_t argument_integer(const struct admin_call *call, const char *name, int64_t otherwise);
double argument_number(const struct admin_call *call, const char *name, double otherwise);
bool argument_bool(const struct admin_call *call, const char *name);
int32_t argument_date(const struct admin_call *call, const char *name, int32_t otherwise);
int argument_time(const struct admin_call *call, const char *name);

/* The site that the argument "site" names. */
MUST_USE enum err_code argument_site(const struct admin_call *call, struct centre_site *ret_site);

/* Values; NULL without memory, which json_pack passes on. OP_TIME_NONE is null. */
json_t *json_instant(int64_t at_ms);
json_t *json_hex(const uint8_t *data, size_t len);
json_t *json_site(const struct centre_site *site);
json_t *json_device(const struct centre_device *device, int64_t now_ms);
json_t *json_op_id(const struct op_id *id);
json_t *json_kind_name(uint32_t kind);
json_t *json_fields(const struct op *op); /* {} for an erased body or an unknown kind */

/* Keeps `answer`; ERR_NO_MEMORY when it is NULL. */
MUST_USE enum err_code admin_answer(struct admin_call *call, json_t *answer);

/* The doubt that the argument "doubt" names, if JCP may act on it: it stands, or is decided. admin_doubts.c */
struct doubt_row;
MUST_USE enum err_code doubt_of(struct admin_call *call, const struct centre_site *site, struct doubt_row *ret_row);

/* The site gets the programme packs that every site has and it has not. admin_packs.c */
MUST_USE enum err_code packs_give(struct admin_call *call, const struct centre_site *site);

/* ---- the operations ---- */

enum err_code admin_info(struct admin_call *call);
enum err_code admin_organisation_add(struct admin_call *call);
enum err_code admin_organisations(struct admin_call *call);
enum err_code admin_site_add(struct admin_call *call);
enum err_code admin_sites(struct admin_call *call);
enum err_code admin_code_new(struct admin_call *call);
enum err_code admin_enrolment_sign(struct admin_call *call);
enum err_code admin_devices(struct admin_call *call);
enum err_code admin_revoke(struct admin_call *call);
enum err_code admin_reinstate(struct admin_call *call);
enum err_code admin_authority(struct admin_call *call);
enum err_code admin_authority_roll(struct admin_call *call);
enum err_code admin_authority_retire(struct admin_call *call);
enum err_code admin_authority_former(struct admin_call *call);
enum err_code admin_referral_new(struct admin_call *call);
enum err_code admin_appointment_new(struct admin_call *call);
enum err_code admin_decision_new(struct admin_call *call);
enum err_code admin_referral_event(struct admin_call *call);
enum err_code admin_doubts(struct admin_call *call);
enum err_code admin_doubt_event(struct admin_call *call);
enum err_code admin_message_send(struct admin_call *call);
enum err_code admin_message_list(struct admin_call *call);
enum err_code admin_log(struct admin_call *call);
enum err_code admin_erase(struct admin_call *call);
enum err_code admin_quarantine(struct admin_call *call);
enum err_code admin_quarantine_retry(struct admin_call *call);
enum err_code admin_incidents(struct admin_call *call);
enum err_code admin_verify(struct admin_call *call);
enum err_code admin_checkpoint(struct admin_call *call);
enum err_code admin_pack_add(struct admin_call *call);
enum err_code admin_packs(struct admin_call *call);

#endif
