/*
 * sync/edge/send_ahead - how much is on its way at a time over a slow line.
 *
 *     a request ends ──► send_ahead_learn: how fast the line took it, by the kernel's clock
 *     the next begins, a socket opens ──► send_ahead_fit
 *
 * TCP sends as much as the other side's window and its own send buffer allow. At 32 kbit/s ten packets wait for four
 * seconds for each other, in the kernel or in the modem, and the time after which TCP sends again what was lost is a
 * multiple of that wait (RFC 6298, 2.3), doubled each time it is lost again (5.5): a packet that is lost three times
 * holds up everything behind it for half a minute. So over a slow line
 *
 *     - a connection sends half as fast again as the line was seen to carry, under BBR (N. Cardwell and others, "BBR:
 *       Congestion-Based Congestion Control", ACM Queue 14, 5, 2016), which does not take a lost packet for a queue that
 *       is full, as Reno and CUBIC do (RFC 5681, 3.1; RFC 9438, 4.6);
 *     - where the kernel has no BBR at hand (its module tcp_bbr is not loaded), it has a send buffer of SEND_AHEAD_BYTES:
 *       four packets, enough for three of them to tell of one that was lost (RFC 5681, 3.2);
 *     - Linux 6.15 and later bound the time for sending again: to what the line needs for SEND_AGAIN_BYTES, which is
 *       more than is ever on its way.
 *
 * Layer: edge.
 */
#ifndef SYNC_EDGE_SEND_AHEAD_H
#define SYNC_EDGE_SEND_AHEAD_H

#include <stdint.h>

#define SEND_AHEAD_BYTES 4608 /* of SO_SNDBUF, which Linux doubles for what it keeps beside the data (socket(7)) */
#define SEND_AGAIN_BYTES 8192
#define SEND_AGAIN_MIN_MS 2000
#define SEND_SLOW_BYTES_S 12000
#define SEND_TELLING_BYTES 8192 /* less says more of the round trip than of the line */

/*
 * `sent` bytes kept the connection busy for so long. What a slow line carries, in bytes a second; 0: it is not slow. A
 * request that says nothing leaves `known`.
 */
uint32_t send_ahead_learn(uint32_t known, uint64_t sent, uint64_t busy_us);
/* For a slow line, which carries so much. */
void send_ahead_fit(int fd, uint32_t bytes_s);
/* For one that is not slow any more: as much as the machine allows (net.core.wmem_max). */
void send_ahead_widen(int fd);

#endif
