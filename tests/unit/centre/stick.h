/*
 * tests/unit/centre/stick - bundles between the laptops and the centre of world.h, a second later each time.
 */
#ifndef TESTS_UNIT_CENTRE_STICK_H
#define TESTS_UNIT_CENTRE_STICK_H

#include "sync/bundle_device.h"
#include "sync/endpoint/core/bundles.h"
#include "world.h"

enum { STICK_FILE_MAX = 64 * 1024 * 1024 };

/* A file of the centre for the laptop, into a buffer that is made here. */
enum err_code stick_from_centre(struct laptop *laptop, bool from_start, struct buf *file);
struct buf stick_from_laptop(struct laptop *laptop); /* of the laptop for the centre */

enum err_code stick_to_centre(struct centre_world *world, struct slice file, struct centre_bundle_taken *taken);
enum err_code stick_to_laptop(struct laptop *laptop, struct slice file, struct device_bundle_taken *taken);

#endif
