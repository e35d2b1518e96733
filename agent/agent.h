/*
 * agent/agent - holdfastd: everything composed on one loop.
 *
 *              key file, passphrase            vault and replica open
 *   LOCKED ───────────────────────► UNLOCKING ────────────────────────► OPEN
 *    ▲  ▲                               │ wrong secret                    │ lock asked, or stop asked
 *    │  └───────────────────────────────┘                                 ▼
 *    └──────────────── flags, exchange, enrolment have stopped ─────── CLOSING
 *    │ stop asked
 *    ▼
 *   STOPPING ── every handle closed ──► STOPPED: agent_run returns
 *
 * agent_step() alone decides; callbacks record what happened and call it.
 *
 * While LOCKED the API answers status, unlock, lock and version. Two agents never share a state folder: the lock on
 * STATE/holdfastd.lock is held for the life of the process, also after kill -9.
 *
 * Threads: one, plus the pool for the key derivation.
 */
#ifndef AGENT_AGENT_H
#define AGENT_AGENT_H

#include "agent/settings_table.h"

/* Runs until SIGTERM or SIGINT; ERR_OK after a clean stop. */
MUST_USE enum err_code agent_run(const struct agent_options *options, struct error *err);

#endif
