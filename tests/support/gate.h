/*
 * tests/support/gate - an HTTP proxy of a network on loopback: one client at a time, in its own thread.
 *
 * It wants the name "name" and the password "secret", or gives everybody the same answer.
 */
#ifndef TESTS_SUPPORT_GATE_H
#define TESTS_SUPPORT_GATE_H

#include <pthread.h>
#include <stdint.h>

struct gate {
    int listener;
    uint16_t port;
    int status; /* to all; 0: 407 without the password, else lets through */
    int passed;
    pthread_t thread;
};

void gate_open(struct gate *gate, int status);
/* Whoever is connected has to have gone, or to go soon. */
void gate_close(struct gate *gate);

#endif
