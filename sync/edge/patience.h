/*
 * sync/edge/patience - how long a connection may take to say something whole.
 *
 * An idle connection is closed by the HTTP library; one that says a byte now and then is not, and keeps its place. Here
 * each connection has a time within which a request of it has to be whole, counted from its beginning or from its last
 * answer: short until its owner has proved a certificate, then long enough for the largest request over the slowest
 * link. The socket is shut down; the library notices and cleans up.
 *
 * Threads: the loop's.
 */
#ifndef SYNC_EDGE_PATIENCE_H
#define SYNC_EDGE_PATIENCE_H

#include <stdbool.h>
#include <stdint.h>

#define PATIENCE_KNOWN_MS (20 * 60 * 1000)

struct patient {
    struct patient *previous;
    struct patient *next;
    int fd;
    int64_t since_ms;
    bool busy;  /* its request is whole and being answered */
    bool known; /* its owner has proved a certificate */
};

struct patience {
    struct patient *first;
    int64_t stranger_ms; /* 0: nobody is hurried */
    int64_t swept_ms;
};

/* NULL without memory: nobody hurries that one. */
struct patient *patience_add(struct patience *patience, int fd, int64_t now_ms);
void patience_remove(struct patience *patience, struct patient *patient); /* NULL is allowed */
void patience_answered(struct patient *patient, int64_t now_ms);          /* likewise */
/* Looks at all of them, once a second at most. */
void patience_sweep(struct patience *patience, int64_t now_ms);

#endif
