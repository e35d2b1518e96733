/*
 * tests/support/folder - a temporary folder, and files in it.
 *
 * Every function fails the test when it cannot do its work.
 */
#ifndef TESTS_SUPPORT_FOLDER_H
#define TESTS_SUPPORT_FOLDER_H

#include <stdbool.h>

#include "base/bytes.h"

#define FOLDER_PATH_SIZE 256

/* A new folder under /tmp; everything in it goes with folder_remove, mounts excepted. */
void folder_make(char ret_path[FOLDER_PATH_SIZE]);
void folder_remove(const char *path);

/* The files of one folder into a new one; sockets and folders in it are left out. */
void folder_copy(const char *from, const char *to);

void file_write(const char *path, struct slice content);
void file_copy(const char *from, const char *to);
/* *ret_content is released with buf_fini. */
void file_load(const char *path, struct buf *ret_content);
int64_t file_size(const char *path);
/* Changes one bit of the byte at `offset`; negative: counted from the end. */
void file_flip_bit(const char *path, int64_t offset);
/* Exchanges two runs of `len` bytes. */
void file_swap(const char *path, int64_t a, int64_t b, size_t len);
/* Does any file of the folder hold these bytes? The file's path is put into `ret_path`. */
bool folder_holds(const char *path, struct slice wanted, char ret_path[FOLDER_PATH_SIZE]);

#endif
