/*
 * base/error - how a failure rises.
 *
 * A function that can fail returns `enum err_code` and describes the failure in a `struct error` that its caller owns.
 * FAIL where it starts, error_wrap() as it rises, logged once where it stops. Messages: lower case, no full stop, verb
 * first, subject in quotes, never personal data and never key material. Out-parameters are untouched on failure.
 *
 * The class says what the top does with it:
 *   NONE      the caller's answer (bad input, not found): tell who asked, carry on
 *   RETRY     passing: back off and try again
 *   OPERATOR  a person has to act: show it, carry on offline
 *   FATAL     stop cleanly
 */
#ifndef BASE_ERROR_H
#define BASE_ERROR_H

#include "base/check.h"

/* X(code, stable name shown to people and in JSON, class) */
#define ERROR_CODES(X)                                                                                                 \
    X(OK, "ok", NONE)                                                                                                  \
    X(INVALID, "invalid", NONE)                /* input of a person or program is not as documented */                 \
    X(NOT_FOUND, "not_found", NONE)            /* what was named does not exist */                                     \
    X(REFUSED, "refused", NONE)                /* understood, and not allowed: a guard rail, a role, a state */        \
    X(CONFLICT, "conflict", NONE)              /* already there, or changed meanwhile */                               \
    X(LIMIT, "limit", NONE)                    /* a stated limit is reached; nothing was lost */                       \
    X(LOCKED, "locked", OPERATOR)              /* the vault is locked */                                               \
    X(KEY, "key", OPERATOR)                    /* wrong key, or no usable key */                                       \
    X(DAMAGED, "damaged", OPERATOR)            /* bytes on disk fail their check */                                    \
    X(CONFIG, "config", OPERATOR)              /* settings or command line of a service */                             \
    X(DISK_FULL, "disk_full", OPERATOR)        /* no space left */                                                     \
    X(READ_ONLY, "read_only", OPERATOR)        /* the disk or folder cannot be written */                              \
    X(IO, "io", RETRY)                         /* any other failure of the operating system */                         \
    X(BUSY, "busy", RETRY)                     /* another process or a limit of the peer, for now */                   \
    X(NETWORK, "network", RETRY)               /* no connection, cut, timed out */                                     \
    X(DNS, "dns", RETRY)                       /* a name is not found, or nobody answers who knows names */            \
    X(PROXY, "proxy", OPERATOR)                /* the network's proxy wants a password, or refuses */                  \
    X(CAPTIVE_PORTAL, "captive_portal", RETRY) /* somebody else's page answered */                                     \
    X(SILENT, "silent", RETRY)                 /* the connection is there, and nothing comes over it */                \
    X(TLS, "tls", OPERATOR)                    /* certificate or handshake not acceptable */                           \
    X(INTERCEPTED, "intercepted", OPERATOR)    /* somebody else's certificate answers in the peer's place */           \
    X(NOT_ENROLLED, "not_enrolled", OPERATOR)                                                                          \
    X(REVOKED, "revoked", OPERATOR)         /* the centre no longer accepts this device */                             \
    X(PROTOCOL, "protocol", RETRY)          /* the peer's bytes are not as specified */                                \
    X(HISTORY, "history", OPERATOR)         /* chain, signature or receipt does not fit: evidence of tampering */      \
    X(UNSUPPORTED, "unsupported", OPERATOR) /* a version this program does not know */                                 \
    X(NO_MEMORY, "no_memory", FATAL)                                                                                   \
    X(CRYPTO, "crypto", FATAL)     /* the cryptographic library failed */                                              \
    X(DATABASE, "database", FATAL) /* SQLite failed in a way no other code names */

enum err_code {
#define X(code, name, class) ERR_##code,
    ERROR_CODES(X)
#undef X
};

enum err_class { ERR_CLASS_NONE, ERR_CLASS_RETRY, ERR_CLASS_OPERATOR, ERR_CLASS_FATAL };

#define ERROR_MESSAGE_MAX 512

struct error {
    enum err_code code;
    char message[ERROR_MESSAGE_MAX]; /* cut with "..." when longer */
};

const char *err_code_name(enum err_code code);
enum err_class err_code_class(enum err_code code);

/* The code of a name in JSON, or ERR_PROTOCOL for an unknown one. */
enum err_code err_code_from_name(const char *name);

/* ENOSPC and EDQUOT are DISK_FULL, EROFS and EACCES are READ_ONLY, ENOENT is NOT_FOUND, ENOMEM is NO_MEMORY, else IO.
 */
enum err_code err_code_from_errno(int errno_value);

/* Sets code and message; `err` may be NULL. Returns `code`. */
enum err_code error_set(struct error *err, enum err_code code, const char *format, ...) PRINTF_LIKE(3, 4);

/* Puts "<what was being done>: " before the message. Returns `code`. */
enum err_code error_wrap(struct error *err, enum err_code code, const char *format, ...) PRINTF_LIKE(3, 4);

#define FAIL(err, CODE, ...) error_set((err), ERR_##CODE, __VA_ARGS__)

/* FAIL for a failed system call: "<what>: <strerror>", with the code of errno. */
enum err_code error_errno(struct error *err, const char *format, ...) PRINTF_LIKE(2, 3);

/* `return` the failure of a call that needs no words of its own. */
#define TRY(call)                                                                                                      \
    do {                                                                                                               \
        enum err_code try_rc_ = (call);                                                                                \
        if (try_rc_ != ERR_OK) {                                                                                       \
            return try_rc_;                                                                                            \
        }                                                                                                              \
    } while (0)

#endif
