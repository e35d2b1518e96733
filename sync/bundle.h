/*
 * sync/bundle - a file that carries an exchange where no network does: sealed to its receiver, signed by its sender.
 *
 *     head      0    8  "HFBUNDLE"
 *               8    1  version, 1
 *               9    1  direction: 1 to the centre, 2 to a device
 *              10   16  receiver: the first of SHA-256(SubjectPublicKeyInfo, DER) of its key
 *              26   65  encapsulated key (crypto/hpke.h), sealed for the 26 bytes before it
 *     chunk     0    1  0; 1: the last one
 *               1    4  length of what follows
 *               5    n  sealed in its place in the row, with the 5 bytes before it as associated data
 *
 * The first chunk says who sends and carries a signature, which binds the sender to this row of chunks and to this
 * receiver; then one message a chunk; the last one is empty. Nothing of the sender or of the messages can be read
 * without the receiver's key, and what was cut off, left out or moved is noticed at the place where it happened, before
 * that chunk is used. So every message that is given out is whole, in order, and the sender's.
 *
 * To the centre a message is a request of sync/exchange.h; to a device a pair: the question, as the device's newest
 * bundle asked it, and its answer. Both sides take them as they take an exchange.
 *
 * Memory: one chunk, however long the file is.
 * Layer:  sync. No file and no clock.
 */
#ifndef SYNC_BUNDLE_H
#define SYNC_BUNDLE_H

#include "crypto/hpke.h"
#include "sync/exchange.h"

#define BUNDLE_HEAD_BYTES (26 + HPKE_ENCAPSULATED_BYTES)
#define BUNDLE_FRAME_BYTES 5
#define BUNDLE_MESSAGE_MAX (EXCHANGE_RESPONSE_MAX + 65536)
#define BUNDLE_PIECE_MAX ((size_t)1024 * 1024) /* of a file, as it is handed on */

enum bundle_direction { BUNDLE_TO_CENTRE = 1, BUNDLE_TO_DEVICE = 2 };

struct bundle_about {
    enum bundle_direction direction;
    uint8_t stream[STREAM_ID_BYTES];
    int64_t made_at_ms; /* by the sender's clock */
};

/* ---- writing ---- */

struct bundle_writer {
    struct hpke row;
};

/* Who sends: its key and certificate (DER). */
struct bundle_sender {
    const struct device_key *key;
    struct slice certificate;
};

/* Each appends what it makes to `out`. ERR_REFUSED: the receiver's certificate does not allow sealing to its key. */
MUST_USE enum err_code bundle_write_begin(struct bundle_writer *writer, const struct bundle_about *about,
                                          const struct bundle_sender *sender, const struct certificate *receiver,
                                          struct buf *out, struct error *err);
MUST_USE enum err_code bundle_write_message(struct bundle_writer *writer, struct slice message, struct buf *out,
                                            struct error *err);
MUST_USE enum err_code bundle_write_end(struct bundle_writer *writer, struct buf *out, struct error *err);
void bundle_writer_fini(struct bundle_writer *writer); /* zeroed is allowed */

/* ---- reading ---- */

enum bundle_state { BUNDLE_AT_HEAD, BUNDLE_AT_SENDER, BUNDLE_AT_MESSAGES, BUNDLE_AT_END };

struct bundle_reader {
    const struct device_key *key;
    enum bundle_direction direction; /* that the reader takes */
    enum bundle_state state;
    uint8_t head[BUNDLE_HEAD_BYTES];
    struct hpke row;
    struct buf pending;
    size_t used; /* of pending */
    /* from BUNDLE_AT_MESSAGES on: proved to hold the key in its certificate; whose that is, the caller checks */
    struct bundle_about about;
    struct buf certificate;
    uint64_t messages;
};

enum bundle_found { BUNDLE_MORE_BYTES, BUNDLE_SENDER, BUNDLE_MESSAGE, BUNDLE_END };

void bundle_reader_init(struct bundle_reader *reader, const struct device_key *key, enum bundle_direction direction);
void bundle_reader_fini(struct bundle_reader *reader); /* zeroed is allowed */

/* The next bytes of the file, at most BUNDLE_PIECE_MAX; call bundle_read until it wants more. */
MUST_USE enum err_code bundle_read_put(struct bundle_reader *reader, struct slice piece, struct error *err);

/*
 * What stands next. A message replaces what is in `message`. ERR_INVALID: no bundle. ERR_REFUSED: for somebody else, or
 * for the other side. ERR_DAMAGED: changed, cut out or moved. ERR_HISTORY: not signed by who it says. ERR_PROTOCOL,
 * ERR_LIMIT, ERR_UNSUPPORTED: not as specified, or of a later version.
 */
MUST_USE enum err_code bundle_read(struct bundle_reader *reader, struct buf *message, enum bundle_found *ret_found,
                                   struct error *err);

/* After the file's last byte: ERR_DAMAGED unless its end was reached. */
MUST_USE enum err_code bundle_read_finish(const struct bundle_reader *reader, struct error *err);

/* ---- a question and its answer ---- */

MUST_USE enum err_code bundle_pair_encode(struct slice question, struct slice answer, struct buf *out,
                                          struct error *err);
/* Slices borrow from `message`. */
MUST_USE enum err_code bundle_pair_decode(struct slice message, struct slice *ret_question, struct slice *ret_answer,
                                          struct error *err);

#endif
