/*
 * agent/agent - holdfastd: everything composed on one loop.
 *
 *              key file, passphrase            vault open                replica open
 *   LOCKED ───────────────────────► UNLOCKING ────────────► PREPARING ────────────────► OPEN
 *    ▲  ▲                               │ wrong secret       │     ▲                      │ lock asked, or stop asked;
 *    │  └───────────────────────────────┴────────────────────┘     │ another pack         ▼ another programme pack
 *    └──────────────── flags, exchange, enrolment have stopped ────┴────────────────── CLOSING
 *    │ stop asked
 *    ▼
 *   STOPPING ── every handle closed ──► STOPPED: agent_run returns
 *
 * agent_step() alone decides; callbacks record what happened and call it.
 *
 * PREPARING opens the replica and, when another version of the program or another programme pack asks for it, makes its
 * tables again, in a thread of the pool. While LOCKED the API answers status, unlock, lock and version. Two agents
 * never share a state folder: the lock on STATE/holdfastd.lock is held for the life of the process, also after kill -9.
 *
 * Threads: one, plus the pool for the key derivation and the opening.
 */
#ifndef AGENT_AGENT_H
#define AGENT_AGENT_H

#include "agent/settings_table.h"

/* Runs until SIGTERM or SIGINT; ERR_OK after a clean stop. */
MUST_USE enum err_code agent_run(const struct agent_options *options, struct error *err);

#endif
