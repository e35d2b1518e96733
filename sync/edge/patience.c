#include "sync/edge/patience.h"

#include <stdlib.h>
#include <sys/socket.h>

#define SWEEP_MS 1000

struct patient *patience_add(struct patience *patience, int fd, int64_t now_ms)
{
    struct patient *patient = calloc(1, sizeof(*patient));
    if (patient == NULL) {
        return NULL;
    }
    patient->fd = fd;
    patient->since_ms = now_ms;
    patient->next = patience->first;
    if (patient->next != NULL) {
        patient->next->previous = patient;
    }
    patience->first = patient;
    return patient;
}

void patience_remove(struct patience *patience, struct patient *patient)
{
    if (patient == NULL) {
        return;
    }
    if (patient->next != NULL) {
        patient->next->previous = patient->previous;
    }
    if (patient->previous != NULL) {
        patient->previous->next = patient->next;
    } else {
        patience->first = patient->next;
    }
    free(patient);
}

void patience_answered(struct patient *patient, int64_t now_ms)
{
    if (patient != NULL) {
        patient->busy = false;
        patient->since_ms = now_ms;
    }
}

void patience_sweep(struct patience *patience, int64_t now_ms)
{
    if (patience->stranger_ms == 0 || now_ms - patience->swept_ms < SWEEP_MS) {
        return;
    }
    patience->swept_ms = now_ms;
    for (struct patient *patient = patience->first; patient != NULL; patient = patient->next) {
        int64_t limit_ms = patient->known ? PATIENCE_KNOWN_MS : patience->stranger_ms;
        if (!patient->busy && now_ms - patient->since_ms > limit_ms) {
            (void)shutdown(patient->fd, SHUT_RDWR);
        }
    }
}
