/*
 * sync/edge/resume - what both ends take out of a TLS connection to go on from it later (PROTOCOL.md, 3.8).
 */
#ifndef SYNC_EDGE_RESUME_H
#define SYNC_EDGE_RESUME_H

#define RESUME_LABEL "EXPORTER-holdfast-resume-v1"
#define RESUME_NAME_BYTES 16
#define RESUME_KEY_BYTES 32 /* for SHA-256 */
#define RESUME_EXPORT_BYTES (RESUME_NAME_BYTES + RESUME_KEY_BYTES)

#endif
