/*
 * tests/unit/edge/world - a loop, an authority, a server and a client on the loopback address.
 */
#ifndef TESTS_UNIT_EDGE_WORLD_H
#define TESTS_UNIT_EDGE_WORLD_H

#include "crypto/identity.h"
#include "sync/edge/http_client.h"
#include "sync/edge/http_server.h"

#define DAY_MS INT64_C(86400000)
#define BODY_MAX (64 * 1024)

struct party {
    struct device_key *key;
    struct secret key_pem;
    struct buf certificate_der;
    struct buf certificate_pem;
};

struct world {
    uv_loop_t loop;
    struct authority *ca;
    struct buf ca_pem;
    struct party server_party;
    struct party client_party;
    struct http_server *server;
    struct http_client *client;
    unsigned connections_per_address; /* these two before world_serve; 0: no limit */
    unsigned request_timeout_s;
    char base[64]; /* https://127.0.0.1:port */
    /* what the client was told */
    int answers;
    struct http_result result;
    char content_type[64];
    struct buf body;
};

/* Valid from a day ago for the stated days, counted from now. */
void party_make(struct authority *ca, enum certificate_role role, const char *host, int64_t from_days, int64_t to_days,
                struct party *ret_party);
/* PEM for http_client_options; lives as long as the party. */
void party_fini(struct party *party);

void authority_pem(const struct authority *ca, struct buf *ret_pem);

void world_init(struct world *world);
void world_serve(struct world *world, http_handler handler, void *context); /* on 127.0.0.1 */
void world_serve_on(struct world *world, const char *host, http_handler handler, void *context);
/* party NULL: no client certificate. ca_pem NULL: nothing is checked. */
void world_connect(struct world *world, const struct party *party, const char *ca_pem);
/* Asks and runs the loop until answered; world->result holds what came. */
void world_ask(struct world *world, const char *path, struct slice body);
void world_ask_url(struct world *world, const char *url, struct slice body);
void world_note(void *context, const struct http_result *result); /* http_done that fills world->result */
void world_run_until(struct world *world, const int *counter, int value);
void world_fini(struct world *world); /* stops what runs; the loop has to end by itself */

#endif
