/*
 * store/centre/questions - what the centre keeps and reads for an exchange by files: the last question of a device
 * about each of its chains, and whose key to seal the answer to.
 *
 * Layer: store.
 */
#ifndef STORE_CENTRE_QUESTIONS_H
#define STORE_CENTRE_QUESTIONS_H

#include "store/centre/centre_store.h"

#define CENTRE_QUESTIONS_MAX 256
#define CENTRE_QUESTION_BYTES_MAX 1024

struct centre_question {
    uint32_t incarnation;
    struct slice bytes; /* a request without records */
};

/* Those of the same bundle, which is told by when it was made, stand beside each other; another bundle's go.
 * ERR_LIMIT past CENTRE_QUESTION_BYTES_MAX or CENTRE_QUESTIONS_MAX. */
MUST_USE enum err_code centre_question_keep(struct centre_store *store, int64_t device, int64_t made_at_ms,
                                            const struct centre_question *question, struct error *err);

/* `each` may stop with a failure, which is passed on; the question's bytes are borrowed. */
MUST_USE enum err_code centre_questions(struct centre_store *store, int64_t device,
                                        enum err_code (*each)(void *context, const struct centre_question *question,
                                                              struct error *err),
                                        void *context, struct error *err);

/* The same for each chain of the device that is held: incarnation and newest seq. */
MUST_USE enum err_code centre_device_chains(struct centre_store *store, const struct centre_device *device,
                                            enum err_code (*each)(void *context, uint32_t incarnation, uint64_t seq,
                                                                  struct error *err),
                                            void *context, struct error *err);

/* As enrolled or renewed last; DER, appended. */
MUST_USE enum err_code centre_device_certificate(struct centre_store *store, int64_t device, struct buf *out,
                                                 struct error *err);

#endif
