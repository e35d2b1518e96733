#include "agent/sign_in.h"

#include <inttypes.h>
#include <string.h>

#include "crypto/digest.h"

enum err_code sign_ins_init(struct sign_ins *all, struct error *err)
{
    return random_bytes(all->key, sizeof(all->key), err);
}

void sign_ins_end_all(struct sign_ins *all)
{
    secret_wipe(all->sessions, sizeof(all->sessions));
}

static void hash_of(const uint8_t token[SIGN_IN_TOKEN_BYTES], uint8_t out[SHA256_BYTES])
{
    struct slice bytes = slice_of(token, SIGN_IN_TOKEN_BYTES);
    sha256(&bytes, 1, out);
}

static bool over(const struct signed_in *session, int64_t now_ms)
{
    return !session->used || now_ms - session->last_ms >= SIGN_IN_IDLE_MS ||
           now_ms - session->began_ms >= SIGN_IN_LONGEST_MS;
}

/* One that is over, else the one that was used longest ago. */
static struct signed_in *place_for(struct sign_ins *all, int64_t now_ms)
{
    struct signed_in *oldest = &all->sessions[0];
    for (size_t i = 0; i < SIGN_IN_MAX; i++) {
        if (over(&all->sessions[i], now_ms)) {
            return &all->sessions[i];
        }
        oldest = all->sessions[i].last_ms < oldest->last_ms ? &all->sessions[i] : oldest;
    }
    return oldest;
}

enum err_code sign_ins_begin(struct sign_ins *all, uid_t uid, const char *name, int64_t now_ms,
                             char ret_token[SIGN_IN_TOKEN_TEXT], struct error *err)
{
    uint8_t token[SIGN_IN_TOKEN_BYTES];
    CHECK(strlen(name) <= OP_ACTOR_MAX);
    TRY(random_bytes(token, sizeof(token), err));
    struct signed_in *session = place_for(all, now_ms);
    *session = (struct signed_in){ .used = true, .uid = uid, .began_ms = now_ms, .last_ms = now_ms };
    memcpy(session->name, name, strlen(name) + 1);
    hash_of(token, session->hash);
    hex_encode(token, sizeof(token), ret_token);
    secret_wipe(token, sizeof(token));
    return ERR_OK;
}

static struct signed_in *find(struct sign_ins *all, uid_t uid, const char *token)
{
    uint8_t bytes[SIGN_IN_TOKEN_BYTES];
    uint8_t hash[SHA256_BYTES];
    if (strlen(token) != SIGN_IN_TOKEN_TEXT - 1 || !hex_decode(token, bytes, sizeof(bytes))) {
        return NULL;
    }
    hash_of(bytes, hash);
    secret_wipe(bytes, sizeof(bytes));
    struct signed_in *found = NULL;
    for (size_t i = 0; i < SIGN_IN_MAX; i++) {
        struct signed_in *session = &all->sessions[i];
        if (session->used && session->uid == uid &&
            secret_equal(slice_of(session->hash, SHA256_BYTES), slice_of(hash, SHA256_BYTES))) {
            found = session;
        }
    }
    return found;
}

const struct signed_in *sign_ins_find(struct sign_ins *all, uid_t uid, const char *token, int64_t now_ms)
{
    struct signed_in *session = find(all, uid, token);
    if (session == NULL) {
        return NULL;
    }
    if (over(session, now_ms)) {
        *session = (struct signed_in){ 0 };
        return NULL;
    }
    session->last_ms = now_ms;
    return session;
}

void sign_ins_end(struct sign_ins *all, uid_t uid, const char *token)
{
    struct signed_in *session = find(all, uid, token);
    if (session != NULL) {
        *session = (struct signed_in){ 0 };
    }
}

void sign_ins_end_of(struct sign_ins *all, const char *name)
{
    for (size_t i = 0; i < SIGN_IN_MAX; i++) {
        if (all->sessions[i].used && strcmp(all->sessions[i].name, name) == 0) {
            all->sessions[i] = (struct signed_in){ 0 };
        }
    }
    for (size_t i = 0; i < PEOPLE_MAX; i++) {
        if (strcmp(all->tries[i].name, name) == 0) {
            all->tries[i] = (struct tries){ 0 };
        }
    }
}

/* ---- guessing ---- */

/* Theirs, else a free one, else the one with the fewest. */
static struct guesses *guesses_of(struct sign_ins *all, const char *name)
{
    struct tries *place = &all->tries[0];
    for (size_t i = 0; i < PEOPLE_MAX; i++) {
        if (strcmp(all->tries[i].name, name) == 0) {
            return &all->tries[i].guesses;
        }
        place = all->tries[i].guesses.wrong < place->guesses.wrong ? &all->tries[i] : place;
    }
    *place = (struct tries){ 0 };
    memcpy(place->name, name, strlen(name) + 1);
    return &place->guesses;
}

static size_t stranger_of(const struct sign_ins *all, const char *name)
{
    uint8_t hash[SHA256_BYTES];
    const struct slice parts[] = { slice_of(all->key, sizeof(all->key)), slice_of_text(name) };
    sha256(parts, ARRAY_LEN(parts), hash);
    return get_be32(hash) % SIGN_IN_STRANGERS;
}

enum err_code sign_ins_may_try(const struct sign_ins *all, const char *name, bool entered, int64_t now_ms,
                               struct error *err)
{
    const struct guesses *guesses = entered ? NULL : &all->strangers[stranger_of(all, name)];
    for (size_t i = 0; entered && i < PEOPLE_MAX; i++) {
        if (strcmp(all->tries[i].name, name) == 0) {
            guesses = &all->tries[i].guesses;
        }
    }
    if (guesses != NULL && guesses->wrong > 0 && now_ms < guesses->not_before_ms) {
        return FAIL(err, BUSY, "sign in: too many wrong passphrases; wait %" PRId64 " seconds",
                    (guesses->not_before_ms - now_ms + 999) / 1000);
    }
    return ERR_OK;
}

void sign_ins_tried(struct sign_ins *all, const char *name, bool entered, bool fits, int64_t now_ms)
{
    CHECK(strlen(name) <= OP_ACTOR_MAX);
    struct guesses *guesses = entered ? guesses_of(all, name) : &all->strangers[stranger_of(all, name)];
    if (fits) {
        *guesses = (struct guesses){ 0 };
        return;
    }
    guesses->wrong++;
    if (guesses->wrong >= SIGN_IN_TRIES) {
        unsigned doublings = guesses->wrong - SIGN_IN_TRIES;
        guesses->not_before_ms =
            now_ms + (SIGN_IN_WAIT_MS << (doublings < SIGN_IN_WAIT_DOUBLINGS ? doublings : SIGN_IN_WAIT_DOUBLINGS));
    }
}
