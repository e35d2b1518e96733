/* What the centre signed of this stream's history, what contradicts it, and what a person brings to compare. */
#include "agent/api_handlers.h"
#include "base/log.h"

enum { VIOLATIONS_LIMIT = 100, VIOLATIONS_LIMIT_MAX = 1000 };

/* The texts of a checkpoint: note and verifier key. */
struct checkpoint_texts {
    struct buf note;
    struct buf verifier;
};

static void texts_fini(struct checkpoint_texts *texts)
{
    buf_fini(&texts->note);
    buf_fini(&texts->verifier);
}

static bool texts_make(const struct store_verified_checkpoint *held, const uint8_t stream[STREAM_ID_BYTES],
                       struct checkpoint_texts *texts)
{
    char origin[TREE_ORIGIN_SIZE];
    tree_origin(stream, origin);
    return checkpoint_note(&held->checkpoint, origin, held->key, &texts->note, NULL) == ERR_OK &&
           checkpoint_verifier_key(origin, held->key, &texts->verifier, NULL) == ERR_OK;
}

json_t *checkpoint_value(const struct store_verified_checkpoint *held, const uint8_t stream[STREAM_ID_BYTES])
{
    SCOPED(texts_fini) struct checkpoint_texts texts;
    buf_init(&texts.note, CHECKPOINT_NOTE_MAX);
    buf_init(&texts.verifier, CHECKPOINT_NOTE_MAX);
    if (!held->known) {
        return json_null();
    }
    if (!texts_make(held, stream, &texts)) {
        return NULL;
    }
    return json_pack(
        "{s:I,s:o,s:o,s:o,s:o,s:o,s:o,s:o}", "size", (json_int_t)held->checkpoint.size, "root",
        value_id(held->checkpoint.root.bytes, MERKLE_HASH_BYTES), "verified_at", value_instant(held->verified_at_ms),
        "note", json_stringn((const char *)texts.note.data, texts.note.len), "verifier_key",
        json_stringn((const char *)texts.verifier.data, texts.verifier.len), "key",
        value_base64(slice_of(held->key, CHECKPOINT_KEY_BYTES)), "voucher",
        value_base64(slice_of(held->vouch, held->vouch_len)), "certificate", value_pem(buf_slice(&held->certificate)));
}

static enum err_code need_stream(const struct api_world *world, struct error *err)
{
    return world->stream != NULL ? ERR_OK
                                 : FAIL(err, NOT_ENROLLED, "look at the centre's word: this machine is not enrolled");
}

enum err_code api_checkpoint(struct api_call *call, struct error *err)
{
    const struct api_world *world = call->world;
    SCOPED(store_verified_checkpoint_fini) struct store_verified_checkpoint held = { 0 };
    SCOPED(store_violation_fini) struct store_violation newest = { 0 };
    uint64_t standing;
    TRY(need_stream(world, err));
    TRY(store_checkpoint_read(world->store, &held, err));
    TRY(store_violation_standing(world->store, &newest, &standing, err));
    return answer_object(call->answer,
                         json_pack("{s:o,s:I}", "checkpoint", checkpoint_value(&held, world->stream), "violations",
                                   (json_int_t)standing),
                         err);
}

static json_t *violation_value(const struct store_violation *violation, const uint8_t stream[STREAM_ID_BYTES])
{
    return json_pack("{s:I,s:o,s:b,s:o,s:o,s:o,s:o}", "id", (json_int_t)violation->id, "noticed_at",
                     value_instant(violation->noticed_at_ms), "brought", violation->brought, "held",
                     checkpoint_value(&violation->held, stream), "told", checkpoint_value(&violation->told, stream),
                     "acknowledged_at", value_instant(violation->acknowledged_at_ms), "acknowledged_by",
                     value_text(violation->acknowledged_by));
}

enum err_code api_checkpoint_violations(struct api_call *call, struct error *err)
{
    const struct api_world *world = call->world;
    size_t limit;
    int64_t after = 0;
    TRY(need_stream(world, err));
    TRY(query_number(call, "limit", VIOLATIONS_LIMIT, VIOLATIONS_LIMIT_MAX, &limit, err));
    TRY(answer_list_begin(call->answer, NULL, "violations", err));
    for (size_t i = 0;; i++) {
        SCOPED(store_violation_fini) struct store_violation violation = { 0 };
        bool found;
        TRY(store_violation_next(world->store, after, &violation, &found, err));
        if (!found || i == limit) {
            return answer_list_end(call->answer, found, err);
        }
        TRY(answer_list_row(call->answer, violation_value(&violation, world->stream), err));
        after = violation.id;
    }
}

enum err_code api_checkpoint_acknowledge(struct api_call *call, struct error *err)
{
    static const char *const known[] = { NULL };
    const struct api_world *world = call->world;
    struct members members = members_begin(call->body, known, err);
    uint64_t count;
    TRY(members_end(&members));
    TRY(store_violation_acknowledge(world->store, world->actor, world->now_ms, &count, err));
    LOG_INFO("violations_acknowledged", "count=%llu", (unsigned long long)count);
    return answer_object(call->answer, json_pack("{s:I}", "acknowledged", (json_int_t)count), err);
}

enum err_code api_checkpoint_compare(struct api_call *call, struct error *err)
{
    static const char *const known[] = { "note", NULL };
    const struct api_world *world = call->world;
    struct members members = members_begin(call->body, known, err);
    const char *note = member_text(&members, "note", CHECKPOINT_NOTE_MAX, true);
    SCOPED(store_verified_checkpoint_fini) struct store_verified_checkpoint held = { 0 };
    struct checkpoint told;
    bool fits;
    TRY(members_end(&members));
    TRY(need_stream(world, err));
    TRY(tree_compare(world->store, slice_of_text(note), world->now_ms, &told, &fits, err));
    TRY(store_checkpoint_read(world->store, &held, err));
    if (!fits) {
        LOG_WARNING("checkpoints_contradict", "size=%llu", (unsigned long long)told.size);
    }
    return answer_object(call->answer,
                         json_pack("{s:b,s:{s:I,s:o},s:o}", "consistent", fits, "told", "size", (json_int_t)told.size,
                                   "root", value_id(told.root.bytes, MERKLE_HASH_BYTES), "held",
                                   checkpoint_value(&held, world->stream)),
                         err);
}
