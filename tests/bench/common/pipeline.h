/*
 * tests/bench/common/pipeline - an exchange without network, TLS and HTTP: the same functions as in holdfastd and
 * holdfast-endpoint, one after the other in one process, with the CPU time of each stage.
 */
#ifndef BENCH_COMMON_PIPELINE_H
#define BENCH_COMMON_PIPELINE_H

#include "tests/bench/common/site.h"

enum pipeline_stage {
    STAGE_READ_OWN,
    STAGE_LINK,
    STAGE_ENCODE,
    STAGE_DECODE,
    STAGE_APPEND,
    STAGE_PAGE,
    STAGE_ENCODE_PAGE,
    STAGE_DECODE_PAGE,
    STAGE_APPLY,
    PIPELINE_STAGES
};

struct pipeline {
    char folder[96];
    struct authority *authority;
    struct bench_centre centre;
    struct bench_site one; /* records and pushes */
    struct bench_site two; /* fresh: pulls */
    size_t batch;          /* ops in a request or an answer, at most OP_BATCH_OPS_MAX */
    double cpu_s[PIPELINE_STAGES];
    uint64_t ops[2]; /* pushed, pulled */
    uint64_t bytes[2];
};

void pipeline_open(struct pipeline *p, size_t batch);
void pipeline_close(struct pipeline *p);

/* One request with ops after seq `after`; the number that went up. */
size_t pipeline_push(struct pipeline *p, uint64_t after);
/* One answer; false when there was nothing to fetch. */
bool pipeline_pull(struct pipeline *p, uint64_t *cursor);
/* Ends the benchmark unless both replicas hold the same. */
void pipeline_check(struct pipeline *p);

#endif
