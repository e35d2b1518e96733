#include "agent/flags_pass.h"

#include "base/clock.h"
#include "base/log.h"
#include "store/packs.h"

struct slice_world {
    struct store *store;
    const struct programme *programme;
    int32_t today;
    int64_t now_ms;
    struct flag_list *scratch;
};

static enum err_code judge_placement(const struct slice_world *world, const struct row_id *placement, struct error *err)
{
    struct store_placement_facts facts;
    enum err_code found = store_placement_facts(world->store, placement, world->today, &facts, err);
    if (found == ERR_NOT_FOUND) { /* attendance came before its placement: marked again when that comes */
        return store_flags_replace(world->store, placement, NULL, 0, world->now_ms, err);
    }
    TRY(found);
    world->scratch->count = 0;
    enum err_code rc = rules_placement(world->programme, &facts.facts, world->today, world->scratch, err);
    store_placement_facts_fini(&facts);
    TRY(rc);
    return store_flags_replace(world->store, placement, world->scratch->flags, world->scratch->count, world->now_ms,
                               err);
}

static enum err_code judge_site(const struct slice_world *world, struct error *err)
{
    struct store_site_facts facts;
    TRY(store_site_facts(world->store, world->today, &facts, err));
    world->scratch->count = 0;
    enum err_code rc = rules_site(world->programme, &facts.facts, world->today, world->scratch, err);
    store_site_facts_fini(&facts);
    TRY(rc);
    return store_flags_replace(world->store, NULL, world->scratch->flags, world->scratch->count, world->now_ms, err);
}

static enum err_code judge_dirty(const struct slice_world *world, const struct store_dirty *dirty, bool site,
                                 struct error *err)
{
    for (size_t i = 0; i < dirty->placement_count; i++) {
        TRY(judge_placement(world, &dirty->placements[i], err));
    }
    return site ? judge_site(world, err) : ERR_OK;
}

enum err_code flags_slice(struct store *store, const struct programme *programme, int32_t today, int64_t now_ms,
                          struct flag_list *scratch, bool *ret_more, struct error *err)
{
    struct slice_world world = {
        .store = store, .programme = programme, .today = today, .now_ms = now_ms, .scratch = scratch
    };
    SCOPED(store_dirty_fini) struct store_dirty dirty = { 0 };
    TRY(store_dirty_read(store, FLAGS_PASS_SLICE, &dirty, err));
    bool more = dirty.placement_count == FLAGS_PASS_SLICE;
    bool site = dirty.site && !more; /* last */
    if (dirty.placement_count > 0 || site) {
        TRY(store_flags_begin(store, err));
        enum err_code rc = judge_dirty(&world, &dirty, site, err);
        if (rc != ERR_OK) {
            store_flags_abandon(store);
            return rc;
        }
        TRY(store_flags_commit(store, err));
    }
    *ret_more = more;
    return ERR_OK;
}

/* ---- with a record ---- */

static enum err_code judge_with_record(void *context, const struct row_id *placement, struct error *err)
{
    struct flags_judge *judge = context;
    int64_t now_ms = clock_wall_ms();
    const struct slice_world world = { .store = judge->store,
                                       .programme = store_programme(judge->store),
                                       .today = clock_today(now_ms),
                                       .now_ms = now_ms,
                                       .scratch = &judge->flags };
    return judge_placement(&world, placement, err);
}

void flags_judge_begin(struct flags_judge *judge, struct store *store)
{
    judge->store = store;
    flag_list_init(&judge->flags);
    store_judge_writes(store, &(struct store_judge){ judge_with_record, judge });
}

void flags_judge_end(struct flags_judge *judge)
{
    store_judge_writes(judge->store, NULL);
    flag_list_fini(&judge->flags);
}

/* ---- on the loop ---- */

static void on_timer(uv_timer_t *timer);

/* Not 0: libuv 1.44 runs a timer that is armed for now again before it looks at any connection. */
enum { NEXT_TURN_MS = 1 };

static void schedule(struct flags_pass *pass, uint64_t delay_ms)
{
    CHECK(uv_timer_start(&pass->timer, on_timer, delay_ms, 0) == 0);
}

