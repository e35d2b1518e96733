#include "crypto/tpm/tpm_counter.h"

#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "crypto/digest.h"

#ifdef HOLDFAST_TPM

#include "crypto/tpm/tss.h"

static const struct tss *tss; /* once a TPM was reached for */

static const char KERNELS_DEVICE[] = "/dev/tpmrm0";

enum { OWNER_RANGE = 0x01800000, OWNER_RANGE_BITS = 22, COUNTER_BYTES = 8 };

#define COUNTER_ATTRIBUTES                                                                                             \
    (((TPMA_NV)TPM2_NT_COUNTER << TPMA_NV_TPM2_NT_SHIFT) | TPMA_NV_AUTHREAD | TPMA_NV_AUTHWRITE | TPMA_NV_NO_DA)

struct tpm_counter {
    TSS2_TCTI_CONTEXT *tcti;
    ESYS_CONTEXT *esys;
    ESYS_TR index;
    TPM2_HANDLE handle;
    bool was_there;
};

bool tpm_counter_built(void)
{
    return true;
}

void tpm_counter_quiet(void)
{
    (void)setenv("TSS2_LOG", "all+NONE", 0);
}

static enum err_code tpm_failed(struct error *err, const char *doing, TSS2_RC rc)
{
    return FAIL(err, IO, "%s in the TPM: %s", doing, tss->Tss2_RC_Decode(rc));
}

static TPM2_HANDLE handle_of(const uint8_t file_id[TPM_COUNTER_FILE_ID_BYTES])
{
    uint8_t hash[SHA256_BYTES];
    struct slice parts[] = { slice_of_text("holdfast vault counter"), slice_of(file_id, TPM_COUNTER_FILE_ID_BYTES) };
    sha256(parts, ARRAY_LEN(parts), hash);
    return OWNER_RANGE | get_be32(hash) >> (32 - OWNER_RANGE_BITS);
}

static enum err_code reach(const char *tcti, struct tpm_counter *counter, struct error *err)
{
    char configuration[sizeof("device:") + sizeof(KERNELS_DEVICE)] = "device:";
    if (tcti[0] == '\0') {
        if (!file_exists(KERNELS_DEVICE)) {
            return FAIL(err, NOT_FOUND, "reach the TPM: this machine shows none at %s", KERNELS_DEVICE);
        }
        memcpy(configuration + sizeof("device:") - 1, KERNELS_DEVICE, sizeof(KERNELS_DEVICE));
        tcti = configuration;
    }
    TRY(tss_load(&tss, err));
    TSS2_RC rc = tss->Tss2_TctiLdr_Initialize(tcti, &counter->tcti);
    rc = rc == TSS2_RC_SUCCESS ? tss->Esys_Initialize(&counter->esys, counter->tcti, NULL) : rc;
    return rc == TSS2_RC_SUCCESS ? ERR_OK
                                 : FAIL(err, NOT_FOUND, "reach the TPM by '%s': %s", tcti, tss->Tss2_RC_Decode(rc));
}

static enum err_code increment(struct tpm_counter *counter, struct error *err)
{
    TSS2_RC rc = tss->Esys_NV_Increment(counter->esys, counter->index, counter->index, ESYS_TR_PASSWORD, ESYS_TR_NONE,
                                        ESYS_TR_NONE);
    return rc == TSS2_RC_SUCCESS ? ERR_OK : tpm_failed(err, "advance the counter", rc);
}

/* A new counter has no value before it is advanced for the first time. */
static enum err_code define(struct tpm_counter *counter, struct error *err)
{
    TPM2B_AUTH nobodys = { .size = 0 };
    TPM2B_NV_PUBLIC about = { .nvPublic = { .nvIndex = counter->handle,
                                            .nameAlg = TPM2_ALG_SHA256,
                                            .attributes = COUNTER_ATTRIBUTES,
                                            .dataSize = COUNTER_BYTES } };
    TSS2_RC rc = tss->Esys_NV_DefineSpace(counter->esys, ESYS_TR_RH_OWNER, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE,
                                          &nobodys, &about, &counter->index);
    return rc == TSS2_RC_SUCCESS ? increment(counter, err) : tpm_failed(err, "make a counter", rc);
}

static enum err_code check_found(struct tpm_counter *counter, struct error *err)
{
    TPM2B_NV_PUBLIC *about = NULL;
    TSS2_RC rc =
        tss->Esys_NV_ReadPublic(counter->esys, counter->index, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, &about, NULL);
    if (rc != TSS2_RC_SUCCESS) {
        return tpm_failed(err, "look at the counter", rc);
    }
    bool ours = (about->nvPublic.attributes & ~(TPMA_NV)TPMA_NV_WRITTEN) == COUNTER_ATTRIBUTES &&
                about->nvPublic.dataSize == COUNTER_BYTES;
    bool written = (about->nvPublic.attributes & TPMA_NV_WRITTEN) != 0;
    tss->Esys_Free(about);
    if (!ours) {
        return FAIL(err, CONFLICT, "use the TPM's index 0x%08x: something else has it", (unsigned)counter->handle);
    }
    counter->was_there = written;
    return written ? ERR_OK : increment(counter, err);
}

