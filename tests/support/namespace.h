/*
 * tests/support/namespace - a network and mounts of the test's own, which go with its process.
 *
 * Needs root: a test runs beside a thread of Criterion's, and the kernel gives user namespaces to processes of one
 * thread only. Before any program is started.
 */
#ifndef TESTS_SUPPORT_NAMESPACE_H
#define TESTS_SUPPORT_NAMESPACE_H

#include <stdbool.h>
#include <stddef.h>

/* False, with the reason in `ret_why`: not allowed here. */
bool namespace_enter(char *ret_why, size_t size);

/* A new network device comes up: what a laptop sees when somebody plugs a cable in. */
void namespace_plug_in(void);

/* An empty disk of this size over the folder, which is made. */
void namespace_mount_disk(const char *folder, size_t bytes);
void namespace_mount_read_only(const char *folder, bool read_only);
void namespace_unmount(const char *folder);

#endif
