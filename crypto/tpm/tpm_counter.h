/*
 * crypto/tpm/tpm_counter - a counter in the machine's TPM 2.0 that cannot be set back, for the freshness of a vault.
 *
 * One NV index of type counter (TPM 2.0 Library, part 1, section 37.2.4) for each vault, in the owner's range:
 *
 *     0x01800000 | the first 22 bits of SHA-256("holdfast vault counter" || file id)
 *
 * with an empty authorisation of its own, free of dictionary-attack counting. Who may talk to the TPM can advance it:
 * that raises an alarm and hides nothing. Who takes it away and makes it anew cannot set it back, because a TPM begins
 * a new counter above every one that it ever had.
 *
 * Built only where tpm2-tss is; elsewhere every call is ERR_UNSUPPORTED.
 *
 * Ownership:  open gives, close releases; the io borrows the counter.
 * Threads:    one at a time; the vault calls it under a lock.
 * Layer:      crypto. Only this and crypto/tpm/tss name tss2.
 */
#ifndef CRYPTO_TPM_TPM_COUNTER_H
#define CRYPTO_TPM_TPM_COUNTER_H

#include "crypto/vault/vault.h"

#define TPM_COUNTER_FILE_ID_BYTES 16

struct tpm_counter;

/* Is this program built with it? */
bool tpm_counter_built(void);

/* Once, before other threads run: the TPM's library says nothing on stderr by itself (TSS2_LOG still can). */
void tpm_counter_quiet(void);

/*
 * `tcti` is how to reach the TPM, as tpm2-tss writes it ("swtpm:path=...", "device:/dev/tpmrm0"); empty: the kernel's
 * /dev/tpmrm0. Makes the counter if it is not there, which the TPM's owner must allow (an empty owner authorisation).
 * ERR_NOT_FOUND: there is no TPM. ERR_CONFLICT: something else has the index. ERR_IO: the TPM refused, with its words.
 */
MUST_USE enum err_code tpm_counter_open(const char *tcti, const uint8_t file_id[TPM_COUNTER_FILE_ID_BYTES],
                                        struct tpm_counter **ret_counter, struct error *err);
void tpm_counter_close(struct tpm_counter *counter); /* NULL is allowed */

/* For vault_set_counter: bound when the counter was there before. */
struct vault_counter_io tpm_counter_io(struct tpm_counter *counter);

/* Takes the counter out of the TPM, whose owner must allow it. For a vault that is given up. */
MUST_USE enum err_code tpm_counter_remove(struct tpm_counter *counter, struct error *err);

#endif
