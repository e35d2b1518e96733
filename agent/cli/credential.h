/*
 * agent/cli/credential - a secret sealed by systemd for this machine (systemd-creds(1)): with the host's key, or by its
 * TPM2. A unit opens it again with LoadCredentialEncrypted=.
 */
#ifndef AGENT_CLI_CREDENTIAL_H
#define AGENT_CLI_CREDENTIAL_H

#include "crypto/secret.h"

/* What the agent looks for in $CREDENTIALS_DIRECTORY. */
#define CREDENTIAL_NAME "vault-key"

/*
 * Makes `path`, which must not be there. `with_key` is auto, host, tpm2 or host+tpm2. ERR_UNSUPPORTED without
 * systemd-creds; ERR_REFUSED when it fails: it has said why.
 */
MUST_USE enum err_code credential_seal(const struct secret *secret, const char *path, const char *with_key,
                                       struct error *err);

#endif
