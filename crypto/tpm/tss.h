/*
 * crypto/tpm/tss - tpm2-tss, loaded when there is a TPM to talk to: five libraries that most machines have no use for.
 *
 * Once loaded they stay. Threads: as crypto/tpm/tpm_counter. Private to crypto/tpm.
 */
#ifndef CRYPTO_TPM_TSS_H
#define CRYPTO_TPM_TSS_H

#include <tss2/tss2_esys.h>
#include <tss2/tss2_rc.h>
#include <tss2/tss2_tctildr.h>

#include "base/error.h"

#define TSS_FUNCTIONS(ESYS, TCTILDR, RC)                                                                               \
    ESYS(Esys_Initialize)                                                                                              \
    ESYS(Esys_Finalize)                                                                                                \
    ESYS(Esys_Free)                                                                                                    \
    ESYS(Esys_TR_FromTPMPublic)                                                                                        \
    ESYS(Esys_TR_Close)                                                                                                \
    ESYS(Esys_NV_DefineSpace)                                                                                          \
    ESYS(Esys_NV_UndefineSpace)                                                                                        \
    ESYS(Esys_NV_ReadPublic)                                                                                           \
    ESYS(Esys_NV_Read)                                                                                                 \
    ESYS(Esys_NV_Increment)                                                                                            \
    TCTILDR(Tss2_TctiLdr_Initialize)                                                                                   \
    TCTILDR(Tss2_TctiLdr_Finalize)                                                                                     \
    RC(Tss2_RC_Decode)

#define TSS_MEMBER(name) __typeof__(name) *name;
struct tss {
    TSS_FUNCTIONS(TSS_MEMBER, TSS_MEMBER, TSS_MEMBER)
};

/* ERR_CONFIG: a library or a function of it is not there; its name is in the message. */
MUST_USE enum err_code tss_load(const struct tss **ret_tss, struct error *err);

#endif
