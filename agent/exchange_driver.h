/*
 * agent/exchange_driver - the exchange's machine (sync/client) on the loop: libcurl, a timer, the wall clock and
 * randomness.
 *
 * Decides nothing: the machine asks, the driver does and tells. A device that was enrolled by files has no address of
 * its centre: then the machine is only borrowed for bundles, and asks nothing. Lives from enrolment (or unlocking of an
 * enrolled replica) to exchange_driver_stop.
 *
 * Ownership:  exchange_driver_start gives; freed by itself just before `stopped` is called. The store outlives it.
 * Threads:    the loop's.
 */
#ifndef AGENT_EXCHANGE_DRIVER_H
#define AGENT_EXCHANGE_DRIVER_H

#include <uv.h>

#include "sync/client.h"

struct exchange_driver;

/* `changed`: new ops were applied, or only the status is another. ERR_NOT_ENROLLED when the store says so. */
MUST_USE enum err_code exchange_driver_start(uv_loop_t *loop, struct store *store,
                                             void (*changed)(void *context, bool new_ops), void *context,
                                             struct exchange_driver **ret_driver, struct error *err);
/* Without one nothing is ever asked over a network: the exchange goes by files. */
bool exchange_driver_has_address(const struct exchange_driver *driver);
void exchange_driver_wake(struct exchange_driver *driver, enum client_wake why);
/* May the centre be asked to keep its answer back until there is news? At first: not. */
void exchange_driver_allow_waiting(struct exchange_driver *driver, bool allowed);
/* This network loses large packets; smaller ones are used. */
bool exchange_driver_small_packets(const struct exchange_driver *driver);
void exchange_driver_status(const struct exchange_driver *driver, struct client_status *ret_status);
/* For the exchange by files beside it; lives as long as the driver. */
struct client *exchange_driver_client(const struct exchange_driver *driver);
void exchange_driver_stop(struct exchange_driver *driver, void (*stopped)(void *context), void *context);

#endif