/* A rest is for the pack that failed: one that was not tried yet does not wait for the end of it. */
static void mind_rest(struct flags_pass *pass)
{
    if (!pass->resting || pass->due == NULL) {
        return;
    }
    if (pass->failed == NULL) {
        pass->failed = pass->due;
    } else if (pass->failed != pass->due) {
        pass->resting = false;
        pass->asks_from_ms = 0;
    }
}

static enum err_code turn(struct flags_pass *pass, bool *ret_more, struct error *err)
{
    int64_t now_ms = clock_wall_ms();
    int32_t today = clock_today(now_ms);
    TRY(store_pack_due(pass->store, today, &pass->due, err));
    mind_rest(pass);
    if (pass->day != today) {
        TRY(store_dirty_all(pass->store, err));
        pass->day = today;
    }
    return flags_slice(pass->store, store_programme(pass->store), today, now_ms, &pass->judge.flags, ret_more, err);
}

/* However often somebody looks meanwhile. */
static uint64_t until_asked(const struct flags_pass *pass)
{
    uint64_t now_ms = uv_now(pass->timer.loop);
    return pass->asks_from_ms > now_ms ? pass->asks_from_ms - now_ms : NEXT_TURN_MS;
}

void flags_pass_slice(struct flags_pass *pass)
{
    if (pass->stopping || !pass->working) {
        return;
    }
    struct error err;
    bool more = false;
    pass->only_due = false;
    if (turn(pass, &more, &err) != ERR_OK) {
        log_error("flags_pass_failed", &err);
        schedule(pass, FLAGS_PASS_RETRY_MS);
        return;
    }
    pass->only_due = pass->due != NULL && !more;
    pass->working = more || pass->due != NULL;
    if (pass->working) {
        schedule(pass, more ? NEXT_TURN_MS : until_asked(pass));
    } else {
        CHECK(uv_timer_stop(&pass->timer) == 0);
    }
}

static void on_timer(uv_timer_t *timer)
{
    struct flags_pass *pass = timer->data;
    uint64_t now_ms = uv_now(timer->loop);
    flags_pass_slice(pass);
    if (pass->due != NULL && now_ms >= pass->asks_from_ms) {
        pass->asks_from_ms = now_ms + FLAGS_PASS_ASK_MS;
        pass->pack_due(pass->pack_context); /* may stop the pass */
    }
}

void flags_pass_init(struct flags_pass *pass, uv_loop_t *loop, struct store *store, void (*pack_due)(void *context),
                     void *context)
{
    *pass = (struct flags_pass){ .store = store, .day = ROW_NONE, .pack_due = pack_due, .pack_context = context };
    flags_judge_begin(&pass->judge, store);
    CHECK(uv_timer_init(loop, &pass->timer) == 0);
    pass->timer.data = pass;
}

void flags_pass_rest(struct flags_pass *pass, unsigned failures)
{
    static const uint64_t minutes[] = { 1, 5, 60 };
    size_t nth = failures < ARRAY_LEN(minutes) ? failures : ARRAY_LEN(minutes);
    pass->asks_from_ms = uv_now(pass->timer.loop) + minutes[nth - 1] * 60000;
    pass->resting = true;
    pass->failed = NULL;
}

void flags_pass_wake(struct flags_pass *pass)
{
    if (!pass->stopping && (!pass->working || pass->only_due)) {
        pass->working = true;
        pass->only_due = false;
        schedule(pass, FLAGS_PASS_GATHER_MS);
    }
}

bool flags_pass_pending(const struct flags_pass *pass)
{
    return pass->working;
}

static void on_closed(uv_handle_t *handle)
{
    struct flags_pass *pass = handle->data;
    pass->stopped(pass->context);
}

void flags_pass_stop(struct flags_pass *pass, void (*stopped)(void *context), void *context)
{
    CHECK(!pass->stopping);
    pass->stopping = true;
    flags_judge_end(&pass->judge);
    pass->stopped = stopped;
    pass->context = context;
    uv_close((uv_handle_t *)&pass->timer, on_closed);
}
