#include "crypto/vault/nonce.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include "crypto/digest.h"

static atomic_uint forks;
static pthread_once_t fork_watch = PTHREAD_ONCE_INIT;

static void fork_count(void)
{
    atomic_fetch_add_explicit(&forks, 1, memory_order_relaxed);
}

static void fork_watch_start(void)
{
    CHECK(pthread_atfork(NULL, NULL, fork_count) == 0);
}

bool nonce_source_spent(const struct nonce_source *source)
{
    return source->left == 0 || source->process != atomic_load_explicit(&forks, memory_order_relaxed);
}

enum err_code nonce_next(struct nonce_source *source, uint8_t out[NONCE_BYTES], struct error *err)
{
    unsigned process = atomic_load_explicit(&forks, memory_order_relaxed);
    if (source->left == 0 || source->process != process) {
        pthread_once(&fork_watch, fork_watch_start);
        source->left = 0;
        TRY(random_bytes(source->bytes, sizeof(source->bytes), err));
        source->left = NONCE_BATCH;
        source->process = process;
    }
    source->left--;
    memcpy(out, source->bytes + (size_t)source->left * NONCE_BYTES, NONCE_BYTES);
    return ERR_OK;
}