static enum err_code find_or_define(struct tpm_counter *counter, struct error *err)
{
    TSS2_RC rc = tss->Esys_TR_FromTPMPublic(counter->esys, counter->handle, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE,
                                            &counter->index);
    if (rc == TSS2_RC_SUCCESS) {
        return check_found(counter, err);
    }
    /* TPM 2.0 Library, part 2, table 16: TPM_RC_HANDLE, about the first handle */
    return (rc & ~(TSS2_RC)0xff0f00) == TPM2_RC_HANDLE ? define(counter, err) : tpm_failed(err, "find the counter", rc);
}

enum err_code tpm_counter_open(const char *tcti, const uint8_t file_id[TPM_COUNTER_FILE_ID_BYTES],
                               struct tpm_counter **ret_counter, struct error *err)
{
    struct tpm_counter *counter = calloc(1, sizeof(*counter));
    if (counter == NULL) {
        return FAIL(err, NO_MEMORY, "reach the TPM");
    }
    counter->handle = handle_of(file_id);
    counter->index = ESYS_TR_NONE;
    enum err_code rc = reach(tcti, counter, err);
    rc = rc == ERR_OK ? find_or_define(counter, err) : rc;
    if (rc != ERR_OK) {
        tpm_counter_close(counter);
        return rc;
    }
    *ret_counter = counter;
    return ERR_OK;
}

void tpm_counter_close(struct tpm_counter *counter)
{
    if (counter == NULL) {
        return;
    }
    if (counter->index != ESYS_TR_NONE) {
        (void)tss->Esys_TR_Close(counter->esys, &counter->index);
    }
    if (tss != NULL) {
        tss->Esys_Finalize(&counter->esys);
        tss->Tss2_TctiLdr_Finalize(&counter->tcti);
    }
    free(counter);
}

static enum err_code io_read(void *context, uint64_t *ret_value, struct error *err)
{
    struct tpm_counter *counter = context;
    TPM2B_MAX_NV_BUFFER *value = NULL;
    TSS2_RC rc = tss->Esys_NV_Read(counter->esys, counter->index, counter->index, ESYS_TR_PASSWORD, ESYS_TR_NONE,
                                   ESYS_TR_NONE, COUNTER_BYTES, 0, &value);
    if (rc != TSS2_RC_SUCCESS) {
        return tpm_failed(err, "read the counter", rc);
    }
    bool whole = value->size == COUNTER_BYTES;
    uint64_t read = whole ? get_be64(value->buffer) : 0;
    tss->Esys_Free(value);
    if (!whole) {
        return FAIL(err, IO, "read the counter in the TPM: it is cut short");
    }
    *ret_value = read;
    return ERR_OK;
}

static enum err_code io_advance(void *context, struct error *err)
{
    return increment(context, err);
}

struct vault_counter_io tpm_counter_io(struct tpm_counter *counter)
{
    return (struct vault_counter_io){
        .read = io_read, .advance = io_advance, .context = counter, .bound = counter->was_there
    };
}

enum err_code tpm_counter_remove(struct tpm_counter *counter, struct error *err)
{
    TSS2_RC rc = tss->Esys_NV_UndefineSpace(counter->esys, ESYS_TR_RH_OWNER, counter->index, ESYS_TR_PASSWORD,
                                            ESYS_TR_NONE, ESYS_TR_NONE);
    if (rc != TSS2_RC_SUCCESS) {
        return tpm_failed(err, "remove the counter", rc);
    }
    counter->index = ESYS_TR_NONE;
    return ERR_OK;
}

#else

bool tpm_counter_built(void)
{
    return false;
}

void tpm_counter_quiet(void)
{
}

enum err_code tpm_counter_open(const char *tcti, const uint8_t file_id[TPM_COUNTER_FILE_ID_BYTES],
                               struct tpm_counter **ret_counter, struct error *err)
{
    (void)tcti;
    (void)file_id;
    (void)ret_counter;
    return FAIL(err, UNSUPPORTED, "use a TPM: this program was built without tpm2-tss");
}

void tpm_counter_close(struct tpm_counter *counter)
{
    CHECK(counter == NULL);
}

struct vault_counter_io tpm_counter_io(struct tpm_counter *counter)
{
    CHECK(counter == NULL);
    return (struct vault_counter_io){ 0 };
}

enum err_code tpm_counter_remove(struct tpm_counter *counter, struct error *err)
{
    (void)counter;
    return FAIL(err, UNSUPPORTED, "use a TPM: this program was built without tpm2-tss");
}

#endif
