/*
 * agent/cli/recovery_sheet - a recovery key as a person writes it down: numbered words, and a QR code of half blocks.
 */
#ifndef AGENT_CLI_RECOVERY_SHEET_H
#define AGENT_CLI_RECOVERY_SHEET_H

#include "agent/cli/screen.h"
#include "base/bytes.h"

/* Three columns. */
void recovery_sheet_words(const struct screen *screen, struct slice words);

/*
 * The words in capitals, which the code holds in fewer modules and recovery_parse takes. Light on dark, as a terminal
 * is; with colour both are set.
 */
MUST_USE enum err_code recovery_sheet_qr(const struct screen *screen, struct slice words, struct error *err);

#endif
